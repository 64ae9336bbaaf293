//! The threads that synthesize during calls: a fixed number, behind a queue of a fixed length.

use super::prompt_library::PromptLibrary;
use super::synthesizer::SynthesisError;
use crate::audio::prompt::Prompt;
use crate::events::Pace;
use crate::language::Language;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Threads. Synthesis is quick; two keep one slow text from delaying the others.
const THREADS: usize = 2;
const NICENESS: i32 = 10;
/// Texts that wait. At some tens of milliseconds each, what does not fit would come too late.
const QUEUE: usize = 64;

pub type Outcome = Result<Arc<Prompt>, SynthesisError>;

struct Job {
    language: Language,
    text: String,
    pace: Pace,
    /// Called once, on a thread of the pool, which must not be kept waiting.
    reply: Box<dyn FnOnce(Outcome) + Send>,
}

/// The queue is full: the dialogue goes on without this text, by the human path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many texts wait to be synthesized")]
pub struct QueueFull;

/// Ends with its last text when it is dropped.
pub struct SynthesizerPool {
    /// `None` only while it is dropped.
    jobs: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl SynthesizerPool {
    pub fn start(library: Arc<PromptLibrary>) -> std::io::Result<SynthesizerPool> {
        let (jobs, queue) = sync_channel(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..THREADS)
            .map(|n| {
                let (library, queue) = (library.clone(), queue.clone());
                std::thread::Builder::new()
                    .name(format!("synthesizer-{n}"))
                    .spawn(move || {
                        // Packets go first. On Linux this is the thread's own niceness.
                        let _ = rustix::process::setpriority_process(None, NICENESS);
                        work(&library, &queue)
                    })
            })
            .collect::<Result<_, _>>()?;
        let jobs = Some(jobs);
        Ok(SynthesizerPool { jobs, threads })
    }

    /// Asks for a text; never waits. `reply` is called once, from another thread, unless the queue
    /// is full.
    pub fn submit(
        &self,
        (language, text, pace): (Language, String, Pace),
        reply: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<(), QueueFull> {
        let reply = Box::new(reply);
        let job = Job {
            language,
            text,
            pace,
            reply,
        };
        let jobs = self.jobs.as_ref().expect("taken only when dropped");
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => QueueFull,
        })
    }
}

impl Drop for SynthesizerPool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to be waited for.
            let _ = thread.join();
        }
    }
}

fn work(library: &PromptLibrary, queue: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting: the others wait for the lock instead.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job {
            language,
            text,
            pace,
            reply,
        }) = job
        else {
            return;
        };
        let render = || library.render(language, &text, pace);
        let outcome = catch_unwind(AssertUnwindSafe(render)).unwrap_or_else(|_| {
            Err(SynthesisError::Failed {
                engine: "the synthesizer",
                reason: "it panicked".to_string(),
            })
        });
        if catch_unwind(AssertUnwindSafe(|| reply(outcome))).is_err() {
            tracing::error!("a receiver of synthesized speech panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::registry::Registry;
    use crate::engines::synthesizer::{Manner, Synthesizer};
    use std::sync::mpsc::channel;

    /// Waits for leave to speak; panics when told to.
    struct Fake(Mutex<Receiver<()>>);

    impl Synthesizer for Fake {
        fn id(&self) -> &str {
            "fake/1"
        }

        fn speaks(&self, _: Language) -> bool {
            true
        }

        fn synthesize(
            &self,
            text: &str,
            _: Language,
            _: &Manner,
        ) -> Result<Vec<i16>, SynthesisError> {
            if text == "wait" {
                let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).recv();
            }
            assert_ne!(text, "panic");
            Ok(vec![1; text.len()])
        }
    }

    #[test]
    fn a_panic_is_an_answer_and_the_threads_live() {
        let (_leave, wait) = channel();
        let registry = Registry::of(vec![Box::new(Fake(Mutex::new(wait)))]);
        let library = Arc::new(PromptLibrary::new(registry, None, None));
        let pool = SynthesizerPool::start(library).unwrap();
        let (answers, answered) = channel();
        for text in ["panic", "panic", "panic", "hello"] {
            let answers = answers.clone();
            let reply = move |outcome: Outcome| {
                answers
                    .send(outcome.map(|prompt| prompt.samples().len()))
                    .unwrap();
            };
            pool.submit((Language::En, text.to_string(), Pace::Usual), reply)
                .unwrap();
        }
        let all: Vec<_> = (0..4).map(|_| answered.recv().unwrap()).collect();
        assert_eq!(all.iter().filter(|outcome| outcome.is_err()).count(), 3);
        assert!(all.iter().any(|outcome| matches!(outcome, Ok(5))));
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_everything_taken_is_answered() {
        let (leave, wait) = channel();
        let registry = Registry::of(vec![Box::new(Fake(Mutex::new(wait)))]);
        let library = Arc::new(PromptLibrary::new(registry, None, None));
        let pool = SynthesizerPool::start(library).unwrap();
        let (answers, answered) = channel();
        let mut taken = 0;
        let full = loop {
            let answers = answers.clone();
            let reply = move |outcome: Outcome| answers.send(outcome.is_ok()).unwrap();
            match pool.submit((Language::En, "wait".to_string(), Pace::Usual), reply) {
                Ok(()) => taken += 1,
                Err(full) => break full,
            }
        };
        assert_eq!(full, QueueFull);
        assert!((QUEUE..=QUEUE + THREADS).contains(&taken), "{taken}");
        drop(leave);
        drop(pool);
        assert_eq!(answered.try_iter().filter(|&ok| ok).count(), taken);
    }
}
