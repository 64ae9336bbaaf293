//! What agents' systems are told of a call: a fold of its events, the same each time. So letters can be
//! made as the call goes on, and once more from the whole call for those that were not.
//!
//! The documents are versioned: fields may be added, never removed or given another meaning. Nothing
//! sensitive is in them, for none is in the events.

use crate::call::call_record::CallRecord;
use crate::call::outcome::Outcome;
use crate::config::webhooks::Subject;
use crate::events::{CallRef, Entry, Event, SlotValue};
use crate::language::Language;
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
    letter(
        id_of(entry),
        Subject::Transfer,
        entry.call,
        entry.at_ms,
        data,
    )
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
    letter(
        id_of(entry),
        Subject::Callback,
        entry.call,
        entry.at_ms,
        data,
    )
}

/// Our call to somebody who asked for one has ended: they spoke with a person, or they did not.
fn callback_made(record: &CallRecord, story: &Story) -> Option<Letter> {
    let made = record.callback_of?;
    let spoke = matches!(
        record.outcome,
        Outcome::TransferredAnswered | Outcome::TransferredConfirmed
    );
    let mut data = context(record, story);
    data["state"] = json!(if spoke { "done" } else { "not_reached" });
    data["of"] = json!(made.call);
    data["attempt"] = json!(made.attempt);
    data["outcome"] = json!(record.outcome);
    let id = format!("{}-callback", record.call);
    let (call, at_ms) = (record.call, record.ended_ms);
    Some(letter(id, Subject::Callback, call, at_ms, data))
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
    /// The node at which the way to a person last began.
    wish: Option<String>,
    lines: VecDeque<Value>,
}

impl Story {
    fn hear(&mut self, entry: &Entry) {
        let started_ms = *self.started_ms.get_or_insert(entry.at_ms);
        let mut line = match &entry.event {
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
mod tests {
    use super::*;
    use crate::call::example_call::law_4;
    use crate::events::{KeySource, SpeechResult};
    use crate::key::Key;

    fn body(letter: &Letter) -> Value {
        serde_json::from_str(&letter.body).expect("it is JSON")
    }

    /// The example, and `events` just before its end.
    fn call_with(events: Vec<Event>) -> Vec<Entry> {
        let mut entries = law_4();
        let last = entries.pop().expect("it ends");
        entries.extend(events.into_iter().map(|event| Entry {
            event,
            ..last.clone()
        }));
        entries.push(last);
        for (seq, entry) in (0..).zip(&mut entries) {
            entry.seq = seq;
        }
        entries
    }

    #[test]
    fn whoever_is_rung_is_told_who_calls_what_for_and_what_was_said() {
        let entries = law_4();
        let told = told_of(&entries, None);
        let [first, second] = &told.letters[..] else {
            panic!("{told:?}");
        };
        assert_eq!(first.subject, Subject::Transfer);
        assert_ne!(first.id, second.id);
        let (first, second) = (body(first), body(second));
        assert_eq!(first["type"], "transfer");
        assert_eq!(first["version"], 1);
        assert_eq!(first["timestamp"], "2025-06-15T15:07:13.600Z");
        let data = &first["data"];
        assert_eq!(data["caller"], "+442079460000");
        assert_eq!(data["wish"], "track");
        assert_eq!(data["requested_by"], "key");
        assert_eq!(data["slots"], json!({ "tracking_number": "1234567890" }));
        assert_eq!((&data["steps"], &data["depth"]), (&json!(6), &json!(2)));
        assert_eq!(
            (&data["attempt"], &data["way"]),
            (&json!(1), &json!("bridged"))
        );
        assert_eq!(data["target"], "sip:a@pbx.example.com");
        assert_eq!(second["data"]["target"], "sip:b@pbx.example.com");
        let lines = data["dialogue"].as_array().expect("a list");
        let first_line = json!({ "asked": "menu", "node": "main", "again": false, "seconds": 4.3 });
        assert_eq!(lines[0], first_line);
        let last = json!({ "human": "key", "node": "track", "seconds": 33.5 });
        assert_eq!(lines.last(), Some(&last));
    }

    #[test]
    fn letters_are_the_same_whenever_they_are_made() {
        let entries = law_4();
        let whole = told_of(&entries, None).letters;
        for upto in 0..entries.len() {
            let part = told_of(&entries[..upto], None).letters;
            assert_eq!(part, whole[..part.len()]);
        }
        let record = CallRecord::fold(&entries).expect("it folds");
        let told = told_of(&entries, Some(&record)).letters;
        assert_eq!(told[..2], whole);
        let end = body(&told[2]);
        assert_eq!(told[2].id, format!("{}-end", record.call));
        assert_eq!(end["data"]["outcome"], "transferred_confirmed");
        assert_eq!(end["data"]["call"], record.call.to_string());
    }

    #[test]
    fn a_callback_that_was_made_is_told_with_what_came_of_it() {
        let of = CallRef::from_parts(1, 1);
        let mut entries = law_4();
        // In the place of the offer of a person.
        entries[3].event = Event::CallbackBegun { of, attempt: 2 };
        let made = |entries: &[Entry]| {
            let record = CallRecord::fold(entries).expect("it folds");
            let letters = told_of(entries, Some(&record)).letters;
            let made = letters.iter().find(|it| it.subject == Subject::Callback);
            body(made.expect("it is told"))["data"].clone()
        };
        let spoke = made(&entries);
        assert_eq!(spoke["state"], "done");
        assert_eq!((&spoke["of"], &spoke["attempt"]), (&json!(of), &json!(2)));
        assert_eq!(spoke["outcome"], "transferred_confirmed");
        let last = entries.len() - 2;
        entries[last].event = Event::CallbackFailed { status: Some(486) };
        assert_eq!(made(&entries)["state"], "not_reached");
    }

    #[test]
    fn what_is_sensitive_is_only_named() {
        let source = KeySource::TelephoneEvent;
        let entries = call_with(vec![
            Event::KeyPressed { key: None, source },
            Event::KeyPressed { key: None, source },
            Event::SlotFilled {
                slot: "pin".into(),
                value: SlotValue::Sensitive { length: 2 },
            },
            Event::CallbackBooked {
                number: "+442079460000".into(),
                handoff: "support".into(),
                wish: "track".into(),
                own_number: true,
                since_ms: None,
            },
        ]);
        let told = told_of(&entries, None).letters;
        let callback = body(told.last().expect("it is told"));
        assert_eq!(callback["type"], "callback");
        let data = &callback["data"];
        assert_eq!(
            (&data["state"], &data["number"]),
            (&json!("booked"), &json!("+442079460000"))
        );
        assert_eq!(data["slots_withheld"], json!(["pin"]));
        assert!(data["slots"].get("pin").is_none());
        let lines = data["dialogue"].as_array().expect("a list");
        assert_eq!(lines.last().expect("a line")["keys"], "••");
    }

    #[test]
    fn a_transcript_keeps_what_was_said_last() {
        let heard = |words: String| Event::SpeechHeard {
            node: "track".into(),
            words: Some(words),
            confidence: 0.9,
            result: SpeechResult::NotUnderstood,
            milliseconds: 300,
        };
        let key = Event::KeyPressed {
            key: Key::from_char('1'),
            source: KeySource::Info,
        };
        let said = (0..300).map(|number| heard(format!("word {number}")));
        let last = Event::CallbackBooked {
            number: "1".into(),
            handoff: "support".into(),
            wish: "track".into(),
            own_number: true,
            since_ms: None,
        };
        let events = said.chain([key.clone(), key, last]).collect();
        let told = told_of(&call_with(events), None).letters;
        let data = &body(told.last().expect("it is told"))["data"];
        let lines = data["dialogue"].as_array().expect("a list");
        assert_eq!(lines.len(), MAX_LINES);
        assert_eq!(lines[MAX_LINES - 1]["keys"], "11");
        assert_eq!(lines[MAX_LINES - 2]["heard"], "word 299");
    }

    #[test]
    fn a_message_is_told_with_where_it_is_heard_and_its_transcript() {
        let entries = call_with(vec![Event::MessageLeft {
            handoff: "support".into(),
            file: "messages/01X-9.wav".into(),
            milliseconds: 7200,
        }]);
        let told = told_of(&entries, None);
        let [message] = &told.messages[..] else {
            panic!("{told:?}");
        };
        let with = body(&message_letter(
            message,
            Ok(("please call me", "whisper", 0.75)),
        ));
        assert_eq!(with["data"]["audio"], "/messages/01X-9.wav");
        assert_eq!(with["data"]["milliseconds"], 7200);
        assert_eq!(with["data"]["dialogue"][0]["asked"], "menu");
        assert_eq!(with["data"]["transcript"]["text"], "please call me");
        assert_eq!(with["data"]["transcript_missing"], Value::Null);
        let without = body(&message_letter(message, Err("nobody hears en here")));
        assert_eq!(without["data"]["transcript"], Value::Null);
        assert_eq!(
            without["data"]["transcript_missing"],
            "nobody hears en here"
        );
    }
}
