//! What callers say.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::input::{Input, ListenId, SpeechHeard};
use crate::dialplan::model::{Dialplan, HttpMethod, NodeKind, Target};
use crate::events::{Event, Pace, RequestedBy, SpeechResult};
use crate::language::Language;
use crate::speech::sentences::Sentence;
use serde_json::json;
use std::time::Duration;

/// n0: a menu "track" 1, "refund" 2 → n1: a number of 4 digits → n3; n2: an announcement → n0.
fn spoken() -> Dialplan {
    let main = menu("Main menu.", &[('1', node(1)), ('2', node(2))]);
    let number = ask(0, "Which number?", false, node(3));
    let refund = say("Refunds take a week.", node(0));
    let end = menu("Anything else?", &[('1', Target::Hangup)]);
    let mut plan = plan(
        vec![main, number, refund, end],
        vec![digits("number", 4, 4)],
    );
    hear(&mut plan, &[&["track", "查快递"], &["refund", "退款"]]);
    plan
}

/// What the first menu's options are called.
fn hear(plan: &mut Dialplan, words: &[&[&str]]) {
    let NodeKind::Menu(menu) = &mut plan.nodes[0].kind else {
        panic!("it is a menu")
    };
    for (option, words) in menu.options.iter_mut().zip(words) {
        option.hear = words.iter().map(ToString::to_string).collect();
    }
}

fn requested_by(caller: &Caller) -> Vec<RequestedBy> {
    let requests = caller.events.iter().filter_map(|event| match event {
        Event::HumanRequested { by, .. } => Some(*by),
        _ => None,
    });
    requests.collect()
}

#[test]
fn an_option_is_said_instead_of_keyed() {
    let mut caller = Caller::calls(spoken());
    caller.says("I want to track a parcel please");
    assert!(caller.hearing().starts_with("Which number?"));
    let mut caller = Caller::calls(spoken());
    caller.says("two");
    assert!(caller.hearing().starts_with("Refunds"));
}

#[test]
fn a_value_is_said_and_fills_its_slot() {
    let mut caller = Caller::calls(spoken());
    caller.says("track").hears().says("one two double three");
    assert!(caller.hearing().starts_with("Anything else?"));
    let filled = caller.log();
    assert!(
        filled.contains(&r#"number = Plain("1233")"#.to_string()),
        "{filled:?}"
    );
}

#[test]
fn speech_stops_the_prompt_and_its_clock_and_the_answer_is_waited_for() {
    let mut caller = Caller::calls(spoken());
    caller.begins_to_speak();
    assert!(caller.playing.is_none());
    caller.waits(20.0);
    assert!(
        caller.playing.is_none(),
        "nothing is said into what they say"
    );
    assert!(matches!(
        caller.events.last(),
        Some(Event::SpeechBegan {
            interrupted: true,
            ..
        })
    ));
}

#[test]
fn what_is_never_told_is_asked_again_by_keys() {
    let mut caller = Caller::calls(spoken());
    caller.begins_to_speak().waits(36.0);
    let again = caller.hearing();
    assert!(again.contains("use the keys of your telephone"), "{again}");
    assert!(
        caller
            .events
            .iter()
            .any(|event| matches!(event, Event::RecognizerLate { .. }))
    );
}

#[test]
fn recognizers_that_are_behind_three_times_lead_to_a_person() {
    let mut caller = Caller::calls(spoken());
    for time in 1..=3 {
        assert!(caller.transfers.is_empty(), "{time}");
        let reason = "the recognizers cannot keep up".to_string();
        caller.begins_to_speak();
        caller.speech_ends(SpeechHeard::NotRecognized { reason });
    }
    assert_eq!(caller.transfers, [SUPPORT]);
    assert_eq!(requested_by(&caller), [RequestedBy::Retries]);
}

#[test]
fn what_is_not_understood_is_asked_again_then_keys_then_a_person() {
    let mut caller = Caller::calls(spoken());
    caller.says("the weather is lovely over there");
    assert!(
        caller
            .hearing()
            .starts_with("Sorry, I did not get that. Main menu.")
    );
    caller.says("the weather is lovely over there");
    let second = caller.hearing();
    assert!(
        second.contains("use the keys") && second.contains("Press zero"),
        "{second}"
    );
    caller.says("the weather is lovely over there");
    assert_eq!(caller.transfers, [SUPPORT]);
    assert_eq!(requested_by(&caller), [RequestedBy::Retries]);
}

#[test]
fn a_person_is_asked_for_in_every_place_that_listens() {
    for words in ["operator", "I want to speak to a human", "agent please"] {
        let mut caller = Caller::calls(spoken());
        caller.says(words);
        assert_eq!(requested_by(&caller), [RequestedBy::Speech], "{words}");
        let mut caller = Caller::calls(spoken());
        caller.says("track").says(words);
        assert_eq!(
            requested_by(&caller),
            [RequestedBy::Speech],
            "{words} in a question"
        );
        let mut caller = Caller::calls(spoken());
        caller.says("refund").says(words);
        assert_eq!(
            requested_by(&caller),
            [RequestedBy::Speech],
            "{words} in an announcement"
        );
    }
}

#[test]
fn a_person_is_asked_for_in_the_other_language_too() {
    let mut plan = spoken();
    plan.human.hear = vec!["concierge".to_string(), "大堂经理".to_string()];
    for words in ["转人工", "人工服务", "大堂经理"] {
        let mut caller = Caller::calls(plan.clone());
        caller.says("track").says(words);
        assert_eq!(requested_by(&caller), [RequestedBy::Speech], "{words}");
    }
    plan.languages = vec![Language::Zh];
    for words in ["operator", "customer service", "concierge"] {
        let mut caller = Caller::calls(plan.clone());
        caller.says("查快递").says(words);
        assert_eq!(requested_by(&caller), [RequestedBy::Speech], "{words}");
    }
    let mut caller = Caller::calls(plan);
    caller.says("我昨天找过 agent");
    let asked = caller.hearing();
    assert!(caller.transfers.is_empty(), "only mentioned");
    assert!(
        asked.starts_with(&Sentence::WantAPerson.text(Language::Zh)),
        "{asked}"
    );
}

#[test]
fn a_person_who_is_only_mentioned_is_asked_about() {
    let mut caller = Caller::calls(spoken());
    caller.says("I spoke to an agent yesterday");
    assert!(caller.transfers.is_empty());
    assert!(
        caller
            .hearing()
            .starts_with("Would you like to speak to a person?")
    );
    caller.says("no");
    assert!(
        caller
            .hearing()
            .starts_with("Sorry, I did not get that. Main menu.")
    );
    caller.says("I spoke to an agent yesterday").says("yes");
    assert_eq!(requested_by(&caller), [RequestedBy::Speech]);
}

#[test]
fn what_was_heard_unsurely_is_asked_back() {
    let unsure = [("refund", 0.4)];
    let mut caller = Caller::calls(spoken());
    caller.is_heard(&unsure);
    let asked = "Did you say: refund For yes, press 1. For no, press 2.";
    assert!(caller.hearing().starts_with(asked), "{}", caller.hearing());
    caller.press("1");
    assert!(caller.hearing().starts_with("Refunds"));

    let mut caller = Caller::calls(spoken());
    caller.is_heard(&unsure).says("no");
    assert!(
        caller
            .hearing()
            .starts_with("Sorry, I did not get that. Main menu.")
    );
    caller.says("track");
    assert!(
        caller.hearing().starts_with("Which number?"),
        "the question holds again"
    );
}

#[test]
fn an_unsure_value_is_read_back() {
    let mut caller = Caller::calls(spoken());
    caller
        .says("track")
        .is_heard(&[("one two three four", 0.4)]);
    let asked = "If that is right, press 1. To change it, press 2.";
    assert!(caller.hearing().contains(asked), "{}", caller.hearing());
    caller.says("yes");
    assert!(caller.hearing().starts_with("Anything else?"));
}

/// It may be wrong: nobody is told of it as a fact, and the question is asked again.
#[test]
fn a_value_that_was_heard_and_not_confirmed_is_not_known() {
    for known in [false, true] {
        let mut caller = Caller::calls(spoken());
        caller
            .says("track")
            .is_heard(&[("one two three four", 0.4)]);
        if known {
            caller.says("yes");
        }
        caller.press("0");
        assert_eq!(caller.transfers.len(), 1);
        assert_eq!(!caller.dialogue.handoff_context().is_empty(), known);
        caller.nobody_answers().hears();
        caller.says("go back to the menu").says("track");
        assert_eq!(caller.hearing().starts_with("Which number?"), !known);
    }
}

#[test]
fn an_announcement_goes_on_unless_what_was_said_means_something() {
    let mut caller = Caller::calls(spoken());
    caller.says("refund");
    let playing = caller.playing.as_ref().expect("it is said").id;
    caller.says("oh I see that is quite long");
    assert_eq!(caller.playing.as_ref().map(|it| it.id), Some(playing));
    assert!(
        !caller
            .log()
            .iter()
            .any(|event| event.starts_with("no match"))
    );
    caller.says("could you say that again");
    assert_ne!(caller.playing.as_ref().map(|it| it.id), Some(playing));
    assert!(caller.hearing().starts_with("Refunds"));
}

#[test]
fn again_and_slower_and_back_are_understood_everywhere() {
    let mut caller = Caller::calls(spoken());
    caller.hears().says("say that again");
    assert!(caller.hearing().starts_with("Main menu."));
    caller.says("slow down");
    assert!(caller.log().iter().any(|event| event.contains("PaceSet")));
    caller.says("track").says("go back");
    assert!(caller.hearing().ends_with("Main menu."));
}

#[test]
fn a_late_answer_to_an_older_question_is_no_answer() {
    let mut caller = Caller::calls(spoken());
    let listen = caller.listening.clone().expect("the menu is answered").id;
    caller.begins_to_speak();
    caller.press("2");
    let heard = SpeechHeard::NotUnderstood {
        words: "track".into(),
        confidence: 1.0,
    };
    let took = Duration::ZERO;
    caller.tell(Input::SpeechHeard {
        listen,
        heard,
        took,
    });
    assert!(caller.hearing().starts_with("Refunds"));
    assert!(
        !caller
            .log()
            .iter()
            .any(|event| event.starts_with("no match"))
    );
    assert_ne!(listen, ListenId(0));
}

/// Keys count at once, whatever is being said and however long its recognizer takes.
#[test]
fn keys_and_the_human_key_work_while_the_caller_speaks() {
    let mut caller = Caller::calls(spoken());
    caller.begins_to_speak().press("0");
    assert_eq!(requested_by(&caller), [RequestedBy::Key]);
    assert!(caller.listening.is_none());
}

#[test]
fn a_key_without_a_meaning_leaves_no_silence_for_ever() {
    let mut caller = Caller::calls(spoken());
    caller.says("track").hears().begins_to_speak();
    caller.press("A");
    caller.speech_ends(SpeechHeard::Withdrawn);
    caller.waits(6.0);
    assert!(caller.hearing().contains("I did not hear anything"));
}

#[test]
fn of_a_sensitive_value_no_word_is_kept() {
    let mut plan = spoken();
    plan.slots[0].sensitive = true;
    let mut caller = Caller::calls(plan);
    caller.says("track").hears().says("one two three four");
    let heard: Vec<_> = caller
        .events
        .iter()
        .filter_map(|event| match event {
            Event::SpeechHeard { words, result, .. } => Some((words.clone(), *result)),
            _ => None,
        })
        .collect();
    assert_eq!(heard[0].0.as_deref(), Some("track"));
    assert_eq!(heard[1], (None, SpeechResult::Understood));
    let told = format!("{:?}", caller.events);
    assert!(!told.contains("1234") && !told.contains("three"), "{told}");
}

#[test]
fn a_language_is_chosen_by_its_name_in_itself() {
    for (words, language) in [("English", Language::En), ("中文", Language::Zh)] {
        let choice = language_menu(&[('1', Language::En), ('2', Language::Zh)], node(1));
        let mut caller =
            Caller::calls(plan(vec![choice, menu("Menu.", &[('1', node(1))])], vec![]));
        caller.says(words);
        assert!(
            caller.events.contains(&Event::LanguageSet { language }),
            "{words}"
        );
    }
}

#[test]
fn after_a_failed_transfer_the_choices_are_said() {
    let mut caller = Caller::calls(spoken());
    caller.press("0").nobody_answers();
    caller.says("call me back");
    assert!(
        caller
            .hearing()
            .contains("I will note that you want to be called back on this number")
    );
    caller.says("yes");
    assert!(
        caller
            .events
            .iter()
            .any(|event| matches!(event, Event::CallbackBooked { .. }))
    );
}

#[test]
fn elder_pacing_gives_the_same_question_more_patience() {
    let mut caller = Caller::calls(spoken());
    caller.is_silent();
    let pace = |caller: &Caller| caller.listening.as_ref().map(|listen| listen.pace);
    assert_eq!(pace(&caller), Some(Pace::Usual));
    caller.is_silent();
    assert_eq!(pace(&caller), Some(Pace::Elder));
}

/// A menu in which a parcel is looked up: n0 → n1, a lookup → n2.
fn looks_up() -> Dialplan {
    let main = menu("Main menu.", &[('1', node(1))]);
    let lookup = http(
        HttpMethod::Get,
        "https://parcels.example.com/1",
        "parcel",
        node(2),
        Target::Human,
    );
    let end = menu("Anything else?", &[('1', Target::Hangup), ('2', node(0))]);
    plan(vec![main, lookup, end], vec![])
}

#[test]
fn a_person_is_rung_though_a_lookup_ends_while_they_are_asked_for() {
    for (words, by) in [("operator", Some(RequestedBy::Speech)), ("two", None)] {
        let mut caller = Caller::calls(looks_up());
        caller.press("1");
        let listen = caller.listening.clone().expect("a person can be asked for");
        caller.begins_to_speak().lookup_answers(json!({}));
        assert!(caller.listening.as_ref().is_some_and(|it| it.goes_on));
        caller.is_heard_in(&listen, words);
        assert_eq!(requested_by(&caller), Vec::from_iter(by), "{words}");
        if by.is_none() {
            assert!(caller.hearing().starts_with("Anything else?"));
            caller.hears().waits(6.0);
            assert!(caller.hearing().contains("I did not hear anything"));
        }
    }
}

#[test]
fn a_person_who_was_perhaps_asked_for_in_a_lookup_is_asked_about_when_it_ends() {
    let unsure = [("operator", 0.4)];
    let mut caller = Caller::calls(looks_up());
    caller.press("1").is_heard(&unsure);
    assert!(caller.fetch.is_some(), "a lookup is not left for a guess");
    caller.lookup_answers(json!({}));
    let asked = "Would you like to speak to a person?";
    assert!(caller.hearing().starts_with(asked), "{}", caller.hearing());
    caller.says("yes");
    assert_eq!(requested_by(&caller), [RequestedBy::Speech]);

    let mut caller = Caller::calls(looks_up());
    caller
        .press("1")
        .is_heard(&unsure)
        .lookup_answers(json!({}));
    caller.says("no");
    assert!(caller.hearing().starts_with("Anything else?"));
    assert!(caller.fetch.is_none(), "nothing is looked up again");

    let mut caller = Caller::calls(looks_up());
    caller.press("1").is_heard(&unsure).lookup_fails();
    caller.says("no");
    assert_eq!(requested_by(&caller), [RequestedBy::Failure]);
}

#[test]
fn who_keys_a_number_is_not_answered_by_what_they_said_before() {
    let mut caller = Caller::calls(spoken());
    caller.says("track").hears().begins_to_speak();
    let listen = caller.listening.clone().expect("the number is asked for");
    caller.press("1");
    caller.is_heard_in(&listen, "four three two one");
    assert!(!caller.log().iter().any(|event| event.contains("4321")));
    caller.press("234");
    assert!(
        caller
            .log()
            .contains(&r#"number = Plain("1234")"#.to_string())
    );
}

#[test]
fn a_person_who_is_tried_again_by_voice_was_asked_for_by_voice() {
    let mut caller = Caller::calls(spoken());
    caller.press("0").nobody_answers();
    caller.says("try again");
    assert_eq!(
        requested_by(&caller),
        [RequestedBy::Key, RequestedBy::Speech]
    );
}

#[test]
fn who_has_no_language_yet_is_asked_back_in_each() {
    let choice = language_menu(&[('1', Language::En), ('2', Language::Zh)], node(1));
    let plan = plan(vec![choice, menu("Menu.", &[('1', node(1))])], vec![]);
    let mut caller = Caller::calls(plan.clone());
    caller.is_heard(&[("中文", 0.4)]);
    let again = caller.hearing();
    assert!(
        !again.contains("Did you say") && again.contains('抱'),
        "{again}"
    );
    let mut caller = Caller::calls(plan);
    caller.says("我昨天找过人工");
    let asked = caller.hearing();
    assert!(
        asked.contains("speak to a person?") && asked.contains('您'),
        "{asked}"
    );
    caller.says("是的");
    assert_eq!(requested_by(&caller), [RequestedBy::Speech]);
}
