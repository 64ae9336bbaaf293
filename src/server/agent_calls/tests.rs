use crate::call::contract::LegNumber;
use crate::config::Config;
use crate::config::agent::AgentConfig;
use crate::config::secret::{Password, Secret};
use crate::console::agents::{AgentRequest, AgentView};
use crate::handoff::agents::AgentState;
use crate::server::desk::{Desk, LONG};
use crate::sip::challenge::Challenge;
use crate::sip::digest::{Credentials, DigestClient};
use crate::sip::flow::Protocol;
use crate::sip::header::Header;
use crate::sip::message::{Message, Response};
use crate::sip::user_agent::Load;
use crate::sip::user_agent::event::LegId;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Anna and Ben register here; calls are taken from nowhere.
fn staffed(config: &mut Config) {
    config.allow.clear();
    for name in ["anna", "ben"] {
        let agent = AgentConfig {
            password: Some(Password::Written(Secret::new("secret"))),
            ..AgentConfig::named(name)
        };
        config.agents.insert(name.to_owned(), agent);
    }
}

/// A request of Anna's telephone, the `cseq`th, with these lines.
fn request(method: &str, user: &str, cseq: u32, lines: &str) -> String {
    let to = if method == "REGISTER" { "anna" } else { user };
    let at = if user.is_empty() { "" } else { "@" };
    format!(
        "{method} sip:{user}{at}127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK{method}{cseq};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:anna@127.0.0.1>;tag=1\r\nTo: <sip:{to}@127.0.0.1>\r\nCall-ID: {method}\r\n\
         CSeq: {cseq} {method}\r\nContact: <sip:anna@127.0.0.2:5070>\r\n{lines}Content-Length: 0\r\n\r\n"
    )
}

/// The line that answers a 401.
fn proof(answer: &str, (method, uri): (&str, &str), password: &str) -> String {
    let challenge = answer
        .lines()
        .find_map(|line| line.strip_prefix("WWW-Authenticate: "));
    let challenge = challenge.unwrap_or_else(|| panic!("no challenge: {answer}"));
    let challenge = Challenge::parse(challenge.as_bytes()).expect("it is one");
    let credentials = Credentials {
        username: "anna".into(),
        password: password.into(),
    };
    let mut client = DigestClient::new(challenge, credentials, &mut SmallRng::seed_from_u64(1));
    let value = client.authorize(method, uri, b"");
    format!("Authorization: {value}\r\n")
}

const REGISTRAR: (&str, &str) = ("REGISTER", "sip:127.0.0.1");
const CALL_ID: &str = "Call-ID: REGISTER";
const CONTACT: &str = "<sip:anna@127.0.0.2:5070>";

async fn register(desk: &mut Desk, cseq: u32, lines: &str) -> String {
    register_as(desk, cseq, lines, (CALL_ID, CONTACT)).await
}

/// As the telephone with this Call-ID and this Contact.
async fn register_as(
    desk: &mut Desk,
    cseq: u32,
    lines: &str,
    (call_id, contact): (&str, &str),
) -> String {
    let request = |cseq, lines: &str| {
        let text = request("REGISTER", "", cseq, lines);
        let text = text.replace(CONTACT, contact);
        text.replace(CALL_ID, call_id)
    };
    let challenged = desk.ask(&request(cseq, lines)).await;
    assert!(challenged.starts_with("SIP/2.0 401 "), "{challenged}");
    let proof = proof(&challenged, REGISTRAR, "secret");
    desk.ask(&request(cseq + 1, &format!("{lines}{proof}")))
        .await
}

fn annas(desk: &Desk) -> AgentState {
    let state = desk.signalling.roster.agents.state("anna");
    state.expect("the config has her")
}

#[tokio::test]
async fn a_telephone_that_registers_makes_its_agent_available_until_it_goes() {
    let mut desk = Desk::with(staffed).await;
    assert_eq!(annas(&desk), AgentState::Offline);
    let error = desk.signalling.roster.prepare("anna").expect_err("offline");
    assert_eq!(error, "the agent anna is offline");
    let ok = register(&mut desk, 1, "").await;
    assert!(ok.starts_with("SIP/2.0 200 "), "{ok}");
    assert_eq!(annas(&desk), AgentState::Available);
    let phone = desk.phone.local_addr().expect("it is bound");
    let prepared = desk
        .signalling
        .roster
        .prepare("anna")
        .expect("she is there");
    assert_eq!(prepared.flow.remote, phone, "by the way that it came");
    assert_eq!(prepared.uri, "sip:anna@127.0.0.2:5070");
    let gone = register(&mut desk, 3, "Expires: 0\r\n").await;
    assert!(gone.starts_with("SIP/2.0 200 "), "{gone}");
    assert_eq!(annas(&desk), AgentState::Offline);
}

/// A socket of Anna's to the server.
fn socket(desk: &Desk) -> UdpSocket {
    let socket = UdpSocket::bind(("127.0.0.2", 0)).expect("a free port");
    let udp = desk.listening(Protocol::Udp);
    socket.connect(udp).expect("it is an address");
    socket.set_nonblocking(true).expect("it is a socket");
    socket
}

/// The telephone by which Anna is reached is rung, and she answers.
async fn talk(desk: &mut Desk) -> LegId {
    let now = Instant::now();
    let prepared = desk
        .signalling
        .roster
        .prepare("anna")
        .expect("she is there");
    let leg = desk.invite_by(prepared.flow, prepared.uri);
    let signalling = &mut desk.signalling;
    let telephone = prepared.agent.expect("it is an agent's");
    signalling.agent.use_flow(leg, prepared.flow);
    signalling.roster.rings(now, leg, telephone);
    let way = (leg, prepared.flow);
    signalling.calls.add_leg(1, LegNumber::CALLER, way);
    let invite = desk.answer_like("INVITE ").await;
    let invite = match Message::parse(invite.as_bytes()) {
        Ok(Message::Request(invite)) => invite,
        other => panic!("no INVITE: {other:?}"),
    };
    let mut ok = Response::to_request(&invite, 200, "OK");
    ok.headers.set(Header::Contact, CONTACT);
    let to = ok.headers.get(Header::To).expect("it has a To");
    let to = format!("{};tag=anna", String::from_utf8_lossy(to));
    ok.headers.set(Header::To, to);
    let mut bytes = Vec::new();
    ok.to_bytes(&mut bytes);
    desk.phone.send(&bytes).expect("it is sent");
    desk.answer_like("ACK ").await;
    leg
}

const INSTANCE: &str = "<sip:anna@127.0.0.2:5070>;+sip.instance=\"<urn:uuid:1>\"";
const MOVED_INSTANCE: &str = "<sip:anna@127.0.0.9:6000>;+sip.instance=\"<urn:uuid:1>\"";
const OTHER_INSTANCE: &str = "<sip:anna@127.0.0.2:5070>;+sip.instance=\"<urn:uuid:2>\"";

/// Its connection broke in the middle of a talk; another telephone of hers leaves the talk alone.
#[tokio::test]
async fn a_telephone_that_is_back_by_another_way_is_hung_up_on_there() {
    let (elsewhere, another) = ("<sip:anna@127.0.0.9:6000>", "Call-ID: another");
    for (first, then, moves) in [
        (CONTACT, (another, CONTACT), true),
        (CONTACT, (CALL_ID, elsewhere), true),
        (INSTANCE, (another, MOVED_INSTANCE), true),
        (CONTACT, (another, elsewhere), false),
        (INSTANCE, (another, OTHER_INSTANCE), false),
    ] {
        let mut desk = Desk::with(staffed).await;
        register_as(&mut desk, 1, "", (CALL_ID, first)).await;
        let leg = talk(&mut desk).await;
        let new = socket(&desk);
        let old = std::mem::replace(&mut desk.phone, new);
        let ok = register_as(&mut desk, 3, "", then).await;
        assert!(ok.starts_with("SIP/2.0 200 "), "{ok}");
        if !moves {
            desk.phone = old;
        }
        let hung_up = desk.signalling.agent.hang_up(Instant::now(), leg, None);
        hung_up.expect("they talk");
        let at = desk.phone.local_addr().ok();
        let counted = desk.signalling.calls.flow(leg);
        assert_eq!(counted.map(|flow| flow.remote), at, "{then:?}");
        desk.answer_like("BYE ").await;
    }
}

#[tokio::test]
async fn a_register_that_comes_again_has_the_same_answer() {
    let mut desk = Desk::with(staffed).await;
    let challenged = desk.ask(&request("REGISTER", "", 1, "")).await;
    assert_eq!(
        desk.signalling.agent.load(),
        Load::default(),
        "a stranger's"
    );
    let proof = proof(&challenged, REGISTRAR, "secret");
    let signed = request("REGISTER", "", 2, &proof);
    let first = desk.ask(&signed).await;
    assert!(first.starts_with("SIP/2.0 200 "), "{first}");
    assert_eq!(desk.ask(&signed).await, first);
    // The same proof in another request is none.
    let replayed = desk.ask(&request("REGISTER", "", 3, &proof)).await;
    assert!(replayed.starts_with("SIP/2.0 401 "), "{replayed}");
    assert!(replayed.contains("stale=true"), "{replayed}");
}

#[tokio::test]
async fn who_guesses_is_not_answered_any_more() {
    let mut desk = Desk::with(staffed).await;
    for cseq in 1..=20 {
        let challenged = desk.ask(&request("REGISTER", "", 2 * cseq, "")).await;
        let proof = proof(&challenged, REGISTRAR, "guess");
        let refused = desk
            .ask(&request("REGISTER", "", 2 * cseq + 1, &proof))
            .await;
        assert!(refused.starts_with("SIP/2.0 401 "), "{refused}");
    }
    let sent = desk.phone.send(request("REGISTER", "", 99, "").as_bytes());
    sent.expect("it is sent");
    desk.turn().await;
    assert_eq!(desk.heard(), None);
    assert_eq!(annas(&desk), AgentState::Offline);
}

/// Somebody behind the same NAT guesses: the telephones that are registered stay so.
#[tokio::test]
async fn beside_a_guesser_who_is_registered_stays_so_and_may_guess_no_more() {
    let mut desk = Desk::with(staffed).await;
    let ok = register(&mut desk, 1, "").await;
    assert!(ok.starts_with("SIP/2.0 200 "), "{ok}");
    let guesser = socket(&desk);
    let annas_phone = std::mem::replace(&mut desk.phone, guesser);
    for cseq in 1..=20 {
        let challenged = desk.ask(&request("REGISTER", "", 100 + cseq, "")).await;
        let proof = proof(&challenged, REGISTRAR, "guess");
        desk.ask(&request("REGISTER", "", 200 + cseq, &proof)).await;
    }
    desk.phone = annas_phone;
    let ok = register(&mut desk, 300, "").await;
    assert!(ok.starts_with("SIP/2.0 200 "), "{ok}");
    // Her telephone tries Ben's password.
    let challenged = desk.ask(&request("REGISTER", "", 310, "")).await;
    let proof = proof(&challenged, REGISTRAR, "guess").replace("anna", "ben");
    let sent = desk
        .phone
        .send(request("REGISTER", "", 311, &proof).as_bytes());
    sent.expect("it is sent");
    desk.turn().await;
    assert_eq!(desk.heard(), None);
}

/// Who writes the office's address on their packets never sees what goes there.
#[tokio::test]
async fn packets_in_somebodys_name_do_not_keep_them_from_registering() {
    let mut desk = Desk::with(staffed).await;
    let elsewhere =
        "Digest realm=\"zeroline.local\", nonce=\"1.1.ab\", algorithm=MD5, qop=\"auth\"";
    for cseq in 1..=25 {
        let challenge = format!("WWW-Authenticate: {elsewhere}");
        let proof = proof(&challenge, REGISTRAR, "guess");
        let refused = desk.ask(&request("REGISTER", "", cseq, &proof)).await;
        assert!(refused.starts_with("SIP/2.0 401 "), "{refused}");
    }
    let ok = register(&mut desk, 30, "").await;
    assert!(ok.starts_with("SIP/2.0 200 "), "{ok}");
}

/// Outside of `allow` the registration opens the codes, and nothing else.
#[tokio::test]
async fn an_agent_elsewhere_may_dial_the_codes_only_and_has_to_prove_it() {
    let mut desk = Desk::with(staffed).await;
    let refused = desk.ask(&request("INVITE", "*2", 1, "")).await;
    assert!(refused.starts_with("SIP/2.0 403 "), "{refused}");
    register(&mut desk, 1, "").await;
    let refused = desk.ask(&request("INVITE", "hotline", 2, "")).await;
    assert!(refused.starts_with("SIP/2.0 403 "), "{refused}");
    desk.phone
        .send(request("INVITE", "*2", 3, "").as_bytes())
        .expect("it is sent");
    let challenged = desk.answer_like("SIP/2.0 401 ").await;
    let proof = proof(&challenged, ("INVITE", "sip:*2@127.0.0.1"), "guess");
    desk.phone
        .send(request("INVITE", "*2", 4, &proof).as_bytes())
        .expect("it is sent");
    desk.answer_like("SIP/2.0 401 ").await;
    assert_eq!(annas(&desk), AgentState::Available);
}

#[tokio::test]
async fn without_agents_nobody_registers_and_blocked_sources_are_not_answered() {
    let mut desk = Desk::new().await;
    let refused = desk.ask(&request("REGISTER", "", 1, "")).await;
    assert!(refused.starts_with("SIP/2.0 405 "), "{refused}");
    let mut desk = Desk::with(|config| {
        staffed(config);
        config.block = vec!["127.0.0.2/32".parse().expect("a network")];
    })
    .await;
    let sent = desk.phone.send(request("REGISTER", "", 1, "").as_bytes());
    sent.expect("it is sent");
    desk.turn().await;
    assert_eq!(desk.heard(), None);
}

// The connection's own task has a thread of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_closes_takes_its_agent_away_if_it_does_not_come_back() {
    let mut desk = Desk::with(|config| {
        staffed(config);
        config.allow = vec!["127.0.0.0/8".parse().expect("a network")];
    })
    .await;
    let tcp = desk.listening(Protocol::Tcp);
    let mut stream = std::net::TcpStream::connect(tcp).expect("it is accepted");
    stream.set_nonblocking(true).expect("it is a socket");
    let mut answers = String::new();
    for cseq in 1..=2 {
        let lines = match cseq {
            1 => String::new(),
            _ => proof(&std::mem::take(&mut answers), REGISTRAR, "secret"),
        };
        let request = request("REGISTER", "", cseq, &lines);
        stream.write_all(request.as_bytes()).expect("it is written");
        let start = Instant::now();
        while !answers.ends_with("\r\n\r\n") {
            assert!(start.elapsed() < LONG, "no answer came");
            desk.turn().await;
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap_or(0);
            answers.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }
    assert_eq!(annas(&desk), AgentState::Available);
    drop(stream);
    let start = Instant::now();
    while annas(&desk) != AgentState::Reconnecting {
        assert!(start.elapsed() < LONG, "she stays");
        desk.turn().await;
    }
    let roster = &mut desk.signalling.roster;
    let error = roster.prepare("anna").expect_err("she is not reached");
    assert_eq!(error, "the agent anna is reconnecting");
    roster.handle_timeout(Instant::now() + Duration::from_secs(11));
    assert_eq!(annas(&desk), AgentState::Offline);
}

#[tokio::test]
async fn what_is_asked_over_http_is_answered() {
    let mut desk = Desk::with(staffed).await;
    register(&mut desk, 1, "").await;
    let ask = |away| {
        let (reply, answer) = oneshot::channel::<Option<AgentView>>();
        let name = "anna".to_owned();
        (AgentRequest::Set { name, away, reply }, answer)
    };
    for (away, state) in [(true, "away"), (false, "available")] {
        let (request, mut answer) = ask(away);
        assert!(desk.to_agents.try_send(request).is_ok());
        let start = Instant::now();
        let view = loop {
            match answer.try_recv() {
                Ok(view) => break view.expect("the config has her"),
                Err(_) => desk.turn().await,
            }
            assert!(start.elapsed() < LONG, "no answer came");
        };
        assert_eq!((view.name.as_str(), view.state), ("anna", state));
        let since: jiff::Timestamp = view.since.parse().expect("it is RFC 3339");
        let age = jiff::Timestamp::now().duration_since(since).unsigned_abs();
        assert!(age < Duration::from_secs(60), "{}", view.since);
    }
}
