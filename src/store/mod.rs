//! Call records in SQLite: `DATA/calls.db`.
//!
//! ```text
//! calls.rs   the tables: save, list, find
//! keeper.rs  the thread that folds ended calls out of the journal and saves them
//! ```

pub mod calls;
pub mod keeper;
