//! What the commands share that read a server's data folder, also while a server writes to it.

use crate::events::CallRef;
use crate::store::calls::{Store, StoreError, store_path};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) type Stdout = BufWriter<StdoutLock<'static>>;

#[derive(Debug, Args)]
pub(super) struct Data {
    /// The server's data folder.
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(super) data: PathBuf,
}

/// Of lists.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    #[value(alias = "text")]
    Table,
    Json,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum DataError {
    #[error("there is no folder {}: say where the server keeps its calls with --data", .0.display())]
    NoData(PathBuf),
    #[error(
        "{} is no data folder of a server (it has no calls.db and no journal): say where the \
         server keeps its calls with --data",
        .0.display()
    )]
    NotData(PathBuf),
    #[error("There are no calls in {} yet.", .0.display())]
    NoCalls(PathBuf),
    #[error("no call {0} in {data}", data = .1.display())]
    NoCall(String, PathBuf),
    #[error("{count} calls begin with {name}, for example {example}: write more of it")]
    Ambiguous {
        name: String,
        count: String,
        example: CallRef,
    },
    #[error("cannot read {}: {source}", path.display())]
    Store { path: PathBuf, source: StoreError },
    #[error("cannot read the journal: {0}")]
    Journal(String),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl DataError {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            DataError::NoData(_) | DataError::NotData(_) | DataError::Ambiguous { .. } => {
                ExitCode::from(2)
            }
            _ => ExitCode::from(1),
        }
    }
}

/// Runs `zeroline NAME`, with its output. 1 when something failed, 2 when it was called wrongly.
pub(super) fn run(
    name: &str,
    command: impl AsyncFnOnce(&mut Stdout) -> Result<ExitCode, DataError>,
) -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = run_to(&mut out, command).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match done {
        Ok(code) => code,
        // Whoever read our output has seen enough: `zeroline calls list | head`.
        Err(DataError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("zeroline {name}: {error}");
            error.exit_code()
        }
    }
}

/// As [`run`], to any output.
pub(super) fn run_to<Out>(
    out: &mut Out,
    command: impl AsyncFnOnce(&mut Out) -> Result<ExitCode, DataError>,
) -> Result<ExitCode, DataError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(command(out))
}

pub(super) fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// `None` where no call has been stored yet.
pub(super) async fn open(data: &Data) -> Result<Option<Store>, DataError> {
    let path = store_path(&data.data);
    if !data.data.is_dir() {
        return Err(DataError::NoData(data.data.clone()));
    }
    if !path.exists() {
        let has_journal = data.data.join("journal").is_dir();
        return match has_journal {
            true => Ok(None),
            false => Err(DataError::NotData(data.data.clone())),
        };
    }
    let store = Store::open_to_read(&path).await;
    Ok(Some(store.map_err(|source| failed(data, source))?))
}

pub(super) fn failed(data: &Data, source: StoreError) -> DataError {
    let path = store_path(&data.data);
    DataError::Store { path, source }
}
