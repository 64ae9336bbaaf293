//! How words sound: English from the CMU dictionary and, for what is not there, from its letters;
//! Mandarin from its syllables. models/README.md tells the files' forms.

use crate::speech::understanding::mandarin;
use std::borrow::Cow;

/// Sorted lines of "word<tab>pronunciation[ pronunciation]".
const ENGLISH_WORDS: &str = include_str!("../../../models/english-words.txt");
/// Sorted lines of "a letter and its neighbours<tab>what the letter says".
const ENGLISH_LETTERS: &str = include_str!("../../../models/english-letters.txt");
/// The order of a rule's letters: the letter itself, then those beside it.
const NEIGHBOURS: [isize; 9] = [0, 1, -1, 2, -2, 3, -3, 4, -4];
/// Letters of a word within a word.
const SHORTEST_PART: usize = 3;
/// A pronunciation's first unit; the others follow in the order of the network's English units.
const FIRST_UNIT: u8 = b'A';

/// A network's output, from 1 on: 0 is the blank.
pub type Unit = u8;

/// A word's pronunciations, the usual one first; empty for what is no word.
pub fn english(word: &str) -> Vec<Vec<Unit>> {
    let word: String = word
        .chars()
        .filter(|c| c.is_ascii_alphabetic() || *c == '\'')
        .collect();
    let word = word.to_ascii_lowercase();
    let known = look_up(ENGLISH_WORDS, &word).map(Cow::Borrowed);
    let coded = known.unwrap_or_else(|| Cow::Owned(unknown(&word)));
    let pronunciations = coded.split(' ').filter(|it| !it.is_empty());
    pronunciations
        .map(|coded| coded.bytes().map(|unit| unit - FIRST_UNIT + 1).collect())
        .collect()
}

/// What stands behind `key` in sorted lines of "key<tab>value".
fn look_up(lines: &'static str, key: &str) -> Option<&'static str> {
    let (mut low, mut high) = (0, lines.len());
    while low < high {
        let middle = (low + high) / 2;
        let start = lines.as_bytes()[..middle]
            .iter()
            .rposition(|byte| *byte == b'\n');
        let start = start.map_or(0, |at| at + 1);
        let line = lines[start..].lines().next()?;
        let (found, value) = line.split_once('\t')?;
        match found.cmp(key) {
            std::cmp::Ordering::Equal => return Some(value),
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

/// As two words in one, if it may be that: toothache; and as its letters sound.
fn unknown(word: &str) -> String {
    let places = SHORTEST_PART..(word.len() + 1).saturating_sub(SHORTEST_PART);
    let parts = places.filter_map(|at| {
        let said = |part| look_up(ENGLISH_WORDS, part)?.split(' ').next();
        let (first, last) = word.split_at(at);
        let sounds = [said(first)?, said(last)?].concat();
        Some((first.len().min(last.len()), sounds))
    });
    // The more even, the likelier: track suit, not tracks uit.
    let compound = parts.max_by_key(|(shorter, _)| *shorter);
    let compound = compound.map_or_else(String::new, |(_, sounds)| sounds + " ");
    compound + &from_letters(word)
}

/// The longest rule that fits speaks for each letter.
fn from_letters(word: &str) -> String {
    let letters: Vec<char> = word.chars().filter(char::is_ascii_alphabetic).collect();
    let letter = |at: isize| usize::try_from(at).ok().and_then(|at| letters.get(at));
    let sound = |at: usize| {
        let context = NEIGHBOURS.map(|offset| letter(at as isize + offset).unwrap_or(&'#'));
        let context: String = context.into_iter().collect();
        let rules = (1..=context.len()).rev().map(|length| &context[..length]);
        rules
            .filter_map(|key| look_up(ENGLISH_LETTERS, key))
            .next()
            .unwrap_or_default()
    };
    (0..letters.len()).map(sound).collect()
}

/// Initials and finals as the network names them: zhuan is zh and uan, yu is v. Empty for what is no
/// syllable.
pub fn syllable_parts(syllable: &str) -> Vec<String> {
    const INITIALS: [&str; 21] = [
        "zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x",
        "r", "z", "c", "s",
    ];
    let syllable = syllable.replace('ü', "v");
    let initial = INITIALS
        .into_iter()
        .find(|initial| syllable.starts_with(initial));
    let last = match initial {
        Some(initial) => {
            let rest = &syllable[initial.len()..];
            match (initial, rest) {
                ("zh" | "ch" | "sh" | "r" | "z" | "c" | "s", "i") => "ih".to_owned(),
                ("j" | "q" | "x", _) if rest.starts_with('u') => rest.replacen('u', "v", 1),
                _ => rest.to_owned(),
            }
        }
        None => match (syllable.strip_prefix('y'), syllable.strip_prefix('w')) {
            (Some(rest), _) if rest.starts_with('u') => rest.replacen('u', "v", 1),
            (Some(rest), _) if rest.starts_with('i') => rest.to_owned(),
            (Some(rest), _) => format!("i{rest}"),
            (_, Some(rest)) if rest.starts_with('u') => rest.to_owned(),
            (_, Some(rest)) => format!("u{rest}"),
            _ => syllable.clone(),
        },
    };
    let last = match last.as_str() {
        "iu" => "iou",
        "ui" => "uei",
        "un" => "uen",
        "ue" => "ve",
        last => last,
    };
    let parts = initial.into_iter().chain([last]);
    parts.map(str::to_owned).collect()
}

/// The units of Chinese characters read together, one pronunciation a character; `units` are the
/// network's names. `None` where a character has no sound that the network knows.
pub fn mandarin(characters: &[char], units: &[String]) -> Option<Vec<Vec<Unit>>> {
    let number = |part: &String| units.iter().position(|unit| unit == part);
    let sounds = mandarin::syllables(characters).into_iter();
    let sounds = sounds.map(|syllable| {
        let parts = syllable_parts(syllable);
        parts
            .iter()
            .map(|part| number(part).map(|at| at as Unit))
            .collect()
    });
    sounds.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONES: &str = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S \
                          SH T TH UH UW V W Y Z ZH";

    fn say(word: &str) -> String {
        let names: Vec<&str> = PHONES.split(' ').collect();
        let first = english(word).into_iter().next().unwrap_or_default();
        let phones = first.iter().map(|unit| names[usize::from(*unit) - 1]);
        phones.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_sound_as_the_dictionary_has_them() {
        assert_eq!(say("operator"), "AA P ER EY T ER");
        assert_eq!(say("a"), "AH");
        assert_eq!(say("Zulu"), "Z UW L UW");
        assert_eq!(english("either").len(), 2);
    }

    #[test]
    fn other_words_are_read_by_their_letters() {
        assert_eq!(say("blorp"), "B L AO R P");
        assert_eq!(english("blorp").len(), 1);
        assert_eq!(say("tracksuit's"), say("tracksuits"));
        assert_eq!(english("42"), Vec::<Vec<Unit>>::new());
    }

    #[test]
    fn two_words_in_one_sound_like_the_two() {
        assert_eq!(say("toothache"), "T UW TH EY K");
        assert_eq!(english("toothache").len(), 2);
        assert_eq!(say("tracksuit"), "T R AE K S UW T");
    }

    #[test]
    fn syllables_fall_into_initials_and_finals() {
        for (syllable, parts) in [
            ("zhuan", "zh uan"),
            ("shi", "sh ih"),
            ("yu", "v"),
            ("yuan", "van"),
            ("you", "iou"),
            ("yi", "i"),
            ("wu", "u"),
            ("wen", "uen"),
            ("ju", "j v"),
            ("liu", "l iou"),
            ("gui", "g uei"),
            ("lüe", "l ve"),
            ("nü", "n v"),
            ("er", "er"),
        ] {
            assert_eq!(syllable_parts(syllable).join(" "), parts, "{syllable}");
        }
    }
}
