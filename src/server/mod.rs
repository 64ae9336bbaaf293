//! Sockets, threads and tasks.
