//! Lines and limits: what the server can see of how long people talk.

use super::Judge;
use crate::config::BUILT_IN_AGENT;
use crate::config::agent::own_user;
use crate::diagnostic::{Span, rules};
use crate::dialplan::model::{Handoff, Ring, Way};
use crate::yaml::{Node, Value, read};

impl Judge<'_, '_, '_> {
    /// Who waits for people whose talks go on elsewhere cannot be told for how long.
    pub(super) fn lines_by_refer(&mut self) {
        for handoff in self
            .dialplan
            .handoffs
            .iter()
            .filter(|it| it.queue.is_some())
        {
            let mut targets = handoff.addresses();
            let Some(told) = targets.find_map(|uri| self.talks_elsewhere(handoff, uri)) else {
                continue;
            };
            self.report.add(
                &rules::TALKS_UNSEEN,
                self.place(&["handoffs", &handoff.name, "queue"]),
                format!("{told}: nobody here sees how long they talk, so callers in line cannot be told how long they wait."),
                "Write `way: bridged`, or leave the line to the exchange and remove `queue`.",
            );
        }
    }

    /// Limits that cannot do what they say.
    pub(super) fn limits_of_targets(&mut self) {
        for handoff in &self.dialplan.handoffs {
            for (uri, limit, span) in self.limits_of(handoff) {
                if own_user(uri).is_some() {
                    if limit > 1 && uri != BUILT_IN_AGENT {
                        self.report.add(
                            &rules::LIMIT_OF_AGENT,
                            span,
                            format!("`{uri}` registers here and has one call at a time: `limit: {limit}` changes nothing."),
                            "Remove `limit`.",
                        );
                    }
                } else if let Some(told) = self.talks_elsewhere(handoff, uri) {
                    self.report.add(
                        &rules::TALKS_UNSEEN,
                        span,
                        format!("{told}: who talks counts as free here, and is rung again whatever `limit` says."),
                        "Write `way: bridged`, or remove `limit`.",
                    );
                }
            }
        }
    }

    /// The handoff's addresses that have a limit, and its place.
    fn limits_of<'h>(&self, handoff: &'h Handoff) -> Vec<(&'h str, u32, Span)> {
        let all = self.tree.get("handoffs");
        let node = all.and_then(|all| all.get(&handoff.name)?.get("ring"));
        let written = node.map(read::one_or_more).unwrap_or_default();
        let span = |uri: &str| {
            let is_it = |item: &&Node| matches!(item.get("to").map(|to| &to.value), Some(Value::Scalar { text, .. }) if text == uri);
            written
                .iter()
                .find(is_it)?
                .get("limit")
                .map(|limit| limit.span)
        };
        let limits = handoff.ring.iter().filter_map(|ring| match ring {
            Ring::Target {
                uri,
                limit: Some(limit),
                ..
            } => Some((uri.as_str(), *limit, span(uri)?)),
            Ring::Target { .. } | Ring::Agents => None,
        });
        limits.collect()
    }

    /// That callers whom the target takes talk on at the exchange alone, and why; `None`: they do not.
    fn talks_elsewhere(&self, handoff: &Handoff, uri: &str) -> Option<String> {
        match handoff.way {
            Way::Attended if own_user(uri).is_none() => Some(format!(
                "The handoff `{}` passes talks on by REFER",
                handoff.name
            )),
            _ => self.refer_to(handoff, uri),
        }
    }
}
