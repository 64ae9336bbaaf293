//! Typed values out of the tree. Each reader reports what is wrong with its value and answers
//! `None`, so that a loader goes on and finds every mistake at once.

use super::{Entry, Node, Style, Value, traps};
use crate::diagnostic::{Report, Span, rules};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The fields of a mapping: what is not asked for is unknown.
pub struct Fields<'n> {
    /// "a menu", "the slot `card`": for messages.
    what: String,
    pub span: Span,
    entries: &'n [Entry],
    flow: bool,
    asked: Vec<&'static str>,
    passed_over: Vec<String>,
}

impl<'n> Fields<'n> {
    pub fn of(node: &'n Node, what: impl Into<String>, report: &mut Report) -> Option<Fields<'n>> {
        let what = what.into();
        let (entries, flow) = mapping(node, &what, report)?;
        Some(Fields {
            what,
            span: node.span,
            entries,
            flow,
            asked: Vec::new(),
            passed_over: Vec::new(),
        })
    }

    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        self.take_entry(name).map(|entry| &entry.value)
    }

    pub fn take_entry(&mut self, name: &'static str) -> Option<&'n Entry> {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        self.entries.iter().find(|entry| entry.key.text == name)
    }

    /// A field whose mistake is told elsewhere.
    pub fn pass_over(&mut self, name: &str) {
        self.passed_over.push(name.to_owned());
    }

    /// A field that has to be there; `example` is what the fix shows.
    pub fn require(
        &mut self,
        name: &'static str,
        example: &str,
        report: &mut Report,
    ) -> Option<&'n Node> {
        let found = self.take(name);
        if found.is_none() {
            report.add(
                &rules::MISSING_FIELD,
                self.span,
                format!("`{name}` is missing in {}.", self.what),
                format!("Add `{example}`."),
            );
        }
        found
    }

    /// Reports the fields that nobody asked for.
    pub fn finish(self, report: &mut Report) {
        for (at, entry) in self.entries.iter().enumerate() {
            let name = &entry.key.text;
            if self.asked.contains(&name.as_str()) || self.passed_over.contains(name) {
                continue;
            }
            if self.flow && entry.value.is_empty() && at > 0 {
                cut_by_comma(&self.entries[at - 1], entry, report);
                continue;
            }
            let fix = match closest(&entry.key.text, self.asked.iter().copied()) {
                Some(name) => format!("Write `{name}`."),
                None => format!("Remove it. The fields here are: {}.", self.asked.join(", ")),
            };
            let message = format!("`{}` is no field of {}.", entry.key.text, self.what);
            report.add(&rules::UNKNOWN_FIELD, entry.key.span, message, fix);
        }
    }
}

/// `{ en: Hello, press 1 }`: the comma made `press 1` a key of its own.
fn cut_by_comma(before: &Entry, entry: &Entry, report: &mut Report) {
    let whole = match &before.value.value {
        Value::Scalar { text, .. } => format!("{text}, {}", entry.key.text),
        _ => entry.key.text.clone(),
    };
    report.add(
        &rules::YAML_COMMA,
        entry.key.span,
        format!(
            "The text is cut off before `{}` by a comma.",
            entry.key.text
        ),
        format!("Put the whole text in quotes: {}.", traps::quoted(&whole)),
    );
}

/// A mapping's entries, and whether it is written between braces.
pub fn mapping<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<(&'n [Entry], bool)> {
    mapping_like(node, what, "{ field: value, other: value }", report)
}

/// As [`mapping`]; `example` is what the fix shows.
pub fn mapping_like<'n>(
    node: &'n Node,
    what: &str,
    example: &str,
    report: &mut Report,
) -> Option<(&'n [Entry], bool)> {
    match &node.value {
        Value::Mapping { entries, flow } => Some((entries, *flow)),
        _ => {
            let expected = format!("{what} is a mapping of fields");
            wrong_type(node, &expected, &format!("Write it as {example}."), report);
            None
        }
    }
}

pub fn list<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n [Node]> {
    match &node.value {
        Value::Sequence(items) => Some(items),
        _ => {
            let expected = format!("{what} is a list");
            wrong_type(node, &expected, "Write it as [one, another].", report);
            None
        }
    }
}

/// Any scalar with something in it.
pub fn word<'n>(node: &'n Node, what: &str, report: &mut Report) -> Option<&'n str> {
    match &node.value {
        Value::Scalar { text, style } if *style != Style::Empty => Some(text),
        _ => {
            let fix = match node.is_empty() {
                true => "Write it after the colon, or remove the field.",
                false => "Write one word, or one text in quotes: no list, no fields.",
            };
            wrong_type(node, &format!("{what} is a single value"), fix, report);
            None
        }
    }
}

/// A sentence or a phrase: what people say or hear. Here YAML's traps are looked for.
pub fn prose(node: &Node, what: &str, report: &mut Report) -> Option<String> {
    let text = word(node, what, report)?;
    if matches!(
        &node.value,
        Value::Scalar {
            style: Style::Plain,
            ..
        }
    ) {
        if let Some(comment) = traps::cut_by_comment(report.text(), node.span) {
            let (start, cut) = (node.span.end, comment.len());
            let gap = report.text()[start..].find('#').unwrap_or(0);
            let covered = &report.text()[node.span.start..start];
            let last_line = covered.rfind('\n').map_or(0, |at| at + 1);
            let before = covered[last_line..].chars().count() + gap;
            let span = Span {
                start: start + gap,
                end: start + gap + cut,
                line: node.span.line + covered.matches('\n').count(),
                column: if last_line == 0 {
                    node.span.column + before
                } else {
                    before + 1
                },
            };
            report.add(
                &rules::YAML_COMMENT,
                span,
                "The text is cut off at ` #`, where a comment begins.",
                format!(
                    "Write {}, or put the comment on a line of its own.",
                    traps::quoted(&format!("{text} {comment}"))
                ),
            );
        }
        bare(text, node.span, report);
    }
    Some(text.trim().to_owned())
}

/// Warns of a bare scalar or key that other readers of YAML take for something else.
pub fn bare(text: &str, span: Span, report: &mut Report) {
    if traps::looks_boolean(text) {
        report.add(
            &rules::YAML_BOOLEAN,
            span,
            format!("A bare `{text}` looks like a truth value."),
            format!("Write {}.", traps::quoted(text)),
        );
    } else if traps::looks_octal(text) {
        report.add(
            &rules::YAML_OCTAL,
            span,
            format!("A bare `{text}` looks like an octal number."),
            format!("Write {}.", traps::quoted(text)),
        );
    }
}

/// `true` or `false`.
pub fn boolean(node: &Node, what: &str, report: &mut Report) -> Option<bool> {
    let text = word(node, what, report)?;
    let meant = match text {
        "true" => return Some(true),
        "false" => return Some(false),
        _ => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "1" => "Write `true`.",
            "no" | "off" | "false" | "0" => "Write `false`.",
            _ => "Write `true` or `false`.",
        },
    };
    report.add(
        &rules::WRONG_TYPE,
        node.span,
        format!("{what} is `true` or `false`, not `{text}`."),
        meant,
    );
    None
}

pub fn integer(
    node: &Node,
    what: &str,
    range: RangeInclusive<u64>,
    report: &mut Report,
) -> Option<u64> {
    let text = word(node, what, report)?;
    if traps::looks_octal(text) {
        let plain = text.trim_start_matches('0');
        let plain = if plain.is_empty() { "0" } else { plain };
        report.add(
            &rules::WRONG_TYPE,
            node.span,
            format!(
                "{what} is written `{text}`, with a leading zero: some would read it in base eight."
            ),
            format!("Write `{plain}`."),
        );
        return None;
    }
    let Ok(value) = text.parse::<u64>() else {
        report.add(
            &rules::WRONG_TYPE,
            node.span,
            format!("{what} is a whole number, not `{text}`."),
            format!("Write a number from {} to {}.", range.start(), range.end()),
        );
        return None;
    };
    if !range.contains(&value) {
        report.add(
            &rules::OUT_OF_RANGE,
            node.span,
            format!(
                "{what} is {value}; it can be {} to {}.",
                range.start(),
                range.end()
            ),
            format!("Write a number from {} to {}.", range.start(), range.end()),
        );
        return None;
    }
    Some(value)
}

/// `3s`, `500ms`, `2m`, `1h`, `1.5s`.
pub fn duration(
    node: &Node,
    what: &str,
    range: RangeInclusive<Duration>,
    report: &mut Report,
) -> Option<Duration> {
    let text = word(node, what, report)?;
    let span = node.span;
    let Some(value) = parse_duration(text) else {
        let fix = match text.parse::<f64>() {
            Ok(_) => format!("Write `{text}s` if seconds are meant."),
            Err(_) => "Write a number and a unit: 500ms, 3s, 2m or 1h.".to_owned(),
        };
        report.add(
            &rules::WRONG_TYPE,
            span,
            format!("{what} is a duration, not `{text}`."),
            fix,
        );
        return None;
    };
    if !range.contains(&value) {
        let (least, most) = (tell(*range.start()), tell(*range.end()));
        report.add(
            &rules::OUT_OF_RANGE,
            span,
            format!("{what} is {text}; it can be {least} to {most}."),
            format!("Write a duration from {least} to {most}."),
        );
        return None;
    }
    Some(value)
}

pub fn parse_duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let number: f64 = text[..at].parse().ok()?;
    let unit = match text[at..].trim_start() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let seconds = (number * unit * 1000.0).round() / 1000.0;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A duration as it is written in a file.
pub fn tell(value: Duration) -> String {
    let milliseconds = value.as_millis();
    match milliseconds {
        ms if ms % 1000 != 0 => format!("{ms}ms"),
        ms if ms >= 3_600_000 && ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms >= 60_000 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms => format!("{}s", ms / 1000),
    }
}

/// One of a closed set of words.
pub fn one_of<T: Copy>(
    node: &Node,
    what: &str,
    choices: &[(&str, T)],
    report: &mut Report,
) -> Option<T> {
    let text = word(node, what, report)?;
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let fix = match closest(text, names.iter().copied()) {
        Some(name) => format!("Write `{name}`."),
        None => format!("Write one of: {}.", names.join(", ")),
    };
    report.add(
        &rules::BAD_VALUE,
        node.span,
        format!("{what} cannot be `{text}`."),
        fix,
    );
    None
}

/// One value, or a list of them.
pub fn one_or_more(node: &Node) -> &[Node] {
    match &node.value {
        Value::Sequence(items) => items,
        _ => std::slice::from_ref(node),
    }
}

fn wrong_type(node: &Node, expected: &str, fix: &str, report: &mut Report) {
    let message = match node.kind() {
        "nothing" => format!("{expected}; nothing is written here."),
        kind => format!("{expected}, not {kind}."),
    };
    report.add(&rules::WRONG_TYPE, node.span, message, fix);
}

/// The candidate that was probably meant.
pub fn closest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // What nobody would have mistyped is not worth comparing.
    if word.len() > 64 {
        return None;
    }
    candidates
        .filter(|name| name.len() <= 64)
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
