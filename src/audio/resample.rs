//! Other sample rates → 8 kHz, for whole pieces of sound.

use super::frame::{SAMPLE_RATE, to_sample};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

/// Sample rates that are taken: from a telephone's half to a studio's double.
pub const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

#[derive(Debug, thiserror::Error)]
pub enum ResampleError {
    #[error("a sample rate of {0} Hz is outside 4,000 to 192,000 Hz")]
    Rate(u32),
    #[error("resampling failed: {0}")]
    Failed(String),
}

/// Turns one channel of samples (full scale ±1) at `rate` Hz into 8 kHz ones. What lies above
/// 4 kHz is filtered out first.
pub fn to_8_khz(samples: &[f32], rate: u32) -> Result<Vec<i16>, ResampleError> {
    let resampled = resampled(samples, rate, SAMPLE_RATE)?;
    Ok(resampled.into_iter().map(full_scale).collect())
}

/// Turns 8 kHz samples into ones at `rate` Hz, full scale ±1. Nothing appears above 4 kHz.
pub fn from_8_khz(samples: &[i16], rate: u32) -> Result<Vec<f32>, ResampleError> {
    let shares: Vec<f32> = samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
    resampled(&shares, SAMPLE_RATE, rate)
}

fn resampled(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>, ResampleError> {
    if let Some(rate) = [from, to].into_iter().find(|rate| !RATES.contains(rate)) {
        return Err(ResampleError::Rate(rate));
    }
    if from == to {
        return Ok(samples.to_vec());
    }
    let failed = |error: &dyn std::fmt::Display| ResampleError::Failed(error.to_string());
    let mut resampler = Fft::<f32>::new(from as usize, to as usize, CHUNK, 1, FixedSync::Both)
        .map_err(|error| failed(&error))?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| failed(&error))?;
    let output = resampler
        .process_all(&input, samples.len(), None)
        .map_err(|error| failed(&error))?;
    Ok(output.take_data())
}

/// Input samples resampled at a time.
const CHUNK: usize = 1_024;

fn full_scale(share: f32) -> i16 {
    to_sample(share * 32_767.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::mean_square;

    fn sine(hertz: f32, rate: u32) -> Vec<f32> {
        let step = std::f32::consts::TAU * hertz / rate as f32;
        (0..rate).map(|n| 0.5 * (step * n as f32).sin()).collect()
    }

    #[test]
    fn a_tone_keeps_its_length_pitch_and_level() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
            let sound = to_8_khz(&sine(1_000.0, rate), rate).unwrap();
            assert!(sound.len().abs_diff(8_000) <= 1, "{rate}: {}", sound.len());
            let middle = &sound[2_000..6_000];
            let level = 10.0 * (mean_square(middle) / 134_209_000.0).log10();
            assert!(level.abs() < 0.1, "{rate}: {level} dB");
            let rising = middle.windows(2).filter(|w| w[0] < 0 && w[1] >= 0).count();
            assert!(rising.abs_diff(500) <= 1, "{rate}: {rising} cycles");
        }
    }

    #[test]
    fn what_8_khz_cannot_hold_is_gone() {
        for hertz in [4_500.0, 5_000.0, 7_000.0, 10_000.0] {
            let sound = to_8_khz(&sine(hertz, 48_000), 48_000).unwrap();
            let left = mean_square(&sound[2_000..6_000]);
            let below = 10.0 * (left.max(1e-3) / 134_209_000.0).log10();
            assert!(below < -50.0, "{hertz} Hz: {below} dB");
        }
    }

    #[test]
    fn a_telephones_tone_is_the_same_at_twice_the_rate() {
        let tone = to_8_khz(&sine(1_000.0, 8_000), 8_000).unwrap();
        let sound = from_8_khz(&tone, 16_000).unwrap();
        assert!(sound.len().abs_diff(16_000) <= 1, "{}", sound.len());
        for (n, (sample, ideal)) in sound.iter().zip(sine(1_000.0, 16_000)).enumerate() {
            let edge = !(1_000..15_000).contains(&n);
            assert!(
                edge || (sample - ideal).abs() < 0.01,
                "{n}: {sample} for {ideal}"
            );
        }
    }

    #[test]
    fn odd_rates_and_nothing_at_all() {
        assert!(to_8_khz(&[], 48_000).unwrap().is_empty());
        assert!(matches!(to_8_khz(&[0.0], 0), Err(ResampleError::Rate(0))));
        assert!(to_8_khz(&[0.5; 3], 44_100).unwrap().len() <= 1);
    }
}
