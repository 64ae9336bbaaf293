//! The call of law 4, as tests of everything that is made of a call's events tell it.

use crate::events::{
    CallRef, EndedBy, Entry, Event, KeySource, LegName, LookupResult, Quality, RequestedBy,
    SlotValue, StepKind, TargetFailure, TransferWay,
};
use crate::key::Key;
use crate::language::Language;

/// Entries of one call, each event with its milliseconds since the start.
fn call_of(events: Vec<(u64, Event)>) -> Vec<Entry> {
    let entry = |(seq, (at, event)): (usize, (u64, Event))| Entry {
        call: CallRef::from_parts(1_750_000_000_000, 1),
        seq: seq as u32,
        at_ms: 1_750_000_000_000 + at,
        event,
    };
    events.into_iter().enumerate().map(entry).collect()
}

pub fn started() -> Event {
    Event::CallStarted {
        caller: "+442079460000".into(),
        called: "hotline".into(),
        source: "192.0.2.1:5060".into(),
        sip_call_id: "abc@192.0.2.1".into(),
        dialplan: "parcel".into(),
        dialplan_version: "0123456789ab".into(),
        language: Language::En,
    }
}

fn step(node: &str, step: StepKind, reprompt: bool, steps: u32, depth: u32) -> Event {
    Event::StepAsked {
        node: node.into(),
        step,
        reprompt,
        steps,
        depth,
    }
}

/// The example of law 4, with the person who answers at its end.
pub fn law_4() -> Vec<Entry> {
    let human_key = Event::HumanRequested {
        by: RequestedBy::Key,
        node: "track".into(),
        steps: 6,
        depth: 2,
    };
    let tried = |attempt, target: &str| Event::TargetTried {
        attempt,
        handoff: "support".into(),
        target: target.into(),
        way: TransferWay::Bridged,
    };
    call_of(vec![
        (0, started()),
        (
            1,
            Event::CallAnswered {
                codec: "PCMA".into(),
                keys_by: KeySource::TelephoneEvent,
            },
        ),
        (40, Event::MediaFlows),
        (4200, Event::HumanOffered { key: Key::ZERO }),
        (
            4300,
            Event::NodeEntered {
                node: "main".into(),
            },
        ),
        (4300, step("main", StepKind::Menu, false, 1, 1)),
        (
            14_000,
            Event::NoInput {
                node: "main".into(),
                count: 1,
            },
        ),
        (14_000, step("main", StepKind::Menu, true, 2, 1)),
        (15_000, key('1')),
        (
            15_001,
            Event::NodeEntered {
                node: "track".into(),
            },
        ),
        (15_001, step("track", StepKind::Question, false, 3, 2)),
        (
            20_000,
            Event::NoMatch {
                node: "track".into(),
                count: 1,
            },
        ),
        (20_000, step("track", StepKind::Question, true, 4, 2)),
        (
            26_000,
            Event::SlotFilled {
                slot: "tracking_number".into(),
                value: SlotValue::Plain("1234567890".into()),
            },
        ),
        (
            26_001,
            Event::NodeEntered {
                node: "lookup".into(),
            },
        ),
        (
            26_001,
            Event::LookupStarted {
                node: "lookup".into(),
            },
        ),
        (
            26_300,
            Event::LookupEnded {
                node: "lookup".into(),
                milliseconds: 299,
                result: LookupResult::Ok { status: 200 },
            },
        ),
        (
            26_301,
            Event::NodeEntered {
                node: "status".into(),
            },
        ),
        (
            29_000,
            Event::AnswerPlayed {
                node: "status".into(),
            },
        ),
        (29_001, step("status", StepKind::Confirmation, false, 5, 3)),
        (31_000, key('*')),
        (31_001, step("track", StepKind::Question, false, 6, 2)),
        (33_500, key('0')),
        (33_500, human_key),
        (
            33_501,
            Event::TransferStarted {
                handoff: "support".into(),
            },
        ),
        (33_600, tried(1, "sip:a@pbx.example.com")),
        (
            34_000,
            Event::TargetFailed {
                attempt: 1,
                status: Some(486),
                reason: TargetFailure::Busy,
            },
        ),
        (34_100, tried(2, "sip:b@pbx.example.com")),
        (
            34_500,
            Event::TargetRinging {
                attempt: 2,
                status: 180,
            },
        ),
        (
            38_000,
            Event::TargetAnswered {
                attempt: 2,
                briefed: false,
            },
        ),
        (41_000, Event::TargetConfirmed { attempt: 2 }),
        (
            90_000,
            Event::Quality {
                leg: LegName::Caller,
                quality: Quality {
                    packets_received: 4500,
                    packets_lost: 3,
                    packets_sent: 4498,
                    jitter_ms: 1.5,
                    mos: 4.3,
                },
            },
        ),
        (
            90_000,
            Event::CallEnded {
                by: EndedBy::Agent,
                reason: "BYE".into(),
            },
        ),
    ])
}

fn key(symbol: char) -> Event {
    Event::KeyPressed {
        key: Key::from_char(symbol),
        source: KeySource::TelephoneEvent,
    }
}
