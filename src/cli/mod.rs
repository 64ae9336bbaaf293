//! One function a subcommand.

pub mod call;
pub mod call_csv;
mod call_keyboard;
pub mod call_story;
pub mod call_table;
mod call_timeline;
mod call_view;
pub mod callbacks;
pub mod calls;
pub mod check;
mod data;
mod demo_service;
mod ears;
pub mod eval;
mod eval_manifest;
mod eval_plot;
mod event_text;
mod find_call;
pub mod logging;
pub mod models;
mod output;
pub mod say;
pub mod serve;
mod table;
pub mod transcribe;
pub mod webhooks;
