//! One caller's line: its state in SIP, the packets it says, and what it hears.

use crate::caller::Figures;
use crate::datagrams::{self, Datagram};
use std::sync::Arc;

const HEADER: usize = 12;
const PACKET: usize = HEADER + 160;
const SAMPLES: u32 = 160;
const TELEPHONE_EVENT: u8 = 101;
/// A key of 100 ms, then its end three times (RFC 4733, 2.5.1.4).
const KEY_PACKETS: u16 = 5;
const END_PACKETS: u16 = 3;

/// Times are nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Idle,
    Inviting { since: u64, sent: u64 },
    Talking,
    Leaving { since: u64, sent: u64 },
    Done,
    Failed,
}

pub struct Line {
    pub state: State,
    pub answered: u64,
    pub server_port: u16,
    /// The To header of the answer.
    pub to: String,
    packet: [u8; PACKET],
    /// What is said instead of noise, and how far.
    voice: Option<(Arc<[u8]>, usize)>,
    key_packet: [u8; HEADER + 4],
    /// The telephone-event that is or was pressed last.
    digit: u8,
    sequence: u16,
    timestamp: u32,
    /// Packets of the key that were sent, while one is.
    key: Option<u16>,
    /// When the key went out, until its prompt is heard.
    key_sent: Option<u64>,
    last_arrival: Option<u64>,
    last_sequence: u16,
    /// Whether what is heard counts.
    pub is_measured: bool,
    pub received: u64,
    pub expected: u64,
}

impl Line {
    pub fn new(index: usize) -> Line {
        let mut packet = [0; PACKET];
        packet[0] = 0x80;
        packet[8..12].copy_from_slice(&(index as u32 + 1).to_be_bytes());
        for (sample, byte) in packet[HEADER..].iter_mut().enumerate() {
            // Something like a voice, in µ-law.
            *byte = 0x90 | (sample * 7 % 16) as u8;
        }
        Line {
            state: State::Idle,
            answered: 0,
            server_port: 0,
            to: String::new(),
            packet,
            voice: None,
            key_packet: [0; HEADER + 4],
            digit: 1,
            sequence: 0,
            timestamp: 0,
            key: None,
            key_sent: None,
            last_arrival: None,
            last_sequence: 0,
            is_measured: true,
            received: 0,
            expected: 0,
        }
    }

    /// Says this round and round, from `at` on.
    pub fn speak(&mut self, voice: Arc<[u8]>, at: usize) {
        let at = at % voice.len();
        self.voice = Some((voice, at));
    }

    pub fn answered(&mut self, now: u64, server_port: u16, to: &str) {
        self.state = State::Talking;
        self.answered = now;
        self.server_port = server_port;
        self.to = to.to_string();
    }

    pub fn begin_window(&mut self) {
        self.last_arrival = None;
        self.received = 0;
        self.expected = 0;
    }

    /// `false` while another one is being pressed or there is no call.
    pub fn press_key(&mut self, digit: u8) -> bool {
        let can = self.state == State::Talking && self.key.is_none() && self.key_sent.is_none();
        if can {
            self.key = Some(0);
            self.digit = digit;
        }
        can
    }

    pub fn hear(&mut self, datagram: &Datagram, figures: &mut Figures) {
        let Some(&[_, kind, high, low]) = datagram.bytes.first_chunk() else {
            return;
        };
        let marker = kind & 0x80 != 0;
        let sequence = u16::from_be_bytes([high, low]);
        if marker && let Some(sent) = self.key_sent.take() {
            figures
                .key_to_prompt
                .add(datagram.arrived.saturating_sub(sent));
        }
        if !self.is_measured {
            return;
        }
        self.received += 1;
        match self.last_arrival {
            None => self.expected += 1,
            Some(last) => {
                let step = sequence.wrapping_sub(self.last_sequence);
                // A packet that came late was expected already.
                self.expected += u64::from(if step < 1000 { step } else { 0 });
                // A talkspurt that begins at once breaks the rhythm on purpose.
                if !marker {
                    let interval = datagram.arrived.saturating_sub(last);
                    figures.packet_interval.add(interval);
                }
            }
        }
        self.last_arrival = Some(datagram.arrived);
        self.last_sequence = sequence;
    }

    /// The next 20 ms: voice, or the key that is being pressed.
    pub fn next_packet(&mut self) -> &[u8] {
        self.sequence = self.sequence.wrapping_add(1);
        self.packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        let Some(number) = self.key else {
            self.timestamp = self.timestamp.wrapping_add(SAMPLES);
            self.packet[1] = 0;
            self.packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
            if let Some((voice, at)) = &mut self.voice {
                self.packet[HEADER..].copy_from_slice(&voice[*at..*at + SAMPLES as usize]);
                *at = (*at + SAMPLES as usize) % voice.len();
            }
            return &self.packet;
        };
        if number == 0 {
            self.key_sent = Some(datagrams::now());
        }
        let ends = number >= KEY_PACKETS;
        let key = &mut self.key_packet;
        key.copy_from_slice(&self.packet[..HEADER + 4]);
        key[1] = TELEPHONE_EVENT | if number == 0 { 0x80 } else { 0 };
        // The event's own time: where it began.
        let start = self.timestamp.wrapping_add(SAMPLES);
        key[4..8].copy_from_slice(&start.to_be_bytes());
        let duration = (number + 1).min(KEY_PACKETS) * SAMPLES as u16;
        let [high, low] = duration.to_be_bytes();
        key[12..].copy_from_slice(&[self.digit, if ends { 0x8A } else { 0x0A }, high, low]);
        self.key = Some(number + 1);
        if number + 1 == KEY_PACKETS + END_PACKETS {
            self.key = None;
            self.timestamp = start.wrapping_add(u32::from(KEY_PACKETS) * SAMPLES);
        }
        &self.key_packet
    }
}
