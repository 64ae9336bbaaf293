//! Sound: frames of 8 kHz samples, codecs, resampling, tones, prompts.

pub mod codec;
pub mod codecs;
pub mod comfort_noise;
pub mod concealment;
pub mod dtmf_detector;
pub mod frame;
pub mod g711;
pub mod loudness;
pub mod prompt;
pub mod prompt_file;
pub mod resample;
pub mod tone_correlator;
pub mod tones;
pub mod wav;
