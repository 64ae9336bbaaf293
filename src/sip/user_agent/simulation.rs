//! Two user agents and a network between them in virtual time, from a seed: with loss, reordering
//! and duplication where a test wants them.

use crate::sip::flow::{Flow, Protocol};
use crate::sip::message::{Message, Response};
use crate::sip::method::Method;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::Invite;
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::{Event, LegId};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The side that calls, in most tests.
pub(super) const CALLER: usize = 0;
pub(super) const CALLEE: usize = 1;

/// What the network does to a datagram.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub loss: f64,
    pub duplication: f64,
    pub longest_delay: Duration,
}

pub(super) const CALM: Weather = Weather {
    loss: 0.0,
    duplication: 0.0,
    longest_delay: Duration::ZERO,
};

/// When it arrives, its number, at whom, and what.
type InFlight = (Instant, u64, usize, Vec<u8>);

pub(super) struct Network {
    pub now: Instant,
    pub start: Instant,
    pub agents: [UserAgent; 2],
    pub events: [Vec<Event>; 2],
    /// Everything that was sent, as `who: start line`.
    pub log: Vec<String>,
    pub weather: Weather,
    /// The final status of every INVITE, by its transaction.
    finals: BTreeMap<String, u16>,
    /// Datagrams from this side are lost, all of them.
    pub silenced: [bool; 2],
    protocol: Protocol,
    rng: StdRng,
    in_flight: BinaryHeap<Reverse<InFlight>>,
    sent: u64,
}

impl Network {
    pub fn new() -> Self {
        Self::with(Config::default(), Config::default(), Protocol::Udp, 1)
    }

    pub fn with(caller: Config, callee: Config, protocol: Protocol, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            now,
            start: now,
            agents: [
                UserAgent::new(caller, seed),
                UserAgent::new(callee, seed + 1),
            ],
            events: [Vec::new(), Vec::new()],
            log: Vec::new(),
            weather: CALM,
            finals: BTreeMap::new(),
            silenced: [false; 2],
            protocol,
            rng: StdRng::seed_from_u64(seed),
            in_flight: BinaryHeap::new(),
            sent: 0,
        }
    }

    /// How `side` sees the way to the other.
    pub fn flow(&self, side: usize) -> Flow {
        Flow {
            protocol: self.protocol,
            local: address(side),
            remote: address(1 - side),
        }
    }

    /// The caller calls, and all goes its way until nothing moves without a timer.
    pub fn call(&mut self, offer: Option<&'static str>) -> LegId {
        let invite = self.an_invite(offer);
        let leg = self.agents[CALLER].invite(self.now, invite);
        let leg = leg.expect("there is room");
        self.settle();
        leg
    }

    pub fn an_invite(&self, offer: Option<&'static str>) -> Invite {
        Invite {
            flow: self.flow(CALLER),
            fallbacks: Vec::new(),
            target: format!("sip:hotline@{}", address(CALLEE)),
            route: Vec::new(),
            from: "\"Ann\" <sip:ann@a.example>".to_owned(),
            to: None,
            headers: Vec::new(),
            offer: offer.map(|sdp| Bytes::from_static(sdp.as_bytes())),
            credentials: None,
            timeout: Duration::from_secs(60),
        }
    }

    /// The leg of the latest `Incoming` at a side.
    pub fn incoming(&self, side: usize) -> LegId {
        let incoming = self.events[side]
            .iter()
            .rev()
            .find_map(|event| match event {
                Event::Incoming(incoming) => Some(incoming.leg),
                _ => None,
            });
        incoming.expect("a call came in")
    }

    /// A call that is answered: the caller's leg and the callee's.
    pub fn established(&mut self) -> (LegId, LegId) {
        let ours = self.call(Some(OFFER));
        let theirs = self.incoming(CALLEE);
        let now = self.now;
        let accepted = self.agents[CALLEE].accept(now, theirs, sdp(ANSWER));
        accepted.expect("it rings");
        self.settle();
        (ours, theirs)
    }

    /// Delivers until nothing is on its way; no timer fires.
    pub fn settle(&mut self) {
        self.drain();
        while let Some(at) = self.next_delivery() {
            self.now = self.now.max(at);
            self.deliver();
        }
    }

    /// Lets time pass, timers included.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.drain();
        while let Some(at) = self.next_step().filter(|at| *at <= end) {
            self.step(at);
        }
        self.now = end;
    }

    /// Goes on until nothing will ever happen again.
    pub fn run_to_the_end(&mut self) {
        self.drain();
        while let Some(at) = self.next_step() {
            self.step(at);
            assert!(
                self.now - self.start < Duration::from_secs(100_000),
                "it never ends: {:#?}",
                self.log
            );
        }
    }

    pub fn step(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.deliver();
        for agent in &mut self.agents {
            agent.handle_timeout(self.now);
        }
        self.drain();
    }

    pub fn next_step(&self) -> Option<Instant> {
        let timers = self.agents.iter().filter_map(UserAgent::next_timeout);
        timers.chain(self.next_delivery()).min()
    }

    fn next_delivery(&self) -> Option<Instant> {
        self.in_flight.peek().map(|Reverse((at, ..))| *at)
    }

    fn deliver(&mut self) {
        while self.next_delivery().is_some_and(|at| at <= self.now) {
            if let Some(Reverse((_, _, to, bytes))) = self.in_flight.pop() {
                let flow = self.flow(to);
                self.agents[to].receive(self.now, flow, &bytes);
                self.drain();
            }
        }
    }

    /// Takes what the agents have to say.
    pub fn drain(&mut self) {
        for side in [CALLER, CALLEE] {
            while let Some(transmit) = self.agents[side].poll_transmit() {
                assert_eq!(
                    transmit.flow.remote,
                    address(1 - side),
                    "it goes to the peer"
                );
                self.log
                    .push(format!("{}: {}", name(side), first_line(&transmit.bytes)));
                self.note_final(&transmit.bytes);
                self.put_in_flight(1 - side, &transmit.bytes);
            }
            while let Some(event) = self.agents[side].poll_event() {
                self.events[side].push(event);
            }
        }
    }

    /// One final response an INVITE, however often it is sent.
    fn note_final(&mut self, bytes: &[u8]) {
        let Ok(Message::Response(response)) = Message::parse(bytes) else {
            return;
        };
        let headers = &response.headers;
        let invite = headers
            .cseq()
            .is_some_and(|cseq| cseq.method == Method::Invite);
        let branch = headers
            .top_via()
            .and_then(|via| via.branch().map(str::to_owned));
        if let (true, false, Some(branch)) = (invite, response.is_provisional(), branch) {
            let first = *self.finals.entry(branch).or_insert(response.status);
            assert_eq!(first, response.status, "a second final response");
        }
    }

    fn put_in_flight(&mut self, to: usize, bytes: &[u8]) {
        let weather = self.weather;
        if self.silenced[1 - to] || self.rng.random_bool(weather.loss) {
            return;
        }
        let copies = 1 + usize::from(self.rng.random_bool(weather.duplication));
        for _ in 0..copies {
            let delay = self
                .rng
                .random_range(Duration::ZERO..=weather.longest_delay);
            self.sent += 1;
            self.in_flight
                .push(Reverse((self.now + delay, self.sent, to, bytes.to_vec())));
        }
    }

    /// The events of a side as words, and forgets them.
    pub fn told(&mut self, side: usize) -> Vec<String> {
        std::mem::take(&mut self.events[side])
            .iter()
            .map(word)
            .collect()
    }

    /// What was sent, as words, and forgets it.
    pub fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    /// Nothing is left: no leg, no transaction, no timer, and each leg ended once.
    pub fn assert_over(&self) {
        for (agent, events) in self.agents.iter().zip(&self.events) {
            assert_eq!(agent.load(), Default::default());
            assert_eq!(agent.next_timeout(), None);
            let mut ends: BTreeMap<LegId, usize> = BTreeMap::new();
            for event in events {
                if let Some(leg) = event.ends() {
                    *ends.entry(leg).or_default() += 1;
                }
            }
            assert!(ends.values().all(|count| *count == 1), "{events:#?}");
        }
    }
}

pub(super) const OFFER: &str = "v=0\r\ns=offer\r\n";
pub(super) const ANSWER: &str = "v=0\r\ns=answer\r\n";

pub(super) fn sdp(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub(super) fn address(side: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1 + side as u8], 5060))
}

fn name(side: usize) -> &'static str {
    ["caller", "callee"][side]
}

/// `INVITE`, or `180 INVITE`.
fn first_line(bytes: &[u8]) -> String {
    match Message::parse(bytes) {
        Ok(Message::Request(request)) => request.method.to_string(),
        Ok(Message::Response(response)) => response_words(&response),
        Err(_) => "keep-alive".to_owned(),
    }
}

fn response_words(response: &Response) -> String {
    let method = response.headers.cseq().map(|cseq| cseq.method.to_string());
    format!("{} {}", response.status, method.unwrap_or_default())
}

fn word(event: &Event) -> String {
    let text = |sdp: &Option<Bytes>| match sdp {
        Some(sdp) => String::from_utf8_lossy(sdp)
            .trim_end()
            .replace("v=0\r\ns=", ""),
        None => "-".to_owned(),
    };
    match event {
        Event::Incoming(incoming) => format!("Incoming {}", text(&incoming.offer)),
        Event::Cancelled { .. } => "Cancelled".to_owned(),
        Event::Acked { sdp, .. } => format!("Acked {}", text(sdp)),
        Event::Offer { sdp, .. } => format!("Offer {}", text(sdp)),
        Event::OfferAcked { sdp, .. } => format!("OfferAcked {}", text(sdp)),
        Event::Info { content_type, .. } => format!("Info {content_type}"),
        Event::Progress { status, sdp, .. } => format!("Progress {status} {}", text(sdp)),
        Event::Answered { sdp, .. } => format!("Answered {}", text(sdp)),
        Event::Failed { failure, .. } => format!("Failed {:?}", failure.status),
        Event::ReinviteAnswered { sdp, .. } => format!("ReinviteAnswered {}", text(sdp)),
        Event::ReinviteFailed { status, .. } => format!("ReinviteFailed {status:?}"),
        Event::ReferAccepted { status, .. } => format!("ReferAccepted {status}"),
        Event::ReferFailed { status, .. } => format!("ReferFailed {status:?}"),
        Event::ReferProgress {
            status, terminated, ..
        } => {
            format!("ReferProgress {status:?} {terminated}")
        }
        Event::Referred { target, .. } => format!("Referred {target}"),
        Event::Ended { by, .. } => format!("Ended {by:?}"),
        Event::Registered { expires, .. } => format!("Registered {}", expires.as_secs()),
        Event::RegistrationFailed {
            status, retry_in, ..
        } => {
            format!("RegistrationFailed {status:?} {}", retry_in.is_some())
        }
        Event::Unregistered { .. } => "Unregistered".to_owned(),
        Event::OptionsAnswered { status, .. } => format!("OptionsAnswered {status:?}"),
    }
}
