//! Who hears callers, and who speaks to them.

use super::secret::Password;
use super::service_url::service_url;
use super::trunk::{secret, text};
use crate::diagnostic::{Report, rules};
use crate::language::{ByLanguage, Language};
use crate::yaml::{Key, Node, Value, read};
use read::Fields;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    pub recognizers: Hearing,
    /// Where `zeroline models get` puts models, and where one is looked for.
    pub models: PathBuf,
    /// The model of whisper; `None`: the best one in `models`.
    pub whisper_model: Option<PathBuf>,
    /// The recognizer `remote`.
    pub remote: Option<Service>,
    /// Who speaks a language and how; a language that is not there is spoken by what is here.
    pub voices: ByLanguage<Voices>,
    /// The synthesizer `remote`.
    pub remote_voice: Option<RemoteVoice>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Voices {
    /// Best liked first; `None`: all that are here.
    pub engines: Option<Vec<SynthesizerKind>>,
    /// Relative: 1.0 is usual, 0.8 slower.
    pub rate: f32,
    /// Against the usual loudness, in dB.
    pub volume: f32,
    /// By the engine's own name for it.
    pub voice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SynthesizerKind {
    Flite,
    EspeakNg,
    Remote,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteVoice {
    pub service: Service,
    /// The service's name of the voice.
    pub voice: String,
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

/// How long a recognizer elsewhere may take. It is asked 0.3 s before an utterance is over, and a call
/// waits 1.2 s from then on: the next engine, which is asked where this one is late, has to fit in.
pub const LONGEST_HEARING: Duration = Duration::from_millis(1_100);
const USUAL_HEARING: Duration = Duration::from_secs(1);
const LONGEST_SPEAKING: Duration = Duration::from_secs(30);
/// In a call a text is waited for for 3 s: the next voice has to fit in.
const USUAL_SPEAKING: Duration = Duration::from_secs(2);

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
            voices: ByLanguage::default(),
            remote_voice: None,
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

impl SynthesizerKind {
    /// Best liked first: who speaks where the config does not choose.
    pub const ALL: [SynthesizerKind; 3] = [
        SynthesizerKind::Flite,
        SynthesizerKind::EspeakNg,
        SynthesizerKind::Remote,
    ];

    /// As it is written in a config.
    pub const fn name(self) -> &'static str {
        match self {
            SynthesizerKind::Flite => "flite",
            SynthesizerKind::EspeakNg => "espeak-ng",
            SynthesizerKind::Remote => "remote",
        }
    }
}

impl Default for Voices {
    fn default() -> Voices {
        Voices {
            engines: None,
            rate: 1.0,
            volume: 0.0,
            voice: None,
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

    fn chooses_remote_voice(&self) -> bool {
        let mut chosen = self.voices.iter().filter_map(|(_, it)| it.engines.as_ref());
        chosen.any(|engines| engines.contains(&SynthesizerKind::Remote))
    }

    /// A language that chooses no engines is spoken by all that are here.
    fn never_speaks_remotely(&self) -> bool {
        Language::ALL.into_iter().all(|language| {
            let engines = self.voices.get(language);
            let engines = engines.and_then(|it| it.engines.as_ref());
            engines.is_some_and(|it| !it.contains(&SynthesizerKind::Remote))
        })
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
        speech.remote = remote_recognizer(node, base, report);
    }
    if let Some(node) = fields.take("voices") {
        speech.voices = voices(node, report);
    }
    if let Some(node) = fields.take("remote_voice") {
        speech.remote_voice = remote_voice(node, base, report);
    }
    let hears = speech.uses(RecognizerKind::Remote);
    judge_service(
        &mut fields,
        ("remote", "recognizers"),
        hears,
        !hears,
        report,
    );
    let (speaks, never_speaks) = (
        speech.chooses_remote_voice(),
        speech.never_speaks_remotely(),
    );
    judge_service(
        &mut fields,
        ("remote_voice", "voices"),
        speaks,
        never_speaks,
        report,
    );
    fields.finish(report);
    speech
}

/// Whether a service elsewhere is both described and chosen.
fn judge_service(
    fields: &mut Fields,
    (service, chosen_in): (&'static str, &'static str),
    is_chosen: bool,
    is_unused: bool,
    report: &mut Report,
) {
    let chosen = fields.take(chosen_in).map(|node| node.span);
    match fields.take(service) {
        None if is_chosen => report.add(
            &rules::MISSING_FIELD,
            chosen.unwrap_or(fields.span),
            format!("`{chosen_in}` names `remote`, but its address is nowhere."),
            format!("Add `{service}: {{ url: \"https://speech.example.com/v1\" }}` to `speech`."),
        ),
        Some(node) if is_unused => report.add(
            &rules::SERVICE_UNUSED,
            node.span,
            format!("`{chosen_in}` does not name `remote`, so `{service}` is never asked."),
            format!("Add `remote` to `{chosen_in}`, or take `{service}` out."),
        ),
        _ => {}
    }
}

/// By language: a list of engines, or the fields.
fn voices(node: &Node, report: &mut Report) -> ByLanguage<Voices> {
    let mut all = ByLanguage::default();
    let example = "{ en: [flite, espeak-ng], zh: { rate: 0.9 } }";
    let (entries, _) = read::mapping_like(node, "`voices`", example, report).unwrap_or_default();
    for entry in entries {
        if let Some(language) = language(&entry.key, report) {
            all.set(language, voice_of(&entry.value, report));
        }
    }
    all
}

fn voice_of(node: &Node, report: &mut Report) -> Voices {
    let mut voices = Voices::default();
    let choices = SynthesizerKind::ALL.map(|kind| (kind.name(), kind));
    if !matches!(node.value, Value::Mapping { .. }) {
        voices.engines = Some(engines(node, "an engine", &choices, report));
        return voices;
    }
    let Some(mut fields) = Fields::of(node, "a voice", report) else {
        return voices;
    };
    if let Some(node) = fields.take("engines") {
        voices.engines = Some(engines(node, "an engine", &choices, report));
    }
    if let Some(node) = fields.take("rate") {
        voices.rate = figure(node, "`rate`", 0.5..=2.0, report).unwrap_or(1.0);
    }
    if let Some(node) = fields.take("volume") {
        voices.volume = figure(node, "`volume`", -20.0..=6.0, report).unwrap_or(0.0);
    }
    voices.voice = text(&mut fields, "voice", report);
    fields.finish(report);
    voices
}

fn figure(node: &Node, what: &str, range: RangeInclusive<f32>, report: &mut Report) -> Option<f32> {
    let text = read::word(node, what, report)?;
    let figure = text.parse().ok().filter(|figure| range.contains(figure));
    if figure.is_none() {
        let (least, most) = (range.start(), range.end());
        report.add(
            &rules::OUT_OF_RANGE,
            node.span,
            format!("{what} is `{text}`; it can be {least} to {most}."),
            format!("Write a number from {least} to {most}."),
        );
    }
    figure
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
        if let Some(language) = language(&entry.key, report) {
            lists.set(language, list);
        }
    }
    lists
}

fn language(key: &Key, report: &mut Report) -> Option<Language> {
    let language = Language::from_tag(&key.text);
    if language.is_none() {
        report.add(
            &rules::UNKNOWN_LANGUAGE,
            key.span,
            format!("`{}` is no language of this server.", key.text),
            format!(
                "Write one of: {}.",
                Language::ALL.map(Language::tag).join(", ")
            ),
        );
    }
    language
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

fn remote_recognizer(node: &Node, base: &Path, report: &mut Report) -> Option<Service> {
    let mut fields = Fields::of(node, "`remote`", report)?;
    let timeouts = (USUAL_HEARING, LONGEST_HEARING);
    let service = service(&mut fields, ("whisper-1", timeouts), base, report);
    fields.finish(report);
    service
}

fn remote_voice(node: &Node, base: &Path, report: &mut Report) -> Option<RemoteVoice> {
    let mut fields = Fields::of(node, "`remote_voice`", report)?;
    let timeouts = (USUAL_SPEAKING, LONGEST_SPEAKING);
    let service = service(&mut fields, ("tts-1", timeouts), base, report);
    let voice = text(&mut fields, "voice", report);
    fields.finish(report);
    Some(RemoteVoice {
        service: service?,
        voice: voice.unwrap_or_else(|| "alloy".to_owned()),
    })
}

/// With the usual model, the usual time-out and the longest one.
fn service(
    fields: &mut Fields,
    (model, (usual, longest)): (&str, (Duration, Duration)),
    base: &Path,
    report: &mut Report,
) -> Option<Service> {
    let url = service_url(fields, "url: \"https://speech.example.com/v1\"", report);
    let url = url.map(|url| url.trim_end_matches('/').to_owned());
    let key = secret(fields, ["key", "key_file", "key_env"], base, report);
    let named = fields.take("model");
    let named = named.and_then(|node| read::word(node, "`model`", report));
    let timeout = fields.take("timeout").and_then(|node| {
        let range = Duration::from_millis(200)..=longest;
        read::duration(node, "`timeout`", range, report)
    });
    Some(Service {
        url: url?,
        key,
        model: named.unwrap_or(model).to_owned(),
        timeout: timeout.unwrap_or(usual),
    })
}
