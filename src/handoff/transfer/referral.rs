//! A transfer by REFER: the caller is told that their call is passed on, and the NOTIFYs tell what
//! becomes of it.

use super::ringing::failure_of;
use super::{Input, Output, Rung, State, Transfer, WaitingSound};
use crate::events::{Event, TargetFailure, TransferWay};
use crate::handoff::distributor::Request;
use crate::handoff::targets::Try;
use crate::speech::sentences::Sentence;
use std::time::{Duration, Instant};

/// After a REFER was accepted, how long its outcome is waited for beyond the target's own time-out.
const NOTIFY_GRACE: Duration = Duration::from_secs(10);
/// The longest wait for the sentence before a REFER.
const PASSING_ON: Duration = Duration::from_secs(10);
impl Transfer {
    pub(super) fn pass_on(&mut self, now: Instant, one: Try) {
        self.rung = vec![Rung {
            attempt: self.attempt,
            one,
            until: now,
            rings: false,
            briefed: false,
            told: Vec::new(),
        }];
        self.state = State::SayingPassingOn;
        self.deadline = Some(now + PASSING_ON);
        self.wait_to(WaitingSound::Comfort);
        self.outputs.push_back(Output::Say(Sentence::PassingOn));
    }

    pub(super) fn handle_refer(&mut self, now: Instant, input: Input) {
        match (self.state, input) {
            (State::SayingPassingOn, Input::PassingOnSaid) => self.refer(now),
            (State::Referring, Input::ReferAccepted) => {
                self.log(Event::ReferAccepted {
                    attempt: self.attempt,
                });
                self.state = State::ReferAccepted;
                // The caller's dialog may end before a NOTIFY comes, and all that is known of the call
                // with it.
                if let Some(rung) = self.rung.first() {
                    let target = rung.one.target.clone();
                    self.desk(Request::Referred { target });
                }
            }
            (State::Referring, Input::ReferRefused { status }) => self.refer_refused(now, status),
            (State::ReferAccepted, Input::ReferProgress { status }) => {
                self.log_progress(self.attempt, status)
            }
            (State::Referring | State::ReferAccepted, Input::ReferEnded { status: 200..=299 }) => {
                self.log(Event::TargetAnswered {
                    attempt: self.attempt,
                    briefed: false,
                });
                self.desk(Request::HandedOver);
                self.finish(Output::HandOver);
            }
            (State::Referring | State::ReferAccepted, Input::ReferEnded { status }) => {
                self.refer_ended(now, Some(status), failure_of(Some(status)))
            }
            // Anything else is about an attempt that is over.
            _ => {}
        }
    }

    pub(super) fn refer(&mut self, now: Instant) {
        let Some(rung) = self.rung.first() else {
            return;
        };
        let (one, attempt) = (rung.one.clone(), rung.attempt);
        self.log_tried(&one, TransferWay::Refer);
        self.state = State::Referring;
        self.deadline = Some(now + one.timeout + NOTIFY_GRACE);
        let target = one.target;
        self.outputs.push_back(Output::Refer { attempt, target });
    }

    /// The caller's trunk does not transfer: ring the same target ourselves.
    pub(super) fn refer_refused(&mut self, now: Instant, status: Option<u16>) {
        self.log_failure(self.attempt, status, TargetFailure::ReferRefused);
        self.refers_no_more = true;
        let referred = std::mem::take(&mut self.rung);
        self.next_sentence = Sentence::Connecting;
        self.offered(now, referred.into_iter().map(|rung| rung.one).collect());
        self.outputs.push_back(Output::NotPassedOn);
    }

    pub(super) fn refer_ended(&mut self, now: Instant, status: Option<u16>, reason: TargetFailure) {
        self.next_sentence = Sentence::StillTrying;
        self.target_failed(now, self.attempt, status, reason);
        self.outputs.push_back(Output::NotPassedOn);
    }
}
