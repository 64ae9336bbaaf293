//! The way to a person: targets, hours, transfer.

pub mod agents;
pub mod context;
pub mod distributor;
pub mod health;
pub mod service_times;
pub mod targets;
pub mod transfer;
