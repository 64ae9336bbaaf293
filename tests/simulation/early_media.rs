//! A target's network speaks before anybody answers.

use crate::agents::Habit;
use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::handset::is_level;
use crate::helpers::Moods;
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::world::{AGENT_LEVEL, World};
use std::time::Duration;
use zeroline::dialogue::program::Program;
use zeroline::events::Event;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Rings the desk, whose network speaks early, until the engine's own words are over.
fn ring(seed: u64, world: &mut Option<World>, answers: Option<Duration>) -> &mut World {
    let program = Program::compile(dialplan()).expect("its templates are right");
    let mut scene = calm_scene(seed, Moods::WELL, program);
    let habit = Habit::SpeaksEarly { answers };
    scene.habits.insert("desk".into(), habit);
    let world = world.insert(World::new(scene));
    world.caller.dial(world.now, false);
    world.until_answered();
    let human = world.human_key();
    world.caller.press(world.now, [human]);
    world.run_for(seconds(3));
    world
}

/// What the caller hears is the agent's side, and is so now.
fn hears_the_target(world: &mut World) -> bool {
    world.caller.handset.heard.level = None;
    world.run_for(Duration::from_millis(100));
    let level = world.caller.handset.heard.level;
    level.is_some_and(|level| is_level(level, AGENT_LEVEL))
}

#[test]
fn early_media_is_heard_and_is_no_ringing() {
    for_each_seed(0..1, |seed, world| {
        let world = ring(seed, world, None);
        assert!(hears_the_target(world));
        assert_eq!(world.agents.heard_caller, None, "nobody has answered");
        let (attempt, status) = (1, 183);
        let progress = Event::TargetProgress { attempt, status };
        assert_eq!(world.events().filter(|it| **it == progress).count(), 1);
        assert!(!world.has(|event| matches!(event, Event::TargetRinging { .. })));
        // It stops: the caller hears our own sound until the next target (the `Watch` listens).
        world.agents.go_dead();
        world.run_for(seconds(1));
        let stopped = world.caller.handset.heard.sound;
        world.run_for(seconds(2));
        assert_ne!(world.caller.handset.heard.sound, stopped);
        assert_eq!(world.agents.rung.len(), 1);
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}

#[test]
fn who_answers_after_early_media_is_connected() {
    for_each_seed(0..1, |seed, world| {
        let world = ring(seed, world, Some(seconds(5)));
        world.run_for(seconds(3));
        assert!(world.has(|event| matches!(event, Event::TargetAnswered { .. })));
        assert!(hears_the_target(world));
        assert!(world.agents.heard_caller.is_some());
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}
