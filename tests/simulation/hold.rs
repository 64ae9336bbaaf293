//! A caller who holds, in front of the bot or in a talk, and a person who holds the caller.

use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::handset::{Hold, is_level};
use crate::helpers::Moods;
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::silence::{is_lost, talk};
use crate::world::{AGENT_LEVEL, World, agents_address};
use std::time::Duration;
use zeroline::dialogue::program::Program;
use zeroline::events::{EndedBy, Event};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Holds the call so long after it was answered, for longer than any time-out: of the dialogue, or of
/// a line without media.
fn held(world: &mut World, after: Duration, hold: Hold) {
    world.caller.dial(world.now, false);
    world.until_answered();
    world.run_for(after);
    world.caller.hold(world.now, hold);
    // The sound that is on its way when the call is held.
    world.run_for(seconds(1));
    let (sound, events) = (world.caller.handset.heard.sound, world.events().count());
    world.run_for(seconds(95));
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
    for hold in [Hold::Music, Hold::SendOnly, Hold::Inactive, Hold::NoAddress] {
        for (after, offered) in moments.into_iter().zip([false, true]) {
            for_each_seed(0..1, |seed, world| {
                let scene = calm_scene(seed, Moods::WELL, program.clone());
                let world = world.insert(World::new(scene));
                held(world, after, hold);
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
        held(world, seconds(1), Hold::Music);
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

/// How the one holds whom the other one hears nothing of.
const SILENT: [Hold; 5] = [
    Hold::Quiet,
    Hold::SendOnly,
    Hold::Inactive,
    Hold::RecvOnly,
    Hold::NoAddress,
];
/// Shorter than what makes a line without media doubtful, and longer than what makes it a dead one.
const TIMES: [u64; 2] = [5, 95];

/// Now, and nobody hears anything of ours.
fn hear_each_other(world: &mut World) {
    // What is on its way.
    world.run_for(Duration::from_millis(200));
    let since = world.now;
    world.agents.heard_caller = None;
    world.caller.handset.heard.level = None;
    world.run_for(seconds(1));
    assert!(world.agents.heard_caller.is_some(), "the person is deaf");
    let heard = world.caller.handset.heard.level;
    assert!(heard.is_some_and(|level| is_level(level, AGENT_LEVEL)));
    assert!(world.caller.handset.heard.music < Some(since));
    assert!(world.agents.heard_music() < Some(since));
}

/// The call was not taken for a dead one, and ends as any other.
fn assert_nothing_lost(world: &mut World) {
    world.caller.hang_up(world.now);
    world.run_to_the_end();
    assert_whole(&world.server.journal);
    assert!(!world.has(|it| matches!(it, Event::TransferReturned { .. })));
    let by_caller =
        |event: &Event| matches!(event, Event::CallEnded { by, .. } if *by == EndedBy::Caller);
    assert!(world.has(by_caller), "{}", world.story());
}

/// The `Watch` listens that there is no silence.
#[test]
fn a_caller_on_hold_hears_music_until_the_person_is_back() {
    for hold in SILENT {
        for time in TIMES {
            for_each_seed(0..1, |seed, world| {
                let world = talk(seed, world);
                for _ in 0..2 {
                    world.agents.hold(world.now, hold);
                    world.run_for(seconds(time));
                    let music = world.caller.handset.heard.music.expect("there is music");
                    let ago = world.now - music;
                    assert!(ago < Duration::from_millis(60), "{hold:?}: {ago:?}");
                    world.agents.resume(world.now);
                    hear_each_other(world);
                }
                assert_nothing_lost(world);
            });
        }
    }
}

#[test]
fn music_of_the_persons_own_exchange_is_passed_on_as_it_is() {
    for_each_seed(0..1, |seed, world| {
        let world = talk(seed, world);
        let before = world.caller.handset.heard.music;
        world.agents.hold(world.now, Hold::Music);
        world.run_for(seconds(95));
        assert_eq!(world.caller.handset.heard.music, before);
        // It ends, and begins again.
        world.agents.hold(world.now, Hold::Quiet);
        world.run_for(seconds(5));
        assert_ne!(world.caller.handset.heard.music, before);
        world.agents.hold(world.now, Hold::Music);
        world.run_for(seconds(1));
        let ours = world.caller.handset.heard.music;
        world.run_for(seconds(5));
        assert_eq!(world.caller.handset.heard.music, ours);
        world.agents.resume(world.now);
        hear_each_other(world);
        assert_nothing_lost(world);
    });
}

#[test]
fn a_caller_may_hold_the_person_for_as_long_as_they_like() {
    for hold in [Hold::SendOnly, Hold::Inactive, Hold::NoAddress] {
        for time in TIMES {
            for_each_seed(0..1, |seed, world| {
                let world = talk(seed, world);
                world.caller.hold(world.now, hold);
                world.run_for(seconds(time));
                let music = world.agents.heard_music().expect("there is music");
                let ago = world.now - music;
                assert!(ago < Duration::from_millis(60), "{hold:?}: {ago:?}");
                world.caller.resume(world.now);
                hear_each_other(world);
                assert_nothing_lost(world);
            });
        }
    }
}

/// Both press Hold, at once or one in the other's: who is back first hears music.
#[test]
fn who_holds_each_other_hear_each_other_when_both_are_back() {
    for (caller, agent) in [(0, 0), (0, 3), (3, 0)] {
        for_each_seed(0..8, |seed, world| {
            let world = talk(seed, world);
            let wait = |world: &mut World, time| world.run_for(seconds(time));
            wait(world, agent);
            world.caller.hold(world.now, Hold::Inactive);
            wait(world, caller);
            world.agents.hold(world.now, Hold::NoAddress);
            wait(world, 40);
            world.caller.resume(world.now);
            wait(world, 40);
            let music = world.caller.handset.heard.music.expect("there is music");
            assert!(world.now - music < Duration::from_millis(60));
            world.agents.resume(world.now);
            hear_each_other(world);
            assert_nothing_lost(world);
        });
    }
}

#[test]
fn a_line_that_is_dead_after_a_hold_is_found_as_any_other() {
    for_each_seed(0..1, |seed, world| {
        let world = talk(seed, world);
        world.agents.go_dead();
        // It is asked, and holds then.
        world.run_for(seconds(40));
        world.agents.hold(world.now, Hold::SendOnly);
        world.run_for(seconds(90));
        world.agents.resume(world.now);
        world.run_for(seconds(59));
        assert!(!world.has(is_lost), "it is asked first");
        world.run_for(seconds(3));
        assert!(world.has(is_lost), "the line is dead");
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
    });
}

/// The answer to what they offer is lost, and comes seconds later: the music goes on until they do.
#[test]
fn who_comes_back_late_is_not_awaited_in_silence() {
    for_each_seed(0..1, |seed, world| {
        let world = talk(seed, world);
        world.agents.hold(world.now, Hold::Inactive);
        world.run_for(seconds(5));
        world.agents.resume(world.now);
        world.network.cut_off = Some(agents_address());
        world.run_for(seconds(3));
        world.network.cut_off = None;
        world.run_for(seconds(1));
        hear_each_other(world);
        assert_nothing_lost(world);
    });
}

/// Of a hold that is over no music is left for the person.
#[test]
fn who_held_before_the_person_came_is_heard_at_once() {
    let program = Program::compile(dialplan()).expect("its templates are right");
    for_each_seed(0..1, |seed, world| {
        let scene = calm_scene(seed, Moods::WELL, program.clone());
        let world = world.insert(World::new(scene));
        held(world, seconds(1), Hold::Inactive);
        world.caller.resume(world.now);
        world.run_for(seconds(2));
        let human = world.human_key();
        world.caller.press(world.now, [human]);
        world.run_for(seconds(4));
        assert_eq!(world.agents.heard_music(), None);
        hear_each_other(world);
        assert_nothing_lost(world);
    });
}
