//! Callers who wait until somebody is free.

use super::{End, answers, failures, is_answer, is_return, seconds, some, until, until_by};
use crate::agents::Habit;
use crate::random::key;
use crate::world::World;
use zeroline::call::outcome::Outcome;
use zeroline::events::{EndedBy, Event, TargetFailure};

const QUEUE: &str = "ring: [{ to: \"sip:anna@people.example\", limit: 1 }], queue: true, rest: 8s";

fn is_place(event: &Event) -> bool {
    matches!(event, Event::Queued { .. })
}

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
            let busy = (Some(486), Some(TargetFailure::Busy));
            assert_eq!(failures(record), [busy, (None, None)]);
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert!(record.handoff_steps >= 1);
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
            let lost = |world: &World| {
                let back = |it: &Event| matches!(it, Event::StepAsked { steps, .. } if *steps > 1);
                !world.has(back)
            };
            while lost(world) {
                world.caller.press(world.now, [key('*')]);
                world.run_for(seconds(1));
            }
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
