//! What is told of mistakes, and the fix that is named.

use super::*;

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
            "record: true",
            "record: true\nelder: { key: \"10\" }",
            "bad-value",
            "\"10\"",
        ),
        (
            "record: true",
            "record: true\nelder: { numbers: [granny] }",
            "bad-value",
            "granny",
        ),
        (
            "record: true",
            "record: true\nelder: { numbers: [\"+*\"] }",
            "bad-value",
            "\"+*\"",
        ),
        (
            "record: true",
            "record: true\nelder: { number: [\"+44*\"] }",
            "unknown-field",
            "number",
        ),
        (
            "record: true",
            "record: true\ndistress: { no_match: 1 }",
            "out-of-range",
            "1",
        ),
        (
            "record: true",
            "record: true\ndistress: { keys: many }",
            "wrong-type",
            "many",
        ),
        (
            "record: true",
            "record: true\ndistress: { loudness: 9 }",
            "wrong-type",
            "9",
        ),
        (
            "record: true",
            "record: true\ndistress: { loudness: 3dB }",
            "out-of-range",
            "3dB",
        ),
        (
            "record: true",
            "record: true\ndistress: { then: hangup }",
            "bad-value",
            "hangup",
        ),
        (
            "record: true",
            "record: true\ndistress: { words: false }",
            "unknown-field",
            "words",
        ),
        (
            "record: true",
            "record: true\nelder: [slower]",
            "wrong-type",
            "[slower]",
        ),
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
            "    transfer: refunds\n    human_only: maybe",
            "wrong-type",
            "maybe",
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
        ("timeout: 20s", "order: random", "bad-value", "random"),
        ("timeout: 20s", "rest: 2h", "out-of-range", "2h"),
        ("timeout: 20s", "accept: yes", "wrong-type", "yes"),
        ("timeout: 20s", "queue: maybe", "wrong-type", "maybe"),
        (
            "timeout: 20s",
            "queue: { priority: 10 }",
            "out-of-range",
            "10",
        ),
        (
            "timeout: 20s",
            "queue: { longest: 1s }",
            "out-of-range",
            "1s",
        ),
        (
            "[\"sip:support@pbx.example.com\"]",
            "[{ to: \"sip:support@pbx.example.com\", limit: 0 }]",
            "out-of-range",
            "0",
        ),
        (
            "[\"sip:support@pbx.example.com\"]",
            "[{ to: \"sip:support@pbx.example.com\", languages: [de] }]",
            "unknown-language",
            "de",
        ),
        (
            "[\"sip:support@pbx.example.com\"]",
            "[{ limit: 2 }]",
            "missing-field",
            "{ limit: 2 }",
        ),
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
