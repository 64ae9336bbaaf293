//! The append-only log of every call's events.
