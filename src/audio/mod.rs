//! Sound: frames of 8 kHz samples, codecs, resampling, tones, prompts.

pub mod codec;
pub mod codecs;
pub mod frame;
pub mod g711;
pub mod prompt;
pub mod tones;
