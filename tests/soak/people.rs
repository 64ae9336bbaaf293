//! Those whom the server calls: people at their desks, agents who register, and callers who asked to be
//! called back.

use crate::chance::{FAILS, STUCK, Tally, count, milliseconds};
use crate::common::Server;
use crate::hotline::PASSWORD;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::Call;
use zeroline::key::Key;

/// The shortest that a registrar takes is half of it.
const REGISTERED_FOR: Duration = Duration::from_secs(60);

pub async fn telephone() -> Answerer {
    let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), Behaviour::Ring).await;
    listening.expect("loopback has a free port")
}

/// How the next call goes. Some stay until the other side ends it, but for `leaves`.
fn behaviour(rng: &mut StdRng, tally: &Tally, leaves: bool) -> Behaviour {
    let fails = rng.random_bool(FAILS * 5.0);
    if tally.is_closing() || !fails {
        let leaves = leaves || tally.is_closing() || rng.random_bool(0.5);
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
pub async fn person(mut telephone: Answerer, mut rng: StdRng, tally: Arc<Tally>) {
    let mut talks = JoinSet::new();
    loop {
        next_call(&mut telephone, &mut rng, &tally, &mut talks).await;
    }
}

async fn next_call(
    telephone: &mut Answerer,
    rng: &mut StdRng,
    tally: &Arc<Tally>,
    talks: &mut JoinSet<()>,
) {
    telephone.behave(behaviour(rng, tally, false)).await;
    if let Some(call) = telephone.next_call(Duration::from_secs(1)).await {
        count(&tally.people);
        let accepts = tally.is_closing() || !rng.random_bool(2.0 * FAILS);
        let after = milliseconds(rng, 800, 2_500);
        let presses = accepts.then_some((after, Key::ONE));
        talks.spawn(talk(call, Vec::from_iter(presses), tally.clone()));
    }
    while talks.try_join_next().is_some() {}
}

/// To the call's end; keys are pressed, each so long after the one before, the first after the answer.
async fn talk(call: Call, presses: Vec<(Duration, Key)>, tally: Arc<Tally>) {
    count(&tally.open);
    if !presses.is_empty() && call.until_answered(STUCK).await.is_ok() {
        for (after, key) in presses {
            sleep(after).await;
            // The call may be over.
            let _ = call.press(&[key]).await;
        }
    }
    let ended = call.until(STUCK * 2, |state| state.ended.is_some()).await;
    if ended.is_err() {
        count(&tally.stuck);
    }
    tally.open.fetch_sub(1, Ordering::Relaxed);
}

/// Registers by `way`, takes calls, goes away and comes back, by their telephone or by what they tell the
/// server over HTTP.
pub async fn agent(
    name: &'static str,
    (server, way): (Arc<Server>, SocketAddr),
    mut rng: StdRng,
    tally: Arc<Tally>,
) {
    let mut telephone = telephone().await;
    let (mut registered, mut away) = (false, false);
    let mut talks = JoinSet::new();
    loop {
        if !registered {
            telephone
                .register(way, name, PASSWORD, REGISTERED_FOR)
                .await;
            count(&tally.registrations);
            registered = true;
        } else if !tally.is_closing() && rng.random_bool(FAILS / 2.0) {
            telephone.unregister().await;
            registered = false;
        }
        let goes = match away {
            true => tally.is_closing() || rng.random_bool(0.3),
            false => !tally.is_closing() && rng.random_bool(FAILS),
        };
        if goes {
            away = !away;
            wish(&server, name, away).await;
            count(&tally.wishes);
        }
        if !tally.is_closing() && rng.random_bool(FAILS) {
            wish_the_impossible(&server, name).await;
        }
        next_call(&mut telephone, &mut rng, &tally, &mut talks).await;
    }
}

async fn wish(server: &Arc<Server>, name: &str, away: bool) {
    let state = if away { "away" } else { "available" };
    let (status, answer) = put(server, name, state).await;
    assert!(
        status.contains(" 200 "),
        "{name} wishes {state}: {status} {answer}"
    );
}

/// Nobody is busy by their own wish.
async fn wish_the_impossible(server: &Arc<Server>, name: &str) {
    let (status, answer) = put(server, name, "busy").await;
    assert!(status.contains(" 422 "), "{status} {answer}");
}

async fn put(server: &Arc<Server>, name: &str, state: &str) -> (String, serde_json::Value) {
    let (server, path) = (server.clone(), format!("/agents/{name}/state"));
    let body = json!({ "state": state }).to_string();
    let asked = spawn_blocking(move || server.put(&path, "", &body)).await;
    asked.expect("the console answers")
}

/// The telephone of all who asked to be called back. Who answers stays for a while, and presses keys
/// at times: who is in line again asks to be called back again by them.
pub async fn called_back(mut telephone: Answerer, mut rng: StdRng, tally: Arc<Tally>) {
    let mut talks = JoinSet::new();
    loop {
        telephone.behave(behaviour(&mut rng, &tally, true)).await;
        if let Some(call) = telephone.next_call(Duration::from_secs(1)).await {
            let presses = match !tally.is_closing() && rng.random_bool(0.7) {
                true => vec![
                    (milliseconds(&mut rng, 500, 4_000), Key::ONE),
                    (milliseconds(&mut rng, 500, 2_000), Key::ONE),
                ],
                false => Vec::new(),
            };
            let tally = tally.clone();
            talks.spawn(async move {
                let number = call.invite().map(|invite| invite.uri.user().to_string());
                let state = call.changes();
                talk(call, presses, tally.clone()).await;
                if state.borrow().answered.is_some() {
                    let mut answered = tally.called_back.lock().expect("nobody panics");
                    answered.extend(number);
                }
            });
        }
        while talks.try_join_next().is_some() {}
    }
}
