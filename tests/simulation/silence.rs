//! A line that goes dead: whose media stops is asked by re-INVITE, and is given up if none comes.

use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::helpers::Moods;
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::world::World;
use std::time::Duration;
use zeroline::dialogue::program::Program;
use zeroline::events::{EndedBy, Event, ReturnReason};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A call in which the caller speaks with a person.
pub fn talk(seed: u64, world: &mut Option<World>) -> &mut World {
    let program = Program::compile(dialplan()).expect("its templates are right");
    let world = world.insert(World::new(calm_scene(seed, Moods::WELL, program)));
    world.caller.dial(world.now, false);
    world.until_answered();
    let human = world.human_key();
    world.caller.press(world.now, [human]);
    world.run_for(seconds(3));
    assert!(world.agents.heard_caller.is_some(), "nobody answers");
    world
}

fn is_end(event: &Event) -> bool {
    matches!(event, Event::CallEnded { .. })
}

pub fn is_lost(event: &Event) -> bool {
    let reason = ReturnReason::AgentLost;
    *event == Event::TransferReturned { reason }
}

#[test]
fn a_refused_question_is_an_answer_and_only_lasting_silence_ends_the_call() {
    for_each_seed(0..1, |seed, world| {
        let world = talk(seed, world);
        world.caller.refuses_offers = true;
        world.caller.handset.dead = true;
        world.run_for(seconds(40));
        assert!(!world.has(is_end), "a refusal ended it");
        world.caller.handset.dead = false;
        world.run_for(seconds(100));
        assert!(!world.has(is_end), "the call is healthy");
        world.caller.handset.dead = true;
        world.run_for(seconds(59));
        assert!(!world.has(is_end), "half a minute after the question");
        world.run_for(seconds(2));
        let by_network =
            |event: &Event| matches!(event, Event::CallEnded { by, .. } if *by == EndedBy::Network);
        assert!(world.has(by_network), "a dead call goes on");
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}

#[test]
fn a_person_whose_line_is_dead_is_given_up_and_the_caller_chooses() {
    for_each_seed(0..1, |seed, world| {
        let world = talk(seed, world);
        world.agents.go_dead();
        world.run_for(seconds(59));
        assert!(!world.has(is_lost), "half a minute after the question");
        world.run_for(seconds(3));
        assert!(world.has(is_lost), "the caller is left with a dead line");
        assert!(world.has(|event| matches!(event, Event::HandoffStepAsked { .. })));
        let silent = world.caller.handset.heard.sound;
        world.run_for(seconds(1));
        assert_ne!(world.caller.handset.heard.sound, silent);
        let human = world.human_key();
        world.caller.press(world.now, [human]);
        world.run_for(seconds(3));
        assert_eq!(world.agents.rung.len(), 2, "no other person is rung");
        assert!(!world.has(is_end));
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}
