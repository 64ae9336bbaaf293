//! Callers who speak, and recognizers that hear, fail or hang: a person can be had all the same, by
//! the key and by the word.

use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::helpers::{Mood, Moods};
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::world::{Scene, World};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::LazyLock;
use std::time::Duration;
use zeroline::dialogue::program::Program;
use zeroline::engines::registry::Registry;
use zeroline::events::{Event, RequestedBy};
use zeroline::key::Key;
use zeroline::language::Language;

/// From the last word: the silence that ends it, the recognizer, the network.
const HEARD_WITHIN: Duration = Duration::from_millis(1_500);
/// The same with a recognizer that hangs, and a repeated prompt.
const ASKED_AGAIN_WITHIN: Duration = Duration::from_millis(2_000);
const RUNG_WITHIN: Duration = Duration::from_secs(1);

static VOICE: LazyLock<Vec<i16>> = LazyLock::new(|| {
    let voices = Registry::discover();
    let spoken = voices.synthesize("operator please", Language::En, 1.0);
    let (voice, _) = spoken.expect("a synthesizer is installed");
    let is_sound = |sample: &i16| sample.unsigned_abs() > 500;
    let start = voice.iter().position(is_sound).expect("it is heard");
    let end = voice.iter().rposition(is_sound).expect("it is heard");
    voice[start..end].to_vec()
});

fn length(voice: &[i16]) -> Duration {
    Duration::from_millis(voice.len() as u64 / 8)
}

/// A caller whose line is quiet.
fn answered(seed: u64, world: &mut Option<World>, recognizer: Mood) -> &mut World {
    let program = Program::compile(dialplan()).expect("its templates are right");
    let scene = Scene {
        hears: true,
        ..calm_scene(seed, Moods::WELL, program)
    };
    let world = world.insert(World::new(scene));
    world.caller_level = 0;
    world.server.helpers.recognizer = recognizer;
    world.caller.dial(world.now, false);
    world.until_answered();
    world
}

/// Some keys are pressed, and a while passes.
fn walks(seed: u64, world: &mut Option<World>, recognizer: Mood) -> &mut World {
    let world = answered(seed, world, recognizer);
    let mut rng = StdRng::seed_from_u64(seed);
    let walks = ["", "1", "11", "11123456", "12", "1212345678#", "13", "1*1"];
    let walk = walks[rng.random_range(0..walks.len())];
    let keys = walk.chars().filter_map(Key::from_char);
    world.caller.press(world.now, keys);
    let keyed = Duration::from_millis(400 * (1 + walk.len() as u64));
    world.run_for(keyed + Duration::from_millis(rng.random_range(0..4_000)));
    world
}

fn wanted(world: &World) -> Option<RequestedBy> {
    world.events().find_map(|event| match event {
        Event::HumanRequested { by, .. } => Some(*by),
        _ => None,
    })
}

/// Of all seeds; a single one that is repeated may be any.
fn assert_enough(calls: usize, least: usize) {
    let one_call = std::env::var("ZEROLINE_SEED").is_ok();
    assert!(one_call || calls >= least, "{calls} of {least} calls");
}

fn assert_speaks(world: &World) {
    let heard = world.caller.handset.heard.sound.expect("the bot spoke");
    let silent = world.now - heard;
    assert!(silent < Duration::from_millis(100), "silent for {silent:?}");
}

fn ends(world: &mut World) {
    world.caller.hang_up(world.now);
    world.run_to_the_end();
    assert_whole(&world.server.journal);
}

#[test]
fn a_person_who_is_asked_for_is_rung_wherever_the_bot_listens() {
    let mut by_voice = 0;
    for_each_seed(0..60, |seed, world| {
        let world = walks(seed, world, Mood::Works);
        if wanted(world).is_none() {
            world.caller.handset.say(&VOICE);
            let end = world.now + length(&VOICE) + HEARD_WITHIN;
            world.run_until(end, |world| wanted(world).is_some());
            assert_eq!(wanted(world), Some(RequestedBy::Speech));
            by_voice += 1;
        }
        ends(world);
    });
    assert_enough(by_voice, 40);
}

#[test]
fn the_human_key_reaches_a_person_while_recognizers_hang_or_fail() {
    for mood in [Mood::Hangs, Mood::Fails] {
        let mut by_key = 0;
        for_each_seed(0..40, |seed, world| {
            let world = walks(seed, world, mood);
            world.caller.handset.say(&VOICE);
            let mut rng = StdRng::seed_from_u64(!seed);
            world.run_for(Duration::from_millis(rng.random_range(0..4_000)));
            if wanted(world).is_none() {
                let human = world.human_key();
                let pressed = world.now;
                world.caller.press(pressed, [human]);
                world.run_until(pressed + RUNG_WITHIN, |world| !world.agents.rung.is_empty());
                assert_eq!(wanted(world), Some(RequestedBy::Key));
                assert_eq!(world.agents.rung.len(), 1, "nobody is rung in time");
                by_key += 1;
            }
            ends(world);
        });
        assert_enough(by_key, 20);
    }
}

#[test]
fn a_recognizer_that_hangs_leaves_the_caller_to_the_keys() {
    for_each_seed(0..1, |seed, world| {
        let world = answered(seed, world, Mood::Hangs);
        world.run_for(Duration::from_secs(2));
        world.caller.handset.say(&VOICE);
        world.run_for(length(&VOICE) + ASKED_AGAIN_WITHIN);
        assert!(world.has(|it| matches!(it, Event::RecognizerLate { .. })));
        assert!(world.has(|it| matches!(it, Event::StepAsked { reprompt: true, .. })));
        assert_speaks(world);
        ends(world);
    });
}

#[test]
fn a_cough_lets_the_prompt_go_on() {
    for_each_seed(0..1, |seed, world| {
        let world = answered(seed, world, Mood::Works);
        world.run_for(Duration::from_secs(2));
        let cough = &VOICE[..1_200];
        world.caller.handset.say(cough);
        let end = world.now + Duration::from_millis(500);
        let paused = world.run_until(end, |world| {
            let heard = world.caller.handset.heard.sound;
            heard.is_some_and(|at| world.now - at > Duration::from_millis(80))
        });
        assert!(paused, "the prompt does not wait");
        world.run_for(Duration::from_millis(600));
        assert_speaks(world);
        assert!(!world.has(|it| matches!(it, Event::SpeechBegan { .. })));
        ends(world);
    });
}

/// By a raised voice; loud ones that were loud before, and single cries, are none.
#[test]
fn who_raises_their_voice_is_offered_a_person() {
    let calm = 0.15;
    for (gains, seen) in [
        ([calm, calm, calm, 1.0, 1.0], true),
        ([1.0, 1.0, 1.0, 1.0, 1.0], false),
        ([calm, calm, 1.0, calm, 1.0], false),
        ([calm, 1.0, 1.0, 1.0, 1.0], false),
    ] {
        for_each_seed(0..1, |seed, world| {
            let world = answered(seed, world, Mood::Works);
            world.server.helpers.words = ["say that again", "再说一遍"];
            let signs = |world: &World| {
                let sign = |it: &&Event| matches!(it, Event::DistressSeen { .. });
                world.events().filter(sign).count()
            };
            for (at, gain) in gains.into_iter().enumerate() {
                assert_eq!(signs(world), 0, "{gains:?}: {at}");
                let voice = VOICE.iter().map(|s| (f32::from(*s) * gain) as i16);
                let voice: Vec<i16> = voice.collect();
                world.run_for(Duration::from_secs(2));
                world.caller.handset.say(&voice);
                let end = world.now + length(&voice) + HEARD_WITHIN;
                world.run_until(end, |world| {
                    let heard = |it: &&Event| matches!(it, Event::SpeechHeard { .. });
                    world.events().filter(heard).count() > at
                });
            }
            assert_eq!(signs(world), usize::from(seen), "{gains:?}");
            ends(world);
        });
    }
}
