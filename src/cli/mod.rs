//! One function a subcommand.

pub mod call_story;
pub mod call_table;
pub mod calls;
pub mod check;
mod event_text;
pub mod logging;
pub mod say;
pub mod serve;
