//! Webhooks from end to end: a caller presses 0, and an agent's system is told before anybody answers,
//! also when the server dies in between.

mod common;
#[path = "common/http_stand_in.rs"]
#[allow(dead_code, reason = "each user of it takes a part")]
mod http_stand_in;

use common::{DIALPLAN, Server};
use http_stand_in::{Response, StandIn};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct Letter {
    id: String,
    document: Value,
    came: Instant,
}

/// A receiver that takes letters while `takes` says so, and refuses them else.
fn receiver(takes: Arc<AtomicBool>) -> (StandIn, Receiver<Letter>) {
    let (tell, letters) = channel();
    let receiver = StandIn::start(move |request, _| {
        let letter = Letter {
            id: request.header("webhook-id").expect("it is there").into(),
            document: serde_json::from_slice(&request.body).expect("it is JSON"),
            came: Instant::now(),
        };
        let _ = tell.send(letter);
        let status = if takes.load(Ordering::SeqCst) {
            200
        } else {
            503
        };
        Response::new(status, "")
    });
    (receiver, letters)
}

fn settings(receiver: &StandIn) -> String {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let url = &receiver.url;
    format!("webhooks: {{ crm: {{ url: \"{url}/zeroline\", secret: {secret} }} }}\n")
}

async fn call_and_press_0(server: &Server) -> (Call, Instant) {
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let zero = Key::from_char('0').expect("it is a key");
    call.press(&[zero]).await.expect("it is pressed");
    (call, Instant::now())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_system_is_told_at_once_and_when_the_call_has_ended() {
    let (crm, letters) = receiver(Arc::new(AtomicBool::new(true)));
    let server = Server::start_with(DIALPLAN, &settings(&crm));
    let (call, pressed) = call_and_press_0(&server).await;
    let transfer = letters.recv_timeout(LONG).expect("while the call goes on");
    println!(
        "{} ms from the key to the letter",
        (transfer.came - pressed).as_millis()
    );
    let data = &transfer.document["data"];
    assert_eq!(transfer.document["type"], "transfer", "{data}");
    assert_eq!(data["called"], "hotline");
    assert_eq!(data["target"], "sip:agent@zeroline.local");
    assert_eq!(data["requested_by"], "key");
    call.finish().await.expect("it is told");
    let end = letters.recv_timeout(LONG).expect("at the end");
    assert_eq!(end.document["type"], "call");
    assert_eq!(end.document["data"]["call"], data["call"]);
    server.wait_for_metric("zeroline_webhooks_delivered_total{webhook=\"crm\"} 2");
    server.wait_for_metric("zeroline_webhooks_waiting{webhook=\"crm\"} 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_when_the_server_died_is_delivered_after_it_under_the_same_id() {
    let takes = Arc::new(AtomicBool::new(false));
    let (crm, letters) = receiver(takes.clone());
    let mut server = Server::start_with(DIALPLAN, &settings(&crm));
    let (call, _) = call_and_press_0(&server).await;
    let refused = letters.recv_timeout(LONG).expect("it is tried");
    assert_eq!(refused.document["type"], "transfer");
    server.kill();
    drop(call);
    letters.try_iter().for_each(drop);
    takes.store(true, Ordering::SeqCst);
    server.restart();
    let mut taken: Vec<Letter> = Vec::new();
    while taken.len() < 2 {
        taken.push(letters.recv_timeout(LONG).expect("after the restart"));
    }
    let again = taken.iter().find(|it| it.document["type"] == "transfer");
    let again = again.expect("it comes again");
    assert_eq!(again.id, refused.id);
    assert_eq!(again.document, refused.document);
    let end = taken.iter().find(|it| it.document["type"] == "call");
    let end = end.expect("the call's end is told too");
    assert_eq!(end.document["data"]["recovered"], true);
    server.wait_for_metric("zeroline_webhooks_delivered_total{webhook=\"crm\"} 2");
    assert!(
        letters.try_recv().is_err(),
        "a letter that was taken came again"
    );
}
