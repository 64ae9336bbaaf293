//! Callers who wait in line on a real server: told their place, served in order, free to choose
//! something else.

mod common;

use common::baresip::Baresip;
use common::{DIALPLAN, Server};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(40);

/// The `nth` caller who is spoken to and wants a person.
async fn caller(server: &Server, nth: u32) -> Call {
    let telephone = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = telephone.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 0).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    server.wait_for_metric(&format!(
        "zeroline_human_requests_total{{by=\"key\"}} {nth}"
    ));
    call
}

/// The calls, in the order in which they came: their records and their events.
fn calls(server: &Server, count: usize) -> Vec<(Value, Vec<Value>)> {
    let mut records = server.records(count);
    records.sort_by_key(|record| record["started_ms"].as_u64());
    let all = records.into_iter().map(|record| {
        let shown = Command::new(env!("CARGO_BIN_EXE_zeroline"))
            .args([
                "calls",
                "show",
                record["call"].as_str().expect("it has a name"),
            ])
            .args(["--format", "json", "--data"])
            .arg(server.data())
            .output()
            .expect("zeroline calls runs");
        let shown: Value = serde_json::from_slice(&shown.stdout).expect("it is JSON");
        let events = shown["events"].as_array().expect("its events").clone();
        (record, events)
    });
    all.collect()
}

/// The places that a caller was told.
fn places(events: &[Value]) -> Vec<u64> {
    let told = events.iter().map(|entry| &entry["event"]);
    let told = told.filter(|event| event["kind"] == "queued");
    told.filter_map(|event| event["position"].as_u64())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_want_one_person_and_are_told_their_places_and_served_in_order() {
    let answering = Behaviour::Answer(Answer {
        ring: true,
        ..Answer::default()
    });
    let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), answering).await;
    let mut person = listening.expect("loopback has a free port");
    let target = format!(
        "ring: [{{ to: \"{}\", limit: 1 }}], queue: true",
        person.uri("desk")
    );
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &target);
    let settings = "transfers: { allow: [\"sip:*@127.0.0.1\"] }\n";
    let server = Server::start_with(&dialplan, settings);

    let first = caller(&server, 1).await;
    let talk = person.next_call(LONG).await.expect("the first is served");
    talk.until_answered(LONG).await.expect("they talk");
    let second = caller(&server, 2).await;
    let third = caller(&server, 3).await;
    // Music, or what they are told, goes on for as long as they wait.
    for waiting in [&second, &third] {
        let before = waiting.state().sound_heard;
        let entertained = waiting.until(LONG, |state| {
            state.sound_heard > before + Duration::from_secs(2)
        });
        entertained.await.expect("the line is alive");
    }
    assert!(
        person.next_call(Duration::ZERO).await.is_none(),
        "two at once"
    );

    // To leave a message, press 2.
    third.press(&[Key::TWO]).await.expect("it is pressed");
    // Longer than what is said before the tone.
    let noise: Vec<i16> = (0..96_000)
        .map(|n| (n * 7_919 % 12_000 - 6_000) as i16)
        .collect();
    third.play_to_its_end(noise).await.expect("it is said");
    third.finish().await.expect("it is told");

    first.finish().await.expect("it is told");
    talk.ended(LONG).await.expect("both sides end");
    let talk = person.next_call(LONG).await.expect("the second is served");
    talk.until_answered(LONG).await.expect("they talk");
    // The person's telephone knows of it before the server does.
    tokio::task::block_in_place(|| server.wait_for_metric("zeroline_targets_answered_total 2"));
    second.finish().await.expect("it is told");
    talk.ended(LONG).await.expect("both sides end");
    assert!(
        person.next_call(Duration::ZERO).await.is_none(),
        "rung for nobody"
    );

    let calls = calls(&server, 3);
    let [(first, of_first), (second, of_second), (third, of_third)] = &calls[..] else {
        panic!("three calls were made");
    };
    assert_eq!(places(of_first), [0_u64; 0], "the first waits for nobody");
    assert_eq!(places(of_second).first(), Some(&1));
    assert_eq!(places(of_third).first(), Some(&2));
    assert_eq!(first["outcome"], "transferred_answered", "{first}");
    assert_eq!(second["outcome"], "transferred_answered", "{second}");
    assert_eq!(second["handoff_steps"], 1, "{second}");
    assert_eq!(third["outcome"], "message_left", "{third}");
    assert_eq!(third["attempts"], Value::Array(Vec::new()), "{third}");
}

/// A telephone that nobody takes rings for the first caller, then for the one who waited: they choose the
/// menu, by which it is free again, also for themselves.
#[tokio::test(flavor = "multi_thread")]
async fn who_waited_leaves_while_somebody_is_rung_for_them() {
    let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), Behaviour::Ring).await;
    let person = listening.expect("loopback has a free port");
    let target = format!(
        "ring: [{{ to: \"{}\", limit: 1 }}], timeout: 100s, queue: true",
        person.uri("desk")
    );
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &target);
    let settings = "transfers: { allow: [\"sip:*@127.0.0.1\"] }\n";
    let server = Server::start_with(&dialplan, settings);
    let first = caller(&server, 1).await;
    server.wait_for_metric("zeroline_targets_tried_total 1");
    let second = caller(&server, 2).await;
    server.wait_for_metric("zeroline_callers_in_line 1");
    first.finish().await.expect("it is told");
    server.wait_for_metric("zeroline_targets_tried_total 2");
    server.wait_for_metric("zeroline_callers_in_line 0");
    // Back to the menu.
    second.press(&[Key::STAR]).await.expect("it is pressed");
    server.wait_for_metric("zeroline_targets_failed_total{reason=\"cancelled\"} 2");
    second.press(&[Key::ZERO]).await.expect("it is pressed");
    server.wait_for_metric("zeroline_targets_tried_total 3");
    second.finish().await.expect("it is told");

    let calls = calls(&server, 2);
    let [(first, _), (second, of_second)] = &calls[..] else {
        panic!("two calls were made");
    };
    assert_eq!(first["outcome"], "gave_up_while_ringing", "{first}");
    assert_eq!(second["outcome"], "gave_up_while_ringing", "{second}");
    assert_eq!(second["handoff_steps"], 1, "{second}");
    assert_eq!(places(of_second), [1]);
    let kinds: Vec<&str> = of_second
        .iter()
        .filter_map(|entry| entry["event"]["kind"].as_str())
        .filter(|kind| ["target_tried", "target_failed", "line_left"].contains(kind))
        .collect();
    let rung_in_vain = ["target_tried", "target_failed"];
    assert_eq!(
        kinds,
        [&rung_in_vain[..], &["line_left"], &rung_in_vain].concat()
    );
}

/// Who waits for agents of whom none is left is not left waiting.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_agent_goes_away_and_those_who_wait_have_a_choice() {
    let dialplan = DIALPLAN.replace(
        "ring: [\"sip:agent@zeroline.local\"]",
        "ring: [agents], queue: true",
    );
    let agents = "agents: { anna: { password: secret, wrap_up: 0s } }\n";
    let server = Server::start_with(&dialplan, agents);
    let _telephone = Baresip::start(&format!(
        "<sip:anna@{};transport=udp>;auth_user=anna;auth_pass=secret;regint=120;answermode=auto",
        server.udp
    ));
    server.wait_for_metric("zeroline_agents{state=\"available\"} 1");
    let first = caller(&server, 1).await;
    server.wait_for_metric("zeroline_targets_answered_total 1");
    let second = caller(&server, 2).await;
    let before = second.state().sound_heard;
    let waits = second.until(LONG, |state| {
        state.sound_heard > before + Duration::from_secs(1)
    });
    waits.await.expect("the line is alive");
    let wish = "{\"state\":\"away\"}";
    let (status, agent) = server.put("/agents/anna/state", "", wish);
    assert!(status.contains(" 200 "), "{status}: {agent}");
    // It holds from the end of her talk on.
    first.finish().await.expect("it is told");
    server.wait_for_metric("zeroline_transfers_returned_total{reason=\"nobody_answered\"} 1");
    second.finish().await.expect("it is told");
    let calls = calls(&server, 2);
    let [(first, _), (second, of_second)] = &calls[..] else {
        panic!("two calls were made");
    };
    assert_eq!(first["outcome"], "transferred_confirmed", "{first}");
    assert_eq!(places(of_second).first(), Some(&1));
    assert_eq!(second["outcome"], "gave_up_in_queue", "{second}");
    assert_eq!(second["attempts"], Value::Array(Vec::new()), "{second}");
}
