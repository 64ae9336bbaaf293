use super::*;
use crate::cli::ears::grammar_of;
use crate::speech::recognizer::Hypothesis;

fn row(language: Language, verdict: Verdict, is_value: bool, final_ms: f64) -> Row {
    Row {
        file: "a.wav".into(),
        language,
        heard: "track".to_owned(),
        confidence: Some(0.9),
        verdict: Some(verdict),
        words: Some(word_errors("track my parcel", "track parcel", language)),
        characters: Some(character_errors("track", "trock")),
        is_value,
        seconds: 2.0,
        work_ms: 100.0,
        final_ms,
    }
}

fn rows() -> Vec<Row> {
    use Verdict::*;
    let english = [
        (Right, false),
        (Right, false),
        (RightToConfirm, false),
        (Missed, false),
        (Wrong, true),
        (Right, true),
        (FalseAccept, false),
        (Ignored, false),
    ];
    let english = (1..).zip(english).map(|(at, (verdict, is_value))| {
        row(Language::En, verdict, is_value, 10.0 * f64::from(at))
    });
    english
        .chain([row(Language::Zh, WrongToConfirm, false, 7.0)])
        .collect()
}

fn summaries(rows: &[Row]) -> Vec<Summary> {
    let of =
        |language| -> Vec<&Row> { rows.iter().filter(|row| row.language == language).collect() };
    Language::ALL
        .map(|language| summary(language, "engine/1", &of(language)))
        .into()
}

#[test]
fn each_verdict_is_counted_where_it_belongs() {
    let rows = rows();
    let [english, mandarin] = summaries(&rows).try_into().expect("two languages");
    assert_eq!(
        (
            english.options.all,
            english.options.right,
            english.options.missed
        ),
        (4, 2, 1)
    );
    assert_eq!(
        (
            english.values.all,
            english.values.right,
            english.values.wrong
        ),
        (2, 1, 1)
    );
    assert_eq!((english.nothing.all, english.nothing.false_accepts), (2, 1));
    assert_eq!(english.word_error_rate, Some(1.0 / 3.0));
    assert_eq!(
        (
            english.final_ms.p50,
            english.final_ms.p95,
            english.final_ms.max
        ),
        (40.0, 80.0, 80.0)
    );
    assert!((english.real_time_factor - 0.05).abs() < 1e-9);
    assert_eq!(mandarin.options.wrong_to_confirm, 1);
}

#[test]
fn the_table_tells_what_there_is_to_tell() {
    let rows = rows();
    insta::assert_snapshot!(table(&summaries(&rows)), @r"
                                           en             zh
    files                                   8              1
    words wrong                        33.3 %              –
    characters wrong                   20.0 %         20.0 %
    options right                2/4 (50.0 %)    0/1 (0.0 %)
      right, to be confirmed     1/4 (25.0 %)    0/1 (0.0 %)
      not understood             1/4 (25.0 %)    0/1 (0.0 %)
      wrong, to be confirmed      0/4 (0.0 %)  1/1 (100.0 %)
      wrong                       0/4 (0.0 %)    0/1 (0.0 %)
    values right                 1/2 (50.0 %)              –
      right, to be confirmed      0/2 (0.0 %)              –
      not understood              0/2 (0.0 %)              –
      wrong, to be confirmed      0/2 (0.0 %)              –
      wrong                      1/2 (50.0 %)              –
    false accepts                1/2 (50.0 %)              –
      to be confirmed             0/2 (0.0 %)              –
    end of speech → answer, p50         40 ms           7 ms
      p95                               80 ms           7 ms
      longest                           80 ms           7 ms
    work for a second of sound          50 ms          50 ms
    by                               engine/1       engine/1
    ");
}

#[test]
fn the_chart_is_drawn_for_any_figures() {
    let rows = rows();
    let drawn = plot(&summaries(&rows), &rows);
    assert!(
        drawn.starts_with("<svg") && drawn.ends_with("</svg>\n"),
        "{drawn}"
    );
    assert_eq!(drawn.matches("<circle").count(), rows.len());
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    let empty = plot(&[], &[]);
    assert!(!empty.contains("NaN") && !empty.contains("inf"));
}

#[test]
fn what_a_call_would_make_of_it_is_judged() {
    let phrases = ["track my parcel".to_owned(), "refund".to_owned()];
    let entry = |expect| Entry {
        file: "a.wav".into(),
        text: None,
        expect: Some(expect),
        grammar: std::sync::Arc::new(grammar_of(Language::En, &phrases, None)),
    };
    let now = Zoned::now();
    let judged = |expect: Expected, text: &str| {
        let entry = entry(expect);
        let heard = Hypothesis {
            text: text.to_owned(),
            confidence: 1.0,
        };
        let understood = understand(&entry.grammar, &[heard], Context::new(&now));
        verdict(
            &entry,
            entry.expect.as_ref().expect("it is given"),
            &understood,
        )
    };
    let refund = || Expected::Option("refund".into());
    assert_eq!(judged(refund(), "refund"), Verdict::Right);
    assert_eq!(judged(refund(), "track my parcel"), Verdict::Wrong);
    assert_eq!(judged(refund(), "what a lovely day it is"), Verdict::Missed);
    assert_eq!(
        judged(Expected::Nothing, "what a lovely day it is"),
        Verdict::Ignored
    );
    assert_eq!(judged(Expected::Nothing, "refund"), Verdict::FalseAccept);
}
