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
            Event::TargetAnswered { attempt } => {
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
mod tests {
    use super::*;
    use crate::events::{KeySource, StepKind, TransferWay};

    /// A call told in words, one event each; the last word is who ended it, or `died`.
    fn outcome_of(story: &str) -> Outcome {
        let mut rules = OutcomeRules::default();
        let mut by = None;
        for word in story.split_whitespace() {
            match word {
                "by-caller" => by = Some(EndedBy::Caller),
                "by-agent" => by = Some(EndedBy::Agent),
                "by-dialplan" => by = Some(EndedBy::Dialplan),
                "by-transfer" => by = Some(EndedBy::Transfer),
                "by-network" => by = Some(EndedBy::Network),
                "by-server" => by = Some(EndedBy::Server),
                "died" => by = None,
                word => rules.apply(&event(word)),
            }
        }
        rules.finish(by)
    }

    fn event(word: &str) -> Event {
        let node = || "n".to_string();
        let human = |by| Event::HumanRequested {
            by,
            node: node(),
            steps: 1,
            depth: 1,
        };
        let failed = |reason| Event::TargetFailed {
            attempt: 1,
            status: None,
            reason,
        };
        let returned = |reason| Event::TransferReturned { reason };
        match word {
            "rejected" => Event::CallRejected {
                status: 403,
                reason: String::new(),
            },
            "answered" => Event::CallAnswered {
                codec: "PCMA".into(),
                keys_by: KeySource::Info,
            },
            "menu" => Event::StepAsked {
                node: node(),
                step: StepKind::Menu,
                reprompt: false,
                steps: 1,
                depth: 1,
            },
            "no-input" => Event::NoInput {
                node: node(),
                count: 1,
            },
            "no-match" => Event::NoMatch {
                node: node(),
                count: 1,
            },
            "lookup-failed" => Event::LookupEnded {
                node: node(),
                milliseconds: 1,
                result: LookupResult::Failed {
                    status: None,
                    reason: String::new(),
                },
            },
            "lookup-ok" => Event::LookupEnded {
                node: node(),
                milliseconds: 1,
                result: LookupResult::Ok { status: 200 },
            },
            "answer" => Event::AnswerPlayed { node: node() },
            "yes" => Event::ResolutionConfirmed { resolved: true },
            "no" => Event::ResolutionConfirmed { resolved: false },
            "human-key" => human(RequestedBy::Key),
            "human-option" => human(RequestedBy::Dialplan),
            "queued" => Event::Queued {
                handoff: "h".into(),
                position: 1,
                estimate_s: None,
            },
            "line-left" => Event::LineLeft,
            "cancelled" => failed(TargetFailure::Cancelled),
            "tried" => Event::TargetTried {
                attempt: 1,
                handoff: "h".into(),
                target: "sip:a@b".into(),
                way: TransferWay::Bridged,
            },
            "person-answered" => Event::TargetAnswered { attempt: 1 },
            "person-confirmed" => Event::TargetConfirmed { attempt: 1 },
            "refer-accepted" => Event::ReferAccepted { attempt: 1 },
            "busy" => failed(TargetFailure::Busy),
            "nobody" => returned(ReturnReason::NobodyAnswered),
            "closed" => returned(ReturnReason::OutOfHours),
            "agent-left" => returned(ReturnReason::AgentLeft),
            "choices" => Event::HandoffStepAsked {
                step: None,
                handoff_steps: 1,
            },
            "callback-begun" => Event::CallbackBegun {
                of: ulid::Ulid::nil(),
                attempt: 1,
                wish: None,
            },
            "callback" => Event::CallbackBooked {
                own_number: true,
                since_ms: None,
                number: "1".into(),
                handoff: "h".into(),
                wish: String::new(),
            },
            "message-started" => Event::MessageStarted {
                handoff: "h".into(),
            },
            "message" => Event::MessageLeft {
                handoff: "h".into(),
                file: "f".into(),
                milliseconds: 1,
            },
            other => panic!("no event is called {other}"),
        }
    }

    fn check(expected: Outcome, stories: &[&str]) {
        for story in stories {
            assert_eq!(outcome_of(story), expected, "{story}");
        }
    }

    #[test]
    fn a_callback_that_reached_nobody_is_no_transfer() {
        check(
            Outcome::Dropped,
            &["callback-begun tried person-confirmed died"],
        );
    }

    #[test]
    fn refused_is_rejected() {
        check(Outcome::Rejected, &["rejected died"]);
    }

    #[test]
    fn hung_up_before_our_answer() {
        check(Outcome::GaveUpBeforeAnswer, &["by-caller"]);
    }

    #[test]
    fn a_hang_up_is_not_a_resolution() {
        check(
            Outcome::GaveUpInMenu,
            &[
                "answered by-caller",
                "answered menu by-caller",
                "answered menu answer no by-caller",
                "answered menu answer lookup-failed by-caller",
                "answered menu answer no-input by-caller",
                "answered menu answer menu no-match by-caller",
                "answered human-key nobody menu answer by-caller",
                "answered human-key nobody choices menu by-caller",
                "answered menu message-started by-caller",
            ],
        );
    }

    #[test]
    fn an_answer_that_stands_resolves_without_being_confirmed() {
        check(
            Outcome::ResolvedUnconfirmed,
            &[
                "answered menu answer by-caller",
                "answered menu no-input menu lookup-ok answer by-caller",
                "answered menu answer by-dialplan",
                "answered menu answer menu by-caller",
                "answered lookup-failed answer by-caller",
            ],
        );
    }

    #[test]
    fn only_the_caller_confirms() {
        check(
            Outcome::ResolvedConfirmed,
            &[
                "answered menu answer yes by-caller",
                "answered menu answer yes by-dialplan",
                "answered menu answer yes by-network",
                "answered human-key person-answered agent-left menu answer yes by-caller",
            ],
        );
    }

    #[test]
    fn a_person_reached_is_a_transfer_whoever_hangs_up() {
        check(
            Outcome::TransferredConfirmed,
            &[
                "answered human-key tried person-answered person-confirmed by-caller",
                "answered human-key tried person-confirmed person-answered by-agent",
                "answered human-key tried person-confirmed by-network",
                "answered human-key tried person-confirmed died",
                "answered human-key tried person-confirmed agent-left choices by-caller",
                "answered human-key nobody human-key tried person-confirmed by-agent",
            ],
        );
        check(
            Outcome::TransferredAnswered,
            &[
                "answered human-key tried person-answered by-agent",
                "answered human-key tried person-answered died",
                "answered human-key tried refer-accepted person-answered by-transfer",
                "answered message human-key tried person-answered by-caller",
            ],
        );
    }

    #[test]
    fn a_refer_whose_end_we_never_learn() {
        check(
            Outcome::TransferredUnconfirmed,
            &[
                "answered human-key tried refer-accepted by-transfer",
                "answered human-key tried refer-accepted by-caller",
                "answered human-key tried refer-accepted died",
                "answered human-option tried by-transfer",
            ],
        );
    }

    #[test]
    fn gave_up_where() {
        check(
            Outcome::GaveUpWhileRinging,
            &[
                "answered human-key by-caller",
                "answered menu human-option tried by-caller",
                "answered human-key tried busy tried by-caller",
                "answered human-key tried refer-accepted busy by-caller",
                "answered human-key queued tried by-caller",
                "answered human-key queued tried cancelled by-caller",
                "answered menu answer yes human-key by-caller",
                "answered human-key person-answered agent-left human-key by-caller",
                "answered message-started message human-key tried by-caller",
            ],
        );
        check(
            Outcome::GaveUpInQueue,
            &[
                "answered message-started message human-key nobody by-caller",
                "answered human-key tried busy nobody by-caller",
                "answered human-key closed choices by-caller",
                "answered human-key nobody choices message-started by-caller",
                "answered human-key queued tried cancelled line-left by-caller",
                "answered human-key queued tried person-answered cancelled line-left by-caller",
                "answered human-key queued tried cancelled line-left message-started by-caller",
            ],
        );
    }

    #[test]
    fn a_promise_holds_whatever_comes_after_it_but_a_person() {
        check(
            Outcome::CallbackBooked,
            &[
                "answered human-key nobody callback by-caller",
                "answered human-key nobody callback menu by-caller",
                "answered human-key closed callback human-key nobody by-network",
                "answered human-key person-answered agent-left callback by-caller",
            ],
        );
        check(
            Outcome::MessageLeft,
            &[
                "answered human-key nobody message by-dialplan",
                "answered human-key nobody callback message died",
            ],
        );
    }

    #[test]
    fn the_dialplans_hang_up_is_no_resolution_either() {
        check(
            Outcome::EndedByDialplan,
            &[
                "answered menu by-dialplan",
                "answered answer human-option nobody by-dialplan",
            ],
        );
    }

    #[test]
    fn what_is_our_fault_is_dropped() {
        check(
            Outcome::Dropped,
            &[
                "answered menu by-network",
                "answered menu answer by-server",
                "answered human-key tried by-network",
                "answered menu died",
                "answered menu answer died",
                "died",
                "answered by-agent",
            ],
        );
    }
}
