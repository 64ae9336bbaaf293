//! `zeroline check`: judges dialplans and config files together, as a server would before it starts.

use crate::config::{Config, read_source};
use crate::diagnostic::{
    Diagnostic, Report, Severity, Source, Span, has_errors, render, rules, sort,
};
use crate::dialplan::check::View;
use crate::dialplan::targets::TargetPattern;
use crate::dialplan::{check, schema};
use crate::engines::recognizers::taking_down;
use crate::engines::registry::Registry;
use crate::language::Language;
use crate::yaml::{self, Value};
use clap::ValueEnum;
use jiff::Zoned;
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Judge dialplans and config files: every mistake, with its line, why it matters, and the fix.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Dialplans and config files.
    #[arg(required_unless_present_any = ["rules", "schema", "config"])]
    files: Vec<PathBuf>,
    /// The config that the dialplans will run under; it is judged too.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print every rule and why it is there.
    #[arg(long, conflicts_with_all = ["files", "config", "schema"])]
    rules: bool,
    /// Print the JSON Schema of dialplans, for editors.
    #[arg(long, conflicts_with_all = ["files", "config"])]
    schema: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// 0: nothing is wrong (there may be warnings); 1: a file is refused.
pub fn run(args: Args) -> ExitCode {
    if args.rules {
        return print(&rules_table(args.format));
    }
    if args.schema {
        return print(&format!("{:#}\n", schema::dialplan()));
    }
    let checked = check_files(&args);
    let wrong = checked.errors() > 0;
    match args.format {
        Format::Json => {
            print(&format!("{:#}\n", checked.json()));
        }
        Format::Text => {
            checked.tell();
        }
    }
    match wrong {
        true => ExitCode::from(1),
        false => ExitCode::SUCCESS,
    }
}

/// A reader that went away is no failure of ours.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

#[derive(Debug, Default)]
struct Checked {
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
}

fn check_files(args: &Args) -> Checked {
    let mut checked = Checked::default();
    // Alone, `--config` is as good as naming the file.
    let named = args.config.iter().filter(|_| args.files.is_empty());
    let files: Vec<Source> = args
        .files
        .iter()
        .chain(named)
        .filter_map(|file| checked.read(file))
        .collect();
    let (dialplans, others): (Vec<Source>, Vec<Source>) = files.into_iter().partition(is_dialplan);
    let voices = voices();
    let mut under = Config::default();
    if let Some(file) = args.config.as_ref().filter(|_| !args.files.is_empty()) {
        let config = checked.read(file).and_then(|source| checked.config(source));
        under = config.unwrap_or_else(any_target);
    }
    let alone = dialplans.is_empty();
    let view = View {
        today: Some(Zoned::now().date()),
        takes_down: taking_down(&under.speech),
        ..under.view(&voices)
    };
    for source in dialplans {
        checked.dialplan(source, &view);
    }
    for source in others {
        checked.config_with_dialplans(source, alone, &voices);
    }
    checked
}

/// The languages that a synthesizer speaks here.
fn voices() -> Vec<Language> {
    let engines = Registry::discover();
    let spoken = |language: &Language| engines.speaking(*language).next().is_some();
    Language::ALL.into_iter().filter(spoken).collect()
}

/// Stands in for a config that is wrong, so that its targets are not told as mistakes of dialplans.
pub(super) fn any_target() -> Config {
    let patterns = ["sip:*@*", "sip:*", "tel:+*"].map(TargetPattern::parse);
    Config {
        transfers: patterns.into_iter().flatten().collect(),
        ..Config::default()
    }
}

/// A file with one of the fields that only dialplans have, whatever else is wrong with it.
fn is_dialplan(source: &Source) -> bool {
    const FIELDS: [&str; 6] = [
        "dialplan:",
        "greeting:",
        "nodes:",
        "start:",
        "handoffs:",
        "slots:",
    ];
    let mut lines = source.text.lines();
    lines.any(|line| FIELDS.iter().any(|field| line.starts_with(field)))
}

/// Tells a text that is neither a dialplan nor a config; one that is no YAML may be anything.
fn not_ours(source: &Source) -> Option<Vec<Diagnostic>> {
    let tree = yaml::parse(&mut Report::new(source))?;
    let message = match &tree.value {
        Value::Mapping { .. } => return None,
        _ if tree.is_empty() => "There is nothing in the file but, at most, comments.",
        _ => "The file is neither a dialplan nor a config.",
    };
    let mut report = Report::new(source);
    let fix = "A dialplan begins with `dialplan: NAME`, a config with settings like `listen: [\"127.0.0.1:5060\"]`: see dialplans/parcel.yaml and zeroline.yaml.";
    report.add(&rules::NOT_OURS, tree.span, message, fix);
    Some(report.into_diagnostics())
}

impl Checked {
    fn read(&mut self, file: &Path) -> Option<Source> {
        match read_source(file) {
            Ok(source) => Some(source),
            Err(found) => {
                self.add(Source::new(file, ""), found);
                None
            }
        }
    }

    fn dialplan(&mut self, source: Source, view: &View) {
        let (_, found) = check::check(&source, view);
        self.add(source, found);
    }

    /// The config to judge other files by.
    fn config(&mut self, source: Source) -> Option<Config> {
        if let Some(found) = not_ours(&source) {
            self.add(source, found);
            return None;
        }
        let (config, mut found) = Config::draft(&source);
        let wrong = has_errors(&found);
        if let Some(config) = &config {
            found.extend(config.check_surroundings(&source));
        }
        sort(&mut found);
        self.add(source, found);
        let allowed = any_target().transfers;
        let lenient = |config: Config| match wrong {
            true => Config {
                transfers: allowed,
                ..config
            },
            false => config,
        };
        config.map(lenient)
    }

    /// A config as a server takes it: with its dialplans. `alone`: no other dialplan is judged.
    fn config_with_dialplans(&mut self, source: Source, alone: bool, voices: &[Language]) {
        let none = no_dialplan(&source);
        let Some(config) = self.config(source) else {
            return;
        };
        let files = config.dialplans.files();
        if files.is_empty() && alone {
            self.diagnostics.extend(none);
        }
        let view = View {
            today: Some(Zoned::now().date()),
            takes_down: taking_down(&config.speech),
            ..config.view(voices)
        };
        for file in files.into_iter().filter(|file| file.is_file()) {
            let judged = self.sources.iter().any(|source| source.file == file);
            if !judged && let Some(source) = self.read(file) {
                self.dialplan(source, &view);
            }
        }
    }

    fn add(&mut self, source: Source, found: Vec<Diagnostic>) {
        self.sources.push(source);
        self.diagnostics.extend(found);
    }

    fn errors(&self) -> usize {
        self.diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count()
    }

    fn warnings(&self) -> usize {
        self.diagnostics.len() - self.errors()
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "files": self.sources.iter().map(|source| &source.file).collect::<Vec<_>>(),
            "errors": self.errors(),
            "warnings": self.warnings(),
            "diagnostics": self.diagnostics,
        })
    }

    /// The diagnostics and the sum: they are what was asked for.
    fn tell(&self) {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let mut out = String::new();
        for diagnostic in &self.diagnostics {
            let source = self
                .sources
                .iter()
                .find(|source| source.file == diagnostic.file);
            if let Some(source) = source {
                out += &render::render(diagnostic, source, 100, colour);
            }
        }
        out += &format!(
            "{}: {}, {}\n",
            count(self.sources.len(), "file"),
            count(self.errors(), "error"),
            count(self.warnings(), "warning"),
        );
        print(&out);
    }
}

fn no_dialplan(source: &Source) -> Vec<Diagnostic> {
    let mut report = Report::new(source);
    report.add(
        &rules::NO_DIALPLAN,
        Span::START,
        "The config names no dialplan.",
        "Add `dialplans: { default: hotline.yaml }`, or serve with `--dialplan FILE`.",
    );
    report.into_diagnostics()
}

fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

fn rules_table(format: Format) -> String {
    if format == Format::Json {
        let rows: Vec<_> = rules::ALL
            .iter()
            .map(|rule| json!({ "rule": rule.id, "severity": rule.severity, "why": rule.why }))
            .collect();
        return format!("{:#}\n", json!({ "rules": rows }));
    }
    let rows = rules::ALL.iter();
    rows.map(|rule| {
        format!(
            "{:24} {:8} {}\n",
            rule.id,
            rule.severity.to_string(),
            rule.why
        )
    })
    .collect()
}

#[cfg(test)]
mod tests;
