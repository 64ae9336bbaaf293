//! What a user agent is told at its start.

use crate::sip::flow::Flow;
use crate::sip::timers::TimerValues;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

#[derive(Debug, Clone)]
pub struct Config {
    /// The Server and User-Agent header fields.
    pub user_agent: String,
    /// The user part of our Contact.
    pub contact_user: String,
    /// What Via and Contact say to whom; without an entry that fits, the flow's local address.
    pub advertised: Vec<Advertised>,
    pub timers: TimerValues,
    pub limits: Limits,
    /// The session interval we ask for, in seconds (RFC 4028); `None` asks for none, but a peer
    /// that does gets its session timer.
    pub session_expires: Option<u32>,
    /// The smallest session interval that we take, in seconds; never below 90.
    pub min_se: u32,
    /// What a 503 says in Retry-After, in seconds.
    pub retry_after: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            user_agent: concat!("zeroline/", env!("CARGO_PKG_VERSION")).to_owned(),
            contact_user: "zeroline".to_owned(),
            advertised: Vec::new(),
            timers: TimerValues::default(),
            limits: Limits::default(),
            session_expires: Some(1800),
            min_se: 90,
            retry_after: 5,
        }
    }
}

impl Config {
    /// The address that a peer on this flow reaches us at.
    pub fn address_for(&self, flow: &Flow) -> SocketAddr {
        self.advertised
            .iter()
            .find(|entry| entry.network.contains(&flow.remote.ip()))
            .map_or(flow.local, |entry| {
                SocketAddr::new(entry.address, entry.port.unwrap_or(flow.local.port()))
            })
    }
}

/// "To peers of this network we are at that address."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    pub network: IpNet,
    pub address: IpAddr,
    /// The flow's local port where absent.
    pub port: Option<u16>,
}

/// How much a user agent holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Transactions of each side, the ones that only absorb retransmissions included. When the
    /// table is full, a new INVITE gets a stateless 503 with Retry-After, other requests are
    /// answered without state, and our own requests fail.
    pub transactions: usize,
    /// Legs, from the INVITE until the BYE is answered. When the table is full, a new INVITE gets a
    /// stateless 503 with Retry-After, and `invite` gives none.
    pub legs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transactions: 200_000,
            legs: 20_000,
        }
    }
}
