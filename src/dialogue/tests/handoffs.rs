//! After a failed transfer: always a choice, and something is always left behind (law 2).

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::input::Input;
use crate::dialogue::interpreter::{Dialogue, Resumed};
use crate::dialplan::model::{NodeKind, Target};
use crate::events::{Event, Pace, PacedBy, ReturnReason};
use crate::language::Language;

fn returned(reason: ReturnReason) -> Caller {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("0").handoff_returns(reason);
    caller.transfers.clear();
    caller.log();
    caller
}

#[test]
fn the_caller_is_told_and_can_choose() {
    let caller = returned(ReturnReason::NobodyAnswered);
    assert_eq!(
        caller.hearing(),
        "I am sorry, I could not reach anybody just now. To try again, press one. \
         To be called back, press two. To go back to the menu, press three."
    );
    let caller = returned(ReturnReason::OutOfHours);
    assert_eq!(
        caller.hearing(),
        "I am sorry, nobody is there at this hour. To be called back, press one. \
         To go back to the menu, press two."
    );
}

#[test]
fn one_key_tries_again() {
    for key in ["1", "0"] {
        let mut caller = returned(ReturnReason::NobodyAnswered);
        caller.press(key);
        assert_eq!(caller.transfers, [SUPPORT]);
        caller.nobody_answers();
        assert!(caller.hearing().contains("could not reach"));
        assert_eq!(
            caller.log().last().map(String::as_str),
            Some("handoff step 2")
        );
    }
}

#[test]
fn trying_again_rings_the_handoff_that_was_wanted() {
    let mut caller = Caller::calls(parcel());
    caller.press("2").nobody_answers().press("0");
    assert_eq!(caller.transfers, [REFUNDS, REFUNDS]);
    caller.nobody_answers();
    assert!(caller.hearing().contains("To leave a message, press two."));
}

#[test]
fn back_to_the_bot() {
    let mut caller = returned(ReturnReason::NobodyAnswered);
    caller.press("3");
    assert_eq!(caller.hearing(), "Main menu.");
    assert_eq!((caller.dialogue.steps(), caller.dialogue.depth()), (2, 1));
}

/// Law 3: the number was given, and the way to people came after it.
#[test]
fn back_to_the_menu_is_not_back_to_a_question_that_was_answered() {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("1").press("1234").lookup_fails();
    caller.nobody_answers().log();
    caller.press("3");
    assert_eq!(caller.log(), ["step n0 (3, 1)"]);
    assert_eq!(caller.hearing(), "Main menu.");
    // It is looked up again, and not asked again.
    caller.press("1");
    assert!(caller.fetch.is_some());
}

/// A dialplan without a menu: its start goes on with what is known.
#[test]
fn back_to_a_bot_without_a_menu_asks_nothing_again() {
    let nodes = vec![
        ask(0, "Number?", false, node(1)),
        say("Thank you.", node(2)),
        NodeKind::Transfer { handoff: REFUNDS },
    ];
    let mut caller = Caller::calls(plan(nodes, vec![digits("number", 4, 4)]));
    caller.hears().press("1234").hears().nobody_answers();
    caller.press("3");
    assert_eq!(caller.hearing(), "Thank you.");
    assert_eq!((caller.dialogue.steps(), caller.dialogue.depth()), (1, 1));
}

#[test]
fn back_without_a_menu_is_no_circle() {
    let nodes = vec![
        ask(0, "Number?", false, node(1)),
        say("Thank you.", Target::Back),
    ];
    let mut caller = Caller::calls(plan(nodes, vec![digits("number", 4, 4)]));
    caller.hears().press("1234").hears();
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn a_callback_on_the_callers_own_number() {
    let mut caller = returned(ReturnReason::OutOfHours);
    caller.press("1");
    assert!(
        caller.hearing().starts_with(
            "I will note that you want to be called back on this number: four four two zero"
        ),
        "{}",
        caller.hearing()
    );
    caller.press("1");
    assert!(caller.events.contains(&Event::CallbackBooked {
        number: "+442079460000".to_string(),
        handoff: "support".to_string(),
        wish: "n0".to_string(),
        own_number: true,
        since_ms: None,
    }));
    caller.hears();
    assert!(caller.hung_up);
}

/// What was wanted before and could not be had is another matter, and perhaps another team's.
#[test]
fn what_is_chosen_in_a_menu_is_left_about_that_menu() {
    let mut caller = Caller::calls(parcel());
    caller.press("2").nobody_answers().press("3");
    caller.press("4").press("1");
    let booked = caller.events.iter().find_map(|it| match it {
        Event::CallbackBooked { handoff, wish, .. } => Some((handoff.as_str(), wish.as_str())),
        _ => None,
    });
    assert_eq!(booked, Some(("support", "n0")));

    let mut caller = Caller::calls(parcel());
    caller.press("2").nobody_answers().press("3");
    caller.press("3").hears();
    assert!(caller.events.contains(&Event::MessageStarted {
        handoff: "support".to_string(),
        wish: Some("n0".to_string()),
        file: None,
    }));
    // Nor does the key for a person lead back to who could not be had.
    caller.says_nothing_after_the_tone();
    caller.press("0");
    assert_eq!(caller.transfers, [REFUNDS, SUPPORT]);
}

/// After a transfer that came back, the choices are about that one.
#[test]
fn what_is_chosen_after_a_transfer_is_left_about_it() {
    let mut caller = Caller::calls(parcel());
    caller.press("2").nobody_answers().press("2").hears();
    let transfer = caller.dialogue.wish().to_string();
    assert_ne!(transfer, "n0");
    assert!(caller.events.contains(&Event::MessageStarted {
        handoff: "refunds".to_string(),
        wish: Some(transfer),
        file: None,
    }));
}

#[test]
fn a_callback_on_another_number() {
    let mut caller = returned(ReturnReason::OutOfHours);
    caller.press("12");
    assert!(caller.hearing().starts_with("Please key in the number"));
    assert_eq!(caller.dialogue.human_key_now(), key('*'));
    caller.press("0201234#");
    assert!(
        caller
            .events
            .iter()
            .any(|it| matches!(it, Event::CallbackBooked { number, .. } if number == "0201234"))
    );
}

#[test]
fn a_withheld_number_is_asked_for() {
    let mut caller = Caller::with_number(parcel(), "anonymous");
    caller.press("0").handoff_returns(ReturnReason::OutOfHours);
    caller.press("1");
    assert!(caller.hearing().starts_with("Please key in the number"));
    caller.press("*");
    assert_eq!(
        caller.transfers.len(),
        2,
        "star is a person while digits are keyed"
    );
}

#[test]
fn silence_loses_nothing() {
    let mut caller = returned(ReturnReason::NobodyAnswered);
    caller.is_silent().is_silent().is_silent();
    assert!(
        caller
            .hearing()
            .starts_with("I will note that you want to be called back on this number")
    );
    assert!(
        caller
            .events
            .iter()
            .any(|it| matches!(it, Event::CallbackBooked { .. }))
    );
    caller.hears();
    assert!(caller.hung_up);
    assert!(caller.transfers.is_empty());

    let mut caller = Caller::with_number(parcel(), "");
    caller.press("0").nobody_answers();
    caller.is_silent().is_silent().is_silent();
    assert!(caller.hearing().starts_with("Please leave your message"));
}

#[test]
fn silence_of_who_is_called_back_books_nothing_and_is_no_answer() {
    for reason in [ReturnReason::NobodyAnswered, ReturnReason::AgentLeft] {
        let missed = silent_when_called_back(reason)
            .iter()
            .any(|it| matches!(it, Event::CallbackFailed { status: None }));
        assert_eq!(missed, reason == ReturnReason::NobodyAnswered);
    }
}

fn silent_when_called_back(reason: ReturnReason) -> Vec<Event> {
    let mut caller = Caller::waiting(parcel(), "+442079460000");
    let resumed = Resumed {
        handoff: "support",
        wish: "main",
        language: Language::En,
        paced_by: Some(PacedBy::Key),
        slots: &[],
    };
    let (program, context) = (&caller.dialogue.program, &caller.dialogue.context);
    let called_back = Dialogue::called_back(program.clone(), context.clone(), caller.now, resumed);
    caller.dialogue = called_back.0;
    assert_eq!(
        caller.dialogue.pace(),
        Pace::Elder,
        "they needed time before"
    );
    caller.handoff_returns(reason);
    caller.is_silent().is_silent().is_silent();
    assert_eq!(caller.hearing(), "Thank you for calling. Goodbye.");
    caller.hears();
    assert!(caller.hung_up && !caller.recording);
    let books = |it: &Event| matches!(it, Event::CallbackBooked { .. });
    assert!(!caller.events.iter().any(books), "{:?}", caller.events);
    caller.events
}

#[test]
fn a_message_is_recorded_and_kept() {
    let mut caller = Caller::calls(parcel());
    caller.press("3");
    assert!(caller.hearing().starts_with("Please leave your message"));
    caller.hears();
    assert!(caller.recording);
    caller.press("#");
    caller.tell(Input::MessageEnded {
        milliseconds: 4000,
        file: "message.wav".to_string(),
    });
    assert!(caller.events.contains(&Event::MessageLeft {
        handoff: "support".to_string(),
        file: "message.wav".to_string(),
        milliseconds: 4000,
    }));
    assert!(
        caller
            .hearing()
            .starts_with("Thank you. Your message has been kept.")
    );
    caller.hears();
    assert!(caller.hung_up);
}

#[test]
fn a_message_that_fails_leads_to_a_callback() {
    let mut caller = Caller::calls(parcel());
    caller.press("2").nobody_answers().press("2").hears();
    caller.tell(Input::MessageFailed {
        reason: "disk full".to_string(),
    });
    assert_eq!(
        caller.hearing(),
        "I am sorry, your message could not be recorded. To try again, press one. \
         To be called back, press two. To go back to the menu, press three."
    );
}

#[test]
fn a_person_can_be_had_instead_of_leaving_a_message() {
    let mut caller = Caller::calls(parcel());
    caller.press("3").hears().press("0");
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn prompts_that_fail_lead_to_a_person_once_and_never_round_in_a_circle() {
    let mut caller = Caller::calls(parcel());
    caller.play_fails();
    assert_eq!(caller.transfers, [SUPPORT]);
    caller.nobody_answers().play_fails();
    assert_eq!(caller.transfers, [SUPPORT]);
    caller
        .waits(5.0)
        .play_fails()
        .waits(5.0)
        .play_fails()
        .waits(8.0);
    assert!(
        caller
            .events
            .iter()
            .any(|it| matches!(it, Event::CallbackBooked { .. }))
    );
    caller.play_fails();
    assert!(caller.hung_up);
}

#[test]
fn an_empty_message_is_none() {
    let mut caller = Caller::calls(parcel());
    caller.press("3").hears();
    caller.says_nothing_after_the_tone();
    assert!(
        caller
            .hearing()
            .starts_with("Sorry, I did not hear a message.")
    );
}

/// Nothing failed, so that nothing is withdrawn: it is said, and a message can still be left.
#[test]
fn who_says_nothing_after_the_tone_may_try_again() {
    let mut caller = Caller::calls(parcel());
    caller.press("2").nobody_answers();
    for _ in 0..2 {
        caller.press("2").hears();
        assert!(caller.recording);
        caller.says_nothing_after_the_tone();
        assert_eq!(
            caller.hearing(),
            "Sorry, I did not hear a message. To try again, press one. \
             To leave a message, press two. To go back to the menu, press three."
        );
    }
}

/// Silence led to the message, and silence is what it heard.
#[test]
fn silence_after_the_tone_and_at_the_choices_ends_the_call() {
    let mut caller = Caller::with_number(parcel(), "");
    caller.press("2").nobody_answers();
    caller.is_silent().is_silent().is_silent().hears();
    caller.says_nothing_after_the_tone();
    caller.is_silent().is_silent().is_silent();
    assert_eq!(caller.hearing(), "Thank you for calling. Goodbye.");
    caller.hears();
    assert!(caller.hung_up);
}

#[test]
fn who_fails_to_key_another_number_is_not_called_on_their_own() {
    let mut caller = Caller::calls(parcel());
    caller.press("42").is_silent().is_silent().is_silent();
    assert!(caller.hearing().starts_with("Please leave your message"));
}

#[test]
fn what_is_keyed_to_a_person_is_not_told() {
    let mut caller = Caller::calls(parcel());
    caller.press("0").press("7");
    assert!(
        caller
            .events
            .iter()
            .any(|it| matches!(it, Event::KeyPressed { key: None, .. }))
    );
}

#[test]
fn trying_again_is_not_offered_where_nobody_is_there() {
    let mut caller = returned(ReturnReason::OutOfHours);
    caller.press("1*");
    assert_eq!(
        caller.hearing(),
        "To be called back, press one. To go back to the menu, press two."
    );
}

#[test]
fn who_takes_the_call_is_told_whose_it_is() {
    let mut dialplan = parcel();
    dialplan.name = "parcel_service".into();
    dialplan.slots[0].label.set(Language::Zh, "运单号".into());
    let mut caller = Caller::calls(dialplan);
    let briefing = |caller: &Caller, language| caller.dialogue.briefing(language);
    assert_eq!(
        briefing(&caller, Language::En),
        "parcel service. n0. One step."
    );
    caller.hears().press("1").press("1234").press("0");
    assert_eq!(
        briefing(&caller, Language::En),
        "parcel service. n2. Given: number. 2 steps."
    );
    assert_eq!(
        briefing(&caller, Language::Zh),
        "parcel service。n2。已提供：运单号。2步。"
    );
}
