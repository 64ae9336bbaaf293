//! Days as they are said: "next friday", "the third of may", 下周三, 五月三号, "03/05".

use super::digits::mandarin_digit;
use super::lexer::{Piece, beside, pieces};
use super::{Context, Spoken, date_en, date_zh};
use crate::language::Language;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// `text` as `2026-05-03`, the likeliest day first. A day that may be another one too (03/05, "the
/// third", "next friday" in the middle of a week) is one to be confirmed.
pub(super) fn read(text: &str, language: Language, context: Context<'_>) -> Vec<Spoken> {
    let pieces = pieces(text);
    let today = context.now.date();
    let mut starts = (0..pieces.len()).filter(|start| !is_within(&pieces, *start));
    let found = starts.find_map(|start| {
        let (taken, days) = twice_told(&pieces[start..], language, today)
            .or_else(|| at(&pieces[start..], language, today))?;
        Some((start, start + taken, days))
    });
    let Some((start, end, days)) = found else {
        return Vec::new();
    };
    let others = [&pieces[..start], &pieces[end..]].concat();
    let more = (0..others.len()).any(|from| at(&others[from..], language, today).is_some())
        || is_of_a_month(&pieces[end..], &others);
    let score = beside(&others);
    let accepted = days
        .into_iter()
        .filter(|day| (context.accepts)(&day.date.to_string()));
    let accepted: Vec<Day> = accepted.collect();
    let several = accepted.len() > 1;
    let spoken = accepted.into_iter().map(|day| Spoken {
        ask: day.unsure && several || more,
        ..Spoken::new(day.date.to_string(), score)
    });
    spoken.collect()
}

/// Whether a day that began here would be cut off from what belongs to it: no day begins in the middle
/// of "the thirty-second of may" or of 二月三十号.
fn is_within(pieces: &[Piece], start: usize) -> bool {
    match start.checked_sub(1).map(|before| &pieces[before]) {
        Some(Piece::Word(word)) => matches!(word.as_str(), "twenty" | "thirty" | "forty" | "fifty"),
        Some(Piece::Han(symbol)) => {
            let digit = mandarin_digit(*symbol).is_some();
            digit || matches!(symbol, '十' | '百' | '月')
        }
        _ => false,
    }
}

/// "the last monday of november", 十一月最后一个周一: not whichever Monday comes next.
fn is_of_a_month(after: &[Piece], others: &[Piece]) -> bool {
    let english = match after {
        [of, month, ..] => {
            matches!(of.word(), "of" | "in") && date_en::month(month.word()).is_some()
        }
        _ => false,
    };
    english || others.iter().any(|piece| piece.han() == Some('月'))
}

/// A day that was said, perhaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub date: Date,
    pub unsure: bool,
}

/// Days in the order of their likelihood, and how many pieces told them.
pub(super) type Found = (usize, Vec<Day>);

/// "friday the fourth of december", 十二月四号星期五: of the days that were told, the one that is such a
/// day of the week.
fn twice_told(pieces: &[Piece], language: Language, today: Date) -> Option<Found> {
    let (taken, first) = at(pieces, language, today)?;
    let (more, second) = at(&pieces[taken..], language, today)?;
    let weekday = |pieces| of_the_week(pieces, language, today);
    let (weekday, mut days) = match (weekday(pieces), weekday(&pieces[taken..])) {
        (Some(weekday), None) => (weekday, second),
        (None, Some(weekday)) => (weekday, first),
        _ => return None,
    };
    days.retain(|day| day.date.weekday() == weekday);
    days.truncate(1);
    let sure = |day: &mut Day| day.unsure = false;
    days.iter_mut().for_each(sure);
    (!days.is_empty()).then_some((taken + more, days))
}

/// The day of the week that the pieces begin with.
fn of_the_week(pieces: &[Piece], language: Language, today: Date) -> Option<Weekday> {
    let english = || date_en::of_the_week(pieces, today);
    let mandarin = || date_zh::of_the_week(pieces, today);
    let (_, days) = match language {
        Language::En => english().or_else(mandarin),
        Language::Zh => mandarin().or_else(english),
    }?;
    days.first().map(|day| day.date.weekday())
}

fn at(pieces: &[Piece], language: Language, today: Date) -> Option<Found> {
    numeric(pieces, language, today).or_else(|| match language {
        Language::En => date_en::at(pieces, today).or_else(|| date_zh::at(pieces, today)),
        Language::Zh => date_zh::at(pieces, today).or_else(|| date_en::at(pieces, today)),
    })
}

pub(super) fn certain(date: Date) -> Vec<Day> {
    vec![Day {
        date,
        unsure: false,
    }]
}

/// The day of that month and day in a year that was not told: the next one, else the last one.
pub(super) fn in_some_year(month: i8, day: i8, today: Date) -> Vec<Day> {
    let in_year = |year: i16| Date::new(year, month, day).ok();
    // The 29th of February is at most eight years away.
    let years = today.year() - 8..=today.year() + 8;
    let next = years
        .clone()
        .filter_map(in_year)
        .find(|date| *date >= today);
    let last = years.rev().filter_map(in_year).find(|date| *date < today);
    let days = [next, last].into_iter().flatten().map(|date| Day {
        date,
        unsure: false,
    });
    days.collect()
}

/// A day of a month that was not told: the next one there is, else the last one; never sure.
pub(super) fn in_some_month(day: i8, today: Date) -> Vec<Day> {
    let month = |ahead: i32| {
        let first = today.first_of_month().checked_add(ahead.months()).ok()?;
        Date::new(first.year(), first.month(), day).ok()
    };
    let next = (0..=2).filter_map(month).find(|date| *date >= today);
    let last = (-2..=0).rev().filter_map(month).find(|date| *date < today);
    let days = [next, last]
        .into_iter()
        .flatten()
        .map(|date| Day { date, unsure: true });
    days.collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Beginning,
    End,
}

/// 月底, "the beginning of the month": no one day, so its last three or its first three, to be confirmed.
pub(super) fn edge_of_month(edge: Edge, month: Date) -> Vec<Day> {
    let day = |number: i32| match edge {
        Edge::Beginning => month.first_of_month().saturating_add(number.days()),
        Edge::End => month.last_of_month().saturating_sub(number.days()),
    };
    let days = [0, 1, 2].map(|number| Day {
        date: day(number),
        unsure: true,
    });
    days.to_vec()
}

/// The edge of the first of these months that is not past.
pub(super) fn coming_edge(
    edge: Edge,
    months: impl IntoIterator<Item = Option<Date>>,
    today: Date,
) -> Vec<Day> {
    let edges = months.into_iter().flatten().map(|month| {
        let mut days = edge_of_month(edge, month);
        days.retain(|day| day.date >= today);
        days
    });
    edges
        .into_iter()
        .find(|days| !days.is_empty())
        .unwrap_or_default()
}

/// The first such day of the week after today.
pub(super) fn coming(weekday: Weekday, today: Date) -> Option<Date> {
    let ahead = (weekday.to_monday_zero_offset() - today.weekday().to_monday_zero_offset() + 7) % 7;
    let ahead = if ahead == 0 { 7 } else { ahead };
    today.checked_add(i32::from(ahead).days()).ok()
}

/// That day in a calendar week from Monday to Sunday, so many weeks from this one.
pub(super) fn in_week(weekday: Weekday, weeks: i32, today: Date) -> Option<Date> {
    let days = weekday.to_monday_zero_offset() - today.weekday().to_monday_zero_offset();
    let days = i32::from(days) + weeks * 7;
    today.checked_add(days.days()).ok()
}

/// `2026-05-03`, `3.5.2026`, `03/05`.
fn numeric(pieces: &[Piece], language: Language, today: Date) -> Option<Found> {
    let first = pieces.first()?.figures()?;
    let separator = pieces.get(1)?.sign().filter(|sign| "/-.".contains(*sign))?;
    let one = pieces[0].whole()?;
    let two = pieces.get(2)?.whole()?;
    let goes_on = pieces.get(3).and_then(Piece::sign) == Some(separator);
    let three = goes_on.then(|| pieces.get(4)?.whole()).flatten();
    let small = |number: u32| i8::try_from(number).unwrap_or(-1);
    if first.len() == 4 {
        let date = Date::new(i16::try_from(one).ok()?, small(two), small(three?)).ok()?;
        return Some((5, certain(date)));
    }
    let year = match three {
        None if separator != '/' => return None,
        None => None,
        Some(year) => Some(full_year(year, today)?),
    };
    let taken = if year.is_some() { 5 } else { 3 };
    let days = in_either_order((small(one), small(two)), year, language, today);
    (!days.is_empty()).then_some((taken, days))
}

/// A day and a month, told as numbers: the likelier order first, in a year that may not be told.
pub(super) fn in_either_order(
    (one, two): (i8, i8),
    year: Option<i16>,
    language: Language,
    today: Date,
) -> Vec<Day> {
    let in_year = |day: i8, month: i8| match year {
        Some(year) => Date::new(year, month, day).ok().map(certain),
        None => Some(in_some_year(month, day, today)).filter(|it| !it.is_empty()),
    };
    let (day_first, month_first) = (in_year(one, two), in_year(two, one));
    let orders = match language {
        Language::En => [day_first, month_first],
        Language::Zh => [month_first, day_first],
    };
    let both = orders.iter().flatten().count() == 2 && one != two;
    // Which of the two is the month is never sure in English.
    let unsure = both && language == Language::En;
    let mut days = orders.into_iter().flatten().collect::<Vec<_>>().concat();
    for day in &mut days {
        day.unsure |= unsure;
    }
    days
}

/// `26` is 2026; `85` is 1985.
fn full_year(year: u32, today: Date) -> Option<i16> {
    let year = i16::try_from(year).ok()?;
    let century = today.year() / 100 * 100;
    match year {
        0..=99 if century + year <= today.year() + 20 => Some(century + year),
        0..=99 => Some(century - 100 + year),
        1000..=9999 => Some(year),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::verbaliser::{self, Reading};
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    /// A Saturday.
    const NOW: &str = "2026-11-21T10:00:00[UTC]";

    fn days(text: &str, language: Language) -> Vec<String> {
        let now = NOW.parse().expect("a moment");
        let spoken = read(text, language, Context::new(&now)).into_iter();
        let told =
            |spoken: Spoken| format!("{}{}", spoken.value, if spoken.ask { "?" } else { "" });
        spoken.map(told).collect()
    }

    fn check(language: Language, cases: &[(&str, &str)]) {
        for (text, day) in cases {
            let found = days(text, language);
            assert_eq!(found.first().map(String::as_str), Some(*day), "{text}");
        }
    }

    #[test]
    fn english_days() {
        check(
            Language::En,
            &[
                ("today", "2026-11-21"),
                ("tomorrow please", "2026-11-22"),
                ("the day after tomorrow", "2026-11-23"),
                ("yesterday", "2026-11-20"),
                ("in three days", "2026-11-24"),
                ("two weeks ago", "2026-11-07"),
                ("on friday", "2026-11-27"),
                ("this friday", "2026-11-27"),
                ("next friday", "2026-11-27"),
                ("last friday", "2026-11-20"),
                ("a week on monday", "2026-11-30"),
                ("a fortnight on friday", "2026-12-11"),
                ("a week today", "2026-11-28"),
                ("two weeks tomorrow", "2026-12-06"),
                ("the last monday of november", "2026-11-16?"),
                ("the third of may", "2027-05-03"),
                ("friday the fourth of december", "2026-12-04"),
                ("saturday the twenty-eighth", "2026-11-28"),
                ("the fourth of december, friday", "2026-12-04"),
                ("monday the fourth of december", "2026-11-23?"),
                ("may the third", "2027-05-03"),
                ("3rd of May 2026", "2026-05-03"),
                ("May 3, 2026", "2026-05-03"),
                (
                    "the twenty-first of november twenty twenty-six",
                    "2026-11-21",
                ),
                ("december third", "2026-12-03"),
                ("the third", "2026-12-03?"),
                ("03/05", "2027-05-03?"),
                ("25/12", "2026-12-25"),
                ("12/25/2026", "2026-12-25"),
                ("2026-05-03", "2026-05-03"),
                ("05/05/26", "2026-05-05"),
                ("the twenty-ninth of february", "2028-02-29"),
                (
                    "born on the second of january nineteen oh five",
                    "1905-01-02",
                ),
                ("five twelve nineteen eighty", "1980-12-05?"),
                ("oh five twelve nineteen eighty", "1980-12-05?"),
                ("the fifth of the twelfth nineteen eighty", "1980-12-05?"),
                ("twenty-five twelve nineteen eighty", "1980-12-25"),
                ("five twenty nineteen eighty", "1980-05-20"),
                ("5 12 1980", "1980-12-05?"),
                ("the end of the month", "2026-11-30?"),
                ("at the end of next month", "2026-12-31?"),
                ("end of february", "2027-02-28?"),
                ("the beginning of the month", "2026-12-01?"),
                ("the beginning of this month", "2026-11-01?"),
            ],
        );
        assert_eq!(
            days("five twelve nineteen eighty", Language::En),
            ["1980-12-05?", "1980-05-12?"]
        );
        assert_eq!(days("five twelve", Language::En), Vec::<String>::new());
        assert_eq!(days("hello may I ask", Language::En), Vec::<String>::new());
        assert_eq!(
            days("the thirtieth of february", Language::En),
            Vec::<String>::new()
        );
    }

    #[test]
    fn mandarin_days() {
        check(
            Language::Zh,
            &[
                ("今天", "2026-11-21"),
                ("明天吧", "2026-11-22"),
                ("后天", "2026-11-23"),
                ("大后天", "2026-11-24"),
                ("前天", "2026-11-19"),
                ("三天后", "2026-11-24"),
                ("两周以后", "2026-12-05"),
                ("下周三", "2026-11-25"),
                ("下下周一", "2026-11-30"),
                ("下個禮拜天", "2026-11-29"),
                ("周三", "2026-11-25"),
                ("上周五", "2026-11-13"),
                ("本周日", "2026-11-22"),
                ("五月三号", "2027-05-03"),
                ("12月25日", "2026-12-25"),
                ("十二月二十五", "2026-12-25"),
                ("二零二六年五月三日", "2026-05-03"),
                ("2026年5月3号", "2026-05-03"),
                ("明年五月三号", "2027-05-03"),
                ("去年十二月三十一号", "2025-12-31"),
                ("下个月三号", "2026-12-03"),
                ("三号", "2026-12-03?"),
                ("5/3", "2027-05-03"),
                ("星期五十二月四号", "2026-12-04"),
                ("十二月四号，周五", "2026-12-04"),
                ("一九八五年十月一号", "1985-10-01"),
                ("十一月最后一个周一", "2026-11-23?"),
                ("月底", "2026-11-30?"),
                ("这个月底吧", "2026-11-30?"),
                ("下个月底", "2026-12-31?"),
                ("二月底", "2027-02-28?"),
                ("明年五月末", "2027-05-31?"),
                ("后年五月初", "2028-05-01?"),
                ("月初", "2026-12-01?"),
                ("本月初", "2026-11-01?"),
            ],
        );
        assert_eq!(days("二月三十号", Language::Zh), Vec::<String>::new());
    }

    #[test]
    fn a_friday_in_the_middle_of_a_week_may_be_this_or_the_next_one() {
        let now = "2026-11-18T10:00:00[UTC]".parse().expect("a Wednesday");
        let spoken = read("next friday", Language::En, Context::new(&now));
        let days: Vec<(&str, bool)> = spoken
            .iter()
            .map(|it| (it.value.as_str(), it.ask))
            .collect();
        assert_eq!(days, [("2026-11-27", true), ("2026-11-20", true)]);
    }

    #[test]
    fn what_is_past_is_the_second_reading() {
        assert_eq!(
            days("the third of may", Language::En),
            ["2027-05-03", "2026-05-03"]
        );
        assert_eq!(days("五月三号", Language::Zh), ["2027-05-03", "2026-05-03"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn what_the_verbaliser_says_is_the_same_day(
            year in 1900..2100_i16, month in 1..=12_i8, day in 1..=31_i8,
        ) {
            let Ok(date) = Date::new(year, month, day) else { return Ok(()) };
            let value = date.to_string();
            for language in Language::ALL {
                let words = verbaliser::read(language, &TimeZone::UTC, Reading::Date, &value);
                let words = words.expect("it is a day");
                prop_assert_eq!(days(&words, language), [value.clone()], "{}", words);
            }
        }
    }
}
