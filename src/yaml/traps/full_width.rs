//! The full-width colon of Chinese keyboards where YAML's own was meant.

use super::{Trap, quoted};
use crate::diagnostic::rules;
use crate::diagnostic::{Report, Span};
use crate::yaml::{Entry, Key, Node, Style, Value};

const FULL_WIDTH_COLON: char = '：';

/// The word before a full-width colon, where a text begins with such a key.
fn key_before(text: &str) -> Option<(&str, &str)> {
    let (key, rest) = text.split_once(FULL_WIDTH_COLON)?;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!key.is_empty() && key.chars().all(word) && !rest.trim().is_empty()).then_some((key, rest))
}

fn message(key: &str) -> String {
    format!("After `{key}` stands a full-width colon, which YAML does not know.")
}

/// `zh：你好` on a line of its own.
pub(super) fn colon(line: &str) -> Option<Trap> {
    let text = line.trim_start();
    let (key, rest) = key_before(text)?;
    let at = line.len() - text.len() + key.len();
    Some(Trap {
        rule: &rules::YAML_COLON,
        at,
        length: FULL_WIDTH_COLON.len_utf8(),
        message: message(key),
        fix: format!("Write {key}: {}.", quoted(rest.trim())),
        repair: Some((at, ":  ".into())),
    })
}

/// `{ zh：你好 }`: to YAML a key without a value; it is told, and read as it was meant.
pub(in crate::yaml) fn split(entry: Entry, report: &mut Report) -> Entry {
    let meant = key_before(&entry.key.text).filter(|_| entry.value.is_empty());
    let Some((key, rest)) = meant else {
        return entry;
    };
    let (from, colon) = (entry.key.span, FULL_WIDTH_COLON.len_utf8());
    let place = Span {
        start: from.start + key.len(),
        end: from.start + key.len() + colon,
        line: from.line,
        column: from.column + key.len(),
    };
    report.add(
        &rules::YAML_COLON,
        place,
        message(key),
        format!("Write {key}: {}.", quoted(rest.trim())),
    );
    Entry {
        key: Key {
            text: key.to_owned(),
            style: Style::Plain,
            span: Span {
                end: place.start,
                ..from
            },
        },
        value: Node {
            span: Span {
                start: place.end,
                column: place.column + 1,
                ..from
            },
            value: Value::Scalar {
                text: rest.to_owned(),
                style: Style::Plain,
            },
        },
    }
}
