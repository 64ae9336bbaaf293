//! How much of each key's frequencies a stretch of sound has, and how exactly it has them.
//!
//! A slice of 5 ms keeps its correlation with each of the 8 frequencies as a complex number, so
//! that any longer window is a sum of slices, each turned by the phase that the frequency gains a
//! slice. The phase that one window gains over the window a slice earlier is the frequency's error:
//! so 30 ms of sound tell a few hertz apart, which no filter of that length could.

use super::frame::SAMPLE_RATE;
use super::tones::{COLUMNS, ROWS};
use std::f32::consts::TAU;
use std::ops::Range;
use std::sync::LazyLock;

/// Samples in a slice: 5 ms.
pub const SLICE: usize = 40;
/// Slices quieter than this (about −48 dBm0) are not worth correlating.
const LEAST_ENERGY: f32 = SLICE as f32 * 4_000.0;
const FREQUENCIES: usize = ROWS.len() + COLUMNS.len();

/// Which of the frequencies are rows, and which are columns.
pub const ROW_LANES: Range<usize> = 0..ROWS.len();
pub const COLUMN_LANES: Range<usize> = ROWS.len()..FREQUENCIES;

struct Tables {
    /// By sample of a slice: the cosines of the 8 frequencies, then their negated sines.
    oscillators: [[f32; 2 * FREQUENCIES]; SLICE],
    /// By frequency: the turn that takes its phase back by one slice.
    slice_turns: [Complex; FREQUENCIES],
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let angle = |lane: usize, n: usize| {
        // Whole cycles are dropped before the angle becomes a float of few digits.
        let cycles = f64::from(hertz(lane)) * n as f64 / f64::from(SAMPLE_RATE);
        (cycles.fract() * std::f64::consts::TAU) as f32
    };
    Tables {
        oscillators: std::array::from_fn(|n| {
            std::array::from_fn(|lane| {
                let angle = angle(lane % FREQUENCIES, n);
                if lane < FREQUENCIES {
                    angle.cos()
                } else {
                    -angle.sin()
                }
            })
        }),
        slice_turns: std::array::from_fn(|lane| Complex::turn(-angle(lane, SLICE))),
    }
});

fn hertz(lane: usize) -> f32 {
    if lane < ROWS.len() {
        ROWS[lane]
    } else {
        COLUMNS[lane - ROWS.len()]
    }
}

/// Cuts a stream of samples into slices.
#[derive(Debug, Clone)]
pub struct Correlator {
    /// The samples of the slice to come, of which `filled` are there.
    samples: [f32; SLICE],
    filled: usize,
}

impl Default for Correlator {
    fn default() -> Correlator {
        Correlator {
            samples: [0.0; SLICE],
            filled: 0,
        }
    }
}

impl Correlator {
    /// Takes samples in chunks of any size and hands over every slice that became full.
    pub fn handle_samples(&mut self, samples: &[i16], mut on_slice: impl FnMut(Slice)) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(SLICE - self.filled));
            for (kept, &sample) in self.samples[self.filled..].iter_mut().zip(now) {
                *kept = f32::from(sample);
            }
            self.filled += now.len();
            rest = later;
            if self.filled == SLICE {
                self.filled = 0;
                on_slice(Slice::of(&self.samples));
            }
        }
    }
}

/// What 5 ms of sound say: its energy, and its correlation with each frequency.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slice {
    /// The sum of the samples' squares, without what is below speech.
    pub energy: f32,
    /// Real parts, then imaginary parts. All 0 where there is next to no sound.
    sums: [f32; 2 * FREQUENCIES],
}

impl Slice {
    fn of(samples: &[f32; SLICE]) -> Slice {
        let energy = energy_of_speech(samples);
        let mut sums = [0.0; 2 * FREQUENCIES];
        if energy >= LEAST_ENERGY {
            for (sample, oscillators) in samples.iter().zip(&TABLES.oscillators) {
                for (sum, oscillator) in sums.iter_mut().zip(oscillators) {
                    *sum += sample * oscillator;
                }
            }
        }
        Slice { energy, sums }
    }

    fn at(&self, lane: usize) -> Complex {
        Complex(self.sums[lane], self.sums[lane + FREQUENCIES])
    }
}

/// The energy of a slice without its mean and its slope, which are all that a line's DC and its
/// hum are in 5 ms.
fn energy_of_speech(samples: &[f32; SLICE]) -> f32 {
    /// How many sums are made side by side, so that the processor can.
    const LANES: usize = 8;
    const MIDDLE: f32 = (SLICE - 1) as f32 / 2.0;
    let (mut squares, mut levels, mut slopes) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for (row, samples) in samples.chunks_exact(LANES).enumerate() {
        for lane in 0..LANES {
            let place = (row * LANES + lane) as f32 - MIDDLE;
            squares[lane] += samples[lane] * samples[lane];
            levels[lane] += samples[lane];
            slopes[lane] += samples[lane] * place;
        }
    }
    let [squares, level, slope] = [squares, levels, slopes].map(|lanes| lanes.iter().sum::<f32>());
    let length = SLICE as f32;
    // The squares of the places sum to n(n² − 1)/12.
    let places = length * (length * length - 1.0) / 12.0;
    (squares - level * level / length - slope * slope / places).max(0.0)
}

/// One of a key's two tones, as it was measured.
#[derive(Debug, Clone, Copy)]
pub struct Tone {
    /// Within [`ROW_LANES`] or [`COLUMN_LANES`].
    pub lane: usize,
    /// Mean power: half the square of the tone's peak.
    pub power: f32,
    /// How far off its frequency is, as a share of it.
    pub detuning: f32,
    /// What to turn each slice by, the frequency's error included.
    slice_turn: Complex,
}

impl Tone {
    /// The strongest of some frequencies in these slices (two or more), running.
    pub fn strongest(slices: &[Slice], lanes: Range<usize>) -> Option<Tone> {
        let turns = &TABLES.slice_turns;
        let (lane, _) = lanes
            .map(|lane| (lane, sum_of(slices, lane, turns[lane]).square()))
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let (without_first, without_last) = (slices.get(1..)?, slices.split_last()?.1);
        let earlier = sum_of(without_last, lane, turns[lane]);
        let later = sum_of(without_first, lane, turns[lane]).times(turns[lane]);
        let gained = later.times(earlier.conjugate()).angle();
        let mut tone = Tone {
            lane,
            power: 0.0,
            detuning: gained * SAMPLE_RATE as f32 / (TAU * SLICE as f32 * hertz(lane)),
            slice_turn: turns[lane].times(Complex::turn(-gained)),
        };
        tone.power = tone.power_in(slices);
        Some(tone)
    }

    /// The mean power of the same tone in other slices.
    pub fn power_in(&self, slices: &[Slice]) -> f32 {
        let sum = sum_of(slices, self.lane, self.slice_turn);
        let length = (slices.len() * SLICE) as f32;
        2.0 * sum.square() / (length * length)
    }
}

/// What slices say of one frequency together, in the phase of the first.
fn sum_of(slices: &[Slice], lane: usize, slice_turn: Complex) -> Complex {
    // Horner's rule: the last slice is turned most.
    slices.iter().rev().fold(Complex::ZERO, |sum, slice| {
        sum.times(slice_turn).plus(slice.at(lane))
    })
}

#[derive(Debug, Clone, Copy)]
struct Complex(f32, f32);

impl Complex {
    const ZERO: Complex = Complex(0.0, 0.0);

    fn turn(angle: f32) -> Complex {
        Complex(angle.cos(), angle.sin())
    }

    fn times(self, other: Complex) -> Complex {
        Complex(
            self.0 * other.0 - self.1 * other.1,
            self.0 * other.1 + self.1 * other.0,
        )
    }

    fn plus(self, other: Complex) -> Complex {
        Complex(self.0 + other.0, self.1 + other.1)
    }

    fn conjugate(self) -> Complex {
        Complex(self.0, -self.1)
    }

    fn square(self) -> f32 {
        self.0 * self.0 + self.1 * self.1
    }

    fn angle(self) -> f32 {
        self.1.atan2(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::sine_peak;
    use crate::audio::tones::chord;

    fn slices_of(samples: &[i16]) -> Vec<Slice> {
        let mut slices = Vec::new();
        Correlator::default().handle_samples(samples, |slice| slices.push(slice));
        slices
    }

    #[test]
    fn a_tone_is_measured_to_two_hertz_and_half_a_decibel() {
        for off in [-12.0, -5.0, 0.0, 5.0, 12.0] {
            let sound = chord(&[(770.0 + off, -12.0), (1336.0 - off, -15.0)], 400);
            let slices = slices_of(&sound);
            for (lanes, lane, dbm0, off) in
                [(ROW_LANES, 1, -12.0, off), (COLUMN_LANES, 5, -15.0, -off)]
            {
                let tone = Tone::strongest(&slices[2..8], lanes).unwrap();
                assert_eq!(tone.lane, lane);
                let heard_off = tone.detuning * hertz(lane);
                assert!((heard_off - off).abs() < 2.0, "{off} Hz off: {heard_off}");
                let level = 10.0 * (tone.power / (sine_peak(dbm0).powi(2) / 2.0)).log10();
                assert!(level.abs() < 0.5, "{level} dB");
            }
        }
    }

    #[test]
    fn only_full_slices_are_handed_over() {
        assert_eq!(slices_of(&[100; 79]).len(), 1);
        assert_eq!(slices_of(&[100; 80]).len(), 2);
        assert!(Tone::strongest(&[], ROW_LANES).is_none());
    }
}
