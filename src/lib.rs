//! Zeroline: an IVR voice-bot server that always offers a human by one key, and proves it.

pub mod audio;
pub mod call;
pub mod cli;
pub mod config;
pub mod console;
pub mod diagnostic;
pub mod dialogue;
pub mod dialplan;
pub mod engines;
pub mod events;
pub mod handoff;
pub mod journal;
pub mod key;
pub mod language;
pub mod rtp;
pub mod sdp;
pub mod server;
pub mod sip;
pub mod speech;
pub mod store;
pub mod yaml;
