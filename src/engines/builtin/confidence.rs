//! How far a reading is to be believed, from 0 to 1: a logistic regression on speech that the network
//! was not trained with, moved so that other speech is seldom believed (models/README.md).

use super::decoder::Evidence;

const BIAS: f32 = -4.9;
/// For each neper by which a unit fits on average.
const FIT: f32 = 2.0;
/// For each neper of the whole.
const SCORE: f32 = 0.1;
/// For each unit of the words: longer ones are less often heard by chance.
const UNITS: f32 = 0.8;
const MOST_UNITS: usize = 16;
/// For each neper that it is ahead of the best other reading: other speech fits many phrases alike.
const LEAD: f32 = 0.27;
const MOST_LEAD: f32 = 20.0;
/// Where the grammar has no other reading to compare with.
const LEAD_ALONE: f32 = 17.0;
/// Nepers at most that count against a wish for what is said around it.
const MOST_AROUND: f32 = 30.0;

/// `all`: the readings of the utterance, this one among them.
pub fn of(reading: &Evidence, all: &[Evidence]) -> f32 {
    let words = reading.fit * reading.units as f32;
    let around = (words - reading.score).min(MOST_AROUND);
    let sum = BIAS
        + FIT * reading.fit
        + SCORE * (words - around)
        + UNITS * reading.units.min(MOST_UNITS) as f32
        + LEAD * lead(reading, all);
    1.0 / (1.0 + (-sum).exp())
}

fn lead(reading: &Evidence, all: &[Evidence]) -> f32 {
    let others = all.iter().filter(|other| other.text != reading.text);
    let best = others.map(|other| other.score).reduce(f32::max);
    best.map_or(LEAD_ALONE, |best| {
        (reading.score - best).clamp(-MOST_LEAD, MOST_LEAD)
    })
}
