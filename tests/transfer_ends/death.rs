//! The server dies in the middle of a transfer.

use super::common::{DIALPLAN, Server};
use super::{LONG, answering, attempts, dialplan};
use zeroline::caller::answerer::{Answerer, Behaviour};
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// The process dies while one caller's person rings, another's is asked for the accept key, and a
/// third's talks: what the journal has is true,
/// and nothing that is not known is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_the_middle_tells_what_it_knew() {
    let listen = async |behaviour| {
        let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), behaviour).await;
        listening.expect("loopback has a free port")
    };
    let mut rings = listen(Behaviour::Ring).await;
    let mut asked = listen(answering(None)).await;
    let mut talks = listen(answering(None)).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut numbers = String::new();
    for (name, person, accept) in [
        ("rings", &rings, false),
        ("asked", &asked, true),
        ("talks", &talks, false),
    ] {
        let file = folder.path().join(name);
        let desk = format!("ring: [\"{}\"], accept: {accept}", person.uri("desk"));
        std::fs::write(&file, dialplan(name, &desk)).expect("it is written");
        numbers += &format!("{name}: {file:?}, ");
    }
    let settings = format!(
        "dialplans: {{ default: dialplan.yaml, numbers: {{ {numbers} }} }}\n\
         transfers: {{ allow: [\"sip:*@127.0.0.1\"] }}\n"
    );
    let mut server = Server::start_with(DIALPLAN, &settings);
    let mut calls = Vec::new();
    for name in ["rings", "asked", "talks"] {
        let call = Caller::to(format!("sip:{name}@{}", server.udp))
            .call()
            .await;
        let call = call.expect("it is called");
        call.until_answered(LONG).await.expect("it answers");
        let spoken_to = call.until(LONG, |state| state.packets_received > 20).await;
        spoken_to.expect("it speaks");
        call.press(&[Key::ZERO]).await.expect("it is pressed");
        calls.push(call);
    }
    let ringing = rings.next_call(LONG).await.expect("it is rung");
    let told = asked.next_call(LONG).await.expect("it is rung");
    told.until_answered(LONG).await.expect("it answers");
    let talking = talks.next_call(LONG).await.expect("it is rung");
    talking.until_answered(LONG).await.expect("they talk");
    // What is older than 200 ms is never lost.
    let heard = talking.state().packets_received;
    let later = talking.until(LONG, |state| state.packets_received > heard + 50);
    later.await.expect("the caller is heard");
    assert!(told.state().packets_received > 50, "they are spoken to");
    server.kill();
    server.restart();
    let records = server.records(3);
    let record = |name| {
        let record = records.iter().find(|it| it["called"] == name);
        record.unwrap_or_else(|| panic!("{name} is lost"))
    };
    for (name, outcome) in [
        ("rings", "dropped"),
        ("asked", "dropped"),
        ("talks", "transferred_answered"),
    ] {
        let record = record(name);
        assert_eq!(record["outcome"], outcome, "{record}");
        assert_eq!(record["recovered"], true, "{record}");
        assert!(record["ended_by"].is_null(), "{record}");
        assert_eq!(attempts(record), [(None, None)], "{record}");
        assert!(record["seconds_to_ringing"].is_f64(), "{record}");
    }
    assert!(record("rings")["seconds_to_answer"].is_null());
    assert!(record("asked")["seconds_to_answer"].is_f64());
    server.wait_for_metric("zeroline_calls 0");
    drop((calls, ringing, told));
}
