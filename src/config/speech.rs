//! Who hears callers.

use super::secret::Password;
use super::trunk::secret;
use crate::diagnostic::{Report, rules};
use crate::dialplan::check::lookups::is_secure;
use crate::language::{ByLanguage, Language};
use crate::yaml::{Node, Value, read};
use read::Fields;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    pub recognizers: Hearing,
    /// Where `zeroline models get` puts models, and where one is looked for.
    pub models: PathBuf,
    /// The model of whisper; `None`: the best one in `models`.
    pub whisper_model: Option<PathBuf>,
    /// The recognizer `remote`.
    pub remote: Option<Service>,
}

/// Which recognizers hear a language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hearing {
    /// Those that are on this machine; none is missed.
    WhatIsHere,
    /// These, best liked first, and no server starts without one of them. A language that has none
    /// is served by keys only.
    Chosen(ByLanguage<Vec<RecognizerKind>>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecognizerKind {
    Whisper,
    BuiltIn,
    Remote,
}

/// An OpenAI-compatible HTTP service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What comes before `/audio/…`, without a slash at its end.
    pub url: String,
    pub key: Option<Password>,
    /// The service's name of the model.
    pub model: String,
    /// How long an answer may take; then the next engine is asked.
    pub timeout: Duration,
}

impl Default for Speech {
    fn default() -> Speech {
        Speech {
            recognizers: Hearing::WhatIsHere,
            models: "models".into(),
            whisper_model: None,
            remote: None,
        }
    }
}

impl RecognizerKind {
    pub const ALL: [RecognizerKind; 3] = [
        RecognizerKind::Whisper,
        RecognizerKind::BuiltIn,
        RecognizerKind::Remote,
    ];

    /// As it is written in a config.
    pub const fn name(self) -> &'static str {
        match self {
            RecognizerKind::Whisper => "whisper",
            RecognizerKind::BuiltIn => "builtin",
            RecognizerKind::Remote => "remote",
        }
    }
}

impl Speech {
    /// Relative folders and files are the config's own.
    pub(super) fn within(base: &Path) -> Speech {
        let default = Speech::default();
        let models = base.join(default.models);
        Speech { models, ..default }
    }

    fn uses(&self, kind: RecognizerKind) -> bool {
        match &self.recognizers {
            Hearing::WhatIsHere => kind != RecognizerKind::Remote,
            Hearing::Chosen(lists) => lists.iter().any(|(_, list)| list.contains(&kind)),
        }
    }
}

/// `off`, or the fields.
pub(super) fn speech(node: &Node, base: &Path, report: &mut Report) -> Speech {
    let mut speech = Speech::within(base);
    if is_off(node) {
        speech.recognizers = Hearing::Chosen(ByLanguage::default());
        return speech;
    }
    let Some(mut fields) = Fields::of(node, "`speech`", report) else {
        return speech;
    };
    let recognizers = fields.take("recognizers");
    if let Some(node) = recognizers {
        speech.recognizers = Hearing::Chosen(recognizer_lists(node, report));
    }
    if let Some(node) = fields.take("models") {
        let folder = read::word(node, "`models`", report);
        speech.models = folder.map_or(speech.models, |folder| base.join(folder));
    }
    if let Some(node) = fields.take("whisper") {
        speech.whisper_model = whisper_model(node, base, report);
    }
    if let Some(node) = fields.take("remote") {
        speech.remote = service(node, "`remote`", "whisper-1", base, report);
    }
    let names_remote = speech.uses(RecognizerKind::Remote);
    if names_remote && fields.take("remote").is_none() {
        report.add(
            &rules::MISSING_FIELD,
            recognizers.map_or(fields.span, |node| node.span),
            "The recognizer `remote` is chosen, but its address is nowhere.",
            "Add `remote: { url: \"https://speech.example.com/v1\" }` to `speech`.",
        );
    }
    fields.finish(report);
    speech
}

/// Also a reader that takes a bare `off` for a truth value would write it so.
fn is_off(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar { text, .. } if text == "off")
}

/// One list for every language, or `{ language: list }`; `off` is an empty one.
fn recognizer_lists(node: &Node, report: &mut Report) -> ByLanguage<Vec<RecognizerKind>> {
    let choices = RecognizerKind::ALL.map(|kind| (kind.name(), kind));
    by_language(node, "`recognizers`", &choices, report)
}

fn by_language<T: Copy + PartialEq>(
    node: &Node,
    what: &str,
    choices: &[(&str, T)],
    report: &mut Report,
) -> ByLanguage<Vec<T>> {
    let mut lists = ByLanguage::default();
    let Value::Mapping { entries, .. } = &node.value else {
        let list = engines(node, what, choices, report);
        for language in Language::ALL {
            lists.set(language, list.clone());
        }
        return lists;
    };
    for entry in entries {
        let list = engines(&entry.value, what, choices, report);
        match Language::from_tag(&entry.key.text) {
            Some(language) => lists.set(language, list),
            None => report.add(
                &rules::UNKNOWN_LANGUAGE,
                entry.key.span,
                format!("`{}` is no language of this server.", entry.key.text),
                format!(
                    "Write one of: {}.",
                    Language::ALL.map(Language::tag).join(", ")
                ),
            ),
        }
    }
    lists
}

fn engines<T: Copy + PartialEq>(
    node: &Node,
    what: &str,
    choices: &[(&str, T)],
    report: &mut Report,
) -> Vec<T> {
    if is_off(node) {
        return Vec::new();
    }
    let mut list = Vec::new();
    for item in read::one_or_more(node) {
        let Some(kind) = read::one_of(item, what, choices, report) else {
            continue;
        };
        if list.contains(&kind) {
            report.add(
                &rules::CONFIG_CONFLICT,
                item.span,
                "This engine stands in the list already.",
                "Name each engine once, the best liked first.",
            );
            continue;
        }
        list.push(kind);
    }
    list
}

fn whisper_model(node: &Node, base: &Path, report: &mut Report) -> Option<PathBuf> {
    let mut fields = Fields::of(node, "`whisper`", report)?;
    let file = fields.require("model", "model: models/ggml-base-q8_0.bin", report);
    let file = file.and_then(|node| read::word(node, "`model`", report));
    fields.finish(report);
    file.map(|file| base.join(file))
}

fn service(
    node: &Node,
    what: &str,
    model: &str,
    base: &Path,
    report: &mut Report,
) -> Option<Service> {
    let mut fields = Fields::of(node, what, report)?;
    let url = fields.require("url", "url: \"https://speech.example.com/v1\"", report);
    let url = url.and_then(|node| {
        let url = read::word(node, "`url`", report)?;
        if !is_secure(url) {
            report.add(
                &rules::HTTP_NOT_SECURE,
                node.span,
                "The address does not begin with `https://`.",
                "Write \"https://…\"; plain `http://` is for 127.0.0.1, ::1 and localhost.",
            );
        }
        Some(url.trim_end_matches('/').to_owned())
    });
    let key = secret(&mut fields, ["key", "key_file", "key_env"], base, report);
    let named = fields.take("model");
    let named = named.and_then(|node| read::word(node, "`model`", report));
    let timeout = fields.take("timeout").and_then(|node| {
        let range = Duration::from_millis(200)..=Duration::from_secs(30);
        read::duration(node, "`timeout`", range, report)
    });
    fields.finish(report);
    Some(Service {
        url: url?,
        key,
        model: named.unwrap_or(model).to_owned(),
        timeout: timeout.unwrap_or(Duration::from_secs(3)),
    })
}
