//! A grammar as a network of words, each a row of units: what the decoder walks.
//!
//! ```text
//!            ┌─ words around a wish ─┐            ┌─ please ─┐
//!            ▼                       │            ▼          │
//! anything ─▶ START ──── a phrase ───┴─▶ an END ─▶ TAIL ─────┘
//!               └─ words of a value ───▶ an END ─▶ anything
//! ```

use super::lexicon::{self, Unit};
use super::vocabulary::{self, Words};
use crate::language::Language;
use crate::speech::grammar::{Grammar, Meaning};
use crate::speech::understanding::{mandarin, normal};
use crate::speech::verbaliser::{self, Reading};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Words of one utterance at most, for digits.
const MOST_DIGITS: usize = 24;
/// What a number of digits costs that was not asked for, in nepers.
const OTHER_LENGTH: f32 = 4.0;
/// What each of the words, or rows of words, around a wish costs, so that none is heard into noise.
const AROUND: f32 = 6.0;
/// What each word of a value costs.
const WORD_OF_VALUE: f32 = 0.5;

pub struct Graph {
    pub nodes: Vec<Node>,
    pub arcs: Vec<Arc>,
    /// Texts that arcs stand for.
    pub words: Vec<String>,
    /// How words are joined to a text.
    pub separator: &'static str,
    /// The node that all ends lead to at once, if any.
    pub tail: Option<usize>,
}

/// A place between words.
#[derive(Clone, Default)]
pub struct Node {
    /// What it costs to stop here; `None`: nobody may.
    pub end: Option<f32>,
    /// Whether anything at all may be said here.
    pub anything: bool,
    /// Of the phrase that ends here.
    pub meaning: Option<Meaning>,
}

/// A word's pronunciation from one node to another.
pub struct Arc {
    pub from: usize,
    pub to: usize,
    pub word: usize,
    pub cost: f32,
    /// Of words around a wish: they prove nothing about what was wished for.
    pub around: bool,
    pub units: Vec<Unit>,
}

/// Where every utterance begins.
pub const START: usize = 0;

impl Graph {
    /// `units` are the names of the network's outputs for the grammar's language.
    pub fn new(grammar: &Grammar, units: &[String]) -> Graph {
        let mut builder = Builder {
            language: grammar.language,
            units,
            graph: Graph {
                nodes: vec![Node {
                    anything: true,
                    ..Node::default()
                }],
                arcs: Vec::new(),
                words: Vec::new(),
                separator: match grammar.language {
                    Language::En => " ",
                    Language::Zh => "",
                },
                tail: None,
            },
            numbers: BTreeMap::new(),
        };
        for phrase in &grammar.phrases {
            builder.phrase(&phrase.words, Some(phrase.meaning));
        }
        if let Some(kind) = grammar.value {
            builder.value(vocabulary::of(kind, grammar.language));
        }
        builder.around();
        builder.graph
    }
}

struct Builder<'a> {
    language: Language,
    units: &'a [String],
    graph: Graph,
    numbers: BTreeMap<String, usize>,
}

impl Builder<'_> {
    fn node(&mut self, end: Option<f32>) -> usize {
        self.graph.nodes.push(Node {
            end,
            anything: end.is_some(),
            meaning: None,
        });
        self.graph.nodes.len() - 1
    }

    fn number(&mut self, word: &str) -> usize {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        self.graph.words.push(word.to_owned());
        let number = self.graph.words.len() - 1;
        self.numbers.insert(word.to_owned(), number);
        number
    }

    fn arcs(&mut self, from: usize, to: usize, said: &Said, cost: f32, around: bool) {
        let word = self.number(&said.word);
        for units in &said.pronunciations {
            self.graph.arcs.push(Arc {
                from,
                to,
                word,
                cost,
                around,
                units: units.clone(),
            });
        }
    }

    /// A phrase as an operator wrote it; one that nobody can pronounce is not listened for.
    fn phrase(&mut self, text: &str, meaning: Option<Meaning>) {
        let Some(words) = self.words(text).filter(|words| !words.is_empty()) else {
            return;
        };
        let mut from = START;
        for (at, said) in words.iter().enumerate() {
            let last = at + 1 == words.len();
            let to = self.node(last.then_some(0.0));
            self.arcs(from, to, said, 0.0, false);
            from = to;
        }
        self.graph.nodes[from].meaning = meaning;
    }

    fn value(&mut self, words: Words) {
        match words {
            Words::Nothing => {}
            Words::Phrases(phrases) => {
                phrases.iter().for_each(|phrase| self.phrase(phrase, None));
            }
            Words::Any(words) => {
                let end = self.node(Some(0.0));
                for word in words {
                    for said in self.words(word).unwrap_or_default() {
                        self.arcs(START, end, &said, WORD_OF_VALUE, false);
                        self.arcs(end, end, &said, WORD_OF_VALUE, false);
                    }
                }
            }
            Words::Digits { min, max, letters } => self.digits(min, max, letters),
        }
    }

    /// A node for each count of digits, so that a number of the right length is preferred.
    fn digits(&mut self, min: usize, max: usize, letters: bool) {
        let language = self.language;
        let counted = vocabulary::digits(language)
            .chain(letters.then(vocabulary::letters).into_iter().flatten());
        let counted: Vec<Said> = counted.filter_map(|word| self.words(word)?.pop()).collect();
        let times = match language {
            Language::En => &[("double", 2), ("triple", 3)][..],
            Language::Zh => &[],
        };
        let times: Vec<(Said, usize)> = times
            .iter()
            .filter_map(|(word, count)| Some((self.words(word)?.pop()?, *count)))
            .collect();
        let most = max.min(MOST_DIGITS);
        let nodes: Vec<usize> = (1..=most)
            .map(|count| self.node(Some(if count < min { OTHER_LENGTH } else { 0.0 })))
            .collect();
        let node = |count: usize| count.checked_sub(1).map_or(START, |at| nodes[at]);
        for count in 0..most {
            for said in &counted {
                self.arcs(node(count), node(count + 1), said, 0.0, false);
            }
            for (said, repeated) in &times {
                if count + repeated <= most {
                    let between = self.node(None);
                    self.arcs(node(count), between, said, WORD_OF_VALUE, false);
                    for digit in &counted {
                        self.arcs(between, node(count + repeated), digit, 0.0, false);
                    }
                }
            }
        }
    }

    /// Each of these costs as one, and a link after a lead nothing: what is often said is cheap, and words
    /// that other speech happens to sound like are not.
    fn around(&mut self) {
        let around = vocabulary::around(self.language);
        let led = self.node(None);
        for lead in around.leads {
            self.chain(START, START, lead, AROUND);
            self.chain(START, led, lead, AROUND);
        }
        for link in around.links {
            self.chain(led, START, link, 0.0);
            self.chain(START, START, link, AROUND);
        }
        for opening in around.openings {
            self.chain(START, START, opening, AROUND);
        }
        let tail = self.node(Some(0.0));
        for ending in around.endings {
            self.chain(tail, tail, ending, AROUND);
        }
        self.graph.tail = Some(tail);
    }

    /// Words around a wish that follow each other.
    fn chain(&mut self, from: usize, to: usize, text: &str, cost: f32) {
        let words = self.words(text).unwrap_or_default();
        let mut at = from;
        for (count, said) in words.iter().enumerate() {
            let next = match count + 1 == words.len() {
                true => to,
                false => self.node(None),
            };
            let cost = if count == 0 { cost } else { 0.0 };
            self.arcs(at, next, said, cost, true);
            at = next;
        }
    }

    /// A text's words with their sounds; `None` where one has none.
    fn words(&self, text: &str) -> Option<Vec<Said>> {
        let text = normal::text(text);
        let mut said = Vec::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let kind = Kind::of(first);
            let end = rest
                .find(|symbol| Kind::of(symbol) != kind)
                .unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            match kind {
                Kind::Space => {}
                Kind::Figures => said.extend(self.words(&self.figures(part)?)?),
                Kind::Word => said.push(self.english(part)?),
                Kind::Han => said.extend(self.characters(part)?),
            }
            rest = after;
        }
        Some(said)
    }

    /// Up to two figures are a number, more of them are read one by one.
    fn figures(&self, figures: &str) -> Option<String> {
        let reading = match figures.len() <= 2 && !figures.starts_with('0') {
            true => Reading::Number,
            false => Reading::Digits,
        };
        verbaliser::read(self.language, &TimeZone::UTC, reading, figures).ok()
    }

    fn english(&self, word: &str) -> Option<Said> {
        let pronunciations = match self.language {
            Language::En => lexicon::english(word),
            // The network has no English sounds in Mandarin.
            Language::Zh => Vec::new(),
        };
        (!pronunciations.is_empty()).then(|| Said {
            word: word.to_owned(),
            pronunciations,
        })
    }

    fn characters(&self, text: &str) -> Option<Vec<Said>> {
        if self.language == Language::En {
            return None;
        }
        let characters: Vec<char> = text.chars().collect();
        let sounds = lexicon::mandarin(&characters, self.units)?;
        let said = characters
            .into_iter()
            .zip(sounds)
            .map(|(character, units)| Said {
                word: character.to_string(),
                pronunciations: vec![units],
            });
        Some(said.collect())
    }
}

/// A word and its pronunciations.
struct Said {
    word: String,
    pronunciations: Vec<Vec<Unit>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Figures,
    Word,
    Han,
}

impl Kind {
    fn of(symbol: char) -> Kind {
        if mandarin::is_han(symbol) {
            Kind::Han
        } else if symbol.is_ascii_digit() {
            Kind::Figures
        } else if symbol.is_alphabetic() || symbol == '\'' {
            Kind::Word
        } else {
            Kind::Space
        }
    }
}
