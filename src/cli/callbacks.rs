//! `zeroline callbacks list`: who is to be called back, also while a server runs.

use crate::cli::call_table::{local_time, printable};
use crate::cli::data::{self, Data, Format, failed, open};
use crate::cli::table::write_rows;
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
    let head = [
        "CALL", "NUMBER", "HANDOFF", "STATE", "ATTEMPTS", "BOOKED", "REASON",
    ];
    let rows = callbacks.iter().map(|callback| {
        [
            callback.call.to_string(),
            printable(&callback.number),
            printable(&callback.handoff),
            callback.state.clone(),
            callback.attempts.to_string(),
            local_time(callback.booked_ms, zone),
            printable(callback.reason.as_deref().unwrap_or("")),
        ]
    });
    write_rows(out, head, rows, 4..=4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_list_has_a_head_over_its_columns() {
        let callback = BookedCallback {
            call: "01JXT21Q000000000000000001".into(),
            number: "+442079460000".into(),
            own_number: true,
            called: "hotline".into(),
            dialplan: "parcel".into(),
            wish: "now".into(),
            language: "en".into(),
            paced_by: None,
            slots: BTreeMap::new(),
            since_ms: None,
            due_ms: 1_750_000_000_000,
            last_call: None,
            handoff: "support".into(),
            state: "waiting".into(),
            attempts: 2,
            booked_ms: 1_750_000_000_000,
            reason: Some("busy\u{1b}".into()),
        };
        let mut out = Vec::new();
        write_table(&mut out, &[callback], &TimeZone::UTC).expect("writes");
        let expected = "\
CALL                        NUMBER         HANDOFF  STATE    ATTEMPTS  BOOKED               REASON
01JXT21Q000000000000000001  +442079460000  support  waiting         2  2025-06-15 15:06:40  busy\u{fffd}
";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }
}
