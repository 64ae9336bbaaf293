//! Sound that the server makes itself: keys, ring-back, the recording's beep, music for waiting.

use super::frame::{SAMPLE_RATE, samples_in, sine_peak, to_sample};
use crate::key::Key;
use std::f32::consts::TAU;
use std::time::Duration;

/// The rows and columns of the keypad, in Hz (ITU-T Q.23).
pub const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
pub const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// The keys by row, then column.
const KEYPAD: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// The key at a row and a column of [`ROWS`] and [`COLUMNS`].
pub fn key_at(row: usize, column: usize) -> Option<Key> {
    Key::from_char(*KEYPAD.get(row)?.get(column)?)
}

/// The two frequencies of a key.
pub fn frequencies(key: Key) -> (f32, f32) {
    let place = (0..16)
        .find(|&n| KEYPAD[n / 4][n % 4] == key.to_char())
        .expect("the keypad has all sixteen keys");
    (ROWS[place / 4], COLUMNS[place % 4])
}

/// How a key is sent in band: long enough for any receiver, at the level of a real telephone.
const KEY_TONE: Duration = Duration::from_millis(100);
const KEY_PAUSE: Duration = Duration::from_millis(80);
const KEY_LOW_DBM0: f32 = -9.0;
const KEY_HIGH_DBM0: f32 = -7.0;

/// One key as it is sent in band: its tone, then a pause.
pub fn key_tone(key: Key) -> Vec<i16> {
    let (low, high) = frequencies(key);
    let mut samples = chord(
        &[(low, KEY_LOW_DBM0), (high, KEY_HIGH_DBM0)],
        samples_in(KEY_TONE),
    );
    fade_edges(&mut samples, samples_in(Duration::from_millis(1)));
    samples.resize(samples.len() + samples_in(KEY_PAUSE), 0);
    samples
}

/// One cycle of ring-back, to be played round and round: 1 s of 425 Hz (ITU-T E.180's
/// recommendation), then 2 s of silence: E.180's 4 s would be dead air in a transfer. Only to be
/// played while a leg of ours rings (law 6).
pub fn ring_back() -> Vec<i16> {
    let mut samples = chord(&[(425.0, -16.0)], samples_in(Duration::from_secs(1)));
    fade_edges(&mut samples, samples_in(Duration::from_millis(5)));
    samples.resize(samples_in(Duration::from_secs(3)), 0);
    samples
}

/// The tone after which a message is recorded.
pub fn record_beep() -> Vec<i16> {
    let mut samples = chord(&[(1_000.0, -14.0)], samples_in(Duration::from_millis(300)));
    fade_edges(&mut samples, samples_in(Duration::from_millis(10)));
    samples
}

/// Soft music for waiting, to be played round and round: 16 s of slow broken chords. It is ours,
/// so that no hotline owes anybody for it, quiet, and has no pitch near a key's.
pub fn waiting_music() -> Vec<i16> {
    /// Hz: C, A minor, F and G, from below.
    const CHORDS: [[f32; 4]; 4] = [
        [130.81, 261.63, 329.63, 392.00],
        [110.00, 261.63, 329.63, 440.00],
        [174.61, 261.63, 349.23, 440.00],
        [98.00, 246.94, 293.66, 392.00],
    ];
    /// Which note of the chord each half second begins.
    const PATTERN: [usize; 8] = [0, 1, 2, 3, 2, 1, 2, 3];
    let beat = samples_in(Duration::from_millis(500));
    let mut mixed = vec![0f32; CHORDS.len() * PATTERN.len() * beat];
    let length = mixed.len();
    for (bar, chord) in CHORDS.iter().enumerate() {
        for (step, &note) in PATTERN.iter().enumerate() {
            let start = (bar * PATTERN.len() + step) * beat;
            for (n, value) in pluck(chord[note]).enumerate() {
                // A note that rings past the end goes on at the start: the loop has no seam.
                mixed[(start + n) % length] += value;
            }
        }
    }
    mixed.into_iter().map(to_sample).collect()
}

/// One soft note of 2 s: a sine and a little of its octave, dying away.
fn pluck(frequency: f32) -> impl Iterator<Item = f32> {
    let peak = sine_peak(-22.0);
    (0..samples_in(Duration::from_secs(2))).map(move |n| {
        let seconds = n as f32 / SAMPLE_RATE as f32;
        let phase = TAU * frequency * seconds;
        let envelope = (seconds / 0.02).min(1.0) * (-2.5 * seconds).exp() * (1.0 - seconds / 2.0);
        peak * envelope * (phase.sin() + 0.2 * (2.0 * phase).sin())
    })
}

/// Sines (Hz, dBm0) sounding together.
pub fn chord(parts: &[(f32, f32)], samples: usize) -> Vec<i16> {
    let parts: Vec<(f64, f32)> = parts
        .iter()
        .map(|&(hz, dbm0)| {
            let step = std::f64::consts::TAU * f64::from(hz) / f64::from(SAMPLE_RATE);
            (step, sine_peak(dbm0))
        })
        .collect();
    (0..samples)
        .map(|n| {
            let sum = parts
                .iter()
                .map(|&(step, peak)| peak * (step * n as f64).sin() as f32);
            to_sample(sum.sum())
        })
        .collect()
}

/// Lets sound begin and end softly, so that it does not click.
fn fade_edges(samples: &mut [i16], edge: usize) {
    let edge = edge.min(samples.len() / 2);
    let last = samples.len().saturating_sub(1);
    for n in 0..edge {
        let gain = (n as f32 + 0.5) / edge as f32;
        samples[n] = to_sample(f32::from(samples[n]) * gain);
        samples[last - n] = to_sample(f32::from(samples[last - n]) * gain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::{level_dbm0, mean_square};

    #[test]
    fn every_key_has_its_own_pair_of_tones() {
        for code in 0..16 {
            let key = Key::from_event_code(code).unwrap();
            let (low, high) = frequencies(key);
            let row = ROWS.iter().position(|&f| f == low).unwrap();
            let column = COLUMNS.iter().position(|&f| f == high).unwrap();
            assert_eq!(key_at(row, column), Some(key));
        }
        assert_eq!(frequencies(Key::ZERO), (941.0, 1336.0));
        assert_eq!(key_at(4, 0), None);
    }

    #[test]
    fn loops_have_no_seam() {
        for sound in [ring_back(), waiting_music()] {
            let largest = sound.windows(2).map(|w| (w[1] - w[0]).abs()).max().unwrap();
            let seam = (sound[0] - sound[sound.len() - 1]).abs();
            assert!(seam <= largest, "{seam} at the seam, {largest} elsewhere");
        }
    }

    #[test]
    fn waiting_is_quieter_than_speech_and_never_clips() {
        let music = waiting_music();
        let level = level_dbm0(mean_square(&music));
        assert!((-32.0..-20.0).contains(&level), "{level} dBm0");
        assert!(music.iter().all(|&s| s.abs() < 16_000));
    }

    #[test]
    fn ring_back_is_one_second_in_three() {
        let cycle = ring_back();
        assert_eq!(cycle.len(), 24_000);
        assert!((level_dbm0(mean_square(&cycle[..8_000])) + 16.0).abs() < 0.2);
        assert!(cycle[8_000..].iter().all(|&s| s == 0));
    }
}
