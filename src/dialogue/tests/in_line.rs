//! In line: the caller is told the truth, and every key still leads somewhere.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::input::Input;
use crate::events::{Event, ReturnReason};
use std::time::Duration;

fn place(position: u32, seconds: Option<u64>) -> Input {
    Input::InLine {
        position,
        estimate: seconds.map(Duration::from_secs),
    }
}

/// What the keys lead to, by its first words.
const CHOICES: [(&str, &str); 4] = [
    (
        "1",
        "I will note that you want to be called back on this number:",
    ),
    ("2", "Please leave your message"),
    ("3", "Main menu."),
    ("*", "Main menu."),
];

fn in_line() -> Caller {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("0");
    caller.tell(place(3, None));
    caller
}

#[test]
fn the_place_the_estimate_and_the_choices_are_told() {
    let mut caller = in_line();
    assert_eq!(
        caller.hearing(),
        "You are number 3 in line. I cannot tell yet how long it will take. To be called back, \
         press one. To leave a message, press two. To go back to the menu, press three."
    );
    assert_eq!(
        caller.log().last().map(String::as_str),
        Some("handoff step 1")
    );
    for (position, seconds, told) in [
        (
            2,
            190,
            "You are number 2 in line. It will take about 4 minutes.",
        ),
        (
            1,
            20,
            "You are next in line. It will take about one minute.",
        ),
    ] {
        caller.tell(place(position, Some(seconds)));
        assert!(caller.hearing().starts_with(told), "{}", caller.hearing());
    }
    assert!(caller.log().is_empty(), "to be told again is no step");
}

#[test]
fn the_place_is_asked_for_every_half_minute_and_by_the_human_key() {
    let mut caller = in_line();
    caller.hears().waits(29.0);
    assert_eq!(caller.asks_place, 0);
    caller.waits(1.0);
    assert_eq!(caller.asks_place, 1);
    caller.tell(place(2, None));
    for (times, key) in [(2, "0"), (3, "7"), (4, "#")] {
        caller.press(key);
        assert_eq!(caller.asks_place, times, "{key}");
    }
    assert_eq!(caller.transfers.len(), 1, "a person is sought once");
    assert!(!caller.left_line);
}

#[test]
fn whoever_chooses_something_else_leaves_the_line() {
    for (key, hears) in CHOICES {
        let mut caller = in_line();
        caller.log();
        caller.press(key);
        assert_eq!(caller.log()[0], "LineLeft");
        assert!(caller.left_line);
        assert!(caller.hearing().starts_with(hears), "{}", caller.hearing());
        caller.tell(place(2, None));
        assert!(
            caller.hearing().starts_with(hears),
            "it crossed with the key"
        );
    }
}

#[test]
fn who_is_rung_in_vain_waits_on_and_hears_so() {
    let mut caller = in_line();
    caller.tell(Input::NextInLine);
    assert!(caller.is_quiet(), "the transfer speaks");
    caller.waits(100.0);
    assert_eq!(caller.asks_place, 0);
    caller.tell(place(1, None));
    assert!(caller.hearing().starts_with("You are next in line."));
}

#[test]
fn a_line_that_leads_nowhere_leads_back() {
    let mut caller = in_line();
    caller.handoff_returns(ReturnReason::NobodyAnswered);
    assert!(
        caller
            .hearing()
            .starts_with("I am sorry, I could not reach anybody")
    );
    caller.waits(2.0);
    assert_eq!(caller.asks_place, 0);
}

#[test]
fn from_a_callback_that_is_not_wanted_the_way_leads_to_the_choices() {
    let mut caller = in_line();
    caller.press("1*");
    assert!(caller.hearing().starts_with("To try again, press one."));
    caller.press("1");
    assert_eq!(caller.transfers.len(), 2);
}

/// In line, and somebody is rung for them now.
fn next() -> Caller {
    let mut caller = in_line();
    caller.tell(Input::NextInLine);
    caller.log();
    caller
}

/// The keys that the log tells, and a dot for each that it hides.
fn keys(caller: &mut Caller) -> String {
    let events = std::mem::take(&mut caller.events).into_iter();
    let keys = events.filter_map(|event| match event {
        Event::KeyPressed { key, .. } => Some(key.map_or('.', |key| key.to_char())),
        _ => None,
    });
    keys.collect()
}

#[test]
fn while_somebody_is_rung_the_line_leads_out_as_before() {
    for (key, hears) in CHOICES {
        let mut caller = next();
        caller.press(key);
        assert!(caller.left_line, "{key}");
        assert!(caller.hearing().starts_with(hears), "{}", caller.hearing());
        // It crossed with the key.
        caller.tell(place(1, None));
        caller.handoff_returns(ReturnReason::NobodyAnswered);
        assert!(caller.hearing().starts_with(hears), "{}", caller.hearing());
        assert_eq!(keys(&mut caller), key, "why they left is told");
    }
}

#[test]
fn while_somebody_is_rung_other_keys_mean_nothing_and_are_not_told() {
    let mut caller = next();
    caller.press("04579#");
    assert!(!caller.left_line && caller.is_quiet());
    assert_eq!(caller.asks_place, 0);
    assert_eq!(caller.transfers.len(), 1, "a person is sought already");
    assert_eq!(keys(&mut caller), "......");
}

#[test]
fn who_did_not_wait_was_offered_nothing_to_choose() {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("0");
    keys(&mut caller);
    caller.press("123*");
    assert!(!caller.left_line && caller.is_quiet());
    assert_eq!(keys(&mut caller), "....");
    // Nor does what an earlier line offered hold for a wish of later.
    let mut caller = next();
    caller.press("3").press("0").press("123*");
    assert_eq!(caller.transfers.len(), 2);
    assert!(caller.is_quiet());
}

#[test]
fn what_a_refer_passes_on_no_key_takes_back() {
    let mut caller = next();
    caller.tell(Input::PassedOn);
    caller.press("123*");
    assert!(!caller.left_line && caller.is_quiet());
    caller.tell(Input::NotPassedOn);
    caller.press("3");
    assert!(caller.left_line);
    assert!(caller.hearing().starts_with("Main menu."));
}

#[test]
fn the_choices_of_one_wait_are_one_step_however_often_they_are_rung_in_vain() {
    let mut caller = next();
    for _ in 0..3 {
        caller.tell(place(1, None));
        caller.tell(Input::NextInLine);
        caller.tell(Input::PassedOn);
        caller.tell(Input::NotPassedOn);
    }
    assert!(caller.log().is_empty());
    caller.press("3").press("0").tell(place(2, None));
    assert_eq!(
        caller.log().last().map(String::as_str),
        Some("handoff step 2"),
        "another wait"
    );
}

#[test]
fn a_dialogue_that_breaks_keeps_the_way_out() {
    for in_vain in [false, true] {
        let mut caller = next();
        caller.dialogue_breaks();
        if in_vain {
            caller.tell(place(1, None));
            assert!(caller.log().is_empty(), "the same wait");
        }
        caller.press("3");
        assert!(caller.left_line);
        assert!(caller.hearing().starts_with("Main menu."));
    }
}
