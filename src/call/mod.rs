//! One call: its legs, their media, its dialogue and its record, without sockets or clocks.

pub mod agent_code;
pub mod announcement;
#[allow(
    clippy::module_inception,
    reason = "a file is named by what it defines: the `Call`"
)]
pub mod call;
mod call_log;
pub mod call_record;
pub mod callback;
pub mod contract;
pub mod decoder;
pub mod demo_agent;
mod ending;
#[cfg(test)]
pub mod example_call;
mod hold;
mod human;
pub mod info;
mod key_sender;
pub mod keys;
mod leg;
mod listening;
pub mod media_session;
mod media_watch;
pub mod messages;
pub mod outcome;
pub mod outcome_rules;
mod passing_on;
pub mod playout;
pub mod received;
mod recording;
mod ringing;
pub mod services;
mod sound;
mod sound_flow;
mod speaking;
