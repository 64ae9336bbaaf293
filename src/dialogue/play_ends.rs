//! What follows when a prompt was heard to its end, was never reported, or could not be said.

use super::action::Action;

use super::interpreter::Dialogue;
use super::state::{Next, State};
use super::timers::Timer;
use crate::dialplan::model::Target;
use crate::events::{Event, RequestedBy};

impl Dialogue {
    pub(super) fn play_ended(&mut self) -> Option<Next> {
        self.timers.stop(Timer::Play);
        match &self.state {
            State::Greeting => Some(Next::To(Target::Node(self.dialplan().start))),
            State::Choosing(_) | State::Keying(_) => {
                self.question_was_heard();
                None
            }
            State::Saying => self.said(),
            State::LookingUp(_) => {
                self.keep_lookup_audible();
                None
            }
            State::BeforeMessage(handoff) => {
                let handoff = *handoff;
                self.record_message(handoff);
                None
            }
            State::SayingGoodbye(by, reason) => {
                let (by, reason) = (*by, reason.to_string());
                self.state = State::Ended;
                self.timers.stop_all();
                self.act(Action::HangUp { by, reason });
                None
            }
            State::New
            | State::WithPeople(_)
            | State::InLine(_)
            | State::RecordingMessage(_)
            | State::LookedUp(_)
            | State::Passing
            | State::Ended => None,
        }
    }

    /// Its end was never reported. The call goes on, but nothing was heard to its end (law 5).
    pub(super) fn play_overdue(&mut self) -> Option<Next> {
        match &self.state {
            State::Saying => self.cut_short(),
            _ => self.play_ended(),
        }
    }

    /// The caller hears a person instead of what could not be said; but where the way to a person
    /// has just failed, or nothing of worth was lost, the dialogue goes on as if it had been heard.
    pub(super) fn play_failed(&mut self, reason: String) -> Option<Next> {
        self.log(Event::PromptFailed {
            node: self.node_name().to_string(),
            reason,
        });
        let goes_on = match &self.state {
            State::Greeting | State::Saying => false,
            State::Choosing(_) | State::Keying(_) => self.after_handoff,
            _ => true,
        };
        if goes_on {
            self.play_ended()
        } else {
            self.timers.stop(Timer::Play);
            Some(Next::Human(RequestedBy::Failure))
        }
    }
}
