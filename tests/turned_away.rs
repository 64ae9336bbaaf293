//! Callers that the server cannot serve: each is told where to go, and leaves a record.

mod common;

use common::{DIALPLAN, Server};
use std::time::Duration;
use zeroline::caller::caller::Caller;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Calls, is turned away, and the record says how.
async fn turned_away(server: &Server, user: &str, status: u16, reason: &str) {
    let uri = format!("sip:{user}@{}", server.udp);
    let call = Caller::to(uri).call().await.expect("it is called");
    let refused = call.ended(LONG).await.expect("it is turned away");
    assert!(!refused.answered);
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "rejected", "{record}");
    assert_eq!(record["rejected_status"], status, "{record}");
    assert_eq!(record["end_reason"], reason, "{record}");
    assert_eq!(record["called"], user, "{record}");
    assert_eq!(record["source"], "127.0.0.1", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_full_server_sends_to_a_person_has_a_record() {
    let settings = "calls: { max: 1 }\nhuman: \"sip:desk@127.0.0.1:9\"\n";
    let server = Server::start_with(DIALPLAN, settings);
    let first = Caller::to(format!("sip:hotline@{}", server.udp))
        .call()
        .await;
    let first = first.expect("it is called");
    first.until_answered(LONG).await.expect("it answers");
    turned_away(&server, "hotline", 302, "all lines are taken").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_nobody_is_called_like_has_a_record() {
    let server = Server::start_with(
        DIALPLAN,
        "dialplans: { numbers: { \"1*\": dialplan.yaml } }",
    );
    turned_away(&server, "2000", 404, "nobody is called so here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_media_port_has_a_record() {
    // Below what the kernel hands out.
    let server = Server::start_with(DIALPLAN, "media: { ports: 19000-19001 }");
    let first = Caller::to(format!("sip:hotline@{}", server.udp))
        .call()
        .await;
    let first = first.expect("it is called");
    first.until_answered(LONG).await.expect("it answers");
    turned_away(&server, "hotline", 503, "all media ports are taken").await;
}
