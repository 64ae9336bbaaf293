//! The append-only log of every call's events: `DATA/journal/NNNNNNNN.zlj`.
//!
//! ```text
//! segment.rs  bytes ⇄ entries, pure: header, frames, checksums, resynchronising
//! append.rs   segments allocated ahead (the reserve), appended to, synced, deleted
//! recover.rs  what the segments of an earlier run hold
//! ledger.rs   which calls are open, what the reserve owes them, which segments are still needed
//! ```
//!
//! **Invariant**: a segment is deleted only when every call that has an event in it is in the store.
//! **Invariant**: nothing here decides what a call was like; that is `call::call_record`'s fold.

pub mod append;
pub mod ledger;
pub mod recover;
pub mod segment;
