//! While the caller and a person talk: an attended transfer's REFER, and how the talk ends.

use super::call::Call;
use super::contract::Input;
use crate::dialogue::input;
use crate::events::{EndedBy, Event, LegName, ReturnReason, TargetFailure};
use crate::handoff::transfer::WaitingSound;
use std::time::{Duration, Instant};

/// An attended transfer's REFER.
#[derive(Debug, Clone, Copy)]
pub(super) struct PassingOn {
    attempt: u32,
    /// When it was last told that the REFER is at work: by its 202, or a NOTIFY after that.
    told: Option<Instant>,
    /// The person's leg has ended, as it should when the caller's takes its place: so long the NOTIFY
    /// that tells so is waited for, and the caller hears that something goes on.
    pub replaced: Option<Instant>,
}

/// How long after the end of the person's leg an attended transfer's outcome may be told; and how long a
/// REFER of which nothing more is heard may still end the caller's leg before the person's.
const REPLACING: Duration = Duration::from_secs(4);

impl PassingOn {
    pub fn of(attempt: u32) -> PassingOn {
        PassingOn {
            attempt,
            told: None,
            replaced: None,
        }
    }

    /// Who goes now, goes on with the person elsewhere, as far as can be known. Who is here long after
    /// the last word of a REFER that did not end the person's leg talks through us, and has hung up.
    pub fn is_under_way(&self, now: Instant) -> bool {
        self.told
            .is_some_and(|told| self.replaced.is_some() || now < told + REPLACING)
    }
}

impl Call {
    /// How the REFER of an attended transfer fares. Whatever fails: they talk, through us.
    pub(super) fn attended(&mut self, now: Instant, input: &Input) {
        let Some(passing_on) = &mut self.human.passing_on else {
            return;
        };
        let attempt = passing_on.attempt;
        match *input {
            Input::ReferAccepted => {
                passing_on.told = Some(now);
                self.log_event(now, Event::ReferAccepted { attempt });
            }
            Input::ReferRefused { status } => self.not_passed_on(now, status),
            Input::ReferProgress {
                is_final: false, ..
            } => passing_on.told = Some(now),
            Input::ReferProgress {
                status,
                is_final: true,
            } => match status {
                200..=299 => {
                    passing_on.told = Some(now);
                    self.end(now, EndedBy::Transfer, "passed on by REFER".into());
                }
                _ => self.not_passed_on(now, Some(status)),
            },
            _ => {}
        }
    }

    pub(super) fn not_passed_on(&mut self, now: Instant, status: Option<u16>) {
        let Some(passing_on) = self.human.passing_on.take() else {
            return;
        };
        let event = Event::TargetFailed {
            attempt: passing_on.attempt,
            status,
            reason: TargetFailure::ReferRefused,
        };
        self.log_event(now, event);
        if passing_on.replaced.is_some() {
            self.lose_agent(now, "the caller was not passed on");
        }
    }

    /// The person hung up, and no NOTIFY tells whether the caller has taken our place: where they have
    /// not, they are here, and are no dead end (law 2).
    pub(super) fn person_was_done(&mut self, now: Instant) {
        self.give_back(now, EndedBy::Agent, ReturnReason::AgentLeft, "BYE");
    }

    /// Either side's hang-up ends both; what the network does to the person's leg does not.
    pub(super) fn agent_left(&mut self, now: Instant, by_peer: bool, reason: String) {
        match &mut self.human.passing_on {
            _ if self.calling.is_some() => self.person_went(now, reason),
            // The caller's call with them takes the place of ours, perhaps before we know that our REFER
            // was taken: the NOTIFY will tell.
            Some(passing_on) if by_peer => {
                passing_on.replaced = Some(now + REPLACING);
                self.waiting_sound(Some(WaitingSound::Comfort));
            }
            _ if by_peer => self.end(now, EndedBy::Agent, reason),
            _ => self.lose_agent(now, &reason),
        }
    }

    /// The person is out of reach in the midst of the talk.
    pub(super) fn lose_agent(&mut self, now: Instant, reason: &str) {
        if self.is_calling() {
            return self.person_went(now, reason.to_string());
        }
        self.give_back(now, EndedBy::Network, ReturnReason::AgentLost, reason);
    }

    /// The caller is ours again, and chooses.
    fn give_back(&mut self, now: Instant, by: EndedBy, reason: ReturnReason, told: &str) {
        if let Some(quality) = self.quality(LegName::Agent) {
            self.log_event(now, quality);
        }
        self.hang_up_agent(now, told);
        self.waiting_sound(None);
        self.log_event(now, Event::BridgeEnded { by });
        self.log_event(now, Event::TransferReturned { reason });
        self.dialogue_input(now, input::Input::HandoffReturned { reason });
    }
}

pub(super) fn is_of_refer(input: &Input) -> bool {
    matches!(
        input,
        Input::ReferAccepted | Input::ReferRefused { .. } | Input::ReferProgress { .. }
    )
}
