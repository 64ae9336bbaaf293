//! Whoever is rung, and what becomes of it.

use super::{
    ANNA_THEN_BEN, End, answers, failures, gave_up_after, is_answer, is_back, is_ringing, ms,
    seconds, some, until,
};
use crate::agents::Habit;
use crate::handset::Hold;
use crate::world::{World, caller_address};
use std::time::Duration;
use zeroline::call::outcome::Outcome;
use zeroline::events::{EndedBy, Event, TargetFailure};

#[test]
fn answered() {
    End {
        tells: |record| {
            assert_eq!(failures(record), [(None, None)]);
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert_eq!(record.ended_by, Some(EndedBy::Caller));
            assert!(record.seconds_to_confirmed.is_none(), "nobody said so");
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn busy() {
    End {
        anna: Habit::Refuses(486),
        story: is_back,
        tells: |record| gave_up_after(record, Some(486), TargetFailure::Busy),
        ..End::default()
    }
    .comes();
}

#[test]
fn declined() {
    End {
        anna: Habit::Refuses(603),
        story: is_back,
        tells: |record| gave_up_after(record, Some(603), TargetFailure::Declined),
        ..End::default()
    }
    .comes();
}

#[test]
fn out_of_service() {
    End {
        anna: Habit::Refuses(503),
        story: is_back,
        tells: |record| gave_up_after(record, Some(503), TargetFailure::Unreachable),
        ..End::default()
    }
    .comes();
}

#[test]
fn elsewhere() {
    End {
        anna: Habit::Refuses(302),
        story: is_back,
        tells: |record| gave_up_after(record, Some(302), TargetFailure::Other),
        ..End::default()
    }
    .comes();
}

#[test]
fn rung_in_vain() {
    End {
        desk: "ring: [\"sip:anna@people.example\"], timeout: 6s",
        anna: Habit::NeverAnswers,
        story: is_back,
        tells: |record| gave_up_after(record, None, TargetFailure::NoAnswer),
        ..End::default()
    }
    .comes();
}

#[test]
fn not_there() {
    End {
        desk: "ring: [\"sip:anna@people.example\"], timeout: 6s",
        anna: Habit::Silent,
        story: is_back,
        tells: |record| gave_up_after(record, None, TargetFailure::NoAnswer),
        ..End::default()
    }
    .comes();
    End {
        desk: "ring: [\"sip:anna@nowhere.example\"]",
        story: is_back,
        tells: |record| gave_up_after(record, None, TargetFailure::Unreachable),
        ..End::default()
    }
    .comes();
}

#[test]
fn the_next_has_time() {
    End {
        desk: ANNA_THEN_BEN,
        anna: Habit::Refuses(486),
        story: |world, _| {
            until(world, is_answer);
            world.run_for(seconds(3));
        },
        tells: |record| {
            let busy = (Some(486), Some(TargetFailure::Busy));
            assert_eq!(failures(record), [busy, (None, None)]);
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn hung_up_at_once() {
    End {
        anna: Habit::Answers {
            after: ms(700),
            talks: Some(Duration::ZERO),
        },
        story: |world, _| until(world, |it| matches!(it, Event::CallEnded { .. })),
        tells: |record| {
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert_eq!(record.ended_by, Some(EndedBy::Agent));
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn the_caller_goes_while_it_rings() {
    End {
        anna: Habit::NeverAnswers,
        story: |world, rng| {
            until(world, is_ringing);
            world.run_for(some(rng, 3_000));
        },
        tells: |record| {
            assert_eq!(failures(record), [(None, Some(TargetFailure::Cancelled))]);
            assert_eq!(record.outcome, Outcome::GaveUpWhileRinging);
        },
        ..End::default()
    }
    .comes();
}

/// From before our INVITE is out to after the answer.
#[test]
fn the_caller_goes_at_any_moment() {
    End {
        story: |world, rng| world.run_for(some(rng, 1_500)),
        ..End::default()
    }
    .comes();
}

#[test]
fn both_hang_up_at_once() {
    End {
        story: |world, rng| {
            until(world, is_answer);
            let talk = some(rng, 3_000);
            world.run_for(talk);
            world.agents.hang_up(world.now);
        },
        tells: |record| {
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            let either = [Some(EndedBy::Caller), Some(EndedBy::Agent)];
            assert!(either.contains(&record.ended_by), "{:?}", record.ended_by);
        },
        ..End::default()
    }
    .comes();
}

/// The 200 crosses our CANCEL: by the time-out, and by the caller's end.
#[test]
fn answered_after_we_gave_up() {
    for early in (0..150).step_by(10) {
        End {
            desk: "ring: [\"sip:anna@people.example\"], timeout: 5s",
            anna: answers(4_900 + early),
            story: |world, _| world.run_for(seconds(9)),
            ..End::default()
        }
        .comes();
    }
    End {
        anna: answers(1_500),
        story: |world, rng| {
            let rung = |world: &World| !world.agents.rung.is_empty();
            world.run_until(world.now + seconds(20), rung);
            world.run_for(ms(1_420) + some(rng, 160));
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn two_answer_at_once() {
    for later in [0, 5, 20, 60] {
        End {
            desk: "ring: [\"sip:anna@people.example\", \"sip:ben@people.example\"], order: all",
            anna: answers(1_500),
            ben: answers(1_500 + later),
            story: |world, _| {
                until(world, is_answer);
                world.run_for(seconds(4));
            },
            tells: |record| {
                let mut told = failures(record);
                told.sort_by_key(|(_, failure)| failure.is_some());
                let lost = (None, Some(TargetFailure::Cancelled));
                assert_eq!(told, [(None, None), lost]);
                assert_eq!(record.outcome, Outcome::TransferredAnswered);
            },
            ..End::default()
        }
        .comes();
    }
}

/// Both are asked whether they are there in the moment in which they ask for something themselves
/// (RFC 3261, 14.1): the talk goes on.
#[test]
fn re_invites_cross() {
    End {
        story: |world, _| {
            until(world, is_answer);
            world.run_for(seconds(2));
            world.caller.handset.dead = true;
            world.agents.go_dead();
            let asked = |world: &World| world.network.sip.invites.len();
            // Ours to both come after half a minute without media.
            world.run_for(seconds(27));
            let before = asked(world);
            let end = world.now + seconds(5);
            let asks = world.run_until(end, |world| asked(world) > before);
            assert!(asks, "nobody is asked");
            world.caller.resume(world.now);
            world.agents.reinvite(world.now);
            world.run_for(ms(100));
            let theirs = |it: &&(_, _, _)| it.1 == caller_address();
            let crossing = world.network.sip.invites.iter().filter(theirs).count();
            assert!(crossing > 1, "nothing crosses");
            world.caller.handset.dead = false;
            world.agents.come_back();
            world.run_for(seconds(20));
            assert!(!world.has(|it| matches!(it, Event::CallEnded { .. })));
            let heard = world.caller.handset.heard.sound.expect("the agent spoke");
            assert!(world.now - heard < seconds(1), "the talk is dead");
        },
        tells: |record| assert_eq!(record.outcome, Outcome::TransferredAnswered),
        ..End::default()
    }
    .comes();
}

#[test]
fn a_talk_on_hold_ends_as_any_other() {
    End {
        story: |world, rng| {
            until(world, is_answer);
            world.run_for(seconds(1));
            world.caller.hold(world.now, Hold::Music);
            world.run_for(some(rng, 400));
            world.agents.hang_up(world.now);
            world.run_for(seconds(2));
        },
        tells: |record| assert_eq!(record.outcome, Outcome::TransferredAnswered),
        ..End::default()
    }
    .comes();
}
