//! The threads that recognize during calls: a fixed number, each with its own bounded queue.
//!
//! An utterance belongs to one thread from its beginning to its end, so its samples stay in order
//! without a lock. On a thread finals go first, then what was asked for ahead of the end, then samples.
//! Bounds: [`UTTERANCES`] at once on a thread, of 30 s each; one answer ahead of the end and one final
//! are awaited for each. What does not fit is refused, and the dialogue goes on by keys and the human.

mod ear;

use crate::speech::grammar::Grammar;
use crate::speech::recognizer::{Hypothesis, LONGEST_UTTERANCE, RecognitionError, Recognizer};
use ear::Ear;
use rustc_hash::FxHashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Packets go first. On Linux this is the thread's own niceness.
const NICENESS: i32 = 10;
/// Callers who speak at the same time, a thread: five times what the slowest core would keep up with.
const UTTERANCES: usize = 128;
/// Jobs that wait for a thread: two seconds of all its utterances, by tenths.
const QUEUE: usize = UTTERANCES * 20;
/// A thread that has been at one piece of work for so long is given no more: longer than any engine
/// should take, a service elsewhere included.
const STUCK: Duration = Duration::from_secs(5);

/// What may be said, and the engines that hear it, best liked first.
#[derive(Clone)]
pub struct Listener {
    pub grammar: Arc<Grammar>,
    pub engines: Vec<Arc<dyn Recognizer>>,
}

/// The hypotheses for each listener, or why there are none for any.
pub type Outcome = Result<Vec<Vec<Hypothesis>>, RecognitionError>;

#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The words so far, in the midst of speech; only of engines that hear as it goes.
    Partial(Outcome),
    /// If nothing more is said, it was this.
    Ahead(Outcome),
    Final(Outcome),
}

/// Called on a thread of the pool, which must not be kept waiting.
type Reply = Box<dyn FnMut(Answer) + Send>;

/// No thread takes more: the dialogue goes on by keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the recognizers cannot keep up")]
pub struct Behind;

enum Job {
    Begin(u64, Weak<Place>, Vec<Listener>, Reply),
    Samples(u64, Vec<i16>),
    Ask(u64, Asked),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Nothing,
    Partial,
    Ahead,
    /// `unchanged`: nothing but silence has come since an answer ahead was asked for.
    Final {
        unchanged: bool,
    },
}

pub struct RecognizerPool {
    workers: Vec<Worker>,
    last: AtomicU64,
    start: Instant,
}

struct Worker {
    /// `None` only while it is dropped.
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    utterances: AtomicUsize,
    /// When the present piece of work began, in milliseconds since the pool did, plus 1; 0: none.
    busy_since: AtomicU64,
}

/// One caller's utterance on its way to its thread, to be kept until its final answer: with this
/// dropped, nobody wants to know any more.
pub struct Hearing {
    id: u64,
    wanted: Arc<Place>,
    jobs: SyncSender<Job>,
}

/// What one utterance takes up of its thread, from its beginning to its final answer.
struct Place {
    shared: Arc<Shared>,
    taken: AtomicBool,
}

impl RecognizerPool {
    pub fn start(threads: usize) -> std::io::Result<RecognizerPool> {
        let start = Instant::now();
        let worker = |index| Worker::start(index, start);
        let workers = (0..threads.max(1)).map(worker).collect::<Result<_, _>>()?;
        let last = AtomicU64::new(0);
        Ok(RecognizerPool {
            workers,
            last,
            start,
        })
    }

    /// A caller begins to speak; never waits. `reply` is called for each answer that is asked for.
    pub fn begin(
        &self,
        listeners: Vec<Listener>,
        reply: impl FnMut(Answer) + Send + 'static,
    ) -> Result<Hearing, Behind> {
        let now = self.start.elapsed();
        let free = self.workers.iter().filter(|it| !it.shared.is_stuck(now));
        let open = |worker: &&Worker| worker.shared.utterances.load(Ordering::Relaxed);
        let worker = free.min_by_key(open).ok_or(Behind)?;
        if open(&worker) >= UTTERANCES {
            return Err(Behind);
        }
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let hearing = Hearing {
            id,
            wanted: Arc::new(Place::take(&worker.shared)),
            jobs: worker.jobs.clone().expect("taken only when dropped"),
        };
        let wanted = Arc::downgrade(&hearing.wanted);
        hearing.send(Job::Begin(id, wanted, listeners, Box::new(reply)))?;
        Ok(hearing)
    }
}

impl Hearing {
    pub fn push(&self, samples: Vec<i16>) -> Result<(), Behind> {
        self.send(Job::Samples(self.id, samples))
    }

    /// Asks what was said so far.
    pub fn ask_partial(&self) -> Result<(), Behind> {
        self.send(Job::Ask(self.id, Asked::Partial))
    }

    /// Asks what it was if nothing more is said.
    pub fn ask_ahead(&self) -> Result<(), Behind> {
        self.send(Job::Ask(self.id, Asked::Ahead))
    }

    /// The end. `unchanged`: nothing but silence has come since [`Self::ask_ahead`], so that the
    /// answer to that is the answer.
    pub fn end(&self, unchanged: bool) -> Result<(), Behind> {
        self.send(Job::Ask(self.id, Asked::Final { unchanged }))
    }

    fn send(&self, job: Job) -> Result<(), Behind> {
        self.jobs.try_send(job).map_err(|_| Behind)
    }
}

impl Place {
    fn take(shared: &Arc<Shared>) -> Place {
        shared.utterances.fetch_add(1, Ordering::Relaxed);
        Place {
            shared: shared.clone(),
            taken: AtomicBool::new(true),
        }
    }

    fn leave(&self) {
        if self.taken.swap(false, Ordering::Relaxed) {
            self.shared.utterances.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Drop for RecognizerPool {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.jobs = None;
        }
        let now = self.start.elapsed();
        for worker in &mut self.workers {
            if worker.shared.is_stuck(now) {
                continue;
            }
            if let Some(thread) = worker.thread.take() {
                // A thread that panicked has nothing left to be waited for.
                let _ = thread.join();
            }
        }
    }
}

impl Worker {
    fn start(index: usize, start: Instant) -> std::io::Result<Worker> {
        let (jobs, queue) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let desk = Desk {
            shared: shared.clone(),
            start,
            open: FxHashMap::default(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("recognizer-{index}"))
            .spawn(move || {
                let _ = rustix::process::setpriority_process(None, NICENESS);
                desk.run(&queue);
            })?;
        Ok(Worker {
            jobs: Some(jobs),
            shared,
            thread: Some(thread),
        })
    }
}

impl Shared {
    fn is_stuck(&self, now: Duration) -> bool {
        let since = self.busy_since.load(Ordering::Relaxed);
        since > 0 && now.saturating_sub(Duration::from_millis(since - 1)) > STUCK
    }
}

/// One thread's utterances.
struct Desk {
    shared: Arc<Shared>,
    start: Instant,
    open: FxHashMap<u64, Open>,
}

struct Open {
    /// Gone when nobody waits for an answer any more.
    wanted: Weak<Place>,
    ears: Vec<Ear>,
    reply: Reply,
    /// All samples so far: the next engine hears them where one fails.
    samples: Vec<i16>,
    /// How many of them the engines were given.
    given: usize,
    asked: Asked,
    /// The answer that was given ahead of the end, as long as no other is asked for.
    ahead: Option<Outcome>,
}

impl Desk {
    fn run(mut self, queue: &Receiver<Job>) {
        loop {
            if self.next().is_none() {
                let Ok(job) = queue.recv() else { return };
                self.take(job);
            }
            loop {
                match queue.try_recv() {
                    Ok(job) => self.take(job),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) if self.next().is_none() => return,
                    Err(TryRecvError::Disconnected) => break,
                }
            }
            self.open.retain(|_, open| open.wanted.strong_count() > 0);
            if let Some(id) = self.next() {
                self.work(id);
            }
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Begin(id, wanted, listeners, reply) => {
                self.begin_work();
                let open = Open::new(wanted, listeners, reply);
                self.end_work();
                self.open.insert(id, open);
            }
            Job::Samples(id, samples) => {
                if let Some(open) = self.open.get_mut(&id) {
                    let room = LONGEST_UTTERANCE.saturating_sub(open.samples.len());
                    open.samples.extend(samples.iter().take(room));
                }
            }
            Job::Ask(id, asked) => {
                if let Some(open) = self.open.get_mut(&id) {
                    if asked == Asked::Ahead {
                        open.ahead = None;
                    }
                    open.asked = open.asked.max(asked);
                }
            }
        }
    }

    /// The utterance that is most urgent, if any has something to be done; among equals the oldest.
    fn next(&self) -> Option<u64> {
        let waits = self.open.iter().filter(|(_, open)| open.has_work());
        let urgent = waits.max_by_key(|(id, open)| (open.asked, std::cmp::Reverse(**id)));
        urgent.map(|(id, _)| *id)
    }

    fn work(&mut self, id: u64) {
        self.begin_work();
        let is_over = self.open.get_mut(&id).is_some_and(Open::work);
        self.end_work();
        if is_over {
            self.open.remove(&id);
        }
    }

    fn begin_work(&self) {
        let since = self.start.elapsed().as_millis() as u64 + 1;
        self.shared.busy_since.store(since, Ordering::Relaxed);
    }

    fn end_work(&self) {
        self.shared.busy_since.store(0, Ordering::Relaxed);
    }
}

impl Open {
    fn new(wanted: Weak<Place>, listeners: Vec<Listener>, reply: Reply) -> Open {
        Open {
            wanted,
            ears: listeners.into_iter().map(Ear::new).collect(),
            reply,
            samples: Vec::new(),
            given: 0,
            asked: Asked::Nothing,
            ahead: None,
        }
    }

    fn has_work(&self) -> bool {
        self.given < self.samples.len() || self.asked != Asked::Nothing
    }

    /// The samples that wait, then what was asked. Whether the utterance is over.
    fn work(&mut self) -> bool {
        let asked = std::mem::replace(&mut self.asked, Asked::Nothing);
        if asked == (Asked::Final { unchanged: true })
            && let Some(ahead) = self.ahead.take()
        {
            self.finish(ahead);
            return true;
        }
        self.give_samples();
        match asked {
            Asked::Nothing => false,
            Asked::Partial => {
                if self.ears.iter().all(Ear::hears_as_it_goes) {
                    let outcome = self.outcome();
                    self.tell(Answer::Partial(outcome));
                }
                false
            }
            Asked::Ahead => {
                let outcome = self.outcome();
                self.ahead = Some(outcome.clone());
                self.tell(Answer::Ahead(outcome));
                false
            }
            Asked::Final { .. } => {
                let outcome = self.outcome();
                self.finish(outcome);
                true
            }
        }
    }

    fn give_samples(&mut self) {
        let new = self.given..self.samples.len();
        self.given = self.samples.len();
        for ear in &mut self.ears {
            ear.give(&self.samples, new.clone());
        }
    }

    /// Where one listener has no engine, or none that works, the others are heard all the same.
    fn outcome(&mut self) -> Outcome {
        let samples = &self.samples;
        let ears = self.ears.iter_mut();
        let outcomes: Vec<_> = ears.map(|ear| ear.hypotheses(samples)).collect();
        if outcomes.iter().any(Result::is_ok) {
            return Ok(outcomes
                .into_iter()
                .map(Result::unwrap_or_default)
                .collect());
        }
        outcomes.into_iter().collect()
    }

    /// Whoever waits for the answer may keep the [`Hearing`]: its place is free before they know.
    fn finish(&mut self, outcome: Outcome) {
        if let Some(place) = self.wanted.upgrade() {
            place.leave();
        }
        self.tell(Answer::Final(outcome));
    }

    fn tell(&mut self, answer: Answer) {
        let reply = &mut self.reply;
        if catch_unwind(AssertUnwindSafe(|| reply(answer))).is_err() {
            tracing::error!("a receiver of recognized speech panicked");
        }
    }
}

#[cfg(test)]
mod tests;
