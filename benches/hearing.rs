//! How well the built-in recognizer hears: `cargo bench --bench hearing -- MANIFEST…`.
//!
//! A line of a manifest is a recording (8 kHz mono WAV), the language, what is said in it (empty:
//! nothing that the grammar knows; `HUMAN`: the wish for a person), and the grammar, in parts between
//! `|`: a phrase, `KEY=phrase` for an option of a menu, `everywhere` for what every menu listens for,
//! `digits MIN MAX` for a value. For each manifest it tells how much was heard right, what a call would
//! have made of it (`understand` with its own thresholds), and the share of a core. `--evidence` prints
//! a line a reading, `--weights=FILE` tries another `hearing.bin`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::engines::builtin::Builtin;
use zeroline::engines::builtin::decoder::Evidence;
use zeroline::key::Key;
use zeroline::language::Language;
use zeroline::speech::grammar::{Grammar, Meaning, Phrase, ValueKind};
use zeroline::speech::recognizer::{Hypothesis, Utterance};
use zeroline::speech::understanding::{
    ACCEPT, CONFIRM, Context, Sense, Understood, built_in, understand,
};

/// A packet's samples, as they come to the engine: five at once.
const PACKET: usize = 800;

struct Line {
    recording: String,
    expected: String,
    grammar: Arc<Grammar>,
}

struct Heard {
    expected: String,
    hypotheses: Vec<Hypothesis>,
    evidence: Vec<Evidence>,
    verdict: Verdict,
    is_right: bool,
    /// Taken for a wish for a person.
    is_human: bool,
}

/// What the call makes of it.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Acted,
    Asked,
    Nothing,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let tell = arguments.iter().any(|it| it == "--evidence");
    let weights = arguments
        .iter()
        .find_map(|it| it.strip_prefix("--weights="));
    let engine = weights.map_or_else(Builtin::new, |path| {
        let file = std::fs::read(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        Builtin::with_weights(&file).unwrap_or_else(|e| panic!("{path}: {e}"))
    });
    for path in arguments.iter().filter(|it| !it.starts_with("--")) {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut grammars = Grammars::default();
        let (mut sound, mut time, mut all) = (Duration::ZERO, Duration::ZERO, Vec::new());
        for line in text.lines().map(|line| grammars.line(line)) {
            let samples = samples(&line.recording);
            sound += Duration::from_secs_f64(samples.len() as f64 / 8000.0);
            let heard = hear(&engine, line, &samples, &mut time);
            if tell {
                print_evidence(path, &heard);
            }
            all.push(heard);
        }
        summarise(path, &all, sound, time);
    }
}

#[derive(Default)]
struct Grammars(Vec<(String, Arc<Grammar>)>);

impl Grammars {
    fn line(&mut self, line: &str) -> Line {
        let fields: Vec<&str> = line.split('\t').collect();
        let [recording, language, expected, grammar] = fields[..] else {
            panic!("not four fields: {line}");
        };
        let key = format!("{language}\t{grammar}");
        let known = self.0.iter().find(|(of, _)| *of == key);
        let grammar = known
            .map(|(_, grammar)| grammar.clone())
            .unwrap_or_else(|| {
                let made = Arc::new(parse(language, grammar));
                self.0.push((key, made.clone()));
                made
            });
        Line {
            recording: recording.to_owned(),
            expected: expected.to_owned(),
            grammar,
        }
    }
}

fn parse(language: &str, text: &str) -> Grammar {
    let language = Language::from_tag(language).expect("en or zh");
    let mut grammar = Grammar {
        language,
        phrases: Vec::new(),
        value: None,
    };
    for part in text.split('|') {
        let words: Vec<&str> = part.split(' ').collect();
        let option = part.split_once('=').map(|(key, words): (&str, &str)| {
            let digit: u8 = key.parse().expect("a digit");
            (Key::of_digit(digit).expect("a digit"), words)
        });
        if let ["digits", min, max] = words[..] {
            let (min, max) = (min.parse().expect("a count"), max.parse().expect("a count"));
            grammar.value = Some(ValueKind::Digits { min, max });
        } else if part == "everywhere" {
            grammar.phrases.extend(built_in::everywhere(language));
        } else {
            let (key, words) = option.unwrap_or((Key::ONE, part));
            grammar.phrases.push(Phrase {
                words: words.to_owned(),
                meaning: Meaning::Key(key),
            });
            if option.is_some() {
                grammar.phrases.extend(built_in::by_number(language, key));
            }
        }
    }
    grammar
}

fn samples(path: &str) -> Vec<i16> {
    let reader = hound::WavReader::open(Path::new(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert_eq!(reader.spec().sample_rate, 8000, "{path}");
    reader
        .into_samples()
        .map(|it| it.expect("samples"))
        .collect()
}

fn hear(engine: &Builtin, line: Line, samples: &[i16], time: &mut Duration) -> Heard {
    let mut listening = engine.listen(&line.grammar);
    let start = Instant::now();
    for packet in samples.chunks(PACKET) {
        listening.push(packet).expect("it cannot fail");
    }
    let hypotheses = listening.hypotheses().expect("it cannot fail");
    *time += start.elapsed();
    let (verdict, is_right, is_human) = judge(&line, &hypotheses);
    Heard {
        expected: line.expected,
        hypotheses,
        evidence: listening.evidence(),
        verdict,
        is_right,
        is_human,
    }
}

/// What a call would make of it, whether that is right, and whether it is a wish for a person.
fn judge(line: &Line, hypotheses: &[Hypothesis]) -> (Verdict, bool, bool) {
    let phrases = &line.grammar.phrases;
    let meaning = match line.expected.as_str() {
        "HUMAN" => Some(Meaning::Human),
        words => phrases
            .iter()
            .find(|it| it.words == words)
            .map(|it| it.meaning),
    };
    if !phrases.iter().any(|it| it.meaning == Meaning::Human) {
        // No menu: its words as they are, each a meaning of its own.
        let Some(first) = hypotheses.first() else {
            return (Verdict::Nothing, false, false);
        };
        let verdict = match first.confidence.sqrt() {
            score if score >= ACCEPT => Verdict::Acted,
            score if score >= CONFIRM => Verdict::Asked,
            _ => Verdict::Nothing,
        };
        let is_right = !line.expected.is_empty() && is_right(&line.expected, &first.text);
        return (verdict, is_right, false);
    }
    let now = jiff::Zoned::default();
    let (verdict, heard) = match understand(&line.grammar, hypotheses, Context::new(&now)) {
        Understood::Match(heard) => (Verdict::Acted, heard),
        Understood::Guess(heard) => (Verdict::Asked, heard),
        Understood::NoMatch => return (Verdict::Nothing, false, false),
    };
    let is_right = meaning.is_some_and(|meaning| heard.sense == Sense::Meaning(meaning));
    (
        verdict,
        is_right,
        heard.sense == Sense::Meaning(Meaning::Human),
    )
}

/// Digits are compared as figures.
fn canonical(text: &str) -> String {
    const FIGURES: [(&str, &str); 11] = [
        ("zero", "0"),
        ("oh", "0"),
        ("one", "1"),
        ("two", "2"),
        ("three", "3"),
        ("four", "4"),
        ("five", "5"),
        ("six", "6"),
        ("seven", "7"),
        ("eight", "8"),
        ("nine", "9"),
    ];
    let words = text.split(' ').map(|word| {
        let figure = FIGURES.iter().find(|(name, _)| *name == word);
        figure.map_or(word, |(_, figure)| figure)
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_right(expected: &str, text: &str) -> bool {
    let (expected, text) = (canonical(expected), canonical(text));
    text == expected || format!(" {text} ").contains(&format!(" {expected} "))
}

fn summarise(path: &str, all: &[Heard], sound: Duration, time: Duration) {
    let (spoken, other): (Vec<&Heard>, Vec<&Heard>) =
        all.iter().partition(|it| !it.expected.is_empty());
    let hours = sound.as_secs_f64() / 3600.0;
    print!("{path}: ");
    if !spoken.is_empty() {
        let share = |of: &dyn Fn(&Heard) -> bool| {
            100.0 * spoken.iter().filter(|it: &&&Heard| of(it)).count() as f64 / spoken.len() as f64
        };
        let right_and = |verdict: Verdict| share(&|it| it.is_right && it.verdict == verdict);
        let wrong_and = |verdict: Verdict| share(&|it| !it.is_right && it.verdict == verdict);
        print!(
            "{} spoken, likeliest right {:.1} %: acted upon {:.1} %, asked about {:.1} %, not understood \
             {:.1} %, wrong and acted upon {:.1} %, wrong and asked about {:.1} %; ",
            spoken.len(),
            share(&|it| it.is_likeliest()),
            right_and(Verdict::Acted),
            right_and(Verdict::Asked),
            share(&|it| it.verdict == Verdict::Nothing),
            wrong_and(Verdict::Acted),
            wrong_and(Verdict::Asked),
        );
    }
    if !other.is_empty() {
        let count = |verdict: Verdict, human: bool| {
            let of_these = |it: &&&Heard| it.verdict == verdict && (it.is_human || !human);
            other.iter().filter(of_these).count()
        };
        print!(
            "{} of other speech in {hours:.2} h: {} acted upon, {} of them as a wish for a person ({:.1} an \
             hour), {} asked about, {} of them for a person; ",
            other.len(),
            count(Verdict::Acted, false),
            count(Verdict::Acted, true),
            count(Verdict::Acted, true) as f64 / hours,
            count(Verdict::Asked, false),
            count(Verdict::Asked, true),
        );
    }
    println!(
        "{:.2} % of a core",
        100.0 * time.as_secs_f64() / sound.as_secs_f64(),
    );
}

impl Heard {
    /// By its words, whatever the engine's confidence.
    fn is_likeliest(&self) -> bool {
        let first = self.evidence.first();
        first.is_some_and(|it| match self.expected.as_str() {
            "HUMAN" => it.meaning == Some(Meaning::Human),
            expected => it.wish == expected || is_right(expected, &it.text),
        })
    }
}

fn print_evidence(path: &str, heard: &Heard) {
    for (at, it) in heard.evidence.iter().enumerate() {
        let right = match heard.expected.as_str() {
            "" => false,
            "HUMAN" => it.meaning == Some(Meaning::Human),
            expected => it.wish == expected || is_right(expected, &it.text),
        };
        let others = heard.evidence.iter().filter(|other| it.rivals(other));
        let best = others.map(|other| other.score).fold(-99.0, f32::max);
        let confidence = heard
            .hypotheses
            .iter()
            .find(|hypothesis| hypothesis.text == it.text);
        println!(
            "evidence\t{path}\t{}\t{}\t{at}\t{}\t{:.3}\t{:.3}\t{}\t{}\t{:.3}\t{}\t{:.3}\t{:.2}\t{}\t{}",
            heard.expected,
            it.text,
            u8::from(right),
            it.score,
            it.fit,
            it.units,
            it.anything,
            it.score - best,
            it.around,
            it.around_fit,
            confidence.map_or(0.0, |it| it.confidence),
            u8::from(it.meaning == Some(Meaning::Human)),
            it.wish,
        );
    }
}
