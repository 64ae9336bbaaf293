//! Packets of uneven arrival, in even order (G.711 at 8 kHz).
//!
//! Sound is played by its timestamps against a position that moves with each frame that is taken.
//! How long packets wait is watched: the delay grows at once when a packet comes too late to be
//! played in its place, and shrinks by a frame, best where it is quiet, when all have waited longer
//! than they need. It stays within 20–200 ms and starts at 60 ms.

use crate::audio::codecs::Codec;
use crate::audio::frame::{MAX_FRAME_SAMPLES, SAMPLES_PER_MS};
use std::time::Instant;

/// More than 200 ms of the shortest packets. When all are taken, the oldest makes room.
const SLOTS: usize = 32;
/// A byte a sample.
const MAX_PAYLOAD: usize = MAX_FRAME_SAMPLES;
const FIRST_DELAY: i32 = 60 * UNITS_PER_MS;
const MIN_DELAY: i32 = 20 * UNITS_PER_MS;
const MAX_DELAY: i32 = 200 * UNITS_PER_MS;
/// Added to the spread of arrivals: what the last seconds did not show.
const MARGIN: i32 = 10 * UNITS_PER_MS;
/// Timestamps that are further off began a new line of time.
const MAX_JUMP: i32 = 1_000 * UNITS_PER_MS;
/// As many packets too late in a row are no accident: the line of time has moved.
const MAX_LATE_RUN: u8 = 10;
/// The delay is looked at after as many packets.
const WINDOW: u8 = 50;
/// A frame that shall be left out is left out after as many others even if it is not quiet.
const PATIENCE: u8 = 25;
const UNITS_PER_MS: i32 = SAMPLES_PER_MS as i32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    Kept,
    /// Its time has passed.
    Late,
    Duplicate,
    /// Empty, or longer than 60 ms.
    BadLength,
}

/// The next piece of a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Sound(Codec, &'a [u8]),
    /// As many samples have not come.
    Missing(usize),
}

pub struct JitterBuffer {
    slots: [Slot; SLOTS],
    payloads: [[u8; MAX_PAYLOAD]; SLOTS],
    /// The timestamp of the next sample to be played; `None` until a packet has come.
    position: Option<u32>,
    /// The end of the latest sound that was played.
    played: Option<u32>,
    /// When a frame was last taken, and how long it was.
    taken: Option<(Instant, i32)>,
    /// How long the earliest packets should wait.
    delay: i32,
    /// The shortest and longest waits of the packets in this window.
    waits: Option<(i32, i32)>,
    window: u8,
    late_run: u8,
    /// Samples to be left out, and for how many frames that was put off.
    excess: i32,
    put_off: u8,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    timestamp: u32,
    /// 0: nothing is in it.
    length: u16,
    codec: Codec,
}

const FREE: Slot = Slot {
    timestamp: 0,
    length: 0,
    codec: Codec::Pcmu,
};

impl Default for JitterBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl JitterBuffer {
    pub fn new() -> Self {
        Self {
            slots: [FREE; SLOTS],
            payloads: [[0; MAX_PAYLOAD]; SLOTS],
            position: None,
            played: None,
            taken: None,
            delay: FIRST_DELAY,
            waits: None,
            window: 0,
            late_run: 0,
            excess: 0,
            put_off: 0,
        }
    }

    /// Forgets all packets: another source begins. What was learnt about the network stays.
    pub fn reset(&mut self) {
        self.slots = [FREE; SLOTS];
        self.position = None;
        self.played = None;
        self.waits = None;
        self.window = 0;
        self.late_run = 0;
        self.excess = 0;
    }

    /// Takes a packet's sound. `marker`: it begins a talkspurt.
    pub fn insert(
        &mut self,
        now: Instant,
        timestamp: u32,
        marker: bool,
        codec: Codec,
        payload: &[u8],
    ) -> Inserted {
        if payload.is_empty() || payload.len() > MAX_PAYLOAD {
            return Inserted::BadLength;
        }
        let ahead = self.place(timestamp, marker);
        let wait = ahead + self.until_next_frame(now);
        let is_late = ahead.saturating_add(payload.len() as i32) <= 0;
        if is_late && !self.wait_for(timestamp, ahead) {
            self.late_run = self.late_run.saturating_add(1);
            return Inserted::Late;
        }
        self.late_run = 0;
        if self.find(|slot| slot.timestamp == timestamp).is_some() {
            return Inserted::Duplicate;
        }
        if !is_late {
            self.watch(wait);
        }
        self.store(timestamp, codec, payload);
        Inserted::Kept
    }

    /// How far a timestamp is ahead of the position, which is set anew where a line of time or a
    /// talkspurt begins.
    fn place(&mut self, timestamp: u32, marker: bool) -> i32 {
        let ahead = self
            .position
            .map(|position| difference(timestamp, position));
        match ahead {
            Some(ahead) if ahead.saturating_abs() <= MAX_JUMP && self.late_run < MAX_LATE_RUN => {
                let is_empty = self.slots.iter().all(|slot| slot.length == 0);
                let is_new = self
                    .played
                    .is_none_or(|end| difference(timestamp, end) >= 0);
                if !(marker && is_empty && is_new) {
                    return ahead;
                }
                self.waits = None;
            }
            _ => self.reset(),
        }
        self.position = Some(timestamp.wrapping_sub(self.delay as u32));
        self.delay
    }

    /// A packet has missed its time, but nothing after it was played: the position goes back to it,
    /// and all wait so much longer from now on. If that would be too long the network, or the
    /// source, has paused: its line of time is set anew, as at the start.
    fn wait_for(&mut self, timestamp: u32, ahead: i32) -> bool {
        let end = self.played;
        if end.is_some_and(|end| difference(timestamp, end) < 0) {
            return false;
        }
        let longest = self.waits.map_or(self.delay, |(_, longest)| longest);
        if longest.saturating_sub(ahead) > MAX_DELAY {
            self.position = Some(timestamp.wrapping_sub(self.delay as u32));
        } else {
            self.position = Some(timestamp);
            self.delay = (self.delay - ahead).clamp(MIN_DELAY, MAX_DELAY);
        }
        self.waits = None;
        self.window = 0;
        self.excess = 0;
        true
    }

    /// Watches how long packets wait, and what that says about the delay.
    fn watch(&mut self, wait: i32) {
        let (shortest, longest) = match self.waits {
            Some((shortest, longest)) => (shortest.min(wait), longest.max(wait)),
            None => (wait, wait),
        };
        self.waits = Some((shortest, longest));
        self.window += 1;
        if self.window < WINDOW {
            return;
        }
        let needed = (longest - shortest + MARGIN).clamp(MIN_DELAY, MAX_DELAY);
        self.delay = match needed < self.delay {
            true => self.delay - (self.delay - needed + 3) / 4,
            false => needed,
        };
        self.excess = longest - self.delay;
        self.waits = None;
        self.window = 0;
    }

    fn store(&mut self, timestamp: u32, codec: Codec, payload: &[u8]) {
        let place = self.slots.iter().position(|slot| slot.length == 0);
        let place = place.unwrap_or_else(|| self.make_room());
        self.slots[place] = Slot {
            timestamp,
            length: payload.len() as u16,
            codec,
        };
        self.payloads[place][..payload.len()].copy_from_slice(payload);
    }

    /// The oldest packet's place; sound is played from its end on.
    fn make_room(&mut self) -> usize {
        let position = self.position.unwrap_or_default();
        let order = |&place: &usize| difference(self.slots[place].timestamp, position);
        let oldest = (0..SLOTS).min_by_key(order).expect("there are slots");
        let slot = self.slots[oldest];
        let end = slot.timestamp.wrapping_add(slot.length.into());
        if difference(end, position) > 0 {
            self.position = Some(end);
        }
        oldest
    }

    /// A frame of `samples` is going to be taken by [`Self::next_part`]. `quiet`: the last one was,
    /// so that it will not be heard if a frame is left out here.
    pub fn begin_frame(&mut self, now: Instant, samples: usize, quiet: bool) {
        let frame = samples as i32;
        self.taken = Some((now, frame));
        if frame == 0 || self.excess < frame {
            self.put_off = 0;
            return;
        }
        self.put_off += 1;
        if quiet || self.put_off > PATIENCE || self.excess > MAX_DELAY {
            let frames = if self.excess > MAX_DELAY {
                self.excess / frame
            } else {
                1
            };
            self.position = self
                .position
                .map(|p| p.wrapping_add((frames * frame) as u32));
            self.excess -= frames * frame;
            self.put_off = 0;
        }
    }

    /// The next piece of the frame, at most `samples` long.
    pub fn next_part(&mut self, samples: usize) -> Part<'_> {
        let Some(position) = self.position else {
            return Part::Missing(samples);
        };
        self.drop_passed(position);
        let nearest = self.find_nearest(position);
        let missing = match nearest {
            Some(place) => difference(self.slots[place].timestamp, position).max(0) as usize,
            None => samples,
        };
        let (Some(place), 0) = (nearest, missing) else {
            let missing = missing.min(samples);
            self.position = Some(position.wrapping_add(missing as u32));
            return Part::Missing(missing);
        };
        let slot = self.slots[place];
        let start = position.wrapping_sub(slot.timestamp) as usize;
        let end = usize::from(slot.length).min(start + samples);
        if end == usize::from(slot.length) {
            self.slots[place].length = 0;
        }
        let position = position.wrapping_add((end - start) as u32);
        self.position = Some(position);
        self.played = Some(position);
        Part::Sound(slot.codec, &self.payloads[place][start..end])
    }

    /// Frees what lies wholly before the position.
    fn drop_passed(&mut self, position: u32) {
        for slot in self.slots.iter_mut().filter(|slot| slot.length > 0) {
            let end = slot.timestamp.wrapping_add(slot.length.into());
            if difference(end, position) <= 0 {
                slot.length = 0;
            }
        }
    }

    fn find_nearest(&self, position: u32) -> Option<usize> {
        let taken = (0..SLOTS).filter(|&place| self.slots[place].length > 0);
        taken.min_by_key(|&place| difference(self.slots[place].timestamp, position))
    }

    fn find(&self, wanted: impl Fn(&Slot) -> bool) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| slot.length > 0 && wanted(slot))
    }

    /// Between two frames, what is played next has to be there when the next frame is taken.
    fn until_next_frame(&self, now: Instant) -> i32 {
        let Some((taken, frame)) = self.taken else {
            return 0;
        };
        let passed =
            now.saturating_duration_since(taken).as_micros() * UNITS_PER_MS as u128 / 1_000;
        frame - i32::try_from(passed).unwrap_or(i32::MAX).min(frame)
    }

    /// How long the earliest packets should wait, in milliseconds.
    #[cfg(test)]
    fn delay_ms(&self) -> u32 {
        (self.delay / UNITS_PER_MS) as u32
    }
}

/// How far `timestamp` is after `position`; timestamps wrap.
fn difference(timestamp: u32, position: u32) -> i32 {
    timestamp.wrapping_sub(position) as i32
}

#[cfg(test)]
mod tests;
