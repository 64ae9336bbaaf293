//! How long people are busy with one caller, as it really was lately; a wait is estimated from that
//! and from nothing else (law 6).

use std::collections::VecDeque;
use std::time::Duration;

/// The latest that count.
const KEPT: usize = 32;
/// Fewer say nothing.
const FEWEST: usize = 3;

#[derive(Debug, Clone, Default)]
pub struct ServiceTimes(VecDeque<Duration>);

impl ServiceTimes {
    /// From when somebody was rung until they were free again.
    pub fn add(&mut self, time: Duration) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(time);
    }

    /// `None`: too little is known.
    pub fn mean(&self) -> Option<Duration> {
        let count = self.0.len();
        (count >= FEWEST).then(|| self.0.iter().sum::<Duration>() / count as u32)
    }

    /// How long it takes until the caller at `position` (from 1) is served by one of `people`, who are
    /// all busy now.
    pub fn wait(&self, position: u32, people: u32) -> Option<Duration> {
        let mean = self.mean().filter(|_| people > 0)?;
        Some(mean * position / people)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_known_from_three_callers_on_and_forgets_old_ones() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let mut times = ServiceTimes::default();
        times.add(minutes(2));
        times.add(minutes(4));
        assert_eq!(times.wait(1, 1), None);
        times.add(minutes(6));
        assert_eq!(times.wait(1, 1), Some(minutes(4)));
        assert_eq!(times.wait(3, 2), Some(minutes(6)));
        assert_eq!(times.wait(3, 0), None, "nobody is there");
        for _ in 0..KEPT {
            times.add(minutes(1));
        }
        assert_eq!(times.wait(5, 1), Some(minutes(5)));
    }
}
