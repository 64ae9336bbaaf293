//! The journal's other thread: what may take seconds on a busy disk (to sync, to allocate, to delete),
//! so that the writing of events never waits for it.
//!
//! Of each kind one job at a time is under way, so that neither queue is ever full.

use crate::journal::append::{Allocation, Segment, Unsynced};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

enum Job {
    Sync(Vec<Unsynced>),
    Allocate(Allocation),
    Delete(Vec<PathBuf>),
}

pub(super) enum Done {
    /// With the files that were to be synced.
    Synced(io::Result<()>, Vec<Unsynced>),
    Allocated(io::Result<Segment>),
    Deleted(io::Result<()>),
}

const KINDS: usize = 3;

pub(super) struct Disk {
    jobs: SyncSender<Job>,
    done: Receiver<Done>,
    thread: JoinHandle<()>,
    is_syncing: bool,
    is_allocating: bool,
    is_deleting: bool,
}

impl Disk {
    pub(super) fn start() -> io::Result<Disk> {
        let (jobs, received) = sync_channel(KINDS);
        let (report, done) = sync_channel(KINDS);
        let thread = std::thread::Builder::new()
            .name("journal-disk".into())
            .spawn(move || {
                for job in received {
                    // Nobody listens any more while the server shuts down; the job is done still.
                    let _ = report.send(work(job));
                }
            })?;
        Ok(Disk {
            jobs,
            done,
            thread,
            is_syncing: false,
            is_allocating: false,
            is_deleting: false,
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.is_syncing
    }

    pub(super) fn is_allocating(&self) -> bool {
        self.is_allocating
    }

    pub(super) fn is_deleting(&self) -> bool {
        self.is_deleting
    }

    /// Only while `is_syncing` is false.
    pub(super) fn sync(&mut self, files: Vec<Unsynced>) {
        self.is_syncing = true;
        self.begin(Job::Sync(files));
    }

    /// Only while `is_allocating` is false.
    pub(super) fn allocate(&mut self, allocation: Allocation) {
        self.is_allocating = true;
        self.begin(Job::Allocate(allocation));
    }

    /// Only while `is_deleting` is false.
    pub(super) fn delete(&mut self, segments: Vec<PathBuf>) {
        self.is_deleting = true;
        self.begin(Job::Delete(segments));
    }

    fn begin(&mut self, job: Job) {
        // It fails only when the thread has died, which `is_alive` tells.
        let _ = self.jobs.try_send(job);
    }

    pub(super) fn poll_done(&mut self) -> Option<Done> {
        let done = self.done.try_recv().ok()?;
        match done {
            Done::Synced(..) => self.is_syncing = false,
            Done::Allocated(_) => self.is_allocating = false,
            Done::Deleted(_) => self.is_deleting = false,
        }
        Some(done)
    }

    /// Waits for what is under way.
    pub(super) fn finish(self) {
        drop((self.jobs, self.done));
        if self.thread.join().is_err() {
            tracing::error!("the journal's disk thread failed");
        }
    }
}

fn work(job: Job) -> Done {
    match job {
        Job::Sync(mut files) => {
            let synced = files.iter_mut().try_for_each(Unsynced::sync);
            Done::Synced(synced, files)
        }
        Job::Allocate(allocation) => Done::Allocated(allocation.run()),
        Job::Delete(segments) => {
            let deleted = segments.iter().map(std::fs::remove_file);
            // One that cannot be deleted does not save the others.
            Done::Deleted(deleted.fold(Ok(()), io::Result::and))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::sync::Arc;

    #[test]
    fn files_that_cannot_be_synced_come_back() {
        // A device that cannot be synced (EINVAL).
        let device = File::open("/dev/null").expect("opens");
        let job = Job::Sync(vec![Unsynced::new(Arc::new(device), 0)]);
        assert!(matches!(work(job), Done::Synced(Err(_), files) if files.len() == 1));
    }
}
