//! Elder pacing: what brings it, and what callers hear of it.

use super::caller::Caller;
use super::plans::*;
use crate::dialplan::model::{Dialplan, Elder, HttpMethod, NodeKind, Target};
use crate::events::{Event, Pace, PacedBy};
use crate::language::Language;

/// n0: a menu of six → n1: a number of 4 to 8 digits → n0.
fn long() -> Dialplan {
    let words = "We are glad that you call. For parcels, press 1. For bills, press 2. For hours, \
                 press 3. For news, press 4. For jobs, press 5. For the rest, press 6.";
    let options: Vec<(char, Target)> = ('1'..='6').map(|key| (key, node(1))).collect();
    let nodes = vec![menu(words, &options), ask(0, "Number?", false, node(0))];
    Dialplan {
        elder: Elder {
            key: Some(key('8')),
            numbers: vec!["+44207*".to_string()],
            hear: vec!["granny mode".to_string(), "大声点".to_string()],
        },
        ..plan(nodes, vec![digits("number", 4, 8)])
    }
}

/// Not on the list.
fn calls(plan: Dialplan) -> Caller {
    Caller::with_number(plan, "+15550100")
}

fn paced_by(caller: &Caller) -> Vec<PacedBy> {
    let paced = caller.events.iter().filter_map(|event| match event {
        Event::PaceSet { by, .. } => *by,
        _ => None,
    });
    paced.collect()
}

const FIRST: &str = "Press zero at any time to speak to a person. We are glad that you call. \
                     For parcels, press 1. For bills, press 2. For hours, press 3. \
                     For more choices, press the hash key.";

#[test]
fn the_greeting_tells_the_key_and_the_key_slows_the_bot_down() {
    let mut caller = calls(long());
    let greeting = caller.hearing();
    assert!(
        greeting.starts_with(
            "Welcome. Press zero at any time to speak to a person. \
             To be spoken to more slowly, press eight. We are glad"
        ),
        "{greeting}"
    );
    assert!(greeting.ends_with("press 6."), "{greeting}");
    caller.hears().press("8");
    assert_eq!(caller.hearing(), FIRST);
    assert_eq!(caller.dialogue.pace(), Pace::Elder);
    assert_eq!(
        caller.listening.as_ref().map(|it| it.pace),
        Some(Pace::Elder)
    );
    caller.press("8");
    assert_eq!(paced_by(&caller), [PacedBy::Key], "told once");
}

#[test]
fn a_long_menu_is_put_in_portions_and_each_key_works_at_any_time() {
    let mut caller = calls(long());
    caller.hears().press("8").press("#");
    assert_eq!(
        caller.hearing(),
        "For news, press 4. For jobs, press 5. For the rest, press 6."
    );
    caller.press("*");
    assert_eq!(caller.hearing(), FIRST, "`*` begins again");
    caller.says("more choices");
    assert!(caller.hearing().starts_with("For news"));
    caller.press("#");
    assert_eq!(caller.hearing(), FIRST, "after the last the first");
    assert_eq!((caller.dialogue.steps(), caller.dialogue.depth()), (6, 1));
    // Not read out yet.
    caller.press("6");
    assert!(caller.hearing().starts_with("Number?"));
}

#[test]
fn star_begins_a_menu_again_before_it_leads_back() {
    let mut plan = long();
    let outer = menu("Outer.", &[('1', node(2))]);
    let inner = std::mem::replace(&mut plan.nodes[0].kind, outer);
    plan.nodes.push(plan.nodes[0].clone());
    plan.nodes[2].kind = inner;
    let mut caller = calls(plan);
    caller.hears().press("81").hears().press("#").press("*");
    assert_eq!(caller.hearing(), FIRST);
    caller.press("*");
    assert!(caller.hearing().ends_with("Outer."));
}

#[test]
fn others_hear_a_long_menu_whole() {
    let mut caller = calls(long());
    caller.hears().press("#");
    assert!(caller.hearing().starts_with("Sorry, that is not one"));
    assert!(caller.hearing().contains("press 6."));
}

#[test]
fn while_digits_are_keyed_the_key_is_a_digit_and_so_it_is_among_keys_pressed_ahead() {
    let mut caller = calls(long());
    caller.hears().press("1").press("8888").press("#");
    assert!(
        caller
            .log()
            .contains(&r#"number = Plain("8888")"#.to_string())
    );
    assert_eq!(caller.dialogue.pace(), Pace::Usual);

    let mut plan = long();
    plan.nodes[0].kind = http(
        HttpMethod::Get,
        "https://x.example.com/",
        "found",
        node(1),
        Target::Human,
    );
    let mut caller = calls(plan);
    caller.hears().press("1884#");
    caller.lookup_answers(serde_json::json!({}));
    assert!(
        caller
            .log()
            .contains(&r#"number = Plain("1884")"#.to_string())
    );
    assert_eq!(caller.dialogue.pace(), Pace::Usual);
}

#[test]
fn where_no_digit_can_be_meant_the_key_slows_down() {
    let mut plan = long();
    plan.nodes[0].kind = say("One moment.", node(1));
    plan.slots[0].kind = crate::dialplan::slot::SlotKind::YesNo;
    let mut caller = calls(plan);
    caller.press("8");
    assert!(caller.hearing().starts_with("One moment."), "said again");
    caller.hears();
    assert!(caller.hearing().starts_with("Number?"));
    let mut plan = long();
    plan.slots[0].kind = crate::dialplan::slot::SlotKind::YesNo;
    let mut caller = calls(plan);
    caller.press("1").press("8");
    assert_eq!(paced_by(&caller), [PacedBy::Key]);
    assert!(caller.hearing().starts_with("Number?"));
}

#[test]
fn listed_numbers_are_spoken_to_slowly_from_the_greeting_on() {
    for (number, listed) in [
        ("+442079460000", true),
        ("+44 (207) 946-0000", true),
        ("+441632960000", false),
        ("", false),
    ] {
        let caller = Caller::with_number(long(), number);
        assert_eq!(
            caller.dialogue.pace() == Pace::Elder,
            listed,
            "the number {number}"
        );
        let begin = caller.actions.iter().take(1).map(|it| format!("{it:?}"));
        assert!(begin.collect::<String>().contains("PaceSet") == listed);
        let tells = caller.hearing().contains("more slowly");
        assert_eq!(tells, !listed, "who has it is not told how to get it");
    }
    let mut all = long();
    all.elder.numbers = vec!["*".to_string()];
    let withheld = Caller::with_number(all, "");
    assert_eq!(withheld.dialogue.pace(), Pace::Usual);
}

#[test]
fn it_is_asked_for_in_words_wherever_the_bot_listens() {
    for words in [
        "speak slowly",
        "slower please",
        "I'm hard of hearing",
        "granny mode",
    ] {
        for place in ["", "1"] {
            let mut caller = calls(long());
            caller.press(place).says(words);
            assert_eq!(paced_by(&caller), [PacedBy::Speech], "{words}");
        }
    }
    for words in ["慢一点", "请说慢些", "说慢点", "听不清", "老年人", "大声点"] {
        let mut plan = long();
        plan.languages = vec![Language::Zh];
        let mut caller = calls(plan);
        caller.says(words);
        assert_eq!(paced_by(&caller), [PacedBy::Speech], "{words}");
        assert!(
            caller
                .hearing()
                .starts_with("您可以随时按零转人工服务。 zh:We")
        );
    }
}

#[test]
fn every_menu_begins_with_the_offer_of_a_person_and_only_the_first_question_has_it_at_the_end() {
    let nodes = vec![
        menu("Outer.", &[('1', node(1))]),
        menu("Inner.", &[('1', node(0))]),
    ];
    let mut plan = plan(nodes, vec![]);
    let mut usual = calls(plan.clone());
    usual.hears().press("1");
    assert_eq!(usual.hearing(), "Inner.");
    plan.elder.numbers = vec!["+1555*".to_string()];
    let mut elder = calls(plan);
    assert_eq!(
        elder.hearing(),
        "Welcome. Press zero at any time to speak to a person. Outer.",
        "the greeting has it already"
    );
    elder.hears().press("1");
    assert_eq!(
        elder.hearing(),
        "Press zero at any time to speak to a person. Inner."
    );
    elder.press("0").nobody_answers();
    assert!(
        !elder.hearing().contains("at any time"),
        "nobody could be had"
    );
}

#[test]
fn in_mandarin_a_menu_is_taken_apart_at_its_commas() {
    let mut plan = long();
    plan.languages = vec![Language::Zh];
    if let NodeKind::Menu(menu) = &mut plan.nodes[0].kind {
        let text = "查件请按1，账单请按2，时间请按3，新闻请按4，招聘请按5，其他请按6。";
        menu.prompt.text.set(Language::Zh, text.to_string());
    }
    let mut caller = calls(plan);
    caller.hears().press("8");
    assert_eq!(
        caller.hearing(),
        "您可以随时按零转人工服务。 查件请按1， 账单请按2， 时间请按3， 更多选项请按井号键。"
    );
    caller.press("#");
    assert_eq!(caller.hearing(), "新闻请按4， 招聘请按5， 其他请按6。");
}

/// What a recording says cannot be told from its file.
#[test]
fn a_recorded_menu_is_left_whole() {
    let mut plan = long();
    if let NodeKind::Menu(menu) = &mut plan.nodes[0].kind {
        menu.prompt.audio = Some("main".to_string());
    }
    let mut caller = calls(plan);
    caller.press("8");
    assert!(caller.hearing().ends_with("press 6."));
    caller.press("#");
    assert!(caller.hearing().starts_with("Sorry, that is not one"));
}
