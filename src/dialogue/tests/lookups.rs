//! Lookups: what is heard meanwhile, what failure leads to, what is sent.

use super::caller::Caller;
use super::plans::*;
use crate::dialogue::action::Action;
use crate::dialogue::input::Input;
use crate::dialplan::model::{HttpMethod, NodeKind, Target};
use crate::events::Event;
use crate::speech::sentences::Sentence;
use serde_json::json;
use std::collections::BTreeMap;

fn looking_up() -> Caller {
    let mut caller = Caller::calls(parcel());
    caller.hears().press("1").press("1234");
    caller.log();
    caller
}

#[test]
fn the_caller_hears_within_a_second_and_a_half_that_it_goes_on() {
    let mut caller = looking_up();
    assert!(caller.playing.is_none());
    // What the way to the caller's ear takes is left over.
    caller.waits(1.3);
    assert_eq!(caller.hearing(), "One moment please, I am looking that up.");
    caller.hears();
    assert!(caller.playing.is_none());
    caller.waits(6.0);
    assert_eq!(caller.hearing(), "One moment please, I am looking that up.");
}

/// The second lookup follows the first without a word: what was between the first one's fillers
/// ended with it.
#[test]
fn a_lookup_after_a_lookup_is_heard_to_go_on_as_soon() {
    let mut plan = parcel();
    let again = http(
        HttpMethod::Get,
        "https://parcels.example.com/more",
        "more",
        node(3),
        Target::Human,
    );
    plan.nodes[4].kind = again;
    if let NodeKind::Http(first) = &mut plan.nodes[2].kind {
        first.to = node(4);
    }
    let mut caller = Caller::calls(plan);
    caller.hears().press("1").press("1234").waits(1.5);
    caller.hears().waits(1.0).lookup_answers(json!({}));
    assert!(caller.playing.is_none());
    caller.waits(1.5);
    assert_eq!(caller.hearing(), "One moment please, I am looking that up.");
}

#[test]
fn the_answer_is_spoken() {
    let mut caller = looking_up();
    let fetch = caller.fetch.as_ref().expect("a lookup is under way");
    assert_eq!(fetch.url, "https://parcels.example.com/1234");
    assert_eq!(fetch.idempotency_key, None);
    caller.lookup_answers(json!({"state": "delivered"}));
    assert_eq!(caller.hearing(), "It is delivered.");
}

#[test]
fn a_failed_lookup_leads_to_a_person_with_an_apology() {
    let mut caller = looking_up();
    caller.lookup_fails();
    assert_eq!(caller.transfers, [SUPPORT]);
    assert!(caller.actions.iter().any(|action| matches!(
        action,
        Action::Transfer {
            apology: Some(Sentence::SomethingWentWrong),
            notice: false,
            ..
        }
    )));
    assert!(
        caller
            .log()
            .contains(&"human by Failure in n2 (2, 2)".to_string())
    );
}

#[test]
fn an_answer_without_the_expected_field_leads_to_a_person() {
    let mut caller = looking_up();
    caller.lookup_answers(json!({"status": "?"}));
    assert_eq!(caller.transfers, [SUPPORT]);
    assert!(
        caller
            .events
            .iter()
            .any(|it| matches!(it, Event::PromptFailed { .. }))
    );
}

#[test]
fn a_lookup_that_never_reports_its_end_fails() {
    let mut caller = looking_up();
    caller.waits(12.5);
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn the_human_key_cancels_a_lookup() {
    let mut caller = looking_up();
    caller.press("0");
    assert!(caller.fetch.is_none());
    assert_eq!(
        caller.log(),
        ["looked up: Cancelled", "human by Key in n2 (2, 2)"]
    );
    assert_eq!(caller.transfers, [SUPPORT]);
}

#[test]
fn star_leads_back_to_the_question() {
    let mut caller = looking_up();
    caller.press("*");
    assert!(caller.fetch.is_none());
    assert_eq!(caller.dialogue.node_name(), "n1");
    assert!(caller.hearing().starts_with("Your number?"));
}

#[test]
fn a_post_has_a_body_and_a_key_of_its_own() {
    let mut post = http(
        HttpMethod::Post,
        "https://bank.example.com/loss",
        "case",
        node(2),
        Target::Human,
    );
    if let NodeKind::Http(http) = &mut post {
        http.body = Some(json!({"card": "{{ card }}", "from": ["{{ call.caller }}"], "n": 1}));
        http.headers = BTreeMap::from([("X-Caller".to_string(), "{{ call.caller }}".to_string())]);
    }
    let mut slot = digits("card", 4, 4);
    slot.sensitive = true;
    let mut caller = Caller::calls(plan(
        vec![
            ask(0, "Card?", false, node(1)),
            post,
            menu("Blocked.", &[('1', node(1))]),
        ],
        vec![slot],
    ));
    caller.press("4444");
    let fetch = caller.fetch.clone().expect("a lookup is under way");
    assert_eq!(
        fetch.body,
        Some(json!({"card": "4444", "from": ["+442079460000"], "n": 1}))
    );
    assert_eq!(
        fetch.headers,
        [("X-Caller".to_string(), "+442079460000".to_string())]
    );
    assert!(!format!("{fetch:?}").contains("4444"));
    caller.press("*");
    assert!(
        caller.fetch.is_some(),
        "what acts is not taken back by going back"
    );
    caller.lookup_answers(json!({})).press("1");
    let again = caller.fetch.clone().expect("a lookup is under way");
    assert!(fetch.idempotency_key.is_some());
    assert_ne!(
        fetch.idempotency_key, again.idempotency_key,
        "another visit"
    );
}

#[test]
fn conditions_choose_the_way() {
    let decide = branch(
        &[
            ("parcel.days > 3", node(3)),
            ("parcel.state == 'lost'", Target::Human),
        ],
        node(4),
    );
    let lookup = http(
        HttpMethod::Get,
        "https://x.example.com/",
        "parcel",
        node(2),
        Target::Human,
    );
    let start = menu("Menu.", &[('1', node(1))]);
    let plan = plan(
        vec![
            start,
            lookup,
            decide,
            menu("Late.", &[]),
            menu("Soon.", &[]),
        ],
        vec![],
    );
    for (json, there) in [
        (json!({"days": 5}), "n3"),
        (json!({"days": 2, "state": "moving"}), "n4"),
        (json!({"days": 2, "state": "lost"}), "n2"),
    ] {
        let mut caller = Caller::calls(plan.clone());
        caller.press("1").lookup_answers(json);
        assert_eq!(caller.dialogue.node_name(), there);
    }
}

#[test]
fn the_silence_of_two_lookups_in_a_row_is_one() {
    let lookup = |to| {
        http(
            HttpMethod::Get,
            "https://x.example.com/",
            "x",
            to,
            Target::Human,
        )
    };
    let start = menu("Menu.", &[('1', node(1))]);
    let mut caller = Caller::calls(plan(vec![start, lookup(node(2)), lookup(node(0))], vec![]));
    caller.press("1").waits(1.0);
    caller.lookup_answers(json!({})).waits(0.2);
    assert!(caller.playing.is_none());
    caller.waits(0.1);
    assert_eq!(caller.hearing(), "One moment please, I am looking that up.");
}

#[test]
fn hanging_up_cancels_a_lookup() {
    let mut caller = looking_up();
    caller.tell(Input::CallEnded);
    assert!(caller.fetch.is_none());
    assert_eq!(caller.log(), ["looked up: Cancelled"]);
    assert_eq!(caller.dialogue.next_timeout(), None);
}

#[test]
fn a_promise_that_a_lookup_makes_is_not_said_and_a_person_is_rung() {
    for words in [
        "We promise a refund",
        "Buy one, get one free!",
        "我们保证退款",
    ] {
        let nodes = vec![
            http(
                HttpMethod::Get,
                "https://a.example.com/",
                "answer",
                node(1),
                Target::Human,
            ),
            say("{{ answer.words }}", Target::Hangup),
        ];
        let mut caller = Caller::calls(plan(nodes, Vec::new()));
        caller.hears();
        caller.lookup_answers(serde_json::json!({ "words": words }));
        let failed = |event: &Event| matches!(event, Event::PromptFailed { reason, .. } if reason.contains("blocked"));
        assert!(
            caller.events.iter().any(failed),
            "{words}: {:?}",
            caller.log()
        );
        assert_eq!(caller.transfers.len(), 1, "{words}");
    }
}

#[test]
fn what_the_operator_wrote_is_said_whatever_it_is() {
    let nodes = vec![menu(
        "We promise to listen. For more, press 1.",
        &[('1', node(0))],
    )];
    let caller = Caller::calls(plan(nodes, Vec::new()));
    assert!(caller.hearing().contains("We promise to listen."));
}
