//! Zeroline: an IVR voice-bot server that always offers a human by one key, and proves it.
//!
//! # The house
//!
//! From the ground up; a module imports from its own floor and those below, never from above
//! (`tests/layers.rs` holds that).
//!
//! | floor | modules |
//! |---|---|
//! | the command line | [`cli`] |
//! | sockets, threads, tasks | [`server`], [`caller`] |
//! | HTTP | [`console`] |
//! | disks, engines, the DNS | [`store`], [`journal`], [`engines`], [`locator`] |
//! | a call | [`call`], [`handoff`] |
//! | its parts | [`dialogue`], [`dialplan`], [`speech`], [`sdp`], [`config`] |
//! | formats and signals | [`audio`], [`rtp`], [`sip`] |
//! | words that all use | [`events`], [`key`], [`language`], [`diagnostic`], [`yaml`] |
//!
//! # Invariants
//!
//! - From [`call`] down nothing has sockets, files, threads, clocks or ambient randomness: time comes
//!   as an argument, chance from a seed. Each stateful object is told something, then drained of its
//!   outputs, then asked when it wants to be woken.
//! - A call belongs to one media thread. Nothing on that thread waits: what leaves it goes by bounded
//!   queues, and beside each stands what happens when it is full.
//! - The human key is looked at first ([`dialogue::interpreter`]); no engine, lookup or dialplan is
//!   asked before.
//! - The truth of a call is its [`events`], written as they happen ([`journal`]); records, stories and
//!   reports are folds of them.
//! - Nothing sensitive enters an event, a log or a header.
//! - What a peer sends cannot panic; a bug that does ends one call ([`server`]), or only its dialogue
//!   ([`call`]).
//!
//! # One call
//!
//! A datagram reaches `server::signalling`: parser, transaction, dialog, admission. The call is made
//! there, with its ports and its answer, and moves to a media thread, which wakes every millisecond,
//! reads the sockets that are ready and runs the calls that are due. A key goes to the dialogue, whose
//! actions come back: play, fetch, ring a person, record, hang up. What the call wants of SIP goes back
//! to signalling by a queue.

pub mod audio;
pub mod call;
pub mod caller;
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
pub mod locator;
pub mod rtp;
pub mod sdp;
pub mod server;
pub mod sip;
pub mod speech;
pub mod store;
pub mod yaml;
