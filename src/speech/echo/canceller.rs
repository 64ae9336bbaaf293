//! Takes the echo out, and judges whether what is left is a caller.

use super::adaptive_filter::AdaptiveFilter;
use super::correlator::{Correlator, Likeness};
use super::{COMPARED, Heard, History, remember};
use crate::audio::frame::{mean_square, to_sample};
use crate::speech::vad::{FRAME, Frame};

/// What is left must have so many times the power that the filter leaves of an echo by its own
/// judgement. Of an echo alone it has a twenty-fifth in the middle, and after the first second less
/// than this in 99 of 100 frames; with a caller 10 dB softer than the prompt, as much or more in most.
const UNEXPLAINED: f32 = 1.6;
/// How alike what is heard and what was played are (0 to 1) when it is echo: where its level allows
/// one, and where it does not. Speech of two people is alike by less than 0.09 in nine of ten cases
/// and an echo by 0.1 to 1.
const ALIKE: f32 = 0.06;
const ALIKE_FOR_CERTAIN: f32 = 0.3;
/// A delay that is found twice running, so many samples apart at most, is believed.
const SAME_DELAY: usize = 16;
/// Frames between two comparisons; what is left and what was heard have theirs by turns.
const COMPARE_EVERY: u8 = 2;
/// Frames with more than an echo, less those without, that make a caller on a line that may have a
/// loud echo, and on another; and how many count at most.
const PROOF: u8 = 4;
const LITTLE_PROOF: u8 = 2;
const MOST_PROOF: u8 = PROOF + 3;
/// An echo is loud that comes back with more than this, in dB.
const LOUD_ECHO: f32 = -15.0;

/// Some 65 KB.
pub struct Canceller {
    filter: AdaptiveFilter,
    correlator: Correlator,
    /// What was left of what was heard.
    cleaned: Heard,
    /// The last frame as it was heard.
    frame: Frame,
    /// Power, of the last frames, falling off: what was left, and what may be left of an echo.
    left: f32,
    doubt: f32,
    likeness: Likeness,
    /// Whether what was left, and what was heard, were like what was played.
    cleaned_alike: bool,
    heard_alike: bool,
    /// The next comparison is of what was heard.
    heard_next: bool,
    wait: u8,
    proof: u8,
}

impl Default for Box<Canceller> {
    fn default() -> Self {
        Box::new(Canceller {
            filter: AdaptiveFilter::new(),
            correlator: Correlator::new(),
            cleaned: [0.0; COMPARED],
            frame: [0; FRAME],
            left: 0.0,
            doubt: 0.0,
            likeness: Likeness::default(),
            cleaned_alike: false,
            heard_alike: false,
            heard_next: true,
            wait: 0,
            proof: 0,
        })
    }
}

impl Canceller {
    /// Takes the echo out of a frame where that leaves less than there was.
    pub fn cancel(&mut self, heard: &mut Frame, played: &History) {
        self.frame = *heard;
        if let Some(echo) = self.filter.handle_frame(heard, played) {
            let left: Frame =
                std::array::from_fn(|n| to_sample(f32::from(heard[n]) - echo.samples[n]));
            if mean_square(&left) <= mean_square(heard) {
                *heard = left;
            }
            self.left = 0.5 * (self.left + mean_square(heard));
            self.doubt = 0.5 * (self.doubt + echo.doubt);
        }
        remember(&mut self.cleaned, heard);
    }

    /// Whether somebody else is in the last frame, which is no silence. By what is known of the line,
    /// an echo has `gain` dB at most, and the frame is `too_loud` for one.
    pub fn hears_other(
        &mut self,
        gain: f32,
        too_loud: bool,
        heard: &Heard,
        played: &History,
    ) -> bool {
        let explained = self.is_explained(played);
        let other = !explained && !self.is_alike(too_loud, heard, played);
        if too_loud {
            self.proof = if other { MOST_PROOF } else { 0 };
            return other;
        }
        self.proof = match other {
            true => (self.proof + 1).min(MOST_PROOF),
            false => self.proof.saturating_sub(1),
        };
        let enough = match gain > LOUD_ECHO {
            true => PROOF,
            false => LITTLE_PROOF,
        };
        self.proof >= enough
    }

    /// Whether the filter explains the last frame, here or where the delay has jumped to.
    fn is_explained(&mut self, played: &History) -> bool {
        if !self.filter.is_placed() {
            return false;
        }
        if self.left < UNEXPLAINED * self.doubt {
            return true;
        }
        let jumped = self.filter.follow_jump(&self.frame, played);
        if jumped {
            self.left = 0.0;
        }
        jumped
    }

    fn is_alike(&mut self, too_loud: bool, heard: &Heard, played: &History) -> bool {
        if self.wait == 0 {
            self.wait = COMPARE_EVERY;
            self.compare(too_loud, heard, played);
        }
        self.wait -= 1;
        self.cleaned_alike || self.heard_alike
    }

    fn compare(&mut self, too_loud: bool, heard: &Heard, played: &History) {
        let of_heard = self.heard_next;
        self.heard_next = !of_heard;
        let sound = if of_heard { heard } else { &self.cleaned };
        let found = self.correlator.compare(sound, played);
        // What the filter takes out anyway proves nothing.
        let known = of_heard && self.filter.covers(found.delay);
        let least = if too_loud { ALIKE_FOR_CERTAIN } else { ALIKE };
        let again = found.delay.abs_diff(self.likeness.delay) <= SAME_DELAY;
        let alike = !known && found.share > least;
        if alike && (again || found.share > ALIKE_FOR_CERTAIN) {
            self.filter.move_to(found.delay, played);
        }
        self.likeness = found;
        match of_heard {
            true => self.heard_alike = alike,
            false => self.cleaned_alike = alike,
        }
    }
}
