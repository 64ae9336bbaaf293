//! Sound as the network takes it: log-mel frames, one every 10 ms, as models/training/features.py makes
//! them.

use crate::speech::recognizer::SAMPLE_RATE;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use std::f32::consts::PI;
use std::sync::{Arc, LazyLock};

pub const BANDS: usize = 40;
/// ln power in each band.
pub type Frame = [f32; BANDS];

/// 25 ms.
const WINDOW: usize = 200;
/// 10 ms.
const HOP: usize = 80;
const FFT: usize = 256;
const LOWEST_HERTZ: f32 = 100.0;
const HIGHEST_HERTZ: f32 = 3900.0;
const FLOOR: f32 = 1e-6;

/// A frame in which nothing sounds, as what precedes and follows an utterance.
pub const SILENCE: Frame = [-12.0; BANDS];

struct Tables {
    fft: Arc<dyn RealToComplex<f32>>,
    window: [f32; WINDOW],
    /// Of each band, its first bin and the weights from there on.
    bands: Vec<(usize, Vec<f32>)>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    fft: RealFftPlanner::new().plan_fft_forward(FFT),
    window: std::array::from_fn(|i| 0.5 - 0.5 * (2.0 * PI * i as f32 / WINDOW as f32).cos()),
    bands: bands(),
});

fn mel(hertz: f32) -> f32 {
    1127.0 * (hertz / 700.0).ln_1p()
}

/// Triangles that are even on the mel axis.
fn bands() -> Vec<(usize, Vec<f32>)> {
    let (low, high) = (mel(LOWEST_HERTZ), mel(HIGHEST_HERTZ));
    let edge = |at: usize| low + (high - low) * at as f32 / (BANDS + 1) as f32;
    let weight = |band: usize, bin: usize| {
        let place = mel(bin as f32 * SAMPLE_RATE as f32 / FFT as f32);
        let rise = (place - edge(band)) / (edge(band + 1) - edge(band));
        let fall = (edge(band + 2) - place) / (edge(band + 2) - edge(band + 1));
        rise.min(fall).max(0.0)
    };
    let band = |band: usize| {
        let bins = 0..=FFT / 2;
        let first = bins.clone().find(|bin| weight(band, *bin) > 0.0);
        let first = first.expect("a band is wider than a bin");
        let weights = bins.skip(first).map(|bin| weight(band, bin));
        (first, weights.take_while(|weight| *weight > 0.0).collect())
    };
    (0..BANDS).map(band).collect()
}

/// Samples in, frames out. One an utterance.
#[derive(Clone)]
pub struct Features {
    /// What the next frame begins with.
    kept: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    work: Vec<Complex<f32>>,
}

impl Features {
    pub fn new() -> Features {
        let fft = &TABLES.fft;
        Features {
            kept: Vec::with_capacity(2 * WINDOW),
            spectrum: fft.make_output_vec(),
            work: fft.make_scratch_vec(),
        }
    }

    /// Takes samples of [`SAMPLE_RATE`] and hands on each frame that they complete.
    pub fn push(&mut self, samples: &[i16], mut on_frame: impl FnMut(Frame)) {
        self.kept
            .extend(samples.iter().map(|sample| f32::from(*sample) / 32768.0));
        let mut start = 0;
        while start + WINDOW <= self.kept.len() {
            on_frame(self.frame(start));
            start += HOP;
        }
        self.kept.drain(..start);
    }

    fn frame(&mut self, start: usize) -> Frame {
        let tables = &*TABLES;
        let mut input = [0.0; FFT];
        let samples = &self.kept[start..start + WINDOW];
        for ((input, sample), weight) in input.iter_mut().zip(samples).zip(&tables.window) {
            *input = sample * weight;
        }
        let done = tables
            .fft
            .process_with_scratch(&mut input, &mut self.spectrum, &mut self.work);
        done.expect("the buffers are the plan's own");
        std::array::from_fn(|band| {
            let (first, weights) = &tables.bands[band];
            let bins = self.spectrum[*first..].iter();
            let power = bins
                .zip(weights)
                .map(|(bin, weight)| bin.norm_sqr() * weight);
            (power.sum::<f32>() + FLOOR).ln()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f32, samples: usize) -> Vec<i16> {
        let sample = |i: usize| (8000.0 * (2.0 * PI * hertz * i as f32 / 8000.0).sin()) as i16;
        (0..samples).map(sample).collect()
    }

    fn frames(samples: &[i16], packet: usize) -> Vec<Frame> {
        let mut features = Features::new();
        let mut frames = Vec::new();
        for packet in samples.chunks(packet) {
            features.push(packet, |frame| frames.push(frame));
        }
        frames
    }

    fn loudest(frame: &Frame) -> usize {
        let bands = frame.iter().enumerate();
        bands.max_by(|a, b| a.1.total_cmp(b.1)).expect("bands").0
    }

    #[test]
    fn a_tone_is_loudest_in_its_own_band() {
        for (band, hertz) in [(4, 290.0), (19, 1178.0), (34, 2861.0)] {
            for frame in frames(&tone(hertz, 1600), 160) {
                assert_eq!(loudest(&frame), band, "{hertz} Hz");
            }
        }
    }

    #[test]
    fn frames_do_not_depend_on_the_packets() {
        let sound = tone(440.0, 4000);
        let whole = frames(&sound, 4000);
        assert_eq!(whole.len(), (4000 - WINDOW) / HOP + 1);
        assert_eq!(frames(&sound, 33), whole);
    }
}
