//! Makes every prompt that dialplans are known to need, before the first call.

use super::prompt_library::{Known, PromptLibrary, Source, Texts};
use crate::audio::prompt::Prompt;
use crate::dialogue::action::{Content, Part};
use crate::dialplan::model::{Dialplan, Handoff, NodeKind};
use crate::dialplan::spoken::options;
use crate::dialplan::template::{has_values, sources};
use crate::events::Pace;
use crate::language::Language;
use crate::speech::sentences::Sentence;
use indicatif::ProgressBar;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Prompts made at the same time.
const WORKERS: usize = 2;

/// What a load came to.
#[derive(Debug, Default)]
pub struct LoadReport {
    pub recorded: usize,
    pub from_cache: usize,
    pub synthesized: usize,
    pub problems: Vec<PromptProblem>,
}

/// A prompt that callers would not hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptProblem {
    pub language: Language,
    /// The words that cannot be said, or the recording's name.
    pub prompt: String,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl std::fmt::Display for PromptProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (`{}`): {}", self.prompt, self.language, self.message)
    }
}

/// Everything that calls of a dialplan say in words that are known beforehand, in its languages:
/// the engine's own sentences first, then the dialplan's prompts, then the menus' options one by
/// one, as elder pacing says them. A text with a template's braces is known only in a call.
pub fn known_parts(dialplan: &Dialplan) -> Vec<Part> {
    let mut parts = Vec::new();
    let prompts = sources::prompts(dialplan);
    for &language in &dialplan.languages {
        let sentences = Sentence::fixed(dialplan.human.key, dialplan.elder.key).into_iter();
        let sentences = sentences.map(Content::Sentence);
        let texts = prompts.iter().filter_map(|prompt| {
            let text = prompt.text.get(language)?;
            (!has_values(text)).then(|| Content::Text {
                text: text.clone(),
                audio: prompt.audio.clone(),
            })
        });
        let music = dialplan.handoffs.iter().filter_map(Handoff::music);
        parts.extend(
            sentences
                .chain(texts)
                .chain(music.map(Content::music))
                .chain(menu_options(dialplan, language))
                .map(|content| Part { language, content }),
        );
    }
    parts
}

/// Where a menu can have a recording, its words are never taken apart.
fn menu_options(dialplan: &Dialplan, language: Language) -> impl Iterator<Item = Content> {
    let prompts = dialplan.nodes.iter().flat_map(|node| match &node.kind {
        NodeKind::Menu(menu) => [Some(&menu.prompt), menu.reprompt.as_ref()],
        NodeKind::Knowledge(knowledge) => [Some(&knowledge.prompt), knowledge.reprompt.as_ref()],
        NodeKind::LanguageMenu(menu) => [Some(&menu.prompt), None],
        _ => [None, None],
    });
    let texts = prompts
        .flatten()
        .filter(|prompt| prompt.audio.is_none())
        .filter_map(move |prompt| prompt.text.get(language))
        .filter(|text| !has_values(text));
    texts
        .flat_map(|text| options(text))
        .map(|option| Content::Text {
            text: option.to_string(),
            audio: None,
        })
}

/// What became of one part.
enum Loaded {
    Recording(Language, Box<str>, Arc<Prompt>),
    Text(Language, Box<str>, Arc<Prompt>, Source),
    /// Music that is not there: the engine's own is heard, which the checker warns of.
    OwnMusic,
    Problem(PromptProblem),
}

/// Gets all of `parts` (several dialplans' together) and puts them in the place of what was loaded
/// before. What fails is told; the rest can be heard. `progress` is moved by one a part.
pub fn load_all(library: &PromptLibrary, parts: &[Part], progress: &ProgressBar) -> LoadReport {
    let wanted = without_doubles(parts);
    progress.set_length(wanted.len() as u64);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut loaded = Vec::new();
        while let Some(part) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
            loaded.push(load(library, part));
            progress.inc(1);
        }
        loaded
    };
    let loaded = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| worker.join());
        results
            .flat_map(|result| result.expect("a worker returns every failure"))
            .collect::<Vec<_>>()
    });
    let (mut known, mut report) = (Known::default(), LoadReport::default());
    for one in loaded {
        match one {
            Loaded::Recording(language, name, prompt) => {
                report.recorded += 1;
                known.recordings[language as usize].insert(name, prompt);
            }
            Loaded::Text(language, text, prompt, source) => {
                match source {
                    Source::Cache => report.from_cache += 1,
                    Source::Synthesizer => report.synthesized += 1,
                }
                known.texts[language as usize].insert(text, prompt);
            }
            Loaded::OwnMusic => {}
            Loaded::Problem(problem) => report.problems.push(problem),
        }
    }
    report
        .problems
        .sort_by(|a, b| (a.language, &a.prompt).cmp(&(b.language, &b.prompt)));
    library.publish(known);
    if let Some(Err(error)) = library.cache().map(|cache| cache.prune()) {
        tracing::warn!(%error, "old prompts on disk cannot be deleted");
    }
    report
}

/// The same texts for elder callers, slower. Who calls before they are made hears them as fast as ever;
/// what fails stays as it is.
pub fn load_slow(library: &PromptLibrary, parts: &[Part]) {
    let mut texts = Texts::default();
    for part in without_doubles(parts) {
        let language = part.language;
        let (name, text) = names_of(part);
        let recorded = name.is_some_and(|name| library.has_recording(language, &name));
        // Music has no words.
        if recorded || text.is_empty() {
            continue;
        }
        match library.render_known(language, &text, Pace::Elder) {
            Ok((prompt, _)) => _ = texts[language as usize].insert(text.into(), prompt),
            Err(error) => tracing::debug!(%error, text, "not spoken slower"),
        }
    }
    library.publish_slow(texts);
}

fn without_doubles(parts: &[Part]) -> Vec<&Part> {
    let mut seen = HashSet::new();
    let spoken = parts
        .iter()
        .filter(|part| !matches!(part.content, Content::Pause(_)));
    spoken
        .filter(|part| seen.insert((part.language, names_of(part))))
        .collect()
}

/// The name of a part's recording, if it can have one, and its words.
fn names_of(part: &Part) -> (Option<String>, String) {
    match &part.content {
        Content::Text { text, audio } => (audio.clone(), text.trim().to_string()),
        Content::Sentence(sentence) => (Some(sentence.audio()), sentence.text(part.language)),
        Content::Pause(_) => (None, String::new()),
    }
}

fn load(library: &PromptLibrary, part: &Part) -> Loaded {
    let language = part.language;
    let (name, text) = names_of(part);
    if let Some(name) = &name
        && let Some((path, recording)) = library.read_recording(language, name)
    {
        return match recording {
            Ok(prompt) => Loaded::Recording(language, name.as_str().into(), prompt),
            Err(reason) => Loaded::Problem(PromptProblem {
                language,
                prompt: path.display().to_string(),
                message: reason,
            }),
        };
    }
    if text.is_empty() && name.is_some() {
        return Loaded::OwnMusic;
    }
    match library.render_known(language, &text, Pace::Usual) {
        Ok((prompt, source)) => Loaded::Text(language, text.into(), prompt, source),
        Err(error) => {
            let name = name.unwrap_or_else(|| "<a name>".to_string());
            Loaded::Problem(PromptProblem {
                language,
                message: format!("{error}; or record it as `prompts/{language}/{name}.wav`"),
                prompt: text,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::dtmf_detector::{DtmfDetector, KeyTone};
    use crate::audio::frame::to_sample;
    use crate::audio::tones::{chord, key_tone};
    use crate::audio::wav::WavWriter;
    use crate::engines::prompt_cache::PromptCache;
    use crate::engines::registry::Registry;
    use crate::engines::synthesizer::{Manner, SynthesisError, Synthesizer};
    use crate::key::Key;
    use std::path::Path;
    use std::time::Duration;

    /// Says every text in as many samples as it has bytes, at the usual rate; speaks English only, and not all of it.
    struct Fake;

    impl Synthesizer for Fake {
        fn id(&self) -> &str {
            "fake/1"
        }

        fn speaks(&self, language: Language) -> bool {
            language == Language::En
        }

        fn synthesize(
            &self,
            text: &str,
            _: Language,
            manner: &Manner,
        ) -> Result<Vec<i16>, SynthesisError> {
            match text {
                "unspeakable" => Err(SynthesisError::NothingToSay(text.to_string())),
                text => Ok(vec![1; (text.len() as f32 / manner.rate) as usize]),
            }
        }
    }

    fn library(folder: &Path) -> PromptLibrary {
        let cache = PromptCache::open(folder).unwrap();
        let registry = Registry::of(vec![Box::new(Fake)]);
        PromptLibrary::new(registry, Some(cache), Some(folder.join("prompts")))
    }

    fn text(language: Language, text: &str, audio: Option<&str>) -> Part {
        let (text, audio) = (text.to_string(), audio.map(str::to_string));
        let content = Content::Text { text, audio };
        Part { language, content }
    }

    fn record(folder: &Path, name: &str) {
        let folder = folder.join("prompts/en");
        std::fs::create_dir_all(&folder).unwrap();
        let file = std::fs::File::create(folder.join(name)).unwrap();
        let mut writer = WavWriter::mono(file).unwrap();
        writer.write(&chord(&[(440.0, -10.0)], 4_000)).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn what_is_loaded_is_heard_and_the_second_start_reads_it_from_disk() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), "main.wav");
        record(folder.path(), "nobody_answered.wav");
        let sentence = |sentence| Part {
            language: Language::En,
            content: Content::Sentence(sentence),
        };
        let parts = [
            text(Language::En, " Hello. ", None),
            text(Language::En, "Hello.", None),
            text(Language::En, "Press one.", Some("main")),
            text(Language::En, "Press two.", Some("not_recorded")),
            sentence(Sentence::NobodyAnswered),
            sentence(Sentence::HumanOffer { key: Key::ZERO }),
        ];
        for (from_cache, synthesized) in [(0, 3), (3, 0)] {
            let library = library(folder.path());
            let report = load_all(&library, &parts, &ProgressBar::hidden());
            assert_eq!(report.problems, []);
            assert_eq!(report.recorded, 2);
            assert_eq!(
                (report.from_cache, report.synthesized),
                (from_cache, synthesized)
            );
            let length = |part: &Part| {
                let prompt = library
                    .lookup(part.language, &part.content, Pace::Usual)
                    .unwrap();
                prompt.samples().len()
            };
            let lengths: Vec<usize> = parts.iter().map(length).collect();
            assert_eq!(lengths, [6, 6, 4_000, 10, 4_000, 44]);
        }
    }

    #[test]
    fn the_options_that_elder_pacing_says_one_by_one_are_known() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/dialplans/parcel.yaml");
        let yaml = std::fs::read_to_string(path).unwrap();
        let plan = crate::dialplan::load::load(&crate::diagnostic::Source::new(path, yaml));
        let parts = known_parts(&plan.unwrap());
        for (language, option) in [
            (Language::En, "To track a parcel, press 1."),
            (Language::En, "Delivery, 2."),
            (Language::Zh, "查询包裹请按1，"),
        ] {
            assert!(parts.contains(&text(language, option, None)), "{option}");
        }
    }

    #[test]
    fn what_cannot_be_said_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), "whole.wav");
        std::fs::write(folder.path().join("prompts/en/broken.wav"), "RIFF").unwrap();
        let parts = [
            text(Language::En, "Fine.", Some("whole")),
            text(Language::En, "Words.", Some("broken")),
            text(Language::En, "unspeakable", None),
            text(Language::Zh, "你好", Some("hello")),
        ];
        let library = library(folder.path());
        let report = load_all(&library, &parts, &ProgressBar::hidden());
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[0].contains("broken.wav") && problems[0].contains("save it again"));
        assert!(problems[1].starts_with("unspeakable"));
        assert!(
            problems[2].contains("prompts/zh/hello.wav"),
            "{}",
            problems[2]
        );
        assert!(
            library
                .lookup(Language::En, &parts[0].content, Pace::Usual)
                .is_some()
        );
        assert!(
            library
                .lookup(Language::Zh, &parts[3].content, Pace::Usual)
                .is_none()
        );
    }

    /// The checker warns of it, and where it is looked for and not found the engine's own is played.
    #[test]
    fn music_that_one_language_has_no_recording_of_is_no_problem() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), "waiting.wav");
        let (music, nowhere) = (Content::music("waiting"), Content::music("nowhere"));
        let part = |language, content: &Content| Part {
            language,
            content: content.clone(),
        };
        let parts = [
            part(Language::En, &music),
            part(Language::Zh, &music),
            part(Language::En, &nowhere),
        ];
        let library = library(folder.path());
        let report = load_all(&library, &parts, &ProgressBar::hidden());
        assert_eq!((report.recorded, report.problems), (1, vec![]));
        load_slow(&library, &parts);
        for pace in [Pace::Usual, Pace::Elder] {
            assert!(library.lookup(Language::En, &music, pace).is_some());
            assert!(library.lookup(Language::Zh, &music, pace).is_none());
            assert!(library.lookup(Language::En, &nowhere, pace).is_none());
        }
    }

    #[test]
    fn what_a_call_needs_is_rendered_once_and_never_kept_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let library = library(folder.path());
        let part = text(Language::En, "Your number is 1234.", None);
        assert!(
            library
                .lookup(Language::En, &part.content, Pace::Usual)
                .is_none()
        );
        let made = library
            .render(Language::En, "Your number is 1234.", Pace::Usual)
            .unwrap();
        let found = library
            .lookup(Language::En, &part.content, Pace::Usual)
            .unwrap();
        assert!(Arc::ptr_eq(&made, &found));
        assert_eq!(
            std::fs::read_dir(folder.path().join("prompts-cache"))
                .unwrap()
                .count(),
            0
        );
        assert!(library.render(Language::Zh, "你好", Pace::Usual).is_err());
    }

    #[test]
    fn elder_callers_hear_texts_slower_once_they_are_made() {
        let folder = tempfile::tempdir().unwrap();
        record(folder.path(), "main.wav");
        let parts = [
            text(Language::En, "Twenty letters here.", None),
            text(Language::En, "Press one.", Some("main")),
        ];
        let library = library(folder.path());
        load_all(&library, &parts, &ProgressBar::hidden());
        let length = |part: &Part, pace| {
            let prompt = library.lookup(part.language, &part.content, pace).unwrap();
            prompt.samples().len()
        };
        assert_eq!(length(&parts[0], Pace::Elder), 20, "before, as ever");
        load_slow(&library, &parts);
        assert_eq!(length(&parts[0], Pace::Usual), 20);
        assert_eq!(length(&parts[0], Pace::Elder), 23);
        assert_eq!(length(&parts[1], Pace::Elder), 4_000, "a recording");
        let made = library.render(Language::En, "In a call.", Pace::Elder);
        assert_eq!(made.unwrap().samples().len(), 11);
    }

    #[test]
    fn a_pause_is_silence_of_its_length() {
        let library = PromptLibrary::new(Registry::of(Vec::new()), None, None);
        let pause = |length| {
            library
                .lookup(Language::Zh, &Content::Pause(length), Pace::Usual)
                .unwrap()
        };
        let short = pause(Duration::from_millis(300));
        assert_eq!(short.duration(), Duration::from_millis(300));
        assert_eq!(pause(Duration::MAX).duration(), Duration::from_secs(10));
    }

    /// What we play comes back as echo, and must not press keys; a key over it must be heard.
    #[test]
    fn our_own_sentences_press_no_keys_and_hide_none() {
        let registry = Registry::discover();
        let key = key_tone(Key::ZERO);
        let (mut over, mut heard_over) = (0, 0);
        for language in Language::ALL {
            if registry.speaking(language).next().is_none() {
                println!("skipped: nothing speaks {language} here");
                continue;
            }
            for sentence in Sentence::fixed(Key::ZERO, None) {
                let text = sentence.text(language);
                let (sound, _) = registry.synthesize(&text, language, 1.0).unwrap();
                for decibels in [0.0, -10.0, -20.0f32] {
                    let gain = 10f32.powf(decibels / 20.0);
                    let echo = sound.iter().map(|&s| to_sample(f32::from(s) * gain));
                    let mut line: Vec<i16> = echo.collect();
                    assert_eq!(keys_in(&line), [], "{text} at {decibels} dB");
                    if decibels > -10.0 {
                        continue;
                    }
                    let start = line.len() / 3;
                    for (sample, tone) in line[start..].iter_mut().zip(&key) {
                        *sample = sample.saturating_add(*tone);
                    }
                    over += 1;
                    heard_over += usize::from(keys_in(&line) == [Key::ZERO]);
                }
            }
        }
        assert_eq!(heard_over, over);
    }

    fn keys_in(line: &[i16]) -> Vec<Key> {
        let mut keys = Vec::new();
        DtmfDetector::new().handle_samples(line, |tone| {
            if let KeyTone::Down(key) = tone {
                keys.push(key);
            }
        });
        keys
    }
}
