//! What is recorded of a call: the conversation (caller left, bot or person right), and messages.

use super::contract::RecorderCommand;
use super::leg::MAX_PAYLOAD;
use crate::audio::codecs::Codec;
use crate::audio::frame::{SAMPLES_PER_MS, duration_of, samples_in};
use std::time::Instant;

/// Samples are handed over by the second: one allocation and one channel message for 50 packets.
const CHUNK_SAMPLES: usize = 8_000;
/// The latest 100 ms can still be erased: a tone is known to be a key's some 45 ms and a packet after
/// it began.
const HELD_BACK: usize = 100 * SAMPLES_PER_MS;

/// Keeps what is recorded and listened to in step with the clock, not with the packets: a prompt that starts at
/// once cuts the packet before it short, for the caller and here.
#[derive(Debug)]
pub struct SoundClock {
    heard_until: Instant,
    /// What the caller was sent last, as far as it is not recorded yet.
    said: [i16; MAX_PAYLOAD],
    start: usize,
    end: usize,
}

impl SoundClock {
    pub fn new(now: Instant) -> SoundClock {
        SoundClock {
            heard_until: now,
            said: [0; MAX_PAYLOAD],
            start: 0,
            end: 0,
        }
    }

    /// How many samples are to be taken for the time to go on to `at`.
    pub fn advance(&mut self, at: Instant) -> usize {
        let samples = samples_in(at.saturating_duration_since(self.heard_until));
        self.heard_until += duration_of(samples);
        samples
    }

    /// What was said in the next stretch; silence after its end.
    pub fn take_said(&mut self, stretch: &mut [i16]) {
        let left = &self.said[self.start..self.end];
        let length = left.len().min(stretch.len());
        stretch[..length].copy_from_slice(&left[..length]);
        stretch[length..].fill(0);
        self.start += length;
    }

    /// A packet begins: what was not heard of the one before never is.
    pub fn say(&mut self, codec: Codec, payload: &[u8]) {
        self.start = 0;
        self.end = codec.decode(payload, &mut self.said);
    }
}

/// A file that is being recorded.
#[derive(Debug)]
pub struct Tape {
    file: String,
    left: Vec<i16>,
    right: Vec<i16>,
    /// Samples a channel since the start.
    length: u64,
}

impl Tape {
    pub fn open(file: String, stereo: bool) -> (Tape, RecorderCommand) {
        let command = RecorderCommand::Open {
            file: file.clone(),
            stereo,
        };
        (
            Tape {
                file,
                left: Vec::new(),
                right: Vec::new(),
                length: 0,
            },
            command,
        )
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn milliseconds(&self) -> u32 {
        u32::try_from(self.length / 8).unwrap_or(u32::MAX)
    }

    pub fn push_mono(&mut self, samples: &[i16]) -> Option<RecorderCommand> {
        self.left.extend_from_slice(samples);
        self.length += samples.len() as u64;
        self.full_chunk()
    }

    /// The shorter channel is silent at its end.
    pub fn push_stereo(&mut self, left: &[i16], right: &[i16]) -> Option<RecorderCommand> {
        self.left.extend_from_slice(left);
        self.right.extend_from_slice(right);
        let length = self.left.len().max(self.right.len());
        self.left.resize(length, 0);
        self.right.resize(length, 0);
        self.length += left.len().max(right.len()) as u64;
        self.full_chunk()
    }

    fn full_chunk(&mut self) -> Option<RecorderCommand> {
        (self.left.len() >= CHUNK_SAMPLES + HELD_BACK).then(|| self.chunk(HELD_BACK))
    }

    /// All but what is held back.
    fn chunk(&mut self, held_back: usize) -> RecorderCommand {
        let split = |channel: &mut Vec<i16>| {
            let held_back = channel.split_off(channel.len().saturating_sub(held_back));
            std::mem::replace(channel, held_back)
        };
        RecorderCommand::Samples {
            file: self.file.clone(),
            left: split(&mut self.left),
            right: split(&mut self.right),
        }
    }

    /// Makes silence of the latest sound of both channels.
    pub fn erase_latest(&mut self) {
        for channel in [&mut self.left, &mut self.right] {
            let start = channel.len().saturating_sub(HELD_BACK);
            channel[start..].fill(0);
        }
    }

    /// What is left, and the end.
    pub fn close(&mut self) -> [RecorderCommand; 2] {
        [
            self.chunk(0),
            RecorderCommand::Close {
                file: self.file.clone(),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_lasts_as_long_as_the_time_does() {
        let start = Instant::now();
        let mut clock = SoundClock::new(start);
        let mut recorded = Vec::new();
        let mut record = |clock: &mut SoundClock, at: u64| {
            let length = clock.advance(start + std::time::Duration::from_millis(at));
            let mut stretch = vec![0; length];
            clock.take_said(&mut stretch);
            recorded.extend(stretch);
        };
        let packet = |value: i16| {
            let mut payload = [0; 160];
            Codec::Pcmu.encode(&[value; 160], &mut payload);
            payload
        };
        clock.say(Codec::Pcmu, &packet(1_000));
        // A prompt starts 5 ms after the packet before it, and then a packet is late.
        record(&mut clock, 5);
        clock.say(Codec::Pcmu, &packet(-1_000));
        record(&mut clock, 45);
        let level = |sample: &i16| sample.signum();
        let levels: Vec<_> = recorded.iter().map(level).collect();
        assert_eq!(levels.len(), 45 * 8);
        assert!(levels[..40].iter().all(|it| *it == 1));
        assert!(levels[40..200].iter().all(|it| *it == -1));
        assert!(levels[200..].iter().all(|it| *it == 0));
    }

    #[test]
    fn a_stereo_tape_hands_over_by_the_second() {
        let file = "recordings/a.wav".to_string();
        let (mut tape, command) = Tape::open(file.clone(), true);
        assert_eq!(command, RecorderCommand::Open { file, stereo: true });
        let shorter = tape.push_stereo(&[1; 160], &[2; 80]);
        assert_eq!(shorter, None);
        for _ in 0..53 {
            assert_eq!(tape.push_stereo(&[1; 160], &[2; 160]), None);
        }
        let full = tape.push_stereo(&[1; 160], &[2; 160]);
        let Some(RecorderCommand::Samples { left, right, .. }) = full else {
            panic!("a second is full")
        };
        assert_eq!((left.len(), right.len()), (8_000, 8_000));
        assert_eq!((right[79], right[80], right[160]), (2, 0, 2));
        assert_eq!(tape.milliseconds(), 1100);
    }

    #[test]
    fn the_latest_100_ms_can_be_erased_at_any_time() {
        for packets in 1..120 {
            let (mut tape, _) = Tape::open("recordings/a.wav".into(), true);
            let mut commands: Vec<_> = (0..packets)
                .filter_map(|_| tape.push_stereo(&[1; 160], &[2; 160]))
                .collect();
            tape.erase_latest();
            commands.extend(tape.close());
            let (mut caller, mut other) = (Vec::new(), Vec::new());
            for command in commands {
                if let RecorderCommand::Samples { left, right, .. } = command {
                    caller.extend(left);
                    other.extend(right);
                }
            }
            let kept = (packets * 160_usize).saturating_sub(800);
            for (channel, sample) in [(caller, 1), (other, 2)] {
                assert_eq!(channel.len(), packets * 160);
                assert!(channel[..kept].iter().all(|it| *it == sample));
                assert!(channel[kept..].iter().all(|it| *it == 0), "{packets}");
            }
        }
    }
}
