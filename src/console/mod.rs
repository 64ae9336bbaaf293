//! The HTTP side: health, metrics, agents and messages.

pub mod agents;
mod guard;
pub mod http;
pub mod messages;
