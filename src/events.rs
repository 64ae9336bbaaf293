//! What happens in a call, as one closed set of typed events: the journal's content, and the only
//! truth of a call. Records, documents, timelines and replays are folds of it.
//!
//! Kinds may be added, never removed or given another meaning; fields that are added have a default.
//! Nothing sensitive is ever put into an event: of a sensitive slot only how many keys, never which.

use crate::key::Key;
use crate::language::Language;
use serde::{Deserialize, Serialize};

/// The version of this set, written into every journal segment.
pub const VERSION: u16 = 1;

/// Names a call for ever: a ULID, so that it sorts by time. `CallId` is the SIP header only.
pub type CallRef = ulid::Ulid;

/// One event of one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub call: CallRef,
    /// Counts a call's events from 0 without a gap.
    pub seq: u32,
    /// Unix time in milliseconds; within a call it never runs backwards.
    pub at_ms: u64,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// Always a call's first event.
    CallStarted {
        /// The From URI's user part, or the display form of a `tel:` number; empty when withheld.
        caller: String,
        /// The user part of the Request-URI.
        called: String,
        /// The address that the INVITE came from.
        source: String,
        sip_call_id: String,
        dialplan: String,
        dialplan_version: String,
        language: Language,
    },
    /// Refused before it was answered; the call ends with this event.
    CallRejected {
        status: u16,
        reason: String,
    },
    /// Our 200 is sent.
    CallAnswered {
        codec: String,
        keys_by: KeySource,
    },
    /// The caller's first RTP packet.
    MediaFlows,
    RecordingStarted {
        file: String,
    },
    RecordingFailed {
        reason: String,
    },
    /// The dialplan records, and this call was not recorded.
    RecordingOmitted {
        reason: String,
    },
    LanguageSet {
        language: Language,
    },
    /// From here on the caller is given more time, or as much as usual again.
    PaceSet {
        pace: Pace,
        /// Absent in journals of before it was told.
        #[serde(default)]
        by: Option<PacedBy>,
    },
    NodeEntered {
        node: String,
    },
    /// A menu, question or confirmation was put to the caller: one step.
    StepAsked {
        node: String,
        step: StepKind,
        reprompt: bool,
        steps: u32,
        depth: u32,
    },
    /// A choice in a queue or after a failed transfer was put to the caller.
    HandoffStepAsked {
        /// Absent in journals of before it was told.
        #[serde(default)]
        step: Option<StepKind>,
        handoff_steps: u32,
    },
    /// The sentence that offers a person was played to its end.
    HumanOffered {
        key: Key,
    },
    /// `key` is absent while a sensitive slot is keyed.
    KeyPressed {
        key: Option<Key>,
        source: KeySource,
    },
    /// The caller speaks. `interrupted`: a prompt, which was dropped.
    SpeechBegan {
        node: String,
        interrupted: bool,
    },
    /// `words` is absent where they may be sensitive. `confidence`: from 0 to 1.
    SpeechHeard {
        node: String,
        words: Option<String>,
        #[serde(deserialize_with = "null_is_zero")]
        confidence: f32,
        result: SpeechResult,
        /// From where the speech was found to have ended to the recognizer's answer.
        milliseconds: u32,
    },
    /// The caller spoke, and no recognizer could tell what: the call goes on by keys.
    RecognizerLate {
        node: String,
        reason: String,
    },
    NoInput {
        node: String,
        count: u32,
    },
    NoMatch {
        node: String,
        count: u32,
    },
    /// A sign that the caller is in distress; `then` follows before the next question.
    DistressSeen {
        node: String,
        sign: DistressSign,
        then: DistressExit,
    },
    SlotFilled {
        slot: String,
        value: SlotValue,
    },
    /// The caller said that the value is wrong: it holds no longer.
    SlotCleared {
        slot: String,
    },
    LookupStarted {
        node: String,
    },
    LookupEnded {
        node: String,
        milliseconds: u32,
        result: LookupResult,
    },
    /// A prompt could not be made into words or into sound, or a condition not be decided.
    PromptFailed {
        node: String,
        reason: String,
    },
    /// A node marked `answers` was played to its end.
    AnswerPlayed {
        node: String,
    },
    /// The caller's reply to "did that answer your question?".
    ResolutionConfirmed {
        resolved: bool,
    },
    /// The caller's way to a person begins. `steps` and `depth` as they were then.
    HumanRequested {
        by: RequestedBy,
        node: String,
        steps: u32,
        depth: u32,
    },
    TransferStarted {
        handoff: String,
    },
    /// The handoff is closed at this hour; its `else` comes next.
    HandoffClosed {
        handoff: String,
    },
    /// Everybody of the handoff was taken, or nobody was there; its `else` comes next.
    NoneFree {
        handoff: String,
    },
    /// The caller waits in line: at this place, for about so long; absent: it cannot be known.
    Queued {
        handoff: String,
        position: u32,
        estimate_s: Option<u32>,
    },
    /// The caller chose something else than to wait, in line or while somebody was rung after that.
    LineLeft,
    /// Our INVITE or REFER to a target went out. `attempt` counts from 1 in a call.
    TargetTried {
        attempt: u32,
        handoff: String,
        target: String,
        way: TransferWay,
    },
    TargetRinging {
        attempt: u32,
        status: u16,
    },
    /// A provisional status that does not say that it rings (181, 182, 183): each once an attempt.
    TargetProgress {
        attempt: u32,
        status: u16,
    },
    /// The target's 200: perhaps a person, perhaps a voicemail.
    TargetAnswered {
        attempt: u32,
        /// They are told whose call it is and asked for the accept key: until `TargetConfirmed` they do
        /// not have the caller. Journals of before it was told have none that is.
        #[serde(default)]
        briefed: bool,
    },
    /// A person is certain: an accept key, or an agent who is registered here.
    TargetConfirmed {
        attempt: u32,
    },
    /// `status` is the SIP code; absent where none came.
    TargetFailed {
        attempt: u32,
        status: Option<u16>,
        reason: TargetFailure,
    },
    /// A REFER was accepted (202 or 200).
    ReferAccepted {
        attempt: u32,
    },
    /// No person could be had and the caller is back.
    TransferReturned {
        reason: ReturnReason,
    },
    BridgeEnded {
        by: EndedBy,
    },
    CallbackBooked {
        number: String,
        handoff: String,
        wish: String,
        /// The call came from there; else the caller gave another number, and it may be anybody's.
        #[serde(default)]
        own_number: bool,
        /// Since when (Unix time in milliseconds) the caller waited in line: the place is kept.
        #[serde(default)]
        since_ms: Option<u64>,
    },
    /// This call is made by us, as that one's caller asked for; `attempt` counts from 1.
    CallbackBegun {
        of: CallRef,
        attempt: u32,
        /// The node at which the caller's way to a person began then.
        #[serde(default)]
        wish: Option<String>,
    },
    /// The caller was not reached, or whoever answered said and pressed nothing. `status`: the SIP code.
    CallbackFailed {
        status: Option<u16>,
    },
    MessageStarted {
        handoff: String,
        /// The node that it is about.
        #[serde(default)]
        wish: Option<String>,
        /// What it is recorded in, below the data folder.
        #[serde(default)]
        file: Option<String>,
    },
    MessageLeft {
        handoff: String,
        file: String,
        milliseconds: u32,
    },
    /// What one leg's media was like, said once when the leg ends.
    Quality {
        leg: LegName,
        quality: Quality,
    },
    /// Always a call's last event (but for `CallRejected`, which is last itself).
    CallEnded {
        by: EndedBy,
        reason: String,
    },
}

/// How much time a caller is given to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    #[default]
    Usual,
    Elder,
}

/// What brought the caller's pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PacedBy {
    /// The caller pressed the dialplan's key for it.
    Key,
    /// The caller's number is on the dialplan's list.
    Number,
    /// The caller asked for it in words.
    Speech,
    /// The caller was silent twice.
    Silence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    Menu,
    Question,
    Confirmation,
}

/// What was seen, with the figures that made it a sign. Each kind is told once a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistressSign {
    /// Not understood so many times in the call, in so many nodes.
    NoMatch { count: u32, nodes: u32 },
    /// The dialplan came to the node for that time.
    SameSentence { times: u32 },
    /// So many keys within 10 s that were no digits of a value.
    Keys { count: u32 },
    /// The word as it stands in the list of such words, built in or the dialplan's.
    Words { word: String },
    /// Louder twice in a row than so many earlier utterances in this call, by so many decibels.
    Loudness {
        #[serde(deserialize_with = "null_is_zero")]
        decibels: f32,
        earlier: u32,
    },
}

impl DistressSign {
    /// The name in records and exports.
    pub fn name(&self) -> &'static str {
        match self {
            DistressSign::NoMatch { .. } => "no_match",
            DistressSign::SameSentence { .. } => "same_sentence",
            DistressSign::Keys { .. } => "keys",
            DistressSign::Words { .. } => "words",
            DistressSign::Loudness { .. } => "loudness",
        }
    }
}

/// What a sign of distress brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistressExit {
    /// The next question begins with the offer of a person.
    #[default]
    Offer,
    /// A person is rung in the place of the next question.
    Transfer,
}

/// Where a key was heard; a call uses one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    TelephoneEvent,
    Info,
    InBand,
}

/// What the dialogue made of what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeechResult {
    Understood,
    /// It was asked back.
    Unsure,
    NotUnderstood,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotValue {
    Plain(String),
    /// Of a sensitive slot: how many characters, nothing else.
    Sensitive {
        length: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupResult {
    Ok {
        status: u16,
    },
    Failed {
        status: Option<u16>,
        reason: String,
    },
    /// The caller wanted a person, or hung up, meanwhile.
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestedBy {
    /// The caller pressed the human key.
    Key,
    /// The caller asked for a person in words.
    Speech,
    /// The dialplan led there: an option, a target `human`, a transfer node.
    Dialplan,
    /// Not understood or silent for the third time.
    Retries,
    /// A prompt, lookup or the dialogue itself failed.
    Failure,
    /// Signs of distress, and the dialplan wants a person rung then.
    Distress,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferWay {
    Bridged,
    Refer,
    /// Bridged, then passed on by REFER with Replaces.
    Attended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetFailure {
    Busy,
    Declined,
    NoAnswer,
    Unreachable,
    NotFound,
    ReferRefused,
    /// The config allows no call there.
    NotAllowed,
    /// The caller hung up or chose otherwise while it rang.
    Cancelled,
    /// Somebody or something answered, and did not take the call: perhaps a voicemail.
    NotAccepted,
    /// The target's 200 had no session description that can be agreed on.
    UnusableAnswer,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReturnReason {
    NobodyAnswered,
    OutOfHours,
    /// The person hung up and the caller stayed.
    AgentLeft,
    /// The person's leg died, and the caller stayed.
    AgentLost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    Caller,
    Agent,
    /// The dialplan's own hang-up.
    Dialplan,
    /// Passed on by REFER: the call goes on elsewhere.
    Transfer,
    /// No media, no answer to a re-INVITE or session refresh.
    Network,
    /// This server: a fault, a restart, an operator's drain that ran out of time.
    Server,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegName {
    Caller,
    Agent,
}

/// RFC 3550's figures for one leg, and what they mean for the ear.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quality {
    pub packets_received: u64,
    pub packets_lost: u64,
    pub packets_sent: u64,
    /// Interarrival jitter (RFC 3550, 6.4.1), in milliseconds.
    #[serde(deserialize_with = "null_is_zero")]
    pub jitter_ms: f32,
    /// Estimated by the E-model (ITU-T G.107), 1.0 to 4.5.
    #[serde(deserialize_with = "null_is_zero")]
    pub mos: f32,
}

/// JSON writes a figure that is not finite as null; the event must be readable all the same.
fn null_is_zero<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Ok(Option::<f32>::deserialize(deserializer)?.unwrap_or(0.0))
}
