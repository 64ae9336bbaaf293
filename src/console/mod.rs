//! The HTTP side: health and metrics.

pub mod agents;
pub mod http;
