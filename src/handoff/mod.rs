//! The way to a person: targets, hours, transfer.

pub mod agents;
pub mod context;
pub mod targets;
pub mod transfer;
