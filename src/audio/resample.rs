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
    if !RATES.contains(&rate) {
        return Err(ResampleError::Rate(rate));
    }
    if rate == SAMPLE_RATE {
        return Ok(samples.iter().map(|&s| full_scale(s)).collect());
    }
    let failed = |error: &dyn std::fmt::Display| ResampleError::Failed(error.to_string());
    let mut resampler = Fft::<f32>::new(
        rate as usize,
        SAMPLE_RATE as usize,
        CHUNK,
        1,
        FixedSync::Both,
    )
    .map_err(|error| failed(&error))?;
    let input = InterleavedSlice::new(samples, 1, samples.len()).map_err(|error| failed(&error))?;
    let output = resampler
        .process_all(&input, samples.len(), None)
        .map_err(|error| failed(&error))?;
    Ok(output.take_data().into_iter().map(full_scale).collect())
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
    fn odd_rates_and_nothing_at_all() {
        assert!(to_8_khz(&[], 48_000).unwrap().is_empty());
        assert!(matches!(to_8_khz(&[0.0], 0), Err(ResampleError::Rate(0))));
        assert!(to_8_khz(&[0.5; 3], 44_100).unwrap().len() <= 1);
    }
}
