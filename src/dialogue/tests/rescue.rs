//! A dialogue that broke is replaced, and the call's laws hold on.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::action::Action;
use crate::dialogue::input::Input;

#[test]
fn what_the_caller_gave_and_was_asked_is_kept() {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("1").press("1234").lookup_fails();
    // In the transfer: nobody is rung twice.
    caller.log();
    caller.dialogue_breaks();
    assert_eq!(caller.transfers, [SUPPORT]);
    let context = caller.dialogue.handoff_context();
    assert_eq!(context[0], ("number".to_string(), "1234".to_string()));
    caller.nobody_answers();
    assert_eq!(caller.log(), ["handoff step 1"]);
    // Back to the menu; its steps are counted on.
    caller.press("3");
    assert_eq!(caller.log(), ["step n0 (3, 1)"]);
}

#[test]
fn a_dialogue_that_broke_before_it_began_takes_the_caller_back() {
    let mut caller = Caller::waiting(parcel(), "");
    caller.dialogue_breaks().nobody_answers();
    assert!(caller.hearing().contains("To be called back, press two."));
    caller.press("3");
    assert!(caller.hearing().starts_with("Main menu."));
}

#[test]
fn a_lookup_that_is_under_way_is_cancelled() {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("1").press("1234");
    let fetch = caller.fetch.as_ref().expect("a lookup is under way").id;
    caller.log();
    caller.dialogue_breaks();
    let cancels = |action: &Action| matches!(action, Action::CancelFetch(it) if *it == fetch);
    assert!(caller.actions.iter().any(cancels));
    assert_eq!(
        caller.log(),
        ["looked up: Cancelled", "human by Failure in n2 (2, 2)"]
    );
    assert_eq!(caller.transfers, [SUPPORT]);
    // The next lookup is another one.
    caller.nobody_answers().press("3").press("1").press("1234");
    assert!(caller.fetch.as_ref().expect("it is looked up again").id > fetch);
}

#[test]
fn nothing_of_the_broken_dialogues_plays_is_taken_for_the_new_ones() {
    let mut caller = Caller::calls(parcel());
    let old = caller.playing.as_ref().expect("the menu plays").id;
    caller.dialogue_breaks().nobody_answers();
    let new = caller.playing.as_ref().expect("the choices play").id;
    assert!(new > old);
    caller.tell(Input::PlayEnded { play: old });
    assert!(caller.dialogue.next_timeout().is_some());
    caller.is_silent();
    assert!(caller.log().contains(&"no input 1".to_string()));
}

#[test]
fn who_was_given_more_time_is_given_it_still() {
    let mut caller = Caller::calls(parcel());
    caller.is_silent().is_silent().dialogue_breaks();
    caller.nobody_answers().hears().log();
    caller.waits(7.9);
    assert!(caller.log().is_empty());
    caller.waits(0.1);
    assert_eq!(caller.log()[0], "no input 1");
}

#[test]
fn what_was_sensitive_does_not_stay_so() {
    let mut plan = parcel();
    plan.slots[0].sensitive = true;
    let mut caller = Caller::calls(plan);
    caller.hears().press("1").press("12");
    assert!(caller.dialogue.is_sensitive());
    caller.dialogue_breaks();
    assert!(!caller.dialogue.is_sensitive());
    let sensitive = caller.actions.iter().rev().find_map(|action| match action {
        Action::Sensitive(sensitive) => Some(*sensitive),
        _ => None,
    });
    assert_eq!(sensitive, Some(false));
}
