//! One call's sender of events: numbers them, keeps their time from running backwards, and holds
//! them while the journal's writer is behind.

use crate::events::{CallRef, Entry, Event};
use crate::journal::ledger::is_last;
use std::collections::VecDeque;

/// Events that a call keeps while the writer is behind. When it is full, later ones but the last
/// are dropped, which the gap in `seq` tells; admission has stopped long before.
pub const MAX_WAITING: usize = 512;

#[derive(Debug)]
pub struct CallLog {
    call: CallRef,
    next_seq: u32,
    at_ms: u64,
    waiting: VecDeque<Entry>,
}

impl CallLog {
    pub fn new(call: CallRef) -> CallLog {
        CallLog {
            call,
            next_seq: 0,
            at_ms: 0,
            waiting: VecDeque::new(),
        }
    }

    pub fn call(&self) -> CallRef {
        self.call
    }

    /// Takes an event that happens at `unix_ms`. `send` as in [`CallLog::flush`].
    pub fn append<E: Into<Entry>>(
        &mut self,
        unix_ms: u64,
        event: Event,
        send: impl FnMut(Entry) -> Result<(), E>,
    ) {
        self.at_ms = self.at_ms.max(unix_ms);
        let entry = Entry {
            call: self.call,
            seq: self.next_seq,
            at_ms: self.at_ms,
            event,
        };
        self.next_seq = self.next_seq.saturating_add(1);
        if self.waiting.len() < MAX_WAITING || is_last(&entry.event) {
            self.waiting.push_back(entry);
        }
        self.flush(send);
    }

    /// Sends what waits, in order, until `send` gives an entry back. To be called now and then
    /// while it answers that something waits.
    pub fn flush<E: Into<Entry>>(&mut self, mut send: impl FnMut(Entry) -> Result<(), E>) -> bool {
        while let Some(entry) = self.waiting.pop_front() {
            if let Err(unsent) = send(entry) {
                self.waiting.push_front(unsent.into());
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EndedBy;

    fn sent(log: &mut CallLog) -> Vec<Entry> {
        let mut sent = Vec::new();
        let waits = log.flush(|entry| {
            sent.push(entry);
            Ok::<(), Entry>(())
        });
        assert!(!waits);
        sent
    }

    #[test]
    fn events_are_numbered_and_time_never_runs_backwards() {
        let mut log = CallLog::new(CallRef::from_parts(1, 1));
        let mut entries = Vec::new();
        for at in [1000, 990, 1005] {
            log.append(at, Event::MediaFlows, |entry| {
                entries.push((entry.seq, entry.at_ms));
                Ok::<(), Entry>(())
            });
        }
        assert_eq!(entries, [(0, 1000), (1, 1000), (2, 1005)]);
    }

    #[test]
    fn what_cannot_be_sent_waits_in_order_and_the_last_event_is_never_dropped() {
        let mut log = CallLog::new(CallRef::from_parts(1, 1));
        for at in 0..MAX_WAITING as u64 + 10 {
            log.append(at, Event::MediaFlows, Err);
        }
        let end = Event::CallEnded {
            by: EndedBy::Caller,
            reason: String::new(),
        };
        log.append(9999, end, Err);
        assert!(log.flush(Err));
        let sent = sent(&mut log);
        assert_eq!(sent.len(), MAX_WAITING + 1);
        assert!(sent.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        assert_eq!(sent[MAX_WAITING].seq, MAX_WAITING as u32 + 10);
    }
}
