//! What has to hold of everything that was put down.

use crate::chance::Tally;
use crate::common::Server;
use crate::hotline::NOT_CALLED_BACK;
use crate::letters::{About, Letters};
use crate::picture::{Picture, undelivered};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// From the last call on, until every letter has come.
const LETTERS_WITHIN: Duration = Duration::from_secs(90);
/// As in the config.
const TRIES: u64 = 2;

/// Each caller who was answered has one record, and each who was called back and answered.
pub fn assert_none_lost(picture: &Picture, tally: &Tally) {
    let mut own: BTreeMap<&str, u32> = BTreeMap::new();
    let mut called_back: BTreeMap<&str, u32> = BTreeMap::new();
    for record in &picture.records {
        assert_eq!(record["recovered"], false, "{record}");
        let of = match record["callback_of"].is_null() {
            true => &mut own,
            false => &mut called_back,
        };
        let caller = record["caller"].as_str().expect("a number");
        *of.entry(caller).or_default() += 1;
    }
    let answered = tally.answered.lock().expect("nobody panics");
    assert!(!answered.is_empty(), "no call was answered");
    let lost: Vec<_> = answered
        .iter()
        .filter(|caller| !own.contains_key(caller.as_str()))
        .collect();
    assert!(lost.is_empty(), "records are lost: {lost:?}");
    let twice: Vec<_> = own.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "calls have two records: {twice:?}");
    for number in tally.called_back.lock().expect("nobody panics").iter() {
        let count = called_back.get_mut(number.as_str());
        let count = count.filter(|count| **count > 0);
        *count.unwrap_or_else(|| panic!("{number} was called back, and no record tells")) -= 1;
    }
}

/// Every attempt has an end, or somebody has the caller; and nobody is said to be a person who has not
/// confirmed it.
pub fn assert_truthful(record: &Value) {
    let attempts = record["attempts"].as_array().expect("a list");
    for (nth, attempt) in attempts.iter().enumerate() {
        let told = ["failure", "seconds_to_answer"].map(|it| !attempt[it].is_null());
        // Who was passed on and went is said to be that, and no more (law 5).
        let passed_on = attempt["refer_accepted"] == true
            && nth + 1 == attempts.len()
            && record["outcome"] == "transferred_unconfirmed";
        assert!(
            told.contains(&true) || passed_on,
            "an attempt without an end: {record}"
        );
    }
    let confirmed = record["outcome"] == "transferred_confirmed";
    let by_key = attempts
        .iter()
        .filter(|it| it["failure"].is_null() || it["failure"] == "refer_refused");
    let by_key = by_key
        .filter(|it| it["seconds_to_confirmed"].is_f64())
        .count();
    assert!(
        !confirmed || by_key > 0,
        "nobody has confirmed it: {record}"
    );
}

/// Every promise was kept, or has come to an end that is told; and each of our calls is of one.
pub fn assert_promises(picture: &Picture) {
    let booked: BTreeSet<&str> = picture
        .callbacks
        .iter()
        .filter_map(|it| it["call"].as_str())
        .collect();
    for record in &picture.records {
        let call = record["call"].as_str().expect("it has a name");
        let is_kept = record["callback"].is_null() || booked.contains(call);
        assert!(is_kept, "a callback is lost: {record}");
    }
    for record in picture.made() {
        let of = &record["callback_of"]["call"];
        let booked_in = picture.record(of);
        let booked_in = booked_in.unwrap_or_else(|| panic!("it was booked nowhere: {record}"));
        assert!(!booked_in["callback"].is_null(), "{booked_in}");
        assert_eq!(booked_in["caller"], record["caller"]);
    }
    for callback in &picture.callbacks {
        let last = picture.record(&callback["last_call"]);
        let number = callback["number"].as_str().expect("a number");
        match callback["state"].as_str().expect("a word") {
            // What was asked for last stands.
            "done" if is_replaced(callback) => {
                let reason = callback["reason"].as_str().expect("it is there");
                let by = reason.split_whitespace().last().map(Value::from);
                let by = by.and_then(|by| picture.record(&by));
                assert!(by.is_some_and(|by| by["caller"] == number), "{callback}");
            }
            "done" => {
                let made = last.unwrap_or_else(|| panic!("it was not made: {callback}"));
                assert_eq!(made["callback_of"]["call"], callback["call"], "{made}");
                assert!(made["answered_ms"].is_u64(), "{made}");
            }
            "failed" => {
                assert!(last.is_some(), "{callback}");
                assert!(callback["attempts"].as_u64() >= Some(TRIES), "{callback}");
            }
            "noted" => {
                let ours = !number.starts_with(NOT_CALLED_BACK) && callback["own_number"] == true;
                assert!(!ours, "it was to be made: {callback}");
                assert!(last.is_none(), "{callback}");
            }
            _ => panic!("it has come to no end: {callback}"),
        }
    }
}

/// Another for the same number has taken its place.
fn is_replaced(callback: &Value) -> bool {
    callback["state"] == "done" && !callback["reason"].is_null()
}

/// Each message that was left can be heard, and no other is kept.
pub fn assert_messages(picture: &Picture, data: &Path) {
    let left: BTreeSet<String> = picture
        .records
        .iter()
        .filter_map(|it| it["message"]["file"].as_str().map(str::to_owned))
        .collect();
    for file in &left {
        let sound = std::fs::metadata(data.join(file));
        let sound = sound.unwrap_or_else(|error| panic!("{file} is lost: {error}"));
        assert!(sound.len() > 1_000, "{file}: {} octets", sound.len());
    }
    let Ok(folder) = std::fs::read_dir(data.join("messages")) else {
        return assert!(left.is_empty(), "no message was kept");
    };
    let kept: BTreeSet<String> = folder
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .map(|name| format!("messages/{name}"))
        .collect();
    assert_eq!(kept, left);
}

/// How many letters there are to be about what.
fn due(picture: &Picture) -> BTreeMap<About, usize> {
    let mut due: BTreeMap<About, usize> = BTreeMap::new();
    let mut add = |subject: &str, call: &Value, count: usize| {
        let call = call.as_str().expect("it has a name").to_owned();
        if count > 0 {
            *due.entry((subject.to_owned(), call)).or_default() += count;
        }
    };
    for record in &picture.records {
        let call = &record["call"];
        let there = |what: &str| usize::from(!record[what].is_null());
        add("call", call, 1);
        add("message", call, there("message"));
        add("callback", call, there("callback") + there("callback_of"));
        let attempts = record["attempts"].as_array().expect("a list");
        add("transfer", call, attempts.len());
    }
    for callback in &picture.callbacks {
        let given_up = callback["state"] == "failed" || callback["state"] == "noted";
        let told = given_up || is_replaced(callback);
        add("callback", &callback["call"], usize::from(told));
    }
    due
}

/// Every letter that was due has come, or is among the dead; and there was none but those. How many are
/// dead.
pub fn assert_letters(picture: &Picture, letters: &Letters, server: &Server) -> usize {
    let due = due(picture);
    let deadline = Instant::now() + LETTERS_WITHIN;
    loop {
        let undelivered = undelivered(server);
        let waiting = undelivered.iter().any(|it| it["state"] == "waiting");
        let mut all: BTreeMap<String, About> = letters.taken();
        all.extend(undelivered.iter().map(|letter| {
            let text = |of: &str| letter[of].as_str().expect("a text").to_owned();
            (text("id"), (text("subject"), text("call")))
        }));
        let mut there: BTreeMap<About, usize> = BTreeMap::new();
        for about in all.into_values() {
            *there.entry(about).or_default() += 1;
        }
        if there == due && !waiting {
            return undelivered.len();
        }
        if Instant::now() > deadline {
            let lost = due
                .iter()
                .filter(|(about, _)| there.get(about) < due.get(about));
            let lost: Vec<_> = lost.collect();
            let new = there
                .iter()
                .filter(|(about, _)| there.get(about) > due.get(about));
            let new: Vec<_> = new.collect();
            panic!("letters lost: {lost:?}; of nothing: {new:?}; still waiting: {waiting}");
        }
        // A store tells nobody of a change.
        std::thread::sleep(Duration::from_millis(500));
    }
}
