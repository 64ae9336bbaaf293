//! How alike what is heard and what was played are, and at which delay they are most.
//!
//! Both are whitened by the linear prediction of what is heard, or else any two voices of one pitch
//! would be alike.

use super::transforms::Transforms;
use super::{COMPARED, HISTORY, History, LONGEST_DELAY};
use realfft::num_complex::Complex32;
use std::sync::LazyLock;

const FFT: usize = 2_048;
/// Delays that one transform compares.
const DELAYS: usize = FFT - COMPARED + 1;
const ORDER: usize = 16;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Likeness {
    /// The share of what is heard that what was played explains with one delay and gain, 0 to 1.
    pub share: f32,
    /// In samples.
    pub delay: usize,
}

/// Their tables are shared by all calls.
static TRANSFORMS: LazyLock<Transforms> = LazyLock::new(|| Transforms::of_length(FFT));

pub struct Correlator {
    time: Vec<f32>,
    heard: Vec<Complex32>,
    played: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Correlator {
    pub fn new() -> Self {
        let it = &*TRANSFORMS;
        let scratch = it
            .forward
            .get_scratch_len()
            .max(it.inverse.get_scratch_len());
        Self {
            time: it.forward.make_input_vec(),
            heard: it.forward.make_output_vec(),
            played: it.forward.make_output_vec(),
            scratch: vec![Complex32::default(); scratch],
        }
    }

    pub fn compare(&mut self, heard: &[f32; COMPARED], played: &History) -> Likeness {
        let whitening = whitening(heard);
        let mut before = [0.0; ORDER];
        self.time.fill(0.0);
        for (to, &sample) in self.time.iter_mut().zip(heard) {
            *to = whiten(&whitening, &mut before, sample);
        }
        let energy: f32 = self.time.iter().map(|s| s * s).sum();
        transform(&mut self.time, &mut self.heard, &mut self.scratch);
        let starts = (0..=LONGEST_DELAY).step_by(DELAYS);
        starts
            .filter_map(|start| self.best_from(start, energy, &whitening, played))
            .fold(Likeness::default(), |best, it| {
                match it.share > best.share {
                    true => it,
                    false => best,
                }
            })
    }

    /// Of the delays that begin with the sample `start` of what was played.
    fn best_from(
        &mut self,
        start: usize,
        energy: f32,
        whitening: &[f32; ORDER],
        played: &History,
    ) -> Option<Likeness> {
        let end = (start + FFT).min(HISTORY);
        if played[start..end].iter().all(|sample| *sample == 0) {
            return None;
        }
        let mut before = [0.0; ORDER];
        for (back, to) in before.iter_mut().enumerate() {
            *to = start
                .checked_sub(back + 1)
                .map_or(0.0, |at| f32::from(played[at]));
        }
        self.time.fill(0.0);
        for (to, &sample) in self.time.iter_mut().zip(&played[start..end]) {
            *to = whiten(whitening, &mut before, f32::from(sample));
        }
        let mut running: f32 = self.time[..COMPARED].iter().map(|s| s * s).sum();
        let mut energies = [0.0; DELAYS];
        let delays = end - start - COMPARED + 1;
        for (at, energy) in energies.iter_mut().enumerate().take(delays) {
            *energy = running;
            let entering = self.time.get(at + COMPARED).copied().unwrap_or(0.0);
            running += entering * entering - self.time[at] * self.time[at];
        }
        transform(&mut self.time, &mut self.played, &mut self.scratch);
        for (played, heard) in self.played.iter_mut().zip(&self.heard) {
            *played *= heard.conj();
        }
        inverse(&mut self.played, &mut self.time, &mut self.scratch);
        let share = |at: usize| {
            let product = self.time[at] / FFT as f32;
            product * product / (energy * energies[at] + 1.0)
        };
        (0..delays)
            .map(|at| Likeness {
                share: share(at).min(1.0),
                delay: (LONGEST_DELAY).saturating_sub(start + at),
            })
            .max_by(|a, b| a.share.total_cmp(&b.share))
    }
}

fn transform(time: &mut [f32], spectrum: &mut [Complex32], scratch: &mut [Complex32]) {
    TRANSFORMS
        .forward
        .process_with_scratch(time, spectrum, scratch)
        .expect("the buffers are the transform's own");
}

fn inverse(spectrum: &mut [Complex32], time: &mut [f32], scratch: &mut [Complex32]) {
    // What is multiplied of two real signals' spectra has no imaginary part there, but for rounding.
    spectrum[0].im = 0.0;
    spectrum[FFT / 2].im = 0.0;
    TRANSFORMS
        .inverse
        .process_with_scratch(spectrum, time, scratch)
        .expect("the buffers are the transform's own");
}

fn whiten(whitening: &[f32; ORDER], before: &mut [f32; ORDER], sample: f32) -> f32 {
    let predicted: f32 = whitening
        .iter()
        .zip(before.iter())
        .map(|(a, s)| a * s)
        .sum();
    before.copy_within(..ORDER - 1, 1);
    before[0] = sample;
    sample - predicted
}

/// The predictor of a sample from those before it, latest first (Levinson and Durbin).
fn whitening(sound: &[f32; COMPARED]) -> [f32; ORDER] {
    let mut products = [0.0f32; ORDER + 1];
    for (lag, product) in products.iter_mut().enumerate() {
        *product = sound[lag..].iter().zip(sound).map(|(a, b)| a * b).sum();
    }
    let mut predictor = [0.0f32; ORDER];
    let mut error = products[0] * 1.001 + 1.0;
    for order in 0..ORDER {
        let seen: f32 = (0..order).map(|k| predictor[k] * products[order - k]).sum();
        let reflection = (products[order + 1] - seen) / error;
        let former = predictor;
        for k in 0..order {
            predictor[k] = former[k] - reflection * former[order - 1 - k];
        }
        predictor[order] = reflection;
        error *= (1.0 - reflection * reflection).max(1e-4);
    }
    predictor
}
