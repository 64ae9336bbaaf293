//! Values as they are said, in their canonical forms:
//!
//! | kind | form |
//! |---|---|
//! | digits | `4071` |
//! | number | `1204`, `-3.5`: no zeros that say nothing |
//! | money | `GBP 4.50`: ISO 4217, two places |
//! | date | `2026-05-03`: ISO 8601 |
//! | time | `16:30`: of twenty-four hours |
//! | yes or no | `yes`, `no` |
//! | phone | `+447700900123` where the country is known, else as it was said |
//! | id number | digits, and `X` at the end of a Chinese resident identity number |
//! | free text | the words, as they were heard |
//!
//! A choice is a phrase of the grammar and no value here.

mod date;
mod date_en;
mod date_zh;
mod digits;
mod lexer;
mod money;
mod number;
mod numbers;
mod time;

use super::phrases::{self, Fit};
use super::tokens::{self, Token};
use super::{Candidate, Context, Heard, Sense, built_in};
use crate::key::Key;
use crate::language::Language;
use crate::speech::grammar::{Grammar, Meaning, ValueKind};

/// What each word beside a value takes from the score: "my number is 4071".
const WORD_BESIDE: f32 = 0.13;
/// Dictation takes anything, so whatever else was recognized goes first.
const DICTATED: f32 = 0.8;

/// A value, and how surely it was meant.
#[derive(Debug, Clone, PartialEq)]
struct Spoken {
    value: String,
    /// From 0 to 1.
    score: f32,
    /// It might have been another one: to be confirmed.
    ask: bool,
    /// Just this was said.
    whole: bool,
    /// And not a word beside it.
    exact: bool,
}

impl Spoken {
    fn new(value: String, score: f32) -> Spoken {
        Spoken {
            value,
            score,
            ask: false,
            whole: false,
            exact: false,
        }
    }
}

pub(super) fn candidates(
    grammar: &Grammar,
    text: &str,
    context: Context<'_>,
) -> impl Iterator<Item = Candidate> {
    let spoken = match grammar.value {
        None | Some(ValueKind::Choice) => Vec::new(),
        Some(ValueKind::Digits { min, max }) => digits::read(text, grammar.language)
            .into_iter()
            .filter(|spoken| {
                let length = usize::from(min)..=usize::from(max);
                length.contains(&spoken.value.len()) && (context.accepts)(&spoken.value)
            })
            .take(1)
            .collect(),
        Some(ValueKind::YesNo) => yes_or_no(text, grammar.language),
        Some(ValueKind::FreeText) => vec![Spoken::new(text.trim().to_string(), DICTATED)],
        Some(ValueKind::Number) => first_accepted(number::read(text, grammar.language), context),
        Some(ValueKind::Money) => {
            first_accepted(money::read(text, grammar.language, context), context)
        }
        Some(ValueKind::Phone) => numbers::phone(text, grammar.language, context),
        Some(ValueKind::IdNumber) => numbers::id_number(text, grammar.language, context),
        Some(ValueKind::Date) => {
            first_accepted(date::read(text, grammar.language, context), context)
        }
        Some(ValueKind::Time) => {
            first_accepted(time::read(text, grammar.language, context), context)
        }
    };
    spoken.into_iter().map(|spoken| Candidate {
        heard: Heard {
            sense: Sense::Value(spoken.value),
            score: spoken.score,
            words: String::new(),
            phrase: None,
        },
        whole: spoken.whole,
        exact: spoken.exact,
        ask: spoken.ask,
    })
}

fn first_accepted(readings: Vec<Spoken>, context: Context<'_>) -> Vec<Spoken> {
    let accepted = |spoken: &Spoken| (context.accepts)(&spoken.value);
    readings.into_iter().find(accepted).into_iter().collect()
}

fn yes_or_no(text: &str, language: Language) -> Vec<Spoken> {
    let said = tokens::of(text, language);
    let best = |meaning: Meaning| {
        let phrases = built_in::yes_no(language).into_iter();
        phrases
            .filter(|phrase| phrase.meaning == meaning)
            .filter_map(|phrase| phrases::fit(&tokens::of(&phrase.words, language), &said))
            .max_by(|a, b| a.score.total_cmp(&b.score).then(a.whole.cmp(&b.whole)))
    };
    let undecided = best(Meaning::Undecided).map_or(0.0, |fit| fit.score);
    let spoken = |(value, key): (&str, Key)| {
        let fit = best(Meaning::Key(key)).filter(|fit| fit.score >= undecided);
        let Fit {
            score,
            whole,
            exact,
        } = fit?;
        let spoken = Spoken::new(value.to_string(), score);
        Some(Spoken {
            whole,
            exact,
            ..spoken
        })
    };
    let both = [("yes", Key::ONE), ("no", Key::TWO)];
    both.into_iter().filter_map(spoken).collect()
}

/// The score of a value that these words stand beside.
fn beside(others: &[&Token]) -> f32 {
    let words: f32 = others.iter().map(|token| token.weight()).sum();
    1.0 / (1.0 + WORD_BESIDE * words)
}
