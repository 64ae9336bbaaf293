//! The caller waits in line until somebody is free: they are told their place and, where it is known,
//! about how long it takes (law 6), and may choose something else at any time (law 2), also while
//! somebody is rung for them, until a person has the call.

use super::action::{Action, Part};
use super::interpreter::Dialogue;
use super::state::{Next, State, WaysOut};
use super::timers::Timer;
use crate::dialplan::model::Target;
use crate::events::{Event, StepKind};
use crate::key::Key;
use crate::speech::choices::Choice;
use crate::speech::sentences::Sentence;
use std::time::Duration;

/// Between two times that the caller is told their place.
const EVERY: Duration = Duration::from_secs(30);

impl Dialogue {
    pub(super) fn told_place(&mut self, position: u32, estimate: Option<Duration>) {
        match &self.state {
            State::WithPeople(ways_out) if ways_out.choices.is_empty() => self.count_handoff_step(),
            // Told again, or rung in vain.
            State::WithPeople(_) | State::InLine(_) => {}
            // It crossed with the caller's choice of something else.
            _ => return,
        }
        if self.stopping {
            return self.server_stops(false);
        }
        let choices = Choice::in_line(self.context.calls_back, !self.message_failed);
        let wait = match estimate {
            Some(estimate) => Sentence::WaitAbout {
                minutes: minutes(estimate),
            },
            None => Sentence::WaitUnknown,
        };
        let told = [
            Sentence::PlaceInLine { position },
            wait,
            Sentence::Choices(choices.clone()),
        ];
        self.state = State::InLine(choices);
        self.quiet_nodes = 0;
        self.unasked_nodes = 0;
        self.timers.arm(Timer::InLine, self.now + EVERY);
        let parts: Vec<Part> = told.map(|sentence| self.sentence(sentence)).into();
        self.play(parts);
    }

    /// A choice is put to the caller, once for all the time that they wait.
    fn count_handoff_step(&mut self) {
        self.handoff_steps += 1;
        self.log(Event::HandoffStepAsked {
            step: Some(StepKind::Menu),
            handoff_steps: self.handoff_steps,
        });
    }

    pub(super) fn next_in_line(&mut self) {
        if matches!(self.state, State::InLine(_)) {
            self.timers.stop(Timer::InLine);
            self.stop_playing();
            self.state = State::WithPeople(self.ways_out());
        }
    }

    /// What the line offered, if the caller waits or waited in it.
    pub(super) fn ways_out(&self) -> WaysOut {
        match &self.state {
            State::InLine(choices) => WaysOut {
                choices: choices.clone(),
                passed_on: false,
            },
            State::WithPeople(ways_out) => ways_out.clone(),
            _ => WaysOut::default(),
        }
    }

    /// Whether a REFER is under way, or was and came to nothing.
    pub(super) fn passed_on(&mut self, passed_on: bool) {
        if let State::WithPeople(ways_out) = &mut self.state {
            ways_out.passed_on = passed_on;
        }
    }

    /// Where a key leads who waits in line, or is still waiting for who is rung to answer.
    pub(super) fn way_out(&self, key: Key) -> Option<Choice> {
        let WaysOut { choices, passed_on } = self.ways_out();
        if passed_on || choices.is_empty() {
            return None;
        }
        let chosen = choices.iter().find(|(option, _)| *option == key);
        let chosen = chosen.map(|(_, choice)| *choice);
        chosen.or((key == Key::STAR).then_some(Choice::BackToBot))
    }

    /// Nobody is rung for the caller any more, and they have left the line if they were in it.
    pub(super) fn give_up_people(&mut self) {
        self.act(Action::LeaveLine);
        if !self.ways_out().choices.is_empty() {
            self.log(Event::LineLeft);
        }
        self.timers.stop(Timer::InLine);
        self.stop_playing();
        // From here the way back leads to the choices after a transfer that came to nothing.
        self.after_handoff = true;
    }

    pub(super) fn leave_line(&mut self, choice: Choice) -> Option<Next> {
        self.give_up_people();
        match choice {
            Choice::Callback | Choice::CallbackInTurn => self.begin_callback(),
            Choice::Message => self.begin_message(),
            Choice::BackToBot | Choice::TryAgain => {
                let to = self.last_menu().unwrap_or(self.dialplan().start);
                Some(Next::To(Target::Node(to)))
            }
        }
    }
}

/// Rounded up: "about one minute" is the least.
fn minutes(estimate: Duration) -> u32 {
    estimate.as_secs().div_ceil(60).max(1) as u32
}
