//! `zeroline eval`: how well and how fast a recognizer hears what a manifest lists.

use crate::cli::ears::{Choice, Ears, hear, read_sound};
use crate::cli::eval_manifest::{self, Entry, Expected, outcome};
use crate::cli::eval_plot::plot;
use crate::cli::output::end_with;
use crate::language::Language;
use crate::speech::error_rate::{ErrorCount, character_errors, word_errors};
use crate::speech::recognizer::{LONGEST_UTTERANCE, Recognizer, SAMPLE_RATE};
use crate::speech::understanding::{Context, Understood, understand};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Zoned;
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure how well callers are heard
///
/// The manifest is JSON Lines, or CSV (by its name's end) with the fields' names in the first line.
/// Each line is one utterance of at most 30 s:
///
/// file: its sound, relative to the manifest; language: en or zh; text: the words that are said;
/// expect: what it should come to: an option (its key, `human`, `repeat`, or one of `phrases`), a
/// value in its canonical form, or `-`: nothing may be understood. What may be said is `dialplan`
/// and `node`, or `phrases` with | between and a `value` (digits, digits:4-8, number, money, date,
/// time, yes_no, phone, id, text). Only file and language have to be there.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    manifest: PathBuf,
    #[command(flatten)]
    choice: Choice,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Also draw a chart
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// What came of one file.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub file: PathBuf,
    pub language: Language,
    pub heard: String,
    pub confidence: Option<f32>,
    pub verdict: Option<Verdict>,
    #[serde(skip)]
    pub words: Option<ErrorCount>,
    #[serde(skip)]
    pub characters: Option<ErrorCount>,
    #[serde(skip)]
    pub is_value: bool,
    pub seconds: f64,
    pub work_ms: f64,
    /// From the end of the sound to the answer.
    pub final_ms: f64,
}

/// What a call would have made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Right,
    /// Right, and the caller is asked first.
    RightToConfirm,
    Wrong,
    /// Wrong, but the caller is asked first.
    WrongToConfirm,
    /// Nothing was understood.
    Missed,
    /// Nothing was understood, and nothing was to be.
    Ignored,
    /// Something was understood where nothing was to be.
    FalseAccept,
    /// The same, but the caller is asked first.
    FalseQuestion,
}

/// Of one language.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub language: Language,
    pub engine: String,
    pub files: usize,
    pub word_error_rate: Option<f64>,
    pub character_error_rate: Option<f64>,
    pub options: Share,
    pub values: Share,
    pub nothing: Refusals,
    pub final_ms: Percentiles,
    pub real_time_factor: f64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Share {
    pub all: usize,
    pub right: usize,
    pub right_to_confirm: usize,
    pub wrong: usize,
    pub wrong_to_confirm: usize,
    pub missed: usize,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Refusals {
    pub all: usize,
    pub false_accepts: usize,
    pub false_questions: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Percentiles {
    pub p50: f64,
    pub p95: f64,
    pub max: f64,
}

#[derive(Serialize)]
struct Told<'r> {
    languages: &'r [Summary],
    files: &'r [Row],
}

pub fn run(args: Args) -> ExitCode {
    match eval(&args) {
        Ok(told) => end_with("eval", &told),
        Err(mistakes) => {
            for mistake in mistakes {
                eprintln!("zeroline eval: {mistake}");
            }
            ExitCode::FAILURE
        }
    }
}

fn eval(args: &Args) -> Result<String, Vec<String>> {
    let entries = eval_manifest::read(&args.manifest)?;
    let one = |message: String| vec![message];
    let ears = Ears::open(&args.choice).map_err(one)?;
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}");
    let progress = ProgressBar::new(entries.len() as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message("hearing");
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for entry in &entries {
        let engine = ears.engine(entry.grammar.language).map_err(one)?;
        match judge(&**engine, entry) {
            Ok(row) => rows.push(row),
            Err(mistake) => mistakes.push(mistake),
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let languages = Language::ALL.into_iter().filter_map(|language| {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.language == language).collect();
        let engine = ears.engine(language).ok()?.id();
        (!rows.is_empty()).then(|| summary(language, engine, &rows))
    });
    let languages: Vec<Summary> = languages.collect();
    if let Some(file) = &args.plot {
        std::fs::write(file, plot(&languages, &rows))
            .map_err(|error| one(format!("{} cannot be written: {error}", file.display())))?;
    }
    Ok(match args.format {
        Format::Table => table(&languages),
        Format::Json => {
            let told = Told {
                languages: &languages,
                files: &rows,
            };
            serde_json::to_string(&told).expect("its keys are texts and its numbers finite")
        }
    })
}

fn judge(engine: &dyn Recognizer, entry: &Entry) -> Result<Row, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", entry.file.display());
    let samples = read_sound(&entry.file)?;
    if samples.len() > LONGEST_UTTERANCE {
        return Err(told(&"it is longer than 30 s: cut it into utterances"));
    }
    let heard = hear(engine, &entry.grammar, &samples).map_err(|error| told(&error))?;
    let best = heard.hypotheses.first();
    let text = best.map_or("", |hypothesis| hypothesis.text.as_str());
    let now = Zoned::now();
    let understood = understand(&entry.grammar, &heard.hypotheses, Context::new(&now));
    let said = entry.text.as_deref();
    let language = entry.grammar.language;
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1_000.0;
    Ok(Row {
        file: entry.file.clone(),
        language,
        heard: text.to_owned(),
        confidence: best.map(|hypothesis| hypothesis.confidence),
        verdict: entry
            .expect
            .as_ref()
            .map(|expect| verdict(entry, expect, &understood)),
        words: said.map(|said| word_errors(said, text, language)),
        characters: said.map(|said| character_errors(said, text)),
        is_value: matches!(entry.expect, Some(Expected::Value(_))),
        seconds: samples.len() as f64 / f64::from(SAMPLE_RATE),
        work_ms: milliseconds(heard.work),
        final_ms: milliseconds(heard.after_end),
    })
}

fn verdict(entry: &Entry, expect: &Expected, understood: &Understood) -> Verdict {
    let (heard, asks) = match understood {
        Understood::NoMatch if *expect == Expected::Nothing => return Verdict::Ignored,
        Understood::NoMatch => return Verdict::Missed,
        Understood::Match(heard) => (heard, false),
        Understood::Guess(heard) => (heard, true),
    };
    match (
        *expect == Expected::Nothing,
        outcome(&entry.grammar, heard) == *expect,
        asks,
    ) {
        (true, _, false) => Verdict::FalseAccept,
        (true, _, true) => Verdict::FalseQuestion,
        (false, true, false) => Verdict::Right,
        (false, true, true) => Verdict::RightToConfirm,
        (false, false, false) => Verdict::Wrong,
        (false, false, true) => Verdict::WrongToConfirm,
    }
}

fn summary(language: Language, engine: &str, rows: &[&Row]) -> Summary {
    let rate = |errors: fn(&Row) -> Option<ErrorCount>| {
        let mut all = ErrorCount::default();
        rows.iter()
            .filter_map(|row| errors(row))
            .for_each(|count| all += count);
        all.rate()
    };
    let share = |is_value: bool| {
        let mut share = Share::default();
        for row in rows.iter().filter(|row| row.is_value == is_value) {
            share.count(row.verdict);
        }
        share
    };
    let mut nothing = Refusals::default();
    rows.iter().for_each(|row| nothing.count(row.verdict));
    let work: f64 = rows.iter().map(|row| row.work_ms / 1_000.0).sum();
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    Summary {
        language,
        engine: engine.to_owned(),
        files: rows.len(),
        word_error_rate: rate(|row| row.words),
        character_error_rate: rate(|row| row.characters),
        options: share(false),
        values: share(true),
        nothing,
        final_ms: Percentiles::of(rows.iter().map(|row| row.final_ms).collect()),
        real_time_factor: if seconds > 0.0 { work / seconds } else { 0.0 },
    }
}

impl Share {
    fn count(&mut self, verdict: Option<Verdict>) {
        let counted = match verdict {
            Some(Verdict::Right) => &mut self.right,
            Some(Verdict::RightToConfirm) => &mut self.right_to_confirm,
            Some(Verdict::Wrong) => &mut self.wrong,
            Some(Verdict::WrongToConfirm) => &mut self.wrong_to_confirm,
            Some(Verdict::Missed) => &mut self.missed,
            Some(Verdict::Ignored | Verdict::FalseAccept | Verdict::FalseQuestion) | None => return,
        };
        *counted += 1;
        self.all += 1;
    }
}

impl Refusals {
    fn count(&mut self, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::Ignored) => {}
            Some(Verdict::FalseAccept) => self.false_accepts += 1,
            Some(Verdict::FalseQuestion) => self.false_questions += 1,
            _ => return,
        }
        self.all += 1;
    }
}

impl Percentiles {
    fn of(mut values: Vec<f64>) -> Percentiles {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (values.len() as f64 * share).ceil() as usize;
            values.get(rank.max(1) - 1).copied().unwrap_or(0.0)
        };
        Percentiles {
            p50: at(0.5),
            p95: at(0.95),
            max: at(1.0),
        }
    }
}

fn table(languages: &[Summary]) -> String {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut row = |name: &str, cell: &dyn Fn(&Summary) -> String| {
        let cells: Vec<String> = languages.iter().map(cell).collect();
        if cells.iter().any(|cell| cell != NONE) {
            rows.push((name.to_owned(), cells));
        }
    };
    row("", &|it| it.language.to_string());
    row("files", &|it| it.files.to_string());
    row("words wrong", &|it| match it.language {
        Language::Zh => NONE.to_owned(),
        Language::En => percent(it.word_error_rate),
    });
    row("characters wrong", &|it| percent(it.character_error_rate));
    type Of = fn(&Summary) -> &Share;
    let kinds: [(&str, Of); 2] = [("options", |it| &it.options), ("values", |it| &it.values)];
    for (name, of) in kinds {
        row(&format!("{name} right"), &|it| {
            of_all(of(it).right, of(it).all)
        });
        row("  right, to be confirmed", &|it| {
            of_all(of(it).right_to_confirm, of(it).all)
        });
        row("  not understood", &|it| of_all(of(it).missed, of(it).all));
        row("  wrong, to be confirmed", &|it| {
            of_all(of(it).wrong_to_confirm, of(it).all)
        });
        row("  wrong", &|it| of_all(of(it).wrong, of(it).all));
    }
    row("false accepts", &|it| {
        of_all(it.nothing.false_accepts, it.nothing.all)
    });
    row("  to be confirmed", &|it| {
        of_all(it.nothing.false_questions, it.nothing.all)
    });
    row("end of speech → answer, p50", &|it| {
        format!("{:.0} ms", it.final_ms.p50)
    });
    row("  p95", &|it| format!("{:.0} ms", it.final_ms.p95));
    row("  longest", &|it| format!("{:.0} ms", it.final_ms.max));
    row("work for a second of sound", &|it| {
        format!("{:.0} ms", it.real_time_factor * 1_000.0)
    });
    row("by", &|it| it.engine.clone());
    let widths: Vec<usize> = (0..languages.len())
        .map(|at| {
            rows.iter()
                .map(|(_, cells)| cells[at].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let lines = rows.iter().map(|(name, cells)| {
        let cells = cells.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        format!("{name:<28} {}", cells.join("  "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where there is nothing to tell.
const NONE: &str = "–";

fn percent(rate: Option<f64>) -> String {
    rate.map_or(NONE.to_owned(), |rate| format!("{:.1} %", rate * 100.0))
}

fn of_all(part: usize, all: usize) -> String {
    match all {
        0 => NONE.to_owned(),
        all => format!("{part}/{all} ({:.1} %)", 100.0 * part as f64 / all as f64),
    }
}

#[cfg(test)]
mod tests;
