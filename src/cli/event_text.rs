//! Each event in plain words.

use crate::cli::call_table::{loss_percent, printable, slot_value};
use crate::events::{
    DistressExit, DistressSign, EndedBy, Event, KeySource, LegName, LookupResult, Pace, PacedBy,
    RequestedBy, ReturnReason, SpeechResult, StepKind, TargetFailure, TransferWay,
};
use crate::language::Language;

/// The source of calls that we make: no address.
const OUR_OWN: &str = "0.0.0.0";

/// One line; nothing in it steers a terminal.
pub fn describe(event: &Event) -> String {
    printable(&match event {
        Event::CallStarted { .. }
        | Event::CallRejected { .. }
        | Event::CallAnswered { .. }
        | Event::MediaFlows
        | Event::RecordingStarted { .. }
        | Event::RecordingFailed { .. }
        | Event::RecordingOmitted { .. }
        | Event::Quality { .. }
        | Event::CallEnded { .. } => describe_call(event),
        Event::HumanRequested { .. }
        | Event::TransferStarted { .. }
        | Event::HandoffClosed { .. }
        | Event::NoneFree { .. }
        | Event::Queued { .. }
        | Event::LineLeft
        | Event::TargetTried { .. }
        | Event::TargetRinging { .. }
        | Event::TargetProgress { .. }
        | Event::TargetAnswered { .. }
        | Event::TargetConfirmed { .. }
        | Event::TargetFailed { .. }
        | Event::ReferAccepted { .. }
        | Event::TransferReturned { .. }
        | Event::BridgeEnded { .. }
        | Event::HandoffStepAsked { .. }
        | Event::CallbackBooked { .. }
        | Event::CallbackBegun { .. }
        | Event::CallbackFailed { .. }
        | Event::MessageStarted { .. }
        | Event::MessageLeft { .. } => describe_handoff(event),
        Event::LanguageSet { .. }
        | Event::PaceSet { .. }
        | Event::NodeEntered { .. }
        | Event::StepAsked { .. }
        | Event::HumanOffered { .. }
        | Event::KeyPressed { .. }
        | Event::SpeechBegan { .. }
        | Event::SpeechHeard { .. }
        | Event::RecognizerLate { .. }
        | Event::NoInput { .. }
        | Event::NoMatch { .. }
        | Event::DistressSeen { .. }
        | Event::SlotFilled { .. }
        | Event::SlotCleared { .. }
        | Event::LookupStarted { .. }
        | Event::LookupEnded { .. }
        | Event::PromptFailed { .. }
        | Event::AnswerPlayed { .. }
        | Event::ResolutionConfirmed { .. } => describe_dialogue(event),
    })
}

fn describe_call(event: &Event) -> String {
    match event {
        Event::CallStarted {
            caller,
            called,
            source,
            ..
        } => match source.starts_with(OUR_OWN) {
            true => format!("our call to {}, for {called}", name_of(caller)),
            false => format!("{} calls {called} from {source}", name_of(caller)),
        },
        Event::CallRejected { status, reason } => format!("refused with {status}: {reason}"),
        Event::CallAnswered { codec, keys_by } => {
            format!("answered with {codec}, keys by {}", key_source(*keys_by))
        }
        Event::MediaFlows => "the caller's sound arrives".into(),
        Event::RecordingStarted { file } => format!("recording to {file}"),
        Event::RecordingFailed { reason } => format!("the recording failed: {reason}"),
        Event::RecordingOmitted { reason } => format!("not recorded: {reason}"),
        Event::Quality { leg, quality } => format!(
            "{}'s line: {} packets in, {:.1} % lost, jitter {:.1} ms, MOS {:.1}",
            match leg {
                LegName::Caller => "the caller",
                LegName::Agent => "the agent",
            },
            quality.packets_received,
            loss_percent(quality),
            quality.jitter_ms,
            quality.mos,
        ),
        Event::CallEnded { by, reason } => format!("{} ({reason})", ended_by(*by)),
        _ => String::new(),
    }
}

fn describe_dialogue(event: &Event) -> String {
    match event {
        Event::LanguageSet { language } => format!("goes on in {}", language_name(*language)),
        Event::PaceSet { pace, by } => {
            let by = by.map_or(String::new(), |by| format!(", {}", paced_by(by)));
            format!("is given {}{by}", pace_name(*pace))
        }
        Event::NodeEntered { node } => format!("comes to {node}"),
        Event::StepAsked {
            node,
            step,
            reprompt,
            ..
        } => {
            let again = if *reprompt { " again" } else { "" };
            format!("{node}: {} is put{again}", step_kind(*step))
        }
        Event::HumanOffered { key } => format!("heard that {key} leads to a person"),
        Event::KeyPressed { key, .. } => match key {
            Some(key) => format!("presses {key}"),
            None => "presses a key of a sensitive value".into(),
        },
        Event::SpeechBegan { interrupted, .. } => match interrupted {
            true => "speaks, and interrupts the prompt".into(),
            false => "speaks".into(),
        },
        Event::SpeechHeard {
            words,
            confidence,
            result,
            ..
        } => {
            let words = match words.as_deref() {
                Some("") => "something that is no word here".to_string(),
                Some(words) => format!("“{words}”"),
                None => "a sensitive value".to_string(),
            };
            let percent = (confidence * 100.0).round();
            let result = match result {
                SpeechResult::Understood => "understood",
                SpeechResult::Unsure => "asked back",
                SpeechResult::NotUnderstood => "not understood",
            };
            format!("says {words} ({percent} % sure): {result}")
        }
        Event::RecognizerLate { node, reason } => {
            format!("{node}: what was said could not be recognized: {reason}")
        }
        Event::NoInput { node, count } => format!("{node}: no input, {}", time(*count)),
        Event::NoMatch { node, count } => format!("{node}: not understood, {}", time(*count)),
        Event::DistressSeen { node, sign, then } => {
            format!("{node}: distress: {}", distress(sign, *then))
        }
        Event::SlotFilled { slot, value } => format!("{slot} is {}", slot_value(value)),
        Event::SlotCleared { slot } => format!("{slot} is not that, says the caller"),
        Event::LookupStarted { node } => format!("{node}: looks up"),
        Event::LookupEnded {
            node,
            milliseconds,
            result,
        } => {
            let result = match result {
                LookupResult::Ok { status } => format!("found ({status})"),
                LookupResult::Failed { status, reason } => match status {
                    Some(status) => format!("the lookup failed with {status}: {reason}"),
                    None => format!("the lookup failed: {reason}"),
                },
                LookupResult::Cancelled => "the lookup was cancelled".into(),
            };
            format!("{node}: {result} after {milliseconds} ms")
        }
        Event::PromptFailed { node, reason } => format!("{node}: a prompt failed: {reason}"),
        Event::AnswerPlayed { node } => format!("{node}: the answer was played to its end"),
        Event::ResolutionConfirmed { resolved: true } => "says that this answered it".into(),
        Event::ResolutionConfirmed { resolved: false } => "says that this did not answer it".into(),
        _ => String::new(),
    }
}

fn describe_handoff(event: &Event) -> String {
    match event {
        Event::HumanRequested { by, node, .. } => format!("{} at {node}", requested_by(*by)),
        Event::TransferStarted { handoff } => format!("the way to {handoff} begins"),
        Event::HandoffClosed { handoff } => format!("{handoff} is closed at this hour"),
        Event::NoneFree { handoff } => format!("nobody is free at {handoff}"),
        Event::Queued {
            handoff,
            position,
            estimate_s,
        } => match estimate_s {
            Some(seconds) => {
                format!("waits for {handoff} at place {position}, for about {seconds} s")
            }
            None => format!("waits for {handoff} at place {position}"),
        },
        Event::LineLeft => "leaves the line".into(),
        Event::TargetTried {
            attempt,
            target,
            way,
            ..
        } => format!("attempt {attempt}: {} to {target}", way_name(*way)),
        Event::TargetRinging { attempt, status } => {
            format!("attempt {attempt}: rings ({status})")
        }
        Event::TargetProgress { attempt, status } => {
            let told = match status {
                181 => "is forwarded",
                182 => "waits in a queue there",
                _ => "is being connected",
            };
            format!("attempt {attempt}: {told} ({status})")
        }
        Event::TargetAnswered { attempt, briefed } => {
            let asked = if *briefed {
                ", and is asked for the accept key"
            } else {
                ""
            };
            format!("attempt {attempt}: answered, by a person or a voicemail{asked}")
        }
        Event::TargetConfirmed { attempt } => format!("attempt {attempt}: a person, for certain"),
        Event::TargetFailed {
            attempt,
            status,
            reason,
        } => format!("attempt {attempt}: {}", failure(*reason, *status)),
        Event::ReferAccepted { attempt } => format!("attempt {attempt}: the REFER is accepted"),
        Event::TransferReturned { reason } => format!(
            "back with us: {}",
            match reason {
                ReturnReason::NobodyAnswered => "nobody answered",
                ReturnReason::OutOfHours => "outside of opening hours",
                ReturnReason::AgentLeft => "the person hung up",
                ReturnReason::AgentLost => "the person's line is dead",
            }
        ),
        Event::BridgeEnded { by } => format!("the two are parted: {}", ended_by(*by)),
        Event::HandoffStepAsked {
            step,
            handoff_steps,
        } => {
            let what = match step {
                Some(StepKind::Menu) => "the choices without a person are put",
                Some(StepKind::Question) => "the number to call back is asked for",
                Some(StepKind::Confirmation) => "the number to call back is read for confirmation",
                None => "something is asked that needs no person",
            };
            format!("{what} (handoff step {handoff_steps})")
        }
        Event::CallbackBooked {
            number,
            handoff,
            wish,
            ..
        } => match wish.as_str() {
            "" => format!("{handoff} is to call back {number}"),
            wish => format!("{handoff} is to call back {number}: {wish}"),
        },
        Event::CallbackBegun { of, attempt, .. } => {
            format!("calls back the caller of {of}, attempt {attempt}")
        }
        Event::CallbackFailed { status } => match status {
            Some(status) => format!("the caller could not be reached: {status}"),
            None => "the caller could not be reached".to_string(),
        },
        Event::MessageStarted { handoff, .. } => format!("a message for {handoff} is recorded"),
        Event::MessageLeft {
            handoff,
            file,
            milliseconds,
        } => format!(
            "left a message of {:.1} s for {handoff}: {file}",
            f64::from(*milliseconds) / 1000.0
        ),
        _ => String::new(),
    }
}

pub fn name_of(caller: &str) -> &str {
    if caller.is_empty() {
        "a withheld number"
    } else {
        caller
    }
}

pub fn language_name(language: Language) -> &'static str {
    match language {
        Language::En => "English",
        Language::Zh => "Mandarin",
    }
}

pub fn key_source(source: KeySource) -> &'static str {
    match source {
        KeySource::TelephoneEvent => "telephone-event",
        KeySource::Info => "SIP INFO",
        KeySource::InBand => "tones in the sound",
    }
}

pub fn ended_by(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Caller => "the caller hung up",
        EndedBy::Agent => "the agent hung up",
        EndedBy::Dialplan => "the dialplan ended the call",
        EndedBy::Transfer => "passed on by REFER",
        EndedBy::Network => "the network lost the call",
        EndedBy::Server => "this server ended the call",
    }
}

pub fn way_name(way: TransferWay) -> &'static str {
    match way {
        TransferWay::Bridged => "our call",
        TransferWay::Refer => "REFER",
        TransferWay::Attended => "our call, then REFER",
    }
}

pub fn requested_by(by: RequestedBy) -> &'static str {
    match by {
        RequestedBy::Key => "the human key",
        RequestedBy::Speech => "asks for a person",
        RequestedBy::Dialplan => "the dialplan leads to a person",
        RequestedBy::Retries => "not understood or silent too often: a person is rung",
        RequestedBy::Distress => "signs of distress: a person is rung",
        RequestedBy::Failure => "something failed: a person is rung",
    }
}

/// `busy (486)`.
pub fn failure(reason: TargetFailure, status: Option<u16>) -> String {
    let words = match reason {
        TargetFailure::Busy => "busy",
        TargetFailure::Declined => "declined",
        TargetFailure::NoAnswer => "no answer",
        TargetFailure::Unreachable => "unreachable",
        TargetFailure::NotFound => "not found",
        TargetFailure::ReferRefused => "the REFER is refused",
        TargetFailure::NotAllowed => "not allowed by the config",
        TargetFailure::Cancelled => "cancelled, as the caller hung up or chose otherwise",
        TargetFailure::NotAccepted => "answered and did not take the call",
        TargetFailure::UnusableAnswer => "answered without a usable session description",
        TargetFailure::Other => "failed",
    };
    match status {
        Some(status) => format!("{words} ({status})"),
        None => words.into(),
    }
}

pub fn pace_name(pace: Pace) -> &'static str {
    match pace {
        Pace::Usual => "as much time as usual",
        Pace::Elder => "more time (elder pacing)",
    }
}

/// What was seen, and what follows.
pub fn distress(sign: &DistressSign, then: DistressExit) -> String {
    let seen = match sign {
        DistressSign::NoMatch { count, nodes } => {
            format!("not understood {count} times in {nodes} places")
        }
        DistressSign::SameSentence { times } => format!("came here {times} times"),
        DistressSign::Keys { count } => format!("{count} keys within 10 s"),
        DistressSign::Words { word } => format!("an angry word (“{word}”)"),
        DistressSign::Loudness { decibels, earlier } => {
            format!("{decibels:.0} dB louder than {earlier} earlier utterances")
        }
    };
    let then = match then {
        DistressExit::Offer => "a person is offered next",
        DistressExit::Transfer => "a person is rung next",
    };
    format!("{seen}; {then}")
}

fn paced_by(by: PacedBy) -> &'static str {
    match by {
        PacedBy::Key => "by the key for it",
        PacedBy::Number => "as the caller's number is listed for it",
        PacedBy::Speech => "as the caller asked for it",
        PacedBy::Silence => "after two silences",
    }
}

fn step_kind(step: StepKind) -> &'static str {
    match step {
        StepKind::Menu => "the menu",
        StepKind::Question => "the question",
        StepKind::Confirmation => "the confirmation",
    }
}

fn time(count: u32) -> String {
    match count {
        1 => "the first time".into(),
        2 => "the second time".into(),
        3 => "the third time".into(),
        count => format!("{count} times"),
    }
}
