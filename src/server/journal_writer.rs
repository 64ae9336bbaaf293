//! The journal's thread: takes events from everywhere, writes and syncs them, and hands ended
//! calls to the store.
//!
//! ```text
//! media threads, signalling ──try_send──▶ queue ──▶ writer ──write every 20 ms──▶ segments
//!                                                     │ └─ files, each 0.8 s ──▶ syncer (fdatasync)
//!                                                     └─ ended calls ──▶ store ──Stored──▶ queue
//! ```
//!
//! Nobody who speaks with a caller ever waits for the disk. Queues, and what happens when they are full:
//! - events: four a call and 1,024; the sender keeps its entry and admission stops.
//! - files to sync: one batch; the files wait for the next round.
//! - ended calls: [`STORE_QUEUE`]; the calls wait in the ledger.

use crate::events::{CallRef, Entry};
use crate::journal::append::{Appender, Limits};
use crate::journal::ledger::{EndedCall, Ledger, is_first};
use crate::journal::recover::{RecoverError, Recovered, recover};
use crate::store::keeper;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Events are collected for so long before they are written: what the death of the process costs.
const BATCH: Duration = Duration::from_millis(20);
/// With the sync itself, what the death of the machine costs stays under a second.
const SYNC_INTERVAL: Duration = Duration::from_millis(800);
/// How often a full or failing disk is tried again, and the thread looks around when idle.
const RETRY: Duration = Duration::from_millis(500);
/// How long a shutdown waits for the store to take the last calls. What it has not taken by then is
/// in the journal, and is taken at the next start.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);
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
    #[error("another Zeroline writes to {}: give each server a --data folder of its own", path.display())]
    InUse { path: PathBuf },
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

/// The journal could not take the entry now: keep it and try again. Of a call's first event it means
/// that the call must not be admitted.
#[derive(Debug)]
pub struct Full(pub Box<Entry>);

impl From<Full> for Entry {
    fn from(full: Full) -> Entry {
        *full.0
    }
}

enum Message {
    Append(Entry),
    Stored(CallRef),
    /// Everything sent before is written when the answer comes.
    Flush(SyncSender<()>),
    Shutdown,
}

#[derive(Default)]
struct Shared {
    level: AtomicU8,
    /// New calls that the reserve has room for, as of the last batch.
    room: AtomicU32,
    /// First events that are in the queue and not in `room` yet.
    starting: AtomicU32,
}

/// What senders hold. Cheap to clone; nothing in it blocks.
#[derive(Clone)]
pub struct JournalHandle {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
}

impl JournalHandle {
    /// Hands an entry to the journal. A call's first event is refused where `can_admit` is false.
    pub fn append(&self, entry: Entry) -> Result<(), Full> {
        let first = is_first(&entry.event);
        if first {
            if !self.can_admit() {
                return Err(Full(Box::new(entry)));
            }
            self.shared.starting.fetch_add(1, Ordering::AcqRel);
        }
        let refused = match self.queue.try_send(Message::Append(entry)) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(refused)) => {
                self.shared.raise(Level::Behind);
                refused
            }
            Err(TrySendError::Disconnected(refused)) => refused,
        };
        if first {
            self.shared.starting.fetch_sub(1, Ordering::AcqRel);
        }
        match refused {
            Message::Append(entry) => Err(Full(Box::new(entry))),
            _ => unreachable!("an entry was sent"),
        }
    }

    pub fn level(&self) -> Level {
        Level::from_u8(self.shared.level.load(Ordering::Acquire))
    }

    /// Whether the events of one more call are certain to be kept. If not, new calls go to the
    /// human target.
    pub fn can_admit(&self) -> bool {
        let starting = self.shared.starting.load(Ordering::Acquire);
        self.level() == Level::Well && starting < self.shared.room.load(Ordering::Acquire)
    }

    /// Waits until everything sent so far is written. Not for threads that serve calls.
    pub fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.queue.send(Message::Flush(done)).is_ok() {
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
    fn set(&self, level: Level) {
        self.level.store(level as u8, Ordering::Release);
    }

    /// Never hides something worse.
    fn raise(&self, level: Level) {
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
        let (store, calls) = sync_channel(STORE_QUEUE);
        let (mut journal, recovered) = Journal::start(data, limits, store)?;
        let handle = journal.handle();
        let keeper = keeper::start(data, calls, move |call| handle.stored(call));
        journal.keeper = Some(keeper.map_err(|source| OpenError::Io {
            path: data.to_owned(),
            source,
        })?);
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
    ) -> Result<(Journal, Recovered), OpenError> {
        let dir = data.join("journal");
        let failed = |source| OpenError::Io {
            path: dir.clone(),
            source,
        };
        std::fs::create_dir_all(&dir).map_err(failed)?;
        let lock = lock(&dir).map_err(failed)?;
        let lock = lock.ok_or_else(|| OpenError::InUse { path: dir.clone() })?;
        let recovered = recover(&dir)?;

        let (queue, messages) = sync_channel(1024 + 4 * limits.max_calls as usize);
        let handle = JournalHandle {
            queue,
            shared: Arc::default(),
        };
        let mut writer = Writer::new(&dir, limits, &recovered, store, &handle).map_err(failed)?;
        writer.replenish(Instant::now());
        writer.publish();
        let (alive, ended) = sync_channel(0);
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                writer.run(messages);
                drop((lock, alive));
            })
            .map_err(failed)?;
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
        std::thread::sleep(BATCH);
    }
    true
}

/// One server a folder; the lock goes with the process.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    let file = File::create(dir.join("lock"))?;
    // SAFETY: the descriptor is open for as long as `file` lives; no memory is passed.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(Some(file)),
        _ => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            error => Err(error),
        },
    }
}

struct Writer {
    appender: Appender,
    ledger: Ledger,
    store: SyncSender<EndedCall>,
    syncer: Syncer,
    shared: Arc<Shared>,
    frame: Vec<u8>,
    /// The disk had no room when the reserve was last made whole.
    disk_full: bool,
    failing: bool,
    sync_failing: bool,
    retry_at: Instant,
    sync_at: Option<Instant>,
    /// First events in this batch: taken off `Shared::starting` when `room` knows of them.
    started: u32,
}

impl Writer {
    fn new(
        dir: &Path,
        limits: Limits,
        recovered: &Recovered,
        store: SyncSender<EndedCall>,
        handle: &JournalHandle,
    ) -> io::Result<Writer> {
        let mut ledger = Ledger::new(limits.call_budget);
        for call in &recovered.calls {
            ledger.recovered(call.clone());
        }
        let mut appender = Appender::new(dir, limits, recovered.segments.clone());
        // Empty segments go before new ones are allocated: the disk may be full.
        appender.delete_unneeded(|segment| ledger.is_held(segment))?;
        Ok(Writer {
            appender,
            ledger,
            store,
            syncer: Syncer::start()?,
            shared: Arc::clone(&handle.shared),
            frame: Vec::new(),
            disk_full: false,
            failing: false,
            sync_failing: false,
            retry_at: Instant::now(),
            sync_at: None,
            started: 0,
        })
    }

    fn run(mut self, messages: Receiver<Message>) {
        loop {
            match messages.recv_timeout(self.patience()) {
                Ok(Message::Shutdown) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Message::Append(entry)) => {
                    self.append(entry);
                    // Events come in bursts: one write, and one waking of this thread, for all.
                    std::thread::sleep(BATCH);
                }
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut shutdown = false;
            while let Ok(message) = messages.try_recv() {
                shutdown |= matches!(message, Message::Shutdown);
                self.handle(message);
            }
            self.end_batch(Instant::now());
            if shutdown {
                break;
            }
        }
        self.shut_down(messages);
    }

    /// How long to sleep without a message.
    fn patience(&self) -> Duration {
        let sync = self
            .sync_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        sync.map_or(RETRY, |sync| sync.min(RETRY))
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Append(entry) => self.append(entry),
            Message::Stored(call) => self.ledger.stored(call),
            Message::Flush(done) => {
                self.end_batch(Instant::now());
                // Whoever asked may have gone.
                let _ = done.try_send(());
            }
            Message::Shutdown => {}
        }
    }

    /// Puts the entry into the batch. While the disk refuses writes this does not return, so that
    /// the queue fills and the senders keep their own.
    fn append(&mut self, entry: Entry) {
        self.started += u32::from(is_first(&entry.event));
        Appender::encode(&entry, &mut self.frame);
        let len = self.frame.len();
        if !self.ledger.may_write(&entry, len, self.disk_full) {
            if !self.disk_full {
                tracing::error!(call = %entry.call, "an event outside of its call was left out");
            }
            return;
        }
        loop {
            match self.appender.push(&self.frame) {
                Ok(position) => {
                    self.ledger.written(&entry, position, len);
                    self.failing = false;
                    return;
                }
                Err(error) => {
                    self.write_failed(&error);
                    std::thread::sleep(RETRY);
                    self.replenish(Instant::now());
                }
            }
        }
    }

    fn end_batch(&mut self, now: Instant) {
        self.flush();
        self.sync(now);
        self.replenish(now);
        self.publish();
        self.offer_ended();
        let ledger = &self.ledger;
        let is_needed = |segment| ledger.is_held(segment);
        if let Err(error) = self.appender.delete_unneeded(is_needed) {
            tracing::warn!(%error, "cannot delete a journal segment that is not needed any more");
        }
    }

    fn flush(&mut self) {
        match self.appender.flush() {
            Ok(()) => {
                self.failing = false;
                if self.appender.has_unsynced() && self.sync_at.is_none() {
                    self.sync_at = Some(Instant::now() + SYNC_INTERVAL);
                }
            }
            Err(error) => self.write_failed(&error),
        }
    }

    fn sync(&mut self, now: Instant) {
        if self.sync_at.is_some_and(|at| at <= now) {
            let taken = self.syncer.take(&mut self.appender);
            self.sync_at = (!taken).then(|| now + BATCH);
        }
        let failing = self.syncer.failed();
        if failing && !self.sync_failing {
            tracing::error!("cannot sync the journal: new calls go to the human target");
        }
        self.sync_failing = failing;
    }

    fn write_failed(&mut self, error: &io::Error) {
        if !self.failing {
            tracing::error!(%error, "cannot write the journal: new calls go to the human target");
        }
        self.failing = true;
        self.shared.raise(Level::Failing);
    }

    fn replenish(&mut self, now: Instant) {
        if self.disk_full && now < self.retry_at {
            return;
        }
        match self.appender.replenish() {
            Ok(()) => self.disk_full = false,
            Err(error) => {
                if !self.disk_full {
                    tracing::error!(
                        %error,
                        "no room for the journal: new calls go to the human target until there is"
                    );
                }
                self.disk_full = true;
                self.retry_at = now + RETRY;
            }
        }
    }

    /// Tells the senders how many new calls there is room for.
    fn publish(&mut self) {
        let unpromised = self.appender.free().saturating_sub(self.ledger.promised());
        let room = u32::try_from(unpromised / self.ledger.budget()).unwrap_or(u32::MAX);
        self.shared.room.store(room, Ordering::Release);
        self.shared
            .starting
            .fetch_sub(self.started, Ordering::AcqRel);
        self.started = 0;
        self.shared
            .set(match (self.failing || self.sync_failing, self.disk_full) {
                (true, _) => Level::Failing,
                (false, true) => Level::NoRoom,
                (false, false) => Level::Well,
            });
    }

    fn offer_ended(&mut self) {
        // Only what is written may be read back by the store.
        while !self.failing
            && let Some(ended) = self.ledger.next_ended()
        {
            match self.store.try_send(ended) {
                Ok(()) => {}
                Err(TrySendError::Full(ended) | TrySendError::Disconnected(ended)) => {
                    self.ledger.not_taken(ended);
                    break;
                }
            }
        }
    }

    fn shut_down(mut self, messages: Receiver<Message>) {
        let until = Instant::now() + SHUTDOWN_WAIT;
        while let Ok(message) = messages.try_recv() {
            self.handle(message);
        }
        self.end_batch(Instant::now());
        while self.ledger.unstored_calls() > 0 && Instant::now() < until {
            if let Ok(message) = messages.recv_timeout(BATCH) {
                self.handle(message);
            }
            self.end_batch(Instant::now());
        }
        self.shared.set(Level::Closed);
        self.syncer.finish();
        for file in self.appender.take_unsynced() {
            if let Err(error) = file.sync_data() {
                tracing::error!(%error, "cannot sync the journal");
            }
        }
    }
}

/// fdatasync may take seconds on a busy disk; writes must go on meanwhile.
struct Syncer {
    batches: SyncSender<Vec<Arc<File>>>,
    failed: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Syncer {
    fn start() -> io::Result<Syncer> {
        let (batches, received) = sync_channel::<Vec<Arc<File>>>(1);
        let failed = Arc::new(AtomicBool::new(false));
        let report = Arc::clone(&failed);
        let thread = std::thread::Builder::new()
            .name("journal-sync".into())
            .spawn(move || {
                for files in received {
                    let synced = files.iter().all(|file| file.sync_data().is_ok());
                    report.store(!synced, Ordering::Release);
                }
            })?;
        Ok(Syncer {
            batches,
            failed,
            thread,
        })
    }

    /// Whether the batch was taken; if not, the one before is still at work.
    fn take(&self, appender: &mut Appender) -> bool {
        match self.batches.try_send(appender.take_unsynced()) {
            Ok(()) => true,
            Err(TrySendError::Full(files) | TrySendError::Disconnected(files)) => {
                appender.give_back_unsynced(files);
                false
            }
        }
    }

    /// Whether the last sync failed.
    fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Waits for the syncs under way.
    fn finish(self) {
        drop(self.batches);
        if self.thread.join().is_err() {
            tracing::error!("the journal's syncing thread failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EndedBy, Event};
    use crate::language::Language;

    fn started() -> Event {
        Event::CallStarted {
            caller: "100".into(),
            called: "200".into(),
            source: "127.0.0.1:5060".into(),
            sip_call_id: "a@b".into(),
            dialplan: "parcel".into(),
            dialplan_version: "0".into(),
            language: Language::En,
        }
    }

    fn ended() -> Event {
        Event::CallEnded {
            by: EndedBy::Caller,
            reason: "BYE".into(),
        }
    }

    fn entry(call: u128, seq: u32, event: Event) -> Entry {
        Entry {
            call: CallRef::from_parts(1, call),
            seq,
            at_ms: u64::from(seq),
            event,
        }
    }

    fn open(data: &Path) -> (Journal, Recovered, Receiver<EndedCall>) {
        let (store, calls) = sync_channel(100);
        let (journal, recovered) =
            Journal::start(data, Limits::for_calls(2), store).expect("opens");
        (journal, recovered, calls)
    }

    fn segments(data: &Path) -> usize {
        let dir = std::fs::read_dir(data.join("journal")).expect("the folder is there");
        dir.count() - 1
    }

    #[test]
    fn an_ended_call_goes_to_the_store_and_then_needs_no_journal() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (journal, recovered, calls) = open(data.path());
        assert_eq!(recovered.events, 0);
        let handle = journal.handle();
        for (seq, event) in [started(), Event::MediaFlows, ended()]
            .into_iter()
            .enumerate()
        {
            handle.append(entry(1, seq as u32, event)).expect("taken");
        }
        let call = calls.recv().expect("the call ended");
        assert_eq!(
            (call.call, call.positions.len()),
            (CallRef::from_parts(1, 1), 3)
        );
        handle.stored(call.call);
        journal.shutdown();
        assert_eq!(handle.level(), Level::Closed);
        assert!(handle.append(entry(2, 0, started())).is_err());

        let (journal, recovered, calls) = open(data.path());
        assert_eq!(
            recovered.events, 3,
            "the active segment stays until the next start"
        );
        let again = calls.recv().expect("offered again");
        journal.handle().stored(again.call);
        journal.shutdown();
        assert_eq!(segments(data.path()), 0);
    }

    #[test]
    fn what_an_earlier_run_left_open_goes_to_the_store() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (journal, _, _calls) = open(data.path());
        journal
            .handle()
            .append(entry(1, 0, started()))
            .expect("taken");
        journal
            .handle()
            .append(entry(1, 1, Event::MediaFlows))
            .expect("taken");
        journal.shutdown();
        let (_journal, recovered, calls) = open(data.path());
        assert_eq!((recovered.calls.len(), recovered.unfinished), (1, 1));
        assert_eq!(calls.recv().expect("offered").positions.len(), 2);
    }

    #[test]
    fn no_call_is_admitted_that_the_reserve_has_no_room_for() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (journal, ..) = open(data.path());
        let handle = journal.handle();
        let admitted = (0..1000)
            .take_while(|&call| handle.append(entry(call, 0, started())).is_ok())
            .count() as u128;
        assert!((2..1000).contains(&admitted), "{admitted} calls admitted");
        assert!(!handle.can_admit());
        handle
            .append(entry(0, 1, Event::MediaFlows))
            .expect("an admitted call goes on");
        for call in 0..admitted {
            handle.append(entry(call, 2, ended())).expect("taken");
        }
        handle.flush();
        assert!(handle.can_admit());
    }

    #[test]
    fn a_folder_belongs_to_one_server() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (_journal, ..) = open(data.path());
        let (store, _calls) = sync_channel(1);
        let second = Journal::start(data.path(), Limits::for_calls(2), store);
        assert!(matches!(second, Err(OpenError::InUse { .. })));
    }
}
