//! baresip as the person, and as the caller.

use super::common::baresip::Baresip;
use super::common::{DIALPLAN, Server, sipp};
use super::{LONG, media_port, reached};
use std::io::Write;
use std::time::Duration;
use tokio::task::spawn_blocking;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Its keys are the caller's to hear when it has the call, but not the one by which it took it.
#[tokio::test(flavor = "multi_thread")]
async fn baresip_takes_the_call_by_the_accept_key() {
    let dialplan = DIALPLAN.replace(
        "ring: [\"sip:agent@zeroline.local\"]",
        "ring: [\"sip:anna@zeroline.local\"], accept: true",
    );
    let agents = "agents: { anna: { password: secret } }\n";
    let server = Server::start_with(&dialplan, agents);
    let telephone = Baresip::start(&format!(
        "<sip:anna@{};transport=udp>;auth_user=anna;auth_pass=secret;regint=120;answermode=auto",
        server.udp
    ));
    server.wait_for_metric("zeroline_agents{state=\"available\"} 1");
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 20).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    server.wait_for_metric("zeroline_targets_answered_total 1");
    let mut console = telephone.console();
    let mut pressed = ["1", "5"].into_iter().cycle();
    let heard = loop {
        assert!(call.state().ended.is_none(), "it is not taken");
        write!(console, "{}", pressed.next().expect("they go round")).expect("it listens");
        let heard = call
            .until(Duration::from_millis(500), |it| !it.keys_heard.is_empty())
            .await;
        if let Ok(heard) = heard {
            break heard;
        }
    };
    assert_eq!(heard.heard(), "5");
    call.finish().await.expect("it is told");
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
    assert!(record["attempts"][0]["failure"].is_null(), "{record}");
}

/// A telephone that passes a call on as its maker thought, not as a scenario says.
#[tokio::test(flavor = "multi_thread")]
async fn baresip_passes_its_call_on_to_the_person() {
    let person =
        sipp::Peer::with_steps(media_port(), "<INVITE >180 ~300 >200 <ACK ~1000 >BYE <200");
    let ring = format!("ring: [\"sip:desk@{}\"], way: refer", person.address);
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &ring);
    let settings = "transfers: { allow: [\"sip:*@127.0.0.1\"] }\n";
    let server = Server::start_with(&dialplan, settings);
    let telephone = Baresip::start("<sip:+442079460001@127.0.0.1>;regint=0");
    let mut console = telephone.console();
    writeln!(console, "/dial sip:hotline@{}", server.udp).expect("it listens");
    server.wait_for_metric("zeroline_human_offers_total 1");
    write!(console, "0").expect("it listens");
    let rung = spawn_blocking(move || person.finish()).await;
    rung.expect("the person is called by baresip, and hangs up");
    let record = server.records(1).remove(0);
    assert_eq!(record["attempts"][0]["way"], "refer", "{record}");
    assert_eq!(record["attempts"][0]["refer_accepted"], true, "{record}");
    reached(&record, "transfer");
}
