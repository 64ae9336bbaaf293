//! The user agent (RFC 3261, 8 and 13): a sans-IO object that server, command line, tests and
//! benchmark share. It has no sockets and no clock; its randomness comes from a seed.
//!
//! One mutation (`receive`, `handle_timeout`, a command), then drain [`UserAgent::poll_transmit`]
//! and [`UserAgent::poll_event`], then wait for [`UserAgent::next_timeout`].
//!
//! ```text
//!  receive ─▶ parse ─▶ server transaction ─▶ leg (dialog) ─▶ poll_event
//!                   └▶ client transaction ─▶ leg, registration ─▶ poll_event
//!  command ─▶ leg ─▶ request or response ─▶ transaction ─▶ poll_transmit
//! ```
//!
//! A request within a dialog is sent to the peer's next hop where that is an address, and to where
//! the peer's messages come from where it is a name or the peer is behind a NAT. Names are for the
//! owner of the sockets to resolve, before `invite`. Requests too large for a datagram stay on UDP.

mod acknowledgement;
mod authorizer;
mod bye;
mod client;
pub mod command;
pub mod config;
pub mod event;
mod failover;
mod in_dialog;
mod leg;
mod options;
mod refer;
mod referred;
mod registration;
mod reinvite;
mod request;
mod response;
mod schedule;
mod server;
mod transactions;
mod transmit;

#[cfg(test)]
mod call_tests;
#[cfg(test)]
mod chaos_tests;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod early_tests;
#[cfg(test)]
mod failover_tests;
#[cfg(test)]
mod raw_tests;
#[cfg(test)]
mod registration_tests;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod simulation;

use crate::sip::flow::{Flow, Transmit};
use crate::sip::slab::{Key, Slab};
use crate::sip::timers::TimerQueue;
use crate::sip::token::Token;
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::{Event, LegId};
use crate::sip::user_agent::leg::Leg;
use crate::sip::user_agent::registration::Binding;
use crate::sip::user_agent::transactions::{Clients, Servers};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::time::Duration;

/// Who stands in the timer queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Server(Key),
    Client(Key),
    Leg(Key),
    Registration(Key),
}

pub struct UserAgent {
    config: Config,
    rng: StdRng,
    /// Of the To tags of answers without state.
    secret: [u64; 2],
    timers: TimerQueue<Owner>,
    servers: Servers,
    clients: Clients,
    legs: Slab<Leg>,
    /// Legs by our tag, which is random: no peer chooses where it hashes to.
    dialogs: FxHashMap<Token, LegId>,
    registrations: Slab<Binding>,
    /// Drained after each mutation, of which each adds a few.
    transmits: VecDeque<Transmit>,
    /// Drained after each mutation, of which each adds a few.
    events: VecDeque<Event>,
}

impl UserAgent {
    pub fn new(mut config: Config, rng_seed: u64) -> Self {
        // Without it, a retransmission would be due the moment it is sent.
        config.timers.t1 = config.timers.t1.max(Duration::from_millis(1));
        config.timers.t2 = config.timers.t2.max(config.timers.t1);
        let mut rng = StdRng::seed_from_u64(rng_seed);
        let limits = config.limits;
        Self {
            servers: Servers::new(limits.transactions, rng.next_u64() as usize),
            clients: Clients::new(limits.transactions),
            legs: Slab::new(limits.legs),
            registrations: Slab::new(MAX_REGISTRATIONS),
            secret: [rng.next_u64(), rng.next_u64()],
            config,
            rng,
            timers: TimerQueue::default(),
            dialogs: FxHashMap::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// How much is held, for metrics and tests.
    pub fn load(&self) -> Load {
        Load {
            legs: self.legs.len(),
            server_transactions: self.servers.slab.len(),
            client_transactions: self.clients.slab.len(),
        }
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.transmits.push_back(Transmit { flow, bytes });
    }

    fn token(&mut self) -> Token {
        Token::random(&mut self.rng)
    }

    /// Tells an event of a leg, unless its last one is out.
    fn tell(&mut self, leg: LegId, event: Event) {
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        if state.over {
            return;
        }
        state.over = event.ends().is_some();
        self.events.push_back(event);
    }
}

/// More than anybody has trunks.
const MAX_REGISTRATIONS: usize = 1024;

/// How much a user agent holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    pub legs: usize,
    pub server_transactions: usize,
    pub client_transactions: usize,
}
