//! The thread that keeps ended calls: reads their events out of the journal, folds them to a record and
//! to what is to be told of them, saves it all, and says so to the journal, which then may delete them. Whatever fails is tried again
//! for as long as the server runs; until it is saved, a call stays in the journal. One that cannot be
//! read out of it is set aside, so that the others are saved.

use crate::call::call_record::CallRecord;
use crate::events::{CallRef, Entry};
use crate::journal::ledger::EndedCall;
use crate::journal::recover::read_payloads;
use crate::store::calls::{SavedCall, Store, StoreError, UnusableStore, store_path};
use crate::store::cut_off::message_cut_off;
use crate::store::letters::{Told, told_of};
use crate::store::outbox::Addressee;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Calls saved by one commit, and how long the first of them waits for the others: a commit waits for
/// the disk, and costs as much as saving ten calls.
const BATCH: usize = 256;
const PATIENCE: Duration = Duration::from_millis(100);
const NICENESS: i32 = 10;
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// How often a store that fails stands in the log.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Of a call that is set aside: what the disk did not give for minutes it may not give for days.
const LONGEST_ASIDE: Duration = Duration::from_secs(600);
/// Calls set aside. Past it, a call waits in the journal for the next start.
const MAX_ASIDE: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot start the keeper of calls: {0}")]
    Thread(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] UnusableStore),
}

/// Starts the thread, and returns when it has opened and migrated the store. It ends when `calls`
/// closes and all that came and can be read are saved. `stored` is called once for each call, when its
/// record and its letters to `addressees` are durable.
pub fn start(
    data: &Path,
    calls: Receiver<EndedCall>,
    addressees: Vec<Addressee>,
    stored: impl Fn(CallRef) + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut keeper = Keeper {
        store_path: store_path(data),
        data: data.to_owned(),
        addressees,
        store: None,
        aside: Vec::new(),
    };
    let (opened, opens) = sync_channel(1);
    let thread = std::thread::Builder::new()
        .name("call-keeper".into())
        .spawn(move || {
            // Calls that go on come first. On Linux this is the thread's own niceness, and that of
            // the threads that it starts.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            match runtime.block_on(Store::open_first(&keeper.store_path)) {
                Ok(store) => keeper.store = store,
                Err(error) => return opened.send(Err(error)).expect("`start` waits for it"),
            }
            opened.send(Ok(())).expect("`start` waits for it");
            loop {
                let mut batch = match calls.recv_timeout(keeper.patience(Instant::now())) {
                    Ok(first) => collect(first, &calls),
                    Err(RecvTimeoutError::Timeout) => Vec::new(),
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                batch.extend(keeper.due(Instant::now()));
                let kept = runtime.block_on(keeper.keep(batch));
                kept.into_iter().for_each(&stored);
            }
            if let Some(store) = keeper.store {
                runtime.block_on(store.close());
            }
        })?;
    opens.recv().expect("the thread tells before it ends")?;
    Ok(thread)
}

fn collect(first: EndedCall, calls: &Receiver<EndedCall>) -> Vec<Try> {
    let until = Instant::now() + PATIENCE;
    let mut batch = vec![Try::first(first)];
    while batch.len() < BATCH
        && let Ok(next) = calls.recv_timeout(until.saturating_duration_since(Instant::now()))
    {
        batch.push(Try::first(next));
    }
    batch
}

/// A call that is to be read out of the journal.
struct Try {
    ended: EndedCall,
    /// How long it waits if it cannot be read this time.
    backoff: Duration,
}

impl Try {
    fn first(ended: EndedCall) -> Try {
        Try {
            ended,
            backoff: FIRST_BACKOFF,
        }
    }
}

struct Keeper {
    store_path: PathBuf,
    data: PathBuf,
    addressees: Vec<Addressee>,
    /// Opened again when next needed after an error: the disk may have been full.
    store: Option<Store>,
    /// Calls that could not be read, and when they are tried again.
    aside: Vec<(Instant, Try)>,
}

impl Keeper {
    /// How long to wait for ended calls before those that were set aside are tried again.
    fn patience(&self, now: Instant) -> Duration {
        let next = self.aside.iter().map(|(at, _)| *at).min();
        next.map_or(LONGEST_ASIDE, |at| at.saturating_duration_since(now))
    }

    fn due(&mut self, now: Instant) -> Vec<Try> {
        let due = self.aside.extract_if(.., |(at, _)| *at <= now);
        due.map(|(_, again)| again).collect()
    }

    /// Returns when the calls that can be read are saved, and which they are.
    async fn keep(&mut self, batch: Vec<Try>) -> Vec<CallRef> {
        let mut kept = Vec::with_capacity(batch.len());
        let mut folded = Vec::with_capacity(batch.len());
        for call in batch {
            match fold(&self.data, &call.ended, !self.addressees.is_empty()) {
                Ok(saved) => {
                    kept.push(call.ended.call);
                    folded.extend(saved);
                }
                Err(error) => self.set_aside(call, &error),
            }
        }
        self.save(&folded).await;
        kept
    }

    fn set_aside(&mut self, failed: Try, error: &io::Error) {
        let Try { ended, backoff } = failed;
        if backoff == FIRST_BACKOFF || backoff == LONGEST_ASIDE {
            tracing::error!(
                call = %ended.call,
                %error,
                "an ended call cannot be read out of the journal; it stays there and is tried again"
            );
        }
        if self.aside.len() < MAX_ASIDE {
            let at = Instant::now() + backoff;
            let backoff = (2 * backoff).min(LONGEST_ASIDE);
            self.aside.push((at, Try { ended, backoff }));
        }
    }

    /// Returns when the calls are saved.
    async fn save(&mut self, calls: &[SavedCall]) {
        let mut backoff = FIRST_BACKOFF;
        let mut told: Option<Instant> = None;
        while let Err(error) = self.try_save(calls).await {
            if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                told = Some(Instant::now());
                tracing::error!(
                    %error,
                    "ended calls cannot be stored; they stay in the journal and are tried again"
                );
            }
            self.store = None;
            tokio::time::sleep(backoff).await;
            backoff = (2 * backoff).min(LONGEST_BACKOFF);
        }
    }

    async fn try_save(&mut self, calls: &[SavedCall]) -> Result<(), StoreError> {
        if calls.is_empty() {
            return Ok(());
        }
        let store = match &mut self.store {
            Some(store) => store,
            closed => closed.insert(Store::open(&self.store_path).await?),
        };
        store.save(calls, &self.addressees, unix_ms()).await
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

/// `None` where not one of the call's events can be read any more. `tells`: there is somebody who is
/// told of calls.
fn fold(data: &Path, ended: &EndedCall, tells: bool) -> io::Result<Option<SavedCall>> {
    let (payloads, unreadable) = read_payloads(&data.join("journal"), &ended.positions)?;
    let mut entries: Vec<Entry> = Vec::with_capacity(payloads.len());
    let mut lines = String::new();
    for payload in &payloads {
        let text = std::str::from_utf8(payload).ok();
        let entry = text.and_then(|text| serde_json::from_str(text).ok());
        if let (Some(entry), Some(text)) = (entry, text) {
            entries.push(entry);
            lines.push_str(text);
            lines.push('\n');
        }
    }
    if unreadable > 0 || entries.len() < payloads.len() {
        tracing::error!(call = %ended.call, unreadable, "events of a call cannot be read back");
    }
    if let Some(left) = message_cut_off(data, &entries) {
        lines += &serde_json::to_string(&left).expect("an event's keys are texts");
        lines.push('\n');
        entries.push(left);
    }
    Ok(CallRecord::fold(&entries).map(|record| SavedCall {
        // What was said to a machine is taken down though nobody is told.
        told: match tells || record.message.is_some() {
            true => told_of(&entries, Some(&record)),
            false => Told::default(),
        },
        record,
        entries: lines,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example_call::law_4;
    use crate::journal::append::{Appender, Limits, segment_path};
    use crate::store::calls::{Filter, Order};
    use std::sync::mpsc::channel;

    /// The example call in a journal.
    fn journal(data: &Path) -> EndedCall {
        let dir = data.join("journal");
        std::fs::create_dir_all(&dir).expect("makes the folder");
        let mut appender = Appender::new(&dir, Limits::for_calls(1), Vec::new());
        appender.replenish().expect("the disk has room");
        let mut frame = Vec::new();
        let mut positions = Vec::new();
        for entry in law_4() {
            Appender::encode(&entry, &mut frame);
            positions.push(appender.push(&frame).expect("there is room"));
        }
        appender.flush().expect("writes");
        EndedCall {
            call: law_4()[0].call,
            positions,
        }
    }

    fn keep(data: &Path, ended: EndedCall) -> CallRef {
        let (calls, received) = sync_channel(1);
        let (told, stored) = channel();
        let thread = start(data, received, Vec::new(), move |call| {
            told.send(call).expect("the test waits");
        });
        calls.send(ended).expect("the keeper runs");
        drop(calls);
        thread.expect("starts").join().expect("ends");
        stored.recv().expect("the call is stored")
    }

    fn list(data: &Path) -> Vec<CallRecord> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let store = Store::open_to_read(&store_path(data)).await.expect("opens");
            let all = Filter::default();
            let calls = store.list(&all, Order::NewestFirst, 9).await;
            calls.expect("lists")
        })
    }

    #[test]
    fn an_ended_call_becomes_a_record() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let ended = journal(data.path());
        assert_eq!(keep(data.path(), ended.clone()), ended.call);
        assert_eq!(
            list(data.path()),
            [CallRecord::fold(&law_4()).expect("folds")]
        );
    }

    #[test]
    fn events_that_cannot_be_read_back_are_counted_in_the_record() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let ended = journal(data.path());
        let segment = segment_path(&data.path().join("journal"), 1);
        let mut bytes = std::fs::read(&segment).expect("reads");
        bytes[ended.positions[3].offset as usize + 20] ^= 1;
        std::fs::write(&segment, bytes).expect("writes");
        keep(data.path(), ended);
        let records = list(data.path());
        assert_eq!((records[0].events, records[0].events_missing), (32, 1));
    }

    #[test]
    fn a_store_that_fails_is_tried_again_until_it_works() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let ended = journal(data.path());
        let broken = store_path(data.path());
        std::fs::create_dir(&broken).expect("makes a folder");
        let repair = std::thread::spawn({
            let broken = broken.clone();
            move || {
                // Nobody tells of the first try. It fails within a few of these 100 ms, and the second
                // comes 250 ms later; if the machine stood still, it may be the first that works.
                std::thread::sleep(Duration::from_millis(100));
                std::fs::remove_dir(broken).expect("removes");
            }
        });
        keep(data.path(), ended);
        repair.join().expect("ends");
        assert_eq!(list(data.path()).len(), 1);
    }

    #[test]
    fn a_file_that_is_no_store_is_refused_at_the_start_and_left_as_it_is() {
        let data = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(store_path(data.path()), [7; 9000]).expect("writes");
        let (_calls, received) = sync_channel(1);
        let started = start(data.path(), received, Vec::new(), |_| ());
        assert!(matches!(started, Err(StartError::Store(_))));
        let bytes = std::fs::read(store_path(data.path())).expect("reads");
        assert_eq!(bytes, [7; 9000]);
    }

    #[test]
    fn a_call_that_cannot_be_read_is_tried_again_and_holds_nobody_up() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let ended = journal(data.path());
        let segment = segment_path(&data.path().join("journal"), 2);
        // To be read, a folder is an error.
        std::fs::create_dir(&segment).expect("makes the folder");
        let mut other = ended.clone();
        other.call = CallRef::from_parts(1, 1);
        other.positions.iter_mut().for_each(|p| p.segment = 2);
        let (calls, received) = sync_channel(2);
        let (told, stored) = channel();
        let thread = start(data.path(), received, Vec::new(), move |call| {
            told.send(call).expect("the test waits");
        });
        calls.send(other.clone()).expect("the keeper runs");
        calls.send(ended.clone()).expect("the keeper runs");
        assert_eq!(stored.recv(), Ok(ended.call));
        assert_eq!(list(data.path()).len(), 1);
        std::fs::remove_dir(&segment).expect("removes the folder");
        std::fs::copy(segment_path(&data.path().join("journal"), 1), &segment).expect("copies");
        assert_eq!(stored.recv(), Ok(other.call));
        drop(calls);
        thread.expect("starts").join().expect("ends");
    }
}
