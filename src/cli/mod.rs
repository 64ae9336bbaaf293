//! One function a subcommand.

pub mod call_story;
pub mod call_table;
pub mod calls;
mod event_text;
pub mod logging;
pub mod serve;
