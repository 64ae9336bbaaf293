//! The journal under `kill -9`: a process that writes events of many calls is killed at a random
//! moment, again and again in one data folder; after each kill every call has a record, and no event
//! older than 200 ms is lost. A machine that lets threads wait before they run takes its time on top of
//! that: a thread of the writer that wants to run every 5 ms shows how much.
//!
//! `ZEROLINE_KILLS=1000 cargo test --test journal_kill` for more than the usual 20.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use zeroline::events::{CallRef, EndedBy, Entry, Event, KeySource};
use zeroline::journal::append::Limits;
use zeroline::key::Key;
use zeroline::language::Language;
use zeroline::server::journal_writer::{Journal, JournalHandle};
use zeroline::store::calls::{Store, store_path};

/// Set for the process that is killed: its data folder and seed.
const WRITER: &str = "ZEROLINE_JOURNAL_WRITER";
/// Law 7.
const MAY_BE_LOST_MS: u64 = 200;
/// How often the writer says that its threads run.
const PULSE: Duration = Duration::from_millis(5);
/// A store on a slow machine has so long for what a dead process left.
const STORED_WITHIN: Duration = Duration::from_secs(60);

/// Small segments, so that kills also come while one segment follows another.
const LIMITS: Limits = Limits {
    max_calls: 20,
    call_budget: 0,
    segment_bytes: 0,
};

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_millis() as u64
}

/// The process that is killed. Writes calls until then, and says of each event on standard output
/// when it was handed to the journal.
#[test]
fn writer() {
    let Ok(told) = std::env::var(WRITER) else {
        return;
    };
    let (seed, data) = told.split_once(' ').expect("a seed and a folder");
    let seed: u64 = seed.parse().expect("a seed");
    let (journal, _) = Journal::open(Path::new(data), LIMITS).expect("the journal opens");
    std::thread::spawn(|| {
        loop {
            say(&format!("runs {}\n", now_ms()));
            std::thread::sleep(PULSE);
        }
    });
    for thread in 0..2 {
        let journal = journal.handle();
        std::thread::spawn(move || write_calls(&journal, seed + thread));
    }
    std::thread::sleep(Duration::from_secs(30));
    panic!("nobody killed the writer");
}

fn write_calls(journal: &JournalHandle, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut calls: Vec<(CallRef, u32)> = Vec::new();
    loop {
        std::thread::sleep(Duration::from_micros(rng.random_range(50..800)));
        if calls.len() < 8 && journal.can_admit() {
            let call = CallRef::from_parts(now_ms(), rng.random());
            send(journal, call, 0, started());
            calls.push((call, 1));
        }
        let Some(at) = (!calls.is_empty()).then(|| rng.random_range(0..calls.len())) else {
            continue;
        };
        let ends = rng.random_bool(0.05);
        let event = if ends { ended() } else { key(&mut rng) };
        let (call, seq) = &mut calls[at];
        send(journal, *call, *seq, event);
        *seq += 1;
        if ends {
            calls.remove(at);
        }
    }
}

fn send(journal: &JournalHandle, call: CallRef, seq: u32, event: Event) {
    let mut entry = Entry {
        call,
        seq,
        at_ms: now_ms(),
        event,
    };
    while let Err(full) = journal.append(entry) {
        entry = full.into();
        std::thread::sleep(Duration::from_millis(1));
    }
    say(&format!("{call} {seq} {}\n", now_ms()));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let said = out.write_all(line.as_bytes());
    said.and_then(|()| out.flush()).expect("the test reads");
}

fn started() -> Event {
    Event::CallStarted {
        caller: "+442079460000".into(),
        called: "hotline".into(),
        source: "192.0.2.1:5060".into(),
        sip_call_id: "abc@192.0.2.1".into(),
        dialplan: "parcel".into(),
        dialplan_version: "0123456789ab".into(),
        language: Language::En,
    }
}

fn key(rng: &mut StdRng) -> Event {
    Event::KeyPressed {
        key: Key::from_event_code(rng.random_range(0..16)),
        source: KeySource::TelephoneEvent,
    }
}

fn ended() -> Event {
    Event::CallEnded {
        by: EndedBy::Caller,
        reason: "BYE".into(),
    }
}

/// What the writer said before it died.
#[derive(Default)]
struct Said {
    /// (seq, at) of each event.
    events: BTreeMap<CallRef, Vec<(u32, u64)>>,
    /// When its threads ran.
    runs: Vec<u64>,
}

impl Said {
    fn read(out: impl BufRead, started: &Sender<()>) -> Said {
        let mut said = Said::default();
        for line in out.lines().map_while(Result::ok) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                // The first line may follow what the test's own frame says.
                [.., "runs", at] => {
                    said.runs.extend(at.parse::<u64>());
                    let _ = started.send(());
                }
                [call, seq, at] => {
                    if let (Ok(call), Ok(seq), Ok(at)) = (call.parse(), seq.parse(), at.parse()) {
                        said.events.entry(call).or_default().push((seq, at));
                    }
                }
                _ => {}
            }
        }
        said
    }

    /// The longest that a thread of the writer had to wait before it ran.
    fn longest_wait_ms(&self, killed_at: u64) -> u64 {
        let ends = self.runs.iter().skip(1).copied().chain([killed_at]);
        let pauses = self.runs.iter().zip(ends);
        let longest = pauses.map(|(&begin, end)| end.saturating_sub(begin)).max();
        longest
            .unwrap_or(0)
            .saturating_sub(PULSE.as_millis() as u64)
    }
}

/// `life` is counted from its start, or from when it begins to write.
fn write_and_kill(data: &Path, seed: u64, life: Duration, once_it_writes: bool) -> (Said, u64) {
    let mut child = Command::new(std::env::current_exe().expect("this test's path"))
        .args(["writer", "--exact", "--nocapture"])
        .env(WRITER, format!("{seed} {}", data.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this test can be run");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    let (start, started) = channel();
    let reader = std::thread::spawn(move || Said::read(out, &start));
    if once_it_writes {
        let begun = started.recv_timeout(STORED_WITHIN);
        begun.expect("the writer begins to write");
    }
    std::thread::sleep(life);
    let killed_at = now_ms();
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    (reader.join().expect("reads to the end"), killed_at)
}

/// Opens what the dead process left, and lets it be stored. A journal that is shut down does not wait
/// long for a slow store: what is left then is stored when it is opened the next time.
fn store(data: &Path) {
    let until = Instant::now() + STORED_WITHIN;
    loop {
        let (journal, recovered) = Journal::open(data, LIMITS).expect("the journal opens again");
        // A kill may cut the write that is under way, nothing else.
        assert!(recovered.damage.len() <= 1, "{:?}", recovered.damage);
        journal.shutdown();
        let files = std::fs::read_dir(data.join("journal")).expect("is there");
        let segments = files.count() - 1; // The lock.
        if segments == 0 {
            return;
        }
        assert!(Instant::now() < until, "segments of stored calls are left");
    }
}

/// Looks at every event that was said, in what was stored.
fn check_stored(data: &Path, said: &Said, killed_at: u64) -> usize {
    let may_be_lost_ms = MAY_BE_LOST_MS + said.longest_wait_ms(killed_at);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&store_path(data))
            .await
            .expect("the store opens");
        let mut checked = 0;
        for (call, events) in &said.events {
            let old = |&&(_, at): &&(u32, u64)| at + may_be_lost_ms < killed_at;
            let expected: Vec<u32> = events.iter().filter(old).map(|(seq, _)| *seq).collect();
            if expected.is_empty() {
                continue;
            }
            let record = store.record(*call).await.expect("reads");
            let record = record.unwrap_or_else(|| panic!("call {call} has no record"));
            assert_eq!(record.events_missing, 0, "call {call}");
            let entries = store.entries(*call).await.expect("reads");
            let kept: Vec<u32> = entries.iter().map(|entry| entry.seq).collect();
            assert_eq!(
                kept,
                (0..kept.len() as u32).collect::<Vec<u32>>(),
                "call {call}"
            );
            assert!(
                kept.len() >= expected.len(),
                "call {call}: {} events kept, {} are older than {may_be_lost_ms} ms",
                kept.len(),
                expected.len()
            );
            checked += expected.len();
        }
        store.close().await;
        checked
    })
}

#[test]
fn no_call_is_lost_to_a_kill() {
    if std::env::var(WRITER).is_ok() {
        return;
    }
    let kills = std::env::var("ZEROLINE_KILLS").ok();
    let kills: u64 = kills.map_or(20, |kills| kills.parse().expect("a number of kills"));
    let seed = now_ms();
    println!("seed {seed}, {kills} kills");
    let mut rng = StdRng::seed_from_u64(seed);
    let data = tempfile::tempdir().expect("a temporary folder");
    let mut checked = 0;
    for kill in 0..kills {
        let life = Duration::from_millis(rng.random_range(1..700));
        let once_it_writes = kill % 2 == 1;
        let (said, killed_at) = write_and_kill(data.path(), rng.random(), life, once_it_writes);
        store(data.path());
        checked += check_stored(data.path(), &said, killed_at);
    }
    println!("{checked} events checked");
    assert!(
        checked as u64 > kills * 10,
        "only {checked} events were old enough to check"
    );
}
