use super::*;
use crate::config::BUILT_IN_AGENT;
use crate::diagnostic::Severity;
use std::collections::BTreeSet;

mod mistakes;

use mistakes::MISTAKES;

/// A small hotline with nothing wrong in it.
const GOOD: &str = r#"dialplan: shop
languages: [en, zh]
timezone: Europe/London
record: true
greeting:
  en: Welcome. This is an automatic service. Calls are recorded.
  zh: 欢迎。这是自动语音服务。通话将被录音。
human: { key: "0", handoff: support }
start: main
nodes:
  main:
    menu: { en: "Orders, press 1. Hours, press 2.", zh: "订单请按1，时间请按2。" }
    options:
      "1": { to: order }
      "2": { to: hours }
  order:
    ask: ticket
    prompt: { en: Key in your order., zh: 请输入订单号。 }
    to: lookup
  lookup:
    http: { get: "https://shop.example.com/{{ ticket }}", save: found }
    to: sorted
    failed: human
  sorted:
    branch:
      - { when: 'found.state == "SENT"', to: sent }
    else: human
  sent:
    say: { en: "It is {{ found.state | say_as(states) }}.", zh: "订单{{ found.state | say_as(states) }}。" }
    answers: true
    confirm_resolved: { "yes": hangup, "no": human }
  hours:
    say: { en: We open at nine., zh: 九点开门。 }
    to: back_again
  back_again:
    menu: { en: "To go on, press 1.", zh: "继续请按1。" }
    options:
      "1": back
slots:
  ticket: { type: digits, length: 6 }
  card: { type: digits, length: 16, sensitive: true }
vocabulary:
  states: { SENT: { en: sent, zh: 已发货 } }
handoffs:
  support: { ring: ["sip:agent@zeroline.local"], hours: "Mo-Fr 08:00-18:00", else: night }
  night: { ring: ["sip:agent@zeroline.local"], else: callback }
"#;

fn view() -> View {
    let tone = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tone.flac").into();
    View {
        transfers: vec![TargetPattern::parse(BUILT_IN_AGENT).expect("it is an address")],
        agents: vec![vec!["refunds".to_owned()]],
        trunks: BTreeMap::new(),
        recordings: BTreeMap::from([((Language::En, "hello".to_owned()), tone)]),
        voices: Language::ALL.to_vec(),
        takes_down: Language::ALL.to_vec(),
        today: None,
    }
}

fn found(text: &str) -> Vec<Diagnostic> {
    check(&Source::new("t.yaml", text), &view()).1
}

#[test]
fn the_good_hotline_has_nothing_to_be_said() {
    let (dialplan, found) = check(&Source::new("t.yaml", GOOD), &view());
    assert_eq!(found, []);
    assert!(dialplan.is_some());
}

#[test]
fn each_mistake_has_its_rule_line_and_column() {
    let mut wrong = Vec::new();
    for &(what, by, rule, line, column) in MISTAKES {
        assert!(GOOD.contains(what), "the table is wrong: {what}");
        let found = found(&GOOD.replacen(what, by, 1));
        let told: Vec<_> = found
            .iter()
            .map(|d| (d.rule, d.span.line, d.span.column))
            .collect();
        let good = match rule {
            "" => told.is_empty(),
            _ => told.contains(&(rule, line, column)),
        };
        if !good {
            wrong.push(format!(
                "{what} → {by}: wanted {rule} {line}:{column}, got {told:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_accept_key_is_not_asked_for_where_the_trunk_passes_calls_on() {
    let trunks = "trunks: { pbx: { proxy: \"sip:pbx.example.com\", way: refer } }\n\
                  transfers: { allow: [\"sip:*@pbx.example.com\", \"sip:*@other.example.com\"] }\n";
    let (config, _) = crate::config::Config::check(&Source::new("/zeroline.yaml", trunks));
    let config = config.expect("it is good");
    let view = View {
        trunks: config.trunks,
        transfers: [config.transfers, view().transfers].concat(),
        ..view()
    };
    for (ring, is_told) in [
        (
            "[\"sip:a@other.example.com\", \"sip:a@pbx.example.com\"]",
            true,
        ),
        ("[\"sip:a@other.example.com\", agents]", false),
        ("[\"sip:agent@zeroline.local\"]", false),
        ("[\"sip:a@pbx.example.com\"], order: all", false),
        ("[\"sip:a@pbx.example.com\"], way: bridged", false),
    ] {
        let written = "night: { ring: [\"sip:agent@zeroline.local\"]";
        let text = GOOD.replace(written, &format!("night: {{ accept: true, ring: {ring}"));
        let (_, found) = check(&Source::new("t.yaml", text), &view);
        let told: Vec<_> = found.iter().map(|d| (d.rule, d.span.column)).collect();
        let expected = is_told.then_some(("accept-by-refer", 20));
        assert_eq!(told, Vec::from_iter(expected), "{ring}: {found:?}");
    }
}

/// Who was passed on talks where nobody here sees it; who is bridged, or cannot be passed on, does not.
#[test]
fn a_line_or_a_limit_is_doubted_only_where_talks_go_on_elsewhere() {
    let trunks = "trunks: { pbx: { proxy: \"sip:pbx.example.com\", way: refer } }\n\
                  transfers: { allow: [\"sip:*@pbx.example.com\", \"sip:*@zeroline.local\"] }\n";
    let (config, _) = crate::config::Config::check(&Source::new("/zeroline.yaml", trunks));
    let config = config.expect("it is good");
    let view = View {
        trunks: config.trunks,
        transfers: [config.transfers, view().transfers].concat(),
        ..view()
    };
    let unseen = ["talks-unseen"; 2];
    for (ring, told) in [
        ("{ to: \"sip:a@pbx.example.com\", limit: 2 }]", &unseen[..]),
        ("\"sip:a@pbx.example.com\"], way: attended", &unseen[..1]),
        (
            "{ to: \"sip:a@pbx.example.com\", limit: 2 }], order: all, way: refer",
            &[],
        ),
        (
            "{ to: \"sip:a@pbx.example.com\", limit: 2 }], way: bridged",
            &[],
        ),
        (
            "{ to: \"sip:anna@zeroline.local\", limit: 1 }, agents]",
            &[],
        ),
        // Of whom the server knows nothing.
        ("{ to: \"sip:agent@zeroline.local\", limit: 2 }]", &[]),
    ] {
        let written = "night: { ring: [\"sip:agent@zeroline.local\"]";
        let text = GOOD.replace(written, &format!("night: {{ queue: true, ring: [{ring}"));
        let (_, found) = check(&Source::new("t.yaml", text), &view);
        let rules: Vec<_> = found.iter().map(|found| found.rule).collect();
        assert_eq!(rules, told, "{ring}: {found:?}");
    }
}

/// The good hotline with the question for an order marked, and what follows it changed.
fn people_only(changes: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let mark = (
        "    ask: ticket\n",
        "    ask: ticket\n    human_only: true\n",
    );
    let mut text = GOOD.to_string();
    for (what, by) in [mark].iter().chain(changes) {
        assert!(text.contains(what), "the test is wrong: {what}");
        text = text.replacen(what, by, 1);
    }
    let found = found(&text).into_iter();
    let found = found.filter(|it| it.rule == "human-only-answered");
    found.map(|it| (it.text, it.message, it.fix)).collect()
}

#[test]
fn from_business_for_people_only_no_path_ends_with_the_bot() {
    let told = people_only(&[]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "lookup", "the place is the way out of the node");
    assert!(
        told[0]
            .1
            .contains("order → lookup → sorted → sent (answers)"),
        "{told:?}"
    );
    let no_answer = ("    answers: true\n", "");
    let asks = people_only(&[no_answer]);
    assert!(asks[0].1.ends_with("sent (confirm_resolved)."), "{asks:?}");
    let no_question = (
        "    confirm_resolved: { \"yes\": hangup, \"no\": human }\n",
        "    to: human\n",
    );
    assert_eq!(people_only(&[no_answer, no_question]), []);
    for (to, end) in [
        ("hangup", "sent (hangup)."),
        ("back", "sent (back)."),
        ("back_again", "back_again (back)."),
        ("order", ""),
        ("repeat", ""),
        ("callback", ""),
        ("message", ""),
    ] {
        let to = format!("    to: {to}\n");
        let told = people_only(&[no_answer, (no_question.0, &to)]);
        match end {
            "" => assert_eq!(told, [], "{to}"),
            end => assert!(told[0].1.ends_with(end), "{to}: {told:?}"),
        }
    }
}

#[test]
fn a_marked_node_that_is_an_end_itself_is_told_at_its_field() {
    let said = "    answers: true\n";
    let text = GOOD.replacen(said, "    human_only: true\n    answers: true\n", 1);
    let hit = found(&text).into_iter();
    let hit: Vec<_> = hit.filter(|it| it.rule == "human-only-answered").collect();
    assert_eq!(hit.len(), 1);
    assert_eq!((hit[0].span.line, hit[0].text.as_str()), (31, "true"));
}

#[test]
fn after_what_is_said_in_business_for_people_only_nothing_has_to_follow() {
    let bare = |mark: &str| {
        let said = "    say: { en: We open at nine., zh: 九点开门。 }\n";
        let text = GOOD.replacen(
            &format!("{said}    to: back_again\n"),
            &format!("{said}{mark}"),
            1,
        );
        let rules = found(&text).into_iter().map(|it| it.rule);
        rules
            .filter(|rule| *rule != "unreachable-node")
            .collect::<Vec<_>>()
    };
    assert_eq!(bare(""), ["dead-end"]);
    assert_eq!(bare("    human_only: true\n"), [""; 0]);
}

#[test]
fn a_hang_up_before_the_caller_was_asked_anything_is_refused() {
    let nodes = "nodes:\n  hello: { say: { en: Hi., zh: 您好。 }, to: hangup }\n";
    let text = GOOD
        .replace("nodes:\n", nodes)
        .replace("start: main", "start: hello");
    let hit = found(&text)
        .into_iter()
        .find(|d| d.rule == "hangup-without-offer");
    let hit = hit.expect("the rule is broken");
    assert_eq!((hit.span.line, hit.text.as_str()), (11, "hangup"));
    let bye = "nodes:\n  hello: { say: { en: Hi., zh: 您好。 }, to: bye }\n  bye: { hangup: }\n";
    let text = GOOD
        .replace("nodes:\n", bye)
        .replace("start: main", "start: hello");
    let hit = found(&text)
        .into_iter()
        .find(|d| d.rule == "hangup-without-offer");
    assert_eq!(
        hit.map(|d| (d.span.line, d.text)),
        Some((12, "bye".to_owned()))
    );
}

#[test]
fn an_agent_who_is_not_in_the_config_cannot_be_rung() {
    let text = GOOD.replace("sip:agent@", "sip:anna@");
    let told = found(&text);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!(told[0].rule, "target-not-allowed");
    assert_eq!(told[0].message, "The config has no agent `anna`.");
    let anna = TargetPattern::parse("sip:anna@zeroline.local").expect("it is an address");
    let view = View {
        transfers: vec![anna],
        ..view()
    };
    assert_eq!(check(&Source::new("t.yaml", text), &view).1, []);
}

#[test]
fn a_language_without_a_voice_is_told_once() {
    let view = View {
        voices: vec![Language::En],
        ..view()
    };
    let (dialplan, found) = check(&Source::new("t.yaml", GOOD), &view);
    assert!(dialplan.is_none());
    let told: Vec<_> = found
        .iter()
        .map(|d| (d.rule, d.span.line, d.text.as_str()))
        .collect();
    assert_eq!(told, [("no-voice", 2, "zh")]);
}

#[test]
fn a_mistake_in_one_place_does_not_hide_those_in_others() {
    let text = GOOD
        .replace("to: order }", "to: ordr }")
        .replace("key: \"0\"", "key: \"5\"")
        .replace("automatic", "nice")
        .replace("https://shop", "http://shop");
    let rules: Vec<_> = found(&text).iter().map(|d| d.rule).collect();
    assert_eq!(
        rules,
        [
            "greeting-not-automatic",
            "human-key",
            "unknown-node",
            "http-not-secure"
        ]
    );
}

#[test]
fn what_is_missing_does_not_hide_the_rest() {
    let text = GOOD
        .replace("handoffs:", "handofs:")
        .replace("automatic", "nice");
    let rules: BTreeSet<_> = found(&text).iter().map(|d| d.rule).collect();
    let expected = [
        "greeting-not-automatic",
        "missing-field",
        "unknown-field",
        "unknown-handoff",
    ];
    assert_eq!(rules, BTreeSet::from(expected));
}

#[test]
fn a_key_that_cannot_be_bound_is_told_once() {
    let told = found(&GOOD.replace("\"2\": { to: hours }", "\"0\": { to: hours }"));
    let rules: Vec<_> = told.iter().map(|d| d.rule).collect();
    assert_eq!(rules, ["human-key-rebound"]);
}

#[test]
fn a_language_choice_may_not_take_the_human_key() {
    let nodes = "nodes:\n  lang:\n    language: { \"0\": en, \"2\": zh }\n    prompt: { en: English 0., zh: 中文2。 }\n    to: main\n";
    let text = GOOD
        .replace("nodes:\n", nodes)
        .replace("start: main", "start: lang");
    let told: Vec<_> = found(&text)
        .iter()
        .map(|d| (d.rule, d.span.line, d.span.column))
        .collect();
    assert_eq!(told, [("human-key-rebound", 12, 17)]);
}

/// Every rule of the project is broken by some test.
#[test]
fn every_rule_has_a_test() {
    let tests = [
        include_str!("tests.rs"),
        include_str!("tests/mistakes.rs"),
        include_str!("knowledge.rs"),
        include_str!("holidays.rs"),
        include_str!("../load/tests.rs"),
        include_str!("../load/tests/mistakes.rs"),
        include_str!("../../yaml/tests.rs"),
        include_str!("../../yaml/read/tests.rs"),
        include_str!("../../config/tests.rs"),
        include_str!("../../config/tests/voices.rs"),
        include_str!("../../config/callbacks.rs"),
        include_str!("../../cli/check/tests.rs"),
    ];
    for rule in crate::diagnostic::rules::ALL {
        let quoted = format!("\"{}\"", rule.id);
        assert!(tests.iter().any(|text| text.contains(&quoted)), "{quoted}");
    }
}

/// The dialplans that are shipped have nothing wrong, under the config that is the default.
#[test]
fn the_shipped_dialplans_pass_without_a_warning() {
    let view = crate::config::Config::default().view(&Language::ALL);
    for name in ["parcel", "bank", "government"] {
        let file = format!("{}/dialplans/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let source = crate::config::read_source(file.as_ref()).expect("it is shipped");
        let (dialplan, found) = check(&source, &view);
        let told: Vec<_> = found
            .iter()
            .map(|d| (d.rule, d.span.line, &d.message))
            .collect();
        assert!(told.is_empty(), "{name}: {told:#?}");
        let dialplan = dialplan.expect("nothing is wrong");
        assert_eq!(dialplan.name, name);
        assert!(dialplan.languages.len() == 2 && dialplan.record);
    }
}

proptest::proptest! {
    /// Whatever two places of the good hotline are exchanged, judging ends, and a dialplan comes
    /// out exactly where there is no error.
    #[test]
    fn a_damaged_hotline_never_panics(a in 0usize..1500, b in 0usize..1500, length in 1usize..30) {
        let mut chars: Vec<char> = GOOD.chars().collect();
        for at in 0..length {
            let (x, y) = ((a + at) % chars.len(), (b + at) % chars.len());
            chars.swap(x, y);
        }
        let source = Source::new("t.yaml", chars.into_iter().collect::<String>());
        let (dialplan, found) = check(&source, &view());
        let errors = found.iter().any(|d| d.severity == Severity::Error);
        proptest::prop_assert_eq!(dialplan.is_none(), errors);
    }
}
