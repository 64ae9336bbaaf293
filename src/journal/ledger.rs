//! What the journal owes: the room that each open call may still need, the ended calls that are
//! not in the store yet, and the segments that hold their events. Pure accounting.

use crate::events::{CallRef, Entry, Event};
use crate::journal::segment::MAX_FRAME;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, VecDeque};

/// The smallest room that a call can be promised: its details, its landmarks and its end.
pub const SMALLEST_BUDGET: u64 = 4 * MAX_FRAME as u64;

/// Ended calls that wait for the store in memory. Past it a call waits in its segments only,
/// and comes into the store when the journal is next opened.
pub const MAX_WAITING: usize = 100_000;

/// Where a frame lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub segment: u32,
    pub offset: u32,
}

/// A call whose last event is in the journal, or whose process died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedCall {
    pub call: CallRef,
    /// Of its events, in their order.
    pub positions: Vec<Position>,
}

#[derive(Default)]
struct OpenCall {
    used: u64,
    positions: Vec<Position>,
}

pub struct Ledger {
    budget: u64,
    open: FxHashMap<CallRef, OpenCall>,
    promised: u64,
    waiting: VecDeque<EndedCall>,
    /// Calls that the store is at work on, and the segments they are in.
    storing: FxHashMap<CallRef, Vec<u32>>,
    /// How many calls that are not stored yet each segment has events of, and one more where it is
    /// kept in any case.
    held: BTreeMap<u32, u32>,
}

impl Ledger {
    /// `budget`: the bytes of journal promised to each admitted call, at least [`SMALLEST_BUDGET`].
    pub fn new(budget: u64) -> Ledger {
        Ledger {
            budget: budget.max(SMALLEST_BUDGET),
            open: FxHashMap::default(),
            promised: 0,
            waiting: VecDeque::new(),
            storing: FxHashMap::default(),
            held: BTreeMap::new(),
        }
    }

    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Bytes of reserve that the open calls may still need.
    pub fn promised(&self) -> u64 {
        self.promised
    }

    /// Where the events of a call that goes on lie; `None` where it has ended, or is not known.
    pub fn positions(&self, call: CallRef) -> Option<&[Position]> {
        self.open.get(&call).map(|call| call.positions.as_slice())
    }

    pub fn open_calls(&self) -> usize {
        self.open.len()
    }

    /// Ended calls that are not in the store yet.
    pub fn unstored_calls(&self) -> usize {
        self.waiting.len() + self.storing.len()
    }

    /// A call of an earlier run: nothing will be added to it.
    pub fn recovered(&mut self, ended: EndedCall) {
        for segment in segments_of(&ended.positions) {
            self.hold(segment);
        }
        self.wait_for_store(ended);
    }

    /// The segment is needed, for one reason more; without a call in it, for as long as the server
    /// runs.
    pub fn hold(&mut self, segment: u32) {
        *self.held.entry(segment).or_default() += 1;
    }

    /// Whether an entry whose frame has `len` bytes may be written, with `free` bytes of reserve.
    /// While there is more than what is promised, every entry of an open call may. Without, a call
    /// that has used up half of its budget writes landmarks only, and near its end only its last
    /// event, so that no call ever takes the room that was promised to another. What is left out
    /// shows as a gap in `seq`.
    pub fn may_write(&self, entry: &Entry, len: usize, free: u64) -> bool {
        let used = match self.open.get(&entry.call) {
            Some(call) => call.used + len as u64,
            None => return is_first(&entry.event),
        };
        free > self.promised + MAX_FRAME as u64
            || is_last(&entry.event)
            || used <= self.budget / 2
            || (is_landmark(&entry.event) && used <= self.budget - MAX_FRAME as u64)
    }

    /// The entry is written. A call opens with its first event and ends with its last.
    pub fn written(&mut self, entry: &Entry, position: Position, len: usize) {
        let budget = self.budget;
        let call = self.open.entry(entry.call).or_insert_with(|| {
            self.promised += budget;
            OpenCall::default()
        });
        let owed = |used| budget.saturating_sub(used).max(MAX_FRAME as u64);
        self.promised -= owed(call.used);
        call.used += len as u64;
        self.promised += owed(call.used);
        let new_segment = call.positions.last().map(|p| p.segment) != Some(position.segment);
        call.positions.push(position);
        if new_segment {
            *self.held.entry(position.segment).or_default() += 1;
        }
        if is_last(&entry.event) {
            self.promised -= owed(call.used);
            let positions = std::mem::take(&mut call.positions);
            self.open.remove(&entry.call);
            self.wait_for_store(EndedCall {
                call: entry.call,
                positions,
            });
        }
    }

    fn wait_for_store(&mut self, ended: EndedCall) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back(ended);
        }
    }

    /// The next call for the store. It counts as being stored until `stored` or `not_taken`.
    pub fn next_ended(&mut self) -> Option<EndedCall> {
        let ended = self.waiting.pop_front()?;
        let segments = segments_of(&ended.positions);
        self.storing.insert(ended.call, segments);
        Some(ended)
    }

    /// The store's queue was full: the call waits on, first in line.
    pub fn not_taken(&mut self, ended: EndedCall) {
        self.storing.remove(&ended.call);
        self.waiting.push_front(ended);
    }

    pub fn stored(&mut self, call: CallRef) {
        for segment in self.storing.remove(&call).unwrap_or_default() {
            if let Some(calls) = self.held.get_mut(&segment) {
                *calls -= 1;
                if *calls == 0 {
                    self.held.remove(&segment);
                }
            }
        }
    }

    /// Whether some call that has an event in the segment is not stored yet, or it is kept anyway.
    pub fn is_held(&self, segment: u32) -> bool {
        self.held.contains_key(&segment)
    }
}

/// Distinct, as positions of one call never go back to an earlier segment.
fn segments_of(positions: &[Position]) -> Vec<u32> {
    let mut segments: Vec<u32> = positions.iter().map(|p| p.segment).collect();
    segments.dedup();
    segments
}

pub fn is_first(event: &Event) -> bool {
    matches!(event, Event::CallStarted { .. })
}

pub fn is_last(event: &Event) -> bool {
    matches!(event, Event::CallEnded { .. } | Event::CallRejected { .. })
}

/// Events without which a record would say something else than what happened. The others are
/// those that a caller or a dialplan can repeat without end.
fn is_landmark(event: &Event) -> bool {
    !matches!(
        event,
        Event::KeyPressed { .. }
            | Event::NodeEntered { .. }
            | Event::StepAsked { .. }
            | Event::HandoffStepAsked { .. }
            | Event::NoInput { .. }
            | Event::NoMatch { .. }
            | Event::SpeechBegan { .. }
            | Event::SpeechHeard { .. }
            | Event::RecognizerLate { .. }
            | Event::LookupStarted { .. }
            | Event::LookupEnded { .. }
            | Event::PromptFailed { .. }
            | Event::LanguageSet { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EndedBy, KeySource};
    use crate::language::Language;

    const BUDGET: u64 = SMALLEST_BUDGET;

    fn call(number: u128) -> CallRef {
        CallRef::from_parts(1, number)
    }

    fn entry(call: CallRef, event: Event) -> Entry {
        Entry {
            call,
            seq: 0,
            at_ms: 0,
            event,
        }
    }

    fn started() -> Event {
        Event::CallStarted {
            caller: String::new(),
            called: String::new(),
            source: String::new(),
            sip_call_id: String::new(),
            dialplan: String::new(),
            dialplan_version: String::new(),
            language: Language::En,
        }
    }

    fn key() -> Event {
        Event::KeyPressed {
            key: None,
            source: KeySource::Info,
        }
    }

    fn ended() -> Event {
        Event::CallEnded {
            by: EndedBy::Caller,
            reason: String::new(),
        }
    }

    fn write(ledger: &mut Ledger, number: u128, event: Event, segment: u32, len: usize) {
        let position = Position { segment, offset: 0 };
        ledger.written(&entry(call(number), event), position, len);
    }

    #[test]
    fn a_call_is_promised_its_budget_until_it_ends() {
        let mut ledger = Ledger::new(BUDGET);
        write(&mut ledger, 1, started(), 1, 100);
        assert_eq!(ledger.promised(), BUDGET - 100);
        write(&mut ledger, 2, started(), 1, 100);
        assert_eq!(ledger.promised(), 2 * BUDGET - 200);
        write(&mut ledger, 1, ended(), 1, 50);
        assert_eq!(ledger.promised(), BUDGET - 100);
        write(&mut ledger, 2, ended(), 1, 50);
        assert_eq!((ledger.promised(), ledger.open_calls()), (0, 0));
    }

    #[test]
    fn the_last_event_has_room_even_past_the_budget() {
        let mut ledger = Ledger::new(BUDGET);
        write(&mut ledger, 1, started(), 1, 3 * BUDGET as usize);
        assert_eq!(ledger.promised(), MAX_FRAME as u64);
    }

    #[test]
    fn without_room_details_go_first_then_landmarks_never_the_end() {
        let mut ledger = Ledger::new(BUDGET);
        write(&mut ledger, 1, started(), 1, 100);
        let allowed = |ledger: &Ledger, full: bool| {
            let free = if full { ledger.promised() } else { u64::MAX };
            [key(), Event::MediaFlows, ended()]
                .map(|event| ledger.may_write(&entry(call(1), event), 200, free))
        };
        assert_eq!(allowed(&ledger, true), [true, true, true]);
        write(&mut ledger, 1, key(), 1, BUDGET as usize / 2);
        assert_eq!(allowed(&ledger, true), [false, true, true]);
        write(&mut ledger, 1, key(), 1, BUDGET as usize / 4);
        assert_eq!(allowed(&ledger, true), [false, false, true]);
        assert_eq!(allowed(&ledger, false), [true, true, true]);
    }

    #[test]
    fn nothing_is_written_of_a_call_that_has_not_begun_or_has_ended() {
        let mut ledger = Ledger::new(BUDGET);
        assert!(!ledger.may_write(&entry(call(1), key()), 10, u64::MAX));
        assert!(ledger.may_write(&entry(call(1), started()), 10, u64::MAX));
        write(&mut ledger, 1, started(), 1, 10);
        write(&mut ledger, 1, ended(), 1, 10);
        assert!(!ledger.may_write(&entry(call(1), key()), 10, u64::MAX));
    }

    #[test]
    fn a_segment_is_held_until_every_call_in_it_is_stored() {
        let mut ledger = Ledger::new(BUDGET);
        write(&mut ledger, 1, started(), 1, 10);
        write(&mut ledger, 2, started(), 1, 10);
        write(&mut ledger, 1, ended(), 1, 10);
        write(&mut ledger, 2, ended(), 2, 10);
        let first = ledger.next_ended().expect("call 1 has ended");
        let second = ledger.next_ended().expect("call 2 has ended");
        assert_eq!((first.call, second.call), (call(1), call(2)));
        ledger.stored(second.call);
        assert_eq!([1, 2].map(|s| ledger.is_held(s)), [true, false]);
        ledger.not_taken(first.clone());
        assert_eq!(ledger.next_ended(), Some(first));
        ledger.stored(call(1));
        ledger.stored(call(1));
        assert_eq!([1, 2].map(|s| ledger.is_held(s)), [false, false]);
        assert_eq!(ledger.unstored_calls(), 0);
    }
}
