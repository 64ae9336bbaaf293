//! Fourier transforms of one length, there and back.

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

pub struct Transforms {
    pub forward: Arc<dyn RealToComplex<f32>>,
    pub inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Transforms {
    pub fn of_length(samples: usize) -> Transforms {
        let mut planner = RealFftPlanner::new();
        Transforms {
            forward: planner.plan_fft_forward(samples),
            inverse: planner.plan_fft_inverse(samples),
        }
    }
}
