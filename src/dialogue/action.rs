//! What a dialogue wants done.

use super::input::{FetchId, PlayId};
use crate::dialplan::model::{HandoffId, HttpMethod};
use crate::events::{EndedBy, Event};
use crate::language::Language;
use crate::speech::sentences::Sentence;
use std::time::Duration;

#[derive(Debug, Clone)]
pub enum Action {
    /// Replaces whatever is playing, at once.
    Play(Play),
    StopPlaying,
    Fetch(Fetch),
    CancelFetch(FetchId),
    /// Ring people. The dialogue is silent until `HandoffReturned`; keys are still given to it, and
    /// the human key is ignored while its wish is being fulfilled.
    Transfer {
        handoff: HandoffId,
    },
    /// Record the caller, after a tone, until `StopMessage`, 5 s of silence or `limit`.
    RecordMessage {
        handoff: HandoffId,
        limit: Duration,
    },
    StopMessage,
    /// From here on (`true`) both channels of the recording are silent.
    Sensitive(bool),
    Log(Event),
    /// End the call. What was asked to be played before has been played.
    HangUp {
        by: EndedBy,
        reason: String,
    },
}

#[derive(Debug, Clone)]
pub struct Play {
    pub id: PlayId,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub language: Language,
    pub content: Content,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// To be synthesized; with `audio`, the recording of that name is used where there is one
    /// (a text that came out of a template with values never has one).
    Text {
        text: String,
        audio: Option<String>,
    },
    /// One of the engine's own.
    Sentence(Sentence),
    Pause(Duration),
}

#[derive(Debug, Clone)]
pub struct Fetch {
    pub id: FetchId,
    pub method: HttpMethod,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<serde_json::Value>,
    /// For POST: the same for every try of one visit to the node.
    pub idempotency_key: Option<String>,
    pub timeout: Duration,
}
