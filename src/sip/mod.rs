//! SIP (RFC 3261), sans-IO.

pub mod client_transaction;
pub mod dialog;
pub mod error;
pub mod flow;
pub mod header;
pub mod headers;
pub mod lexer;
pub mod message;
pub mod method;
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
