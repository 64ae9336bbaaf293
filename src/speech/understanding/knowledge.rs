//! The questions of a `knowledge` node: which of them was asked.
//!
//! Words that few of its questions have count more than those that many have (tf-idf), and words
//! that any question has ("how", 怎么) hardly count. English is compared by stems, Mandarin by
//! characters and by pairs of them, so that no dictionary is needed.

use super::tokens::{self, Form, Role, Token};
use super::{ACCEPT, CONFIRM, Candidate, Heard, Sense};
use crate::speech::grammar::{Grammar, Meaning};
use std::collections::{BTreeMap, BTreeSet};

/// How much of a question's weight has to be said, and of what was said to belong to it.
/// A share of both that is acted upon becomes [`ACCEPT`], one that is asked about [`CONFIRM`].
const SURE: f32 = 0.62;
const PERHAPS: f32 = 0.40;
/// What a word weighs that any question has.
const COMMON: f32 = 0.15;
/// A pair of characters says more than each of them.
const PAIR: f32 = 1.5;

pub(super) fn candidates(grammar: &Grammar, said: &[Token]) -> Vec<Candidate> {
    let phrases = grammar.phrases.iter().enumerate();
    let questions: Vec<(usize, u16, Vec<Term>)> = phrases
        .filter_map(|(at, phrase)| match phrase.meaning {
            Meaning::Entry(entry) => {
                let tokens = tokens::of(&phrase.words, grammar.language);
                Some((at, entry, terms(&tokens)))
            }
            _ => None,
        })
        .collect();
    if questions.is_empty() {
        return Vec::new();
    }
    let rarity = Rarity::of(&questions);
    let said = terms(said);
    let asked = questions.iter().map(|(at, entry, question)| Candidate {
        heard: Heard {
            sense: Sense::Meaning(Meaning::Entry(*entry)),
            score: score(rarity.likeness(question, &said)),
            words: String::new(),
            phrase: Some(*at),
        },
        whole: false,
        exact: false,
        ask: false,
    });
    asked.filter(|it| it.heard.score > 0.0).collect()
}

/// A word's stem, a character, or two characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    text: String,
    /// Whether it tells what a sentence is about.
    tells: bool,
}

fn terms(tokens: &[Token]) -> Vec<Term> {
    let mut terms: Vec<Term> = Vec::new();
    let mut before: Option<(char, bool)> = None;
    for token in tokens {
        let tells = matches!(token.role, Role::Content | Role::Negation);
        if token.role == Role::Filler {
            before = None;
            continue;
        }
        match &token.form {
            Form::Word { stem, .. } => {
                before = None;
                terms.push(Term {
                    text: stem.clone(),
                    tells,
                });
            }
            Form::Han { character, .. } => {
                terms.push(Term {
                    text: character.to_string(),
                    tells,
                });
                if let Some((first, told)) = before {
                    terms.push(Term {
                        text: format!("{first}{character}"),
                        tells: tells && told,
                    });
                }
                before = Some((*character, tells));
            }
        }
    }
    terms
}

/// In how many entries each term stands.
struct Rarity {
    entries: f32,
    holding: BTreeMap<String, f32>,
}

impl Rarity {
    fn of(questions: &[(usize, u16, Vec<Term>)]) -> Rarity {
        let mut seen: BTreeSet<(&str, u16)> = BTreeSet::new();
        let mut entries: BTreeSet<u16> = BTreeSet::new();
        for (_, entry, terms) in questions {
            entries.insert(*entry);
            seen.extend(terms.iter().map(|term| (term.text.as_str(), *entry)));
        }
        let mut holding: BTreeMap<String, f32> = BTreeMap::new();
        for (text, _) in seen {
            *holding.entry(text.to_string()).or_default() += 1.0;
        }
        Rarity {
            entries: entries.len() as f32,
            holding,
        }
    }

    fn weight(&self, term: &Term) -> f32 {
        let holding = self.holding.get(&term.text).copied().unwrap_or(0.0);
        // One in the only entry, and less in a word of each of many.
        let rarity = ((1.0 + self.entries) / (1.0 + holding)).ln() + 1.0;
        let pair = term.text.chars().count() == 2 && !term.text.is_ascii();
        let kind = if term.tells { 1.0 } else { COMMON };
        rarity * kind * if pair { PAIR } else { 1.0 }
    }

    /// The weight of what both have, as a share of what each has: the mean of the two shares, with
    /// more said than asked for counting less than too little.
    fn likeness(&self, question: &[Term], said: &[Term]) -> f32 {
        let total = |terms: &[Term]| terms.iter().map(|term| self.weight(term)).sum::<f32>();
        let mut left: Vec<&Term> = said.iter().collect();
        let mut shared = 0.0;
        for term in question {
            if let Some(at) = left.iter().position(|heard| heard.text == term.text) {
                left.swap_remove(at);
                shared += self.weight(term);
            }
        }
        let (asked, heard) = (total(question), total(said));
        if asked <= 0.0 || heard <= 0.0 {
            return 0.0;
        }
        0.6 * (shared / asked) + 0.4 * (shared / heard)
    }
}

/// On the scale of all other scores.
fn score(likeness: f32) -> f32 {
    let between = |low: f32, high: f32, from: f32, to: f32| {
        from + (likeness - low) / (high - low) * (to - from)
    };
    // The engine's doubt is taken off afterwards: what is sure stays so with a good engine.
    if likeness >= SURE {
        between(SURE, 1.0, ACCEPT + 0.06, 1.0)
    } else if likeness >= PERHAPS {
        between(PERHAPS, SURE, CONFIRM + 0.03, ACCEPT + 0.06)
    } else {
        between(0.0, PERHAPS, 0.0, CONFIRM + 0.03)
    }
}

#[cfg(test)]
mod tests {
    use crate::language::Language;
    use crate::speech::grammar::{Grammar, Meaning, Phrase};
    use crate::speech::recognizer::Hypothesis;
    use crate::speech::understanding::{Context, Sense, Understood, built_in, understand};

    const ENGLISH: [(u16, &str); 9] = [
        (0, "what are your opening hours"),
        (0, "when are you open"),
        (0, "are you open on saturday"),
        (1, "how much does it cost to send a parcel"),
        (1, "what does a parcel cost"),
        (2, "can I change the delivery address"),
        (2, "send my parcel to another address"),
        (3, "what happens if nobody is at home"),
        (3, "what if I am not in when the driver comes"),
    ];
    const MANDARIN: [(u16, &str); 8] = [
        (0, "你们几点开门"),
        (0, "营业时间是什么时候"),
        (1, "寄一个包裹多少钱"),
        (1, "运费怎么算"),
        (2, "可以改收货地址吗"),
        (2, "能不能换一个地址收货"),
        (3, "家里没人怎么办"),
        (3, "送货的时候我不在家"),
    ];

    fn asked(language: Language, text: &str) -> String {
        let questions: &[(u16, &str)] = match language {
            Language::En => &ENGLISH,
            Language::Zh => &MANDARIN,
        };
        let questions = questions.iter().map(|(entry, words)| Phrase {
            words: words.to_string(),
            meaning: Meaning::Entry(*entry),
        });
        let grammar = Grammar {
            language,
            phrases: questions.chain(built_in::everywhere(language)).collect(),
            value: None,
        };
        let heard = Hypothesis {
            text: text.to_string(),
            confidence: 0.9,
        };
        let now = "2026-11-21T10:00:00[UTC]".parse().expect("a moment");
        let name = |sense: Sense| match sense {
            Sense::Meaning(Meaning::Entry(entry)) => entry.to_string(),
            other => format!("{other:?}"),
        };
        match understand(&grammar, &[heard], Context::new(&now)) {
            Understood::Match(heard) => name(heard.sense),
            Understood::Guess(heard) => format!("{}?", name(heard.sense)),
            Understood::NoMatch => "none".to_string(),
        }
    }

    #[test]
    fn a_question_is_known_in_other_words() {
        for (text, entry) in [
            ("what are your opening hours", "0"),
            ("um could you tell me your opening hours please", "0"),
            ("are you open on a saturday", "0"),
            ("how much to send a parcel", "1"),
            ("what's the cost of a parcel", "1"),
            ("I would like to change the address for the delivery", "2"),
            ("what happens when nobody's home", "3"),
            ("I want to complain about the driver", "none"),
            ("tell me a joke", "none"),
        ] {
            let found = asked(Language::En, text);
            assert_eq!(found.trim_end_matches('?'), entry, "{text}: {found}");
        }
        for (text, entry) in [
            ("你们几点开门啊", "0"),
            ("请问营业时间", "0"),
            ("寄包裹要多少钱", "1"),
            ("我想换个收货地址", "2"),
            ("家里没有人怎么办", "3"),
            ("给我讲个笑话", "none"),
        ] {
            let found = asked(Language::Zh, text);
            assert_eq!(found.trim_end_matches('?'), entry, "{text}: {found}");
        }
        assert_eq!(asked(Language::En, "when are you open"), "0");
        assert_eq!(asked(Language::Zh, "运费怎么算"), "1");
    }

    #[test]
    fn a_person_is_still_a_person() {
        assert_eq!(asked(Language::En, "agent"), "Meaning(Human)");
        assert_eq!(asked(Language::Zh, "转人工"), "Meaning(Human)");
    }
}
