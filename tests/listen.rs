//! What the server listens on: whatever it is, a caller reaches a person with one key.

mod common;

use common::{DIALPLAN, Server};
use std::time::Duration;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Calls, presses 0, and hears a person: nobody is rung but the built-in agent.
async fn reaches_a_person(server: &Server, uri: String) {
    let call = Caller::to(uri).call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 10).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    server.wait_for_metric("zeroline_targets_answered_total 1");
    let before = call.state().sound_heard;
    let connected = call.until(LONG, |state| {
        state.sound_heard > before + Duration::from_secs(3)
    });
    connected.await.expect("somebody is heard");
    call.finish().await.expect("it is told");
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["called"], "hotline", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_tcp_alone_the_built_in_agent_is_reached() {
    let server = Server::start_with(DIALPLAN, "listen: [\"tcp:127.0.0.1:0\"]");
    reaches_a_person(&server, format!("sip:hotline@{};transport=tcp", server.tcp)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_all_addresses_an_ipv4_caller_is_served() {
    if !common::has_ipv6() {
        return;
    }
    let server = Server::start_with(DIALPLAN, "listen: [\"udp:[::]:0\", \"tcp:[::]:0\"]");
    reaches_a_person(
        &server,
        format!("sip:hotline@127.0.0.1:{}", server.udp.port()),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_all_addresses_an_ipv4_caller_is_served_over_tcp() {
    if !common::has_ipv6() {
        return;
    }
    let server = Server::start_with(DIALPLAN, "listen: [\"udp:[::]:0\", \"tcp:[::]:0\"]");
    let port = server.tcp.port();
    reaches_a_person(
        &server,
        format!("sip:hotline@127.0.0.1:{port};transport=tcp"),
    )
    .await;
}
