//! Typed answers, keyed and said.

use super::caller::Caller;
use super::plans::{ask, digits, key, node, plan, say};
use crate::dialplan::model::{Dialplan, HandoffId, Target};
use crate::dialplan::slot::{Bounds, SlotKind, SlotOption, When};
use crate::dialplan::slot_values::ONE;
use crate::speech::telephone_number::Country;
use crate::speech::verbaliser::money::Currency;

/// One question; then the answer is said.
fn asks(kind: SlotKind) -> Dialplan {
    let mut slot = digits("answer", 1, 1);
    slot.kind = kind;
    let question = ask(0, "Please tell me.", false, node(1));
    plan(
        vec![question, say("Noted {{ answer }}.", Target::Hangup)],
        vec![slot],
    )
}

fn pounds() -> SlotKind {
    let bounds = Bounds {
        min: ONE / 100,
        max: 1_000 * ONE,
    };
    SlotKind::Money {
        currency: Currency::Gbp,
        bounds,
    }
}

fn part_of_day() -> SlotKind {
    let option = |symbol: char, hear: &str, value: &str| SlotOption {
        key: key(symbol),
        hear: vec![hear.to_string()],
        value: value.to_string(),
        span: Default::default(),
    };
    SlotKind::Choice(vec![
        option('1', "in the morning", "am"),
        option('2', "in the afternoon", "pm"),
    ])
}

/// What is said after the question was heard and answered.
fn after(kind: SlotKind, answer: impl FnOnce(&mut Caller)) -> String {
    let mut caller = Caller::calls(asks(kind));
    caller.hears();
    answer(&mut caller);
    caller.hearing()
}

#[test]
fn values_are_keyed() {
    for (kind, keys, value) in [
        (SlotKind::Date(None), "03052026", "2026-05-03"),
        (SlotKind::YesNo, "2", "no"),
        (part_of_day(), "2", "pm"),
        (
            SlotKind::Phone(Country::from_code("GB")),
            "07700900123#",
            "+447700900123",
        ),
    ] {
        let heard = after(kind, |caller| {
            caller.press(keys);
        });
        assert_eq!(heard, format!("Noted {value}."), "{keys}");
    }
}

#[test]
fn values_are_said() {
    for (kind, words, value) in [
        (SlotKind::Date(None), "the third of may", "2026-05-03"),
        (
            SlotKind::Date(Some(When::Past)),
            "the third of may",
            "2025-05-03",
        ),
        (SlotKind::Date(None), "tomorrow", "2026-03-05"),
        (SlotKind::YesNo, "yes please", "yes"),
        (part_of_day(), "in the afternoon", "pm"),
        (part_of_day(), "number two", "pm"),
        (pounds(), "four pounds fifty", "GBP 4.50"),
        (
            SlotKind::Text,
            "my parcel fell into the river",
            "my parcel fell into the river",
        ),
    ] {
        let heard = after(kind, |caller| {
            caller.says(words);
        });
        assert_eq!(heard, format!("Noted {value}."), "{words}");
    }
}

#[test]
fn a_keyed_amount_and_an_unsure_value_are_read_back() {
    let amount = after(pounds(), |caller| {
        caller.press("450#");
    });
    let right = "If that is right, press 1. To change it, press 2.";
    let expected = format!("I have understood: four pounds and fifty pence {right}");
    assert_eq!(amount, expected);
    let day = after(SlotKind::Date(None), |caller| {
        caller.says("03/05");
    });
    let expected = format!("I have understood: the third of May, twenty twenty-six {right}");
    assert_eq!(day, expected);
}

#[test]
fn a_value_that_the_slot_does_not_take_is_asked_for_again() {
    let past = || SlotKind::Date(Some(When::Past));
    for heard in [
        after(past(), |caller| {
            caller.press("05032026");
        }),
        after(past(), |caller| {
            caller.press("99999999");
        }),
        after(pounds(), |caller| {
            caller.press("100001#");
        }),
    ] {
        assert!(heard.starts_with("Sorry, "), "{heard}");
        assert!(heard.contains("Please tell me."), "{heard}");
    }
}

#[test]
fn the_human_key_is_named_and_works_while_a_value_is_keyed() {
    for (kind, human, named) in [
        (SlotKind::Date(None), "*", "Press star at any time"),
        (pounds(), "*", "Press star at any time"),
        (SlotKind::YesNo, "0", "Press zero at any time"),
        (part_of_day(), "0", "Press zero at any time"),
        (SlotKind::Text, "0", "Press zero at any time"),
    ] {
        let mut caller = Caller::calls(asks(kind.clone()));
        assert!(
            caller.hearing().contains(named),
            "{kind:?}: {}",
            caller.hearing()
        );
        caller.hears().press(human);
        assert_eq!(caller.transfers, [HandoffId(0)], "{kind:?}");
    }
    // Law 1: a lone zero and the terminator, where 0 is no value.
    let mut caller = Caller::calls(asks(pounds()));
    caller.hears().press("0#");
    assert_eq!(caller.transfers, [HandoffId(0)]);
}

#[test]
fn who_cannot_say_a_text_gets_a_person() {
    let mut caller = Caller::calls(asks(SlotKind::Text));
    for _ in 0..3 {
        caller.hears().press("5");
    }
    assert_eq!(caller.transfers, [HandoffId(0)]);
}
