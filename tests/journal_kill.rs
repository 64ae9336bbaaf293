//! The journal under `kill -9`: a process that writes events of many calls is killed at a random
//! moment, again and again in one data folder; after each kill every call has a record, and no event
//! older than 200 ms is lost.
//!
//! `ZEROLINE_KILLS=1000 cargo test --test journal_kill` for more than the usual 20.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
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
/// What the writer says before the first event.
const READY: &str = "ready";
/// Far longer than a writer needs to open its journal, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

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
/// that it was handed to the journal.
#[test]
fn writer() {
    let Ok(told) = std::env::var(WRITER) else {
        return;
    };
    let (seed, data) = told.split_once(' ').expect("a seed and a folder");
    let seed: u64 = seed.parse().expect("a seed");
    let (journal, _) = Journal::open(Path::new(data), LIMITS).expect("the journal opens");
    println!("{READY}");
    for thread in 0..2 {
        let journal = journal.handle();
        std::thread::spawn(move || write_calls(&journal, seed + thread));
    }
    // It is killed in this time.
    std::thread::sleep(LONG);
    panic!("nobody killed the writer");
}

fn write_calls(journal: &JournalHandle, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut calls: Vec<(CallRef, u32)> = Vec::new();
    loop {
        // A pause of no pattern: a kill may fall between any two events.
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
    let at_ms = now_ms();
    let mut entry = Entry {
        call,
        seq,
        at_ms,
        event,
    };
    while let Err(full) = journal.append(entry) {
        entry = full.into();
        // Nobody tells when the queue has room.
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut out = std::io::stdout().lock();
    let said = out.write_all(format!("{call} {seq} {at_ms}\n").as_bytes());
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

/// What the writer said before it died: call → (seq, at) of each event.
type Said = BTreeMap<CallRef, Vec<(u32, u64)>>;

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
    let (ready, is_ready) = channel();
    let reader = std::thread::spawn(move || {
        let mut said = Said::new();
        for line in out.lines().map_while(Result::ok) {
            // It may follow what the test's own frame says.
            if line.ends_with(READY) {
                let _ = ready.send(());
            }
            let mut words = line.split(' ');
            let call = words.next().and_then(|word| word.parse::<CallRef>().ok());
            let seq = words.next().and_then(|word| word.parse().ok());
            let at = words.next().and_then(|word| word.parse().ok());
            if let (Some(call), Some(seq), Some(at)) = (call, seq, at) {
                said.entry(call).or_default().push((seq, at));
            }
        }
        said
    });
    if once_it_writes {
        let told = is_ready.recv_timeout(LONG);
        told.expect("the writer begins to write");
    }
    // When it dies is what the test is about.
    std::thread::sleep(life);
    let killed_at = now_ms();
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    (reader.join().expect("reads to the end"), killed_at)
}

/// Opens what the dead process left, lets it be stored, and looks at every event that was said.
fn check_recovered(data: &Path, said: &Said, killed_at: u64) -> usize {
    let (journal, recovered) = Journal::open(data, LIMITS).expect("the journal opens again");
    // A kill may cut the write that is under way, nothing else.
    assert!(recovered.damage.len() <= 1, "{:?}", recovered.damage);
    journal.shutdown();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&store_path(data))
            .await
            .expect("the store opens");
        let mut checked = 0;
        for (call, events) in said {
            let old = |&&(_, at): &&(u32, u64)| at + MAY_BE_LOST_MS < killed_at;
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
                "call {call}: {} events kept, {} are older than {MAY_BE_LOST_MS} ms",
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
        checked += check_recovered(data.path(), &said, killed_at);
        let files = std::fs::read_dir(data.path().join("journal")).expect("is there");
        let segments = files.count() - 1; // The lock.
        assert_eq!(
            segments, 0,
            "kill {kill}: segments of stored calls are left"
        );
    }
    println!("{checked} events checked");
    assert!(
        checked as u64 > kills * 10,
        "only {checked} events were old enough to check"
    );
}
