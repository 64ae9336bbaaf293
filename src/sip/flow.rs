//! Where a message came from and where one goes.

use bytes::Bytes;
use std::net::SocketAddr;

/// A transport of SIP. TLS and WebSocket will be further kinds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    Udp,
    Tcp,
}

impl Protocol {
    /// Whether it delivers without loss, so that nothing is retransmitted on it.
    pub fn is_reliable(self) -> bool {
        match self {
            Protocol::Udp => false,
            Protocol::Tcp => true,
        }
    }

    /// As it stands in a Via's sent-protocol.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
        }
    }
}

/// A pair of addresses: of a datagram, or of a connection.
///
/// A message for a stream flow goes to the open connection with this remote address; where there is
/// none, the owner of the sockets connects to it, and tells
/// [`transport_failed`](crate::sip::user_agent::UserAgent::transport_failed) when it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    pub protocol: Protocol,
    /// Our side; it becomes Via and Contact unless another address is advertised.
    pub local: SocketAddr,
    pub remote: SocketAddr,
}

/// A message to send: one datagram, or so many bytes of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    pub flow: Flow,
    pub bytes: Bytes,
}
