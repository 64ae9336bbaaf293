//! Random calls: whoever calls, whatever they press, whoever answers, whatever fails.

use crate::agents::Habit;
use crate::caller::KeysBy;
use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::handset::Hold;
use crate::helpers::{Mood, Moods};
use crate::hotline::{NoTones, Tones, dialplan};
use crate::network::Weather;
use crate::world::{Scene, World};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use zeroline::audio::codecs::Codec;
use zeroline::call::services::PromptSource;
use zeroline::dialogue::program::Program;
use zeroline::key::Key;

/// In `make test`; more by `ZEROLINE_CALLS`.
const CALLS: u64 = 200;
/// The most patient caller hangs up after so long.
const PATIENCE: Duration = Duration::from_secs(45);

#[test]
fn whatever_happens_a_call_holds_its_promises() {
    let calls = std::env::var("ZEROLINE_CALLS").ok();
    let calls = calls.map_or(CALLS, |calls| calls.parse().expect("a number"));
    let program = Program::compile(dialplan()).expect("its templates are right");
    for_each_seed(0..calls, |seed, world| {
        let mut rng = StdRng::seed_from_u64(seed);
        let world = world.insert(World::new(scene(seed, &mut rng, program.clone())));
        live(world, &mut rng);
        world.run_to_the_end();
        if let Some(first) = world.server.journal.first() {
            assert_eq!(first.seq, 0);
            assert_whole(&world.server.journal);
        }
        assert_eq!(
            world.server.helpers.leaked, 0,
            "something sensitive is recorded"
        );
    });
}

pub fn key(symbol: char) -> Key {
    Key::from_char(symbol).expect("a telephone key")
}

pub fn random_habit(rng: &mut StdRng) -> Habit {
    let second = Duration::from_secs(1);
    match rng.random_range(0..11) {
        0..=2 => Habit::Answers {
            after: second.mul_f64(rng.random_range(0.1..4.0)),
            talks: rng
                .random_bool(0.7)
                .then(|| second.mul_f64(rng.random_range(0.5..8.0))),
        },
        // Around the time-outs of the handoffs.
        3 => Habit::Answers {
            after: Duration::from_millis(
                *[4_990, 5_010, 5_990, 6_020, 7_980, 8_005, 8_060]
                    .choose(rng)
                    .unwrap(),
            ),
            talks: Some(second),
        },
        4 => Habit::Answers {
            after: second,
            talks: Some(Duration::from_millis(rng.random_range(0..100))),
        },
        5 => Habit::Refuses(*[486, 480, 404, 500, 488].choose(rng).unwrap()),
        6 => Habit::Refuses(603),
        7 => Habit::NeverAnswers,
        8 => Habit::Silent,
        9 => Habit::SpeaksEarly {
            answers: rng.random_bool(0.5).then_some(second),
        },
        _ => Habit::AnswersWithNonsense,
    }
}

fn random_mood(rng: &mut StdRng) -> Mood {
    *[
        Mood::Works,
        Mood::Works,
        Mood::Fails,
        Mood::Hangs,
        Mood::Mixed,
    ]
    .choose(rng)
    .unwrap()
}

fn scene(seed: u64, rng: &mut StdRng, program: Arc<Program>) -> Scene {
    let loss = *[0.0, 0.02, 0.1].choose(rng).unwrap();
    let shortest = rng.random_range(1..40);
    let longest = shortest + rng.random_range(0..60);
    let prompts: Arc<dyn PromptSource> = match rng.random_range(0..8) {
        0 => Arc::new(NoTones),
        _ => Arc::new(Tones),
    };
    let codecs = [Codec::Pcmu, Codec::Pcma];
    let habits = ["desk", "second", "refunds", "third"];
    Scene {
        seed,
        weather: Weather {
            loss,
            duplication: loss,
            shortest_delay: Duration::from_millis(shortest),
            longest_delay: Duration::from_millis(longest),
        },
        moods: Moods {
            lookups: random_mood(rng),
            synthesizer: random_mood(rng),
            recorder: random_mood(rng),
            disk_full: rng.random_bool(0.1),
        },
        keys_by: *[
            KeysBy::TelephoneEvent,
            KeysBy::TelephoneEvent,
            KeysBy::TelephoneEvent,
            KeysBy::Info,
            KeysBy::InBand,
        ]
        .choose(rng)
        .unwrap(),
        caller_codecs: vec![*codecs.choose(rng).unwrap()],
        agents_codec: *codecs.choose(rng).unwrap(),
        habits: BTreeMap::from_iter(habits.map(|user| (user.to_string(), random_habit(rng)))),
        prompts,
        hears: false,
        program,
    }
}

/// The caller's life in the call, until one of the two hangs up.
fn live(world: &mut World, rng: &mut StdRng) {
    world.caller.dial(world.now, rng.random_bool(0.1));
    if rng.random_bool(0.05) {
        world.run_for(Duration::from_millis(rng.random_range(0..300)));
        return world.caller.hang_up(world.now);
    }
    world.until_answered();
    let mut patience = PATIENCE.mul_f64(rng.random_range(0.05..1.0));
    while !world.caller.ended && patience > Duration::ZERO {
        act(world, rng);
        let pause = match rng.random_bool(0.15) {
            true => Duration::from_secs(rng.random_range(5..12)),
            false => Duration::from_millis(rng.random_range(100..4_000)),
        };
        world.run_for(pause);
        patience = patience.saturating_sub(pause);
    }
    world.caller.hang_up(world.now);
}

fn some_hold(rng: &mut StdRng) -> Hold {
    let holds = [
        Hold::Music,
        Hold::Quiet,
        Hold::SendOnly,
        Hold::Inactive,
        Hold::RecvOnly,
        Hold::NoAddress,
    ];
    *holds.choose(rng).unwrap()
}

fn act(world: &mut World, rng: &mut StdRng) {
    let now = world.now;
    let some = |rng: &mut StdRng, keys: &str| {
        let keys: Vec<char> = keys.chars().collect();
        key(*keys.choose(rng).unwrap())
    };
    match rng.random_range(0..100) {
        0..50 => world.caller.press(now, [some(rng, "1112233456")]),
        50..57 => {
            let human = world.human_key();
            world.caller.press(now, [human]);
        }
        57..85 => {
            let length = rng.random_range(4..=12);
            let digits: Vec<Key> = (0..length).map(|_| some(rng, "0123456789")).collect();
            let end = rng.random_bool(0.5).then_some(Key::HASH);
            world.caller.press(now, digits.into_iter().chain(end));
        }
        85..92 => world.caller.press(now, [some(rng, "*#789")]),
        92..95 => world.caller.hold(now, some_hold(rng)),
        95..97 => world.caller.resume(now),
        97..98 => world.agents.hold(now, some_hold(rng)),
        98..99 => world.agents.resume(now),
        _ => world.stop_server(),
    }
}
