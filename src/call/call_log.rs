//! Numbers and dates a call's events on their way to the journal, and names the call in log lines.

use crate::events::{CallRef, Entry, Event};
use std::time::{Duration, Instant};
use tracing::Span;
use tracing::span::EnteredSpan;

/// A call's own wall clock: it is set once and then follows `Instant`, so it never runs backwards.
#[derive(Debug)]
pub struct CallLog {
    call: CallRef,
    next_seq: u32,
    started: Instant,
    unix: Duration,
    span: Span,
}

impl CallLog {
    /// `unix` is the time since 1970 at `now`.
    pub fn new(call: CallRef, now: Instant, unix: Duration) -> CallLog {
        CallLog {
            call,
            next_seq: 0,
            started: now,
            unix,
            span: tracing::error_span!("call", call = %call),
        }
    }

    pub fn call(&self) -> CallRef {
        self.call
    }

    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Log lines tell of this call until what is returned is dropped. For keys, inputs and timers;
    /// packets of sound have nothing to tell, and 50 a second would pay for it.
    pub fn enter(&self) -> EnteredSpan {
        self.span.clone().entered()
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
