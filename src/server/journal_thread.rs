//! The journal's thread: takes events out of the queue, writes them, has them synced, keeps the reserve
//! whole, and hands ended calls to the store.

use super::call_metrics;
use super::journal_disk::{Disk, Done};
use super::journal_writer::{CallSoFar, Level, Message, SHUTDOWN_WAIT, Shared, Written};
use crate::events::{CallRef, Entry};
use crate::journal::append::{Appender, Limits, Unsynced};
use crate::journal::ledger::{EndedCall, Ledger, is_first};
use crate::journal::recover::Recovered;
use crate::store::letters::tells_at_once;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

/// Events are collected for so long before they are written: what the death of the process costs.
pub(super) const BATCH: Duration = Duration::from_millis(20);
/// Events written at one time, so that writing is never put off by more of them: some 10 ms of work.
const MAX_BATCH: usize = 4096;
/// With the sync itself, what the death of the machine costs stays under a second.
const SYNC_INTERVAL: Duration = Duration::from_millis(800);
/// How often a full or failing disk is tried again, and the thread looks around when idle.
const RETRY: Duration = Duration::from_millis(500);
/// The journal's thread.
pub(super) struct Writer {
    appender: Appender,
    ledger: Ledger,
    store: SyncSender<EndedCall>,
    disk: Disk,
    shared: Arc<Shared>,
    frame: Vec<u8>,
    /// Whoever waits until this batch is written.
    waiting: Vec<Written>,
    /// Who is told of calls that go on, and those of which this batch has something to tell.
    pub(super) goes_on: Option<Box<dyn Fn(CallSoFar) + Send>>,
    telling: Vec<CallRef>,
    /// The disk had no room for a segment that the reserve lacks.
    disk_full: bool,
    failing: bool,
    sync_failing: bool,
    retry_at: Instant,
    sync_at: Option<Instant>,
    /// First events in this batch: taken off `Shared::starting` when `room` knows of them.
    started: u32,
}

impl Writer {
    /// Makes the reserve whole, as far as the disk has room.
    pub(super) fn new(
        dir: &Path,
        limits: Limits,
        recovered: &Recovered,
        store: SyncSender<EndedCall>,
        shared: Arc<Shared>,
    ) -> io::Result<Writer> {
        let mut ledger = Ledger::new(limits.call_budget);
        for call in &recovered.calls {
            ledger.recovered(call.clone());
        }
        for segment in recovered.to_keep() {
            ledger.hold(segment);
        }
        let mut appender = Appender::new(dir, limits, recovered.segments.clone());
        // Empty segments go before new ones are allocated: the disk may be full.
        for segment in appender.take_unneeded(|segment| ledger.is_held(segment)) {
            std::fs::remove_file(segment)?;
        }
        let reserve = appender.replenish();
        let mut writer = Writer {
            appender,
            ledger,
            store,
            disk: Disk::start()?,
            shared,
            frame: Vec::new(),
            waiting: Vec::new(),
            goes_on: None,
            telling: Vec::new(),
            disk_full: false,
            failing: false,
            sync_failing: false,
            retry_at: Instant::now(),
            sync_at: None,
            started: 0,
        };
        if let Err(error) = reserve {
            writer.no_room(&error, Instant::now());
        }
        writer.publish();
        Ok(writer)
    }

    pub(super) fn run(mut self, messages: &Receiver<Message>) {
        loop {
            match messages.recv_timeout(self.patience()) {
                Ok(Message::Shutdown) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(Message::Append(entry, None)) => {
                    self.append(entry);
                    // Events come in bursts: one write, and one waking of this thread, for all.
                    // A sender that waits for what it sent ends the pause.
                    std::thread::park_timeout(BATCH);
                }
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut shutdown = false;
            for message in messages.try_iter().take(MAX_BATCH) {
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
        if self.disk.is_allocating() {
            return BATCH;
        }
        let sync = self
            .sync_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        sync.map_or(RETRY, |sync| sync.min(RETRY))
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Append(entry, written) => {
                self.append(entry);
                self.waiting.extend(written);
            }
            Message::Stored(call) => self.ledger.stored(call),
            Message::Flush(written) => self.waiting.push(written),
            Message::Shutdown => {}
        }
    }

    /// Puts the entry into the batch. While the disk refuses writes this does not return, so that
    /// the queue fills and the senders keep their own.
    fn append(&mut self, entry: Entry) {
        self.started += u32::from(is_first(&entry.event));
        Appender::encode(&entry, &mut self.frame);
        let len = self.frame.len();
        if !self.ledger.may_write(&entry, len, self.appender.free()) {
            tracing::debug!(call = %entry.call, seq = entry.seq, "an event was left out");
            return;
        }
        loop {
            match self.appender.push(&self.frame) {
                Ok(position) => {
                    let tells = self.goes_on.is_some() && tells_at_once(&entry.event);
                    if tells && !self.telling.contains(&entry.call) {
                        self.telling.push(entry.call);
                    }
                    return self.ledger.written(&entry, position, len);
                }
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
                Err(error) => self.write_failed(&error),
            }
            // A disk tells nobody that it has room again, or works again.
            std::thread::sleep(BATCH);
            self.replenish(Instant::now());
        }
    }

    fn end_batch(&mut self, now: Instant) {
        self.flush();
        self.publish();
        self.tell();
        self.replenish(now);
        self.sync(now);
        self.publish();
        self.offer_ended();
        call_metrics::count_unstored(self.ledger.unstored_calls());
        if !self.disk.is_deleting() {
            let ledger = &self.ledger;
            let unneeded = self
                .appender
                .take_unneeded(|segment| ledger.is_held(segment));
            if !unneeded.is_empty() {
                self.disk.delete(unneeded);
            }
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

    /// Tells those who wait for what this batch wrote.
    fn tell(&mut self) {
        for written in self.waiting.drain(..) {
            if !self.failing {
                written();
            }
        }
        if !self.failing {
            self.tell_of_calls();
        }
    }

    /// Of a call that has ended meanwhile the store tells.
    fn tell_of_calls(&mut self) {
        for call in std::mem::take(&mut self.telling) {
            if let (Some(tell), Some(positions)) = (&self.goes_on, self.ledger.positions(call)) {
                let positions = positions.to_vec();
                tell(CallSoFar { call, positions });
            }
        }
    }

    fn sync(&mut self, now: Instant) {
        if self.sync_at.is_some_and(|at| at <= now) {
            // The sync before may take longer than the interval: the next look comes soon.
            self.sync_at = self.disk.is_syncing().then(|| now + BATCH);
            if self.sync_at.is_none() {
                self.disk.sync(self.appender.take_unsynced());
            }
        }
    }

    fn write_failed(&mut self, error: &io::Error) {
        if !self.failing {
            tracing::error!(%error, "cannot write the journal: new calls go to the human target");
        }
        self.failing = true;
        self.shared.raise(Level::Failing);
    }

    /// Takes what the disk has done, and asks for what the reserve lacks.
    fn replenish(&mut self, now: Instant) {
        while let Some(done) = self.disk.poll_done() {
            match done {
                Done::Allocated(Ok(segment)) => self.appender.add(segment),
                Done::Allocated(Err(error)) => self.no_room(&error, now),
                Done::Synced(Ok(()), _) => self.synced(),
                Done::Synced(Err(error), files) => self.sync_failed(&error, files, now),
                Done::Deleted(Ok(())) => {}
                Done::Deleted(Err(error)) => {
                    tracing::warn!(%error, "cannot delete a journal segment that nobody needs");
                }
            }
        }
        let waits = self.disk.is_allocating() || self.disk_full && now < self.retry_at;
        match self.appender.next_allocation() {
            None => self.disk_full = false,
            Some(allocation) if !waits => self.disk.allocate(allocation),
            Some(_) => {}
        }
    }

    fn no_room(&mut self, error: &io::Error, now: Instant) {
        if !self.disk_full {
            tracing::error!(
                %error,
                "no room for the journal: new calls go to the human target until there is"
            );
        }
        self.disk_full = true;
        self.retry_at = now + RETRY;
    }

    fn synced(&mut self) {
        if self.sync_failing {
            tracing::warn!("the journal can be synced again: new calls are taken");
        }
        self.sync_failing = false;
    }

    /// They are synced once more after [`RETRY`] even if nothing is written by then: while syncs
    /// fail no call is admitted, so that nothing but this may ever show that they work again.
    fn sync_failed(&mut self, error: &io::Error, files: Vec<Unsynced>, now: Instant) {
        if !self.sync_failing {
            tracing::error!(%error, "cannot sync the journal: new calls go to the human target");
        }
        self.sync_failing = true;
        for file in files {
            self.appender.not_synced(file);
        }
        self.sync_at = Some(now + RETRY);
    }

    /// Tells the senders how many new calls there is room for.
    fn publish(&mut self) {
        let unpromised = self.appender.free().saturating_sub(self.ledger.promised());
        let room = u32::try_from(unpromised / self.ledger.budget()).unwrap_or(u32::MAX);
        let failing = self.failing || self.sync_failing || !self.disk.is_alive();
        let level = match (failing, self.disk_full) {
            (true, _) => Level::Failing,
            (false, true) => Level::NoRoom,
            (false, false) => Level::Well,
        };
        self.shared.publish(level, room, self.started);
        self.started = 0;
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

    fn shut_down(mut self, messages: &Receiver<Message>) {
        let until = Instant::now() + SHUTDOWN_WAIT;
        messages.try_iter().for_each(|message| self.handle(message));
        self.end_batch(Instant::now());
        while self.ledger.unstored_calls() > 0 && Instant::now() < until {
            if let Ok(message) = messages.recv_timeout(BATCH) {
                self.handle(message);
            }
            self.end_batch(Instant::now());
        }
        self.shared.raise(Level::Closed);
        self.disk.finish();
        let ledger = &self.ledger;
        for segment in self
            .appender
            .take_unneeded(|segment| ledger.is_held(segment))
        {
            // Left behind, it is read once more by the next start, and deleted then.
            let _ = std::fs::remove_file(segment);
        }
        for mut file in self.appender.take_unsynced() {
            if let Err(error) = file.sync() {
                tracing::error!(%error, "cannot sync the journal");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example_call::law_4;
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::fs::File;
    use std::sync::mpsc::sync_channel;

    fn writer(dir: &Path, shared: &Arc<Shared>) -> Writer {
        let (store, _) = sync_channel(1);
        let limits = Limits::for_calls(1);
        let nothing = Recovered::default();
        Writer::new(dir, limits, &nothing, store, Arc::clone(shared)).expect("starts")
    }

    #[test]
    fn ended_calls_that_no_store_takes_are_counted() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut writer = writer(dir.path(), &Arc::default());
        law_4().into_iter().for_each(|entry| writer.append(entry));
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || writer.end_batch(Instant::now()));
        let told = recorder.handle().render();
        assert!(told.contains("zeroline_calls_unstored 1"), "{told}");
    }

    /// Ends batches as of `now` until what the disk does is done.
    fn settle(writer: &mut Writer, now: Instant) {
        writer.end_batch(now);
        while writer.disk.is_syncing() {
            // What the disk's thread has done is looked for by `end_batch`, which waits for nothing.
            std::thread::sleep(Duration::from_millis(1));
            writer.end_batch(now);
        }
    }

    #[test]
    fn a_sync_that_failed_is_tried_again_with_nothing_new_until_it_works() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let shared = Arc::default();
        let mut writer = writer(dir.path(), &shared);
        // This can never be synced, that can.
        let unsynced = |file: io::Result<File>| Unsynced::new(Arc::new(file.expect("opens")), 0);
        let device = unsynced(File::open("/dev/null"));
        let file = unsynced(tempfile::tempfile());
        let mut now = Instant::now();
        writer.sync_failed(&io::Error::other("EIO"), vec![device], now);
        for _ in 0..3 {
            now += RETRY;
            settle(&mut writer, now);
            assert_eq!(shared.level(), Level::Failing);
            assert_eq!(writer.sync_at, Some(now + RETRY));
        }
        writer.appender.take_unsynced();
        writer.appender.not_synced(file);
        settle(&mut writer, now + RETRY / 2);
        assert_eq!(shared.level(), Level::Failing, "once per RETRY");
        settle(&mut writer, now + RETRY);
        assert_eq!(shared.level(), Level::Well);
        assert!(!writer.appender.has_unsynced() && writer.sync_at.is_none());
    }
}
