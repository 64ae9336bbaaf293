//! On hold nothing is heard, and nothing counts.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::input::Input;

/// Longer than any timer of a dialogue.
const LONG: f32 = 1_000.0;

#[test]
fn silence_on_hold_is_no_missing_answer_and_the_question_put_again_no_step() {
    let mut caller = Caller::calls(parcel());
    caller.hears().waits(4.9);
    caller.log();
    caller.tell(Input::Held);
    caller.waits(LONG);
    assert_eq!(caller.log(), [] as [&str; 0]);
    caller.tell(Input::Resumed);
    assert_eq!(caller.hearing(), "Main menu.");
    assert_eq!(caller.log(), [] as [&str; 0]);
    caller.is_silent();
    assert_eq!(caller.log(), ["no input 1", "step n0 again (2, 1)"]);
}

#[test]
fn a_prompt_that_is_held_up_goes_on() {
    let mut caller = Caller::calls(parcel());
    let greeting = caller.hearing();
    caller.log();
    caller.tell(Input::Held);
    caller.waits(LONG);
    caller.tell(Input::Resumed);
    assert_eq!(caller.hearing(), greeting);
    assert_eq!(caller.log(), [] as [&str; 0], "nothing was offered yet");
    caller.hears();
    assert_eq!(caller.log(), ["offered 0"]);
}

#[test]
fn keys_act_on_hold_and_what_they_lead_to_waits() {
    let mut caller = Caller::calls(parcel());
    caller.hears();
    caller.tell(Input::Held);
    caller.press("1");
    let question = caller.hearing();
    caller.log();
    caller.waits(LONG);
    assert_eq!(caller.hearing(), question);
    // A number that is half keyed is not taken for a whole one.
    caller.press("1").waits(LONG);
    assert_eq!(caller.log(), [] as [&str; 0]);
    caller.tell(Input::Resumed);
    caller.waits(2.9);
    assert_eq!(caller.log(), [] as [&str; 0]);
    caller.waits(0.2);
    assert_eq!(caller.log()[0], "no match 1");
    caller.tell(Input::Held);
    caller.press("*");
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn a_lone_human_key_and_a_pause_ring_a_person_on_hold_too() {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("1").hears();
    caller.tell(Input::Held);
    caller.press("0").waits(2.9);
    assert_eq!(caller.transfers, []);
    caller.waits(0.2);
    assert_eq!(caller.transfers, [SUPPORT]);
}
