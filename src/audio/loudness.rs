//! Evens the loudness of prompts, so that recordings and synthesized speech sit side by side.
//!
//! Loudness is the gated mean power of ITU-R BS.1770 (blocks of 400 ms, pauses left out), without
//! its weighting of frequencies, which is made for music at 48 kHz.

use super::frame::{SAMPLES_PER_MS, mean_square, to_sample};

/// Where every prompt is brought to, in dB below full scale.
pub const TARGET_DBFS: f32 = -20.0;

const BLOCK: usize = 400 * SAMPLES_PER_MS;
const STEP: usize = BLOCK / 4;
/// Blocks below this are silence, and so are blocks this far below the mean of the others.
const SILENCE_DBFS: f32 = -60.0;
const PAUSE_BELOW_MEAN_DB: f32 = 10.0;
/// A recording quieter than this calls for a new one, not for more of its noise.
const LARGEST_GAIN_DB: f32 = 24.0;
/// Peaks above this share of full scale are bent, not cut.
const KNEE: f32 = 0.7;

/// The loudness in dBFS; `None` of silence.
pub fn loudness_dbfs(samples: &[i16]) -> Option<f32> {
    let last = samples.len().saturating_sub(BLOCK);
    let powers: Vec<f32> = (0..=last)
        .step_by(STEP)
        .map(|start| &samples[start..samples.len().min(start + BLOCK)])
        .map(|block| mean_square(block) / FULL_SCALE_SQUARE)
        .filter(|&power| decibels(power) > SILENCE_DBFS)
        .collect();
    let gate = decibels(mean(&powers)?) - PAUSE_BELOW_MEAN_DB;
    let loud: Vec<f32> = powers.into_iter().filter(|&p| decibels(p) > gate).collect();
    mean(&loud).map(decibels)
}

/// Brings sound to [`TARGET_DBFS`]. Silence stays as it is.
pub fn even(samples: &mut [i16]) {
    let Some(loudness) = loudness_dbfs(samples) else {
        return;
    };
    let gain = 10f32.powf((TARGET_DBFS - loudness).min(LARGEST_GAIN_DB) / 20.0);
    for sample in samples {
        let share = f32::from(*sample) / FULL_SCALE * gain;
        *sample = to_sample(bend(share) * FULL_SCALE);
    }
}

const FULL_SCALE: f32 = 32_767.0;
const FULL_SCALE_SQUARE: f32 = FULL_SCALE * FULL_SCALE;

/// As it is up to the knee; above it, ever less, and never more than 1.
fn bend(share: f32) -> f32 {
    let above = share.abs() - KNEE;
    if above <= 0.0 {
        return share;
    }
    let room = 1.0 - KNEE;
    (KNEE + room * (above / room).tanh()).copysign(share)
}

fn decibels(power: f32) -> f32 {
    10.0 * power.max(1e-12).log10()
}

fn mean(values: &[f32]) -> Option<f32> {
    (!values.is_empty()).then(|| values.iter().sum::<f32>() / values.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tones::chord;

    #[test]
    fn loud_and_quiet_become_alike_pauses_or_not() {
        for (dbm0, pause) in [(-5.0, 0), (-30.0, 0), (-30.0, 24_000), (-15.0, 4_000)] {
            let mut sound = chord(&[(440.0, dbm0), (660.0, dbm0)], 16_000);
            sound.resize(sound.len() + pause, 0);
            even(&mut sound);
            let loudness = loudness_dbfs(&sound).unwrap();
            assert!((loudness - TARGET_DBFS).abs() < 1.5, "{dbm0}: {loudness}");
        }
    }

    #[test]
    fn what_is_shorter_than_a_block_is_evened_too() {
        let mut sound = chord(&[(440.0, -30.0)], 800);
        even(&mut sound);
        assert!((loudness_dbfs(&sound).unwrap() - TARGET_DBFS).abs() < 0.5);
    }

    #[test]
    fn silence_and_whispers_are_not_blown_up() {
        let mut silence = vec![3; 8_000];
        even(&mut silence);
        assert_eq!(silence, vec![3; 8_000]);
        let mut whisper = chord(&[(440.0, -50.0)], 8_000);
        let before = loudness_dbfs(&whisper).unwrap();
        even(&mut whisper);
        let gained = loudness_dbfs(&whisper).unwrap() - before;
        assert!((gained - LARGEST_GAIN_DB).abs() < 0.5, "{gained}");
        even(&mut []);
    }

    #[test]
    fn peaks_are_bent_within_full_scale() {
        let mut clicks: Vec<i16> = (0..8_000)
            .map(|n| if n % 400 == 0 { 30_000 } else { 50 })
            .collect();
        even(&mut clicks);
        let peak = clicks.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!((20_000..=32_767).contains(&peak), "{peak}");
    }
}
