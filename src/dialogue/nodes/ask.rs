//! A question that is answered by a value. Asked once a call, unless the caller goes back to it.

use crate::dialogue::action::{Content, Part};
use crate::dialogue::digits::{DigitEntry, Keyed};
use crate::dialogue::interpreter::{Dialogue, last4};
use crate::dialogue::state::{Among, Failure, Failures, Given, Keying, Next, State, Wanted};
use crate::dialogue::timers::Timer;
use crate::dialplan::model::{Ask, NodeKind, SlotId};
use crate::dialplan::slot::{IdNumber, Slot, SlotKind};
use crate::dialplan::slot_values::ReadBack;
use crate::events::{Event, RequestedBy, SlotValue};
use crate::key::Key;
use crate::speech::sentences::Sentence;
use crate::speech::verbaliser::money::Currency;
use std::time::Duration;

impl Dialogue {
    pub(in crate::dialogue) fn enter_ask(&mut self, ask: &Ask, again: bool) -> Option<Next> {
        let filled = self.slot_value(ask.slot).is_some();
        if filled && !again {
            return Some(Next::To(ask.to));
        }
        self.comes_to_question()
            .or_else(|| self.ask_for_slot(ask.slot))
    }

    fn ask_for_slot(&mut self, slot: SlotId) -> Option<Next> {
        let declared = self.dialplan().slot(slot);
        let kind = declared.kind.clone();
        self.sensitive = declared.sensitive;
        self.state = State::Keying(Keying {
            wanted: Wanted::Slot(slot),
            entry: self.digit_entry(kind),
            failures: Failures::default(),
        });
        self.put(None)
    }

    pub(in crate::dialogue) fn ask_parts(&self, again: bool) -> Result<Vec<Part>, String> {
        let NodeKind::Ask(ask) = &self.node().kind else {
            return Ok(Vec::new());
        };
        let shorter = ask.reprompt.as_ref().filter(|_| again);
        let mut parts = self.prompt(shorter.unwrap_or(&ask.prompt))?;
        let keys = how_to_key(&self.dialplan().slot(ask.slot).kind);
        parts.extend(keys.map(|keys| self.sentence(keys)));
        Ok(parts)
    }

    /// A key while a number is keyed; the human key of this moment is handled before.
    pub(in crate::dialogue) fn key_digit(&mut self, key: Key) -> Option<Next> {
        let State::Keying(keying) = &mut self.state else {
            return None;
        };
        let terminator = keying.entry.terminator();
        let keyed = match key {
            Key::STAR => return self.star_while_keying(),
            key => keying.entry.key(key),
        };
        if keyed == Keyed::Ignored {
            return None;
        }
        self.stop_playing();
        self.timers.stop(Timer::NoInput);
        let pause = self.inter_digit_timeout();
        if matches!(keyed, Keyed::Complete(_)) && key != terminator {
            self.typed_ahead
                .expect_terminator(terminator, self.now + pause);
        }
        self.take_keyed(keyed)
    }

    pub(in crate::dialogue) fn digits_paused(&mut self) -> Option<Next> {
        let State::Keying(keying) = &mut self.state else {
            return None;
        };
        let keyed = keying.entry.pause();
        self.take_keyed(keyed)
    }

    fn take_keyed(&mut self, keyed: Keyed) -> Option<Next> {
        match keyed {
            Keyed::More | Keyed::Ignored => {
                self.wait_for_digit();
                None
            }
            Keyed::Human => Some(Next::Human(RequestedBy::Key)),
            Keyed::Invalid => self.failed_to_answer(Failure::NoMatch),
            Keyed::Complete(value) => match &self.state {
                State::Keying(Keying {
                    wanted: Wanted::Slot(slot),
                    ..
                }) => {
                    let slot = *slot;
                    let confirm = self.dialplan().slot(slot).kind.confirms_keys();
                    self.fill(slot, value, confirm, Given::Keyed)
                }
                _ => self.book_callback(&value),
            },
        }
    }

    pub(in crate::dialogue) fn wait_for_digit(&mut self) {
        let deadline = self.now + self.inter_digit_timeout();
        self.timers.arm(Timer::InterDigit, deadline);
    }

    fn inter_digit_timeout(&self) -> Duration {
        self.paced(match &self.node().kind {
            NodeKind::Ask(ask) => ask.inter_digit_timeout,
            _ => self.dialplan().timing.inter_digit_timeout,
        })
    }

    /// Back, where `*` does not mean a person.
    pub(in crate::dialogue) fn star_while_keying(&mut self) -> Option<Next> {
        self.stop_playing();
        Some(self.back())
    }

    pub(in crate::dialogue) fn digit_entry(&self, kind: SlotKind) -> DigitEntry {
        let human = self.dialplan().human.key;
        DigitEntry::new(kind, human, self.language, self.today())
    }

    /// `unsure`: it was not heard well, and is read back.
    pub(in crate::dialogue) fn fill_by_speech(
        &mut self,
        slot: SlotId,
        value: String,
        unsure: bool,
    ) -> Option<Next> {
        self.stop_playing();
        self.timers.stop(Timer::NoInput);
        self.timers.stop(Timer::InterDigit);
        self.fill(slot, value, unsure, Given::Heard)
    }

    fn fill(&mut self, slot: SlotId, value: String, unsure: bool, given: Given) -> Option<Next> {
        let declared = self.dialplan().slot(slot);
        let logged = if declared.sensitive {
            SlotValue::Sensitive {
                length: u32::try_from(value.len()).unwrap_or(u32::MAX),
            }
        } else {
            SlotValue::Plain(value.clone())
        };
        let name = declared.name.clone();
        if let Some(place) = self.slots.get_mut(usize::from(slot.0)) {
            *place = Some(value);
        }
        self.log(Event::SlotFilled {
            slot: name,
            value: logged,
        });
        let NodeKind::Ask(ask) = &self.node().kind else {
            return None;
        };
        let (confirm, to) = (ask.confirm, ask.to);
        if confirm || unsure {
            return self.choose_among(Among::ValueRight(slot, given));
        }
        self.sensitive = false;
        Some(Next::To(to))
    }

    /// A person would take for a fact what was heard and may be wrong.
    pub(in crate::dialogue) fn clear_unconfirmed(&mut self) {
        let states = [Some(&self.state), self.put_aside.as_ref()];
        let slot = states
            .into_iter()
            .flatten()
            .find_map(State::heard_unconfirmed);
        if let Some(slot) = slot {
            self.clear(slot);
        }
    }

    fn clear(&mut self, slot: SlotId) {
        if let Some(place) = self.slots.get_mut(usize::from(slot.0)) {
            *place = None;
        }
        let slot = self.dialplan().slot(slot).name.clone();
        self.log(Event::SlotCleared { slot });
    }

    /// Of a sensitive value only the end is read back.
    pub(in crate::dialogue) fn read_back(&self, slot: SlotId) -> Vec<Part> {
        let value = self.slot_value(slot).unwrap_or_default();
        let slot = self.dialplan().slot(slot);
        let mut parts = match slot.sensitive {
            true => self.read_back_end(value),
            false => self.read_back_all(slot, value),
        };
        parts.push(self.sentence(Sentence::IsThatRight));
        parts
    }

    fn read_back_end(&self, value: &str) -> Vec<Part> {
        let count = u8::try_from(value.len()).unwrap_or(u8::MAX);
        let Some(end) = last4(value) else {
            return vec![self.sentence(Sentence::DigitsKeyed(count.min(4)))];
        };
        let mut parts = vec![self.sentence(Sentence::EndingIn)];
        parts.extend(self.digits(end));
        parts
    }

    fn read_back_all(&self, slot: &Slot, value: &str) -> Vec<Part> {
        let said = |parts: Vec<Part>| {
            let mut all = vec![self.sentence(Sentence::YouGave)];
            all.extend(parts);
            all
        };
        let text = |text: String| Content::Text { text, audio: None };
        match slot.kind.read_back(self.language, value) {
            ReadBack::Digits => {
                let mut parts = vec![self.sentence(Sentence::YouKeyed)];
                parts.extend(self.digits(value));
                parts
            }
            ReadBack::DigitsThenX => {
                let mut parts = vec![self.sentence(Sentence::YouKeyed)];
                parts.extend(self.digits(value.trim_end_matches('X')));
                parts.push(self.part(text("X".to_string())));
                parts
            }
            ReadBack::Words(words) => said(vec![self.part(text(words))]),
        }
    }

    pub(in crate::dialogue) fn value_is_right(&mut self, slot: SlotId, key: Key) -> Option<Next> {
        let NodeKind::Ask(ask) = &self.node().kind else {
            return None;
        };
        let to = ask.to;
        let right = if key == Key::STAR {
            Some(false)
        } else {
            Self::yes_or_no(key)
        };
        match right {
            Some(true) => {
                self.sensitive = false;
                Some(Next::To(to))
            }
            Some(false) => {
                self.clear(slot);
                self.ask_for_slot(slot)
            }
            None => self.not_a_choice(),
        }
    }

    pub(in crate::dialogue) fn slot_value(&self, slot: SlotId) -> Option<&str> {
        self.slots.get(usize::from(slot.0))?.as_deref()
    }
}

/// What the engine adds to a question whose answer is keyed in a way that nobody can guess.
fn how_to_key(kind: &SlotKind) -> Option<Sentence> {
    match kind {
        SlotKind::Number(_) | SlotKind::Phone(_) => Some(Sentence::EndWithHash),
        SlotKind::Money { currency, .. } if *currency == Currency::Jpy => {
            Some(Sentence::EndWithHash)
        }
        SlotKind::Money { .. } => Some(Sentence::HowToKeyMoney),
        SlotKind::Date(_) => Some(Sentence::HowToKeyDate),
        SlotKind::Time { .. } => Some(Sentence::HowToKeyTime),
        SlotKind::YesNo => Some(Sentence::YesOrNo),
        SlotKind::IdNumber(IdNumber::ChineseResident) => Some(Sentence::HowToKeyResident),
        SlotKind::Digits(_) | SlotKind::IdNumber(_) | SlotKind::Choice(_) | SlotKind::Text => None,
    }
}
