//! What callers were told while they waited, against what then was; from the calls' own events.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use zeroline::events::{CallRef, Entry, Event};
use zeroline::store::calls::{Store, store_path};

/// Two calls' events may be in the journal in another order than they happened in, when that was so
/// near to each other.
const AT_ONCE_MS: u64 = 20;

/// One caller's way through the line; Unix times in milliseconds.
struct Way {
    asked: u64,
    places: Vec<Place>,
    /// When each person was rung.
    tried: Vec<u64>,
}

struct Place {
    at: u64,
    position: u32,
    /// Seconds.
    estimate: Option<u32>,
}

pub struct Told {
    /// Callers who were told a place.
    pub queued: usize,
    pub out_of_order: usize,
    /// Callers for whom a person was rung more than once.
    pub rung_again: usize,
    pub positions: usize,
    /// Of them, those that were not where the caller stood.
    pub wrong_positions: usize,
    /// |told − waited| / waited of each caller's first estimate, in order of size.
    pub first_estimates: Vec<f64>,
    /// Of every estimate.
    pub estimates: Vec<f64>,
    /// Seconds from the human key to a person's ringing, in order of size.
    pub waits: Vec<f64>,
}

pub fn outcomes(records: &[Value]) -> Vec<(String, usize)> {
    let mut outcomes = BTreeMap::new();
    for record in records {
        let outcome = record["outcome"].as_str().unwrap_or("none").to_string();
        *outcomes.entry(outcome).or_default() += 1;
    }
    outcomes.into_iter().collect()
}

pub fn read(data: &Path, records: &[Value]) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be started");
    let ways = runtime.block_on(async {
        let store = Store::open_to_read(&store_path(data)).await;
        let store = store.expect("the store can be read");
        let mut ways = Vec::new();
        for record in records {
            let call = record["call"].as_str().expect("it has a name");
            let call: CallRef = call.parse().expect("a name is a ULID");
            ways.extend(way(&store.entries(call).await.expect("it has events")));
        }
        ways
    });
    compare(ways)
}

/// `None`: this caller wanted nobody.
fn way(entries: &[Entry]) -> Option<Way> {
    let asked = entries
        .iter()
        .find(|entry| matches!(entry.event, Event::HumanRequested { .. }))?;
    let mut way = Way {
        asked: asked.at_ms,
        places: Vec::new(),
        tried: Vec::new(),
    };
    for entry in entries {
        match entry.event {
            Event::Queued {
                position,
                estimate_s,
                ..
            } => way.places.push(Place {
                at: entry.at_ms,
                position,
                estimate: estimate_s,
            }),
            Event::TargetTried { .. } => way.tried.push(entry.at_ms),
            _ => {}
        }
    }
    Some(way)
}

fn compare(mut ways: Vec<Way>) -> Told {
    ways.sort_by_key(|way| way.asked);
    let start = ways.first().map_or(0, |way| way.asked);
    let served = |way: &Way| way.tried.first().copied().unwrap_or(u64::MAX);
    let (mut earliest, mut out_of_order) = (u64::MAX, 0);
    for way in ways.iter().rev() {
        if served(way) > earliest {
            out_of_order += 1;
            let late = served(way).wrapping_sub(earliest);
            eprintln!(
                "out of order: who asked at {} ms was rung for {late} ms after a later one",
                way.asked - start,
            );
        }
        earliest = earliest.min(served(way));
    }
    let (mut positions, mut wrong_positions) = (0, 0);
    let (mut first_estimates, mut estimates) = (Vec::new(), Vec::new());
    for (index, way) in ways.iter().enumerate() {
        let before = &ways[..index];
        for place in &way.places {
            // At least and at most so many were before this caller.
            let ahead = |at: u64| before.iter().filter(|it| served(it) > at).count() as u32;
            let (least, most) = (ahead(place.at + AT_ONCE_MS), ahead(place.at - AT_ONCE_MS));
            positions += 1;
            if !(least..=most).contains(&(place.position - 1)) {
                wrong_positions += 1;
                eprintln!(
                    "wrong place: {} was told at {} ms to who asked at {} ms, but {least} to {most} \
                     were before",
                    place.position,
                    place.at - start,
                    way.asked - start,
                );
            }
        }
        let served = way.tried.first();
        let errors = way.places.iter().filter_map(|place| {
            let waited = served?.saturating_sub(place.at) as f64 / 1e3;
            Some((f64::from(place.estimate?) - waited).abs() / waited)
        });
        let errors: Vec<f64> = errors.collect();
        first_estimates.extend(errors.first());
        estimates.extend(errors);
    }
    let waits = ways
        .iter()
        .filter_map(|way| Some((way.tried.first()? - way.asked) as f64 / 1e3));
    let mut waits: Vec<f64> = waits.collect();
    for list in [&mut first_estimates, &mut estimates, &mut waits] {
        list.sort_by(f64::total_cmp);
    }
    Told {
        queued: ways.iter().filter(|way| !way.places.is_empty()).count(),
        out_of_order,
        rung_again: ways.iter().filter(|way| way.tried.len() > 1).count(),
        positions,
        wrong_positions,
        first_estimates,
        estimates,
        waits,
    }
}
