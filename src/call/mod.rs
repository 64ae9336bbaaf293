//! One call: its legs, their media, its dialogue and its record, without sockets or clocks.

pub mod keys;
pub mod media_session;
