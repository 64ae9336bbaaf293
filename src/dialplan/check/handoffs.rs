//! Law 1 and 2: who is rung can be rung, and who is not reached is not a dead end.

use super::Judge;
use crate::config::agent::own_user;
use crate::config::trunk::{TrunkWay, trunk_of};
use crate::diagnostic::rules;
use crate::dialplan::model::{Handoff, HandoffId, NodeKind, Order, Otherwise, Ring, Way};
use crate::yaml::Value;
use std::collections::BTreeSet;

impl Judge<'_, '_, '_> {
    /// Every handoff rings somebody that the config allows.
    pub(super) fn targets(&mut self) {
        for handoff in &self.dialplan.handoffs {
            let name = handoff.name.as_str();
            let whole = self.tree.get("handoffs").and_then(|all| all.get(name));
            let node = whole.and_then(|whole| whole.get("ring"));
            // One that is no mapping, or that stands in, was reported as that.
            if !whole.is_some_and(|whole| matches!(whole.value, Value::Mapping { .. })) {
                continue;
            }
            // A list of wrong addresses was reported as that.
            let written = node.is_some_and(|node| !crate::yaml::read::one_or_more(node).is_empty());
            if handoff.ring.is_empty() && !written {
                self.report.add(
                    &rules::HANDOFF_WITHOUT_TARGET,
                    node.map_or(handoff.span, |node| node.span),
                    format!("The handoff `{name}` rings nobody."),
                    "Add `ring: [\"sip:support@pbx.example.com\"]`, with your own address.",
                );
            }
            let Some(node) = node else { continue };
            for item in crate::yaml::read::one_or_more(node) {
                let item = item.get("to").unwrap_or(item);
                let Value::Scalar { text: uri, .. } = &item.value else {
                    continue;
                };
                let known = handoff.addresses().any(|address| address == uri);
                let allowed = self
                    .view
                    .transfers
                    .iter()
                    .any(|pattern| pattern.allows(uri));
                if known && !allowed {
                    let (message, fix) = not_allowed(uri);
                    self.report
                        .add(&rules::TARGET_NOT_ALLOWED, item.span, message, fix);
                }
            }
        }
    }

    /// `agents` are somebody: the config has one with these skills.
    pub(super) fn agents(&mut self) {
        for handoff in &self.dialplan.handoffs {
            let knows = |skills: &&Vec<String>| handoff.skills.iter().all(|it| skills.contains(it));
            let rings_agents = handoff.ring.contains(&Ring::Agents);
            if !rings_agents || self.view.agents.iter().any(|skills| knows(&skills)) {
                continue;
            }
            let name = handoff.name.as_str();
            let (span, message) = match handoff.skills.is_empty() {
                true => (
                    self.place(&["handoffs", name, "ring"]),
                    format!("The handoff `{name}` rings agents, and the config has none."),
                ),
                false => (
                    self.place(&["handoffs", name, "skills"]),
                    format!("No agent of the config has all skills of the handoff `{name}`."),
                ),
            };
            let rule = match handoff.ring.len() {
                1 => &rules::HANDOFF_WITHOUT_TARGET,
                _ => &rules::AGENTS_WITHOUT_SKILLS,
            };
            let fix = "Add one to `agents` of the config, and check with `--config`.";
            self.report.add(rule, span, message, fix);
        }
    }

    /// Who is reached by REFER cannot be told whose call it is.
    pub(super) fn accept_keys(&mut self) {
        for handoff in self.dialplan.handoffs.iter().filter(|it| it.accept) {
            let mut targets = handoff.addresses();
            let Some(told) = targets.find_map(|uri| self.refer_to(handoff, uri)) else {
                continue;
            };
            self.report.add(
                &rules::ACCEPT_BY_REFER,
                self.place(&["handoffs", &handoff.name, "accept"]),
                format!("{told}: nobody is asked for the accept key."),
                "Write `way: attended` or `way: bridged`, or remove `accept`.",
            );
        }
    }

    /// That calls to the target are passed on by REFER, and why; `None`: they are not. The same as
    /// [`crate::handoff::targets`] has it.
    pub(super) fn refer_to(&self, handoff: &Handoff, uri: &str) -> Option<String> {
        let name = &handoff.name;
        if handoff.order == Order::All || own_user(uri).is_some() {
            return None;
        }
        match handoff.way {
            Way::Refer => Some(format!("The handoff `{name}` passes calls on by REFER")),
            Way::Bridged | Way::Attended => None,
            Way::Default => {
                let (trunk, found) = trunk_of(&self.view.trunks, uri)?;
                (found.way == TrunkWay::Refer).then(|| {
                    format!(
                        "The handoff `{name}` passes calls to `{uri}` on by REFER, as the trunk `{trunk}` of the config says"
                    )
                })
            }
        }
    }

    /// Who registers here is at an address that means nothing to an exchange.
    pub(super) fn agents_by_refer(&mut self) {
        for handoff in &self.dialplan.handoffs {
            let is_agent = |ring: &Ring| match ring {
                Ring::Agents => true,
                Ring::Target { uri, .. } => own_user(uri).is_some(),
            };
            let way = match handoff.way {
                Way::Refer => "refer",
                Way::Attended => "attended",
                Way::Default | Way::Bridged => continue,
            };
            if handoff.ring.iter().any(is_agent) {
                let name = &handoff.name;
                self.report.add(
                    &rules::AGENTS_ARE_BRIDGED,
                    self.place(&["handoffs", name, "way"]),
                    format!("The handoff `{name}` rings agents, and `way: {way}` is not for them: they are bridged."),
                    "Remove `way`, or give them a handoff of their own.",
                );
            }
        }
    }

    pub(super) fn handoff_cycles(&mut self) {
        let mut told = BTreeSet::new();
        for first in 0..self.dialplan.handoffs.len() {
            let Some(ring) = self.cycle_from(HandoffId(first as u16)) else {
                continue;
            };
            let members: BTreeSet<HandoffId> = ring.iter().copied().collect();
            if !told.insert(members) {
                continue;
            }
            let names: Vec<&str> = ring
                .iter()
                .map(|id| self.dialplan.handoff(*id).name.as_str())
                .collect();
            let span = self.place(&["handoffs", names[0], "else"]);
            self.report.add(
                &rules::HANDOFF_CYCLE,
                span,
                format!(
                    "The handoffs lead in a circle: {} → {}.",
                    names.join(" → "),
                    names[0]
                ),
                "End one of them in `callback` or `message`.",
            );
        }
    }

    /// The handoffs of a circle that begins at `first`.
    fn cycle_from(&self, first: HandoffId) -> Option<Vec<HandoffId>> {
        let mut path = vec![first];
        while let Otherwise::Handoff(next) = self.dialplan.handoff(*path.last()?).otherwise {
            if next == first {
                return Some(path);
            }
            if path.contains(&next) {
                return None;
            }
            path.push(next);
        }
        None
    }

    pub(super) fn unused_handoffs(&mut self) {
        let mut open = vec![self.dialplan.human.handoff];
        for node in &self.dialplan.nodes {
            if let NodeKind::Transfer { handoff } = node.kind {
                open.push(handoff);
            }
        }
        let mut used = BTreeSet::new();
        while let Some(id) = open.pop() {
            if used.insert(id)
                && let Otherwise::Handoff(next) = self.dialplan.handoff(id).otherwise
            {
                open.push(next);
            }
        }
        for (at, handoff) in self.dialplan.handoffs.iter().enumerate() {
            if !used.contains(&HandoffId(at as u16)) {
                self.report.add(
                    &rules::HANDOFF_UNUSED,
                    handoff.span,
                    format!("Nothing leads to the handoff `{}`.", handoff.name),
                    "Add a node with `transfer`, or remove the handoff.",
                );
            }
        }
    }
}

/// What is wrong with a target that the config does not allow, and what to do. At our own host there
/// are agents only.
fn not_allowed(uri: &str) -> (String, String) {
    match own_user(uri) {
        Some(agent) => (
            format!("The config has no agent `{agent}`."),
            format!(
                "Add `agents: {{ {agent}: {{ password_env: … }} }}` to the config, and check with `--config`."
            ),
        ),
        None => (
            format!("The config does not allow `{uri}` to be rung."),
            format!(
                "Add \"{uri}\" to `transfers: {{ allow: […] }}` of the config, and check with `--config`."
            ),
        ),
    }
}
