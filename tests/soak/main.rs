//! Callers all the time, and one in twenty of everything fails: what is looked up, what is said, who
//! is rung, who registers, who is called back, what takes letters, what is sent. No call may be stuck,
//! no record, no promise and no letter lost, and memory stays as it is.
//!
//! `ZEROLINE_SOAK_SECONDS=1800 cargo test --test soak -- --nocapture` (or `make soak`) goes on for so
//! long; `ZEROLINE_SEED` chooses other mishaps.

mod callers;
mod chance;
#[path = "../common/mod.rs"]
mod common;
mod hotline;
#[path = "../common/http_stand_in.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod http_stand_in;
mod letters;
#[path = "../common/lossy_relay.rs"]
mod lossy_relay;
mod people;
mod picture;
mod truth;

use chance::{FAILS, STUCK, Tally, told};
use common::Server;
use hotline::{AGENTS, PEOPLE, Surroundings};
use letters::Letters;
use lossy_relay::LossyRelay;
use picture::Picture;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

/// At a time.
const CALLERS: u64 = 24;
/// A run of so long has a part of everything.
const LONG: Duration = Duration::from_secs(300);

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    given.unwrap_or(default)
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

/// The means of the first third and of the last.
fn thirds(memory: &[u64]) -> (u64, u64) {
    let third = memory.len() / 3;
    (
        mean(&memory[..third]),
        mean(&memory[memory.len() - third..]),
    )
}

/// Of each part of the soak how much of it there was.
fn parts(
    picture: &Picture,
    tally: &Tally,
    letters: &Letters,
    dead: usize,
) -> Vec<(&'static str, u64)> {
    let callbacks = |state: &str| {
        let all = picture.callbacks.iter();
        all.filter(|it| it["state"] == state).count() as u64
    };
    let attempts = |is: &dyn Fn(&serde_json::Value) -> bool| {
        picture.attempts().filter(|it| is(it)).count() as u64
    };
    let records = |is: &dyn Fn(&serde_json::Value) -> bool| {
        picture.records.iter().filter(|it| is(it)).count() as u64
    };
    let of_agent = |it: &serde_json::Value| {
        let target = it["target"].as_str().unwrap_or_default();
        target.ends_with("@zeroline.local")
    };
    vec![
        ("calls to people", told(&tally.people)),
        ("callbacks made", picture.made().count() as u64),
        ("callbacks done", callbacks("done")),
        ("callbacks failed", callbacks("failed")),
        ("callbacks noted", callbacks("noted")),
        ("registrations", told(&tally.registrations)),
        ("agents' wishes", told(&tally.wishes)),
        ("agents rung", attempts(&of_agent)),
        (
            "agents who answered",
            attempts(&|it| of_agent(it) && it["seconds_to_answer"].is_f64()),
        ),
        ("letters taken", letters.taken().len() as u64),
        ("letters refused", told(&letters.refused)),
        ("letters dead", dead as u64),
        ("REFERs", attempts(&|it| it["way"] == "refer")),
        (
            "REFERs with Replaces",
            attempts(&|it| it["way"] == "attended"),
        ),
        ("REFERs taken", attempts(&|it| it["refer_accepted"] == true)),
        (
            "REFERs refused",
            attempts(&|it| it["failure"] == "refer_refused"),
        ),
        (
            "REFERs without an end",
            records(&|it| it["outcome"] == "transferred_unconfirmed"),
        ),
        ("messages left", records(&|it| !it["message"].is_null())),
    ]
}

/// All that take part but those who call.
struct World {
    server: Arc<Server>,
    /// Between callers, agents and the server.
    relay: LossyRelay,
    others: JoinSet<()>,
}

impl World {
    async fn start(seed: u64, tally: &Arc<Tally>, lookups: String, webhook: String) -> World {
        let rng = |nth: u64| StdRng::seed_from_u64(seed ^ (nth + 1) << 48);
        let (mut others, mut people) = (JoinSet::new(), Vec::new());
        for nth in 0..PEOPLE {
            let telephone = people::telephone().await;
            people.push(telephone.uri("desk"));
            others.spawn(people::person(telephone, rng(nth as u64), tally.clone()));
        }
        let telephone = people::telephone().await;
        let before_it = LossyRelay::start(telephone.address(), FAILS, seed ^ 13).await;
        others.spawn(people::called_back(telephone, rng(100), tally.clone()));
        let around = Surroundings {
            people,
            called_back: before_it.address,
            lookups,
            webhook,
        };
        let server = spawn_blocking(move || hotline::start(seed, &around)).await;
        let server = Arc::new(server.expect("it starts"));
        let relay = LossyRelay::start(server.udp, FAILS, seed).await;
        for (nth, name) in AGENTS.into_iter().enumerate() {
            let way = (server.clone(), relay.address);
            others.spawn(people::agent(
                name,
                way,
                rng(200 + nth as u64),
                tally.clone(),
            ));
        }
        World {
            server,
            relay,
            others,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_no_call_is_stuck_and_nothing_is_lost() {
    let seed = number("ZEROLINE_SEED", 1);
    let length = Duration::from_secs(number("ZEROLINE_SOAK_SECONDS", 5));
    println!("{} s; again with ZEROLINE_SEED={seed}", length.as_secs());
    let (tally, letters) = (Arc::new(Tally::default()), Arc::new(Letters::default()));
    let lookups = hotline::lookups(seed);
    let receiver = letters.receive(seed, &tally);
    let world = World::start(seed, &tally, lookups.url.clone(), receiver.url.clone()).await;
    let server = world.server.clone();
    let sockets = server.sockets();

    let end = Instant::now() + length;
    let (mut callers, patience) = (JoinSet::new(), callers::patience(length));
    for nth in 0..CALLERS {
        let way = world.relay.address;
        callers.spawn(callers::caller(
            way,
            (end, patience),
            (nth, seed),
            tally.clone(),
        ));
    }
    let mut memory = Vec::new();
    while Instant::now() < end {
        memory.push(resident(server.process_id()));
        if memory.len().is_multiple_of(60) {
            let (seconds, now) = (memory.len(), memory[memory.len() - 1]);
            println!("{seconds} s: {} calls, {now} KiB", told(&tally.calls));
            lookups.take_requests();
            receiver.take_requests();
        }
        sleep(Duration::from_secs(1)).await;
    }
    while let Some(done) = callers.join_next().await {
        done.expect("a caller goes on whatever happens");
    }
    tally.close();
    let answered = tally.answered.lock().expect("nobody panics").len();
    let at_rest = spawn_blocking(move || (Picture::at_rest(&server, answered), server)).await;
    let (picture, server) = at_rest.expect("nothing is left");
    let deadline = Instant::now() + STUCK;
    while told(&tally.open) > 0 {
        let open = told(&tally.open);
        assert!(
            Instant::now() < deadline,
            "{open} people are left on the line"
        );
        sleep(Duration::from_millis(100)).await;
    }
    let (checked, kept) = (letters.clone(), tally.clone());
    let checking = spawn_blocking(move || {
        server.wait_for_sockets(sockets);
        picture.records.iter().for_each(truth::assert_truthful);
        truth::assert_none_lost(&picture, &kept);
        truth::assert_promises(&picture);
        truth::assert_messages(&picture, &server.data());
        let dead = truth::assert_letters(&picture, &checked, &server);
        (picture, dead)
    });
    let (picture, dead) = checking.await.expect("all of it is true");
    drop(world.others);

    let mut outcomes: BTreeMap<&str, u32> = BTreeMap::new();
    for record in &picture.records {
        let outcome = record["outcome"].as_str().expect("a word");
        *outcomes.entry(outcome).or_default() += 1;
    }
    let parts = parts(&picture, &tally, &letters, dead);
    let (first, last) = thirds(&memory);
    let (stuck, lost) = (told(&tally.stuck), world.relay.lost());
    println!(
        "{} calls, {} records, {lost} datagrams lost; {outcomes:?}",
        told(&tally.calls),
        picture.records.len(),
    );
    let listed: Vec<String> = parts
        .iter()
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    println!("{}", listed.join(", "));
    println!(
        "stuck {stuck}; no record, promise, message or letter lost; memory {first} KiB in the first \
         third, {last} KiB in the last"
    );
    assert_eq!(stuck, 0, "calls are stuck");
    // At first much is made that stays, and not everything happens: only a longer time tells.
    if length >= LONG {
        assert!(last <= first + first / 10, "memory grows");
        for (what, count) in parts {
            assert!(count > 0, "{what}: none, so nothing is shown of it");
        }
    }
}
