//! One call's story, for people: what it was, how deep it went, every event, every target.

use crate::call::call_record::{Attempt, CallRecord};
use crate::call::outcome::Outcome;
use crate::cli::call_table::{local_time, printable};
use crate::cli::call_timeline::{draw_depth, tell_timeline};
use crate::cli::event_text::{distress, ended_by, failure, key_source, language_name, name_of};
use crate::cli::event_text::{requested_by, way_name};
use crate::cli::find_call::Found;
use crate::events::{Entry, Event, Pace};
use crate::store::messages::StoredMessage;
use jiff::tz::TimeZone;
use std::fmt::Write;

pub(super) fn tell(found: &Found, zone: &TimeZone) -> String {
    let mut story = String::new();
    // Writing to a String cannot fail.
    let _ = tell_to(&mut story, found, zone);
    story
}

fn tell_to(out: &mut String, found: &Found, zone: &TimeZone) -> std::fmt::Result {
    let (record, entries) = (&found.record, &found.entries);
    tell_head(out, record, zone)?;
    match found.stored || !record.recovered {
        true => tell_end(out, record)?,
        false => writeln!(out, "\nOutcome  not known yet: this is the call so far")?,
    }
    tell_recording(out, record)?;
    tell_messages(out, &found.messages)?;
    tell_human(out, record, entries)?;
    tell_distress(out, record)?;
    draw_depth(out, entries)?;
    tell_timeline(out, record, entries)?;
    tell_attempts(out, &record.attempts)
}

fn tell_head(out: &mut String, record: &CallRecord, zone: &TimeZone) -> std::fmt::Result {
    let caller = printable(name_of(&record.caller));
    let called = printable(&record.called);
    writeln!(out, "Call {}", record.call)?;
    let at = local_time(record.started_ms, zone);
    match record.callback_of {
        None => writeln!(out, "  {caller} → {called}, {at}")?,
        Some(made) => {
            let (of, attempt) = (made.call, made.attempt);
            writeln!(out, "  {called} calls back {caller}, {at}")?;
            writeln!(out, "  as booked in call {of}, attempt {attempt}")?;
        }
    }
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
    writeln!(out, "  {}", printable(&facts.join(", ")))
}

fn tell_end(out: &mut String, record: &CallRecord) -> std::fmt::Result {
    let is_unanswered_callback = record.callback_of.is_some() && record.answered_ms.is_none();
    let meaning = match record.outcome {
        Outcome::GaveUpBeforeAnswer if is_unanswered_callback => "the caller was not reached",
        Outcome::Dropped if is_unanswered_callback => {
            "the caller's telephone did not ring, as no person was there for them"
        }
        outcome => outcome.meaning(),
    };
    writeln!(out, "\nOutcome  {}: {meaning}", record.outcome.name())?;
    let reason = printable(&record.end_reason);
    if is_unanswered_callback {
        return writeln!(out, "Ended    {reason}");
    }
    match (record.ended_by, record.rejected_status) {
        (Some(by), _) => writeln!(out, "Ended    {} ({reason})", ended_by(by)),
        (None, Some(status)) => writeln!(out, "Ended    refused with {status} ({reason})"),
        (None, None) => writeln!(out, "Ended    unknown: the events end before the call does"),
    }
}

fn tell_recording(out: &mut String, record: &CallRecord) -> std::fmt::Result {
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

fn tell_messages(out: &mut String, messages: &[StoredMessage]) -> std::fmt::Result {
    for message in messages {
        let seconds = f64::from(message.milliseconds) / 1000.0;
        writeln!(out, "Message  {seconds:.1} s, {}", printable(&message.file))?;
        match (&message.transcript, &message.reason) {
            (Some(transcript), _) => writeln!(out, "         “{}”", printable(transcript))?,
            (None, Some(reason)) => {
                writeln!(out, "         not taken down: {}", printable(reason))?
            }
            (None, None) => writeln!(out, "         not taken down yet")?,
        }
    }
    Ok(())
}

fn tell_human(out: &mut String, record: &CallRecord, entries: &[Entry]) -> std::fmt::Result {
    let (max, end) = (record.max_depth, record.depth_at_end);
    let mut depth = format!(
        "{} steps, greatest depth {max}, {end} at the end",
        record.steps
    );
    if let Some(at_key) = record.depth_at_human_key {
        depth += &format!(", {at_key} at the human key");
    }
    if record.handoff_steps > 0 {
        depth += &format!(", {} handoff steps", record.handoff_steps);
    }
    writeln!(out, "Menus    {depth}")?;
    match record.seconds_to_human_offer {
        Some(seconds) => write!(out, "Human    offered {seconds:.1} s")?,
        None => write!(out, "Human    never offered")?,
    }
    let requests = requests(record, entries);
    if requests.is_empty() {
        return writeln!(out, ", never asked for");
    }
    writeln!(out)?;
    for request in requests {
        writeln!(out, "         {}", printable(&request))?;
    }
    Ok(())
}

fn tell_distress(out: &mut String, record: &CallRecord) -> std::fmt::Result {
    for (at, seen) in record.distress.iter().enumerate() {
        let head = if at == 0 { "Distress" } else { "" };
        let what = distress(&seen.sign, seen.then);
        let what = format!("{} {:.1} s, {what}", seen.node, seen.seconds);
        writeln!(out, "{head:8} {}", printable(&what))?;
    }
    Ok(())
}

/// Each time that the caller's way to a person began, with what came of it: times are the call's.
fn requests(record: &CallRecord, entries: &[Entry]) -> Vec<String> {
    let mut requests: Vec<String> = Vec::new();
    for entry in entries {
        let seconds = entry.at_ms.saturating_sub(record.started_ms) as f64 / 1000.0;
        let what = match &entry.event {
            Event::HumanRequested { by, node, .. } => {
                let by = requested_by(*by);
                requests.push(format!("{by} at {node} {seconds:.1} s"));
                continue;
            }
            Event::HandoffClosed { handoff } => format!("{handoff} is closed"),
            Event::NoneFree { handoff } => format!("nobody is free at {handoff}"),
            Event::Queued { position, .. } => format!("waits at place {position}"),
            Event::LineLeft => "leaves the line".into(),
            Event::TargetRinging { .. } => "rings".into(),
            Event::TargetAnswered { .. } => "answered".into(),
            Event::TargetConfirmed { .. } => "a person for certain".into(),
            Event::TransferReturned { .. } => "back with us".into(),
            _ => continue,
        };
        if let Some(request) = requests.last_mut() {
            *request += &format!(", {what} {seconds:.1} s");
        }
    }
    requests
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
    use crate::events::{DistressExit, DistressSign, EndedBy, PacedBy, RequestedBy};

    fn story(entries: &[Entry]) -> String {
        story_of(entries, true)
    }

    fn story_of(entries: &[Entry], stored: bool) -> String {
        let found = Found {
            record: CallRecord::fold(entries).expect("there are events"),
            entries: entries.to_vec(),
            stored,
            messages: Vec::new(),
        };
        tell(&found, &TimeZone::UTC)
    }

    #[test]
    fn our_own_call_to_somebody_who_is_not_there_is_told_as_such() {
        let mut entries = law_4();
        entries.retain(|it| {
            matches!(
                it.event,
                Event::CallStarted { .. } | Event::CallEnded { .. }
            )
        });
        let begun = Event::CallbackBegun {
            of: entries[0].call,
            attempt: 2,
            wish: None,
        };
        let failed = Event::CallbackFailed { status: Some(404) };
        for (event, at) in [(begun, 1), (failed, 2)] {
            let entry = entries[0].clone();
            entries.insert(at, Entry { event, ..entry });
        }
        if let Event::CallStarted { source, .. } = &mut entries[0].event {
            *source = "0.0.0.0:0".into();
        }
        let last = entries.last_mut().expect("it ends");
        last.event = Event::CallEnded {
            by: EndedBy::Caller,
            reason: "the caller was not reached".into(),
        };
        let told = story(&entries);
        for line in [
            "calls back +442079460000",
            ", attempt 2",
            "was not reached",
            "our call to",
        ] {
            assert!(told.contains(line), "{line}: {told}");
        }
        assert!(
            !told.contains("hung up before") && !told.contains("0.0.0.0"),
            "{told}"
        );
    }

    #[test]
    fn the_outcome_of_a_call_that_goes_on_is_not_known() {
        let events = law_4();
        let told = story_of(&events[..events.len() - 1], false);
        assert!(told.contains("Outcome  not known yet"), "{told}");
        assert!(
            !told.contains("dropped") && !told.contains("Ended"),
            "{told}"
        );
        assert_eq!(story_of(&events, false), story(&events));
    }

    #[test]
    fn messages_are_told_with_what_was_taken_down_of_them() {
        let message = |transcript: Option<&str>, reason: Option<&str>| StoredMessage {
            file: "messages/01X-9.wav".into(),
            milliseconds: 7_240,
            state: String::new(),
            transcript: transcript.map(Into::into),
            confidence: None,
            engine: None,
            reason: reason.map(Into::into),
        };
        let mut told = String::new();
        let messages = [
            message(Some("please\tcall me"), None),
            message(None, Some("nobody hears it")),
            message(None, None),
        ];
        tell_messages(&mut told, &messages).expect("it is written to a text");
        assert!(
            told.starts_with("Message  7.2 s, messages/01X-9.wav\n"),
            "{told}"
        );
        for line in [
            "“please\u{fffd}call me”",
            "not taken down: nobody hears it",
            "not taken down yet",
        ] {
            assert!(told.contains(&format!("\n         {line}\n")), "{told}");
        }
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
        entries[at].event = Event::PaceSet {
            pace: Pace::Elder,
            by: Some(PacedBy::Key),
        };
        let told = story(&entries);
        assert!(
            told.contains("is given more time (elder pacing), by the key for it\n"),
            "{told}"
        );
        assert!(told.contains(", elder pacing, "), "{told}");
    }

    #[test]
    fn signs_of_distress_are_told_with_their_figures() {
        let mut entries = law_4();
        let silence = |entry: &Entry| matches!(entry.event, Event::NoInput { .. });
        let at = entries.iter().position(silence).expect("there is one");
        entries[at].event = Event::DistressSeen {
            node: "main".into(),
            sign: DistressSign::NoMatch { count: 4, nodes: 2 },
            then: DistressExit::Offer,
        };
        let told = story(&entries);
        let line = "\nDistress main 14.0 s, not understood 4 times in 2 places; \
                    a person is offered next\n";
        assert!(told.contains(line), "{told}");
        assert!(told.contains("    14.0  main: distress: not"), "{told}");
    }

    #[test]
    fn each_way_to_a_person_is_a_line_of_its_own() {
        let mut entries = law_4();
        let answer = |entry: &Entry| matches!(entry.event, Event::AnswerPlayed { .. });
        let at = entries.iter().position(answer).expect("there is one");
        entries[at].event = Event::HumanRequested {
            by: RequestedBy::Dialplan,
            node: "status".into(),
            steps: 4,
            depth: 2,
        };
        let told = story(&entries);
        assert!(
            told.contains("\n         the dialplan leads to a person at status 29.0 s\n"),
            "{told}"
        );
        assert!(told.contains("\n         the human key at track 33.5 s, rings 34.5 s"));
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
