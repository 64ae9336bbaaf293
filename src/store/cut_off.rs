//! A message that was being left when the process died: what was said until then is left, as where the
//! caller hangs up (law 5).

use crate::audio::wav::{WavError, read};
use crate::call::messages::length_of;
use crate::events::{Entry, Event};
use crate::journal::ledger::is_last;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

/// What a call without its last event has left, as the event that follows its last one; the same each
/// time, as long as the file is there. `data`: the data folder. A file in which nothing is said is
/// deleted.
pub(super) fn message_cut_off(data: &Path, entries: &[Entry]) -> Option<Entry> {
    let last = entries.last()?;
    if entries.iter().any(|entry| is_last(&entry.event)) {
        return None;
    }
    let (started_ms, handoff, file) = entries.iter().rev().find_map(started)?;
    let is_left = |entry: &Entry| matches!(&entry.event, Event::MessageLeft { file: left, .. } if left == file);
    if entries.iter().any(is_left) {
        return None;
    }
    let path = data.join(file);
    let milliseconds = match said(&path) {
        Ok(Some(milliseconds)) => milliseconds,
        Ok(None) => {
            if let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!(file, %error, "a recording that nobody needs stays");
            }
            return None;
        }
        Err(WavError::Unreadable(hound::Error::IoError(error)))
            if error.kind() == ErrorKind::NotFound =>
        {
            return None;
        }
        Err(error) => {
            tracing::error!(call = %last.call, file, %error, "a message that was cut off cannot be read");
            return None;
        }
    };
    Some(Entry {
        call: last.call,
        seq: last.seq.saturating_add(1),
        at_ms: last.at_ms.max(started_ms + u64::from(milliseconds)),
        event: Event::MessageLeft {
            handoff: handoff.to_owned(),
            file: file.to_owned(),
            milliseconds,
        },
    })
}

fn started(entry: &Entry) -> Option<(u64, &str, &str)> {
    match &entry.event {
        Event::MessageStarted { handoff, file, .. } => {
            Some((entry.at_ms, handoff, file.as_deref()?))
        }
        _ => None,
    }
}

fn said(path: &Path) -> Result<Option<u32>, WavError> {
    let file = File::open(path).map_err(hound::Error::IoError)?;
    let channels = read(BufReader::new(file))?;
    Ok(channels.first().and_then(|samples| length_of(samples)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::tones::chord;
    use crate::audio::wav::WavWriter;
    use crate::call::example_call::law_4;
    use std::io::BufWriter;

    const FILE: &str = "messages/01X-9.wav";

    /// The example, which dies after it began to record a message; `samples` are on the disk.
    fn dies(data: &Path, samples: &[i16]) -> Vec<Entry> {
        let path = data.join(FILE);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("is made");
        let file = BufWriter::new(File::create(&path).expect("is made"));
        let mut writer = WavWriter::mono(file).expect("begins");
        writer.write(samples).expect("writes");
        writer.flush().expect("writes");
        std::mem::forget(writer);
        let mut entries = law_4();
        entries.last_mut().expect("it ends").event = Event::MessageStarted {
            handoff: "support".into(),
            wish: None,
            file: Some(FILE.into()),
        };
        entries
    }

    fn speech(milliseconds: usize) -> Vec<i16> {
        chord(&[(300.0, -25.0)], 8 * milliseconds)
    }

    #[test]
    fn what_was_said_until_then_is_left() {
        let data = tempfile::tempdir().expect("there is room");
        let mut samples = speech(3_000);
        samples.extend([0; 16_000]);
        let mut entries = dies(data.path(), &samples);
        let left = message_cut_off(data.path(), &entries).expect("it is left");
        let event = Event::MessageLeft {
            handoff: "support".into(),
            file: FILE.into(),
            milliseconds: 3_000,
        };
        let last = entries.last().expect("there are entries");
        assert_eq!((&left.event, left.seq), (&event, last.seq + 1));
        assert_eq!(left.at_ms, last.at_ms + 3_000);
        assert_eq!(message_cut_off(data.path(), &entries), Some(left.clone()));
        entries.push(left);
        assert_eq!(message_cut_off(data.path(), &entries), None);
        assert!(data.path().join(FILE).exists());
    }

    #[test]
    fn what_is_no_message_is_deleted() {
        let data = tempfile::tempdir().expect("there is room");
        for samples in [speech(900), vec![0; 40_000]] {
            let entries = dies(data.path(), &samples);
            assert_eq!(message_cut_off(data.path(), &entries), None);
            assert!(!data.path().join(FILE).exists());
            assert_eq!(message_cut_off(data.path(), &entries), None);
        }
    }

    /// It says itself what became of the message.
    #[test]
    fn a_call_that_ended_is_believed() {
        let data = tempfile::tempdir().expect("there is room");
        let mut entries = dies(data.path(), &speech(3_000));
        entries.extend(law_4().pop());
        assert_eq!(message_cut_off(data.path(), &entries), None);
        assert!(data.path().join(FILE).exists());
    }
}
