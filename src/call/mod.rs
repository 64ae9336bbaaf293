//! One call: its legs, their media, its dialogue and its record, without sockets or clocks.

pub mod call_record;
pub mod decoder;
#[cfg(test)]
pub mod example_call;
pub mod keys;
pub mod media_session;
pub mod outcome;
pub mod outcome_rules;
