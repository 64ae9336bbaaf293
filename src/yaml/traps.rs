//! YAML's traps: what the text of a prompt, a key or a template looks like to YAML, told from plain
//! mistakes, each with the quoted form that means what was meant.

pub(super) mod full_width;
mod quotes;

use crate::diagnostic::rules::{self, Rule};
use crate::diagnostic::{Report, Span};
use std::ops::Range;

/// What takes the place of a mistake, so that the rest of the text can be read: of the same length,
/// so that all places stay. What it says does not matter: its line is left out of the judgement.
pub(super) struct Repair {
    pub range: Range<usize>,
    with: String,
}

impl Repair {
    fn new(start: usize, with: String) -> Repair {
        let range = start..start + with.len();
        Repair { range, with }
    }

    pub fn apply(&self, text: &mut String) {
        text.replace_range(self.range.clone(), &self.with);
    }
}

/// `text` with other signs in the places of some; all are ASCII.
fn without(text: &str, signs: &[char]) -> String {
    text.replace(signs, "_")
}

/// `value` as a YAML scalar that cannot be taken for anything else.
pub fn quoted(value: &str) -> String {
    if value.contains(['"', '\\']) && !value.contains('\n') {
        return format!("'{}'", value.replace('\'', "''"));
    }
    let escaped = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// Whether other YAML readers take a bare `text` for true or false.
pub fn looks_boolean(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "yes" | "no" | "on" | "off"
    )
}

/// Whether other YAML readers take a bare `text` for another number.
pub fn looks_octal(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit())
}

/// What an unquoted value's comment cut off: the text after ` #` on the line where `span` ends.
pub fn cut_by_comment(text: &str, span: Span) -> Option<&str> {
    let rest = text.get(span.end..)?.lines().next()?;
    let comment = rest.trim_start_matches([' ', '\t']);
    (comment.len() < rest.len() && comment.starts_with('#')).then(|| comment.trim_end())
}

pub(super) fn alias(report: &mut Report, span: Span) -> Option<Repair> {
    let (place, value) = value_at(report.text(), span);
    report.add(
        &rules::YAML_ALIAS,
        place,
        format!("`{value}` begins with `*`, which YAML reads as an alias."),
        format!("Write {}.", quoted(value)),
    );
    value
        .starts_with('*')
        .then(|| Repair::new(span.start, "_".into()))
}

pub(super) fn anchor(report: &mut Report, span: Span) -> Option<Repair> {
    let place = property_at(report.text(), span, '&');
    report.add(
        &rules::YAML_ANCHOR,
        place,
        "This value begins with `&`, which YAML reads as an anchor.",
        "If the `&` belongs to the text, put the value in double quotes; else write the value out wherever it is needed.",
    );
    blanked(report.text(), place, '&')
}

pub(super) fn tag(report: &mut Report, span: Span) -> Option<Repair> {
    let place = property_at(report.text(), span, '!');
    report.add(
        &rules::YAML_TAG,
        place,
        "This value begins with `!`, which YAML reads as a tag.",
        "If the `!` belongs to the text, put the value in double quotes; else remove the tag.",
    );
    blanked(report.text(), place, '!')
}

/// Blanks instead of the word at `place`, if it begins with `sign`.
fn blanked(text: &str, place: Span, sign: char) -> Option<Repair> {
    let word = text[place.start..]
        .split_whitespace()
        .next()
        .unwrap_or_default();
    let found = text[place.start..].starts_with(sign);
    found.then(|| Repair::new(place.start, " ".repeat(word.len())))
}

/// The anchor or tag on the line where the value at `span` begins; the parser does not tell its place.
fn property_at(text: &str, span: Span, sign: char) -> Span {
    let line = text[..span.start]
        .rfind(['\n', '\r'])
        .map_or(0, |at| at + 1);
    let Some(at) = text[line..span.start].find(sign) else {
        return span;
    };
    let column = text[line..line + at].chars().count() + 1;
    Span {
        start: line + at,
        column,
        ..span
    }
}

/// A key that is a mapping or a list: nearly always `{{ … }}` without quotes.
pub(super) fn complex_key(report: &mut Report, span: Span) {
    let before = &report.text()[..span.start];
    let braces = before.ends_with('{') && report.text()[span.start..].starts_with('{');
    if braces {
        let outer = Span {
            start: span.start - 1,
            column: span.column - 1,
            ..span
        };
        return brace(report, outer);
    }
    report.add(
        &rules::YAML_SYNTAX,
        span,
        "This key is a list or a mapping; keys are words.",
        "Put it in double quotes, or write one word before the colon.",
    );
}

/// Tells what is wrong at `place`, where the parser gave up on `text` with `info`. That text is the
/// report's, but for earlier repairs.
pub(super) fn explain(report: &mut Report, text: &str, place: Span, info: &str) -> Option<Repair> {
    // The parser notices late: a bracket that a comment swallowed is missed lines below. A tab in
    // the indentation it notices in the line above.
    let below = line_below(text, place).and_then(|(start, line)| {
        let trap = odd_space(line).filter(|trap| line[..trap.at].trim().is_empty())?;
        Some((start, line, place.line + 1, trap))
    });
    let suspects = lines_upwards(text, place).take(4);
    let mut traps = suspects
        .filter_map(|(start, line, up)| Some((start, line, place.line - up, find_trap(line, up)?)));
    if let Some((start, line, number, trap)) = traps.next().or(below) {
        let span = Span {
            start: start + trap.at,
            end: start + trap.at + trap.length,
            line: number,
            column: line[..trap.at].chars().count() + 1,
        };
        report.add(trap.rule, span, trap.message, trap.fix);
        let (at, with) = trap.repair?;
        return Some(Repair::new(start + at, with));
    }
    report.add(
        &rules::YAML_SYNTAX,
        place,
        format!("This is not YAML: {info}."),
        "Check the indentation, and that every quote and bracket is closed; put text with special characters in double quotes.",
    );
    None
}

/// The line after that of `place`, and where it begins.
fn line_below(text: &str, place: Span) -> Option<(usize, &str)> {
    let start = place.start + text[place.start..].find('\n')? + 1;
    Some((start, text[start..].lines().next()?))
}

struct Trap {
    rule: &'static Rule,
    /// In the line, in bytes.
    at: usize,
    length: usize,
    message: String,
    fix: String,
    /// Where in the line what is wrong begins, and what is read instead.
    repair: Option<(usize, String)>,
}

/// The line of `place` and those above it that are not empty: (offset, text, how far up).
fn lines_upwards(text: &str, place: Span) -> impl Iterator<Item = (usize, &str, usize)> {
    let mut end = text[place.start..]
        .find(['\n', '\r'])
        .map_or(text.len(), |at| place.start + at);
    let mut up = 0;
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let start = text[..end].rfind('\n').map_or(0, |at| at + 1);
        let found = (start, text[start..end].trim_end_matches('\r'), up);
        done = start == 0;
        end = start.saturating_sub(1);
        up += 1;
        Some(found)
    })
    .filter(|(_, line, _)| !line.trim().is_empty())
}

/// `up`: how many lines below the parser stopped; in its own line weaker signs count too.
fn find_trap(line: &str, up: usize) -> Option<Trap> {
    let at_error = up == 0;
    if up <= 1
        && let Some(trap) = odd_space(line).or_else(|| full_width::colon(line))
    {
        return Some(trap);
    }
    let indent = line.len() - line.trim_start().len();
    if at_error && line.trim_start().starts_with('*') {
        let key = line
            .trim_start()
            .split(':')
            .next()
            .unwrap_or("*")
            .trim_end();
        return Some(Trap {
            rule: &rules::YAML_ALIAS,
            at: indent,
            length: key.len(),
            message: format!("`{key}` begins with `*`, which YAML reads as an alias."),
            fix: format!("Write {}.", quoted(key)),
            repair: Some((indent, "_".into())),
        });
    }
    let quote = at_error.then(|| quotes::find_trap(line)).flatten();
    quote.or_else(|| values(line).find_map(|value| value_trap(line, value, up)))
}

/// A tab, or a space of another kind, where only spaces may be: in the indentation or after a key.
fn odd_space(line: &str) -> Option<Trap> {
    let indent = line.len() - line.trim_start().len();
    let indentation = line[..indent].find(|c| c != ' ');
    let after_key = || line.find(":\t").map(|at| at + 1);
    let at = indentation.or_else(after_key)?;
    let rest = &line[at..];
    let length = rest.len() - rest.trim_start().len();
    let what = if rest.starts_with('\t') {
        "tab"
    } else {
        "space of another kind"
    };
    let (message, fix, repair) = if at < indent {
        let message = format!("The indentation contains a {what}.");
        (message, "Indent with spaces.", None)
    } else {
        let message = format!("After the colon stands a {what}.");
        (
            message,
            "Write a space instead.",
            Some((at, " ".repeat(length))),
        )
    };
    Some(Trap {
        rule: &rules::YAML_TAB,
        at,
        length: rest.chars().next()?.len_utf8(),
        message,
        fix: fix.into(),
        repair,
    })
}

/// One unquoted value of a line.
#[derive(Clone, Copy)]
struct Bare {
    /// In the line, in bytes.
    at: usize,
    /// Whether it stands between `{` and `}` or `[` and `]`.
    flow: bool,
}

/// Where the line's unquoted values begin: after `key: `, `- `, `{`, `[` or `, `.
fn values(line: &str) -> impl Iterator<Item = Bare> {
    let mut found = Vec::new();
    let (mut quote, mut depth, mut starts) = (None, 0usize, true);
    // One key may come before a value: the next colon belongs to a text.
    let mut key_allowed = true;
    let mut previous = ' ';
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q && previous != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '#') if previous.is_whitespace() => break,
            (None, ' ' | '\t') => {}
            (None, '"' | '\'') if starts => {
                quote = Some(c);
                starts = false;
            }
            (None, '{') if starts && line[at..].starts_with("{{") => {
                found.push(Bare {
                    at,
                    flow: depth > 0,
                });
                break;
            }
            (None, '{' | '[') if starts => (depth, key_allowed) = (depth + 1, true),
            (None, '}' | ']') if depth > 0 => (depth, starts) = (depth - 1, false),
            (None, ',') if depth > 0 => (starts, key_allowed) = (true, true),
            (None, '-') if starts && line[at + 1..].starts_with(' ') => {}
            (None, ':') if key_allowed && ends_key(line, at) => {
                if !starts && previous != '"' && previous != '\'' {
                    found.pop();
                }
                (starts, key_allowed) = (true, false);
            }
            (None, _) if starts => {
                found.push(Bare {
                    at,
                    flow: depth > 0,
                });
                starts = false;
            }
            (None, _) => {}
        }
        previous = c;
    }
    found.into_iter()
}

fn ends_key(line: &str, colon: usize) -> bool {
    let rest = &line[colon + 1..];
    rest.is_empty() || rest.starts_with([' ', '\t'])
}

fn value_trap(line: &str, bare: Bare, up: usize) -> Option<Trap> {
    let rest = &line[bare.at..];
    let first = rest.chars().next()?;
    let whole = if bare.flow {
        until_flow_end(rest)
    } else {
        rest.trim_end()
    };
    let trap = |rule, message: String, repair: String| {
        Some(Trap {
            rule,
            at: bare.at,
            length: whole.len(),
            message,
            fix: format!("Write {}.", quoted(whole)),
            repair: Some((bare.at, repair)),
        })
    };
    if rest.starts_with("{{") {
        let message = "This value begins with `{{`, which YAML reads as a mapping.".into();
        return trap(
            &rules::YAML_BRACES,
            message,
            without(whole, &['{', '}', ':', '#']),
        );
    }
    match first {
        '*' => {
            let message = format!("`{whole}` begins with `*`, which YAML reads as an alias.");
            return trap(&rules::YAML_ALIAS, message, "_".into());
        }
        '@' | '`' | '%' => {
            let message = format!("A value cannot begin with `{first}` unless it is quoted.");
            return trap(&rules::YAML_INDICATOR, message, "_".into());
        }
        _ => {}
    }
    // Beside a text that goes on below, only a comment between brackets can hide what is missed.
    if (bare.flow || up <= 1)
        && let Some(at) = rest.find(" #")
    {
        return Some(Trap {
            rule: &rules::YAML_COMMENT,
            at: bare.at + at + 1,
            length: rest[at + 1..].trim_end().len(),
            message: "The text is cut off at ` #`, where a comment begins.".into(),
            fix: format!(
                "Write {}, or put the comment on a line of its own.",
                quoted(whole)
            ),
            repair: Some((bare.at + at + 1, "_".into())),
        });
    }
    if up == 0
        && let Some(at) = whole.find(": ")
    {
        return Some(Trap {
            rule: &rules::YAML_COLON,
            at: bare.at + at,
            length: 1,
            message: "The value contains a colon and a space, which YAML reads as another key."
                .into(),
            fix: format!("Write {}.", quoted(whole)),
            repair: Some((bare.at, whole.replace(": ", "; "))),
        });
    }
    None
}

fn until_flow_end(rest: &str) -> &str {
    let skip = if rest.starts_with("{{") {
        rest.find("}}").map_or(2, |at| at + 2)
    } else {
        0
    };
    let end = rest[skip..]
        .find([',', '}', ']'])
        .map_or(rest.len(), |at| skip + at);
    rest[..end].trim_end()
}

/// A value that begins with `{{`, found in a text that is YAML all the same. What YAML makes of it is
/// not judged.
fn brace(report: &mut Report, span: Span) {
    let rest = report.text()[span.start..]
        .lines()
        .next()
        .unwrap_or_default();
    let value = until_flow_end(rest);
    let end = span.start + value.len();
    report.add(
        &rules::YAML_BRACES,
        Span { end, ..span },
        "This value begins with `{{`, which YAML reads as a mapping.",
        format!("Write {}.", quoted(value)),
    );
    report.leave_out(span.start..end);
}

/// The scalar at `span`, to its end on the line.
fn value_at(text: &str, span: Span) -> (Span, &str) {
    let rest = text[span.start..].lines().next().unwrap_or_default();
    let value = rest.split([',', '}', ']']).next().unwrap_or(rest);
    let value = value
        .split(": ")
        .next()
        .unwrap_or(value)
        .trim_end()
        .trim_end_matches(':');
    let end = span.start + value.len();
    (Span { end, ..span }, value)
}
