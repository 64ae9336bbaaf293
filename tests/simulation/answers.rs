//! Session descriptions that are no use.

use crate::agents::Habit;
use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::handset::is_level;
use crate::helpers::{Moods, Task};
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::world::{AGENT_LEVEL, World};
use bytes::Bytes;
use std::time::Duration;
use zeroline::call::contract::{Input, LegNumber};
use zeroline::dialogue::program::Program;
use zeroline::events::{Event, TargetFailure};

/// Who presses the human key: the desk does as it does, the second answers.
fn ring(seed: u64, world: &mut Option<World>, desk: Option<Habit>) -> &mut World {
    let program = Program::compile(dialplan()).expect("its templates are right");
    let mut scene = calm_scene(seed, Moods::WELL, program);
    scene
        .habits
        .extend(desk.map(|habit| ("desk".into(), habit)));
    let world = world.insert(World::new(scene));
    world.caller.dial(world.now, false);
    world.until_answered();
    let human = world.human_key();
    world.caller.press(world.now, [human]);
    world.run_for(Duration::from_secs(5));
    assert!(world.agents.heard_caller.is_some(), "{}", world.story());
    world
}

/// Either side asked for an offer by re-INVITE, and its ACK has an answer that is none.
#[test]
fn a_bad_answer_in_the_midst_of_a_talk_leaves_it_as_it_was() {
    for leg in [LegNumber::CALLER, LegNumber(1)] {
        for_each_seed(0..1, |seed, world| {
            let world = ring(seed, world, None);
            let answer = Some(Bytes::from_static(b"v=0\r\nm=nonsense"));
            let acked = Input::Acked { leg, answer };
            world.server.helpers.later(world.now, Task::Tell(acked));
            world.run_for(Duration::from_secs(1));
            world.caller.handset.heard.level = None;
            world.run_for(Duration::from_secs(1));
            let level = world.caller.handset.heard.level;
            let heard = level.is_some_and(|level| is_level(level, AGENT_LEVEL));
            assert!(heard, "{leg:?}: {}", world.story());
            world.caller.hang_up(world.now);
            world.run_to_the_end();
            assert_whole(&world.server.journal);
        });
    }
}

#[test]
fn an_answer_that_is_no_use_is_told_by_the_status_that_came() {
    for_each_seed(0..1, |seed, world| {
        let world = ring(seed, world, Some(Habit::AnswersWithNonsense));
        let failed = Event::TargetFailed {
            attempt: 1,
            status: Some(200),
            reason: TargetFailure::UnusableAnswer,
        };
        assert!(world.has(|it| *it == failed), "{}", world.story());
        assert!(world.has(|it| matches!(it, Event::TargetAnswered { attempt: 2, .. })));
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}
