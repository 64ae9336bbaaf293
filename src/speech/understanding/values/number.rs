//! Amounts of things in words and figures: "twelve hundred", 一千零五, 一百五, "three point five".

use super::Spoken;
use super::digits::{english_digit, mandarin_digit};
use super::lexer::{Piece, beside, pieces};
use crate::language::Language;
use crate::speech::english_numbers::{TEENS, TENS};
use crate::speech::verbaliser::Decimal;

/// Both languages have words for what is below.
const BOUND: u128 = 10_000_000_000_000_000;
/// So many places after the point are a number.
const PLACES: usize = 32;

/// `text` as a decimal number: `1204`, `-3.5`.
pub(super) fn read(text: &str, language: Language) -> Vec<Spoken> {
    let pieces = pieces(text);
    let found = (0..pieces.len()).find_map(|start| {
        let (taken, number) = at(&pieces[start..], language)?;
        Some((start, start + taken, number))
    });
    let Some((start, end, number)) = found else {
        return Vec::new();
    };
    let others = [&pieces[..start], &pieces[end..]].concat();
    // "four fifty" is no one number.
    let more = (0..others.len()).any(|from| at(&others[from..], language).is_some());
    let mut spoken = Spoken::new(canonical(&number), beside(&others));
    spoken.ask = more;
    vec![spoken]
}

/// Without zeros that say nothing: `3.50` is `3.5`, `-0` is `0`.
pub(super) fn canonical(number: &Decimal) -> String {
    let fraction = number.fraction.trim_end_matches('0');
    let sign = if number.negative && (number.whole > 0 || !fraction.is_empty()) {
        "-"
    } else {
        ""
    };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{fraction}", number.whole)
}

/// How many pieces the number takes up with which they begin, and the number.
pub(super) fn at(pieces: &[Piece], language: Language) -> Option<(usize, Decimal)> {
    let negative = match pieces.first()? {
        Piece::Word(word) => matches!(word.as_str(), "minus" | "negative"),
        Piece::Han(symbol) => *symbol == '负',
        Piece::Sign(sign) => matches!(sign, '-' | '−'),
        Piece::Figures(_) => false,
    };
    let sign = usize::from(negative);
    let (taken, number) = unsigned(&pieces[sign..], language)?;
    Some((taken + sign, Decimal { negative, ..number }))
}

fn unsigned(pieces: &[Piece], language: Language) -> Option<(usize, Decimal)> {
    if let Some(found) = figures(pieces) {
        return Some(found);
    }
    // A caller may say a number in the other language.
    match language {
        Language::En => english(pieces).or_else(|| mandarin(pieces)),
        Language::Zh => mandarin(pieces).or_else(|| english(pieces)),
    }
}

/// `20`, `1.5 million`, `20万`.
fn figures(pieces: &[Piece]) -> Option<(usize, Decimal)> {
    let text = pieces.first()?.figures()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    with_scale(
        pieces,
        1,
        decimal(whole.parse().ok()?, fraction.to_string())?,
    )
}

/// "two and a half thousand", 一点五万: a number, `taken` pieces long, and the scale after it.
fn with_scale(pieces: &[Piece], taken: usize, number: Decimal) -> Option<(usize, Decimal)> {
    let scale = pieces.get(taken).and_then(|piece| match piece {
        Piece::Word(word) if word == "hundred" => Some(100),
        Piece::Word(word) if word == "k" => Some(1_000),
        Piece::Word(word) => english_scale(word),
        Piece::Han('百') => Some(100),
        Piece::Han('千') => Some(1_000),
        Piece::Han('万') => Some(10_000),
        Piece::Han('亿') => Some(100_000_000),
        _ => None,
    });
    match scale {
        None => Some((taken, number)),
        Some(scale) => Some((taken + 1, scaled(&number, scale)?)),
    }
}

fn scaled(number: &Decimal, scale: u128) -> Option<Decimal> {
    let zeros = scale.to_string().len() - 1;
    let mut fraction = number.fraction.clone();
    let moved: String = (0..zeros)
        .map(|_| {
            if fraction.is_empty() {
                '0'
            } else {
                fraction.remove(0)
            }
        })
        .collect();
    decimal(format!("{}{moved}", number.whole).parse().ok()?, fraction)
}

fn decimal(whole: u128, fraction: String) -> Option<Decimal> {
    let fits = whole < BOUND && fraction.len() <= PLACES;
    fits.then(|| Decimal {
        negative: false,
        whole: u64::try_from(whole).expect("it is below the bound"),
        fraction,
    })
}

// --- English ---

pub(super) fn english_scale(word: &str) -> Option<u128> {
    Some(match word {
        "thousand" => 1_000,
        "million" => 1_000_000,
        "billion" => 1_000_000_000,
        "trillion" => 1_000_000_000_000,
        "quadrillion" => 1_000_000_000_000_000,
        _ => return None,
    })
}

/// 0–19.
fn small(word: &str) -> Option<u128> {
    // "oh" and "o" are digits, but no numbers.
    let digit = english_digit(word).filter(|_| !matches!(word, "oh" | "o"));
    let teen = || TEENS.iter().position(|it| *it == word).map(|at| at + 10);
    digit.map(u128::from).or_else(|| Some(teen()? as u128))
}

fn tens(word: &str) -> Option<u128> {
    let at = TENS.iter().position(|it| *it == word)?;
    Some((at as u128 + 2) * 10)
}

fn english(pieces: &[Piece]) -> Option<(usize, Decimal)> {
    let (mut taken, whole) = match english_cardinal(pieces) {
        Some(found) => found,
        None if pieces.first()?.word() == "point" => (0, 0),
        None if pieces.first()?.word() == "half" => {
            // "half a million" too.
            let of = |piece: &Piece| english_scale(piece.word()).is_some();
            let article = usize::from(pieces.get(2).is_some_and(of) && pieces[1].word() == "a");
            return with_scale(pieces, 1 + article, decimal(0, "5".to_string())?);
        }
        None => return None,
    };
    if pieces
        .get(taken)
        .is_some_and(|piece| piece.word() == "point")
    {
        let places = pieces[taken + 1..].iter().map_while(fraction_digits);
        let places: Vec<String> = places.collect();
        if !places.is_empty() {
            taken += 1 + places.len();
            return with_scale(pieces, taken, decimal(whole, places.concat())?);
        }
    }
    let words: Vec<&str> = pieces[taken..].iter().take(3).map(Piece::word).collect();
    let fraction = match words[..] {
        ["and", "a", "half"] => "5",
        ["and", "a", "quarter"] => "25",
        _ => "",
    };
    let further = if fraction.is_empty() { 0 } else { 3 };
    (taken > 0).then_some(())?;
    let number = decimal(whole, fraction.to_string())?;
    match further {
        0 => Some((taken, number)),
        further => with_scale(pieces, taken + further, number),
    }
}

/// "five", "oh", and "fifty" after a point.
fn fraction_digits(piece: &Piece) -> Option<String> {
    match piece {
        Piece::Figures(figures) if !figures.contains('.') => Some(figures.clone()),
        Piece::Word(word) => {
            let digit = english_digit(word).map(|digit| digit.to_string());
            digit.or_else(|| small(word).or_else(|| tens(word)).map(|it| it.to_string()))
        }
        _ => None,
    }
}

/// "one thousand two hundred and four", "twelve hundred", "a hundred".
fn english_cardinal(pieces: &[Piece]) -> Option<(usize, u128)> {
    #[derive(PartialEq, Clone, Copy)]
    enum Last {
        Nothing,
        Small,
        Tens,
        Hundred,
        Scale,
    }
    let (mut total, mut current, mut last) = (0_u128, 0_u128, Last::Nothing);
    let mut least_scale = u128::MAX;
    let mut taken = 0;
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        let word = piece.word();
        at += 1;
        if let Some(value) = small(word) {
            let fits = match last {
                Last::Nothing | Last::Hundred | Last::Scale => true,
                Last::Tens => (1..10).contains(&value),
                Last::Small => false,
            };
            if !fits || (value == 0 && last != Last::Nothing) {
                break;
            }
            current += value;
            last = Last::Small;
        } else if let Some(value) = tens(word) {
            if matches!(last, Last::Small | Last::Tens) {
                break;
            }
            current += value;
            last = Last::Tens;
        } else if word == "hundred" {
            let counted = matches!(last, Last::Small | Last::Tens) && (1..100).contains(&current);
            if !counted {
                break;
            }
            current *= 100;
            last = Last::Hundred;
        } else if let Some(scale) = english_scale(word) {
            if last == Last::Nothing || last == Last::Scale || scale >= least_scale {
                break;
            }
            total += current * scale;
            (current, last, least_scale) = (0, Last::Scale, scale);
        } else if word == "and" && matches!(last, Last::Hundred | Last::Scale) {
            let next = pieces.get(at).map_or("", Piece::word);
            if small(next).is_none_or(|it| it == 0) && tens(next).is_none() {
                break;
            }
            continue;
        } else if word == "a" && last == Last::Nothing {
            let next = pieces.get(at).map_or("", Piece::word);
            if next != "hundred" && english_scale(next).is_none() {
                break;
            }
            (current, last) = (1, Last::Small);
        } else {
            break;
        }
        taken = at;
        if last == Last::Small && total + current == 0 {
            break;
        }
    }
    let number = total + current;
    (taken > 0 && number < BOUND).then_some((taken, number))
}

// --- Mandarin ---

fn mandarin(pieces: &[Piece]) -> Option<(usize, Decimal)> {
    let symbols: Vec<char> = pieces.iter().map_while(Piece::han).collect();
    if symbols.first() == Some(&'半') {
        return Some((1, decimal(0, "5".to_string())?));
    }
    let (taken, whole) = mandarin_cardinal(&symbols)?;
    let rest = &symbols[taken..];
    if rest.first() == Some(&'点') {
        let places = rest[1..].iter().map_while(|symbol| mandarin_digit(*symbol));
        let places: String = places.map(|digit| digit.to_string()).collect();
        if !places.is_empty() {
            let taken = taken + 1 + places.len();
            return with_scale(pieces, taken, decimal(whole, places)?);
        }
    }
    if let ['个', '半', ..] = rest {
        return Some((taken + 2, decimal(whole, "5".to_string())?));
    }
    Some((taken, decimal(whole, String::new())?))
}

/// 一千零五, 十五, 两万; 一百五 is 150; 二零二六 is 2026.
pub(super) fn mandarin_cardinal(symbols: &[char]) -> Option<(usize, u128)> {
    let digits: Vec<u8> = symbols.iter().map_while(|it| mandarin_digit(*it)).collect();
    let unit_follows = symbols
        .get(digits.len())
        .is_some_and(|it| unit(*it).is_some());
    if digits.len() >= 2 && !(unit_follows && digits.len() == 2 && digits[0] == 0) {
        // Digits in a row, unless a unit belongs to the last of them.
        let kept = if unit_follows {
            digits.len() - 1
        } else {
            digits.len()
        };
        if (2..=16).contains(&kept) {
            let number = digits[..kept]
                .iter()
                .fold(0, |sum, digit| sum * 10 + u128::from(*digit));
            return Some((kept, number));
        }
    }
    let mut reading = Cardinal::default();
    let mut taken = 0;
    for (at, symbol) in symbols.iter().enumerate() {
        if !reading.take(*symbol) {
            break;
        }
        taken = at + 1;
        if reading.value() >= BOUND {
            return None;
        }
    }
    // A 零 at the end belongs to what follows: 三块零五分.
    if reading.ends_in_gap() {
        taken -= 1;
    }
    (taken > 0).then(|| (taken, reading.value()))
}

fn unit(symbol: char) -> Option<u128> {
    Some(match symbol {
        '十' | '拾' => 10,
        '百' | '佰' => 100,
        '千' | '仟' => 1_000,
        '万' => 10_000,
        '亿' => 100_000_000,
        _ => return None,
    })
}

/// A number as it is told, character by character.
#[derive(Default)]
struct Cardinal {
    /// Whole 亿.
    total: u128,
    /// Whole 万 below them.
    below: u128,
    /// What is told since the last of these.
    section: u128,
    digit: Option<u128>,
    last_unit: u128,
    gap: bool,
    told: usize,
}

impl Cardinal {
    /// Whether the number may go on so.
    fn take(&mut self, symbol: char) -> bool {
        let taken = match (mandarin_digit(symbol), unit(symbol)) {
            (Some(0), _) => self.zero(),
            (Some(digit), _) => {
                let free = self.digit.is_none();
                if free {
                    self.digit = Some(u128::from(digit));
                }
                free
            }
            (None, Some(unit @ (10 | 100 | 1_000))) => self.small_unit(unit),
            (None, Some(unit)) => self.large_unit(unit),
            (None, None) => false,
        };
        self.told += usize::from(taken);
        taken
    }

    fn zero(&mut self) -> bool {
        let free = self.digit.is_none() && !self.gap;
        if free {
            self.gap = true;
            self.digit = (self.told == 0).then_some(0);
        }
        free
    }

    fn small_unit(&mut self, unit: u128) -> bool {
        let begins = unit == 10 && self.section == 0;
        let count = match self.digit {
            Some(0) => return false,
            Some(count) => count,
            None if begins => 1,
            None => return false,
        };
        let smaller = self.section == 0 || self.section.is_multiple_of(unit * 10);
        if smaller {
            self.section += count * unit;
            (self.digit, self.last_unit, self.gap) = (None, unit, false);
        }
        smaller
    }

    fn large_unit(&mut self, unit: u128) -> bool {
        let told = self.section + self.digit.unwrap_or(0);
        let fits = match unit {
            10_000 => told > 0 && self.below == 0,
            _ => told + self.below > 0 && (self.total == 0 || self.last_was_trillions()),
        };
        if !fits {
            return false;
        }
        if unit == 10_000 {
            self.below = told * unit;
        } else {
            self.total += (self.below + told) * unit;
            self.below = 0;
        }
        (self.section, self.digit, self.last_unit, self.gap) = (0, None, unit, false);
        true
    }

    /// 三万亿零二亿: 亿 may be told once more after 万亿.
    fn last_was_trillions(&self) -> bool {
        self.total.is_multiple_of(1_000_000_000_000) && self.below == 0
    }

    fn ends_in_gap(&self) -> bool {
        self.gap && self.digit.is_none()
    }

    /// A last digit without a unit counts the unit below the last one: 一百五, 两万五.
    fn value(&self) -> u128 {
        let digit = self.digit.unwrap_or(0);
        let counts = if self.last_unit >= 100 && !self.gap {
            self.last_unit / 10
        } else {
            1
        };
        self.total + self.below + self.section + digit * counts
    }
}

#[cfg(test)]
mod tests;
