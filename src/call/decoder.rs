//! The peer's packets as sound: jitter buffer → decode → concealment of what is missing, comfort
//! noise where the peer is silent by its own word.

use super::received::{Packet, PacketKind};
use crate::audio::comfort_noise::ComfortNoise;
use crate::audio::concealment::Concealment;
use crate::audio::frame::{SAMPLES_PER_MS, mean_square};
use crate::rtp::jitter_buffer::{JitterBuffer, Part};
use std::time::Instant;

/// Of a frame in whose place another may be left out unheard: some −45 dBm0.
const QUIET: f32 = 100.0 * 100.0;
/// Concealed sound has faded to nothing after as long.
const FADED: usize = 60 * SAMPLES_PER_MS;

/// What a frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// All of it came from the peer.
    Sound,
    /// Some of it is made up for what is missing.
    Concealed,
    /// The peer is silent by its own word.
    ComfortNoise,
    /// Nothing has come for a while, or yet.
    Silence,
}

/// Some 17 KB: made only where somebody listens.
pub struct Decoder {
    buffer: JitterBuffer,
    concealment: Concealment,
    noise: ComfortNoise,
    /// Comfort noise was the last thing that came.
    in_dtx: bool,
    ssrc: Option<u32>,
    /// Samples that are missing since the last sound.
    missing: usize,
    quiet: bool,
}

impl Decoder {
    /// `seed` decides how comfort noise sounds.
    pub fn new(seed: u32) -> Self {
        Self {
            buffer: JitterBuffer::new(),
            concealment: Concealment::new(),
            noise: ComfortNoise::new(seed),
            in_dtx: false,
            ssrc: None,
            missing: FADED,
            quiet: true,
        }
    }

    pub fn handle_packet(&mut self, now: Instant, packet: &Packet, payload: &[u8]) {
        let header = &packet.header;
        if self.ssrc.replace(header.ssrc) != Some(header.ssrc) {
            self.buffer.reset();
        }
        match packet.kind {
            PacketKind::Audio(codec) => {
                self.in_dtx = false;
                let (timestamp, marker) = (header.timestamp, header.marker);
                self.buffer.insert(now, timestamp, marker, codec, payload);
            }
            PacketKind::ComfortNoise => {
                self.in_dtx = true;
                self.noise.handle_payload(payload);
            }
            PacketKind::TelephoneEvent => {}
        }
    }

    /// Fills a frame of any length.
    pub fn decode_frame(&mut self, now: Instant, frame: &mut [i16]) -> FrameKind {
        self.buffer.begin_frame(now, frame.len(), self.quiet);
        let mut kind = FrameKind::Sound;
        let mut rest = &mut *frame;
        while !rest.is_empty() {
            let length = match self.buffer.next_part(rest.len()) {
                Part::Sound(codec, payload) => {
                    let length = codec.decode(payload, rest);
                    self.concealment.handle_frame(&mut rest[..length]);
                    self.missing = 0;
                    length
                }
                Part::Missing(length) => {
                    kind = self.fill(&mut rest[..length]);
                    length
                }
            };
            rest = &mut rest[length..];
        }
        self.quiet = mean_square(frame) < QUIET;
        kind
    }

    fn fill(&mut self, part: &mut [i16]) -> FrameKind {
        if self.in_dtx {
            self.noise.fill(part);
            self.concealment.handle_frame(part);
            return FrameKind::ComfortNoise;
        }
        self.concealment.conceal(part);
        self.missing = self.missing.saturating_add(part.len());
        match self.missing > FADED {
            true => FrameKind::Silence,
            false => FrameKind::Concealed,
        }
    }
}
