//! Takes down the messages that callers left: a thread of its own, at the lowest priority, so that who
//! speaks now is heard first.
//!
//! What is to be done stands in the table of messages, so that it outlives the process and nothing waits
//! in memory. A message is taken down once; what an engine refuses is tried [`ATTEMPTS`] times, and then
//! the message is told without a transcript.

use super::hearing::Ears;
use crate::audio::prompt_file;
use crate::language::Language;
use crate::speech::grammar::{Grammar, ValueKind};
use crate::speech::pieces::pieces;
use crate::speech::recognizer::{Hypothesis, RecognitionError, Recognizer, SAMPLE_RATE};
use crate::store::calls::{Store, StoreError};
use crate::store::letters::LeftMessage;
use crate::store::messages::Transcript;
use crate::store::outbox::Addressee;
use rustc_hash::{FxHashMap, FxHashSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// On Linux this is the thread's own niceness: recognizers that callers wait for have 10.
const NICENESS: i32 = 19;
/// Messages read out of the table at one time.
const BATCH: u32 = 16;
/// How often a message is tried whose recording is not whole yet, or that an engine failed on.
const ATTEMPTS: u32 = 4;
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(2);
/// How often the table is looked into though nobody said that there is something.
const POLL: Duration = Duration::from_secs(60);
/// A recording that is shorter than it should be by more than this is not whole yet.
const SLACK_MS: usize = 200;

/// The thread.
pub struct Transcriber {
    stopping: Arc<AtomicBool>,
    stop: watch::Sender<()>,
    thread: JoinHandle<()>,
}

impl Transcriber {
    /// Waits for the piece of a message that is being taken down, half a minute of sound at most. The
    /// message itself is begun again by the next start.
    pub fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.stop);
        // A thread that panicked has nothing left to be waited for.
        let _ = self.thread.join();
    }
}

/// `files`: the store, and the data folder. `news` is told when something is stored, and by this when
/// there is a letter about a message.
pub fn start(
    ears: Arc<Ears>,
    (store, data): (PathBuf, PathBuf),
    addressees: Vec<Addressee>,
    news: watch::Sender<()>,
) -> io::Result<Transcriber> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (stop, stops) = watch::channel(());
    let stopping = Arc::new(AtomicBool::new(false));
    let desk = Desk {
        ears,
        data,
        addressees,
        news,
        stopping: stopping.clone(),
        attempts: FxHashMap::default(),
    };
    let thread = std::thread::Builder::new()
        .name("transcriber".into())
        .spawn(move || {
            let _ = rustix::process::setpriority_process(None, NICENESS);
            desk.run(&runtime, &store, stops);
        })?;
    Ok(Transcriber {
        stopping,
        stop,
        thread,
    })
}

struct Desk {
    ears: Arc<Ears>,
    data: PathBuf,
    addressees: Vec<Addressee>,
    news: watch::Sender<()>,
    stopping: Arc<AtomicBool>,
    /// How often messages were tried, by their ids.
    attempts: FxHashMap<String, u32>,
}

/// Why a message is not taken down.
enum Failure {
    /// It may be otherwise soon.
    Passing(String),
    Lasting(String),
    Stopping,
}

impl Desk {
    /// Engines work outside of the runtime: they may wait by one of their own.
    fn run(mut self, runtime: &Runtime, path: &Path, mut stops: watch::Receiver<()>) {
        let mut news = self.news.subscribe();
        let mut opened = None;
        while !self.stopping.load(Ordering::Relaxed) {
            news.mark_unchanged();
            let pause = match self.take_down_all(runtime, path, &mut opened) {
                Ok(()) if self.attempts.is_empty() => POLL,
                Ok(()) => BETWEEN_ATTEMPTS,
                Err(error) => {
                    tracing::error!(%error, "messages cannot be taken down; it is tried again");
                    opened = None;
                    POLL
                }
            };
            // A message that waits for its next attempt is not hurried by others.
            let hurries = self.attempts.is_empty();
            runtime.block_on(async {
                tokio::select! {
                    Ok(()) = news.changed(), if hurries => {}
                    () = tokio::time::sleep(pause) => {}
                    _ = stops.changed() => {}
                }
            });
        }
    }

    /// All that are new, but for those that are to be tried again.
    fn take_down_all(
        &mut self,
        runtime: &Runtime,
        path: &Path,
        opened: &mut Option<Store>,
    ) -> Result<(), StoreError> {
        let store = match opened {
            Some(store) => store,
            closed => closed.insert(runtime.block_on(Store::open_to_forward(path))?),
        };
        // To be tried again, not before a while.
        let mut put_off = FxHashSet::default();
        loop {
            let messages = runtime.block_on(store.new_messages(BATCH))?;
            let mut done = 0;
            for message in &messages {
                if put_off.contains(&message.id) {
                    continue;
                }
                let Some(transcript) = self.take_down(message) else {
                    put_off.insert(message.id.clone());
                    continue;
                };
                done += 1;
                let addressees = &self.addressees;
                let put = store.message_taken_down(message, &transcript, addressees, unix_ms());
                runtime.block_on(put)?;
                self.attempts.remove(&message.id);
                self.news.send_replace(());
            }
            if done == 0 || self.stopping.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    }

    /// `None`: it is to be tried again.
    fn take_down(&mut self, message: &LeftMessage) -> Option<Transcript> {
        let reason = match self.transcript(message) {
            Ok(transcript) => return Some(transcript),
            Err(Failure::Stopping) => return None,
            Err(Failure::Passing(reason)) => {
                let attempts = self.attempts.entry(message.id.clone()).or_default();
                *attempts += 1;
                if *attempts < ATTEMPTS {
                    return None;
                }
                reason
            }
            Err(Failure::Lasting(reason)) => reason,
        };
        tracing::info!(call = %message.call, reason, "a message is not taken down");
        Some(Transcript::Missing { reason })
    }

    fn transcript(&self, message: &LeftMessage) -> Result<Transcript, Failure> {
        let engines = self.ears.taking_down(message.language);
        if engines.is_empty() {
            let reason = format!("no recognizer takes down `{}` here", message.language);
            return Err(Failure::Lasting(reason));
        }
        let samples = read(&self.data.join(&message.file))?;
        let milliseconds = samples.len() / (SAMPLE_RATE as usize / 1000);
        let attempts = self.attempts.get(&message.id).copied().unwrap_or_default();
        // Of a recording that never becomes whole, what there is is taken down.
        if milliseconds + SLACK_MS < message.milliseconds as usize && attempts + 1 < ATTEMPTS {
            return Err(Failure::Passing("the recording is not whole yet".into()));
        }
        let mut texts = Vec::new();
        let mut confidence = 1.0_f32;
        let mut names: Vec<&str> = Vec::new();
        for piece in pieces(&samples) {
            if self.stopping.load(Ordering::Relaxed) {
                return Err(Failure::Stopping);
            }
            let (engine, heard) = hear(&engines, message.language, piece)?;
            if !names.contains(&engine) {
                names.push(engine);
            }
            if let Some(best) = heard.into_iter().next() {
                confidence = confidence.min(best.confidence);
                texts.push(best.text);
            }
        }
        if texts.is_empty() {
            return Err(Failure::Lasting("nothing was understood".into()));
        }
        Ok(Transcript::Text {
            text: texts.join(" "),
            confidence: confidence.into(),
            engine: names.join(", "),
        })
    }
}

fn read(file: &Path) -> Result<Vec<i16>, Failure> {
    // The file's end may be on its way to the disk.
    let passing = |reason: String| Failure::Passing(format!("the recording is not read: {reason}"));
    let bytes = std::fs::read(file).map_err(|error| passing(error.to_string()))?;
    prompt_file::decode_untouched(bytes, "wav").map_err(|error| passing(error.to_string()))
}

/// Where one engine fails, the next one hears the same; the name of the one that answered.
fn hear<'e>(
    engines: &'e [Arc<dyn Recognizer>],
    language: Language,
    samples: &[i16],
) -> Result<(&'e str, Vec<Hypothesis>), Failure> {
    let grammar = Arc::new(Grammar {
        language,
        phrases: Vec::new(),
        value: Some(ValueKind::FreeText),
    });
    let mut reasons = Vec::new();
    for engine in engines {
        let hearing = || -> Result<Vec<Hypothesis>, RecognitionError> {
            let mut utterance = engine.start(&grammar);
            for second in samples.chunks(SAMPLE_RATE as usize) {
                utterance.push(second)?;
            }
            utterance.hypotheses()
        };
        match catch_unwind(AssertUnwindSafe(hearing)) {
            Ok(Ok(heard)) => return Ok((engine.id(), heard)),
            Ok(Err(error)) => reasons.push(error.to_string()),
            Err(_) => reasons.push(format!("{} panicked", engine.id())),
        }
    }
    Err(Failure::Passing(reasons.join("; ")))
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::wav::WavWriter;
    use crate::config::webhooks::Subject;
    use crate::engines::recognizers::Recognizers;
    use crate::events::CallRef;
    use crate::speech::recognizer::{LONGEST_UTTERANCE, Utterance};
    use crate::store::calls::store_path;
    use crate::store::letters::Told;
    use crate::store::messages::StoredMessage;
    use std::sync::atomic::AtomicUsize;

    /// Says how many seconds it heard; fails on the first utterances.
    struct Counting {
        fails: AtomicUsize,
    }

    struct Heard(usize, bool);

    impl Recognizer for Counting {
        fn id(&self) -> &str {
            "counting 1"
        }

        fn hears(&self, _: Language) -> bool {
            true
        }

        fn start(&self, grammar: &Arc<Grammar>) -> Box<dyn Utterance> {
            assert_eq!(grammar.value, Some(ValueKind::FreeText));
            // Where it waits for a service elsewhere, it does so by a runtime of its own.
            assert!(tokio::runtime::Handle::try_current().is_err());
            let less = |left: usize| left.checked_sub(1);
            let fails = self
                .fails
                .try_update(Ordering::SeqCst, Ordering::SeqCst, less);
            Box::new(Heard(0, fails.is_ok()))
        }
    }

    impl Utterance for Heard {
        fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError> {
            assert!(samples.len() <= 8_000 && self.0 + samples.len() <= LONGEST_UTTERANCE);
            self.0 += samples.len();
            Ok(())
        }

        fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError> {
            let (engine, reason) = ("counting 1".to_owned(), "it was told to".to_owned());
            let text = format!("{} seconds", self.0 / 8_000);
            match self.1 {
                true => Err(RecognitionError::Failed { engine, reason }),
                false => Ok(vec![Hypothesis {
                    text,
                    confidence: 0.25,
                }]),
            }
        }
    }

    fn hooks() -> Vec<Addressee> {
        vec![Addressee {
            hook: "crm".into(),
            subjects: Subject::ALL.into(),
        }]
    }

    fn call() -> CallRef {
        CallRef::from_parts(1, 2)
    }

    fn message(number: u32, file: &str, seconds: usize) -> LeftMessage {
        LeftMessage {
            id: format!("{}-{number}", call()),
            call: call(),
            file: file.into(),
            milliseconds: seconds as u32 * 1_000,
            language: Language::En,
            left_ms: 5,
            data: serde_json::json!({}),
        }
    }

    /// A data folder with a message of so many seconds.
    fn data_with(seconds: usize) -> tempfile::TempDir {
        let data = tempfile::tempdir().expect("a temporary folder");
        let file = format!("messages/{}-7.wav", call());
        let path = data.path().join(&file);
        std::fs::create_dir(path.parent().expect("it has one")).expect("makes the folder");
        let wav = std::fs::File::create(path).expect("makes the file");
        let mut wav = WavWriter::mono(wav).expect("writes");
        wav.write(&vec![1_000; seconds * 8_000]).expect("writes");
        wav.finish().expect("writes");
        let message = message(7, &file, seconds);
        let told = Told {
            messages: vec![message],
            ..Told::default()
        };
        runtime().block_on(async {
            let store = Store::open(&store_path(data.path())).await.expect("opens");
            store.put_told(&told, &hooks(), 5).await.expect("writes");
        });
        data
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Runtime::new().expect("a runtime")
    }

    /// What becomes of the message, and how many letters of it there are.
    fn taken_down(data: &Path, recognizers: Recognizers) -> (StoredMessage, usize) {
        let ears = Arc::new(Ears::start(recognizers).expect("threads start"));
        let (news, mut heard) = watch::channel(());
        let files = (store_path(data), data.to_owned());
        let transcriber = start(ears, files, hooks(), news).expect("starts");
        let result = runtime().block_on(async {
            let told = tokio::time::timeout(Duration::from_secs(60), heard.changed());
            told.await.expect("in time").expect("it is told");
            let store = Store::open_to_read(&store_path(data)).await.expect("opens");
            let messages = store.messages_of(call()).await.expect("reads");
            let letters = store.due_letters("crm", u64::MAX >> 1, 9).await;
            (messages[0].clone(), letters.expect("reads").len())
        });
        transcriber.stop();
        result
    }

    #[test]
    fn a_long_message_is_taken_down_in_pieces_and_told() {
        let data = data_with(70);
        let fails = AtomicUsize::new(0);
        let recognizers = Recognizers::of(Arc::new(Counting { fails }));
        let (message, letters) = taken_down(data.path(), recognizers);
        let text = message.transcript.expect("it is taken down");
        let seconds = text
            .split(' ')
            .filter_map(|word| word.parse::<usize>().ok());
        let seconds: Vec<usize> = seconds.collect();
        assert!(
            seconds.len() > 2 && (67..=70).contains(&seconds.iter().sum::<usize>()),
            "{text}"
        );
        assert_eq!(
            (message.state.as_str(), message.confidence),
            ("transcribed", Some(0.25))
        );
        assert_eq!(message.engine.as_deref(), Some("counting 1"));
        assert_eq!(letters, 1);
    }

    #[test]
    fn what_an_engine_refuses_once_is_tried_again() {
        let data = data_with(3);
        let fails = AtomicUsize::new(1);
        let recognizers = Recognizers::of(Arc::new(Counting { fails }));
        let (message, letters) = taken_down(data.path(), recognizers);
        assert_eq!(message.transcript.as_deref(), Some("3 seconds"));
        assert_eq!(letters, 1);
    }

    #[test]
    fn without_a_recognizer_the_message_is_told_all_the_same() {
        let data = data_with(3);
        let (message, letters) = taken_down(data.path(), Recognizers::default());
        assert_eq!(message.state, "not_transcribed");
        assert!(message.reason.is_some_and(|why| why.contains("`en`")));
        assert_eq!(letters, 1);
    }

    #[test]
    fn one_that_is_put_off_is_not_hurried_by_the_others() {
        let data = data_with(3);
        let file = format!("messages/{}-7.wav", call());
        // Of the first one the file has only the half.
        let others = (10..60).map(|number| message(number, &file, 3));
        let told = Told {
            messages: [message(1, &file, 6)].into_iter().chain(others).collect(),
            ..Told::default()
        };
        let (runtime, path) = (runtime(), store_path(data.path()));
        runtime.block_on(async {
            let store = Store::open(&path).await.expect("opens");
            store.put_told(&told, &[], 5).await.expect("writes");
        });
        let fails = AtomicUsize::new(0);
        let recognizers = Recognizers::of(Arc::new(Counting { fails }));
        let mut desk = Desk {
            ears: Arc::new(Ears::start(recognizers).expect("threads start")),
            data: data.path().to_owned(),
            addressees: Vec::new(),
            news: watch::channel(()).0,
            stopping: Arc::default(),
            attempts: FxHashMap::default(),
        };
        let taken_down = desk.take_down_all(&runtime, &path, &mut None);
        taken_down.expect("the store is there");
        let attempts: Vec<_> = desk.attempts.into_iter().collect();
        assert_eq!(attempts, [(format!("{}-1", call()), 1)]);
    }
}
