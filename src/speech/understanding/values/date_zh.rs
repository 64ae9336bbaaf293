//! Mandarin days: 下周三, 大后天, 五月三号, 二零二六年五月三日.

use super::date::{
    Day, Edge, Found, certain, coming, coming_edge, edge_of_month, in_some_month, in_some_year,
    in_week,
};
use super::digits::mandarin_digit;
use super::lexer::Piece;
use super::number::mandarin_cardinal;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

pub(super) fn at(pieces: &[Piece], today: Date) -> Option<Found> {
    relative(pieces, today)
        .or_else(|| edge_of_a_month(pieces, today))
        .or_else(|| of_the_week(pieces, today))
        .or_else(|| of_a_month(pieces, today))
}

fn begins_with(pieces: &[Piece], word: &str) -> bool {
    let mut symbols = pieces.iter().map(Piece::han);
    word.chars()
        .all(|symbol| symbols.next() == Some(Some(symbol)))
}

/// Which of `words` the pieces begin with, and how long it is.
fn one_of<T: Copy>(pieces: &[Piece], words: &[(&str, T)]) -> Option<(usize, T)> {
    let found = words.iter().find(|(word, _)| begins_with(pieces, word))?;
    Some((found.0.chars().count(), found.1))
}

/// A count in figures or characters, below 10,000.
fn count(pieces: &[Piece]) -> Option<(usize, i32)> {
    if let Some(number) = pieces.first()?.whole() {
        return Some((1, i32::try_from(number).ok().filter(|it| *it < 10_000)?));
    }
    let symbols: Vec<char> = pieces.iter().map_while(Piece::han).collect();
    let (taken, number) = mandarin_cardinal(&symbols)?;
    Some((taken, i32::try_from(number).ok().filter(|it| *it < 10_000)?))
}

/// 明天, 大后天, 三天后, 两周以前.
fn relative(pieces: &[Piece], today: Date) -> Option<Found> {
    const DAYS: [(&str, i32); 14] = [
        ("大后天", 3),
        ("大前天", -3),
        ("后天", 2),
        ("前天", -2),
        ("明天", 1),
        ("明日", 1),
        ("明儿", 1),
        ("昨天", -1),
        ("昨日", -1),
        ("今天", 0),
        ("今日", 0),
        ("今儿", 0),
        ("当天", 0),
        ("后日", 2),
    ];
    let day = |taken: usize, days: i32| {
        let date = today.checked_add(days.days()).ok()?;
        Some((taken, certain(date)))
    };
    if let Some((taken, days)) = one_of(pieces, &DAYS) {
        return day(taken, days);
    }
    let (taken, count) = count(pieces)?;
    let units = [
        ("天", 1),
        ("日", 1),
        ("个星期", 7),
        ("个礼拜", 7),
        ("星期", 7),
        ("礼拜", 7),
        ("周", 7),
    ];
    let (length, unit) = one_of(&pieces[taken..], &units)?;
    let taken = taken + length;
    let sides = [
        ("以后", 1),
        ("之后", 1),
        ("后", 1),
        ("以前", -1),
        ("之前", -1),
        ("前", -1),
    ];
    let (length, side) = one_of(&pieces[taken..], &sides)?;
    day(taken + length, side * count * unit)
}

/// 周三, 下周三, 下下个星期天. A week begins on Monday.
pub(super) fn of_the_week(pieces: &[Piece], today: Date) -> Option<Found> {
    const WHICH: [(&str, i32); 11] = [
        ("下下个", 2),
        ("下下", 2),
        ("下个", 1),
        ("下", 1),
        ("上上个", -2),
        ("上上", -2),
        ("上个", -1),
        ("上", -1),
        ("这个", 0),
        ("这", 0),
        ("本", 0),
    ];
    let (lead, weeks) = match one_of(pieces, &WHICH) {
        Some((lead, weeks)) => (lead, Some(weeks)),
        None => (0, None),
    };
    let week = [("星期", ()), ("礼拜", ()), ("周", ())];
    let (length, ()) = one_of(&pieces[lead..], &week)?;
    let weekday = weekday(pieces.get(lead + length)?)?;
    let days = match weeks {
        Some(weeks) => certain(in_week(weekday, weeks, today)?),
        None if weekday == today.weekday() => {
            let both = [today, coming(weekday, today)?];
            both.map(|date| Day { date, unsure: true }).to_vec()
        }
        None => certain(coming(weekday, today)?),
    };
    Some((lead + length + 1, days))
}

fn weekday(piece: &Piece) -> Option<Weekday> {
    let number = match piece {
        Piece::Han('日' | '天' | '末') => 7,
        Piece::Han(symbol) => mandarin_digit(*symbol)?,
        other => u8::try_from(other.whole()?).ok()?,
    };
    // 周末 is a Saturday and a Sunday: no day.
    if *piece == Piece::Han('末') || !(1..=7).contains(&number) {
        return None;
    }
    Weekday::from_monday_one_offset(i8::try_from(number).ok()?).ok()
}

/// 月底, 下个月初, 明年五月末.
fn edge_of_a_month(pieces: &[Piece], today: Date) -> Option<Found> {
    let ahead = |months: i32| today.first_of_month().checked_add(months.months()).ok();
    let in_year = |year: i16, month: i8| Date::new(year, month, 1).ok();
    let (mut at, year) = year(pieces, today).unwrap_or((0, None));
    let months = if let Some((taken, months)) = one_of(&pieces[at..], &MONTHS) {
        at += taken;
        vec![ahead(months)]
    } else if begins_with(&pieces[at..], "月") {
        at += 1;
        vec![ahead(0), ahead(1)]
    } else {
        let (taken, month) = count(pieces.get(at..)?)?;
        let month = i8::try_from(month).ok()?;
        at += taken;
        begins_with(&pieces[at..], "月").then_some(())?;
        at += 1;
        match year {
            Some(year) => vec![in_year(year, month)],
            None => vec![
                in_year(today.year(), month),
                in_year(today.year() + 1, month),
            ],
        }
    };
    const EDGES: [(&str, Edge); 3] = [
        ("初", Edge::Beginning),
        ("底", Edge::End),
        ("末", Edge::End),
    ];
    let (taken, edge) = one_of(&pieces[at..], &EDGES)?;
    let days = match months[..] {
        // Named, though it may be past.
        [month] => edge_of_month(edge, month?),
        _ => coming_edge(edge, months, today),
    };
    (!days.is_empty()).then_some((at + taken, days))
}

/// Months by their distance from this one.
const MONTHS: [(&str, i32); 6] = [
    ("下个月", 1),
    ("下月", 1),
    ("这个月", 0),
    ("本月", 0),
    ("上个月", -1),
    ("上月", -1),
];

/// 五月三号, 二零二六年五月三日, 下个月三号, 三号.
fn of_a_month(pieces: &[Piece], today: Date) -> Option<Found> {
    let (mut at, year) = year(pieces, today).unwrap_or((0, None));
    let mut months_ahead = None;
    let mut month = None;
    if let Some((taken, ahead)) = one_of(&pieces[at..], &MONTHS) {
        at += taken;
        months_ahead = Some(ahead);
    } else if let Some((taken, number)) = count(&pieces[at..])
        && pieces.get(at + taken).and_then(Piece::han) == Some('月')
    {
        at += taken + 1;
        at += usize::from(pieces.get(at).and_then(Piece::han) == Some('份'));
        month = Some(i8::try_from(number).ok()?);
    }
    let (taken, day) = count(pieces.get(at..)?)?;
    let named = matches!(
        pieces.get(at + taken).and_then(Piece::han),
        Some('号' | '日')
    );
    at += taken + usize::from(named);
    let day = i8::try_from(day)
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let days = match (year, months_ahead, month) {
        (_, Some(ahead), _) => {
            let first = today.first_of_month().checked_add(ahead.months()).ok()?;
            certain(Date::new(first.year(), first.month(), day).ok()?)
        }
        (Some(year), None, Some(month)) => certain(Date::new(year, month, day).ok()?),
        (None, None, Some(month)) => in_some_year(month, day, today),
        (None, None, None) if named => in_some_month(day, today),
        _ => return None,
    };
    (!days.is_empty()).then_some((at, days))
}

/// 二零二六年, 2026年, 明年; 85年 is 1985.
fn year(pieces: &[Piece], today: Date) -> Option<(usize, Option<i16>)> {
    const YEARS: [(&str, i16); 5] = [
        ("今年", 0),
        ("明年", 1),
        ("后年", 2),
        ("去年", -1),
        ("前年", -2),
    ];
    if let Some((taken, ahead)) = one_of(pieces, &YEARS) {
        return Some((taken, Some(today.year() + ahead)));
    }
    let (taken, number) = count(pieces)?;
    if pieces.get(taken)?.han() != Some('年') {
        return None;
    }
    let year = i16::try_from(number).ok()?;
    let century = today.year() / 100 * 100;
    let year = match year {
        0..=99 if century + year <= today.year() + 20 => century + year,
        0..=99 => century - 100 + year,
        _ => year,
    };
    Some((taken + 1, Some(year)))
}
