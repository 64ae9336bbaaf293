//! Sockets, threads and tasks.

pub mod admission;
mod agent_calls;
mod call_metrics;
mod callbacks;
pub mod calls;
#[cfg(test)]
mod desk;
mod epoll;
mod fetcher;
mod guesses;
pub mod hearing;
mod incoming;
mod journal_disk;
mod journal_thread;
pub mod journal_writer;
mod local_addresses;
mod lookups;
mod media_thread;
mod ports;
pub mod preflight;
mod received;
mod recorder;
mod resident;
mod roster;
mod routes;
pub mod serve;
pub mod services;
mod signalling;
mod streams;
mod targets;
mod tick_wheel;
mod transcriber;
mod transports;
mod trunks;
mod unanswered;
pub mod webhooks;
mod wishes;
