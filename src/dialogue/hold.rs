//! A caller on hold hears nothing: then their silence says nothing either, and time does not count
//! against them. Keys act all the same.

use super::interpreter::Dialogue;
use super::state::{Next, State};
use super::timers::Timer;

impl Dialogue {
    /// Whether the caller cannot hear what is played.
    pub fn is_held(&self) -> bool {
        self.held
    }

    pub(super) fn hold(&mut self) {
        self.held = true;
    }

    /// A play that was interrupted goes on by itself. A question that was heard before is put again,
    /// as nobody remembers it; the caller has gone no further by that, so it is no step.
    pub(super) fn resume(&mut self) -> Option<Next> {
        self.held = false;
        self.timers.resume(self.now);
        if self.timers.is_armed(Timer::InterDigit) {
            self.wait_for_digit();
        }
        if !self.timers.is_armed(Timer::NoInput) {
            return None;
        }
        self.timers.stop(Timer::NoInput);
        self.say_question(None)
    }

    /// What is armed while the caller is on hold stands still from its beginning.
    pub(super) fn keep_hold(&mut self) {
        if self.held {
            let asks =
                matches!(&self.state, State::Keying(keying) if keying.entry.asks_for_a_person());
            // The pause after a lone human key is that key's own.
            let runs_on = asks.then_some(Timer::InterDigit);
            self.timers.pause(self.now, runs_on);
        }
    }
}
