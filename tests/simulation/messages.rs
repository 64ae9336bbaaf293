//! Messages that end otherwise than by their own end.

use crate::caller::KeysBy;
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
use zeroline::dialplan::model::Dialplan;
use zeroline::events::Event;

/// Longer than the tone, which nothing is recorded of.
const TONE: Duration = Duration::from_secs(1);

/// Speaks for so long after the tone, or not at all, is silent, does what is left to do and hangs
/// up: the record. A file is kept where it tells of a message, and no other.
fn leaves(speech: Duration, silence: Duration, then: impl Fn(&mut World)) -> CallRecord {
    leaves_in(&dialplan(), speech, silence, then)
}

fn leaves_in(
    plan: &Dialplan,
    speech: Duration,
    silence: Duration,
    then: impl Fn(&mut World),
) -> CallRecord {
    let mut record = None;
    for_each_seed(0..1, |seed, world| {
        let program = Program::compile(plan.clone()).expect("its templates are right");
        let mut scene = calm_scene(seed, Moods::WELL, program);
        // A silent handset sends no telephone-events.
        scene.keys_by = KeysBy::Info;
        let world = world.insert(World::new(scene));
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
        then(world);
        world.caller.hang_up(world.now);
        world.run_to_the_end();
        assert_whole(&world.server.journal);
        let told = CallRecord::fold(&world.server.journal).expect("there are events");
        let files = world.server.helpers.files.iter();
        let kept = files.filter(|it| it.starts_with("messages/"));
        let message = told.message.iter().map(|it| &it.file);
        assert!(kept.eq(message), "{:?}", world.server.helpers.files);
        // Where the process dies, that is how it is found.
        let entries = world.server.journal.iter();
        let begun = entries.filter_map(|entry| match &entry.event {
            Event::MessageStarted { file, .. } => file.as_ref(),
            _ => None,
        });
        let begun: Vec<&String> = begun.collect();
        assert!(begun.len() == 1 && told.message.iter().all(|it| &it.file == begun[0]));
        record = Some(told);
    });
    record.expect("it is called")
}

#[test]
fn a_hang_up_without_a_word_is_no_message() {
    let record = leaves(Duration::ZERO, Duration::from_secs(3), |_| {});
    assert_eq!(record.message, None);
    assert_eq!(record.outcome, Outcome::GaveUpInMenu);
}

#[test]
fn a_message_is_as_long_as_what_was_said() {
    let record = leaves(Duration::from_secs(2), Duration::from_secs(3), |_| {});
    let said = record.message.expect("a message was left").milliseconds;
    assert!((2_000..=3_200).contains(&said), "{said} ms");
    assert_eq!(record.outcome, Outcome::MessageLeft);
}

fn wants_a_person(world: &mut World) {
    world.caller.press(world.now, [key('0')]);
    world.run_for(Duration::from_secs(3));
}

/// Nothing that was said is lost (law 7), and the outcome is what came after (law 5).
#[test]
fn a_message_is_kept_when_the_caller_wants_a_person_after_all() {
    let record = leaves(Duration::from_secs(2), Duration::ZERO, wants_a_person);
    let said = record.message.expect("a message was left").milliseconds;
    assert!((2_000..=3_200).contains(&said), "{said} ms");
    assert_eq!(record.outcome, Outcome::TransferredAnswered);
}

#[test]
fn a_message_without_a_word_is_deleted_when_the_caller_wants_a_person() {
    let record = leaves(Duration::ZERO, Duration::from_secs(2), wants_a_person);
    assert_eq!(record.message, None);
    assert_eq!(record.outcome, Outcome::TransferredAnswered);
}

/// The recording ends after 5 s of silence, and the caller is asked what to do.
#[test]
fn a_message_that_ends_without_a_word_is_deleted() {
    let record = leaves(Duration::ZERO, Duration::from_secs(8), |_| {});
    assert_eq!(record.message, None);
}

#[test]
fn elder_pacing_waits_longer_for_the_first_word() {
    let silence = Duration::from_secs(6);
    let usual = leaves(Duration::ZERO, silence, |_| {});
    let mut plan = dialplan();
    plan.elder.numbers.push("*".to_string());
    let elder = leaves_in(&plan, Duration::ZERO, silence, |_| {});
    assert_eq!((usual.handoff_steps, elder.handoff_steps), (1, 0));
}
