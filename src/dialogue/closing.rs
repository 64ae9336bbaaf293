//! The server stops: the caller is told as soon as they have no person, and who wanted one is called back
//! (law 2).

use super::interpreter::Dialogue;
use super::state::{Among, Choosing, State, Wanted};
use crate::events::EndedBy;
use crate::speech::sentences::Sentence;

const STOPS: &str = "the server stops";

impl Dialogue {
    /// Who has a person is told when they come back, if they do.
    pub(super) fn server_stops(&mut self, with_person: bool) {
        self.stopping = true;
        match &self.state {
            State::New | State::SayingGoodbye(..) | State::Passing | State::Ended => {}
            // It goes on elsewhere.
            State::WithPeople(ways_out) if ways_out.passed_on || with_person => {}
            State::WithPeople(_) | State::InLine(_) => {
                let number = self.number_to_call_back();
                self.give_up_people();
                self.say_it_stops(number);
            }
            _ => {
                let number = self.number_to_call_back();
                self.say_it_stops(number);
            }
        }
    }

    /// It stops now, and nothing can be said any more.
    pub(super) fn cut_off(&mut self) {
        if let Some(number) = self.number_to_call_back() {
            self.note_callback(&number);
        }
    }

    /// `number`: who is called back on it is told so.
    pub(super) fn say_it_stops(&mut self, number: Option<String>) {
        let mut words = vec![self.sentence(Sentence::ServiceStops)];
        if let Some(number) = number {
            self.note_callback(&number);
            words.push(self.sentence(Sentence::CallbackNumberIs));
            words.extend(self.digits(number.trim_start_matches('+')));
        }
        words.push(self.sentence(Sentence::Goodbye));
        self.say_last_words(words, EndedBy::Server, STOPS);
    }

    /// Of who wants a person or to be called, and has neither. Who leaves a message, or refused this
    /// number, does not want it to be called; who is called back already is called again by itself.
    pub(super) fn number_to_call_back(&self) -> Option<String> {
        let wants = match &self.state {
            State::WithPeople(ways_out) => !ways_out.passed_on,
            State::InLine(_) => true,
            State::Choosing(Choosing {
                among: Among::NumberRight(number),
                ..
            }) => return Some(number.clone()),
            State::Keying(keying) if keying.wanted == Wanted::CallbackNumber => false,
            State::New
            | State::RecordingMessage(_)
            | State::SayingGoodbye(..)
            | State::Passing
            | State::Ended => false,
            _ => self.after_handoff && !self.spoke_with_person,
        };
        self.caller_number().filter(|_| wants && !self.is_callback)
    }
}
