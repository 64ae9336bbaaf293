//! A long menu in portions, for callers who are given more time: three choices at once, or four where
//! the fourth is the last. So at most four things are said, "for more choices" counted.

use crate::dialplan::spoken::names_key;
use crate::key::Key;
use crate::language::Language;
use std::ops::Range;

pub const AT_ONCE: usize = 3;

/// Which of the menu's sentences are said together. A choice is where its key is named last; what
/// names none goes with the choice that follows, or at the end with the one before. Never empty.
pub fn portions(language: Language, sentences: &[&str], keys: &[Key]) -> Vec<Range<usize>> {
    let named = |key: &Key| {
        let at = sentences
            .iter()
            .rposition(|it| names_key(language, it, *key))?;
        Some(at + 1)
    };
    let mut ends: Vec<usize> = keys.iter().filter_map(named).collect();
    ends.sort_unstable();
    let (mut portions, mut start, mut rest) = (Vec::new(), 0, ends.as_slice());
    while rest.len() > AT_ONCE + 1 {
        let end = rest[AT_ONCE - 1];
        rest = &rest[rest.partition_point(|other| *other <= end)..];
        if rest.is_empty() {
            break;
        }
        portions.push(start..end);
        start = end;
    }
    portions.push(start..sentences.len());
    portions
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(count: u8) -> Vec<Key> {
        (1..=count).filter_map(Key::of_digit).collect()
    }

    /// Where the portions end.
    fn ends(sentences: &[&str], count: u8) -> Vec<usize> {
        let found = portions(Language::En, sentences, &keys(count));
        found.into_iter().map(|portion| portion.end).collect()
    }

    #[test]
    fn three_choices_are_said_at_once_and_a_fourth_where_it_is_the_last() {
        let sentences = [
            "Parcels, 1.",
            "Bills, 2.",
            "Hours, 3.",
            "News, 4.",
            "Jobs, 5.",
        ];
        assert_eq!(ends(&sentences[..3], 3), [3]);
        assert_eq!(ends(&sentences[..4], 4), [4]);
        assert_eq!(ends(&sentences, 5), [3, 5]);
    }

    #[test]
    fn what_names_no_key_goes_with_what_follows() {
        let sentences = [
            "You have 5 choices.",
            "A, 1.",
            "B, 2.",
            "C, 3.",
            "Now the others.",
            "D, 4.",
            "E, 5.",
            "Or just say it.",
        ];
        assert_eq!(ends(&sentences, 5), [4, 8]);
        let one = ["For a press 1, for b 2, for c 3, for d 4, for e 5."];
        assert_eq!(ends(&one, 5), [1]);
        assert_eq!(ends(&[], 5), [0]);
    }

    proptest! {
        #[test]
        fn each_sentence_is_in_one_portion_and_no_portion_has_more_than_four_choices(
            named in proptest::collection::vec(0u8..10, 0..12),
        ) {
            let sentences: Vec<String> = named.iter().map(|key| format!("It is {key}.")).collect();
            let sentences: Vec<&str> = sentences.iter().map(String::as_str).collect();
            let found = portions(Language::En, &sentences, &keys(9));
            let all: Vec<usize> = found.iter().cloned().flatten().collect();
            prop_assert_eq!(all, Vec::from_iter(0..sentences.len()));
            for portion in found {
                let choices: std::collections::BTreeSet<u8> = portion
                    .filter(|at| named[*at] > 0 && !named[at + 1..].contains(&named[*at]))
                    .map(|at| named[at])
                    .collect();
                prop_assert!(choices.len() <= 4);
            }
        }
    }
}
