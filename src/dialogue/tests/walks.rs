//! Whole walks through a dialplan: steps, depth, back, language, the end.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::action::{Action, Content};
use crate::dialogue::input::Input;
use crate::dialplan::model::{LanguageMenu, NodeKind, Say, Target};
use crate::language::Language;
use serde_json::json;

/// Law 4's example, word by word.
#[test]
fn steps_and_depth_are_counted_as_the_law_says() {
    let mut caller = Caller::calls(parcel());
    caller.is_silent();
    assert_eq!(
        caller.log(),
        [
            "step n0 (1, 1)",
            "offered 0",
            "no input 1",
            "step n0 again (2, 1)"
        ]
    );
    caller.press("1");
    caller.press("12#");
    assert_eq!(
        caller.log(),
        ["step n1 (3, 2)", "no match 1", "step n1 again (4, 2)"]
    );
    caller.press("1234");
    caller.lookup_answers(json!({"state": "on its way"}));
    assert_eq!(
        caller.log(),
        [
            "number = Plain(\"1234\")",
            "lookup n2",
            "looked up: Ok { status: 200 }",
        ]
    );
    caller.hears();
    assert_eq!(caller.log(), ["answered n3", "step n3 (5, 3)"]);
    caller.press("*");
    assert_eq!(caller.log(), ["step n1 (6, 2)"]);
    caller.press("*");
    assert_eq!(caller.log(), ["human by Key in n1 (6, 2)"]);
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn the_call_begins_with_the_greeting_then_the_offer_then_the_menu() {
    let mut caller = Caller::calls(recorded(parcel()));
    assert_eq!(
        caller.hearing(),
        "Welcome. Press zero at any time to speak to a person. Main menu."
    );
    assert!(!caller.is_recorded());
    caller.hears();
    assert!(caller.is_recorded());
}

#[test]
fn a_greeting_that_was_cut_short_starts_no_recording_and_its_offer_comes_again() {
    let mut caller = Caller::calls(recorded(parcel()));
    caller.press("1");
    assert!(
        caller
            .hearing()
            .starts_with("This call is recorded. Your number?")
    );
    assert!(caller.hearing().contains("Press star"));
    assert_eq!(caller.log(), ["step n0 (1, 1)", "step n1 (2, 2)"]);
    assert!(!caller.is_recorded());
    caller.hears();
    assert!(caller.is_recorded());
    caller.press("12#");
    assert!(!caller.hearing().contains("recorded"));
}

/// The notice in the caller's own language counts, not the one that came first.
#[test]
fn who_chooses_a_language_is_told_in_it_before_recording_begins() {
    let languages = || {
        let choice = NodeKind::LanguageMenu(LanguageMenu {
            prompt: words("Press 1."),
            options: vec![(key('1'), Language::En), (key('2'), Language::Zh)],
            to: node(1),
            no_input_timeout: NO_INPUT,
        });
        recorded(plan(vec![choice, menu("Menu.", &[])], vec![]))
    };
    // In the greeting only the English notice was heard.
    let mut caller = Caller::calls(languages());
    caller.hears_part(0);
    assert!(!caller.is_recorded());
    caller.press("2");
    assert!(caller.hearing().starts_with("本次通话会被录音。 zh:Menu."));
    assert!(!caller.is_recorded());
    caller.hears();
    assert!(caller.is_recorded());
    // Who chooses what was heard is recorded at once.
    let mut caller = Caller::calls(languages());
    caller.hears_part(0).press("1");
    assert!(caller.is_recorded());
    assert!(caller.hearing().starts_with("Menu."));
    // All of it was heard.
    let mut caller = Caller::calls(languages());
    caller.hears();
    assert!(caller.is_recorded());
}

#[test]
fn who_goes_to_a_person_at_once_is_told_on_the_way() {
    let notice = |caller: &Caller| {
        let transfer = caller.actions.iter().rev().find_map(|action| match action {
            Action::Transfer { notice, .. } => Some(*notice),
            _ => None,
        });
        transfer.expect("a person is rung")
    };
    let mut caller = Caller::calls(recorded(parcel()));
    caller.press("0");
    assert!(notice(&caller) && !caller.is_recorded());
    caller.tell(Input::NoticeHeard);
    assert!(caller.is_recorded());
    caller.nobody_answers();
    assert!(!caller.hearing().contains("recorded"));

    let mut caller = Caller::calls(recorded(parcel()));
    caller.hears().press("0");
    assert!(!notice(&caller));
}

#[test]
fn a_call_that_was_not_recorded_says_why() {
    let omitted = |caller: &mut Caller| {
        caller.tell(Input::CallEnded);
        let log = caller.log();
        log.iter().any(|it| it.starts_with("RecordingOmitted"))
    };
    assert!(omitted(&mut Caller::calls(recorded(parcel()))));
    assert!(!omitted(Caller::calls(recorded(parcel())).hears()));
    assert!(!omitted(&mut Caller::calls(parcel())));
}

#[test]
fn a_start_that_says_nothing_is_greeted_all_the_same() {
    let mut plan = parcel();
    plan.nodes[0].kind = NodeKind::Transfer { handoff: REFUNDS };
    let mut caller = Caller::calls(plan);
    assert_eq!(
        caller.hearing(),
        "Welcome. Press zero at any time to speak to a person."
    );
    assert!(caller.transfers.is_empty());
    caller.hears();
    assert_eq!(caller.transfers, [REFUNDS]);
}

#[test]
fn star_leads_back_and_at_the_start_repeats() {
    let inner = menu("Inner.", &[('1', Target::Back)]);
    let mut caller = Caller::calls(plan(vec![menu("Outer.", &[('1', node(1))]), inner], vec![]));
    caller.press("1").hears();
    assert_eq!(caller.dialogue.depth(), 2);
    caller.press("*");
    assert!(caller.hearing().starts_with("Outer."));
    assert_eq!(caller.dialogue.depth(), 1);
    caller.press("*");
    assert!(caller.hearing().starts_with("Outer."));
    assert_eq!((caller.dialogue.steps(), caller.dialogue.depth()), (4, 1));
    caller.press("11");
    assert!(caller.hearing().starts_with("Outer."), "`back` as a target");
}

/// Law 3: only who presses a key for it is asked again.
#[test]
fn a_dialplan_that_leads_back_leads_to_the_menu() {
    let languages = NodeKind::LanguageMenu(LanguageMenu {
        prompt: words("Press 1."),
        options: vec![(key('1'), Language::En), (key('2'), Language::Zh)],
        to: Target::Back,
        no_input_timeout: NO_INPUT,
    });
    let nodes = vec![
        menu("Menu.", &[('1', node(1)), ('2', node(3))]),
        ask(0, "Number?", false, node(2)),
        answer("Answer.", Target::Hangup, Target::Back),
        languages,
    ];
    let mut caller = Caller::calls(plan(nodes, vec![digits("number", 4, 4)]));
    caller.hears().press("1").press("1234").hears().press("2");
    assert_eq!(caller.hearing(), "Menu.");
    assert_eq!((caller.dialogue.steps(), caller.dialogue.depth()), (4, 1));
    // A menu does not lead back to itself.
    caller.press("2").press("2");
    assert!(caller.hearing().contains("zh:Menu."));
    assert_eq!((caller.dialogue.steps(), caller.dialogue.depth()), (6, 1));
}

#[test]
fn the_caller_hears_the_chosen_language_and_the_offer_in_it() {
    let languages = NodeKind::LanguageMenu(LanguageMenu {
        prompt: words("Press 1."),
        options: vec![(key('1'), Language::En), (key('2'), Language::Zh)],
        to: node(1),
        no_input_timeout: NO_INPUT,
    });
    let mut caller = Caller::calls(plan(vec![languages, menu("Menu.", &[])], vec![]));
    assert_eq!(
        caller.hearing(),
        "Welcome. Press zero at any time to speak to a person. \
         zh:Welcome. 您可以随时按零转人工服务。 Press 1. zh:Press 1."
    );
    caller.hears().press("2");
    assert_eq!(caller.hearing(), "zh:Menu. 您可以随时按零转人工服务。");
    assert_eq!(caller.dialogue.language(), Language::Zh);
}

#[test]
fn the_end_is_said_and_then_the_call_ends() {
    let mut caller = Caller::calls(parcel());
    caller.press("5");
    assert_eq!(caller.hearing(), "Thank you for calling. Goodbye.");
    assert!(!caller.hung_up);
    caller.hears();
    assert!(caller.hung_up);
    assert_eq!(caller.dialogue.next_timeout(), None);
}

#[test]
fn loops_lead_to_a_person() {
    let silent = plan(vec![branch(&[], node(1)), branch(&[], node(0))], vec![]);
    let mut caller = Caller::calls(silent);
    caller.hears();
    assert_eq!(
        caller.log().last().map(String::as_str),
        Some("human by Failure in n1 (0, 0)")
    );

    let talking = plan(
        vec![say("Again.", node(1)), say("And again.", node(0))],
        vec![],
    );
    let mut caller = Caller::calls(talking);
    for _ in 0..1000 {
        if caller.transfers.is_empty() {
            caller.hears();
        }
    }
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn after_what_is_said_in_business_for_people_only_a_person_is_rung() {
    let complaint = NodeKind::Say(Say {
        prompt: words("A colleague takes this."),
        answers: false,
        confirm_resolved: None,
        to: None,
    });
    let nodes = vec![menu("Menu.", &[('1', node(1))]), complaint];
    let mut plan = plan(nodes, vec![]);
    plan.nodes[1].human_only = true;
    let mut caller = Caller::calls(plan);
    caller.hears().press("1").hears().log();
    assert_eq!(caller.transfers, [SUPPORT]);
}

/// Law 4: confirmations, a switch of language and what is said on the way.
#[test]
fn what_is_no_menu_or_question_adds_no_depth() {
    let switch = NodeKind::SwitchLanguage {
        language: Language::Zh,
        to: node(3),
    };
    let nodes = vec![
        menu("Menu.", &[('1', node(1))]),
        ask(0, "Number?", true, node(2)),
        switch,
        say("News.", node(4)),
        menu("Last.", &[('1', node(0))]),
    ];
    let mut caller = Caller::calls(plan(nodes, vec![digits("number", 4, 4)]));
    caller
        .hears()
        .press("1")
        .press("1234")
        .hears()
        .press("7")
        .log();
    caller.press("1").hears();
    assert_eq!(
        caller.log(),
        ["LanguageSet { language: Zh }", "step n4 (5, 3)"]
    );
    // To the question, by the caller's own wish; and a person from there.
    caller.press("*").press("*").nobody_answers().press("3");
    assert_eq!(
        caller.log(),
        [
            "step n1 (6, 2)",
            "human by Key in n1 (6, 2)",
            "handoff step 1",
            "step n0 (7, 1)"
        ]
    );
    // What was given is kept, and leads on at once.
    caller.press("1").hears();
    assert_eq!(
        caller.log(),
        ["LanguageSet { language: Zh }", "step n4 (8, 2)"]
    );
}

/// `*` over what is said leads to what was put last, however much is said in between.
#[test]
fn star_leads_back_over_what_is_said() {
    let nodes = vec![
        menu("Menu.", &[('1', node(1))]),
        menu("Inner.", &[('1', node(2))]),
        say("News.", node(3)),
        say("More news.", Target::Hangup),
    ];
    let mut caller = Caller::calls(plan(nodes, vec![]));
    caller.hears().press("11").hears().log();
    caller.press("*");
    assert_eq!(caller.log(), ["step n1 (3, 2)"]);
    caller.press("*");
    assert_eq!(caller.log(), ["step n0 (4, 1)"]);
}

/// The first sentence is heard while the next is synthesized.
#[test]
fn what_has_values_is_said_sentence_by_sentence() {
    let mut plan = parcel();
    plan.nodes[3].kind = answer(
        "It is {{ parcel.state }}. It costs 3.50 pounds! Is {{ parcel.state }} new to you?",
        Target::Hangup,
        Target::Human,
    );
    let mut caller = Caller::calls(plan);
    caller.press("11234");
    caller.lookup_answers(serde_json::json!({"state": "here"}));
    let parts = &caller.playing.as_ref().expect("it is said").parts;
    let texts = parts.iter().map(|part| match &part.content {
        Content::Text { text, .. } => text.as_str(),
        _ => "",
    });
    let texts: Vec<_> = texts.collect();
    assert_eq!(
        texts,
        [
            "It is here.",
            "It costs 3.50 pounds!",
            "Is here new to you?"
        ]
    );
}
