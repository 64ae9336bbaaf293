//! How often what fails, and what is counted meanwhile.

use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// One in twenty.
pub const FAILS: f64 = 0.05;
/// A call that has not ended so long after its end was due is stuck: SIP gives up a request after 32 s.
pub const STUCK: Duration = Duration::from_secs(80);

pub fn milliseconds(rng: &mut StdRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(rng.random_range(from..to))
}

/// What was done, over all that take part.
#[derive(Default)]
pub struct Tally {
    /// From now on nothing fails any more but the network: what is still due shall be done.
    closing: AtomicBool,
    /// Those whose call was answered, by their number.
    pub answered: Mutex<BTreeSet<String>>,
    /// Those who were called back and answered, by their number, once for each time.
    pub called_back: Mutex<Vec<String>>,
    pub calls: AtomicU64,
    pub people: AtomicU64,
    pub stuck: AtomicU64,
    /// Calls that people, agents and those who are called back have at this moment.
    pub open: AtomicU64,
    pub registrations: AtomicU64,
    /// Wishes of agents over HTTP.
    pub wishes: AtomicU64,
}

impl Tally {
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub fn told(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
