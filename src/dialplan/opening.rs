//! When a handoff's people are there: the hours of their week, their holidays, their time zone.

use super::holidays::Holiday;
use super::hours::{DAY, WeeklyHours};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Hours belong to the day on which they begin: those of a Friday night end on Saturday morning, and
/// do so where that Saturday is a holiday; where Friday is one, they do not begin.
#[derive(Debug, Clone)]
pub struct Opening {
    pub timezone: TimeZone,
    /// By day, from Monday on: minutes since midnight; an end beyond 1440 is on the next morning.
    week: [Vec<(u16, u16)>; 7],
    /// The last one that names a date holds.
    pub holidays: Vec<Holiday>,
}

impl Opening {
    /// `None`: at all hours.
    pub fn new(timezone: TimeZone, hours: Option<WeeklyHours>, holidays: Vec<Holiday>) -> Opening {
        Opening {
            timezone,
            week: hours.unwrap_or_else(WeeklyHours::always).into_days(),
            holidays,
        }
    }

    pub fn always() -> Opening {
        Opening::of_week(WeeklyHours::always())
    }

    /// In UTC, without holidays.
    pub fn of_week(hours: WeeklyHours) -> Opening {
        Opening::new(TimeZone::UTC, Some(hours), Vec::new())
    }

    /// By the wall clock: where an hour is left out or comes twice, so it is with the people.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = self.timezone.to_datetime(at);
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let has =
            |times: &[(u16, u16)], minute| times.iter().any(|it| (it.0..it.1).contains(&minute));
        let of_eve = || {
            let eve = local.date().yesterday();
            eve.is_ok_and(|eve| has(self.times(eve), minute + DAY))
        };
        has(self.times(local.date()), minute) || of_eve()
    }

    /// Those that begin on that date.
    fn times(&self, date: Date) -> &[(u16, u16)] {
        let holiday = self.holidays.iter().rev().find(|it| it.is_on(date));
        match holiday {
            Some(holiday) => holiday.times(),
            None => &self.week[date.weekday().to_monday_zero_offset() as usize],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    const LONDON: &str = "Europe/London";

    fn opening(timezone: &str, hours: &str, holidays: &[&str]) -> Opening {
        let timezone = TimeZone::get(timezone).expect("the test's zone is one");
        let hours = WeeklyHours::parse(hours).expect("the test's hours are right");
        let holiday = |text: &&str| Holiday::parse(text, Span::START).expect("it is right");
        let holidays = holidays.iter().map(holiday).collect();
        Opening::new(timezone, Some(hours), holidays)
    }

    #[track_caller]
    fn check(opening: &Opening, expected: &[(&str, bool)]) {
        for (at, is_open) in expected {
            let at: Timestamp = at.parse().expect("the test's time is one");
            assert_eq!(opening.is_open(at), *is_open, "{at}");
        }
    }

    #[test]
    fn a_holiday_is_from_midnight_to_midnight_of_its_own_place() {
        let team = opening("Asia/Shanghai", "24/7", &["2026-10-01..2026-10-03"]);
        check(
            &team,
            &[
                ("2026-09-30T15:59:59Z", true),
                ("2026-09-30T16:00:00Z", false),
                ("2026-10-03T15:59:59Z", false),
                ("2026-10-03T16:00:00Z", true),
            ],
        );
    }

    #[test]
    fn other_hours_instead_of_the_weekdays_and_the_last_that_names_a_date_holds() {
        let holidays = ["12-24..12-26", "2026-12-26: 10:00-12:00"];
        let team = opening(LONDON, "Mo-Su 08:00-18:00", &holidays);
        check(
            &team,
            &[
                ("2026-12-23T09:00:00Z", true),
                ("2026-12-25T11:00:00Z", false),
                ("2026-12-26T09:59:00Z", false),
                ("2026-12-26T10:00:00Z", true),
                ("2026-12-26T12:00:00Z", false),
                ("2027-12-26T11:00:00Z", false),
            ],
        );
    }

    #[test]
    fn a_morning_belongs_to_its_own_day() {
        let team = opening(LONDON, "Mo-Su 00:00-12:00, 13:00-24:00", &["12-25"]);
        check(
            &team,
            &[
                ("2026-12-24T23:59:00Z", true),
                ("2026-12-25T00:00:00Z", false),
                ("2026-12-25T23:59:00Z", false),
                ("2026-12-26T00:00:00Z", true),
                ("2026-12-26T12:30:00Z", false),
            ],
        );
    }

    /// 25 December 2026 is a Friday.
    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let team = opening(LONDON, "Mo-Su 22:00-02:00", &["2026-12-25"]);
        check(
            &team,
            &[
                ("2026-12-25T01:59:00Z", true),
                ("2026-12-25T02:00:00Z", false),
                ("2026-12-25T22:00:00Z", false),
                ("2026-12-26T01:00:00Z", false),
                ("2026-12-26T22:00:00Z", true),
                ("2026-12-27T01:00:00Z", true),
            ],
        );
        let late = opening(LONDON, "Mo-Fr 08:00-18:00", &["12-25: 22:00-02:00"]);
        check(
            &late,
            &[
                ("2026-12-25T09:00:00Z", false),
                ("2026-12-26T01:59:00Z", true),
                ("2026-12-26T02:00:00Z", false),
            ],
        );
    }

    /// In London 01:00 to 02:00 is left out on 29 March 2026 and comes twice on 25 October.
    #[test]
    fn when_the_clocks_change() {
        let holidays = ["2026-03-29: 01:30-03:00", "2026-10-25: 01:30-03:00"];
        let team = opening(LONDON, "Mo-Fr 08:00-18:00", &holidays);
        check(
            &team,
            &[
                ("2026-03-29T00:59:59Z", false),
                ("2026-03-29T01:00:00Z", true), // 02:00
                ("2026-03-29T02:00:00Z", false),
                ("2026-10-25T00:29:59Z", false),
                ("2026-10-25T00:30:00Z", true),  // 01:30
                ("2026-10-25T01:15:00Z", false), // 01:15 again
                ("2026-10-25T01:30:00Z", true),
                ("2026-10-25T03:00:00Z", false),
            ],
        );
        // A midnight that is left out (Cairo, 24 April 2026) begins the holiday all the same.
        let cairo = opening("Africa/Cairo", "24/7", &["2026-04-24"]);
        check(
            &cairo,
            &[
                ("2026-04-23T21:59:59Z", true),
                ("2026-04-23T22:00:00Z", false), // 01:00
                ("2026-04-24T20:59:59Z", false),
                ("2026-04-24T21:00:00Z", true),
            ],
        );
    }
}
