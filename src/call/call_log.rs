//! Numbers and dates a call's events on their way to the journal.

use crate::events::{CallRef, Entry, Event};
use std::time::{Duration, Instant};

/// A call's own wall clock: it is set once and then follows `Instant`, so it never runs backwards.
#[derive(Debug)]
pub struct CallLog {
    call: CallRef,
    next_seq: u32,
    started: Instant,
    unix: Duration,
}

impl CallLog {
    /// `unix` is the time since 1970 at `now`.
    pub fn new(call: CallRef, now: Instant, unix: Duration) -> CallLog {
        CallLog {
            call,
            next_seq: 0,
            started: now,
            unix,
        }
    }

    pub fn call(&self) -> CallRef {
        self.call
    }

    /// How many events there have been.
    pub fn events(&self) -> u32 {
        self.next_seq
    }

    /// The time since 1970.
    pub fn unix(&self, now: Instant) -> Duration {
        self.unix + now.saturating_duration_since(self.started)
    }

    pub fn entry(&mut self, now: Instant, event: Event) -> Entry {
        let seq = self.next_seq;
        self.next_seq += 1;
        Entry {
            call: self.call,
            seq,
            at_ms: self.unix(now).as_millis() as u64,
            event,
        }
    }
}
