//! Every end that a transfer can have, over networks that lose, double and reorder: never a silence
//! while the media is ours, never a leg left, and a record that tells what was.
//!
//! `ZEROLINE_CALLS=…` makes so many calls of each.

use crate::agents::Habit;
use crate::caller::KeysBy;
use crate::checks::assert_whole;
use crate::exchange::Exchange;
use crate::for_each_seed;
use crate::helpers::Moods;
use crate::human_key::calm_scene;
use crate::network::Weather;
use crate::random::key;
use crate::world::{Scene, World};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use zeroline::call::call_record::{Attempt, CallRecord};
use zeroline::call::outcome::Outcome;
use zeroline::diagnostic::Source;
use zeroline::dialogue::program::Program;
use zeroline::dialplan::load;
use zeroline::events::{EndedBy, Entry, Event, TargetFailure, TransferWay};

mod accepted;
mod in_line;
mod referred;
mod ringing;

/// Of each end, in `make test`.
const CALLS: u64 = 8;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn answers(after_ms: u64) -> Habit {
    Habit::Answers {
        after: ms(after_ms),
        talks: None,
    }
}

fn presses(symbol: char, after_ms: u64, talks: Option<Duration>) -> Habit {
    Habit::Presses {
        after: ms(600),
        then: ms(after_ms),
        key: key(symbol),
        talks,
    }
}

fn program(desk: &str) -> Arc<Program> {
    let dialplan = format!(
        "dialplan: ends\nlanguages: [en]\ntimezone: Europe/London\n\
         greeting: This is an automatic service.\nhuman: {{ handoff: desk }}\nstart: main\n\
         nodes:\n  main:\n    menu: \"For a number, press 1.\"\n    options:\n      \"1\": human\n\
         handoffs:\n  desk: {{ {desk}, else: message }}\n"
    );
    let source = Source::new("ends.yaml", dialplan);
    let dialplan = load::load(&source).unwrap_or_else(|problems| panic!("{problems:#?}"));
    Program::compile(dialplan).expect("its templates are right")
}

/// One end: who is rung, what happens, and what the record has to say.
struct End {
    /// The handoff's fields but `else`. Anna and Ben are there to be rung.
    desk: &'static str,
    anna: Habit,
    ben: Habit,
    /// How their telephones send keys.
    keys_by: KeysBy,
    /// What the caller's exchange does with a REFER: its status, and what it tells then, and when.
    exchange: Option<(u16, &'static [(u64, u16)])>,
    /// From when a person is wanted; at its end the caller hangs up.
    story: fn(&mut World, &mut StdRng),
    tells: fn(&CallRecord),
}

const ANNA: &str = "ring: [\"sip:anna@people.example\"]";
const ANNA_THEN_BEN: &str = "ring: [\"sip:anna@people.example\", \"sip:ben@people.example\"]";

impl Default for End {
    fn default() -> Self {
        End {
            desk: ANNA,
            anna: answers(700),
            ben: answers(700),
            keys_by: KeysBy::TelephoneEvent,
            exchange: None,
            story: |world, _| world.run_for(seconds(6)),
            tells: |_| {},
        }
    }
}

impl End {
    fn comes(self) {
        let calls = std::env::var("ZEROLINE_CALLS").ok();
        let calls = calls.map_or(CALLS, |calls| calls.parse().expect("a number"));
        let program = program(self.desk);
        for_each_seed(0..calls, |seed, world| {
            let rng = &mut StdRng::seed_from_u64(seed);
            let world = world.insert(World::new(self.scene(seed, program.clone())));
            world.agents.keys_by = self.keys_by;
            let exchange = self.exchange;
            world.caller.exchange = exchange.map(|(status, told)| Exchange::new(status, told));
            world.caller.dial(world.now, false);
            world.until_answered();
            world.run_for(seconds(1));
            // Perhaps it was lost with all its copies.
            while !world.has(|it| matches!(it, Event::HumanRequested { .. })) {
                world.caller.press(world.now, [key('0')]);
                world.run_for(seconds(1));
            }
            (self.story)(world, rng);
            world.caller.hang_up(world.now);
            world.run_to_the_end();
            assert_whole(&world.server.journal);
            let record = CallRecord::fold(&world.server.journal).expect("there are events");
            assert_attempts(&world.server.journal, &record);
            (self.tells)(&record);
        });
    }

    fn scene(&self, seed: u64, program: Arc<Program>) -> Scene {
        let loss = [0.0, 0.02, 0.05, 0.1][seed as usize % 4];
        let people = [("anna", self.anna), ("ben", self.ben)];
        Scene {
            weather: Weather {
                loss,
                duplication: loss,
                shortest_delay: ms(1),
                longest_delay: ms(1 + 7 * (seed % 8)),
            },
            habits: BTreeMap::from(people.map(|(name, habit)| (name.to_string(), habit))),
            ..calm_scene(seed, Moods::WELL, program)
        }
    }
}

/// Until that has happened.
fn until(world: &mut World, wanted: fn(&Event) -> bool) {
    until_by(world, seconds(60), wanted);
}

fn until_by(world: &mut World, time: Duration, wanted: fn(&Event) -> bool) {
    let end = world.now + time;
    assert!(
        world.run_until(end, |it| it.has(wanted)),
        "it never happens"
    );
}

fn is_answer(event: &Event) -> bool {
    matches!(event, Event::TargetAnswered { .. })
}

fn is_ringing(event: &Event) -> bool {
    matches!(event, Event::TargetRinging { .. })
}

fn is_return(event: &Event) -> bool {
    matches!(event, Event::TransferReturned { .. })
}

/// Until the caller is back, and has heard what they may choose.
fn is_back(world: &mut World, _: &mut StdRng) {
    until(world, is_return);
    world.run_for(seconds(2));
    assert!(world.has(|it| matches!(it, Event::HandoffStepAsked { .. })));
}

fn some(rng: &mut StdRng, most_ms: u64) -> Duration {
    ms(rng.random_range(0..most_ms))
}

/// What is told of the attempts agrees with itself, whatever happened.
fn assert_attempts(journal: &[Entry], record: &CallRecord) {
    let reached = record.attempts.iter().filter(|it| stands(it)).count();
    let wishes = journal.iter();
    let wishes = wishes.filter(|it| matches!(it.event, Event::TransferStarted { .. }));
    assert!(reached <= wishes.count(), "one person a wish");
    for attempt in &record.attempts {
        assert!(
            stands(attempt) || attempt.failure.is_some() || attempt.refer_accepted,
            "what came of it is not told: {attempt:?}"
        );
    }
    let outcome = match record.attempts.iter().rfind(|it| stands(it)) {
        Some(last) if last.seconds_to_confirmed.is_some() => Some(Outcome::TransferredConfirmed),
        Some(_) => Some(Outcome::TransferredAnswered),
        None => None,
    };
    let transferred = [Outcome::TransferredConfirmed, Outcome::TransferredAnswered];
    let told = transferred
        .contains(&record.outcome)
        .then_some(record.outcome);
    assert_eq!(told, outcome, "{record:#?}");
}

/// Somebody answered there, and had the caller.
fn stands(attempt: &Attempt) -> bool {
    let only_not_passed_on = attempt.way == TransferWay::Attended
        && attempt.failure == Some(TargetFailure::ReferRefused);
    attempt.seconds_to_answer.is_some() && (attempt.failure.is_none() || only_not_passed_on)
}

/// The attempts' codes and failures, in order.
fn failures(record: &CallRecord) -> Vec<(Option<u16>, Option<TargetFailure>)> {
    let told = record.attempts.iter().map(|it| (it.status, it.failure));
    told.collect()
}

fn gave_up_after(record: &CallRecord, status: Option<u16>, failure: TargetFailure) {
    assert_eq!(failures(record), [(status, Some(failure))]);
    assert_eq!(record.outcome, Outcome::GaveUpInQueue);
    assert_eq!(record.ended_by, Some(EndedBy::Caller));
}
