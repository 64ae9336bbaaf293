//! Those who are rung for a caller: what they answer, and who of them has the call.

use super::{Output, Rung, Transfer, WaitingSound};
use crate::dialplan::model::Way;
use crate::events::{Event, TargetFailure, TransferWay};
use crate::handoff::distributor::{Failed, Request};
use crate::handoff::targets::Try;
use std::time::{Duration, Instant};

/// From a person's answer, how long they may take to press the accept key.
const ACCEPTING: Duration = Duration::from_secs(20);

impl Transfer {
    pub(super) fn dial(&mut self, now: Instant, one: Try, way: TransferWay) {
        self.log_tried(&one, way);
        let (attempt, target) = (self.attempt, one.target.clone());
        if !one.allowed {
            self.log_failure(attempt, None, TargetFailure::NotAllowed);
            return self.failed(target, Failed::Itself);
        }
        let until = now + one.timeout;
        self.rung.push(Rung {
            attempt,
            one,
            until,
            rings: false,
            briefed: false,
            told: Vec::new(),
        });
        self.outputs.push_back(Output::Dial { attempt, target });
    }

    /// It rings where 180 says so, until another status says that it rings there no more (law 6);
    /// 183 says neither.
    pub(super) fn progress(&mut self, attempt: u32, status: u16) {
        let Some(rung) = self.rung.iter_mut().find(|it| it.attempt == attempt) else {
            return;
        };
        match status {
            180 => rung.rings = true,
            181 | 182 => rung.rings = false,
            _ => {}
        }
        self.log_progress(attempt, status);
        self.sound_of_ringing();
    }

    pub(super) fn log_progress(&mut self, attempt: u32, status: u16) {
        let Some(rung) = self.rung.iter_mut().find(|it| it.attempt == attempt) else {
            return;
        };
        if !rung.told.contains(&status) {
            rung.told.push(status);
            self.log(match status {
                180 => Event::TargetRinging { attempt, status },
                _ => Event::TargetProgress { attempt, status },
            });
        }
    }

    pub(super) fn sound_of_ringing(&mut self) {
        let rings = self.rung.iter().any(|rung| rung.rings && !rung.briefed);
        self.wait_to(match rings {
            true => WaitingSound::RingBack,
            false => WaitingSound::Comfort,
        });
    }

    pub(super) fn wait_to(&mut self, sound: WaitingSound) {
        if self.sound.replace(sound) != Some(sound) {
            self.outputs.push_back(Output::Sound(sound));
        }
    }

    pub(super) fn answered(&mut self, now: Instant, attempt: u32) {
        let Some(rung) = self.rung.iter_mut().find(|it| it.attempt == attempt) else {
            return;
        };
        let (accept, languages) = (rung.one.accept, rung.one.languages.clone());
        rung.briefed = accept;
        if accept {
            rung.until = now + ACCEPTING;
        }
        self.log(Event::TargetAnswered {
            attempt,
            briefed: accept,
        });
        if accept {
            self.sound_of_ringing();
            self.outputs.push_back(Output::Brief { attempt, languages });
        } else {
            self.join(attempt);
        }
    }

    /// A person, which is certain.
    pub(super) fn accepted(&mut self, attempt: u32) {
        let rung = self.rung.iter().find(|it| it.attempt == attempt);
        if rung.is_some_and(|rung| rung.briefed) {
            self.log(Event::TargetConfirmed { attempt });
            self.join(attempt);
        }
    }

    /// Who has the caller; the others are given up before, for with the bridge the transfer is over.
    fn join(&mut self, attempt: u32) {
        let Some(at) = self.rung.iter().position(|it| it.attempt == attempt) else {
            return;
        };
        let joined = self.rung.swap_remove(at);
        for other in std::mem::take(&mut self.rung) {
            self.give_up(&other);
        }
        if joined.one.is_agent && !joined.briefed {
            self.log(Event::TargetConfirmed { attempt });
        }
        self.desk(Request::Answered {
            target: joined.one.target,
        });
        self.finish(Output::Bridge {
            attempt,
            then_keys: joined.one.then_keys,
            attended: joined.one.way == Way::Attended,
        });
    }

    pub(super) fn give_up(&mut self, rung: &Rung) {
        let attempt = rung.attempt;
        self.outputs.push_back(Output::Cancel { attempt });
        self.log_failure(attempt, None, TargetFailure::Cancelled);
        self.failed(rung.one.target.clone(), Failed::NotWanted);
    }

    pub(super) fn leg_failed(&mut self, now: Instant, attempt: u32, status: Option<u16>) {
        let rung = self.rung.iter().find(|it| it.attempt == attempt);
        let briefed = rung.is_some_and(|rung| rung.briefed);
        let reason = match briefed {
            true => TargetFailure::NotAccepted,
            false => failure_of(status),
        };
        self.target_failed(now, attempt, status, reason);
    }

    pub(super) fn ringing_timeout(&mut self, now: Instant) {
        let due = |rung: &&Rung| rung.until <= now;
        let due: Vec<(u32, bool)> = self
            .rung
            .iter()
            .filter(due)
            .map(|rung| (rung.attempt, rung.briefed))
            .collect();
        for (attempt, briefed) in due {
            self.outputs.push_back(Output::Cancel { attempt });
            let reason = match briefed {
                true => TargetFailure::NotAccepted,
                false => TargetFailure::NoAnswer,
            };
            self.target_failed(now, attempt, None, reason);
        }
    }

    pub(super) fn target_failed(
        &mut self,
        now: Instant,
        attempt: u32,
        status: Option<u16>,
        reason: TargetFailure,
    ) {
        let Some(at) = self.rung.iter().position(|it| it.attempt == attempt) else {
            return;
        };
        let rung = self.rung.swap_remove(at);
        self.log_failure(attempt, status, reason);
        self.failed(rung.one.target, Failed::Itself);
        if self.rung.is_empty() {
            self.seek_on(now);
        } else {
            self.sound_of_ringing();
        }
    }
}

/// What a final SIP status says about the person (RFC 3261, 21).
pub(super) fn failure_of(status: Option<u16>) -> TargetFailure {
    match status {
        Some(486 | 600) => TargetFailure::Busy,
        Some(603 | 403) => TargetFailure::Declined,
        Some(404 | 410 | 484 | 604) => TargetFailure::NotFound,
        Some(480 | 408 | 487) => TargetFailure::NoAnswer,
        None | Some(500..=599) => TargetFailure::Unreachable,
        Some(_) => TargetFailure::Other,
    }
}
