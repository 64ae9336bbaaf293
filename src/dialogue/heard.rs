//! From hypotheses to what the dialogue is told: done beside the call, on a recognizer's thread.

use super::action::Listen;
use super::input::SpeechHeard;
use super::program::Program;
use crate::dialplan::slot::SlotKind;
use crate::speech::grammar::ValueKind;
use crate::speech::recognizer::Hypothesis;
use crate::speech::understanding::{self, Context, Sense, Understood};
use jiff::Zoned;

/// What an answer ahead of an utterance's end says about that end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Nothing need follow.
    Complete,
    /// A value has begun, and more of it must come.
    Unfinished,
    Unknown,
}

impl Program {
    /// `hypotheses`: for each of the grammars. `now`: the caller's.
    pub fn understand(
        &self,
        listen: &Listen,
        hypotheses: &[Vec<Hypothesis>],
        now: &Zoned,
    ) -> SpeechHeard {
        let slot = listen.slot.map(|slot| &self.dialplan.slot(slot).kind);
        let today = now.date();
        let accepts = |value: &str| slot.is_none_or(|kind| kind.accepts(value, today));
        let context = Context {
            now,
            accepts: &accepts,
            currency: match slot {
                Some(SlotKind::Money { currency, .. }) => Some(*currency),
                _ => None,
            },
            country: match slot {
                Some(SlotKind::Phone(country)) => *country,
                _ => None,
            },
        };
        let understood = listen.grammars.iter().zip(hypotheses);
        let understood = understood
            .map(|(grammar, heard)| understanding::understand(grammar, heard, context))
            .max_by(|a, b| rank(a).total_cmp(&rank(b)));
        match understood {
            Some(found @ (Understood::Match(_) | Understood::Guess(_))) => {
                SpeechHeard::Understood(found)
            }
            Some(Understood::NoMatch) | None => not_understood(hypotheses),
        }
    }
}

/// What is sure goes before what is not.
fn rank(understood: &Understood) -> f32 {
    match understood {
        Understood::Match(heard) => 1.0 + heard.score,
        Understood::Guess(heard) => heard.score,
        Understood::NoMatch => -1.0,
    }
}

fn not_understood(hypotheses: &[Vec<Hypothesis>]) -> SpeechHeard {
    let all = hypotheses.iter().flatten();
    let best = all.max_by(|a, b| a.confidence.total_cmp(&b.confidence));
    SpeechHeard::NotUnderstood {
        words: best.map(|best| best.text.clone()).unwrap_or_default(),
        confidence: best.map_or(0.0, |best| best.confidence),
    }
}

/// Whether the caller need not, or must, go on. Values of no fixed length may always go on.
pub fn completeness(listen: &Listen, heard: &SpeechHeard) -> Completeness {
    let value = listen.grammars.iter().find_map(|grammar| grammar.value);
    match (heard, value) {
        (SpeechHeard::Understood(Understood::Match(heard)), value) => match (&heard.sense, value) {
            (Sense::Meaning(_), _) => Completeness::Complete,
            (Sense::Value(_), Some(value)) if has_fixed_end(value) => Completeness::Complete,
            (Sense::Value(_), _) => Completeness::Unknown,
        },
        (SpeechHeard::NotUnderstood { words, .. }, Some(value))
            if !words.is_empty() && is_spelt(value) =>
        {
            Completeness::Unfinished
        }
        _ => Completeness::Unknown,
    }
}

fn has_fixed_end(value: ValueKind) -> bool {
    match value {
        ValueKind::Digits { min, max } => min == max,
        ValueKind::YesNo | ValueKind::Choice => true,
        _ => false,
    }
}

/// Said piece by piece, with pauses between.
fn is_spelt(value: ValueKind) -> bool {
    matches!(
        value,
        ValueKind::Digits { .. } | ValueKind::Phone | ValueKind::IdNumber
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::input::ListenId;
    use crate::events::Pace;
    use crate::key::Key;
    use crate::language::Language;
    use crate::speech::grammar::{Grammar, Meaning};
    use crate::speech::understanding::Heard;
    use std::sync::Arc;

    /// What an answer ahead says of the end where `value` is asked for.
    fn end(value: Option<ValueKind>, heard: SpeechHeard) -> Completeness {
        let grammar = Grammar {
            language: Language::En,
            phrases: Vec::new(),
            value,
        };
        let listen = Listen {
            id: ListenId(1),
            grammars: vec![Arc::new(grammar)],
            slot: None,
            pace: Pace::Usual,
            aside: false,
            goes_on: false,
            sensitive: false,
        };
        completeness(&listen, &heard)
    }

    fn understood(sense: Sense) -> SpeechHeard {
        SpeechHeard::Understood(Understood::Match(Heard {
            sense,
            score: 1.0,
            words: String::new(),
            phrase: None,
        }))
    }

    fn words(words: &str) -> SpeechHeard {
        SpeechHeard::NotUnderstood {
            words: words.to_string(),
            confidence: 1.0,
        }
    }

    #[test]
    fn what_can_not_go_on_is_complete_and_a_number_that_is_too_short_is_not() {
        let value = |text: &str| understood(Sense::Value(text.to_string()));
        let option = || understood(Sense::Meaning(Meaning::Key(Key::ONE)));
        let four = Some(ValueKind::Digits { min: 4, max: 4 });
        let more = Some(ValueKind::Digits { min: 4, max: 8 });
        assert_eq!(end(None, option()), Completeness::Complete);
        assert_eq!(end(four, option()), Completeness::Complete);
        assert_eq!(end(four, value("1234")), Completeness::Complete);
        assert_eq!(end(more, value("1234")), Completeness::Unknown);
        assert_eq!(end(four, words("one two")), Completeness::Unfinished);
        assert_eq!(end(four, words("")), Completeness::Unknown);
        assert_eq!(end(None, words("I would like to")), Completeness::Unknown);
        let free = Some(ValueKind::FreeText);
        assert_eq!(end(free, value("my parcel")), Completeness::Unknown);
    }
}
