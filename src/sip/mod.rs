//! SIP (RFC 3261), sans-IO.

pub mod error;
pub mod header;
pub mod headers;
pub mod lexer;
pub mod message;
pub mod method;
pub mod name_addr;
pub mod params;
pub mod parser;
pub mod uri;
pub mod values;
pub mod via;
