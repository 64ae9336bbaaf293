//! SIP (RFC 3261), sans-IO.

pub mod authorization;
pub mod challenge;
pub mod client_transaction;
pub mod dialog;
pub mod digest;
pub mod error;
pub mod flow;
pub mod framing;
pub mod header;
pub mod headers;
pub mod lexer;
pub mod message;
pub mod method;
pub mod multipart;
pub mod name_addr;
pub mod params;
pub mod parser;
pub mod server_transaction;
pub mod session_timer;
pub mod slab;
pub mod timers;
pub mod token;
pub mod uri;
pub mod user_agent;
pub mod values;
pub mod via;
