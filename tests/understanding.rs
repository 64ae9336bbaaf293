//! How well what callers say is understood, in figures: `cargo test --test understanding --
//! --nocapture` prints them. The sentences are our own, paraphrases and the errors that recognizers
//! make, in both languages; an engine that is sure (confidence 0.9) heard each.

use std::collections::BTreeMap;
use zeroline::key::Key;
use zeroline::language::Language;
use zeroline::speech::grammar::{Grammar, Meaning, Phrase};
use zeroline::speech::recognizer::Hypothesis;
use zeroline::speech::understanding::{Context, Sense, Understood, built_in, understand};

const SENTENCES: &str = include_str!("data/understanding.tsv");

struct Said<'a> {
    set: &'a str,
    kind: &'a str,
    grammar: &'a str,
    meaning: &'a str,
    words: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Acted upon as it was meant, or left alone where nothing was meant.
    Right,
    /// Asked back what was meant; then the caller says yes.
    Confirmed,
    /// Nothing understood, or something else asked back: the caller has to say it again.
    Missed,
    /// Acted upon as it was not meant.
    Wrong,
}

fn rows(kind: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let rows = SENTENCES
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(move |row| row[0] == kind)
}

fn language_of(grammar: &str) -> Language {
    Language::from_tag(&grammar[..2]).expect("names begin with a language")
}

fn grammars() -> BTreeMap<&'static str, Grammar> {
    let mut grammars: BTreeMap<&str, Grammar> = BTreeMap::new();
    let empty = |name: &str, own: Vec<Phrase>| Grammar {
        language: language_of(name),
        phrases: [own, built_in::everywhere(language_of(name))].concat(),
        value: None,
    };
    for name in ["en_yes", "zh_yes"] {
        let own = built_in::yes_no(language_of(name));
        grammars.insert(name, empty(name, own));
    }
    for row in rows("option") {
        let [_, name, key, words] = row[..] else {
            panic!("an option has four columns: {row:?}");
        };
        let grammar = grammars
            .entry(name)
            .or_insert_with(|| empty(name, Vec::new()));
        let key = key.parse().ok().and_then(Key::of_digit).expect("a digit");
        grammar.phrases.push(Phrase {
            words: words.to_string(),
            meaning: Meaning::Key(key),
        });
        for phrase in built_in::by_number(language_of(name), key) {
            if !grammar.phrases.contains(&phrase) {
                grammar.phrases.push(phrase);
            }
        }
    }
    grammars
}

fn sentences() -> Vec<Said<'static>> {
    let said = rows("say").map(|row| {
        let [_, set, kind, grammar, meaning, words] = row[..] else {
            panic!("what is said has six columns: {row:?}");
        };
        Said {
            set,
            kind,
            grammar,
            meaning,
            words,
        }
    });
    said.collect()
}

/// `3`, `*`, `human`, with `?` where it is asked back, or `none`.
fn understood(grammar: &Grammar, words: &str) -> String {
    let now = "2026-11-21T10:00:00[UTC]".parse().expect("a moment");
    let heard = Hypothesis {
        text: words.to_string(),
        confidence: 0.9,
    };
    let name = |sense: Sense| match sense {
        Sense::Meaning(Meaning::Key(key)) => key.to_string(),
        Sense::Meaning(meaning) => format!("{meaning:?}").to_lowercase(),
        Sense::Value(value) => value,
    };
    match understand(grammar, &[heard], Context::new(&now)) {
        Understood::Match(heard) => name(heard.sense),
        Understood::Guess(heard) => format!("{}?", name(heard.sense)),
        Understood::NoMatch => "none".to_string(),
    }
}

fn judge(meaning: &str, found: &str) -> Outcome {
    let asked = found.strip_suffix('?');
    match (meaning, asked) {
        // Nothing was meant: to ask is a nuisance, to act is wrong.
        ("none", Some(_)) => Outcome::Missed,
        ("none", None) if found == "none" => Outcome::Right,
        ("none", None) => Outcome::Wrong,
        // Only mentioned or denied: it has to be asked, or passed over.
        ("human?", Some("human")) => Outcome::Right,
        (denied, asked) if denied.starts_with("deny:") || denied == "human?" => {
            match asked.is_some() || found == "none" {
                true => Outcome::Right,
                false => Outcome::Wrong,
            }
        }
        (meant, Some(asked)) if asked == meant => Outcome::Confirmed,
        (meant, None) if found == meant => Outcome::Right,
        (_, None) if found != "none" => Outcome::Wrong,
        _ => Outcome::Missed,
    }
}

#[derive(Default)]
struct Tally([usize; 4]);

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.0[outcome as usize] += 1;
    }

    fn share(&self, outcome: Outcome) -> f64 {
        self.0[outcome as usize] as f64 * 100.0 / self.0.iter().sum::<usize>().max(1) as f64
    }
}

#[test]
fn what_callers_say_is_understood() {
    let grammars = grammars();
    let mut tallies: BTreeMap<(&str, &str, &str), Tally> = BTreeMap::new();
    for said in sentences() {
        let found = understood(&grammars[said.grammar], said.words);
        let outcome = judge(said.meaning, &found);
        if matches!(outcome, Outcome::Missed | Outcome::Wrong) {
            println!(
                "{outcome:?} {}: {} → {found}, not {}",
                said.grammar, said.words, said.meaning
            );
        }
        for kind in [said.kind, "all"] {
            let tally = tallies.entry((said.set, &said.grammar[..2], kind));
            tally.or_default().add(outcome);
        }
    }
    println!("set   language kind     count  right  confirmed  missed  wrong (%)");
    for ((set, language, kind), tally) in &tallies {
        let count: usize = tally.0.iter().sum();
        let [right, confirmed, missed, wrong] = [
            Outcome::Right,
            Outcome::Confirmed,
            Outcome::Missed,
            Outcome::Wrong,
        ]
        .map(|outcome| tally.share(outcome));
        println!(
            "{set:5} {language:8} {kind:8} {count:5} {right:6.1} {confirmed:10.1} {missed:7.1} {wrong:6.1}"
        );
    }
    for (set, language) in [
        ("tune", "en"),
        ("tune", "zh"),
        ("held", "en"),
        ("held", "zh"),
    ] {
        let tally = &tallies[&(set, language, "all")];
        let understood = tally.share(Outcome::Right) + tally.share(Outcome::Confirmed);
        assert!(understood >= 85.0, "{set} {language}: {understood}");
        assert!(tally.share(Outcome::Wrong) <= 3.0, "{set} {language}");
    }
}
