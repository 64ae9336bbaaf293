//! How values are read aloud: numbers, digits, money, dates and times as people say them.

pub mod en;
pub mod zh;

use crate::language::Language;

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

/// `None` when `text` is no such value.
pub fn read(language: Language, reading: Reading, text: &str) -> Option<String> {
    let text = text.trim();
    match reading {
        Reading::Digits | Reading::Phone => {
            let groups = digit_groups(&digits_of(text)?);
            Some(match language {
                Language::En => en::digits(&groups),
                Language::Zh => zh::digits(&groups),
            })
        }
        Reading::Number => {
            let number = Decimal::parse(text)?;
            Some(match language {
                Language::En => en::number(&number),
                Language::Zh => zh::number(&number),
            })
        }
        Reading::Money => {
            let money = Money::parse(text)?;
            Some(match language {
                Language::En => en::money(&money),
                Language::Zh => zh::money(&money),
            })
        }
        Reading::Date => {
            let date = date_of(text)?;
            Some(match language {
                Language::En => en::date(date),
                Language::Zh => zh::date(date),
            })
        }
        Reading::Time => {
            let time = time_of(text)?;
            Some(match language {
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
    fn parse(text: &str) -> Option<Decimal> {
        let unsigned = text.strip_prefix(['-', '−']);
        let text = unsigned.unwrap_or(text).replace([',', ' '], "");
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 16 || fraction.len() > 16 {
            return None;
        }
        if !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        Some(Decimal {
            negative: unsigned.is_some(),
            whole: whole.parse().ok()?,
            fraction: fraction.to_string(),
        })
    }
}

/// The currencies that are read in words of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    Usd,
    Gbp,
    Eur,
    Cny,
    Jpy,
    Hkd,
}

impl Currency {
    const SIGNS: [(&'static str, Currency); 14] = [
        ("USD", Currency::Usd),
        ("GBP", Currency::Gbp),
        ("EUR", Currency::Eur),
        ("CNY", Currency::Cny),
        ("RMB", Currency::Cny),
        ("JPY", Currency::Jpy),
        ("HKD", Currency::Hkd),
        ("HK$", Currency::Hkd),
        ("$", Currency::Usd),
        ("£", Currency::Gbp),
        ("€", Currency::Eur),
        ("¥", Currency::Cny),
        ("￥", Currency::Cny),
        ("元", Currency::Cny),
    ];
}

/// An amount in whole units and hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    pub negative: bool,
    pub units: u64,
    /// 0–99.
    pub hundredths: u8,
    pub currency: Currency,
}

impl Money {
    fn parse(text: &str) -> Option<Money> {
        let (amount, currency) = Currency::SIGNS.iter().find_map(|&(sign, currency)| {
            let amount = text.strip_suffix(sign).or_else(|| text.strip_prefix(sign));
            let negative = || text.strip_prefix('-')?.strip_prefix(sign);
            match amount {
                Some(amount) => Some((amount.trim().to_string(), currency)),
                None => Some((format!("-{}", negative()?.trim()), currency)),
            }
        })?;
        let number = Decimal::parse(&amount)?;
        let hundredths = match number.fraction.trim_end_matches('0') {
            "" => 0,
            one if one.len() == 1 => one.parse::<u8>().ok()? * 10,
            two if two.len() == 2 => two.parse().ok()?,
            _ => return None,
        };
        Some(Money {
            negative: number.negative,
            units: number.whole,
            hundredths,
            currency,
        })
    }
}

fn date_of(text: &str) -> Option<jiff::civil::Date> {
    text.get(..10)?.parse().ok()
}

fn time_of(text: &str) -> Option<jiff::civil::Time> {
    let time = text.split_once(['T', ' ']).map_or(text, |(_, time)| time);
    time.get(..5)?.parse().ok()
}
