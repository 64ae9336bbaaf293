//! A caller on hold in front of the bot.

use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::helpers::Moods;
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::world::World;
use std::time::Duration;
use zeroline::dialogue::program::Program;
use zeroline::events::Event;
use zeroline::sdp::direction::Direction;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Holds the call so long after it was answered, for longer than any time-out of the dialogue.
fn held(world: &mut World, after: Duration, direction: Direction) {
    world.caller.dial(world.now, false);
    world.until_answered();
    world.run_for(after);
    world.caller.hold(world.now, direction);
    // The sound that is on its way when the call is held.
    world.run_for(seconds(1));
    let (sound, events) = (world.caller.handset.heard.sound, world.events().count());
    world.run_for(seconds(40));
    assert_eq!(world.caller.handset.heard.sound, sound);
    assert_eq!(world.events().count(), events, "something counts");
}

fn is_heard_again(world: &mut World) {
    let silent = world.caller.handset.heard.sound;
    world.caller.resume(world.now);
    let end = world.now + seconds(1);
    let heard = world.run_until(end, |world| world.caller.handset.heard.sound != silent);
    assert!(heard, "the caller hears nothing after the hold");
}

fn is_offer(event: &Event) -> bool {
    matches!(event, Event::HumanOffered { .. })
}

fn is_missing_answer(event: &Event) -> bool {
    matches!(event, Event::NoInput { .. })
}

fn steps(world: &World) -> usize {
    let is_step = |event: &&Event| matches!(event, Event::StepAsked { .. });
    world.events().filter(is_step).count()
}

/// In the midst of the greeting; and after the question, when the caller's silence counts.
#[test]
fn a_caller_on_hold_hears_nothing_and_nothing_counts_against_them() {
    let program = Program::compile(dialplan()).expect("its templates are right");
    let moments = [Duration::from_millis(700), seconds(6)];
    for direction in [Direction::SendOnly, Direction::Inactive] {
        for (after, offered) in moments.into_iter().zip([false, true]) {
            for_each_seed(0..1, |seed, world| {
                let scene = calm_scene(seed, Moods::WELL, program.clone());
                let world = world.insert(World::new(scene));
                held(world, after, direction);
                assert_eq!(world.has(is_offer), offered);
                is_heard_again(world);
                world.run_for(seconds(4));
                assert!(world.has(is_offer), "the greeting does not go on");
                assert_eq!(steps(world), 1);
                assert!(!world.has(is_missing_answer));
                world.caller.hang_up(world.now);
                world.run_to_the_end();
                assert_whole(&world.server.journal);
            });
        }
    }
}

#[test]
fn the_human_key_works_on_hold() {
    let program = Program::compile(dialplan()).expect("its templates are right");
    for_each_seed(0..1, |seed, world| {
        let scene = calm_scene(seed, Moods::WELL, program.clone());
        let world = world.insert(World::new(scene));
        held(world, seconds(1), Direction::SendOnly);
        let human = world.human_key();
        world.caller.press(world.now, [human]);
        world.run_for(seconds(2));
        assert_eq!(world.agents.rung.len(), 1, "nobody is rung");
        assert!(!world.has(is_offer), "nothing was heard");
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}
