//! The journal as the rest of the server sees it: opened once, appended to from every thread.
//!
//! ```text
//! media threads, signalling ──try_send──▶ queue ──▶ writer ──write every 20 ms──▶ segments
//!                                                    │ │ └─ syncs each 0.8 s, segments ──▶ disk
//!                                                    │ └─ ended calls ──▶ store ──Stored──▶ queue
//!                                                    └─ calls of which something is to be told ──▶ watch
//! ```
//!
//! Nobody who speaks with a caller ever waits for the disk. Queues, and what happens when they are full:
//! - events: four a call and 1,024; the sender keeps its entry and admission stops.
//! - work for the disk: one job of a kind; the next waits until it is done.
//! - ended calls: [`STORE_QUEUE`]; the calls wait in the ledger.

use super::journal_thread::{BATCH, Writer};
use crate::events::{CallRef, Entry};
use crate::journal::append::Limits;
use crate::journal::ledger::{EndedCall, Position, is_first};
use crate::journal::recover::{RecoverError, Recovered, recover};
use crate::store::keeper;
use crate::store::outbox::Addressee;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long a shutdown waits for the store to take the last calls. What it has not taken by then is
/// in the journal, and is taken at the next start.
pub(super) const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);
/// Ended calls on their way to the store.
const STORE_QUEUE: usize = 256;

/// How the journal fares. Anything but `Well` means: no new calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Level {
    Well,
    /// The queue was full: the writer cannot keep up.
    Behind,
    /// The disk is full. Admitted calls go on in the reserve.
    NoRoom,
    /// The disk refuses writes. Events wait in memory.
    Failing,
    /// Shut down.
    Closed,
}

impl Level {
    fn from_u8(level: u8) -> Level {
        [Level::Well, Level::Behind, Level::NoRoom, Level::Failing]
            .into_iter()
            .find(|known| *known as u8 == level)
            .unwrap_or(Level::Closed)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use the journal's folder {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "another Zeroline{} writes to {}: end it, or give each server a --data folder of its own",
        .holder.map_or(String::new(), |process| format!(" (process {process})")),
        path.display()
    )]
    InUse { path: PathBuf, holder: Option<u32> },
    #[error(transparent)]
    Recover(#[from] RecoverError),
    #[error(transparent)]
    Keeper(#[from] keeper::StartError),
}

/// The queue is full: keep the entry and try again.
#[derive(Debug)]
pub struct Full(pub Box<Entry>);

impl From<Full> for Entry {
    fn from(full: Full) -> Entry {
        *full.0
    }
}

/// Called by the writer's thread when something is written; dropped when it cannot be.
pub type Written = Box<dyn FnOnce() + Send>;

pub(super) enum Message {
    Append(Entry, Option<Written>),
    Stored(CallRef),
    /// For what was sent before.
    Flush(Written),
    Shutdown,
}

/// What the writer tells the senders.
#[derive(Default)]
pub(super) struct Shared {
    level: AtomicU8,
    /// New calls that the reserve has room for, as of the last batch.
    room: AtomicU32,
    /// First events that are in the queue and not in `room` yet.
    starting: AtomicU32,
    /// The writer's thread, to end its pause.
    writer: OnceLock<Thread>,
}

/// Who is told of calls.
#[derive(Default)]
pub struct Watch {
    /// Of what is written, while the call goes on; must not wait. What is not passed on here is made up
    /// for when the call is stored.
    pub goes_on: Option<Box<dyn Fn(CallSoFar) + Send>>,
    /// A call is stored, and with it the letters to `addressees`.
    pub stored: Option<Box<dyn Fn() + Send>>,
    pub addressees: Vec<Addressee>,
}

/// A call of which something is to be told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSoFar {
    pub call: CallRef,
    /// Of its events that are written, in their order.
    pub positions: Vec<Position>,
}

/// What senders hold. Cheap to clone; nothing in it blocks.
#[derive(Clone)]
pub struct JournalHandle {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

impl JournalHandle {
    /// Hands an entry to the journal. Whether there is room for a new call is asked before it is
    /// admitted, by `can_admit`; here its first event is never refused for lack of room.
    pub fn append(&self, entry: Entry) -> Result<(), Full> {
        self.send(entry, None)
    }

    /// Hands an entry to the journal, and has it written at once. What is written outlives the
    /// process: signalling answers a call when its first event is, so that no answered call is
    /// without its record.
    pub fn append_at_once(&self, entry: Entry, written: Written) -> Result<(), Full> {
        self.send(entry, Some(written))?;
        if let Some(writer) = self.shared.writer.get() {
            writer.unpark();
        }
        Ok(())
    }

    fn send(&self, entry: Entry, written: Option<Written>) -> Result<(), Full> {
        let first = u32::from(is_first(&entry.event));
        self.shared.starting.fetch_add(first, Ordering::AcqRel);
        let entry = match self.queue.try_send(Message::Append(entry, written)) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(Message::Append(entry, _))) => {
                self.shared.raise(Level::Behind);
                entry
            }
            Err(TrySendError::Disconnected(Message::Append(entry, _))) => entry,
            Err(_) => unreachable!("an entry was sent"),
        };
        self.shared.starting.fetch_sub(first, Ordering::AcqRel);
        Err(Full(Box::new(entry)))
    }

    pub fn level(&self) -> Level {
        self.shared.level()
    }

    /// Whether the events of one more call are certain to be kept, if there are never more calls at
    /// once than the journal was opened for. If not, new calls go to the human target.
    pub fn can_admit(&self) -> bool {
        let starting = self.shared.starting.load(Ordering::Acquire);
        self.level() == Level::Well && starting < self.shared.room.load(Ordering::Acquire)
    }

    /// Waits until everything sent so far is written. Not for threads that serve calls.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        let written = Box::new(move || _ = done.send(()));
        if self.queue.send(Message::Flush(written)).is_ok() {
            // An error means that the writer is gone; it has written everything before it went.
            let _ = wait.recv();
        }
    }

    /// The call is in the store: its events are not needed in the journal any more.
    pub fn stored(&self, call: CallRef) {
        // After the writer has gone, the next start finds the call and stores it once more.
        let _ = self.queue.send(Message::Stored(call));
    }
}

impl Shared {
    pub(super) fn level(&self) -> Level {
        Level::from_u8(self.level.load(Ordering::Acquire))
    }

    /// After a batch with `started` first events in it.
    pub(super) fn publish(&self, level: Level, room: u32, started: u32) {
        self.room.store(room, Ordering::Release);
        self.starting.fetch_sub(started, Ordering::AcqRel);
        self.level.store(level as u8, Ordering::Release);
    }

    /// Never hides something worse.
    pub(super) fn raise(&self, level: Level) {
        self.level.fetch_max(level as u8, Ordering::AcqRel);
    }
}

/// Owns the writer's threads.
pub struct Journal {
    handle: JournalHandle,
    /// Closes when the writer has ended.
    ended: Receiver<()>,
    keeper: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens `data/journal` and `data/calls.db` and starts their threads. Every call that ended, and
    /// first every call that an earlier run left, finished or not, gets its record.
    pub fn open(data: &Path, limits: Limits) -> Result<(Journal, Recovered), OpenError> {
        Journal::open_watched(data, limits, Watch::default())
    }

    /// As [`Journal::open`]; `watch` is told of the calls.
    pub fn open_watched(
        data: &Path,
        limits: Limits,
        watch: Watch,
    ) -> Result<(Journal, Recovered), OpenError> {
        let Watch {
            goes_on,
            stored,
            addressees,
        } = watch;
        let (store, calls) = sync_channel(STORE_QUEUE);
        let (mut journal, recovered) = Journal::start(data, limits, store, goes_on)?;
        let handle = journal.handle();
        let keeper = keeper::start(data, calls, addressees, move |call| {
            handle.stored(call);
            if let Some(stored) = &stored {
                stored();
            }
        })?;
        journal.keeper = Some(keeper);
        for (path, damage) in &recovered.damage {
            tracing::warn!("journal segment {}: {damage}", path.display());
        }
        Ok((journal, recovered))
    }

    /// Ended calls go to `store`, which answers each with [`JournalHandle::stored`].
    fn start(
        data: &Path,
        limits: Limits,
        store: SyncSender<EndedCall>,
        goes_on: Option<Box<dyn Fn(CallSoFar) + Send>>,
    ) -> Result<(Journal, Recovered), OpenError> {
        let dir = data.join("journal");
        let failed = |source| OpenError::Io {
            path: dir.clone(),
            source,
        };
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let lock = lock(&dir)?;
        let recovered = recover(&dir)?;

        let (queue, messages) = sync_channel(1024 + 4 * limits.max_calls as usize);
        let handle = JournalHandle {
            queue,
            shared: Arc::default(),
        };
        let shared = Arc::clone(&handle.shared);
        let mut writer = Writer::new(&dir, limits, &recovered, store, shared).map_err(failed)?;
        writer.goes_on = goes_on;
        let (alive, ended) = sync_channel(0);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                writer.run(&messages);
                // Whoever is told of the end finds the queue closed.
                drop(messages);
                drop((lock, alive));
            })
            .map_err(failed)?;
        handle
            .shared
            .writer
            .set(thread.thread().clone())
            .expect("it is set here only");
        let keeper = None;
        let journal = Journal {
            handle,
            ended,
            keeper,
        };
        Ok((journal, recovered))
    }

    pub fn handle(&self) -> JournalHandle {
        self.handle.clone()
    }

    /// Writes and syncs everything that was sent, gives the store a moment for the last calls, and
    /// ends the threads. Returns in any case after three times [`SHUTDOWN_WAIT`].
    pub fn shutdown(self) {
        let queue = self.handle.queue;
        // The queue is full only while the disk refuses writes.
        let is_full = |sent| matches!(sent, Err(TrySendError::Full(_)));
        let asked = wait_until(|| !is_full(queue.try_send(Message::Shutdown)));
        let ended = self.ended.recv_timeout(2 * SHUTDOWN_WAIT);
        if !asked || ended == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the journal could not be closed: its last events may be lost");
        }
        let kept = self
            .keeper
            .is_none_or(|keeper| wait_until(|| keeper.is_finished()));
        if !kept {
            tracing::warn!("the last calls could not be stored: the next start stores them");
        }
    }
}

fn wait_until(mut done: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + SHUTDOWN_WAIT;
    while !done() {
        if Instant::now() >= until {
            return false;
        }
        // A queue tells nobody that it has room, and a thread that it has ended.
        std::thread::sleep(BATCH);
    }
    true
}

/// Whether a server can have this data folder.
pub(super) fn is_free(data: &Path) -> Result<(), OpenError> {
    let dir = data.join("journal");
    let made = std::fs::create_dir_all(&dir);
    made.map_err(|source| OpenError::Io {
        path: dir.clone(),
        source,
    })?;
    lock(&dir).map(drop)
}

/// One server a folder; the lock goes with the process.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.to_owned();
    match try_lock(&dir.join("lock")) {
        Ok((file, true)) => Ok(file),
        Ok((file, false)) => Err(OpenError::InUse {
            path,
            holder: holder(&file),
        }),
        Err(source) => Err(OpenError::Io { path, source }),
    }
}

/// The process that has locked a file, where this machine tells it (proc(5), /proc/locks):
/// `1: FLOCK  ADVISORY  WRITE 1234 08:01:567 0 EOF`.
fn holder(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let of_file = fields.get(5)?.rsplit(':').next() == Some(&inode);
        fields.get(4)?.parse().ok().filter(|_| of_file)
    })
}

/// The file, and whether it is locked now.
fn try_lock(path: &Path) -> io::Result<(File, bool)> {
    let file = File::create(path)?;
    // SAFETY: the descriptor is open for as long as `file` lives; no memory is passed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok((file, true)),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok((file, false)),
            error => Err(error),
        },
    }
}

#[cfg(test)]
mod tests;
