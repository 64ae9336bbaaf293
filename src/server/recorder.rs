//! The recorder thread: writes what calls record to WAV files in the data folder.

use super::media_thread::{Command, MediaThread};
use super::resident::CallNumber;
use crate::audio::wav::WavWriter;
use crate::call::contract::{Input, RecorderCommand};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// A second of sound each: half a gigabyte would be under way before the disk is too slow for it.
/// When it is full, a chunk is lost and its recording is reported as failed.
const QUEUE: usize = 16_384;

pub struct Job {
    pub call: CallNumber,
    pub thread: MediaThread,
    pub command: RecorderCommand,
}

pub type RecorderHandle = SyncSender<Job>;

struct Recorder {
    data: PathBuf,
    files: HashMap<String, OpenFile>,
}

type OpenFile = (WavWriter<BufWriter<File>>, Channels);

#[derive(Clone, Copy, PartialEq)]
enum Channels {
    Mono,
    Stereo,
}

/// `data` is the folder under which files are made. The thread ends when all handles are gone and all
/// that was sent is written.
pub fn spawn(data: PathBuf) -> std::io::Result<(RecorderHandle, JoinHandle<()>)> {
    let (sender, jobs) = sync_channel(QUEUE);
    let recorder = Recorder {
        data,
        files: HashMap::new(),
    };
    let running = std::thread::Builder::new()
        .name("recorder".into())
        .spawn(move || recorder.run(jobs))?;
    Ok((sender, running))
}

impl Recorder {
    fn run(mut self, jobs: Receiver<Job>) {
        for job in jobs {
            let answer = match job.command {
                RecorderCommand::Open { file, stereo } => self.open(file, stereo),
                RecorderCommand::Samples { file, left, right } => self.write(file, &left, &right),
                RecorderCommand::Close { file } => self.close(file),
                RecorderCommand::Discard { file } => self.discard(file),
            };
            // The call may be gone, and a full inbox only delays what it would not act on in time.
            if let Some(answer) = answer {
                let _ = job.thread.send(Command::Input(job.call, answer));
            }
        }
    }

    fn open(&mut self, file: String, stereo: bool) -> Option<Input> {
        match create(&self.data.join(&file), stereo) {
            Ok(open) => {
                self.files.insert(file, open);
                None
            }
            Err(error) => Some(failed(file, error.to_string())),
        }
    }

    /// What was written can be read even if the server dies now.
    fn write(&mut self, file: String, left: &[i16], right: &[i16]) -> Option<Input> {
        let (writer, channels) = self.files.get_mut(&file)?;
        let written = match channels {
            Channels::Mono => writer.write(left),
            Channels::Stereo => writer.write_stereo(left, right),
        };
        match written.and_then(|()| writer.flush()) {
            Ok(()) => None,
            Err(error) => {
                self.files.remove(&file);
                Some(failed(file, error.to_string()))
            }
        }
    }

    fn close(&mut self, file: String) -> Option<Input> {
        let (writer, _) = self.files.remove(&file)?;
        match writer.finish() {
            Ok(duration) => {
                let milliseconds = duration.as_millis() as u32;
                Some(Input::RecordingClosed { file, milliseconds })
            }
            Err(error) => Some(failed(file, error.to_string())),
        }
    }

    /// It may never have been made, where the disk was full.
    fn discard(&mut self, file: String) -> Option<Input> {
        self.files.remove(&file);
        match std::fs::remove_file(self.data.join(&file)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(file, %error, "a recording that nobody needs stays");
            }
            _ => {}
        }
        None
    }
}

fn create(path: &Path, stereo: bool) -> Result<OpenFile, hound::Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = BufWriter::new(File::create(path)?);
    Ok(match stereo {
        true => (WavWriter::stereo(file)?, Channels::Stereo),
        false => (WavWriter::mono(file)?, Channels::Mono),
    })
}

fn failed(file: String, reason: String) -> Input {
    tracing::error!(file, reason, "a recording failed; is the disk full?");
    Input::RecordingFailed { file, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_discarded_is_deleted_open_or_closed() {
        let data = tempfile::tempdir().expect("there is room");
        let mut recorder = Recorder {
            data: data.path().into(),
            files: HashMap::new(),
        };
        for closed in [false, true] {
            let file = "messages/a.wav".to_string();
            assert!(recorder.open(file.clone(), false).is_none());
            assert!(recorder.write(file.clone(), &[1; 800], &[]).is_none());
            if closed {
                let told = recorder.close(file.clone());
                assert!(matches!(told, Some(Input::RecordingClosed { .. })));
            }
            assert!(data.path().join(&file).exists());
            assert!(recorder.discard(file.clone()).is_none());
            assert!(!data.path().join(&file).exists());
            assert!(recorder.write(file, &[1; 800], &[]).is_none());
            assert!(recorder.files.is_empty());
        }
    }
}
