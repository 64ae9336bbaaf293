//! English days: "the third of may twenty twenty-six", "next friday", "in two weeks".

use super::date::{
    Day, Edge, Found, certain, coming, coming_edge, edge_of_month, in_either_order, in_some_month,
    in_some_year, in_week,
};
use super::lexer::Piece;
use super::number;
use crate::language::Language;
use crate::speech::english_numbers::ORDINALS;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

pub(super) fn at(pieces: &[Piece], today: Date) -> Option<Found> {
    relative(pieces, today)
        .or_else(|| edge_of_a_month(pieces, today))
        .or_else(|| of_the_week(pieces, today))
        .or_else(|| in_numbers(pieces, today))
        .or_else(|| of_a_month(pieces, today))
}

fn words(pieces: &[Piece]) -> Vec<&str> {
    pieces.iter().take(6).map(Piece::word).collect()
}

/// "tomorrow", "in three days", "two weeks ago".
fn relative(pieces: &[Piece], today: Date) -> Option<Found> {
    let words = words(pieces);
    let day = |taken: usize, days: i32| {
        let date = today.checked_add(days.days()).ok()?;
        Some((taken, certain(date)))
    };
    match words[..] {
        ["today", ..] => return day(1, 0),
        ["tomorrow" | "tomorrow's", ..] => return day(1, 1),
        ["yesterday", ..] => return day(1, -1),
        ["the", "day", "after", "tomorrow", ..] => return day(4, 2),
        ["day", "after", "tomorrow", ..] => return day(3, 2),
        ["the", "day", "before", "yesterday", ..] => return day(4, -2),
        ["day", "before", "yesterday", ..] => return day(3, -2),
        _ => {}
    }
    let lead = usize::from(words.first() == Some(&"in"));
    let (taken, count) = count(&pieces[lead..])?;
    let taken = lead + taken;
    let days = match pieces.get(taken)?.word() {
        "day" | "days" => 1,
        "week" | "weeks" => 7,
        "fortnight" | "fortnights" => 14,
        _ => return None,
    };
    let rest: Vec<&str> = pieces[taken + 1..]
        .iter()
        .take(2)
        .map(Piece::word)
        .collect();
    match (lead, &rest[..]) {
        (1, _) => day(taken + 1, count.checked_mul(days)?),
        (_, ["ago", ..]) => day(taken + 2, -count.checked_mul(days)?),
        (_, ["from", "now" | "today"]) => day(taken + 3, count.checked_mul(days)?),
        (_, ["today", ..]) if days >= 7 => day(taken + 2, count.checked_mul(days)?),
        (_, ["tomorrow", ..]) if days >= 7 => day(taken + 2, count.checked_mul(days)? + 1),
        (_, ["from" | "on", _]) if days >= 7 => {
            let (more, then) = at(&pieces[taken + 2..], today)?;
            let later = |day: Day| {
                let date = day.date.checked_add((count * days).days()).ok()?;
                Some(Day { date, ..day })
            };
            let then = then.into_iter().filter_map(later).collect();
            Some((taken + 2 + more, then))
        }
        _ => None,
    }
}

/// "three", "a", "a couple of".
fn count(pieces: &[Piece]) -> Option<(usize, i32)> {
    if matches!(pieces.first()?.word(), "a" | "an" | "one") {
        return Some((1, 1));
    }
    let (taken, number) = number::at(pieces, Language::En)?;
    let whole = number.fraction.is_empty() && !number.negative;
    let count = i32::try_from(number.whole)
        .ok()
        .filter(|count| *count < 1_000);
    Some((taken, count.filter(|_| whole)?))
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" | "tues" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" | "thurs" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// "friday" is the coming one. "next friday" is next week's; where this week's is still to come,
/// people mean either.
pub(super) fn of_the_week(pieces: &[Piece], today: Date) -> Option<Found> {
    let which = pieces.first()?.word();
    let lead = usize::from(matches!(which, "this" | "next" | "last" | "on" | "coming"));
    let weekday = weekday(pieces.get(lead)?.word())?;
    let coming = coming(weekday, today)?;
    let days = match which {
        "last" => certain(
            coming
                .checked_sub(7.days())
                .ok()
                .filter(|it| *it != today)
                .map_or_else(|| coming.checked_sub(14.days()).ok(), Some)?,
        ),
        "next" => {
            let next_week = in_week(weekday, 1, today)?;
            let unsure = next_week != coming;
            let both = [next_week, coming].map(|date| Day { date, unsure });
            both[..if unsure { 2 } else { 1 }].to_vec()
        }
        // On a Friday, "friday" may be today.
        _ if weekday == today.weekday() => [today, coming]
            .map(|date| Day { date, unsure: true })
            .to_vec(),
        _ => certain(coming),
    };
    Some((lead + 1, days))
}

pub(super) fn month(word: &str) -> Option<i8> {
    const MONTHS: [(&str, &str); 12] = [
        ("january", "jan"),
        ("february", "feb"),
        ("march", "mar"),
        ("april", "apr"),
        ("may", "may"),
        ("june", "jun"),
        ("july", "jul"),
        ("august", "aug"),
        ("september", "sept"),
        ("october", "oct"),
        ("november", "nov"),
        ("december", "dec"),
    ];
    let at = MONTHS
        .iter()
        .position(|names| names.0 == word || names.1 == word)?;
    Some(at as i8 + 1)
}

/// "the third of may", "may third", "3 May 2026", "the third".
fn of_a_month(pieces: &[Piece], today: Date) -> Option<Found> {
    let the = usize::from(pieces.first()?.word() == "the");
    let (taken, month, day) = day_then_month(&pieces[the..])
        .map(|(taken, month, day)| (taken + the, month, day))
        .or_else(|| month_then_day(pieces))
        .or_else(|| {
            let (taken, day) = ordinal(&pieces[the..])?;
            (the == 1).then_some((taken + 1, 0, day))
        })?;
    if month == 0 {
        let days = in_some_month(day, today);
        return (!days.is_empty()).then_some((taken, days));
    }
    let comma = pieces
        .get(taken)
        .is_some_and(|piece| matches!(piece.word(), "of" | "in"));
    let told = taken + usize::from(comma);
    let days = match year(&pieces[told..]) {
        Some((more, year)) => {
            let date = Date::new(year, month, day).ok()?;
            return Some((told + more, certain(date)));
        }
        None => in_some_year(month, day, today),
    };
    (!days.is_empty()).then_some((taken, days))
}

fn day_then_month(pieces: &[Piece]) -> Option<(usize, i8, i8)> {
    let (taken, day) = ordinal(pieces).or_else(|| cardinal_day(pieces))?;
    let of = usize::from(pieces.get(taken)?.word() == "of");
    let month = month(pieces.get(taken + of)?.word())?;
    Some((taken + of + 1, month, day))
}

fn month_then_day(pieces: &[Piece]) -> Option<(usize, i8, i8)> {
    let month = month(pieces.first()?.word())?;
    let the = usize::from(pieces.get(1)?.word() == "the");
    let day = &pieces[1 + the..];
    let (taken, day) = ordinal(day).or_else(|| cardinal_day(day))?;
    Some((1 + the + taken, month, day))
}

/// "the end of the month", "the beginning of may".
fn edge_of_a_month(pieces: &[Piece], today: Date) -> Option<Found> {
    let the = usize::from(pieces.first()?.word() == "the");
    let edge = match pieces.get(the)?.word() {
        "beginning" | "start" => Edge::Beginning,
        "end" => Edge::End,
        _ => return None,
    };
    (pieces.get(the + 1)?.word() == "of").then_some(())?;
    let ahead = |months: i32| today.first_of_month().checked_add(months.months()).ok();
    let words = words(&pieces[the + 2..]);
    let (taken, days) = match words[..] {
        ["the", "month", ..] => (2, coming_edge(edge, [ahead(0), ahead(1)], today)),
        ["this", "month", ..] => (2, edge_of_month(edge, ahead(0)?)),
        ["next", "month", ..] => (2, edge_of_month(edge, ahead(1)?)),
        ["last", "month", ..] => (2, edge_of_month(edge, ahead(-1)?)),
        [named, ..] => {
            let month = month(named)?;
            let years = [today.year(), today.year() + 1];
            let months = years.map(|year| Date::new(year, month, 1).ok());
            (1, coming_edge(edge, months, today))
        }
        [] => return None,
    };
    (!days.is_empty()).then_some((the + 2 + taken, days))
}

/// "five twelve nineteen eighty", "the fifth of the twelfth nineteen eighty". Without its year it could
/// be any two numbers.
fn in_numbers(pieces: &[Piece], today: Date) -> Option<Found> {
    let (one, first) = day_or_month(pieces)?;
    let (two, second) = day_or_month(&pieces[one..])?;
    let (more, year) = year(&pieces[one + two..])?;
    let days = in_either_order((first, second), Some(year), Language::En, today);
    (!days.is_empty()).then_some((one + two + more, days))
}

fn day_or_month(pieces: &[Piece]) -> Option<(usize, i8)> {
    let before = |piece: &&Piece| matches!(piece.word(), "of" | "the" | "oh" | "o" | "zero");
    let lead = pieces.iter().take_while(before).count();
    let (taken, number) = ordinal(&pieces[lead..]).or_else(|| cardinal_day(&pieces[lead..]))?;
    Some((lead + taken, number))
}

/// "3", "three", "twenty one".
fn cardinal_day(pieces: &[Piece]) -> Option<(usize, i8)> {
    let (taken, number) = number::at(pieces, Language::En)?;
    let day = i8::try_from(number.whole).ok()?;
    let is_day = number.fraction.is_empty() && !number.negative && (1..=31).contains(&day);
    is_day.then_some((taken, day))
}

/// "third", "twenty-first", "3rd".
fn ordinal(pieces: &[Piece]) -> Option<(usize, i8)> {
    let small = |word: &str| {
        ORDINALS
            .iter()
            .position(|it| *it == word)
            .map(|at| at as i8 + 1)
    };
    match pieces {
        [figures, Piece::Word(ending), ..] if figures.figures().is_some() => {
            let suffix = matches!(ending.as_str(), "st" | "nd" | "rd" | "th");
            let day = i8::try_from(figures.whole()?).ok()?;
            (suffix && (1..=31).contains(&day)).then_some((2, day))
        }
        [Piece::Word(tens), Piece::Word(ones), ..]
            if matches!(tens.as_str(), "twenty" | "thirty") =>
        {
            let day = small(ones).filter(|day| *day < 10)?;
            let tens = if tens == "twenty" { 20 } else { 30 };
            (tens + day <= 31).then_some((2, tens + day))
        }
        [Piece::Word(word), ..] if word == "thirtieth" => Some((1, 30)),
        [Piece::Word(word), ..] => Some((1, small(word)?)),
        _ => None,
    }
}

/// "2026", "twenty twenty-six", "nineteen oh five", "two thousand and nine".
fn year(pieces: &[Piece]) -> Option<(usize, i16)> {
    let is_year = |year: &i16| (1000..10_000).contains(year);
    if let Some(figures) = pieces.first()?.figures() {
        let year = i16::try_from(pieces[0].whole()?).ok().filter(is_year)?;
        return (figures.len() == 4).then_some((1, year));
    }
    let (taken, first) = number::at(pieces, Language::En)?;
    let first = i16::try_from(first.whole).ok()?;
    if is_year(&first) {
        return Some((taken, first));
    }
    if !(10..100).contains(&first) {
        return None;
    }
    let rest = &pieces[taken..];
    if matches!(rest.first()?.word(), "oh" | "o") {
        let (more, second) = number::at(&rest[1..], Language::En)?;
        let second = i16::try_from(second.whole).ok().filter(|it| *it < 10)?;
        return Some((taken + 1 + more, first * 100 + second));
    }
    let (more, second) = number::at(rest, Language::En)?;
    let second = i16::try_from(second.whole)
        .ok()
        .filter(|it| (10..100).contains(it))?;
    Some((taken + more, first * 100 + second))
}
