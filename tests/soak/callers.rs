//! Those who call the hotline.

use crate::chance::{STUCK, Tally, count, milliseconds};
use crate::hotline::{CALLED_BACK, NOT_CALLED_BACK};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::audio::tones::chord;
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::caller::referral::Referral;
use zeroline::key::Key;

/// The longest that a caller stays in a run of such a length, with all that they wait for.
pub fn patience(length: Duration) -> Duration {
    (2 * length).min(Duration::from_secs(40))
}

/// Calls, one after the other.
pub async fn caller(
    proxy: SocketAddr,
    (end, patience): (Instant, Duration),
    (nth, seed): (u64, u64),
    tally: Arc<Tally>,
) {
    let mut rng = StdRng::seed_from_u64(seed ^ (nth << 32));
    let country = match nth % 6 {
        5 => NOT_CALLED_BACK,
        _ => CALLED_BACK,
    };
    let mut calls = 0;
    while Instant::now() < end {
        calls += 1;
        let from = format!("{country}{nth:03}{calls:07}");
        let mut caller = Caller::to(format!("sip:hotline@{proxy}"));
        caller.from = Some(from.clone());
        caller.referral = referral(&mut rng);
        let call = caller.call().await.expect("the relay takes it");
        count(&tally.calls);
        if call.until_answered(STUCK).await.is_ok() {
            tally.answered.lock().expect("nobody panics").insert(from);
            let _ = tokio::time::timeout(patience, live(&call, &mut rng)).await;
        }
        call.hang_up().await;
        if call.ended(STUCK).await.is_err() {
            count(&tally.stuck);
        }
    }
}

/// How the caller's exchange takes a REFER.
fn referral(rng: &mut StdRng) -> Option<Referral> {
    let mut told = |statuses: &[u16]| {
        let mut at = Duration::ZERO;
        let told = statuses.iter().map(|&status| {
            at += milliseconds(rng, 50, 1_500);
            (at, status)
        });
        told.collect()
    };
    let taken = [
        told(&[100, 180, 200]),
        told(&[200]),
        told(&[180, 486]),
        told(&[503]),
        // Nobody ever tells how it ended.
        told(&[100]),
        told(&[]),
    ];
    let status = *[202, 202, 202, 202, 202, 603, 405].choose(rng)?;
    (status != 405).then(|| Referral {
        status,
        told: taken.choose(rng).cloned().unwrap_or_default(),
    })
}

/// What a caller does in a call, until they have had enough; some hang up at any moment.
async fn live(call: &Call, rng: &mut StdRng) {
    let walks = ["0", "0", "1", "1", "1", "21", "22", "3", "4", "4", "5", ""];
    let walk = *walks.choose(rng).expect("there are some");
    wait(call, rng.random_range(200..3_000)).await;
    press(call, walk).await;
    match walk {
        "1" => ask_for_a_parcel(call, rng).await,
        "4" => want_to_be_called_back(call, rng).await,
        "5" => leave_a_message(call, rng).await,
        _ => {}
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

async fn ask_for_a_parcel(call: &Call, rng: &mut StdRng) {
    wait(call, rng.random_range(300..1_500)).await;
    let number: String = (0..4)
        .map(|_| char::from(b'0' + rng.random_range(1..5)))
        .collect();
    press(call, &number).await;
    wait(call, rng.random_range(2_000..6_000)).await;
    press(call, ["1", "2", "0"].choose(rng).expect("there are some")).await;
}

/// In line it is the first choice, after a vain search the second; then the number is right.
async fn want_to_be_called_back(call: &Call, rng: &mut StdRng) {
    wait(call, rng.random_range(1_000..7_000)).await;
    press(call, ["1", "1", "2"].choose(rng).expect("there are some")).await;
    wait(call, rng.random_range(300..2_500)).await;
    press(call, "1").await;
    wait(call, rng.random_range(300..4_000)).await;
}

/// A key skips the words before the tone, and another ends the message; some only hang up.
async fn leave_a_message(call: &Call, rng: &mut StdRng) {
    wait(call, rng.random_range(200..1_500)).await;
    press(call, "3").await;
    let samples = rng.random_range(0..4) * 8_000;
    // The call may be over.
    let _ = call
        .play_to_its_end(chord(&[(300.0, -25.0)], samples))
        .await;
    if rng.random_bool(0.7) {
        press(call, "#").await;
        wait(call, rng.random_range(500..3_000)).await;
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
