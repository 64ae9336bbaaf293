//! One user agent to which a test writes as strangers do, message by message.

use super::simulation::{ANSWER, OFFER, sdp};
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::message::{Message, Response};
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::{Event, LegId};
use std::time::Instant;

pub(super) const NOTHING: [u16; 0] = [];

/// A user agent that strangers write to.
pub(super) struct Desk {
    pub agent: UserAgent,
    pub now: Instant,
    pub flow: Flow,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self {
            agent: UserAgent::new(config, 5),
            now: Instant::now(),
            flow: Flow {
                protocol: Protocol::Udp,
                local: "192.0.2.1:5060".parse().expect("it is an address"),
                remote: "192.0.2.9:5070".parse().expect("it is an address"),
            },
        }
    }

    /// What comes back at once.
    pub fn receive(&mut self, text: &str) -> Vec<Response> {
        self.agent.receive(self.now, self.flow, text.as_bytes());
        self.answers()
    }

    pub fn answers(&mut self) -> Vec<Response> {
        let mut responses = Vec::new();
        while let Some(transmit) = self.agent.poll_transmit() {
            if let Ok(Message::Response(response)) = Message::parse(&transmit.bytes) {
                responses.push(response);
            }
        }
        responses
    }

    pub fn statuses(&mut self, text: &str) -> Vec<u16> {
        self.receive(text)
            .iter()
            .map(|response| response.status)
            .collect()
    }

    pub fn incoming(&mut self) -> Option<LegId> {
        match self.agent.poll_event() {
            Some(Event::Incoming(incoming)) => Some(incoming.leg),
            _ => None,
        }
    }

    /// A call that is answered, and our To with its tag.
    pub fn established(&mut self) -> (LegId, String) {
        assert_eq!(
            self.statuses(&request("INVITE", 1, "a", &with_sdp(""))),
            NOTHING
        );
        let leg = self.incoming().expect("it is a call");
        self.agent
            .accept(self.now, leg, sdp(ANSWER))
            .expect("it is new");
        let ok = self.answers().pop().expect("a 200");
        let to = ok.headers.get(Header::To).expect("it has a To").clone();
        let to = String::from_utf8(to.to_vec()).expect("it is ASCII");
        self.receive(&in_dialog("ACK", 1, "ack", &to, ""));
        self.agent.poll_event();
        (leg, to)
    }
}

/// Head and body of a request outside of a dialog: `rest` is more header lines, the empty line and
/// the body.
pub(super) fn request(method: &str, cseq: u32, branch: &str, rest: &str) -> String {
    in_dialog(method, cseq, branch, "<sip:hotline@192.0.2.1>", rest)
}

pub(super) fn in_dialog(method: &str, cseq: u32, branch: &str, to: &str, rest: &str) -> String {
    let rest = if rest.is_empty() { "\r\n" } else { rest };
    format!(
        "{method} sip:hotline@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
         From: <sip:ann@a.example>;tag=ann\r\nTo: {to}\r\nCall-ID: c1\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:ann@192.0.2.9:5070>\r\n{rest}"
    )
}

pub(super) fn with_sdp(headers: &str) -> String {
    let length = OFFER.len();
    format!("{headers}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{OFFER}")
}
