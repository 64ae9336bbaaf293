//! The dialogue: input in, actions out.

pub mod action;
pub mod input;
