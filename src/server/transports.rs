//! SIP's sockets: UDP sockets and TCP connections behind one `receive` and one `send`.

use super::local_addresses::{Locals, best_for, canonical, covers, local_towards, named_for};
use super::received::Received;
use super::streams::Streams;
use crate::sip::flow::{Flow, Protocol, Transmit};
use crate::sip::message::Message;
use socket2::{Domain, SockRef, Socket, Type};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;
use tokio::net::{TcpListener, UdpSocket};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// The largest datagram.
const DATAGRAM: usize = 65_535;
/// Room in the kernel for a burst of INVITEs while the task is busy.
const UDP_BUFFER: usize = 4 * 1024 * 1024;

pub struct Transports {
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<SocketAddr>,
    streams: Streams,
    /// Which source is looked at first: each in turn, so that a busy one starves no other.
    first: usize,
    locals: Locals,
    datagram: Box<[u8]>,
}

impl Transports {
    /// Binds all addresses; the error says which one could not be had.
    pub async fn bind(listen: &[(Protocol, SocketAddr)]) -> io::Result<Transports> {
        let mut transports = Transports {
            udp: Vec::new(),
            tcp: Vec::new(),
            streams: Streams::default(),
            first: 0,
            locals: Locals::default(),
            datagram: vec![0; DATAGRAM].into(),
        };
        for &(protocol, address) in listen {
            let apart = |(p, a): &(_, SocketAddr)| {
                *p == protocol && a.is_ipv4() && a.port() == address.port()
            };
            transports
                .bind_one(protocol, address, listen.iter().any(apart))
                .map_err(|error| {
                    let name = protocol.name();
                    io::Error::new(
                        error.kind(),
                        format!("cannot listen on {name} {address}: {error}"),
                    )
                })?;
        }
        Ok(transports)
    }

    /// `[::]` takes IPv4 too, unless another socket takes that port's.
    fn bind_one(
        &mut self,
        protocol: Protocol,
        address: SocketAddr,
        v4_apart: bool,
    ) -> io::Result<()> {
        let socket = |kind| {
            let socket = Socket::new(Domain::for_address(address), kind, None)?;
            if address.is_ipv6() {
                socket.set_only_v6(v4_apart)?;
            }
            socket.set_nonblocking(true)?;
            Ok::<_, io::Error>(socket)
        };
        match protocol {
            Protocol::Udp => {
                let socket = socket(Type::DGRAM)?;
                socket.bind(&address.into())?;
                let socket = UdpSocket::from_std(socket.into())?;
                // The kernel caps it at its own limit.
                let _ = SockRef::from(&socket).set_recv_buffer_size(UDP_BUFFER);
                self.udp.push((socket.local_addr()?, socket));
            }
            Protocol::Tcp => {
                let socket = socket(Type::STREAM)?;
                // A server that starts again takes the port from its predecessor's last connections.
                socket.set_reuse_address(true)?;
                socket.bind(&address.into())?;
                socket.listen(BACKLOG)?;
                let listener = TcpListener::from_std(socket.into())?;
                self.tcp.push(listener.local_addr()?);
                self.streams.accept_from(listener);
            }
        }
        Ok(())
    }

    /// What is listened on, with the ports that the system chose.
    pub fn listening(&self) -> Vec<(Protocol, SocketAddr)> {
        let udp = self
            .udp
            .iter()
            .map(|(address, _)| (Protocol::Udp, *address));
        udp.chain(self.tcp.iter().map(|address| (Protocol::Tcp, *address)))
            .collect()
    }

    /// What is listened on, the preferred first.
    pub fn protocols(&self) -> Vec<Protocol> {
        let udp = (!self.udp.is_empty()).then_some(Protocol::Udp);
        let tcp = (!self.tcp.is_empty()).then_some(Protocol::Tcp);
        udp.into_iter().chain(tcp).collect()
    }

    /// Whether a message sent there comes back to us.
    pub fn is_ours(&self, protocol: Protocol, address: SocketAddr) -> bool {
        let reached = |local: SocketAddr| {
            let every = local.ip().is_unspecified() && address.ip().is_loopback();
            local.port() == address.port() && (local.ip() == address.ip() || every)
        };
        let mut listening = self.listening().into_iter();
        listening.any(|(of, local)| of == protocol && reached(local))
    }

    /// The local address from which a peer is reached: a listener of its address family, or on
    /// all addresses of both.
    pub fn flow_to(&self, protocol: Protocol, remote: SocketAddr) -> Option<Flow> {
        let listening = self.listening();
        let of = listening.iter().filter(|(of, _)| *of == protocol);
        let local = best_for(remote, of.map(|(_, local)| *local))?;
        Some(Flow {
            protocol,
            local: local_towards(local, remote),
            remote,
        })
    }

    pub async fn receive(&mut self) -> Received {
        poll_fn(|context| self.poll_message(context)).await
    }

    /// What has arrived already.
    pub fn try_receive(&mut self) -> Option<Received> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match self.poll_message(&mut context) {
            Poll::Ready(received) => Some(received),
            Poll::Pending => None,
        }
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        let sources = self.udp.len() + 1;
        self.first = (self.first + 1) % sources;
        for at in 0..sources {
            let source = (self.first + at) % sources;
            let polled = match source.checked_sub(1) {
                None => self.streams.poll(context),
                Some(socket) => self.poll_datagram(socket, context),
            };
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    }

    fn poll_datagram(&mut self, socket: usize, context: &mut Context<'_>) -> Poll<Received> {
        let (local, socket) = &self.udp[socket];
        let mut buffer = ReadBuf::new(&mut self.datagram);
        loop {
            // An error is an ICMP report about an earlier datagram: the next one is looked at.
            if let Ok(remote) = ready!(socket.poll_recv_from(context, &mut buffer)) {
                let remote = canonical(remote);
                let flow = Flow {
                    protocol: Protocol::Udp,
                    local: self.locals.towards(*local, remote),
                    remote,
                };
                match datagram(flow, buffer.filled()) {
                    Some(received) => return Poll::Ready(received),
                    None => buffer.clear(),
                }
            }
        }
    }

    /// A call came that way and was taken.
    pub fn call_begins(&mut self, flow: Flow) {
        self.streams.call_begins(flow);
    }

    pub fn call_ends(&mut self, flow: Flow) {
        self.streams.call_ends(flow);
    }

    pub fn close(&mut self, flow: Flow) {
        self.streams.close(flow);
    }

    /// `false` when the message cannot be sent: the flow is broken.
    pub fn send(&mut self, transmit: Transmit) -> bool {
        let Transmit { flow, bytes } = transmit;
        match flow.protocol {
            Protocol::Udp => self.send_datagram(flow, &bytes),
            Protocol::Tcp => self.streams.send(flow, bytes),
        }
    }

    fn send_datagram(&self, flow: Flow, bytes: &[u8]) -> bool {
        let bound = self.udp.iter().map(|(bound, _)| *bound);
        let bound = best_for(
            flow.remote,
            bound.filter(|bound| covers(*bound, flow.local)),
        );
        let Some((bound, socket)) = self.udp.iter().find(|(of, _)| Some(*of) == bound) else {
            return false;
        };
        // A full socket buffer loses the datagram, as the network may; the transaction sends it
        // again.
        match socket.try_send_to(bytes, named_for(*bound, flow.remote)) {
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            Ok(_) => true,
        }
    }
}

/// `None` for line ends alone, which keep a NAT's binding open.
fn datagram(flow: Flow, bytes: &[u8]) -> Option<Received> {
    if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return None;
    }
    Some(match Message::parse(bytes) {
        Ok(message) => Received::Message { flow, message },
        Err(error) => Received::Malformed { flow, error },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    async fn transports(listen: &[&str]) -> Transports {
        let listen = listen.iter().map(|text| {
            let address = text.parse().expect("an address");
            [Protocol::Udp, Protocol::Tcp].map(|protocol| (protocol, address))
        });
        let listen: Vec<_> = listen.flatten().collect();
        Transports::bind(&listen).await.expect("free ports")
    }

    #[tokio::test]
    async fn on_all_addresses_an_ipv4_peer_is_an_ipv4_peer() {
        if std::net::UdpSocket::bind("[::]:0").is_err() {
            eprintln!("skipped: this machine has no IPv6");
            return;
        }
        let mut transports = transports(&["[::]:0"]).await;
        let port = transports.listening()[0].1.port();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let ours = SocketAddr::from(([127, 0, 0, 1], port));
        peer.send_to(b"in\r\n", ours).expect("it is sent");
        let Received::Malformed { flow, .. } = transports.receive().await else {
            panic!("it was no message");
        };
        let expected = Flow {
            protocol: Protocol::Udp,
            local: ours,
            remote: peer.local_addr().expect("it is bound"),
        };
        assert_eq!(flow, expected);
        assert_eq!(transports.flow_to(flow.protocol, flow.remote), Some(flow));
        let bytes = Bytes::from_static(b"out");
        assert!(transports.send(Transmit { flow, bytes }));
        let mut buffer = [0; 8];
        assert_eq!(peer.recv_from(&mut buffer).expect("it comes"), (3, ours));
    }

    #[tokio::test]
    async fn what_comes_back_to_us_is_known() {
        let transports = transports(&["127.0.0.1:0"]).await;
        let (protocol, ours) = transports.listening()[1];
        assert_eq!(protocol, Protocol::Tcp);
        assert!(transports.is_ours(protocol, ours));
        let other_port = SocketAddr::new(ours.ip(), ours.port() ^ 1);
        let other_address = SocketAddr::new([127, 0, 0, 2].into(), ours.port());
        assert!(!transports.is_ours(protocol, other_port));
        assert!(!transports.is_ours(protocol, other_address));
    }
}
