use super::*;
use crate::speech::verbaliser::{self, Reading};
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn number(text: &str, language: Language) -> Option<String> {
    let spoken = read(text, language).into_iter().next()?;
    Some(spoken.value)
}

#[test]
fn english_numbers() {
    for (text, value) in [
        ("seven", "7"),
        ("twelve hundred", "1200"),
        ("a hundred and five", "105"),
        ("one thousand two hundred and four", "1204"),
        ("minus three point five", "-3.5"),
        ("three point oh five", "3.05"),
        ("two and a half", "2.5"),
        ("1,204.50", "1204.5"),
        ("1.5 million", "1500000"),
        ("two point five million", "2500000"),
        ("two and a half thousand", "2500"),
        ("half a million", "500000"),
        ("1.5k", "1500"),
        ("about twenty-two please", "22"),
        ("zero", "0"),
        ("point five", "0.5"),
    ] {
        assert_eq!(number(text, Language::En).as_deref(), Some(value), "{text}");
    }
    assert_eq!(number("hello", Language::En), None);
    assert!(read("four fifty", Language::En)[0].ask);
}

#[test]
fn mandarin_numbers() {
    for (text, value) in [
        ("一千零五", "1005"),
        ("一百五", "150"),
        ("一百零五", "105"),
        ("三点五", "3.5"),
        ("两万", "20000"),
        ("两万五", "25000"),
        ("三千二", "3200"),
        ("十五", "15"),
        ("一百一十", "110"),
        ("负三点零五", "-3.05"),
        ("二零二六", "2026"),
        ("20万", "200000"),
        ("1.5亿", "150000000"),
        ("两個半", "2.5"),
        ("大概三百个", "300"),
        ("壹佰贰拾叁", "123"),
        ("零", "0"),
    ] {
        assert_eq!(number(text, Language::Zh).as_deref(), Some(value), "{text}");
    }
    assert_eq!(number("你好", Language::Zh), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn whfromthe_verbaliser_says_is_the_same_number(
        negative: bool, whole in prop_oneof![0..10_000_u64, 0..9_999_999_999_999_999_u64],
        fraction in "[0-9]{0,6}",
    ) {
        let decimal = Decimal { negative, whole, fraction };
        let value = canonical(&decimal);
        for language in Language::ALL {
            let words = verbaliser::read(language, &TimeZone::UTC, Reading::Number, &value);
            let words = words.expect("it is a number");
            prop_assert_eq!(number(&words, language), Some(value.clone()), "{}", words);
        }
    }

    /// The verbaliser's gaps are where zeros stand in the middle and at the end of numbers.
    #[test]
    fn numbers_full_of_zeros_come_back(digits in prop::collection::vec(0..10_u64, 1..16), mask: u16) {
        let whole = digits.iter().enumerate().fold(0, |sum, (at, digit)| {
            sum * 10 + if mask & (1 << at) == 0 { 0 } else { *digit }
        });
        let value = whole.to_string();
        for language in Language::ALL {
            let words = verbaliser::read(language, &TimeZone::UTC, Reading::Number, &value);
            let words = words.expect("it is a number");
            prop_assert_eq!(number(&words, language), Some(value.clone()), "{}", words);
        }
    }
}
