//! Retries, type-ahead, and numbers that are keyed.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::action::{Action, Content};
use crate::dialplan::model::{Dialplan, HttpMethod, NodeKind, Target};
use crate::events::{Event, SlotValue};
use std::time::Duration;

#[test]
fn silence_is_asked_again_then_told_of_the_human_key_then_a_person_is_rung() {
    let mut caller = Caller::calls(parcel());
    caller.is_silent();
    assert_eq!(
        caller.hearing(),
        "Sorry, I did not hear anything. Main menu."
    );
    caller.is_silent();
    assert_eq!(
        caller.hearing(),
        "Sorry, I did not hear anything. Press zero at any time to speak to a person. Main menu."
    );
    caller.is_silent();
    assert_eq!(caller.transfers, [SUPPORT]);
    assert_eq!(
        caller.log().last().map(String::as_str),
        Some("human by Retries in n0 (3, 1)")
    );
}

#[test]
fn wrong_keys_are_asked_again_shorter_then_a_person_is_rung() {
    let mut plan = parcel();
    if let NodeKind::Menu(menu) = &mut plan.nodes[0].kind {
        menu.reprompt = Some(words("Shorter."));
    }
    let mut caller = Caller::calls(plan);
    caller.press("9");
    assert_eq!(
        caller.hearing(),
        "Sorry, that is not one of the choices. Shorter. \
         Press zero at any time to speak to a person.",
        "the offer was not heard yet"
    );
    caller.hears().press("9");
    assert_eq!(
        caller.hearing(),
        "Sorry, that is not one of the choices. Please use the keys of your telephone. \
         Press zero at any time to speak to a person. Shorter."
    );
    caller.press("9");
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn a_wrong_key_drops_what_was_typed_after_it() {
    let first = say("One moment.", node(1));
    let mut caller = Caller::calls(plan(vec![first, menu("Menu.", &[('1', node(0))])], vec![]));
    caller.hears();
    caller.press("1");
    caller.press("9");
    assert!(
        caller.hearing().starts_with("Sorry"),
        "{}",
        caller.hearing()
    );
}

#[test]
fn keys_typed_ahead_answer_the_questions_that_follow() {
    let mut caller = Caller::calls(plan(
        vec![
            say("News.", node(1)),
            say("More news.", node(2)),
            menu("Menu.", &[('1', node(3))]),
            ask(0, "Number?", false, node(4)),
            menu("Last menu.", &[]),
        ],
        vec![digits("number", 4, 4)],
    ));
    caller.press("1");
    assert_eq!(caller.hearing(), "More news.");
    caller.press("234");
    assert!(caller.playing.is_none(), "the prompt is not needed");
    caller.press("5");
    assert_eq!(
        caller.hearing(),
        "Last menu. Press zero at any time to speak to a person."
    );
    assert_eq!(
        caller.log(),
        [
            "step n2 (1, 1)",
            "step n3 (2, 2)",
            "number = Plain(\"2345\")",
            "step n4 (3, 3)"
        ]
    );
}

fn asking(confirm: bool) -> Dialplan {
    plan(
        vec![
            menu("Menu.", &[('1', node(1))]),
            ask(0, "Number?", confirm, node(2)),
            menu("Done.", &[('1', node(1)), ('2', node(0))]),
        ],
        vec![digits("number", 4, 8)],
    )
}

#[test]
fn a_number_is_ended_by_the_terminator_or_a_pause() {
    for end in ["#", ""] {
        let mut caller = Caller::calls(asking(false));
        caller.hears().press("1").press("10200");
        caller.press(end).waits(3.0);
        assert_eq!(caller.dialogue.node_name(), "n2", "ended by `{end}`");
        assert!(caller.transfers.is_empty());
    }
}

#[test]
fn a_terminator_after_the_last_digit_is_swallowed() {
    let mut caller = Caller::calls(asking(false));
    caller.hears().press("1").press("12345678#");
    assert_eq!(caller.hearing(), "Done.");
    caller.press("#");
    assert!(caller.hearing().starts_with("Sorry"), "only once");
}

#[test]
fn a_filled_slot_is_never_asked_again() {
    let mut caller = Caller::calls(asking(false));
    caller.hears().press("1").press("1234#").press("1");
    assert_eq!(caller.dialogue.node_name(), "n2");
    assert_eq!(caller.dialogue.steps(), 4);
    caller.press("21");
    assert_eq!(caller.dialogue.node_name(), "n2");
    let asked = caller
        .log()
        .iter()
        .filter(|it| it.starts_with("step n1"))
        .count();
    assert_eq!(asked, 1);
}

#[test]
fn a_number_is_read_back_and_can_be_changed() {
    let mut caller = Caller::calls(asking(true));
    caller.hears().press("1").press("1234#");
    assert_eq!(
        caller.hearing(),
        "You keyed in: one two three four If that is right, press 1. To change it, press 2."
    );
    caller.hears().press("2");
    assert!(caller.hearing().starts_with("Number?"));
    caller.press("5678#").press("1");
    assert_eq!(caller.hearing(), "Done.");
    assert_eq!(
        caller.log()[2..],
        [
            "step n1 (2, 2)",
            "number = Plain(\"1234\")",
            "step n1 (3, 2)",
            "SlotCleared { slot: \"number\" }",
            "step n1 (4, 2)",
            "number = Plain(\"5678\")",
            "step n1 (5, 2)",
            "step n2 (6, 3)"
        ]
    );
}

#[test]
fn a_lone_zero_is_a_person_by_terminator_or_pause() {
    for end in ["#", ""] {
        let mut caller = Caller::calls(asking(false));
        caller.hears().press("1").press("0");
        assert!(caller.transfers.is_empty());
        caller.press(end).waits(3.0);
        assert_eq!(caller.transfers, [SUPPORT], "ended by `{end}`");
    }
}

fn sensitive() -> Dialplan {
    let mut plan = asking(true);
    plan.slots[0].sensitive = true;
    plan.slots[0].share_last4 = true;
    plan
}

/// Law 8: from the prompt to the confirmation, and typed ahead too.
#[test]
fn sensitive_digits_are_in_no_event_and_no_prompt() {
    let mut caller = Caller::calls(sensitive());
    caller.hears().press("1");
    assert!(caller.dialogue.is_sensitive());
    caller.press("73731982");
    assert_eq!(
        caller.hearing(),
        "The number you keyed in ends in: one nine eight two \
         If that is right, press 1. To change it, press 2."
    );
    assert!(caller.dialogue.is_sensitive());
    caller.press("1");
    assert!(!caller.dialogue.is_sensitive());
    let keys = caller.events.iter().filter_map(|event| match event {
        Event::KeyPressed { key, .. } => Some(key.map_or('-', |key| key.to_char())),
        _ => None,
    });
    assert_eq!(keys.collect::<String>(), "1---------");
    assert!(caller.events.contains(&Event::SlotFilled {
        slot: "number".to_string(),
        value: SlotValue::Sensitive { length: 8 }
    }));
    let context = caller.dialogue.handoff_context();
    assert_eq!(context[0], ("number".to_string(), "1982".to_string()));
    let sensitive: Vec<bool> = caller
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Sensitive(sensitive) => Some(*sensitive),
            _ => None,
        })
        .collect();
    assert_eq!(sensitive, [true, false]);
    let spoken = caller.actions.iter().filter_map(|action| match action {
        Action::Play(play) => Some(&play.parts),
        _ => None,
    });
    for part in spoken.flatten() {
        assert!(!matches!(&part.content, Content::Text { text, .. } if text.contains("7373")));
    }
}

#[test]
fn of_a_short_sensitive_value_nothing_is_read_back() {
    let mut plan = sensitive();
    plan.slots[0] = digits("pin", 4, 4);
    plan.slots[0].sensitive = true;
    let mut caller = Caller::calls(plan);
    caller.hears().press("1").press("7373");
    assert_eq!(
        caller.hearing(),
        "You keyed in four digits. If that is right, press 1. To change it, press 2."
    );
    let context = caller.dialogue.handoff_context();
    assert_eq!(context[0], ("pin".to_string(), "given".to_string()));
}

#[test]
fn keys_typed_ahead_are_hidden_where_they_may_be_sensitive() {
    let mut plan = sensitive();
    plan.nodes[0].kind = say("Welcome again.", node(1));
    let mut caller = Caller::calls(plan);
    caller.press("7");
    assert!(
        caller
            .events
            .iter()
            .any(|it| matches!(it, Event::KeyPressed { key: None, .. }))
    );
}

#[test]
fn the_second_failure_names_star_while_digits_are_keyed() {
    let mut caller = Caller::calls(asking(false));
    caller.hears().press("1").press("1#").press("1#");
    assert_eq!(
        caller.hearing(),
        "Sorry, that number does not seem to be complete or correct. \
         Please use the keys of your telephone. Press star at any time to speak to a person. \
         Number?"
    );
    caller.hears();
    assert_eq!(caller.log().last().map(String::as_str), Some("offered *"));
    caller.press("1#");
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn a_say_is_cut_short_by_a_key_and_is_then_no_answer() {
    let mut caller = Caller::calls(plan(
        vec![answer("An answer.", Target::Hangup, Target::Human)],
        vec![],
    ));
    caller.press("1");
    assert!(
        caller.hearing().starts_with("Did that answer"),
        "{}",
        caller.hearing()
    );
    assert_eq!(caller.log(), ["step n0 (1, 1)"]);
    caller.press("1");
    assert!(
        caller
            .log()
            .contains(&"ResolutionConfirmed { resolved: true }".to_string())
    );
    caller.hears();
    assert!(caller.hung_up);
}

/// The silence after the last question is not silence after this one.
fn is_let_speak(caller: &mut Caller) {
    let question = caller.hearing();
    caller.log();
    caller.waits(9.0);
    assert_eq!(caller.hearing(), question);
    assert!(caller.log().is_empty(), "nothing was waited for yet");
    caller.hears().waits(4.9);
    assert!(!caller.log().contains(&"no input 1".to_string()));
    caller.waits(0.1);
    assert_eq!(caller.log()[0], "no input 1");
}

#[test]
fn a_question_is_not_interrupted_by_the_time_out_of_the_one_before() {
    // The value was wrong: keyed again.
    let mut caller = Caller::calls(asking(true));
    caller.hears().press("1").press("1234#").hears().press("2");
    is_let_speak(&mut caller);
    // Another number to call back on.
    let mut caller = Caller::calls(parcel());
    caller.hears().press("4").hears().press("2");
    is_let_speak(&mut caller);
    // The choices after a failed transfer, said again.
    let mut caller = Caller::calls(parcel());
    caller
        .hears()
        .press("0")
        .nobody_answers()
        .hears()
        .press("*");
    is_let_speak(&mut caller);
}

/// The pauses between what plays.
fn pauses(caller: &Caller) -> Vec<Duration> {
    let play = caller.playing.as_ref().expect("something plays");
    let pauses = play.parts.iter().filter_map(|part| match part.content {
        Content::Pause(length) => Some(length),
        _ => None,
    });
    pauses.collect()
}

#[test]
fn from_the_second_silence_on_the_caller_is_given_more_time() {
    let mut plan = asking(false);
    plan.nodes[0].kind = menu("For one, press 1. For two, press 2.", &[('1', node(1))]);
    let mut caller = Caller::calls(plan);
    caller.hears().waits(5.0);
    assert_eq!(pauses(&caller), []);
    caller.hears().waits(5.0);
    assert_eq!(
        caller.log()[4..],
        [
            "no input 2",
            "PaceSet { pace: Elder, by: Some(Silence) }",
            "step n0 again (3, 1)"
        ]
    );
    assert_eq!(
        caller.hearing(),
        "Sorry, I did not hear anything. Press zero at any time to speak to a person. \
         For one, press 1. For two, press 2."
    );
    assert_eq!(pauses(&caller), [Duration::from_millis(800)]);
    caller.hears().waits(7.9);
    assert!(caller.transfers.is_empty());
    // In every question that follows, between keys too.
    caller.press("1").log();
    caller.press("12345").waits(4.7);
    assert!(caller.log().is_empty());
    caller.waits(0.2);
    assert_eq!(caller.log()[0], "number = Plain(\"12345\")");
    // It begins once.
    caller.is_silent().is_silent();
    assert!(
        !caller
            .log()
            .contains(&"PaceSet { pace: Elder, by: Some(Silence) }".to_string())
    );
}

#[test]
fn wrong_keys_are_no_reason_for_more_time() {
    let mut caller = Caller::calls(parcel());
    caller.press("9").press("9").hears().waits(5.0);
    assert_eq!(
        caller.log().last().map(String::as_str),
        Some("step n0 again (4, 1)")
    );
}

/// A menu, a question and its lookup, then another menu; if the lookup fails, a third.
fn looked_up() -> Caller {
    let mut plan = parcel();
    plan.nodes[2].kind = http(HttpMethod::Get, "https://x", "found", node(3), node(4));
    plan.nodes[3].kind = menu("Found.", &[('1', node(0)), ('2', node(5))]);
    plan.nodes[4].kind = menu("Not found.", &[('1', node(0)), ('2', node(5))]);
    let mut caller = Caller::calls(plan);
    caller.hears().press("1").press("1234");
    caller
}

#[test]
fn keys_typed_ahead_answer_nothing_that_star_leads_back_to() {
    let mut caller = looked_up();
    caller.press("21*");
    assert!(caller.hearing().starts_with("Your number?"));
    caller.press("5678");
    assert!(
        caller
            .log()
            .contains(&"number = Plain(\"5678\")".to_string())
    );
    // Over what is said, too.
    let nodes = vec![
        menu("Menu.", &[('1', node(1)), ('2', Target::Hangup)]),
        say("News.", node(2)),
        say("More news.", node(0)),
    ];
    let mut caller = Caller::calls(plan(nodes, vec![]));
    caller.hears().press("1").press("2*");
    assert_eq!(caller.hearing(), "Menu.");
}

#[test]
fn keys_typed_ahead_do_not_answer_what_a_failure_leads_to() {
    let mut caller = looked_up();
    caller.press("2").lookup_fails();
    assert_eq!(caller.hearing(), "Not found.");
    let mut caller = looked_up();
    caller.press("2").lookup_answers(serde_json::json!({}));
    assert!(caller.hearing().starts_with("Thank you for calling"));
}

#[test]
fn a_terminator_that_is_typed_ahead_after_the_last_digit_is_swallowed() {
    let nodes = vec![
        say("News.", node(1)),
        say("More news.", node(2)),
        http(
            HttpMethod::Get,
            "https://x",
            "found",
            node(3),
            Target::Human,
        ),
        ask(0, "Number?", false, node(4)),
        menu("Done.", &[('1', node(0)), ('2', Target::Hangup)]),
    ];
    let mut caller = Caller::calls(plan(nodes, vec![digits("number", 4, 4)]));
    caller
        .hears()
        .hears()
        .press("1234#2")
        .lookup_answers(serde_json::json!({}));
    assert!(
        caller.hearing().starts_with("Thank you for calling"),
        "{}",
        caller.hearing()
    );
}

/// Law 5: played to its end is what is known, not what is supposed.
#[test]
fn an_answer_whose_end_is_never_reported_is_none() {
    let nodes = vec![answer("An answer.", Target::Hangup, Target::Human)];
    let mut caller = Caller::calls(plan(nodes, vec![]));
    caller.waits(300.0);
    assert!(caller.hearing().starts_with("Did that answer"));
    assert_eq!(caller.log(), ["step n0 (1, 1)"]);
}

/// Law 3, whatever the dialplan says.
#[test]
fn a_question_that_repeats_itself_is_not_put_again() {
    let nodes = vec![ask(0, "Number?", false, Target::Repeat)];
    let mut caller = Caller::calls(plan(nodes, vec![digits("number", 4, 4)]));
    caller.hears().press("1234");
    assert_eq!(caller.dialogue.steps(), 1);
    assert_eq!(caller.transfers, [SUPPORT]);
}
