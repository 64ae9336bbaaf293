//! The phrases of a grammar that stand in what was said.

use super::align::{Alignment, align};
use super::tokens::{self, Form, Role, Token};
use super::{Candidate, Heard, Sense, built_in};
use crate::speech::grammar::{Grammar, Meaning};

/// What each further word takes from the score: "track the parcel that I sent" is still "track".
const FURTHER_WORD: f32 = 0.13;
/// What is left of a phrase that was denied: "I do not want a refund".
const DENIED: f32 = 0.6;
/// Less of a phrase than this is nothing of it.
const LIKENESS: f32 = 0.6;
/// From this likeness on a phrase was said word by word.
pub(super) const WHOLE: f32 = 0.97;
/// How many words before a phrase may deny it.
const DENIAL_REACH: usize = 3;

/// Every phrase with its score; people are found by `human`, questions by `knowledge`.
pub(super) fn candidates(grammar: &Grammar, said: &[Token]) -> Vec<Candidate> {
    let phrases = grammar.phrases.iter().enumerate();
    let of_others = |meaning| matches!(meaning, Meaning::Human | Meaning::Entry(_));
    let own = phrases.filter(|(_, phrase)| !of_others(phrase.meaning));
    own.filter_map(|(at, phrase)| {
        let wanted = tokens::of(&phrase.words, grammar.language);
        let fit = fit(&wanted, said)?;
        if !fit.whole && built_in::is_of_oneself(phrase, grammar.language) {
            return None;
        }
        Some(Candidate {
            heard: Heard {
                sense: Sense::Meaning(phrase.meaning),
                score: fit.score,
                words: String::new(),
                phrase: Some(at),
            },
            whole: fit.whole,
            exact: fit.exact,
            ask: false,
        })
    })
    .collect()
}

pub(super) struct Fit {
    pub score: f32,
    /// Just this was said, but for words that do not matter.
    pub whole: bool,
    pub exact: bool,
}

pub(super) fn fit(phrase: &[Token], said: &[Token]) -> Option<Fit> {
    let alignment = align(phrase, said)?;
    let exact = alignment.similarity >= WHOLE && alignment.covered.iter().all(|covered| *covered);
    let stands = || exact || stands_alone(&alignment, said);
    if alignment.similarity < LIKENESS || is_too_short(phrase) && !stands() {
        return None;
    }
    // A phrase without a word that matters, as "I have it", still has its own length.
    let weight: f32 = phrase.iter().map(Token::weight).sum();
    let further = further_words(&alignment, said) / weight.max(1.0).sqrt();
    let denied =
        !phrase.iter().any(|token| token.role == Role::Negation) && is_denied(&alignment, said);
    let score = alignment.similarity / (1.0 + FURTHER_WORD * further);
    let whole = further < 0.2 && alignment.similarity >= WHOLE;
    Some(Fit {
        score: if denied { score * DENIED } else { score },
        whole,
        exact,
    })
}

/// One character that matters, as 一 or 选一: in a sentence it is most often a part of another word.
fn is_too_short(phrase: &[Token]) -> bool {
    let characters = phrase
        .iter()
        .all(|token| matches!(token.form, Form::Han { .. }));
    let matters = |token: &&Token| matches!(token.role, Role::Content | Role::Negation);
    characters && phrase.iter().filter(matters).count() <= 1
}

/// With nothing beside the phrase that matters, and nothing of it within a phrase of courtesy (一下).
fn stands_alone(alignment: &Alignment, said: &[Token]) -> bool {
    let within = |role: Role| matches!(role, Role::Filler | Role::Carrier);
    let mut tokens = said.iter().zip(&alignment.covered);
    let all_courtesy = said.iter().all(|token| within(token.role));
    all_courtesy || tokens.all(|(token, covered)| *covered != within(token.role) || token.is_wish())
}

/// How many words that matter stand beside the phrase.
fn further_words(alignment: &Alignment, said: &[Token]) -> f32 {
    let beside = said.iter().zip(&alignment.covered);
    beside
        .filter(|(_, covered)| !**covered)
        .map(|(token, _)| token.weight())
        .sum()
}

fn is_denied(alignment: &Alignment, said: &[Token]) -> bool {
    let start = alignment.covered.iter().position(|covered| *covered);
    let start = start.unwrap_or(said.len());
    said[start.saturating_sub(DENIAL_REACH)..start]
        .iter()
        .any(|token| token.role == Role::Negation)
}
