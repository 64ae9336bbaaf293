//! Where an utterance begins and ends: what voice activity says frame by frame, made into the
//! begin, the pause and the end of what a caller says.
//!
//! ```text
//!            100 ms of speech                300 ms since it began
//! silence ─────────────────────▶ maybe ──────────────────────────────▶ speaking ⇄ pausing (200 ms)
//!    ▲  │  (no prompt plays)       │ too little speech                     │ patience, or 30 s
//!    │  └──────────────────────────┼──────────▶ speaking                   │
//!    └─────────────────────────────┴───────────────────────────────────────┘
//! ```

use super::recognizer::LONGEST_UTTERANCE;
use super::vad::FRAME;
use std::time::Duration;

/// Silence that ends what is said: the usual, and that of elder pacing.
pub const USUAL_PATIENCE: Duration = Duration::from_millis(500);
pub const ELDER_PATIENCE: Duration = Duration::from_millis(800);
/// Once the recognizer says that the answer is complete, and in the middle of a number.
pub const COMPLETE_PATIENCE: Duration = Duration::from_millis(300);
pub const UNFINISHED_PATIENCE: Duration = Duration::from_millis(1_200);

/// What a frame changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Perhaps somebody speaks: a prompt is paused. [`Began`](Self::Began) or
    /// [`Rejected`](Self::Rejected) follows within 260 ms.
    Maybe,
    /// It was a click, a cough: the prompt goes on.
    Rejected,
    /// Somebody speaks.
    Began,
    /// Silence of 200 ms: the utterance may be over, and could be decoded as if it were.
    Pausing,
    /// The speech goes on after [`Pausing`](Self::Pausing).
    GoesOn,
    /// Silence as long as the patience: the utterance is over.
    Ended,
    /// The utterance is as long as any may be, and is over.
    CutOff,
}

const fn frames(milliseconds: u64) -> u32 {
    (milliseconds / FRAME_MS) as u32
}

const FRAME_MS: u64 = 20;
/// Of the frames since speech began, so many must be speech for it to be "maybe" so, and for it to
/// be certain where no prompt plays: 100 and 120 ms of speech, of which voice activity needs the
/// first 40 ms to see it.
const MAYBE: u32 = frames(60);
const ALONE: u32 = frames(80);
/// How long after its begin speech is certain, if so many frames were speech.
const CERTAIN: u32 = frames(300);
const CERTAIN_SPEECH: u32 = frames(160);
/// Silence that forgets a begin which never became "maybe".
const FORGOTTEN: u32 = frames(80);
const PAUSE: u32 = frames(200);
const LONGEST: u32 = (LONGEST_UTTERANCE / FRAME) as u32;

/// Follows one caller. Time is the frames that are handed in.
#[derive(Debug, Clone)]
pub struct Endpointer {
    patience: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Silence,
    /// Since speech began: frames, how many were speech, and silent ones at the end.
    Onset(Count),
    /// As `Onset`; the prompt is paused.
    Maybe(Count),
    Speaking(Count),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    frames: u32,
    speech: u32,
    silence: u32,
}

impl Count {
    fn and(self, speech: bool) -> Self {
        Self {
            frames: self.frames + 1,
            speech: self.speech + u32::from(speech),
            silence: if speech { 0 } else { self.silence + 1 },
        }
    }
}

impl Default for Endpointer {
    fn default() -> Self {
        Self::new(USUAL_PATIENCE)
    }
}

impl Endpointer {
    pub fn new(patience: Duration) -> Self {
        let mut new = Self {
            patience: 0,
            state: State::Silence,
        };
        new.set_patience(patience);
        new
    }

    /// May change at any time, in a pause too: silence that has lasted longer ends the utterance
    /// with the next frame.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = frames(patience.as_millis() as u64).max(1);
    }

    /// Forgets what is being said.
    pub fn reset(&mut self) {
        self.state = State::Silence;
    }

    /// How many frames ago the speech began that this frame belongs to, itself included.
    pub fn since_onset(&self) -> Option<usize> {
        match self.state {
            State::Silence => None,
            State::Onset(count) | State::Maybe(count) | State::Speaking(count) => {
                Some(count.frames as usize)
            }
        }
    }

    /// Whether somebody speaks for certain.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking(_))
    }

    /// Whether [`Sign::Maybe`] waits for its answer.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.state, State::Maybe(_))
    }

    /// `guarded`: a prompt plays, or is paused, which speech interrupts; then speech must prove
    /// itself for longer.
    pub fn handle_frame(&mut self, speech: bool, guarded: bool) -> Option<Sign> {
        let (state, sign) = match self.state {
            State::Silence if speech => (State::Onset(Count::default().and(true)), None),
            State::Silence => (State::Silence, None),
            State::Onset(count) => onset(count.and(speech), guarded),
            State::Maybe(count) => doubt(count.and(speech), guarded),
            State::Speaking(count) => self.speech(count, speech),
        };
        self.state = state;
        sign
    }

    fn speech(&self, before: Count, speech: bool) -> (State, Option<Sign>) {
        let count = before.and(speech);
        if count.frames >= LONGEST {
            return (State::Silence, Some(Sign::CutOff));
        }
        if count.silence >= self.patience {
            return (State::Silence, Some(Sign::Ended));
        }
        let sign = if count.silence == PAUSE {
            Some(Sign::Pausing)
        } else if speech && before.silence >= PAUSE {
            Some(Sign::GoesOn)
        } else {
            None
        };
        (State::Speaking(count), sign)
    }
}

fn onset(count: Count, guarded: bool) -> (State, Option<Sign>) {
    if count.silence >= FORGOTTEN {
        (State::Silence, None)
    } else if guarded && count.speech >= MAYBE {
        (State::Maybe(count), Some(Sign::Maybe))
    } else if !guarded && count.speech >= ALONE {
        (State::Speaking(count), Some(Sign::Began))
    } else {
        (State::Onset(count), None)
    }
}

fn doubt(count: Count, guarded: bool) -> (State, Option<Sign>) {
    let certain = count.frames >= CERTAIN;
    if !guarded || (certain && count.speech >= CERTAIN_SPEECH) {
        (State::Speaking(count), Some(Sign::Began))
    } else if certain {
        (State::Silence, Some(Sign::Rejected))
    } else {
        (State::Maybe(count), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of speech (`#`) and silence (`.`), each with a number before it, as signs and the
    /// milliseconds after which they came.
    fn signs(endpointer: &mut Endpointer, line: &str, guarded: bool) -> Vec<(u64, Sign)> {
        let mut signs = Vec::new();
        let mut now = 0;
        for run in line.split(' ') {
            let (count, kind) = run.split_at(run.len() - 1);
            for _ in 0..count.parse::<u64>().unwrap() / FRAME_MS {
                now += FRAME_MS;
                if let Some(sign) = endpointer.handle_frame(kind == "#", guarded) {
                    signs.push((now, sign));
                }
            }
        }
        signs
    }

    fn alone(line: &str) -> Vec<(u64, Sign)> {
        signs(&mut Endpointer::default(), line, false)
    }

    fn over_a_prompt(line: &str) -> Vec<(u64, Sign)> {
        signs(&mut Endpointer::default(), line, true)
    }

    #[test]
    fn an_utterance_begins_pauses_and_ends() {
        assert_eq!(
            alone("1000. 600# 1000."),
            [
                (1_000 + ALONE_MS, Sign::Began),
                (1_800, Sign::Pausing),
                (2_100, Sign::Ended)
            ]
        );
    }

    #[test]
    fn a_pause_within_a_sentence_does_not_end_it() {
        assert_eq!(
            alone("600# 400. 600# 160. 400# 600."),
            [
                (ALONE_MS, Sign::Began),
                (800, Sign::Pausing),
                (1_020, Sign::GoesOn),
                (2_360, Sign::Pausing),
                (2_660, Sign::Ended)
            ]
        );
    }

    #[test]
    fn over_a_prompt_speech_proves_itself_first() {
        assert_eq!(
            over_a_prompt("1000. 600# 1000."),
            [
                (1_000 + MAYBE_MS, Sign::Maybe),
                (1_300, Sign::Began),
                (1_800, Sign::Pausing),
                (2_100, Sign::Ended)
            ]
        );
        assert_eq!(
            over_a_prompt("200. 120# 1000."),
            [(200 + MAYBE_MS, Sign::Maybe), (500, Sign::Rejected)],
            "a cough"
        );
        assert_eq!(
            over_a_prompt("200. 40# 1000. 20# 60. 20# 100. 20# 1000."),
            [],
            "clicks"
        );
        assert_eq!(
            over_a_prompt("200. 220# 1000.")[1].1,
            Sign::Began,
            "as short as \"two\""
        );
    }

    #[test]
    fn a_closed_consonant_is_no_end_of_the_onset() {
        assert_eq!(alone("40# 60. 100# 1000.")[0], (60 + ALONE_MS, Sign::Began));
    }

    #[test]
    fn a_prompt_that_ends_lets_speech_begin_sooner() {
        let mut endpointer = Endpointer::default();
        assert_eq!(signs(&mut endpointer, "140#", true).len(), 1);
        assert_eq!(
            signs(&mut endpointer, "20#", false),
            [(FRAME_MS, Sign::Began)]
        );
    }

    #[test]
    fn patience_is_a_property_of_the_listening() {
        let end = |patience| {
            let mut endpointer = Endpointer::new(patience);
            signs(&mut endpointer, "500# 2000.", false).last().copied()
        };
        assert_eq!(end(COMPLETE_PATIENCE), Some((800, Sign::Ended)));
        assert_eq!(end(ELDER_PATIENCE), Some((1_300, Sign::Ended)));
        assert_eq!(end(UNFINISHED_PATIENCE), Some((1_700, Sign::Ended)));
    }

    #[test]
    fn patience_that_changes_in_a_pause_counts_at_once() {
        let mut endpointer = Endpointer::new(ELDER_PATIENCE);
        let begun = signs(&mut endpointer, "500# 400.", false);
        assert_eq!(begun.last(), Some(&(700, Sign::Pausing)));
        endpointer.set_patience(COMPLETE_PATIENCE);
        assert_eq!(
            signs(&mut endpointer, "20.", false),
            [(FRAME_MS, Sign::Ended)]
        );
    }

    #[test]
    fn no_utterance_is_longer_than_30_seconds() {
        assert_eq!(
            alone("45000#")[..2],
            [(ALONE_MS, Sign::Began), (30_000, Sign::CutOff)]
        );
    }

    const MAYBE_MS: u64 = MAYBE as u64 * FRAME_MS;
    const ALONE_MS: u64 = ALONE as u64 * FRAME_MS;
}
