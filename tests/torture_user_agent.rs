//! The torture messages of RFC 4475 and RFC 5118 at the user agent, over UDP: each is answered as
//! the manifest says (`$ZEROLINE_ASSETS/torture/MANIFEST.tsv`, column `pass_udp`).

use bytes::Bytes;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use zeroline::sip::flow::{Flow, Protocol};
use zeroline::sip::user_agent::UserAgent;
use zeroline::sip::user_agent::config::Config;
use zeroline::sip::user_agent::event::Event;

const ANSWER: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0\r\n";

/// The statuses that come back within two seconds, when every call is taken.
fn answers(datagram: &[u8]) -> Vec<u16> {
    let flow = Flow {
        protocol: Protocol::Udp,
        local: "127.0.0.1:5060".parse().expect("it is an address"),
        remote: "127.0.0.1:45060".parse().expect("it is an address"),
    };
    let mut agent = UserAgent::new(Config::default(), 1);
    let start = Instant::now();
    agent.receive(start, flow, datagram);
    while let Some(event) = agent.poll_event() {
        if let Event::Incoming(incoming) = event {
            let accepted = agent.accept(start, incoming.leg, Bytes::from_static(ANSWER));
            accepted.expect("it is new");
        }
    }
    agent.handle_timeout(start + Duration::from_secs(2));
    let mut statuses = Vec::new();
    while let Some(transmit) = agent.poll_transmit() {
        // Parsed by hand: the answer to a bad Via has that Via.
        let text = String::from_utf8_lossy(&transmit.bytes);
        let status = text.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|status| status.parse().ok());
        statuses.push(status.unwrap_or_else(|| panic!("not a response: {text}")));
    }
    statuses
}

/// `handled` is any final answer that does not call the message itself bad.
fn is(outcome: &str, status: Option<u16>) -> bool {
    match (outcome, status) {
        ("none", None) => true,
        ("handled", Some(status)) => {
            status >= 200 && !matches!(status, 400 | 500 | 501 | 505 | 513)
        }
        (outcome, Some(status)) => outcome == status.to_string(),
        _ => false,
    }
}

#[test]
fn every_message_has_its_answer() {
    let Some(assets) = std::env::var_os("ZEROLINE_ASSETS") else {
        println!("skipped: ZEROLINE_ASSETS is not set");
        return;
    };
    let folder = PathBuf::from(assets).join("torture");
    let manifest = std::fs::read_to_string(folder.join("MANIFEST.tsv")).expect("a manifest");
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in manifest.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [name, rfc, _, _, pass, ..] = columns[..] else {
            panic!("a short row: {row}");
        };
        let file = folder.join(format!("rfc{rfc}")).join(format!("{name}.dat"));
        let statuses = answers(&std::fs::read(&file).expect("the message is there"));
        let status = statuses.first().copied();
        let one = statuses.iter().all(|other| Some(*other) == status);
        if !one || !pass.split(',').any(|outcome| is(outcome, status)) {
            wrong.push(format!("{name}: {status:?} instead of {pass}"));
        }
        count += 1;
    }
    assert_eq!(count, 49 + 12);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
