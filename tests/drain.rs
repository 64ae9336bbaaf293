//! A server that stops: calls that go on are served to their end, and their records tell it.

mod common;

use common::{DIALPLAN, Server};
use std::time::Duration;
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// A server that was asked to stop while a caller listens to it.
async fn draining() -> (Server, Call) {
    let server = Server::start_with(DIALPLAN, "drain: 60s");
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 10).await;
    spoken_to.expect("it speaks");
    server.ask_to_stop();
    while server.get("/ready").contains("200 OK") {
        tokio::task::yield_now().await;
    }
    (server, call)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_while_the_server_stops_is_in_the_record() {
    let (mut server, call) = draining().await;
    call.finish().await.expect("it is told");
    assert!(server.wait().success());
    let record = common::records(&server.data()).remove(0);
    assert_eq!(record["ended_by"], "caller", "{record}");
    assert_eq!(record["outcome"], "gave_up_in_menu", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_human_key_works_while_the_server_stops() {
    let (mut server, call) = draining().await;
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    server.wait_for_metric("zeroline_targets_answered_total 1");
    let before = call.state().sound_heard;
    let connected = call.until(LONG, |state| {
        state.sound_heard > before + Duration::from_secs(4)
    });
    connected.await.expect("somebody is heard");
    call.finish().await.expect("it is told");
    assert!(server.wait().success());
    let record = common::records(&server.data()).remove(0);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_told_again_to_stop_says_goodbye_at_once() {
    let (mut server, call) = draining().await;
    server.ask_to_stop();
    let ended = call.until(LONG, |state| state.ended.is_some());
    ended.await.expect("it does not take the minute");
    assert!(server.wait().success());
    let record = common::records(&server.data()).remove(0);
    assert_eq!(record["ended_by"], "server", "{record}");
}

/// A log that is piped into a program which has ended costs no call, and no end in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_log_nobody_reads_serves_and_stops() {
    let mut server = Server::start_unread(DIALPLAN);
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    let spoken_to = call.until(LONG, |state| state.packets_received > 100).await;
    spoken_to.expect("it goes on");
    call.finish().await.expect("it is told");
    assert!(server.terminate().success());
    let record = common::records(&server.data()).remove(0);
    assert_eq!(record["ended_by"], "caller", "{record}");
}
