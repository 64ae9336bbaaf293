//! One call's events in their order: its depth as a drawing, each event as a line.

use crate::call::call_record::CallRecord;
use crate::cli::call_table::printable;
use crate::cli::event_text::describe;
use crate::events::{Entry, Event};
use std::fmt::Write as _;

/// More steps than this are drawn from the last ones only.
const DRAWN_STEPS: usize = 30;
/// Keys that come further apart than this are told apart.
const KEYS_IN_A_ROW_MS: u64 = 3_000;
/// Rows of the drawing; deeper ones lie on the highest.
const DRAWN_DEPTH: u32 = 9;

/// A column a step, a row a depth: `●` asked, `○` asked again, `H` the way to a person.
pub(super) fn draw_depth(out: &mut String, entries: &[Entry]) -> std::fmt::Result {
    let mut columns: Vec<(u32, char)> = Vec::new();
    for entry in entries {
        match &entry.event {
            Event::StepAsked {
                depth, reprompt, ..
            } => {
                let mark = if *reprompt { '○' } else { '●' };
                columns.push(((*depth).clamp(1, DRAWN_DEPTH), mark));
            }
            Event::HumanRequested { depth, .. } => {
                columns.push(((*depth).clamp(1, DRAWN_DEPTH), 'H'));
            }
            _ => {}
        }
    }
    let drawn = &columns[columns.len().saturating_sub(DRAWN_STEPS)..];
    let Some(deepest) = drawn.iter().map(|(depth, _)| *depth).max() else {
        return Ok(());
    };
    writeln!(
        out,
        "\nDepth    ● asked  ○ asked again  H the way to a person"
    )?;
    for row in (1..=deepest).rev() {
        let marks = drawn.iter().map(|(depth, mark)| match *depth == row {
            true => format!(" {mark}"),
            false => "  ".into(),
        });
        let line: String = marks.collect();
        writeln!(out, "      {row} ┤{}", line.trim_end())?;
    }
    writeln!(out, "        └{}", "──".repeat(drawn.len()))
}

/// Each event a line, with its seconds since the call's first one.
pub(super) fn tell_timeline(
    out: &mut String,
    record: &CallRecord,
    entries: &[Entry],
) -> std::fmt::Result {
    writeln!(out, "\nSeconds")?;
    let mut at = 0;
    while let Some(entry) = entries.get(at) {
        let seconds = entry.at_ms.saturating_sub(record.started_ms) as f64 / 1000.0;
        let rest = &entries[at..];
        let (told, text) = match &entry.event {
            Event::KeyPressed { .. } => tell_keys(rest),
            Event::NodeEntered { .. } if is_named_next(rest) => (1, None),
            Event::StepAsked { steps, depth, .. } => {
                let text = describe(&entry.event);
                (1, Some(format!("{text:<44} step {steps}, depth {depth}")))
            }
            event => (1, Some(describe(event))),
        };
        if let Some(text) = text {
            writeln!(out, "{seconds:>8.1}  {text}")?;
        }
        at += told;
    }
    Ok(())
}

fn is_named_next(entries: &[Entry]) -> bool {
    match entries {
        [first, next, ..] => match &first.event {
            Event::NodeEntered { node } => {
                let at_once = next.at_ms.saturating_sub(first.at_ms) < 50;
                at_once && describe(&next.event).starts_with(&format!("{}:", printable(node)))
            }
            _ => false,
        },
        _ => false,
    }
}

/// Keys in a row are one line, whose time is the first one's; after a pause another one begins.
fn tell_keys(entries: &[Entry]) -> (usize, Option<String>) {
    let mut keys: Vec<String> = Vec::new();
    let mut last_ms = entries.first().map_or(0, |entry| entry.at_ms);
    for entry in entries {
        let Event::KeyPressed { key, .. } = &entry.event else {
            break;
        };
        if entry.at_ms.saturating_sub(last_ms) > KEYS_IN_A_ROW_MS {
            break;
        }
        last_ms = entry.at_ms;
        keys.push(key.map_or('•', |key| key.to_char()).into());
    }
    (keys.len(), Some(format!("presses {}", keys.join(" "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example_call::law_4;

    #[test]
    fn a_key_after_a_pause_has_a_line_and_a_time_of_its_own() {
        let example = law_4();
        let is_key = |entry: &&Entry| matches!(entry.event, Event::KeyPressed { .. });
        let key = example.iter().find(is_key).expect("there is one");
        let mut entries = vec![example[0].clone()];
        for after_ms in [11_600, 14_600, 17_601] {
            entries.push(Entry {
                at_ms: example[0].at_ms + after_ms,
                ..key.clone()
            });
        }
        let record = CallRecord::fold(&entries).expect("there are events");
        let mut told = String::new();
        tell_timeline(&mut told, &record, &entries).expect("it is written to a text");
        let lines: Vec<&str> = told
            .lines()
            .filter(|line| line.contains("presses"))
            .collect();
        assert_eq!(lines, ["    11.6  presses 1 1", "    17.6  presses 1"]);
    }
}
