use super::*;
use crate::dialplan::model::{NodeKind, Order, Otherwise, Queue, Ring, Target};
use crate::dialplan::slot::SlotKind;

mod mistakes;

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

/// The holidays of `support`, with those at the top: what the file makes of them.
fn with_holidays(top: &str, own: &str) -> (Option<Dialplan>, Vec<Diagnostic>) {
    let own = format!("20s, holidays: {own}, hours");
    let text = PARCEL.replace("20s, hours", &own);
    loaded(&text.replace("record: true", &format!("record: true\n{top}")))
}

#[test]
fn handoffs_share_holidays_and_have_their_own() {
    let list = "holidays:\n  bank:\n    - 2026-12-25\n    - 12-28: 10:00-12:00\n";
    for own in [
        "bank",
        "[bank]",
        "[bank, \"12-24: 08:00-12:00\"]",
        "[2026-12-25, \"12-28: 10:00-12:00\"]",
        "{ 2026-12-25: closed, 12-28: \"10:00-12:00\" }",
    ] {
        let (dialplan, found) = with_holidays(list, own);
        assert_eq!(found, [], "{own}");
        let opening = &dialplan.expect("nothing is wrong").handoffs[0].opening;
        for (at, is_open) in [
            ("2026-12-25T11:00:00Z", false),
            ("2026-12-28T11:00:00Z", true),
            ("2026-12-28T12:00:00Z", false),
            ("2026-12-29T12:00:00Z", true),
            ("2026-12-24T12:00:00Z", !own.contains("12-24")),
        ] {
            let at = at.parse().expect("the test's time is one");
            assert_eq!(opening.is_open(at), is_open, "{own} at {at}");
        }
    }
}

#[test]
fn a_handoffs_own_time_zone_holds_for_its_hours() {
    let text = PARCEL.replace("20s, hours", "20s, timezone: Asia/Shanghai, hours");
    let without = text.replace("timezone: Europe/London\n", "");
    for text in [text, without] {
        let (dialplan, found) = loaded(&text);
        assert_eq!(found, []);
        let opening = &dialplan.expect("nothing is wrong").handoffs[0].opening;
        // A Monday, 08:00 and 18:00 in Shanghai.
        for (at, is_open) in [
            ("2026-11-23T00:00:00Z", true),
            ("2026-11-23T10:00:00Z", false),
        ] {
            assert_eq!(opening.is_open(at.parse().expect("it is a time")), is_open);
        }
    }
}

#[test]
fn mistakes_in_holidays_are_told_where_they_are() {
    let list = "holidays: { bank: [\"2026-12-25\"] }";
    for (top, own, rule, text, fix) in [
        (list, "banks", "unknown-holidays", "banks", "Write `bank`."),
        (
            "",
            "bank",
            "unknown-holidays",
            "bank",
            "Define `bank`: there is no list of holidays yet.",
        ),
        (
            list,
            "[bank, 2026-02-29]",
            "bad-value",
            "2026-02-29",
            "Write a date like",
        ),
        (
            list,
            "25.12.2026",
            "bad-value",
            "25.12.2026",
            "Write a date like",
        ),
        (
            list,
            "{ 12-26: 10 }",
            "bad-value",
            "12-26",
            "Write a date like",
        ),
        (
            "holidays: { bank: [bank] }",
            "bank",
            "bad-value",
            "bank",
            "Write a date like",
        ),
        (
            "holidays: [\"2026-12-25\"]",
            "12-25",
            "wrong-type",
            "[\"2026-12-25\"]",
            "Write it as {",
        ),
    ] {
        let (_, found) = with_holidays(top, own);
        let [only] = &found[..] else {
            panic!("{own}: {found:?}");
        };
        assert_eq!((only.rule, only.text.as_str()), (rule, text));
        assert!(only.fix.starts_with(fix), "{}", only.fix);
    }
    // Without a time zone nobody knows when a day begins; and closed doors are no reason to offer nothing.
    let own = "holidays: 12-25, else: support";
    let text = PARCEL.replace("else: support", own);
    let (_, found) = loaded(&text.replace("timezone: Europe/London\n", ""));
    let told: Vec<_> = found.iter().map(|d| (d.rule, d.text.as_str())).collect();
    let hours = ("missing-field", "\"Mo-Fr 08:00-18:00\"");
    assert_eq!(told, [hours, ("missing-field", "12-25")]);
    let (_, found) = loaded(&PARCEL.replace("else: support", "holidays: 12-25"));
    assert_eq!(found.first().map(|d| d.rule), Some("handoff-dead-end"));
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

#[test]
fn a_handoff_says_who_is_rung_in_which_order_and_who_waits() {
    let text = PARCEL.replacen(
        "ring: [\"sip:support@pbx.example.com\"], timeout: 20s",
        "ring: [{ to: \"sip:a@pbx.example.com\", limit: 2, languages: [zh] }, agents], order: longest_idle, \
         skills: [refunds], rest: 1m, accept: true, queue: { priority: 9, most: 5, longest: 10m, music: waltz }",
        1,
    );
    let (dialplan, found) = loaded(&text);
    assert_eq!(found, []);
    let dialplan = dialplan.expect("it is right");
    let support = dialplan.handoff(dialplan.human.handoff);
    let a = Ring::Target {
        uri: "sip:a@pbx.example.com".into(),
        limit: Some(2),
        languages: vec![Language::Zh],
    };
    assert_eq!(support.ring, [a, Ring::Agents]);
    assert_eq!((support.order, support.accept), (Order::LongestIdle, true));
    assert_eq!(support.skills, ["refunds"]);
    assert_eq!(support.rest, Duration::from_secs(60));
    let queue = support.queue.as_ref().expect("callers wait");
    assert_eq!((queue.priority, queue.most), (9, 5));
    assert_eq!(queue.longest, Duration::from_secs(600));
    assert_eq!(support.music(), Some("waltz"));
    let (plain, _) = loaded(&PARCEL.replacen("timeout: 20s", "queue: true", 1));
    let plain = plain.expect("it is right");
    assert_eq!(
        plain.handoff(plain.human.handoff).queue,
        Some(Queue::default())
    );
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
