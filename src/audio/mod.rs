//! Sound: frames of 8 kHz samples, codecs, resampling, tones, prompts.

pub mod codec;
pub mod codecs;
pub mod dtmf_detector;
pub mod frame;
pub mod g711;
pub mod prompt;
pub mod tone_correlator;
pub mod tones;
