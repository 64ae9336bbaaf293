//! SIP's sockets: UDP sockets and TCP connections behind one `receive` and one `send`.

use crate::sip::flow::{Flow, Protocol, Transmit};
use crate::sip::framing::{Frame, PONG, SipCodec};
use crate::sip::message::Message;
use crate::sip::parser::ParseError;
use bytes::Bytes;
use futures_util::StreamExt;
use rustc_hash::FxHashMap;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncWriteExt, ReadBuf};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::codec::FramedRead;

/// Messages that wait to be handled, over all connections; readers wait when it is full, and TCP
/// slows their peers down.
const FROM_STREAMS: usize = 1024;
/// Messages that wait to be written to one connection; when it is full the connection is closed,
/// since its peer does not read.
const TO_STREAM: usize = 256;
/// Open connections; one more is closed at once.
const MAX_STREAMS: usize = 4096;
/// The largest datagram.
const DATAGRAM: usize = 65_535;
/// Room in the kernel for a burst of INVITEs while the task is busy.
const UDP_BUFFER: usize = 4 * 1024 * 1024;

/// How long the answer to a broken stream may take.
const LAST_ANSWER: std::time::Duration = std::time::Duration::from_secs(1);

pub enum Received<'a> {
    Datagram {
        flow: Flow,
        bytes: &'a [u8],
    },
    /// From a stream.
    Message {
        flow: Flow,
        message: Message,
    },
    /// From a stream: to be answered as far as possible.
    Malformed {
        flow: Flow,
        error: ParseError,
    },
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

pub struct Transports {
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<SocketAddr>,
    streams: FxHashMap<Flow, mpsc::Sender<Bytes>>,
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
            transports
                .bind_one(protocol, address)
                .await
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

    async fn bind_one(&mut self, protocol: Protocol, address: SocketAddr) -> io::Result<()> {
        match protocol {
            Protocol::Udp => {
                let socket = UdpSocket::bind(address).await?;
                // The kernel caps it at its own limit.
                let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(UDP_BUFFER);
                self.udp.push((socket.local_addr()?, socket));
            }
            Protocol::Tcp => {
                let listener = TcpListener::bind(address).await?;
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

    /// The local address from which a peer is reached: a listener of its address family.
    pub fn flow_to(&self, protocol: Protocol, remote: SocketAddr) -> Option<Flow> {
        let listening = self.listening();
        let (_, local) = *listening
            .iter()
            .find(|(of, local)| *of == protocol && local.is_ipv4() == remote.is_ipv4())?;
        Some(Flow {
            protocol,
            local: local_towards(local, remote),
            remote,
        })
    }

    pub async fn receive(&mut self) -> Received<'_> {
        let arrived = poll_fn(|context| self.poll_message(context)).await;
        self.received(arrived)
    }

    /// What has arrived already.
    pub fn try_receive(&mut self) -> Option<Received<'_>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match self.poll_message(&mut context) {
            Poll::Ready(arrived) => Some(self.received(arrived)),
            Poll::Pending => None,
        }
    }

    fn received(&self, arrived: Arrived) -> Received<'_> {
        match arrived {
            Arrived::Datagram { flow, length } => Received::Datagram {
                flow,
                bytes: &self.datagram[..length],
            },
            Arrived::Message { flow, message } => Received::Message { flow, message },
            Arrived::Malformed { flow, error } => Received::Malformed { flow, error },
            Arrived::Closed { flow } => Received::Closed { flow },
        }
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Arrived> {
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

    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<Arrived> {
        while let Poll::Ready(Some(from)) = self.from_streams.poll_recv(context) {
            match from {
                FromStream::Opened { flow, writer } if self.streams.len() < MAX_STREAMS => {
                    self.streams.insert(flow, writer);
                }
                // Without its writer the connection closes.
                FromStream::Opened { .. } => {}
                FromStream::Message { flow, message } => {
                    return Poll::Ready(Arrived::Message { flow, message });
                }
                FromStream::Malformed { flow, error } => {
                    return Poll::Ready(Arrived::Malformed { flow, error });
                }
                FromStream::Closed { flow } => {
                    self.streams.remove(&flow);
                    return Poll::Ready(Arrived::Closed { flow });
                }
            }
        }
        Poll::Pending
    }

    fn poll_datagram(&mut self, socket: usize, context: &mut Context<'_>) -> Poll<Arrived> {
        let (local, socket) = &self.udp[socket];
        let mut buffer = ReadBuf::new(&mut self.datagram);
        loop {
            // An error is an ICMP report about an earlier datagram: the next one is looked at.
            if let Ok(remote) = ready!(socket.poll_recv_from(context, &mut buffer)) {
                let flow = Flow {
                    protocol: Protocol::Udp,
                    local: self.locals.towards(*local, remote),
                    remote,
                };
                let length = buffer.filled().len();
                return Poll::Ready(Arrived::Datagram { flow, length });
            }
        }
    }

    /// `false` when the message cannot be sent: the flow is broken.
    pub fn send(&mut self, transmit: Transmit) -> bool {
        let Transmit { flow, bytes } = transmit;
        match flow.protocol {
            Protocol::Udp => match self
                .udp
                .iter()
                .find(|(local, _)| covers(*local, flow.local))
            {
                // A full socket buffer loses the datagram, as the network may; the transaction
                // sends it again.
                Some((_, socket)) => match socket.try_send_to(&bytes, flow.remote) {
                    Err(error) => error.kind() == io::ErrorKind::WouldBlock,
                    Ok(_) => true,
                },
                None => false,
            },
            Protocol::Tcp => self.send_on_stream(flow, bytes),
        }
    }

    fn send_on_stream(&mut self, flow: Flow, bytes: Bytes) -> bool {
        if let Some(writer) = self.streams.get(&flow) {
            let sent = writer.try_send(bytes).is_ok();
            if !sent {
                self.streams.remove(&flow);
            }
            return sent;
        }
        if self.streams.len() >= MAX_STREAMS {
            return false;
        }
        let (writer, messages) = mpsc::channel(TO_STREAM);
        let _ = writer.try_send(bytes);
        self.streams.insert(flow, writer);
        tokio::spawn(connect(flow, messages, self.to_task.clone()));
        true
    }
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

/// A socket on all addresses covers each of them.
fn covers(bound: SocketAddr, local: SocketAddr) -> bool {
    bound == local || bound.ip().is_unspecified() && bound.port() == local.port()
}

/// The kernel's routing table knows; a connected UDP socket tells, and sends nothing.
fn local_towards(bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
    if !bound.ip().is_unspecified() {
        return bound;
    }
    let ask = || {
        let socket = std::net::UdpSocket::bind(SocketAddr::new(bound.ip(), 0))?;
        socket.connect(remote)?;
        socket.local_addr()
    };
    SocketAddr::new(ask().map_or(bound.ip(), |local| local.ip()), bound.port())
}

enum Arrived {
    Datagram { flow: Flow, length: usize },
    Message { flow: Flow, message: Message },
    Malformed { flow: Flow, error: ParseError },
    Closed { flow: Flow },
}

async fn accept(listener: TcpListener, to_task: mpsc::Sender<FromStream>) {
    loop {
        // An error concerns one connection, or the limit of open files: the next may succeed.
        let Ok((stream, remote)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let flow = Flow {
            protocol: Protocol::Tcp,
            local,
            remote,
        };
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
    let mut frames = FramedRead::new(reading, SipCodec::default());
    loop {
        let frame = tokio::select! {
            message = messages.recv() => match message {
                Some(bytes) if writing.write_all(&bytes).await.is_ok() => continue,
                _ => break,
            },
            frame = frames.next() => frame,
        };
        let from = match frame {
            Some(Ok(Frame::Message(message))) => FromStream::Message { flow, message },
            Some(Ok(Frame::Malformed(error))) => FromStream::Malformed { flow, error },
            Some(Ok(Frame::Broken(error))) => {
                let _ = to_task.send(FromStream::Malformed { flow, error }).await;
                write_last(&mut messages, &mut writing).await;
                break;
            }
            Some(Ok(Frame::Ping)) if writing.write_all(PONG).await.is_ok() => continue,
            _ => break,
        };
        if to_task.send(from).await.is_err() {
            return;
        }
    }
    let _ = to_task.send(FromStream::Closed { flow }).await;
}

/// The answer to a message that breaks the stream goes out before it is closed.
async fn write_last(messages: &mut mpsc::Receiver<Bytes>, writing: &mut OwnedWriteHalf) {
    let answer = tokio::time::timeout(LAST_ANSWER, messages.recv()).await;
    if let Ok(Some(bytes)) = answer {
        // The peer may have gone.
        let _ = writing.write_all(&bytes).await;
    }
}
