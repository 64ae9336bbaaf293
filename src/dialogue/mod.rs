//! The dialogue: input in, actions out.
//!
//! One [`interpreter::Dialogue`] is one call's way through a dialplan. It does nothing itself: it is
//! told what happened ([`input::Input`]) and says what to do ([`action::Action`]).

pub mod action;
mod briefing;
pub mod callback;
mod closing;
pub mod digits;
mod distress;
pub mod grammars;
pub mod heard;
mod hold;
mod in_line;
pub mod input;
pub mod interpreter;
mod keys;
mod listening;
mod message;
mod nodes;
mod notice;
mod pace;
pub mod path;
mod play_ends;
mod portions;
pub mod program;
mod question;
mod rescue;
mod returned;
mod speaker;
mod start;
mod state;
mod timers;
mod values;
mod walk;

#[cfg(test)]
mod tests;
