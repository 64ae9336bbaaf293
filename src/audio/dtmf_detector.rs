//! Keys heard as tones in the sound itself (ITU-T Q.23, Q.24), for peers without RFC 4733.
//!
//! ```text
//! samples → slices of 5 ms, each correlated with the 8 frequencies
//!         → windows of 6 slices, one every 5 ms: which row, which column, how far off, how pure
//!         → the same key in 2 windows running: down → 5 silent windows running: up
//! ```

use super::frame::sine_peak;
use super::tone_correlator::{COLUMN_LANES, Correlator, ROW_LANES, SLICE, Slice, Tone};
use super::tones::key_at;
use crate::key::Key;
use std::sync::LazyLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTone {
    /// Said once a key, 35 to 45 ms after its tone began.
    Down(Key),
    Up(Key),
}

/// Slices in the window that decides: 30 ms, so that a tone of 40 ms fills two windows wherever it
/// begins.
const WINDOW: usize = 6;
/// Windows running that must agree.
const HITS: u8 = 2;
/// Slices in the shorter window that follows a key which is down.
const HOLD: usize = 2;
/// Shorter windows running without the tone after which the key is up: a pause of 35 ms has at
/// least 5, a lost packet of 20 ms at most 4.
const MISSES: u8 = 5;

/// Each tone's least level: 4 dB below what must be heard, since a level wanders with noise.
const LEAST_DBM0: f32 = -29.0;
/// How much louder the column's tone may be than the row's and the row's than the column's, as
/// ratios of power: +4 and −8 dB must be heard, and 1.5 dB more is heard.
const TWIST_COLUMN_OVER_ROW: f32 = 3.55;
const TWIST_ROW_OVER_COLUMN: f32 = 8.91;
/// The two tones' share of a window's energy: what speech lacks, whose harmonics are in the other
/// share. At 15 dB over noise it is 0.97, at 8 dB 0.86. Speech was first taken for a key at 0.7.
const PURITY: f32 = 0.8;
/// How far off a tone may be: between the 1.5 % that are a key and the 3.5 % that are none.
const LARGEST_DETUNING: f32 = 0.025;
/// How unlike the energies of a window's halves may be. A key's tone is steady, speech is not.
const LARGEST_SWING: f32 = 1.4;
/// A key is still down while each tone has this share of the power it came with.
const HOLD_POWER: f32 = 0.15;

/// Listens to one caller. About 700 bytes; nothing is allocated.
#[derive(Debug, Clone, Default)]
pub struct DtmfDetector {
    correlator: Correlator,
    keypad: Keypad,
}

impl DtmfDetector {
    pub fn new() -> DtmfDetector {
        DtmfDetector::default()
    }

    /// Takes sound in the order it arrived, in chunks of any size, and says what keys did.
    pub fn handle_samples(&mut self, samples: &[i16], mut on_key: impl FnMut(KeyTone)) {
        let keypad = &mut self.keypad;
        self.correlator
            .handle_samples(samples, |slice| keypad.handle_slice(slice, &mut on_key));
    }
}

/// Which key is down.
#[derive(Debug, Clone, Default)]
struct Keypad {
    /// The last slices, oldest first.
    slices: [Slice; WINDOW],
    /// What the last window sounded like, and how many windows running did.
    candidate: Option<Key>,
    hits: u8,
    held: Option<Held>,
}

/// A key that is down.
#[derive(Debug, Clone, Copy)]
struct Held {
    key: Key,
    row: Tone,
    column: Tone,
    misses: u8,
}

impl Keypad {
    fn handle_slice(&mut self, slice: Slice, on_key: &mut impl FnMut(KeyTone)) {
        self.slices.rotate_left(1);
        self.slices[WINDOW - 1] = slice;
        let heard = key_in(&self.slices);
        if let Some(held) = &mut self.held {
            let still = held.sounds_in(&self.slices[WINDOW - HOLD..]);
            held.misses = if still { 0 } else { held.misses + 1 };
            let replaced = !still && heard.is_some_and(|heard| heard.key != held.key);
            if held.misses >= MISSES || replaced {
                on_key(KeyTone::Up(held.key));
                self.held = None;
            }
        }
        let key = heard.map(|heard| heard.key);
        self.hits = match key {
            Some(_) if key == self.candidate => self.hits.saturating_add(1),
            Some(_) => 1,
            None => 0,
        };
        self.candidate = key;
        if let (Some(heard), None) = (heard, self.held)
            && self.hits >= HITS
        {
            on_key(KeyTone::Down(heard.key));
            self.held = Some(heard);
        }
    }
}

impl Held {
    fn sounds_in(&self, slices: &[Slice]) -> bool {
        [self.row, self.column]
            .iter()
            .all(|tone| tone.power_in(slices) >= HOLD_POWER * tone.power)
    }
}

/// The key that sounds all through the window.
fn key_in(slices: &[Slice; WINDOW]) -> Option<Held> {
    static LEAST: LazyLock<f32> = LazyLock::new(|| sine_peak(LEAST_DBM0).powi(2) / 2.0);
    let least = *LEAST;
    let (first, last) = slices.split_at(WINDOW / 2);
    let (first, last) = (energy_of(first), energy_of(last));
    let power = (first + last) / (WINDOW * SLICE) as f32;
    let steady = first <= last * LARGEST_SWING && last <= first * LARGEST_SWING;
    // Most of a call ends here, at no cost.
    if power < 2.0 * least || !steady {
        return None;
    }
    let row = Tone::strongest(slices, ROW_LANES)?;
    let column = Tone::strongest(slices, COLUMN_LANES)?;
    let is_key = row.power >= least
        && column.power >= least
        && column.power <= row.power * TWIST_COLUMN_OVER_ROW
        && row.power <= column.power * TWIST_ROW_OVER_COLUMN
        && row.power + column.power >= PURITY * power
        && row.detuning.abs() <= LARGEST_DETUNING
        && column.detuning.abs() <= LARGEST_DETUNING;
    let key = key_at(row.lane, column.lane - COLUMN_LANES.start)?;
    is_key.then_some(Held {
        key,
        row,
        column,
        misses: 0,
    })
}

fn energy_of(slices: &[Slice]) -> f32 {
    slices.iter().map(|slice| slice.energy).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::codecs::Codec;
    use crate::audio::frame::{SAMPLE_RATE, SAMPLES_PER_MS, to_sample};
    use crate::audio::tones::{self, frequencies};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};
    use std::f32::consts::TAU;
    use std::path::{Path, PathBuf};

    /// How a key is sent, all in one place so that a sweep changes one thing.
    #[derive(Clone, Copy)]
    struct Sent {
        tone_ms: usize,
        pause_ms: usize,
        low_dbm0: f32,
        high_dbm0: f32,
        /// Relative.
        low_detuning: f32,
        high_detuning: f32,
        /// Below the two tones together, in dB.
        noise_below: Option<f32>,
        /// Samples of silence before the first key.
        lead: usize,
    }

    const GOOD: Sent = Sent {
        tone_ms: 50,
        pause_ms: 50,
        low_dbm0: -9.0,
        high_dbm0: -7.0,
        low_detuning: 0.0,
        high_detuning: 0.0,
        noise_below: None,
        lead: 400,
    };

    fn send(keys: &[Key], sent: Sent, random: &mut SmallRng) -> Vec<i16> {
        let (low_peak, high_peak) = (sine_peak(sent.low_dbm0), sine_peak(sent.high_dbm0));
        let mut line = vec![0.0f32; sent.lead];
        for &key in keys {
            let (low, high) = frequencies(key);
            let low = TAU * low * (1.0 + sent.low_detuning) / SAMPLE_RATE as f32;
            let high = TAU * high * (1.0 + sent.high_detuning) / SAMPLE_RATE as f32;
            let (a, b) = (random.random_range(0.0..TAU), random.random_range(0.0..TAU));
            line.extend((0..sent.tone_ms * SAMPLES_PER_MS).map(|n| {
                let n = n as f32;
                low_peak * (low * n + a).sin() + high_peak * (high * n + b).sin()
            }));
            line.resize(line.len() + sent.pause_ms * SAMPLES_PER_MS, 0.0);
        }
        line.resize(line.len() + 400, 0.0);
        if let Some(below) = sent.noise_below {
            let power = (low_peak * low_peak + high_peak * high_peak) / 2.0;
            let deviation = (power * 10f32.powf(-below / 10.0)).sqrt();
            for sample in &mut line {
                // Twelve even throws make a bell.
                let bell: f32 = (0..12).map(|_| random.random_range(-0.5..0.5f32)).sum();
                *sample += deviation * bell;
            }
        }
        line.into_iter().map(to_sample).collect()
    }

    fn heard(sound: &[i16]) -> String {
        let mut keys = String::new();
        DtmfDetector::new().handle_samples(sound, |tone| {
            if let KeyTone::Down(key) = tone {
                keys.push(key.to_char());
            }
        });
        keys
    }

    fn keys(text: &str) -> Vec<Key> {
        text.chars().map(|c| Key::from_char(c).unwrap()).collect()
    }

    /// All the keys, and two of them twice.
    const ALL: &str = "1123A456B789C*0##D";

    /// How many of 20 sendings, each begun at another moment, are heard without a mistake.
    fn right(sent: Sent) -> usize {
        let mut random = SmallRng::seed_from_u64(4_733);
        (0..20)
            .filter(|_| {
                let lead = random.random_range(300..600);
                let line = send(&keys(ALL), Sent { lead, ..sent }, &mut random);
                heard(&line) == ALL
            })
            .count()
    }

    /// The shortest tone and pause that must do, in the most noise that must do.
    const WORST: Sent = Sent {
        tone_ms: 40,
        pause_ms: 35,
        noise_below: Some(15.0),
        ..GOOD
    };

    #[test]
    fn keys_are_heard_at_every_length_of_tone_and_pause() {
        for (tone_ms, pause_ms) in [(40, 35), (40, 400), (50, 50), (100, 100), (1_000, 35)] {
            let sent = Sent {
                tone_ms,
                pause_ms,
                ..WORST
            };
            assert_eq!(right(sent), 20, "{tone_ms} ms, pause {pause_ms} ms");
        }
    }

    #[test]
    fn too_short_a_tone_is_no_key() {
        for tone_ms in [10, 20, 23] {
            let line = send(
                &keys(ALL),
                Sent { tone_ms, ..GOOD },
                &mut SmallRng::seed_from_u64(1),
            );
            assert_eq!(heard(&line), "", "{tone_ms} ms");
        }
    }

    /// A lost packet, and a click of 10 ms: the key is still one key.
    #[test]
    fn a_gap_in_a_tone_does_not_make_two_keys() {
        let tone = send(
            &keys("5"),
            Sent {
                tone_ms: 200,
                ..GOOD
            },
            &mut SmallRng::seed_from_u64(1),
        );
        for gap_ms in [5, 10, 20] {
            for start in (800..1_400).step_by(7) {
                let mut line = tone.clone();
                line[start..start + gap_ms * SAMPLES_PER_MS].fill(0);
                assert_eq!(heard(&line), "5", "{gap_ms} ms at {start}");
            }
        }
    }

    #[test]
    fn keys_are_heard_with_twist_and_at_every_level() {
        for (low_dbm0, high_dbm0) in [
            (-14.0, -10.0),
            (-14.0, -22.0),
            (-25.0, -25.0),
            (-25.0, -21.0),
            (-17.0, -25.0),
            (0.0, 0.0),
            (3.0, 3.0),
        ] {
            let sent = Sent {
                low_dbm0,
                high_dbm0,
                ..WORST
            };
            assert_eq!(right(sent), 20, "{low_dbm0}, {high_dbm0} dBm0");
        }
        for (low_dbm0, high_dbm0) in [(-14.0, -7.0), (-14.0, -26.0), (-34.0, -34.0)] {
            let sent = Sent {
                low_dbm0,
                high_dbm0,
                ..GOOD
            };
            let line = send(&keys(ALL), sent, &mut SmallRng::seed_from_u64(1));
            assert_eq!(heard(&line), "", "{low_dbm0}, {high_dbm0} dBm0");
        }
    }

    /// 1.5 % and 2 Hz must be heard, 3.5 % must not; each tone alone, and both.
    #[test]
    fn detuned_tones_are_keys_only_within_the_tolerance() {
        for (low, high) in [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, -1.0)] {
            for sign in [1.0, -1.0] {
                let detuned = |by: f32, sent: Sent| Sent {
                    low_detuning: low * by * sign,
                    high_detuning: high * by * sign,
                    ..sent
                };
                assert_eq!(right(detuned(0.0165, WORST)), 20, "{low}, {high}, {sign}");
                let line = detuned(
                    0.035,
                    Sent {
                        tone_ms: 200,
                        ..GOOD
                    },
                );
                let line = send(&keys(ALL), line, &mut SmallRng::seed_from_u64(1));
                assert_eq!(heard(&line), "", "{low}, {high}, {sign}");
            }
        }
    }

    #[test]
    fn keys_are_heard_through_both_laws_and_over_hum() {
        let mut random = SmallRng::seed_from_u64(1);
        for codec in Codec::ALL {
            let mut line = send(&keys(ALL), WORST, &mut random);
            for (n, sample) in line.iter_mut().enumerate() {
                *sample += to_sample(600.0 + 800.0 * (TAU * 50.0 * n as f32 / 8_000.0).sin());
            }
            let mut payload = vec![0; line.len()];
            codec.encode(&line, &mut payload);
            codec.decode(&payload, &mut line);
            assert_eq!(heard(&line), ALL, "{codec:?}");
        }
    }

    #[test]
    fn a_key_goes_down_within_45_ms_and_up_again() {
        let line = send(&keys("0"), GOOD, &mut SmallRng::seed_from_u64(1));
        let mut detector = DtmfDetector::new();
        let mut events = Vec::new();
        for (n, sample) in line.iter().enumerate() {
            detector.handle_samples(&[*sample], |tone| events.push((n, tone)));
        }
        let [
            (down, KeyTone::Down(Key::ZERO)),
            (up, KeyTone::Up(Key::ZERO)),
        ] = events[..]
        else {
            panic!("{events:?}");
        };
        assert!((600..=760).contains(&down), "down at {down}");
        assert!((800..=1_080).contains(&up), "up at {up}");
    }

    #[test]
    fn what_the_server_plays_itself_is_no_key() {
        for sound in [
            tones::ring_back(),
            tones::record_beep(),
            tones::waiting_music(),
        ] {
            assert_eq!(heard(&sound), "");
        }
        let busy = tones::chord(&[(480.0, -10.0), (620.0, -10.0)], 8_000);
        assert_eq!(heard(&busy), "");
    }

    proptest! {
        #[test]
        fn the_size_of_chunks_changes_nothing(seed: u64, sizes in vec(1usize..700, 1..20)) {
            let line = send(&keys("159#"), WORST, &mut SmallRng::seed_from_u64(seed));
            let mut detector = DtmfDetector::new();
            let (mut rest, mut keys) = (&line[..], String::new());
            for size in sizes.into_iter().cycle() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                detector.handle_samples(now, |tone| if let KeyTone::Down(key) = tone {
                    keys.push(key.to_char());
                });
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(keys, "159#");
        }

        #[test]
        fn noise_of_any_kind_never_panics(line in vec(any::<i16>(), 0..4_000)) {
            heard(&line);
        }
    }

    /// Debian's `asterisk-core-sounds-en-wav` and the spoken digits of the test assets.
    #[test]
    fn speech_is_no_key() {
        let digits = std::env::var("ZEROLINE_ASSETS").unwrap_or_default() + "/digits";
        for (folder, least) in [("/usr/share/asterisk/sounds", 568), (&digits, 2_000)] {
            let recordings = recordings_in(Path::new(folder));
            if recordings.is_empty() {
                println!("skipped: no recordings in `{folder}`");
                continue;
            }
            assert!(recordings.len() >= least, "{}", recordings.len());
            for path in recordings {
                let sound: Result<Vec<i16>, _> =
                    hound::WavReader::open(&path).unwrap().samples().collect();
                assert_eq!(heard(&sound.unwrap()), "", "{}", path.display());
            }
        }
    }

    fn recordings_in(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| match path.is_dir() {
                true => recordings_in(&path),
                false => vec![path],
            })
            .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
            .collect()
    }
}
