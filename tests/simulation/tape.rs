//! Law 8 on the tape: keys that may be meant for a sensitive question are not in the recording,
//! whenever they are pressed, however long they are held and whatever way they come.

use crate::caller::KeysBy;
use crate::for_each_seed;
use crate::helpers::{Mood, Moods};
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::random::key;
use crate::world::{CALLER_LEVEL, World};
use std::f32::consts::TAU;
use std::time::Duration;
use zeroline::dialogue::program::Program;
use zeroline::events::Event;

/// The rows and columns of the keypad, in Hz.
const KEYPAD: [f32; 8] = [
    697.0, 770.0, 852.0, 941.0, 1_209.0, 1_336.0, 1_477.0, 1_633.0,
];
/// Longer than what has not come out of the call's memory yet.
const TAPE_LAG: Duration = Duration::from_secs(2);
const HELD: Duration = Duration::from_millis(2_500);
/// Six seconds since the first key, and what is erased from before it was known; in samples.
const SINCE_THE_KEY: usize = 6_020 * 8;
/// Of a frequency in 20 ms: a key's tone has some 8000, the edge of a word far less.
const AUDIBLE: f32 = 1_500.0;

/// Walks the steps (keys, and the time after them) with telephones of every kind, then goes on as
/// `then` does; how the call's recording sounds from there to its end.
fn taped(steps: &[(&str, u64)], lookups: Mood, then: impl Fn(&mut World)) -> Vec<[Vec<i16>; 2]> {
    let mut all = Vec::new();
    for keys_by in [KeysBy::InBand, KeysBy::TelephoneEvent, KeysBy::Info] {
        for_each_seed(0..4, |seed, world| {
            let program = Program::compile(dialplan()).expect("its templates are right");
            let moods = Moods {
                lookups,
                ..Moods::WELL
            };
            let mut scene = calm_scene(seed, moods, program);
            scene.keys_by = keys_by;
            let world = world.insert(World::new(scene));
            world.caller.leaves_tones = true;
            world.caller.dial(world.now, false);
            world.until_answered();
            // Silence lets the jitter buffer shrink: a tone is on the tape before it is known.
            world.caller_level = 0;
            // The greeting to its end, so that the recording has begun.
            world.run_for(Duration::from_secs(6));
            for (keys, seconds) in steps {
                world.caller.press(world.now, keys.chars().map(key));
                world.run_for(Duration::from_secs(*seconds));
            }
            world.run_for(TAPE_LAG);
            world.server.helpers.taped = Default::default();
            then(world);
            world.caller.hang_up(world.now);
            world.run_to_the_end();
            assert_eq!(world.server.helpers.leaked, 0, "{keys_by:?}");
            let taped = std::mem::take(&mut world.server.helpers.taped);
            assert!(taped[0].len() > 16_000, "{keys_by:?}");
            all.push(taped);
        });
    }
    all
}

/// That in no stretch of 20 ms one of these frequencies is heard.
fn assert_without(frequencies: &[f32], samples: &[i16]) {
    let loudness = |stretch: &[i16], hz: f32| {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (n, sample) in stretch.iter().enumerate() {
            let angle = TAU * hz * n as f32 / 8_000.0;
            real += f32::from(*sample) * angle.cos();
            imaginary += f32::from(*sample) * angle.sin();
        }
        2.0 * f32::hypot(real, imaginary) / stretch.len() as f32
    };
    for (place, stretch) in samples.chunks_exact(160).enumerate() {
        for hz in frequencies {
            assert!(loudness(stretch, *hz) < AUDIBLE, "{hz} Hz at {place}");
        }
    }
}

fn is_silent(samples: &[i16]) -> bool {
    samples.iter().all(|sample| *sample == 0)
}

#[test]
fn keys_typed_ahead_in_a_lookup_are_not_recorded_while_they_wait() {
    let steps = [("1", 2), ("1", 2), ("123456", 4), ("1", 1)];
    let taped = taped(&steps, Mood::Hangs, |world| {
        world.caller_level = CALLER_LEVEL;
        world.run_for(Duration::from_secs(1));
        world.caller.press(world.now, "7373".chars().map(key));
        world.run_for(Duration::from_secs(2));
        world.caller.key_length = HELD;
        world.caller.press(world.now, [key('5')]);
        world.run_for(Duration::from_secs(4));
        assert!(!world.has(|it| matches!(it, Event::LookupEnded { .. })));
    });
    for channels in taped {
        assert_without(&KEYPAD, &channels[0]);
        for channel in channels {
            let (before, waiting) = channel.split_at(channel.len() - SINCE_THE_KEY);
            assert!(!is_silent(before), "before the first key");
            assert!(is_silent(waiting), "while the keys wait");
        }
    }
}

#[test]
fn a_key_that_cuts_words_short_is_not_recorded_and_what_comes_after_is() {
    let steps = [("1", 2)];
    let taped = taped(&steps, Mood::Works, |world| {
        world.caller.press(world.now, "4#".chars().map(key));
        world.caller_level = CALLER_LEVEL;
        world.run_for(Duration::from_secs(4));
        let told = |it: &&Event| matches!(it, Event::KeyPressed { key: Some(_), .. });
        assert_eq!(world.events().filter(told).count(), 2, "{}", world.story());
    });
    for [caller, _] in taped {
        // The column of # and not of 4.
        assert_without(&[1_477.0], &caller);
        let end = caller.len() - 8_000;
        assert!(!is_silent(&caller[end..]));
    }
}

#[test]
fn the_last_digit_of_a_sensitive_number_is_not_recorded_however_long_it_is_held() {
    let steps = [("1", 2), ("2", 1)];
    let taped = taped(&steps, Mood::Hangs, |world| {
        world
            .caller
            .press(world.now, "41111111111".chars().map(key));
        world.run_for(Duration::from_secs(3));
        assert!(!world.has(|it| matches!(it, Event::SlotFilled { .. })));
        world.caller.key_length = HELD;
        world.caller.press(world.now, [key('1')]);
        world.run_for(Duration::from_secs(5));
        assert!(world.has(|it| matches!(it, Event::SlotFilled { .. })));
    });
    for [caller, _] in taped {
        assert_without(&KEYPAD, &caller);
    }
}
