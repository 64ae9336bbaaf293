//! Where a phrase stands in what was said, and how well.

use super::tokens::{Form, Role, Token};

#[derive(Debug, Clone)]
pub(super) struct Alignment {
    /// From 0 to 1: how much of the phrase was said.
    pub similarity: f32,
    /// The tokens of the utterance that the phrase takes up.
    pub covered: Vec<bool>,
}

/// What it costs that a word stands within a phrase and does not belong there, of its weight.
const INSERTED: f32 = 0.6;
/// What it costs that the words came in another order.
const REORDERED: f32 = 0.12;

/// The best place of `phrase` in `said`; `None` where nothing of it is there.
pub(super) fn align(phrase: &[Token], said: &[Token]) -> Option<Alignment> {
    let found = [
        in_order(phrase, said),
        in_letters(phrase, said),
        in_any_order(phrase, said),
    ];
    found
        .into_iter()
        .flatten()
        .max_by(|a, b| a.similarity.total_cmp(&b.similarity))
}

/// What each token of a phrase counts: words such as "I" and "the" little, unless the phrase is made
/// of nothing else.
fn weights(phrase: &[Token]) -> Vec<f32> {
    let has_content = phrase.iter().any(|token| token.role == Role::Content);
    phrase
        .iter()
        .map(|token| match (token.role, has_content) {
            (Role::Content | Role::Negation, _) | (_, false) => 1.0,
            (Role::Carrier, true) => 0.3,
            (Role::Filler, true) => 0.1,
        })
        .collect()
}

/// One way to a cell of the table: what it cost, and at which token of the utterance it began.
#[derive(Clone, Copy)]
struct Way {
    cost: f32,
    start: usize,
}

/// Words in the phrase's order, with others between, and some missing: an edit distance that may
/// begin and end anywhere.
fn in_order(phrase: &[Token], said: &[Token]) -> Option<Alignment> {
    let weights = weights(phrase);
    let total: f32 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut row: Vec<Way> = (0..=said.len())
        .map(|start| Way { cost: 0.0, start })
        .collect();
    for (at, (token, weight)) in phrase.iter().zip(&weights).enumerate() {
        let is_last = at + 1 == phrase.len();
        let mut next: Vec<Way> = Vec::with_capacity(row.len());
        next.push(Way {
            cost: row[0].cost + weight,
            start: 0,
        });
        for (column, heard) in said.iter().enumerate() {
            let same = Way {
                cost: row[column].cost + weight * token.distance(heard),
                ..row[column]
            };
            let missing = Way {
                cost: row[column + 1].cost + weight,
                ..row[column + 1]
            };
            // After the phrase's last word nothing stands within it.
            let inserted = Way {
                cost: next[column].cost
                    + if is_last {
                        f32::INFINITY
                    } else {
                        inserted(heard)
                    },
                ..next[column]
            };
            let best = [same, missing, inserted]
                .into_iter()
                .min_by(|a, b| a.cost.total_cmp(&b.cost));
            next.push(best.expect("there are three"));
        }
        row = next;
    }
    let (end, best) = row
        .iter()
        .enumerate()
        .min_by(|a, b| a.1.cost.total_cmp(&b.1.cost))?;
    let similarity = 1.0 - best.cost / total;
    let covered = (0..said.len()).map(|at| (best.start..end).contains(&at));
    (similarity > 0.0).then(|| Alignment {
        similarity,
        covered: covered.collect(),
    })
}

fn inserted(heard: &Token) -> f32 {
    match heard.role {
        Role::Negation => 1.0,
        _ => heard.weight() * INSERTED,
    }
}

/// The letters of some words in a row, for words that were heard as two, or two as one.
fn in_letters(phrase: &[Token], said: &[Token]) -> Option<Alignment> {
    let wanted = letters(phrase)?;
    if wanted.len() < 5 {
        return None;
    }
    let mut best: Option<Alignment> = None;
    for start in 0..said.len() {
        for length in 1..=(phrase.len() + 2).min(said.len() - start) {
            let Some(heard) = letters(&said[start..start + length]) else {
                break;
            };
            let longer = wanted.len().max(heard.len());
            if heard.len().abs_diff(wanted.len()) * 3 > longer {
                continue;
            }
            let apart = strsim::osa_distance(&wanted, &heard) as f32 / longer as f32;
            let similarity = 1.0 - apart * 1.8 - if length == phrase.len() { 0.0 } else { 0.05 };
            if similarity > best.as_ref().map_or(0.4, |best| best.similarity) {
                let covered = (0..said.len()).map(|at| (start..start + length).contains(&at));
                best = Some(Alignment {
                    similarity,
                    covered: covered.collect(),
                });
            }
        }
    }
    best
}

/// The words written as one; `None` where there are characters among them.
fn letters(tokens: &[Token]) -> Option<String> {
    tokens
        .iter()
        .map(|token| match &token.form {
            Form::Word { sound, .. } => Some(sound.as_str()),
            Form::Han { .. } => None,
        })
        .collect()
}

/// All that matters of the phrase, in whatever order: "where my parcel is".
fn in_any_order(phrase: &[Token], said: &[Token]) -> Option<Alignment> {
    let is_word = |token: &Token| matches!(token.form, Form::Word { .. });
    if phrase.len() < 2 || !phrase.iter().all(is_word) {
        return None;
    }
    let weights = weights(phrase);
    let mut covered = vec![false; said.len()];
    let mut found = 0.0;
    for (token, weight) in phrase.iter().zip(&weights) {
        let nearest = said
            .iter()
            .enumerate()
            .filter(|(at, _)| !covered[*at])
            .map(|(at, heard)| (at, token.distance(heard)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((at, distance)) = nearest.filter(|nearest| nearest.1 < 0.5) {
            covered[at] = true;
            found += weight * (1.0 - distance);
        }
    }
    let similarity = found / weights.iter().sum::<f32>() - REORDERED;
    (similarity > 0.0).then_some(Alignment {
        similarity,
        covered,
    })
}
