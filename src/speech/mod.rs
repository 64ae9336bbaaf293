//! What is spoken and heard: the engine's own sentences, how values are read aloud, what hears, and
//! what was meant.

pub mod blocked;
pub mod choices;
pub mod echo;
pub mod endpointer;
pub mod energy_gate;
pub mod english_numbers;
pub mod error_rate;
pub mod grammar;
pub mod pieces;
pub mod raised_voice;
pub mod recognizer;
pub mod sentences;
pub mod telephone_number;
pub mod transcript;
pub mod turn;
pub mod understanding;
pub mod vad;
pub mod verbaliser;
