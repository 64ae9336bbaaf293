//! Sockets, threads and tasks.

pub mod journal_writer;
