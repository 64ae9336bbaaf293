//! The prompts of all calls: recordings, texts that are known when a dialplan is loaded, and texts
//! that were made for a call.

use super::prompt_cache::{CacheKey, PromptCache};
use super::recent_prompts::RecentPrompts;
use super::registry::Registry;
use super::synthesizer::SynthesisError;
use crate::audio::frame::{SAMPLE_RATE, samples_in};
use crate::audio::prompt::Prompt;
use crate::audio::prompt_file::{self, EXTENSIONS};
use crate::dialogue::action::Content;
use crate::events::Pace;
use crate::language::Language;
use crate::speech::verbaliser::money::amounts_in_words;
use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// How much sound made for calls is kept: 20 minutes, 20 MB and half as much for each codec.
const MOST_RECENT_SAMPLES: usize = 20 * 60 * SAMPLE_RATE as usize;
/// The longest pause that a dialogue can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How fast an elder caller is spoken to, relative to others.
const ELDER_RATE: f32 = 0.85;

/// Shared by all threads. `lookup` is for media threads: it waits for nothing.
pub struct PromptLibrary {
    registry: Registry,
    cache: Option<PromptCache>,
    /// `prompts/`, with a folder a language.
    recordings: Option<PathBuf>,
    known: ArcSwap<Known>,
    /// The texts once more, at elder pacing; before they are made, callers hear the others.
    slow: ArcSwap<Texts>,
    /// By pace.
    recent: [RwLock<RecentPrompts>; 2],
}

/// What was loaded: never changed, replaced as a whole.
#[derive(Default, Clone)]
pub struct Known {
    /// By language, then name, then text.
    pub recordings: [FxHashMap<Box<str>, Arc<Prompt>>; Language::ALL.len()],
    pub texts: Texts,
}

/// By language, then text.
pub type Texts = [FxHashMap<Box<str>, Arc<Prompt>>; Language::ALL.len()];

/// Where a prompt's sound came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Cache,
    Synthesizer,
}

impl PromptLibrary {
    pub fn new(
        registry: Registry,
        cache: Option<PromptCache>,
        recordings: Option<PathBuf>,
    ) -> PromptLibrary {
        PromptLibrary {
            registry,
            cache,
            recordings,
            known: ArcSwap::default(),
            slow: ArcSwap::default(),
            recent: std::array::from_fn(|_| RwLock::new(RecentPrompts::new(MOST_RECENT_SAMPLES))),
        }
    }

    /// The sound of a part, if it is here and at hand. `None`: it is to be rendered. A recording is as
    /// fast as it is.
    pub fn lookup(&self, language: Language, content: &Content, pace: Pace) -> Option<Arc<Prompt>> {
        let known = self.known.load();
        match content {
            Content::Pause(length) => {
                let silence = vec![0; samples_in((*length).min(LONGEST_PAUSE))];
                Some(Arc::new(Prompt::from_samples(silence)))
            }
            Content::Text { text, audio } => {
                let recordings = &known.recordings[language as usize];
                let recorded = audio.as_deref().and_then(|name| recordings.get(name));
                recorded
                    .cloned()
                    .or_else(|| self.lookup_text(&known, language, text, pace))
            }
            Content::Sentence(sentence) => {
                let recordings = &known.recordings[language as usize];
                let recorded = match recordings.is_empty() {
                    true => None,
                    false => recordings.get(sentence.audio().as_str()),
                };
                recorded
                    .cloned()
                    .or_else(|| self.lookup_text(&known, language, &sentence.text(language), pace))
            }
        }
    }

    fn lookup_text(
        &self,
        known: &Known,
        language: Language,
        text: &str,
        pace: Pace,
    ) -> Option<Arc<Prompt>> {
        let text = text.trim();
        let slow = match pace {
            Pace::Usual => None,
            Pace::Elder => self.slow.load()[language as usize].get(text).cloned(),
        };
        slow.or_else(|| known.texts[language as usize].get(text).cloned())
            .or_else(|| {
                // Who writes goes after all else on the core and may hold it for long: a media thread
                // rather has the pool look once more.
                let recent = self.recent[pace as usize].try_read().ok()?;
                recent.get(language, text)
            })
    }

    /// Makes a text into sound and keeps it for a while, in memory only: a caller's data may be in
    /// it. Takes milliseconds to seconds: for the threads of the synthesizer pool.
    pub fn render(
        &self,
        language: Language,
        text: &str,
        pace: Pace,
    ) -> Result<Arc<Prompt>, SynthesisError> {
        let text = text.trim();
        if let Some(prompt) = self.lookup_text(&self.known.load(), language, text, pace) {
            return Ok(prompt);
        }
        let (samples, _) = self.registry.synthesize(text, language, rate(pace))?;
        let prompt = Arc::new(Prompt::from_samples(samples));
        // A panic under this lock cannot leave the maps half changed.
        let recent = self.recent[pace as usize].write();
        let mut recent = recent.unwrap_or_else(PoisonError::into_inner);
        let forgotten = recent.insert(language, text.into(), prompt.clone());
        drop(recent);
        drop(forgotten);
        Ok(prompt)
    }

    /// Makes a dialplan's text into sound, through the cache on disk.
    pub fn render_known(
        &self,
        language: Language,
        text: &str,
        pace: Pace,
    ) -> Result<(Arc<Prompt>, Source), SynthesisError> {
        // What is spoken, not what is written: another reading is another sound.
        let spoken = amounts_in_words(language, text);
        let sound = |engine: &str| self.registry.sound_of(engine, language);
        // Only the best engine's sound is taken from the disk: another one's stands in only for as
        // long as the best one fails.
        let best = self.registry.speaking(language).next();
        if let (Some(cache), Some(best)) = (&self.cache, best)
            && let Some(samples) =
                cache.read(&cache_key(&sound(best.id()), language, &spoken, pace))
        {
            return Ok((Arc::new(Prompt::from_samples(samples)), Source::Cache));
        }
        let (samples, engine) = self.registry.synthesize(text, language, rate(pace))?;
        if let Some(cache) = &self.cache
            && let Err(error) = cache.write(
                &cache_key(&sound(engine), language, &spoken, pace),
                &samples,
            )
        {
            tracing::warn!(%error, "a prompt cannot be kept on disk; the next start is slower");
        }
        Ok((Arc::new(Prompt::from_samples(samples)), Source::Synthesizer))
    }

    /// Whether a recording of this name was loaded.
    pub fn has_recording(&self, language: Language, name: &str) -> bool {
        self.known.load().recordings[language as usize].contains_key(name)
    }

    /// Reads `prompts/<language>/<name>.<extension>`: `None` where there is no such file, else its
    /// path and its sound or what is wrong with it.
    pub fn read_recording(
        &self,
        language: Language,
        name: &str,
    ) -> Option<(PathBuf, Result<Arc<Prompt>, String>)> {
        let folder = self.recordings.as_ref()?.join(language.tag());
        let (path, extension) = EXTENSIONS
            .into_iter()
            .map(|extension| (folder.join(format!("{name}.{extension}")), extension))
            .find(|(path, _)| path.is_file())?;
        let prompt = read_prompt_file(&path, extension);
        Some((path, prompt))
    }

    /// Puts a new set in the place of what was loaded before. Calls go on with what they hold.
    pub fn publish(&self, known: Known) {
        self.known.store(Arc::new(known));
    }

    /// As [`Self::publish`], of the texts at elder pacing.
    pub fn publish_slow(&self, texts: Texts) {
        self.slow.store(Arc::new(texts));
    }

    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    pub fn cache(&self) -> Option<&PromptCache> {
        self.cache.as_ref()
    }
}

fn rate(pace: Pace) -> f32 {
    match pace {
        Pace::Usual => 1.0,
        Pace::Elder => ELDER_RATE,
    }
}

fn cache_key<'k>(engine: &'k str, language: Language, text: &'k str, pace: Pace) -> CacheKey<'k> {
    CacheKey {
        engine,
        language,
        rate: rate(pace),
        text,
    }
}

fn read_prompt_file(path: &Path, extension: &str) -> Result<Arc<Prompt>, String> {
    let file = std::fs::read(path).map_err(|error| error.to_string())?;
    let samples = prompt_file::decode(file, extension).map_err(|error| error.to_string())?;
    Ok(Arc::new(Prompt::from_samples(samples)))
}
