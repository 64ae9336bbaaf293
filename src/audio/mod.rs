//! Sound: frames of 8 kHz samples, codecs, resampling, tones, prompts.
