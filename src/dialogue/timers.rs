//! A dialogue's timers: a closed set, each armed or not. All but those of others' work stand still
//! while the caller is on hold.

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The end of a play was never reported.
    Play,
    NoInput,
    InterDigit,
    /// Something must be heard while a lookup goes on.
    LookingUp,
    /// The end of a fetch was never reported.
    Fetch,
    /// The end of a message's recording was never reported.
    Message,
    /// What the caller said was never told.
    Speech,
    /// Who waits in line is told again where they are.
    InLine,
}

impl Timer {
    pub const ALL: [Timer; 8] = [
        Timer::Play,
        Timer::NoInput,
        Timer::InterDigit,
        Timer::LookingUp,
        Timer::Fetch,
        Timer::Message,
        Timer::Speech,
        Timer::InLine,
    ];

    /// A lookup goes on whoever is on hold; everything else waits for what the caller hears or does.
    fn waits_for_caller(self) -> bool {
        self != Timer::Fetch
    }
}

#[derive(Debug, Clone, Copy)]
enum Deadline {
    At(Instant),
    /// The caller is on hold: so much is left when that ends.
    Left(Duration),
}

#[derive(Debug, Clone, Default)]
pub struct Timers([Option<Deadline>; Timer::ALL.len()]);

impl Timers {
    pub fn arm(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(Deadline::At(at));
    }

    /// Where it is armed for an earlier time already, that one holds.
    pub fn arm_at_the_latest(&mut self, timer: Timer, now: Instant, after: Duration) {
        let left = match self.0[timer as usize] {
            None => after,
            Some(Deadline::At(at)) => after.min(at.saturating_duration_since(now)),
            Some(Deadline::Left(left)) => after.min(left),
        };
        self.arm(timer, now + left);
    }

    pub fn is_armed(&self, timer: Timer) -> bool {
        self.0[timer as usize].is_some()
    }

    pub fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub fn stop_all(&mut self) {
        *self = Timers::default();
    }

    /// Stops the clocks that run for the caller; those that stand still already go on doing so.
    /// All but `runs_on`.
    pub fn pause(&mut self, now: Instant, runs_on: Option<Timer>) {
        let stands = |timer: &Timer| timer.waits_for_caller() && Some(*timer) != runs_on;
        for timer in Timer::ALL.into_iter().filter(stands) {
            if let Some(deadline) = &mut self.0[timer as usize]
                && let Deadline::At(at) = *deadline
            {
                *deadline = Deadline::Left(at.saturating_duration_since(now));
            }
        }
    }

    pub fn resume(&mut self, now: Instant) {
        for deadline in self.0.iter_mut().flatten() {
            if let Deadline::Left(left) = *deadline {
                *deadline = Deadline::At(now + left);
            }
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let deadlines = self.0.iter().flatten();
        let running = deadlines.filter_map(|deadline| match deadline {
            Deadline::At(at) => Some(*at),
            Deadline::Left(_) => None,
        });
        running.min()
    }

    /// Stops and tells whether `timer` is due.
    pub fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        self.0[timer as usize]
            .take_if(|deadline| matches!(deadline, Deadline::At(at) if *at <= now))
            .is_some()
    }
}
