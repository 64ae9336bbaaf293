//! Transfers by REFER: blind, and attended.

use super::{
    End, failures, gave_up_after, is_answer, is_back, is_return, ms, seconds, some, until, until_by,
};
use crate::random::key;
use crate::world::World;
use rand::rngs::StdRng;
use zeroline::call::outcome::Outcome;
use zeroline::events::{EndedBy, Event, ReturnReason, TargetFailure};
use zeroline::handoff::distributor::Request;

const REFER: &str = "ring: [\"sip:anna@people.example\"], way: refer";

#[test]
fn a_refer_that_is_refused_is_bridged_at_once() {
    for status in [403, 405, 603] {
        End {
            desk: REFER,
            exchange: Some((status, &[])),
            story: talks,
            tells: |record| {
                let [(status, failure), (None, None)] = failures(record)[..] else {
                    panic!("{record:#?}");
                };
                assert!([403, 405, 603].map(Some).contains(&status), "{status:?}");
                assert_eq!(failure, Some(TargetFailure::ReferRefused));
                assert_eq!(record.outcome, Outcome::TransferredAnswered);
            },
            ..End::default()
        }
        .comes();
    }
}

fn talks(world: &mut World, _: &mut StdRng) {
    until(world, is_answer);
    world.run_for(seconds(3));
}

#[test]
fn a_refer_that_is_not_answered_is_bridged_in_the_end() {
    End {
        desk: "ring: [\"sip:anna@people.example\"], way: refer, timeout: 5s",
        exchange: Some((0, &[])),
        story: talks,
        tells: |record| {
            let unanswered = (None, Some(TargetFailure::ReferRefused));
            assert_eq!(failures(record), [unanswered, (None, None)]);
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn a_refer_whose_person_answers_ends_our_part() {
    End {
        desk: REFER,
        exchange: Some((202, &[(20, 100), (300, 180), (2_000, 200)])),
        story: |world, _| {
            until(world, |it| matches!(it, Event::CallEnded { .. }));
            assert!(world.agents.rung.is_empty(), "the exchange rings them");
        },
        tells: |record| {
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert_eq!(record.ended_by, Some(EndedBy::Transfer));
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn a_refer_whose_person_is_busy_comes_back() {
    End {
        desk: REFER,
        exchange: Some((202, &[(20, 100), (900, 486)])),
        story: is_back,
        tells: |record| {
            gave_up_after(record, Some(486), TargetFailure::Busy);
            assert!(record.attempts[0].refer_accepted);
        },
        ..End::default()
    }
    .comes();
}

/// No word comes, and the caller stays with us: it has failed, and the next may be referred to.
#[test]
fn a_refer_without_a_notify_comes_back() {
    End {
        desk: "ring: [\"sip:anna@people.example\", \"sip:ben@people.example\"], way: refer, timeout: 5s",
        exchange: Some((202, &[])),
        story: is_back_or_answered,
        tells: |record| {
            let silent = (None, Some(TargetFailure::NoAnswer));
            assert_eq!(failures(record)[0], silent, "{record:#?}");
            assert!(record.attempts.len() > 1, "nobody else is tried");
        },
        ..End::default()
    }
    .comes();
}

fn is_back_or_answered(world: &mut World, _: &mut StdRng) {
    until(world, |it| is_return(it) || is_answer(it));
    world.run_for(seconds(2));
}

/// Law 5: the call is gone, and who took it is not known.
#[test]
fn a_refer_after_which_the_caller_is_gone_is_unconfirmed() {
    End {
        desk: REFER,
        exchange: Some((202, &[(20, 100)])),
        story: |world, _| {
            until(world, |it| matches!(it, Event::ReferAccepted { .. }));
            world.run_for(seconds(2));
        },
        tells: |record| {
            assert_eq!(record.outcome, Outcome::TransferredUnconfirmed);
            assert_eq!(record.ended_by, Some(EndedBy::Transfer));
        },
        ..End::default()
    }
    .comes();
}

const ATTENDED: &str = "ring: [\"sip:anna@people.example\"], way: attended";

/// The exchange's INVITE with Replaces ends the person's leg with us before its NOTIFY comes.
#[test]
fn an_attended_transfer_that_is_taken_ends_our_part() {
    for gone in [0, 100, 250, 290] {
        End {
            desk: ATTENDED,
            exchange: Some((202, &[(300, 200)])),
            story: match gone {
                0 => |world, _| replaced(world, 0),
                100 => |world, _| replaced(world, 100),
                250 => |world, _| replaced(world, 250),
                _ => |world, _| replaced(world, 290),
            },
            tells: |record| {
                assert_eq!(record.outcome, Outcome::TransferredAnswered);
                assert_eq!(record.ended_by, Some(EndedBy::Transfer));
                assert_eq!(failures(record), [(None, None)]);
            },
            ..End::default()
        }
        .comes();
    }
}

/// So long after the REFER came; the NOTIFY goes out after 300 ms.
fn replaced(world: &mut World, after_ms: u64) {
    let referred = |world: &World| {
        world
            .caller
            .exchange
            .as_ref()?
            .referred
            .as_ref()
            .map(|it| it.0)
    };
    let end = world.now + seconds(30);
    assert!(world.run_until(end, |world| referred(world).is_some()));
    let exchange = world.caller.exchange.as_ref();
    let refer = exchange.and_then(|it| it.referred.as_ref());
    let to = format!("{:?}", refer.expect("it came").1.headers);
    assert!(to.contains("Replaces="), "{to}");
    world.run_for(ms(after_ms));
    world.agents.hang_up(world.now);
    until(world, |it| matches!(it, Event::CallEnded { .. }));
    assert_eq!(told_last(world), Some(Request::HandedOver));
}

/// By the call, to the distributor.
fn told_last(world: &mut World) -> Option<Request> {
    world.run_for(ms(100));
    world.server.asked.last().cloned()
}

#[test]
fn an_attended_transfer_that_is_refused_stays_with_us() {
    End {
        desk: ATTENDED,
        exchange: Some((603, &[])),
        story: |world, rng| {
            talks(world, rng);
            assert!(world.agents.heard_caller.is_some());
            world.agents.hang_up(world.now);
            until(world, |it| matches!(it, Event::CallEnded { .. }));
            assert_eq!(told_last(world), Some(Request::Over));
        },
        tells: |record| {
            let refused = (Some(603), Some(TargetFailure::ReferRefused));
            assert_eq!(failures(record), [refused]);
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert_eq!(record.ended_by, Some(EndedBy::Agent));
        },
        ..End::default()
    }
    .comes();
}

/// The person's leg ends, and nobody tells why: they may have hung up, the caller has a choice.
#[test]
fn an_attended_transfer_whose_end_is_not_told_gives_the_caller_a_choice() {
    End {
        desk: ATTENDED,
        exchange: Some((202, &[])),
        story: |world, rng| {
            until(world, |it| matches!(it, Event::ReferAccepted { .. }));
            world.run_for(seconds(1) + some(rng, 2_000));
            world.agents.hang_up(world.now);
            is_back(world, rng);
            let reason = ReturnReason::AgentLeft;
            assert!(
                world
                    .server
                    .journal
                    .iter()
                    .any(|it| it.event == Event::TransferReturned { reason })
            );
        },
        tells: |record| {
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert_eq!(record.ended_by, Some(EndedBy::Caller));
        },
        ..End::default()
    }
    .comes();
}

/// The caller's leg may end some milliseconds before the person's: soon after a word of the REFER it was
/// the REFER, also where no final NOTIFY comes.
#[test]
fn an_attended_caller_who_goes_at_once_is_passed_on() {
    for is_slow in [false, true] {
        End {
            desk: ATTENDED,
            exchange: Some(match is_slow {
                true => (202, &[(3_500, 180)]),
                false => (202, &[]),
            }),
            story: match is_slow {
                true => |world, _| leaves_after_refer(world, 5_000, Request::HandedOver),
                false => |world, _| leaves_after_refer(world, 200, Request::HandedOver),
            },
            tells: |record| {
                assert_eq!(record.outcome, Outcome::TransferredAnswered);
                assert_eq!(record.ended_by, Some(EndedBy::Transfer));
            },
            ..End::default()
        }
        .comes();
    }
}

/// They talked through us, and that was how long the person was taken.
#[test]
fn an_attended_caller_who_talks_through_us_and_hangs_up_has_hung_up() {
    End {
        desk: ATTENDED,
        exchange: Some((202, &[(20, 100)])),
        story: |world, _| leaves_after_refer(world, 20_000, Request::Over),
        tells: |record| {
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
            assert_eq!(record.ended_by, Some(EndedBy::Caller));
        },
        ..End::default()
    }
    .comes();
}

fn leaves_after_refer(world: &mut World, after_ms: u64, told: Request) {
    until(world, |it| matches!(it, Event::ReferAccepted { .. }));
    world.run_for(ms(after_ms));
    world.caller.hang_up(world.now);
    until(world, |it| matches!(it, Event::CallEnded { .. }));
    assert_eq!(told_last(world), Some(told));
}

/// Law 1: nor does the human key wait for what is never told.
#[test]
fn the_human_key_works_when_an_attended_transfers_person_has_gone() {
    End {
        desk: ATTENDED,
        exchange: Some((202, &[])),
        story: |world, rng| {
            until(world, |it| matches!(it, Event::ReferAccepted { .. }));
            world.run_for(seconds(1) + some(rng, 2_000));
            world.agents.hang_up(world.now);
            // The BYE or the key may be lost.
            for _ in 0..7 {
                world.run_for(ms(300));
                if world.agents.rung.len() == 1 {
                    world.caller.press(world.now, [key('0')]);
                }
            }
            world.run_for(ms(400));
            assert_eq!(world.agents.rung.len(), 2, "nobody else is rung");
            world.run_for(seconds(4));
        },
        tells: |record| {
            assert_eq!(record.attempts.len(), 2, "{record:#?}");
            assert_eq!(record.outcome, Outcome::TransferredAnswered);
        },
        ..End::default()
    }
    .comes();
}

/// Nothing is told and nothing happens: they talk through us, for as long as they like.
#[test]
fn an_attended_transfer_without_a_notify_goes_on_as_it_is() {
    End {
        desk: ATTENDED,
        exchange: Some((202, &[])),
        story: |world, _| {
            until(world, |it| matches!(it, Event::ReferAccepted { .. }));
            // Longer than the subscription is believed in.
            world.run_for(seconds(200));
            let heard = world.caller.handset.heard.sound.expect("the agent spoke");
            assert!(world.now - heard < seconds(1), "the talk is dead");
        },
        tells: |record| assert_eq!(record.outcome, Outcome::TransferredAnswered),
        ..End::default()
    }
    .comes();
}

/// A dead line gives the caller back (tested at length in `silence`), whichever way the call went.
#[test]
fn an_attended_talk_whose_line_dies_comes_back() {
    End {
        desk: ATTENDED,
        story: |world, rng| {
            talks(world, rng);
            world.agents.go_dead();
            until_by(world, seconds(70), |it| {
                let reason = ReturnReason::AgentLost;
                *it == Event::TransferReturned { reason }
            });
            world.run_for(seconds(2));
        },
        tells: |record| assert_eq!(record.outcome, Outcome::TransferredAnswered),
        ..End::default()
    }
    .comes();
}
