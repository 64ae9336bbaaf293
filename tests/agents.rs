//! Agents whose telephones register with a real server: baresip and SIPp, from Debian's packages.

mod common;

use common::baresip::Baresip;
use common::{DIALPLAN, Server, sipp};
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

const LONG: Duration = Duration::from_secs(30);

/// A hotline whose handoff rings Anna, who registers here.
fn staffed(settings: &str) -> Server {
    let dialplan = DIALPLAN.replace("sip:agent@zeroline.local", "sip:anna@zeroline.local");
    let agents =
        "agents: { anna: { password: secret, wrap_up: 1h, skills: [refunds], languages: [en] } }\n";
    Server::start_with(&dialplan, &format!("{agents}{settings}"))
}

fn annas_telephone(server: &Server, transport: &str) -> Baresip {
    let at = match transport {
        "tcp" => server.tcp,
        _ => server.udp,
    };
    Baresip::start(&format!(
        "<sip:anna@{at};transport={transport}>;auth_user=anna;auth_pass=secret;regint=120;answermode=auto"
    ))
}

fn wait_for(server: &Server, state: &str) {
    server.wait_for_metric(&format!("zeroline_agents{{state=\"{state}\"}} 1"));
}

fn set(server: &Server, state: &str) -> Value {
    let wish = json!({ "state": state }).to_string();
    let (status, agent) = server.put("/agents/anna/state", "", &wish);
    assert!(status.contains(" 200 "), "{status}: {agent}");
    agent
}

/// A caller who is spoken to, and presses 0.
async fn wants_a_person(server: &Server) -> Call {
    let call = Caller::to(format!("sip:hotline@{}", server.udp))
        .call()
        .await;
    let call = call.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 0).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    call
}

async fn is_rung_over(transport: &str) {
    let server = staffed("");
    wait_for(&server, "offline");
    let telephone = annas_telephone(&server, transport);
    wait_for(&server, "available");
    let call = wants_a_person(&server).await;
    wait_for(&server, "busy");
    server.wait_for_metric("zeroline_targets_answered_total 1");
    let heard = call.state().packets_received;
    let talks = call.until(LONG, |state| state.packets_received > heard + 100);
    talks.await.expect("she is heard");
    call.hang_up().await;
    wait_for(&server, "wrap-up");
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
    let packets = record["agent_quality"]["packets_received"].as_u64();
    assert!(packets > Some(50), "{record}");
    assert_eq!(set(&server, "available")["state"], "available");
    let mut console = telephone.console();
    writeln!(console, "/quit").expect("it listens");
    wait_for(&server, "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_registers_and_is_rung_by_the_way_it_came() {
    is_rung_over("udp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_is_rung_over_its_own_connection() {
    is_rung_over("tcp").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_telephone_registers_and_is_rung() {
    let server = staffed("");
    let answers = Behaviour::Answer(Answer::default());
    let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), answers).await;
    let mut telephone = listening.expect("loopback has a free port");
    let expires = Duration::from_secs(60);
    let registering = telephone.register(server.udp, "anna", "secret", expires);
    registering.await;
    wait_for(&server, "available");
    let call = wants_a_person(&server).await;
    let talk = telephone.next_call(LONG).await.expect("it is rung");
    server.wait_for_metric("zeroline_targets_answered_total 1");
    call.hang_up().await;
    talk.ended(LONG).await.expect("both sides end");
    wait_for(&server, "wrap-up");
    telephone.unregister().await;
    wait_for(&server, "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_away_or_not_there_is_not_rung_and_the_caller_is_back_at_once() {
    let server = staffed("");
    let mut telephone = None;
    for _ in 0..2 {
        let call = wants_a_person(&server).await;
        server.wait_for_metric(&format!(
            "zeroline_transfers_returned_total{{reason=\"nobody_answered\"}} {}",
            1 + u32::from(telephone.is_some())
        ));
        call.hang_up().await;
        if telephone.is_none() {
            telephone = Some(annas_telephone(&server, "udp"));
            wait_for(&server, "available");
            assert_eq!(set(&server, "away")["state"], "away");
        }
    }
    let metrics = server.get("/metrics");
    assert!(
        !metrics.contains("zeroline_targets_answered_total"),
        "{metrics}"
    );
    assert_eq!(set(&server, "available")["state"], "available");
}

#[test]
fn who_is_away_is_so_over_restarts_until_they_say_otherwise() {
    let mut server = staffed("");
    for wish in ["away", "available"] {
        let telephone = annas_telephone(&server, "udp");
        wait_for(&server, if wish == "away" { "available" } else { "away" });
        assert_eq!(set(&server, wish)["state"], wish);
        drop(telephone);
        assert!(server.terminate().success());
        server.restart();
    }
    let _telephone = annas_telephone(&server, "udp");
    wait_for(&server, "available");
}

#[test]
fn sipp_registers_dials_a_code_and_is_hung_up_on_when_it_is_told() {
    let server = staffed("");
    let dial = |code, transport, media| {
        let keys = [("agent", "anna"), ("code", code)];
        let target = match transport {
            "t1" => server.tcp,
            _ => server.udp,
        };
        let uri = format!("{code}@{target}");
        let args = [
            "-t",
            transport,
            "-au",
            "anna",
            "-ap",
            "secret",
            "-auth_uri",
            &uri,
        ];
        sipp::call_with(target, media, "agent_code.xml", &keys, &args);
        let listed = server.get("/agents");
        let (_, body) = listed.split_once("\r\n\r\n").expect("it has a body");
        let agents: Value = serde_json::from_str(body).expect("it is JSON");
        agents[0].clone()
    };
    let anna = dial("*2", "u1", 32_300);
    assert_eq!(anna["state"], "away", "{anna}");
    assert_eq!(anna["skills"], json!(["refunds"]));
    assert_eq!(anna["languages"], json!(["en"]));
    let anna = dial("*1", "u1", 32_310);
    assert_eq!(anna["state"], "available", "{anna}");
    // Its connection closes with it, and what it said stays.
    dial("*2", "t1", 32_320);
    server.wait_for_metric("zeroline_calls 0");
    assert_eq!(server.get("/metrics").matches("calls_started").count(), 0);
}

#[test]
fn the_interface_tells_what_is_wrong_and_who_may_not_ask() {
    let server = staffed("console_token: open sesame\n");
    let listed = server.get("/agents");
    assert!(listed.starts_with("HTTP/1.0 401 "), "{listed}");
    let away = json!({ "state": "away" }).to_string();
    for (path, headers, body, status, told) in [
        (
            "anna",
            "Authorization: Bearer open sesame\r\n",
            away.as_str(),
            "200",
            "",
        ),
        ("anna", "", &away, "401", "Bearer TOKEN"),
        (
            "anna",
            "Authorization: Bearer open\r\n",
            &away,
            "401",
            "Bearer TOKEN",
        ),
        (
            "carl",
            "Authorization: Bearer open sesame\r\n",
            &away,
            "404",
            "no agent `carl`",
        ),
        (
            "anna",
            "Authorization: Bearer open sesame\r\n",
            "{\"state\":\"busy\"}",
            "422",
            "`busy` cannot be set",
        ),
        (
            "anna",
            "Authorization: Bearer open sesame\r\n",
            "{\"away\":1}",
            "422",
            "away",
        ),
        (
            "anna",
            "Authorization: Bearer open sesame\r\n",
            "away",
            "400",
            "JSON",
        ),
    ] {
        let path = format!("/agents/{path}/state");
        let (line, answer) = server.put(&path, headers, body);
        assert!(line.contains(status), "{line}: {answer}");
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(told), "{answer}");
        assert_eq!(error.is_empty(), status == "200", "{answer}");
    }
}
