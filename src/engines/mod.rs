//! Engines that hear and engines that speak, found at run time, and the prompts made with them.

pub mod builtin;
pub mod download;
pub mod espeak_ng;
pub mod flite;
pub mod http_service;
pub mod load;
pub mod pool;
pub mod program;
pub mod prompt_cache;
pub mod prompt_library;
pub mod recent_prompts;
pub mod recognizer_pool;
pub mod recognizers;
pub mod registry;
pub mod remote_recognizer;
pub mod remote_synthesizer;
pub mod synthesizer;
#[cfg(feature = "whisper")]
pub mod whisper;
pub mod whisper_models;

#[cfg(test)]
#[path = "../../tests/common/http_stand_in.rs"]
pub(crate) mod http_stand_in;
