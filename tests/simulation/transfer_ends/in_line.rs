//! Callers who wait until somebody is free.

use super::{End, answers, failures, is_answer, is_return, ms, seconds, some, until, until_by};
use crate::agents::Habit;
use crate::random::key;
use crate::world::World;
use zeroline::call::outcome::Outcome;
use zeroline::events::{EndedBy, Event, TargetFailure};

const QUEUE: &str = "ring: [{ to: \"sip:anna@people.example\", limit: 1 }], queue: true, rest: 8s";

fn is_place(event: &Event) -> bool {
    matches!(event, Event::Queued { .. })
}

fn is_left(event: &Event) -> bool {
    matches!(event, Event::LineLeft)
}

/// Back at the menu.
fn is_menu(event: &Event) -> bool {
    matches!(event, Event::StepAsked { steps, .. } if *steps > 1)
}

/// Until that has come of it: a key may be lost with all its copies.
fn presses_until(world: &mut World, symbol: char, wanted: fn(&Event) -> bool) {
    while !world.has(wanted) {
        world.caller.press(world.now, [key(symbol)]);
        world.run_for(seconds(1));
    }
}

/// Anna was busy; now her telephone rings for the caller who waited, and she does that.
fn rung_again(world: &mut World, anna: Habit) {
    until(world, is_place);
    let before = world.agents.rung.len();
    world.agents.now_do("anna", anna);
    let rings = |world: &World| world.agents.rung.len() > before;
    assert!(world.run_until(world.now + seconds(60), rings));
}

/// Nobody is rung, and nobody sits on a line with no caller, though the call goes on.
fn nobody_is_left(world: &mut World) {
    let rung = world.agents.rung.len();
    let gone = |world: &World| world.agents.ua.load().legs == 0;
    assert!(
        world.run_until(world.now + seconds(12), gone),
        "a leg is left"
    );
    assert_eq!(world.agents.rung.len(), rung, "they are rung for nobody");
    assert!(world.server.distributor.is_idle());
    assert!(!world.has(|it| matches!(it, Event::CallEnded { .. })));
}

const BUSY: (Option<u16>, Option<TargetFailure>) = (Some(486), Some(TargetFailure::Busy));
const CANCELLED: (Option<u16>, Option<TargetFailure>) = (None, Some(TargetFailure::Cancelled));

/// Anna is busy elsewhere, which she tells herself: the caller waits until she has rested.
#[test]
fn a_wait_in_line_ends_with_a_person() {
    End {
        desk: QUEUE,
        anna: Habit::Refuses(486),
        story: |world, _| {
            until(world, is_place);
            world.agents.now_do("anna", answers(700));
            until(world, is_answer);
            world.run_for(seconds(3));
        },
        tells: |record| {
            assert_eq!(failures(record), [BUSY, (None, None)]);
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert_eq!(record.handoff_steps, 1);
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn the_caller_goes_while_in_line() {
    End {
        desk: QUEUE,
        anna: Habit::Refuses(486),
        story: |world, rng| {
            until(world, is_place);
            world.run_for(some(rng, 6_000));
        },
        tells: |record| {
            assert_eq!(record.outcome, Outcome::GaveUpInQueue);
            assert_eq!(record.ended_by, Some(EndedBy::Caller));
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn a_wait_that_lasts_too_long_is_a_choice() {
    End {
        desk: "ring: [\"sip:anna@people.example\"], rest: 3s, queue: { longest: 50s }",
        anna: Habit::Refuses(486),
        story: |world, _| {
            until_by(world, seconds(120), is_return);
            world.run_for(seconds(2));
        },
        tells: |record| {
            assert!(record.attempts.len() > 3, "{record:#?}");
            assert_eq!(record.outcome, Outcome::GaveUpInQueue);
            // The choices of the line, and those after it.
            assert_eq!(record.handoff_steps, 2);
        },
        ..End::default()
    }
    .comes();
}

/// Who has waited and leaves the line for the bot is not rung for any more.
#[test]
fn a_wait_that_the_caller_leaves_is_over() {
    End {
        desk: QUEUE,
        anna: Habit::Refuses(486),
        story: |world, _| {
            until(world, is_place);
            world.run_for(seconds(1));
            presses_until(world, '*', is_menu);
            let rung = world.agents.rung.len();
            world.run_for(seconds(4));
            assert_eq!(world.agents.rung.len(), rung, "they are rung for nobody");
            assert!(world.server.distributor.is_idle());
        },
        tells: |record| {
            assert_eq!(record.outcome, Outcome::GaveUpInMenu);
            let reason = |it: &TargetFailure| *it == TargetFailure::Cancelled;
            assert!(
                !record
                    .attempts
                    .iter()
                    .filter_map(|it| it.failure)
                    .any(|it| reason(&it))
            );
        },
        ..End::default()
    }
    .comes();
}

/// Anna's telephone rings and rings: the caller goes back to the bot, and it rings no more.
#[test]
fn who_is_rung_for_may_go_back_to_the_bot() {
    End {
        desk: QUEUE,
        anna: Habit::Refuses(486),
        story: |world, rng| {
            rung_again(world, Habit::NeverAnswers);
            world.run_for(some(rng, 3_000));
            presses_until(world, '*', is_left);
            nobody_is_left(world);
            assert!(world.has(is_menu));
        },
        tells: |record| {
            assert_eq!(failures(record), [BUSY, CANCELLED]);
            assert_eq!(record.outcome, Outcome::GaveUpInMenu);
            assert_eq!(record.handoff_steps, 1);
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn who_is_rung_for_may_want_a_callback_and_keeps_the_place() {
    End {
        desk: QUEUE,
        anna: Habit::Refuses(486),
        story: |world, rng| {
            rung_again(world, Habit::NeverAnswers);
            world.run_for(some(rng, 3_000));
            presses_until(world, '1', is_left);
            let booked = |it: &Event| matches!(it, Event::CallbackBooked { .. });
            presses_until(world, '1', booked);
            let idle = |world: &World| world.server.distributor.is_idle();
            assert!(idle(world), "they are rung for nobody");
        },
        tells: |record| {
            assert_eq!(failures(record), [BUSY, CANCELLED]);
            assert_eq!(record.outcome, Outcome::CallbackBooked);
            let callback = record.callback.as_ref().expect("it is booked");
            let since = callback.since_ms.expect("the place is kept");
            let waited = record.ended_ms - since;
            assert!(waited > 8_000, "since they wanted a person: {waited} ms");
        },
        ..End::default()
    }
    .comes();
}

/// Before a word is said.
#[test]
fn who_is_rung_for_may_leave_a_message_and_think_again() {
    End {
        desk: QUEUE,
        anna: Habit::Refuses(486),
        story: |world, _| {
            rung_again(world, Habit::NeverAnswers);
            presses_until(world, '2', is_left);
        },
        tells: |record| {
            assert_eq!(failures(record), [BUSY, CANCELLED]);
            // Nothing rang when they went.
            assert_eq!(record.outcome, Outcome::GaveUpInQueue);
        },
        ..End::default()
    }
    .comes();
}

/// Anna has answered, and is told whose call it is: she does not have it yet.
#[test]
fn who_is_told_of_may_leave_still() {
    End {
        desk: "ring: [{ to: \"sip:anna@people.example\", limit: 1 }], queue: true, rest: 8s, \
               accept: true",
        anna: Habit::Refuses(486),
        story: |world, rng| {
            rung_again(world, answers(700));
            until(world, is_answer);
            world.run_for(some(rng, 3_000));
            presses_until(world, '*', is_left);
            nobody_is_left(world);
        },
        tells: |record| {
            assert_eq!(failures(record), [BUSY, CANCELLED]);
            assert_eq!(record.outcome, Outcome::GaveUpInMenu);
            assert!(record.seconds_to_answer.is_some());
            assert_eq!(record.person(), None, "nobody had the call");
        },
        ..End::default()
    }
    .comes();
}

/// Either she has the call, or the caller is back at the menu and she is alone with nobody.
#[test]
fn a_key_crosses_the_answer() {
    End {
        desk: QUEUE,
        anna: Habit::Refuses(486),
        story: |world, rng| {
            rung_again(world, answers(1_000));
            world.run_for(ms(920) + some(rng, 160));
            world.caller.press(world.now, [key('*')]);
            world.run_for(seconds(6));
            match world.has(is_left) {
                true => nobody_is_left(world),
                false => assert!(world.agents.heard_caller.is_some()),
            }
        },
        tells: |record| {
            let (left, had) = (Outcome::GaveUpInMenu, Outcome::TransferredAnswered);
            match failures(record)[..] {
                [BUSY, CANCELLED] => assert_eq!(record.outcome, left),
                [BUSY, (None, None)] => assert_eq!(record.outcome, had),
                _ => panic!("{record:#?}"),
            }
        },
        ..End::default()
    }
    .comes();
}

/// The first REFER is told to have failed; the second is taken, and nothing is told of it: until it is
/// given up nobody can take the call back, and then the caller can.
#[test]
fn who_is_passed_on_cannot_leave_until_that_came_to_nothing() {
    End {
        desk: "ring: [\"sip:anna@people.example\"], way: refer, timeout: 5s, rest: 3s, queue: true",
        exchange: Some((202, &[(500, 486)])),
        story: |world, _| {
            until(world, is_place);
            let accepted = |it: &Event| matches!(it, Event::ReferAccepted { attempt: 2 });
            until(world, accepted);
            let failed = |it: &Event| matches!(it, Event::TargetFailed { attempt: 2, .. });
            for _ in 0..5 {
                world.caller.press(world.now, [key('*')]);
                world.run_for(seconds(1));
            }
            assert!(!world.has(is_left) && !world.has(failed));
            until(world, failed);
            presses_until(world, '*', is_left);
            world.run_for(seconds(2));
            assert!(world.has(is_menu) && world.server.distributor.is_idle());
        },
        tells: |record| assert_eq!(record.outcome, Outcome::GaveUpInMenu),
        ..End::default()
    }
    .comes();
}
