use crate::diagnostic::Source;
use crate::dialplan::load::load;

const MINIMAL: &str = r#"
dialplan: minimal
greeting: Welcome. This is an automatic service.
human: { handoff: support }
start: main
nodes:
  main: { transfer: support }
handoffs:
  support: { ring: ["sip:support@pbx.example.com"], else: callback }
"#;

#[test]
fn slots_of_every_type_are_read_with_their_limits() {
    let slots = "  a: { type: number, min: -1, max: 2.5 }\n  \
        b: { type: money, currency: GBP, max: 500 }\n  \
        c: { type: date, when: past }\n  \
        d: { type: time, from: \"09:00\", until: \"17:30\" }\n  \
        e: { type: yes_no }\n  \
        f: { type: choice, options: { \"1\": am, \"2\": { value: pm, hear: [afternoon] } } }\n  \
        g: { type: phone, country: CN }\n  \
        h: { type: id_number, check: chinese_resident }\n  \
        i: { type: id_number, check: luhn, length: 16 }\n  \
        j: { type: text, label: Complaint }\n";
    let text = format!("{MINIMAL}slots:\n{slots}");
    let dialplan = load(&Source::new("x.yaml", text)).expect("it is right");
    let kinds: Vec<String> = dialplan
        .slots
        .iter()
        .map(|it| format!("{:?}", it.kind))
        .collect();
    assert!(
        kinds[0].contains("min: -1000000000, max: 2500000000"),
        "{}",
        kinds[0]
    );
    assert!(
        kinds[1].contains("Gbp") && kinds[1].contains("min: 10000000"),
        "{}",
        kinds[1]
    );
    assert_eq!(kinds[2], "Date(Some(Past))");
    assert!(kinds[5].contains("\"pm\""), "{}", kinds[5]);
    assert_eq!(kinds[7], "IdNumber(ChineseResident)");

    for (slot, rule) in [
        ("{ type: money }", "missing-field"),
        ("{ type: money, currency: XYZ }", "bad-value"),
        ("{ type: number, min: 5, max: 1 }", "out-of-range"),
        ("{ type: number, min: five }", "bad-value"),
        ("{ type: date, length: 8 }", "unknown-field"),
        ("{ type: time, from: nine }", "bad-value"),
        ("{ type: choice, options: {} }", "no-options"),
        ("{ type: phone, country: Mars }", "bad-value"),
        ("{ type: id_number, check: luhn }", "missing-field"),
    ] {
        let text = format!("{MINIMAL}slots:\n  a: {slot}\n");
        let found = load(&Source::new("x.yaml", text)).expect_err(slot);
        assert!(found.iter().any(|it| it.rule == rule), "{slot}: {found:?}");
    }
}
