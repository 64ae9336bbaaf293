//! Signs of distress: what makes one, and that each only adds a person.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::input::Input;
use crate::dialplan::model::{Dialplan, HttpMethod, Target};
use crate::events::{DistressExit, DistressSign, Event, RequestedBy};
use crate::speech::raised_voice::Raised;

const OFFER: &str = "Press zero at any time to speak to a person.";

/// n0: a menu → n1: news → n0; n2: another menu → n0; n3: a lookup → n2; n4: a number → n0.
fn hotline(then: DistressExit) -> Dialplan {
    let options = [
        ('1', node(1)),
        ('2', node(2)),
        ('3', node(3)),
        ('4', node(4)),
    ];
    let lookup = http(
        HttpMethod::Get,
        "https://x.example.com/",
        "found",
        node(2),
        Target::Human,
    );
    let nodes = vec![
        menu("Menu.", &options),
        say("News.", node(0)),
        menu("Other menu.", &[('1', node(0)), ('2', Target::Hangup)]),
        lookup,
        ask(0, "Number?", false, node(0)),
    ];
    let mut plan = plan(nodes, vec![digits("number", 16, 16)]);
    plan.distress.then = then;
    plan
}

/// The greeting was heard, the menu's words too.
fn calls(then: DistressExit) -> Caller {
    let mut caller = Caller::calls(hotline(then));
    caller.hears();
    caller
}

fn signs(caller: &Caller) -> Vec<DistressSign> {
    let seen = caller.events.iter().filter_map(|event| match event {
        Event::DistressSeen { sign, .. } => Some(sign.clone()),
        _ => None,
    });
    seen.collect()
}

fn requested_by(caller: &Caller) -> Vec<RequestedBy> {
    let requests = caller.events.iter().filter_map(|event| match event {
        Event::HumanRequested { by, .. } => Some(*by),
        _ => None,
    });
    requests.collect()
}

/// One of each kind, as a caller brings it about; the next question is put.
fn is_distressed(caller: &mut Caller, kind: &str) {
    match kind {
        "no_match" => {
            caller.press("99").press("2").press("99");
        }
        "same_sentence" => {
            caller.press("1").hears().hears().press("1").hears();
        }
        "keys" => {
            caller.press("3").press("919191919191");
            caller.lookup_answers(serde_json::json!({}));
        }
        "words" => {
            caller.says("this is ridiculous");
        }
        _ => {
            let (decibels, earlier) = (12.0, 3);
            caller.tell(Input::VoiceRaised(Raised { decibels, earlier }));
            caller.press("2");
        }
    }
}

const KINDS: [&str; 5] = ["no_match", "same_sentence", "keys", "words", "loudness"];

#[test]
fn each_sign_has_the_next_question_begin_with_the_offer_of_a_person_once() {
    for kind in KINDS {
        let mut caller = calls(DistressExit::Offer);
        is_distressed(&mut caller, kind);
        let names: Vec<&str> = signs(&caller).iter().map(DistressSign::name).collect();
        assert_eq!(names, [kind]);
        let question = caller.hearing();
        let offer = question.find(OFFER).expect(kind);
        let menu = question.to_lowercase().find("menu.").expect(kind);
        assert!(offer < menu, "{kind}: {question}");
        assert_eq!(caller.transfers, [], "{kind}");
        // Cut short, the offer comes again; heard, it does not.
        caller.press("*");
        assert!(caller.hearing().contains(OFFER), "{kind}: {question}");
        caller.hears().press("*");
        assert!(!caller.hearing().contains(OFFER), "{kind}");
        is_distressed(&mut caller, "words");
        is_distressed(&mut caller, "words");
        assert_eq!(
            signs(&caller).len(),
            1 + usize::from(kind != "words"),
            "{kind}: each kind once"
        );
    }
}

#[test]
fn or_a_person_is_rung_in_the_place_of_the_next_question() {
    for kind in KINDS {
        let mut caller = calls(DistressExit::Transfer);
        is_distressed(&mut caller, kind);
        assert_eq!(caller.transfers, [SUPPORT], "{kind}");
        assert_eq!(requested_by(&caller), [RequestedBy::Distress], "{kind}");
        // Nobody could be had: no sign rings people for ever.
        caller.nobody_answers();
        let asked = caller.hearing();
        assert!(asked.contains("To try again, press one."), "{kind}");
        caller.says("this is outrageous, you idiots");
        assert_eq!(caller.transfers, [SUPPORT], "{kind}");
        // Back to the menu that was put last, and from the second one to the first.
        caller.press("3");
        if caller.dialogue.node_name() == "n2" {
            caller.press("1");
        }
        is_distressed(&mut caller, kind);
        assert_eq!(requested_by(&caller)[1..], [], "{kind}: once a call");
    }
}

/// What the caller wants is done all the same, and what answers them is heard.
#[test]
fn nothing_that_was_wanted_is_withheld() {
    let mut plan = hotline(DistressExit::Transfer);
    plan.nodes[1].kind = answer("News.", Target::Hangup, node(0));
    if let crate::dialplan::model::NodeKind::Menu(menu) = &mut plan.nodes[0].kind {
        menu.options[0].hear = vec!["the news".to_string()];
    }
    let mut caller = Caller::calls(plan);
    caller.hears().says("the damn news");
    assert_eq!(caller.hearing(), "News.");
    assert_eq!(signs(&caller).len(), 1);
    caller.hears();
    assert_eq!(requested_by(&caller), [RequestedBy::Distress]);
    assert!(caller.log().contains(&"answered n1".to_string()));
}

#[test]
fn one_question_alone_is_the_retries_business() {
    let mut plan = hotline(DistressExit::Offer);
    plan.distress.no_match = 2;
    let mut caller = Caller::calls(plan);
    caller.hears().press("999");
    assert_eq!(signs(&caller), []);
    assert_eq!(requested_by(&caller), [RequestedBy::Retries]);

    let mut caller = calls(DistressExit::Offer);
    caller
        .press("9")
        .press("2")
        .press("99")
        .press("1")
        .press("9");
    let expected = DistressSign::NoMatch { count: 4, nodes: 2 };
    assert_eq!(signs(&caller)[0], expected);
}

#[test]
fn who_wants_to_hear_it_again_is_in_no_circle_and_who_was_helped_begins_anew() {
    let mut caller = calls(DistressExit::Offer);
    for _ in 0..4 {
        caller.press("2").press("*");
        caller.says("say that again");
    }
    let came: Vec<_> = signs(&caller);
    assert_eq!(came, [DistressSign::SameSentence { times: 3 }]);
    // Of the second menu, which the dialplan led to; never of the first, which they went back to.
    let at = caller.events.iter().find_map(|event| match event {
        Event::DistressSeen { node, .. } => Some(node.clone()),
        _ => None,
    });
    assert_eq!(at.as_deref(), Some("n2"));

    let mut plan = hotline(DistressExit::Offer);
    plan.nodes[1].kind = answer("News.", node(0), Target::Human);
    let mut caller = Caller::calls(plan);
    for _ in 0..6 {
        caller.hears().press("1").hears().press("1");
    }
    assert_eq!(signs(&caller), []);
}

#[test]
fn the_keys_of_a_value_are_none_however_fast() {
    let number = "1234567891234567";
    // Where it is asked for, and pressed ahead.
    let mut caller = calls(DistressExit::Offer);
    caller.press("4").press(number);
    assert_eq!(signs(&caller), []);
    let mut plan = hotline(DistressExit::Offer);
    plan.nodes[2].kind = ask(0, "Number?", false, node(0));
    let mut caller = Caller::calls(plan);
    caller.hears().press("3").press(number);
    caller.lookup_answers(serde_json::json!({}));
    assert_eq!(caller.hearing(), "Menu.", "the next question is put");
    assert!(caller.log().iter().any(|event| event.contains(number)));
    assert_eq!(signs(&caller), []);
    // As many that mean nothing, slowly.
    let mut caller = calls(DistressExit::Offer);
    caller.press("3");
    for _ in 0..12 {
        caller.press("9").waits(0.9);
    }
    caller.lookup_answers(serde_json::json!({}));
    assert_eq!(signs(&caller), []);
}

#[test]
fn of_what_may_be_sensitive_no_word_is_told() {
    let mut plan = hotline(DistressExit::Offer);
    plan.slots[0].sensitive = true;
    plan.distress.hear = vec!["swordfish".to_string()];
    let mut caller = Caller::calls(plan);
    caller.hears().press("4").hears().says("swordfish");
    assert_eq!(signs(&caller), []);
    caller.says("go back").says("swordfish");
    let word = "swordfish".to_string();
    assert_eq!(signs(&caller), [DistressSign::Words { word }]);
}

#[test]
fn a_word_that_was_hardly_heard_is_none() {
    let mut caller = calls(DistressExit::Offer);
    caller.is_heard(&[("this is ridiculous", 0.2)]);
    assert_eq!(signs(&caller), []);
}

#[test]
fn the_human_key_goes_before_every_sign() {
    for then in [DistressExit::Offer, DistressExit::Transfer] {
        for kind in KINDS {
            let mut caller = calls(then);
            is_distressed(&mut caller, kind);
            caller.press("0");
            assert_eq!(caller.transfers, [SUPPORT], "{kind}");
        }
    }
}
