//! Every end that a transfer can have, on a real server with real telephones: SIPp, baresip, and our
//! own. Never a silence while the media is ours, never a leg left, and a record that tells what was.

mod common;

use common::baresip::Baresip;
use common::{DIALPLAN, Server, sipp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
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

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_rung_by_us() {
    static ENDS: &[End] = &[
        End {
            name: "answered",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 ~300 >200 <ACK <BYE >200")],
            caller: By::Staying(3_000),
            tells: |record| reached(record, "caller"),
        },
        End {
            name: "hung_up_at_once",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 >200 <ACK >BYE <200")],
            caller: By::ToTheEnd,
            tells: |record| reached(record, "agent"),
        },
        End {
            name: "busy",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 >486 <ACK")],
            caller: By::Staying(3_500),
            tells: |record| came_back(record, Some(486), "busy"),
        },
        End {
            name: "declined",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 ~500 >603 <ACK")],
            caller: By::Staying(4_000),
            tells: |record| came_back(record, Some(603), "declined"),
        },
        End {
            name: "out_of_service",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >503 <ACK")],
            caller: By::Staying(3_500),
            tells: |record| came_back(record, Some(503), "unreachable"),
        },
        End {
            name: "elsewhere",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >302 <ACK")],
            caller: By::Staying(3_500),
            tells: |record| came_back(record, Some(302), "other"),
        },
        End {
            name: "no_answer",
            desk: "ring: [ONE], timeout: 5s",
            rung: &[Rung::Sipp("<INVITE >180 <CANCEL >200 >487 <ACK")],
            caller: By::Staying(8_000),
            tells: |record| came_back(record, None, "no_answer"),
        },
        End {
            name: "nobody_there",
            desk: "ring: [ONE], timeout: 5s",
            rung: &[Rung::Nobody],
            caller: By::Staying(8_000),
            tells: |record| {
                let (status, failure) = attempts(record)[0];
                assert_eq!(status, None, "{record}");
                let either = [Some("unreachable"), Some("no_answer")];
                assert!(either.contains(&failure), "{record}");
            },
        },
        End {
            name: "the_next_one",
            desk: "ring: [ONE, TWO]",
            rung: &[
                Rung::Sipp("<INVITE >486 <ACK"),
                Rung::Sipp("<INVITE >180 >200 <ACK <BYE >200"),
            ],
            caller: By::Staying(4_000),
            tells: |record| {
                let both = [(Some(486), Some("busy")), (None, None)];
                assert_eq!(attempts(record), both, "{record}");
                reached(record, "caller");
            },
        },
        End {
            name: "the_caller_goes_while_it_rings",
            desk: ONE,
            rung: &[Rung::Sipp("<INVITE >180 <CANCEL >200 >487 <ACK")],
            caller: By::Staying(2_500),
            tells: |record| {
                assert_eq!(attempts(record), [(None, Some("cancelled"))], "{record}");
                assert_eq!(record["outcome"], "gave_up_while_ringing", "{record}");
            },
        },
        // The 200 is under way when our CANCEL comes: it is acknowledged, and ended.
        End {
            name: "answered_too_late",
            desk: "ring: [ONE], timeout: 5s",
            rung: &[Rung::Sipp(
                "<INVITE >180 <CANCEL >481 >INVITE:200 <ACK <BYE >200",
            )],
            caller: By::Staying(8_000),
            tells: |record| came_back(record, None, "no_answer"),
        },
        End {
            name: "answered_as_the_caller_went",
            desk: ONE,
            rung: &[Rung::Sipp(
                "<INVITE >180 <CANCEL >481 >INVITE:200 <ACK <BYE >200",
            )],
            caller: By::Staying(2_500),
            tells: |record| {
                assert_eq!(attempts(record), [(None, Some("cancelled"))], "{record}");
                assert_eq!(record["outcome"], "gave_up_while_ringing", "{record}");
            },
        },
        End {
            name: "both_hang_up",
            desk: ONE,
            rung: &[Rung::Ours(|| answering(Some(2_500)))],
            caller: By::Staying(3_000),
            tells: |record| {
                assert_eq!(record["outcome"], "transferred_answered", "{record}");
            },
        },
        End {
            name: "two_answer_at_once",
            desk: "ring: [ONE, TWO], order: all",
            rung: &[
                Rung::Ours(|| answering(None)),
                Rung::Ours(|| answering(None)),
            ],
            caller: By::Staying(4_000),
            tells: |record| {
                let mut told = attempts(record);
                told.sort();
                assert_eq!(told, [(None, None), (None, Some("cancelled"))], "{record}");
                reached(record, "caller");
            },
        },
    ];
    come(ENDS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_are_told_whose_call_it_is() {
    static ENDS: &[End] = &[
        End {
            name: "accepted",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Presses(Key::ONE, 2_000)],
            caller: By::Staying(6_000),
            tells: |record| {
                assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
                let attempt = &record["attempts"][0];
                let seconds = |what: &str| attempt[what].as_f64().expect("a time");
                let told = seconds("seconds_to_confirmed") - seconds("seconds_to_answer");
                assert!(told > 1.5, "{record}");
            },
        },
        End {
            name: "turned_down",
            desk: "ring: [ONE, TWO], accept: true",
            rung: &[
                Rung::Presses(Key::TWO, 2_000),
                Rung::Presses(Key::ONE, 1_000),
            ],
            caller: By::Staying(8_000),
            tells: |record| {
                let both = [(None, Some("declined")), (None, None)];
                assert_eq!(attempts(record), both, "{record}");
                assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
            },
        },
        // It speaks, and presses nothing: a voicemail does.
        End {
            name: "voicemail",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Ours(|| answering(None))],
            caller: By::Staying(24_000),
            tells: |record| {
                came_back(record, None, "not_accepted");
                assert!(record["seconds_to_answer"].is_f64(), "{record}");
            },
        },
        End {
            name: "gone_while_told",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Sipp("<INVITE >180 >200 <ACK ~1500 >BYE <200")],
            caller: By::Staying(6_000),
            tells: |record| came_back(record, None, "not_accepted"),
        },
        End {
            name: "the_caller_goes_while_they_are_told",
            desk: "ring: [ONE], accept: true",
            rung: &[Rung::Sipp("<INVITE >180 >200 <ACK <BYE >200")],
            caller: By::Staying(3_000),
            tells: |record| {
                assert_eq!(attempts(record), [(None, Some("cancelled"))], "{record}");
                assert_eq!(record["outcome"], "gave_up_while_ringing", "{record}");
            },
        },
    ];
    come(ENDS).await;
}

const REFER: &str = "ring: [ONE], way: refer, timeout: 5s";
const ATTENDED: &str = "ring: [ONE], way: attended";

fn not_passed_on(record: &Value, status: u64, ended_by: &str) {
    let refused = (Some(status), Some("refer_refused"));
    assert_eq!(attempts(record)[0], refused, "{record}");
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["ended_by"], ended_by, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_to_whom_the_exchange_is_asked_to_pass_the_call() {
    static ENDS: &[End] = &[
        End {
            name: "refer_forbidden",
            desk: REFER,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >403 <BYE >200"),
            tells: |record| not_passed_on(record, 403, "agent"),
        },
        End {
            name: "refer_unknown",
            desk: REFER,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >405 <BYE >200"),
            tells: |record| not_passed_on(record, 405, "agent"),
        },
        End {
            name: "refer_declined",
            desk: REFER,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >603 <BYE >200"),
            tells: |record| not_passed_on(record, 603, "agent"),
        },
        End {
            name: "referred",
            desk: REFER,
            rung: &[Rung::Nobody],
            caller: By::Sipp(
                ">INFO:0 <200 <REFER:sip:desk@ >202 >NOTIFY:100 <200 >NOTIFY:180 <200 ~300 \
                 >NOTIFY:200 <200 <BYE >200",
            ),
            tells: |record| {
                assert_eq!(attempts(record), [(None, None)], "{record}");
                reached(record, "transfer");
                assert!(record["seconds_to_ringing"].is_f64(), "{record}");
            },
        },
        End {
            name: "referred_and_busy",
            desk: REFER,
            rung: &[Rung::Nobody],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >202 >NOTIFY:486 <200 ~2500 >BYE <200"),
            tells: |record| came_back(record, Some(486), "busy"),
        },
        // Nobody tells what came of it, and the caller is still with us.
        End {
            name: "referred_without_a_word",
            desk: REFER,
            rung: &[Rung::Nobody],
            caller: By::Sipp(">INFO:0 <200 <REFER:sip:desk@ >202 ~18000 >BYE <200"),
            tells: |record| came_back(record, None, "no_answer"),
        },
        End {
            name: "attended",
            desk: ATTENDED,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(
                ">INFO:0 <200 <REFER:Replaces= >202 >NOTIFY:100 <200 ~1500 >NOTIFY:200 <200 <BYE >200",
            ),
            tells: |record| {
                assert_eq!(attempts(record), [(None, None)], "{record}");
                reached(record, "transfer");
            },
        },
        End {
            name: "attended_refused",
            desk: ATTENDED,
            rung: &[Rung::Ours(|| answering(Some(2_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:Replaces= >603 <BYE >200"),
            tells: |record| not_passed_on(record, 603, "agent"),
        },
        // Who was on the line went, and nobody tells where: the caller has a choice.
        End {
            name: "attended_without_a_word",
            desk: ATTENDED,
            rung: &[Rung::Ours(|| answering(Some(1_000)))],
            caller: By::Sipp(">INFO:0 <200 <REFER:Replaces= >202 ~8000 >BYE <200"),
            tells: |record| {
                assert_eq!(record["outcome"], "transferred_answered", "{record}");
                assert_eq!(record["ended_by"], "caller", "{record}");
                assert_eq!(record["handoff_steps"], 1, "{record}");
            },
        },
        // SIPp sends no sound: after half a minute it is asked whether it is there, and asks itself.
        End {
            name: "re_invites_cross",
            desk: ONE,
            rung: &[Rung::Ours(|| answering(None))],
            caller: By::Sipp(
                ">INFO:0 <200 <INVITE >491 <ACK >INVITE ?<100 <200 >ACK <INVITE >200 <ACK ~500 \
                 >BYE <200",
            ),
            tells: |record| reached(record, "caller"),
        },
    ];
    come(ENDS).await;
}

/// Its keys are the caller's to hear as soon as it has the call.
#[tokio::test(flavor = "multi_thread")]
async fn baresip_takes_the_call_by_the_accept_key() {
    let dialplan = DIALPLAN.replace(
        "ring: [\"sip:agent@zeroline.local\"]",
        "ring: [\"sip:anna@zeroline.local\"], accept: true",
    );
    let agents = "agents: { anna: { password: secret } }\n";
    let server = Server::start_with(&dialplan, agents);
    let telephone = Baresip::start(&format!(
        "<sip:anna@{};transport=udp>;auth_user=anna;auth_pass=secret;regint=120;answermode=auto",
        server.udp
    ));
    server.wait_for_metric("zeroline_agents{state=\"available\"} 1");
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 20).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    server.wait_for_metric("zeroline_targets_answered_total 1");
    let mut console = telephone.console();
    let mut joined = call
        .until(Duration::from_millis(500), |it| it.heard().contains('1'))
        .await;
    while joined.is_err() {
        assert!(call.state().ended.is_none(), "it is not taken: {joined:?}");
        write!(console, "1").expect("it listens");
        joined = call
            .until(Duration::from_millis(500), |it| it.heard().contains('1'))
            .await;
    }
    call.finish().await.expect("it is told");
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
    assert!(record["attempts"][0]["failure"].is_null(), "{record}");
}

/// The process dies while one caller's person rings and another's talks: what the journal has is true,
/// and nothing that is not known is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_the_middle_tells_what_it_knew() {
    let listen = async |behaviour| {
        let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), behaviour).await;
        listening.expect("loopback has a free port")
    };
    let mut rings = listen(Behaviour::Ring).await;
    let mut talks = listen(answering(None)).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut numbers = String::new();
    for (name, person) in [("rings", &rings), ("talks", &talks)] {
        let file = folder.path().join(name);
        let desk = format!("ring: [\"{}\"]", person.uri("desk"));
        std::fs::write(&file, dialplan(name, &desk)).expect("it is written");
        numbers += &format!("{name}: {file:?}, ");
    }
    let settings = format!(
        "dialplans: {{ default: dialplan.yaml, numbers: {{ {numbers} }} }}\n\
         transfers: {{ allow: [\"sip:*@127.0.0.1\"] }}\n"
    );
    let mut server = Server::start_with(DIALPLAN, &settings);
    let mut calls = Vec::new();
    for name in ["rings", "talks"] {
        let call = Caller::to(format!("sip:{name}@{}", server.udp))
            .call()
            .await;
        let call = call.expect("it is called");
        call.until_answered(LONG).await.expect("it answers");
        let spoken_to = call.until(LONG, |state| state.packets_received > 20).await;
        spoken_to.expect("it speaks");
        call.press(&[Key::ZERO]).await.expect("it is pressed");
        calls.push(call);
    }
    let ringing = rings.next_call(LONG).await.expect("it is rung");
    let talking = talks.next_call(LONG).await.expect("it is rung");
    talking.until_answered(LONG).await.expect("they talk");
    // What is older than 200 ms is never lost.
    let heard = talking.state().packets_received;
    let later = talking.until(LONG, |state| state.packets_received > heard + 50);
    later.await.expect("the caller is heard");
    server.kill();
    server.restart();
    let records = server.records(2);
    let record = |name| {
        let record = records.iter().find(|it| it["called"] == name);
        record.unwrap_or_else(|| panic!("{name} is lost"))
    };
    for (name, outcome) in [("rings", "dropped"), ("talks", "transferred_answered")] {
        let record = record(name);
        assert_eq!(record["outcome"], outcome, "{record}");
        assert_eq!(record["recovered"], true, "{record}");
        assert!(record["ended_by"].is_null(), "{record}");
        assert_eq!(attempts(record), [(None, None)], "{record}");
        assert!(record["seconds_to_ringing"].is_f64(), "{record}");
    }
    assert!(record("rings")["seconds_to_answer"].is_null());
    server.wait_for_metric("zeroline_calls 0");
    drop((calls, ringing));
}

/// A telephone that passes a call on as its maker thought, not as a scenario says.
#[tokio::test(flavor = "multi_thread")]
async fn baresip_passes_its_call_on_to_the_person() {
    let person =
        sipp::Peer::with_steps(media_port(), "<INVITE >180 ~300 >200 <ACK ~1000 >BYE <200");
    let ring = format!("ring: [\"sip:desk@{}\"], way: refer", person.address);
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &ring);
    let settings = "transfers: { allow: [\"sip:*@127.0.0.1\"] }\n";
    let server = Server::start_with(&dialplan, settings);
    let telephone = Baresip::start("<sip:+442079460001@127.0.0.1>;regint=0");
    let mut console = telephone.console();
    writeln!(console, "/dial sip:hotline@{}", server.udp).expect("it listens");
    server.wait_for_metric("zeroline_human_offers_total 1");
    write!(console, "0").expect("it listens");
    let rung = spawn_blocking(move || person.finish()).await;
    rung.expect("the person is called by baresip, and hangs up");
    let record = server.records(1).remove(0);
    assert_eq!(record["attempts"][0]["way"], "refer", "{record}");
    assert_eq!(record["attempts"][0]["refer_accepted"], true, "{record}");
    reached(&record, "transfer");
}
