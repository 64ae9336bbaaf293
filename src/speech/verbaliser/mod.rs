//! How values are read aloud: numbers, digits, money, dates and times as people say them.

mod dates;
pub mod en;
pub mod money;
pub mod zh;

use crate::language::Language;
use jiff::tz::TimeZone;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// One by one, in groups: a card's or a parcel's number.
    Digits,
    /// A telephone number.
    Phone,
    /// An amount of things: `1204`, `-3.5`.
    Number,
    /// `12.50 GBP`, `GBP 12.50`, `£12.50`.
    Money,
    /// `2026-11-21`, with or without a time after it.
    Date,
    /// `14:30`, with or without a date before it.
    Time,
}

impl Reading {
    pub const ALL: [Reading; 6] = [
        Reading::Digits,
        Reading::Phone,
        Reading::Number,
        Reading::Money,
        Reading::Date,
        Reading::Time,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Reading::Digits => "digits",
            Reading::Phone => "phone",
            Reading::Number => "number",
            Reading::Money => "money",
            Reading::Date => "date",
            Reading::Time => "time",
        }
    }

    pub fn from_name(name: &str) -> Option<Reading> {
        Self::ALL.into_iter().find(|reading| reading.name() == name)
    }
}

/// `text` in words; else why it is no such value, without telling the value. `timezone` is where a
/// point in time is read.
pub fn read(
    language: Language,
    timezone: &TimeZone,
    reading: Reading,
    text: &str,
) -> Result<String, &'static str> {
    let text = text.trim();
    match reading {
        Reading::Digits | Reading::Phone => {
            let digits = digits_of(text).ok_or("it is more than digits")?;
            let groups = digit_groups(&digits);
            Ok(match language {
                Language::En => en::digits(&groups),
                Language::Zh => zh::digits(&groups),
            })
        }
        Reading::Number => {
            let number = Decimal::parse(text).ok_or("it is no number below ten quadrillion")?;
            Ok(number.words(language))
        }
        Reading::Money => money::read(language, text),
        Reading::Date => {
            let date = dates::date_of(text, timezone)?;
            Ok(match language {
                Language::En => en::date(date),
                Language::Zh => zh::date(date),
            })
        }
        Reading::Time => {
            let time = dates::time_of(text, timezone)?;
            Ok(match language {
                Language::En => en::time(time),
                Language::Zh => zh::time(time),
            })
        }
    }
}

/// The digits of a number that may be written with spaces, dashes, dots, brackets and a plus.
pub fn digits_of(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let only_digits = text
        .chars()
        .all(|symbol| symbol.is_ascii_digit() || " -.()+/".contains(symbol));
    (only_digits && !digits.is_empty()).then_some(digits)
}

/// Cuts a number as people do when they tell it: 4-4-4-4 for a card, 3-4-4 for a Chinese mobile,
/// else threes, with no single digit at the end.
pub fn digit_groups(digits: &str) -> Vec<String> {
    let sizes: Vec<usize> = match digits.len() {
        0..=4 => vec![digits.len()],
        8 => vec![4, 4],
        11 => vec![3, 4, 4],
        12 | 16 | 20 => vec![4; digits.len() / 4],
        length => {
            let (threes, rest) = (length / 3, length % 3);
            match rest {
                0 => vec![3; threes],
                1 => [vec![3; threes - 1], vec![4]].concat(),
                _ => [vec![3; threes], vec![2]].concat(),
            }
        }
    };
    let mut symbols = digits.chars();
    sizes
        .into_iter()
        .map(|size| symbols.by_ref().take(size).collect())
        .filter(|group: &String| !group.is_empty())
        .collect()
}

/// A number as it was written: nothing is rounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    pub negative: bool,
    /// Below 10¹⁶, so that both languages have words for it.
    pub whole: u64,
    /// The digits after the point, as written.
    pub fraction: String,
}

impl Decimal {
    /// `1204`, `1,204.50`, `1 204`, `-3`; `12,50` is twelve and a half, as on the continent.
    fn parse(text: &str) -> Option<Decimal> {
        let unsigned = text.strip_prefix(['-', '−']);
        let text = unsigned.unwrap_or(text);
        let (whole, fraction) = match (text.split_once('.'), text.split_once(',')) {
            (Some(parts), _) => parts,
            (None, Some((whole, fraction))) if fraction.len() <= 2 => (whole, fraction),
            (None, _) => (text, ""),
        };
        let whole = without_separators(whole)?;
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 16 || fraction.len() > 32 {
            return None;
        }
        if !all_digits(&whole) || !all_digits(fraction) {
            return None;
        }
        Some(Decimal {
            negative: unsigned.is_some(),
            whole: whole.parse().ok()?,
            fraction: fraction.to_string(),
        })
    }

    fn words(&self, language: Language) -> String {
        match language {
            Language::En => en::number(self),
            Language::Zh => zh::number(self),
        }
    }
}

/// Separators stand before groups of three digits, or nowhere.
fn without_separators(whole: &str) -> Option<String> {
    let mut groups = whole.split([',', ' ']);
    let first = groups.next()?;
    let others: Vec<&str> = groups.collect();
    let is_right = others.is_empty()
        || (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3);
    is_right.then(|| format!("{first}{}", others.concat()))
}
