//! Law 8 from end to end: the bank's hotline records, and of a card's number nothing is recorded.

mod common;

use common::{SPEAKS, Server};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use zeroline::audio::tones::chord;
use zeroline::audio::wav;
use zeroline::caller::call::{Call, KeysBy};
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(30);
const TRIES: u32 = 3;
/// What is sensitive stays silent so much longer: the last tone, and what the jitter buffer holds.
const TAIL_MS: i64 = 500;
/// A packet, and the way from the dialogue's time to the tape's.
const SLACK_MS: i64 = 60;

/// Calls from a telephone whose keys are tones, in a room with a humming machine.
async fn call_from_a_noisy_room(server: &Server) -> Call {
    let mut caller = Caller::to(format!("sip:hotline@{}", server.udp));
    caller.keys_by = KeysBy::Inband;
    caller.media.telephone_event = false;
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    call.play_round(chord(&[(300.0, -25.0)], 8_000)).await;
    call
}

async fn press(call: &Call, keys: &str) {
    let keys: Vec<Key> = keys.chars().filter_map(Key::from_char).collect();
    call.press(&keys).await.expect("they are pressed");
}

/// Waits until the bot has said what it says now.
async fn heard_out(call: &Call) {
    let quiet = |state: &zeroline::caller::state::CallState| {
        let since = state.quiet_since;
        since.is_some_and(|since| since.elapsed() > Duration::from_millis(300))
    };
    // Where a tone was not heard as one, the bot may not be who speaks: the record shows that.
    let _ = call.until(LONG, quiet).await;
}

/// When something happened first, in the call's milliseconds.
fn time_of(events: &[Value], is_it: impl Fn(&Value) -> bool) -> i64 {
    let entry = events.iter().find(|entry| is_it(&entry["event"]));
    let entry = entry.unwrap_or_else(|| panic!("it did not happen in {events:#?}"));
    entry["at_ms"].as_i64().expect("a number")
}

/// Nobody but the server's user reads the folder or anything in it.
fn assert_private(path: &Path) {
    let mode = path.metadata().expect("it is there").mode();
    assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
    if path.is_dir() {
        let entries = std::fs::read_dir(path).expect("it is read");
        entries.for_each(|entry| assert_private(&entry.expect("it is read").path()));
    }
}

fn is_filled(event: &Value) -> bool {
    event["slot"] == "card_number"
}

/// Keys a card's number in, is passed on, and goes when there is enough to look at; what the server
/// tells of the call.
async fn tells_a_cards_number(server: &Server) -> Value {
    let call = call_from_a_noisy_room(server).await;
    heard_out(&call).await;
    for key in ["1", "1", "1"] {
        press(&call, key).await;
        heard_out(&call).await;
    }
    press(&call, "4111111111111111#").await;
    // A person, or what was not understood, and the call may end by that.
    let before = call.state().sound_heard;
    let _ = call
        .until(LONG, |state| {
            state.sound_heard > before + Duration::from_secs(5)
        })
        .await;
    call.finish().await.expect("it is told");
    server.last_call()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_channels_are_silent_over_a_cards_number() {
    let programs = [("flite", SPEAKS), ("espeak-ng", SPEAKS)];
    let bank = include_str!("../dialplans/bank.yaml");
    let start = || Server::start_among(&programs, bank, "");
    let mut server = start();
    let mut told = tells_a_cards_number(&server).await;
    // On a machine that stands still in the midst of a tone, two are heard or none.
    for _ in 1..TRIES {
        let events = told["events"].as_array().expect("they are told");
        if events.iter().any(|entry| is_filled(&entry["event"])) {
            break;
        }
        server = start();
        told = tells_a_cards_number(&server).await;
    }
    let events = told["events"].as_array().expect("they are told");
    let file = told["record"]["recording"]
        .as_str()
        .expect("it is recorded");
    assert_private(&server.data());
    let file = std::fs::File::open(server.data().join(file)).expect("it is there");
    let channels = wav::read(file).expect("it is a WAV");
    let begins = time_of(events, |it| it["kind"] == "recording_started");
    let asked = time_of(events, |it| it["node"] == "lost_number");
    let given = time_of(events, is_filled);
    let stretch = |channel: &[i16], from: i64, to: i64| {
        let sample = |at: i64| usize::try_from((at - begins) * 8).expect("it is recorded then");
        channel[sample(from)..sample(to)]
            .iter()
            .filter(|it| **it != 0)
            .count()
    };
    for channel in &channels {
        let silent = stretch(channel, asked + SLACK_MS, given + TAIL_MS - SLACK_MS);
        assert_eq!(silent, 0, "something is recorded");
        assert!(stretch(channel, begins + 200, asked - SLACK_MS) > 800);
        let after = given + TAIL_MS + SLACK_MS;
        assert!(stretch(channel, after, after + 3_000) > 800);
    }
}
