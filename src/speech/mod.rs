//! What is spoken and heard: the engine's own sentences, how values are read aloud, and what hears.

pub mod grammar;
pub mod recognizer;
pub mod sentences;
pub mod verbaliser;
