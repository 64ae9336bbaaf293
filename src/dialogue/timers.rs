//! A dialogue's timers: a closed set, each armed or not.

use std::time::Instant;

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
}

impl Timer {
    pub const ALL: [Timer; 6] = [
        Timer::Play,
        Timer::NoInput,
        Timer::InterDigit,
        Timer::LookingUp,
        Timer::Fetch,
        Timer::Message,
    ];
}

#[derive(Debug, Clone, Default)]
pub struct Timers([Option<Instant>; Timer::ALL.len()]);

impl Timers {
    pub fn arm(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = Some(at);
    }

    /// Where it is armed for an earlier time already, that one holds.
    pub fn arm_at_the_latest(&mut self, timer: Timer, at: Instant) {
        let deadline = &mut self.0[timer as usize];
        *deadline = Some(deadline.map_or(at, |armed| armed.min(at)));
    }

    pub fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = None;
    }

    pub fn stop_all(&mut self) {
        *self = Timers::default();
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// Stops and tells whether `timer` is due.
    pub fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        self.0[timer as usize]
            .take_if(|deadline| *deadline <= now)
            .is_some()
    }
}
