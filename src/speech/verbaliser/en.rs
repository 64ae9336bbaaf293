//! English: numbers with "and", dates as "the twenty-first of November", a twelve-hour clock.

use super::Decimal;
use super::money::{Currency, Money};
use crate::speech::english_numbers::{DIGITS, TEENS, TENS};
use jiff::civil::{Date, Time};

const SCALES: [(u64, &str); 5] = [
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// "four one one, two three": a comma is a short pause.
pub fn digits(groups: &[String]) -> String {
    let groups: Vec<String> = groups.iter().map(|group| each(group)).collect();
    groups.join(", ")
}

pub fn number(number: &Decimal) -> String {
    let mut words = cardinal(number.whole);
    if number.negative {
        words.insert_str(0, "minus ");
    }
    if !number.fraction.is_empty() {
        words.push_str(" point ");
        words.push_str(&each(&number.fraction));
    }
    words
}

/// "one point five million dollars"; `scale` may be empty.
pub fn scaled(amount: &Decimal, scale: &str, currency: Currency) -> String {
    let (_, units, ..) = units_of(currency);
    let number = number(amount);
    match scale {
        "" => format!("{number} {units}"),
        scale => format!("{number} {scale} {units}"),
    }
}

/// One unit, many, a hundredth, hundredths.
fn units_of(currency: Currency) -> (&'static str, &'static str, &'static str, &'static str) {
    match currency {
        Currency::Usd => ("dollar", "dollars", "cent", "cents"),
        Currency::Hkd => ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
        Currency::Gbp => ("pound", "pounds", "penny", "pence"),
        Currency::Eur => ("euro", "euros", "cent", "cents"),
        Currency::Cny => ("yuan", "yuan", "fen", "fen"),
        Currency::Jpy => ("yen", "yen", "sen", "sen"),
    }
}

pub fn money(money: &Money) -> String {
    let (one, many, hundredth, hundredths) = units_of(money.currency);
    let counted = |count: u64, one: &str, many: &str| {
        let name = if count == 1 { one } else { many };
        format!("{} {name}", cardinal(count))
    };
    let units = counted(money.units, one, many);
    let small = counted(u64::from(money.hundredths), hundredth, hundredths);
    let amount = match (money.units, money.hundredths) {
        (_, 0) => units,
        (0, _) => small,
        _ => format!("{units} and {small}"),
    };
    if money.negative {
        format!("minus {amount}")
    } else {
        amount
    }
}

/// "the twenty-first of November, twenty twenty-six"
pub fn date(date: Date) -> String {
    let day = ordinal(date.day().unsigned_abs());
    let month = usize::try_from(date.month() - 1).unwrap_or_default();
    let month = MONTHS.get(month).copied().unwrap_or_default();
    format!("the {day} of {month}, {}", year(date.year().unsigned_abs()))
}

/// "two thirty p.m.", "midnight"
pub fn time(time: Time) -> String {
    let (hour, minute) = (time.hour().unsigned_abs(), time.minute().unsigned_abs());
    match (hour, minute) {
        (0, 0) => return "midnight".to_string(),
        (12, 0) => return "noon".to_string(),
        _ => {}
    }
    let half_day = if hour < 12 { "a.m." } else { "p.m." };
    let hour = match hour % 12 {
        0 => 12,
        hour => hour,
    };
    let hour = cardinal(u64::from(hour));
    match minute {
        0 => format!("{hour} {half_day}"),
        1..=9 => format!("{hour} oh {} {half_day}", cardinal(u64::from(minute))),
        _ => format!("{hour} {} {half_day}", cardinal(u64::from(minute))),
    }
}

/// "one thousand two hundred and four"
fn cardinal(number: u64) -> String {
    let mut parts = Vec::new();
    let mut rest = number;
    for (scale, name) in SCALES {
        if rest >= scale {
            parts.push(format!("{} {name}", below_thousand(rest / scale)));
            rest %= scale;
        }
    }
    if rest > 0 || parts.is_empty() {
        let and = if !parts.is_empty() && rest < 100 {
            "and "
        } else {
            ""
        };
        parts.push(format!("{and}{}", below_thousand(rest)));
    }
    parts.join(" ")
}

fn below_thousand(number: u64) -> String {
    match (number / 100, number % 100) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => format!("{} hundred", below_hundred(hundreds)),
        (hundreds, rest) => format!(
            "{} hundred and {}",
            below_hundred(hundreds),
            below_hundred(rest)
        ),
    }
}

fn below_hundred(number: u64) -> String {
    let word = |words: &[&'static str], index: u64| {
        let index = usize::try_from(index).unwrap_or_default();
        words.get(index).copied().unwrap_or_default()
    };
    match (number / 10, number % 10) {
        (0, ones) => word(&DIGITS, ones).to_string(),
        (1, ones) => word(&TEENS, ones).to_string(),
        (tens, 0) => word(&TENS, tens - 2).to_string(),
        (tens, ones) => format!("{}-{}", word(&TENS, tens - 2), word(&DIGITS, ones)),
    }
}

fn ordinal(day: u8) -> String {
    let cardinal = below_hundred(u64::from(day));
    let irregular = [
        ("one", "first"),
        ("two", "second"),
        ("three", "third"),
        ("five", "fifth"),
        ("eight", "eighth"),
        ("nine", "ninth"),
        ("twelve", "twelfth"),
    ];
    for (ending, ordinal) in irregular {
        if let Some(stem) = cardinal.strip_suffix(ending)
            && (stem.is_empty() || stem.ends_with('-'))
        {
            return format!("{stem}{ordinal}");
        }
    }
    match cardinal.strip_suffix('y') {
        Some(stem) => format!("{stem}ieth"),
        None => format!("{cardinal}th"),
    }
}

/// "twenty twenty-six", "nineteen oh five", "two thousand and nine"
fn year(year: u16) -> String {
    let year = u64::from(year);
    let (century, rest) = (year / 100, year % 100);
    let by_halves = (1100..2000).contains(&year) || (2010..2100).contains(&year);
    match rest {
        _ if !by_halves => cardinal(year),
        0 => format!("{} hundred", below_hundred(century)),
        1..=9 => format!("{} oh {}", below_hundred(century), below_hundred(rest)),
        _ => format!("{} {}", below_hundred(century), below_hundred(rest)),
    }
}

fn each(digits: &str) -> String {
    let words: Vec<String> = digits
        .chars()
        .filter_map(|symbol| symbol.to_digit(10))
        .map(|digit| below_hundred(u64::from(digit)))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use crate::language::Language;
    use jiff::tz::TimeZone;

    fn read(language: Language, reading: Reading, text: &str) -> Option<String> {
        super::super::read(language, &TimeZone::UTC, reading, text).ok()
    }

    fn check(reading: Reading, cases: &[(&str, &str)]) {
        for (text, words) in cases {
            let spoken = read(Language::En, reading, text);
            assert_eq!(spoken.as_deref(), Some(*words), "{text}");
        }
    }

    #[test]
    fn numbers() {
        check(
            Reading::Number,
            &[
                ("0", "zero"),
                ("7", "seven"),
                ("13", "thirteen"),
                ("20", "twenty"),
                ("42", "forty-two"),
                ("100", "one hundred"),
                ("101", "one hundred and one"),
                ("999", "nine hundred and ninety-nine"),
                ("1000", "one thousand"),
                ("1001", "one thousand and one"),
                ("1204", "one thousand two hundred and four"),
                ("12,345", "twelve thousand three hundred and forty-five"),
                ("100000", "one hundred thousand"),
                ("1000000", "one million"),
                ("2000050", "two million and fifty"),
                ("-3", "minus three"),
                ("3.50", "three point five zero"),
                ("-0.07", "minus zero point zero seven"),
                (
                    "9999999999999999",
                    "nine quadrillion nine hundred and ninety-nine trillion \
                     nine hundred and ninety-nine billion nine hundred and ninety-nine million \
                     nine hundred and ninety-nine thousand nine hundred and ninety-nine",
                ),
            ],
        );
    }

    #[test]
    fn digit_strings() {
        check(
            Reading::Digits,
            &[
                ("0", "zero"),
                ("4402", "four four zero two"),
                ("12345", "one two three, four five"),
                (
                    "1234567890",
                    "one two three, four five six, seven eight nine zero",
                ),
                (
                    "4111 1111 1111 1111",
                    "four one one one, one one one one, one one one one, one one one one",
                ),
            ],
        );
        check(
            Reading::Phone,
            &[(
                "+44 20 7946 0000",
                "four four two zero, seven nine four six, zero zero zero zero",
            )],
        );
    }

    #[test]
    fn money() {
        check(
            Reading::Money,
            &[
                ("12.50 GBP", "twelve pounds and fifty pence"),
                ("GBP 1.01", "one pound and one penny"),
                ("£0.99", "ninety-nine pence"),
                ("$1204", "one thousand two hundred and four dollars"),
                ("USD 1.00", "one dollar"),
                ("-5.5 EUR", "minus five euros and fifty cents"),
                ("-€5", "minus five euros"),
                ("30元", "thirty yuan"),
                ("JPY 500", "five hundred yen"),
                ("0 USD", "zero dollars"),
                ("12.505 GBP", "twelve pounds and fifty-one pence"),
                ("0.999 gbp", "one pound"),
                ("-0.001 GBP", "zero pounds"),
                ("12,50 EUR", "twelve euros and fifty cents"),
                (
                    "1234.5",
                    "one thousand two hundred and thirty-four point five",
                ),
                ("12", "twelve"),
                ("12.50", "twelve point five zero"),
                ("12.0", "twelve"),
                ("12.299999999999999", "twelve point three zero"),
            ],
        );
    }

    #[test]
    fn dates() {
        check(
            Reading::Date,
            &[
                (
                    "2026-11-21",
                    "the twenty-first of November, twenty twenty-six",
                ),
                (
                    "2026-02-01T09:00:00Z",
                    "the first of February, twenty twenty-six",
                ),
                ("2000-01-12", "the twelfth of January, two thousand"),
                ("2009-08-03", "the third of August, two thousand and nine"),
                ("1905-05-30", "the thirtieth of May, nineteen oh five"),
                ("1900-12-20", "the twentieth of December, nineteen hundred"),
                ("1984-06-15", "the fifteenth of June, nineteen eighty-four"),
                (
                    "2024-02-29",
                    "the twenty-ninth of February, twenty twenty-four",
                ),
            ],
        );
    }

    #[test]
    fn times() {
        check(
            Reading::Time,
            &[
                ("00:00", "midnight"),
                ("12:00", "noon"),
                ("00:30", "twelve thirty a.m."),
                ("09:05", "nine oh five a.m."),
                ("14:30", "two thirty p.m."),
                ("2026-11-21T18:00:00", "six p.m."),
                ("12:45:10", "twelve forty-five p.m."),
                ("23:59", "eleven fifty-nine p.m."),
            ],
        );
    }

    #[test]
    fn what_is_no_such_value_is_not_read() {
        let cases = [
            (Reading::Number, "12a"),
            (Reading::Number, ""),
            (Reading::Number, "1.2.3"),
            (Reading::Number, "12345678901234567"),
            (Reading::Digits, "12x4"),
            (Reading::Digits, ""),
            (Reading::Money, "12.50 CHF"),
            (Reading::Money, "1,2,3 GBP"),
            (Reading::Date, "2026-02-30"),
            (Reading::Date, "tomorrow"),
            (Reading::Date, "二〇二六年十一"),
            (Reading::Time, "25:00"),
            (Reading::Time, "9:5"),
        ];
        for (reading, text) in cases {
            assert_eq!(read(Language::En, reading, text), None, "{text}");
        }
    }
}
