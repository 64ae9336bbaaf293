//! Handoffs: who is rung, when, and what is offered when nobody answers.

use super::{Context, RING_TIMEOUT};
use crate::diagnostic::{Report, Span, rules};
use crate::dialplan::hours::WeeklyHours;
use crate::dialplan::model::{Handoff, Otherwise, Way};
use crate::dialplan::targets;
use crate::key::Key;
use crate::yaml::{Entry, Node, read, traps};
use read::Fields;
use std::time::Duration;

const MAX_TARGETS: usize = 20;
const MAX_THEN_KEYS: usize = 64;

impl Context {
    /// `has_timezone`: hours mean nothing without one.
    pub(super) fn handoff(
        &self,
        entry: &Entry,
        has_timezone: bool,
        report: &mut Report,
    ) -> Handoff {
        let name = &entry.key.text;
        let stand_in = stand_in(name, entry.key.span);
        let what = format!("the handoff `{name}`");
        let Some(mut fields) = Fields::of(&entry.value, what, report) else {
            return stand_in;
        };
        let ring = ring(&mut fields, report);
        let timeout = match fields.take("timeout") {
            Some(node) => {
                let range = Duration::from_secs(5)..=Duration::from_secs(120);
                read::duration(node, "`timeout`", range, report)
            }
            None => Some(RING_TIMEOUT),
        };
        let hours = fields.take("hours");
        let hours = hours.and_then(|node| hours_of(node, has_timezone, report));
        let otherwise = self.otherwise(&mut fields, name, report);
        let way = match fields.take("way") {
            Some(node) => {
                let choices = [("bridged", Way::Bridged), ("refer", Way::Refer)];
                read::one_of(node, "`way`", &choices, report)
            }
            None => Some(Way::Default),
        };
        let then_keys = fields.take("then_keys");
        let then_keys = then_keys.and_then(|node| keys(node, report));
        fields.finish(report);
        Handoff {
            ring,
            timeout: timeout.unwrap_or(RING_TIMEOUT),
            hours,
            otherwise: otherwise.unwrap_or(Otherwise::Message),
            way: way.unwrap_or(Way::Default),
            then_keys,
            ..stand_in
        }
    }

    fn otherwise(&self, fields: &mut Fields, name: &str, report: &mut Report) -> Option<Otherwise> {
        let Some(node) = fields.take("else") else {
            report.add(
                &rules::HANDOFF_DEAD_END,
                fields.span,
                format!("The handoff `{name}` offers nothing when nobody can be had."),
                "Add `else: callback`, `else: message`, or the name of another handoff.",
            );
            return None;
        };
        let offers = [
            ("callback", Otherwise::Callback),
            ("message", Otherwise::Message),
        ];
        let word = read::word(node, "`else`", report)?;
        match offers.iter().find(|(offer, _)| *offer == word) {
            Some((_, otherwise)) => Some(*otherwise),
            None => {
                let offers = offers.map(|(offer, _)| offer);
                self.handoff_or(node, &offers, report)
                    .map(Otherwise::Handoff)
            }
        }
    }
}

/// In the place of a handoff that is wrong.
pub(super) fn stand_in(name: &str, span: Span) -> Handoff {
    Handoff {
        name: name.to_owned(),
        span,
        ring: Vec::new(),
        timeout: RING_TIMEOUT,
        hours: None,
        otherwise: Otherwise::Message,
        way: Way::Default,
        then_keys: None,
    }
}

/// Whether there are any, and whether the config allows them, is for the checker.
fn ring(fields: &mut Fields, report: &mut Report) -> Vec<String> {
    let items = fields
        .take("ring")
        .map(read::one_or_more)
        .unwrap_or_default();
    if let Some(beyond) = items.get(MAX_TARGETS) {
        let message = format!(
            "There are {} targets; {MAX_TARGETS} are allowed.",
            items.len()
        );
        report.add(&rules::TOO_MANY, beyond.span, message, "Ring fewer.");
    }
    let mut ring = Vec::new();
    for item in items.iter().take(MAX_TARGETS) {
        let Some(uri) = read::word(item, "a target", report) else {
            continue;
        };
        if let Err(reason) = targets::check_uri(uri) {
            report.add(
                &rules::BAD_TARGET,
                item.span,
                format!("`{uri}` cannot be rung: {reason}."),
                "Write an address like \"sip:support@pbx.example.com\" or \"tel:+441632960000\".",
            );
            continue;
        }
        ring.push(uri.to_owned());
    }
    ring
}

fn hours_of(node: &Node, has_timezone: bool, report: &mut Report) -> Option<WeeklyHours> {
    let text = read::word(node, "`hours`", report)?;
    if !has_timezone {
        report.add(
            &rules::MISSING_FIELD,
            node.span,
            "Hours are given, but `timezone` is missing in the dialplan.",
            "Add `timezone: Europe/London`, with the name of your own zone.",
        );
    }
    match WeeklyHours::parse(text) {
        Ok(hours) => Some(hours),
        Err(error) => {
            report.add(
                &rules::BAD_VALUE,
                node.span,
                format!("`{}` {}.", error.part, error.message),
                "Write hours like \"Mo-Fr 08:00-18:00, Sa 09:00-12:00\", or 24/7.",
            );
            None
        }
    }
}

/// Keys of a telephone; `w` waits half a second.
fn keys(node: &Node, report: &mut Report) -> Option<String> {
    let text = read::word(node, "`then_keys`", report)?;
    let good = |c: char| c == 'w' || Key::from_char(c).is_some();
    if text.len() <= MAX_THEN_KEYS && text.chars().all(good) {
        return Some(text.to_owned());
    }
    let kept: String = text
        .chars()
        .filter(|c| good(*c))
        .take(MAX_THEN_KEYS)
        .collect();
    report.add(
        &rules::BAD_VALUE,
        node.span,
        format!("`{text}` cannot be sent as keys."),
        format!(
            "Write keys, and `w` to wait half a second, at most {MAX_THEN_KEYS}: {}.",
            traps::quoted(if kept.is_empty() { "ww1" } else { &kept })
        ),
    );
    None
}
