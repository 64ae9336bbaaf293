//! One sound in one state of whisper.cpp: encoded once, then asked what text may follow what.
//!
//! The decoding is ours ([`super::search`]): whisper.cpp's own knows no phrases, and its grammar
//! crashes. What it is used for is the sound's spectrum, the encoder, and one decoder step at a time,
//! between which the time is looked at.

use super::search::Model;
use super::vocabulary::{Token, Vocabulary};
use crate::speech::recognizer::RecognitionError;
use rustc_hash::FxHashMap;
use std::ffi::c_void;
use std::time::{Duration, Instant};
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperError, WhisperState, WhisperSysContext, WhisperSysState,
};

/// The engine, in errors.
pub const NAME: &str = "whisper";

/// Texts up to this length whose probabilities are kept: the search comes back to beginnings.
const KEPT_LENGTH: usize = 8;

pub struct Decoder<'s> {
    state: &'s mut WhisperState,
    vocabulary: &'s Vocabulary,
    /// What stands before every text: start, language, task.
    prompt: &'s [Token],
    /// What the state has been fed since the sound was encoded.
    fed: Vec<Token>,
    known: FxHashMap<Vec<Token>, Vec<f32>>,
    latest: Vec<f32>,
    deadline: Deadline,
}

#[derive(Clone, Copy)]
pub struct Deadline {
    start: Instant,
    within: Duration,
}

impl Deadline {
    pub fn in_time(within: Duration) -> Deadline {
        let start = Instant::now();
        Deadline { start, within }
    }

    fn check(&self) -> Result<(), RecognitionError> {
        match self.start.elapsed() < self.within {
            true => Ok(()),
            false => Err(RecognitionError::TimedOut {
                engine: NAME.to_owned(),
                milliseconds: self.within.as_millis() as u64,
            }),
        }
    }
}

/// `positions`: of the encoder, 50 a second of sound; what is cut off there is not heard.
pub fn encode(
    state: &mut WhisperState,
    sound: &[f32],
    positions: u32,
    deadline: Deadline,
) -> Result<(), RecognitionError> {
    deadline.check()?;
    let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
    params.set_n_threads(1);
    params.set_audio_ctx(positions as i32);
    params.set_print_progress(false);
    params.set_print_realtime(false);
    params.set_print_timestamps(false);
    // SAFETY: the callback touches none of what it is handed.
    unsafe { params.set_start_encoder_callback(Some(stop_before_encoder)) };
    // Makes the spectrum, takes the positions over, and stops: only `full` can set them.
    state.full(params, sound).map_err(failed)?;
    state.encode(0, 1).map_err(failed)?;
    deadline.check()
}

unsafe extern "C" fn stop_before_encoder(
    _: *mut WhisperSysContext,
    _: *mut WhisperSysState,
    _: *mut c_void,
) -> bool {
    false
}

fn failed(error: WhisperError) -> RecognitionError {
    RecognitionError::Failed {
        engine: NAME.to_owned(),
        reason: error.to_string(),
    }
}

impl<'s> Decoder<'s> {
    /// Of a state that has encoded a sound.
    pub fn new(
        state: &'s mut WhisperState,
        vocabulary: &'s Vocabulary,
        prompt: &'s [Token],
        deadline: Deadline,
    ) -> Decoder<'s> {
        Decoder {
            state,
            vocabulary,
            prompt,
            fed: Vec::new(),
            known: FxHashMap::default(),
            latest: Vec::new(),
            deadline,
        }
    }

    /// How probable `token` is after the prompt's `start`: there the model says whether anybody
    /// speaks at all.
    pub fn probability_after(
        &mut self,
        start: Token,
        token: Token,
    ) -> Result<f32, RecognitionError> {
        let at = self.prompt.iter().position(|&it| it == start);
        let (upto_start, _) = self.prompt.split_at(at.map_or(1, |at| at + 1));
        self.feed(upto_start)?;
        let logits = self.state.get_logits().map_err(failed)?;
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
        Ok((logits[token as usize] - most).exp() / sum)
    }

    /// Brings the state to the end of `tokens`.
    fn feed(&mut self, tokens: &[Token]) -> Result<(), RecognitionError> {
        self.deadline.check()?;
        let same = self.fed.iter().zip(tokens).take_while(|(a, b)| a == b);
        let (before, last) = (tokens.len() - 1, &tokens[tokens.len() - 1..]);
        let from = same.count().min(before);
        // Of several tokens at once, only the first one's logits can be had: the last goes alone.
        let step = |state: &mut WhisperState, tokens: &[Token], from| {
            state.decode(tokens, from, 1).map_err(failed)
        };
        if from < before {
            step(self.state, &tokens[from..before], from)?;
        }
        step(self.state, last, before)?;
        self.fed.clear();
        self.fed.extend_from_slice(tokens);
        Ok(())
    }

    /// ln of the share of each token that may be written, among those.
    fn read(&self) -> Result<Vec<f32>, RecognitionError> {
        let logits = self.state.get_logits().map_err(failed)?;
        let may = |token: usize| self.vocabulary.may_be_written(token as Token);
        let written = || logits.iter().enumerate().filter(|(token, _)| may(*token));
        let most = written().fold(f32::NEG_INFINITY, |most, (_, logit)| most.max(*logit));
        let sum: f32 = written().map(|(_, logit)| (logit - most).exp()).sum();
        let whole = most + sum.ln();
        let share = |(token, logit): (usize, &f32)| match may(token) {
            true => logit - whole,
            false => f32::NEG_INFINITY,
        };
        Ok(logits.iter().enumerate().map(share).collect())
    }
}

impl Model for Decoder<'_> {
    type Error = RecognitionError;

    fn log_probabilities(&mut self, text: &[Token]) -> Result<&[f32], RecognitionError> {
        if !self.known.contains_key(text) {
            let whole = [self.prompt, text].concat();
            self.feed(&whole)?;
            let read = self.read()?;
            if text.len() > KEPT_LENGTH {
                self.latest = read;
                return Ok(&self.latest);
            }
            self.known.insert(text.to_vec(), read);
        }
        Ok(&self.known[text])
    }
}
