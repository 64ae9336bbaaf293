//! Every end that a transfer can have, on a real server with real telephones: SIPp, baresip, and our
//! own. Never a silence while the media is ours, never a leg left, and a record that tells what was.

#[path = "../common/mod.rs"]
mod common;

mod accepted;
mod baresip;
mod death;
mod referred;
mod rung;

use common::{Server, sipp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::caller::Caller;
use zeroline::caller::report::Report;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(90);
/// Law 2 of the design's table: never more than so much silence on the way to a person.
const DEAD_AIR: Duration = Duration::from_millis(2_000);
/// What the machine and the network may add to it.
const SLACK: Duration = Duration::from_millis(300);

/// One end: who calls, who is rung, and what the record has to say.
struct End {
    /// The called user, and the name of the dialplan for it.
    name: &'static str,
    /// The handoff's fields but `else`; `ONE` and `TWO` are the addresses of those who are rung.
    desk: &'static str,
    rung: &'static [Rung],
    caller: By,
    tells: fn(&Value),
}

/// Who is rung.
enum Rung {
    /// SIPp by these steps.
    Sipp(&'static str),
    Ours(fn() -> Behaviour),
    /// Answers, and presses a key so many milliseconds later.
    Presses(Key, u64),
    /// Nothing listens there.
    Nobody,
}

/// Who calls.
enum By {
    /// Our telephone: stays so many milliseconds after the human key was pressed.
    Staying(u64),
    /// Our telephone, until the server ends the call.
    ToTheEnd,
    /// SIPp by these steps, from the answer on.
    Sipp(&'static str),
}

/// One port after the other for SIPp's media.
fn media_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(32_000);
    NEXT.fetch_add(20, Ordering::Relaxed)
}

fn answering(hang_up_after_ms: Option<u64>) -> Behaviour {
    Behaviour::Answer(Answer {
        ring: true,
        after: Duration::from_millis(500),
        background: Some(Arc::from(vec![3_000_i16, -3_000, 3_000, -3_000])),
        hang_up_after: hang_up_after_ms.map(Duration::from_millis),
        ..Answer::default()
    })
}

/// What is behind an address while a call is made.
enum Peer {
    Sipp(sipp::Peer),
    Ours(Answerer, Option<(Key, u64)>),
    Nobody,
}

impl Rung {
    async fn listen(&self) -> (Peer, String) {
        let ours = async |behaviour: Behaviour| {
            let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), behaviour).await;
            listening.expect("loopback has a free port")
        };
        match self {
            Rung::Sipp(steps) => {
                let peer = sipp::Peer::with_steps(media_port(), steps);
                let address = peer.address.to_string();
                (Peer::Sipp(peer), address)
            }
            Rung::Ours(behaviour) => {
                let answerer = ours(behaviour()).await;
                let address = answerer.address().to_string();
                (Peer::Ours(answerer, None), address)
            }
            Rung::Presses(key, after) => {
                let answerer = ours(answering(None)).await;
                let address = answerer.address().to_string();
                (Peer::Ours(answerer, Some((*key, *after))), address)
            }
            Rung::Nobody => {
                let probe = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
                let address = probe.local_addr().expect("it is bound");
                (Peer::Nobody, address.to_string())
            }
        }
    }
}

impl Peer {
    /// Does its part, to the end of its call.
    async fn live(self) {
        match self {
            Peer::Nobody => {}
            Peer::Sipp(peer) => {
                let ended = spawn_blocking(move || peer.finish()).await;
                ended.expect("it goes as the scenario says");
            }
            Peer::Ours(mut answerer, presses) => {
                let Some(call) = answerer.next_call(LONG).await else {
                    panic!("nobody calls");
                };
                if let Some((key, after)) = presses {
                    call.until_answered(LONG).await.expect("it is answered");
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    call.press(&[key]).await.expect("it is pressed");
                }
                call.ended(LONG).await.expect("no leg is left");
            }
        }
    }
}

fn dialplan(name: &str, desk: &str) -> String {
    format!(
        "dialplan: {name}\nlanguages: [en]\ntimezone: Europe/London\n\
         greeting: Welcome to the test. This is an automatic service.\n\
         human: {{ handoff: desk }}\nstart: main\n\
         nodes:\n  main:\n    menu: For a number, press 1.\n    options:\n      \"1\": human\n\
         handoffs:\n  desk: {{ {desk}, else: message }}\n"
    )
}

/// All ends at once, on one server.
async fn come(ends: &'static [End]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut numbers = String::new();
    let mut peers = Vec::new();
    for end in ends {
        let (mut desk, mut theirs) = (end.desk.to_owned(), Vec::new());
        for (rung, place) in end.rung.iter().zip(["ONE", "TWO"]) {
            let (peer, address) = rung.listen().await;
            desk = desk.replace(place, &format!("\"sip:desk@{address}\""));
            theirs.push(peer);
        }
        let file = folder.path().join(format!("{}.yaml", end.name));
        std::fs::write(&file, dialplan(end.name, &desk)).expect("it is written");
        numbers += &format!("{}: {:?}, ", end.name, file);
        peers.push(theirs);
    }
    let settings = format!(
        "dialplans: {{ default: dialplan.yaml, numbers: {{ {numbers} }} }}\n\
         transfers: {{ allow: [\"sip:*@127.0.0.1\"] }}\n"
    );
    let start = move || {
        let flite = [("flite", common::SPEAKS)];
        Server::start_among(
            &flite,
            &dialplan("test", "ring: [\"sip:agent@zeroline.local\"]"),
            &settings,
        )
    };
    let server = spawn_blocking(start).await.expect("it starts");
    let open = server.sockets();
    let mut calls = JoinSet::new();
    for (end, theirs) in ends.iter().zip(peers) {
        calls.spawn(call(end, theirs, server.udp));
    }
    let mut reports = BTreeMap::new();
    while let Some(done) = calls.join_next().await {
        let (name, report) = done.expect("it goes as it should");
        reports.insert(name, report);
    }
    let (server, records) = spawn_blocking(move || {
        let records = server.records(ends.len());
        server.wait_for_metric("zeroline_calls 0");
        (server, records)
    })
    .await
    .expect("there are records");
    server.wait_for_sockets(open);
    assert_eq!(records.len(), ends.len(), "a record each");
    for end in ends {
        let record = records.iter().find(|it| it["called"] == end.name);
        let record = record.unwrap_or_else(|| panic!("no record of {}", end.name));
        println!("{}: {} {}", end.name, record["outcome"], record["attempts"]);
        (end.tells)(record);
        if let Some(Some(report)) = reports.get(end.name) {
            assert_no_silence(end.name, report, record);
            assert_eq!(report.keys_heard, [], "{}: an accept key", end.name);
        }
    }
}

/// The caller's part of one end; what our telephone heard.
async fn call(
    end: &'static End,
    peers: Vec<Peer>,
    server: std::net::SocketAddr,
) -> (&'static str, Option<Report>) {
    let mut living = JoinSet::new();
    for peer in peers {
        living.spawn(peer.live());
    }
    let report = match end.caller {
        By::Sipp(steps) => {
            let steps = format!(">INVITE ?<100 ?<180 <200 >ACK ~1000 {steps}");
            let calling = move || sipp::call_by_steps(server, media_port(), end.name, &steps);
            let called = spawn_blocking(calling).await;
            called.unwrap_or_else(|_| panic!("{}: the caller's scenario fails", end.name));
            None
        }
        By::Staying(_) | By::ToTheEnd => {
            let caller = Caller::to(format!("sip:{}@{server}", end.name));
            let call = caller.call().await.expect("it is called");
            call.until_answered(LONG).await.expect("it answers");
            let spoken_to = call.until(LONG, |state| state.packets_received > 20).await;
            spoken_to.expect("it speaks");
            call.press(&[Key::ZERO]).await.expect("it is pressed");
            Some(match end.caller {
                By::Staying(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    call.finish().await.expect("it is told")
                }
                _ => {
                    let ended = call.ended(LONG).await;
                    ended.unwrap_or_else(|error| panic!("{}: {error}", end.name))
                }
            })
        }
    };
    while let Some(done) = living.join_next().await {
        done.unwrap_or_else(|_| panic!("{}: the person's part fails", end.name));
    }
    (end.name, report)
}

/// From the human key until somebody has the call, or until the caller has a choice.
fn assert_no_silence(name: &str, report: &Report, record: &Value) {
    let answered = report
        .timings
        .answered
        .expect("it was answered")
        .as_secs_f64();
    let at = |seconds: f64| ((seconds - answered).max(0.0) * 8_000.0) as usize;
    let from = record["seconds_to_human_request"]
        .as_f64()
        .expect("one was wanted");
    let attempts = record["attempts"].as_array().expect("a list");
    let joined = attempts.iter().find(|it| it["failure"].is_null());
    let joined = joined.and_then(|it| {
        let confirmed = it["seconds_to_confirmed"].as_f64();
        confirmed.or(it["seconds_to_answer"].as_f64())
    });
    let failed = || {
        attempts
            .iter()
            .filter_map(|it| it["seconds_to_failure"].as_f64())
    };
    let to = joined.unwrap_or_else(|| failed().fold(from, f64::max) + 1.0);
    let heard = report.heard.get(at(from)..at(to).min(report.heard.len()));
    let heard = heard.expect("it was heard");
    let mut longest = 0;
    let mut silent = 0;
    for sample in heard {
        silent = if sample.abs() < 40 { silent + 1 } else { 0 };
        longest = longest.max(silent);
    }
    let longest = Duration::from_millis(longest / 8);
    assert!(
        longest <= DEAD_AIR + SLACK,
        "{name}: silent for {longest:?}"
    );
}

fn attempts(record: &Value) -> Vec<(Option<u64>, Option<&str>)> {
    let all = record["attempts"].as_array().expect("a list");
    let told = all
        .iter()
        .map(|it| (it["status"].as_u64(), it["failure"].as_str()));
    told.collect()
}

fn reached(record: &Value, by: &str) {
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["ended_by"], by, "{record}");
    assert!(record["seconds_to_confirmed"].is_null(), "{record}");
}

fn came_back(record: &Value, status: Option<u64>, failure: &str) {
    assert_eq!(attempts(record), [(status, Some(failure))], "{record}");
    assert_eq!(record["outcome"], "gave_up_in_queue", "{record}");
    assert_eq!(record["ended_by"], "caller", "{record}");
    assert_eq!(record["handoff_steps"], 1, "{record}");
}

const ONE: &str = "ring: [ONE]";
