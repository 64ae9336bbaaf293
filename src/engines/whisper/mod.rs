//! The recognizer whisper: whole utterances, in English and Mandarin, on the processor.

mod automaton;
mod decoder;
mod hypotheses;
pub mod model_file;
mod search;
mod value_words;
mod vocabulary;

use super::recognizers::OpenError;
use super::whisper_models::{best_in, command_for};
use crate::audio::resample;
use crate::config::speech::Speech;
use crate::language::Language;
use crate::speech::grammar::{Grammar, ValueKind};
use crate::speech::recognizer::{
    Hypothesis, LONGEST_UTTERANCE, RecognitionError, Recognizer, SAMPLE_RATE, Utterance,
};
use automaton::Automaton;
use decoder::{Deadline, Decoder, NAME, encode};
use hypotheses::Found;
use model_file::{Header, examine};
use search::Said;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vocabulary::{Token, Vocabulary};
use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperState};

/// Samples a second that whisper hears; telephone sound has nothing above 4 kHz of its 8.
const WHISPER_RATE: u32 = 16_000;
/// Whisper was taught with whole sentences: what is shorter is followed by silence.
const SHORTEST_SOUND: usize = WHISPER_RATE as usize;
/// What is shorter says nothing, in samples of the utterance: 0.1 s.
const SHORTEST_UTTERANCE: usize = SAMPLE_RATE as usize / 10;
/// A call waits 1.5 s from here: the next engine, which is asked then, has to fit in. What is built in,
/// which is asked next most often, takes no text down: it needs no time.
const PATIENCE: Patience = Patience {
    words: Duration::from_millis(1_100),
    text: Duration::from_millis(1_450),
};
/// Positions of the encoder, 50 a second: with fewer the words get lost, with all 1,500 it takes ten
/// times as long.
const FEWEST_POSITIONS: u32 = 256;
const MARGIN: u32 = 64;
/// Before Mandarin, so that it is written with simplified characters.
const MANDARIN_PROMPT: &str = "以下是普通话的句子。";

pub struct Whisper {
    id: String,
    inside: Arc<Inside>,
}

/// How long an answer may take, for phrases and values and for free text. It is looked at between the
/// encoder and the steps of the decoder: one of these may go beyond it.
#[derive(Clone, Copy)]
struct Patience {
    words: Duration,
    text: Duration,
}

struct Inside {
    patience: Patience,
    context: WhisperContext,
    vocabulary: Vocabulary,
    header: Header,
    prompts: [Vec<Token>; Language::ALL.len()],
    /// Those that nobody uses: as many as threads have ever asked at the same time, 33–47 MiB each.
    states: Mutex<Vec<WhisperState>>,
}

impl Whisper {
    /// The model that the config names, or else the best one in its folder. Reads all of it: seconds.
    pub fn open(speech: &Speech) -> Result<Whisper, OpenError> {
        Whisper::open_with(speech, PATIENCE)
    }

    fn open_with(speech: &Speech, patience: Patience) -> Result<Whisper, OpenError> {
        let folder = &speech.models;
        let not_here = |reason: String, mend: String| OpenError::NotHere {
            engine: NAME,
            reason,
            mend,
        };
        if let Some(missing) = missing_instructions() {
            let mend = "choose another in `speech: recognizers:`".to_owned();
            return Err(not_here(missing, mend));
        }
        let named = speech.whisper_model.clone();
        let Some(file) = named.or_else(|| best_in(folder)) else {
            let reason = format!("there is no model in {}", folder.display());
            let mend = format!("`{}` fetches one", command_for(None, folder));
            return Err(not_here(reason, mend));
        };
        let broken = |reason: &dyn std::fmt::Display| OpenError::Broken {
            engine: NAME,
            reason: format!("its model {}: {reason}", file.display()),
            mend: format!(
                "`{}` fetches a whole one",
                command_for(Some(&file), file.parent().unwrap_or(folder))
            ),
        };
        let header = examine(&file).map_err(|error| broken(&error))?;
        if header.tensors == 0 {
            return Err(broken(&"it has no weights: it is a file for tests"));
        }
        Whisper::load(&file, header, patience).map_err(|error| broken(&error))
    }

    /// A file that was examined: what is not sound would end the process here.
    fn load(
        file: &Path,
        header: Header,
        patience: Patience,
    ) -> Result<Whisper, whisper_rs::WhisperError> {
        whisper_rs::install_logging_hooks();
        let context = WhisperContext::new_with_params(file, WhisperContextParameters::default())?;
        let end = context.token_eot();
        let texts = (0..end)
            .map(|token| context.token_to_bytes(token).map(Box::from))
            .collect::<Result<_, _>>()?;
        let vocabulary = Vocabulary::new(texts, end, header.vocabulary as usize);
        let prompts = [
            prompt(&context, &header, Language::En)?,
            prompt(&context, &header, Language::Zh)?,
        ];
        let version = whisper_rs::get_whisper_version();
        let model = file.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Whisper {
            id: format!("{NAME}.cpp/{version}/{model}"),
            inside: Arc::new(Inside {
                patience,
                context,
                vocabulary,
                header,
                prompts,
                states: Mutex::default(),
            }),
        })
    }
}

/// What stands before a text.
fn prompt(
    context: &WhisperContext,
    header: &Header,
    language: Language,
) -> Result<Vec<Token>, whisper_rs::WhisperError> {
    let mut prompt = Vec::new();
    if !header.is_multilingual() {
        return Ok(vec![context.token_sot(), context.token_not()]);
    }
    if language == Language::Zh {
        prompt.push(context.token_prev());
        prompt.extend(context.tokenize(MANDARIN_PROMPT, 64)?);
    }
    let number = whisper_rs::get_lang_id(language.tag()).unwrap_or(0);
    prompt.extend([
        context.token_sot(),
        context.token_lang(number),
        context.token_transcribe(),
        context.token_not(),
    ]);
    Ok(prompt)
}

/// whisper.cpp is built for processors from about 2013 on, and ends the process on others.
#[cfg(target_arch = "x86_64")]
fn missing_instructions() -> Option<String> {
    let all = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("f16c", std::arch::is_x86_feature_detected!("f16c")),
        ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
    ];
    let missing = all.into_iter().filter(|(_, here)| !here);
    let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
    (!missing.is_empty()).then(|| format!("this processor lacks {}", missing.join(", ")))
}

#[cfg(not(target_arch = "x86_64"))]
fn missing_instructions() -> Option<String> {
    None
}

impl Recognizer for Whisper {
    fn id(&self) -> &str {
        &self.id
    }

    fn hears(&self, language: Language) -> bool {
        self.inside.header.is_multilingual() || language == Language::En
    }

    fn start(&self, grammar: &Arc<Grammar>) -> Box<dyn Utterance> {
        Box::new(WhisperUtterance {
            inside: self.inside.clone(),
            grammar: grammar.clone(),
            samples: Vec::new(),
        })
    }
}

struct WhisperUtterance {
    inside: Arc<Inside>,
    grammar: Arc<Grammar>,
    samples: Vec<i16>,
}

impl Utterance for WhisperUtterance {
    fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError> {
        let room = LONGEST_UTTERANCE - self.samples.len();
        self.samples.extend(samples.iter().take(room));
        Ok(())
    }

    fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError> {
        if self.samples.len() < SHORTEST_UTTERANCE {
            return Ok(Vec::new());
        }
        let mut state = self.inside.take_state()?;
        let found = self.inside.listen(&mut state, &self.samples, &self.grammar);
        // One in which something failed is not trusted again.
        if found.is_ok() {
            self.inside.give_back(state);
        }
        Ok(found?.into_hypotheses(&self.inside.vocabulary))
    }
}

impl Inside {
    fn take_state(&self) -> Result<WhisperState, RecognitionError> {
        let free = self.lock().pop();
        let state = free.map_or_else(|| self.context.create_state(), Ok);
        state.map_err(|error| RecognitionError::Failed {
            engine: NAME.to_owned(),
            reason: error.to_string(),
        })
    }

    fn give_back(&self, state: WhisperState) {
        self.lock().push(state);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<WhisperState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(
        &self,
        state: &mut WhisperState,
        samples: &[i16],
        grammar: &Grammar,
    ) -> Result<Found, RecognitionError> {
        let deadline = Deadline::in_time(match grammar.value {
            Some(ValueKind::FreeText) => self.patience.text,
            _ => self.patience.words,
        });
        let sound = sound(samples)?;
        let all = self.header.audio_positions;
        let positions = positions(samples.len()).min(all);
        encode(state, &sound, positions, deadline)?;
        let mut found = self.read(state, samples.len(), grammar, deadline)?;
        if found.free.is_none() && positions < all {
            // It lost its way: once more, as it was taught.
            encode(state, &sound, all, deadline)?;
            found = self.read(state, samples.len(), grammar, deadline)?;
        }
        Ok(found)
    }

    /// What was said in the sound that `state` has encoded.
    fn read(
        &self,
        state: &mut WhisperState,
        samples: usize,
        grammar: &Grammar,
        deadline: Deadline,
    ) -> Result<Found, RecognitionError> {
        let vocabulary = &self.vocabulary;
        let prompt = &self.prompts[grammar.language as usize];
        let mut decoder = Decoder::new(state, vocabulary, prompt, deadline);
        let no_speech =
            decoder.probability_after(self.context.token_sot(), self.context.token_nosp())?;
        let most = most_tokens(samples);
        let free = search::free(&mut decoder, vocabulary, most)?;
        let mut found = Found {
            no_speech,
            free: free.is_whole.then_some(free),
            ..Found::default()
        };
        if grammar.value != Some(ValueKind::FreeText) {
            let phrases = grammar.phrases.iter().map(|phrase| phrase.words.as_str());
            let phrases = Automaton::of_phrases(phrases);
            if !phrases.is_empty() {
                found.phrases = search::phrases(&mut decoder, vocabulary, &phrases)?;
            }
            found.words = self.value(&mut decoder, grammar, most)?;
        }
        Ok(found)
    }

    fn value(
        &self,
        decoder: &mut Decoder,
        grammar: &Grammar,
        most: usize,
    ) -> Result<Option<Said>, RecognitionError> {
        let words = grammar
            .value
            .and_then(|kind| value_words::value_words(kind, grammar.language));
        let Some(words) = words else {
            return Ok(None);
        };
        let words = Automaton::of_words(words);
        search::words(decoder, &self.vocabulary, &words, most)
    }
}

/// 8 kHz → what whisper hears.
fn sound(samples: &[i16]) -> Result<Vec<f32>, RecognitionError> {
    let mut sound =
        resample::from_8_khz(samples, WHISPER_RATE).map_err(|error| RecognitionError::Failed {
            engine: NAME.to_owned(),
            reason: error.to_string(),
        })?;
    sound.resize(sound.len().max(SHORTEST_SOUND), 0.0);
    Ok(sound)
}

fn positions(samples: usize) -> u32 {
    let spoken = (samples * 50).div_ceil(SAMPLE_RATE as usize) as u32;
    (spoken + MARGIN).max(FEWEST_POSITIONS)
}

/// Nobody says more in that time; what goes on does not come from the sound.
fn most_tokens(samples: usize) -> usize {
    10 * samples / SAMPLE_RATE as usize + 8
}

#[cfg(test)]
mod tests;
