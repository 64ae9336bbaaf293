//! Law 1, in every state.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::input::Input;
use crate::dialplan::model::{Dialplan, HandoffId, LanguageMenu, NodeKind, Target};
use crate::dialplan::slot::SlotKind;
use crate::events::ReturnReason;
use crate::language::Language;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// `parcel`, with a confirmed question behind 6 and a choice of languages behind 7.
fn every_state() -> Dialplan {
    let mut plan = parcel();
    let NodeKind::Menu(menu) = &mut plan.nodes[0].kind else {
        unreachable!("the first node is a menu");
    };
    for (symbol, to) in [('6', node(6)), ('7', node(7)), ('8', node(8))] {
        let mut option = menu.options[0].clone();
        (option.key, option.to) = (key(symbol), to);
        menu.options.push(option);
    }
    let more = [
        ask(1, "Your other number?", true, node(0)),
        NodeKind::LanguageMenu(LanguageMenu {
            prompt: words("Language?"),
            options: vec![(key('1'), Language::En), (key('2'), Language::Zh)],
            to: node(0),
            no_input_timeout: NO_INPUT,
        }),
        say("News.", node(0)),
    ];
    for kind in more {
        let mut node = plan.nodes[0].clone();
        node.name = format!("n{}", plan.nodes.len());
        node.kind = kind;
        plan.nodes.push(node);
    }
    plan.slots.push(digits("other", 4, 4));
    plan
}

/// The way into a state, and the key that must work there.
type Case = (&'static str, char, fn(&mut Caller));

const CASES: &[Case] = &[
    ("greeting", '0', |_| {}),
    ("menu, heard", '0', |c| {
        c.hears();
    }),
    ("menu, no input", '0', |c| {
        c.is_silent();
    }),
    ("menu, no match", '0', |c| {
        c.press("9");
    }),
    ("question's prompt", '*', |c| {
        c.press("1");
    }),
    ("question, heard", '*', |c| {
        c.press("1").hears();
    }),
    ("half a number", '*', |c| {
        c.press("1").press("10");
    }),
    ("question, wrong", '*', |c| {
        c.press("1").press("1#");
    }),
    ("confirmation", '0', |c| {
        c.press("6").press("1000");
    }),
    ("language menu", '0', |c| {
        c.press("7");
    }),
    ("other language", '0', |c| {
        c.press("7").press("2");
    }),
    ("announcement", '0', |c| {
        c.press("8");
    }),
    ("lookup", '0', |c| {
        c.press("1").press("1000");
    }),
    ("lookup, filler", '0', |c| {
        c.press("1").press("1000").waits(1.6);
    }),
    ("answer", '0', |c| to_answer(c)),
    ("did that answer", '0', |c| {
        to_answer(c);
        c.hears();
    }),
    ("callback number read", '0', |c| {
        c.press("4").hears();
    }),
    ("callback number keyed", '*', |c| {
        c.press("4").press("2");
    }),
    ("message, before", '0', |c| {
        c.press("3");
    }),
    ("message, recording", '0', |c| {
        c.press("3").hears();
    }),
    ("message, failed", '0', |c| {
        c.press("3").hears();
        c.tell(Input::MessageFailed {
            reason: "disk full".to_string(),
        });
    }),
    ("goodbye", '0', |c| {
        c.press("5");
    }),
    ("back after a transfer", '0', |c| {
        c.press("0").nobody_answers().press("3");
    }),
    ("choices", '0', |c| {
        c.press("0").nobody_answers();
    }),
    ("choices, out of hours", '0', |c| {
        c.press("0").handoff_returns(ReturnReason::OutOfHours);
    }),
    ("choices, agent left", '0', |c| {
        c.press("0").handoff_returns(ReturnReason::AgentLeft);
    }),
];

fn to_answer(caller: &mut Caller) {
    let state = serde_json::json!({"state": "delivered"});
    caller.press("1").press("1000").lookup_answers(state);
}

#[test]
fn one_key_reaches_a_person_in_every_state() {
    for (state, symbol, way) in CASES {
        let mut caller = Caller::calls(every_state());
        way(&mut caller);
        let before = caller.transfers.len();
        assert_eq!(
            caller.dialogue.human_key_now().to_char(),
            *symbol,
            "{state}"
        );
        caller.press(&symbol.to_string());
        assert_eq!(caller.transfers[before..], [SUPPORT], "{state}");
        assert!(
            caller.fetch.is_none() && caller.playing.is_none(),
            "{state}"
        );
        assert!(!caller.dialogue.is_sensitive(), "{state}");
        // Its wish is being fulfilled: pressing on rings nobody twice.
        caller.press("00**");
        assert_eq!(caller.transfers.len(), before + 1, "{state}");
    }
}

#[test]
fn nine_can_be_the_human_key() {
    let mut plan = every_state();
    plan.human.key = key('9');
    let mut caller = Caller::calls(plan.clone());
    assert!(caller.hearing().contains("Press nine at any time"));
    caller.press("1").press("90");
    assert!(caller.transfers.is_empty());
    caller.press("*");
    assert_eq!(caller.transfers, [SUPPORT]);

    let mut caller = Caller::calls(plan);
    caller.press("1").press("9").waits(3.0);
    assert_eq!(caller.transfers, [SUPPORT], "a lone nine");
}

#[test]
fn the_human_key_stays_where_the_digits_cannot_contain_it() {
    let mut plan = every_state();
    let SlotKind::Digits(digits) = &mut plan.slots[0].kind else {
        panic!("the slot is of digits");
    };
    digits.alphabet = Some("123456789".to_string());
    let mut caller = Caller::calls(plan);
    caller.hears().press("1");
    assert_eq!(
        caller.hearing(),
        "Your number?",
        "the usual key needs no new offer"
    );
    caller.press("12").press("*");
    assert_eq!(caller.hearing(), "Main menu.", "star is back");
    caller.press("1").press("12").press("0");
    assert_eq!(caller.transfers, [SUPPORT]);
}

/// "200 random numbers full of zeros are entered with no transfer."
#[test]
fn numbers_full_of_zeros_ring_nobody() {
    let mut rng = SmallRng::seed_from_u64(1);
    for _ in 0..200 {
        let length = rng.random_range(4..=12);
        let number: String = (0..length)
            .map(|_| if rng.random_bool(0.8) { '0' } else { '7' })
            .collect();
        let asking = plan(
            vec![ask(0, "Number?", false, node(1)), menu("Done.", &[])],
            vec![digits("number", 4, 12)],
        );
        let mut caller = Caller::calls(asking);
        for symbol in number.chars() {
            caller
                .press(&symbol.to_string())
                .waits(rng.random_range(0.0..2.9));
        }
        if rng.random_bool(0.5) {
            caller.press("#");
        } else {
            caller.waits(3.0);
        }
        assert_eq!(caller.transfers, Vec::<HandoffId>::new(), "{number}");
        let filled = format!("number = Plain(\"{number}\")");
        assert!(caller.log().contains(&filled), "{number}");
    }
}

#[test]
fn pressing_it_in_the_end_does_nothing() {
    let mut caller = Caller::calls(plan(vec![menu("Menu.", &[('1', Target::Hangup)])], vec![]));
    caller.press("1").hears().press("0");
    assert!(caller.hung_up && caller.transfers.is_empty());
}
