//! How much time a caller is given. Elder pacing begins by the dialplan's key for it, by a list of
//! callers' numbers, by the caller's word, or at the second silence of one question; and it stays for
//! the rest of the call: who was too slow twice is not hurried by the next question.
//!
//! It is longer waits, longer pauses between options, fewer of them at a time, the offer of a person
//! before a menu's own words, and slower speech: `engines::prompt_library` has every text at both
//! paces. Recordings are as fast and as long as they are.

use super::action::{Content, Part};
use super::interpreter::Dialogue;
use super::portions::portions;
use super::state::{Among, Choosing, Next, State};
use crate::dialplan::model::NodeKind;
use crate::events::{Event, Pace, PacedBy};
use crate::key::Key;
use crate::speech::sentences::Sentence;
use std::time::Duration;

/// Between one option and the next: as long as elder pacing waits for a speaker to go on.
const BETWEEN_OPTIONS: Duration = Duration::from_millis(800);

impl Dialogue {
    pub(super) fn begin_elder_pacing(&mut self, by: PacedBy) {
        if self.pace != Pace::Elder {
            self.pace = Pace::Elder;
            let (pace, by) = (self.pace, Some(by));
            self.log(Event::PaceSet { pace, by });
        }
    }

    /// The caller wants it: what they were hearing is said again.
    pub(super) fn slower(&mut self, by: PacedBy) -> Option<Next> {
        self.begin_elder_pacing(by);
        self.again()
    }

    /// Whether that key slows the bot down where the call is now. While a value is keyed that may
    /// contain it, it is a digit, and so it is among keys that were pressed ahead.
    pub(super) fn slows_down(&self, key: Key) -> bool {
        self.dialplan().elder.key == Some(key)
            && match &self.state {
                State::Choosing(_) => true,
                State::Keying(keying) => !keying.entry.may_contain(key),
                State::Saying | State::Greeting | State::LookingUp(_) => {
                    self.typed_ahead.is_empty()
                }
                _ => false,
            }
    }

    /// A time-out at the call's pace. Elder pacing has 800 ms of silence end what is said, where it
    /// usually is 500 ms, and every other wait is longer by the same.
    pub fn paced(&self, timeout: Duration) -> Duration {
        match self.pace {
            Pace::Usual => timeout,
            Pace::Elder => timeout * 8 / 5,
        }
    }

    /// Whether the offer of a person comes before the menu's own words.
    pub(super) fn offers_person_first(&self) -> bool {
        let menu = matches!(
            &self.state,
            State::Choosing(Choosing {
                among: Among::Menu | Among::Languages,
                portion: 0,
                ..
            })
        );
        menu && self.pace == Pace::Elder && !self.after_handoff
    }

    /// A menu's words at the call's pace: a portion of them, with pauses between the options. Words
    /// that can have a recording are left whole, as it is; so are the engine's own sentences.
    pub(super) fn menu_at_pace(&self, parts: Vec<Part>, portion: usize) -> Vec<Part> {
        if self.pace == Pace::Usual {
            return parts;
        }
        let mut sentences: Vec<Part> = parts.into_iter().flat_map(Part::sentences).collect();
        let portions = self.menu_portions(&sentences);
        let at = portion % portions.len();
        let more = at + 1 < portions.len();
        sentences.truncate(portions[at].end);
        let mut said = sentences.split_off(portions[at].start);
        said.extend(more.then(|| self.sentence(Sentence::MoreChoices)));
        Self::apart(said)
    }

    fn menu_portions(&self, sentences: &[Part]) -> Vec<std::ops::Range<usize>> {
        let keys: Vec<Key> = match &self.node().kind {
            NodeKind::Menu(menu) => menu.options.iter().map(|option| option.key).collect(),
            NodeKind::Knowledge(knowledge) => {
                knowledge.entries.iter().filter_map(|it| it.key).collect()
            }
            _ => Vec::new(),
        };
        let texts = sentences.iter().map(|part| match &part.content {
            Content::Text { text, audio: None } => text.as_str(),
            _ => "",
        });
        portions(self.language, &texts.collect::<Vec<_>>(), &keys)
    }

    /// The next choices of a menu that is put in portions; after the last ones the first again.
    /// `None` where it is put whole.
    pub(super) fn more_choices(&mut self) -> Option<Option<Next>> {
        let parts = self.menu_parts(false).ok()?;
        let sentences: Vec<Part> = parts.into_iter().flat_map(Part::sentences).collect();
        let count = self.menu_portions(&sentences).len();
        match &mut self.state {
            State::Choosing(choosing) if self.pace == Pace::Elder && count > 1 => {
                choosing.portion = (choosing.portion + 1) % count;
                Some(self.again())
            }
            _ => None,
        }
    }

    /// The menu from its first choices on, where others were put since.
    pub(super) fn first_choices(&mut self) -> Option<Option<Next>> {
        match &mut self.state {
            State::Choosing(choosing) if choosing.portion > 0 => {
                choosing.portion = 0;
                Some(self.again())
            }
            _ => None,
        }
    }

    /// Pauses between the sentences.
    pub(super) fn paced_options(&self, parts: Vec<Part>) -> Vec<Part> {
        match self.pace {
            Pace::Usual => parts,
            Pace::Elder => Self::apart(parts.into_iter().flat_map(Part::sentences)),
        }
    }

    fn apart(parts: impl IntoIterator<Item = Part>) -> Vec<Part> {
        let mut apart: Vec<Part> = Vec::new();
        for part in parts {
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
