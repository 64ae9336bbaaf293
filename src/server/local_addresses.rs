//! Which of our addresses a peer sees, and which of our sockets reaches it.

use rustc_hash::FxHashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which of our addresses a peer sees, where we listen on all of them.
#[derive(Default)]
pub(super) struct Locals(FxHashMap<IpAddr, IpAddr>);

/// Peers whose route is remembered; then all are asked for again.
const MAX_LOCALS: usize = 10_000;

impl Locals {
    pub fn towards(&mut self, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        if self.0.len() >= MAX_LOCALS {
            self.0.clear();
        }
        let towards = || local_towards(bound, remote).ip();
        SocketAddr::new(
            *self.0.entry(remote.ip()).or_insert_with(towards),
            bound.port(),
        )
    }
}

/// An IPv4 peer of a socket on `[::]` is an IPv4 peer to everybody else: only here it is seen and
/// named as `::ffff:192.0.2.1`.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        // With its scope.
        IpAddr::V6(_) => address,
    }
}

/// A peer's address as the socket bound there takes it.
pub(super) fn named_for(bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(v4) if bound.is_ipv6() => {
            SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
        }
        remote => remote,
    }
}

/// The first of the listening addresses from which a peer can be reached: its own family's before
/// `[::]`, whose IPv4 may be another's.
pub(super) fn best_for(
    remote: SocketAddr,
    listening: impl Iterator<Item = SocketAddr> + Clone,
) -> Option<SocketAddr> {
    let of_family = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
    let of_both = |local: &SocketAddr| local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let (mut first, mut second) = (listening.clone(), listening);
    first.find(of_family).or_else(|| second.find(of_both))
}

/// A socket on all addresses covers each of them.
pub(super) fn covers(bound: SocketAddr, local: SocketAddr) -> bool {
    bound == local || bound.ip().is_unspecified() && bound.port() == local.port()
}

/// The kernel's routing table knows; a connected UDP socket tells, and sends nothing.
pub(super) fn local_towards(bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    let any: IpAddr = match remote {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let ask = || {
        let socket = std::net::UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(remote)?;
        socket.local_addr()
    };
    SocketAddr::new(ask().map_or(any, |local| local.ip()), bound.port())
}
