//! From a model's probabilities to what was said: freely, among the phrases that are waited for, and
//! in the words of a number. Pure: the model is whoever tells the probabilities of the next token.

use super::automaton::{Automaton, State};
use super::vocabulary::{Token, Vocabulary};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What a text's next token may be.
pub trait Model {
    type Error;

    /// The natural logarithms of the probabilities of every token after `text`, no token left out.
    /// Those that are never written have none (−∞), so that the others sum to 1.
    fn log_probabilities(&mut self, text: &[Token]) -> Result<&[f32], Self::Error>;
}

/// A text, and how probable the model finds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub tokens: Vec<Token>,
    /// Of the whole text with its end: ln P(text | sound).
    pub log_probability: f32,
    /// Whether it came to its end by itself.
    pub is_whole: bool,
}

impl Said {
    /// The geometric mean of the tokens' probabilities, the end's among them.
    pub fn mean_probability(&self) -> f32 {
        let tokens = self.tokens.len() + usize::from(self.is_whole);
        (self.log_probability / tokens.max(1) as f32).exp()
    }
}

/// Phrases that are looked for; more alternatives than that help nobody.
const PHRASES: usize = 4;
/// Beginnings of phrases that are followed, for each of which the model works.
const STEPS: usize = 32;
/// What is so improbable (1 in 3,000) is not followed.
const HOPELESS: f32 = -8.0;
/// A word of a number that is less probable (1 in 400) where it stands is not made out of another.
const IMPROBABLE: f32 = -6.0;
/// A text that repeats so many tokens so many times says nothing: the model has lost its way.
const LOOPS: [(usize, usize); 4] = [(1, 10), (2, 6), (3, 4), (8, 3)];

/// The likeliest next token, again and again, `most` at most.
pub fn free<M: Model>(
    model: &mut M,
    vocabulary: &Vocabulary,
    most: usize,
) -> Result<Said, M::Error> {
    let mut said = Said {
        tokens: Vec::new(),
        log_probability: 0.0,
        is_whole: false,
    };
    while said.tokens.len() < most && !is_loop(&said.tokens) {
        let next = model.log_probabilities(&said.tokens)?;
        let best = (0..next.len()).max_by(|&a, &b| next[a].total_cmp(&next[b]));
        let Some(best) = best else { break };
        said.log_probability += next[best];
        if best as Token == vocabulary.end {
            said.is_whole = true;
            break;
        }
        said.tokens.push(best as Token);
    }
    Ok(said)
}

/// Whether the end of a text is the same again and again.
pub fn is_loop(tokens: &[Token]) -> bool {
    let (longest, _) = LOOPS[LOOPS.len() - 1];
    (1..=longest).any(|period| {
        let times = LOOPS.iter().find(|(upto, _)| period <= *upto);
        let (_, times) = times.expect("the last is the longest");
        let tail = period * times;
        tokens.len() >= tail && {
            let tail = &tokens[tokens.len() - tail..];
            tail[period..].iter().zip(tail).all(|(a, b)| a == b)
        }
    })
}

/// The likeliest phrases, best first; none where all are hopeless. Looks at the likeliest beginning
/// first, so that the first whole phrase it comes to is the best one.
pub fn phrases<M: Model>(
    model: &mut M,
    vocabulary: &Vocabulary,
    automaton: &Automaton,
) -> Result<Vec<Said>, M::Error> {
    let mut found: Vec<Said> = Vec::new();
    let mut open = BinaryHeap::from([Path::begin(automaton)]);
    let mut steps = 0;
    while let Some(path) = open.pop() {
        let Some(state) = path.state else {
            found.push(Said {
                tokens: path.tokens,
                log_probability: path.log_probability,
                is_whole: true,
            });
            if found.len() == PHRASES {
                break;
            }
            continue;
        };
        if steps == STEPS {
            break;
        }
        steps += 1;
        let next = model.log_probabilities(&path.tokens)?;
        let end = automaton.is_end(&state).then(|| end(next, vocabulary));
        let allowed = vocabulary.allowed(automaton, &state);
        let ways = allowed
            .into_iter()
            .map(|(token, state)| (Some(token), Some(state), next[token as usize]))
            .chain(end.map(|probability| (None, None, probability)));
        for (token, state, log_probability) in ways {
            let log_probability = path.log_probability + log_probability;
            if log_probability > HOPELESS {
                let mut tokens = path.tokens.clone();
                tokens.extend(token);
                open.push(Path {
                    tokens,
                    state,
                    log_probability,
                });
            }
        }
    }
    Ok(found)
}

/// In the automaton's words only, the likeliest at each step; `None` where none of them is likely
/// from the first, or they do not come to an end.
pub fn words<M: Model>(
    model: &mut M,
    vocabulary: &Vocabulary,
    automaton: &Automaton,
    most: usize,
) -> Result<Option<Said>, M::Error> {
    let mut path = Path::begin(automaton);
    while let Some(state) = &path.state
        && path.tokens.len() < most
    {
        let before = path.log_probability;
        let next = model.log_probabilities(&path.tokens)?;
        let allowed = vocabulary.allowed(automaton, state);
        let best = allowed
            .into_iter()
            .max_by(|(a, _), (b, _)| next[*a as usize].total_cmp(&next[*b as usize]));
        let end = match automaton.is_end(state) {
            true => end(next, vocabulary),
            false => f32::NEG_INFINITY,
        };
        match best {
            Some((token, state)) if next[token as usize] > end => {
                path.log_probability += next[token as usize];
                path.tokens.push(token);
                path.state = Some(state);
            }
            _ => {
                path.log_probability += end;
                path.state = None;
            }
        }
        if path.log_probability - before < IMPROBABLE {
            return Ok(None);
        }
    }
    Ok(path.state.is_none().then_some(Said {
        tokens: path.tokens,
        log_probability: path.log_probability,
        is_whole: true,
    }))
}

/// That the text ends here: by the end, or by a full stop.
fn end(next: &[f32], vocabulary: &Vocabulary) -> f32 {
    let stops = vocabulary.full_stops().iter();
    let stops = stops.map(|&token| next[token as usize].exp());
    (next[vocabulary.end as usize].exp() + stops.sum::<f32>()).ln()
}

/// The beginning of a phrase; without a state a whole one.
struct Path {
    tokens: Vec<Token>,
    state: Option<State>,
    log_probability: f32,
}

impl Path {
    fn begin(automaton: &Automaton) -> Path {
        Path {
            tokens: Vec::new(),
            state: Some(automaton.start()),
            log_probability: 0.0,
        }
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Path) -> Ordering {
        self.log_probability.total_cmp(&other.log_probability)
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Path) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Path) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Path {}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::tests::vocabulary;
    use super::*;

    const WORDS: [&str; 12] = [
        " re", "fund", " track", " trunk", " my", " parcel", " one", " two", ".", " for",
        " Refund", "y",
    ];

    /// Knows texts and their probabilities; what they do not use is spread evenly.
    struct Knows {
        texts: Vec<(Vec<Token>, f32)>,
        answer: Vec<f32>,
        asked: usize,
    }

    fn tokens(text: &str) -> Vec<Token> {
        let mut rest = text;
        let mut tokens = Vec::new();
        while !rest.is_empty() {
            let word = (0..WORDS.len()).filter(|&at| rest.starts_with(WORDS[at]));
            let word = word
                .max_by_key(|&at| WORDS[at].len())
                .expect("a word that is known");
            tokens.push(word as Token);
            rest = &rest[WORDS[word].len()..];
        }
        tokens
    }

    impl Knows {
        fn of(texts: &[(&str, f32)]) -> Knows {
            let end = WORDS.len() as Token;
            let texts = texts.iter().map(|(text, probability)| {
                let mut tokens = tokens(text);
                tokens.push(end);
                (tokens, *probability)
            });
            Knows {
                texts: texts.collect(),
                answer: Vec::new(),
                asked: 0,
            }
        }
    }

    impl Model for Knows {
        type Error = ();

        fn log_probabilities(&mut self, text: &[Token]) -> Result<&[f32], ()> {
            self.asked += 1;
            let size = WORDS.len() + 1;
            let fits = |known: &&(Vec<Token>, f32)| {
                known.0.starts_with(text) && known.0.len() > text.len()
            };
            let total: f32 = self.texts.iter().filter(fits).map(|(_, p)| p).sum();
            let mut shares = vec![0.01 / size as f32; size];
            for (known, probability) in self.texts.iter().filter(fits) {
                shares[known[text.len()] as usize] += 0.99 * probability / total;
            }
            self.answer = shares.iter().map(|share| share.ln()).collect();
            Ok(&self.answer)
        }
    }

    fn texts(said: &[Said]) -> Vec<String> {
        said.iter()
            .map(|said| vocabulary(&WORDS).text(&said.tokens))
            .collect()
    }

    const MENU: [&str; 3] = ["refund", "track my parcel", "track"];

    fn menu(model: &mut Knows) -> Vec<Said> {
        phrases(model, &vocabulary(&WORDS), &Automaton::of_phrases(MENU)).unwrap()
    }

    #[test]
    fn the_free_text_is_the_likeliest() {
        let mut model = Knows::of(&[(" track my parcel.", 0.7), (" refund", 0.3)]);
        let said = free(&mut model, &vocabulary(&WORDS), 20).unwrap();
        assert_eq!(texts(std::slice::from_ref(&said)), ["track my parcel."]);
        assert!(said.is_whole);
        assert!((said.log_probability.exp() - 0.67).abs() < 0.02, "{said:?}");
        assert!(said.mean_probability() > 0.9, "{said:?}");
        let cut = free(&mut model, &vocabulary(&WORDS), 2).unwrap();
        assert!(!cut.is_whole);
    }

    #[test]
    fn phrases_come_best_first_however_they_are_written() {
        let mut model = Knows::of(&[
            (" Refund.", 0.2),
            (" refund", 0.2),
            (" track", 0.5),
            (" two", 0.1),
        ]);
        let found = menu(&mut model);
        assert_eq!(texts(&found), ["track", "Refund", "refund"]);
        let probabilities: Vec<f32> = found
            .iter()
            .map(|said| said.log_probability.exp())
            .collect();
        assert!(
            probabilities[0] > 0.45 && probabilities[1] > 0.15,
            "{probabilities:?}"
        );
        assert!(model.asked < 12, "{}", model.asked);
    }

    #[test]
    fn what_nobody_waits_for_is_no_phrase() {
        let mut model = Knows::of(&[(" two two one", 0.9), (" for my parcel", 0.1)]);
        assert_eq!(menu(&mut model), []);
        assert!(model.asked <= 5, "it is hopeless at once: {}", model.asked);
    }

    #[test]
    fn a_phrase_that_another_begins_with_is_told_from_it() {
        let mut model = Knows::of(&[(" track my parcel.", 0.98), (" track", 0.02)]);
        let found = menu(&mut model);
        assert_eq!(texts(&found)[0], "track my parcel");
        assert!(found[0].log_probability > found[1].log_probability + 2.0);
    }

    #[test]
    fn words_of_a_number_win_over_what_sounds_like_them() {
        let automaton = Automaton::of_words(["one", "two"]);
        let vocabulary = vocabulary(&WORDS);
        let mut model = Knows::of(&[(" for one.", 0.6), (" two one.", 0.4)]);
        let said = words(&mut model, &vocabulary, &automaton, 20).unwrap();
        assert_eq!(texts(&[said.expect("it is likely enough")]), ["two one"]);
        let mut model = Knows::of(&[(" track my parcel.", 1.0)]);
        assert_eq!(words(&mut model, &vocabulary, &automaton, 20), Ok(None));
    }

    #[test]
    fn a_number_that_never_ends_is_none() {
        struct Babbles([f32; WORDS.len() + 1]);
        impl Model for Babbles {
            type Error = ();
            fn log_probabilities(&mut self, _: &[Token]) -> Result<&[f32], ()> {
                Ok(&self.0)
            }
        }
        let mut shares = [-10.0; WORDS.len() + 1];
        shares[6] = -0.001;
        let (mut model, vocabulary) = (Babbles(shares), vocabulary(&WORDS));
        let automaton = Automaton::of_words(["one"]);
        assert_eq!(words(&mut model, &vocabulary, &automaton, 20), Ok(None));
        let said = free(&mut model, &vocabulary, 300).unwrap();
        assert!(is_loop(&said.tokens) && said.tokens.len() < 20, "{said:?}");
    }

    #[test]
    fn a_loop_is_told_from_a_number() {
        let repeated = |pattern: &[Token], times: usize| pattern.repeat(times);
        for (pattern, times, is) in [
            (&[1][..], 9, false),
            (&[1], 10, true),
            (&[1, 2], 5, false),
            (&[1, 2], 6, true),
            (&[1, 2, 3, 4], 2, false),
            (&[1, 2, 3, 4], 3, true),
            (&[1, 2, 3, 4, 5, 6, 7, 8], 3, true),
        ] {
            let mut text = vec![9, 8, 7];
            text.extend(repeated(pattern, times));
            assert_eq!(is_loop(&text), is, "{pattern:?} × {times}");
        }
    }
}
