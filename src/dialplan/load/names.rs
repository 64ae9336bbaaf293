//! Names: those a file defines, and those it refers to.

use super::{Context, handoff_id, node_id, slot_id, unknown};
use crate::diagnostic::{Report, Span, rules};
use crate::dialplan::model::{HandoffId, NodeId, SlotId, Target};
use crate::key::Key;
use crate::language::Language;
use crate::yaml::{Entry, Node, read};
use std::collections::HashMap;

/// The targets that no node may be named.
pub const RESERVED_TARGETS: [(&str, Target); 6] = [
    ("human", Target::Human),
    ("back", Target::Back),
    ("repeat", Target::Repeat),
    ("callback", Target::Callback),
    ("message", Target::Message),
    ("hangup", Target::Hangup),
];

/// The roots of templates that are the engine's.
pub const RESERVED_VARIABLES: [&str; 3] = ["call", "range", "dict"];

const MAX_NAME: usize = 48;

/// What the file defines, by name.
pub(super) struct Names {
    nodes: HashMap<String, NodeId>,
    slots: HashMap<String, SlotId>,
    handoffs: HashMap<String, HandoffId>,
}

impl Names {
    pub(super) fn of(
        nodes: &[Entry],
        slots: &[Entry],
        handoffs: &[Entry],
        report: &mut Report,
    ) -> Names {
        for entry in nodes {
            not_reserved(
                entry,
                "node",
                &RESERVED_TARGETS.map(|(name, _)| name),
                report,
            );
        }
        for entry in slots {
            not_reserved(entry, "slot", &RESERVED_VARIABLES, report);
        }
        for entry in handoffs {
            not_reserved(entry, "handoff", &["callback", "message"], report);
        }
        Names {
            nodes: by_name(nodes, "a node", node_id, report),
            slots: by_name(slots, "a slot", slot_id, report),
            handoffs: by_name(handoffs, "a handoff", handoff_id, report),
        }
    }
}

fn by_name<Id>(
    entries: &[Entry],
    what: &str,
    id: impl Fn(usize) -> Id,
    report: &mut Report,
) -> HashMap<String, Id> {
    let mut names = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        check_name(&entry.key.text, entry.key.span, what, report);
        names.insert(entry.key.text.clone(), id(at));
    }
    names
}

fn not_reserved(entry: &Entry, what: &str, reserved: &[&str], report: &mut Report) {
    let name = &entry.key.text;
    if reserved.contains(&name.as_str()) {
        report.add(
            &rules::RESERVED_NAME,
            entry.key.span,
            format!("A {what} cannot be named `{name}`."),
            format!("Rename it, for example to `{name}_{what}`."),
        );
    }
}

/// Whether `name` is small letters, digits and underscores, beginning with a letter; reports it else.
pub fn check_name(name: &str, span: Span, what: &str, report: &mut Report) -> bool {
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= MAX_NAME
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if good {
        return true;
    }
    let mut better: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(MAX_NAME)
        .collect();
    if better.is_empty() {
        better = "a_name".into();
    }
    report.add(
        &rules::BAD_NAME,
        span,
        format!("`{name}` cannot be the name of {what}."),
        format!("Write a name like `{better}`."),
    );
    false
}

/// One of the languages that the engine speaks. That of `EN` or `zh-CN` is told and taken all the
/// same, so that nothing follows from the mistake.
pub fn language(node: &Node, report: &mut Report) -> Option<Language> {
    let tag = read::word(node, "a language", report)?;
    if let Some(language) = Language::from_tag(tag) {
        return Some(language);
    }
    let primary = tag.split(['-', '_']).next().unwrap_or_default();
    let meant = Language::from_tag(&primary.to_ascii_lowercase());
    let fix = match meant {
        Some(language) => format!("Write `{language}`."),
        None => format!(
            "Write one of: {}.",
            Language::ALL.map(Language::tag).join(", ")
        ),
    };
    let message = format!("There is no language `{tag}`.");
    report.add(&rules::UNKNOWN_LANGUAGE, node.span, message, fix);
    meant
}

/// One of the telephone's keys.
pub(super) fn key(node: &Node, what: &str, report: &mut Report) -> Option<Key> {
    let text = read::word(node, what, report)?;
    let key = parse_key(text);
    if key.is_none() {
        not_a_key(text, node.span, report);
    }
    key
}

pub(super) fn parse_key(text: &str) -> Option<Key> {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(symbol), None) => Key::from_char(symbol),
        _ => None,
    }
}

pub(super) fn not_a_key(text: &str, span: Span, report: &mut Report) {
    report.add(
        &rules::BAD_VALUE,
        span,
        format!("`{text}` is no key of a telephone."),
        "Write one key, as \"1\".",
    );
}

impl Context {
    /// A person stands in for a node that is not there.
    pub(super) fn target(&self, node: &Node, report: &mut Report) -> Option<Target> {
        let name = read::word(node, "a target", report)?;
        let reserved = RESERVED_TARGETS.iter().find(|(word, _)| *word == name);
        if let Some((_, target)) = reserved {
            return Some(*target);
        }
        let node = self.node_name(node, report);
        Some(node.map_or(Target::Human, Target::Node))
    }

    pub(super) fn node_name(&self, node: &Node, report: &mut Report) -> Option<NodeId> {
        let name = read::word(node, "the name of a node", report)?;
        let found = self.names.nodes.get(name).copied();
        if found.is_none() {
            let mut known = sorted(&self.names.nodes);
            known.extend(RESERVED_TARGETS.map(|(word, _)| word));
            unknown(&rules::UNKNOWN_NODE, node.span, "node", name, known, report);
        }
        found
    }

    pub(super) fn slot_name(&self, node: &Node, report: &mut Report) -> Option<SlotId> {
        let name = read::word(node, "the name of a slot", report)?;
        let found = self.names.slots.get(name).copied();
        if found.is_none() {
            let known = sorted(&self.names.slots);
            unknown(&rules::UNKNOWN_SLOT, node.span, "slot", name, known, report);
        }
        found
    }

    pub(super) fn handoff_name(&self, node: &Node, report: &mut Report) -> Option<HandoffId> {
        self.handoff_or(node, &[], report)
    }

    /// `others`: what may stand there beside a handoff.
    pub(super) fn handoff_or(
        &self,
        node: &Node,
        others: &[&str],
        report: &mut Report,
    ) -> Option<HandoffId> {
        let name = read::word(node, "the name of a handoff", report)?;
        let found = self.names.handoffs.get(name).copied();
        if found.is_none() {
            let mut known = sorted(&self.names.handoffs);
            known.extend(others);
            unknown(
                &rules::UNKNOWN_HANDOFF,
                node.span,
                "handoff",
                name,
                known,
                report,
            );
        }
        found
    }
}

fn sorted<Id>(names: &HashMap<String, Id>) -> Vec<&str> {
    let mut sorted: Vec<&str> = names.keys().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted
}
