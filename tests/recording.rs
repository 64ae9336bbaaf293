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
    call.until(LONG, quiet).await.expect("it comes to an end");
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

#[tokio::test(flavor = "multi_thread")]
async fn both_channels_are_silent_over_a_cards_number() {
    let programs = [("flite", SPEAKS), ("espeak-ng", SPEAKS)];
    let bank = include_str!("../dialplans/bank.yaml");
    let server = Server::start_among(&programs, bank, "");
    let call = call_from_a_noisy_room(&server).await;
    heard_out(&call).await;
    for key in ["1", "1", "1"] {
        press(&call, key).await;
        heard_out(&call).await;
    }
    press(&call, "4111111111111111#").await;
    let before = call.state().sound_heard;
    let connected = call.until(LONG, |state| {
        state.sound_heard > before + Duration::from_secs(3)
    });
    connected.await.expect("the agent is heard");
    call.finish().await.expect("it is told");

    let told = server.last_call();
    let events = told["events"].as_array().expect("they are told");
    let file = told["record"]["recording"]
        .as_str()
        .expect("it is recorded");
    assert_private(&server.data());
    let file = std::fs::File::open(server.data().join(file)).expect("it is there");
    let channels = wav::read(file).expect("it is a WAV");
    let begins = time_of(events, |it| it["kind"] == "recording_started");
    let asked = time_of(events, |it| it["node"] == "lost_number");
    let given = time_of(events, |it| it["slot"] == "card_number");
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
