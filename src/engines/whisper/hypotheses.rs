//! What was found in a sound → what is told of it.

use super::search::Said;
use super::vocabulary::Vocabulary;
use crate::speech::recognizer::Hypothesis;

/// Above this the model thinks that nobody spoke …
const NO_SPEECH: f32 = 0.6;
/// … unless it is surer than this of the words it wrote nevertheless (as OpenAI's own decoder has it:
/// a mean logarithm of −1).
const SURE_OF_WORDS: f32 = 0.37;
/// What is less sure is not told. Not tuned: there were no weights to tune it with.
const LEAST: f32 = 0.05;

/// All that was found in a sound.
#[derive(Default)]
pub struct Found {
    /// The model's probability that nobody spoke.
    pub no_speech: f32,
    /// `None` where the model lost its way.
    pub free: Option<Said>,
    pub phrases: Vec<Said>,
    pub words: Option<Said>,
}

/// One text, in all its spellings together.
struct Candidate {
    text: String,
    letters: String,
    /// P(text | sound): of a long text less than 32 bits can hold.
    probability: f64,
    best: f64,
    /// A token's, in the mean.
    mean: f32,
}

impl Found {
    /// Likeliest first. A text's confidence is its share among all that were found, times how
    /// probable its tokens were in the mean: the first falls where another text is as likely, the
    /// second where the model believed none of it.
    pub fn into_hypotheses(self, vocabulary: &Vocabulary) -> Vec<Hypothesis> {
        let free = self.free.as_ref();
        let sure = free.is_some_and(|said| said.mean_probability() > SURE_OF_WORDS);
        if self.no_speech > NO_SPEECH && !sure {
            return Vec::new();
        }
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut seen: Vec<&[i32]> = Vec::new();
        for said in free.into_iter().chain(&self.phrases).chain(&self.words) {
            if !seen.contains(&said.tokens.as_slice()) {
                seen.push(&said.tokens);
                add(&mut candidates, said, vocabulary);
            }
        }
        let whole: f64 = candidates.iter().map(|it| it.probability).sum();
        let mut heard: Vec<Hypothesis> = candidates
            .into_iter()
            .map(|it| Hypothesis {
                text: it.text,
                confidence: (it.probability / whole) as f32 * it.mean,
            })
            .filter(|hypothesis| hypothesis.confidence >= LEAST)
            .collect();
        heard.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        heard
    }
}

fn add(candidates: &mut Vec<Candidate>, said: &Said, vocabulary: &Vocabulary) {
    let text = vocabulary.text(&said.tokens);
    let letters: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
    let letters = letters.to_lowercase();
    if letters.is_empty() {
        return;
    }
    let probability = f64::from(said.log_probability).exp();
    let mean = said.mean_probability();
    match candidates.iter_mut().find(|it| it.letters == letters) {
        Some(same) => {
            same.probability += probability;
            if probability > same.best {
                same.text = text;
                same.best = probability;
            }
            same.mean = same.mean.max(mean);
        }
        None => candidates.push(Candidate {
            text,
            letters,
            probability,
            best: probability,
            mean,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::tests::vocabulary;
    use super::*;

    const WORDS: [&str; 5] = [" refund", " Refund", ".", " track", " two"];

    fn said(tokens: &[i32], probability: f32) -> Said {
        Said {
            tokens: tokens.to_vec(),
            log_probability: probability.ln(),
            is_whole: true,
        }
    }

    fn heard(found: Found) -> Vec<(String, f32)> {
        let heard = found.into_hypotheses(&vocabulary(&WORDS));
        let heard = heard.into_iter();
        heard.map(|it| (it.text, it.confidence)).collect()
    }

    #[test]
    fn spellings_of_a_text_count_together() {
        let heard = heard(Found {
            free: Some(said(&[1, 2], 0.3)),
            phrases: vec![said(&[3], 0.35), said(&[0], 0.2), said(&[1, 2], 0.3)],
            ..Found::default()
        });
        assert_eq!(heard[0].0, "Refund.");
        assert_eq!(heard[1].0, "track");
        assert!(heard[0].1 > heard[1].1, "{heard:?}");
    }

    #[test]
    fn one_text_alone_is_as_sure_as_its_tokens() {
        let heard = heard(Found {
            free: Some(said(&[0], 0.81)),
            ..Found::default()
        });
        assert!((heard[0].1 - 0.9).abs() < 0.01, "{heard:?}");
    }

    #[test]
    fn silence_and_babble_are_nothing() {
        let silent = Found {
            no_speech: 0.9,
            free: Some(said(&[3], 0.1)),
            ..Found::default()
        };
        assert_eq!(heard(silent), []);
        let babble = Found {
            free: Some(said(&[0, 3, 4, 0, 3], 1e-9)),
            ..Found::default()
        };
        assert_eq!(heard(babble), []);
        let lost = Found {
            free: None,
            ..Found::default()
        };
        assert_eq!(heard(lost), []);
        let only_a_sign = Found {
            free: Some(said(&[2], 0.9)),
            ..Found::default()
        };
        assert_eq!(heard(only_a_sign), []);
    }

    #[test]
    fn words_that_are_sure_are_told_though_the_model_thought_of_silence() {
        let found = Found {
            no_speech: 0.9,
            free: Some(said(&[3], 0.8)),
            ..Found::default()
        };
        assert_eq!(heard(found)[0].0, "track");
    }
}
