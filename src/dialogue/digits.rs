//! A value as it is keyed, digit by digit: when it is complete, whether it is valid, and which key means a person
//! meanwhile.

use crate::dialplan::slot::{Digits, SlotKind};
use crate::key::Key;
use crate::language::Language;
use jiff::civil::Date;

#[derive(Debug, Clone)]
pub struct DigitEntry {
    rules: Digits,
    kind: SlotKind,
    /// In which the keys' order was told.
    language: Language,
    today: Date,
    /// The dialplan's human key, where no digits are keyed.
    human: Key,
    entered: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keyed {
    /// Taken; more may follow.
    More,
    /// The key has no meaning here.
    Ignored,
    Complete(String),
    /// The end came too early, or the checksum is wrong; what was keyed is forgotten.
    Invalid,
    /// A lone human key, then the terminator or a pause (law 1).
    Human,
}

impl DigitEntry {
    pub fn new(kind: SlotKind, human: Key, language: Language, today: Date) -> DigitEntry {
        let rules = kind.keypad();
        let entered = String::with_capacity(usize::from(rules.max));
        DigitEntry {
            rules,
            kind,
            language,
            today,
            human,
            entered,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.entered.is_empty()
    }

    /// Forgets what was keyed.
    pub fn clear(&mut self) {
        self.entered.clear();
    }

    pub fn terminator(&self) -> Key {
        self.rules.terminator
    }

    /// The key that reaches a person at once while this number is keyed: `*` if the human key can
    /// be a part of the number (law 1).
    pub fn human_key(&self) -> Key {
        if self.may_contain(self.human) {
            Key::STAR
        } else {
            self.human
        }
    }

    /// Whether the key has no meaning here: neither a digit nor the terminator.
    pub fn ignores(&self, key: Key) -> bool {
        key.digit().is_none() && key != self.rules.terminator
    }

    /// `key` is not the human key of this moment: that one never comes here.
    pub fn key(&mut self, key: Key) -> Keyed {
        if key == self.rules.terminator {
            return self.end();
        }
        if self.ignores(key) {
            return Keyed::Ignored;
        }
        if !self.may_contain(key) {
            self.entered.clear();
            return Keyed::Invalid;
        }
        self.entered.push(key.to_char());
        if self.entered.len() >= usize::from(self.rules.max) {
            return self.end();
        }
        Keyed::More
    }

    /// The inter-digit time-out has passed.
    pub fn pause(&mut self) -> Keyed {
        self.end()
    }

    /// A lone human key that is no number: with the end of it a person is rung.
    pub fn asks_for_a_person(&self) -> bool {
        let is_lone = self.entered.len() == 1 && self.entered.starts_with(self.human.to_char());
        is_lone && self.value(&self.entered).is_none()
    }

    fn end(&mut self) -> Keyed {
        let is_human = self.asks_for_a_person();
        let entered = std::mem::take(&mut self.entered);
        if let Some(value) = self.value(&entered) {
            Keyed::Complete(value)
        } else if is_human {
            Keyed::Human
        } else {
            Keyed::Invalid
        }
    }

    fn value(&self, entered: &str) -> Option<String> {
        self.kind.keyed(self.language, entered, self.today)
    }

    pub fn may_contain(&self, key: Key) -> bool {
        key.digit().is_some()
            && match &self.rules.alphabet {
                Some(alphabet) => alphabet.contains(key.to_char()),
                None => true,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(min: u8, max: u8) -> Digits {
        Digits {
            min,
            max,
            checksum: None,
            terminator: Key::HASH,
            alphabet: None,
        }
    }

    fn entry(rules: Digits, human: Key) -> DigitEntry {
        let today = jiff::civil::date(2026, 11, 21);
        DigitEntry::new(SlotKind::Digits(rules), human, Language::En, today)
    }

    /// Keys them one by one; `_` is a pause. The last answer counts.
    fn key_in(rules: Digits, keys: &str) -> Keyed {
        let mut entry = entry(rules, Key::ZERO);
        let mut last = Keyed::Ignored;
        for symbol in keys.chars() {
            last = match Key::from_char(symbol) {
                Some(key) => entry.key(key),
                None => entry.pause(),
            };
        }
        last
    }

    #[test]
    fn a_number_completes_by_length_terminator_or_pause() {
        let complete = |value: &str| Keyed::Complete(value.to_string());
        assert_eq!(key_in(rules(4, 4), "1234"), complete("1234"));
        assert_eq!(key_in(rules(4, 8), "12345#"), complete("12345"));
        assert_eq!(key_in(rules(4, 8), "12345_"), complete("12345"));
        assert_eq!(key_in(rules(4, 8), "123"), Keyed::More);
        assert_eq!(key_in(rules(4, 8), "123#"), Keyed::Invalid);
        assert_eq!(key_in(rules(4, 8), "123_"), Keyed::Invalid);
        assert_eq!(key_in(rules(4, 8), "#"), Keyed::Invalid);
        assert_eq!(key_in(rules(4, 8), "1A"), Keyed::Ignored);
    }

    #[test]
    fn what_was_invalid_is_forgotten() {
        assert_eq!(
            key_in(rules(4, 4), "12#1234"),
            Keyed::Complete("1234".to_string())
        );
    }

    #[test]
    fn a_lone_zero_means_a_person_unless_it_is_a_value() {
        assert_eq!(key_in(rules(4, 8), "0#"), Keyed::Human);
        assert_eq!(key_in(rules(4, 8), "0_"), Keyed::Human);
        assert_eq!(key_in(rules(4, 8), "00#"), Keyed::Invalid);
        assert_eq!(
            key_in(rules(1, 8), "0#"),
            Keyed::Complete("0".to_string()),
            "0 alone is a value here"
        );
        assert_eq!(
            key_in(rules(4, 4), "0000"),
            Keyed::Complete("0000".to_string())
        );
    }

    #[test]
    fn the_human_key_is_star_where_digits_may_contain_it() {
        let without_zero = Digits {
            alphabet: Some("123456789".to_string()),
            ..rules(4, 4)
        };
        let human_key = |rules: &Digits, human: char| {
            let human = Key::from_char(human).expect("a telephone key");
            entry(rules.clone(), human).human_key().to_char()
        };
        assert_eq!(human_key(&rules(4, 4), '0'), '*');
        assert_eq!(human_key(&rules(4, 4), '9'), '*');
        assert_eq!(human_key(&without_zero, '0'), '0');
        assert_eq!(human_key(&without_zero, '9'), '*');
        assert_eq!(
            key_in(
                Digits {
                    alphabet: Some("12".to_string()),
                    ..rules(4, 4)
                },
                "13"
            ),
            Keyed::Invalid
        );
    }
}
