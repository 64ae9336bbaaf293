//! Dates on which the hours of a week do not hold: `2026-12-25`, `12-26: 10:00-12:00`.

use super::hours::{DAY, HoursError, error, parse_times};
use crate::diagnostic::Span;
use jiff::civil::Date;

/// One date, or one after the other, with hours of their own or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holiday {
    days: Days,
    /// In minutes since the day's midnight; an end beyond 1440 is on the next morning.
    open: Vec<(u16, u16)>,
    pub span: Span,
}

/// From the first day to the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    Once(Date, Date),
    /// Months and days; the last may be in the next year.
    EveryYear((i8, i8), (i8, i8)),
}

/// `2026-12-25`, or every year `12-25`.
#[derive(Clone, Copy)]
enum Day {
    Of(Date),
    EveryYear((i8, i8)),
}

impl Holiday {
    /// A date or `first..last`, and after a colon its hours; without, or with `closed`, it has none.
    pub fn parse(text: &str, span: Span) -> Result<Holiday, HoursError> {
        let (days, hours) = match text.split_once(':') {
            Some((days, hours)) => (days, Some(hours)),
            None => (text, None),
        };
        Holiday::of(days, hours.unwrap_or("closed"), span)
    }

    /// As [`parse`](Holiday::parse), the hours apart.
    pub fn of(days: &str, hours: &str, span: Span) -> Result<Holiday, HoursError> {
        let days_text = days.trim();
        let days = parse_days(days_text)?;
        let open = match hours.trim() {
            "closed" => Vec::new(),
            "" => return Err(error(days_text, "has a colon and no times after it")),
            hours => hours
                .split(',')
                .map(|times| parse_times(times.trim()).map(over_midnight))
                .collect::<Result<_, _>>()?,
        };
        Ok(Holiday { days, open, span })
    }

    pub fn is_on(&self, date: Date) -> bool {
        match self.days {
            Days::Once(first, last) => (first..=last).contains(&date),
            Days::EveryYear(first, last) => {
                let day = (date.month(), date.day());
                match first <= last {
                    true => (first..=last).contains(&day),
                    false => day >= first || day <= last,
                }
            }
        }
    }

    /// The times that begin on such a day.
    pub fn times(&self) -> &[(u16, u16)] {
        &self.open
    }

    /// Whether it never comes again, and its year is over.
    pub fn is_over(&self, today: Date) -> bool {
        matches!(self.days, Days::Once(_, last) if last.year() < today.year())
    }
}

/// An end that is not after the beginning is on the next morning.
fn over_midnight((from, to): (u16, u16)) -> (u16, u16) {
    (from, if to > from { to } else { to + DAY })
}

fn parse_days(text: &str) -> Result<Days, HoursError> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    match (parse_day(first.trim())?, parse_day(last.trim())?) {
        (Day::Of(first), Day::Of(last)) if last < first => {
            Err(error(text, "ends before it begins"))
        }
        (Day::Of(first), Day::Of(last)) => Ok(Days::Once(first, last)),
        (Day::EveryYear(first), Day::EveryYear(last)) => Ok(Days::EveryYear(first, last)),
        _ => Err(error(text, "has a year at one end only")),
    }
}

fn parse_day(text: &str) -> Result<Day, HoursError> {
    let parts: Option<Vec<i16>> = text.split('-').map(number).collect();
    let (year, month, day) = match parts.as_deref() {
        Some(&[year, month, day]) if year >= 1000 => (Some(year), month, day),
        Some(&[month, day]) if month < 1000 => (None, month, day),
        _ => return Err(error(text, "is no date")),
    };
    let date_of = |year| Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok();
    // Every year has the days of a leap year.
    match (date_of(year.unwrap_or(2024)), year) {
        (None, _) => Err(error(text, "is a day that does not exist")),
        (Some(date), Some(_)) => Ok(Day::Of(date)),
        (Some(date), None) => Ok(Day::EveryYear((date.month(), date.day()))),
    }
}

/// Of one to four digits.
fn number(text: &str) -> Option<i16> {
    let good = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn holiday(text: &str) -> Holiday {
        Holiday::parse(text, Span::START).expect("the test's holiday is right")
    }

    #[test]
    fn days_of_one_year_and_of_every_year() {
        for (text, year, month, day, is_on) in [
            ("2026-12-25", 2026, 12, 25, true),
            ("2026-12-25", 2027, 12, 25, false),
            ("12-25", 2031, 12, 25, true),
            ("12-25", 2031, 12, 24, false),
            ("2026-12-24..2027-01-01", 2026, 12, 24, true),
            ("2026-12-24..2027-01-01", 2027, 1, 1, true),
            ("2026-12-24..2027-01-01", 2027, 1, 2, false),
            ("12-30 .. 1-2", 2040, 12, 31, true),
            ("12-30..01-02", 2041, 1, 2, true),
            ("12-30..01-02", 2041, 1, 3, false),
            ("12-30..01-02", 2041, 12, 29, false),
            ("02-29", 2028, 2, 29, true),
        ] {
            let told = holiday(text).is_on(date(year, month, day));
            assert_eq!(told, is_on, "{text}: {year}-{month}-{day}");
        }
    }

    #[test]
    fn hours_of_their_own() {
        assert_eq!(holiday("12-26").times(), []);
        assert_eq!(holiday("12-26: closed").times(), []);
        let twice = holiday("2026-12-26: 10:00-12:00, 22:00-02:00");
        assert_eq!(twice.times(), [(600, 720), (1320, 1560)]);
        assert_eq!(holiday("12-26:22:00-24:00").times(), [(1320, 1440)]);
    }

    #[test]
    fn a_year_is_over_on_the_first_of_january() {
        let christmas = holiday("2026-12-25");
        assert!(!christmas.is_over(date(2026, 12, 31)));
        assert!(christmas.is_over(date(2027, 1, 1)));
        assert!(!holiday("2026-12-31..2027-01-01").is_over(date(2027, 6, 1)));
        assert!(!holiday("12-25").is_over(date(2040, 1, 1)));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part, message) in [
            ("2026-02-29", "2026-02-29", "is a day that does not exist"),
            ("02-30", "02-30", "is a day that does not exist"),
            ("13-01", "13-01", "is a day that does not exist"),
            ("2026-257-01", "2026-257-01", "is a day that does not exist"),
            ("25.12.2026", "25.12.2026", "is no date"),
            ("25-12-2026", "25-12-2026", "is no date"),
            ("2026-12", "2026-12", "is no date"),
            ("christmas", "christmas", "is no date"),
            ("", "", "is no date"),
            (
                "2026-12-26..2026-12-24",
                "2026-12-26..2026-12-24",
                "ends before it begins",
            ),
            (
                "2026-12-26..12-28",
                "2026-12-26..12-28",
                "has a year at one end only",
            ),
            ("12-26:", "12-26", "has a colon and no times after it"),
            (
                "12-26: 10-12",
                "10",
                "is no time; times are like 08:00, in 24 hours",
            ),
        ] {
            let error = Holiday::parse(text, Span::START).expect_err(text);
            assert_eq!(
                (error.part.as_str(), error.message.as_str()),
                (part, message)
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[0-9.:, –-]{0,30}") {
            let _ = Holiday::parse(&text, Span::START);
        }
    }
}
