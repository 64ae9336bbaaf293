//! Opening hours of a week: `Mo-Fr 08:00-18:00, Sa 09:00-12:00`.

use std::fmt;

const DAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
/// In minutes.
pub(super) const DAY: u16 = 24 * 60;

/// The hours of a week in which people are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyHours {
    /// By the day on which they begin, from Monday on: half-open ranges of minutes since its midnight,
    /// sorted. The end of one that runs into the next morning is beyond [`DAY`].
    days: [Vec<(u16, u16)>; 7],
}

/// What is wrong with a text of hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursError {
    /// The offending part.
    pub part: String,
    pub message: String,
}

impl WeeklyHours {
    /// Days are `Mo` to `Su` (or their full English names), ranges of days may wrap round the
    /// week's end, times may run over midnight; a part without days has those of the part before
    /// it. `24/7` is always.
    pub fn parse(text: &str) -> Result<WeeklyHours, HoursError> {
        if text.trim() == "24/7" {
            return Ok(WeeklyHours::always());
        }
        let mut open: [Vec<(u16, u16)>; 7] = Default::default();
        let mut days: Vec<u16> = Vec::new();
        let mut days_used = true;
        for part in text.split(',').map(str::trim) {
            let (day_text, time_text) = split_part(part)?;
            if !day_text.is_empty() {
                if days_used {
                    days.clear();
                }
                days.extend(parse_days(day_text)?);
                days_used = false;
            }
            let Some(time_text) = time_text else { continue };
            if days.is_empty() {
                return Err(error(part, "names no days"));
            }
            days_used = true;
            let (from, to) = parse_times(time_text)?;
            for &day in &days {
                let end = if to > from { to } else { to + DAY };
                open[usize::from(day)].push((from, end));
            }
        }
        if !days_used {
            return Err(error(text.trim(), "names no times"));
        }
        Ok(WeeklyHours {
            days: open.map(join),
        })
    }

    pub fn always() -> WeeklyHours {
        WeeklyHours {
            days: std::array::from_fn(|_| vec![(0, DAY)]),
        }
    }

    /// The ranges that begin on each day from Monday on, in minutes of that day; the end of one that
    /// runs into the next morning is beyond [`DAY`].
    pub(super) fn into_days(self) -> [Vec<(u16, u16)>; 7] {
        self.days
    }
}

/// The hours in one canonical form, days with the same times together.
impl fmt::Display for WeeklyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == WeeklyHours::always() {
            return f.write_str("24/7");
        }
        let times = self.days.each_ref().map(|ranges| told(ranges));
        let mut separator = "";
        let mut day = 0;
        while day < 7 {
            let same = times[day..]
                .iter()
                .take_while(|t| **t == times[day])
                .count();
            if !times[day].is_empty() {
                write!(f, "{separator}{}", DAYS[day])?;
                if same > 1 {
                    write!(f, "-{}", DAYS[day + same - 1])?;
                }
                write!(f, " {}", times[day])?;
                separator = ", ";
            }
            day += same;
        }
        Ok(())
    }
}

fn told(ranges: &[(u16, u16)]) -> String {
    let clock_end = |minute: u16| clock(if minute > DAY { minute - DAY } else { minute });
    let texts = ranges
        .iter()
        .map(|&(from, to)| format!("{}-{}", clock(from), clock_end(to)));
    texts.collect::<Vec<_>>().join(", ")
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

pub(super) fn error(part: &str, message: impl Into<String>) -> HoursError {
    HoursError {
        part: part.to_owned(),
        message: message.into(),
    }
}

/// `Mo-Fr 08:00-18:00` to days and times; either may be missing.
fn split_part(part: &str) -> Result<(&str, Option<&str>), HoursError> {
    if part.is_empty() {
        return Err(error(part, "has nothing between two commas"));
    }
    match part.find(|c: char| c.is_ascii_digit()) {
        Some(0) => Ok(("", Some(part))),
        Some(at) => Ok((part[..at].trim(), Some(&part[at..]))),
        None => Ok((part, None)),
    }
}

fn parse_days(text: &str) -> Result<Vec<u16>, HoursError> {
    let Some((from, to)) = text.split_once(['-', '–']) else {
        return Ok(vec![parse_day(text)?]);
    };
    let (from, to) = (parse_day(from)?, parse_day(to)?);
    let count = (to + 7 - from) % 7 + 1;
    Ok((0..count).map(|n| (from + n) % 7).collect())
}

fn parse_day(text: &str) -> Result<u16, HoursError> {
    const FULL: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let wanted = text.trim().to_ascii_lowercase();
    let found = FULL
        .iter()
        .position(|full| wanted.len() >= 2 && full.starts_with(&wanted));
    found.map(|day| day as u16).ok_or_else(|| {
        error(
            text.trim(),
            "is no day; days are Mo, Tu, We, Th, Fr, Sa, Su",
        )
    })
}

pub(super) fn parse_times(text: &str) -> Result<(u16, u16), HoursError> {
    let Some((from, to)) = text.split_once(['-', '–']) else {
        return Err(error(text, "has no end; times are like 08:00-18:00"));
    };
    let (from, to) = (parse_time(from)?, parse_time(to)?);
    if from == DAY {
        return Err(error(text, "begins at 24:00; write 00:00 of the next day"));
    }
    if from == to {
        return Err(error(
            text,
            "begins and ends at the same time; write 00:00-24:00 for a whole day",
        ));
    }
    Ok((from, to))
}

fn parse_time(text: &str) -> Result<u16, HoursError> {
    let text = text.trim();
    let wrong = || error(text, "is no time; times are like 08:00, in 24 hours");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two_digits = |s: &str| (1..=2).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) || minute.len() != 2 {
        return Err(wrong());
    }
    let hour: u16 = hour.parse().map_err(|_| wrong())?;
    let minute: u16 = minute.parse().map_err(|_| wrong())?;
    let time = hour * 60 + minute;
    if minute > 59 || time > DAY {
        return Err(wrong());
    }
    Ok(time)
}

/// Sorts a day's ranges, and joins those that overlap or touch, as far as one range can tell of them.
fn join(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match joined.last_mut() {
            Some(last) if from <= last.1 && can_be_told((last.0, to.max(last.1))) => {
                last.1 = last.1.max(to);
            }
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// From 08:00 to the next day's 08:00 would be nothing at all.
fn can_be_told((from, to): (u16, u16)) -> bool {
    to - from < DAY || (from, to) == (0, DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::opening::Opening;
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn hours(text: &str) -> WeeklyHours {
        WeeklyHours::parse(text).expect("the test's hours are right")
    }

    /// 2 March 2026 is a Monday.
    fn open_at(hours: &WeeklyHours, day: i8, hour: i8, minute: i8) -> bool {
        let opening = Opening::of_week(hours.clone());
        let at = date(2026, 3, 2 + day).at(hour, minute, 0, 0);
        opening.is_open(TimeZone::UTC.to_timestamp(at).expect("UTC has every time"))
    }

    #[test]
    fn office_hours() {
        let hours = hours("Mo-Fr 08:00-18:00, Sa 09:00-12:00");
        for (day, hour, minute, open) in [
            (0, 7, 59, false),
            (0, 8, 0, true),
            (4, 17, 59, true),
            (4, 18, 0, false),
            (5, 9, 0, true),
            (5, 12, 0, false),
            (6, 10, 0, false),
        ] {
            assert_eq!(
                open_at(&hours, day, hour, minute),
                open,
                "{day} {hour}:{minute}"
            );
        }
    }

    #[test]
    fn over_midnight_and_over_the_weeks_end() {
        let hours = hours("Su 22:00-02:00");
        assert!(open_at(&hours, 6, 22, 0));
        assert!(open_at(&hours, 0, 1, 59));
        assert!(!open_at(&hours, 0, 2, 0));
        assert!(!open_at(&hours, 6, 21, 59));
    }

    #[test]
    fn the_canonical_form() {
        for (text, canonical) in [
            ("24/7", "24/7"),
            ("Mo-Su 00:00-24:00", "24/7"),
            (
                "monday-fri 8:00-18:00,Sat 09:00-12:00",
                "Mo-Fr 08:00-18:00, Sa 09:00-12:00",
            ),
            (
                "Mo,We,Fr 09:00-17:00",
                "Mo 09:00-17:00, We 09:00-17:00, Fr 09:00-17:00",
            ),
            (
                "Mo-Tu 08:00-12:00, 13:00-17:00",
                "Mo-Tu 08:00-12:00, 13:00-17:00",
            ),
            ("Sa-Mo 10:00-11:00", "Mo 10:00-11:00, Sa-Su 10:00-11:00"),
            ("Fr 22:00-02:00", "Fr 22:00-02:00"),
            ("Su 22:00-02:00", "Su 22:00-02:00"),
            ("Mo 08:00-12:00, Mo 10:00-14:00", "Mo 08:00-14:00"),
            (
                "Mo-Su 08:00-20:00, Mo-Su 20:00-08:00",
                "Mo-Su 08:00-20:00, 20:00-08:00",
            ),
            (
                "Mo-Su 13:00-24:00, Mo-Su 00:00-12:00",
                "Mo-Su 00:00-12:00, 13:00-24:00",
            ),
        ] {
            assert_eq!(hours(text).to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part, message) in [
            ("Mo-Fr", "Mo-Fr", "names no times"),
            ("08:00-18:00", "08:00-18:00", "names no days"),
            ("Mo 8-18", "8", "is no time"),
            ("Mo 08:00", "08:00", "has no end"),
            ("Mo 25:00-26:00", "25:00", "is no time"),
            ("Mo 08:60-09:00", "08:60", "is no time"),
            ("Mo 08:00-08:00", "08:00-08:00", "begins and ends"),
            ("Mx 08:00-09:00", "Mx", "is no day"),
            ("M 08:00-09:00", "M", "is no day"),
            ("Mo 08:00-09:00,", "", "has nothing"),
            ("", "", "has nothing"),
        ] {
            let error = WeeklyHours::parse(text).expect_err(text);
            assert_eq!(error.part, part, "{text}");
            assert!(
                error.message.starts_with(message),
                "{text}: {}",
                error.message
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[MoTuWeFrSa0-9:,/ –-]{0,40}") {
            let _ = WeeklyHours::parse(&text);
        }

        #[test]
        fn the_canonical_form_means_the_same(
            ranges in prop::collection::vec((0u16..7, 0u16..1440, 1u16..=1440), 1..5)
        ) {
            let text: Vec<String> = ranges.iter().map(|&(day, from, to)| {
                let to = if from == to { to - 1 } else { to };
                format!("{} {}-{}", DAYS[day as usize], clock(from), clock(to))
            }).collect();
            let hours = WeeklyHours::parse(&text.join(", "));
            prop_assume!(hours.is_ok());
            let hours = hours.expect("assumed");
            let canonical = hours.to_string();
            prop_assert_eq!(WeeklyHours::parse(&canonical), Ok(hours), "{}", canonical);
        }
    }
}
