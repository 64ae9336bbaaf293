//! Handoffs: who is rung, when, and what is offered when nobody answers.

use super::{Context, RING_TIMEOUT};
use crate::diagnostic::{Report, Span, rules};
use crate::dialplan::hours::WeeklyHours;
use crate::dialplan::load::holidays::{Calendar, timezone};
use crate::dialplan::load::names::language;
use crate::dialplan::model::{Handoff, Order, Otherwise, Queue, Ring, Way};
use crate::dialplan::opening::Opening;
use crate::dialplan::targets;
use crate::key::Key;
use crate::yaml::{Entry, Node, Value, read, traps};
use jiff::tz::TimeZone;
use read::Fields;
use std::time::Duration;

const MAX_TARGETS: usize = 20;
const MAX_SKILLS: usize = 32;
/// After a failure; a person who did not answer is not rung again at once.
const REST: Duration = Duration::from_secs(10);
/// In `ring`: everybody who registers here.
const AGENTS: &str = "agents";
pub const ORDERS: [(&str, Order); 4] = [
    ("in_order", Order::InOrder),
    ("all", Order::All),
    ("round_robin", Order::RoundRobin),
    ("longest_idle", Order::LongestIdle),
];
const MAX_THEN_KEYS: usize = 64;

impl Context {
    pub(super) fn handoff(
        &self,
        entry: &Entry,
        calendar: &Calendar,
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
        let rest = fields.take("rest").and_then(|node| {
            let range = Duration::ZERO..=Duration::from_secs(3600);
            read::duration(node, "`rest`", range, report)
        });
        let order = fields
            .take("order")
            .and_then(|node| read::one_of(node, "`order`", &ORDERS, report));
        let skills = self.skills(&mut fields, report);
        let accept = fields
            .take("accept")
            .and_then(|node| read::boolean(node, "`accept`", report));
        let queue = fields
            .take("queue")
            .and_then(|node| queue(node, name, report));
        let opening = opening(&mut fields, calendar, report);
        let otherwise = self.otherwise(&mut fields, name, report);
        let way = match fields.take("way") {
            Some(node) => {
                let choices = [
                    ("bridged", Way::Bridged),
                    ("refer", Way::Refer),
                    ("attended", Way::Attended),
                ];
                read::one_of(node, "`way`", &choices, report)
            }
            None => Some(Way::Default),
        };
        let then_keys = fields.take("then_keys");
        let then_keys = then_keys.and_then(|node| keys(node, report));
        fields.finish(report);
        Handoff {
            ring,
            order: order.unwrap_or_default(),
            skills,
            rest: rest.unwrap_or(REST),
            queue,
            accept: accept.unwrap_or(false),
            timeout: timeout.unwrap_or(RING_TIMEOUT),
            opening,
            otherwise: otherwise.unwrap_or(Otherwise::Message),
            way: way.unwrap_or(Way::Default),
            then_keys,
            ..stand_in
        }
    }

    /// What is not known to anybody is told by the checker, which sees the config.
    fn skills(&self, fields: &mut Fields, report: &mut Report) -> Vec<String> {
        let items = fields.take("skills").map(read::one_or_more);
        let items = items.unwrap_or_default().iter().take(MAX_SKILLS);
        let words = items.filter_map(|node| read::word(node, "a skill", report));
        words.map(str::to_owned).collect()
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
        order: Order::InOrder,
        skills: Vec::new(),
        timeout: RING_TIMEOUT,
        rest: REST,
        queue: None,
        accept: false,
        opening: Opening::always(),
        otherwise: Otherwise::Message,
        way: Way::Default,
        then_keys: None,
    }
}

/// Whether there are any, and whether the config allows them, is for the checker.
fn ring(fields: &mut Fields, report: &mut Report) -> Vec<Ring> {
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
        ring.extend(target(item, report));
    }
    ring
}

/// An address, `agents`, or `{ to: an address, limit: 2, languages: [zh] }`.
fn target(item: &Node, report: &mut Report) -> Option<Ring> {
    if matches!(item.value, Value::Mapping { .. }) {
        let mut fields = Fields::of(item, "a target", report)?;
        let to = fields.require("to", "\"sip:support@pbx.example.com\"", report);
        let uri = to.and_then(|node| address(node, report));
        let limit = fields
            .take("limit")
            .and_then(|node| read::integer(node, "`limit`", 1..=10_000, report));
        let languages = fields.take("languages").map(read::one_or_more);
        let languages = languages.unwrap_or_default().iter();
        let languages = languages
            .filter_map(|node| language(node, report))
            .collect();
        fields.finish(report);
        return Some(Ring::Target {
            uri: uri?,
            limit: limit.map(|limit| limit as u32),
            languages,
        });
    }
    if matches!(&item.value, Value::Scalar { text, .. } if text == AGENTS) {
        return Some(Ring::Agents);
    }
    Some(Ring::Target {
        uri: address(item, report)?,
        limit: None,
        languages: Vec::new(),
    })
}

fn address(item: &Node, report: &mut Report) -> Option<String> {
    let uri = read::word(item, "a target", report)?;
    if let Err(reason) = targets::check_uri(uri) {
        report.add(
                &rules::BAD_TARGET,
                item.span,
                format!("`{uri}` cannot be rung: {reason}."),
                "Write an address like \"sip:support@pbx.example.com\" or \"tel:+441632960000\", or `agents`.",
            );
        return None;
    }
    Some(uri.to_owned())
}

/// `true`, or `{ priority: 5, most: 50, longest: 15m, music: waiting }`.
fn queue(node: &Node, name: &str, report: &mut Report) -> Option<Queue> {
    if !matches!(node.value, Value::Mapping { .. }) {
        return read::boolean(node, "`queue`", report)?.then(Queue::default);
    }
    let mut fields = Fields::of(node, format!("the queue of `{name}`"), report)?;
    let usual = Queue::default();
    let priority = fields
        .take("priority")
        .and_then(|node| read::integer(node, "`priority`", 0..=9, report));
    let most = fields
        .take("most")
        .and_then(|node| read::integer(node, "`most`", 1..=10_000, report));
    let longest = fields.take("longest").and_then(|node| {
        let range = Duration::from_secs(30)..=Duration::from_secs(4 * 3600);
        read::duration(node, "`longest`", range, report)
    });
    let music = fields.take("music");
    let music = music.and_then(|node| read::word(node, "`music`", report));
    fields.finish(report);
    Some(Queue {
        priority: priority.map_or(usual.priority, |priority| priority as u8),
        most: most.map_or(usual.most, |most| most as u32),
        longest: longest.unwrap_or(usual.longest),
        music: music.map(str::to_owned),
    })
}

/// `hours`, `holidays` and `timezone`.
fn opening(fields: &mut Fields, calendar: &Calendar, report: &mut Report) -> Opening {
    let timezone = match fields.take("timezone") {
        Some(_) => timezone(fields, report),
        None => calendar.timezone.clone(),
    };
    let (hours, holidays) = (fields.take("hours"), fields.take("holidays"));
    if let Some(node) = hours.or(holidays)
        && timezone.is_none()
        && fields.take("timezone").is_none()
    {
        let what = hours.map_or("Holidays", |_| "Hours");
        report.add(
            &rules::MISSING_FIELD,
            node.span,
            format!("{what} are given, but `timezone` is missing in the dialplan."),
            "Add `timezone: Europe/London`, with the name of your own zone.",
        );
    }
    let hours = hours.and_then(|node| weekly(node, report));
    let holidays = holidays.map(|node| calendar.holidays(node, report));
    let timezone = timezone.unwrap_or(TimeZone::UTC);
    Opening::new(timezone, hours, holidays.unwrap_or_default())
}

fn weekly(node: &Node, report: &mut Report) -> Option<WeeklyHours> {
    let text = read::word(node, "`hours`", report)?;
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
