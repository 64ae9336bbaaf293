//! Operators' YAML dialplans: text to typed data and diagnostics.

pub mod hours;
pub mod model;
