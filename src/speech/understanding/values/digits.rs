//! Digits one by one, as people tell numbers: "double five", "oh", "twelve thirty four", 幺, 两个五.

use super::{Spoken, beside};
use crate::language::Language;
use crate::speech::english_numbers::{TEENS, TENS};
use crate::speech::understanding::tokens::{self, Form, Token};

/// A number of the length that is asked for, though with words that only sound like digits.
const BY_SOUND: f32 = 0.85;
/// "twenty two" as 202: only where 22 cannot be meant.
const APART: f32 = 0.85;
/// More digits than this are no number.
const MOST: usize = 64;

/// Every way to read `text` as digits, the likeliest first, each once.
pub(super) fn read(text: &str, language: Language) -> Vec<Spoken> {
    let said = tokens::of(text, language);
    let mut readings: Vec<Spoken> = Vec::new();
    for (by_sound, together) in [(false, true), (false, false), (true, true), (true, false)] {
        let reader = Reader {
            said: &said,
            by_sound,
            together,
        };
        let Some(spoken) = reader.read() else {
            continue;
        };
        if !readings.iter().any(|reading| reading.value == spoken.value) {
            readings.push(spoken);
        }
    }
    readings
}

struct Reader<'a> {
    said: &'a [Token],
    /// Words that sound like digits are some: to, for, 要.
    by_sound: bool,
    /// Tens and ones are one number: "twenty two" is 22, not 20 and 2.
    together: bool,
}

/// What a token is for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Atom {
    /// 0–9, said once.
    Digit(u8),
    /// "fives"
    Many(u8),
    /// 10–19
    Teen(u8),
    /// 20, 30 … 90
    Tens(u8),
    /// 十: ten, or ten times what was said before.
    Ten,
    /// How often the next digit stands: double.
    Times(u8),
    /// 两个五: the measure word after a count.
    Measure,
    /// 00, 000
    Zeros(u8),
    And,
    Other,
}

/// The zeros of a hundred or thousand are filled by what comes after: "two thousand and twenty six" is
/// 2026, while "oh eight hundred twenty" is 080020. How many atoms do, and with what.
fn filled(zeros: u8, rest: &[Atom]) -> Option<(usize, u32)> {
    use Atom::*;
    let (and, rest) = match rest {
        [And, rest @ ..] => (1, rest),
        rest if zeros > 2 => (0, rest),
        _ => return None,
    };
    let (taken, value) = match *rest {
        [Tens(tens), Digit(one @ 1..), ..] => (2, tens * 10 + one),
        [Tens(tens), ..] => (1, tens * 10),
        [Teen(teen), ..] => (1, teen),
        [Digit(digit), ..] if and == 1 => (1, digit),
        _ => return None,
    };
    Some((and + taken, u32::from(value)))
}

impl Reader<'_> {
    fn read(&self) -> Option<Spoken> {
        let atoms: Vec<Atom> = self.said.iter().map(|token| self.atom(token)).collect();
        let mut digits = String::new();
        let mut others: Vec<&Token> = Vec::new();
        let mut at = 0;
        while at < atoms.len() {
            let (taken, text) = self.number_at(&atoms[at..]);
            if taken == 0 {
                others.push(&self.said[at]);
            }
            digits.push_str(&text);
            if digits.len() > MOST {
                return None;
            }
            at += taken.max(1);
        }
        let mut score = beside(&others);
        if self.by_sound {
            score *= BY_SOUND;
        }
        if !self.together {
            score *= APART;
        }
        (!digits.is_empty()).then(|| Spoken::new(digits, score))
    }

    /// How many atoms make up the next digits, and these.
    fn number_at(&self, atoms: &[Atom]) -> (usize, String) {
        use Atom::*;
        if let [Digit(digit @ 1..), Zeros(zeros), rest @ ..] = atoms
            && let Some((taken, value)) = filled(*zeros, rest)
        {
            let whole = u32::from(*digit) * 10_u32.pow(u32::from(*zeros)) + value;
            return (2 + taken, whole.to_string());
        }
        let repeated = |count: u8, digit: u8| digit.to_string().repeat(usize::from(count));
        match *atoms {
            [Times(count), Digit(digit), ..] => (2, repeated(count, digit)),
            [Times(count), Tens(tens), Digit(one), ..] => {
                (3, format!("{tens}{one}").repeat(usize::from(count)))
            }
            [Digit(count @ 2..=6), Many(digit), ..] => (2, repeated(count, digit)),
            [Digit(count @ 2..=6), Measure, Digit(digit), ..] => (3, repeated(count, digit)),
            [Digit(tens @ 1..), Ten, Digit(one), ..] => (3, format!("{tens}{one}")),
            [Digit(tens @ 1..), Ten, ..] => (2, format!("{tens}0")),
            [Ten, Digit(one), ..] => (2, format!("1{one}")),
            [Ten, ..] => (1, "10".to_string()),
            [Tens(tens), Digit(one @ 1..), ..] if self.together => (2, format!("{tens}{one}")),
            [Tens(tens), ..] => (1, format!("{tens}0")),
            [Teen(teen), ..] => (1, teen.to_string()),
            [Zeros(count), ..] => (1, repeated(count, 0)),
            [Digit(digit) | Many(digit), ..] => (1, digit.to_string()),
            _ => (0, String::new()),
        }
    }

    fn atom(&self, token: &Token) -> Atom {
        match &token.form {
            Form::Word { text, .. } => self.english(text),
            Form::Han {
                character,
                syllable,
            } => self.mandarin(*character, syllable),
        }
    }

    fn english(&self, word: &str) -> Atom {
        const SOUNDS: [(&str, u8); 12] = [
            ("to", 2),
            ("too", 2),
            ("for", 4),
            ("fore", 4),
            ("won", 1),
            ("ate", 8),
            ("free", 3),
            ("tree", 3),
            ("sex", 6),
            ("sicks", 6),
            ("fife", 5),
            ("niner", 9),
        ];
        let place = |words: &[&str]| words.iter().position(|it| *it == word).map(|at| at as u8);
        if let Some(digit) = english_digit(word) {
            return Atom::Digit(digit);
        }
        if let Some(teen) = place(&TEENS) {
            return Atom::Teen(teen + 10);
        }
        if let Some(tens) = place(&TENS) {
            return Atom::Tens(tens + 2);
        }
        let single = word.strip_suffix("es").or(word.strip_suffix('s'));
        let single = single.and_then(english_digit);
        let single = single.or_else(|| english_digit(word.strip_suffix('s')?));
        match word {
            "and" => Atom::And,
            "double" => Atom::Times(2),
            "triple" | "treble" => Atom::Times(3),
            "quadruple" => Atom::Times(4),
            "hundred" => Atom::Zeros(2),
            "thousand" => Atom::Zeros(3),
            _ => {
                let sounds = SOUNDS.iter().filter(|_| self.by_sound);
                let sounds = sounds.copied().find(|sound| sound.0 == word);
                let digit = sounds.map(|sound| Atom::Digit(sound.1));
                single.map(Atom::Many).or(digit).unwrap_or(Atom::Other)
            }
        }
    }

    fn mandarin(&self, character: char, syllable: &str) -> Atom {
        if let Some(digit) = mandarin_digit(character) {
            return Atom::Digit(digit);
        }
        match character {
            '十' => return Atom::Ten,
            '个' => return Atom::Measure,
            '双' => return Atom::Times(2),
            _ => {}
        }
        const SOUNDS: [&str; 10] = [
            "ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu",
        ];
        let digit = SOUNDS.iter().position(|sound| *sound == syllable);
        let digit = digit.or((syllable == "yao").then_some(1));
        match digit.filter(|_| self.by_sound) {
            Some(digit) => Atom::Digit(digit as u8),
            None => Atom::Other,
        }
    }
}

pub(super) fn english_digit(word: &str) -> Option<u8> {
    const DIGITS: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    if matches!(word, "oh" | "o" | "nought" | "naught" | "nil") {
        return Some(0);
    }
    DIGITS.iter().position(|it| *it == word).map(|at| at as u8)
}

/// 幺, 洞, 拐 and 勾 are said over the radio and the telephone, where 一 and 七 sound alike.
pub(super) fn mandarin_digit(character: char) -> Option<u8> {
    Some(match character {
        '零' | '〇' | '洞' => 0,
        '一' | '幺' | '壹' => 1,
        '二' | '两' | '俩' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' | '拐' => 7,
        '八' | '捌' => 8,
        '九' | '玖' | '勾' => 9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, language: Language, length: usize) -> Option<String> {
        let readings = read(text, language).into_iter();
        readings
            .map(|reading| reading.value)
            .find(|value| value.len() == length)
    }

    #[test]
    fn english_numbers_one_by_one() {
        for (text, digits) in [
            ("one two three four", "1234"),
            ("double five", "55"),
            ("oh seven triple nine", "07999"),
            ("twelve thirty four", "1234"),
            ("12 34", "1234"),
            ("1234", "1234"),
            ("my number is four oh double seven please", "4077"),
            ("two thousand and twenty six", "2026"),
            ("two thousand twenty six", "2026"),
            ("one hundred and five", "105"),
            ("five and six", "56"),
            ("one eight hundred five five", "180055"),
            ("three sevens and two zeros", "77700"),
            ("twenty two", "22"),
            ("twenty two", "202"),
            ("for to one eight", "4218"),
            ("double oh seven", "007"),
            ("six sixes", "666666"),
            ("nineteen ninety-nine", "1999"),
            ("555-0123", "5550123"),
        ] {
            let found = first(text, Language::En, digits.len());
            assert_eq!(found.as_deref(), Some(digits), "{text}");
        }
    }

    #[test]
    fn mandarin_numbers_one_by_one() {
        for (text, digits) in [
            ("幺三八零零", "13800"),
            ("两个五", "55"),
            ("三个零七", "0007"),
            ("一二三四", "1234"),
            ("我的单号是八六七五", "8675"),
            ("十二", "12"),
            ("二十五", "25"),
            ("12 34", "1234"),
            ("要三五", "135"),
            ("壹貳叁", "123"),
        ] {
            let found = first(text, Language::Zh, digits.len());
            assert_eq!(found.as_deref(), Some(digits), "{text}");
        }
    }

    #[test]
    fn what_has_no_digits_is_none() {
        assert_eq!(read("hello there", Language::En), []);
        assert_eq!(read("你好", Language::Zh), []);
        let endless = "nine ".repeat(100);
        assert_eq!(read(&endless, Language::En), []);
    }
}
