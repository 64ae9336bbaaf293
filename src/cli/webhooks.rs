//! `zeroline webhooks list|retry`: the letters that have not arrived, also while a server runs.

use crate::cli::call_table::{local_time, printable};
use crate::cli::data::{self, Data, DataError, Format, failed, open};
use crate::cli::table::write_rows;
use crate::store::calls::{Store, store_path};
use crate::store::outbox::Undelivered;
use clap::{ArgGroup, Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::json;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

#[derive(Debug, Args)]
pub struct WebhooksArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the letters that did not arrive and are not tried again, the newest first.
    List(ListArgs),
    /// Send letters again that did not arrive.
    Retry(RetryArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    data: Data,
    /// Also those that wait to be sent, or to be sent again.
    #[arg(long)]
    waiting: bool,
    /// At most so many letters.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "all"])))]
struct RetryArgs {
    #[command(flatten)]
    data: Data,
    /// The letter's id, as `list` has it.
    id: Option<String>,
    /// All letters that did not arrive.
    #[arg(long)]
    all: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// 0 on success, 1 when the letter is not there or something failed, 2 when called wrongly.
pub fn run(args: &WebhooksArgs) -> ExitCode {
    data::run("webhooks", async |out| execute(args, out).await)
}

async fn execute(args: &WebhooksArgs, out: &mut impl Write) -> Result<ExitCode, DataError> {
    match &args.command {
        Command::List(args) => list(args, out).await,
        Command::Retry(args) => retry(args, out).await,
    }
}

async fn list(args: &ListArgs, out: &mut impl Write) -> Result<ExitCode, DataError> {
    let letters = match open(&args.data).await? {
        Some(store) => store
            .undelivered(args.waiting, args.limit)
            .await
            .map_err(|source| failed(&args.data, source))?,
        None => Vec::new(),
    };
    match args.format {
        Format::Json => data::write_json(out, &letters)?,
        Format::Table if letters.is_empty() => writeln!(out, "No letter is here.")?,
        Format::Table => write_table(out, &letters, &TimeZone::system())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_table(out: &mut impl Write, letters: &[Undelivered], zone: &TimeZone) -> io::Result<()> {
    let head = [
        "LETTER", "WEBHOOK", "SUBJECT", "MADE", "STATE", "TRIES", "REASON",
    ];
    let rows = letters.iter().map(|letter| {
        [
            printable(&letter.id),
            printable(&letter.hook),
            letter.subject.clone(),
            local_time(letter.made_ms, zone),
            letter.state.clone(),
            letter.tries.to_string(),
            printable(letter.reason.as_deref().unwrap_or("")),
        ]
    });
    write_rows(out, head, rows, 5..=5)
}

async fn retry(args: &RetryArgs, out: &mut impl Write) -> Result<ExitCode, DataError> {
    let retried = match open(&args.data).await? {
        // The server that may be running migrated it.
        Some(_) => Store::open_to_forward(&store_path(&args.data.data)).await,
        None => return tell_retried(args, 0, out),
    };
    let failed = |source| failed(&args.data, source);
    let store = retried.map_err(failed)?;
    let retried = store.retry_letters(args.id.as_deref(), unix_ms()).await;
    tell_retried(args, retried.map_err(failed)?, out)
}

fn tell_retried(
    args: &RetryArgs,
    retried: u64,
    out: &mut impl Write,
) -> Result<ExitCode, DataError> {
    match (args.format, retried) {
        (Format::Json, _) => writeln!(out, "{}", json!({ "retried": retried }))?,
        (Format::Table, 0) => writeln!(out, "No such letter is dead: `zeroline webhooks list`.")?,
        (Format::Table, 1) => writeln!(out, "1 letter waits again for a running server.")?,
        (Format::Table, _) => writeln!(out, "{retried} letters wait again for a running server.")?,
    }
    // That all are sent when there is none is no failure.
    Ok(match retried > 0 || args.all {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example_call::law_4;
    use crate::config::webhooks::Subject;
    use crate::store::letters::{Letter, Told};
    use crate::store::outbox::Addressee;
    use clap::Parser;
    use std::path::Path;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: WebhooksArgs,
    }

    fn run_on(data: &Path, line: &str) -> (String, ExitCode) {
        let folder = data.to_str().expect("the folder's name is text");
        let words = format!("webhooks {line} --data {folder}");
        let line = Line::try_parse_from(words.split(' ')).expect("the command is right");
        let mut out = Vec::new();
        let code = data::run_to(&mut out, async |out| execute(&line.args, out).await);
        let code = code.expect("it can be read");
        (String::from_utf8(out).expect("text"), code)
    }

    /// A letter that waits and a dead one.
    fn data() -> tempfile::TempDir {
        let data = tempfile::tempdir().expect("a temporary folder");
        let letter = |id: &str| Letter {
            id: id.into(),
            subject: Subject::Call,
            call: law_4()[0].call,
            body: "{}".into(),
        };
        let told = Told {
            letters: vec![letter("a-1"), letter("a-2")],
            ..Told::default()
        };
        let hooks = [Addressee {
            hook: "crm".into(),
            subjects: vec![Subject::Call],
        }];
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let store = Store::open(&store_path(data.path())).await.expect("opens");
            store.put_told(&told, &hooks, 5).await.expect("writes");
            let failed = store.letter_failed(("a-2", "crm"), "it answered 410 Gone", None, 9);
            failed.await.expect("writes");
            store.close().await;
        });
        data
    }

    #[test]
    fn dead_letters_are_listed_and_sent_again() {
        let data = data();
        let (table, _) = run_on(data.path(), "list");
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().take(3).collect())
            .collect();
        assert_eq!(
            lines,
            [["LETTER", "WEBHOOK", "SUBJECT"], ["a-2", "crm", "call"]]
        );
        assert!(
            table.trim_end().ends_with("it answered 410 Gone"),
            "{table}"
        );
        let (json, _) = run_on(data.path(), "list --waiting --format json");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json.as_array().map(Vec::len), Some(2));
        let (told, code) = run_on(data.path(), "retry a-1 --format json");
        assert_eq!((told.trim(), code), ("{\"retried\":0}", ExitCode::FAILURE));
        let (told, code) = run_on(data.path(), "retry a-2");
        assert!(told.starts_with("1 letter waits"), "{told}");
        assert_eq!(code, ExitCode::SUCCESS);
        assert_eq!(run_on(data.path(), "list").0, "No letter is here.\n");
        assert_eq!(run_on(data.path(), "retry --all").1, ExitCode::SUCCESS);
        for wrong in ["webhooks retry", "webhooks retry a-1 --all"] {
            let refused = Line::try_parse_from(wrong.split(' ')).map(|_| ());
            let told = refused.expect_err(wrong).to_string();
            assert!(told.contains("ID") && told.contains("--all"), "{told}");
        }
    }
}
