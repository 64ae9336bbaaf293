//! The HTTP side: health, metrics, agents and messages.

pub mod agents;
pub mod http;
pub mod messages;
