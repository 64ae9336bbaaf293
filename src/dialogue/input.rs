//! What a dialogue is told.

use crate::events::{KeySource, ReturnReason};
use crate::key::Key;
use crate::speech::raised_voice::Raised;
use crate::speech::understanding::Understood;
use std::sync::Arc;
use std::time::Duration;

/// Numbers a call's plays from 1; an answer about an older play is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u32);

/// Numbers a call's fetches from 1; an answer about an older fetch is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchId(pub u32);

/// Numbers what a call listens for from 1; speech that was an answer to something older is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenId(pub u32);

#[derive(Debug, Clone)]
pub enum Input {
    /// The call is answered and its media can flow. Always first, once.
    Start,
    /// A key went down; repeated and duplicate reports are folded already.
    Key { key: Key, source: KeySource },
    /// The caller has begun to speak, for certain. `SpeechHeard` follows.
    SpeechBegan { listen: ListenId },
    /// What was just said, of which `SpeechHeard` follows, was louder than what the caller said
    /// earlier, by as much as the dialplan has for it.
    VoiceRaised(Raised),
    /// `took`: since the speech was found to have ended.
    SpeechHeard {
        listen: ListenId,
        heard: SpeechHeard,
        took: Duration,
    },
    /// Part `part` (from 0) of the play was heard to its end.
    PartPlayed { play: PlayId, part: usize },
    /// All of it was heard. Plays that were replaced or stopped report nothing.
    PlayEnded { play: PlayId },
    /// A part could not be made into sound; what remained of the play is dropped.
    PlayFailed { play: PlayId, reason: String },
    /// The notice that the call is recorded, which a transfer brought, was heard to its end.
    NoticeHeard,
    Fetched {
        fetch: FetchId,
        result: Result<Fetched, FetchFailure>,
    },
    /// Nobody is free: the caller waits, at this place (from 1), about so long, if that can be known.
    InLine {
        position: u32,
        estimate: Option<Duration>,
    },
    /// The wait is over: somebody is rung. The choices of the line hold.
    NextInLine,
    /// A REFER passes the call on: it cannot be left any more.
    PassedOn,
    /// That came to nothing.
    NotPassedOn,
    /// No person could be had, or the person left: the caller is ours again.
    HandoffReturned { reason: ReturnReason },
    /// The message's recording ended: by silence, by its limit, or by `StopMessage`. How long it is
    /// without the silence at its end; 0 when too little was said.
    MessageEnded { milliseconds: u32, file: String },
    /// The message could not be recorded.
    MessageFailed { reason: String },
    /// The caller can hear nothing any more, but press keys.
    Held,
    /// The caller can hear again. What was playing goes on where it was.
    Resumed,
    /// The server stops in a moment, and whatever is under way has to end.
    /// `with_person`: the caller may speak with who they have until the very end.
    ServerStops { with_person: bool },
    /// It stops now: `CallEnded` follows.
    CutOff,
    /// The call is over, whoever ended it: what is under way is cancelled, and nothing follows.
    CallEnded,
}

/// What became of something that was said.
#[derive(Debug, Clone, PartialEq)]
pub enum SpeechHeard {
    Understood(Understood),
    /// The likeliest words, if there are any, and how sure the recognizer was of them.
    NotUnderstood {
        words: String,
        confidence: f32,
    },
    /// A key was pressed meanwhile: it counts, and nothing else is told of what was said.
    Withdrawn,
    /// The recognizers are behind, or failed.
    NotRecognized {
        reason: String,
    },
}

/// An answer with a 2xx status.
#[derive(Debug, Clone)]
pub struct Fetched {
    pub status: u16,
    pub body: Arc<serde_json::Value>,
}

#[derive(Debug, Clone)]
pub struct FetchFailure {
    /// The status, where an answer came.
    pub status: Option<u16>,
    pub reason: String,
}
