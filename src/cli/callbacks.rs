//! `zeroline callbacks list`: who is to be called back, also while a server runs.

use crate::cli::call_table::{local_time, printable};
use crate::cli::data::{self, Data, Format, failed, open};
use crate::store::callbacks::BookedCallback;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct CallbacksArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the callbacks that are still to be made, the newest first.
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    data: Data,
    /// Also those that were made, or are not tried any more.
    #[arg(long)]
    all: bool,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// 0 on success, 1 when the store cannot be read, 2 when called wrongly.
pub fn run(args: &CallbacksArgs) -> ExitCode {
    let Command::List(args) = &args.command;
    data::run("callbacks", async |out| {
        let callbacks = match open(&args.data).await? {
            Some(store) => {
                let listed = store.callbacks(args.all, args.limit).await;
                listed.map_err(|source| failed(&args.data, source))?
            }
            None => Vec::new(),
        };
        match args.format {
            Format::Json => data::write_json(out, &callbacks)?,
            Format::Table if callbacks.is_empty() => {
                writeln!(out, "Nobody is to be called back.")?;
            }
            Format::Table => write_table(out, &callbacks, &TimeZone::system())?,
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn write_table(
    out: &mut impl Write,
    callbacks: &[BookedCallback],
    zone: &TimeZone,
) -> io::Result<()> {
    let widest = |of: fn(&BookedCallback) -> &str| {
        let widths = callbacks.iter().map(|callback| of(callback).len());
        widths.max().unwrap_or(0)
    };
    let (number, handoff) = (widest(|it| &it.number), widest(|it| &it.handoff));
    for callback in callbacks {
        let times = match callback.attempts {
            1 => "1 attempt".to_owned(),
            attempts => format!("{attempts} attempts"),
        };
        writeln!(
            out,
            "{}  {:number$}  {:handoff$}  {:<7}  {times:<11}  booked {}  {}",
            callback.call,
            printable(&callback.number),
            printable(&callback.handoff),
            callback.state,
            local_time(callback.booked_ms, zone),
            printable(callback.reason.as_deref().unwrap_or("")),
        )?;
    }
    Ok(())
}
