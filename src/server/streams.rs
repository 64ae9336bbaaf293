//! SIP's TCP connections: accepted or opened, read and written by a task each, bounded.

use super::local_addresses::canonical;
use super::received::Received;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::framing::{Frame, PONG, SipCodec};
use bytes::Bytes;
use futures_util::StreamExt;
use rustc_hash::FxHashMap;
use socket2::{SockRef, TcpKeepalive};
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
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
/// How long the answer to a broken stream may take.
const LAST_ANSWER: Duration = Duration::from_secs(1);

enum FromStream {
    Opened {
        flow: Flow,
        writer: mpsc::Sender<Bytes>,
    },
    Received(Received),
}

/// An open connection.
struct Stream {
    writer: mpsc::Sender<Bytes>,
    /// The peer opened it. Ours are as many as we have calls.
    inbound: bool,
    /// When the last message came or went.
    used: Instant,
    /// Callers on it.
    calls: usize,
}

impl Stream {
    fn new(writer: mpsc::Sender<Bytes>, inbound: bool) -> Stream {
        Stream {
            writer,
            inbound,
            used: Instant::now(),
            calls: 0,
        }
    }
}

pub(super) struct Streams {
    open: FxHashMap<Flow, Stream>,
    from_tasks: mpsc::Receiver<FromStream>,
    to_us: mpsc::Sender<FromStream>,
}

impl Default for Streams {
    fn default() -> Streams {
        let (to_us, from_tasks) = mpsc::channel(FROM_STREAMS);
        Streams {
            open: FxHashMap::default(),
            from_tasks,
            to_us,
        }
    }
}

impl Streams {
    /// Takes connections from now on. Must be called within a tokio runtime.
    pub fn accept_from(&self, listener: TcpListener) {
        tokio::spawn(accept(listener, self.to_us.clone()));
    }

    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        while let Poll::Ready(Some(from)) = self.from_tasks.poll_recv(context) {
            match from {
                FromStream::Opened { flow, writer } => {
                    if self.make_room(flow.remote.ip()) {
                        self.open.insert(flow, Stream::new(writer, true));
                        return Poll::Ready(Received::Opened { flow });
                    }
                    // Without its writer the connection closes.
                }
                FromStream::Received(received) => {
                    match &received {
                        Received::Message { flow, .. } => {
                            if let Some(stream) = self.open.get_mut(flow) {
                                stream.used = Instant::now();
                            }
                        }
                        Received::Closed { flow } => _ = self.open.remove(flow),
                        Received::Opened { .. } | Received::Malformed { .. } => {}
                    }
                    return Poll::Ready(received);
                }
            }
        }
        Poll::Pending
    }

    /// A call came over the connection and was taken: until its end it is not closed for others.
    pub fn call_begins(&mut self, flow: Flow) {
        if let Some(stream) = self.open.get_mut(&flow) {
            stream.calls += 1;
        }
    }

    pub fn call_ends(&mut self, flow: Flow) {
        if let Some(stream) = self.open.get_mut(&flow) {
            stream.calls = stream.calls.saturating_sub(1);
        }
    }

    pub fn close(&mut self, flow: Flow) {
        // Without its writer it closes.
        self.open.remove(&flow);
    }

    /// Whether one more connection from there has room, if need be in the place of an idle one.
    fn make_room(&mut self, source: IpAddr) -> bool {
        self.make_room_among(MAX_OF_SOURCE, |flow| flow.remote.ip() == source)
            && self.make_room_among(MAX_STREAMS, |_| true)
    }

    fn make_room_among(&mut self, limit: usize, among: impl Fn(&Flow) -> bool) -> bool {
        let inbound = self.open.iter();
        let inbound = inbound.filter(|(flow, stream)| stream.inbound && among(flow));
        if inbound.clone().count() < limit {
            return true;
        }
        let idle = inbound.filter(|(_, stream)| stream.calls == 0);
        let longest = idle.min_by_key(|(_, stream)| stream.used);
        let longest = longest.map(|(flow, _)| *flow);
        longest.is_some_and(|flow| self.open.remove(&flow).is_some())
    }

    /// `false` when the connection is broken.
    pub fn send(&mut self, flow: Flow, bytes: Bytes) -> bool {
        if let Some(stream) = self.open.get_mut(&flow) {
            stream.used = Instant::now();
            let sent = stream.writer.try_send(bytes).is_ok();
            if !sent {
                self.open.remove(&flow);
            }
            return sent;
        }
        let (writer, messages) = mpsc::channel(TO_STREAM);
        let _ = writer.try_send(bytes);
        self.open.insert(flow, Stream::new(writer, false));
        tokio::spawn(connect(flow, messages, self.to_us.clone()));
        true
    }
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
        Err(_) => _ = to_task.send(closed(flow)).await,
    }
}

fn closed(flow: Flow) -> FromStream {
    FromStream::Received(Received::Closed { flow })
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
            Some(Frame::Message(message)) => Received::Message { flow, message },
            Some(Frame::Malformed(error)) => Received::Malformed { flow, error },
            Some(Frame::Broken(error)) => {
                let malformed = Received::Malformed { flow, error };
                let _ = to_task.send(FromStream::Received(malformed)).await;
                write_last(&mut messages, &mut writing).await;
                break;
            }
            Some(Frame::Ping) if write(&mut writing, PONG).await => continue,
            _ => break,
        };
        if to_task.send(FromStream::Received(from)).await.is_err() {
            return;
        }
    }
    let _ = to_task.send(closed(flow)).await;
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
    use std::net::SocketAddr;

    const OPTIONS: &[u8] = b"OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\
        From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\
        Content-Length: 3\r\n\r\nabc";

    /// What takes connections, and where.
    async fn listening() -> (Streams, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let streams = Streams::default();
        streams.accept_from(listener);
        (streams, address)
    }

    async fn receive(streams: &mut Streams) -> Received {
        poll_fn(|context| streams.poll(context)).await
    }

    /// A connection that was taken.
    async fn connected(streams: &mut Streams, to: SocketAddr) -> (TcpStream, Flow) {
        let stream = TcpStream::connect(to).await.expect("it is accepted");
        match receive(streams).await {
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
        let (mut streams, address) = listening().await;
        let mut peers = Vec::new();
        for _ in 0..MAX_OF_SOURCE {
            peers.push(connected(&mut streams, address).await);
        }
        let (on_call, idle) = (peers[0].1, peers[2].1);
        streams.call_begins(on_call);
        let written = peers[1].0.write_all(OPTIONS).await;
        written.expect("the other side reads");
        let message = receive(&mut streams).await;
        assert!(matches!(message, Received::Message { .. }));
        peers.push(connected(&mut streams, address).await);
        let closed = receive(&mut streams).await;
        assert!(matches!(closed, Received::Closed { flow } if flow == idle));
        assert_eq!(streams.open.len(), MAX_OF_SOURCE);
        for (_, flow) in &peers {
            streams.call_begins(*flow);
        }
        assert!(!streams.make_room([127, 0, 0, 1].into()));
        assert!(streams.make_room([127, 0, 0, 2].into()));
        streams.call_ends(on_call);
        assert!(!streams.make_room([127, 0, 0, 1].into()), "it has another");
        streams.call_ends(on_call);
        assert!(streams.make_room([127, 0, 0, 1].into()));
        assert!(!streams.open.contains_key(&on_call));
    }

    #[tokio::test]
    async fn our_own_connections_are_not_counted() {
        let (mut streams, address) = listening().await;
        for port in 1..=MAX_STREAMS as u16 {
            let (writer, _) = mpsc::channel(1);
            let flow = Flow {
                protocol: Protocol::Tcp,
                local: address,
                remote: SocketAddr::new([192, 0, 2, 1].into(), port),
            };
            streams.open.insert(flow, Stream::new(writer, false));
        }
        let (_peer, flow) = connected(&mut streams, address).await;
        assert!(streams.open[&flow].inbound);
        assert_eq!(streams.open.len(), MAX_STREAMS + 1);
    }
}
