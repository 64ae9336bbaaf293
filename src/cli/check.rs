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
            let file = folder.path().join(name);
            let parent = file.parent().expect("it is in the folder");
            std::fs::create_dir_all(parent).expect("the folder is ours");
            std::fs::write(file, text).expect("the folder is ours");
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
        assert_eq!(rules_of(&as_file)[0].1, "wrong-type");
    }

    fn rules_of(found: &serde_json::Value) -> Vec<(&str, &str)> {
        let all = found["diagnostics"].as_array().expect("it is a list");
        all.iter()
            .map(|d| {
                let file = d["file"].as_str().unwrap_or_default();
                let name = file.rsplit('/').next().unwrap_or_default();
                (name, d["rule"].as_str().unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn a_config_is_judged_with_all_that_it_names() {
        let config = "dialplans: { default: x.yaml, numbers: { \"1\": none.yaml, \"2\": . } }\n\
                      prompts: nowhere\ndata: x.yaml\ndrain: x\n\
                      trunks: { t: { user: u, password_env: ZEROLINE_NOT_SET } }\n\
                      agents: { anna: { password_env: ZEROLINE_NOT_SET } }\n";
        let broken = PLAN.replace("to: human", "to: nowhere");
        let files = [("x.yaml", broken.as_str()), ("zeroline.yaml", config)];
        let all = found(&files, "check @zeroline.yaml");
        let told = [
            ("zeroline.yaml", "file-unreadable"),
            ("zeroline.yaml", "file-unreadable"),
            ("zeroline.yaml", "missing-folder"),
            ("zeroline.yaml", "not-a-folder"),
            ("zeroline.yaml", "wrong-type"),
            ("zeroline.yaml", "password-unknown"),
            ("zeroline.yaml", "password-unknown"),
            ("x.yaml", "unknown-node"),
        ];
        assert_eq!(rules_of(&all), told, "{all:#}");
        assert_eq!((&all["errors"], &all["warnings"]), (&json!(5), &json!(3)));
        assert_eq!(found(&files, "check --config @zeroline.yaml")["errors"], 5);
    }

    #[test]
    fn a_config_names_a_dialplan_unless_one_is_given() {
        let files = [
            ("x.yaml", PLAN),
            ("zeroline.yaml", "transfers: { allow: [\"sip:*@*\"] }\n"),
        ];
        let alone = found(&files, "check @zeroline.yaml");
        assert_eq!(rules_of(&alone), [("zeroline.yaml", "no-dialplan")]);
        assert_eq!(
            found(&files, "check @x.yaml --config @zeroline.yaml")["errors"],
            0
        );
    }

    #[test]
    fn recordings_that_dialplans_name_are_decoded() {
        let plan = PLAN.replace("say: Hello.", "say: { en: Hello., audio: hello }");
        let config = "transfers: { allow: [\"sip:*@*\"] }\nprompts: .\n";
        for sound in ["RIFF", "", "just a text"] {
            let files = [
                ("x.yaml", plan.as_str()),
                ("zeroline.yaml", config),
                ("en/hello.wav", sound),
                ("en/never_named.wav", "broken too"),
            ];
            let all = found(&files, "check @x.yaml --config @zeroline.yaml");
            assert_eq!(rules_of(&all), [("x.yaml", "broken-recording")], "{sound}");
        }
    }

    #[test]
    fn a_text_that_nobody_takes_down_is_warned_of() {
        let plan = PLAN
            .replace("start: a", "start: q\nslots: { note: { type: text } }")
            .replace(
                "nodes: {",
                "nodes: { q: { ask: note, prompt: What is it?, to: a },",
            );
        let target = "transfers: { allow: [\"sip:*@*\"] }\n";
        let remote = "remote: { url: \"https://speech.example.com/v1\" }";
        for (speech, warned) in [
            ("speech: off", true),
            ("speech: { recognizers: builtin, models: . }", true),
            ("speech: { models: nowhere }", true),
            (
                "speech: { recognizers: { zh: remote, en: builtin }, REMOTE }",
                true,
            ),
            ("speech: { recognizers: [remote, builtin], REMOTE }", false),
            ("speech: { models: . }", cfg!(not(feature = "whisper"))),
        ] {
            let config = format!("{target}{}\n", speech.replace("REMOTE", remote));
            let files = [
                ("x.yaml", plan.as_str()),
                ("zeroline.yaml", &config),
                ("ggml-base-q8_0.bin", ""),
            ];
            let all = found(&files, "check @x.yaml --config @zeroline.yaml");
            let expected = if warned {
                vec![("x.yaml", "text-not-heard")]
            } else {
                vec![]
            };
            assert_eq!(rules_of(&all), expected, "{speech}: {all:#}");
            assert_eq!(all["errors"], 0);
        }
    }

    #[test]
    fn what_is_neither_a_dialplan_nor_a_config_is_refused() {
        for text in ["", "# only a comment\n", "hello\n", "- a\n"] {
            let all = found(&[("x.yaml", text)], "check @x.yaml");
            assert_eq!(
                rules_of(&all),
                [("x.yaml", "neither-dialplan-nor-config")],
                "{text}"
            );
            let under = found(
                &[("x.yaml", text), ("y.yaml", PLAN)],
                "check @y.yaml --config @x.yaml",
            );
            assert_eq!(
                rules_of(&under),
                [("x.yaml", "neither-dialplan-nor-config")],
                "{text}"
            );
        }
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
