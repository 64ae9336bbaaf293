//! The user agent (RFC 3261, 8 and 13): a sans-IO object that server, command line, tests and
//! benchmark share.

pub mod command;
pub mod config;
pub mod event;
