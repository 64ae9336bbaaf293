//! The caller waits in line until somebody is free: they are told their place and, where it is known,
//! about how long it takes (law 6), and may choose something else at any time (law 2).

use super::action::{Action, Part};
use super::interpreter::Dialogue;
use super::state::{Next, State};
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
        match self.state {
            State::WithPeople => self.count_handoff_step(),
            State::InLine(_) => {}
            // It crossed with the caller's choice of something else.
            _ => return,
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
            self.state = State::WithPeople;
        }
    }

    /// The human key is not a wish that is new: it is answered by where the caller is.
    pub(super) fn key_in_line(
        &mut self,
        key: Key,
        human: bool,
        choices: &[(Key, Choice)],
    ) -> Option<Next> {
        if human {
            self.act(Action::WhereAmI);
            return None;
        }
        let chosen = choices.iter().find(|(option, _)| *option == key);
        let choice = match (chosen, key) {
            (Some((_, choice)), _) => *choice,
            (None, Key::STAR) => Choice::BackToBot,
            (None, _) => {
                self.act(Action::WhereAmI);
                return None;
            }
        };
        self.act(Action::LeaveLine);
        self.timers.stop(Timer::InLine);
        self.stop_playing();
        // From here the way back leads to the choices after a transfer that came to nothing.
        self.after_handoff = true;
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
