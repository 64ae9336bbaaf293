//! The way to a person: targets, hours, transfer.
