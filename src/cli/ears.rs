//! What `transcribe` and `eval` share: a recognizer, sounds from files, and how long hearing takes.

use crate::audio::prompt_file;
use crate::config::speech::{RecognizerKind, Speech};
use crate::config::{Config, Overrides};
use crate::engines::recognizers::{self, Recognizers};
use crate::language::Language;
use crate::speech::grammar::{Grammar, Meaning, Phrase, ValueKind};
use crate::speech::recognizer::{Hypothesis, RecognitionError, Recognizer, SAMPLE_RATE};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which recognizer.
#[derive(Debug, Clone, clap::Args)]
pub struct Choice {
    /// Instead of the one that a server would take: whisper, builtin or remote
    #[arg(long, value_parser = engine_name)]
    engine: Option<RecognizerKind>,
    /// Another folder of models than the config's
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// The config whose `speech` counts
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn engine_name(name: &str) -> Result<RecognizerKind, String> {
    let mut all = RecognizerKind::ALL.into_iter();
    all.find(|kind| kind.name() == name)
        .ok_or_else(|| "one of these is wanted: whisper, builtin, remote".to_owned())
}

pub fn language(tag: &str) -> Result<Language, String> {
    Language::from_tag(tag).ok_or_else(|| {
        let tags = Language::ALL.map(Language::tag).join(", ");
        format!("one of these is wanted: {tags}")
    })
}

/// `digits`, `digits:4`, `digits:4-8`, `number`, …
pub fn value_kind(text: &str) -> Result<ValueKind, String> {
    let (name, limits) = text.split_once(':').unwrap_or((text, ""));
    let kind = match name {
        "digits" => return digits(limits).ok_or_else(|| "digits:4 or digits:4-8 is wanted".into()),
        "number" => ValueKind::Number,
        "money" => ValueKind::Money,
        "date" => ValueKind::Date,
        "time" => ValueKind::Time,
        "yes_no" => ValueKind::YesNo,
        "phone" => ValueKind::Phone,
        "id" => ValueKind::IdNumber,
        "text" => ValueKind::FreeText,
        _ => {
            return Err(
                "one of these is wanted: digits, number, money, date, time, yes_no, \
                        phone, id, text"
                    .into(),
            );
        }
    };
    Ok(kind)
}

fn digits(limits: &str) -> Option<ValueKind> {
    let (min, max) = match limits.split_once('-') {
        _ if limits.is_empty() => (1, 32),
        Some((min, max)) => (min.parse().ok()?, max.parse().ok()?),
        None => (limits.parse().ok()?, limits.parse().ok()?),
    };
    (min >= 1 && min <= max).then_some(ValueKind::Digits { min, max })
}

/// Of phrases that lead nowhere else than to themselves.
pub fn grammar_of(language: Language, phrases: &[String], value: Option<ValueKind>) -> Grammar {
    let phrases = (0..).zip(phrases).map(|(at, words)| Phrase {
        words: words.clone(),
        meaning: Meaning::Entry(at),
    });
    Grammar {
        language,
        phrases: phrases.collect(),
        value,
    }
}

/// The recognizers that were asked for, opened once.
pub struct Ears {
    recognizers: Recognizers,
}

impl Ears {
    pub fn open(choice: &Choice) -> Result<Ears, String> {
        let speech = speech(choice)?;
        let recognizers = match choice.engine {
            Some(kind) => recognizers::open(kind, &speech)
                .map(Recognizers::of)
                .map_err(|error| error.to_string())?,
            None => Recognizers::open(&speech).map_err(|errors| {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                errors.join("\n")
            })?,
        };
        Ok(Ears { recognizers })
    }

    /// The best liked one for the language.
    pub fn engine(&self, language: Language) -> Result<&Arc<dyn Recognizer>, String> {
        let engine = self.recognizers.for_language(language).first();
        engine.ok_or_else(|| {
            let missing = self.recognizers.missing().iter();
            let missing: Vec<String> = missing.map(|error| format!("\n  {error}")).collect();
            format!("no recognizer hears `{language}` here{}", missing.concat())
        })
    }
}

fn speech(choice: &Choice) -> Result<Speech, String> {
    let config = Config::load(choice.config.as_deref(), Overrides::default());
    let config = config.map_err(|found| {
        let told = found
            .iter()
            .map(|it| format!("{}: {}", it.span.line, it.message));
        let told: Vec<String> = told.collect();
        format!(
            "the config is broken (see `zeroline check`): {}",
            told.join("; ")
        )
    })?;
    let mut speech = config.speech;
    if let Some(models) = &choice.models {
        speech.models.clone_from(models);
    }
    Ok(speech)
}

/// A file as a caller would be heard: 8 kHz, one channel, nothing trimmed or evened.
pub fn read_sound(file: &Path) -> Result<Vec<i16>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let bytes = std::fs::read(file).map_err(|error| told(&error))?;
    let ending = file.extension().unwrap_or_default().to_string_lossy();
    prompt_file::decode_untouched(bytes, &ending).map_err(|error| told(&error))
}

/// What was heard in a sound, and the time that it took.
pub struct HeardSound {
    pub hypotheses: Vec<Hypothesis>,
    /// All work on it.
    pub work: Duration,
    /// From the last sample to the answer, had the samples come as they are spoken.
    pub after_end: Duration,
}

/// As the pool of a server does: a tenth of a second at a time, then the answer.
pub fn hear(
    engine: &dyn Recognizer,
    grammar: &Arc<Grammar>,
    samples: &[i16],
) -> Result<HeardSound, RecognitionError> {
    const TENTH: usize = SAMPLE_RATE as usize / 10;
    let begin = Instant::now();
    let mut utterance = engine.start(grammar);
    let (mut spoken, mut busy_until) = (Duration::ZERO, Duration::ZERO);
    for tenth in samples.chunks(TENTH) {
        spoken += Duration::from_secs_f64(tenth.len() as f64 / f64::from(SAMPLE_RATE));
        let before = Instant::now();
        utterance.push(tenth)?;
        busy_until = busy_until.max(spoken) + before.elapsed();
    }
    let before = Instant::now();
    let hypotheses = utterance.hypotheses()?;
    busy_until = busy_until.max(spoken) + before.elapsed();
    Ok(HeardSound {
        hypotheses,
        work: begin.elapsed(),
        after_end: busy_until.saturating_sub(spoken),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_values_are_read() {
        assert_eq!(
            value_kind("digits:4-8"),
            Ok(ValueKind::Digits { min: 4, max: 8 })
        );
        assert_eq!(
            value_kind("digits:4"),
            Ok(ValueKind::Digits { min: 4, max: 4 })
        );
        assert_eq!(value_kind("yes_no"), Ok(ValueKind::YesNo));
        for wrong in ["digits:8-4", "digits:x", "digits:0", "colour"] {
            assert!(value_kind(wrong).is_err(), "{wrong}");
        }
    }

    /// Needs a fifth of real time as it listens, and 50 ms more at the end.
    struct Slow;
    struct SlowUtterance;

    impl Recognizer for Slow {
        fn id(&self) -> &str {
            "slow"
        }
        fn hears(&self, _: Language) -> bool {
            true
        }
        fn start(&self, _: &Arc<Grammar>) -> Box<dyn crate::speech::recognizer::Utterance> {
            Box::new(SlowUtterance)
        }
    }

    impl crate::speech::recognizer::Utterance for SlowUtterance {
        fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError> {
            assert!(samples.len() <= 800);
            // This is the work: a fifth of the 100 ms that it is given.
            std::thread::sleep(Duration::from_millis(20));
            Ok(())
        }
        fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError> {
            // The work that is left for the end.
            std::thread::sleep(Duration::from_millis(50));
            Ok(Vec::new())
        }
    }

    #[test]
    fn work_while_somebody_speaks_is_not_waited_for_at_the_end() {
        let grammar = Arc::new(grammar_of(Language::En, &[], None));
        let heard = hear(&Slow, &grammar, &[0; 8_000]).expect("it does not fail");
        assert!(heard.work >= Duration::from_millis(250), "{:?}", heard.work);
        // The last tenth and the answer; all work before is done while it is spoken.
        let after = heard.after_end;
        assert!(after >= Duration::from_millis(70), "{after:?}");
        let meanwhile = heard.work.saturating_sub(after);
        assert!(meanwhile >= Duration::from_millis(180), "{meanwhile:?}");
    }
}
