//! Call records as rows: a table to look at, CSV to compute with.

use crate::call::call_record::{CallRecord, Distress, Person};
use crate::events::{
    EndedBy, KeySource, Pace, PacedBy, Quality, RequestedBy, SlotValue, TargetFailure,
};
use crate::store::served::Served;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

pub fn write_table(
    out: &mut impl Write,
    records: &[CallRecord],
    zone: &TimeZone,
) -> io::Result<()> {
    let head = [
        "CALL",
        "STARTED",
        "CALLER",
        "DIALPLAN",
        "SECONDS",
        "STEPS",
        "MAX DEPTH",
        "HUMAN",
        "OUTCOME",
    ];
    let mut rows = vec![head.map(String::from)];
    rows.extend(records.iter().map(|record| row(record, zone)));
    let mut widths = [0; 9];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths).enumerate();
        let line: Vec<String> = cells
            .map(|(column, (cell, width))| match column {
                4..=7 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

/// In how many calls somebody answered, and in how many a person for certain: of all, and of each
/// dialplan where there are several.
pub fn write_served(out: &mut impl Write, served: &[Served]) -> io::Result<()> {
    let share = |count: u32, of: u32| {
        let percent = 100.0 * f64::from(count) / f64::from(of.max(1));
        format!("{count} ({percent:.0} %)")
    };
    let tell = |it: &Served| {
        let passed_on = match it.passed_on {
            0 => String::new(),
            count => format!("; {count} passed on, their end unknown"),
        };
        let answered = share(it.answered, it.calls);
        let certain = share(it.confirmed, it.calls);
        format!(
            "{answered} of {}, a person for certain in {certain}{passed_on}",
            it.calls
        )
    };
    let all = Served::sum(served);
    if all.calls == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "\nAnswered calls in which somebody was reached: {}",
        tell(&all)
    )?;
    if served.len() > 1 {
        for one in served {
            writeln!(out, "  {}: {}", printable(&one.dialplan), tell(one))?;
        }
    }
    Ok(())
}

fn row(record: &CallRecord, zone: &TimeZone) -> [String; 9] {
    let human = record.seconds_to_confirmed.or(record.seconds_to_answer);
    [
        record.call.to_string(),
        local_time(record.started_ms, zone),
        printable(&record.caller),
        printable(&record.dialplan),
        format!("{:.1}", record.seconds),
        record.steps.to_string(),
        record.max_depth.to_string(),
        human.map_or("-".into(), |seconds| format!("{seconds:.1}")),
        record.outcome.name().to_string(),
    ]
}

/// `2026-01-31 09:30:00`.
pub fn local_time(unix_ms: u64, zone: &TimeZone) -> String {
    let instant = i64::try_from(unix_ms).ok();
    let instant = instant.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    instant.map_or("?".into(), |instant| {
        let local = instant.to_zoned(zone.clone());
        local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    })
}

/// What a peer sent may not steer a terminal.
pub fn printable(text: &str) -> String {
    let harmless = |c: char| match c {
        c if c.is_control() => '\u{fffd}',
        // Characters that turn the writing direction could make a line say something else.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    };
    text.chars().map(harmless).collect()
}

/// One record, flat. The names are stable: scripts read them.
#[derive(Serialize)]
struct CsvRow<'a> {
    call: String,
    started: Option<jiff::Timestamp>,
    answered: Option<jiff::Timestamp>,
    ended: Option<jiff::Timestamp>,
    seconds: f64,
    caller: &'a str,
    called: &'a str,
    source: &'a str,
    dialplan: &'a str,
    dialplan_version: &'a str,
    language: Option<&'static str>,
    pace: Pace,
    paced_by: Option<PacedBy>,
    codec: Option<&'a str>,
    keys_by: Option<KeySource>,
    outcome: &'static str,
    ended_by: Option<EndedBy>,
    end_reason: &'a str,
    rejected_status: Option<u16>,
    recovered: bool,
    steps: u32,
    depth_at_end: u32,
    max_depth: u32,
    handoff_steps: u32,
    steps_at_human_key: Option<u32>,
    depth_at_human_key: Option<u32>,
    human_requested_by: Option<RequestedBy>,
    seconds_to_human_offer: Option<f64>,
    seconds_to_human_key: Option<f64>,
    seconds_to_human_request: Option<f64>,
    seconds_to_ringing: Option<f64>,
    seconds_to_answer: Option<f64>,
    seconds_to_confirmed: Option<f64>,
    person: Option<Person>,
    last_node: Option<&'a str>,
    keys: u32,
    distress: String,
    no_inputs: u32,
    no_matches: u32,
    lookups: u32,
    lookups_failed: u32,
    prompts_failed: u32,
    closed_handoffs: String,
    attempts: usize,
    last_target: Option<&'a str>,
    last_failure: Option<TargetFailure>,
    last_status: Option<u16>,
    slots: String,
    recording: Option<&'a str>,
    recording_missing: Option<&'a str>,
    message_file: Option<&'a str>,
    callback_number: Option<&'a str>,
    caller_mos: Option<f32>,
    caller_jitter_ms: Option<f32>,
    caller_loss_percent: Option<f64>,
    agent_mos: Option<f32>,
    events: u32,
    events_missing: u32,
}

impl<'a> CsvRow<'a> {
    fn of(record: &'a CallRecord) -> CsvRow<'a> {
        let instant = |ms: u64| jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok();
        let attempt = record.attempts.last();
        CsvRow {
            call: record.call.to_string(),
            started: instant(record.started_ms),
            answered: record.answered_ms.and_then(instant),
            ended: instant(record.ended_ms),
            seconds: record.seconds,
            caller: &record.caller,
            called: &record.called,
            source: &record.source,
            dialplan: &record.dialplan,
            dialplan_version: &record.dialplan_version,
            language: record.language.map(|language| language.tag()),
            pace: record.pace,
            paced_by: record.paced_by,
            codec: record.codec.as_deref(),
            keys_by: record.keys_by,
            outcome: record.outcome.name(),
            ended_by: record.ended_by,
            end_reason: &record.end_reason,
            rejected_status: record.rejected_status,
            recovered: record.recovered,
            steps: record.steps,
            depth_at_end: record.depth_at_end,
            max_depth: record.max_depth,
            handoff_steps: record.handoff_steps,
            steps_at_human_key: record.steps_at_human_key,
            depth_at_human_key: record.depth_at_human_key,
            human_requested_by: record.human_requested_by,
            seconds_to_human_offer: record.seconds_to_human_offer,
            seconds_to_human_key: record.seconds_to_human_key,
            seconds_to_human_request: record.seconds_to_human_request,
            seconds_to_ringing: record.seconds_to_ringing,
            seconds_to_answer: record.seconds_to_answer,
            seconds_to_confirmed: record.seconds_to_confirmed,
            person: record.person(),
            last_node: record.last_node.as_deref(),
            keys: record.keys,
            distress: distress(&record.distress),
            no_inputs: record.no_inputs,
            no_matches: record.no_matches,
            lookups: record.lookups,
            lookups_failed: record.lookups_failed,
            prompts_failed: record.prompts_failed,
            closed_handoffs: record.closed_handoffs.join("; "),
            attempts: record.attempts.len(),
            last_target: attempt.map(|attempt| attempt.target.as_str()),
            last_failure: attempt.and_then(|attempt| attempt.failure),
            last_status: attempt.and_then(|attempt| attempt.status),
            slots: slots(&record.slots),
            recording: record.recording.as_deref(),
            recording_missing: record.recording_missing.as_deref(),
            message_file: record.message.as_ref().map(|message| &*message.file),
            callback_number: record.callback.as_ref().map(|callback| &*callback.number),
            caller_mos: record.caller_quality.map(|quality| quality.mos),
            caller_jitter_ms: record.caller_quality.map(|quality| quality.jitter_ms),
            caller_loss_percent: record.caller_quality.map(|quality| loss_percent(&quality)),
            agent_mos: record.agent_quality.map(|quality| quality.mos),
            events: record.events,
            events_missing: record.events_missing,
        }
    }
}

/// Of the packets that should have come.
pub fn loss_percent(quality: &Quality) -> f64 {
    let expected = quality
        .packets_received
        .saturating_add(quality.packets_lost);
    match expected {
        0 => 0.0,
        _ => 100.0 * quality.packets_lost as f64 / expected as f64,
    }
}

/// The names of the signs.
fn distress(seen: &[Distress]) -> String {
    let names: Vec<&str> = seen.iter().map(|seen| seen.sign.name()).collect();
    names.join("; ")
}

/// `name=value` pairs; of a sensitive value the number of its characters.
fn slots(slots: &BTreeMap<String, SlotValue>) -> String {
    let pairs: Vec<String> = slots
        .iter()
        .map(|(name, value)| format!("{name}={}", slot_value(value)))
        .collect();
    pairs.join("; ")
}

pub fn slot_value(value: &SlotValue) -> String {
    match value {
        SlotValue::Plain(value) => printable(value),
        SlotValue::Sensitive { length } => format!("({length} characters, not kept)"),
    }
}

pub fn write_csv(out: &mut impl Write, records: &[CallRecord], head: bool) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    if head {
        // The head of no rows too: a script that reads an empty export finds its columns.
        let (columns, _) = row_of_text(&CallRecord::default());
        csv.write_record(&columns).map_err(io_error)?;
    }
    for record in records {
        let (_, row) = row_of_text(record);
        let cells = row.iter().map(no_formula);
        csv.write_record(cells).map_err(io_error)?;
    }
    csv.flush()
}

/// Its kind tells a reader that went away from a disk that is full.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// The names of the columns, and a record's cells.
fn row_of_text(record: &CallRecord) -> (csv::StringRecord, csv::StringRecord) {
    let mut row = csv::Writer::from_writer(Vec::new());
    row.serialize(CsvRow::of(record))
        .expect("a row of plain values");
    let bytes = row.into_inner().expect("writing to memory");
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let columns = reader.headers().expect("it was just written").clone();
    let mut cells = csv::StringRecord::new();
    let _ = reader.read_record(&mut cells).expect("so was the row");
    (columns, cells)
}

/// A caller chooses their name: a spreadsheet must not take it for a formula (OWASP's rule). Numbers
/// with a sign, as telephones', are harmless and stay as they are.
fn no_formula(cell: &str) -> String {
    let number = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    let is_number = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::example_call::law_4;

    fn example() -> CallRecord {
        CallRecord::fold(&law_4()).expect("there are events")
    }

    #[test]
    fn a_table_row_fits_its_head() {
        let mut out = Vec::new();
        write_table(&mut out, &[example()], &TimeZone::UTC).expect("writes");
        let expected = "\
CALL                        STARTED              CALLER         DIALPLAN  SECONDS  STEPS  MAX DEPTH  HUMAN  OUTCOME
01JXT21Q000000000000000001  2025-06-15 15:06:40  +442079460000  parcel       90.0      6          3   41.0  transferred_confirmed
";
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn csv_has_every_column_in_every_row() {
        let mut out = Vec::new();
        write_csv(&mut out, &[example(), CallRecord::default()], true).expect("writes");
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let head = reader.headers().expect("a head").clone();
        let rows: Vec<csv::StringRecord> =
            reader.records().map(|row| row.expect("a row")).collect();
        let cell = |name: &str| {
            let column = head.iter().position(|column| column == name);
            rows[0]
                .get(column.expect("the column is there"))
                .expect("a cell")
                .to_string()
        };
        assert_eq!(cell("started"), "2025-06-15T15:06:40Z");
        assert_eq!(cell("outcome"), "transferred_confirmed");
        assert_eq!(cell("ended_by"), "agent");
        assert_eq!(cell("seconds_to_human_key"), "33.5");
        assert_eq!(cell("person"), "confirmed");
        assert_eq!(cell("depth_at_human_key"), "2");
        assert_eq!(cell("slots"), "tracking_number=1234567890");
        assert_eq!(cell("message_file"), "");
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn the_share_of_people_is_told_of_all_and_of_each_dialplan() {
        let served = |dialplan: &str, [calls, answered, confirmed, passed_on]: [u32; 4]| Served {
            dialplan: dialplan.into(),
            calls,
            answered,
            confirmed,
            passed_on,
        };
        let told = |served: &[Served]| {
            let mut out = Vec::new();
            write_served(&mut out, served).expect("writes");
            String::from_utf8(out).expect("text")
        };
        assert_eq!(
            told(&[served("bank", [20, 7, 5, 1]), served("parcel", [20, 5, 3, 0])]),
            "
Answered calls in which somebody was reached: 12 (30 %) of 40, a person for certain in 8 (20 %); 1 passed on, their end unknown
  bank: 7 (35 %) of 20, a person for certain in 5 (25 %); 1 passed on, their end unknown
  parcel: 5 (25 %) of 20, a person for certain in 3 (15 %)
"
        );
        assert_eq!(told(&[served("bank", [3, 0, 0, 0])]).lines().count(), 2);
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, written) in [
            ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
            ("@SUM(1)", "'@SUM(1)"),
            ("+1+cmd", "'+1+cmd"),
            ("-x", "'-x"),
            ("\t=1", "'\t=1"),
            ("+442079460000", "+442079460000"),
            ("-3.5", "-3.5"),
            ("hotline", "hotline"),
            ("", ""),
        ] {
            assert_eq!(no_formula(cell), written);
        }
        let mut record = example();
        record.caller = "=1+1".into();
        let mut out = Vec::new();
        write_csv(&mut out, &[record], false).expect("writes");
        assert!(String::from_utf8(out).expect("text").contains(",'=1+1,"));
    }

    #[test]
    fn a_reader_that_went_away_is_known_as_one() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        // Few fit into the writer's memory, many do not.
        for records in [1, 100] {
            let records = vec![example(); records];
            let error = write_csv(&mut Gone, &records, true).expect_err("nobody reads");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[test]
    fn an_empty_export_has_its_head() {
        let mut out = Vec::new();
        write_csv(&mut out, &[], true).expect("writes");
        assert!(out.starts_with(b"call,started,"));
    }

    #[test]
    fn nothing_a_peer_sent_steers_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\u{202e}客"),
            "a\u{fffd}[2Jb\u{fffd}客"
        );
    }

    #[test]
    fn of_sensitive_values_only_the_length_is_told() {
        let value = SlotValue::Sensitive { length: 16 };
        assert_eq!(slot_value(&value), "(16 characters, not kept)");
    }
}
