//! `zeroline transcribe`: what is said in sound files, as a server would hear it.

use crate::cli::ears::{self, Choice, Ears, grammar_of, hear, read_sound};
use crate::cli::output::print_line;
use crate::language::Language;
use crate::speech::grammar::ValueKind;
use crate::speech::pieces::pieces;
use crate::speech::recognizer::{Hypothesis, SAMPLE_RATE};
use clap::ValueEnum;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Write down what is said in sound files
#[derive(Debug, clap::Args)]
pub struct Args {
    /// WAV, FLAC, MP3 or Ogg Vorbis
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[arg(long, default_value = "en", value_parser = ears::language)]
    language: Language,
    /// What may be said, with commas between; without phrases and value, anything
    #[arg(long, value_delimiter = ',', value_name = "WORDS")]
    phrases: Vec<String>,
    /// A value that may be said: digits, digits:4-8, number, money, date, time, yes_no, phone, id
    #[arg(long, value_parser = ears::value_kind)]
    value: Option<ValueKind>,
    #[command(flatten)]
    choice: Choice,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Of one file.
struct Transcription {
    /// Each utterance's, likeliest first.
    utterances: Vec<Vec<Hypothesis>>,
    seconds: f64,
    work: Duration,
}

pub fn run(args: Args) -> ExitCode {
    let ears = Ears::open(&args.choice);
    let engine = ears.and_then(|ears| ears.engine(args.language).cloned());
    let engine = match engine {
        Ok(engine) => engine,
        Err(message) => {
            eprintln!("zeroline transcribe: {message}");
            return ExitCode::FAILURE;
        }
    };
    let mut all_good = true;
    for file in &args.files {
        match transcribe(&args, &*engine, file) {
            Ok(heard) => match print_line(&tell(&args, engine.id(), file, &heard)) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    eprintln!("zeroline transcribe: cannot write: {error}");
                    return ExitCode::FAILURE;
                }
            },
            Err(message) => {
                eprintln!("zeroline transcribe: {message}");
                all_good = false;
            }
        }
    }
    match all_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn transcribe(
    args: &Args,
    engine: &dyn crate::speech::recognizer::Recognizer,
    file: &Path,
) -> Result<Transcription, String> {
    let anything = args.phrases.is_empty() && args.value.is_none();
    let value = args.value.or(anything.then_some(ValueKind::FreeText));
    let grammar = Arc::new(grammar_of(args.language, &args.phrases, value));
    let samples = read_sound(file)?;
    let mut transcription = Transcription {
        utterances: Vec::new(),
        seconds: samples.len() as f64 / f64::from(SAMPLE_RATE),
        work: Duration::ZERO,
    };
    for utterance in pieces(&samples) {
        let heard = hear(engine, &grammar, utterance)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        transcription.utterances.push(heard.hypotheses);
        transcription.work += heard.work;
    }
    Ok(transcription)
}

impl Transcription {
    /// The likeliest words of all utterances, and how sure the least sure of them are.
    fn best(&self) -> (String, Option<f32>) {
        let best = || self.utterances.iter().filter_map(|heard| heard.first());
        let words: Vec<&str> = best().map(|hypothesis| hypothesis.text.as_str()).collect();
        let sure = best().map(|hypothesis| hypothesis.confidence);
        (words.join(" "), sure.reduce(f32::min))
    }
}

fn tell(args: &Args, engine: &str, file: &Path, heard: &Transcription) -> String {
    let (text, confidence) = heard.best();
    match args.format {
        Format::Text => {
            let text = if text.is_empty() {
                "(nothing that was understood)"
            } else {
                &text
            };
            match args.files.len() {
                1 => text.to_owned(),
                _ => format!("{}: {text}", file.display()),
            }
        }
        Format::Json => {
            let hypotheses: Vec<_> = heard
                .utterances
                .iter()
                .map(|utterance| {
                    let told =
                        |it: &Hypothesis| json!({ "text": it.text, "confidence": it.confidence });
                    utterance.iter().map(told).collect::<Vec<_>>()
                })
                .collect();
            json!({
                "file": file,
                "language": args.language.tag(),
                "engine": engine,
                "text": text,
                "confidence": confidence,
                "utterances": hypotheses,
                "seconds": heard.seconds,
                "work_ms": heard.work.as_millis() as u64,
            })
            .to_string()
        }
    }
}
