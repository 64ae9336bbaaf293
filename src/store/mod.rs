//! What is kept in SQLite: `DATA/calls.db`.
//!
//! ```text
//! calls.rs        the tables of calls: save, list, find
//! callbacks.rs    the table of callbacks: waiting, calling, done, failed, noted
//! letters.rs      what webhooks are told of a call, pure: a fold of its events
//! outbox.rs       the table of letters: waiting, delivered, dead
//! messages.rs     the table of messages and their transcripts
//! served.rs       how many calls people served, counted over the records
//! agents_away.rs  who is away by their own wish
//! cut_off.rs      a message that was being left when the process died
//! keeper.rs       the thread that folds ended calls out of the journal and saves them
//! ```

pub mod agents_away;
pub mod callbacks;
pub mod calls;
mod cut_off;
pub mod keeper;
pub mod letters;
pub mod messages;
pub mod outbox;
pub mod served;
