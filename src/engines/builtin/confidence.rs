//! How far a reading is to be believed, from 0 to 1: a logistic regression on speech that the network
//! was not trained with, moved so that other speech is seldom believed (models/README.md).

use super::decoder::Evidence;
use crate::speech::grammar::Meaning;

const BIAS: f32 = 0.69;
/// For each neper of the whole, down to `LEAST_SCORE`.
const SCORE: f32 = 0.041;
const LEAST_SCORE: f32 = -100.0;
/// For each neper of the whole a unit, of all units that were heard.
const FIT: f32 = 1.63;
/// For each unit of the words that matter: longer ones are less often heard by chance.
const UNITS: f32 = 0.322;
const MOST_UNITS: usize = 8;
/// For each neper that it is ahead of the best reading that leads elsewhere: other speech fits many
/// phrases alike.
const LEAD: f32 = 0.151;
const MOST_LEAD: f32 = 20.0;
/// Where there is no other reading to compare with.
const LEAD_ALONE: f32 = 9.5;
/// For each neper by which a unit of the words around fits: other speech makes bad ones.
const AROUND_FIT: f32 = 2.315;
/// For each e-fold of these units: they have cost the score much already.
const AROUND_UNITS: f32 = 0.852;
/// A person who is rung for nothing is missed elsewhere; who is asked about is a "yes" away.
const HUMAN: f32 = -0.3;

/// `all`: the readings of the utterance, this one among them.
pub fn of(reading: &Evidence, all: &[Evidence]) -> f32 {
    let heard = reading.units + reading.around + reading.anything;
    let around = reading.around as f32;
    let human = match reading.meaning {
        Some(Meaning::Human) => HUMAN,
        _ => 0.0,
    };
    let sum = BIAS
        + human
        + SCORE * reading.score.max(LEAST_SCORE)
        + FIT * reading.score / heard.max(1) as f32
        + UNITS * reading.units.min(MOST_UNITS) as f32
        + LEAD * lead(reading, all)
        + AROUND_FIT * reading.around_fit / around.max(1.0)
        + AROUND_UNITS * around.ln_1p();
    1.0 / (1.0 + (-sum).exp())
}

fn lead(reading: &Evidence, all: &[Evidence]) -> f32 {
    let others = all.iter().filter(|other| reading.rivals(other));
    let best = others.map(|other| other.score).reduce(f32::max);
    best.map_or(LEAD_ALONE, |best| {
        (reading.score - best).clamp(-MOST_LEAD, MOST_LEAD)
    })
}
