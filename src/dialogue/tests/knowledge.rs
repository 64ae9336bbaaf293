//! Questions in the caller's own words, and their answers.

use super::caller::Caller;
use super::plans::{answer, key, menu, node, plan, words};
use crate::dialplan::model::{
    Dialplan, HandoffId, Knowledge, KnowledgeEntry, NodeId, NodeKind, Target,
};
use jiff::civil::{Date, date};
use std::time::Duration;

const QUESTION: &str = "What would you like to know?";
const HOURS: &str = "We are open from nine to five.";
const OFFER: &str = "Press zero at any time to speak to a person.";

fn entry(hear: &[&str], symbol: Option<char>, answer: u16, expires: Date) -> KnowledgeEntry {
    KnowledgeEntry {
        hear: hear.iter().map(|words| words.to_string()).collect(),
        key: symbol.map(key),
        answer: NodeId(answer),
        source: "the test".to_string(),
        expires,
        span: Default::default(),
    }
}

/// The caller's day is the 4th of March 2026.
fn shop() -> Dialplan {
    let knowledge = Knowledge {
        prompt: words(QUESTION),
        reprompt: None,
        entries: vec![
            entry(
                &["when are you open", "你们几点开门"],
                Some('1'),
                2,
                date(2026, 3, 4),
            ),
            entry(&["how much is a stamp"], None, 3, date(2026, 3, 3)),
        ],
        no_input_timeout: Duration::from_secs(5),
    };
    let nodes = vec![
        menu("For questions, press 1.", &[('1', node(1))]),
        NodeKind::Knowledge(knowledge),
        answer(HOURS, Target::Hangup, node(1)),
        answer("A pound.", Target::Hangup, Target::Human),
    ];
    plan(nodes, Vec::new())
}

fn asking() -> Caller {
    let mut caller = Caller::calls(shop());
    caller.hears().press("1");
    assert_eq!(caller.hearing(), QUESTION);
    caller
}

#[test]
fn a_question_is_answered_and_it_is_asked_whether_that_helped() {
    for ask in [
        "when are you open",
        "could you tell me when you are open please",
        "one",
    ] {
        let mut caller = asking();
        caller.hears().says(ask);
        assert_eq!(caller.hearing(), HOURS, "{ask}");
        caller.hears();
        assert!(
            caller
                .hearing()
                .starts_with("Did that answer your question?")
        );
    }
    let mut caller = asking();
    caller.hears().press("1");
    assert_eq!(caller.hearing(), HOURS, "keys do as well");
}

#[test]
fn who_asks_the_same_again_is_offered_a_person() {
    let mut caller = asking();
    caller.hears().says("when are you open").hears();
    assert!(!caller.hearing().contains(OFFER));
    caller.press("2");
    assert_eq!(caller.hearing(), QUESTION);
    caller.hears().says("when are you open").hears();
    assert!(caller.hearing().contains(OFFER), "{}", caller.hearing());
}

#[test]
fn an_answer_that_has_expired_is_not_told_and_a_person_is_rung() {
    let mut caller = asking();
    caller.hears().says("how much is a stamp");
    assert_eq!(caller.transfers, [HandoffId(0)]);
    let log = caller.log().join(" ");
    assert!(log.contains("expired"), "{log}");
}

#[test]
fn what_is_no_question_of_ours_is_not_answered() {
    let mut caller = asking();
    caller.hears().says("the weather is lovely today");
    assert!(caller.hearing().contains(QUESTION), "{}", caller.hearing());
    caller.hears().press("7");
    assert!(caller.hearing().contains(QUESTION), "{}", caller.hearing());
    caller.hears().says("I want to talk to a person");
    assert_eq!(caller.transfers, [HandoffId(0)]);
}
