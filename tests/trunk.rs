//! A trunk that wants to know who we are, played by SIPp. What it is told is checked here by the
//! RFC's own formula, not by our code.

mod common;

use common::sipp::Peer;
use common::{DIALPLAN, Server};
use md5::Md5;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

const LONG: Duration = Duration::from_secs(30);
const NONCE: &str = "84a4cc6f3082121f32b42a2187831a9e";

/// The parameters that a scenario logged after a method.
fn credentials(log: &str, method: &str) -> BTreeMap<String, String> {
    let start = format!("{method} Digest ");
    let line = log.lines().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("no {method} in {log:?}"));
    let param = |param: &str| {
        let (name, value) = param.trim().split_once('=').expect("a name and a value");
        (name.to_owned(), value.trim_matches('"').to_owned())
    };
    line.split(',').map(param).collect()
}

fn hash(algorithm: &str, text: &str) -> String {
    let octets = match algorithm {
        "MD5" => Md5::digest(text).to_vec(),
        _ => Sha256::digest(text).to_vec(),
    };
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// RFC 7616, 3.4.1.
fn assert_authenticates(log: &str, method: &str, algorithm: &str) {
    let params = credentials(log, method);
    let param = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!(param("algorithm"), algorithm);
    assert_eq!((param("username"), param("nonce")), ("hotline", NONCE));
    let a1 = hash(algorithm, "hotline:zeroline test:secret");
    let a2 = hash(algorithm, &format!("{method}:{}", param("uri")));
    let (nc, cnonce) = (param("nc"), param("cnonce"));
    let text = format!("{a1}:{NONCE}:{nc}:{cnonce}:auth:{a2}");
    assert_eq!(param("response"), hash(algorithm, &text), "{params:?}");
}

/// `settings` are the trunk's own.
/// It asks nobody by OPTIONS: a scenario of SIPp's takes no message but those it names.
fn server_with_trunk(dialplan: &str, settings: &str) -> Server {
    let settings = format!(
        "transfers: {{ allow: [\"sip:*@127.0.0.1\"], health: off }}\n\
         trunks: {{ carrier: {{ user: hotline, password: secret, {settings} }} }}\n"
    );
    Server::start_with(dialplan, &settings)
}

fn registers(algorithm: &str, media: u16) {
    let registrar = Peer::listen(media, "registrar.xml", &[("algorithm", algorithm)]);
    let address = registrar.address;
    let mut server = server_with_trunk(DIALPLAN, &format!("registrar: \"sip:{address}\""));
    registrar.wait_for_log("REGISTER");
    // A server that stops takes its binding back: new calls are to go elsewhere.
    assert!(server.terminate().success());
    assert_authenticates(&registrar.finish(), "REGISTER", algorithm);
}

#[test]
fn a_registrar_is_told_who_we_are_by_md5() {
    registers("MD5", 28_000);
}

#[test]
fn a_registrar_is_told_who_we_are_by_sha_256() {
    registers("SHA-256", 28_100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_a_person_answers_the_proxys_challenge() {
    let person = Peer::listen(
        28_200,
        "challenging_person.xml",
        &[("algorithm", "SHA-256")],
    );
    let address = person.address;
    let target = format!("ring: [\"sip:desk@{address}\"]");
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &target);
    let server = server_with_trunk(&dialplan, &format!("proxy: \"sip:{address}\""));
    let call = Caller::to(format!("sip:hotline@{}", server.udp))
        .call()
        .await;
    let call = call.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 0).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    call.ended(LONG).await.expect("the person hangs up");
    let log = tokio::task::spawn_blocking(move || person.finish()).await;
    assert_authenticates(
        &log.expect("it went as the scenario says"),
        "INVITE",
        "SHA-256",
    );
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["ended_by"], "agent", "{record}");
}

/// The names of the hosts file go on working, on both sides of the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_a_server_are_found_by_name() {
    let answering = Behaviour::Answer(Answer {
        hang_up_after: Some(Duration::from_millis(500)),
        ..Answer::default()
    });
    for transport in ["udp", "tcp"] {
        let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), answering.clone()).await;
        let mut person = listening.expect("loopback has a free port");
        let port = person.address().port();
        let target = format!("ring: [\"sip:desk@localhost:{port};transport={transport}\"]");
        let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &target);
        let settings = "transfers: { allow: [\"sip:*@localhost\"] }\n";
        let server = Server::start_with(&dialplan, settings);
        let hotline = format!("sip:hotline@localhost:{}", server.udp.port());
        let call = Caller::to(hotline).call().await.expect("it is found");
        call.until_answered(LONG).await.expect("it answers");
        let spoken_to = call.until(LONG, |state| state.packets_received > 0).await;
        spoken_to.expect("it speaks");
        call.press(&[Key::ZERO]).await.expect("it is pressed");
        let theirs = person.next_call(LONG).await.expect("it rings");
        let ended = theirs.ended(LONG).await.expect("the person hangs up");
        let by = ended
            .ladder
            .iter()
            .map(|rung| rung.transport.to_lowercase());
        assert!(by.into_iter().all(|by| by == transport), "{transport}");
        call.ended(LONG).await.expect("both sides end");
    }
}
