//! Call records as rows of a table to look at.

use super::table::write_rows;
use crate::call::call_record::CallRecord;
use crate::events::{Quality, SlotValue};
use crate::store::served::Served;
use jiff::tz::TimeZone;
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
    let rows = records.iter().map(|record| row(record, zone));
    write_rows(out, head, rows, 4..=7)
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
    let human = record.seconds_to_person();
    [
        record.call.to_string(),
        local_time(record.started_ms, zone),
        printable(&record.caller),
        printable(&record.dialplan),
        format!("{:.1}", record.seconds),
        record.steps.to_string(),
        record.max_depth.to_string(),
        human.map_or("-".into(), |seconds| format!("{seconds:.1}")),
        outcome(record),
    ]
}

/// Calls that we make ourselves are told from those that came.
fn outcome(record: &CallRecord) -> String {
    let name = record.outcome.name();
    match record.callback_of {
        Some(_) => format!("{name} (our callback)"),
        None => name.to_owned(),
    }
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

pub fn slot_value(value: &SlotValue) -> String {
    match value {
        SlotValue::Plain(value) => printable(value),
        SlotValue::Sensitive { length } => format!("({length} characters, not kept)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::CallbackOf;
    use crate::call::example_call::law_4;
    use crate::events::TargetFailure;

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

    /// Two answered, and neither took the call.
    #[test]
    fn the_seconds_to_a_person_are_told_only_where_one_was_reached() {
        let mut record = example();
        record.seconds_to_confirmed = None;
        for attempt in &mut record.attempts {
            attempt.seconds_to_answer = Some(3.0);
            attempt.failure = Some(TargetFailure::Cancelled);
        }
        assert_eq!(row(&record, &TimeZone::UTC)[7], "-");
        record.attempts[0].failure = None;
        assert_eq!(row(&record, &TimeZone::UTC)[7], "3.0");
    }

    #[test]
    fn our_own_calls_are_told_from_those_that_came() {
        let callback = CallRecord {
            callback_of: Some(CallbackOf {
                call: example().call,
                attempt: 1,
            }),
            ..example()
        };
        let mut out = Vec::new();
        write_table(&mut out, &[callback], &TimeZone::UTC).expect("writes");
        let table = String::from_utf8(out).expect("text");
        assert!(
            table.ends_with("  transferred_confirmed (our callback)\n"),
            "{table}"
        );
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
