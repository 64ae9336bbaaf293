//! Which calls are due in which millisecond.

use std::time::{Duration, Instant};

/// Calls are due at most 60 ms (the longest packet time) ahead. What is further ahead, as everything
/// is for a wheel that stood still for a while, goes round once more.
const SLOTS: usize = 64;

/// A ring of 1 ms slots. An entry may be stale: who takes it looks whether its call is still due.
#[derive(Debug)]
pub struct TickWheel<T> {
    start: Instant,
    /// Slots before this one (counted from `start`) have been taken.
    next: u64,
    slots: Vec<Vec<(Instant, T)>>,
    /// Empty between two turns; kept for its room.
    begun: Vec<(Instant, T)>,
}

impl<T> TickWheel<T> {
    pub fn new(start: Instant) -> TickWheel<T> {
        TickWheel {
            start,
            next: 0,
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            begun: Vec::new(),
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
        self.slots[slot as usize % SLOTS].push((due, entry));
    }

    /// Moves the entries that are due by `now` to `due`. After a long pause each slot is taken once,
    /// not once a round.
    pub fn take_due(&mut self, now: Instant, due: &mut Vec<T>) {
        let millis = now.saturating_duration_since(self.start).as_millis() as u64;
        let first = self.next.max((millis + 1).saturating_sub(SLOTS as u64));
        for slot in first..=millis {
            self.begun.append(&mut self.slots[slot as usize % SLOTS]);
        }
        self.next = self.next.max(millis + 1);
        let mut begun = std::mem::take(&mut self.begun);
        for (at, entry) in begun.drain(..) {
            match at <= now {
                true => due.push(entry),
                false => self.insert(at, entry),
            }
        }
        self.begun = begun;
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
    fn what_is_past_is_due_next_and_what_is_far_waits_for_its_time() {
        let start = Instant::now();
        let mut wheel = TickWheel::new(start);
        assert!(due(&mut wheel, start + millis(100)).is_empty());
        wheel.insert(start, 1);
        wheel.insert(start + millis(1000), 2);
        assert_eq!(due(&mut wheel, start + millis(101)), [1]);
        assert!(due(&mut wheel, start + millis(164)).is_empty());
        assert_eq!(due(&mut wheel, start + millis(1000)), [2]);
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

    /// A thread that slept, or was held up, has not turned its wheel when calls are put into it.
    #[test]
    fn nothing_is_early_and_nothing_lost_after_the_wheel_stood_still() {
        let start = Instant::now();
        for pause in [1, 63, 64, 70, 10_000] {
            let mut wheel = TickWheel::new(start);
            let now = start + millis(pause);
            wheel.insert(now + millis(20), 1);
            assert!(due(&mut wheel, now).is_empty(), "{pause} ms");
            assert!(due(&mut wheel, now + millis(19)).is_empty(), "{pause} ms");
            assert_eq!(due(&mut wheel, now + millis(20)), [1], "{pause} ms");
        }
    }

    #[test]
    fn nothing_is_early_by_a_part_of_a_microsecond() {
        let start = Instant::now();
        let mut wheel = TickWheel::new(start);
        wheel.insert(start + millis(5) + Duration::from_nanos(900), 1);
        assert!(due(&mut wheel, start + millis(5)).is_empty());
        assert_eq!(due(&mut wheel, start + millis(6)), [1]);
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
