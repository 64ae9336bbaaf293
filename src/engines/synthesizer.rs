//! What a synthesizer is: text in, samples out.

use crate::audio::{loudness, prompt_file, resample};
use crate::language::Language;
use std::time::Duration;

/// The longest text that is synthesized, in bytes: two minutes and more of speech, beyond any
/// prompt, and a bound on an engine's time and memory.
pub const LONGEST_TEXT: usize = 2_000;

/// How long an engine may take. A sentence takes some tens of milliseconds; a machine in trouble
/// gets this long.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// An engine that speaks. Called from the threads of the synthesizer pool, several at a time; it
/// answers, or gives up after [`TIMEOUT`] or a little more.
pub trait Synthesizer: Send + Sync {
    /// The engine, its version and its voice: another one is another sound. Part of the key under
    /// which its sound is kept on disk.
    fn id(&self) -> &str;

    fn speaks(&self, language: Language) -> bool;

    /// 8 kHz samples, evened in loudness: the volume is given to them afterwards. An engine that does
    /// not have the wished voice takes its usual one.
    fn synthesize(
        &self,
        text: &str,
        language: Language,
        manner: &Manner,
    ) -> Result<Vec<i16>, SynthesisError>;
}

/// How a text is spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct Manner {
    /// Relative: 1.0 is usual, 0.8 slower.
    pub rate: f32,
    /// Against the usual loudness, in dB.
    pub volume: f32,
    /// By the engine's own name for it.
    pub voice: Option<String>,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            rate: 1.0,
            volume: 0.0,
            voice: None,
        }
    }
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum SynthesisError {
    /// The engine's files are not on this machine.
    #[error("{engine} is not here ({reason}); install it with `apt-get install {package}`")]
    NotInstalled {
        engine: &'static str,
        package: &'static str,
        reason: String,
    },
    /// No engine that was found speaks the language. `found` tells what each lacks.
    #[error("no synthesizer speaks `{language}` here: {found}")]
    NoEngine { language: Language, found: String },
    #[error("the text has {0} bytes, more than {LONGEST_TEXT}; split it")]
    TooLong(usize),
    #[error("there is nothing to pronounce in `{0}`")]
    NothingToSay(String),
    #[error("{engine} did not finish within {seconds} s and was stopped")]
    TimedOut { engine: &'static str, seconds: u64 },
    #[error("{engine} failed: {reason}")]
    Failed {
        engine: &'static str,
        reason: String,
    },
}

/// Refuses what no engine should be bothered with.
pub fn check_text(text: &str) -> Result<(), SynthesisError> {
    if text.len() > LONGEST_TEXT {
        return Err(SynthesisError::TooLong(text.len()));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err(SynthesisError::NothingToSay(text.to_string()));
    }
    Ok(())
}

/// What engines put out → what prompts are: 8 kHz, trimmed, evened.
pub fn to_prompt_samples(
    engine: &'static str,
    samples: &[i16],
    sample_rate: u32,
) -> Result<Vec<i16>, SynthesisError> {
    let shares: Vec<f32> = samples.iter().map(|&s| f32::from(s) / 32_768.0).collect();
    let resampled = resample::to_8_khz(&shares, sample_rate).map_err(|error| {
        let reason = error.to_string();
        SynthesisError::Failed { engine, reason }
    })?;
    let mut samples = prompt_file::trim(&resampled).to_vec();
    if samples.is_empty() {
        let reason = "it made no sound".to_string();
        return Err(SynthesisError::Failed { engine, reason });
    }
    loudness::even(&mut samples);
    Ok(samples)
}
