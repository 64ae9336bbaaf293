//! Engines that speak: found at run time.

pub mod espeak_ng;
pub mod flite;
pub mod registry;
pub mod synthesizer;
