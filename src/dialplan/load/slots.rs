//! Slots: what callers are asked for, and how it must look.

use super::{Context, names};
use crate::diagnostic::{Report, rules};
use crate::dialplan::model::{Checksum, Digits, Slot, SlotKind};
use crate::key::Key;
use crate::language::ByLanguage;
use crate::yaml::{Entry, Node, Value, read};
use read::Fields;

const MAX_DIGITS: u64 = 32;

impl Context {
    pub(super) fn slot(&self, entry: &Entry, report: &mut Report) -> Slot {
        let name = &entry.key.text;
        let what = format!("the slot `{name}`");
        let mut slot = Slot {
            name: name.clone(),
            span: entry.key.span,
            kind: SlotKind::Digits(STAND_IN),
            sensitive: false,
            share_last4: false,
            label: ByLanguage::default(),
        };
        let Some(mut fields) = Fields::of(&entry.value, &what, report) else {
            return slot;
        };
        let kind = fields.require("type", "type: digits", report);
        let known = |node: &Node| read::one_of(node, "`type`", &[("digits", ())], report).is_some();
        let known = kind.is_none_or(known);
        slot.sensitive = flag(&mut fields, "sensitive", report);
        slot.share_last4 = share(&mut fields, slot.sensitive, report);
        if let Some(node) = fields.take("label") {
            let label = self.texts(node, &format!("the label of {what}"), report);
            slot.label = label.unwrap_or_default();
        }
        // Which fields a slot of another type would have is not known.
        if known {
            slot.kind = SlotKind::Digits(digits(&mut fields, report).unwrap_or(STAND_IN));
            fields.finish(report);
        }
        slot
    }
}

/// In the place of a slot that is wrong: anything that can be keyed.
const STAND_IN: Digits = Digits {
    min: 1,
    max: MAX_DIGITS as u8,
    checksum: None,
    terminator: Key::HASH,
    alphabet: None,
};

pub(super) fn flag(fields: &mut Fields, name: &'static str, report: &mut Report) -> bool {
    fields
        .take(name)
        .and_then(|node| read::boolean(node, &format!("`{name}`"), report))
        .unwrap_or(false)
}

fn share(fields: &mut Fields, sensitive: bool, report: &mut Report) -> bool {
    let Some(node) = fields.take("share") else {
        return false;
    };
    let shared = read::one_of(node, "`share`", &[("last4", ())], report).is_some();
    if shared && !sensitive {
        report.add(
            &rules::BAD_VALUE,
            node.span,
            "`share` is for sensitive slots; all of this one is handed to the agent.",
            "Remove it, or add `sensitive: true`.",
        );
    }
    shared
}

fn digits(fields: &mut Fields, report: &mut Report) -> Option<Digits> {
    let length = fields.require("length", "length: 10", report);
    let length = length.and_then(|node| length_range(node, report));
    let checksum = fields.take("checksum").map(|node| {
        let choices = [("luhn", Checksum::Luhn), ("mod97", Checksum::Mod97)];
        read::one_of(node, "`checksum`", &choices, report)
    });
    let terminator = fields.take("terminator");
    let terminator = terminator.map_or(Some(Key::HASH), |node| terminator_of(node, report));
    let alphabet = fields.take("digits").map(|node| alphabet_of(node, report));
    let (min, max) = length?;
    Some(Digits {
        min,
        max,
        checksum: checksum.flatten(),
        terminator: terminator.unwrap_or(Key::HASH),
        alphabet: alphabet.flatten(),
    })
}

/// `10`, or `{ min: 4, max: 6 }`.
fn length_range(node: &Node, report: &mut Report) -> Option<(u8, u8)> {
    let bound = |node: &Node, what: &str, report: &mut Report| {
        read::integer(node, what, 1..=MAX_DIGITS, report).map(|value| value as u8)
    };
    if !matches!(node.value, Value::Mapping { .. }) {
        let length = bound(node, "`length`", report)?;
        return Some((length, length));
    }
    let mut fields = Fields::of(node, "`length`", report)?;
    let min = fields.require("min", "min: 1", report);
    let min = min.and_then(|node| bound(node, "`min`", report));
    let max = fields.require("max", "max: 10", report);
    let max = max.and_then(|node| bound(node, "`max`", report));
    fields.finish(report);
    let (min, max) = (min?, max?);
    if min > max {
        report.add(
            &rules::OUT_OF_RANGE,
            node.span,
            format!("`min` is {min} and `max` is {max}."),
            format!("Write {{ min: {max}, max: {min} }}."),
        );
        return None;
    }
    Some((min, max))
}

fn terminator_of(node: &Node, report: &mut Report) -> Option<Key> {
    let key = names::key(node, "`terminator`", report)?;
    let (rule, message) = match key {
        Key::STAR => (
            &rules::RESERVED_KEY,
            "`*` cannot end the input: while digits are keyed it leads to a person.".to_owned(),
        ),
        key if key.digit().is_some() => (
            &rules::BAD_VALUE,
            format!("`{key}` cannot end the input: it is a digit."),
        ),
        key => return Some(key),
    };
    report.add(rule, node.span, message, "Write \"#\", or remove it.");
    None
}

fn alphabet_of(node: &Node, report: &mut Report) -> Option<String> {
    let text = read::word(node, "`digits`", report)?;
    let mut digits: Vec<char> = text.chars().collect();
    let count = digits.len();
    digits.sort_unstable();
    digits.dedup();
    if digits.len() == count && digits.iter().all(char::is_ascii_digit) {
        return Some(digits.into_iter().collect());
    }
    report.add(
        &rules::BAD_VALUE,
        node.span,
        format!("`{text}` is no set of digits."),
        "Write each digit that may be keyed once, as \"12345\".",
    );
    None
}
