//! The server stops: every caller is told, and who wanted a person is called back.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::action::Action;
use crate::dialogue::input::Input;
use crate::events::{EndedBy, Event, ReturnReason};

const STOPS: &str = "I am sorry, this service has to stop now, and I must end our call.";

fn wants_a_person(caller: &str) -> Caller {
    let mut caller = Caller::with_number(parcel(), caller);
    caller.hears().press("0");
    caller
}

fn waits_in_line(caller: &str) -> Caller {
    let mut caller = wants_a_person(caller);
    let (position, estimate) = (3, None);
    caller.tell(Input::InLine { position, estimate });
    caller
}

fn was_left(mut caller: Caller) -> Caller {
    caller.handoff_returns(ReturnReason::NobodyAnswered);
    caller
}

fn leaves_a_message() -> Caller {
    let mut caller = waits_in_line(NUMBER);
    caller.press("2").hears();
    assert!(caller.recording);
    caller
}

/// Chooses a callback there, and goes on.
fn from_the_menu(keys: &str) -> Caller {
    let mut caller = Caller::calls(parcel());
    caller.press(keys);
    caller
}

fn is_booked(caller: &Caller) -> bool {
    let mut events = caller.events.iter();
    events.any(|it| matches!(it, Event::CallbackBooked { .. }))
}

const STOP: Input = Input::ServerStops { with_person: false };
const NUMBER: &str = "+442079460000";

#[test]
fn who_wanted_a_person_is_called_back_and_everybody_is_told() {
    let is_noted = "I will note that you want to be called back on this number: four four two";
    let goodbye = "Thank you for calling. Goodbye.";
    for (case, mut caller, told, books) in [
        ("rung", wants_a_person(NUMBER), is_noted, true),
        ("in line", waits_in_line(NUMBER), is_noted, true),
        ("choosing", was_left(waits_in_line(NUMBER)), is_noted, true),
        ("agreeing", from_the_menu("4"), is_noted, true),
        ("refusing", from_the_menu("42"), goodbye, false),
        ("no number", waits_in_line(""), goodbye, false),
        ("a message", leaves_a_message(), goodbye, false),
        ("with the bot", Caller::calls(parcel()), goodbye, false),
    ] {
        caller.actions.clear();
        caller.events.clear();
        caller.tell(STOP);
        let heard = caller.hearing();
        let rest = heard.strip_prefix(STOPS).map(str::trim_start);
        assert!(
            rest.is_some_and(|it| it.starts_with(told)),
            "{case}: {heard}"
        );
        assert_eq!(is_booked(&caller), books, "{case}");
        let mut actions = caller.actions.iter();
        let kept = actions.any(|it| matches!(it, Action::KeepMessage));
        assert_eq!(kept, case == "a message", "{case}");
        caller.tell(STOP);
        assert_eq!(caller.hearing(), heard, "{case}: it is said once");
        caller.hears();
        let by = caller.actions.iter().find_map(|action| match action {
            Action::HangUp { by, .. } => Some(*by),
            _ => None,
        });
        assert_eq!(by, Some(EndedBy::Server), "{case}");
    }
}

#[test]
fn nobody_is_rung_any_more_and_the_line_is_left() {
    for (mut caller, waited) in [
        (wants_a_person(NUMBER), false),
        (waits_in_line(NUMBER), true),
    ] {
        caller.events.clear();
        caller.tell(STOP);
        assert!(caller.left_line);
        assert_eq!(caller.events.contains(&Event::LineLeft), waited);
    }
}

#[test]
fn who_is_passed_on_is_not_held_up() {
    let mut caller = wants_a_person(NUMBER);
    caller.tell(Input::PassedOn);
    caller.tell(STOP);
    assert!(caller.is_quiet() && !caller.left_line);
}

#[test]
fn the_human_key_works_to_the_last_word() {
    let mut caller = Caller::calls(parcel());
    caller.tell(STOP);
    caller.press("0");
    assert_eq!(caller.transfers.len(), 1);
}

#[test]
fn who_has_a_person_is_told_when_they_come_back() {
    for (reason, books) in [
        (ReturnReason::AgentLost, true),
        (ReturnReason::NobodyAnswered, true),
        (ReturnReason::AgentLeft, false),
    ] {
        let mut caller = wants_a_person(NUMBER);
        let with_person = true;
        caller.tell(Input::ServerStops { with_person });
        assert!(caller.is_quiet() && !is_booked(&caller), "{reason:?}");
        caller.handoff_returns(reason);
        assert!(caller.hearing().starts_with(STOPS), "{reason:?}");
        assert_eq!(is_booked(&caller), books, "{reason:?}");
    }
}

#[test]
fn who_comes_late_or_would_wait_is_told_at_once() {
    let mut late = Caller::waiting(parcel(), NUMBER);
    late.tell(STOP);
    late.tell(Input::Start);
    assert!(late.hearing().starts_with(STOPS));

    let mut caller = Caller::calls(parcel());
    caller.tell(STOP);
    caller.press("0");
    let (position, estimate) = (1, None);
    caller.tell(Input::InLine { position, estimate });
    assert!(caller.hearing().starts_with(STOPS) && is_booked(&caller));
}

#[test]
fn who_is_cut_off_on_the_way_to_a_person_is_called_back() {
    for (mut caller, books) in [
        (wants_a_person(NUMBER), true),
        (wants_a_person(""), false),
        (Caller::calls(parcel()), false),
    ] {
        caller.tell(Input::CutOff);
        assert_eq!(is_booked(&caller), books);
    }
}
