use super::*;
use crate::diagnostic::{Diagnostic, Source};

fn reading<T>(text: &str, read: impl FnOnce(&Node, &mut Report) -> T) -> (T, Vec<Diagnostic>) {
    let source = Source::new("t.yaml", text);
    let mut report = Report::new(&source);
    let node = crate::yaml::parse(&mut report).expect("the test's text is YAML");
    let value = read(&node, &mut report);
    (value, report.into_diagnostics())
}

#[test]
fn durations() {
    for (text, milliseconds) in [
        ("500ms", Some(500)),
        ("3s", Some(3000)),
        ("1.5s", Some(1500)),
        ("2m", Some(120_000)),
        ("1h", Some(3_600_000)),
        ("3", None),
        ("s", None),
        ("-3s", None),
        ("3 weeks", None),
        ("1e400s", None),
    ] {
        let expected = milliseconds.map(Duration::from_millis);
        assert_eq!(parse_duration(text), expected, "{text}");
    }
    assert_eq!(tell(Duration::from_millis(1500)), "1500ms");
    assert_eq!(tell(Duration::from_secs(90)), "90s");
    assert_eq!(tell(Duration::from_secs(120)), "2m");
}

#[test]
fn unknown_fields_are_named_with_what_was_meant() {
    let ((), found) = reading("optoins: 1\nzzz: 2\nto: 3\n", |node, report| {
        let mut fields = Fields::of(node, "a menu", report).expect("it is a mapping");
        fields.take("options");
        fields.take("to");
        fields.finish(report);
    });
    let told: Vec<_> = found
        .iter()
        .map(|d| (d.span.line, d.fix.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, "Write `options`."),
            (2, "Remove it. The fields here are: options, to.")
        ]
    );
}

#[test]
fn a_comma_between_braces_is_told_from_an_unknown_field() {
    let ((), found) = reading("{ en: Hello, press 1, zh: x }", |node, report| {
        let mut fields = Fields::of(node, "a prompt", report).expect("it is a mapping");
        fields.take("en");
        fields.take("zh");
        fields.finish(report);
    });
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule, found[0].span.column), ("yaml-comma", 14));
    assert!(
        found[0].fix.contains("\"Hello, press 1\""),
        "{}",
        found[0].fix
    );
}

/// Whether a value was read.
type Read = fn(&Node, &mut Report) -> bool;

#[test]
fn typed_values_say_what_they_want() {
    let second = Duration::from_secs(1);
    let table: [(&str, Read, &str, &str); 8] = [
        (
            "yes",
            |n, r| boolean(n, "`record`", r).is_some(),
            "wrong-type",
            "Write `true`.",
        ),
        (
            "010",
            |n, r| integer(n, "`length`", 1..=32, r).is_some(),
            "wrong-type",
            "Write `10`.",
        ),
        (
            "40",
            |n, r| integer(n, "`length`", 1..=32, r).is_some(),
            "out-of-range",
            "Write a number from 1 to 32.",
        ),
        (
            "ten",
            |n, r| integer(n, "`length`", 1..=32, r).is_some(),
            "wrong-type",
            "Write a number from 1 to 32.",
        ),
        (
            "[a]",
            |n, r| word(n, "`to`", r).is_some(),
            "wrong-type",
            "Write one word, or one text in quotes: no list, no fields.",
        ),
        (
            "25",
            |n, r| duration(n, "`timeout`", Duration::ZERO..=Duration::MAX, r).is_some(),
            "wrong-type",
            "Write `25s` if seconds are meant.",
        ),
        (
            "no",
            |n, r| prose(n, "`hear`", r).is_none(),
            "yaml-boolean",
            "Write \"no\".",
        ),
        (
            "brigded",
            |n, r| one_of(n, "`way`", &[("bridged", 1), ("refer", 2)], r).is_some(),
            "bad-value",
            "Write `bridged`.",
        ),
    ];
    for (text, read, rule, fix) in table {
        let (got, found) = reading(text, read);
        assert!(!got, "{text}");
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(
            (found[0].rule, found[0].fix.as_str()),
            (rule, fix),
            "{text}"
        );
    }
    let (_, found) = reading("3s", |n, r| duration(n, "`x`", second..=second * 2, r));
    assert_eq!(
        (found[0].rule, found[0].fix.as_str()),
        ("out-of-range", "Write a duration from 1s to 2s.")
    );
}

#[test]
fn a_cut_sentence_is_an_error_at_the_comment() {
    let (_, found) = reading("press # to\n", |n, r| prose(n, "a prompt", r));
    assert_eq!(
        (found[0].rule, found[0].span.line, found[0].span.column),
        ("yaml-comment", 1, 7)
    );
    assert!(found[0].fix.contains("\"press # to\""));
    let (_, found) = reading("first line\n  欢迎 # to\n", |n, r| {
        prose(n, "a prompt", r)
    });
    assert_eq!(
        (found[0].rule, found[0].span.line, found[0].span.column),
        ("yaml-comment", 2, 6)
    );
}
