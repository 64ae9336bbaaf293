//! How loud an echo can be at most, by what has come back so far.
//!
//! An echo of gain g brings each loud frame back g below itself. So whenever a delay d ago something
//! loud was played and little is heard, an echo with that delay has no more than the difference
//! between. Somebody who speaks only makes what is heard louder, and never the bound too low.

use super::LONGEST_DELAY;
use crate::speech::vad::FRAME;

/// Delays by frames; an echo's frame lies across two of those played.
const DELAYS: usize = LONGEST_DELAY / FRAME;
/// A frame played tells something when it is so loud.
const LOUD_DBM0: f32 = -45.0;
/// No echo is louder than what was played.
const MOST: f32 = 0.0;
/// How far one frame lowers a bound, in dB: a lost packet is no proof.
const STEP: f32 = 3.0;
const NOTHING: f32 = -100.0;

pub struct PathLoss {
    /// Levels of the frames played, latest first.
    played: [f32; DELAYS + 1],
    /// Gains at most, in dB, by delay.
    bounds: [f32; DELAYS],
}

impl PathLoss {
    pub fn new() -> Self {
        Self {
            played: [NOTHING; DELAYS + 1],
            bounds: [MOST; DELAYS],
        }
    }

    pub fn play(&mut self, level: f32) {
        self.played.copy_within(..DELAYS, 1);
        self.played[0] = level;
    }

    pub fn hear(&mut self, level: f32) {
        for (bound, pair) in self.bounds.iter_mut().zip(self.played.windows(2)) {
            let loud = pair[0].min(pair[1]);
            if loud > LOUD_DBM0 {
                *bound = bound.min((level - loud).max(*bound - STEP));
            }
        }
    }

    /// What was heard at this level was an echo after all.
    pub fn learn_echo(&mut self, level: f32) {
        let gain = (level - self.loudest_played()).min(MOST);
        self.bounds.iter_mut().for_each(|it| *it = it.max(gain));
    }

    /// Of what can still come back.
    pub fn loudest_played(&self) -> f32 {
        self.played.iter().copied().fold(NOTHING, f32::max)
    }

    /// The level that no echo exceeds now.
    pub fn loudest_echo(&self) -> f32 {
        self.loudest_played() + self.gain()
    }

    /// The gain that no echo exceeds, in dB.
    pub fn gain(&self) -> f32 {
        self.bounds.iter().copied().fold(NOTHING, f32::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prompt whose frames are loud or soft by turns of different lengths, and what comes back.
    fn after(frames: usize, heard: impl Fn(usize, f32) -> f32) -> PathLoss {
        let mut loss = PathLoss::new();
        let prompt = |n: usize| if n * n % 11 < 6 { -15.0 } else { -60.0 };
        for n in 0..frames {
            loss.play(prompt(n));
            loss.hear(heard(n, n.checked_sub(10).map_or(NOTHING, prompt)));
        }
        loss
    }

    #[test]
    fn a_line_without_echo_is_known_within_1_5_seconds() {
        let loss = after(75, |_, _| -65.0);
        assert!(loss.gain() < -40.0, "{}", loss.gain());
    }

    #[test]
    fn an_echo_is_never_thought_softer_than_it_is() {
        for gain in [-6.0, -18.0, -30.0] {
            let loss = after(500, |_, sent| (sent + gain).max(-65.0));
            assert!(loss.gain() >= gain - 0.01, "{gain}: {}", loss.gain());
            assert!(loss.gain() < gain + 6.0, "{gain}: {}", loss.gain());
        }
    }

    #[test]
    fn who_speaks_makes_no_bound_too_low_and_a_lost_packet_hardly() {
        let speaks = after(300, |n, sent| if n % 50 < 25 { -20.0 } else { sent - 6.0 });
        assert!(speaks.gain() >= -6.01, "{}", speaks.gain());
        let loses = after(300, |n, sent| if n == 200 { -90.0 } else { sent - 6.0 });
        assert!(loses.gain() >= -6.01 - STEP, "{}", loses.gain());
    }

    #[test]
    fn an_echo_that_comes_later_is_learned() {
        let mut loss = after(200, |_, _| -65.0);
        loss.learn_echo(-25.0);
        assert_eq!(loss.gain(), -10.0);
    }
}
