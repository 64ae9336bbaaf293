//! The load: thousands of callers in one thread. It wakes every millisecond, like what it measures,
//! so that nobody pays for waking it; times of arrival are the kernel's.

use crate::datagrams::{self, Batch, Datagram};
use crate::dialogue::{self, Names};
use crate::histogram::Histogram;
use crate::line::{Line, State};
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Packets of 20 ms, one slot a millisecond.
const SLOTS: usize = 20;
const CALLS_PER_SOCKET: usize = 16;
const RETRANSMIT: u64 = 500_000_000;
const GIVE_UP: u64 = 4_000_000_000;
const MILLISECOND: Duration = Duration::from_millis(1);

#[derive(Default)]
pub struct Figures {
    pub answer_time: Histogram,
    pub packet_interval: Histogram,
    pub key_to_prompt: Histogram,
    pub keys_pressed: u64,
    /// Refused, never answered, or hung up by the server.
    pub failed: u64,
    pub retransmissions: u64,
    pub received: u64,
    pub expected: u64,
}

pub struct Caller {
    run: String,
    server: SocketAddrV4,
    sip: UdpSocket,
    sockets: Vec<UdpSocket>,
    epoll: OwnedFd,
    batch: Batch,
    lines: Vec<Line>,
    /// By the server's port: which line's sound comes from there.
    by_port: Vec<u32>,
    turn: usize,
    next_turn: Instant,
    pub figures: Figures,
}

impl Caller {
    /// `run` names the calls; it is different for each caller.
    pub fn new(run: String, server: SocketAddr, calls: usize) -> Caller {
        let SocketAddr::V4(server) = server else {
            panic!("the benchmark speaks IPv4");
        };
        // Each socket has one slot, so that one system call sends for all its calls.
        let per_slot = calls.div_ceil(SLOTS * CALLS_PER_SOCKET);
        let sockets: Vec<UdpSocket> = (0..SLOTS * per_slot).map(|_| datagrams::open()).collect();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the kernel allows it");
        for (index, socket) in sockets.iter().enumerate() {
            let token = epoll::EventData::new_u64(index as u64);
            epoll::add(&epoll, socket, token, epoll::EventFlags::IN).expect("it is a socket");
        }
        Caller {
            run,
            server,
            sip: datagrams::open(),
            sockets,
            epoll,
            batch: Batch::default(),
            lines: (0..calls).map(Line::new).collect(),
            by_port: vec![u32::MAX; 1 << 16],
            turn: 0,
            next_turn: Instant::now(),
            figures: Figures::default(),
        }
    }

    /// Each line says this round and round, and begins at a place of its own.
    pub fn speak(&mut self, voice: &Arc<[u8]>) {
        for (index, line) in self.lines.iter_mut().enumerate() {
            line.speak(voice.clone(), index * 37 * 160);
        }
    }

    /// One millisecond.
    pub fn turn(&mut self) {
        self.next_turn += MILLISECOND;
        // After a pause the packets that were due are not sent in a burst: a network would not.
        if self.next_turn + 5 * MILLISECOND < Instant::now() {
            self.next_turn = Instant::now();
        }
        // The pace: one turn a millisecond.
        std::thread::sleep(self.next_turn.saturating_duration_since(Instant::now()));
        self.turn += 1;
        self.receive_answers();
        self.receive_sound();
        self.send_sound();
        if self.turn.is_multiple_of(100) {
            self.retransmit();
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn();
        }
    }

    /// Starts call number `index`.
    pub fn invite(&mut self, index: usize) {
        let now = datagrams::now();
        self.lines[index].state = State::Inviting {
            since: now,
            sent: now,
        };
        self.send_invite(index);
    }

    fn send_invite(&mut self, index: usize) {
        let socket = &self.sockets[index % self.sockets.len()];
        let port = socket.local_addr().expect("it is bound").port();
        let message = self.names(index).invite(port);
        self.send_sip(&message);
    }

    pub fn hang_up(&mut self, index: usize) {
        if self.lines[index].state == State::Talking {
            let now = datagrams::now();
            self.lines[index].state = State::Leaving {
                since: now,
                sent: now,
            };
            let message = self.names(index).bye(&self.lines[index].to);
            self.send_sip(&message);
        }
    }

    /// Presses key 1 with the line's next packets.
    pub fn press_key(&mut self, index: usize) {
        if self.lines[index].press_key(1) {
            self.figures.keys_pressed += 1;
        }
    }

    /// Presses key 0 with the line's next packets.
    pub fn press_human_key(&mut self, index: usize) {
        let pressed = self.lines[index].press_key(0);
        assert!(
            pressed,
            "caller {index} has no call in which to press a key"
        );
    }

    /// From now on, or no more, what the line hears counts.
    pub fn measure(&mut self, index: usize, is_measured: bool) {
        let line = &mut self.lines[index];
        if line.is_measured {
            self.figures.received += line.received;
            self.figures.expected += line.expected;
        }
        line.begin_window();
        line.is_measured = is_measured;
    }

    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    pub fn talking(&self) -> usize {
        let talks = |line: &&Line| line.state == State::Talking;
        self.lines.iter().filter(talks).count()
    }

    /// Whether a BYE waits for its answer.
    pub fn is_leaving(&self) -> bool {
        let leaves = |line: &Line| matches!(line.state, State::Leaving { .. });
        self.lines.iter().any(leaves)
    }

    pub fn is_ringing(&self, index: usize) -> bool {
        matches!(self.lines[index].state, State::Inviting { .. })
    }

    /// When a call that talks was answered.
    pub fn answered_at(&self, index: usize) -> Option<u64> {
        let line = &self.lines[index];
        (line.state == State::Talking).then_some(line.answered)
    }

    /// Forgets what was measured so far, but for failures.
    pub fn begin_window(&mut self) {
        let failed = self.figures.failed;
        self.figures = Figures {
            failed,
            ..Figures::default()
        };
        self.lines.iter_mut().for_each(Line::begin_window);
    }

    /// What was measured, and a new beginning.
    pub fn take_figures(&mut self) -> Figures {
        let figures = std::mem::take(&mut self.figures);
        self.figures.failed = figures.failed;
        figures
    }

    pub fn end_window(&mut self) {
        let talking = self
            .lines
            .iter()
            .filter(|line| line.state == State::Talking);
        for line in talking {
            self.figures.received += line.received;
            self.figures.expected += line.expected;
        }
    }

    fn names(&self, call: usize) -> Names<'_> {
        Names {
            run: &self.run,
            call,
            ours: self.sip.local_addr().expect("it is bound"),
            server: self.server.into(),
        }
    }

    fn send_sip(&self, message: &str) {
        // What the socket does not take is sent again later.
        let _ = self.sip.send_to(message.as_bytes(), self.server);
    }

    fn receive_answers(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        let mut messages = Vec::new();
        batch.receive(&self.sip, |datagram| {
            let text = String::from_utf8_lossy(datagram.bytes).into_owned();
            messages.push((datagram.arrived, text));
        });
        self.batch = batch;
        for (arrived, message) in messages {
            self.handle_message(arrived, &message);
        }
    }

    fn handle_message(&mut self, arrived: u64, message: &str) {
        let call_id = dialogue::header(message, "Call-ID").unwrap_or_default();
        let index = call_id
            .strip_prefix(&self.run)
            .and_then(|rest| rest.get(1..));
        let Some(index) = index.and_then(|index| index.parse::<usize>().ok()) else {
            return;
        };
        let Some(line) = self.lines.get_mut(index) else {
            return;
        };
        let Some(status) = dialogue::status(message) else {
            if message.starts_with("BYE") {
                line.state = State::Failed;
                self.figures.failed += 1;
            }
            let ours = self.sip.local_addr().expect("it is bound");
            return self.send_sip(&dialogue::answer(message, ours, ""));
        };
        let about_invite = dialogue::header(message, "CSeq").is_some_and(|c| c.ends_with("INVITE"));
        match line.state {
            State::Inviting { since, .. } if about_invite && (200..300).contains(&status) => {
                self.figures.answer_time.add(arrived.saturating_sub(since));
                let port = dialogue::media_port(message).unwrap_or_default();
                let to = dialogue::header(message, "To").unwrap_or_default();
                line.answered(arrived, port, to);
                self.by_port[usize::from(port)] = index as u32;
                self.acknowledge(index);
            }
            State::Talking if about_invite && status >= 200 => self.acknowledge(index),
            State::Inviting { .. } if about_invite && status >= 300 => {
                line.state = State::Failed;
                self.figures.failed += 1;
                line.to = dialogue::header(message, "To").unwrap_or_default().into();
                self.acknowledge(index);
            }
            State::Leaving { .. } if !about_invite => {
                line.state = State::Done;
            }
            _ => {}
        }
    }

    fn acknowledge(&self, index: usize) {
        self.send_sip(&self.names(index).ack(&self.lines[index].to));
    }

    /// By RFC 3261's T1, without its growth: a benchmark's loss is the server's.
    fn retransmit(&mut self) {
        let now = datagrams::now();
        for index in 0..self.lines.len() {
            let (State::Inviting { since, sent } | State::Leaving { since, sent }) =
                self.lines[index].state
            else {
                continue;
            };
            let inviting = matches!(self.lines[index].state, State::Inviting { .. });
            if now - since > GIVE_UP {
                self.lines[index].state = State::Failed;
                self.figures.failed += 1;
            } else if now - sent > RETRANSMIT {
                self.figures.retransmissions += 1;
                if inviting {
                    self.lines[index].state = State::Inviting { since, sent: now };
                    self.send_invite(index);
                } else {
                    self.lines[index].state = State::Leaving { since, sent: now };
                    self.send_sip(&self.names(index).bye(&self.lines[index].to));
                }
            }
        }
    }

    fn receive_sound(&mut self) {
        let mut events = [const { MaybeUninit::uninit() }; 1024];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let Ok((events, _)) = epoll::wait(&self.epoll, &mut events[..], Some(&at_once)) else {
            return;
        };
        let (lines, by_port, figures) = (&mut self.lines, &self.by_port, &mut self.figures);
        for event in events.iter() {
            let socket = &self.sockets[event.data.u64() as usize];
            self.batch.receive(socket, |datagram: Datagram| {
                let index = by_port[usize::from(datagram.source_port)];
                if let Some(line) = lines.get_mut(index as usize) {
                    line.hear(&datagram, figures);
                }
            });
        }
    }

    /// The packets of the calls whose slot this millisecond is.
    fn send_sound(&mut self) {
        let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.server.port());
        let stride = self.sockets.len();
        for socket in (self.turn % SLOTS..stride).step_by(SLOTS) {
            let lines = self.lines.iter_mut().skip(socket).step_by(stride);
            let packets: Vec<(u16, &[u8])> = lines
                .filter(|line| line.state == State::Talking)
                .map(|line| (line.server_port, line.next_packet()))
                .collect();
            if !packets.is_empty() {
                datagrams::send(&self.sockets[socket], to, &packets);
            }
        }
    }
}
