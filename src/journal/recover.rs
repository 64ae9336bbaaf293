//! What the segments of an earlier run hold, and the reading back of single frames.

use crate::events::CallRef;
use crate::journal::append::segment_path;
use crate::journal::ledger::{EndedCall, Position, is_last};
use crate::journal::segment::{Damage, MAX_FRAME, decode, payload_at};
use rustc_hash::FxHashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error("cannot read the journal at {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot use the journal segment {}: {damage}", path.display())]
    WrongVersion { path: PathBuf, damage: Damage },
}

/// Everything that an earlier run left in the journal.
#[derive(Debug, Default)]
pub struct Recovered {
    /// In the order of their first events. Some may be in the store already: storing is idempotent.
    pub calls: Vec<EndedCall>,
    /// How many of them have no last event, because the process died.
    pub unfinished: usize,
    pub events: usize,
    pub damage: Vec<(PathBuf, Damage)>,
    /// The numbers of all segments that are there, ascending.
    pub segments: Vec<u32>,
    /// Those of them that could not be read.
    pub unreadable: Vec<u32>,
}

impl Recovered {
    /// The segments that a next start needs even when every call that was found is stored: what
    /// could not be read, and with it what was, as one call may lie in both.
    pub fn to_keep(&self) -> Vec<u32> {
        let mut segments = self.unreadable.clone();
        if !self.unreadable.is_empty() {
            let positions = self.calls.iter().flat_map(|ended| &ended.positions);
            segments.extend(positions.map(|position| position.segment));
            segments.sort_unstable();
            segments.dedup();
        }
        segments
    }

    /// Bytes that held events once, or parts of one, and no more.
    pub fn lost_bytes(&self) -> u64 {
        let lost = |damage: &Damage| match damage {
            Damage::Frames { lost, .. } => *lost,
            _ => 0,
        };
        self.damage.iter().map(|(_, damage)| lost(damage)).sum()
    }
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} calls read back; cut off when the server died: {}; damaged bytes: {}",
            self.calls.len(),
            self.unfinished,
            self.lost_bytes()
        )
    }
}

/// Reads every segment in `dir`, which must be there. Changes nothing. One that cannot be read is
/// damage: it takes neither the other calls their records nor the callers their server.
pub fn recover(dir: &Path) -> Result<Recovered, RecoverError> {
    let mut recovered = Recovered {
        segments: segment_numbers(dir).map_err(|source| RecoverError::Io {
            path: dir.to_owned(),
            source,
        })?,
        ..Recovered::default()
    };
    let mut index: FxHashMap<CallRef, usize> = FxHashMap::default();
    let mut finished = 0;
    for number in recovered.segments.clone() {
        let path = segment_path(dir, number);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            // Deleted meanwhile, by the server whose journal is only looked at: its calls are stored.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let reason = error.to_string();
                recovered.unreadable.push(number);
                recovered.damage.push((path, Damage::Unreadable { reason }));
                continue;
            }
        };
        for frame in decode(&bytes) {
            match frame {
                Ok(frame) => {
                    let calls = &mut recovered.calls;
                    let call = *index.entry(frame.entry.call).or_insert_with(|| {
                        calls.push(EndedCall {
                            call: frame.entry.call,
                            positions: Vec::new(),
                        });
                        calls.len() - 1
                    });
                    calls[call].positions.push(Position {
                        segment: number,
                        offset: frame.offset as u32,
                    });
                    recovered.events += 1;
                    finished += usize::from(is_last(&frame.entry.event));
                }
                Err(damage @ Damage::WrongVersion { .. }) => {
                    return Err(RecoverError::WrongVersion { path, damage });
                }
                Err(damage) => recovered.damage.push((path.clone(), damage)),
            }
        }
    }
    recovered.unfinished = recovered.calls.len().saturating_sub(finished);
    Ok(recovered)
}

fn segment_numbers(dir: &Path) -> io::Result<Vec<u32>> {
    let mut numbers = Vec::new();
    for file in std::fs::read_dir(dir)? {
        let name = file?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".zlj"));
        numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The payloads (JSON of `Entry`) of one call's frames, in the order of `positions`, and how many of
/// them are damaged or gone. An error is one that may pass.
pub fn read_payloads(dir: &Path, positions: &[Position]) -> io::Result<(Vec<Vec<u8>>, usize)> {
    let mut window = Window::default();
    let mut payloads = Vec::with_capacity(positions.len());
    for position in positions {
        match window.payload(dir, *position) {
            Ok(payload) => payloads.extend(payload),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let unreadable = positions.len() - payloads.len();
    Ok((payloads, unreadable))
}

/// Some bytes of a segment: one call's events often lie near each other.
#[derive(Default)]
struct Window {
    file: Option<(u32, File)>,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    /// `None` where no whole frame lies.
    fn payload(&mut self, dir: &Path, position: Position) -> io::Result<Option<Vec<u8>>> {
        let offset = u64::from(position.offset);
        if self.file.as_ref().map(|(segment, _)| *segment) != Some(position.segment) {
            let file = File::open(segment_path(dir, position.segment))?;
            self.file = Some((position.segment, file));
            self.bytes.clear();
        }
        for len in [4096, MAX_FRAME] {
            let payload = self.found(offset);
            if payload.is_some() {
                return Ok(payload);
            }
            self.read(offset, len)?;
        }
        Ok(self.found(offset))
    }

    fn found(&self, offset: u64) -> Option<Vec<u8>> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        Some(payload_at(&self.bytes, at)?.to_vec())
    }

    fn read(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let (_, file) = self.file.as_ref().expect("opened by the caller");
        self.start = offset;
        self.bytes.resize(len, 0);
        let mut filled = 0;
        while filled < len {
            match file.read_at(&mut self.bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EndedBy, Entry, Event};
    use crate::journal::append::{Appender, Limits};

    fn open(dir: &Path, existing: Vec<u32>) -> Appender {
        let mut appender = Appender::new(dir, SMALL, existing);
        appender.replenish().expect("the disk has room");
        appender
    }

    const SMALL: Limits = Limits {
        max_calls: 2,
        call_budget: 0,
        segment_bytes: 0,
    };

    fn write(appender: &mut Appender, call: CallRef, seq: u32, event: Event) -> Position {
        let mut frame = Vec::new();
        let entry = Entry {
            call,
            seq,
            at_ms: u64::from(seq),
            event,
        };
        Appender::encode(&entry, &mut frame);
        appender.push(&frame).expect("there is room")
    }

    fn node(seq: u32) -> Event {
        Event::NodeEntered {
            node: format!("{seq}").repeat(200),
        }
    }

    fn end() -> Event {
        Event::CallEnded {
            by: EndedBy::Caller,
            reason: String::new(),
        }
    }

    #[test]
    fn calls_over_several_segments_come_back_with_their_events_in_order() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (one, two) = (CallRef::from_parts(1, 1), CallRef::from_parts(1, 2));
        let mut appender = open(dir.path(), Vec::new());
        let mut expected = Vec::new();
        for seq in 0..400 {
            expected.push(write(&mut appender, one, seq, node(seq)));
            write(&mut appender, two, seq, node(seq));
            appender.replenish().expect("the disk has room");
        }
        write(&mut appender, two, 400, end());
        appender.flush().expect("writes");
        std::mem::forget(appender);

        let recovered = recover(dir.path()).expect("reads");
        assert_eq!(recovered.events, 801);
        assert_eq!((recovered.calls.len(), recovered.unfinished), (2, 1));
        assert_eq!(recovered.calls[0].positions, expected);
        assert!(expected.last().map(|p| p.segment) > Some(1));
        let (payloads, unreadable) = read_payloads(dir.path(), &expected).expect("reads back");
        assert_eq!(unreadable, 0);
        let seqs: Vec<u32> = payloads
            .iter()
            .map(|json| serde_json::from_slice::<Entry>(json).expect("an entry").seq)
            .collect();
        assert_eq!(seqs, (0..400).collect::<Vec<u32>>());
    }

    #[test]
    fn a_reopened_journal_writes_behind_what_is_there_and_gives_away_what_nobody_needs() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let call = CallRef::from_parts(1, 1);
        let mut appender = open(dir.path(), Vec::new());
        write(&mut appender, call, 0, node(0));
        appender.flush().expect("writes");
        drop(appender);
        let first = recover(dir.path()).expect("reads");
        assert_eq!(first.segments, [1]);
        let mut appender = open(dir.path(), first.segments);
        assert_eq!(write(&mut appender, call, 1, node(1)).segment, 2);
        appender.flush().expect("writes");
        assert_eq!(recover(dir.path()).expect("reads").events, 2);
        assert!(appender.take_unneeded(|_| true).is_empty());
        let unneeded = appender.take_unneeded(|number| number != 1);
        assert_eq!(unneeded, [segment_path(dir.path(), 1)]);
        assert!(appender.take_unneeded(|number| number != 1).is_empty());
    }

    #[test]
    fn the_reserve_shrinks_by_what_is_written_and_is_made_whole_again() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut appender = open(dir.path(), Vec::new());
        let whole = appender.free();
        assert!(whole >= SMALL.reserve());
        for seq in 0..300 {
            write(&mut appender, CallRef::from_parts(1, 1), seq, node(seq));
        }
        assert!(appender.free() < whole);
        appender.replenish().expect("the disk has room");
        assert!(appender.free() >= SMALL.reserve());
    }

    #[test]
    fn damage_is_reported_with_the_file_and_a_later_version_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(segment_path(dir.path(), 1), b"").expect("writes");
        std::fs::write(segment_path(dir.path(), 2), [7; 99]).expect("writes");
        std::fs::write(dir.path().join("notes.txt"), b"not ours").expect("writes");
        let recovered = recover(dir.path()).expect("reads");
        assert_eq!(recovered.segments, [1, 2]);
        assert_eq!(recovered.lost_bytes(), 99 - 16);
        assert!(
            recovered
                .damage
                .iter()
                .all(|(path, _)| path.ends_with("00000002.zlj"))
        );

        let mut later = crate::journal::segment::encode_header();
        later[8] = 9;
        let crc = crc32fast::hash(&later[..12]);
        later[12..].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(segment_path(dir.path(), 3), later).expect("writes");
        let error = recover(dir.path()).expect_err("refused").to_string();
        assert!(
            error.contains("00000003.zlj") && error.contains("version 9"),
            "{error}"
        );
    }

    #[test]
    fn a_segment_that_cannot_be_read_is_damage_and_the_others_are_read() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        // To be read, a folder is an error.
        std::fs::create_dir(segment_path(dir.path(), 1)).expect("makes the folder");
        let mut appender = open(dir.path(), vec![1]);
        write(&mut appender, CallRef::from_parts(1, 1), 0, node(0));
        appender.flush().expect("writes");
        let recovered = recover(dir.path()).expect("reads the others");
        assert_eq!((recovered.events, &recovered.unreadable[..]), (1, &[1][..]));
        let (path, damage) = &recovered.damage[0];
        assert_eq!(path, &segment_path(dir.path(), 1));
        assert!(matches!(damage, Damage::Unreadable { .. }), "{damage}");
        assert_eq!(recovered.to_keep(), [1, 2]);
    }

    #[test]
    fn a_file_that_was_left_behind_keeps_its_number_and_its_bytes() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for number in 1..=2 {
            std::fs::write(segment_path(dir.path(), number), b"left behind").expect("writes");
        }
        let mut appender = open(dir.path(), Vec::new());
        let position = write(&mut appender, CallRef::from_parts(1, 1), 0, node(0));
        assert_eq!(position.segment, 3);
        let left = std::fs::read(segment_path(dir.path(), 1)).expect("reads");
        assert_eq!(left, b"left behind");
    }
}
