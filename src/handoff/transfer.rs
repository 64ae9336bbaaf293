//! One caller's way to a person: which targets are rung, in which order and how, until one has
//! answered or the caller is back.
//!
//! ```text
//!             ┌─ Dial ──► rings ──► Answered ──► Bridge
//! next target ┤              └─ fails, times out ──► next target … none left ──► Return
//!             └─ PassingOn is said ──► Refer ──► accepted ──► NOTIFY 2xx ──► HandOver
//!                                        └─ refused ──► Dial the same target at once
//! ```

use super::targets::{Plan, Try};
use crate::dialplan::model::Way;
use crate::events::{Event, ReturnReason, TargetFailure, TransferWay};
use crate::speech::sentences::Sentence;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// After a REFER was accepted, how long its outcome is waited for beyond the target's own time-out.
const NOTIFY_GRACE: Duration = Duration::from_secs(10);

/// What happened to the target that is being tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A provisional status from the target, or a NOTIFY that says so.
    Progress {
        status: u16,
    },
    /// The target's 200 to our INVITE.
    Answered,
    /// The target's 200 has no session description, or none that can be agreed on.
    UnusableAnswer,
    /// A final refusal of our INVITE; `None`: nothing came, or it could not be sent.
    Failed {
        status: Option<u16>,
    },
    /// The sentence before a REFER was heard.
    PassingOnSaid,
    ReferAccepted,
    /// The REFER itself was refused.
    ReferRefused {
        status: Option<u16>,
    },
    /// A final NOTIFY; `status` is the sipfrag's.
    ReferEnded {
        status: u16,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    Say(Sentence),
    /// What the caller hears between sentences.
    Sound(WaitingSound),
    /// Send our own INVITE.
    Dial {
        attempt: u32,
        target: String,
    },
    /// Send a REFER on the caller's dialog.
    Refer {
        attempt: u32,
        target: String,
    },
    /// Give up this attempt's INVITE.
    Cancel {
        attempt: u32,
    },
    /// Join the caller and this attempt's leg; then send it these keys.
    Bridge {
        attempt: u32,
        then_keys: Option<String>,
    },
    /// The call goes on elsewhere: end our part of it.
    HandOver,
    /// Nobody could be had.
    Return(ReturnReason),
    Log(Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingSound {
    /// Our own leg rings at the target (law 6).
    RingBack,
    /// It does not ring yet.
    Comfort,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum State {
    Dialing,
    SayingPassingOn,
    Referring,
    ReferAccepted,
    Done,
}

pub struct Transfer {
    plan: VecDeque<Try>,
    closed_last: Vec<String>,
    current: Option<Try>,
    /// Counts from 1 over the whole call.
    attempt: u32,
    state: State,
    /// The provisional statuses of this attempt that are logged: each is, once.
    told: Vec<u16>,
    /// What the caller hears between sentences.
    sound: Option<WaitingSound>,
    deadline: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl Transfer {
    /// `attempts_before` is how many targets the call has tried already.
    pub fn start(now: Instant, plan: Plan, attempts_before: u32) -> Transfer {
        let mut transfer = Transfer {
            plan: plan.tries.into(),
            closed_last: plan.closed_last,
            current: None,
            attempt: attempts_before,
            state: State::Dialing,
            told: Vec::new(),
            sound: None,
            deadline: None,
            outputs: VecDeque::new(),
        };
        transfer.log(Event::TransferStarted {
            handoff: plan.handoff,
        });
        if transfer.plan.is_empty() {
            transfer.nobody_is_left(plan.empty_because);
        } else {
            transfer.next_target(now, Sentence::Connecting);
        }
        transfer
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// How many targets the call has tried by now.
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// A REFER was accepted and how it ended is not known.
    pub fn is_passed_on(&self) -> bool {
        self.state == State::ReferAccepted
    }

    pub fn handle_input(&mut self, now: Instant, input: Input) {
        match (self.state, input) {
            (State::Dialing | State::ReferAccepted, Input::Progress { status }) => {
                self.progress(status)
            }
            (State::Dialing, Input::Answered) => self.bridge(),
            (State::Dialing, Input::Failed { status }) => {
                self.target_failed(now, status, failure_of(status))
            }
            (State::Dialing, Input::UnusableAnswer) => {
                self.target_failed(now, Some(200), TargetFailure::UnusableAnswer)
            }
            (State::SayingPassingOn, Input::PassingOnSaid) => self.refer(now),
            (State::Referring, Input::ReferAccepted) => {
                self.log(Event::ReferAccepted {
                    attempt: self.attempt,
                });
                self.state = State::ReferAccepted;
            }
            (State::Referring, Input::ReferRefused { status }) => {
                self.log(Event::TargetFailed {
                    attempt: self.attempt,
                    status,
                    reason: TargetFailure::ReferRefused,
                });
                self.dial_instead(now);
            }
            (State::Referring | State::ReferAccepted, Input::ReferEnded { status: 200..=299 }) => {
                self.log(Event::TargetAnswered {
                    attempt: self.attempt,
                });
                self.finish(Output::HandOver);
            }
            (State::Referring | State::ReferAccepted, Input::ReferEnded { status }) => {
                self.target_failed(now, Some(status), failure_of(Some(status)))
            }
            // Anything else is about an attempt that is over.
            _ => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Dialing => {
                self.outputs.push_back(Output::Cancel {
                    attempt: self.attempt,
                });
                self.target_failed(now, None, TargetFailure::NoAnswer);
            }
            // The sentence could not be heard; the person matters more.
            State::SayingPassingOn => self.refer(now),
            State::Referring => {
                self.log_failure(None, TargetFailure::ReferRefused);
                self.dial_instead(now);
            }
            State::ReferAccepted => self.target_failed(now, None, TargetFailure::NoAnswer),
            State::Done => self.deadline = None,
        }
    }

    /// The caller hung up, or the call ends: nothing may be left ringing.
    pub fn abandon(&mut self) {
        if self.state == State::Dialing {
            self.outputs.push_back(Output::Cancel {
                attempt: self.attempt,
            });
            self.log_failure(None, TargetFailure::Cancelled);
        }
        self.state = State::Done;
        self.deadline = None;
    }

    fn next_target(&mut self, now: Instant, said_before: Sentence) {
        let mut sentence = Some(said_before);
        while let Some(mut next) = self.plan.pop_front() {
            self.log_closed(std::mem::take(&mut next.after_closed));
            self.attempt += 1;
            self.current = Some(next.clone());
            if !next.allowed {
                self.log_tried(&next, TransferWay::Bridged);
                self.log_failure(None, TargetFailure::NotAllowed);
                continue;
            }
            match next.way {
                Way::Refer => self.pass_on(now),
                Way::Bridged | Way::Default => self.dial(now, &next, sentence.take()),
            }
            return;
        }
        self.nobody_is_left(ReturnReason::NobodyAnswered);
    }

    fn dial(&mut self, now: Instant, target: &Try, sentence: Option<Sentence>) {
        self.log_tried(target, TransferWay::Bridged);
        self.state = State::Dialing;
        self.deadline = Some(now + target.timeout);
        self.outputs.push_back(Output::Dial {
            attempt: self.attempt,
            target: target.target.clone(),
        });
        self.wait_to(WaitingSound::Comfort);
        self.outputs.extend(sentence.map(Output::Say));
    }

    /// It rings where 180 says so, until another status says that it rings there no more (law 6);
    /// 183 says neither.
    fn progress(&mut self, status: u16) {
        let attempt = self.attempt;
        if !self.told.contains(&status) {
            self.told.push(status);
            self.log(match status {
                180 => Event::TargetRinging { attempt, status },
                _ => Event::TargetProgress { attempt, status },
            });
        }
        // Only for our own leg: what a referred party hears is not ours.
        match status {
            _ if self.state != State::Dialing => {}
            180 => self.wait_to(WaitingSound::RingBack),
            181 | 182 => self.wait_to(WaitingSound::Comfort),
            _ => {}
        }
    }

    fn wait_to(&mut self, sound: WaitingSound) {
        if self.sound.replace(sound) != Some(sound) {
            self.outputs.push_back(Output::Sound(sound));
        }
    }

    fn pass_on(&mut self, now: Instant) {
        self.state = State::SayingPassingOn;
        self.deadline = Some(now + Duration::from_secs(10));
        self.wait_to(WaitingSound::Comfort);
        self.outputs.push_back(Output::Say(Sentence::PassingOn));
    }

    fn refer(&mut self, now: Instant) {
        let target = self
            .current
            .clone()
            .expect("a target is being tried in this state");
        self.log_tried(&target, TransferWay::Refer);
        self.state = State::Referring;
        self.deadline = Some(now + target.timeout + NOTIFY_GRACE);
        self.outputs.push_back(Output::Refer {
            attempt: self.attempt,
            target: target.target,
        });
    }

    /// The caller's trunk does not transfer: ring the same target ourselves.
    fn dial_instead(&mut self, now: Instant) {
        let target = self
            .current
            .clone()
            .expect("a target is being tried in this state");
        self.attempt += 1;
        for later in &mut self.plan {
            later.way = Way::Bridged;
        }
        self.dial(now, &target, Some(Sentence::Connecting));
    }

    fn bridge(&mut self) {
        self.log(Event::TargetAnswered {
            attempt: self.attempt,
        });
        let then_keys = self.current.take().and_then(|target| target.then_keys);
        self.finish(Output::Bridge {
            attempt: self.attempt,
            then_keys,
        });
    }

    fn target_failed(&mut self, now: Instant, status: Option<u16>, reason: TargetFailure) {
        self.log_failure(status, reason);
        self.next_target(now, Sentence::StillTrying);
    }

    fn nobody_is_left(&mut self, reason: ReturnReason) {
        let closed = std::mem::take(&mut self.closed_last);
        self.log_closed(closed);
        self.log(Event::TransferReturned { reason });
        self.finish(Output::Return(reason));
    }

    fn finish(&mut self, output: Output) {
        self.state = State::Done;
        self.deadline = None;
        self.outputs.push_back(output);
    }

    fn log_closed(&mut self, handoffs: Vec<String>) {
        for handoff in handoffs {
            self.log(Event::HandoffClosed { handoff });
        }
    }

    fn log_tried(&mut self, target: &Try, way: TransferWay) {
        self.told.clear();
        self.log(Event::TargetTried {
            attempt: self.attempt,
            handoff: target.handoff.clone(),
            target: target.target.clone(),
            way,
        });
    }

    fn log_failure(&mut self, status: Option<u16>, reason: TargetFailure) {
        self.log(Event::TargetFailed {
            attempt: self.attempt,
            status,
            reason,
        });
    }

    fn log(&mut self, event: Event) {
        self.outputs.push_back(Output::Log(event));
    }
}

/// What a final SIP status says about the person (RFC 3261, 21).
fn failure_of(status: Option<u16>) -> TargetFailure {
    match status {
        Some(486 | 600) => TargetFailure::Busy,
        Some(603 | 403) => TargetFailure::Declined,
        Some(404 | 410 | 484 | 604) => TargetFailure::NotFound,
        Some(480 | 408 | 487) => TargetFailure::NoAnswer,
        None | Some(500..=599) => TargetFailure::Unreachable,
        Some(_) => TargetFailure::Other,
    }
}

#[cfg(test)]
mod tests;
