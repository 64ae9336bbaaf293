//! A dialplan's text to typed data, or every mistake in it at once.

mod distress;
mod elder;
pub mod handoffs;
mod holidays;
mod knowledge;
mod lookups;
pub mod names;
mod nodes;
mod prompts;
mod slots;

use super::model::{Dialplan, Handoff, HandoffId, Human, Limits, Node, NodeId, SlotId, Timing};

use super::slot::Slot;
use crate::diagnostic::{Diagnostic, Report, Source, Span, rules};
use crate::key::Key;
use crate::language::{ByLanguage, Language};
use crate::yaml::{self, Entry, read};
pub use elder::bare_number;
use holidays::Calendar;
use names::Names;
pub use names::RESERVED_TARGETS;
pub use nodes::NODE_KINDS;
use read::Fields;
use sha2::{Digest, Sha256};
#[cfg(test)]
pub use slots::slot_types;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A dialplan with the tree it was made from, which knows the place of everything in it.
#[derive(Debug)]
pub struct Loaded {
    pub dialplan: Dialplan,
    pub tree: yaml::Node,
    /// No error was reported. Else parts of the dialplan stand in for what is wrong: targets lead
    /// to a person, whole nodes are transfers. It must never run, but what is right in it can be
    /// judged all the same.
    pub complete: bool,
}

/// What callers get where a dialplan says nothing else.
pub const NO_INPUT_TIMEOUT: Duration = Duration::from_secs(5);
pub const INTER_DIGIT_TIMEOUT: Duration = Duration::from_secs(3);
pub const RING_TIMEOUT: Duration = Duration::from_secs(25);
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(3);
pub const LIMITS: Limits = Limits {
    depth: 3,
    options: 5,
    prompt: Duration::from_secs(20),
};

const MAX_NODES: usize = 1000;
const MAX_SLOTS: usize = 100;
const MAX_HANDOFFS: usize = 100;

/// The dialplan of that text. What judges it against the laws and the config is `check`; a server
/// wants both, and takes them from there.
pub fn load(source: &Source) -> Result<Dialplan, Vec<Diagnostic>> {
    let mut report = Report::new(source);
    match read_dialplan(source, &mut report) {
        Some(loaded) if loaded.complete => Ok(loaded.dialplan),
        _ => Err(report.into_diagnostics()),
    }
}

/// As [`load`], with the warnings too, and the tree. `None` where so much is missing that nothing
/// more can be judged; that is reported as an error.
pub fn read_dialplan(source: &Source, report: &mut Report) -> Option<Loaded> {
    let tree = yaml::parse(report)?;
    let dialplan = dialplan(&tree, &source.text, report)?;
    let complete = !report.has_errors();
    Some(Loaded {
        dialplan,
        tree,
        complete,
    })
}

/// Everything that the parts of a dialplan need to know of each other while it is loaded.
struct Context {
    names: Names,
    languages: Vec<Language>,
    /// Tags in `languages` that the engine does not know: told there, and nowhere else.
    foreign: Vec<String>,
    timing: Timing,
    /// How many nodes are written; those of answers come after them.
    node_count: usize,
    answers: RefCell<Vec<Node>>,
}

fn dialplan(tree: &yaml::Node, text: &str, report: &mut Report) -> Option<Dialplan> {
    let mut fields = Fields::of(tree, "a dialplan", report)?;
    let name = fields.require("dialplan", "dialplan: parcel", report);
    let name = name.and_then(|node| {
        let name = read::word(node, "`dialplan`", report)?;
        names::check_name(name, node.span, "a dialplan", report).then(|| name.to_owned())
    });
    let (languages, foreign) = languages(&mut fields, report);
    let calendar = Calendar::of(&mut fields, report);
    let record = fields.take("record");
    let record = record.map_or(Some(false), |node| read::boolean(node, "`record`", report));
    let timing = timing(&mut fields, report);
    let limits = limits(&mut fields, report);

    let node_entries = section(&mut fields, "nodes", true, MAX_NODES, report);
    let slot_entries = section(&mut fields, "slots", false, MAX_SLOTS, report);
    let handoff_entries = section(&mut fields, "handoffs", true, MAX_HANDOFFS, report);
    let context = Context {
        names: Names::of(node_entries, slot_entries, handoff_entries, report),
        languages,
        foreign,
        timing,
        node_count: node_entries.len(),
        answers: RefCell::default(),
    };

    let greeting = fields.require("greeting", "greeting: { en: Welcome … }", report);
    let greeting = greeting.and_then(|node| context.prompt(node, "the greeting", report));
    let human = human(&context, &mut fields, report);
    let elder = elder::elder(&context, &mut fields, report);
    let distress = distress::distress(&context, &mut fields, report);
    let start = fields.require("start", "start: main", report);
    let start = start.and_then(|node| context.node_name(node, report));
    let mut nodes: Vec<Node> = node_entries
        .iter()
        .map(|entry| context.node(entry, report))
        .collect();
    nodes.append(&mut context.answers.borrow_mut());
    let slots: Vec<Slot> = slot_entries
        .iter()
        .map(|entry| context.slot(entry, report))
        .collect();
    let mut handoffs: Vec<Handoff> = handoff_entries
        .iter()
        .map(|entry| context.handoff(entry, &calendar, report))
        .collect();
    let vocabulary = vocabulary(&context, &mut fields, report);
    let blocked = context.phrases(&mut fields, "blocked", report);
    fields.finish(report);

    // What stands in for a wrong name has to be there. That there is none has been told.
    if nodes.is_empty() {
        nodes.push(nodes::stand_in("", Span::START));
    }
    if handoffs.is_empty() {
        handoffs.push(handoffs::stand_in("", Span::START));
    }
    Some(Dialplan {
        name: name.unwrap_or_default(),
        version: version(text),
        languages: context.languages,
        timezone: calendar.timezone.unwrap_or(jiff::tz::TimeZone::UTC),
        greeting: greeting.unwrap_or_default(),
        record: record.unwrap_or(false),
        human,
        elder,
        distress,
        start: start.unwrap_or(NodeId(0)),
        nodes,
        slots,
        vocabulary,
        handoffs,
        blocked,
        timing,
        limits,
    })
}

fn version(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// English alone, unless the file says otherwise: never empty. Beside them the tags that the engine
/// does not know.
fn languages(fields: &mut Fields, report: &mut Report) -> (Vec<Language>, Vec<String>) {
    let (mut languages, mut foreign) = (Vec::new(), Vec::new());
    let items = fields
        .take("languages")
        .map(read::one_or_more)
        .unwrap_or_default();
    for node in items {
        let Some(language) = names::language(node, report) else {
            if let yaml::Value::Scalar { text, .. } = &node.value {
                foreign.push(text.clone());
            }
            continue;
        };
        if languages.contains(&language) {
            let message = format!("`{language}` is named twice.");
            report.add(&rules::BAD_VALUE, node.span, message, "Remove one of them.");
            continue;
        }
        languages.push(language);
    }
    if languages.is_empty() {
        languages.push(Language::En);
    }
    (languages, foreign)
}

fn timing(fields: &mut Fields, report: &mut Report) -> Timing {
    let mut timing = Timing {
        no_input_timeout: NO_INPUT_TIMEOUT,
        inter_digit_timeout: INTER_DIGIT_TIMEOUT,
    };
    let Some(node) = fields.take("timing") else {
        return timing;
    };
    let Some(mut fields) = Fields::of(node, "`timing`", report) else {
        return timing;
    };
    if let Some(value) = no_input_timeout(&mut fields, report) {
        timing.no_input_timeout = value;
    }
    if let Some(value) = inter_digit_timeout(&mut fields, report) {
        timing.inter_digit_timeout = value;
    }
    fields.finish(report);
    timing
}

/// The field that a dialplan's `timing` and single nodes have.
fn no_input_timeout(fields: &mut Fields, report: &mut Report) -> Option<Duration> {
    let range = Duration::from_secs(2)..=Duration::from_secs(60);
    let node = fields.take("no_input_timeout")?;
    read::duration(node, "`no_input_timeout`", range, report)
}

fn inter_digit_timeout(fields: &mut Fields, report: &mut Report) -> Option<Duration> {
    let range = Duration::from_secs(1)..=Duration::from_secs(30);
    let node = fields.take("inter_digit_timeout")?;
    read::duration(node, "`inter_digit_timeout`", range, report)
}

fn limits(fields: &mut Fields, report: &mut Report) -> Limits {
    let mut limits = LIMITS;
    let Some(node) = fields.take("limits") else {
        return limits;
    };
    let Some(mut fields) = Fields::of(node, "`limits`", report) else {
        return limits;
    };
    if let Some(node) = fields.take("depth") {
        let depth = read::integer(node, "`depth`", 1..=6, report);
        limits.depth = depth.map_or(limits.depth, |value| value as u8);
    }
    if let Some(node) = fields.take("options") {
        let options = read::integer(node, "`options`", 1..=9, report);
        limits.options = options.map_or(limits.options, |value| value as u8);
    }
    if let Some(node) = fields.take("prompt") {
        let range = Duration::from_secs(5)..=Duration::from_secs(60);
        let prompt = read::duration(node, "`prompt`", range, report);
        limits.prompt = prompt.unwrap_or(limits.prompt);
    }
    fields.finish(report);
    limits
}

/// The entries of `nodes`, `slots`, `handoffs` or `holidays`.
fn section<'n>(
    fields: &mut Fields<'n>,
    name: &'static str,
    required: bool,
    max: usize,
    report: &mut Report,
) -> &'n [Entry] {
    let node = match required {
        true => fields.require(name, &format!("{name}:"), report),
        false => fields.take(name),
    };
    let entries = node.and_then(|node| read::mapping(node, &format!("`{name}`"), report));
    let (entries, _) = entries.unwrap_or_default();
    if entries.len() > max {
        let message = format!("There are {} {name}; {max} are allowed.", entries.len());
        let span = entries[max].key.span;
        report.add(&rules::TOO_MANY, span, message, "Split the dialplan.");
        return &entries[..max];
    }
    entries
}

fn human(context: &Context, fields: &mut Fields, report: &mut Report) -> Human {
    let stand_in = Human {
        key: Key::ZERO,
        hear: Vec::new(),
        handoff: HandoffId(0),
        span: Span::START,
    };
    let Some(node) = fields.require("human", "human: { handoff: support }", report) else {
        return stand_in;
    };
    let Some(mut fields) = Fields::of(node, "`human`", report) else {
        return stand_in;
    };
    let key = match fields.take("key") {
        Some(node) => names::key(node, "`key`", report),
        None => Some(Key::ZERO),
    };
    let hear = context.hear(&mut fields, report);
    let handoff = fields.require("handoff", "handoff: support", report);
    let handoff = handoff.and_then(|node| context.handoff_name(node, report));
    fields.finish(report);
    Human {
        key: key.unwrap_or(Key::ZERO),
        hear,
        handoff: handoff.unwrap_or(HandoffId(0)),
        span: node.span,
    }
}

type Vocabulary = BTreeMap<String, BTreeMap<String, ByLanguage<String>>>;

fn vocabulary(context: &Context, fields: &mut Fields, report: &mut Report) -> Vocabulary {
    let mut vocabulary = Vocabulary::new();
    let Some(node) = fields.take("vocabulary") else {
        return vocabulary;
    };
    let (tables, _) = read::mapping(node, "`vocabulary`", report).unwrap_or_default();
    for table in tables {
        names::check_name(&table.key.text, table.key.span, "a vocabulary", report);
        let what = format!("the vocabulary `{}`", table.key.text);
        let (words, _) = read::mapping(&table.value, &what, report).unwrap_or_default();
        let mut by_value = BTreeMap::new();
        for word in words {
            if word.key.style == yaml::Style::Plain {
                read::bare(&word.key.text, word.key.span, report);
            }
            let what = format!("`{}` of {what}", word.key.text);
            if let Some(texts) = context.texts(&word.value, &what, report) {
                by_value.insert(word.key.text.clone(), texts);
            }
        }
        vocabulary.insert(table.key.text.clone(), by_value);
    }
    vocabulary
}

fn id(at: usize) -> u16 {
    u16::try_from(at).expect("section() allows fewer")
}

fn node_id(at: usize) -> NodeId {
    NodeId(id(at))
}

fn slot_id(at: usize) -> SlotId {
    SlotId(id(at))
}

fn handoff_id(at: usize) -> HandoffId {
    HandoffId(id(at))
}

/// Where a name is written wrong: the message's place and the names that are right.
fn unknown(
    rule: &rules::Rule,
    span: Span,
    what: &str,
    name: &str,
    mut known: Vec<&str>,
    report: &mut Report,
) {
    let mut seen = BTreeSet::new();
    known.retain(|name| seen.insert(*name));
    let fix = match read::closest(name, known.iter().copied()) {
        Some(meant) => format!("Write `{meant}`."),
        None if known.is_empty() => format!("Define `{name}`: there is no {what} yet."),
        None => {
            let shown = known
                .iter()
                .take(12)
                .copied()
                .collect::<Vec<_>>()
                .join(", ");
            format!("Define `{name}`, or write one of: {shown}.")
        }
    };
    report.add(rule, span, format!("There is no {what} `{name}`."), fix);
}

#[cfg(test)]
mod tests;
