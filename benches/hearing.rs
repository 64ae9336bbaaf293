//! How well the built-in recognizer hears: `cargo bench --bench hearing -- MANIFEST…`.
//!
//! A line of a manifest is a recording (8 kHz mono WAV), the language, what is said in it (empty:
//! nothing that the grammar knows), and the grammar: phrases between `|`, and `digits MIN MAX` for a
//! value. For each manifest it tells how many were heard right, how sure the engine was, and the share
//! of a core. `--evidence` prints a line a reading, `--weights=FILE` tries another `hearing.bin`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::engines::builtin::Builtin;
use zeroline::engines::builtin::decoder::Evidence;
use zeroline::key::Key;
use zeroline::language::Language;
use zeroline::speech::grammar::{Grammar, Meaning, Phrase, ValueKind};
use zeroline::speech::recognizer::{Hypothesis, Utterance};

/// A packet's samples, as they come to the engine: five at once.
const PACKET: usize = 800;
/// From here on a hypothesis is acted upon, or asked about.
const LEAST: f32 = 0.5;

struct Line {
    recording: String,
    expected: String,
    grammar: Arc<Grammar>,
}

struct Heard {
    expected: String,
    hypotheses: Vec<Hypothesis>,
    evidence: Vec<Evidence>,
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
    let mut grammar = Grammar {
        language: Language::from_tag(language).expect("en or zh"),
        phrases: Vec::new(),
        value: None,
    };
    for part in text.split('|') {
        let words: Vec<&str> = part.split(' ').collect();
        if let ["digits", min, max] = words[..] {
            let (min, max) = (min.parse().expect("a count"), max.parse().expect("a count"));
            grammar.value = Some(ValueKind::Digits { min, max });
        } else {
            grammar.phrases.push(Phrase {
                words: part.to_owned(),
                meaning: Meaning::Key(Key::ONE),
            });
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
    Heard {
        expected: line.expected,
        hypotheses,
        evidence: listening.evidence(),
    }
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
    let right = |heard: &&&Heard| {
        heard
            .hypotheses
            .first()
            .is_some_and(|it| is_right(&heard.expected, &it.text))
    };
    let sure = |heard: &&&Heard| {
        heard
            .hypotheses
            .first()
            .is_some_and(|it| it.confidence >= LEAST)
    };
    let count = spoken.iter().filter(right).count();
    let surely = spoken.iter().filter(right).filter(sure).count();
    let wrong = spoken.iter().filter(|it| !right(it)).filter(sure).count();
    let share = |count: usize| 100.0 * count as f64 / spoken.len().max(1) as f64;
    println!(
        "{path}: {} spoken: best is right {:.1} %, right and sure {:.1} %, wrong and sure {:.1} %; {} of \
         other speech in {:.2} h: {} sure; {:.2} % of a core",
        spoken.len(),
        share(count),
        share(surely),
        share(wrong),
        other.len(),
        sound.as_secs_f64() / 3600.0,
        other.iter().filter(sure).count(),
        100.0 * time.as_secs_f64() / sound.as_secs_f64(),
    );
}

fn print_evidence(path: &str, heard: &Heard) {
    for (at, it) in heard.evidence.iter().enumerate() {
        let right = !heard.expected.is_empty() && is_right(&heard.expected, &it.text);
        let lead = heard.evidence.iter().filter(|other| other.text != it.text);
        let lead = lead
            .map(|other| it.score - other.score)
            .fold(f32::INFINITY, f32::min)
            .min(50.0);
        let confidence = heard
            .hypotheses
            .iter()
            .find(|hypothesis| hypothesis.text == it.text);
        println!(
            "evidence\t{path}\t{}\t{}\t{at}\t{}\t{:.3}\t{:.3}\t{}\t{}\t{lead:.3}\t{:.2}",
            heard.expected,
            it.text,
            u8::from(right),
            it.score,
            it.fit,
            it.units,
            it.anything,
            confidence.map_or(0.0, |it| it.confidence),
        );
    }
}
