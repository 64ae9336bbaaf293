//! Tests read as what the caller does → what the dialogue does, in virtual time.

mod caller;
mod closing;
mod distress;
mod elder;
mod handoffs;
mod hold;
mod human_key;
mod in_line;
mod knowledge;
mod lookups;
mod plans;
mod questions;
mod random;
mod rescue;
mod speech;
mod values;
mod walks;
