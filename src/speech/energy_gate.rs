//! Silence and steady noise told from sound by its level alone.

use super::vad::Frame;
use crate::audio::frame::{level_dbm0, mean_square};

/// What is quieter is no speech, however quiet the line is.
const LEAST_DBM0: f32 = -52.0;
/// How far above the noise of the line a frame must be, in dB.
const MARGIN: f32 = 5.0;
/// The noise is the quietest 20 ms of the last 8 × 300 ms: no sentence lasts so long without a gap
/// between two words.
const SPAN: usize = 15;
const SPANS: usize = 8;
/// A frame that fell below the margin still counts as long, in frames: words fade.
const HANGOVER: u8 = 8;

/// Follows the noise of one line.
#[derive(Debug, Clone)]
pub struct EnergyGate {
    /// The least levels of the spans that are over, oldest overwritten first, and of this one.
    minima: [f32; SPANS],
    least: f32,
    frames: usize,
    open: u8,
}

/// The level that a new line's noise is taken to have until it is known. Digital silence, which is
/// no line's noise, is taken for as much.
const FIRST_NOISE: f32 = -60.0;

impl Default for EnergyGate {
    fn default() -> Self {
        Self {
            minima: [FIRST_NOISE; SPANS],
            least: f32::INFINITY,
            frames: 0,
            open: 0,
        }
    }
}

impl EnergyGate {
    /// Whether there is sound in this frame, or was just before.
    pub fn handle_frame(&mut self, frame: &Frame) -> bool {
        let level = level_dbm0(mean_square(frame));
        self.learn(level);
        if level >= LEAST_DBM0 && level >= self.noise() + MARGIN {
            self.open = HANGOVER;
        } else {
            self.open = self.open.saturating_sub(1);
        }
        self.open > 0
    }

    /// The level of the line's noise, in dBm0.
    pub fn noise(&self) -> f32 {
        self.minima.iter().copied().fold(self.least, f32::min)
    }

    fn learn(&mut self, level: f32) {
        self.least = self.least.min(level.max(FIRST_NOISE));
        self.frames += 1;
        if self.frames.is_multiple_of(SPAN) {
            self.minima[self.frames / SPAN % SPANS] = self.least;
            self.least = f32::INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::{sine_peak, to_sample};
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    fn noise(dbm0: f32, random: &mut SmallRng) -> Frame {
        let half_width = sine_peak(dbm0) * 1.5f32.sqrt();
        std::array::from_fn(|_| to_sample(random.random_range(-half_width..half_width)))
    }

    /// How many of 250 frames (5 s) of noise let through, after 5 s of it.
    fn open_in_noise(dbm0: f32) -> usize {
        let mut gate = EnergyGate::default();
        let mut random = SmallRng::seed_from_u64(3);
        (0..500)
            .filter(|&n| gate.handle_frame(&noise(dbm0, &mut random)) && n >= 250)
            .count()
    }

    #[test]
    fn steady_noise_of_any_level_is_let_through_no_longer() {
        for dbm0 in [-70.0, -50.0, -40.0, -30.0, -20.0] {
            assert_eq!(open_in_noise(dbm0), 0, "{dbm0} dBm0");
        }
    }

    #[test]
    fn what_rises_above_the_noise_opens_at_once_and_closes_after_160_ms() {
        for (quiet, loud) in [(-70.0, -45.0), (-40.0, -30.0), (-25.0, -17.0)] {
            let mut gate = EnergyGate::default();
            let mut random = SmallRng::seed_from_u64(4);
            for _ in 0..250 {
                gate.handle_frame(&noise(quiet, &mut random));
            }
            for n in 0..10 {
                assert!(gate.handle_frame(&noise(loud, &mut random)), "{quiet}, {n}");
            }
            let lasts = (0..20)
                .filter(|_| gate.handle_frame(&noise(quiet, &mut random)))
                .count();
            assert_eq!(lasts, usize::from(HANGOVER) - 1, "{quiet}");
        }
    }

    #[test]
    fn digital_silence_before_noise_does_not_keep_it_open_for_long() {
        let mut gate = EnergyGate::default();
        let mut random = SmallRng::seed_from_u64(5);
        for _ in 0..500 {
            gate.handle_frame(&[0; 160]);
        }
        let open = (0..500)
            .filter(|_| gate.handle_frame(&noise(-35.0, &mut random)))
            .count();
        let longest = SPAN * (SPANS + 1) + usize::from(HANGOVER);
        assert!(open <= longest, "{open} frames");
    }
}
