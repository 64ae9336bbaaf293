//! Where a dialogue is: in exactly one of these states, each with a play, a timer or a request
//! under way that leads on.

use super::digits::DigitEntry;
use super::input::FetchId;
use crate::dialplan::model::{HandoffId, HttpMethod, NodeId, SlotId, Target};
use crate::events::{EndedBy, RequestedBy};
use crate::key::Key;
use crate::speech::choices::Choice;
use crate::speech::grammar::Meaning;
use std::time::Instant;

#[derive(Debug)]
pub(super) enum State {
    /// Not answered yet.
    New,
    /// The greeting alone, before a start node that puts nothing to the caller itself.
    Greeting,
    /// One key answers.
    Choosing(Choosing),
    /// A number is keyed.
    Keying(Keying),
    Saying,
    LookingUp(Lookup),
    /// Put aside while the caller is asked whether they want a person: what follows a lookup.
    LookedUp(Next),
    /// People are rung, or one has answered.
    WithPeople(WaysOut),
    /// The caller waits until somebody is free; these keys lead elsewhere.
    InLine(Vec<(Key, Choice)>),
    /// "Please leave your message": recording follows.
    BeforeMessage(HandoffId),
    RecordingMessage(HandoffId),
    /// The last words; the call ends after them, by this side and for this reason.
    SayingGoodbye(EndedBy, &'static str),
    /// Between two nodes: no input ever finds it.
    Passing,
    Ended,
}

impl State {
    /// A value that was heard, and that the caller has not said to be right.
    pub fn heard_unconfirmed(&self) -> Option<SlotId> {
        match self {
            State::Choosing(Choosing {
                among: Among::ValueRight(slot, Given::Heard),
                ..
            }) => Some(*slot),
            _ => None,
        }
    }

    /// What others were asked to do and must be told to leave: the rest needs no leaving.
    pub fn under_way(&self) -> State {
        match self {
            State::LookingUp(lookup) => State::LookingUp(*lookup),
            State::RecordingMessage(handoff) => State::RecordingMessage(*handoff),
            _ => State::Passing,
        }
    }
}

/// While somebody is rung for a caller who waited in line: what the line offered them holds until a
/// person has the call. Nothing for who did not wait.
#[derive(Debug, Clone, Default)]
pub(super) struct WaysOut {
    pub choices: Vec<(Key, Choice)>,
    /// By a REFER, which cannot be taken back: no key leads out.
    pub passed_on: bool,
}

#[derive(Debug)]
pub(super) struct Choosing {
    pub among: Among,
    pub failures: Failures,
    /// Of a long menu, which elder pacing puts in portions: the one that was put last, from 0.
    pub portion: usize,
}

/// How a value was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Keyed,
    Heard,
}

#[derive(Debug, Clone)]
pub(super) enum Among {
    Menu,
    Languages,
    /// Is the value, which was read back, right?
    ValueRight(SlotId, Given),
    /// Did that answer the question?
    Resolved,
    /// After a failed transfer.
    Returned(Vec<(Key, Choice)>),
    /// Is this the number to call back on?
    NumberRight(String),
    /// Did they say this? What was asked before waits, put aside.
    Perhaps(Perhaps),
}

/// What was heard unsurely.
#[derive(Debug, Clone)]
pub(super) struct Perhaps {
    pub meaning: Meaning,
    /// The phrase, to be said back; nothing for a person, for whom there is a sentence.
    pub words: String,
}

#[derive(Debug)]
pub(super) struct Keying {
    pub wanted: Wanted,
    pub entry: DigitEntry,
    pub failures: Failures,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Slot(SlotId),
    CallbackNumber,
}

/// Of one question, since it was put first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Failures {
    pub no_input: u32,
    pub no_match: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    NoInput,
    /// A key that means nothing here, or a value that is not valid.
    NoMatch,
    /// What they said means nothing here.
    NotUnderstood,
    /// The caller spoke, and no recognizer could tell what.
    NotHeard,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Lookup {
    pub fetch: FetchId,
    pub started: Instant,
    pub method: HttpMethod,
    /// The caller may have asked for a person meanwhile: they are asked when it has ended.
    pub perhaps_human: bool,
}

/// Where to go on. The run loop follows it, so that no node calls another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    To(Target),
    /// As `To`, after something failed: a person who is rung then is rung with an apology.
    Failed(Target),
    /// The caller wants this node again: a question is put even if its slot is filled.
    Again(NodeId),
    Human(RequestedBy),
}
