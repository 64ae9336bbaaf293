//! Slots: what callers are asked for, and how it must look.

use super::{Context, names, nodes};
use crate::diagnostic::{Report, rules};
use crate::dialplan::slot::{Bounds, Checksum, Digits, IdNumber, Slot, SlotKind, SlotOption, When};
use crate::dialplan::slot_values::{ONE, billionths};
use crate::key::Key;
use crate::language::ByLanguage;
use crate::speech::telephone_number::Country;
use crate::speech::verbaliser::money::Currency;
use crate::yaml::{Entry, Node, Value, read};
use jiff::civil::Time;
use read::Fields;

const MAX_DIGITS: u64 = 32;
/// One key each, and no more can be told.
const MAX_CHOICES: usize = 9;

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
        let reader = kind.map(|node| read::one_of(node, "`type`", &KINDS, report));
        slot.sensitive = flag(&mut fields, "sensitive", report);
        slot.share_last4 = share(&mut fields, slot.sensitive, report);
        if let Some(node) = fields.take("label") {
            let label = self.texts(node, &format!("the label of {what}"), report);
            slot.label = label.unwrap_or_default();
        }
        // Which fields a slot of an unknown type would have is not known.
        let reader = match reader {
            Some(None) => return slot,
            Some(Some(reader)) => reader,
            None => Context::digits,
        };
        slot.kind = reader(self, &mut fields, report).unwrap_or(SlotKind::Digits(STAND_IN));
        fields.finish(report);
        slot
    }
}

type Reader = fn(&Context, &mut Fields, &mut Report) -> Option<SlotKind>;

const KINDS: [(&str, Reader); 10] = [
    ("digits", Context::digits),
    ("number", Context::number),
    ("money", Context::money),
    ("date", Context::date),
    ("time", Context::time),
    ("yes_no", Context::yes_no),
    ("choice", Context::choice),
    ("phone", Context::phone),
    ("id_number", Context::id_number),
    ("text", Context::text),
];

/// The types of slots.
#[cfg(test)]
pub fn slot_types() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.0).collect()
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

impl Context {
    fn digits(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
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
        Some(SlotKind::Digits(Digits {
            min,
            max,
            checksum: checksum.flatten(),
            terminator: terminator.unwrap_or(Key::HASH),
            alphabet: alphabet.flatten(),
        }))
    }

    fn number(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
        let most = 10_i128.pow(15) * ONE;
        bounds(fields, -most, most, report).map(SlotKind::Number)
    }

    fn money(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
        let currency = fields.require("currency", "currency: GBP", report);
        let choices = Currency::ALL.map(|currency| (currency.code(), currency));
        let currency = currency.and_then(|node| read::one_of(node, "`currency`", &choices, report));
        // More than nothing, unless `min` says otherwise.
        let bounds = bounds(fields, ONE / 100, 10_i128.pow(12) * ONE, report);
        Some(SlotKind::Money {
            currency: currency?,
            bounds: bounds?,
        })
    }

    fn date(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
        let choices = [("past", When::Past), ("future", When::Future)];
        let when = fields.take("when");
        match when.map(|node| read::one_of(node, "`when`", &choices, report)) {
            None => Some(SlotKind::Date(None)),
            Some(when) => Some(SlotKind::Date(Some(when?))),
        }
    }

    fn time(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
        let from = fields
            .take("from")
            .map(|node| time_of(node, "`from`", report));
        let until = fields
            .take("until")
            .map(|node| time_of(node, "`until`", report));
        Some(SlotKind::Time {
            from: from.unwrap_or(Some(Time::MIN))?,
            until: until.unwrap_or(Some(Time::MAX))?,
        })
    }

    fn yes_no(&self, _: &mut Fields, _: &mut Report) -> Option<SlotKind> {
        Some(SlotKind::YesNo)
    }

    fn text(&self, _: &mut Fields, _: &mut Report) -> Option<SlotKind> {
        Some(SlotKind::Text)
    }

    fn choice(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
        let example = "options: { \"1\": { value: morning, hear: [in the morning] } }";
        let node = fields.require("options", example, report)?;
        let (entries, _) = read::mapping_like(node, "`options`", example, report)?;
        if entries.is_empty() {
            let message = "This choice has no options.";
            report.add(&rules::NO_OPTIONS, node.span, message, "Add an option.");
            return None;
        }
        if entries.len() > MAX_CHOICES {
            let message = format!("There are {} options.", entries.len());
            report.add(
                &rules::TOO_MANY,
                node.span,
                message,
                "Ask in two questions.",
            );
            return None;
        }
        let options: Vec<Option<SlotOption>> = entries
            .iter()
            .map(|entry| self.slot_option(entry, report))
            .collect();
        options
            .into_iter()
            .collect::<Option<_>>()
            .map(SlotKind::Choice)
    }

    /// `"1": morning`, or `"1": { value: morning, hear: […] }`.
    fn slot_option(&self, entry: &Entry, report: &mut Report) -> Option<SlotOption> {
        let key = nodes::option_key(entry, report);
        let (value, hear) = if let Value::Scalar { .. } = entry.value.value {
            let value = read::word(&entry.value, "an option's value", report);
            (value.map(str::to_owned), Vec::new())
        } else {
            let mut fields = Fields::of(&entry.value, "an option", report)?;
            let value = fields.require("value", "value: morning", report);
            let value = value.and_then(|node| read::word(node, "`value`", report));
            let hear = self.hear(&mut fields, report);
            fields.finish(report);
            (value.map(str::to_owned), hear)
        };
        Some(SlotOption {
            key: key?,
            hear,
            value: value?,
            span: entry.key.span,
        })
    }

    fn phone(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
        let Some(node) = fields.take("country") else {
            return Some(SlotKind::Phone(None));
        };
        let choices = Country::ALL.map(|country| (country.code, country));
        let country = read::one_of(node, "`country`", &choices, report)?;
        Some(SlotKind::Phone(Some(country)))
    }

    fn id_number(&self, fields: &mut Fields, report: &mut Report) -> Option<SlotKind> {
        let check = fields.require("check", "check: chinese_resident", report);
        let choices = [
            ("chinese_resident", None),
            ("luhn", Some(Checksum::Luhn)),
            ("mod97", Some(Checksum::Mod97)),
        ];
        let check = check.and_then(|node| read::one_of(node, "`check`", &choices, report));
        match check? {
            None => Some(SlotKind::IdNumber(IdNumber::ChineseResident)),
            Some(checksum) => {
                let length = fields.require("length", "length: 16", report);
                let (min, max) = length.and_then(|node| length_range(node, report))?;
                Some(SlotKind::IdNumber(IdNumber::Checked { checksum, min, max }))
            }
        }
    }
}

/// `min` and `max`, each of which may be left out.
fn bounds(fields: &mut Fields, min: i128, max: i128, report: &mut Report) -> Option<Bounds> {
    let given = ["min", "max"].map(|name| (fields.take(name), name));
    let [lower, upper] = given.map(|(node, name)| {
        node.map(|node| (node, decimal_of(node, &format!("`{name}`"), report)))
    });
    let at = upper.as_ref().or(lower.as_ref()).map(|(node, _)| node.span);
    let bounds = Bounds {
        min: lower.map_or(Some(min), |(_, value)| value)?,
        max: upper.map_or(Some(max), |(_, value)| value)?,
    };
    if bounds.min > bounds.max {
        let message = "No number is both that great and that small.";
        let span = at.expect("one of them was given");
        report.add(
            &rules::OUT_OF_RANGE,
            span,
            message,
            "Let `min` be below `max`.",
        );
        return None;
    }
    Some(bounds)
}

fn decimal_of(node: &Node, what: &str, report: &mut Report) -> Option<i128> {
    let text = read::word(node, what, report)?;
    let number = billionths(text);
    if number.is_none() {
        let message = format!("`{text}` is no number.");
        report.add(
            &rules::BAD_VALUE,
            node.span,
            message,
            "Write it as 12 or -0.5.",
        );
    }
    number
}

fn time_of(node: &Node, what: &str, report: &mut Report) -> Option<Time> {
    let text = read::word(node, what, report)?;
    let time = text.parse().ok().filter(|_| text.len() == 5);
    if time.is_none() {
        let message = format!("`{text}` is no time of day.");
        report.add(
            &rules::BAD_VALUE,
            node.span,
            message,
            "Write it as \"09:00\".",
        );
    }
    time
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

#[cfg(test)]
mod tests;
