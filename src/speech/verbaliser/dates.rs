//! Dates and times as lookups answer them: `2026-01-05`, `2026/1/5`, `2026年1月5日`, `20260105`, Unix
//! time in seconds (10 digits) or milliseconds (13).

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

pub(super) fn date_of(text: &str, timezone: &TimeZone) -> Result<Date, &'static str> {
    if let Some(moment) = unix_time(text, timezone) {
        return Ok(moment.date());
    }
    let text = text.split(['T', ' ']).next().unwrap_or_default();
    if let Ok(date) = text.parse() {
        return Ok(date);
    }
    let text = text.strip_suffix('日').unwrap_or(text);
    let parts: Vec<&str> = text.split(['-', '/', '.', '年', '月']).collect();
    let [year, month, day] = parts[..] else {
        return Err("it is no date as `2026-01-05` and no Unix time");
    };
    if year.len() < 4 && day.len() == 4 {
        return Err(
            "the day and the month cannot be told apart where the year is not first: \
                    let the lookup answer `2026-01-05`",
        );
    }
    let in_figures = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || !parts.iter().all(|part| in_figures(part)) {
        return Err("it is no date as `2026-01-05`");
    }
    let date = || Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok();
    date().ok_or("there is no such day")
}

pub(super) fn time_of(text: &str, timezone: &TimeZone) -> Result<Time, &'static str> {
    if let Some(moment) = unix_time(text, timezone) {
        return Ok(moment.time());
    }
    let time = text.split_once(['T', ' ']).map_or(text, |(_, time)| time);
    let time = time.get(..5).and_then(|time| time.parse().ok());
    time.ok_or("it is no time as `14:30` and no Unix time")
}

/// A lookup's JSON number may come with `.0`, or with the second's fraction.
fn unix_time(text: &str, timezone: &TimeZone) -> Option<DateTime> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = whole.bytes().chain(fraction.bytes());
    if !digits.all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    let moment = match whole.len() {
        10 => jiff::Timestamp::from_second(number),
        13 => jiff::Timestamp::from_millisecond(number),
        _ => return None,
    };
    Some(timezone.to_datetime(moment.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_whose_year_is_first_and_points_in_time_are_dates() {
        let shanghai = TimeZone::get("Asia/Shanghai").expect("jiff has it");
        let date = jiff::civil::date(2026, 1, 5);
        for text in [
            "2026-01-05",
            "2026-1-5",
            "2026/1/05",
            "2026.1.5",
            "2026年1月5日",
            "20260105",
            "2026-01-05T09:00:00Z",
            "2026-1-5 9:00",
            // 20:00 UTC the day before.
            "1767556800",
            "1767556800.0",
            "1767556800000",
        ] {
            assert_eq!(date_of(text, &shanghai), Ok(date), "{text}");
        }
        let four = jiff::civil::time(4, 0, 0, 0);
        assert_eq!(time_of("1767556800", &shanghai), Ok(four));
    }

    #[test]
    fn what_may_be_two_dates_is_refused_and_says_why() {
        for text in ["01/12/2026", "1.12.2026", "21-11-2026"] {
            let refused = date_of(text, &TimeZone::UTC).expect_err(text);
            assert!(refused.contains("day and the month"), "{text}: {refused}");
        }
        for text in [
            "2026-02-30",
            "2026-13-1",
            "tomorrow",
            "1767",
            "-1767556800",
            "2026-1-x",
        ] {
            assert!(date_of(text, &TimeZone::UTC).is_err(), "{text}");
        }
    }
}
