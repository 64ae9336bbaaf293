//! Messages that end with a hang-up.

use crate::checks::assert_whole;
use crate::for_each_seed;
use crate::helpers::Moods;
use crate::hotline::dialplan;
use crate::human_key::calm_scene;
use crate::random::key;
use crate::world::World;
use std::time::Duration;
use zeroline::call::call_record::CallRecord;
use zeroline::call::outcome::Outcome;
use zeroline::dialogue::program::Program;
use zeroline::events::Event;

/// Longer than the tone, which nothing is recorded of.
const TONE: Duration = Duration::from_secs(1);

/// Speaks for so long after the tone, or not at all, is silent and hangs up: the record.
fn leaves(speech: Duration, silence: Duration) -> CallRecord {
    let mut record = None;
    for_each_seed(0..1, |seed, world| {
        let program = Program::compile(dialplan()).expect("its templates are right");
        let world = world.insert(World::new(calm_scene(seed, Moods::WELL, program)));
        world.caller.dial(world.now, false);
        world.until_answered();
        world.caller.press(world.now, [key('1'), key('6')]);
        let starts = |event: &Event| matches!(event, Event::MessageStarted { .. });
        let end = world.now + Duration::from_secs(10);
        assert!(world.run_until(end, |world| world.has(starts)));
        world.caller.handset.dead = speech.is_zero();
        world.run_for(TONE + speech);
        world.caller.handset.dead = true;
        world.run_for(silence);
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
        record = CallRecord::fold(&world.server.journal);
    });
    record.expect("there are events")
}

#[test]
fn a_hang_up_without_a_word_is_no_message() {
    let record = leaves(Duration::ZERO, Duration::from_secs(3));
    assert_eq!(record.message, None);
    assert_eq!(record.outcome, Outcome::GaveUpInMenu);
}

#[test]
fn a_message_is_as_long_as_what_was_said() {
    let record = leaves(Duration::from_secs(2), Duration::from_secs(3));
    let said = record.message.expect("a message was left").milliseconds;
    assert!((2_000..=3_200).contains(&said), "{said} ms");
    assert_eq!(record.outcome, Outcome::MessageLeft);
}
