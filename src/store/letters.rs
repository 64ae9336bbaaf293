//! What agents' systems are told of a call: a fold of its events, the same each time. So letters can be
//! made as the call goes on, and once more from the whole call for those that were not.
//!
//! The documents are versioned: fields may be added, never removed or given another meaning. Nothing
//! sensitive is in them, for none is in the events.

use crate::call::call_record::CallRecord;
use crate::config::webhooks::Subject;
use crate::events::{CallRef, Entry, Event, SlotValue};
use crate::language::Language;
use crate::store::callbacks::{BookedCallback, Made};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Of the documents.
pub const VERSION: u32 = 1;
/// Lines of a transcript; of a longer one the last.
const MAX_LINES: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// The call's reference and the number of the event: the same each time.
    pub id: String,
    pub subject: Subject,
    pub call: CallRef,
    /// JSON.
    pub body: String,
}

/// A message that was left. Its letter waits for its transcript.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftMessage {
    /// Of its letter.
    pub id: String,
    pub call: CallRef,
    /// Below the data folder.
    pub file: String,
    pub milliseconds: u32,
    pub language: Language,
    /// Unix time in milliseconds.
    pub left_ms: u64,
    /// The letter's `data` without the transcript.
    pub data: Value,
}

/// What is to be told of a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    pub letters: Vec<Letter>,
    pub messages: Vec<LeftMessage>,
}

/// Of the beginning of a call that goes on, or of a whole one: then `record` is its record.
pub fn told_of(entries: &[Entry], record: Option<&CallRecord>) -> Told {
    let mut told = Told::default();
    let mut story = Story::default();
    for (at, entry) in entries.iter().enumerate() {
        story.hear(entry);
        let so_far = || CallRecord::fold(&entries[..=at]).expect("there is an entry");
        match &entry.event {
            Event::TargetTried { .. } => told.letters.push(transfer(entry, &so_far(), &story)),
            Event::CallbackBooked { .. } => told.letters.push(callback(entry, &so_far(), &story)),
            Event::MessageLeft { .. } => told.messages.extend(message(entry, &so_far(), &story)),
            _ => {}
        }
    }
    if let Some(record) = record {
        told.letters.extend(callback_made(record, &story));
        told.letters.push(ended(record));
    }
    told
}

/// Whether there is something to tell at once, before the call has ended.
pub fn tells_at_once(event: &Event) -> bool {
    matches!(
        event,
        Event::TargetTried { .. } | Event::CallbackBooked { .. } | Event::MessageLeft { .. }
    )
}

/// The letter about a message: `transcript` is its text, with the engine's own name and how sure it
/// was (from 0 to 1), or why there is none.
pub fn message_letter(
    message: &LeftMessage,
    transcript: Result<(&str, &str, f64), &str>,
) -> Letter {
    let mut data = message.data.clone();
    data["transcript"] = match transcript {
        Ok((text, engine, confidence)) => json!({
            "text": text,
            "language": message.language.tag(),
            "engine": engine,
            "confidence": confidence,
        }),
        Err(_) => Value::Null,
    };
    data["transcript_missing"] = json!(transcript.err());
    let (id, call) = (message.id.clone(), message.call);
    letter(id, Subject::Message, call, message.left_ms, data)
}

fn letter(id: String, subject: Subject, call: CallRef, at_ms: u64, data: Value) -> Letter {
    let body = json!({
        "type": subject.name(),
        "version": VERSION,
        "timestamp": timestamp(at_ms),
        "data": data,
    });
    Letter {
        id,
        subject,
        call,
        body: body.to_string(),
    }
}

/// RFC 3339, in UTC, with milliseconds.
fn timestamp(ms: u64) -> String {
    let time = i64::try_from(ms)
        .ok()
        .map(jiff::Timestamp::from_millisecond);
    let time = time.and_then(Result::ok).unwrap_or(jiff::Timestamp::MAX);
    format!("{time:.3}")
}

fn id_of(entry: &Entry) -> String {
    format!("{}-{}", entry.call, entry.seq)
}

/// A person is being rung for the caller.
fn transfer(entry: &Entry, record: &CallRecord, story: &Story) -> Letter {
    let mut data = context(record, story);
    if let Some(attempt) = record.attempts.last() {
        data["attempt"] = json!(attempt.attempt);
        data["handoff"] = json!(attempt.handoff);
        data["target"] = json!(attempt.target);
        data["way"] = json!(attempt.way);
    }
    let (id, at_ms) = (id_of(entry), entry.at_ms);
    letter(id, Subject::Transfer, entry.call, at_ms, data)
}

fn callback(entry: &Entry, record: &CallRecord, story: &Story) -> Letter {
    let mut data = context(record, story);
    data["state"] = json!("booked");
    if let Some(callback) = &record.callback {
        data["number"] = json!(callback.number);
        // Else the caller gave another, and it may be anybody's.
        data["own_number"] = json!(callback.own_number);
        data["handoff"] = json!(callback.handoff);
    }
    let (id, at_ms) = (id_of(entry), entry.at_ms);
    letter(id, Subject::Callback, entry.call, at_ms, data)
}

/// Our call to somebody who asked for one has ended: they were served, or they were not.
fn callback_made(record: &CallRecord, story: &Story) -> Option<Letter> {
    let made = record.callback_of?;
    let mut data = context(record, story);
    data["state"] = json!(match Made::of(record) {
        Made::Served => "done",
        Made::NotReached => "not_reached",
        Made::NotTried => "nobody_free",
    });
    data["of"] = json!(made.call);
    data["attempt"] = json!(made.attempt);
    data["outcome"] = json!(record.outcome);
    let id = format!("{}-callback", record.call);
    let (call, at_ms) = (record.call, record.ended_ms);
    Some(letter(id, Subject::Callback, call, at_ms, data))
}

/// No further attempt is made: people are to see to it.
pub fn callback_ended(booked: &BookedCallback, now_ms: u64) -> Option<Letter> {
    let call = booked.call.parse().ok()?;
    let data = json!({
        "of": call,
        "state": booked.state,
        "reason": booked.reason,
        "attempts": booked.attempts,
        "number": booked.number,
        "own_number": booked.own_number,
        "called": booked.called,
        "dialplan": booked.dialplan,
        "handoff": booked.handoff,
        "wish": booked.wish,
        "language": booked.language,
        "slots": booked.slots,
        "booked": timestamp(booked.booked_ms),
    });
    // It ends once, whoever writes it down twice.
    let id = format!("{call}-callback-ended");
    Some(letter(id, Subject::Callback, call, now_ms, data))
}

fn message(entry: &Entry, record: &CallRecord, story: &Story) -> Option<LeftMessage> {
    let left = record.message.as_ref()?;
    let mut data = context(record, story);
    data["handoff"] = json!(left.handoff);
    data["file"] = json!(left.file);
    data["audio"] = json!(format!("/{}", left.file));
    data["milliseconds"] = json!(left.milliseconds);
    Some(LeftMessage {
        id: id_of(entry),
        call: entry.call,
        file: left.file.clone(),
        milliseconds: left.milliseconds,
        language: record.language.unwrap_or(Language::En),
        left_ms: entry.at_ms,
        data,
    })
}

/// The call has ended: its record, as `zeroline calls export --format json` has it.
fn ended(record: &CallRecord) -> Letter {
    let data = serde_json::to_value(record).expect("a record's keys are texts");
    // One call ends once, whatever its last event's number is.
    let id = format!("{}-end", record.call);
    letter(id, Subject::Call, record.call, record.ended_ms, data)
}

/// Who calls, what for, and how far they came.
fn context(record: &CallRecord, story: &Story) -> Value {
    let mut slots = Map::new();
    let mut withheld = Vec::new();
    for (slot, value) in &record.slots {
        match value {
            SlotValue::Plain(text) => _ = slots.insert(slot.clone(), json!(text)),
            SlotValue::Sensitive { .. } => withheld.push(slot),
        }
    }
    json!({
        "call": record.call,
        "caller": record.caller,
        "called": record.called,
        "dialplan": record.dialplan,
        "language": record.language,
        "pace": record.pace,
        "started": timestamp(record.started_ms),
        "wish": story.wish.as_ref().or(record.last_node.as_ref()),
        "requested_by": record.human_requested_by,
        "slots": slots,
        "slots_withheld": withheld,
        "steps": record.steps,
        "depth": record.depth_at_end,
        "dialogue": story.lines,
    })
}

/// What was asked and heard so far, line by line.
#[derive(Default)]
struct Story {
    started_ms: Option<u64>,
    /// The node at which the way to a person, a callback or a message last began.
    wish: Option<String>,
    lines: VecDeque<Value>,
}

impl Story {
    fn hear(&mut self, entry: &Entry) {
        let started_ms = *self.started_ms.get_or_insert(entry.at_ms);
        let mut line = match &entry.event {
            Event::CallbackBegun { wish, .. } => {
                self.wish.clone_from(wish);
                return;
            }
            Event::CallbackBooked { wish, .. } => {
                self.wish = Some(wish.clone());
                return;
            }
            Event::MessageStarted { wish, .. } => {
                self.wish = wish.clone().or(self.wish.take());
                return;
            }
            Event::HumanRequested { node, by, .. } => {
                self.wish = Some(node.clone());
                json!({ "human": by, "node": node })
            }
            Event::StepAsked {
                node,
                step,
                reprompt,
                ..
            } => json!({ "asked": step, "node": node, "again": reprompt }),
            Event::KeyPressed { key, .. } => {
                // A key that may be part of something sensitive is counted only.
                let key = key.map_or_else(|| "•".to_owned(), |key| key.to_string());
                if self.add_key(&key) {
                    return;
                }
                json!({ "keys": key })
            }
            Event::SpeechHeard {
                node,
                words,
                result,
                ..
            } => json!({ "heard": words, "node": node, "result": result }),
            Event::NoInput { node, .. } => json!({ "silent": true, "node": node }),
            Event::LookupEnded { node, result, .. } => json!({ "looked_up": result, "node": node }),
            Event::AnswerPlayed { node } => json!({ "answered": true, "node": node }),
            _ => return,
        };
        let milliseconds = entry.at_ms.saturating_sub(started_ms);
        line["seconds"] = json!(milliseconds as f64 / 1000.0);
        self.lines.push_back(line);
        if self.lines.len() > MAX_LINES {
            self.lines.pop_front();
        }
    }

    /// Keys one after the other are one line.
    fn add_key(&mut self, key: &str) -> bool {
        match self.lines.back_mut().and_then(|line| line.get_mut("keys")) {
            Some(Value::String(keys)) => {
                keys.push_str(key);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
