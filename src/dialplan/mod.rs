//! Operators' YAML dialplans: text to typed data and diagnostics.

pub mod check;
pub mod holidays;
pub mod hours;
pub mod load;
pub mod model;
pub mod opening;
pub mod schema;
pub mod slot;
pub mod slot_values;
pub mod spoken;
pub mod targets;
pub mod template;
