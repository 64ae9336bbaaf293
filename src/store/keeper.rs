//! The thread that keeps ended calls: reads their events out of the journal, folds them to a record,
//! saves both, and says so to the journal, which then may delete them. Whatever fails is tried again
//! for as long as the server runs; until it is saved, a call stays in the journal.

use crate::call::call_record::CallRecord;
use crate::events::{CallRef, Entry};
use crate::journal::ledger::EndedCall;
use crate::journal::recover::read_payloads;
use crate::store::calls::{SavedCall, Store, StoreError, store_path};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Calls saved by one commit, and how long the first of them waits for the others: a commit waits for
/// the disk, and costs as much as saving ten calls.
const BATCH: usize = 256;
const PATIENCE: Duration = Duration::from_millis(100);
const NICENESS: i32 = 10;
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("cannot read the journal: {0}")]
    Journal(#[from] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Starts the thread. It ends when `calls` closes and all that came are saved. `stored` is called
/// once for each call, when its record is durable.
pub fn start(
    data: &Path,
    calls: Receiver<EndedCall>,
    stored: impl Fn(CallRef) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut keeper = Keeper {
        store_path: store_path(data),
        journal: data.join("journal"),
        store: None,
    };
    std::thread::Builder::new()
        .name("call-keeper".into())
        .spawn(move || {
            // Calls that go on come first. On Linux this is the thread's own niceness, and that of
            // the threads that it starts.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            while let Ok(first) = calls.recv() {
                let batch = collect(first, &calls);
                runtime.block_on(keeper.keep(&batch));
                batch.iter().for_each(|ended| stored(ended.call));
            }
            if let Some(store) = keeper.store {
                runtime.block_on(store.close());
            }
        })
}

fn collect(first: EndedCall, calls: &Receiver<EndedCall>) -> Vec<EndedCall> {
    let until = Instant::now() + PATIENCE;
    let mut batch = vec![first];
    while batch.len() < BATCH
        && let Ok(next) = calls.recv_timeout(until.saturating_duration_since(Instant::now()))
    {
        batch.push(next);
    }
    batch
}

struct Keeper {
    store_path: PathBuf,
    journal: PathBuf,
    /// Opened when first needed, and again after an error: the disk may have been full.
    store: Option<Store>,
}

impl Keeper {
    /// Returns when the calls are saved.
    async fn keep(&mut self, batch: &[EndedCall]) {
        let mut backoff = FIRST_BACKOFF;
        while let Err(error) = self.try_keep(batch).await {
            if backoff == FIRST_BACKOFF {
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

    async fn try_keep(&mut self, batch: &[EndedCall]) -> Result<(), KeepError> {
        let mut folded = Vec::with_capacity(batch.len());
        for ended in batch {
            folded.extend(fold(&self.journal, ended)?);
        }
        let store = match &mut self.store {
            Some(store) => store,
            closed => closed.insert(Store::open(&self.store_path).await?),
        };
        Ok(store.save(&folded).await?)
    }
}

/// `None` where not one of the call's events can be read any more.
fn fold(journal: &Path, ended: &EndedCall) -> io::Result<Option<SavedCall>> {
    let (payloads, unreadable) = read_payloads(journal, &ended.positions)?;
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
    Ok(CallRecord::fold(&entries).map(|record| SavedCall {
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
    use std::sync::mpsc::{channel, sync_channel};

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
        let thread = start(data, received, move |call| {
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
        std::fs::write(&broken, [7; 9000]).expect("writes");
        let repair = std::thread::spawn({
            let broken = broken.clone();
            move || {
                std::thread::sleep(Duration::from_millis(100));
                std::fs::remove_file(broken).expect("removes");
            }
        });
        keep(data.path(), ended);
        repair.join().expect("ends");
        assert_eq!(list(data.path()).len(), 1);
    }
}
