//! How callers who speak are served: `cargo bench --bench calls -- voice`.
//!
//! Four callers at once over real SIP and RTP, with a synthesized voice: from the end of what they
//! say to the first packet of the answer, with each stage's share; from the begin of what they say
//! into a prompt to the prompt's last packet. Then a hundred calls that are listened to, beside a
//! hundred that are not: processor time and the packets' lateness.

mod answers;
mod server;

use crate::scenarios::{Carried, Cores, carry};
use crate::subject::Kind;
use answers::Answers;
use serde_json::json;
use server::Engine;
use std::time::Duration;

/// Calls that are listened to at one time, and for how long they are watched.
const LISTENED: usize = 100;
const WINDOW: Duration = Duration::from_secs(20);

/// `turns` of each caller with each engine.
pub fn run(cores: Cores, as_json: bool, turns: usize) {
    let engines = [Engine::BuiltIn, Engine::Whisper];
    let answers: Vec<(Engine, Answers)> = engines
        .into_iter()
        .map(|engine| {
            eprintln!("four callers speak: {}", engine.name());
            let answers = answers::measure(engine, turns);
            eprint!("{}", answers.table(engine.name()));
            (engine, answers)
        })
        .collect();
    let listened = [
        Kind::Deaf,
        Kind::Listening { speech: false },
        Kind::Listening { speech: true },
    ];
    let listened: Vec<(Kind, Carried)> = listened
        .into_iter()
        .map(|kind| {
            eprintln!("{LISTENED} calls: {}", kind.name());
            (kind, carry(kind, cores, LISTENED, 50, WINDOW))
        })
        .collect();
    if as_json {
        let answers = answers.iter().map(|(engine, it)| it.json(engine.name()));
        let listened = listened.iter().map(|(kind, it)| {
            json!({
                "callers": kind.name(),
                "cpu_ms_per_call_second": it.cpu,
                "packet_interval_p99_ms": it.figures.packet_interval.percentile(99.0),
                "key_to_prompt_p99_ms": it.figures.key_to_prompt.percentile(99.0),
                "memory_bytes_per_call": it.memory,
            })
        });
        let document = json!({
            "answers": answers.collect::<Vec<_>>(),
            "listened": listened.collect::<Vec<_>>(),
        });
        println!("{document:#}");
        return;
    }
    for (engine, answers) in &answers {
        print!("{}", answers.table(engine.name()));
    }
    println!(
        "\n{:<42} {:>8} {:>9} {:>9} {:>9} {:>8}",
        format!("{LISTENED} calls at one time"),
        "% core",
        "ptime p50",
        "ptime p99",
        "key p99",
        "KB/call"
    );
    for (kind, carried) in &listened {
        let figures = &carried.figures;
        println!(
            "{:<42} {:>8.3} {:>9.2} {:>9.2} {:>9.2} {:>8.0}",
            kind.name(),
            carried.cpu / 10.0,
            figures.packet_interval.percentile(50.0),
            figures.packet_interval.percentile(99.0),
            figures.key_to_prompt.percentile(99.0),
            carried.memory / 1e3,
        );
    }
}
