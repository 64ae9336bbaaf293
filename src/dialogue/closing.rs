//! The server stops while the caller is with the bot or waits: they are told, and who wanted a person
//! is called back (law 2).

use super::interpreter::Dialogue;
use super::state::{Next, State};
use crate::events::{EndedBy, Event};
use crate::speech::sentences::Sentence;

const STOPS: &str = "the server stops";

impl Dialogue {
    pub(super) fn server_stops(&mut self) -> Option<Next> {
        match &self.state {
            State::New | State::SayingGoodbye(..) | State::Passing | State::Ended => return None,
            // It goes on elsewhere.
            State::WithPeople(ways_out) if ways_out.passed_on => return None,
            State::WithPeople(_) | State::InLine(_) => self.give_up_people(),
            _ => {}
        }
        let mut words = vec![self.sentence(Sentence::ServiceStops)];
        if let Some(number) = self.number_to_call_back() {
            self.note_callback(&number);
            words.push(self.sentence(Sentence::CallbackNumberIs));
            words.extend(self.digits(number.trim_start_matches('+')));
        }
        words.push(self.sentence(Sentence::Goodbye));
        self.say_last_words(words, EndedBy::Server, STOPS);
        None
    }

    /// Of who wanted a person, has none and leaves no message. Who is called back already is called
    /// again by itself.
    fn number_to_call_back(&mut self) -> Option<String> {
        if !self.after_handoff || matches!(self.state, State::RecordingMessage(_)) {
            return None;
        }
        if self.is_callback {
            if !self.spoke_with_person {
                self.log(Event::CallbackFailed { status: None });
            }
            return None;
        }
        self.caller_number()
    }
}
