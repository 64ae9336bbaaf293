//! One party's ear, mouth and keypad: a media session that is spoken into all the time.

use crate::network::{Datagram, Network};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::audio::dtmf_detector::{DtmfDetector, KeyTone};
use zeroline::audio::frame::samples_in;
use zeroline::audio::tones::{chord, frequencies};
use zeroline::call::media_session::MediaSession;
use zeroline::call::received::Received;
use zeroline::key::Key;
use zeroline::rtp::telephone_event::ToSend;
use zeroline::sdp::direction::Direction;
use zeroline::sdp::offer_answer::{LocalMedia, Negotiated, OfferAnswer};

const FRAME: usize = 160;
/// 80 ms.
const BETWEEN_TONES: usize = 640;
const PACKET_TIME: Duration = Duration::from_millis(20);

/// How a telephone puts the other side on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// `sendonly`, and its exchange plays music.
    Music,
    /// `sendonly`, and what it sends is silent.
    Quiet,
    /// `sendonly`, and nothing comes.
    SendOnly,
    Inactive,
    /// Wrongly, as some do: it says that nothing comes.
    RecvOnly,
    /// `c=IN IP4 0.0.0.0` (RFC 3264, 8.4), and nothing comes.
    NoAddress,
}

pub struct Handset {
    pub address: SocketAddr,
    pub offer_answer: OfferAnswer,
    pub local: LocalMedia,
    pub media: Option<MediaSession>,
    /// What is said: a steady sample value, which survives G.711 and is told from any prompt.
    pub level: i16,
    /// Nothing comes from it any more, neither sound nor reports.
    pub dead: bool,
    /// How it holds the call, or will when that is agreed on.
    holds: Option<Hold>,
    /// Key tones that are said instead.
    tones: VecDeque<i16>,
    /// Words that are said instead.
    voice: VecDeque<i16>,
    pub heard: Heard,
    /// Keys are looked for in the sound, too.
    pub hears_tones: Option<DtmfDetector>,
    next_tick: Instant,
    seed: u64,
}

/// What has come out of the earpiece.
#[derive(Debug, Default)]
pub struct Heard {
    /// When a packet with anything but silence in it came last.
    pub sound: Option<Instant>,
    /// When one came last that nobody's steady value fills: a prompt, or music.
    pub music: Option<Instant>,
    /// The steady value of the last packet that had one.
    pub level: Option<i16>,
    pub levels: Vec<(Instant, i16)>,
    pub keys: Vec<Key>,
}

impl Handset {
    pub fn new(now: Instant, address: SocketAddr, codecs: &[Codec], level: i16, seed: u64) -> Self {
        Handset {
            address,
            offer_answer: OfferAnswer::new(seed),
            local: LocalMedia {
                address: address.ip(),
                rtp_port: address.port(),
                codecs: codecs.to_vec(),
                ptime_ms: 20,
                direction: Direction::SendRecv,
                rtcp_mux: false,
            },
            media: None,
            level,
            dead: false,
            holds: None,
            tones: VecDeque::new(),
            voice: VecDeque::new(),
            heard: Heard::default(),
            hears_tones: None,
            next_tick: now,
            seed,
        }
    }

    pub fn agree(&mut self, now: Instant, negotiated: Negotiated) {
        self.next_tick = now;
        match &mut self.media {
            Some(media) => media.renegotiate(negotiated),
            none => {
                let unix = Duration::from_secs(1_700_000_000);
                *none = Some(MediaSession::new(now, negotiated, self.seed, unix));
            }
        }
    }

    /// The offer that holds the call.
    pub fn hold(&mut self, hold: Hold) -> Vec<u8> {
        self.local.direction = match hold {
            Hold::Music | Hold::Quiet | Hold::SendOnly => Direction::SendOnly,
            Hold::Inactive => Direction::Inactive,
            Hold::RecvOnly => Direction::RecvOnly,
            Hold::NoAddress => Direction::SendRecv,
        };
        self.holds = Some(hold);
        let offer = self.offer_answer.offer(&self.local);
        if hold != Hold::NoAddress {
            return offer;
        }
        let address = format!("c=IN IP4 {}", self.address.ip());
        let offer = String::from_utf8(offer).expect("we wrote it");
        offer.replace(&address, "c=IN IP4 0.0.0.0").into_bytes()
    }

    /// Nobody is on hold yet.
    pub fn pick_up(&mut self) {
        self.local.direction = Direction::SendRecv;
        self.holds = None;
    }

    /// The offer that ends it.
    pub fn resume(&mut self) -> Vec<u8> {
        self.pick_up();
        self.offer_answer.offer(&self.local)
    }

    pub fn press_by_event(&mut self, key: Key) {
        if let Some(media) = &mut self.media {
            let pressed = media.send_keys(&[ToSend::Key(key)]);
            pressed.expect("telephone-events were agreed on");
        }
    }

    /// Keeps the key down for so long.
    pub fn press_in_band(&mut self, key: Key, length: Duration) {
        let (low, high) = frequencies(key);
        self.tones
            .extend(chord(&[(low, -9.0), (high, -7.0)], samples_in(length)));
        self.tones.extend([0; BETWEEN_TONES]);
    }

    pub fn say(&mut self, words: &[i16]) {
        self.voice.extend(words);
    }

    pub fn is_speaking(&self) -> bool {
        !self.voice.is_empty()
    }

    pub fn next_tick(&self) -> Option<Instant> {
        self.media.is_some().then_some(self.next_tick)
    }

    pub fn tick(&mut self, now: Instant, network: &mut Network) {
        let Some(media) = &mut self.media else { return };
        if now < self.next_tick {
            return;
        }
        self.next_tick += PACKET_TIME;
        let is_held = media.negotiated().direction != Direction::SendRecv;
        let holds = self.holds.filter(|_| is_held);
        let sends = matches!(holds, None | Some(Hold::Music | Hold::Quiet));
        if self.dead || !sends {
            return;
        }
        let mut packet = [0; 1500];
        let rtcp = SocketAddr::new(self.address.ip(), self.address.port() + 1);
        if let Some((to, length)) = media.poll_rtcp(now, &mut packet) {
            network.send(now, rtcp, to, &packet[..length]);
        }
        if media.keys_waiting()
            && let Some((to, length)) = media.send_key_packet(now, &mut packet)
        {
            return network.send(now, self.address, to, &packet[..length]);
        }
        let level = match holds {
            Some(Hold::Quiet) => 0,
            _ => self.level,
        };
        let mut samples = [level; FRAME];
        for sample in &mut samples {
            let voice = self.voice.pop_front().unwrap_or(*sample);
            *sample = self.tones.pop_front().unwrap_or(voice);
        }
        let mut payload = [0; FRAME];
        media.negotiated().codec.encode(&samples, &mut payload);
        if let Some((to, length)) = media.send_audio(now, &payload, false, &mut packet) {
            network.send(now, self.address, to, &packet[..length]);
        }
    }

    /// A datagram that came to one of the handset's two ports.
    pub fn receive(&mut self, now: Instant, mut datagram: Datagram) {
        let Some(media) = &mut self.media else { return };
        if datagram.to.port() % 2 == 1 {
            media.receive_rtcp(now, datagram.from, &mut datagram.bytes);
            return;
        }
        match media.receive_rtp(now, datagram.from, &mut datagram.bytes) {
            Received::Audio(packet) => {
                let codec = media.negotiated().codec;
                self.hear(now, codec, &datagram.bytes[packet.payload]);
            }
            Received::Key(key, _) => self.heard.keys.push(key),
            _ => {}
        }
    }

    fn hear(&mut self, now: Instant, codec: Codec, payload: &[u8]) {
        if payload.iter().any(|octet| *octet != codec.silence()) {
            self.heard.sound = Some(now);
        }
        if let Some(detector) = &mut self.hears_tones {
            let mut samples = [0; FRAME];
            let length = codec.decode(payload, &mut samples);
            detector.handle_samples(&samples[..length], |tone| {
                if let KeyTone::Down(key) = tone {
                    self.heard.keys.push(key);
                }
            });
        }
        if payload.windows(2).all(|pair| pair[0] == pair[1]) {
            let mut samples = [0; 480];
            codec.decode(payload, &mut samples);
            if self.heard.level != Some(samples[0]) {
                self.heard.levels.push((now, samples[0]));
            }
            self.heard.level = Some(samples[0]);
        } else {
            self.heard.music = Some(now);
        }
    }
}

/// Whether a value is `level` after G.711, perhaps by both laws.
pub fn is_level(sample: i16, level: i16) -> bool {
    (i32::from(sample) - i32::from(level)).abs() <= i32::from(level).abs() / 16
}
