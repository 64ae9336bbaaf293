use super::*;
use crate::speech::verbaliser::{self, Reading};
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn time(text: &str, language: Language) -> Option<String> {
    let now = "2026-11-21T10:00:00[UTC]".parse().expect("a moment");
    let spoken = read(text, language, Context::new(&now))
        .into_iter()
        .next()?;
    Some(format!(
        "{}{}",
        spoken.value,
        if spoken.ask { "?" } else { "" }
    ))
}

fn check(language: Language, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(time(text, language).as_deref(), Some(*expected), "{text}");
    }
}

#[test]
fn english_times() {
    check(
        Language::En,
        &[
            ("half past four", "16:30?"),
            ("half past four in the afternoon", "16:30"),
            ("quarter to nine in the evening", "20:45"),
            ("a quarter past ten a.m.", "10:15"),
            ("four thirty pm", "16:30"),
            ("at nine oh five in the morning", "09:05"),
            ("noon", "12:00"),
            ("twelve noon", "12:00"),
            ("twelve midnight", "00:00"),
            ("midnight", "00:00"),
            ("16:30", "16:30"),
            ("9:05 pm", "21:05"),
            ("sixteen hundred", "16:00"),
            ("1630", "16:30"),
            ("four o'clock", "16:00?"),
            ("ten o'clock", "10:00?"),
            ("five minutes to six pm", "17:55"),
            ("twelve thirty a.m.", "00:30"),
            ("half four in the afternoon", "16:30"),
            ("ten at night", "22:00"),
            ("two at night", "02:00"),
            ("this afternoon at four", "16:00"),
            ("twenty past three pm", "15:20"),
            ("at four to pick it up", "16:00?"),
        ],
    );
    for no_time in [
        "hello",
        "ninety",
        "twenty to",
        "ten past please",
        "twenty-five to",
        "in twenty minutes",
    ] {
        assert_eq!(time(no_time, Language::En), None, "{no_time}");
    }
}

#[test]
fn mandarin_times() {
    check(
        Language::Zh,
        &[
            ("下午三点半", "15:30"),
            ("晚上八点一刻", "20:15"),
            ("上午九点零五分", "09:05"),
            ("十五点三十分", "15:30"),
            ("三点", "15:00?"),
            ("下午三点五十", "15:50"),
            ("下午三点五分", "15:05"),
            ("差一刻九点", "08:45?"),
            ("晚上差五分八点", "19:55"),
            ("晚上八点差五分", "19:55"),
            ("中午十二点", "12:00"),
            ("中午十一点半", "11:30"),
            ("凌晨零点", "00:00"),
            ("晚上十二点", "00:00"),
            ("早上七点四十", "07:40"),
            ("下午３点半", "15:30"),
            ("15:30", "15:30"),
            ("下午两点钟", "14:00"),
            ("明天晚上七点整", "19:00"),
        ],
    );
    assert_eq!(time("你好", Language::Zh), None);
}

#[test]
fn what_is_accepted_decides_the_half_of_the_day() {
    let now = "2026-11-21T10:00:00[UTC]".parse().expect("a moment");
    let open = |time: &str| ("09:00".."17:00").contains(&time);
    let context = Context {
        accepts: &open,
        ..Context::new(&now)
    };
    let spoken = read("four thirty", Language::En, context);
    assert_eq!(spoken.len(), 1);
    assert_eq!((spoken[0].value.as_str(), spoken[0].ask), ("16:30", false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn what_the_verbaliser_says_is_the_same_time(hour in 0..24_u32, minute in 0..60_u32) {
        let value = canonical((hour, minute));
        for language in Language::ALL {
            let words = verbaliser::read(language, &TimeZone::UTC, Reading::Time, &value);
            let words = words.expect("it is a time");
            prop_assert_eq!(time(&words, language), Some(value.clone()), "{}", words);
        }
    }
}
