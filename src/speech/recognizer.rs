//! What hears: the contract of the recognizers. They run on the threads of the recognizer pool, never
//! on a media thread.

use super::grammar::Grammar;
use crate::language::Language;
use std::sync::Arc;

/// Samples a second that recognizers are given.
pub const SAMPLE_RATE: u32 = 8_000;
/// The longest utterance that is kept, in samples: what follows is not heard.
pub const LONGEST_UTTERANCE: usize = 30 * SAMPLE_RATE as usize;

/// An engine that hears. Shared by the threads of the pool.
pub trait Recognizer: Send + Sync {
    /// The engine, its version and its model, as it is logged.
    fn id(&self) -> &str;

    fn hears(&self, language: Language) -> bool;

    /// Whether what is said is sent elsewhere: then nothing sensitive is given to it.
    fn leaves_the_machine(&self) -> bool {
        false
    }

    /// Whether it takes down whatever is said; else it hears a grammar's phrases and values only.
    fn takes_down(&self) -> bool {
        true
    }

    /// Whether its work is done while the caller speaks, so that asking in the midst costs nothing.
    fn hears_as_it_goes(&self) -> bool {
        false
    }

    /// Begins an utterance of a caller who may say what `grammar` says, or anything else: then no
    /// hypothesis may pretend otherwise. Cheap but for the first time with a grammar.
    fn start(&self, grammar: &Arc<Grammar>) -> Box<dyn Utterance>;
}

/// What one caller is saying. An engine that hears as it goes does its work in `push`; one that
/// hears whole utterances keeps them there and works in `hypotheses`.
pub trait Utterance: Send {
    /// The next samples, a second at most; beyond [`LONGEST_UTTERANCE`] they are dropped.
    fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError>;

    /// What was said if nothing more comes, likeliest first; empty when it was no speech, or nothing
    /// that the grammar knows. May be asked again after more samples.
    fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError>;
}

#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// Words as they were said: digits may be words or figures.
    pub text: String,
    /// From 0 to 1: how sure the engine is that these words were said and no others.
    pub confidence: f32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecognitionError {
    #[error("{engine} failed: {reason}")]
    Failed { engine: String, reason: String },
    #[error("{engine} did not answer within {milliseconds} ms")]
    TimedOut { engine: String, milliseconds: u64 },
}
