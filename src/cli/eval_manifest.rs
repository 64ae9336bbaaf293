//! What `zeroline eval` is to hear: a list of sounds, each with what was said and what it should
//! come to.

use crate::cli::check::any_target;
use crate::cli::ears::{grammar_of, value_kind};
use crate::dialogue::grammars::Grammars;
use crate::dialplan::check::check;
use crate::dialplan::model::{Dialplan, NodeId};
use crate::language::Language;
use crate::speech::grammar::{Grammar, Meaning};
use crate::speech::understanding::{Heard, Sense};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One sound.
pub struct Entry {
    pub file: PathBuf,
    /// The words, where they are known.
    pub text: Option<String>,
    pub expect: Option<Expected>,
    pub grammar: Arc<Grammar>,
}

/// What it should come to, as [`outcome`] tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: what is understood nevertheless is a false accept.
    Nothing,
    Option(String),
    Value(String),
}

/// A line of the manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    file: PathBuf,
    language: String,
    text: Option<String>,
    expect: Option<String>,
    /// With `|` between.
    phrases: Option<String>,
    value: Option<String>,
    dialplan: Option<PathBuf>,
    node: Option<String>,
}

/// Reads a manifest: JSON Lines, or CSV with the fields' names in its first line. Files in it are
/// relative to its folder. Every mistake is told at once, with its line.
pub fn read(manifest: &Path) -> Result<Vec<Entry>, Vec<String>> {
    let text = std::fs::read_to_string(manifest)
        .map_err(|error| vec![format!("{}: {error}", manifest.display())])?;
    let base = manifest.parent().unwrap_or(Path::new(""));
    let mut reader = Reader {
        base,
        dialplans: BTreeMap::new(),
    };
    let is_csv = manifest.extension().is_some_and(|ending| ending == "csv");
    let lines = if is_csv {
        csv_lines(&text)
    } else {
        json_lines(&text)
    };
    let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        match line.and_then(|line| reader.entry(line)) {
            Ok(entry) => entries.push(entry),
            Err(mistake) => mistakes.push(format!("{}:{number}: {mistake}", manifest.display())),
        }
    }
    if entries.is_empty() && mistakes.is_empty() {
        mistakes.push(format!("{}: there is nothing in it", manifest.display()));
    }
    match mistakes.is_empty() {
        true => Ok(entries),
        false => Err(mistakes),
    }
}

fn json_lines(text: &str) -> Vec<(usize, Result<Line, String>)> {
    let lines = (1..).zip(text.lines());
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let parse = |line| serde_json::from_str(line).map_err(|error| error.to_string());
    lines.map(|(number, line)| (number, parse(line))).collect()
}

fn csv_lines(text: &str) -> Vec<(usize, Result<Line, String>)> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize();
    let rows = rows.map(|row: Result<Line, _>| row.map_err(|error| error.to_string()));
    (2..).zip(rows).collect()
}

struct Reader<'m> {
    base: &'m Path,
    dialplans: BTreeMap<PathBuf, (Dialplan, Grammars)>,
}

impl Reader<'_> {
    fn entry(&mut self, line: Line) -> Result<Entry, String> {
        let language = crate::cli::ears::language(&line.language)
            .map_err(|told| format!("`{}` is no language: {told}", line.language))?;
        let grammar = match &line.dialplan {
            Some(file) => {
                self.of_dialplan(&self.base.join(file), line.node.as_deref(), language)?
            }
            None => {
                let phrases = line.phrases.iter().flat_map(|phrases| phrases.split('|'));
                let phrases: Vec<String> = phrases.map(|it| it.trim().to_owned()).collect();
                let value = line.value.as_deref().map(value_kind).transpose()?;
                Arc::new(grammar_of(language, &phrases, value))
            }
        };
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let expect = filled(line.expect).map(|expect| expected(&expect, &grammar));
        Ok(Entry {
            file: self.base.join(line.file),
            text: filled(line.text),
            expect,
            grammar,
        })
    }

    fn of_dialplan(
        &mut self,
        file: &Path,
        node: Option<&str>,
        language: Language,
    ) -> Result<Arc<Grammar>, String> {
        if !self.dialplans.contains_key(file) {
            let source = crate::config::read_source(file);
            let source = source.map_err(|_| format!("{} cannot be read", file.display()))?;
            let (dialplan, _) = check(&source, &any_target().view(&Language::ALL));
            let broken = || format!("{} is broken: see `zeroline check`", file.display());
            let dialplan = dialplan.ok_or_else(broken)?;
            let grammars = Grammars::of(&dialplan);
            self.dialplans.insert(file.to_owned(), (dialplan, grammars));
        }
        let (dialplan, grammars) = &self.dialplans[file];
        let grammar = match node {
            None => grammars.anywhere(language),
            Some(name) => {
                let at = dialplan.nodes.iter().position(|node| node.name == name);
                let at = at.ok_or_else(|| format!("the dialplan has no node `{name}`"))?;
                grammars.node(NodeId(at as u16), language)
            }
        };
        let nothing = || "nothing is asked there in that language".to_owned();
        grammar.cloned().ok_or_else(nothing)
    }
}

/// `-` is nothing; what can be chosen there is an option; anything else is a value.
fn expected(text: &str, grammar: &Grammar) -> Expected {
    let labels = grammar
        .phrases
        .iter()
        .map(|phrase| label(grammar, phrase.meaning));
    match text {
        "-" => Expected::Nothing,
        text if labels.into_iter().any(|label| label == text) => Expected::Option(text.to_owned()),
        text => Expected::Value(text.to_owned()),
    }
}

/// What was understood, in the manifest's words.
pub fn outcome(grammar: &Grammar, heard: &Heard) -> Expected {
    match &heard.sense {
        Sense::Meaning(meaning) => Expected::Option(label(grammar, *meaning)),
        Sense::Value(value) => Expected::Value(value.clone()),
    }
}

/// An option by its key; `human`, `repeat`, `slower`; a phrase of the manifest by itself.
fn label(grammar: &Grammar, meaning: Meaning) -> String {
    match meaning {
        Meaning::Key(key) => key.to_string(),
        Meaning::Human => "human".to_owned(),
        Meaning::Repeat => "repeat".to_owned(),
        Meaning::Slower => "slower".to_owned(),
        Meaning::Undecided => "undecided".to_owned(),
        Meaning::Entry(entry) => {
            let phrase = grammar.phrases.get(usize::from(entry));
            phrase.map_or_else(|| entry.to_string(), |phrase| phrase.words.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("the machine has room for a folder");
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("the folder is ours");
        (folder, file)
    }

    #[test]
    fn both_kinds_of_manifest_are_read() {
        let csv = "file,language,text,expect,phrases,value\n\
                   a.wav,en,track my parcel,track,track|refund,\n\
                   b.wav,zh,,42,,digits:1-4\n";
        let jsonl = r#"{"file": "a.wav", "language": "en", "text": "track my parcel", "expect": "track", "phrases": "track|refund"}

            {"file": "b.wav", "language": "zh", "expect": "42", "value": "digits:1-4"}"#;
        for (name, text) in [("m.csv", csv), ("m.jsonl", jsonl)] {
            let (folder, file) = written(name, text);
            let entries = read(&file).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
            let [a, b] = entries.as_slice() else {
                panic!("{name}: {}", entries.len());
            };
            assert_eq!(a.file, folder.path().join("a.wav"));
            assert_eq!(a.expect, Some(Expected::Option("track".into())));
            assert_eq!(a.grammar.phrases.len(), 2);
            assert_eq!((b.text.as_ref(), b.grammar.language), (None, Language::Zh));
            assert_eq!(b.expect, Some(Expected::Value("42".into())));
        }
    }

    #[test]
    fn a_dialplans_node_says_what_may_be_said() {
        let dialplan = concat!(env!("CARGO_MANIFEST_DIR"), "/dialplans/parcel.yaml");
        let entry = |node: &str, expect: &str| {
            let line = serde_json::json!({
                "file": "a.wav", "language": "en", "dialplan": dialplan, "node": node, "expect": expect,
            });
            let (_folder, file) = written("m.jsonl", &line.to_string());
            read(&file).map(|mut entries| entries.remove(0))
        };
        let menu = entry("main", "1").unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        assert_eq!(menu.expect, Some(Expected::Option("1".into())));
        assert!(menu.grammar.phrases.len() > 4);
        assert_eq!(
            entry("main", "human").unwrap().expect,
            Some(Expected::Option("human".into()))
        );
        let mistakes = entry("nowhere", "1").err().expect("there is no such node");
        assert!(mistakes[0].contains("no node `nowhere`"), "{mistakes:?}");
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let text = "{\"file\": \"a.wav\", \"language\": \"fr\"}\n{}\n\
                    {\"file\": \"a.wav\", \"language\": \"en\", \"value\": \"colour\"}\n\
                    {\"file\": \"a.wav\", \"language\": \"en\", \"words\": \"x\"}";
        let (_folder, file) = written("m.jsonl", text);
        let mistakes = read(&file).err().expect("it is full of them");
        assert_eq!(mistakes.len(), 4);
        for (line, told) in [
            (1, "`fr` is no language"),
            (2, "`file`"),
            (3, "digits"),
            (4, "words"),
        ] {
            let mistake = &mistakes[line - 1];
            assert!(
                mistake.contains(&format!(":{line}: ")) && mistake.contains(told),
                "{mistake}"
            );
        }
    }
}
