//! One caller's way to a person: whoever the [distributor](super::distributor) names is rung, until one
//! has taken the call or the caller is back.
//!
//! ```text
//!         ┌─ Offered ──► Dial ──► rings ──► Answered ─(accept key)─► Bridge
//! Seek ──►┤    ▲                    └─ fails, times out ──► Failed ─┐
//!         │    └──────────────────────────────────────────────────┤ the distributor names the next
//!         ├─ InLine ──► music, place and choices ─────────────────────┘
//!         ├─ Offered (REFER) ──► PassingOn is said ──► Refer ──► NOTIFY 2xx ──► HandOver
//!         │                                   └─ refused ──► Dial the same target at once
//!         └─ NobodyLeft ──► Return
//! ```

use super::distributor::{Answer, Failed, Passed, Request};
use super::targets::{Plan, Try};
use crate::dialplan::model::Way;
use crate::events::{Event, ReturnReason, TargetFailure, TransferWay};
use crate::language::Language;
use crate::speech::sentences::Sentence;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

mod referral;
mod ringing;

/// The longest wait for the distributor, which answers at once.
const SEEKING: Duration = Duration::from_secs(2);
/// What happened to those who are being tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// What the distributor says.
    Distributor(Answer),
    /// A provisional status from a target.
    Progress {
        attempt: u32,
        status: u16,
    },
    /// The target's 200 to our INVITE.
    Answered {
        attempt: u32,
    },
    /// The target's 200 has no session description, or none that can be agreed on.
    UnusableAnswer {
        attempt: u32,
    },
    /// A final refusal of our INVITE, or the end of a call that was not taken yet; `None`: nothing
    /// came, or it could not be sent.
    Failed {
        attempt: u32,
        status: Option<u16>,
    },
    /// Who answered has pressed the accept key, or the other one.
    Accepted {
        attempt: u32,
    },
    Declined {
        attempt: u32,
    },
    /// The sentence before a REFER was heard.
    PassingOnSaid,
    ReferAccepted,
    /// The REFER itself was refused.
    ReferRefused {
        status: Option<u16>,
    },
    /// A NOTIFY; `status` is the sipfrag's.
    ReferProgress {
        status: u16,
    },
    /// A final one.
    ReferEnded {
        status: u16,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// For the distributor.
    Desk(Request),
    Say(Sentence),
    /// What the caller hears between sentences.
    Sound(WaitingSound),
    /// The caller waits at this place: they are told, and may choose.
    InLine {
        position: u32,
        estimate: Option<Duration>,
    },
    /// The wait is over.
    NextInLine,
    /// Send our own INVITE.
    Dial {
        attempt: u32,
        target: String,
    },
    /// Tell who answered, and speaks these languages (none: any), whose call it is, and ask for the
    /// accept key.
    Brief {
        attempt: u32,
        languages: Vec<Language>,
    },
    /// Send a REFER on the caller's dialog.
    Refer {
        attempt: u32,
        target: String,
    },
    /// The REFER came to nothing: the call is ours still.
    NotPassedOn,
    /// Give up this attempt's leg.
    Cancel {
        attempt: u32,
    },
    /// Join the caller and this attempt's leg; then send it these keys. `attended`: then pass the call
    /// on to them by REFER.
    Bridge {
        attempt: u32,
        then_keys: Option<String>,
        attended: bool,
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
    /// It does not ring yet, or not any more.
    Comfort,
    /// Music for those who wait in line.
    Music,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum State {
    /// The distributor is asked.
    Seeking,
    InLine,
    Ringing,
    SayingPassingOn,
    Referring,
    ReferAccepted,
    Done,
}

/// One who is being rung.
#[derive(Debug)]
struct Rung {
    attempt: u32,
    one: Try,
    until: Instant,
    rings: bool,
    /// They have answered and are told whose call it is.
    briefed: bool,
    /// The provisional statuses that are logged: each is, once.
    told: Vec<u16>,
}

pub struct Transfer {
    state: State,
    /// Counts from 1 over the whole call.
    attempt: u32,
    /// One, or several where all ring at once; with a REFER, whom the caller is passed on to.
    rung: Vec<Rung>,
    /// Of [`State::Seeking`], and of a REFER.
    deadline: Option<Instant>,
    /// The distributor does not know yet that whom it names is rung: the caller was to be there first.
    caller_first: bool,
    /// What is said when the next is rung.
    next_sentence: Sentence,
    /// The caller's trunk does not transfer.
    refers_no_more: bool,
    /// What the caller hears between sentences.
    sound: Option<WaitingSound>,
    outputs: VecDeque<Output>,
}

impl Transfer {
    /// `attempts_before` is how many targets the call has tried already; `since`: from when on its
    /// place in line counts; `search` is the number of the call's search.
    pub fn start(
        now: Instant,
        plan: Plan,
        (since, search): (Instant, u32),
        attempts_before: u32,
    ) -> Transfer {
        let mut transfer = Transfer {
            state: State::Seeking,
            attempt: attempts_before,
            rung: Vec::new(),
            deadline: Some(now + SEEKING),
            caller_first: plan.caller_first,
            next_sentence: Sentence::Connecting,
            refers_no_more: false,
            sound: None,
            outputs: VecDeque::new(),
        };
        transfer.log(Event::TransferStarted {
            handoff: plan.handoff.clone(),
        });
        transfer.wait_to(WaitingSound::Comfort);
        transfer.desk(Request::Seek {
            plan,
            since,
            search,
        });
        transfer
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let ringing = self.rung.iter().map(|rung| rung.until);
        let ringing = ringing.filter(|_| self.state == State::Ringing);
        ringing.chain(self.deadline).min()
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
        match input {
            Input::Distributor(answer) => self.told(now, answer),
            Input::Progress { attempt, status } => self.progress(attempt, status),
            Input::Answered { attempt } => self.answered(now, attempt),
            Input::UnusableAnswer { attempt } => {
                self.target_failed(now, attempt, Some(200), TargetFailure::UnusableAnswer)
            }
            Input::Failed { attempt, status } => self.leg_failed(now, attempt, status),
            Input::Accepted { attempt } => self.accepted(attempt),
            Input::Declined { attempt } => {
                self.outputs.push_back(Output::Cancel { attempt });
                self.target_failed(now, attempt, None, TargetFailure::Declined);
            }
            refer => self.handle_refer(now, refer),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state == State::Ringing {
            return self.ringing_timeout(now);
        }
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Seeking => {
                self.desk(Request::Over);
                self.nobody_is_left(ReturnReason::NobodyAnswered);
            }
            // The sentence could not be heard; the person matters more.
            State::SayingPassingOn => self.refer(now),
            State::Referring => self.refer_refused(now, None),
            State::ReferAccepted => self.refer_ended(now, None, TargetFailure::NoAnswer),
            State::InLine | State::Ringing | State::Done => self.deadline = None,
        }
    }

    /// The caller hung up, chose otherwise, or the call ends: nothing may be left ringing.
    pub fn abandon(&mut self) {
        if self.state == State::Ringing {
            for rung in std::mem::take(&mut self.rung) {
                let attempt = rung.attempt;
                self.outputs.push_back(Output::Cancel { attempt });
                self.log_failure(attempt, None, TargetFailure::Cancelled);
            }
        }
        if self.state != State::Done {
            self.desk(Request::Over);
        }
        self.state = State::Done;
        self.deadline = None;
    }

    fn told(&mut self, now: Instant, answer: Answer) {
        let (Answer::Ring { passed, .. }
        | Answer::Waiting { passed, .. }
        | Answer::NobodyLeft { passed, .. }) = &answer;
        match (self.state, &answer) {
            (State::Seeking | State::InLine, _) => self.log_passed(passed.clone()),
            // It crossed with the caller's own wish.
            _ => return,
        }
        match answer {
            Answer::Ring { tries, .. } => self.offered(now, tries),
            Answer::Waiting {
                handoff,
                position,
                estimate,
                ..
            } => self.in_line(handoff, position, estimate),
            Answer::NobodyLeft { reason, .. } => self.nobody_is_left(reason),
        }
    }

    fn log_passed(&mut self, passed: Passed) {
        for handoff in passed.closed {
            self.log(Event::HandoffClosed { handoff });
        }
        for handoff in passed.none_free {
            self.log(Event::NoneFree { handoff });
        }
    }

    fn in_line(&mut self, handoff: String, position: u32, estimate: Option<Duration>) {
        self.state = State::InLine;
        self.deadline = None;
        self.next_sentence = Sentence::Connecting;
        self.log(Event::Queued {
            handoff,
            position,
            estimate_s: estimate.map(|estimate| estimate.as_secs() as u32),
        });
        self.wait_to(WaitingSound::Music);
        self.outputs
            .push_back(Output::InLine { position, estimate });
    }

    fn offered(&mut self, now: Instant, tries: Vec<Try>) {
        if self.state == State::InLine {
            self.outputs.push_back(Output::NextInLine);
        }
        self.deadline = None;
        self.state = State::Ringing;
        if std::mem::take(&mut self.caller_first) {
            self.desk(Request::CallerIsThere);
        }
        for one in tries {
            self.attempt += 1;
            let way = match one.way {
                _ if !one.allowed => TransferWay::Bridged,
                Way::Refer if !self.refers_no_more => return self.pass_on(now, one),
                Way::Attended => TransferWay::Attended,
                Way::Refer | Way::Bridged | Way::Default => TransferWay::Bridged,
            };
            self.dial(now, one, way);
        }
        if self.rung.is_empty() {
            self.seek_on(now);
        } else {
            self.wait_to(WaitingSound::Comfort);
            self.say_next();
        }
    }

    fn say_next(&mut self) {
        let sentence = std::mem::replace(&mut self.next_sentence, Sentence::StillTrying);
        self.outputs.push_back(Output::Say(sentence));
    }

    /// The distributor knows that nobody is rung any more, and names the next.
    fn seek_on(&mut self, now: Instant) {
        self.state = State::Seeking;
        self.deadline = Some(now + SEEKING);
        self.wait_to(WaitingSound::Comfort);
    }

    fn nobody_is_left(&mut self, reason: ReturnReason) {
        self.log(Event::TransferReturned { reason });
        self.finish(Output::Return(reason));
    }

    fn finish(&mut self, output: Output) {
        self.state = State::Done;
        self.deadline = None;
        self.outputs.push_back(output);
    }

    fn log_tried(&mut self, target: &Try, way: TransferWay) {
        self.log(Event::TargetTried {
            attempt: self.attempt,
            handoff: target.handoff.clone(),
            target: target.target.clone(),
            way,
        });
    }

    fn log_failure(&mut self, attempt: u32, status: Option<u16>, reason: TargetFailure) {
        self.log(Event::TargetFailed {
            attempt,
            status,
            reason,
        });
    }

    fn failed(&mut self, target: String, why: Failed) {
        self.desk(Request::Failed { target, why });
    }

    fn desk(&mut self, request: Request) {
        self.outputs.push_back(Output::Desk(request));
    }

    fn log(&mut self, event: Event) {
        self.outputs.push_back(Output::Log(event));
    }
}

#[cfg(test)]
mod tests;
