//! Whether a person served the caller, and when.

use super::{Attempt, CallRecord};
use crate::events::{TargetFailure, TransferWay};
use serde::{Deserialize, Serialize};

/// Whether a person served the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// A target answered: perhaps a voicemail.
    Answered,
    Confirmed,
}

impl CallRecord {
    /// `None`: nobody answered, or the call was passed on by REFER and we never learned.
    pub fn person(&self) -> Option<Person> {
        self.person_at().map(|(person, _)| person)
    }

    /// How long it took until [`Self::person`] had the caller.
    pub fn seconds_to_person(&self) -> Option<f64> {
        self.person_at().map(|(_, seconds)| seconds)
    }

    fn person_at(&self) -> Option<(Person, f64)> {
        // Our own call to a caller who was not reached brought a person nothing.
        if self.callback_of.is_some() && self.answered_ms.is_none() {
            return None;
        }
        if let Some(confirmed) = self.seconds_to_confirmed {
            return Some((Person::Confirmed, confirmed));
        }
        let answered = self.attempts.iter().filter_map(Attempt::seconds_to_talk);
        answered.map(|at| (Person::Answered, at)).next()
    }
}

impl Attempt {
    /// Whatever it failed by: who answered did not have the caller. Only who has them and cannot be
    /// passed on to by REFER does so all the same. Who is asked for the accept key has them when it is
    /// pressed, and is certain then.
    fn seconds_to_talk(&self) -> Option<f64> {
        let talks_on =
            (self.way, self.failure) == (TransferWay::Attended, Some(TargetFailure::ReferRefused));
        let had = (self.failure.is_none() || talks_on) && !self.briefed;
        self.seconds_to_answer.filter(|_| had)
    }
}
