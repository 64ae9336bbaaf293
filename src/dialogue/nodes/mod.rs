//! One file a kind of node: how it is entered, and what its keys and ends lead to.

mod ask;
mod branch;
mod hangup;
mod http;
mod knowledge;
mod language;
mod menu;
mod say;
mod set;
mod transfer;
