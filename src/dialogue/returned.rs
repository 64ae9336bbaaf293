//! Nobody could be had, or the person left: the caller is told, and chooses (law 2).

use super::interpreter::Dialogue;
use super::state::{Among, Choosing, Next, State, Wanted};
use super::timers::Timer;
use crate::dialplan::model::{HandoffId, Otherwise, Target};
use crate::events::{Event, RequestedBy, ReturnReason};
use crate::key::Key;
use crate::speech::choices::Choice;
use crate::speech::sentences::Sentence;

const NO_ANSWER: &str = "the caller did not answer";

impl Dialogue {
    pub(super) fn handoff_returned(&mut self, reason: ReturnReason) -> Option<Next> {
        if !matches!(self.state, State::WithPeople(_) | State::InLine(_)) {
            return None;
        }
        self.timers.stop(Timer::InLine);
        if self.stopping {
            // A person who hangs up was done.
            let number = self.number_to_call_back();
            self.say_it_stops(number.filter(|_| reason != ReturnReason::AgentLeft));
            return None;
        }
        self.typed_ahead.clear();
        self.out_of_hours = reason == ReturnReason::OutOfHours;
        self.spoke_with_person |=
            matches!(reason, ReturnReason::AgentLeft | ReturnReason::AgentLost);
        let told = match reason {
            ReturnReason::NobodyAnswered => Sentence::NobodyAnswered,
            ReturnReason::OutOfHours => Sentence::OutOfHours,
            ReturnReason::AgentLeft => Sentence::AgentLeft,
            ReturnReason::AgentLost => Sentence::AgentLost,
        };
        self.offer_choices(vec![told])
    }

    /// `told` is said before the choices, once.
    pub(super) fn offer_choices(&mut self, told: Vec<Sentence>) -> Option<Next> {
        self.after_handoff = true;
        let otherwise = if self.message_failed {
            Choice::Callback
        } else {
            self.otherwise(self.handoff_for_later())
        };
        self.told_first = told;
        let choices = Choice::menu(!self.out_of_hours, otherwise);
        self.choose_among(Among::Returned(choices))
    }

    /// Where a handoff's chain ends. A chain is no longer than there are handoffs (the checker
    /// refuses cycles).
    fn otherwise(&self, mut handoff: HandoffId) -> Choice {
        for _ in 0..self.dialplan().handoffs.len() {
            match self.handoff(handoff).otherwise {
                Otherwise::Handoff(next) => handoff = next,
                Otherwise::Callback => return Choice::Callback,
                Otherwise::Message => return Choice::Message,
            }
        }
        Choice::Callback
    }

    pub(super) fn choose_after_handoff(
        &mut self,
        key: Key,
        choices: &[(Key, Choice)],
    ) -> Option<Next> {
        if key == Key::STAR {
            return self.put(None);
        }
        let chosen = choices.iter().find(|(option, _)| *option == key);
        match chosen.map(|(_, choice)| *choice) {
            Some(Choice::TryAgain) => self.human_wanted(RequestedBy::Key),
            Some(Choice::Callback | Choice::CallbackInTurn) => self.begin_callback(),
            Some(Choice::Message) => self.begin_message(),
            Some(Choice::BackToBot) => {
                let to = self.last_menu().unwrap_or(self.dialplan().start);
                Some(Next::To(Target::Node(to)))
            }
            None => self.not_a_choice(),
        }
    }

    /// Whether silence or wrong keys for the third time lead elsewhere than to a person: ringing
    /// people who could not be had would be a loop.
    pub(super) fn gives_up_by_itself(&self) -> bool {
        match &self.state {
            State::Choosing(Choosing { among, .. }) => {
                let asked_back = matches!(among, Among::Perhaps(_)) && self.after_handoff;
                asked_back || matches!(among, Among::Returned(_) | Among::NumberRight(_))
            }
            State::Keying(keying) => keying.wanted == Wanted::CallbackNumber,
            _ => false,
        }
    }

    /// What loses nothing: a callback on the caller's own number, else a message; and it is said.
    /// Who was keying another number does not want their own to be called. Who was called back, or
    /// their voicemail, is called again by itself, and not for ever.
    pub(super) fn give_up_on_answer(&mut self) -> Option<Next> {
        if self.is_callback {
            if !self.spoke_with_person {
                self.log(Event::CallbackFailed { status: None });
            }
            return self.say_goodbye(None, NO_ANSWER);
        }
        let keying = matches!(self.state, State::Keying(_));
        match self.caller_number().filter(|_| !keying) {
            Some(number) => self.book_callback_on_own_number(&number),
            None if self.message_failed || self.message_empty => self.say_goodbye(None, NO_ANSWER),
            None => self.begin_message(),
        }
    }
}
