use super::*;
use crate::config::BUILT_IN_AGENT;
use crate::diagnostic::Severity;
use std::collections::BTreeSet;

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
        recordings: BTreeMap::from([((Language::En, "hello".to_owned()), tone)]),
        voices: Language::ALL.to_vec(),
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

/// Each row changes the good hotline in one place: (what, by what, rule, line, column).
const TABLE: &[(&str, &str, &str, usize, usize)] = &[
    // Law 1.
    ("key: \"0\"", "key: \"5\"", "human-key", 8, 15),
    (
        "\"2\": { to: hours }",
        "\"0\": { to: hours }",
        "human-key-rebound",
        15,
        7,
    ),
    ("key: \"0\"", "key: \"9\"", "", 0, 0),
    (
        "\"2\": { to: hours }",
        "\"*\": { to: hours }",
        "reserved-key",
        15,
        7,
    ),
    (
        "\"2\": { to: hours }",
        "\"#\": { to: hours }",
        "reserved-key",
        15,
        7,
    ),
    (
        "\"2\": { to: hours }",
        "A: { to: hours }",
        "bad-value",
        15,
        7,
    ),
    (
        "support: { ring: [\"sip:agent@zeroline.local\"], ",
        "support: { ",
        "handoff-without-target",
        45,
        3,
    ),
    (
        "support: { ring: [\"sip:agent@zeroline.local\"]",
        "support: { ring: []",
        "handoff-without-target",
        45,
        20,
    ),
    (
        "support: { ring: [\"sip:agent@zeroline.local\"]",
        "support: { ring: [\"sip:a@pbx.example.com\"]",
        "target-not-allowed",
        45,
        21,
    ),
    (
        "support: { ring: [\"sip:agent@zeroline.local\"]",
        "support: { ring: \"sip:a@pbx.example.com\"",
        "target-not-allowed",
        45,
        20,
    ),
    ("else: callback", "else: support", "handoff-cycle", 45, 84),
    ("else: callback", "else: night", "handoff-cycle", 46, 54),
    (", else: callback", "", "handoff-dead-end", 46, 10),
    (
        "handoff: support }",
        "handoff: night }",
        "handoff-unused",
        45,
        3,
    ),
    (
        "start: main",
        "start: hours",
        "nothing-to-go-back-to",
        38,
        12,
    ),
    ("to: back_again", "to: hangup", "unreachable-node", 35, 3),
    (
        "start: main",
        "start: hello\nnodes:\n  hello: { say: { en: Hi., zh: 您好。 }, to: hangup }",
        "duplicate-key",
        12,
        1,
    ),
    (
        "nodes:\n",
        "nodes:\n  hello: { say: { en: Hi., zh: 您好。 }, to: hangup }\n",
        "unreachable-node",
        11,
        3,
    ),
    // Law 2 and the paths.
    (
        "      \"2\": { to: hours }\n",
        "",
        "unreachable-node",
        31,
        3,
    ),
    ("    to: back_again\n", "", "dead-end", 32, 3),
    (
        "    to: back_again\n",
        "    to: repeat\n",
        "endless-loop",
        32,
        3,
    ),
    ("failed: human", "failed: repeat", "endless-loop", 20, 3),
    (
        "    else: human\n",
        "    else: lookup\n",
        "endless-loop",
        20,
        3,
    ),
    (
        "\"2\": { to: hours }",
        "\"2\": { to: back }",
        "nothing-to-go-back-to",
        15,
        18,
    ),
    // The limits.
    (
        "record: true",
        "record: true\nlimits: { options: 1 }",
        "too-many-options",
        15,
        7,
    ),
    (
        "record: true",
        "record: true\nlimits: { depth: 1 }",
        "menu-too-deep",
        36,
        3,
    ),
    (
        "Orders, press 1.",
        "Orders, press 1. And now listen to this very long story of our house, which began in a small street a hundred years ago, when two brothers opened a shop for ropes and lamps, and which goes on and on, through wars and floods, until nobody remembers what they wanted to ask, let alone which key they were supposed to press for it.",
        "prompt-too-long",
        12,
        11,
    ),
    (
        "en: Welcome.",
        "en: Welcome to the house of a hundred years, the home of ropes and lamps and of everything that a ship may need on its way round the world, the first address of all captains, mates and boys, who come back to us again and again, from every harbour of the seven seas. We are glad that you call us today. Have a good time.",
        "prompt-too-long",
        6,
        3,
    ),
    ("Hours, press 2.", "Hours, press two.", "", 0, 0),
    ("Hours, press 2.", "Or hours.", "menu-without-key", 15, 7),
    ("时间请按2", "时间", "menu-without-key", 15, 7),
    // What is said.
    (
        "automatic service",
        "nice service",
        "greeting-not-automatic",
        6,
        7,
    ),
    ("自动语音", "贴心", "greeting-not-automatic", 7, 7),
    ("Calls are recorded.", "", "greeting-not-recorded", 6, 7),
    ("通话将被录音", "您好", "greeting-not-recorded", 7, 7),
    (
        "en: We open at nine.",
        "audio: other",
        "missing-prompt",
        33,
        10,
    ),
    (
        "en: We open at nine.",
        "audio: hello, en: We open at nine.",
        "missing-recording",
        33,
        10,
    ),
    (
        "en: We open at nine.",
        "audio: other, en: We open at nine.",
        "",
        0,
        0,
    ),
    ("en: We open at nine., ", "", "missing-language", 33, 10),
    // Templates, conditions, lookups.
    ("https://shop", "http://shop", "http-not-secure", 21, 18),
    (
        "https://shop.example.com",
        "http://127.0.0.1:8060",
        "",
        0,
        0,
    ),
    (
        "\"https://shop.example.com/{{ ticket }}\"",
        "\"https://shop.example.com/{{ ticket }\"",
        "bad-template",
        21,
        18,
    ),
    (
        "https://shop.example.com/{{ ticket }}",
        "https://{{ ticket }}/",
        "bad-template",
        21,
        18,
    ),
    (
        "https://shop.example.com/{{ ticket }}",
        "https://shop.example.com/{{ card }}",
        "sensitive-sent",
        21,
        18,
    ),
    (
        "save: found",
        "save: found, headers: { X-Card: \"{{ card }}\" }",
        "sensitive-sent",
        21,
        91,
    ),
    (
        "en: We open at nine.",
        "en: \"It is {{ card }}.\"",
        "sensitive-spoken",
        33,
        16,
    ),
    (
        "en: We open at nine.",
        "en: \"It is {{ cart }}.\"",
        "unknown-variable",
        33,
        16,
    ),
    (
        "en: We open at nine.",
        "en: \"It is {{ ticket | upcase }}.\"",
        "unknown-filter",
        33,
        16,
    ),
    (
        "en: We open at nine.",
        "en: \"It is {{ ticket | say_as(digits) }}.\"",
        "",
        0,
        0,
    ),
    (
        "zh: 九点开门。",
        "zh: \"{{ ticket | say_as(stats) }}\"",
        "unknown-say-as",
        33,
        38,
    ),
    (
        "zh: 九点开门。",
        "zh: '{{ ticket | say_as(\"cash\") }}'",
        "unknown-say-as",
        33,
        38,
    ),
    (
        "en: Key in your order.",
        "en: \"Key in your order, or press 0 for a person.\"",
        "human-key-misnamed",
        18,
        13,
    ),
    ("\"1\": back\n", "\"1\": back_again\n", "no-way-on", 35, 3),
    (
        "This is an automatic service.",
        "This is not an automatic service.",
        "greeting-not-automatic",
        6,
        7,
    ),
    (
        "'found.state == \"SENT\"'",
        "'found.state = \"SENT\"'",
        "bad-condition",
        26,
        17,
    ),
    (
        "'found.state == \"SENT\"'",
        "'fund.state == \"SENT\"'",
        "unknown-variable",
        26,
        17,
    ),
];

#[test]
fn each_mistake_has_its_rule_line_and_column() {
    let mut wrong = Vec::new();
    for &(what, by, rule, line, column) in TABLE {
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
        include_str!("knowledge.rs"),
        include_str!("../load/tests.rs"),
        include_str!("../../yaml/tests.rs"),
        include_str!("../../yaml/read/tests.rs"),
        include_str!("../../config/tests.rs"),
        include_str!("../../cli/check.rs"),
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
