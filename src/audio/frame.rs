//! What sound is inside this server: 8 kHz, one channel, signed 16-bit linear samples.

use std::time::Duration;

/// Samples a second, everywhere but at the edges, which resample.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in one millisecond.
pub const SAMPLES_PER_MS: usize = (SAMPLE_RATE / 1_000) as usize;

/// The packet time that is offered: 20 ms.
pub const DEFAULT_PTIME: Duration = Duration::from_millis(20);

/// The shortest and longest packet times that are spoken with a peer.
pub const MIN_PTIME: Duration = Duration::from_millis(10);
pub const MAX_PTIME: Duration = Duration::from_millis(60);

/// Samples in the longest frame: the size of a frame buffer that always suffices.
pub const MAX_FRAME_SAMPLES: usize = samples_in(MAX_PTIME);

/// How many samples a span of time has, rounded down.
pub const fn samples_in(span: Duration) -> usize {
    (span.as_micros() * SAMPLE_RATE as u128 / 1_000_000) as usize
}

/// How long `samples` samples last.
pub const fn duration_of(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * (1_000_000 / SAMPLE_RATE as u64))
}

/// The peak of a sine at 0 dBm0, the reference level of a telephone line. G.711's µ-law reaches
/// its full scale (a linear 32,636) at +3.17 dBm0, and A-law lies within 0.1 dB of that.
const SINE_PEAK_AT_0_DBM0: f32 = 22_656.0;

/// The peak of a sine at a level in dBm0.
pub fn sine_peak(dbm0: f32) -> f32 {
    SINE_PEAK_AT_0_DBM0 * 10f32.powf(dbm0 / 20.0)
}

/// The level in dBm0 of sound with this mean square.
pub fn level_dbm0(mean_square: f32) -> f32 {
    let reference = SINE_PEAK_AT_0_DBM0 * SINE_PEAK_AT_0_DBM0 / 2.0;
    10.0 * (mean_square.max(1e-9) / reference).log10()
}

/// The mean of the samples' squares; 0 of none.
pub fn mean_square(samples: &[i16]) -> f32 {
    let sum: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (sum / samples.len().max(1) as f64) as f32
}

/// A computed sample, rounded and limited to what fits.
pub fn to_sample(value: f32) -> i16 {
    // `as` saturates, and turns NaN into silence.
    value.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_samples_convert_both_ways() {
        for (ms, samples) in [(0, 0), (10, 80), (20, 160), (30, 240), (60, 480)] {
            assert_eq!(samples_in(Duration::from_millis(ms)), samples);
            assert_eq!(duration_of(samples), Duration::from_millis(ms));
        }
    }

    #[test]
    fn a_sine_has_the_level_it_was_made_with() {
        for dbm0 in [0.0, -10.0, -25.0] {
            let peak = sine_peak(dbm0);
            let sine: Vec<i16> = (0..8_000)
                .map(|n| to_sample(peak * (n as f32 * 0.785).sin()))
                .collect();
            let level = level_dbm0(mean_square(&sine));
            assert!((level - dbm0).abs() < 0.05, "{dbm0} became {level}");
        }
    }

    #[test]
    fn samples_are_limited() {
        assert_eq!(to_sample(40_000.0), i16::MAX);
        assert_eq!(to_sample(-40_000.0), i16::MIN);
        assert_eq!(to_sample(f32::NAN), 0);
    }
}
