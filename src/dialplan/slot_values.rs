//! The values of slots: which are taken, and how they are keyed where nothing can be said.
//!
//! | kind | keys |
//! |---|---|
//! | number | the whole number, then `#` |
//! | money | with two digits for the hundredths and no point (none for yen), then `#` |
//! | date | eight digits: DDMMYYYY in English, YYYYMMDD in Mandarin |
//! | time | four digits: HHMM of twenty-four hours |
//! | yes or no | 1, 2 |
//! | choice | the option's key |
//! | phone | the number, then `#`; 00 before a country's code |
//! | id number | the digits; an X at the end is left out, and `#` ends it |
//! | text | cannot be keyed |

use super::slot::{Bounds, Checksum, Digits, IdNumber, SlotKind, SlotOption, When};
use crate::key::Key;
use crate::language::Language;
use crate::speech::grammar::ValueKind;
use crate::speech::telephone_number;
use crate::speech::verbaliser::money::Currency;
use crate::speech::verbaliser::{self, Reading};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// What a `text` slot keeps, in characters.
const LONGEST_TEXT: usize = 1_000;
const RESIDENT_DIGITS: usize = 17;
/// Of a [`Bounds`]: how many places after the point are looked at.
const PLACES: usize = 9;
pub const ONE: i128 = 1_000_000_000;

impl SlotKind {
    /// What is listened for.
    pub fn value_kind(&self) -> ValueKind {
        match self {
            SlotKind::Digits(rules) => ValueKind::Digits {
                min: rules.min,
                max: rules.max,
            },
            SlotKind::Number(_) => ValueKind::Number,
            SlotKind::Money { .. } => ValueKind::Money,
            SlotKind::Date(_) => ValueKind::Date,
            SlotKind::Time { .. } => ValueKind::Time,
            SlotKind::YesNo => ValueKind::YesNo,
            SlotKind::Choice(_) => ValueKind::Choice,
            SlotKind::Phone(_) => ValueKind::Phone,
            SlotKind::IdNumber(_) => ValueKind::IdNumber,
            SlotKind::Text => ValueKind::FreeText,
        }
    }

    /// Whether `value`, in its canonical form, is one of those that are asked for.
    pub fn accepts(&self, value: &str, today: Date) -> bool {
        match self {
            SlotKind::Digits(rules) => is_valid(rules, value),
            SlotKind::Number(bounds) => within(*bounds, value),
            SlotKind::Money { currency, bounds } => {
                let amount = value.strip_prefix(currency.code());
                amount.is_some_and(|amount| within(*bounds, amount.trim_start()))
            }
            SlotKind::Date(when) => value.parse().is_ok_and(|date: Date| match when {
                None => true,
                Some(When::Past) => date <= today,
                Some(When::Future) => date >= today,
            }),
            SlotKind::Time { from, until } => {
                value.parse().is_ok_and(|time: Time| match from <= until {
                    true => (*from..=*until).contains(&time),
                    false => time >= *from || time <= *until,
                })
            }
            SlotKind::YesNo => matches!(value, "yes" | "no"),
            SlotKind::Choice(options) => options.iter().any(|option| option.value == value),
            SlotKind::Phone(country) => {
                telephone_number::canonical(value, *country).as_deref() == Some(value)
            }
            SlotKind::IdNumber(IdNumber::ChineseResident) => is_resident(value),
            SlotKind::IdNumber(IdNumber::Checked { checksum, min, max }) => {
                is_valid(&keypad(*min, *max, Some(*checksum)), value)
            }
            SlotKind::Text => {
                let length = value.chars().take(LONGEST_TEXT + 1).count();
                (1..=LONGEST_TEXT).contains(&length)
            }
        }
    }

    /// How many keys, and which: the checksum is looked at by [`SlotKind::keyed`].
    pub fn keypad(&self) -> Digits {
        match self {
            SlotKind::Digits(rules) => rules.clone(),
            SlotKind::Number(_) => keypad(1, 15, None),
            SlotKind::Money { .. } => keypad(1, 12, None),
            SlotKind::Date(_) => keypad(8, 8, None),
            SlotKind::Time { .. } => keypad(4, 4, None),
            SlotKind::YesNo => only(keypad(1, 1, None), "12".to_string()),
            SlotKind::Choice(options) => {
                let keys = options.iter().map(|option| option.key.to_char());
                only(keypad(1, 1, None), keys.collect())
            }
            SlotKind::Phone(_) => keypad(3, 17, None),
            SlotKind::IdNumber(IdNumber::ChineseResident) => keypad(17, 18, None),
            SlotKind::IdNumber(IdNumber::Checked { min, max, .. }) => keypad(*min, *max, None),
            SlotKind::Text => only(keypad(1, 1, None), String::new()),
        }
    }

    /// The canonical form of what was keyed, if it is one of those that are asked for.
    pub fn keyed(&self, language: Language, digits: &str, today: Date) -> Option<String> {
        let value = match self {
            SlotKind::Digits(_) | SlotKind::IdNumber(IdNumber::Checked { .. }) => {
                digits.to_string()
            }
            SlotKind::Number(_) => digits.parse::<u64>().ok()?.to_string(),
            SlotKind::Money { currency, .. } => keyed_amount(*currency, digits)?,
            SlotKind::Date(_) => keyed_date(language, digits)?.to_string(),
            SlotKind::Time { .. } => {
                let value = format!("{}:{}", digits.get(..2)?, digits.get(2..)?);
                value.parse::<Time>().ok()?;
                value
            }
            SlotKind::YesNo => match digits {
                "1" => "yes".to_string(),
                "2" => "no".to_string(),
                _ => return None,
            },
            SlotKind::Choice(options) => {
                let chosen = |key: Key| digits == key.to_string();
                let option = options.iter().find(|option| chosen(option.key))?;
                option.value.clone()
            }
            SlotKind::Phone(country) => telephone_number::canonical(digits, *country)?,
            SlotKind::IdNumber(IdNumber::ChineseResident) => match digits.len() {
                RESIDENT_DIGITS => format!("{digits}X"),
                _ => digits.to_string(),
            },
            SlotKind::Text => return None,
        };
        self.accepts(&value, today).then_some(value)
    }

    /// How `value`, in its canonical form, is read back.
    pub fn read_back(&self, language: Language, value: &str) -> ReadBack {
        let words = |reading: Reading| {
            let words = verbaliser::read(language, &TimeZone::UTC, reading, value);
            ReadBack::Words(words.unwrap_or_else(|_| value.to_string()))
        };
        match self {
            SlotKind::Digits(_) | SlotKind::Phone(_) => ReadBack::Digits,
            SlotKind::IdNumber(_) if value.ends_with('X') => ReadBack::DigitsThenX,
            SlotKind::IdNumber(_) => ReadBack::Digits,
            SlotKind::Number(_) => words(Reading::Number),
            SlotKind::Money { .. } => words(Reading::Money),
            SlotKind::Date(_) => words(Reading::Date),
            SlotKind::Time { .. } => words(Reading::Time),
            SlotKind::YesNo => ReadBack::Words(yes_or_no(language, value).to_string()),
            SlotKind::Choice(options) => {
                let option = options.iter().find(|option| option.value == value);
                let words = option.and_then(|option| option.words(language));
                ReadBack::Words(words.unwrap_or(value).to_string())
            }
            SlotKind::Text => ReadBack::Words(value.to_string()),
        }
    }

    /// Whether a keyed value is read back even where the question does not say so: a point that
    /// was not keyed may be meant elsewhere.
    pub fn confirms_keys(&self) -> bool {
        matches!(self, SlotKind::Money { .. })
    }
}

/// What is said of a value that is to be confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadBack {
    /// One by one, from recordings where there are some.
    Digits,
    DigitsThenX,
    /// To be synthesized.
    Words(String),
}

impl SlotOption {
    /// What callers call it: the first of its phrases in that language.
    fn words(&self, language: Language) -> Option<&str> {
        let mut phrases = self.hear.iter();
        let words = phrases.find(|words| Language::of_text(words) == language);
        words.map(String::as_str)
    }
}

fn yes_or_no(language: Language, value: &str) -> &'static str {
    match (language, value) {
        (Language::En, "yes") => "yes",
        (Language::En, _) => "no",
        (Language::Zh, "yes") => "是",
        (Language::Zh, _) => "不是",
    }
}

fn keypad(min: u8, max: u8, checksum: Option<Checksum>) -> Digits {
    Digits {
        min,
        max,
        checksum,
        terminator: Key::HASH,
        alphabet: None,
    }
}

fn only(rules: Digits, alphabet: String) -> Digits {
    Digits {
        alphabet: Some(alphabet),
        ..rules
    }
}

/// A decimal number in billionths, up to 10¹⁸.
pub fn billionths(text: &str) -> Option<i128> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let in_figures = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 18 || !in_figures(whole) || !in_figures(fraction) {
        return None;
    }
    let places: String = fraction
        .chars()
        .chain("0".repeat(PLACES).chars())
        .take(PLACES)
        .collect();
    let value = whole.parse::<i128>().ok()? * ONE + places.parse::<i128>().ok()?;
    Some(if negative { -value } else { value })
}

fn within(bounds: Bounds, number: &str) -> bool {
    billionths(number).is_some_and(|value| (bounds.min..=bounds.max).contains(&value))
}

fn keyed_amount(currency: Currency, digits: &str) -> Option<String> {
    let number: u64 = digits.parse().ok()?;
    let code = currency.code();
    Some(match currency {
        // Nobody counts hundredths of a yen.
        Currency::Jpy => format!("{code} {number}.00"),
        _ => format!("{code} {}.{:02}", number / 100, number % 100),
    })
}

fn keyed_date(language: Language, digits: &str) -> Option<Date> {
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let (year, month, day) = match language {
        Language::En => (part(4..8)?, part(2..4)?, part(0..2)?),
        Language::Zh => (part(0..4)?, part(4..6)?, part(6..8)?),
    };
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// Whether `value` has an allowed length and a right checksum.
fn is_valid(rules: &Digits, value: &str) -> bool {
    let length = usize::from(rules.min)..=usize::from(rules.max);
    length.contains(&value.len())
        && match rules.checksum {
            None => true,
            Some(Checksum::Luhn) => luhn(value),
            Some(Checksum::Mod97) => mod97(value),
        }
}

/// ISO/IEC 7812-1, annex B: from the right, every second digit doubled, its digits added.
fn luhn(value: &str) -> bool {
    let sum: u32 = value
        .chars()
        .rev()
        .filter_map(|symbol| symbol.to_digit(10))
        .zip([false, true].into_iter().cycle())
        .map(
            |(digit, doubled)| match digit * if doubled { 2 } else { 1 } {
                ten_or_more @ 10.. => ten_or_more - 9,
                digit => digit,
            },
        )
        .sum();
    sum.is_multiple_of(10)
}

/// ISO/IEC 7064 MOD 97-10: the number, its two check digits included, leaves 1.
fn mod97(value: &str) -> bool {
    let digits = value.chars().filter_map(|symbol| symbol.to_digit(10));
    digits.fold(0, |rest, digit| (rest * 10 + digit) % 97) == 1
}

/// GB 11643: region, day of birth, sequence, and a check character by ISO/IEC 7064 MOD 11-2.
fn is_resident(value: &str) -> bool {
    let digits: Vec<u32> = value
        .chars()
        .filter_map(|symbol| symbol.to_digit(10))
        .collect();
    let check = match value.as_bytes() {
        [first @ .., b'X'] if first.len() == RESIDENT_DIGITS => 10,
        all if all.len() == RESIDENT_DIGITS + 1 => match digits.last() {
            Some(last) => *last,
            None => return false,
        },
        _ => return false,
    };
    let expected_digits = RESIDENT_DIGITS + usize::from(check != 10);
    let born = value
        .get(6..14)
        .and_then(|born| keyed_date(Language::Zh, born));
    if digits.len() != expected_digits || born.is_none() {
        return false;
    }
    let body = digits[..RESIDENT_DIGITS].iter();
    let rest = body.fold(0, |rest, digit| (rest + digit) * 2 % 11);
    (rest + check) % 11 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::telephone_number::Country;
    use jiff::civil::{date, time};

    fn today() -> Date {
        date(2026, 11, 21)
    }

    fn keyed(kind: &SlotKind, language: Language, digits: &str) -> Option<String> {
        kind.keyed(language, digits, today())
    }

    #[test]
    fn each_kind_is_keyed_in_its_own_way() {
        let any = Bounds {
            min: 0,
            max: 1_000_000 * ONE,
        };
        let gbp = SlotKind::Money {
            currency: Currency::Gbp,
            bounds: any,
        };
        let jpy = SlotKind::Money {
            currency: Currency::Jpy,
            bounds: any,
        };
        let open = SlotKind::Time {
            from: time(9, 0, 0, 0),
            until: time(17, 0, 0, 0),
        };
        let night = SlotKind::Time {
            from: time(22, 0, 0, 0),
            until: time(6, 0, 0, 0),
        };
        let phone = SlotKind::Phone(Country::from_code("GB"));
        for (kind, digits, value) in [
            (&SlotKind::Number(any), "007", Some("7")),
            (&SlotKind::Number(any), "1000001", None),
            (&gbp, "450", Some("GBP 4.50")),
            (&gbp, "5", Some("GBP 0.05")),
            (&jpy, "450", Some("JPY 450.00")),
            (&SlotKind::Date(None), "03052026", Some("2026-05-03")),
            (&SlotKind::Date(None), "31022026", None),
            (&SlotKind::Date(Some(When::Past)), "22112026", None),
            (
                &SlotKind::Date(Some(When::Past)),
                "21112026",
                Some("2026-11-21"),
            ),
            (&SlotKind::Date(Some(When::Future)), "20112026", None),
            (&open, "0900", Some("09:00")),
            (&open, "1701", None),
            (&open, "9999", None),
            (&night, "2330", Some("23:30")),
            (&night, "0530", Some("05:30")),
            (&night, "1200", None),
            (&SlotKind::YesNo, "1", Some("yes")),
            (&SlotKind::YesNo, "3", None),
            (&phone, "07700900123", Some("+447700900123")),
            (&SlotKind::Text, "1", None),
        ] {
            let found = keyed(kind, Language::En, digits);
            assert_eq!(found.as_deref(), value, "{kind:?} {digits}");
        }
        let found = keyed(&SlotKind::Date(None), Language::Zh, "20260503");
        assert_eq!(found.as_deref(), Some("2026-05-03"));
    }

    #[test]
    fn a_resident_number_is_checked_and_its_x_is_found() {
        let kind = SlotKind::IdNumber(IdNumber::ChineseResident);
        // The example of GB 11643 itself.
        let found = keyed(&kind, Language::Zh, "11010519491231002");
        assert_eq!(found.as_deref(), Some("11010519491231002X"));
        assert!(kind.accepts("440524188001010014", today()));
        for wrong in [
            "440524188001010015",
            "44052418800101001X",
            "110105194913310021",
            "11010519491231002",
            "",
            "X",
            "1101051949123100２X",
        ] {
            assert!(!kind.accepts(wrong, today()), "{wrong}");
        }
    }

    #[test]
    fn values_are_read_back_as_people_say_them() {
        let words = |kind: &SlotKind, language, value| match kind.read_back(language, value) {
            ReadBack::Words(words) => words,
            other => format!("{other:?}"),
        };
        let date = SlotKind::Date(None);
        let bounds = Bounds { min: 0, max: ONE };
        let money = SlotKind::Money {
            currency: Currency::Gbp,
            bounds,
        };
        let choice = SlotKind::Choice(vec![SlotOption {
            key: Key::ONE,
            hear: vec!["the morning".into(), "上午".into()],
            value: "am".into(),
            span: Default::default(),
        }]);
        assert_eq!(
            words(&date, Language::En, "2026-05-03"),
            "the third of May, twenty twenty-six"
        );
        assert_eq!(
            words(&date, Language::Zh, "2026-05-03"),
            "二零二六年五月三日"
        );
        assert_eq!(
            words(&money, Language::En, "GBP 4.50"),
            "four pounds and fifty pence"
        );
        assert_eq!(words(&choice, Language::Zh, "am"), "上午");
        assert_eq!(words(&choice, Language::En, "am"), "the morning");
        assert_eq!(words(&SlotKind::YesNo, Language::Zh, "no"), "不是");
    }

    #[test]
    fn checksums() {
        let with = |checksum, value: &str| is_valid(&keypad(2, 30, Some(checksum)), value);
        assert!(with(Checksum::Luhn, "4111111111111111"));
        assert!(with(Checksum::Luhn, "79927398713"));
        assert!(!with(Checksum::Luhn, "79927398710"));
        // A number, then 98 minus (the number and 00) mod 97.
        assert!(with(Checksum::Mod97, "79444"));
        assert!(!with(Checksum::Mod97, "79445"));
    }
}
