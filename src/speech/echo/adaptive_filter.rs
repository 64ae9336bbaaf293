//! An echo's path, learned while it is heard: a partitioned-block Kalman filter in the frequency
//! domain (Enzner and Vary, 2006; Kuech, Mabande and Enzner, 2014), 80 ms long and put where the echo
//! is. For each frequency it knows how unsure it is, so that it learns fast at first, and little from
//! what is drowned by a caller who speaks.

use super::transforms::Transforms;
use super::{HISTORY, History, LONGEST_DELAY};
use crate::audio::frame::SAMPLES_PER_MS;
use crate::speech::vad::{FRAME, Frame};
use realfft::num_complex::Complex32;
use std::sync::LazyLock;

const PARTITIONS: usize = 4;
const FFT: usize = 2 * FRAME;
const BINS: usize = FRAME + 1;
/// The filter begins so long before the echo's loudest part.
const LEAD: usize = 10 * SAMPLES_PER_MS;
/// What a path keeps of itself from frame to frame, as power.
const PERSISTENCE: f32 = 0.996;
/// What a path may be like before anything is known: power by partition.
const PRIOR: [f32; PARTITIONS] = [0.25, 0.02, 0.01, 0.005];
/// How much of the power of what is no echo comes from the frame before.
const SMOOTHING: f32 = 0.6;
/// How fast doubt falls, of what the model says (0.5): speech, whose frequencies are not
/// independent, teaches less. At 0.12 the doubt is what is really left.
const LESSON: f32 = 0.12;
/// The power of a frequency of a silent line: what rounding leaves.
const LEAST_POWER: f32 = 160.0 * 16.0;
/// How far the jitter buffer may move an echo at once, in frames, and what share of a frame's power
/// may be left where the echo is believed to have gone.
const JUMPS: isize = 3;
const LEFT_AFTER_JUMP: f32 = 0.3;

type Spectrum = [Complex32; BINS];
const ZERO: Spectrum = [Complex32 { re: 0.0, im: 0.0 }; BINS];

/// Their tables are shared by all calls.
static TRANSFORMS: LazyLock<Transforms> = LazyLock::new(|| Transforms::of_length(FFT));

pub struct AdaptiveFilter {
    /// Where the echo's loudest part is, in samples; `None`: nowhere yet.
    delay: Option<usize>,
    /// Of what was played, latest first: a frame and the one before it.
    played: [Spectrum; PARTITIONS],
    path: [Spectrum; PARTITIONS],
    /// How unsure the path is: the power of its error.
    doubt: [[f32; BINS]; PARTITIONS],
    /// The power of what is no echo.
    near: [f32; BINS],
    scratch: Vec<Complex32>,
}

/// What the filter makes of a frame.
pub struct Estimate {
    pub samples: [f32; FRAME],
    /// The mean square of what may be left of the echo.
    pub doubt: f32,
}

impl AdaptiveFilter {
    pub fn new() -> Self {
        let it = &*TRANSFORMS;
        let scratch = it
            .forward
            .get_scratch_len()
            .max(it.inverse.get_scratch_len());
        Self {
            delay: None,
            played: [ZERO; PARTITIONS],
            path: [ZERO; PARTITIONS],
            doubt: PRIOR.map(|power| [power; BINS]),
            near: [LEAST_POWER; BINS],
            scratch: vec![Complex32::default(); scratch],
        }
    }

    pub fn is_placed(&self) -> bool {
        self.delay.is_some()
    }

    /// Whether an echo with this delay is one that the filter learns.
    pub fn covers(&self, delay: usize) -> bool {
        self.delay.is_some_and(|placed| {
            let first = placed.saturating_sub(LEAD);
            (first..first + (PARTITIONS - 1) * FRAME).contains(&delay)
        })
    }

    /// The echo's loudest part is `delay` samples late: what was learned goes along.
    pub fn move_to(&mut self, delay: usize, played: &History) {
        self.delay = Some(delay);
        self.load(delay, played);
    }

    /// The delay may have jumped by whole frames: goes where the echo fits far better than here, and
    /// says whether it went.
    pub fn follow_jump(&mut self, heard: &Frame, played: &History) -> bool {
        let Some(delay) = self.delay else {
            return false;
        };
        let heard = heard.map(f32::from);
        let mut best = (LEFT_AFTER_JUMP * energy(&heard), delay);
        for jump in (-JUMPS..=JUMPS).filter(|jump| *jump != 0) {
            let there = delay.checked_add_signed(jump * FRAME as isize);
            let Some(there) = there.filter(|there| *there <= LONGEST_DELAY) else {
                continue;
            };
            self.load(there, played);
            let echo = self.echo();
            let left = energy(&std::array::from_fn(|n| heard[n] - echo[n]));
            if left < best.0 {
                best = (left, there);
            }
        }
        self.move_to(best.1, played);
        best.1 != delay
    }

    /// The echo in a frame, before it is learned from.
    pub fn handle_frame(&mut self, heard: &Frame, played: &History) -> Option<Estimate> {
        let delay = self.delay?;
        self.played.copy_within(..PARTITIONS - 1, 1);
        self.played[0] = self.spectrum_of(0, delay, played);
        let samples = self.echo();
        let left = std::array::from_fn(|n| f32::from(heard[n]) - samples[n]);
        let expected = self.expected();
        let doubt = expected.iter().sum::<f32>() / (FFT * FRAME) as f32;
        self.learn(&left, &expected);
        Some(Estimate { samples, doubt })
    }

    fn load(&mut self, delay: usize, played: &History) {
        for partition in 0..PARTITIONS {
            self.played[partition] = self.spectrum_of(partition, delay, played);
        }
    }

    fn spectrum_of(&mut self, partition: usize, delay: usize, played: &History) -> Spectrum {
        let back = delay.saturating_sub(LEAD) + partition * FRAME;
        let mut time = [0.0; FFT];
        // What was played before the history begins is taken for silence.
        if let Some(start) = (HISTORY - FFT).checked_sub(back) {
            for (to, &sample) in time.iter_mut().zip(&played[start..]) {
                *to = f32::from(sample);
            }
        }
        let mut spectrum = ZERO;
        self.transform(&mut time, &mut spectrum);
        spectrum
    }

    fn echo(&mut self) -> [f32; FRAME] {
        let mut sum = ZERO;
        for (path, played) in self.path.iter().zip(&self.played) {
            for ((sum, path), played) in sum.iter_mut().zip(path).zip(played) {
                *sum += path * played;
            }
        }
        let mut time = [0.0; FFT];
        self.inverse(&mut sum, &mut time);
        std::array::from_fn(|n| time[FRAME + n] / FFT as f32)
    }

    /// The power that the path's doubt may leave, by frequency.
    fn expected(&self) -> [f32; BINS] {
        let mut expected = [0.0; BINS];
        for (doubt, played) in self.doubt.iter().zip(&self.played) {
            for ((sum, doubt), played) in expected.iter_mut().zip(doubt).zip(played) {
                *sum += doubt * played.norm_sqr();
            }
        }
        expected
    }

    fn learn(&mut self, left: &[f32; FRAME], expected: &[f32; BINS]) {
        let mut time = [0.0; FFT];
        time[FRAME..].copy_from_slice(left);
        let mut error = ZERO;
        self.transform(&mut time, &mut error);
        let mut scale = [0.0; BINS];
        for (bin, scale) in scale.iter_mut().enumerate() {
            let power = SMOOTHING * self.near[bin] + (1.0 - SMOOTHING) * error[bin].norm_sqr();
            self.near[bin] = power.max(LEAST_POWER);
            // The error's transform is half zeros: it has half the power.
            *scale = 1.0 / (expected[bin] + 2.0 * self.near[bin]);
        }
        for partition in 0..PARTITIONS {
            self.learn_partition(partition, &error, &scale);
        }
    }

    fn learn_partition(&mut self, partition: usize, error: &Spectrum, scale: &[f32; BINS]) {
        let mut step = ZERO;
        for (bin, step) in step.iter_mut().enumerate() {
            let played = self.played[partition][bin];
            let doubt = &mut self.doubt[partition][bin];
            let gain = *doubt * scale[bin];
            *step = played.conj() * error[bin] * gain;
            *doubt *= 1.0 - LESSON * gain * played.norm_sqr();
        }
        // Only the first half is this partition's: the other is the transform wrapping around.
        let mut time = [0.0; FFT];
        self.inverse(&mut step, &mut time);
        time[FRAME..].fill(0.0);
        time[..FRAME].iter_mut().for_each(|it| *it /= FFT as f32);
        self.transform(&mut time, &mut step);
        for (bin, step) in step.iter().enumerate() {
            let path = &mut self.path[partition][bin];
            *path += step;
            let doubt = &mut self.doubt[partition][bin];
            *doubt = PERSISTENCE * *doubt + (1.0 - PERSISTENCE) * path.norm_sqr();
        }
    }

    fn transform(&mut self, time: &mut [f32; FFT], spectrum: &mut Spectrum) {
        TRANSFORMS
            .forward
            .process_with_scratch(time, spectrum, &mut self.scratch)
            .expect("the buffers are the transform's own");
    }

    fn inverse(&mut self, spectrum: &mut Spectrum, time: &mut [f32; FFT]) {
        // Sums of products of real signals' spectra: no imaginary part there, but for rounding.
        spectrum[0].im = 0.0;
        spectrum[BINS - 1].im = 0.0;
        TRANSFORMS
            .inverse
            .process_with_scratch(spectrum, time, &mut self.scratch)
            .expect("the buffers are the transform's own");
    }
}

fn energy(frame: &[f32; FRAME]) -> f32 {
    frame.iter().map(|s| s * s).sum()
}
