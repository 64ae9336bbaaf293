//! What a dialogue wants done.

use super::input::{FetchId, ListenId, PlayId};
use crate::dialplan::model::{HandoffId, HttpMethod, SlotId};
use crate::dialplan::spoken;
use crate::events::{EndedBy, Event, Pace};
use crate::language::Language;
use crate::speech::grammar::Grammar;
use crate::speech::sentences::Sentence;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
pub enum Action {
    /// Replaces whatever is playing, at once.
    Play(Play),
    StopPlaying,
    /// From here on the caller may say this; what was listened for until now is not waited for any
    /// more.
    Listen(Listen),
    StopListening,
    Fetch(Fetch),
    CancelFetch(FetchId),
    /// The caller was told, in their own language and to the end of the sentence, that the call is
    /// recorded: recording may begin. Only for dialplans that record.
    StartRecording,
    /// Ring people. The dialogue is silent until `HandoffReturned` or `InLine`; keys are still given to
    /// it, and the human key is ignored while its wish is being fulfilled. `apology` is said before
    /// `Connecting` or `PassingOn`, which are the handoff's to say: it knows which is true.
    /// `notice`: recording may begin only when `CallRecorded` was heard, which then comes before all;
    /// `NoticeHeard` tells it.
    Transfer {
        handoff: HandoffId,
        apology: Option<Sentence>,
        notice: bool,
    },
    /// Of a caller who waits in line: `InLine` tells it again.
    WhereAmI,
    /// The caller does not want to wait any more, in line or until who is rung has answered: nobody
    /// is rung for them.
    LeaveLine,
    /// Record the caller, after a tone, until `StopMessage`, 5 s of silence or `limit`.
    RecordMessage {
        handoff: HandoffId,
        limit: Duration,
    },
    StopMessage,
    /// The caller goes on without ending the message: it is kept if enough was said, and no input
    /// tells of it.
    KeepMessage,
    /// From here on (`true`) both channels of the recording are silent, and over the last moment.
    Sensitive(bool),
    Log(Event),
    /// End the call. What was asked to be played before has been played.
    HangUp {
        by: EndedBy,
        reason: String,
    },
}

#[derive(Debug, Clone)]
pub struct Listen {
    pub id: ListenId,
    /// One a language; more where the caller is to choose it.
    pub grammars: Vec<Arc<Grammar>>,
    /// The slot that a value is meant for.
    pub slot: Option<SlotId>,
    pub pace: Pace,
    /// Nothing is asked: what is said pauses the prompt, and only what is understood ends it.
    pub aside: bool,
    /// What the caller is saying goes on, though it answers what was listened for before: what it
    /// was is told under that one's `id`.
    pub goes_on: bool,
    /// What is said may not leave the machine (law 8).
    pub sensitive: bool,
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

impl Content {
    /// A recording without words.
    pub fn music(name: &str) -> Content {
        Content::Text {
            text: String::new(),
            audio: Some(name.to_owned()),
        }
    }
}

impl Part {
    /// The sentences of a text, each a part; whatever else it is stays as it is.
    pub fn sentences(self) -> Vec<Part> {
        let Content::Text { text, audio: None } = &self.content else {
            return vec![self];
        };
        let sentences = spoken::options(text).map(|sentence| Part {
            language: self.language,
            content: Content::Text {
                text: sentence.to_string(),
                audio: None,
            },
        });
        sentences.collect()
    }
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

/// May hold sensitive digits: its URL and body go to the target and nowhere else, so `Debug` hides
/// them.
#[derive(Clone)]
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

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetch")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
