//! One truthful record per call: a fold of its events (laws 4 and 5).
//!
//! Seconds count from the call's first event, its INVITE.

use crate::call::outcome::Outcome;
use crate::call::outcome_rules::OutcomeRules;
use crate::events::{
    CallRef, DistressExit, DistressSign, EndedBy, Entry, Event, KeySource, LegName, LookupResult,
    Pace, PacedBy, Quality, RequestedBy, SlotValue, TargetFailure, TransferWay,
};
use crate::language::Language;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod person;

pub use person::Person;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CallRecord {
    pub call: CallRef,
    /// Unix time in milliseconds.
    pub started_ms: u64,
    pub answered_ms: Option<u64>,
    pub ended_ms: u64,
    /// From the first event to the last.
    pub seconds: f64,

    pub caller: String,
    pub called: String,
    pub source: String,
    pub sip_call_id: String,
    pub dialplan: String,
    pub dialplan_version: String,
    /// The language in which the call ended.
    pub language: Option<Language>,
    /// The pace at which the call ended.
    #[serde(default)]
    pub pace: Pace,
    /// What brought it, where it is not the usual one.
    #[serde(default)]
    pub paced_by: Option<PacedBy>,
    pub codec: Option<String>,
    pub keys_by: Option<KeySource>,

    pub outcome: Outcome,
    /// Absent where the call was refused, or the process died before the call ended.
    pub ended_by: Option<EndedBy>,
    pub end_reason: String,
    /// The SIP status of a refused call.
    pub rejected_status: Option<u16>,
    /// The journal ends before the call did: the process died. The end is that of the last event.
    pub recovered: bool,

    /// Menus, questions and confirmations put to the caller, re-prompts included.
    pub steps: u32,
    /// Of the last menu or question, and the greatest.
    #[serde(alias = "depth")]
    pub depth_at_end: u32,
    pub max_depth: u32,
    pub handoff_steps: u32,
    /// When the human key was first pressed.
    pub steps_at_human_key: Option<u32>,
    pub depth_at_human_key: Option<u32>,
    /// What first led to a person.
    pub human_requested_by: Option<RequestedBy>,
    pub seconds_to_human_offer: Option<f64>,
    pub seconds_to_human_key: Option<f64>,
    pub seconds_to_human_request: Option<f64>,
    pub seconds_to_ringing: Option<f64>,
    /// Perhaps a voicemail answered.
    pub seconds_to_answer: Option<f64>,
    /// A person, which is certain.
    pub seconds_to_confirmed: Option<f64>,

    pub last_node: Option<String>,
    pub keys: u32,
    /// What the caller said: how many times something was heard, and how many times no recognizer
    /// could tell what.
    #[serde(default)]
    pub utterances: u32,
    #[serde(default)]
    pub utterances_lost: u32,
    #[serde(default)]
    pub distress: Vec<Distress>,
    pub no_inputs: u32,
    pub no_matches: u32,
    pub lookups: u32,
    pub lookups_failed: u32,
    pub prompts_failed: u32,
    /// The handoffs that were passed over since they were closed at that hour.
    #[serde(default)]
    pub closed_handoffs: Vec<String>,
    /// The handoffs that were passed over since nobody was free or there.
    #[serde(default)]
    pub handoffs_without_anybody: Vec<String>,
    /// The place in line that the caller was told first, and how long they waited in all.
    #[serde(default)]
    pub place_in_line: Option<u32>,
    #[serde(default)]
    pub seconds_in_line: Option<f64>,
    pub attempts: Vec<Attempt>,
    /// Of a sensitive slot only how many characters it had.
    pub slots: BTreeMap<String, SlotValue>,
    pub recording: Option<String>,
    /// Why a call of a dialplan that records was not recorded, or not to its end.
    #[serde(default)]
    pub recording_missing: Option<String>,
    pub message: Option<Message>,
    pub callback: Option<Callback>,
    /// This call is a callback.
    #[serde(default)]
    pub callback_of: Option<CallbackOf>,
    /// The caller could not be reached, or whoever answered said and pressed nothing.
    #[serde(default)]
    pub callback_missed: bool,
    pub caller_quality: Option<Quality>,
    pub agent_quality: Option<Quality>,

    pub events: u32,
    /// Events that were lost, or left out while the disk was full.
    pub events_missing: u32,
}

/// One target that was called for the caller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub attempt: u32,
    pub handoff: String,
    pub target: String,
    pub way: TransferWay,
    pub seconds_to_try: f64,
    pub seconds_to_ringing: Option<f64>,
    pub seconds_to_answer: Option<f64>,
    /// Who answered was asked for the accept key, and has the caller only from the confirmation on.
    #[serde(default)]
    pub briefed: bool,
    pub seconds_to_confirmed: Option<f64>,
    pub refer_accepted: bool,
    pub failure: Option<TargetFailure>,
    /// Of the failure.
    pub status: Option<u16>,
    pub seconds_to_failure: Option<f64>,
}

/// A sign of distress, and what it brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distress {
    pub seconds: f64,
    pub node: String,
    pub sign: DistressSign,
    pub then: DistressExit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub handoff: String,
    pub file: String,
    pub milliseconds: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    pub number: String,
    pub handoff: String,
    pub wish: String,
    #[serde(default)]
    pub own_number: bool,
    /// Unix time in milliseconds, since when the caller waited in line.
    #[serde(default)]
    pub since_ms: Option<u64>,
}

/// What our own call to a caller is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackOf {
    /// The call in which it was booked.
    pub call: CallRef,
    pub attempt: u32,
}

impl CallRecord {
    /// Folds a call's events, in their order. Any events fold to a record; `None` only where there
    /// are none. Nothing after the call's last event is looked at.
    pub fn fold(entries: &[Entry]) -> Option<CallRecord> {
        let first = entries.first()?;
        let mut fold = Fold {
            record: CallRecord {
                call: first.call,
                started_ms: first.at_ms,
                ended_ms: first.at_ms,
                ..CallRecord::default()
            },
            line_since: None,
            rules: OutcomeRules::default(),
            ended: false,
        };
        let mut next_seq = 0;
        for entry in entries {
            let missing = entry.seq.saturating_sub(next_seq);
            let record = &mut fold.record;
            record.events_missing = record.events_missing.saturating_add(missing);
            record.events = record.events.saturating_add(1);
            record.ended_ms = record.ended_ms.max(entry.at_ms);
            next_seq = entry.seq.saturating_add(1);
            fold.apply(entry);
            if fold.ended {
                break;
            }
        }
        Some(fold.finish())
    }
}

struct Fold {
    record: CallRecord,
    /// Since when the caller waits in line.
    line_since: Option<f64>,
    rules: OutcomeRules,
    ended: bool,
}

impl Fold {
    fn apply(&mut self, entry: &Entry) {
        self.rules.apply(&entry.event);
        let at = seconds_between(self.record.started_ms, entry.at_ms);
        self.apply_to_call(entry);
        self.apply_to_dialogue(&entry.event, at);
        self.apply_to_line(&entry.event, at);
        self.apply_to_handoff(&entry.event, at);
    }

    /// Who waits does so until somebody is rung, or something else comes.
    fn apply_to_line(&mut self, event: &Event, at: f64) {
        match event {
            Event::Queued { position, .. } => {
                self.record.place_in_line.get_or_insert(*position);
                self.record.seconds_in_line.get_or_insert(0.0);
                self.line_since.get_or_insert(at);
            }
            Event::TargetTried { .. }
            | Event::LineLeft
            | Event::TransferReturned { .. }
            | Event::NodeEntered { .. }
            | Event::CallbackBooked { .. }
            | Event::MessageStarted { .. } => self.waits_no_more(at),
            _ => {}
        }
    }

    fn waits_no_more(&mut self, at: f64) {
        if let Some(since) = self.line_since.take() {
            *self.record.seconds_in_line.get_or_insert(0.0) += at - since;
        }
    }

    /// Start, media and end.
    fn apply_to_call(&mut self, entry: &Entry) {
        let record = &mut self.record;
        match &entry.event {
            Event::CallStarted {
                caller,
                called,
                source,
                sip_call_id,
                dialplan,
                dialplan_version,
                language,
            } => {
                record.caller.clone_from(caller);
                record.called.clone_from(called);
                record.source.clone_from(source);
                record.sip_call_id.clone_from(sip_call_id);
                record.dialplan.clone_from(dialplan);
                record.dialplan_version.clone_from(dialplan_version);
                record.language = Some(*language);
            }
            Event::CallAnswered { codec, keys_by } => {
                record.answered_ms = Some(entry.at_ms);
                record.codec = Some(codec.clone());
                record.keys_by = Some(*keys_by);
            }
            Event::RecordingStarted { file } => record.recording = Some(file.clone()),
            Event::RecordingFailed { reason } | Event::RecordingOmitted { reason } => {
                record.recording_missing = Some(reason.clone());
            }
            Event::Quality { leg, quality } => match leg {
                LegName::Caller => record.caller_quality = Some(*quality),
                LegName::Agent => record.agent_quality = Some(*quality),
            },
            Event::CallRejected { status, reason } => {
                record.rejected_status = Some(*status);
                record.end_reason.clone_from(reason);
                self.ended = true;
            }
            Event::CallEnded { by, reason } => {
                record.ended_by = Some(*by);
                record.end_reason.clone_from(reason);
                self.ended = true;
            }
            _ => {}
        }
    }

    /// Steps, depth, keys and values.
    fn apply_to_dialogue(&mut self, event: &Event, at: f64) {
        let record = &mut self.record;
        let count = |counter: &mut u32| *counter = counter.saturating_add(1);
        match event {
            Event::LanguageSet { language } => record.language = Some(*language),
            Event::PaceSet { pace, by } => {
                record.pace = *pace;
                record.paced_by = *by;
            }
            Event::NodeEntered { node } => record.last_node = Some(node.clone()),
            Event::StepAsked { steps, depth, .. } => {
                record.steps = *steps;
                record.depth_at_end = *depth;
                record.max_depth = record.max_depth.max(*depth);
            }
            Event::HandoffStepAsked { handoff_steps, .. } => record.handoff_steps = *handoff_steps,
            Event::HumanOffered { .. } => {
                record.seconds_to_human_offer.get_or_insert(at);
            }
            Event::KeyPressed { .. } => count(&mut record.keys),
            Event::SpeechHeard { .. } => count(&mut record.utterances),
            Event::RecognizerLate { .. } => count(&mut record.utterances_lost),
            Event::NoInput { .. } => count(&mut record.no_inputs),
            Event::NoMatch { .. } => count(&mut record.no_matches),
            Event::DistressSeen { node, sign, then } => record.distress.push(Distress {
                seconds: at,
                node: node.clone(),
                sign: sign.clone(),
                then: *then,
            }),
            Event::PromptFailed { .. } => count(&mut record.prompts_failed),
            Event::LookupStarted { .. } => count(&mut record.lookups),
            Event::LookupEnded { result, .. } => {
                if matches!(result, LookupResult::Failed { .. }) {
                    count(&mut record.lookups_failed);
                }
            }
            Event::SlotFilled { slot, value } => {
                record.slots.insert(slot.clone(), value.clone());
            }
            Event::SlotCleared { slot } => {
                record.slots.remove(slot);
            }
            _ => {}
        }
    }

    /// The way to a person, and what was had instead.
    fn apply_to_handoff(&mut self, event: &Event, at: f64) {
        let record = &mut self.record;
        match event {
            Event::HumanRequested {
                by, steps, depth, ..
            } => {
                record.human_requested_by.get_or_insert(*by);
                record.seconds_to_human_request.get_or_insert(at);
                if *by == RequestedBy::Key {
                    record.seconds_to_human_key.get_or_insert(at);
                    record.steps_at_human_key.get_or_insert(*steps);
                    record.depth_at_human_key.get_or_insert(*depth);
                }
            }
            Event::HandoffClosed { handoff } => record.closed_handoffs.push(handoff.clone()),
            Event::NoneFree { handoff } => record.handoffs_without_anybody.push(handoff.clone()),
            Event::TargetTried {
                attempt,
                handoff,
                target,
                way,
            } => record.attempts.push(Attempt {
                attempt: *attempt,
                handoff: handoff.clone(),
                target: target.clone(),
                way: *way,
                seconds_to_try: at,
                seconds_to_ringing: None,
                seconds_to_answer: None,
                briefed: false,
                seconds_to_confirmed: None,
                refer_accepted: false,
                failure: None,
                status: None,
                seconds_to_failure: None,
            }),
            Event::TargetRinging { attempt, .. } => {
                record.seconds_to_ringing.get_or_insert(at);
                self.attempt(*attempt, |a| a.seconds_to_ringing = Some(at));
            }
            Event::TargetAnswered { attempt, briefed } => {
                record.seconds_to_answer.get_or_insert(at);
                self.attempt(*attempt, |a| {
                    a.seconds_to_answer = Some(at);
                    a.briefed = *briefed;
                });
            }
            Event::TargetConfirmed { attempt } => {
                record.seconds_to_confirmed.get_or_insert(at);
                self.attempt(*attempt, |a| a.seconds_to_confirmed = Some(at));
            }
            Event::ReferAccepted { attempt } => self.attempt(*attempt, |a| a.refer_accepted = true),
            Event::TargetFailed {
                attempt,
                status,
                reason,
            } => self.attempt(*attempt, |a| {
                a.failure = Some(*reason);
                a.status = *status;
                a.seconds_to_failure = Some(at);
            }),
            Event::CallbackBooked {
                number,
                handoff,
                wish,
                own_number,
                since_ms,
            } => {
                record.callback = Some(Callback {
                    number: number.clone(),
                    handoff: handoff.clone(),
                    wish: wish.clone(),
                    own_number: *own_number,
                    since_ms: *since_ms,
                });
            }
            Event::CallbackFailed { .. } => record.callback_missed = true,
            Event::CallbackBegun { of, attempt, .. } => {
                record.callback_of = Some(CallbackOf {
                    call: *of,
                    attempt: *attempt,
                });
            }
            Event::MessageLeft {
                handoff,
                file,
                milliseconds,
            } => {
                record.message = Some(Message {
                    handoff: handoff.clone(),
                    file: file.clone(),
                    milliseconds: *milliseconds,
                });
            }
            _ => {}
        }
    }

    fn attempt(&mut self, number: u32, change: impl FnOnce(&mut Attempt)) {
        let mut attempts = self.record.attempts.iter_mut().rev();
        if let Some(attempt) = attempts.find(|attempt| attempt.attempt == number) {
            change(attempt);
        }
    }

    fn finish(mut self) -> CallRecord {
        let record = &mut self.record;
        record.recovered = !self.ended;
        record.outcome = self.rules.finish(record.ended_by);
        record.seconds = seconds_between(record.started_ms, record.ended_ms);
        // However it ended: who was still in line waited until then.
        let end = record.seconds;
        self.waits_no_more(end);
        self.record
    }
}

fn seconds_between(from_ms: u64, to_ms: u64) -> f64 {
    to_ms.saturating_sub(from_ms) as f64 / 1000.0
}

#[cfg(test)]
mod tests;
