//! A callback is noted: on the caller's own number, or on one that is keyed.

use super::action::Part;
use super::interpreter::Dialogue;
use super::state::{Among, Failures, Keying, Next, State, Wanted};
use crate::dialplan::slot::{Digits, SlotKind};
use crate::events::Event;
use crate::key::Key;
use crate::speech::sentences::Sentence;
use crate::speech::verbaliser::digits_of;

/// E.164 has 15 digits at most; with an international prefix before them, 18. The shortest are
/// extensions.
const NUMBER: Digits = Digits {
    min: 3,
    max: 18,
    checksum: None,
    terminator: Key::HASH,
    alphabet: None,
};

/// The number that a caller calls from, where it is one that can be called.
pub fn callback_number(caller: &str) -> Option<String> {
    let caller = caller.trim();
    let digits = digits_of(caller)?;
    let length = usize::from(NUMBER.min)..=usize::from(NUMBER.max);
    let plus = if caller.starts_with('+') { "+" } else { "" };
    length
        .contains(&digits.len())
        .then(|| format!("{plus}{digits}"))
}

impl Dialogue {
    pub(super) fn begin_callback(&mut self) -> Option<Next> {
        self.leave();
        match self.caller_number() {
            Some(number) => self.choose_among(Among::NumberRight(number)),
            None => self.ask_callback_number(),
        }
    }

    pub(super) fn caller_number(&self) -> Option<String> {
        callback_number(&self.context.caller)
    }

    pub(super) fn number_parts(&self, number: &str) -> Vec<Part> {
        let mut parts = vec![self.sentence(Sentence::CallbackNumberIs)];
        parts.extend(self.digits(number.trim_start_matches('+')));
        parts.push(self.sentence(Sentence::IsNumberRight));
        parts
    }

    pub(super) fn number_is_right(&mut self, number: &str, key: Key) -> Option<Next> {
        if key == Key::STAR {
            return self.back_from_leaving_something();
        }
        match Self::yes_or_no(key) {
            Some(true) => self.book_callback(number),
            Some(false) => self.ask_callback_number(),
            None => self.not_a_choice(),
        }
    }

    fn ask_callback_number(&mut self) -> Option<Next> {
        self.state = State::Keying(Keying {
            wanted: Wanted::CallbackNumber,
            entry: self.digit_entry(SlotKind::Digits(NUMBER)),
            failures: Failures::default(),
        });
        self.put(None)
    }

    pub(super) fn book_callback(&mut self, number: &str) -> Option<Next> {
        self.note_callback(number);
        let words = vec![
            self.sentence(Sentence::CallbackNoted),
            self.sentence(Sentence::Goodbye),
        ];
        self.end_with(words, "a callback was booked")
    }

    pub(super) fn book_callback_on_own_number(&mut self, number: &str) -> Option<Next> {
        self.note_callback(number);
        let mut words = vec![self.sentence(Sentence::CallbackNumberIs)];
        words.extend(self.digits(number.trim_start_matches('+')));
        words.push(self.sentence(Sentence::CallbackNoted));
        words.push(self.sentence(Sentence::Goodbye));
        self.end_with(words, "a callback was booked")
    }

    pub(super) fn note_callback(&mut self, number: &str) {
        let own_number = self.caller_number().as_deref() == Some(number);
        let handoff = self.handoff(self.handoff_for_later()).name.clone();
        let wish = self.dialplan().node(self.wish).name.clone();
        self.log(Event::CallbackBooked {
            number: number.to_string(),
            handoff,
            wish,
            own_number,
            // The call knows whether the caller waited.
            since_ms: None,
        });
    }

    /// To the choices after a failed transfer, or to the menu or question before.
    pub(super) fn back_from_leaving_something(&mut self) -> Option<Next> {
        if self.after_handoff {
            self.offer_choices(Vec::new())
        } else {
            let last = self.path.last();
            Some(Next::Again(last.unwrap_or(self.dialplan().start)))
        }
    }
}
