//! SIP's sockets: UDP sockets and TCP connections behind one `receive` and one `send`.

use crate::sip::flow::{Flow, Protocol, Transmit};
use crate::sip::framing::{Frame, PONG, SipCodec};
use crate::sip::message::Message;
use crate::sip::parser::ParseError;
use bytes::Bytes;
use futures_util::StreamExt;
use rustc_hash::FxHashMap;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncWriteExt, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_util::codec::FramedRead;

/// Messages that wait to be handled, over all connections; readers wait when it is full, and TCP
/// slows their peers down.
const FROM_STREAMS: usize = 1024;
/// Messages that wait to be written to one connection; when it is full the connection is closed,
/// since its peer does not read.
const TO_STREAM: usize = 256;
/// Connections that others opened to us, and how many one source may have of them. For one more,
/// the one that was idle longest is closed, unless it carries a call.
const MAX_STREAMS: usize = 4096;
const MAX_OF_SOURCE: usize = 256;
/// From a message's first octet to its last.
const MESSAGE_WITHIN: Duration = Duration::from_secs(30);
/// A peer that does not read for so long is given up.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
/// How long a connection is silent before the kernel asks whether the peer is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// The largest datagram.
const DATAGRAM: usize = 65_535;
/// Room in the kernel for a burst of INVITEs while the task is busy.
const UDP_BUFFER: usize = 4 * 1024 * 1024;

/// How long the answer to a broken stream may take.
const LAST_ANSWER: Duration = Duration::from_secs(1);

pub enum Received {
    /// A peer has connected.
    Opened {
        flow: Flow,
    },
    Message {
        flow: Flow,
        message: Message,
    },
    /// To be answered as far as possible.
    Malformed {
        flow: Flow,
        error: ParseError,
    },
    /// The stream is closed, or could not be opened.
    Closed {
        flow: Flow,
    },
}

enum FromStream {
    Opened {
        flow: Flow,
        writer: mpsc::Sender<Bytes>,
    },
    Message {
        flow: Flow,
        message: Message,
    },
    Malformed {
        flow: Flow,
        error: ParseError,
    },
    Closed {
        flow: Flow,
    },
}

/// An open connection.
struct Stream {
    writer: mpsc::Sender<Bytes>,
    /// The peer opened it. Ours are as many as we have calls.
    inbound: bool,
    /// When the last message came or went.
    used: Instant,
    carries_call: bool,
}

impl Stream {
    fn new(writer: mpsc::Sender<Bytes>, inbound: bool) -> Stream {
        Stream {
            writer,
            inbound,
            used: Instant::now(),
            carries_call: false,
        }
    }
}

pub struct Transports {
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<SocketAddr>,
    streams: FxHashMap<Flow, Stream>,
    from_streams: mpsc::Receiver<FromStream>,
    to_task: mpsc::Sender<FromStream>,
    /// Which source is looked at first: each in turn, so that a busy one starves no other.
    first: usize,
    locals: Locals,
    datagram: Box<[u8]>,
}

impl Transports {
    /// Binds all addresses; the error says which one could not be had.
    pub async fn bind(listen: &[(Protocol, SocketAddr)]) -> io::Result<Transports> {
        let (to_task, from_streams) = mpsc::channel(FROM_STREAMS);
        let mut transports = Transports {
            udp: Vec::new(),
            tcp: Vec::new(),
            streams: FxHashMap::default(),
            from_streams,
            to_task,
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
                tokio::spawn(accept(listener, self.to_task.clone()));
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
                None => self.poll_stream(context),
                Some(socket) => self.poll_datagram(socket, context),
            };
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    }

    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        while let Poll::Ready(Some(from)) = self.from_streams.poll_recv(context) {
            match from {
                FromStream::Opened { flow, writer } => {
                    if self.make_room(flow.remote.ip()) {
                        self.streams.insert(flow, Stream::new(writer, true));
                        return Poll::Ready(Received::Opened { flow });
                    }
                    // Without its writer the connection closes.
                }
                FromStream::Message { flow, message } => {
                    if let Some(stream) = self.streams.get_mut(&flow) {
                        stream.used = Instant::now();
                    }
                    return Poll::Ready(Received::Message { flow, message });
                }
                FromStream::Malformed { flow, error } => {
                    return Poll::Ready(Received::Malformed { flow, error });
                }
                FromStream::Closed { flow } => {
                    self.streams.remove(&flow);
                    return Poll::Ready(Received::Closed { flow });
                }
            }
        }
        Poll::Pending
    }

    /// The connection is a call's: it is not closed for others.
    pub fn carries_call(&mut self, flow: Flow) {
        if let Some(stream) = self.streams.get_mut(&flow) {
            stream.carries_call = true;
        }
    }

    pub fn close(&mut self, flow: Flow) {
        // Without its writer it closes.
        self.streams.remove(&flow);
    }

    /// Whether one more connection from there has room, if need be in the place of an idle one.
    fn make_room(&mut self, source: IpAddr) -> bool {
        self.make_room_among(MAX_OF_SOURCE, |flow| flow.remote.ip() == source)
            && self.make_room_among(MAX_STREAMS, |_| true)
    }

    fn make_room_among(&mut self, limit: usize, among: impl Fn(&Flow) -> bool) -> bool {
        let inbound = self.streams.iter();
        let inbound = inbound.filter(|(flow, stream)| stream.inbound && among(flow));
        if inbound.clone().count() < limit {
            return true;
        }
        let idle = inbound.filter(|(_, stream)| !stream.carries_call);
        let longest = idle.min_by_key(|(_, stream)| stream.used);
        let longest = longest.map(|(flow, _)| *flow);
        longest.is_some_and(|flow| self.streams.remove(&flow).is_some())
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

    /// `false` when the message cannot be sent: the flow is broken.
    pub fn send(&mut self, transmit: Transmit) -> bool {
        let Transmit { flow, bytes } = transmit;
        match flow.protocol {
            Protocol::Udp => self.send_datagram(flow, &bytes),
            Protocol::Tcp => self.send_on_stream(flow, bytes),
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

    fn send_on_stream(&mut self, flow: Flow, bytes: Bytes) -> bool {
        if let Some(stream) = self.streams.get_mut(&flow) {
            stream.used = Instant::now();
            let sent = stream.writer.try_send(bytes).is_ok();
            if !sent {
                self.streams.remove(&flow);
            }
            return sent;
        }
        let (writer, messages) = mpsc::channel(TO_STREAM);
        let _ = writer.try_send(bytes);
        self.streams.insert(flow, Stream::new(writer, false));
        tokio::spawn(connect(flow, messages, self.to_task.clone()));
        true
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

/// Which of our addresses a peer sees, where we listen on all of them.
#[derive(Default)]
struct Locals(FxHashMap<IpAddr, IpAddr>);

/// Peers whose route is remembered; then all are asked for again.
const MAX_LOCALS: usize = 10_000;

impl Locals {
    fn towards(&mut self, bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
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
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        // With its scope.
        IpAddr::V6(_) => address,
    }
}

/// A peer's address as the socket bound there takes it.
fn named_for(bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
    match remote {
        SocketAddr::V4(v4) if bound.is_ipv6() => {
            SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
        }
        remote => remote,
    }
}

/// The first of the listening addresses from which a peer can be reached: its own family's before
/// `[::]`, whose IPv4 may be another's.
fn best_for(
    remote: SocketAddr,
    listening: impl Iterator<Item = SocketAddr> + Clone,
) -> Option<SocketAddr> {
    let of_family = |local: &SocketAddr| local.is_ipv4() == remote.is_ipv4();
    let of_both = |local: &SocketAddr| local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let (mut first, mut second) = (listening.clone(), listening);
    first.find(of_family).or_else(|| second.find(of_both))
}

/// A socket on all addresses covers each of them.
fn covers(bound: SocketAddr, local: SocketAddr) -> bool {
    bound == local || bound.ip().is_unspecified() && bound.port() == local.port()
}

/// The kernel's routing table knows; a connected UDP socket tells, and sends nothing.
fn local_towards(bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
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

async fn accept(listener: TcpListener, to_task: mpsc::Sender<FromStream>) {
    loop {
        // An error concerns one connection, or the limit of open files: the next may succeed.
        let Ok((stream, remote)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let flow = Flow {
            protocol: Protocol::Tcp,
            local: canonical(local),
            remote: canonical(remote),
        };
        // A peer that has gone without a word is noticed; without it only that would be late.
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
        let (writer, messages) = mpsc::channel(TO_STREAM);
        let to_task = to_task.clone();
        tokio::spawn(async move {
            if to_task
                .send(FromStream::Opened { flow, writer })
                .await
                .is_ok()
            {
                converse(flow, stream, messages, to_task).await;
            }
        });
    }
}

async fn connect(flow: Flow, messages: mpsc::Receiver<Bytes>, to_task: mpsc::Sender<FromStream>) {
    match TcpStream::connect(flow.remote).await {
        Ok(stream) => converse(flow, stream, messages, to_task).await,
        // The task that would read it ends with the server.
        Err(_) => _ = to_task.send(FromStream::Closed { flow }).await,
    }
}

/// Reads and writes one connection until either side closes it.
async fn converse(
    flow: Flow,
    stream: TcpStream,
    mut messages: mpsc::Receiver<Bytes>,
    to_task: mpsc::Sender<FromStream>,
) {
    // Only latency would suffer without it.
    let _ = stream.set_nodelay(true);
    let (reading, mut writing) = stream.into_split();
    let mut reader = Reader::new(reading, MESSAGE_WITHIN);
    loop {
        let frame = tokio::select! {
            message = messages.recv() => match message {
                Some(bytes) if write(&mut writing, &bytes).await => continue,
                _ => break,
            },
            frame = reader.next() => frame,
        };
        let from = match frame {
            Some(Frame::Message(message)) => FromStream::Message { flow, message },
            Some(Frame::Malformed(error)) => FromStream::Malformed { flow, error },
            Some(Frame::Broken(error)) => {
                let _ = to_task.send(FromStream::Malformed { flow, error }).await;
                write_last(&mut messages, &mut writing).await;
                break;
            }
            Some(Frame::Ping) if write(&mut writing, PONG).await => continue,
            _ => break,
        };
        if to_task.send(from).await.is_err() {
            return;
        }
    }
    let _ = to_task.send(FromStream::Closed { flow }).await;
}

/// `false`: the connection is broken, or its peer does not read.
async fn write(writing: &mut OwnedWriteHalf, bytes: &[u8]) -> bool {
    let written = tokio::time::timeout(WRITTEN_WITHIN, writing.write_all(bytes)).await;
    matches!(written, Ok(Ok(())))
}

/// Reads messages, each of which must be whole in time.
struct Reader {
    frames: FramedRead<OwnedReadHalf, SipCodec>,
    message_within: Duration,
    /// While a message has begun.
    due: Option<Pin<Box<Sleep>>>,
}

impl Reader {
    fn new(reading: OwnedReadHalf, message_within: Duration) -> Reader {
        Reader {
            frames: FramedRead::new(reading, SipCodec::default()),
            message_within,
            due: None,
        }
    }

    /// `None` at the end: closed by the peer, broken, or too slow.
    async fn next(&mut self) -> Option<Frame> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        if let Poll::Ready(frame) = self.frames.poll_next_unpin(context) {
            self.due = None;
            return Poll::Ready(frame.and_then(Result::ok));
        }
        if !self.frames.decoder().has_begun(self.frames.read_buffer()) {
            self.due = None;
            return Poll::Pending;
        }
        let within = self.message_within;
        let due = || Box::pin(tokio::time::sleep(within));
        let due = self.due.get_or_insert_with(due);
        due.as_mut().poll(context).map(|()| None)
    }
}

/// The answer to a message that breaks the stream goes out before it is closed.
async fn write_last(messages: &mut mpsc::Receiver<Bytes>, writing: &mut OwnedWriteHalf) {
    let answer = tokio::time::timeout(LAST_ANSWER, messages.recv()).await;
    if let Ok(Some(bytes)) = answer {
        // The peer may have gone.
        let _ = write(writing, &bytes).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    const OPTIONS: &[u8] = b"OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
        From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
        Content-Length: 3\r\n\r\nabc";

    /// A connection that the transports have taken.
    async fn connected(transports: &mut Transports) -> (TcpStream, Flow) {
        let (_, address) = transports.listening()[1];
        let stream = TcpStream::connect(address).await.expect("it is accepted");
        match transports.receive().await {
            Received::Opened { flow } => (stream, flow),
            _ => panic!("nothing else happens"),
        }
    }

    /// What reads, and its peer.
    async fn reader(message_within: Duration) -> (Reader, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let peer = TcpStream::connect(address).await.expect("it is accepted");
        let (stream, _) = listener.accept().await.expect("it has connected");
        // The task's end closes the other half.
        let (reading, _) = stream.into_split();
        (Reader::new(reading, message_within), peer)
    }

    #[tokio::test]
    async fn a_message_that_does_not_end_ends_its_connection() {
        let short = Duration::from_millis(20);
        let (mut idle, mut idle_peer) = reader(short).await;
        let idle = tokio::spawn(async move { idle.next().await });
        for sent in [&OPTIONS[..9], &OPTIONS[..OPTIONS.len() - 1]] {
            let (mut slow, mut peer) = reader(short).await;
            peer.write_all(sent).await.expect("it is written");
            assert_eq!(slow.next().await, None);
        }
        // One without a message in progress has all the time.
        idle_peer.write_all(OPTIONS).await.expect("it is written");
        let frame = idle.await.expect("it reads");
        assert!(matches!(frame, Some(Frame::Message(_))), "{frame:?}");
    }

    #[tokio::test]
    async fn for_one_more_connection_the_longest_idle_without_a_call_is_closed() {
        let mut transports = transports(&["127.0.0.1:0"]).await;
        let mut streams = Vec::new();
        for _ in 0..MAX_OF_SOURCE {
            streams.push(connected(&mut transports).await);
        }
        let (on_call, idle) = (streams[0].1, streams[2].1);
        transports.carries_call(on_call);
        streams[1]
            .0
            .write_all(OPTIONS)
            .await
            .expect("it is written");
        let message = transports.receive().await;
        assert!(matches!(message, Received::Message { .. }));
        streams.push(connected(&mut transports).await);
        let closed = transports.receive().await;
        assert!(matches!(closed, Received::Closed { flow } if flow == idle));
        assert_eq!(transports.streams.len(), MAX_OF_SOURCE);
        for (_, flow) in &streams {
            transports.carries_call(*flow);
        }
        assert!(!transports.make_room([127, 0, 0, 1].into()));
        assert!(transports.make_room([127, 0, 0, 2].into()));
    }

    #[tokio::test]
    async fn our_own_connections_are_not_counted() {
        let mut transports = transports(&["127.0.0.1:0"]).await;
        let (_, ours) = transports.listening()[1];
        for port in 1..=MAX_STREAMS as u16 {
            let (writer, _) = mpsc::channel(1);
            let flow = Flow {
                protocol: Protocol::Tcp,
                local: ours,
                remote: SocketAddr::new([192, 0, 2, 1].into(), port),
            };
            transports.streams.insert(flow, Stream::new(writer, false));
        }
        let (_stream, flow) = connected(&mut transports).await;
        assert!(transports.streams[&flow].inbound);
        assert_eq!(transports.streams.len(), MAX_STREAMS + 1);
    }
}
