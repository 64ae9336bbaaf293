//! Quotes that end too early or never, and backslashes that mean nothing.

use super::{Trap, quoted};
use crate::diagnostic::rules;

/// The first quoted text of a line that is not closed as it was meant.
pub(super) fn find_trap(line: &str) -> Option<Trap> {
    let mut from = 0;
    while let Some(open) = opening(line, from) {
        let quote = line[open..].chars().next()?;
        match closing(line, open, quote) {
            Err(trap) => return Some(trap),
            Ok(None) => return Some(unclosed(line, open)),
            Ok(Some(close)) if ends_value(&line[close + 1..]) => from = close + 1,
            Ok(Some(close)) => return Some(quote_within(line, open, close, quote)),
        }
    }
    None
}

/// Where a value or a key begins with a quote.
fn opening(line: &str, from: usize) -> Option<usize> {
    let places = line[from..].match_indices(['"', '\'']);
    let begins = |at: &usize| {
        let before = line[..*at].trim_end();
        before.is_empty() || before.ends_with([':', '{', '[', ',', '-'])
    };
    places.map(|(at, _)| from + at).find(begins)
}

/// Where the text that opens at `open` is closed, or the code in it that means nothing.
fn closing(line: &str, open: usize, quote: char) -> Result<Option<usize>, Trap> {
    let mut chars = line[open + 1..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let at = open + 1 + at;
        match c {
            '\\' if quote == '"' => {
                // At the end of a line it only joins the next one.
                let Some((_, code)) = chars.next() else {
                    return Ok(None);
                };
                if !is_code(code, &line[at + 1 + code.len_utf8()..]) {
                    return Err(unknown_code(line, open, at, code));
                }
            }
            '\'' if quote == '\'' && chars.next_if(|(_, next)| *next == '\'').is_some() => {}
            c if c == quote => return Ok(Some(at)),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether `code` after a backslash means something to YAML.
fn is_code(code: char, rest: &str) -> bool {
    let digits = match code {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return " 0abtnvfe\"/\\N_LP\t".contains(code),
    };
    rest.len() >= digits && rest.bytes().take(digits).all(|b| b.is_ascii_hexdigit())
}

fn ends_value(rest: &str) -> bool {
    let text = rest.trim_start();
    text.is_empty()
        || text.starts_with([',', '}', ']', ':'])
        || (text.starts_with('#') && text.len() < rest.len())
}

/// The last quote of the value that opens at `open`: that after which a value can end.
fn meant_end(line: &str, open: usize, quote: char) -> Option<usize> {
    let mut places = line[open + 1..].match_indices(quote);
    let end = places.find(|(at, _)| ends_value(&line[open + 1 + at + 1..]));
    end.map(|(at, _)| open + 1 + at)
}

fn unknown_code(line: &str, open: usize, at: usize, code: char) -> Trap {
    let end = meant_end(line, open, '"').unwrap_or(line.len());
    let text = &line[open + 1..end.max(open + 1)];
    Trap {
        rule: &rules::YAML_QUOTE,
        at,
        length: 1 + code.len_utf8(),
        message: format!("`\\{code}` between double quotes means nothing."),
        fix: format!("Write {}.", quoted(text)),
        repair: Some((open + 1, text.replace('\\', "_"))),
    }
}

fn quote_within(line: &str, open: usize, close: usize, quote: char) -> Trap {
    let end = meant_end(line, open, quote);
    // Without one, the quote at the beginning belongs to the text.
    let (from, to) = end.map_or((open, line.trim_end().len()), |end| (open + 1, end));
    let text = &line[from..to];
    Trap {
        rule: &rules::YAML_QUOTE,
        at: close,
        length: 1,
        message: format!("The text ends at this `{quote}`, but goes on after it."),
        fix: format!("Write {}.", quoted(text)),
        repair: Some((from, text.replace(quote, "_").replace(": ", "; "))),
    }
}

fn unclosed(line: &str, open: usize) -> Trap {
    let rest = line[open..].trim_end();
    let text = &rest[1..];
    Trap {
        rule: &rules::YAML_QUOTE,
        at: open,
        length: rest.len(),
        message: "The quote that opens here is not closed in this line.".into(),
        fix: format!("Write {}, or close it where the text ends.", quoted(text)),
        repair: Some((
            open,
            format!("_{}", text.replace(": ", "; ").replace('#', "_")),
        )),
    }
}
