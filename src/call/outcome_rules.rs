//! The rules that decide a call's outcome from its events (law 5).

use crate::call::outcome::Outcome;
use crate::events::{EndedBy, Event, LookupResult, RequestedBy, ReturnReason, TargetFailure};

/// Who the caller is with when nothing better stands.
#[derive(Clone, Copy)]
enum With {
    Bot,
    /// A person was asked for and is being reached.
    Ringing,
    /// No person could be had yet: a queue, the choices, a message under way.
    Waiting,
}

/// Follows a call's events. What stands at the end decides, the strongest first:
/// a person reached; "yes, that answered it"; a callback or message; and only then who hung up.
/// Something that comes later takes the place of what it contradicts, so that the outcome of a call
/// that came back from a failed transfer is what came after.
pub struct OutcomeRules {
    rejected: bool,
    answered: bool,
    /// We call the caller, who has asked for it.
    calls_back: bool,
    with: With,
    /// One of the three `Transferred…`, and the attempt it came of.
    person: Option<(Outcome, u32)>,
    resolved: bool,
    /// `CallbackBooked`, a promise that holds whatever the caller does next; or `MessageLeft`, until
    /// they want a person all the same.
    promise: Option<Outcome>,
    answer_stands: bool,
    /// By key or by word.
    asked_for_a_person: bool,
}

impl Default for OutcomeRules {
    fn default() -> Self {
        OutcomeRules {
            rejected: false,
            answered: false,
            calls_back: false,
            with: With::Bot,
            person: None,
            resolved: false,
            promise: None,
            answer_stands: false,
            asked_for_a_person: false,
        }
    }
}

impl OutcomeRules {
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::CallRejected { .. } => self.rejected = true,
            Event::CallAnswered { .. } => self.answered = true,
            Event::CallbackBegun { .. } => self.calls_back = true,
            Event::NodeEntered { .. } | Event::StepAsked { .. } => self.with = With::Bot,
            // Who came there by a wish to leave a message has wanted no person.
            Event::HandoffStepAsked { .. } if matches!(self.with, With::Bot) => {}
            Event::HandoffStepAsked { .. } => self.with = With::Waiting,
            Event::NoInput { .. }
            | Event::NoMatch { .. }
            | Event::RecognizerLate { .. }
            | Event::DistressSeen { .. }
            | Event::PromptFailed { .. } => {
                self.answer_stands = false;
            }
            Event::LookupEnded { result, .. } => {
                self.answer_stands &= !matches!(result, LookupResult::Failed { .. });
            }
            Event::AnswerPlayed { .. } => self.answer_stands = !self.asked_for_a_person,
            Event::ResolutionConfirmed { resolved } => self.resolution(*resolved),
            Event::HumanRequested { by, .. } => {
                self.asked_for_a_person |= matches!(by, RequestedBy::Key | RequestedBy::Speech);
                self.wants_a_person();
            }
            Event::TransferStarted { .. } => self.wants_a_person(),
            // Nobody is rung any more for who left the line, whatever they do instead.
            Event::Queued { .. } | Event::LineLeft => self.with = With::Waiting,
            Event::TargetTried { .. } => self.with = With::Ringing,
            // Nobody has the caller while they are only told whose call it is.
            Event::TargetAnswered { briefed: true, .. } => {}
            Event::TargetAnswered { attempt, .. } => {
                let certain = (Outcome::TransferredConfirmed, *attempt);
                if self.person != Some(certain) {
                    self.person = Some((Outcome::TransferredAnswered, *attempt));
                }
            }
            Event::TargetConfirmed { attempt } => {
                self.person = Some((Outcome::TransferredConfirmed, *attempt));
            }
            // Who has spoken with a person already is only passed on to them.
            Event::ReferAccepted { attempt } if self.person.is_none() => {
                self.person = Some((Outcome::TransferredUnconfirmed, *attempt));
            }
            Event::TargetFailed {
                attempt, reason, ..
            } => self.target_failed(*attempt, *reason),
            Event::TransferReturned { reason } => self.returned(*reason),
            // The promise stands until the caller has spoken with a person.
            Event::CallbackFailed { .. } => {
                self.person = None;
                self.with = With::Waiting;
            }
            Event::CallbackBooked { .. } => self.promised(Outcome::CallbackBooked),
            Event::MessageLeft { .. } => self.promised(Outcome::MessageLeft),
            _ => {}
        }
    }

    fn resolution(&mut self, resolved: bool) {
        self.resolved = resolved;
        self.answer_stands = false;
        if resolved {
            self.person = None;
            self.promise = None;
        }
    }

    fn wants_a_person(&mut self) {
        self.with = With::Ringing;
        self.person = None;
        self.promise.take_if(|it| *it == Outcome::MessageLeft);
        self.resolved = false;
        self.answer_stands = false;
    }

    /// A REFER that was accepted and then came to nothing, or who answered did not take the call, were
    /// it a voicemail or a person for whom it came too late: nobody was reached. Who talks already and
    /// only cannot be passed on, was.
    fn target_failed(&mut self, attempt: u32, reason: TargetFailure) {
        self.answer_stands = false;
        self.person.take_if(|(outcome, of)| {
            let talks = reason == TargetFailure::ReferRefused
                && *outcome != Outcome::TransferredUnconfirmed;
            *of == attempt && !talks
        });
    }

    fn returned(&mut self, reason: ReturnReason) {
        self.with = With::Waiting;
        self.answer_stands = false;
        // Who spoke with somebody who then went has been transferred, until something else comes.
        if !matches!(reason, ReturnReason::AgentLeft | ReturnReason::AgentLost) {
            self.person = None;
        }
    }

    fn promised(&mut self, promise: Outcome) {
        self.promise = Some(promise);
        self.with = With::Bot;
        self.person = None;
        self.resolved = false;
    }

    /// `by` is absent where the process died before the call ended. That is `Dropped`, by our own
    /// fault, unless the caller had what the call was for.
    pub fn finish(&self, by: Option<EndedBy>) -> Outcome {
        // Of a callback, a person has the line before its caller has answered.
        let person = self.person.filter(|_| self.answered || !self.calls_back);
        let standing = person.map(|(outcome, _)| outcome);
        let standing = standing
            .or(self.resolved.then_some(Outcome::ResolvedConfirmed))
            .or(self.promise);
        if self.rejected {
            return Outcome::Rejected;
        }
        if let Some(outcome) = standing {
            return outcome;
        }
        match by {
            Some(EndedBy::Caller) if !self.answered => Outcome::GaveUpBeforeAnswer,
            Some(EndedBy::Caller) => match self.with {
                With::Ringing => Outcome::GaveUpWhileRinging,
                With::Waiting => Outcome::GaveUpInQueue,
                With::Bot if self.answer_stands => Outcome::ResolvedUnconfirmed,
                With::Bot => Outcome::GaveUpInMenu,
            },
            Some(EndedBy::Dialplan) if self.answer_stands => Outcome::ResolvedUnconfirmed,
            Some(EndedBy::Dialplan) => Outcome::EndedByDialplan,
            Some(EndedBy::Transfer) => Outcome::TransferredUnconfirmed,
            // No person was on the line, so it was not a person who ended it.
            Some(EndedBy::Agent | EndedBy::Network | EndedBy::Server) | None => Outcome::Dropped,
        }
    }
}

#[cfg(test)]
mod tests;
