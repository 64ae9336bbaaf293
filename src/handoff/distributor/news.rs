//! What has changed since those in line were looked at: of a long line only the few whom it may help
//! are looked at again.

use crate::handoff::targets::Desk;

/// Whoever is in line could not be served before, and cannot now, but for these.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Somebody came or went, has rested, or has waited long enough.
    pub is_about_all: bool,
    /// Targets with one call less, each as often as that happened.
    pub freed: Vec<String>,
    /// Targets that rest no more, with as many places as they have left.
    pub back: Vec<String>,
}

impl News {
    pub fn is_any(&self) -> bool {
        self.is_about_all || !self.freed.is_empty() || !self.back.is_empty()
    }

    /// Whether they may help who seeks one of this desk.
    pub fn concern(&self, desk: &Desk) -> bool {
        let is_theirs = |target: &String| desk.tries.iter().any(|one| one.target == *target);
        self.is_about_all || self.freed.iter().chain(&self.back).any(is_theirs)
    }

    /// The target has as many calls as before one of them ended.
    pub fn is_taken_again(&mut self, target: &str) {
        if let Some(at) = self.freed.iter().position(|freed| freed == target) {
            self.freed.swap_remove(at);
        }
    }
}
