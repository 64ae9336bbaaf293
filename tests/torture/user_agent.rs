//! What a user agent does with each message, over UDP and over TCP.

use crate::{Case, cases};
use bytes::{Bytes, BytesMut};
use std::time::Instant;
use tokio_util::codec::Decoder;
use zeroline::sip::flow::{Flow, Protocol};
use zeroline::sip::framing::{Frame, SipCodec};
use zeroline::sip::header::Header;
use zeroline::sip::message::{Message, Response};
use zeroline::sip::user_agent::UserAgent;
use zeroline::sip::user_agent::config::Config;
use zeroline::sip::user_agent::event::Event;

/// What came out: responses, and whether the connection is to be closed.
#[derive(Default)]
struct Outcome {
    responses: Vec<Response>,
    close: bool,
}

impl Outcome {
    /// In the manifest's words: `handled` is an answer that shows the request was understood.
    fn matches(&self, pass: &str) -> bool {
        let finals: Vec<u16> = self.finals().map(|response| response.status).collect();
        match (pass, &finals[..]) {
            ("none", []) => !self.close,
            ("close", []) => self.close,
            ("handled", [status]) => !matches!(status, 400 | 416 | 420 | 500..600),
            (status, [only]) => status == only.to_string(),
            _ => false,
        }
    }

    fn finals(&self) -> impl Iterator<Item = &Response> {
        self.responses
            .iter()
            .filter(|response| !response.is_provisional())
    }

    fn shown(&self) -> String {
        let line = |response: &Response| {
            format!(
                "{} {}",
                response.status,
                String::from_utf8_lossy(&response.reason)
            )
        };
        let lines: Vec<String> = self.responses.iter().map(line).collect();
        format!("{lines:?}, close: {}", self.close)
    }
}

#[test]
fn every_message_over_udp() {
    for case in cases().unwrap_or_default() {
        let mut user_agent = UserAgent::new(Config::default(), 1);
        user_agent.receive(Instant::now(), flow(Protocol::Udp), &case.octets);
        let outcome = outcome(&mut user_agent);
        check(&case, &case.pass_udp, &outcome);
    }
}

#[test]
fn every_message_over_tcp() {
    for case in cases().unwrap_or_default() {
        let mut user_agent = UserAgent::new(Config::default(), 1);
        let close = receive_stream(&mut user_agent, &case.octets);
        let outcome = Outcome {
            close,
            ..outcome(&mut user_agent)
        };
        check(&case, &case.pass_tcp, &outcome);
    }
}

/// Only the first message of a stream counts: some files go on with what is none.
fn receive_stream(user_agent: &mut UserAgent, octets: &[u8]) -> bool {
    let flow = flow(Protocol::Tcp);
    let (mut codec, mut stream) = (SipCodec::default(), BytesMut::from(octets));
    let first = codec.decode(&mut stream).expect("no I/O");
    let frame = first.or_else(|| codec.decode_eof(&mut stream).expect("no I/O"));
    match frame.expect("each file has a message") {
        Frame::Message(message) => user_agent.receive_message(Instant::now(), flow, message),
        Frame::Malformed(error) => user_agent.receive_bad(flow, &error),
        Frame::Broken(error) => {
            user_agent.receive_bad(flow, &error);
            return true;
        }
        Frame::Ping => panic!("a ping"),
    }
    false
}

fn check(case: &Case, passes: &[String], outcome: &Outcome) {
    let shown = outcome.shown();
    assert!(
        passes.iter().any(|pass| outcome.matches(pass)),
        "{}: {shown}, not {passes:?}",
        case.name
    );
    for response in outcome.finals() {
        let headers = &response.headers;
        assert!(headers.has(Header::Via), "{}: {shown}", case.name);
        let tagged = headers.to().is_none_or(|to| to.tag().is_some());
        assert!(tagged, "{}: no tag in {shown}", case.name);
        match response.status {
            405 | 501 => assert!(headers.has(Header::Allow), "{}", case.name),
            415 => assert!(headers.has(Header::Accept), "{}", case.name),
            420 => assert!(headers.has(Header::Unsupported), "{}", case.name),
            _ => {}
        }
    }
}

/// Takes every call, and gathers what is sent.
fn outcome(user_agent: &mut UserAgent) -> Outcome {
    while let Some(event) = user_agent.poll_event() {
        if let Event::Incoming(incoming) = event {
            let sdp = Bytes::from_static(b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\n");
            let taken = user_agent.accept(Instant::now(), incoming.leg, sdp);
            taken.expect("an incoming call may be taken");
        }
    }
    let mut outcome = Outcome::default();
    while let Some(transmit) = user_agent.poll_transmit() {
        match Message::parse(&transmit.bytes) {
            Ok(Message::Response(response)) => outcome.responses.push(response),
            // What the peer's own malformed values are copied into is malformed itself.
            Err(_) => outcome.responses.push(status_of(&transmit.bytes)),
            Ok(Message::Request(request)) => panic!("a request: {request:?}"),
        }
    }
    outcome
}

fn status_of(octets: &[u8]) -> Response {
    let text = String::from_utf8_lossy(octets);
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let mut response = Response {
        status: status.expect("a status line"),
        reason: Bytes::new(),
        headers: Default::default(),
        body: Bytes::new(),
    };
    for line in text.lines().skip(1) {
        if let Some((name, value)) = line.split_once(": ") {
            response.headers.push_other(name, value.to_owned());
        }
    }
    response
}

fn flow(protocol: Protocol) -> Flow {
    Flow {
        protocol,
        local: "192.0.2.9:5060".parse().expect("an address"),
        remote: "192.0.2.8:5070".parse().expect("an address"),
    }
}
