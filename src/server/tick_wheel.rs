//! Which calls are due in which millisecond.

use std::time::{Duration, Instant};

/// Calls are due at most 60 ms (the longest packet time) ahead; more is waited for in rounds.
const SLOTS: usize = 64;

/// A ring of 1 ms slots. An entry may be stale: who takes it looks whether its call is still due.
#[derive(Debug)]
pub struct TickWheel<T> {
    start: Instant,
    /// Slots before this one (counted from `start`) have been taken.
    next: u64,
    slots: Vec<Vec<T>>,
}

impl<T> TickWheel<T> {
    pub fn new(start: Instant) -> TickWheel<T> {
        TickWheel {
            start,
            next: 0,
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
        }
    }

    /// When the next slot begins.
    pub fn next_turn(&self) -> Instant {
        self.start + Duration::from_millis(self.next)
    }

    /// Puts an entry into the first slot that begins at `due` or later.
    pub fn insert(&mut self, due: Instant, entry: T) {
        let micros = due.saturating_duration_since(self.start).as_micros();
        let slot = (micros.div_ceil(1000) as u64).clamp(self.next, self.next + SLOTS as u64 - 1);
        self.slots[slot as usize % SLOTS].push(entry);
    }

    /// Moves the entries of the slots that have begun by `now` to `due`. After a long pause each
    /// slot is taken once, not once a round.
    pub fn take_due(&mut self, now: Instant, due: &mut Vec<T>) {
        let millis = now.saturating_duration_since(self.start).as_millis() as u64;
        let first = self.next.max((millis + 1).saturating_sub(SLOTS as u64));
        for slot in first..=millis {
            due.append(&mut self.slots[slot as usize % SLOTS]);
        }
        self.next = self.next.max(millis + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn due(wheel: &mut TickWheel<u32>, now: Instant) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.take_due(now, &mut due);
        due
    }

    #[test]
    fn an_entry_is_due_in_the_first_slot_that_is_not_early() {
        let start = Instant::now();
        let mut wheel = TickWheel::new(start);
        wheel.insert(start + Duration::from_micros(20_300), 1);
        wheel.insert(start + millis(20), 2);
        assert!(due(&mut wheel, start + millis(19)).is_empty());
        assert_eq!(due(&mut wheel, start + millis(20)), [2]);
        assert_eq!(wheel.next_turn(), start + millis(21));
        assert_eq!(due(&mut wheel, start + millis(21)), [1]);
    }

    #[test]
    fn what_is_past_is_due_next_and_what_is_far_is_due_in_a_round() {
        let start = Instant::now();
        let mut wheel = TickWheel::new(start);
        assert!(due(&mut wheel, start + millis(100)).is_empty());
        wheel.insert(start, 1);
        wheel.insert(start + millis(1000), 2);
        assert_eq!(due(&mut wheel, start + millis(101)), [1]);
        assert_eq!(due(&mut wheel, start + millis(164)), [2]);
    }

    #[test]
    fn nothing_is_lost_in_a_long_pause() {
        let start = Instant::now();
        let mut wheel = TickWheel::new(start);
        for entry in 0..60 {
            wheel.insert(start + millis(u64::from(entry)), entry);
        }
        let mut all = due(&mut wheel, start + millis(5000));
        all.sort();
        assert_eq!(all, (0..60).collect::<Vec<_>>());
    }

    #[test]
    fn the_next_turn_is_still_ahead_after_a_year() {
        let start = Instant::now();
        let mut wheel = TickWheel::new(start);
        let now = start + 365 * 86_400 * millis(1000);
        due(&mut wheel, now);
        assert_eq!(wheel.next_turn(), now + millis(1));
    }
}
