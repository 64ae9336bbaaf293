use super::*;
use crate::dialplan::model::{NodeKind, Otherwise, SlotKind, Target};

/// PRODUCT's own example.
const PARCEL: &str = r#"
dialplan: parcel
languages: [en, zh]
timezone: Europe/London
record: true
greeting:
  en: Welcome to Acme Parcel. This is an automatic service, and calls are recorded.
  zh: 欢迎致电。这是自动语音服务，通话将被录音。

human:
  key: "0"
  hear: [customer service]
  handoff: support

start: main
nodes:
  main:
    menu: { en: "For tracking, press 1. For a refund, press 2.", zh: "查快递请按1,退款请按2。", audio: main }  # prompts/en/main.wav
    options:
      "1": { hear: [track, where is my parcel, 查快递], to: track }
      "2": { hear: [refund, money back, 退款],          to: refund }
  track:
    ask: tracking_number            # asked once a call
    prompt: { en: Please key in or say your ten digit tracking number., zh: 请输入或说出十位单号。 }
    to: lookup
  lookup:
    http: { get: "https://parcels.example.com/{{ tracking_number }}", timeout: 3s, save: parcel }
    to: status
    failed: human
  status:
    say: { en: "Your parcel is {{ parcel.state | say_as(states) }}.", zh: "您的包裹{{ parcel.state | say_as(states) }}。" }
    answers: true
    confirm_resolved: { "yes": hangup, "no": human }
  refund:
    transfer: refunds

slots:
  tracking_number: { type: digits, length: 10 }
vocabulary:
  states: { IN_TRANSIT: { en: on its way, zh: 正在运输途中 }, DELIVERED: { en: delivered, zh: 已签收 } }

handoffs:
  support: { ring: ["sip:support@pbx.example.com"], timeout: 20s, hours: "Mo-Fr 08:00-18:00", else: callback }
  refunds: { ring: ["sip:refunds@pbx.example.com"], else: support }
"#;

fn loaded(text: &str) -> (Option<Dialplan>, Vec<Diagnostic>) {
    let source = Source::new("t.yaml", text);
    let mut report = Report::new(&source);
    let loaded = read_dialplan(&source, &mut report);
    let dialplan = loaded.filter(|l| l.complete).map(|l| l.dialplan);
    (dialplan, report.into_diagnostics())
}

#[test]
fn the_products_example_becomes_a_dialplan() {
    let (dialplan, found) = loaded(PARCEL);
    assert_eq!(found, []);
    let dialplan = dialplan.expect("nothing was found wrong");
    assert_eq!(dialplan.languages, [Language::En, Language::Zh]);
    assert_eq!(dialplan.version.len(), 12);
    assert!(dialplan.record);
    assert_eq!(dialplan.node(dialplan.start).name, "main");
    let NodeKind::Menu(menu) = &dialplan.nodes[0].kind else {
        panic!("main is a menu")
    };
    assert_eq!(menu.prompt.audio.as_deref(), Some("main"));
    assert_eq!(menu.options[0].to, Target::Node(NodeId(1)));
    assert_eq!(menu.options[1].hear, ["refund", "money back", "退款"]);
    assert_eq!(menu.no_input_timeout, Duration::from_secs(5));
    let NodeKind::Say(status) = &dialplan.nodes[3].kind else {
        panic!("status is a say")
    };
    assert!(status.answers);
    let confirm = status.confirm_resolved.expect("it is written");
    assert_eq!((confirm.yes, confirm.no), (Target::Hangup, Target::Human));
    let SlotKind::Digits(digits) = &dialplan.slots[0].kind else {
        panic!("the slot is of digits");
    };
    assert_eq!((digits.min, digits.max), (10, 10));
    assert_eq!(dialplan.handoffs[0].timeout, Duration::from_secs(20));
    assert_eq!(dialplan.handoffs[0].otherwise, Otherwise::Callback);
    assert_eq!(
        dialplan.handoffs[1].otherwise,
        Otherwise::Handoff(HandoffId(0))
    );
    assert_eq!(
        dialplan.vocabulary["states"]["DELIVERED"]
            .get(Language::Zh)
            .map(String::as_str),
        Some("已签收")
    );
}

#[test]
fn every_kind_of_node_is_read() {
    let nodes = r#"
  lang: { language: { "1": en, "2": zh }, prompt: { en: For English press 1., zh: 中文请按2。 }, to: sw }
  sw: { language: zh, to: st }
  st: { set: { tier: "{{ card }}" }, to: br }
  br:
    branch:
      - { when: 'tier == "gold"', to: po }
    else: bye
  po:
    http:
      post: https://example.com/x
      headers: { X-Api: k }
      body: { amount: 12, exact: "12", ok: true, list: [a, 010], none: }
    to: back
    failed: repeat
  bye: { hangup: { en: Goodbye., zh: 再见。 } }
  end: { hangup: }
  tr: { transfer: support }
  q: { ask: tracking_number, prompt: { audio: q }, confirm: true, inter_digit_timeout: 4s, to: message }
"#;
    let text = PARCEL.replace("\nslots:", &format!("{nodes}\nslots:"));
    let (dialplan, found) = loaded(&text);
    assert_eq!(found, []);
    let dialplan = dialplan.expect("nothing was found wrong");
    let kind = |name: &str| {
        let node = dialplan.nodes.iter().find(|node| node.name == name);
        &node.expect("the test names nodes that are there").kind
    };
    let NodeKind::LanguageMenu(menu) = kind("lang") else {
        panic!()
    };
    assert_eq!(
        menu.options,
        [(Key::ONE, Language::En), (Key::TWO, Language::Zh)]
    );
    assert!(matches!(
        kind("sw"),
        NodeKind::SwitchLanguage {
            language: Language::Zh,
            ..
        }
    ));
    let NodeKind::Http(http) = kind("po") else {
        panic!()
    };
    let body = serde_json::json!({
        "amount": 12, "exact": "12", "ok": true, "list": ["a", "010"], "none": null
    });
    assert_eq!(http.body, Some(body));
    assert_eq!((http.to, http.failed), (Target::Back, Target::Repeat));
    assert!(matches!(kind("end"), NodeKind::Hangup { goodbye: None }));
    let NodeKind::Ask(ask) = kind("q") else {
        panic!()
    };
    assert!(ask.confirm && ask.prompt.text.is_empty());
    assert_eq!(ask.inter_digit_timeout, Duration::from_secs(4));
}

/// Each row changes the good example in one place: (what, by what, rule, text at the place).
#[test]
fn each_mistake_has_its_rule_and_place() {
    let table = [
        (
            "dialplan: parcel",
            "",
            "missing-field",
            "languages: [en, zh]",
        ),
        (
            "dialplan: parcel",
            "dialplan: My Parcel",
            "bad-name",
            "My Parcel",
        ),
        ("[en, zh]", "[en, zh, de]", "unknown-language", "de"),
        ("[en, zh]", "[en, zh, en]", "bad-value", "en"),
        ("Europe/London", "London", "bad-value", "London"),
        (
            "timezone: Europe/London",
            "",
            "missing-field",
            "\"Mo-Fr 08:00-18:00\"",
        ),
        ("record: true", "record: yes", "wrong-type", "yes"),
        ("record: true", "rekord: true", "unknown-field", "rekord"),
        (
            "record: true",
            "record: true\ntiming: { no_input_timeout: 1ms }",
            "out-of-range",
            "1ms",
        ),
        (
            "record: true",
            "record: true\nlimits: { depth: 99 }",
            "out-of-range",
            "99",
        ),
        ("key: \"0\"", "key: zero", "bad-value", "zero"),
        (
            "handoff: support",
            "handoff: suport",
            "unknown-handoff",
            "suport",
        ),
        ("start: main", "start: mian", "unknown-node", "mian"),
        ("  track:", "  human:", "reserved-name", "human"),
        ("  track:", "  Track:", "bad-name", "Track"),
        ("to: lookup", "to: lokup", "unknown-node", "lokup"),
        (
            "to: lookup",
            "",
            "missing-field",
            "ask: tracking_number            # asked once a call",
        ),
        ("to: lookup", "to: [lookup]", "wrong-type", "[lookup]"),
        (
            "ask: tracking_number ",
            "ask: number ",
            "unknown-slot",
            "number",
        ),
        (
            "    transfer: refunds",
            "    transfr: refunds",
            "node-kind",
            "transfr",
        ),
        (
            "    transfer: refunds",
            "    to: main",
            "node-kind",
            "refund",
        ),
        (
            "    transfer: refunds",
            "    transfer: refunds\n    say: x",
            "node-kind",
            "transfer",
        ),
        (
            "    answers: true",
            "    answers: true\n    to: main",
            "node-kind",
            "confirm_resolved",
        ),
        ("\"1\": { hear", "\"10\": { hear", "bad-value", "\"10\""),
        ("\"1\": { hear", "\"2\": { hear", "duplicate-key", "\"2\""),
        ("\"yes\": hangup", "yes: hangup", "yaml-boolean", "yes"),
        ("hear: [refund,", "hear: [no,", "yaml-boolean", "no"),
        ("hear: [refund,", "hear: [007,", "yaml-octal", "007"),
        ("timeout: 3s", "timeout: 3", "wrong-type", "3"),
        (
            "timeout: 3s",
            "timeout: 3 s, retries: 2",
            "unknown-field",
            "retries",
        ),
        ("save: parcel", "save: call", "reserved-name", "call"),
        (
            "http: { get:",
            "http: { put:",
            "missing-field",
            "{ put: \"https://parcels.example.com/{{ tracking_number }}\", timeout: 3s, save: parcel }",
        ),
        ("audio: main", "audio: ../main", "bad-value", "../main"),
        ("type: digits", "type: digit", "bad-value", "digit"),
        ("length: 10", "length: 010", "wrong-type", "010"),
        (
            "length: 10",
            "length: { min: 6, max: 4 }",
            "out-of-range",
            "{ min: 6, max: 4 }",
        ),
        (
            "length: 10",
            "length: 10, checksum: lun",
            "bad-value",
            "lun",
        ),
        (
            "length: 10",
            "length: 10, terminator: \"*\"",
            "reserved-key",
            "\"*\"",
        ),
        (
            "length: 10",
            "length: 10, terminator: \"5\"",
            "bad-value",
            "\"5\"",
        ),
        (
            "length: 10",
            "length: 10, share: last4",
            "bad-value",
            "last4",
        ),
        (
            "length: 10",
            "length: 10, digits: \"1123\"",
            "bad-value",
            "\"1123\"",
        ),
        (
            "\"sip:refunds@pbx.example.com\"",
            "\"refunds\"",
            "bad-target",
            "\"refunds\"",
        ),
        ("timeout: 20s", "timeout: 1h", "out-of-range", "1h"),
        ("timeout: 20s", "way: reefer", "bad-value", "reefer"),
        ("timeout: 20s", "then_keys: 1x2", "bad-value", "1x2"),
        (
            "\"Mo-Fr 08:00-18:00\"",
            "\"Mo-Fr 8-18\"",
            "bad-value",
            "\"Mo-Fr 8-18\"",
        ),
        ("else: support", "else: suport", "unknown-handoff", "suport"),
        (
            ", else: support",
            "",
            "handoff-dead-end",
            "{ ring: [\"sip:refunds@pbx.example.com\"] }",
        ),
        (", zh: 已签收", "", "missing-language", "{ en: delivered }"),
        (
            "en: delivered",
            "en: delivered, de: da",
            "unknown-field",
            "de",
        ),
        (
            "en: on its way",
            "en: on its way, soon",
            "yaml-comma",
            "soon",
        ),
        (
            "prompt: { en: Please",
            "prompt: { en: \"\", zh: x }\n    was: { en: Please",
            "bad-value",
            "\"\"",
        ),
        ("  zh: 欢迎", "  zh: \"\"\n  de: 欢迎", "bad-value", "\"\""),
    ];
    for (what, by, rule, place) in table {
        assert!(PARCEL.contains(what), "the table is wrong: {what}");
        let (_, found) = loaded(&PARCEL.replacen(what, by, 1));
        let hit = found.iter().find(|d| d.rule == rule && d.text == place);
        assert!(hit.is_some(), "{what} → {by}: {found:#?}");
    }
}

/// What is said of the good example, changed in one place: (rule, text at the place, fix).
fn told(what: &str, by: &str) -> Vec<(&'static str, String, String)> {
    assert!(PARCEL.contains(what), "the test is wrong: {what}");
    let (_, found) = loaded(&PARCEL.replace(what, by));
    found.into_iter().map(|d| (d.rule, d.text, d.fix)).collect()
}

#[test]
fn the_fix_is_what_can_be_done() {
    let table = [
        ("[en, zh]", "[en, zh, de]", "de", "Write one of: en, zh."),
        ("[en, zh]", "[EN, zh]", "EN", "Write `en`."),
        (
            "en: delivered",
            "en: {{ x }}",
            "{{ x }}",
            "Write \"{{ x }}\".",
        ),
        ("[en, zh]", "[en, zh-CN]", "zh-CN", "Write `zh`."),
        (
            "else: callback",
            "else: mesage",
            "mesage",
            "Write `message`.",
        ),
        (
            "else: callback",
            "else: nothing",
            "nothing",
            "Define `nothing`, or write one of: refunds, support, callback, message.",
        ),
        (
            "confirm_resolved: { \"yes\": hangup, \"no\": human }",
            "confirm_resolved: true",
            "true",
            "Write it as { \"yes\": hangup, \"no\": human }.",
        ),
        (
            "prompt: { en: Please key in or say your ten digit tracking number., zh: 请输入或说出十位单号。 }",
            "prompt:",
            "",
            "Write what is said, as \"Please key in your number.\"",
        ),
        (
            "type: digits, length: 10",
            "type: colour",
            "colour",
            "Write one of: digits, number, money, date, time, yes_no, choice, phone, id_number, text.",
        ),
        (
            "length: 10",
            "length: 10, checksum: x, terminator: \"#\"",
            "x",
            "Write one of: luhn, mod97.",
        ),
    ];
    for (what, by, text, fix) in table {
        let all = told(what, by);
        assert_eq!(all.len(), 1, "{by}: {all:?}");
        assert_eq!((all[0].1.as_str(), all[0].2.as_str()), (text, fix));
    }
    let german = told("zh", "de");
    assert_eq!(german.len(), 1, "{german:?}");
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let (_, found) = loaded("dialplan: x\n");
    let missing: Vec<&str> = found.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(missing.len(), 5, "{missing:?}");
    let text = PARCEL
        .replace("human:", "humen:")
        .replace("type: digits", "type: x");
    let (_, found) = loaded(&text.replace("to: lookup", "to: lokup"));
    let rules: Vec<_> = found.iter().map(|d| d.rule).collect();
    assert_eq!(
        rules,
        [
            "missing-field",
            "unknown-field",
            "unknown-node",
            "bad-value"
        ]
    );
}

#[test]
fn all_mistakes_are_told_at_once_in_order() {
    let text = PARCEL
        .replace("start: main", "start: mian")
        .replace("to: lookup", "to: lokup")
        .replace("length: 10", "length: ten")
        .replace("else: callback", "els: callback");
    let (dialplan, found) = loaded(&text);
    assert!(dialplan.is_none());
    let told: Vec<_> = found
        .iter()
        .map(|d| (d.rule, d.span.line, d.fix.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("unknown-node", 15, "Write `main`."),
            ("unknown-node", 25, "Write `lookup`."),
            ("wrong-type", 38, "Write a number from 1 to 32."),
            (
                "handoff-dead-end",
                43,
                "Add `else: callback`, `else: message`, or the name of another handoff."
            ),
            ("unknown-field", 43, "Write `else`."),
        ]
    );
}

#[test]
fn what_would_be_without_bound_or_empty_is_refused() {
    let many: String = (0..1001)
        .map(|n| format!("  n{n}: {{ transfer: refunds }}\n"))
        .collect();
    let text = PARCEL.replace("\nslots:", &format!("\n{many}\nslots:"));
    let (dialplan, found) = loaded(&text);
    assert!(dialplan.is_none());
    assert_eq!(found.first().map(|d| d.rule), Some("too-many"));
    let empty = "\n  e: { menu: { en: a, zh: b }, options: {} }\nslots:";
    let (_, found) = loaded(&PARCEL.replace("\nslots:", empty));
    let told: Vec<_> = found.iter().map(|d| (d.rule, d.text.as_str())).collect();
    assert_eq!(told, [("no-options", "{}")]);
}

#[test]
fn one_language_needs_no_mapping() {
    let text = "dialplan: x\ngreeting: This is automatic.\nhuman: { handoff: s }\nstart: a\n\
                nodes: { a: { say: Hello., to: human } }\nhandoffs: { s: { ring: sip:a@b, else: message } }\n";
    let (dialplan, found) = loaded(text);
    assert_eq!(found, []);
    let greeting = dialplan.expect("nothing was found wrong").greeting;
    assert_eq!(
        greeting.text.get(Language::En).map(String::as_str),
        Some("This is automatic.")
    );
}

#[test]
fn an_empty_or_alien_file_is_told_apart() {
    for text in ["", "# only a comment\n", "- a\n- b\n", "just words"] {
        let (dialplan, found) = loaded(text);
        assert!(dialplan.is_none());
        assert_eq!(
            found.first().map(|d| d.rule),
            Some("wrong-type"),
            "{text:?}"
        );
    }
}

proptest::proptest! {
    /// Whatever is cut out of a good file, loading ends with a dialplan or an error, never a panic.
    #[test]
    fn a_damaged_file_never_panics(from in 0usize..2300, length in 0usize..200) {
        let chars: Vec<char> = PARCEL.chars().collect();
        let from = from.min(chars.len());
        let to = (from + length).min(chars.len());
        let text: String = chars[..from].iter().chain(&chars[to..]).collect();
        let (dialplan, found) = loaded(&text);
        let errors = found.iter().any(|d| d.severity == crate::diagnostic::Severity::Error);
        proptest::prop_assert_eq!(dialplan.is_none(), errors);
    }
}
