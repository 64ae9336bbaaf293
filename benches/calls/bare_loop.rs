//! The floor: a process that answers calls and moves the same packets, with no server around them.
//! One thread answers; the other reads and sends for all calls, woken every millisecond.

use crate::dialogue;
use rustix::event::{Timespec, epoll};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const PACKET_TIME: usize = 20;
const RTP: usize = 12;

enum Change {
    Started(String, UdpSocket, u16),
    Ended(String),
}

struct Line {
    name: String,
    socket: UdpSocket,
    to: SocketAddr,
    packet: [u8; RTP + 160],
    sequence: u16,
}

pub fn run(address: &str) {
    let sip = UdpSocket::bind(address).expect("the port is free");
    let (sender, changes) = channel();
    std::thread::spawn(move || move_packets(&changes));
    println!("ready");
    answer(&sip, &sender);
}

fn answer(sip: &UdpSocket, changes: &Sender<Change>) {
    let ours = sip.local_addr().expect("it is bound");
    let mut bytes = [0; 2048];
    while let Ok((length, source)) = sip.recv_from(&mut bytes) {
        let Ok(request) = std::str::from_utf8(&bytes[..length]) else {
            continue;
        };
        let name = dialogue::header(request, "Call-ID").unwrap_or_default();
        let mut body = String::new();
        if request.starts_with("INVITE") {
            let port = dialogue::media_port(request).unwrap_or_default();
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
            socket.set_nonblocking(true).expect("the kernel allows it");
            let own = socket.local_addr().expect("it is bound").port();
            body = format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                 m=audio {own} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
            );
            let _ = changes.send(Change::Started(name.to_string(), socket, port));
        } else if request.starts_with("BYE") {
            let _ = changes.send(Change::Ended(name.to_string()));
        } else {
            continue;
        }
        let _ = sip.send_to(dialogue::answer(request, ours, &body).as_bytes(), source);
    }
}

fn move_packets(changes: &Receiver<Change>) {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1_000));
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the kernel allows it");
    let mut lines: Vec<Option<Line>> = Vec::new();
    let mut next = Instant::now();
    for turn in 0usize.. {
        while let Ok(change) = changes.try_recv() {
            apply(change, &mut lines, &epoll);
        }
        read(&mut lines, &epoll);
        let due = lines.iter_mut().skip(turn % PACKET_TIME);
        for line in due.step_by(PACKET_TIME).flatten() {
            line.send(false);
        }
        next += Duration::from_millis(1);
        // The pace: one turn a millisecond.
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn apply(change: Change, lines: &mut Vec<Option<Line>>, epoll: &rustix::fd::OwnedFd) {
    match change {
        Change::Started(name, socket, port) => {
            let free = lines.iter().position(Option::is_none);
            let index = free.unwrap_or_else(|| {
                lines.push(None);
                lines.len() - 1
            });
            let token = epoll::EventData::new_u64(index as u64);
            epoll::add(epoll, &socket, token, epoll::EventFlags::IN).expect("it is a socket");
            lines[index] = Some(Line {
                name,
                socket,
                to: SocketAddr::from(([127, 0, 0, 1], port)),
                packet: [0x80; RTP + 160],
                sequence: 0,
            });
        }
        Change::Ended(name) => {
            let line = lines
                .iter_mut()
                .find(|line| line.as_ref().is_some_and(|line| line.name == name));
            if let Some(line) = line {
                *line = None;
            }
        }
    }
}

fn read(lines: &mut [Option<Line>], epoll: &rustix::fd::OwnedFd) {
    let mut events = [const { MaybeUninit::uninit() }; 1024];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let Ok((events, _)) = epoll::wait(epoll, &mut events[..], Some(&at_once)) else {
        return;
    };
    for event in events.iter() {
        let Some(Some(line)) = lines.get_mut(event.data.u64() as usize) else {
            continue;
        };
        let mut bytes = [0; 2048];
        let is_key = line
            .socket
            .recv_from(&mut bytes)
            .is_ok_and(|(length, _)| length == RTP + 4 && bytes[1] == 0x80 | 101);
        if is_key {
            line.send(true);
        }
    }
}

impl Line {
    fn send(&mut self, marker: bool) {
        self.sequence = self.sequence.wrapping_add(1);
        self.packet[1] = u8::from(marker) << 7;
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        let _ = self.socket.send_to(&self.packet, self.to);
    }
}
