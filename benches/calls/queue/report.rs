//! The figures, as text and as JSON.

use super::{Heard, Spent, Waited};
use crate::histogram::Histogram;
use serde_json::{Value, json};

/// Of values in order of size.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let at = (values.len() * percent).div_ceil(100).max(1) - 1;
    values.get(at).copied().unwrap_or(f64::NAN)
}

fn in_words(intervals: &Histogram) -> String {
    format!(
        "p50 {:.2}, p99 {:.2}, p99.9 {:.2}, longest {:.2} ms",
        intervals.percentile(50.0),
        intervals.percentile(99.0),
        intervals.percentile(99.9),
        intervals.longest(),
    )
}

impl Spent {
    fn ms_a_call_second(&self) -> f64 {
        1e3 * self.cpu / self.call_seconds
    }

    fn core(&self) -> f64 {
        100.0 * self.cpu / self.time
    }

    fn synthesizers(&self) -> f64 {
        100.0 * self.children_cpu / self.time
    }
}

impl Heard {
    fn lost(&self) -> f64 {
        let figures = &self.figures;
        let lost = figures.expected.saturating_sub(figures.received);
        100.0 * lost as f64 / figures.expected.max(1) as f64
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<12} packet interval {}; {} packets, {:.3} % lost\n\
             {:<12} a thread that does nothing {}",
            in_words(&self.figures.packet_interval),
            self.figures.received,
            self.lost(),
            "",
            in_words(&self.idle),
        );
    }

    fn json(&self) -> Value {
        let interval = |intervals: &Histogram| {
            json!({
                "p50_ms": intervals.percentile(50.0),
                "p99_ms": intervals.percentile(99.0),
                "p99_9_ms": intervals.percentile(99.9),
                "longest_ms": intervals.longest(),
            })
        };
        json!({
            "packets": self.figures.received,
            "packets_lost_percent": self.lost(),
            "packet_interval": interval(&self.figures.packet_interval),
            "idle_thread_interval": interval(&self.idle),
        })
    }
}

impl Waited {
    /// Kilobytes a call: with a prompt, and what it has more when it waits.
    fn memory(&self, callers: usize) -> [f64; 2] {
        let [empty, prompt, line] = self.memory.map(|bytes| bytes as f64 / 1e3);
        [
            (prompt - empty) / callers as f64,
            (line - prompt) / self.waiting.max(1) as f64,
        ]
    }

    pub fn print(&self, callers: usize, people: usize) {
        println!("\n{callers} callers, {people} people");
        self.prompt.print("a prompt");
        self.line.print("in line");
        for (name, spent) in [
            ("a prompt", &self.prompt.spent),
            ("all in line", &self.all_in_line),
            ("in line", &self.line.spent),
        ] {
            println!(
                "{name:<12} CPU a call-second {:.3} ms, {:.1} % of the core; and {:.1} % for \
                 synthesizers; {:.0} s",
                spent.ms_a_call_second(),
                spent.core(),
                spent.synthesizers(),
                spent.time,
            );
        }
        let [prompt, line] = self.memory(callers);
        println!(
            "memory: {prompt:.1} KB a call with a prompt, {line:.1} KB more a call in line ({} of them)",
            self.waiting
        );
        let told = &self.told;
        println!(
            "order: {} served, {} out of order, {} rung again; waits p50 {:.1} s, longest {:.1} s\n\
             places: {} told to {} callers, {} of them wrong",
            told.waits.len(),
            told.out_of_order,
            told.rung_again,
            percentile(&told.waits, 50),
            percentile(&told.waits, 100),
            told.positions,
            told.queued,
            told.wrong_positions,
        );
        for (name, errors) in [("first", &told.first_estimates), ("all", &told.estimates)] {
            println!(
                "estimates, {name}: {} told, off by {:.0} % at the median, {:.0} % at p90",
                errors.len(),
                100.0 * percentile(errors, 50),
                100.0 * percentile(errors, 90),
            );
        }
        println!(
            "calls lost: {}; records: {}; outcomes: {:?}",
            self.line.figures.failed, self.records, self.outcomes
        );
    }

    pub fn json(&self, callers: usize, people: usize) -> Value {
        let spent = |spent: &Spent| {
            json!({
                "seconds": spent.time,
                "cpu_ms_per_call_second": spent.ms_a_call_second(),
                "core_percent": spent.core(),
                "synthesizers_percent": spent.synthesizers(),
            })
        };
        let errors = |errors: &[f64]| {
            json!({
                "told": errors.len(),
                "error_p50": percentile(errors, 50),
                "error_p90": percentile(errors, 90),
            })
        };
        let [prompt, line] = self.memory(callers);
        let told = &self.told;
        json!({
            "callers": callers,
            "people": people,
            "with_a_prompt": self.prompt.json(),
            "in_line": self.line.json(),
            "spent_with_a_prompt": spent(&self.prompt.spent),
            "spent_all_in_line": spent(&self.all_in_line),
            "spent_in_line": spent(&self.line.spent),
            "memory_kb_per_call": prompt,
            "memory_kb_more_per_call_in_line": line,
            "served": told.waits.len(),
            "out_of_order": told.out_of_order,
            "rung_again": told.rung_again,
            "places_told": told.positions,
            "places_wrong": told.wrong_positions,
            "first_estimates": errors(&told.first_estimates),
            "all_estimates": errors(&told.estimates),
            "wait_p50_s": percentile(&told.waits, 50),
            "wait_longest_s": percentile(&told.waits, 100),
            "calls_lost": self.line.figures.failed,
            "records": self.records,
        })
    }
}
