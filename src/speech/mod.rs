//! What is spoken: the engine's own sentences and how values are read aloud.

pub mod sentences;
pub mod verbaliser;
