//! How much time a caller is given. Elder pacing begins at the second silence of one question, and
//! stays for the rest of the call: who was too slow twice is not hurried by the next question.
//!
//! It is longer waits, longer pauses between options, and slower speech: `engines::prompt_library` has
//! every text at both paces. Recordings are as fast as they are.

use super::action::{Content, Part};
use super::interpreter::Dialogue;
use crate::events::{Event, Pace};
use std::time::Duration;

/// Between one option and the next: as long as elder pacing waits for a speaker to go on.
const BETWEEN_OPTIONS: Duration = Duration::from_millis(800);

impl Dialogue {
    pub(super) fn begin_elder_pacing(&mut self) {
        if self.pace != Pace::Elder {
            self.pace = Pace::Elder;
            self.log(Event::PaceSet { pace: self.pace });
        }
    }

    /// A time-out at the call's pace. Elder pacing has 800 ms of silence end what is said, where it
    /// usually is 500 ms, and every other wait is longer by the same.
    pub(super) fn paced(&self, timeout: Duration) -> Duration {
        match self.pace {
            Pace::Usual => timeout,
            Pace::Elder => timeout * 8 / 5,
        }
    }

    /// A menu's words at the call's pace: pauses between its options. Words that can have a
    /// recording are left whole, as it is; so are the engine's own sentences.
    pub(super) fn paced_options(&self, parts: Vec<Part>) -> Vec<Part> {
        if self.pace == Pace::Usual {
            return parts;
        }
        let mut apart: Vec<Part> = Vec::new();
        for part in parts.into_iter().flat_map(Part::sentences) {
            if !apart.is_empty() {
                let language = part.language;
                let content = Content::Pause(BETWEEN_OPTIONS);
                apart.push(Part { language, content });
            }
            apart.push(part);
        }
        apart
    }
}
