//! Large files from a hub: what is there already is kept, what was begun goes on, and nothing takes
//! the file's place before its checksum is right.

use futures_util::StreamExt;
use indicatif::ProgressBar;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a line that was cut is taken up again without a byte more.
const ATTEMPTS: u32 = 4;
/// Before it is taken up again.
const PAUSE: Duration = Duration::from_millis(500);
/// A line on which nothing comes is cut.
const STALLED: Duration = Duration::from_secs(30);

pub struct Download {
    pub url: String,
    /// Where it is to be; its beginning is kept beside it, with `.part` at its name's end.
    pub file: PathBuf,
    /// In small letters.
    pub sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    AlreadyThere,
    /// So many of its bytes were there before.
    Whole {
        resumed_from: u64,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("{url} has no such file (404); another mirror may have it: --mirror URL")]
    NotFound { url: String },
    #[error("{url} answered {status}; try again later, or another mirror: --mirror URL")]
    Refused { url: String, status: u16 },
    #[error(
        "{url} cannot be fetched: {reason}; run the command again to go on, or name a mirror: --mirror URL"
    )]
    Line { url: String, reason: String },
    #[error(
        "{url} is not what was expected: its SHA-256 is {got}, not {wanted}; it was deleted: try again, or another mirror: --mirror URL"
    )]
    WrongChecksum {
        url: String,
        wanted: String,
        got: String,
    },
    #[error("{file} cannot be written: {source}; {mend}")]
    Disk {
        file: String,
        source: io::Error,
        mend: &'static str,
    },
    #[error("{file} is being fetched by another process; wait for it")]
    Busy { file: String },
}

/// What ends an attempt: whether another one may help.
enum Setback {
    Final(DownloadError),
    Again(String),
}

impl Download {
    pub fn client() -> reqwest::Result<reqwest::Client> {
        // The one that reqwest takes; it is there already where this is not the first client.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .user_agent(concat!("zeroline/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(STALLED)
            .read_timeout(STALLED)
            .build()
    }

    /// `progress` gets the length, where the hub tells it, and the bytes.
    pub async fn run(
        &self,
        client: &reqwest::Client,
        progress: &ProgressBar,
    ) -> Result<Fetched, DownloadError> {
        if self.is_there().map_err(|error| self.disk(error))? {
            return Ok(Fetched::AlreadyThere);
        }
        let mut part = Part::open(&self.part()).map_err(|error| self.disk(error))?;
        if flock(&part.file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let file = self.part().display().to_string();
            return Err(DownloadError::Busy { file });
        }
        let resumed_from = part.length;
        let mut attempts = 0;
        loop {
            let before = part.length;
            match self.go_on(client, &mut part, progress).await {
                Ok(()) => break,
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Again(reason)) => {
                    attempts = if part.length > before {
                        1
                    } else {
                        attempts + 1
                    };
                    if attempts >= ATTEMPTS {
                        let url = self.url.clone();
                        return Err(DownloadError::Line { url, reason });
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        let kept = if part.began_anew { 0 } else { resumed_from };
        self.finish(part)?;
        Ok(Fetched::Whole { resumed_from: kept })
    }

    fn part(&self) -> PathBuf {
        let mut name = self.file.as_os_str().to_owned();
        name.push(".part");
        name.into()
    }

    fn is_there(&self) -> io::Result<bool> {
        match File::open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
            Ok(file) => Ok(hexadecimal(hash_of(file)?) == self.sha256),
        }
    }

    /// Asks for what is missing and writes it down.
    async fn go_on(
        &self,
        client: &reqwest::Client,
        part: &mut Part,
        progress: &ProgressBar,
    ) -> Result<(), Setback> {
        let mut request = client.get(&self.url);
        if part.length > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.length));
        }
        let response = request.send().await.map_err(again)?;
        let url = || self.url.clone();
        match response.status() {
            // The hub tells only where it goes on where it does.
            StatusCode::PARTIAL_CONTENT if goes_on_from(&response) == Some(part.length) => {}
            StatusCode::OK => part
                .begin_anew()
                .map_err(|error| Setback::Final(self.disk(error)))?,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                if hexadecimal(part.hash.clone()) == self.sha256 {
                    return Ok(());
                }
                part.begin_anew()
                    .map_err(|error| Setback::Final(self.disk(error)))?;
                return Err(Setback::Again(
                    "it does not go on where it was cut".to_owned(),
                ));
            }
            StatusCode::NOT_FOUND => {
                return Err(Setback::Final(DownloadError::NotFound { url: url() }));
            }
            status if status.is_server_error() => {
                return Err(Setback::Again(format!("it answered {status}")));
            }
            status => {
                let status = status.as_u16();
                return Err(Setback::Final(DownloadError::Refused {
                    url: url(),
                    status,
                }));
            }
        }
        if let Some(rest) = response.content_length() {
            progress.set_length(part.length + rest);
        }
        progress.set_position(part.length);
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(again)?;
            part.append(&chunk)
                .map_err(|error| Setback::Final(self.disk(error)))?;
            progress.inc(chunk.len() as u64);
        }
        Ok(())
    }

    /// The file's place is taken by a whole one, or by none.
    fn finish(&self, part: Part) -> Result<(), DownloadError> {
        let got = hexadecimal(part.hash);
        if got != self.sha256 {
            std::fs::remove_file(self.part()).map_err(|error| self.disk(error))?;
            return Err(DownloadError::WrongChecksum {
                url: self.url.clone(),
                wanted: self.sha256.clone(),
                got,
            });
        }
        part.file.sync_all().map_err(|error| self.disk(error))?;
        std::fs::rename(self.part(), &self.file).map_err(|error| self.disk(error))
    }

    fn disk(&self, source: io::Error) -> DownloadError {
        let mend = match source.kind() {
            io::ErrorKind::StorageFull => {
                "make room there and run the command again: it goes on where it stopped"
            }
            _ => "name another folder with --folder DIR",
        };
        let file = self.part().display().to_string();
        DownloadError::Disk { file, source, mend }
    }
}

fn again(error: reqwest::Error) -> Setback {
    let mut told = error.without_url().to_string();
    if told.is_empty() {
        told = "the line was cut".to_owned();
    }
    Setback::Again(told)
}

/// The first byte of a partial answer: `bytes 1000-1999/2000`.
fn goes_on_from(response: &reqwest::Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    let (from, _) = range.strip_prefix("bytes ")?.split_once('-')?;
    from.parse().ok()
}

/// What has come so far.
struct Part {
    file: File,
    length: u64,
    hash: Sha256,
    began_anew: bool,
}

impl Part {
    fn open(path: &Path) -> io::Result<Part> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(path)?;
        let length = file.metadata()?.len();
        let hash = hash_of((&mut file).take(length))?;
        Ok(Part {
            file,
            length,
            hash,
            began_anew: length == 0,
        })
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        if self.length > 0 {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0))?;
        }
        self.length = 0;
        self.hash = Sha256::new();
        self.began_anew = true;
        Ok(())
    }
}

fn hash_of(file: impl Read) -> io::Result<Sha256> {
    let mut hash = Sha256::new();
    let mut file = io::BufReader::with_capacity(1 << 16, file);
    loop {
        let bytes = io::BufRead::fill_buf(&mut file)?;
        if bytes.is_empty() {
            return Ok(hash);
        }
        hash.update(bytes);
        let length = bytes.len();
        io::BufRead::consume(&mut file, length);
    }
}

fn hexadecimal(hash: Sha256) -> String {
    let bytes = hash.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
