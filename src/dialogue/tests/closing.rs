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

const NUMBER: &str = "+442079460000";

#[test]
fn who_wanted_a_person_is_called_back_and_everybody_is_told() {
    let is_noted = "I will note that you want to be called back on this number: four four two";
    let goodbye = "Thank you for calling. Goodbye.";
    for (case, mut caller, told, books) in [
        ("rung", wants_a_person(NUMBER), is_noted, true),
        ("in line", waits_in_line(NUMBER), is_noted, true),
        ("choosing", was_left(waits_in_line(NUMBER)), is_noted, true),
        ("no number", waits_in_line(""), goodbye, false),
        ("a message", leaves_a_message(), goodbye, false),
        ("with the bot", Caller::calls(parcel()), goodbye, false),
    ] {
        caller.actions.clear();
        caller.events.clear();
        caller.tell(Input::ServerStops);
        let heard = caller.hearing();
        let rest = heard.strip_prefix(STOPS).map(str::trim_start);
        assert!(
            rest.is_some_and(|it| it.starts_with(told)),
            "{case}: {heard}"
        );
        let mut events = caller.events.iter();
        let booked = events.any(|it| {
            matches!(
                it,
                Event::CallbackBooked {
                    own_number: true,
                    ..
                }
            )
        });
        assert_eq!(booked, books, "{case}");
        let mut actions = caller.actions.iter();
        let kept = actions.any(|it| matches!(it, Action::KeepMessage));
        assert_eq!(kept, case == "a message", "{case}");
        caller.tell(Input::ServerStops);
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
        caller.tell(Input::ServerStops);
        assert!(caller.left_line);
        assert_eq!(caller.events.contains(&Event::LineLeft), waited);
    }
}

#[test]
fn who_is_passed_on_is_not_held_up() {
    let mut caller = wants_a_person(NUMBER);
    caller.tell(Input::PassedOn);
    caller.tell(Input::ServerStops);
    assert!(caller.is_quiet() && !caller.left_line);
}

#[test]
fn the_human_key_works_to_the_last_word() {
    let mut caller = Caller::calls(parcel());
    caller.tell(Input::ServerStops);
    caller.press("0");
    assert_eq!(caller.transfers.len(), 1);
}
