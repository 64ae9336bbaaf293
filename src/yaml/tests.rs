use super::*;
use crate::diagnostic::Source;
use proptest::prelude::*;
use std::time::Duration;

fn tree(text: &str) -> Node {
    let source = Source::new("t.yaml", text);
    let mut report = Report::new(&source);
    let node = parse(&mut report);
    assert_eq!(report.into_diagnostics(), []);
    node.expect("no diagnostic, so there is a tree")
}

/// What is found: rule, line, column, text, fix.
fn found(text: &str) -> Vec<(&'static str, usize, usize, String, String)> {
    let source = Source::new("t.yaml", text);
    let mut report = Report::new(&source);
    parse(&mut report);
    let diagnostics = report.into_diagnostics();
    diagnostics
        .into_iter()
        .map(|d| (d.rule, d.span.line, d.span.column, d.text, d.fix))
        .collect()
}

fn text_of(node: &Node) -> &str {
    match &node.value {
        Value::Scalar { text, .. } => text,
        _ => panic!("{node:?} is no scalar"),
    }
}

#[test]
fn every_scalar_is_text_and_knows_its_place() {
    let text = "a: yes\n欢迎:  010 # comment 欢迎\nb: [1.0, 'two', \"\\u0033\"]\nc:\nd: ~\n";
    let node = tree(text);
    let b = node.get("b").expect("it is there");
    let Value::Sequence(items) = &b.value else {
        panic!("{b:?}")
    };
    assert_eq!(
        items.iter().map(text_of).collect::<Vec<_>>(),
        ["1.0", "two", "3"]
    );
    assert_eq!((items[1].span.line, items[1].span.column), (3, 10));
    assert_eq!(&text[items[1].span.start..items[1].span.end], "'two'");
    let octal = node.get("欢迎").expect("it is there");
    assert_eq!(text_of(octal), "010");
    assert_eq!((octal.span.line, octal.span.column), (2, 6));
    assert_eq!(&text[octal.span.start..octal.span.end], "010");
    assert!(node.get("c").expect("it is there").is_empty());
    assert_eq!(text_of(node.get("d").expect("it is there")), "~");
}

#[test]
fn spans_cover_what_was_written() {
    let text =
        "m: { a: 1, b: {} }\nn:\n  o: x\n  p:\n    - q # no\n\nr: |\n  two\n  lines\n\ns: t\n";
    let node = tree(text);
    let covered = |path: &[&str]| {
        let span = node.place(path);
        &text[span.start..span.end]
    };
    assert_eq!(covered(&["m"]), "{ a: 1, b: {} }");
    assert_eq!(covered(&["m", "b"]), "{}");
    assert_eq!(covered(&["n"]), "o: x\n  p:\n    - q");
    assert_eq!(covered(&["n", "p", "0"]), "q");
    assert_eq!(covered(&["n", "p", "7"]), "- q");
    assert_eq!(covered(&["s"]), "t");
    assert_eq!(node.place(&["s"]).line, 11);
}

#[test]
fn traps_have_their_own_rule_and_a_quoted_fix() {
    let table = [
        ("say: *\n", "yaml-alias", 1, 6, "Write \"*\"."),
        (
            "to:\n  say: *star key\n",
            "yaml-alias",
            2,
            8,
            "Write \"*star key\".",
        ),
        (
            "options:\n  *: { to: x }\n",
            "yaml-alias",
            2,
            3,
            "Write \"*\".",
        ),
        ("a: &x 1\n", "yaml-anchor", 1, 4, "If the `&`"),
        ("a: !!int 1\n", "yaml-tag", 1, 4, "If the `!`"),
        (
            "say: {{ name }}\n",
            "yaml-braces",
            1,
            6,
            "Write \"{{ name }}\".",
        ),
        (
            "say: {{ name }} hello\n",
            "yaml-braces",
            1,
            6,
            "Write \"{{ name }} hello\".",
        ),
        (
            "say: { en: {{ name }}, zh: x }\n",
            "yaml-braces",
            1,
            12,
            "Write \"{{ name }}\".",
        ),
        (
            "say: Note: press 1\n",
            "yaml-colon",
            1,
            10,
            "Write \"Note: press 1\".",
        ),
        (
            "menu: { en: press # to end, zh: x }\nto: y\n",
            "yaml-comment",
            1,
            19,
            "Write \"press # to end\"",
        ),
        (
            "say: press # to\n  finish\n",
            "yaml-comment",
            1,
            12,
            "Write \"press # to\"",
        ),
        ("say: @home\n", "yaml-indicator", 1, 6, "Write \"@home\"."),
        ("a:\n\tb: 1\n", "yaml-tab", 2, 1, "Indent with spaces."),
        ("a: 1\na: 2\n", "duplicate-key", 2, 1, "Keep one"),
        ("a: 1\n---\nb: 2\n", "yaml-syntax", 2, 1, "Remove the line"),
        (
            "? [x]\n: 1\n",
            "yaml-syntax",
            1,
            3,
            "Put it in double quotes",
        ),
        (
            "a: \"x\nb: 1\n",
            "yaml-quote",
            1,
            4,
            "Write \"x\", or close it",
        ),
        ("say: 'it's so'\n", "yaml-quote", 1, 9, "Write \"it's so\"."),
        (
            "say: { en: \"{{ a | say_as(\"date\") }}.\", zh: \"x\" }\n",
            "yaml-quote",
            1,
            27,
            "Write '{{ a | say_as(\"date\") }}.'.",
        ),
        ("say: \"C:\\q\"\n", "yaml-quote", 1, 9, "Write 'C:\\q'."),
        ("say:\tHello\n", "yaml-tab", 1, 5, "Write a space"),
        ("a: 1\n\tb: 1\n", "yaml-tab", 2, 1, "Indent with spaces."),
        (
            "a:\n  zh：你好\n  en: Hi\n",
            "yaml-colon",
            2,
            5,
            "Write zh: \"你好\".",
        ),
        (
            "say: { en: Hi, zh：你好 }\n",
            "yaml-colon",
            1,
            18,
            "Write zh: \"你好\".",
        ),
        (
            "a: \0\n",
            "yaml-syntax",
            1,
            1,
            "Check that it is the right file",
        ),
    ];
    for (text, rule, line, column, fix) in table {
        let found = found(text);
        assert_eq!(found.len(), 1, "{text:?} gave {found:?}");
        let (got, at_line, at_column, _, got_fix) = &found[0];
        assert_eq!(*got, rule, "{text:?} gave {found:?}");
        assert!(got_fix.starts_with(fix), "{text:?} gave {found:?}");
        assert!(
            line == 0 || (*at_line, *at_column) == (line, column),
            "{text:?} gave {found:?}"
        );
    }
}

#[test]
fn a_trap_does_not_hide_what_comes_after_it() {
    let text =
        "a: One: two\nb: 'it's'\nc: { d: {{ x }}, e: {} }\nf: &g 1\nh: *i\nj: @k\nl: 1\nl: 2\n";
    let source = Source::new("t.yaml", text);
    let mut report = Report::new(&source);
    let node = parse(&mut report).expect("all of it can be repaired");
    let l = node.get("l").expect("it is there");
    assert_eq!((l.span.line, l.span.column), (7, 4));
    // What stands in the repaired lines is not judged.
    let g = node.get("f").expect("it is there").span;
    report.add(&crate::diagnostic::rules::BAD_VALUE, g, "m", "f");
    let found = report.into_diagnostics();
    let told: Vec<_> = found.iter().map(|d| (d.rule, d.span.line)).collect();
    let expected = [
        ("yaml-colon", 1),
        ("yaml-quote", 2),
        ("yaml-braces", 3),
        ("yaml-anchor", 4),
        ("yaml-alias", 5),
        ("yaml-indicator", 6),
        ("duplicate-key", 8),
    ];
    assert_eq!(told, expected);
}

#[test]
fn where_reading_stops_it_is_said() {
    let found = found("a:\n\tb: 1\nc: 1\nc: 2\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].4.contains("was not judged"), "{found:?}");
}

#[test]
fn what_a_comment_cut_off_is_known() {
    let text = "a: press # to end\nb: x# y\nc: z\n";
    let node = tree(text);
    let cut = |key| traps::cut_by_comment(text, node.place(&[key]));
    assert_eq!(cut("a"), Some("# to end"));
    assert_eq!(cut("b"), None);
    assert_eq!(cut("c"), None);
}

#[test]
fn quoting_always_reads_back() {
    for value in [
        "*",
        "a \"b\"",
        "it's",
        "c:\\d",
        "two\nlines",
        "it's \"so\"",
        "",
    ] {
        let node = tree(&format!("a: {}\n", traps::quoted(value)));
        assert_eq!(text_of(node.get("a").expect("it is there")), value);
    }
}

/// Of this thread alone: other tests take their share of the machine.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place to write to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn refused_fast(text: String, rule: &str) {
    let source = Source::new("t.yaml", text);
    let begun = cpu_time();
    let mut report = Report::new(&source);
    let node = parse(&mut report);
    let took = cpu_time() - begun;
    let diagnostics = report.into_diagnostics();
    assert_eq!(diagnostics.first().map(|d| d.rule), Some(rule), "{node:?}");
    assert!(took < Duration::from_millis(400), "{rule} took {took:?}");
}

#[test]
fn hostile_texts_are_refused_fast() {
    refused_fast("x".repeat(100 << 20), "too-large");
    refused_fast("[".repeat(100_000), "yaml-syntax");
    refused_fast("{a: ".repeat(100_000), "yaml-syntax");
    refused_fast("- ".repeat(100_000), "too-large");
    refused_fast(
        (0..1400).map(|n| " ".repeat(n) + "a:\n").collect(),
        "too-large",
    );
    refused_fast("- a\n".repeat(200_000), "too-large");
    let mut laughs = "a0: &a0 lol\n".to_owned();
    for n in 1..30 {
        laughs += &format!(
            "a{n}: &a{n} [{}]\n",
            vec![format!("*a{}", n - 1); 10].join(",")
        );
    }
    refused_fast(laughs, "yaml-anchor");
}

#[test]
fn the_largest_texts_are_read_fast() {
    let long = [
        format!("a: \"{}\"\n", "x".repeat(MAX_BYTES - 20)),
        format!("[{}]", "欢,".repeat(MAX_NODES - 10)),
        format!(
            "{{{}}}",
            (0..MAX_NODES / 2 - 10)
                .map(|n| format!("k{n}: v,"))
                .collect::<String>()
        ),
        "# comment\n".repeat(100_000),
        "\n".repeat(1_000_000),
        "a".repeat(1_000_000),
        format!("a: {}", "b ".repeat(500_000)),
    ];
    for text in long {
        let source = Source::new("t.yaml", text);
        let begun = cpu_time();
        parse(&mut Report::new(&source));
        let took = cpu_time() - begun;
        let begins: String = source.text.chars().take(20).collect();
        assert!(
            took < Duration::from_millis(1200),
            "{begins:?} took {took:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\n\r\t\u{85}\u{2028}欢🙂:#{}\\[\\]*&!|>'\"%@`,?-]{0,80}") {
        let source = Source::new("t.yaml", text);
        let mut report = Report::new(&source);
        let node = parse(&mut report);
        prop_assert!(node.is_some() || report.has_errors());
        for d in report.into_diagnostics() {
            prop_assert!(source.text.get(d.span.start..d.span.end).is_some());
        }
    }

    #[test]
    fn bytes_in_a_real_text_may_change(at in 0usize..400, with in any::<char>()) {
        let text = "say: { en: \"Press 1\", zh: 请按1 }\nnodes:\n  - a: |\n      x\n  - b: 'it''s'\n".repeat(6);
        let mut chars: Vec<char> = text.chars().collect();
        let at = at % chars.len();
        chars[at] = with;
        let source = Source::new("t.yaml", chars.into_iter().collect::<String>());
        let mut report = Report::new(&source);
        let node = parse(&mut report);
        prop_assert!(node.is_some() || report.has_errors());
    }
}
