//! Who answers is told whose call it is, and takes it by a key, or does not.

use super::{End, failures, gave_up_after, is_answer, is_back, ms, presses, seconds, some, until};
use crate::agents::Habit;
use crate::caller::KeysBy;
use crate::random::key;
use zeroline::audio::dtmf_detector::DtmfDetector;
use zeroline::call::outcome::Outcome;
use zeroline::events::{Event, TargetFailure};

const ACCEPT: &str = "ring: [\"sip:anna@people.example\"], accept: true";

#[test]
fn taken_by_the_accept_key() {
    End {
        desk: ACCEPT,
        anna: presses('1', 2_500, None),
        story: |world, _| {
            until(world, |it| matches!(it, Event::TargetConfirmed { .. }));
            world.run_for(seconds(3));
            assert!(world.agents.heard_caller.is_some());
        },
        tells: |record| {
            assert_eq!(record.outcome, Outcome::TransferredConfirmed);
            let attempt = &record.attempts[0];
            assert!(attempt.seconds_to_confirmed >= attempt.seconds_to_answer);
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn turned_down_by_the_other_key() {
    End {
        desk: "ring: [\"sip:anna@people.example\", \"sip:ben@people.example\"], accept: true",
        anna: presses('2', 2_500, None),
        ben: presses('1', 2_500, None),
        story: |world, _| {
            until(world, |it| matches!(it, Event::TargetConfirmed { .. }));
            world.run_for(seconds(3));
        },
        tells: |record| {
            let declined = (None, Some(TargetFailure::Declined));
            assert_eq!(failures(record), [declined, (None, None)]);
            assert_eq!(record.outcome, Outcome::TransferredConfirmed);
        },
        ..End::default()
    }
    .comes();
}

/// Of all keys the caller hears those that are pressed when they talk, once each, however a
/// telephone sends them.
fn the_caller_hears_no_accept_key(keys_by: KeysBy) {
    End {
        desk: ACCEPT,
        anna: presses('1', 2_500, None),
        keys_by,
        story: |world, _| {
            until(world, is_answer);
            world.caller.handset.hears_tones = Some(DtmfDetector::new());
            until(world, |it| matches!(it, Event::TargetConfirmed { .. }));
            world.run_for(seconds(3));
            assert_eq!(world.caller.handset.heard.keys, []);
            world.agents.press_on_the_line(world.now, key('5'));
            world.run_for(seconds(2));
            world.agents.press_on_the_line(world.now, key('1'));
            world.run_for(seconds(2));
            assert_eq!(world.caller.handset.heard.keys, [key('5'), key('1')]);
        },
        tells: |record| assert_eq!(record.outcome, Outcome::TransferredConfirmed),
        ..End::default()
    }
    .comes();
}

#[test]
fn the_caller_hears_no_accept_key_by_telephone_event() {
    the_caller_hears_no_accept_key(KeysBy::TelephoneEvent);
}

#[test]
fn the_caller_hears_no_accept_key_by_info_and_telephone_event_at_once() {
    the_caller_hears_no_accept_key(KeysBy::Info);
}

#[test]
fn the_caller_hears_no_accept_key_by_tones() {
    the_caller_hears_no_accept_key(KeysBy::InBand);
}

/// A voicemail speaks as well, and presses no key: nobody was reached.
#[test]
fn never_accepted() {
    End {
        desk: ACCEPT,
        story: is_back,
        tells: |record| {
            gave_up_after(record, None, TargetFailure::NotAccepted);
            assert!(record.seconds_to_answer.is_some());
        },
        ..End::default()
    }
    .comes();
}

#[test]
fn hung_up_while_told_whose_call_it_is() {
    End {
        desk: ACCEPT,
        anna: Habit::Answers {
            after: ms(700),
            talks: Some(ms(1_500)),
        },
        story: is_back,
        tells: |record| gave_up_after(record, None, TargetFailure::NotAccepted),
        ..End::default()
    }
    .comes();
}

#[test]
fn the_caller_goes_while_the_person_is_told() {
    End {
        desk: ACCEPT,
        story: |world, rng| {
            until(world, is_answer);
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
