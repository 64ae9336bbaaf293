//! Segments on the disk: allocated ahead, appended to, given away.
//!
//! The reserve is the room in the active segment and in the empty ones allocated ahead of it. It is
//! kept at what all calls that can be admitted may need, so that a full disk takes nothing from them.

use crate::events::Entry;
use crate::journal::ledger::{Position, SMALLEST_BUDGET};
use crate::journal::segment::{HEADER_LEN, MAX_FRAME, encode, encode_header};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a journal is made for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls at one time.
    pub max_calls: u32,
    /// Bytes of reserve for each of them; raised to [`SMALLEST_BUDGET`] if lower.
    pub call_budget: u64,
    /// The size of a segment; raised to a few frames if lower.
    pub segment_bytes: u64,
}

impl Limits {
    pub fn for_calls(max_calls: u32) -> Limits {
        Limits {
            max_calls,
            call_budget: 64 * 1024,
            segment_bytes: 4 * 1024 * 1024,
        }
    }

    /// The reserve to keep: every call's budget, and one more, so that the last can be admitted.
    pub fn reserve(&self) -> u64 {
        (u64::from(self.max_calls) + 1) * self.call_budget.max(SMALLEST_BUDGET)
    }

    fn segment_len(&self) -> u64 {
        self.segment_bytes.clamp(4 * MAX_FRAME as u64, 1 << 30)
    }
}

/// `DIR/NNNNNNNN.zlj`.
pub fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}.zlj"))
}

/// A segment that is to be allocated: slow, so that the owner decides in which thread.
pub struct Allocation {
    dir: PathBuf,
    /// The first that may be free.
    number: u32,
    len: u64,
}

impl Allocation {
    /// All of it is on the disk before it is counted as reserve, or nothing is left behind.
    pub fn run(&self) -> io::Result<Segment> {
        let (number, path, file) = self.create()?;
        let allocated = allocate(&file, self.len)
            .and_then(|()| file.write_all_at(&encode_header(), 0))
            .and_then(|()| file.sync_all())
            .and_then(|()| File::open(&self.dir)?.sync_all());
        if let Err(error) = allocated {
            // What could not be allocated must not take up room: if its file cannot be removed, it
            // is emptied and left to the next opening.
            let _ = std::fs::remove_file(&path).or_else(|_| file.set_len(0));
            return Err(error);
        }
        Ok(Segment {
            number,
            file: Arc::new(file),
            end: HEADER_LEN as u64,
            len: self.len,
        })
    }

    /// Under the next number that no file has: one may have been left behind.
    fn create(&self) -> io::Result<(u32, PathBuf, File)> {
        let mut number = self.number;
        loop {
            let path = segment_path(&self.dir, number);
            let mut options = OpenOptions::new();
            match options.read(true).write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((number, path, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

pub struct Segment {
    number: u32,
    file: Arc<File>,
    /// Where the next byte goes.
    end: u64,
    len: u64,
}

impl Segment {
    /// The last part of a segment may be too short for the frame that comes next.
    fn usable(&self) -> u64 {
        (self.len - self.end).saturating_sub(MAX_FRAME as u64)
    }
}

/// Takes disk blocks for the whole file, also on file systems that cannot do that by themselves.
fn allocate(file: &File, len: u64) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed; no memory is passed.
    let status = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, len as libc::off_t) };
    match status {
        0 => Ok(()),
        libc::EOPNOTSUPP | libc::EINVAL => write_zeros(file, len),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

fn write_zeros(file: &File, len: u64) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut at = 0;
    while at < len {
        let part = (len - at).min(zeros.len() as u64);
        file.write_all_at(&zeros[..part as usize], at)?;
        at += part;
    }
    Ok(())
}

/// A file whose bytes may not outlive the machine yet.
pub struct Unsynced {
    file: Arc<File>,
    /// How far it is written.
    end: u64,
    failed: bool,
}

impl Unsynced {
    pub fn new(file: Arc<File>, end: u64) -> Unsynced {
        Unsynced {
            file,
            end,
            failed: false,
        }
    }

    /// Slow. After a failed sync the kernel may hold what it could not write for written, so that
    /// the next sync succeeds without it (fsync(2), EIO): then the bytes are written once more.
    pub fn sync(&mut self) -> io::Result<()> {
        if self.failed {
            self.write_again()?;
        }
        let synced = self.file.sync_data();
        self.failed = synced.is_err();
        synced
    }

    /// What is appended meanwhile lies behind `end`.
    fn write_again(&self) -> io::Result<()> {
        let mut bytes = [0; 64 * 1024];
        let mut at = 0;
        while at < self.end {
            let part = &mut bytes[..(self.end - at).min(64 * 1024) as usize];
            self.file.read_exact_at(part, at)?;
            self.file.write_all_at(part, at)?;
            at += part.len() as u64;
        }
        Ok(())
    }
}

/// The writing end of a journal. Entries are collected by `push` and written by `flush`.
pub struct Appender {
    dir: PathBuf,
    limits: Limits,
    /// The reserve. The first is the one that is written to; empty only when the disk was full
    /// from the start.
    reserve: VecDeque<Segment>,
    next_number: u32,
    /// Frames that belong at the end of the first segment of the reserve.
    buffer: Vec<u8>,
    /// Files written to since `take_unsynced`, and those that came back by `not_synced`.
    unsynced: Vec<Unsynced>,
    /// The segments before the active one that are still there.
    full: Vec<u32>,
}

/// The reserve is used up. Cannot happen to calls that keep to their budgets.
#[derive(Debug, thiserror::Error)]
#[error("the journal's reserve is used up and the disk is full")]
pub struct NoRoom;

impl Appender {
    /// `existing`: the numbers of the segments that are there already. Nothing is allocated yet:
    /// `replenish` does that.
    pub fn new(dir: &Path, limits: Limits, existing: Vec<u32>) -> Appender {
        Appender {
            dir: dir.to_owned(),
            limits,
            reserve: VecDeque::new(),
            next_number: existing.iter().max().map_or(1, |last| last + 1),
            buffer: Vec::new(),
            unsynced: Vec::new(),
            full: existing,
        }
    }

    /// Bytes of entries that fit without another block of the disk.
    pub fn free(&self) -> u64 {
        let usable: u64 = self.reserve.iter().map(Segment::usable).sum();
        usable.saturating_sub(self.buffer.len() as u64)
    }

    /// The segment that the reserve lacks most urgently; `None` when it is whole.
    pub fn next_allocation(&self) -> Option<Allocation> {
        (self.free() < self.limits.reserve()).then(|| Allocation {
            dir: self.dir.clone(),
            number: self.next_number,
            len: self.limits.segment_len(),
        })
    }

    /// Takes what the last `next_allocation` was run to.
    pub fn add(&mut self, segment: Segment) {
        self.next_number = segment.number + 1;
        self.reserve.push_back(segment);
    }

    /// Allocates segments until the reserve is whole. On an error what there is stays.
    pub fn replenish(&mut self) -> io::Result<()> {
        while let Some(allocation) = self.next_allocation() {
            self.add(allocation.run()?);
        }
        Ok(())
    }

    /// The frame that `entry` becomes, into `frame`, which is emptied first.
    pub fn encode(entry: &Entry, frame: &mut Vec<u8>) {
        frame.clear();
        encode(entry, frame);
    }

    /// Takes a frame and says where it will lie. Writes only when the active segment is full.
    pub fn push(&mut self, frame: &[u8]) -> io::Result<Position> {
        let needed = (self.buffer.len() + frame.len()) as u64;
        if let Some(active) = self.reserve.front()
            && active.end + needed > active.len
        {
            self.flush()?;
            self.full
                .extend(self.reserve.pop_front().map(|used| used.number));
        }
        let active = self.reserve.front();
        let active = active.ok_or_else(|| io::Error::new(io::ErrorKind::StorageFull, NoRoom))?;
        let position = Position {
            segment: active.number,
            offset: (active.end + self.buffer.len() as u64) as u32,
        };
        self.buffer.extend_from_slice(frame);
        Ok(position)
    }

    /// Gives what was pushed to the operating system: the death of this process loses nothing more
    /// of it. After an error the same bytes are written to the same place by the next call.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(active) = self.reserve.front_mut() else {
            return Ok(());
        };
        if self.buffer.is_empty() {
            return Ok(());
        }
        active.file.write_all_at(&self.buffer, active.end)?;
        active.end += self.buffer.len() as u64;
        self.buffer.clear();
        let unsynced = Unsynced::new(Arc::clone(&active.file), active.end);
        self.not_synced(unsynced);
        Ok(())
    }

    /// The file is among the unsynced, if only again because its sync failed.
    pub fn not_synced(&mut self, unsynced: Unsynced) {
        let same = |known: &&mut Unsynced| Arc::ptr_eq(&known.file, &unsynced.file);
        match self.unsynced.iter_mut().find(same) {
            Some(known) => {
                known.end = known.end.max(unsynced.end);
                known.failed |= unsynced.failed;
            }
            None => self.unsynced.push(unsynced),
        }
    }

    /// The files that must be synced for what was flushed to outlive the machine.
    pub fn take_unsynced(&mut self) -> Vec<Unsynced> {
        std::mem::take(&mut self.unsynced)
    }

    pub fn has_unsynced(&self) -> bool {
        !self.unsynced.is_empty()
    }

    /// The full segments that nobody needs, to be deleted. Each is told once; one that cannot be
    /// deleted is left to the next opening.
    pub fn take_unneeded(&mut self, is_needed: impl Fn(u32) -> bool) -> Vec<PathBuf> {
        let (needed, unneeded) = self.full.iter().partition(|&&number| is_needed(number));
        self.full = needed;
        let unneeded: Vec<u32> = unneeded;
        unneeded
            .into_iter()
            .map(|number| segment_path(&self.dir, number))
            .collect()
    }
}

impl Drop for Appender {
    /// Segments that were never written to hold nothing.
    fn drop(&mut self) {
        for segment in self.reserve.iter().filter(|s| s.end == HEADER_LEN as u64) {
            // Left behind, it is an empty segment, which the next opening deletes.
            let _ = std::fs::remove_file(segment_path(&self.dir, segment.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failed_sync_the_bytes_are_written_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("file");
        let bytes: Vec<u8> = (0..100_000_u32).map(|at| at as u8).collect();
        std::fs::write(&path, &bytes).expect("writes");
        let after_a_failure = |file: File| Unsynced {
            failed: true,
            ..Unsynced::new(Arc::new(file), 99_999)
        };
        // It can be synced, and not be written to.
        let read_only = || File::open(&path).expect("opens");
        let first = Unsynced::new(Arc::new(read_only()), 99_999).sync();
        first.expect("nothing is written");
        let mut again = after_a_failure(read_only());
        assert!(again.sync().is_err() && again.failed);

        let writable = File::options().read(true).write(true).open(&path);
        let mut again = after_a_failure(writable.expect("opens"));
        again.sync().expect("writes and syncs");
        assert!(!again.failed);
        assert_eq!(std::fs::read(&path).expect("reads"), bytes);
    }

    #[test]
    fn a_file_that_failed_has_failed_whatever_is_written_to_it_meanwhile() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut appender = Appender::new(dir.path(), Limits::for_calls(1), Vec::new());
        let file = Arc::new(tempfile::tempfile().expect("a temporary file"));
        appender.not_synced(Unsynced::new(Arc::clone(&file), 20));
        appender.not_synced(Unsynced {
            failed: true,
            ..Unsynced::new(file, 10)
        });
        let unsynced = appender.take_unsynced();
        assert_eq!(unsynced.len(), 1);
        assert_eq!((unsynced[0].end, unsynced[0].failed), (20, true));
    }
}
