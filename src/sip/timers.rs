//! The timer values of RFC 3261 (table 4) and the one queue in which everything of a user agent
//! that waits for a time stands.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// T1, T2 and T4, of which every transaction timer is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerValues {
    /// The estimate of a round trip.
    pub t1: Duration,
    /// The longest interval between retransmissions of a non-INVITE request or an INVITE response.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

impl Default for TimerValues {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl TimerValues {
    /// Timers B, F, H, J, L and M, and the life of an unacknowledged response: 64·T1.
    pub fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timer D: at least 32 s on an unreliable transport, whatever T1 is.
    pub fn d(&self) -> Duration {
        self.give_up().max(Duration::from_secs(32))
    }

    /// The interval after `interval`, for timers E and G and the 2xx of the user agent server.
    pub fn doubled(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2)
    }
}

/// Who waits for what time, earliest first.
///
/// Deletion is lazy: an owner that no longer waits is found out when its entry comes up, so the
/// owner answers [`TimerQueue::settle`]'s question. Entries of the dead are swept when they are
/// more than half of all, so the queue stays within twice the number of the living (plus 64).
#[derive(Debug)]
pub struct TimerQueue<K> {
    heap: BinaryHeap<Reverse<(Instant, K)>>,
}

impl<K: Ord + Copy> Default for TimerQueue<K> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
        }
    }
}

impl<K: Ord + Copy> TimerQueue<K> {
    pub fn arm(&mut self, at: Instant, owner: K) {
        self.heap.push(Reverse((at, owner)));
    }

    /// The time of the first entry.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the first entry whose time has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, K)> {
        if self.next_timeout()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Drops entries at the head until one still holds, so that `next_timeout` is true; and sweeps
    /// the whole queue when it is longer than `living` owners explain.
    pub fn settle(&mut self, living: usize, holds: impl Fn(Instant, K) -> bool) {
        if self.heap.len() > living.saturating_mul(2).saturating_add(64) {
            self.heap.retain(|Reverse((at, owner))| holds(*at, *owner));
        }
        while let Some(Reverse((at, owner))) = self.heap.peek() {
            if holds(*at, *owner) {
                return;
            }
            self.heap.pop();
        }
    }

    pub fn len(&self) -> usize {
        self.heap.len()
    }

    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_rfcs() {
        let values = TimerValues::default();
        assert_eq!(values.give_up(), Duration::from_secs(32));
        assert_eq!(values.d(), Duration::from_secs(32));
        assert_eq!(values.doubled(values.t1), Duration::from_secs(1));
        assert_eq!(values.doubled(Duration::from_secs(3)), values.t2);
    }

    #[test]
    fn comes_up_in_order_and_forgets_the_dead() {
        let start = Instant::now();
        let second = |n| start + Duration::from_secs(n);
        let mut queue = TimerQueue::default();
        for owner in [3_u32, 1, 2] {
            queue.arm(second(u64::from(owner)), owner);
        }
        queue.settle(3, |_, owner| owner != 1);
        assert_eq!(queue.next_timeout(), Some(second(2)));
        assert_eq!(queue.pop_due(second(1)), None);
        assert_eq!(queue.pop_due(second(2)), Some((second(2), 2)));
        assert_eq!(queue.pop_due(second(9)), Some((second(3), 3)));
        assert!(queue.is_empty());
    }

    #[test]
    fn sweeps_when_most_are_dead() {
        let start = Instant::now();
        let mut queue = TimerQueue::default();
        for owner in 0..1000_u64 {
            queue.arm(start + Duration::from_secs(owner), owner);
        }
        queue.settle(1, |_, owner| owner == 0 || owner == 999);
        assert_eq!(queue.len(), 2);
    }
}
