//! What was said, as a meaning: one of the phrases that a caller may say, or a value, with a score.
//!
//! ```text
//! hypotheses → normal (one script, one spelling) → tokens (words, syllables) → phrases, human, values
//!            → the best meaning → a match, a guess to confirm, or nothing
//! ```

mod align;
pub mod anger;
pub mod built_in;
mod human;
mod knowledge;
pub mod mandarin;
pub mod normal;
mod phrases;
mod tokens;
mod values;

use super::grammar::{Grammar, Meaning};
use super::recognizer::Hypothesis;
use super::telephone_number::Country;
use super::verbaliser::money::Currency;
use jiff::Zoned;

/// From this score on a meaning is acted upon. Measured with [`CONFIRM`] by the sentences of
/// `tests/data/understanding.tsv`: see `tests/understanding.rs`.
pub const ACCEPT: f32 = 0.70;
/// From this one on it is confirmed first: "Did you say refund?" Below it nothing was understood.
pub const CONFIRM: f32 = 0.45;
/// Two meanings so near to each other are never decided silently.
pub const MARGIN: f32 = 0.10;

/// What the understanding has to know of the call and of what is asked.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The caller's now, in the time zone in which days are meant.
    pub now: &'a Zoned,
    /// Whether a value, in its canonical form, is one that is asked for: its limits, its checksum.
    pub accepts: &'a dyn Fn(&str) -> bool,
    /// What an amount without a currency is one of.
    pub currency: Option<Currency>,
    /// Where a telephone number without a country's code is dialled.
    pub country: Option<Country>,
}

impl<'a> Context<'a> {
    /// Where any value will do.
    pub fn new(now: &'a Zoned) -> Context<'a> {
        Context {
            now,
            accepts: &|_| true,
            currency: None,
            country: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Understood {
    /// To be acted upon.
    Match(Heard),
    /// To be confirmed first.
    Guess(Heard),
    NoMatch,
}

impl Understood {
    /// Whether a person is asked for, or perhaps is.
    pub fn is_human(&self) -> bool {
        match self {
            Understood::Match(heard) | Understood::Guess(heard) => {
                heard.sense == Sense::Meaning(Meaning::Human)
            }
            Understood::NoMatch => false,
        }
    }
}

/// What was heard, and what it is taken for.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub sense: Sense,
    /// From 0 to 1: of the words and of the engine together.
    pub score: f32,
    /// The words that were heard, all of them, as the engine gave them.
    pub words: String,
    /// The phrase, an index into the grammar's; `None` for values.
    pub phrase: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sense {
    Meaning(Meaning),
    /// In its canonical form: `4071`, `-3.5`, `GBP 4.50`, `2026-05-03`, `16:30`, `yes`,
    /// `+447700900123`, or the words that were dictated.
    Value(String),
}

/// The meaning of what was heard: `hypotheses` likeliest first, as the recognizers give them.
pub fn understand(
    grammar: &Grammar,
    hypotheses: &[Hypothesis],
    context: Context<'_>,
) -> Understood {
    let mut candidates: Vec<Candidate> = Vec::new();
    for hypothesis in hypotheses {
        let tokens = tokens::of(&hypothesis.text, grammar.language);
        if tokens.is_empty() {
            continue;
        }
        let found = phrases::candidates(grammar, &tokens)
            .into_iter()
            .chain(human::candidate(grammar, &tokens))
            .chain(knowledge::candidates(grammar, &tokens))
            .chain(values::candidates(grammar, &hypothesis.text, context));
        for mut candidate in found {
            candidate.heard.score *= trust(hypothesis.confidence);
            candidate.heard.words.clone_from(&hypothesis.text);
            keep_better(&mut candidates, candidate);
        }
    }
    decide(candidates)
}

struct Candidate {
    heard: Heard,
    /// Just this was said, word by word, and nothing else: a phrase that only stands in it (错 in
    /// 没错) is no rival.
    whole: bool,
    /// And not a word beside it: a phrase that is only a part of this one ("again" in "try again") is
    /// no rival either.
    exact: bool,
    /// Never acted upon without a question, however well it was heard.
    ask: bool,
}

/// An engine that is half sure still has most words right: its doubt counts for less than the
/// words' own score.
fn trust(confidence: f32) -> f32 {
    if confidence.is_nan() {
        return 0.0;
    }
    confidence.clamp(0.0, 1.0).sqrt()
}

fn keep_better(candidates: &mut Vec<Candidate>, new: Candidate) {
    let same = candidates
        .iter_mut()
        .find(|old| old.heard.sense == new.heard.sense);
    match same {
        Some(old) if new.heard.score > old.heard.score => *old = new,
        Some(_) => {}
        None => candidates.push(new),
    }
}

fn decide(mut candidates: Vec<Candidate>) -> Understood {
    candidates.sort_by(|a, b| b.heard.score.total_cmp(&a.heard.score));
    let rivals = candidates.iter().skip(1);
    let best = candidates.first();
    let (whole, exact) = best.map_or((false, false), |best| (best.whole, best.exact));
    let second = rivals
        .filter(|rival| (rival.whole || !whole) && (rival.exact || !exact))
        .map(|rival| rival.heard.score);
    let second = second.fold(0.0, f32::max);
    let Some(best) = candidates.into_iter().next() else {
        return Understood::NoMatch;
    };
    let score = best.heard.score;
    let undecided = best.heard.sense == Sense::Meaning(Meaning::Undecided);
    if score < CONFIRM || undecided {
        Understood::NoMatch
    } else if score < ACCEPT || best.ask || score - second < MARGIN {
        Understood::Guess(best.heard)
    } else {
        Understood::Match(best.heard)
    }
}

#[cfg(test)]
mod tests;
