//! Recognizers that cannot keep up: `cargo bench --bench calls -- saturated`, ten minutes and as long
//! again without recognizers to compare with; `--minutes=1` for a first look.
//!
//! Fifty callers hardly stop speaking. Keys are pressed all the while, and one more caller after the
//! other presses the human key; what waits for the recognizers and the process's memory are watched.

use crate::affinity;
use crate::caller::{Caller, Figures};
use crate::scenarios::Cores;
use crate::subject::{Kind, Subject};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CALLS: usize = 50;
const KEYS_A_SECOND: f64 = 5.0;
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(30);

struct Served {
    kind: Kind,
    figures: Figures,
    /// Milliseconds from the human key to the person's ringing, in order of size.
    ringing: Vec<f64>,
    /// Human keys that no ringing followed.
    unanswered: usize,
    recognized: f64,
    lost: f64,
    most_open: f64,
    /// Resident megabytes at each look.
    memory: Vec<f64>,
}

pub fn run(cores: Cores, as_json: bool, minutes: u64) {
    let served = [Kind::Deaf, Kind::Saturated].map(|kind| {
        eprintln!("{CALLS} calls for {minutes} minutes: {}", kind.name());
        serve(kind, cores, Duration::from_secs(60 * minutes))
    });
    if as_json {
        let served = served.iter().map(Served::json).collect::<Vec<_>>();
        println!(
            "{:#}",
            json!({ "calls": CALLS, "minutes": minutes, "served": served })
        );
    } else {
        served.iter().for_each(Served::print);
    }
}

fn serve(kind: Kind, cores: Cores, window: Duration) -> Served {
    let subject = Subject::start(kind, cores.server);
    let is_over = AtomicBool::new(false);
    let (figures, looks) = std::thread::scope(|scope| {
        scope.spawn(|| press_the_human_key(subject.sip, &is_over));
        let looks = scope.spawn(|| look(&subject, &is_over));
        let figures = talk(&subject, cores, window);
        is_over.store(true, Ordering::Relaxed);
        (figures, looks.join().expect("looking does not panic"))
    });
    let pressed = subject.records();
    let pressed = pressed
        .iter()
        .filter(|it| it["human_requested_by"] == "key");
    let rang = pressed.map(|it| {
        let ringing = it["seconds_to_ringing"].as_f64()?;
        Some(1e3 * (ringing - it["seconds_to_human_request"].as_f64()?))
    });
    let (rang, unanswered): (Vec<_>, Vec<_>) = rang.partition(|it| it.is_some());
    let mut ringing: Vec<f64> = rang.into_iter().flatten().collect();
    ringing.sort_by(f64::total_cmp);
    Served {
        kind,
        figures,
        ringing,
        unanswered: unanswered.len(),
        recognized: subject.metric("zeroline_utterances_total"),
        lost: subject.metric("zeroline_utterances_lost_total"),
        most_open: looks.iter().map(|look| look.open).fold(0.0, f64::max),
        memory: looks.iter().map(|look| look.memory).collect(),
    }
}

fn talk(subject: &Subject, cores: Cores, window: Duration) -> Figures {
    affinity::pin(cores.caller);
    let mut caller = Caller::new(format!("s{}x", subject.id()), subject.sip, CALLS);
    // Both are spoken to alike, whoever listens.
    caller.speak(&Kind::Saturated.voice().expect("they speak"));
    (0..CALLS).for_each(|call| caller.invite(call));
    caller.run_for(Duration::from_secs(5));
    caller.begin_window();
    let (start, mut pressed) = (Instant::now(), 0);
    while start.elapsed() < window {
        let due = (start.elapsed().as_secs_f64() * KEYS_A_SECOND) as usize;
        (pressed..due).for_each(|number| caller.press_key(number % CALLS));
        pressed = due;
        caller.turn();
    }
    caller.run_for(Duration::from_secs(1));
    caller.end_window();
    (0..CALLS).for_each(|call| caller.hang_up(call));
    caller.run_for(Duration::from_secs(1));
    std::mem::take(&mut caller.figures)
}

/// One caller after the other, each a second after the answer.
fn press_the_human_key(server: SocketAddr, is_over: &AtomicBool) {
    use zeroline::caller::caller::Caller;
    use zeroline::key::Key;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started");
    runtime.block_on(async {
        let caller = Caller::to(format!("sip:hotline@{server}"));
        while !is_over.load(Ordering::Relaxed) {
            let call = caller.call().await.expect("it is called");
            call.until_answered(LONG).await.expect("it is answered");
            // People listen before they press, and while it rings.
            tokio::time::sleep(Duration::from_secs(1)).await;
            call.press(&[Key::ZERO]).await.expect("a key can be sent");
            tokio::time::sleep(Duration::from_secs(1)).await;
            call.finish().await;
        }
    });
}

struct Look {
    open: f64,
    memory: f64,
}

fn look(subject: &Subject, is_over: &AtomicBool) -> Vec<Look> {
    let mut looks = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        // Metrics and memory are sampled; nobody tells of a change.
        std::thread::sleep(LOOK_EVERY);
        looks.push(Look {
            open: subject.metric("zeroline_utterances"),
            memory: subject.memory() as f64 / 1e6,
        });
    }
    looks
}

impl Served {
    /// Medians of the window's second and last fifths: the first one fills caches.
    fn memory(&self) -> [f64; 2] {
        let fifth = self.memory.len() / 5;
        let median = |part: usize| {
            let mut looks = self.memory[part * fifth..(part + 1) * fifth].to_vec();
            looks.sort_by(f64::total_cmp);
            looks.get(looks.len() / 2).copied().unwrap_or(f64::NAN)
        };
        [median(1), median(4)]
    }

    fn ringing(&self, percent: usize) -> f64 {
        let at = (self.ringing.len() * percent).div_ceil(100).max(1) - 1;
        self.ringing.get(at).copied().unwrap_or(f64::NAN)
    }

    fn print(&self) {
        let figures = &self.figures;
        let [early, late] = self.memory();
        println!(
            "\n{CALLS} calls, {}\n\
             keys: {} of {} with a prompt, p50 {:.2} ms, p99 {:.2} ms\n\
             human keys: {} rang, {} did not; key to ringing p50 {:.0} ms, p99 {:.0} ms\n\
             packet interval: p50 {:.2} ms, p99 {:.2} ms\n\
             utterances: {} heard, {} lost, at most {} open at one time\n\
             memory: {early:.1} MB in the second fifth, {late:.1} MB in the last one",
            self.kind.name(),
            figures.key_to_prompt.count(),
            figures.keys_pressed,
            figures.key_to_prompt.percentile(50.0),
            figures.key_to_prompt.percentile(99.0),
            self.ringing.len(),
            self.unanswered,
            self.ringing(50),
            self.ringing(99),
            figures.packet_interval.percentile(50.0),
            figures.packet_interval.percentile(99.0),
            self.recognized,
            self.lost,
            self.most_open,
        );
    }

    fn json(&self) -> Value {
        let [early, late] = self.memory();
        json!({
            "callers": self.kind.name(),
            "keys": self.figures.keys_pressed,
            "keys_with_a_prompt": self.figures.key_to_prompt.count(),
            "key_to_prompt_p50_ms": self.figures.key_to_prompt.percentile(50.0),
            "key_to_prompt_p99_ms": self.figures.key_to_prompt.percentile(99.0),
            "human_keys_rang": self.ringing.len(),
            "human_keys_unanswered": self.unanswered,
            "human_key_to_ringing_p50_ms": self.ringing(50),
            "human_key_to_ringing_p99_ms": self.ringing(99),
            "packet_interval_p99_ms": self.figures.packet_interval.percentile(99.0),
            "utterances_heard": self.recognized,
            "utterances_lost": self.lost,
            "utterances_open_at_most": self.most_open,
            "memory_mb_early": early,
            "memory_mb_late": late,
        })
    }
}
