//! `zeroline check`: judges dialplans and config files together, as a server would before it starts.

use crate::config::{Config, read_source};
use crate::diagnostic::{Diagnostic, Severity, Source, render, rules};
use crate::dialplan::targets::TargetPattern;
use crate::dialplan::{check, schema};
use crate::engines::registry::Registry;
use crate::language::Language;
use clap::ValueEnum;
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
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
    let config = match &args.config {
        None => Config::default(),
        Some(file) => {
            let source = checked.read(file);
            let config = source.and_then(|source| checked.config(source));
            config.unwrap_or_else(any_target)
        }
    };
    let sources: Vec<Source> = args
        .files
        .iter()
        .filter_map(|file| checked.read(file))
        .collect();
    let engines = Registry::discover();
    let voices = Language::ALL
        .into_iter()
        .filter(|l| engines.speaking(*l).next().is_some());
    let view = config.view(&voices.collect::<Vec<_>>());
    for source in sources {
        if is_dialplan(&source) {
            let (_, found) = check::check(&source, &view);
            checked.add(source, found);
        } else {
            checked.config(source);
        }
    }
    checked
}

/// Stands in for a config that is wrong, so that its targets are not told as mistakes of dialplans.
fn any_target() -> Config {
    let patterns = ["sip:*@*", "sip:*", "tel:+*"].map(TargetPattern::parse);
    Config {
        transfers: patterns.into_iter().flatten().collect(),
        ..Config::default()
    }
}

/// A file that names a `dialplan`, or `nodes`, is one; every other is a config.
fn is_dialplan(source: &Source) -> bool {
    let named = |line: &str| {
        ["dialplan:", "nodes:", "greeting:"]
            .iter()
            .any(|key| line.starts_with(key))
    };
    source.text.lines().any(named)
}

impl Checked {
    fn read(&mut self, file: &PathBuf) -> Option<Source> {
        match read_source(file) {
            Ok(source) => Some(source),
            Err(found) => {
                self.add(Source::new(file, ""), found);
                None
            }
        }
    }

    fn config(&mut self, source: Source) -> Option<Config> {
        let (config, found) = Config::check(&source);
        self.add(source, found);
        config
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

    /// The diagnostics and the sum to standard error.
    fn tell(&self) {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
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
        let _ = std::io::stderr().write_all(out.as_bytes());
    }
}

fn count(number: usize, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {what}{s}")
}

fn rules_table(format: Format) -> String {
    let severity = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    if format == Format::Json {
        let rows: Vec<_> = rules::ALL
            .iter()
            .map(|rule| json!({ "rule": rule.id, "severity": severity(rule.severity), "why": rule.why }))
            .collect();
        return format!("{:#}\n", json!({ "rules": rows }));
    }
    let rows = rules::ALL.iter();
    rows.map(|rule| {
        format!(
            "{:24} {:8} {}\n",
            rule.id,
            severity(rule.severity),
            rule.why
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn args(line: &str) -> Result<Args, clap::Error> {
        Command::try_parse_from(line.split(' ')).map(|command| command.args)
    }

    /// The files' text by name, written into a folder; what `check` with these arguments finds.
    fn found(files: &[(&str, &str)], line: &str) -> serde_json::Value {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("the folder is ours");
        }
        let line = line.replace("@", &format!("{}/", folder.path().display()));
        check_files(&args(&line).expect("the test's arguments are right")).json()
    }

    const PLAN: &str = "dialplan: x\ngreeting: This is automatic.\nhuman: { handoff: s }\nstart: a\n\
                        nodes: { a: { say: Hello., to: human } }\nhandoffs: { s: { ring: \"sip:a@b.example\", else: message } }\n";

    #[test]
    fn dialplans_are_judged_with_their_config() {
        let config = "transfers: { allow: [\"sip:*@b.example\"] }\n";
        let files = [("x.yaml", PLAN), ("zeroline.yaml", config)];
        let alone = found(&files, "check @x.yaml");
        assert_eq!(
            (&alone["errors"], &alone["warnings"]),
            (&json!(1), &json!(0))
        );
        assert_eq!(alone["diagnostics"][0]["rule"], "target-not-allowed");
        let together = found(&files, "check @x.yaml --config @zeroline.yaml");
        assert_eq!(together["errors"], 0);
        assert_eq!(together["files"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn a_wrong_config_is_told_and_not_the_dialplans_fault() {
        let files = [("x.yaml", PLAN), ("zeroline.yaml", "drain: x\n")];
        let both = found(&files, "check @x.yaml --config @zeroline.yaml");
        assert_eq!(both["errors"], 1, "{both:#}");
        assert_eq!(both["diagnostics"][0]["rule"], "wrong-type");
        let as_file = found(&files, "check @zeroline.yaml");
        assert_eq!(as_file["diagnostics"][0]["rule"], "wrong-type");
    }

    #[test]
    fn the_fields_of_the_json_form_are_stable() {
        let all = found(&[("x.yaml", "dialplan: x\nnodes: [a]\n")], "check @x.yaml");
        let first = all["diagnostics"][0].as_object().expect("there is one");
        let mut fields: Vec<&str> = first.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "column", "end", "file", "fix", "line", "message", "rule", "severity", "start",
                "text", "why"
            ]
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_a_diagnostic_and_no_file_is_a_wrong_call() {
        let all = found(&[], "check @none.yaml");
        assert_eq!(all["diagnostics"][0]["rule"], "file-unreadable");
        assert!(args("check").is_err());
        assert!(args("check --rules").is_ok());
        assert!(args("check --schema x.yaml").is_err());
    }
}
