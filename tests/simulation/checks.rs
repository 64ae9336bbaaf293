//! What holds for every call, whatever happens in it.

use std::time::{Duration, Instant};
use zeroline::call::call_record::CallRecord;
use zeroline::events::{Entry, Event};

/// The longest silence in a transfer, while the media is ours.
const DEAD_AIR_IN_TRANSFER: Duration = Duration::from_secs(2);
/// The longest silence in a lookup.
const DEAD_AIR_IN_LOOKUP: Duration = Duration::from_millis(1_500);
/// A packet or two may be lost.
const LOST: Duration = Duration::from_millis(80);
/// After a failed transfer the choices are put within so long.
const CHOICES_WITHIN: Duration = Duration::from_secs(1);

/// What comes to the caller's ear.
pub struct Ear {
    /// When there was sound last.
    pub sound: Option<Instant>,
    pub held: bool,
    /// The longest way of a packet.
    pub delay: Duration,
}

/// Looks at the call as it goes.
#[derive(Default)]
pub struct Watch {
    seen: usize,
    /// The media is ours, and since when it must not be silent: in a lookup, and from the way to a
    /// person to its end, whether they are rung, are told whose call it is, or talk.
    lookup: Option<Instant>,
    transfer: Option<Instant>,
    returned: Option<Instant>,
    /// When the call was last held: then nothing can be heard.
    held: Option<Instant>,
    /// The server stops: who comes back from a person hears so, and is put no choices.
    pub stops: bool,
    ended: bool,
}

impl Watch {
    pub fn look(&mut self, now: Instant, journal: &[Entry], ear: Ear) {
        for entry in &journal[self.seen..] {
            self.note(now, &entry.event);
        }
        self.seen = journal.len();
        if self.ended {
            return;
        }
        if ear.held {
            self.held = Some(now);
        }
        let heard = ear.sound.max(self.held);
        let silent_since = |since: Instant| heard.map_or(since, |heard| heard.max(since));
        let slack = ear.delay + LOST;
        if let Some(since) = self.lookup {
            let silence = now - silent_since(since);
            assert!(
                silence <= DEAD_AIR_IN_LOOKUP + slack,
                "silence in a lookup: {silence:?}"
            );
        }
        if let Some(since) = self.transfer {
            let silence = now - silent_since(since);
            assert!(
                silence <= DEAD_AIR_IN_TRANSFER + slack,
                "silence in a transfer: {silence:?}"
            );
        }
        if let Some(since) = self.returned.filter(|_| !self.stops) {
            assert!(now - since <= CHOICES_WITHIN, "no choices are put");
        }
    }

    fn note(&mut self, now: Instant, event: &Event) {
        match event {
            Event::LookupStarted { .. } => self.lookup = Some(now),
            Event::LookupEnded { .. } => self.lookup = None,
            Event::TransferStarted { .. } => {
                self.transfer = Some(now);
                self.lookup = None;
            }
            Event::Queued { .. } => _ = self.transfer.get_or_insert(now),
            Event::TargetTried { .. } => _ = self.transfer.get_or_insert(now),
            Event::LineLeft => self.transfer = None,
            // The last words begin in time, too.
            Event::CallbackBooked { .. } if self.stops => {
                self.transfer = self.transfer.map(|_| now);
            }
            Event::TransferReturned { .. } => {
                self.transfer = None;
                self.returned = Some(now);
            }
            Event::HandoffStepAsked { .. } => self.returned = None,
            Event::CallEnded { .. } | Event::CallRejected { .. } => self.ended = true,
            _ => {}
        }
    }
}

/// What holds for a journal of a call that is over.
pub fn assert_whole(journal: &[Entry]) {
    let starts = |entry: &Entry| matches!(entry.event, Event::CallStarted { .. });
    let ends = |entry: &Entry| {
        matches!(
            entry.event,
            Event::CallEnded { .. } | Event::CallRejected { .. }
        )
    };
    assert!(journal.first().is_some_and(starts), "it starts first");
    assert!(journal.last().is_some_and(ends), "it ends last");
    assert_eq!(journal.iter().filter(|it| starts(it)).count(), 1);
    assert_eq!(journal.iter().filter(|it| ends(it)).count(), 1);
    for (seq, entry) in journal.iter().enumerate() {
        assert_eq!(entry.seq as usize, seq, "no gap");
    }
    assert!(journal.is_sorted_by_key(|entry| entry.at_ms));
    assert_lookups_end(journal);
    let record = CallRecord::fold(journal).expect("there are events");
    assert_eq!(record.events_missing, 0);
    assert!(!record.recovered);
    assert_counts(journal, &record);
}

/// Every lookup that starts ends, once.
fn assert_lookups_end(journal: &[Entry]) {
    let mut open = 0;
    for entry in journal {
        match entry.event {
            Event::LookupStarted { .. } => open += 1,
            Event::LookupEnded { .. } => open -= 1,
            _ => {}
        }
        assert!((0..=1).contains(&open), "lookups overlap");
    }
    assert_eq!(open, 0, "a lookup's end is not told");
}

/// Law 4.
fn assert_counts(journal: &[Entry], record: &CallRecord) {
    let mut asked = 0;
    let mut deepest = 0;
    for entry in journal {
        if let Event::StepAsked { steps, depth, .. } = entry.event {
            asked += 1;
            assert_eq!(steps, asked, "each question is one step");
            assert!(depth >= 1 && depth <= steps);
            deepest = depth.max(deepest);
        }
    }
    assert_eq!((record.steps, record.max_depth), (asked, deepest));
    let choices = |entry: &&Entry| matches!(entry.event, Event::HandoffStepAsked { .. });
    assert_eq!(
        record.handoff_steps as usize,
        journal.iter().filter(choices).count()
    );
}
