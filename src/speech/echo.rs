//! Our own prompt, coming back as the echo of the line: told from a caller who speaks, and taken out.
//!
//! How much of what we play can come back at all ([`path_loss`]) is learned from every frame in
//! which little comes back, and costs next to nothing: on most lines that settles it. What may be
//! echo by its level is compared with what was played ([`correlator`]): that finds the delay, and
//! [`adaptive_filter`] takes the echo out and knows how much of it may be left. A remainder that is
//! louder, and is unlike what was played, is a caller, be they softer than the echo. Before the line
//! is known, and wherever the two cannot be told apart, it is taken for echo: a prompt that stops for
//! nobody is worse than one that stops 100 ms later.
//!
//! The jitter buffer shifts the delay by whole frames at any time; the filter follows.

mod adaptive_filter;
mod canceller;
mod correlator;
mod path_loss;
mod transforms;

use super::vad::{FRAME, Frame};
use crate::audio::frame::{SAMPLES_PER_MS, level_dbm0, mean_square};
use canceller::Canceller;
use path_loss::PathLoss;

/// The latest echo that is looked for: 300 ms of network and 200 ms of jitter buffer, 140 ms more
/// for what the peer adds.
const LONGEST_DELAY: usize = 640 * SAMPLES_PER_MS;
/// How much of what is heard is compared with what was played.
const COMPARED: usize = 120 * SAMPLES_PER_MS;
const HISTORY: usize = LONGEST_DELAY + COMPARED;
/// What is softer is neither an echo that matters nor a caller who talks over a prompt.
const SILENCE_DBM0: f32 = -52.0;
/// What may be louder than the loudest echo that the line's loss allows, in dB.
const MARGIN: f32 = 6.0;

/// What was played, in order; the last [`FRAME`] samples were sent in the time of the frame heard.
type History = [i16; HISTORY];
/// What was heard, in order.
type Heard = [f32; COMPARED];

/// Follows one line. About 21 KB, and 65 KB more once something may be echo.
pub struct Echo {
    played: Box<History>,
    heard: Box<Heard>,
    loss: PathLoss,
    canceller: Option<Box<Canceller>>,
}

impl Default for Echo {
    fn default() -> Self {
        Self::new()
    }
}

impl Echo {
    pub fn new() -> Self {
        Self {
            played: Box::new([0; HISTORY]),
            heard: Box::new([0.0; COMPARED]),
            loss: PathLoss::new(),
            canceller: None,
        }
    }

    /// Takes the echo out of a frame, given what was played in the same time. Whether there may be a
    /// caller in it: then voice activity has the word.
    pub fn handle_frame(&mut self, heard: &mut Frame, played: &Frame) -> bool {
        self.played.copy_within(FRAME.., 0);
        self.played[HISTORY - FRAME..].copy_from_slice(played);
        remember(&mut self.heard, heard);
        self.loss.play(level(played));
        if self.loss.loudest_played() < SILENCE_DBM0 {
            return true;
        }
        let level = level(heard);
        self.loss.hear(level);
        let too_loud = level > self.loss.loudest_echo() + MARGIN;
        if let Some(canceller) = &mut self.canceller {
            canceller.cancel(heard, &self.played);
        }
        if level < SILENCE_DBM0 {
            return false;
        }
        let canceller = self.canceller.get_or_insert_default();
        let gain = self.loss.gain();
        let other = canceller.hears_other(gain, too_loud, &self.heard, &self.played);
        if too_loud && !other {
            self.loss.learn_echo(level);
        }
        other
    }
}

fn remember(sound: &mut Heard, frame: &Frame) {
    sound.copy_within(FRAME.., 0);
    for (to, &from) in sound[COMPARED - FRAME..].iter_mut().zip(frame) {
        *to = f32::from(from);
    }
}

fn level(frame: &Frame) -> f32 {
    level_dbm0(mean_square(frame))
}
