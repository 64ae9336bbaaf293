//! Call records as CSV, to compute with.

use crate::call::call_record::{CallRecord, Distress, Person};
use crate::cli::call_table::{loss_percent, slot_value};
use crate::events::{EndedBy, KeySource, Pace, PacedBy, RequestedBy, SlotValue, TargetFailure};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

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

/// One record, flat. The names and their order are stable, for scripts read them: what is new comes last.
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
    callback_of: Option<String>,
    place_in_line: Option<u32>,
    seconds_in_line: Option<f64>,
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
            callback_of: record.callback_of.map(|of| of.call.to_string()),
            place_in_line: record.place_in_line,
            seconds_in_line: record.seconds_in_line,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::CallbackOf;
    use crate::call::example_call::law_4;
    use crate::events::CallRef;

    fn example() -> CallRecord {
        CallRecord::fold(&law_4()).expect("there are events")
    }

    fn callback() -> CallRecord {
        CallRecord {
            callback_of: Some(CallbackOf {
                call: CallRef::from_parts(1_750_000_000_000, 7),
                attempt: 2,
            }),
            place_in_line: Some(3),
            seconds_in_line: Some(42.5),
            ..example()
        }
    }

    #[test]
    fn a_callback_and_the_time_in_line_are_in_columns_behind_the_older_ones() {
        let mut out = Vec::new();
        write_csv(&mut out, &[callback(), example()], true).expect("writes");
        let text = String::from_utf8(out).expect("text");
        let last = |line: &str| line.rsplit(',').take(4).collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = text.lines().map(last).collect();
        assert_eq!(
            lines,
            [
                "seconds_in_line place_in_line callback_of events_missing",
                "42.5 3 01JXT21Q000000000000000007 0",
                "   0",
            ]
        );
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
}
