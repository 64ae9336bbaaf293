//! One call's story, for people: what it was, how deep it went, every event, every target.

use crate::call::call_record::{Attempt, CallRecord};
use crate::cli::call_table::{local_time, printable};
use crate::cli::event_text::{describe, ended_by, failure, key_source, language_name, name_of};
use crate::cli::event_text::{requested_by, way_name};
use crate::events::{Entry, Event, Pace};
use jiff::tz::TimeZone;
use std::fmt::Write;

/// More steps than this are drawn from the last ones only.
const DRAWN_STEPS: usize = 30;
/// Rows of the drawing; deeper ones lie on the highest.
const DRAWN_DEPTH: u32 = 9;

pub fn tell(record: &CallRecord, entries: &[Entry], zone: &TimeZone) -> String {
    let mut story = String::new();
    // Writing to a String cannot fail.
    let _ = tell_to(&mut story, record, entries, zone);
    story
}

fn tell_to(
    out: &mut String,
    record: &CallRecord,
    entries: &[Entry],
    zone: &TimeZone,
) -> std::fmt::Result {
    tell_head(out, record, zone)?;
    tell_human(out, record)?;
    draw_depth(out, entries)?;
    tell_timeline(out, record, entries)?;
    tell_attempts(out, &record.attempts)
}

fn tell_head(out: &mut String, record: &CallRecord, zone: &TimeZone) -> std::fmt::Result {
    let caller = printable(name_of(&record.caller));
    let called = printable(&record.called);
    writeln!(out, "Call {}", record.call)?;
    writeln!(
        out,
        "  {caller} → {called}, {}",
        local_time(record.started_ms, zone)
    )?;
    let mut facts = vec![format!("{:.1} s", record.seconds)];
    facts.push(format!(
        "dialplan {} ({})",
        record.dialplan, record.dialplan_version
    ));
    facts.extend(
        record
            .language
            .map(|language| language_name(language).into()),
    );
    facts.extend((record.pace == Pace::Elder).then(|| "elder pacing".into()));
    facts.extend(record.codec.clone());
    facts.extend(
        record
            .keys_by
            .map(|source| format!("keys by {}", key_source(source))),
    );
    writeln!(out, "  {}", printable(&facts.join(", ")))?;
    writeln!(
        out,
        "\nOutcome  {}: {}",
        record.outcome.name(),
        record.outcome.meaning()
    )?;
    let reason = printable(&record.end_reason);
    match (record.ended_by, record.rejected_status) {
        (Some(by), _) => writeln!(out, "Ended    {} ({reason})", ended_by(by))?,
        (None, Some(status)) => writeln!(out, "Ended    refused with {status} ({reason})")?,
        (None, None) => writeln!(out, "Ended    unknown: the events end before the call does")?,
    }
    match (&record.recording, &record.recording_missing) {
        (_, Some(reason)) => writeln!(out, "Recorded no: {}", printable(reason))?,
        (Some(file), None) => writeln!(out, "Recorded {}", printable(file))?,
        (None, None) => {}
    }
    if record.events_missing > 0 {
        writeln!(
            out,
            "Missing  {} events of this call were lost",
            record.events_missing
        )?;
    }
    Ok(())
}

fn tell_human(out: &mut String, record: &CallRecord) -> std::fmt::Result {
    let mut depth = format!("{} steps, depth {}", record.steps, record.max_depth);
    if let Some(at_key) = record.depth_at_human_key {
        depth += &format!(" ({at_key} at the human key)");
    }
    if record.handoff_steps > 0 {
        depth += &format!(", {} handoff steps", record.handoff_steps);
    }
    writeln!(out, "Menus    {depth}")?;
    let by = record.human_requested_by.map(requested_by);
    let moments = [
        ("offered", record.seconds_to_human_offer),
        ("human key", record.seconds_to_human_key),
        // Said where it was not the key.
        (
            "asked for",
            record
                .seconds_to_human_request
                .filter(|_| record.seconds_to_human_key.is_none()),
        ),
        ("rings", record.seconds_to_ringing),
        ("answered", record.seconds_to_answer),
        ("a person for certain", record.seconds_to_confirmed),
    ];
    let moments: Vec<String> = moments
        .into_iter()
        .filter_map(|(what, seconds)| Some(format!("{what} {:.1} s", seconds?)))
        .collect();
    match (moments.is_empty(), by) {
        (true, _) => writeln!(out, "Human    never offered, never asked for"),
        (false, None) => writeln!(out, "Human    {}; never asked for", moments.join(", ")),
        (false, Some(by)) => writeln!(out, "Human    {} (by: {by})", moments.join(", ")),
    }
}

/// A column a step, a row a depth: `●` asked, `○` asked again, `H` the way to a person.
fn draw_depth(out: &mut String, entries: &[Entry]) -> std::fmt::Result {
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

fn tell_timeline(out: &mut String, record: &CallRecord, entries: &[Entry]) -> std::fmt::Result {
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

/// Keys in a row are one line.
fn tell_keys(entries: &[Entry]) -> (usize, Option<String>) {
    let keys = entries.iter().map_while(|entry| match &entry.event {
        Event::KeyPressed { key, .. } => Some(key.map_or('•', |key| key.to_char())),
        _ => None,
    });
    let keys: Vec<String> = keys.map(String::from).collect();
    (keys.len(), Some(format!("presses {}", keys.join(" "))))
}

fn tell_attempts(out: &mut String, attempts: &[Attempt]) -> std::fmt::Result {
    if attempts.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nAttempts to reach a person")?;
    for attempt in attempts {
        let since = |seconds: f64| seconds - attempt.seconds_to_try;
        let mut parts = vec![format!(
            "{} at {:.1} s",
            way_name(attempt.way),
            attempt.seconds_to_try
        )];
        let mut told = |what: &str, seconds: Option<f64>| {
            parts.extend(seconds.map(|seconds| format!("{what} after {:.1} s", since(seconds))));
        };
        told("rings", attempt.seconds_to_ringing);
        told("answered", attempt.seconds_to_answer);
        told("a person for certain", attempt.seconds_to_confirmed);
        if attempt.refer_accepted {
            parts.push("REFER accepted".into());
        }
        if let Some(reason) = attempt.failure {
            let after = attempt.seconds_to_failure.unwrap_or(attempt.seconds_to_try);
            let what = failure(reason, attempt.status);
            parts.push(format!("{what} after {:.1} s", since(after)));
        }
        let (handoff, target) = (printable(&attempt.handoff), printable(&attempt.target));
        writeln!(
            out,
            "  {}  {handoff}, {target}: {}",
            attempt.attempt,
            parts.join(", ")
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example_call::law_4;

    fn story(entries: &[Entry]) -> String {
        let record = CallRecord::fold(entries).expect("there are events");
        tell(&record, entries, &TimeZone::UTC)
    }

    #[test]
    fn the_example_of_law_4_is_told() {
        insta::assert_snapshot!(story(&law_4()));
    }

    #[test]
    fn a_call_without_an_end_is_told_as_far_as_it_is_known() {
        let told = story(&law_4()[..1]);
        assert!(told.contains("Outcome  dropped"), "{told}");
        assert!(told.contains("Human    never offered"), "{told}");
        assert!(
            !told.contains("Depth") && !told.contains("Attempts"),
            "{told}"
        );
    }

    #[test]
    fn elder_pacing_is_told() {
        let mut entries = law_4();
        assert!(!story(&entries).contains("elder"));
        let silence = |entry: &Entry| matches!(entry.event, Event::NoInput { .. });
        let at = entries.iter().position(silence).expect("there is one");
        entries[at].event = Event::PaceSet { pace: Pace::Elder };
        let told = story(&entries);
        assert!(told.contains("is given more time (elder pacing)"), "{told}");
        assert!(told.contains(", elder pacing, "), "{told}");
    }

    #[test]
    fn sensitive_keys_are_told_as_dots() {
        let mut entries = law_4();
        for entry in &mut entries {
            if let Event::KeyPressed { key, .. } = &mut entry.event {
                *key = None;
            }
        }
        assert!(story(&entries).contains("presses •"));
    }
}
