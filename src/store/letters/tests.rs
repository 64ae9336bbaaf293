use super::*;
use crate::call::example_call::law_4;
use crate::events::{KeySource, RequestedBy, SpeechResult};
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
    let wish = Some("refund".to_owned());
    let attempt = 2;
    entries[3].event = Event::CallbackBegun { of, attempt, wish };
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
    // The one who is rung is told what was wanted then.
    let begun = entries
        .iter()
        .position(|it| matches!(it.event, Event::TargetTried { .. }));
    let mut rung = entries.clone();
    rung.truncate(begun.expect("somebody is rung") + 1);
    rung.retain(|it| !matches!(it.event, Event::HumanRequested { .. }));
    let letters = told_of(&rung, None).letters;
    assert_eq!(body(&letters[0])["data"]["wish"], "refund");
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

/// The caller wanted a person for one thing, and leaves something behind for another.
#[test]
fn what_is_left_behind_is_about_what_was_wished_last() {
    let wanted = Event::HumanRequested {
        by: RequestedBy::Dialplan,
        node: "refund".into(),
        steps: 1,
        depth: 1,
    };
    let booked = Event::CallbackBooked {
        number: "+442079460000".into(),
        handoff: "support".into(),
        wish: "track".into(),
        own_number: true,
        since_ms: None,
    };
    let told = told_of(&call_with(vec![wanted.clone(), booked]), None);
    let callback = told.letters.last().expect("it is told");
    assert_eq!(body(callback)["data"]["wish"], "track");
    let wish = |wish: Option<&str>| {
        let started = Event::MessageStarted {
            handoff: "support".into(),
            wish: wish.map(str::to_owned),
            file: None,
        };
        let left = Event::MessageLeft {
            handoff: "support".into(),
            file: "messages/01X-9.wav".into(),
            milliseconds: 7200,
        };
        let told = told_of(&call_with(vec![wanted.clone(), started, left]), None);
        told.messages[0].data["wish"].clone()
    };
    assert_eq!(
        (wish(Some("track")), wish(None)),
        (json!("track"), json!("refund"))
    );
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
