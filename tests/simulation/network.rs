//! A network in virtual time, from a seed: datagrams are lost, doubled, delayed and overtaken.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zeroline::sip::flow::{Flow, Protocol, Transmit};
use zeroline::sip::message::Message;
use zeroline::sip::method::Method;

/// What happens to a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub loss: f64,
    pub duplication: f64,
    pub shortest_delay: Duration,
    pub longest_delay: Duration,
}

impl Weather {
    pub const CALM: Weather = Weather {
        loss: 0.0,
        duplication: 0.0,
        shortest_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(1),
    };
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Datagram {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

pub struct Network {
    pub weather: Weather,
    /// Nothing arrives there.
    pub cut_off: Option<SocketAddr>,
    pub sip: SipLog,
    rng: StdRng,
    in_flight: BinaryHeap<Reverse<(Instant, u64, Datagram)>>,
    sent: u64,
}

impl Network {
    pub fn new(weather: Weather, seed: u64) -> Network {
        Network {
            weather,
            cut_off: None,
            sip: SipLog::default(),
            rng: StdRng::seed_from_u64(seed),
            in_flight: BinaryHeap::new(),
            sent: 0,
        }
    }

    pub fn send(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if self.rng.random_bool(self.weather.loss) || self.cut_off == Some(to) {
            return;
        }
        let copies = 1 + usize::from(self.rng.random_bool(self.weather.duplication));
        for _ in 0..copies {
            let delays = self.weather.shortest_delay..=self.weather.longest_delay;
            let arrives = now + self.rng.random_range(delays);
            self.sent += 1;
            let bytes = bytes.to_vec();
            let datagram = Datagram { from, to, bytes };
            self.in_flight.push(Reverse((arrives, self.sent, datagram)));
        }
    }

    /// Sends what a user agent has to say.
    pub fn transmit(&mut self, now: Instant, transmit: &Transmit) {
        let flow = transmit.flow;
        self.sip.note(now, flow.local, &transmit.bytes);
        self.send(now, flow.local, flow.remote, &transmit.bytes);
    }

    pub fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.peek().map(|Reverse((at, ..))| *at)
    }

    pub fn receive(&mut self, now: Instant) -> Option<Datagram> {
        self.next_arrival().filter(|at| *at <= now)?;
        self.in_flight
            .pop()
            .map(|Reverse((_, _, datagram))| datagram)
    }
}

/// How a datagram's receiver sees its way.
pub fn flow_of(datagram: &Datagram) -> Flow {
    flow(datagram.to, datagram.from)
}

pub fn flow(local: SocketAddr, remote: SocketAddr) -> Flow {
    let protocol = Protocol::Udp;
    Flow {
        protocol,
        local,
        remote,
    }
}

/// The SIP that was sent, as far as the invariants ask for it.
#[derive(Default)]
pub struct SipLog {
    /// When an INVITE first left whom, for whom.
    pub invites: Vec<(Instant, SocketAddr, String)>,
    /// The final status of every INVITE, by its transaction.
    finals: BTreeMap<String, u16>,
    branches: BTreeMap<String, ()>,
}

impl SipLog {
    fn note(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let Ok(message) = Message::parse(bytes) else {
            return;
        };
        let headers = message.headers();
        let is_invite = headers
            .cseq()
            .is_some_and(|cseq| cseq.method == Method::Invite);
        let branch = headers
            .top_via()
            .and_then(|via| via.branch().map(str::to_owned));
        let (true, Some(branch)) = (is_invite, branch) else {
            return;
        };
        match message {
            Message::Request(request) => {
                if self.branches.insert(branch, ()).is_none() {
                    self.invites.push((now, from, request.uri.user()));
                }
            }
            Message::Response(response) if !response.is_provisional() => {
                let first = *self.finals.entry(branch).or_insert(response.status);
                assert_eq!(first, response.status, "a second final response");
            }
            Message::Response(_) => {}
        }
    }

    /// Every INVITE that went out had its final response.
    pub fn assert_all_answered(&self) {
        for branch in self.branches.keys() {
            assert!(
                self.finals.contains_key(branch),
                "an INVITE without a final response"
            );
        }
    }
}
