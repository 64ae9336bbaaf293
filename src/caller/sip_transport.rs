//! The sockets by which a phone's SIP messages come and go.

use crate::sip::flow::{Flow, Protocol, Transmit};
use crate::sip::framing::{Frame, SipCodec};
use crate::sip::message::Message;
use crate::sip::parser::{MAX_MESSAGE, ParseError};
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::codec::Decoder;

/// Messages from connections that wait for the phone; when it is full, the connections wait.
const MAX_WAITING: usize = 64;
/// How long a connection may take to be made, or to take a message.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a port that is free on both UDP and TCP is looked for.
const MAX_TRIES: usize = 20;

/// What came by the network.
#[derive(Debug)]
pub(super) enum Arrival {
    Message(Flow, Message),
    Malformed(Flow, ParseError),
    KeepAlive(Flow),
    /// The connection is gone.
    Lost(Flow),
}

pub(super) struct SipTransport {
    udp: Option<UdpSocket>,
    listener: Option<TcpListener>,
    /// Connections by their remote address.
    connections: BTreeMap<SocketAddr, OwnedWriteHalf>,
    arrivals: mpsc::Receiver<Arrival>,
    arrivals_in: mpsc::Sender<Arrival>,
    buffer: Vec<u8>,
}

impl SipTransport {
    fn new(udp: Option<UdpSocket>, listener: Option<TcpListener>) -> Self {
        let (arrivals_in, arrivals) = mpsc::channel(MAX_WAITING);
        Self {
            udp,
            listener,
            connections: BTreeMap::new(),
            arrivals,
            arrivals_in,
            buffer: vec![0; MAX_MESSAGE],
        }
    }

    /// A way to one peer, from a port of its own.
    pub async fn to(protocol: Protocol, remote: SocketAddr) -> io::Result<(Self, Flow)> {
        let mut transport = Self::new(None, None);
        let local = match protocol {
            Protocol::Udp => {
                let address = local_address_towards(remote).await?;
                let socket = UdpSocket::bind((address, 0)).await?;
                let local = socket.local_addr()?;
                transport.udp = Some(socket);
                local
            }
            Protocol::Tcp => transport.connect(remote).await?,
        };
        let flow = Flow {
            protocol,
            local,
            remote,
        };
        Ok((transport, flow))
    }

    /// Listens on UDP and TCP, on the same port; port 0 takes any that is free.
    pub async fn listen(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let mut tries = 1;
        loop {
            let udp = UdpSocket::bind(address).await?;
            let local = udp.local_addr()?;
            match TcpListener::bind(local).await {
                Ok(listener) => return Ok((Self::new(Some(udp), Some(listener)), local)),
                Err(error) if address.port() != 0 || tries == MAX_TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    /// The next thing that comes. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Arrival {
        loop {
            let Self {
                udp,
                listener,
                arrivals,
                buffer,
                ..
            } = self;
            tokio::select! {
                (length, remote, local) = receive(udp.as_ref(), buffer) => {
                    let flow = Flow { protocol: Protocol::Udp, local, remote };
                    return read_datagram(flow, self.buffer.get(..length).unwrap_or_default());
                }
                stream = accept(listener.as_ref()) => {
                    // A connection that is gone already has nothing to say.
                    let _ = self.adopt(stream);
                }
                Some(arrival) = arrivals.recv() => {
                    if let Arrival::Lost(flow) = &arrival {
                        self.connections.remove(&flow.remote);
                    }
                    return arrival;
                }
            }
        }
    }

    pub async fn send(&mut self, transmit: &Transmit) -> io::Result<()> {
        let remote = transmit.flow.remote;
        match (transmit.flow.protocol, &self.udp) {
            (Protocol::Udp, Some(socket)) => {
                socket.send_to(&transmit.bytes, remote).await?;
                Ok(())
            }
            (Protocol::Udp, None) => Err(io::ErrorKind::NotConnected.into()),
            (Protocol::Tcp, _) => self.send_on_connection(remote, &transmit.bytes).await,
        }
    }

    async fn send_on_connection(&mut self, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        if !self.connections.contains_key(&remote) {
            self.connect(remote).await?;
        }
        let connection = self.connections.get_mut(&remote);
        let connection = connection.ok_or(io::ErrorKind::NotConnected)?;
        timeout(PATIENCE, connection.write_all(bytes)).await?
    }

    async fn connect(&mut self, remote: SocketAddr) -> io::Result<SocketAddr> {
        let stream = timeout(PATIENCE, TcpStream::connect(remote)).await??;
        self.adopt(stream)
    }

    /// Keeps a connection and reads it in a task of its own.
    fn adopt(&mut self, stream: TcpStream) -> io::Result<SocketAddr> {
        stream.set_nodelay(true)?;
        let flow = Flow {
            protocol: Protocol::Tcp,
            local: stream.local_addr()?,
            remote: stream.peer_addr()?,
        };
        let (read, write) = stream.into_split();
        self.connections.insert(flow.remote, write);
        tokio::spawn(read_connection(flow, read, self.arrivals_in.clone()));
        Ok(flow.local)
    }
}

/// The address of ours that the peer sees, if nothing lies between.
async fn local_address_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match remote {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0u16; 8], 0).into(),
    };
    let probe = UdpSocket::bind(any).await?;
    probe.connect(remote).await?;
    Ok(probe.local_addr()?.ip())
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> (usize, SocketAddr, SocketAddr) {
    let Some(socket) = socket else {
        return pending().await;
    };
    loop {
        // Errors are those of datagrams sent earlier: their transactions time out.
        if let (Ok((length, remote)), Ok(local)) =
            (socket.recv_from(buffer).await, socket.local_addr())
        {
            return (length, remote, local);
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // Out of file handles, mostly: not at once again.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn read_datagram(flow: Flow, datagram: &[u8]) -> Arrival {
    if datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
        return Arrival::KeepAlive(flow);
    }
    match Message::parse(datagram) {
        Ok(message) => Arrival::Message(flow, message),
        Err(error) => Arrival::Malformed(flow, error),
    }
}

async fn read_connection(flow: Flow, mut read: OwnedReadHalf, arrivals: mpsc::Sender<Arrival>) {
    let mut codec = SipCodec::default();
    let mut stream = BytesMut::new();
    'reading: while matches!(read.read_buf(&mut stream).await, Ok(1..)) {
        while let Ok(Some(frame)) = codec.decode(&mut stream) {
            let (arrival, goes_on) = match frame {
                Frame::Message(message) => (Arrival::Message(flow, message), true),
                Frame::Malformed(error) => (Arrival::Malformed(flow, error), true),
                Frame::Broken(error) => (Arrival::Malformed(flow, error), false),
                Frame::Ping => (Arrival::KeepAlive(flow), true),
            };
            if arrivals.send(arrival).await.is_err() || !goes_on {
                break 'reading;
            }
        }
    }
    // The phone may be gone: then nobody needs to know.
    let _ = arrivals.send(Arrival::Lost(flow)).await;
}
