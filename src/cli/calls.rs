//! `zeroline calls list|show|export`: the calls of a data folder, also while a server writes to it.

use crate::call::outcome::Outcome;
use crate::cli::data::{self, Data, DataError, failed, open};
use crate::cli::find_call::{find, unstored};
use crate::cli::{call_csv, call_story, call_table};
use crate::store::calls::{Filter, Order};
use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use std::io::{self, Write};
use std::process::ExitCode;

/// Records read at a time by `export`.
const PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub struct CallsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List calls, the newest first.
    List(ListArgs),
    /// Tell one call's story: its steps and depth, its way to a person, how it ended.
    Show(ShowArgs),
    /// Write all records, the oldest first, as CSV or JSON Lines.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct Which {
    /// Calls that began at or after this: 2026-01-31, 2026-01-31T09:30, or 2h or 7d for "ago".
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<u64>,
    /// Calls that began before this.
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    until: Option<u64>,
    /// One or more outcomes, with commas between: dropped,gave_up_in_menu.
    #[arg(long, value_name = "OUTCOME", value_delimiter = ',', value_parser = parse_outcome)]
    outcome: Vec<Outcome>,
    /// A part of the caller's number.
    #[arg(long, value_name = "NUMBER")]
    caller: Option<String>,
    /// The dialplan's name, as in its first line.
    #[arg(long, value_name = "NAME")]
    dialplan: Option<String>,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    which: Which,
    /// At most so many calls.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    data: Data,
    /// The call's reference, the beginning of it, or `last`.
    call: String,
    #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
    format: ShowFormat,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    which: Which,
    #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
    format: ExportFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ListFormat {
    Table,
    Json,
    Csv,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShowFormat {
    #[value(alias = "table")]
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// Text that a spreadsheet would take for a formula begins with an apostrophe.
    Csv,
    /// One object a line.
    Json,
}

impl Which {
    fn filter(&self) -> Filter {
        Filter {
            since_ms: self.since,
            until_ms: self.until,
            outcomes: self.outcome.clone(),
            caller: self.caller.clone(),
            dialplan: self.dialplan.clone(),
            after: None,
        }
    }
}

/// 0 on success, 1 when the call is not there or something failed, 2 when called wrongly.
pub fn run(args: &CallsArgs) -> ExitCode {
    data::run("calls", async |out| execute(args, out).await)
}

async fn execute(args: &CallsArgs, out: &mut impl Write) -> Result<ExitCode, DataError> {
    match &args.command {
        Command::List(args) => list(args, out).await,
        Command::Show(args) => show(args, out).await,
        Command::Export(args) => export(args, out).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &ListArgs, out: &mut impl Write) -> Result<(), DataError> {
    let store = open(&args.data).await?;
    let records = match &store {
        Some(store) => store
            .list(&args.which.filter(), Order::NewestFirst, args.limit)
            .await
            .map_err(|source| failed(&args.data, source))?,
        None => Vec::new(),
    };
    match args.format {
        ListFormat::Table => {
            call_table::write_table(out, &records, &TimeZone::system())?;
            if let Some(store) = &store {
                let served = store.served(&args.which.filter()).await;
                let served = served.map_err(|source| failed(&args.data, source))?;
                call_table::write_served(out, &served)?;
            }
            tell_unstored(out, unstored(&args.data, store.as_ref()).await?)?;
        }
        ListFormat::Json => {
            data::write_json(out, &records)?;
        }
        ListFormat::Csv => call_csv::write_csv(out, &records, true)?,
    }
    Ok(())
}

fn tell_unstored(out: &mut impl Write, calls: usize) -> io::Result<()> {
    let calls = match calls {
        0 => return Ok(()),
        1 => "1 more call is".to_string(),
        calls => format!("{calls} more calls are"),
    };
    writeln!(
        out,
        "\n{calls} in the journal only: going on now, or cut off when the server died. `zeroline \
         calls show last` tells the latest call."
    )
}

async fn export(args: &ExportArgs, out: &mut impl Write) -> Result<(), DataError> {
    let store = open(&args.data).await?;
    let mut filter = args.which.filter();
    let mut first_page = true;
    loop {
        let page = match &store {
            Some(store) => store
                .list(&filter, Order::OldestFirst, PAGE)
                .await
                .map_err(|source| failed(&args.data, source))?,
            None => Vec::new(),
        };
        match args.format {
            ExportFormat::Csv => call_csv::write_csv(out, &page, first_page)?,
            ExportFormat::Json => {
                for record in &page {
                    serde_json::to_writer(&mut *out, record).map_err(io::Error::from)?;
                    writeln!(out)?;
                }
            }
        }
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else {
            return Ok(());
        };
        filter.after = Some((last.started_ms, last.call));
        first_page = false;
    }
}

async fn show(args: &ShowArgs, out: &mut impl Write) -> Result<(), DataError> {
    let found = find(&args.data, &args.call).await?;
    match args.format {
        ShowFormat::Text => {
            let story = call_story::tell(&found, &TimeZone::system());
            out.write_all(story.as_bytes())?;
            if !found.stored {
                writeln!(out, "\n{NOT_STORED}")?;
            }
        }
        ShowFormat::Json => {
            let whole = serde_json::json!({
                "stored": found.stored,
                "record": found.record,
                "messages": found.messages,
                "events": found.entries,
            });
            data::write_json(out, &whole)?;
        }
    }
    Ok(())
}

const NOT_STORED: &str = "This call is in the journal only: it goes on or has just ended, or the server \
    died during it and stores it when it next starts.";

fn parse_outcome(name: &str) -> Result<Outcome, String> {
    Outcome::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
        format!("it is one of {}", names.join(", "))
    })
}

/// To Unix milliseconds. Dates and times without an offset are in this machine's time zone.
fn parse_when(text: &str) -> Result<u64, String> {
    let zone = TimeZone::system();
    let instant = if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        Some(instant)
    } else if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        zone.to_timestamp(local).ok()
    } else {
        let ago = text.parse::<jiff::Span>().ok();
        let then = ago.and_then(|ago| jiff::Zoned::now().checked_sub(ago).ok());
        then.map(|then| then.timestamp())
    };
    instant
        .and_then(|instant| u64::try_from(instant.as_millisecond()).ok())
        .ok_or_else(|| "write 2026-01-31, 2026-01-31T09:30, or 2h, 30m or 7d for \"ago\"".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::CallRecord;
    use crate::call::example_call::law_4;
    use crate::events::CallRef;
    use crate::store::calls::{SavedCall, Store, store_path};
    use crate::store::letters::Told;
    use clap::Parser;
    use std::path::Path;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        calls: CallsArgs,
    }

    fn run_on(data: &Path, line: &str) -> Result<String, DataError> {
        let mut words: Vec<&str> = std::iter::once("calls").chain(line.split(' ')).collect();
        let folder = data.to_str().expect("the folder's name is text");
        words.extend(["--data", folder]);
        let cli = Cli::try_parse_from(words).expect("the command is right");
        let mut out = Vec::new();
        data::run_to(&mut out, async |out| execute(&cli.calls, out).await)?;
        Ok(String::from_utf8(out).expect("text"))
    }

    /// A data folder with two calls, a minute apart, the second dropped early.
    fn data() -> tempfile::TempDir {
        let data = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let mut second = law_4();
        second.truncate(8);
        for entry in &mut second {
            entry.at_ms += 60_000;
            entry.call = CallRef::from_parts(1_750_000_060_000, 2);
        }
        let calls = [law_4(), second].map(|entries| SavedCall {
            record: CallRecord::fold(&entries).expect("there are events"),
            entries: entries
                .iter()
                .map(|entry| serde_json::to_string(entry).expect("serializes") + "\n")
                .collect(),
            told: Told::default(),
        });
        runtime.block_on(async {
            let store = Store::open(&store_path(data.path())).await.expect("opens");
            store.save(&calls, &[], 0).await.expect("saves");
            store.close().await;
        });
        data
    }

    #[test]
    fn list_in_every_format() {
        let data = data();
        let table = run_on(data.path(), "list").expect("lists");
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 5, "{table}");
        let share = "1 (50 %) of 2, a person for certain in 1 (50 %)";
        assert!(
            lines[4].ends_with(share),
            "of all calls, however few are listed: {table}"
        );
        assert!(lines[1].ends_with("dropped") && lines[2].ends_with("transferred_confirmed"));
        let json = run_on(data.path(), "list --format json --limit 1").expect("lists");
        let json: Vec<CallRecord> = serde_json::from_str(&json).expect("an array of records");
        assert_eq!(json[0].outcome, Outcome::Dropped);
        let csv = run_on(data.path(), "list --format csv --outcome dropped").expect("lists");
        assert_eq!(csv.lines().count(), 2);
    }

    #[test]
    fn export_writes_the_oldest_first() {
        let data = data();
        let lines = run_on(data.path(), "export --format json").expect("exports");
        let records: Vec<CallRecord> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a record a line"))
            .collect();
        assert_eq!(records.len(), 2);
        assert!(records[0].started_ms < records[1].started_ms);
        let csv = run_on(data.path(), "export --since 2025-06-15T15:07Z").expect("exports");
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert_eq!(reader.headers().expect("a header").get(0), Some("call"));
        assert_eq!(reader.records().count(), 1);
    }

    #[test]
    fn show_takes_a_reference_a_prefix_or_last() {
        let data = data();
        let first = law_4()[0].call.to_string();
        for name in [first.as_str(), &first[..25], "last"] {
            let story = run_on(data.path(), &format!("show {name}")).expect("shows");
            assert!(story.starts_with("Call 01"), "{story}");
        }
        let json = run_on(data.path(), &format!("show {first} --format json")).expect("shows");
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(json["record"]["steps"], 6);
        assert_eq!(json["events"].as_array().map(Vec::len), Some(33));
        let error = |name| run_on(data.path(), name).expect_err("fails").to_string();
        assert!(error("show 01").contains("2 calls begin with 01"));
        assert!(error("show 7ZZ").contains("no call 7ZZ"));
    }

    #[test]
    fn a_call_that_is_in_the_journal_only_is_shown_so_far() {
        use crate::journal::append::{Appender, Limits};
        let data = tempfile::tempdir().expect("a temporary folder");
        let journal = data.path().join("journal");
        std::fs::create_dir(&journal).expect("makes the folder");
        let mut appender = Appender::new(&journal, Limits::for_calls(1), Vec::new());
        appender.replenish().expect("the disk has room");
        let mut frame = Vec::new();
        for entry in &law_4()[..12] {
            Appender::encode(entry, &mut frame);
            appender.push(&frame).expect("there is room");
        }
        appender.flush().expect("writes");
        let story = run_on(data.path(), "show last").expect("shows");
        assert!(story.contains("in the journal only"), "{story}");
        let list = run_on(data.path(), "list").expect("lists");
        assert!(
            list.contains("\n1 more call is in the journal only"),
            "{list}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let error = run_on(Path::new("/nonexistent"), "list").expect_err("fails");
        assert!(error.to_string().contains("--data"));
    }

    #[test]
    fn a_folder_of_something_else_and_one_without_calls_are_told_apart() {
        let data = tempfile::tempdir().expect("a temporary folder");
        for command in ["list", "export", "show last"] {
            let error = run_on(data.path(), command).expect_err("fails");
            assert!(matches!(error, DataError::NotData(_)), "{error}");
        }
        std::fs::create_dir(data.path().join("journal")).expect("makes the folder");
        let list = run_on(data.path(), "list").expect("lists");
        assert_eq!(list.lines().count(), 1);
        let none = run_on(data.path(), "show last").expect_err("there is none");
        assert!(none.to_string().starts_with("There are no calls in"));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(parse_when("2025-06-15T15:06:40Z"), Ok(1_750_000_000_000));
        let day = parse_when("2025-06-15").expect("a day");
        assert_eq!(
            parse_when("2025-06-15T01:00").map(|at| at - day),
            Ok(3_600_000)
        );
        assert!(parse_when("2h").expect("a span") > parse_when("7d").expect("a span"));
        assert!(parse_when("yesterday").is_err());
    }
}
