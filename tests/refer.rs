//! Transfers by REFER, with SIPp as the caller's exchange.

mod common;

use common::{DIALPLAN, Server, sipp};
use std::time::Duration;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::caller::Caller;
use zeroline::caller::referral::Referral;
use zeroline::key::Key;

/// Calls by a scenario, with a person behind a trunk that transfers by REFER; the call's record.
async fn transferred(scenario: &'static str, media: u16) -> (serde_json::Value, bool) {
    let behaviour = Behaviour::Answer(Answer {
        hang_up_after: Some(Duration::from_millis(500)),
        ..Answer::default()
    });
    let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), behaviour).await;
    let mut person = listening.expect("loopback has a free port");
    let (address, uri) = (person.address(), person.uri("desk"));
    let target = format!("ring: [\"{uri}\"]");
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &target);
    let settings = format!(
        "transfers: {{ allow: [\"sip:*@127.0.0.1\"] }}\n\
         trunks: {{ exchange: {{ proxy: \"sip:{address}\", way: refer }} }}\n"
    );
    let calling = tokio::task::spawn_blocking(move || {
        let server = Server::start_with(&dialplan, &settings);
        sipp::call_by(server.udp, media, scenario, 1);
        server.records(1).remove(0)
    });
    let record = calling.await.expect("the call goes as the scenario says");
    let was_rung = person.next_call(Duration::ZERO).await.is_some();
    (record, was_rung)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_answered_elsewhere_has_answered() {
    let (record, was_rung) = transferred("refer_answered.xml", 29_000).await;
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["ended_by"], "transfer", "{record}");
    assert!(
        record["seconds_to_ringing"].is_null(),
        "nobody said so: {record}"
    );
    assert!(!was_rung, "the exchange rings the person, not we");
}

/// Law 5: what nobody told is not claimed.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_whose_end_is_not_told_is_unconfirmed() {
    let (record, was_rung) = transferred("refer_silent.xml", 29_200).await;
    assert_eq!(record["outcome"], "transferred_unconfirmed", "{record}");
    assert!(!was_rung);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_transfer_is_bridged_at_once() {
    let (record, was_rung) = transferred("refer_refused.xml", 29_400).await;
    assert!(was_rung);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["ended_by"], "agent", "{record}");
}

/// What our own telephone's exchange tells is what the record says.
#[tokio::test(flavor = "multi_thread")]
async fn our_own_telephone_is_passed_on() {
    let dialplan = DIALPLAN
        .replace("sip:agent@zeroline.local", "sip:desk@127.0.0.1")
        .replace("else:", "way: refer, else:");
    let settings = "transfers: { allow: [\"sip:*@127.0.0.1\"] }\n";
    let start = move || Server::start_with(&dialplan, settings);
    let server = tokio::task::spawn_blocking(start).await.expect("it starts");
    let mut caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let soon = Duration::from_millis(100);
    caller.referral = Some(Referral {
        status: 202,
        told: vec![(soon, 180), (2 * soon, 200)],
    });
    let call = caller.call().await.expect("it is called");
    let long = Duration::from_secs(30);
    call.until_answered(long).await.expect("it answers");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    call.ended(long).await.expect("the server's part is over");
    let records = tokio::task::spawn_blocking(move || server.records(1)).await;
    let record = records.expect("it is stored").remove(0);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["ended_by"], "transfer", "{record}");
    assert!(record["seconds_to_ringing"].is_f64(), "{record}");
}
