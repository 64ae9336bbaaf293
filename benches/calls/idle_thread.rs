//! What the server's core does to a thread that does nothing: other programs in the kernel, and a host
//! that stops a virtual machine, make anybody late. Nothing on that core can be more punctual.

use crate::affinity;
use crate::histogram::Histogram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(1);
/// What is counted: the time from one waking to the twentieth after it, like a packet's interval.
const STEPS: usize = 20;

/// Wakes every millisecond, before everybody else on its core, until it is dropped.
pub struct IdleThread {
    intervals: Arc<Mutex<Histogram>>,
    ends: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl IdleThread {
    pub fn start(core: usize) -> IdleThread {
        let intervals = Arc::new(Mutex::new(Histogram::default()));
        let ends = Arc::new(AtomicBool::new(false));
        let (counted, until) = (intervals.clone(), ends.clone());
        let running = std::thread::spawn(move || {
            affinity::pin(core);
            go_first();
            wake(&counted, &until);
        });
        IdleThread {
            intervals,
            ends,
            running: Some(running),
        }
    }

    /// What was counted since the last time.
    pub fn take(&self) -> Histogram {
        let mut intervals = self
            .intervals
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut intervals)
    }
}

impl Drop for IdleThread {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.running.take().map(JoinHandle::join);
    }
}

fn wake(counted: &Mutex<Histogram>, ends: &AtomicBool) {
    let mut last = [Instant::now(); STEPS];
    let mut next = Instant::now();
    for at in (0..STEPS).cycle() {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        next += STEP;
        // This is what is measured: how late a thread wakes that wants nothing else.
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let interval = now - std::mem::replace(&mut last[at], now);
        let mut counted = counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.add(interval.as_nanos() as u64);
    }
}

/// Before the server's media threads, which have the lowest of the real-time priorities.
fn go_first() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1_000));
    let second = libc::sched_param { sched_priority: 2 };
    // SAFETY: `second` outlives the call, which reads it.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &second) } != 0 {
        eprintln!("the idle thread may not go before others: it is late where they run");
    }
}
