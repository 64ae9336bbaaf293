//! Callers all the time, and one in twenty of everything fails: what is looked up, what is said, who
//! is rung, what is sent. No call may be stuck, no record lost, and memory stays as it is.
//!
//! `ZEROLINE_SOAK_SECONDS=1800 cargo test --test soak -- --nocapture` (or `make soak`) goes on for so
//! long; `ZEROLINE_SEED` chooses other mishaps.

mod common;
#[path = "common/http_stand_in.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod http_stand_in;
#[path = "common/lossy_relay.rs"]
mod lossy_relay;

use common::Server;
use http_stand_in::{Response, StandIn};
use lossy_relay::LossyRelay;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// One in twenty.
const FAILS: f64 = 0.05;
/// At a time.
const CALLERS: u64 = 24;
const PEOPLE: usize = 8;
/// The longest that a caller stays, with all that they wait for.
const PATIENCE: Duration = Duration::from_secs(40);
/// After that a call that has not ended is stuck: SIP gives up a request after 32 s.
const STUCK: Duration = Duration::from_secs(80);

/// `ONE` to `EIGHT` are addresses; `experts` take calls by the accept key.
const DIALPLAN: &str = r#"
dialplan: soak
languages: [en]
timezone: Europe/London
greeting: Welcome to the soak. This is an automatic service.
human: { handoff: desk }
start: main
nodes:
  main:
    menu: "For a parcel, press 1. For a refund, press 2. For an expert, press 3."
    options:
      "1": parcel
      "2": refund
      "3": expert
  parcel: { ask: number, prompt: Please key in your four digit number., to: lookup }
  lookup:
    http: { get: "LOOKUPS/{{ number }}", timeout: 2s, save: parcel }
    to: status
    failed: human
  status:
    say: "Parcel {{ number }} is {{ parcel.state }}."
    answers: true
    confirm_resolved: { "yes": bye, "no": human }
  refund: { transfer: refunds }
  expert: { transfer: experts }
  bye: { hangup: Goodbye. }
slots:
  number: { type: digits, length: 4 }
handoffs:
  desk: { ring: [{ to: ONE, limit: 2 }, { to: TWO, limit: 2 }, { to: THREE, limit: 2 }], order: round_robin, timeout: 5s, rest: 2s, queue: true, else: message }
  refunds: { ring: [FOUR, FIVE], way: refer, timeout: 5s, else: desk }
  experts: { ring: [SIX, SEVEN, EIGHT], order: all, accept: true, timeout: 5s, else: desk }
"#;

/// What is said during a call now and then fails, or comes too late.
const SPEAKS_AT_TIMES: &str = r#"
words=$(cat)
case "$words" in *Parcel*)
  case $(printf '%s' "SEED $words" | cksum | cut -c1-4 | tail -c 3) in
    0[0-2]) exit 1 ;;
    0[3-4]) exec sleep 30 ;;
  esac ;;
esac
"#;

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or(default)
}

/// What was done, over all callers.
#[derive(Default)]
struct Tally {
    /// Those whose call was answered, by their number.
    answered: Mutex<BTreeSet<String>>,
    stuck: AtomicU64,
    calls: AtomicU64,
    people: AtomicU64,
}

/// How the next call to a person goes.
fn behaviour(rng: &mut StdRng) -> Behaviour {
    let milliseconds =
        |rng: &mut StdRng, from, to| Duration::from_millis(rng.random_range(from..to));
    let fails = rng.random_bool(FAILS * 5.0);
    if !fails {
        let leaves = rng.random_bool(0.5);
        return Behaviour::Answer(Answer {
            ring: true,
            after: milliseconds(rng, 100, 2_000),
            background: Some(Arc::from(vec![2_000_i16, -2_000, 1_000, -1_000])),
            hang_up_after: leaves.then(|| milliseconds(rng, 1_000, 8_000)),
            ..Answer::default()
        });
    }
    match rng.random_range(0..5) {
        0 => Behaviour::Reject {
            status: 486,
            after: milliseconds(rng, 0, 1_000),
        },
        1 => Behaviour::Reject {
            status: 503,
            after: Duration::ZERO,
        },
        2 => Behaviour::Ring,
        3 => Behaviour::PlayDead,
        _ => Behaviour::Answer(Answer {
            hang_up_after: Some(Duration::ZERO),
            ..Answer::default()
        }),
    }
}

/// Is rung, until the test is over. Presses the accept key most times, which is a key like others to
/// those who are not asked for it.
async fn person(mut answerer: Answerer, mut rng: StdRng, tally: Arc<Tally>) {
    let mut talks = JoinSet::new();
    loop {
        answerer.behave(behaviour(&mut rng)).await;
        if let Some(call) = answerer.next_call(Duration::from_secs(1)).await {
            let accepts = !rng.random_bool(2.0 * FAILS);
            let after = Duration::from_millis(rng.random_range(800..2_500));
            talks.spawn(talk(call, accepts.then_some(after), tally.clone()));
        }
        while talks.try_join_next().is_some() {}
    }
}

async fn talk(call: Call, accepts_after: Option<Duration>, tally: Arc<Tally>) {
    tally.people.fetch_add(1, Ordering::Relaxed);
    if let Some(after) = accepts_after
        && call.until_answered(STUCK).await.is_ok()
    {
        sleep(after).await;
        // The call may be over.
        let _ = call.press(&[Key::ONE]).await;
    }
    if call.ended(STUCK * 2).await.is_err() {
        tally.stuck.fetch_add(1, Ordering::Relaxed);
    }
}

/// Calls, one after the other.
async fn caller(
    proxy: std::net::SocketAddr,
    end: Instant,
    (nth, seed): (u64, u64),
    tally: Arc<Tally>,
) {
    let mut rng = StdRng::seed_from_u64(seed ^ (nth << 32));
    let mut count = 0;
    while Instant::now() < end {
        count += 1;
        let from = format!("+44{nth:03}{count:07}");
        let mut caller = Caller::to(format!("sip:hotline@{proxy}"));
        caller.from = Some(from.clone());
        let call = caller.call().await.expect("the relay takes it");
        tally.calls.fetch_add(1, Ordering::Relaxed);
        if call.until_answered(STUCK).await.is_ok() {
            tally.answered.lock().expect("nobody panics").insert(from);
            let _ = tokio::time::timeout(PATIENCE, live(&call, &mut rng)).await;
        }
        call.hang_up().await;
        if call.ended(STUCK).await.is_err() {
            tally.stuck.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What a caller does in a call, until they have had enough; some hang up at any moment.
async fn live(call: &Call, rng: &mut StdRng) {
    let walks = ["0", "0", "1", "1", "1", "2", "3", ""];
    let walk = *walks.choose(rng).expect("there are some");
    wait(call, rng.random_range(200..3_000)).await;
    press(call, walk).await;
    if walk == "1" {
        wait(call, rng.random_range(300..1_500)).await;
        let number: String = (0..4)
            .map(|_| char::from(b'0' + rng.random_range(1..5)))
            .collect();
        press(call, &number).await;
        wait(call, rng.random_range(2_000..6_000)).await;
        press(call, ["1", "2", "0"].choose(rng).expect("there are some")).await;
    }
    while !rng.random_bool(0.35) && call.state().ended.is_none() {
        wait(call, rng.random_range(500..6_000)).await;
        match rng.random_range(0..10) {
            0..3 => press(call, ["0", "1", "2", "3", "*"].choose(rng).expect("some")).await,
            3 => {
                // The call may be over, or the server asks for something at the same time.
                let _ = call.hold().await;
                wait(call, 500).await;
                let _ = call.resume().await;
            }
            _ => {}
        }
    }
}

/// Waits, or for the call's end.
async fn wait(call: &Call, milliseconds: u64) {
    let _ = call
        .until(Duration::from_millis(milliseconds), |_| false)
        .await;
}

async fn press(call: &Call, keys: &str) {
    let keys: Vec<Key> = keys.chars().filter_map(Key::from_char).collect();
    // The call may be over.
    let _ = call.press(&keys).await;
}

/// The server's memory in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

fn mean(samples: &[u64]) -> u64 {
    samples.iter().sum::<u64>() / samples.len().max(1) as u64
}

/// Every attempt has an end, or somebody has the caller.
fn assert_truthful(record: &Value) {
    for attempt in record["attempts"].as_array().expect("a list") {
        let told = ["failure", "seconds_to_answer"].map(|it| !attempt[it].is_null());
        assert!(told.contains(&true), "an attempt without an end: {record}");
    }
    let confirmed = record["outcome"] == "transferred_confirmed";
    let by_key = record["attempts"].as_array().expect("a list").iter();
    let by_key = by_key.filter(|it| it["failure"].is_null() || it["failure"] == "refer_refused");
    let by_key = by_key
        .filter(|it| it["seconds_to_confirmed"].is_f64())
        .count();
    assert!(
        !confirmed || by_key > 0,
        "nobody has confirmed it: {record}"
    );
}

async fn people(seed: u64, tally: &Arc<Tally>) -> (String, JoinSet<()>) {
    let (mut dialplan, mut living) = (DIALPLAN.to_owned(), JoinSet::new());
    let names = [
        "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT",
    ];
    for (nth, name) in names.iter().enumerate().take(PEOPLE) {
        let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), Behaviour::Ring).await;
        let answerer = listening.expect("loopback has a free port");
        dialplan = dialplan.replace(name, &format!("\"{}\"", answerer.uri("desk")));
        let rng = StdRng::seed_from_u64(seed ^ (nth as u64 + 1) << 48);
        living.spawn(person(answerer, rng, tally.clone()));
    }
    (dialplan, living)
}

/// The records, when there are so many, or after a time in which all are stored.
fn stored(server: &Server, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let records = common::records(&server.data());
        if records.len() >= count || Instant::now() > deadline {
            return records;
        }
        // A store tells nobody of a new record.
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn lookups(seed: u64) -> StandIn {
    let rng = Mutex::new(StdRng::seed_from_u64(seed ^ 7));
    StandIn::start(move |_, _| {
        let mut rng = rng.lock().expect("nobody panics");
        if !rng.random_bool(FAILS) {
            return Response::new(200, "{\"state\": \"on its way\"}");
        }
        match rng.random_range(0..3) {
            0 => Response::new(500, ""),
            1 => Response {
                delay: Duration::from_secs(4),
                ..Response::new(200, "{}")
            },
            _ => Response {
                cut_at: Some(3),
                ..Response::new(200, "{\"state\": \"on its way\"}")
            },
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_no_call_is_stuck_and_no_record_lost() {
    let seed = number("ZEROLINE_SEED", 1);
    let length = Duration::from_secs(number("ZEROLINE_SOAK_SECONDS", 5));
    println!("{} s; again with ZEROLINE_SEED={seed}", length.as_secs());
    let tally = Arc::new(Tally::default());
    let lookups = lookups(seed);
    let (dialplan, people) = people(seed, &tally).await;
    let dialplan = dialplan.replace("LOOKUPS", &lookups.url);
    let flite = format!("{SPEAKS_AT_TIMES}{}", common::SPEAKS).replace("SEED", &seed.to_string());
    let start = move || {
        let settings = "transfers: { allow: [\"sip:*@127.0.0.1\"] }\n";
        Server::start_among(&[("flite", &flite)], &dialplan, settings)
    };
    let server = spawn_blocking(start).await.expect("it starts");
    let relay = LossyRelay::start(server.udp, FAILS, seed).await;
    let sockets = server.sockets();

    let end = Instant::now() + length;
    let mut callers = JoinSet::new();
    for nth in 0..CALLERS {
        callers.spawn(caller(relay.address, end, (nth, seed), tally.clone()));
    }
    let mut memory = Vec::new();
    while Instant::now() < end {
        memory.push(resident(server.process_id()));
        if memory.len().is_multiple_of(60) {
            let calls = tally.calls.load(Ordering::Relaxed);
            println!(
                "{} s: {calls} calls, {} KiB",
                memory.len(),
                memory[memory.len() - 1]
            );
            lookups.take_requests();
        }
        sleep(Duration::from_secs(1)).await;
    }
    while let Some(done) = callers.join_next().await {
        done.expect("a caller goes on whatever happens");
    }
    let answered = std::mem::take(&mut *tally.answered.lock().expect("nobody panics"));
    let count = answered.len();
    let (records, server) = spawn_blocking(move || {
        server.wait_for_metric("zeroline_calls 0");
        server.wait_for_sockets(sockets);
        (stored(&server, count), server)
    })
    .await
    .expect("nothing is left");
    drop(people);

    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    let mut recorded: BTreeMap<&str, u32> = BTreeMap::new();
    for record in &records {
        assert_truthful(record);
        assert_eq!(record["recovered"], false, "{record}");
        *outcomes
            .entry(record["outcome"].as_str().expect("a word"))
            .or_default() += 1;
        *recorded
            .entry(record["caller"].as_str().expect("a number"))
            .or_default() += 1;
    }
    let lost: Vec<_> = answered
        .iter()
        .filter(|it| !recorded.contains_key(&***it))
        .collect();
    let twice = recorded.values().filter(|count| **count > 1).count();
    let third = memory.len() / 3;
    let (first, last) = (
        mean(&memory[..third]),
        mean(&memory[memory.len() - third..]),
    );
    let stuck = tally.stuck.load(Ordering::Relaxed);
    println!(
        "{} calls, {} answered, {} records, {} calls to people; {} datagrams lost; {outcomes:?}\n\
         stuck {stuck}, records lost {}, twice {twice}; memory {first} KiB in the first third, \
         {last} KiB in the last",
        tally.calls.load(Ordering::Relaxed),
        answered.len(),
        records.len(),
        tally.people.load(Ordering::Relaxed),
        relay.lost(),
        lost.len(),
    );
    assert!(!answered.is_empty(), "no call was answered");
    assert_eq!(stuck, 0, "calls are stuck");
    assert!(lost.is_empty(), "records are lost: {lost:?}");
    assert_eq!(twice, 0, "calls have two records");
    // At first much is made that stays: only a longer time tells.
    if length >= Duration::from_secs(300) {
        assert!(last <= first + first / 10, "memory grows");
    }
    drop(server);
}
