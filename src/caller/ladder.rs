//! Every SIP message of a call, in order, with its time.

use crate::sip::flow::Flow;
use crate::sip::header::Header;
use crate::sip::message::Message;
use crate::sip::status::reason_phrase;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// Further messages are counted, not kept.
const MAX_RUNGS: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Sent,
    Received,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// Since the call's first message.
    pub at_ms: f64,
    pub direction: Direction,
    pub transport: &'static str,
    pub peer: String,
    /// A request's method, or that of the request which a response answers.
    pub method: String,
    /// Of a response.
    pub status: Option<u16>,
    /// `INVITE sip:100@example.com` or `200 OK`.
    pub start_line: String,
    pub cseq: Option<u32>,
    /// The Reason header field.
    pub reason: Option<String>,
    /// The Content-Type, where there is a body.
    pub body: Option<String>,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Direction::Sent => "──▶",
            Direction::Received => "◀──",
        };
        write!(f, "{:>10.1} ms  {arrow}  {}", self.at_ms, self.start_line)?;
        if self.status.is_some() {
            write!(f, "  ({})", self.method)?;
        }
        if let Some(body) = &self.body {
            write!(f, "  [{body}]")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, "  Reason: {reason}")?;
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Ladder {
    start: Instant,
    rungs: Vec<Rung>,
    left_out: u64,
    /// Our requests that have no final response yet. ACK never gets one.
    open: BTreeSet<(u32, String)>,
}

impl Ladder {
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            rungs: Vec::new(),
            left_out: 0,
            open: BTreeSet::new(),
        }
    }

    pub fn start(&self) -> Instant {
        self.start
    }

    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether every request of ours has its final response.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Whether anything came from the peer.
    pub fn has_answer(&self) -> bool {
        let received = |rung: &Rung| rung.direction == Direction::Received;
        self.rungs.iter().any(received)
    }

    /// When the first response to our INVITE came whose status passes.
    pub fn first_response(&self, passes: impl Fn(u16) -> bool) -> Option<Duration> {
        let rung = self.rungs.iter().find(|rung| {
            rung.direction == Direction::Received
                && rung.method == "INVITE"
                && rung.status.is_some_and(&passes)
        })?;
        Some(Duration::from_secs_f64(rung.at_ms / 1_000.0))
    }

    pub fn add(&mut self, now: Instant, direction: Direction, flow: Flow, message: &Message) {
        let rung = self.rung(now, direction, flow, message);
        let open = (rung.cseq.unwrap_or_default(), rung.method.clone());
        match (direction, rung.status) {
            (Direction::Sent, None) if rung.method != "ACK" => _ = self.open.insert(open),
            (Direction::Received, Some(200..)) => _ = self.open.remove(&open),
            _ => {}
        }
        match self.rungs.len() < MAX_RUNGS {
            true => self.rungs.push(rung),
            false => self.left_out += 1,
        }
    }

    fn rung(&self, now: Instant, direction: Direction, flow: Flow, message: &Message) -> Rung {
        let headers = message.headers();
        let cseq = headers.cseq();
        let text = |header| {
            let value: &[u8] = headers.get(header)?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let (method, status, start_line, has_body) = match message {
            Message::Request(request) => (
                Some(request.method.to_string()),
                None,
                format!("{} {}", request.method, request.uri),
                !request.body.is_empty(),
            ),
            Message::Response(response) => (
                cseq.as_ref().map(|cseq| cseq.method.to_string()),
                Some(response.status),
                status_line(response.status, &response.reason),
                !response.body.is_empty(),
            ),
        };
        let since = now.saturating_duration_since(self.start);
        Rung {
            at_ms: (since.as_secs_f64() * 1e6).round() / 1e3,
            direction,
            transport: flow.protocol.name(),
            peer: flow.remote.to_string(),
            method: method.unwrap_or_default(),
            status,
            start_line,
            cseq: cseq.map(|cseq| cseq.number),
            reason: text(Header::Reason),
            body: text(Header::ContentType).filter(|_| has_body),
        }
    }
}

fn status_line(status: u16, reason: &[u8]) -> String {
    match reason {
        b"" => format!("{status} {}", reason_phrase(status)),
        reason => format!("{status} {}", String::from_utf8_lossy(reason)),
    }
}
