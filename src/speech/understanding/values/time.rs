//! Times of day as they are said: "half past four", "quarter to nine in the evening", 下午三点半.

use super::lexer::{Piece, beside, pieces};
use super::{Context, Spoken, number};
use crate::language::Language;

/// `text` as `16:30`, the likelier half of the day first where it was not said: then it is to be
/// confirmed, unless only one of the two is accepted.
pub(super) fn read(text: &str, language: Language, context: Context<'_>) -> Vec<Spoken> {
    let pieces = pieces(text);
    let found = (0..pieces.len()).find_map(|start| {
        let (taken, clock) = at(&pieces[start..], language)?;
        Some((start, start + taken, clock))
    });
    let Some((start, end, mut clock)) = found else {
        return Vec::new();
    };
    let others = [&pieces[..start], &pieces[end..]].concat();
    if clock.half.is_none() {
        clock.half = half_said_before(&pieces[..start]);
    }
    let times: Vec<String> = clock.times().into_iter().map(canonical).collect();
    let accepted: Vec<String> = times
        .into_iter()
        .filter(|time| (context.accepts)(time))
        .collect();
    let ask = accepted.len() > 1;
    let score = beside(&others);
    let spoken = accepted.into_iter().map(|time| Spoken {
        ask,
        ..Spoken::new(time, score)
    });
    spoken.collect()
}

fn canonical((hour, minute): (u32, u32)) -> String {
    format!("{hour:02}:{minute:02}")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    /// From noon on.
    Afternoon,
    /// Twelve is midnight then.
    Night,
}

#[derive(Debug, Clone, Copy)]
struct Clock {
    /// 0–24, as it was said.
    hour: u32,
    minute: u32,
    /// Minutes to the hour: "quarter to nine".
    before: bool,
    half: Option<Half>,
    /// "oh four", "04:00": of twenty-four hours.
    of_24: bool,
}

impl Clock {
    fn times(&self) -> Vec<(u32, u32)> {
        let hours: Vec<u32> = match (self.half, self.hour) {
            (_, 24) => vec![0],
            (None, 0 | 13..) => vec![self.hour],
            (None, hour) if self.of_24 => vec![hour],
            // By day rather than by night.
            (None, hour @ 7..=12) => vec![hour, (hour + 12) % 24],
            (None, hour) => vec![hour + 12, hour],
            (Some(Half::Morning), 12) => vec![0],
            (Some(Half::Night), 12 | 0) => vec![0],
            (Some(Half::Night), hour @ 1..=5) => vec![hour],
            (Some(Half::Afternoon | Half::Night), hour @ 1..=11) => vec![hour + 12],
            (Some(_), hour) => vec![hour],
        };
        let moved = |hour: u32| match self.before {
            true => ((hour + 23) % 24, 60 - self.minute),
            false => (hour, self.minute),
        };
        hours.into_iter().map(moved).collect()
    }
}

fn at(pieces: &[Piece], language: Language) -> Option<(usize, Clock)> {
    match language {
        Language::En => english(pieces).or_else(|| mandarin(pieces)),
        Language::Zh => mandarin(pieces).or_else(|| english(pieces)),
    }
}

/// A count below `bound`.
fn count(pieces: &[Piece], language: Language, bound: u32) -> Option<(usize, u32)> {
    let (taken, number) = number::at(pieces, language)?;
    let whole = number.fraction.is_empty() && !number.negative;
    let count = u32::try_from(number.whole).ok().filter(|it| *it < bound);
    Some((taken, count.filter(|_| whole)?))
}

/// `16:30`, `9:05`.
fn with_colon(pieces: &[Piece]) -> Option<(usize, Clock)> {
    let hour = pieces.first()?.whole().filter(|hour| *hour <= 24)?;
    let colon = pieces.get(1)?.sign() == Some(':');
    let minute = pieces.get(2)?.whole().filter(|minute| *minute < 60)?;
    let of_24 = pieces[0].figures()?.len() == 2 && hour < 10;
    let clock = Clock {
        hour,
        minute,
        before: false,
        half: None,
        of_24,
    };
    colon.then_some((3, clock))
}

// --- English ---

fn english(pieces: &[Piece]) -> Option<(usize, Clock)> {
    let plain = |hour: u32, minute: u32| Clock {
        hour,
        minute,
        before: false,
        half: None,
        of_24: false,
    };
    let (taken, clock) = match pieces.first()?.word() {
        "noon" | "midday" => {
            return Some((
                1,
                Clock {
                    of_24: true,
                    ..plain(12, 0)
                },
            ));
        }
        "midnight" => return Some((1, plain(0, 0))),
        _ => with_colon(pieces)
            .or_else(|| to_or_past(pieces))
            .or_else(|| military(pieces))
            .or_else(|| hour_and_minute(pieces))?,
    };
    let (more, half) = half_after(&pieces[taken..]);
    Some((taken + more, Clock { half, ..clock }))
}

/// "half past four", "quarter to nine", "five minutes past ten".
fn to_or_past(pieces: &[Piece]) -> Option<(usize, Clock)> {
    let lead = usize::from(pieces.first()?.word() == "a");
    let (taken, minute) = match pieces.get(lead)?.word() {
        "half" => (lead + 1, 30),
        "quarter" => (lead + 1, 15),
        _ => count(pieces, Language::En, 60)?,
    };
    let named = matches!(pieces.get(taken)?.word(), "minutes" | "minute");
    let at = taken + usize::from(named);
    let before = match pieces.get(at)?.word() {
        "past" | "after" => false,
        "to" | "before" | "till" => true,
        // "half four" is half past four.
        _ if minute == 30 && pieces.first()?.word() == "half" => {
            let (more, hour) = count(&pieces[at..], Language::En, 13)?;
            return Some((at + more, clock(hour, 30, false)));
        }
        _ => return None,
    };
    let (more, hour) = count(&pieces[at + 1..], Language::En, 25)?;
    let oclock = usize::from(is_oclock(pieces.get(at + 1 + more)));
    Some((at + 1 + more + oclock, clock(hour, minute, before)))
}

fn clock(hour: u32, minute: u32, before: bool) -> Clock {
    Clock {
        hour,
        minute,
        before: before && minute > 0,
        half: None,
        of_24: false,
    }
}

fn is_oclock(piece: Option<&Piece>) -> bool {
    piece.is_some_and(|piece| matches!(piece.word(), "o'clock" | "oclock"))
}

/// "sixteen hundred", `1630`.
fn military(pieces: &[Piece]) -> Option<(usize, Clock)> {
    let of_24 = |hour, minute| Clock {
        of_24: true,
        ..clock(hour, minute, false)
    };
    if let Some(figures) = pieces.first()?.figures().filter(|it| it.len() == 4) {
        let number: u32 = figures.parse().ok()?;
        let right = number / 100 < 24 && number % 100 < 60;
        return right.then(|| (1, of_24(number / 100, number % 100)));
    }
    let (taken, number) = count(pieces, Language::En, 2400)?;
    let hundred = pieces[..taken].last()?.word() == "hundred";
    let zero = number >= 1000 && number.is_multiple_of(100);
    (hundred && zero).then(|| (taken, of_24(number / 100, 0)))
}

/// "four", "four thirty", "nine oh five", "four o'clock".
fn hour_and_minute(pieces: &[Piece]) -> Option<(usize, Clock)> {
    let (taken, hour) = count(pieces, Language::En, 25)?;
    let rest = &pieces[taken..];
    if is_oclock(rest.first()) {
        return Some((taken + 1, clock(hour, 0, false)));
    }
    if counts_minutes(rest) {
        return None;
    }
    let oh = rest
        .first()
        .is_some_and(|it| matches!(it.word(), "oh" | "o"));
    let minute = if oh {
        let found = count(&rest[1..], Language::En, 10);
        found.map(|(more, minute)| (more + 1, minute))
    } else {
        count(rest, Language::En, 60).filter(|(_, minute)| *minute >= 10)
    };
    let (more, minute) = minute.unwrap_or((0, 0));
    Some((taken + more, clock(hour, minute, false)))
}

/// "twenty to", "in twenty minutes": minutes, and no hour was told. In "at four to pick it up" the four
/// is one.
fn counts_minutes(after: &[Piece]) -> bool {
    let minutes = |piece: &Piece| matches!(piece.word(), "minutes" | "minute" | "hours" | "hour");
    let cut_off = match after {
        [word, rest @ ..] if matches!(word.word(), "to" | "past" | "till") => {
            rest.iter().all(|piece| piece.word() == "please")
        }
        _ => false,
    };
    cut_off || after.first().is_some_and(minutes)
}

/// "p.m.", "in the evening", "tonight".
fn half_after(pieces: &[Piece]) -> (usize, Option<Half>) {
    let words: Vec<&str> = pieces.iter().take(3).map(Piece::word).collect();
    match words[..] {
        ["am", ..] => (1, Some(Half::Morning)),
        ["pm", ..] => (1, Some(Half::Afternoon)),
        ["a", "m", ..] => (2, Some(Half::Morning)),
        ["p", "m", ..] => (2, Some(Half::Afternoon)),
        ["in" | "this", "morning", ..] => (2, Some(Half::Morning)),
        ["in" | "this", "afternoon" | "evening", ..] => (2, Some(Half::Afternoon)),
        ["in", "the", "morning"] => (3, Some(Half::Morning)),
        ["in", "the", "afternoon" | "evening"] => (3, Some(Half::Afternoon)),
        ["at", "night", ..] => (2, Some(Half::Night)),
        ["tonight" | "midnight", ..] => (1, Some(Half::Night)),
        ["noon" | "midday", ..] => (1, Some(Half::Afternoon)),
        _ => (0, None),
    }
}

/// "this afternoon at four".
fn half_said_before(pieces: &[Piece]) -> Option<Half> {
    pieces.iter().find_map(|piece| match piece.word() {
        "morning" => Some(Half::Morning),
        "afternoon" | "evening" => Some(Half::Afternoon),
        "tonight" | "night" => Some(Half::Night),
        _ => None,
    })
}

// --- Mandarin ---

/// 下午三点半, 差一刻九点, 十五点三十分.
fn mandarin(pieces: &[Piece]) -> Option<(usize, Clock)> {
    let (lead, half) = part_of_day(pieces);
    if lead > 0
        && let Some((taken, clock)) = with_colon(&pieces[lead..])
    {
        return Some((lead + taken, Clock { half, ..clock }));
    }
    let mut short = pieces.get(lead).and_then(Piece::han) == Some('差');
    let mut at = lead + usize::from(short);
    let mut minute = 0;
    if short {
        let (taken, less) = minutes(&pieces[at..])?;
        at += taken;
        minute = less;
    }
    let (taken, hour) = count(&pieces[at..], Language::Zh, 25).or_else(|| {
        // 三点五十 is no 3.5.
        let symbols: Vec<char> = pieces[at..].iter().map_while(Piece::han).collect();
        let hour = symbols.split(|symbol| *symbol == '点').next()?;
        let (taken, hour) = number::mandarin_cardinal(hour)?;
        let hour = u32::try_from(hour).ok().filter(|hour| *hour <= 24)?;
        (taken == hour_length(&symbols)).then_some((taken, hour))
    })?;
    at += taken;
    let clock = matches!(pieces.get(at)?.han(), Some('点' | '时'));
    at += 1;
    if pieces.get(at).and_then(Piece::han) == Some('钟') {
        at += 1;
    }
    if !short {
        // 九点差十分 is 差十分九点.
        let less = usize::from(pieces.get(at).and_then(Piece::han) == Some('差'));
        if let Some((taken, more)) = minutes(&pieces[at + less..]) {
            at += less + taken;
            minute = more;
            short = less > 0;
        }
    }
    clock.then(|| {
        let before = short && minute > 0;
        (
            at,
            Clock {
                hour,
                minute,
                before,
                half,
                of_24: false,
            },
        )
    })
}

fn hour_length(symbols: &[char]) -> usize {
    symbols.iter().take_while(|symbol| **symbol != '点').count()
}

/// 半, 一刻, 零五分, 三十, 过五分.
fn minutes(pieces: &[Piece]) -> Option<(usize, u32)> {
    match pieces.first()?.han() {
        Some('半') => return Some((1, 30)),
        Some('整') => return Some((1, 0)),
        _ => {}
    }
    let past = usize::from(matches!(pieces.first()?.han(), Some('过' | '零')));
    let rest = &pieces[past..];
    let (taken, minute) = match rest.first()?.whole() {
        Some(minute) => (1, minute),
        None => {
            let symbols: Vec<char> = rest.iter().map_while(Piece::han).collect();
            let (taken, minute) = number::mandarin_cardinal(&symbols)?;
            (taken, u32::try_from(minute).ok()?)
        }
    };
    let taken = past + taken;
    match pieces.get(taken).and_then(Piece::han) {
        Some('刻') if (1..=3).contains(&minute) => Some((taken + 1, minute * 15)),
        Some('分') if minute < 60 => {
            let clock = pieces.get(taken + 1).and_then(Piece::han) == Some('钟');
            Some((taken + 1 + usize::from(clock), minute))
        }
        _ if minute < 60 => Some((taken, minute)),
        _ => None,
    }
}

fn part_of_day(pieces: &[Piece]) -> (usize, Option<Half>) {
    const PARTS: [(&str, Half); 15] = [
        ("早上", Half::Morning),
        ("早晨", Half::Morning),
        ("清晨", Half::Morning),
        ("上午", Half::Morning),
        ("凌晨", Half::Morning),
        ("今早", Half::Morning),
        ("明早", Half::Morning),
        ("中午", Half::Afternoon),
        ("下午", Half::Afternoon),
        ("傍晚", Half::Afternoon),
        ("晚上", Half::Night),
        ("今晚", Half::Night),
        ("明晚", Half::Night),
        ("夜里", Half::Night),
        ("半夜", Half::Night),
    ];
    let begins = |word: &str| {
        let mut symbols = pieces.iter().map(Piece::han);
        word.chars()
            .all(|symbol| symbols.next() == Some(Some(symbol)))
    };
    match PARTS.iter().find(|(word, _)| begins(word)) {
        // 中午十一点半 is before noon.
        Some(("中午", _)) => (2, noon(&pieces[2..])),
        Some((_, half)) => (2, Some(*half)),
        None => (0, None),
    }
}

fn noon(pieces: &[Piece]) -> Option<Half> {
    let symbols: Vec<char> = pieces.iter().map_while(Piece::han).collect();
    let hour = &symbols[..hour_length(&symbols)];
    let eleven = matches!(number::mandarin_cardinal(hour), Some((_, 11)));
    Some(if eleven {
        Half::Morning
    } else {
        Half::Afternoon
    })
}

#[cfg(test)]
mod tests;
