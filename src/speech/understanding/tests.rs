use super::*;
use crate::key::Key;
use crate::language::Language;
use crate::speech::grammar::{Phrase, ValueKind};
use proptest::prelude::*;

fn now() -> Zoned {
    "2026-11-21T10:00:00+00:00[Europe/London]"
        .parse()
        .expect("a moment")
}

fn heard(text: &str, confidence: f32) -> Hypothesis {
    Hypothesis {
        text: text.to_string(),
        confidence,
    }
}

/// Options with the keys 1, 2, 3 …, and what works everywhere.
fn menu(language: Language, options: &[&[&str]]) -> Grammar {
    let mut phrases = Vec::new();
    for (key, words) in (1..).filter_map(Key::of_digit).zip(options) {
        phrases.extend(words.iter().map(|words| Phrase {
            words: words.to_string(),
            meaning: Meaning::Key(key),
        }));
        phrases.extend(built_in::by_number(language, key));
    }
    phrases.extend(built_in::everywhere(language));
    Grammar {
        language,
        phrases,
        value: None,
    }
}

fn value(language: Language, kind: ValueKind) -> Grammar {
    Grammar {
        language,
        phrases: built_in::everywhere(language),
        value: Some(kind),
    }
}

fn parcel(language: Language) -> Grammar {
    match language {
        Language::En => menu(
            language,
            &[
                &["track", "where is my parcel"],
                &["change delivery", "redeliver"],
                &["damaged", "lost", "refund"],
                &["prices", "collection point"],
            ],
        ),
        Language::Zh => menu(
            language,
            &[
                &["查快递", "查询包裹"],
                &["更改派送"],
                &["破损", "丢失", "退款"],
                &["价格", "自提点"],
            ],
        ),
    }
}

/// What is made of `text`, heard by a sure engine: a meaning, `?` behind it where it is confirmed.
fn meant(grammar: &Grammar, text: &str) -> String {
    told(understand(
        grammar,
        &[heard(text, 0.9)],
        Context::new(&now()),
    ))
}

fn told(understood: Understood) -> String {
    let name = |heard: Heard| match heard.sense {
        Sense::Meaning(Meaning::Key(key)) => key.to_string(),
        Sense::Meaning(meaning) => format!("{meaning:?}").to_lowercase(),
        Sense::Value(value) => value,
    };
    match understood {
        Understood::Match(heard) => name(heard),
        Understood::Guess(heard) => format!("{}?", name(heard)),
        Understood::NoMatch => "none".to_string(),
    }
}

fn check(grammar: &Grammar, cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(text, expected)| {
            let found = meant(grammar, text);
            (found != *expected).then(|| format!("{text:?}: {found}, not {expected}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_english_menu_is_chosen_from_in_the_callers_own_words() {
    check(
        &parcel(Language::En),
        &[
            ("Track.", "1"),
            ("where's my parcel?", "1"),
            ("um, could you tell me where my parcel is please", "1"),
            ("I'd like to change the delivery", "2"),
            ("I want a re fund", "3"),
            ("my parcel arrived damaged", "3"),
            ("one", "1"),
            ("option 3 please", "3"),
            ("the weather is lovely today", "none"),
            ("I do not want a refund", "3?"),
            ("say that again please", "repeat"),
            ("can you slow down a bit", "slower"),
            ("go back", "*"),
            ("", "none"),
            ("um", "none"),
        ],
    );
}

#[test]
fn a_mandarin_menu_is_chosen_from_by_sound() {
    check(
        &parcel(Language::Zh),
        &[
            ("查快递", "1"),
            ("我想查一下快递", "1"),
            ("查快地", "1"),
            ("我要退款", "3"),
            ("推款", "3"),
            ("請幫我退款，謝謝", "3"),
            ("第二个", "2"),
            ("按３", "3"),
            ("今天天气真好", "none"),
            ("我不要退款", "3?"),
            ("再说一遍", "repeat"),
            ("麻烦你说慢一点", "slower"),
            ("返回", "*"),
        ],
    );
}

#[test]
fn a_word_for_a_person_acts_alone_and_asks_within_a_sentence() {
    check(
        &parcel(Language::En),
        &[
            ("agent", "human"),
            ("Operator, please!", "human"),
            ("I want to talk to a person", "human"),
            ("can I speak to someone please", "human"),
            ("I need to speak to a real human being right now", "human"),
            ("put me through to customer service", "human"),
            ("give me a representative", "human"),
            ("I want to speak to an agent about my bill", "human"),
            ("I spoke to an agent yesterday", "human?"),
            ("I don't want an agent", "human?"),
            ("the agent told me to call", "human?"),
            ("someone stole my wallet", "none"),
        ],
    );
    check(
        &parcel(Language::Zh),
        &[
            ("人工", "human"),
            ("转人工", "human"),
            ("请帮我转人工服务", "human"),
            ("人公服务", "human"),
            ("我要找真人说话", "human"),
            ("轉接客服", "human"),
            ("我昨天跟人工客服说过了", "human?"),
            ("我想了解人工智能", "human?"),
            ("不要转人工", "human?"),
        ],
    );
}

#[test]
fn the_engines_doubt_turns_a_match_into_a_question_and_a_question_into_nothing() {
    let grammar = parcel(Language::En);
    let at = |confidence| {
        let hypotheses = [heard("refund", confidence)];
        told(understand(&grammar, &hypotheses, Context::new(&now())))
    };
    assert_eq!(at(0.9), "3");
    assert_eq!(at(0.3), "3?");
    assert_eq!(at(0.1), "none");
    assert_eq!(at(f32::NAN), "none");
    let second = [heard("re find", 0.5), heard("refund", 0.4)];
    assert_eq!(
        told(understand(&grammar, &second, Context::new(&now()))),
        "3?"
    );
}

#[test]
fn two_options_that_are_near_are_never_decided_silently() {
    let grammar = menu(Language::En, &[&["lost card"], &["new card"]]);
    assert_eq!(meant(&grammar, "lost card"), "1");
    let found = meant(&grammar, "card");
    assert!(found == "none" || found.ends_with('?'), "{found}");
    let both = meant(&grammar, "lost card or new card");
    assert!(both.ends_with('?'), "{both}");
}

#[test]
fn digits_fill_a_slot_that_accepts_them() {
    let grammar = value(Language::En, ValueKind::Digits { min: 4, max: 4 });
    check(
        &grammar,
        &[
            ("four oh seven one", "4071"),
            ("it's double four, twelve", "4412"),
            ("four oh seven", "none"),
            ("operator", "human"),
        ],
    );
    let even = |value: &str| value.ends_with(['0', '2', '4', '6', '8']);
    let moment = now();
    let context = Context {
        accepts: &even,
        ..Context::new(&moment)
    };
    let hypotheses = [heard("1 2 3 5", 0.8), heard("1 2 3 4", 0.7)];
    assert_eq!(told(understand(&grammar, &hypotheses, context)), "1234");
}

#[test]
fn yes_and_no_are_values_and_keys() {
    let slot = value(Language::En, ValueKind::YesNo);
    check(
        &slot,
        &[
            ("yes", "yes"),
            ("yeah that's right", "yes"),
            ("no", "no"),
            ("no it isn't", "no"),
            ("that's not correct", "no"),
            ("not really", "no"),
            ("no problem", "yes"),
            ("sure, why not", "yes"),
            ("not sure", "none"),
            ("I'm not sure", "none"),
            ("I'm not really sure, sorry", "none"),
            ("I don't know", "none"),
            ("maybe", "none"),
        ],
    );
    let slot = value(Language::Zh, ValueKind::YesNo);
    check(
        &slot,
        &[
            ("是的", "yes"),
            ("对", "yes"),
            ("没错", "yes"),
            ("不是", "no"),
            ("不对", "no"),
            ("没有", "no"),
            ("可以", "yes"),
            ("不可以", "no"),
            ("没问题", "yes"),
            ("没有问题", "yes"),
            ("没有错", "yes"),
            ("有问题", "no"),
            ("确定", "yes"),
            ("不确定", "none"),
            ("我不太确定", "none"),
            ("不知道啊", "none"),
            ("也许吧", "none"),
        ],
    );
    let keys = Grammar {
        language: Language::En,
        phrases: built_in::yes_no(Language::En),
        value: None,
    };
    let said = [
        ("Yes, please.", "1"),
        ("nope", "2"),
        ("I do not", "2"),
        ("I'm not sure", "none"),
        ("I do not know", "none"),
    ];
    check(&keys, &said);
}

const KINDS: [ValueKind; 10] = [
    ValueKind::Digits { min: 1, max: 32 },
    ValueKind::Number,
    ValueKind::Money,
    ValueKind::Date,
    ValueKind::Time,
    ValueKind::YesNo,
    ValueKind::Choice,
    ValueKind::Phone,
    ValueKind::IdNumber,
    ValueKind::FreeText,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// What an engine hears is never trusted to make sense.
    #[test]
    fn nothing_that_is_heard_panics(
        text in prop_oneof![
            ".{0,60}",
            "[0-9 .,:/$-]{0,30}",
            "[零一二两三四五六七八九十百千万亿点半刻分块毛元年月日号周下上个差负]{0,24}",
            "((one|twenty|hundred|million|and|point|half|past|to|pounds|fifty|may|next|friday|in|a|the|oh|double) ){0,12}",
        ],
        confidence in prop::num::f32::ANY,
    ) {
        let moments = [now(), "9999-12-30T20:00:00[UTC]".parse().expect("nearly the last day")];
        for (moment, language) in moments.iter().zip(Language::ALL).chain([(&moments[1], Language::En)]) {
            for kind in KINDS {
                let grammar = value(language, kind);
                let hypotheses = [heard(&text, confidence)];
                let understood = understand(&grammar, &hypotheses, Context::new(moment));
                if let Understood::Match(heard) | Understood::Guess(heard) = understood {
                    prop_assert!((0.0..=1.0).contains(&heard.score), "{}", heard.score);
                }
            }
        }
    }
}
