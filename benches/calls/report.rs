//! The results beside the budget, as a table and as JSON.

use crate::scenarios::{Carried, SHORT_CALL, ShortCalls};
use crate::{JUDGED_CALLS, JUDGED_RATE};
use serde_json::{Value, json};
use std::fmt::Write;

/// Of Zeroline, then of the bare loop where there is one.
#[derive(Default)]
pub struct Results {
    pub carried: Vec<(Carried, Carried)>,
    pub short: Vec<(ShortCalls, ShortCalls)>,
    pub bursts: Vec<ShortCalls>,
}

/// A row of the budget.
struct Row {
    what: &'static str,
    unit: &'static str,
    budget: f64,
    measured: f64,
    bare: Option<f64>,
    /// Whether more is better.
    at_least: bool,
}

impl Row {
    fn is_met(&self) -> bool {
        if self.at_least {
            self.measured >= self.budget
        } else {
            self.measured <= self.budget
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn rows(results: &Results) -> Vec<Row> {
    let row = |what, unit, budget, (measured, bare)| Row {
        what,
        unit,
        budget,
        measured,
        bare: Some(bare),
        at_least: false,
    };
    let carried = |figure: fn(&Carried) -> f64| {
        let judged = || {
            results
                .carried
                .iter()
                .filter(|(z, _)| z.calls == JUDGED_CALLS)
        };
        (
            median(judged().map(|(zeroline, _)| figure(zeroline))),
            median(judged().map(|(_, bare)| figure(bare))),
        )
    };
    let short = |figure: fn(&ShortCalls) -> f64| {
        (
            median(results.short.iter().map(|(zeroline, _)| figure(zeroline))),
            median(results.short.iter().map(|(_, bare)| figure(bare))),
        )
    };
    let most = |what, unit, budget, measured| Row {
        what,
        unit,
        budget,
        measured,
        bare: None,
        at_least: true,
    };
    vec![
        row(
            "CPU a call-second, 400 calls",
            "ms",
            0.35,
            carried(|c| c.cpu),
        ),
        row("memory a call, most calls", "KB", 60.0, memory(results)),
        row(
            "packet interval p99, 400 calls",
            "ms",
            20.2,
            carried(|c| c.figures.packet_interval.percentile(99.0)),
        ),
        row(
            "key's start → new prompt, p50",
            "ms",
            0.6,
            carried(|c| c.figures.key_to_prompt.percentile(50.0)),
        ),
        row(
            "key's start → new prompt, p99",
            "ms",
            1.9,
            carried(|c| c.figures.key_to_prompt.percentile(99.0)),
        ),
        row(
            "INVITE → 200 at 100/s, p50",
            "ms",
            0.3,
            short(|s| s.figures.answer_time.percentile(50.0)),
        ),
        row(
            "INVITE → 200 at 100/s, p99",
            "ms",
            0.8,
            short(|s| s.figures.answer_time.percentile(99.0)),
        ),
        row("CPU a short call at 100/s", "ms", 0.9, short(|s| s.cpu)),
        most(
            "calls carried cleanly",
            "calls",
            2000.0,
            most_calls(results),
        ),
        most(
            "set-ups a second carried",
            "/s",
            1000.0,
            most_set_ups(results),
        ),
    ]
}

/// At the highest level that was tried.
fn memory(results: &Results) -> (f64, f64) {
    let last = results.carried.last();
    last.map_or((f64::NAN, f64::NAN), |(zeroline, bare)| {
        (zeroline.memory / 1e3, bare.memory / 1e3)
    })
}

fn most_calls(results: &Results) -> f64 {
    let clean = results
        .carried
        .iter()
        .filter(|(zeroline, _)| zeroline.is_clean());
    clean
        .map(|(zeroline, _)| zeroline.calls as f64)
        .fold(0.0, f64::max)
}

fn most_set_ups(results: &Results) -> f64 {
    let short = results.short.iter().map(|(zeroline, _)| zeroline);
    let carried = short
        .chain(&results.bursts)
        .filter(|short| short.is_carried());
    carried.map(|short| short.rate as f64).fold(0.0, f64::max)
}

pub fn table(results: &Results) -> String {
    let mut text = String::new();
    levels(&mut text, results);
    rates(&mut text, results);
    let _ = writeln!(
        text,
        "\n{:<34} {:>9} {:>10} {:>9} {:>7}  met",
        "the budget, on one core", "budget", "zeroline", "bare", "ratio"
    );
    for row in rows(results) {
        let bare = row.bare.map_or("-".into(), |bare| format!("{bare:.3}"));
        let ratio = row.bare.filter(|bare| *bare > 0.0);
        let ratio = ratio.map_or("-".into(), |bare| format!("{:.2}", row.measured / bare));
        let sign = if row.at_least { "≥" } else { "≤" };
        let _ = writeln!(
            text,
            "{:<34} {sign}{:>8} {:>10.3} {bare:>9} {ratio:>7}  {} ({})",
            row.what,
            row.budget,
            row.measured,
            if row.is_met() { "yes" } else { "NO" },
            row.unit
        );
    }
    text
}

fn levels(text: &mut String, results: &Results) {
    let _ = writeln!(
        text,
        "{:<18} {:>8} {:>7} {:>7} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}  clean",
        "calls at one time",
        "answered",
        "ms/cs",
        "core %",
        "KB/call",
        "ptime50",
        "ptime99",
        "key50",
        "key99",
        "loss %"
    );
    let both = results
        .carried
        .iter()
        .flat_map(|(z, b)| [("zeroline", z), ("bare", b)]);
    for (name, carried) in both {
        let figures = &carried.figures;
        let _ = writeln!(
            text,
            "{:<8} {:>9} {:>8} {:>7.3} {:>7.1} {:>8.1} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.3}  {}",
            name,
            carried.calls,
            carried.answered,
            carried.cpu,
            carried.core * 100.0,
            carried.memory / 1e3,
            figures.packet_interval.percentile(50.0),
            figures.packet_interval.percentile(99.0),
            figures.key_to_prompt.percentile(50.0),
            figures.key_to_prompt.percentile(99.0),
            carried.loss() * 100.0,
            if carried.is_clean() { "yes" } else { "NO" }
        );
    }
    if let Some((last, _)) = results.carried.last() {
        let threads = busiest(&last.threads);
        let _ = writeln!(text, "ms/cs by thread at {} calls: {threads}", last.calls);
    }
}

/// The threads that took most.
fn busiest(threads: &[(String, f64)]) -> String {
    let mut threads = threads.to_vec();
    threads.sort_by(|a, b| b.1.total_cmp(&a.1));
    let busiest: Vec<String> = threads
        .iter()
        .take(6)
        .map(|(name, cpu)| format!("{name} {cpu:.4}"))
        .collect();
    busiest.join(", ")
}

fn rates(text: &mut String, results: &Results) {
    let _ = writeln!(
        text,
        "\n{:<18} {:>7} {:>9} {:>8} {:>8} {:>7} {:>8}  carried",
        format!("calls of {} s", SHORT_CALL.as_secs()),
        "made",
        "ms/call",
        "200 p50",
        "200 p99",
        "failed",
        "re-sent"
    );
    let both = results
        .short
        .iter()
        .flat_map(|(z, b)| [("zeroline", z), ("bare", b)]);
    for (name, short) in both.chain(results.bursts.iter().map(|burst| ("zeroline", burst))) {
        let _ = writeln!(
            text,
            "{:<8} {:>7}/s {:>7} {:>9.3} {:>8.2} {:>8.2} {:>7} {:>8}  {}",
            name,
            short.rate,
            short.made,
            short.cpu,
            short.figures.answer_time.percentile(50.0),
            short.figures.answer_time.percentile(99.0),
            short.figures.failed,
            short.figures.retransmissions,
            if short.is_carried() { "yes" } else { "NO" }
        );
    }
    if let Some((judged, _)) = results.short.last() {
        let threads = busiest(&judged.threads);
        let _ = writeln!(
            text,
            "ms/call by thread at {} calls/s: {threads}",
            judged.rate
        );
    }
}

pub fn json(results: &Results) -> Value {
    let rows: Vec<Value> = rows(results)
        .iter()
        .map(|row| {
            json!({
                "row": row.what,
                "unit": row.unit,
                "budget": row.budget,
                "at_least": row.at_least,
                "zeroline": row.measured,
                "bare_loop": row.bare,
                "met": row.is_met(),
            })
        })
        .collect();
    let carried = |carried: &Carried| {
        json!({
            "calls": carried.calls,
            "answered": carried.answered,
            "cpu_ms_per_call_second": carried.cpu,
            "memory_bytes_per_call": carried.memory,
            "packet_interval_p50_ms": carried.figures.packet_interval.percentile(50.0),
            "packet_interval_p99_ms": carried.figures.packet_interval.percentile(99.0),
            "key_to_prompt_p50_ms": carried.figures.key_to_prompt.percentile(50.0),
            "key_to_prompt_p99_ms": carried.figures.key_to_prompt.percentile(99.0),
            "loss": carried.loss(),
            "clean": carried.is_clean(),
        })
    };
    let short = |short: &ShortCalls| {
        json!({
            "calls_per_second": short.rate,
            "made": short.made,
            "cpu_ms_per_call": short.cpu,
            "answer_p50_ms": short.figures.answer_time.percentile(50.0),
            "answer_p99_ms": short.figures.answer_time.percentile(99.0),
            "failed": short.figures.failed,
            "carried": short.is_carried(),
        })
    };
    let pair = |(zeroline, bare): (Value, Value)| json!({"zeroline": zeroline, "bare_loop": bare});
    let levels = results.carried.iter();
    let levels = levels.map(|(zeroline, bare)| pair((carried(zeroline), carried(bare))));
    let rates = results.short.iter();
    let rates = rates.map(|(zeroline, bare)| pair((short(zeroline), short(bare))));
    json!({
        "judged": {"calls": JUDGED_CALLS, "calls_per_second": JUDGED_RATE},
        "budget": rows,
        "levels": levels.collect::<Vec<_>>(),
        "short_calls": rates.collect::<Vec<_>>(),
        "bursts": results.bursts.iter().map(short).collect::<Vec<_>>(),
    })
}
