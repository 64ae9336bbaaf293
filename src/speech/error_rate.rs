//! How far what was heard is from what was said: words or characters that were changed, left out or
//! made up, among those that were said.

use crate::language::Language;
use std::ops::AddAssign;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ErrorCount {
    /// Substitutions, deletions and insertions.
    pub errors: usize,
    /// Units that were said.
    pub said: usize,
}

impl ErrorCount {
    /// `None` where nothing was said. May be above 1.
    pub fn rate(self) -> Option<f64> {
        (self.said > 0).then(|| self.errors as f64 / self.said as f64)
    }
}

impl AddAssign for ErrorCount {
    fn add_assign(&mut self, other: ErrorCount) {
        self.errors += other.errors;
        self.said += other.said;
    }
}

/// By words; Mandarin, which does not part them, by characters.
pub fn word_errors(said: &str, heard: &str, language: Language) -> ErrorCount {
    match language {
        Language::Zh => character_errors(said, heard),
        Language::En => {
            let (said, heard) = (plain(said), plain(heard));
            let words = |text: &'_ str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            count(&words(&said), &words(&heard))
        }
    }
}

/// By characters, spaces left out.
pub fn character_errors(said: &str, heard: &str) -> ErrorCount {
    let characters =
        |text: &str| -> Vec<char> { plain(text).chars().filter(|c| !c.is_whitespace()).collect() };
    count(&characters(said), &characters(heard))
}

/// Small letters and digits; an apostrophe belongs to its word, other signs part words.
fn plain(text: &str) -> String {
    let text = text.to_lowercase();
    let kept = text.chars().filter(|c| !['\'', '’'].contains(c));
    kept.map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect()
}

/// Levenshtein's distance.
fn count<T: PartialEq>(said: &[T], heard: &[T]) -> ErrorCount {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (at, unit) in said.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, other) in heard.iter().enumerate() {
            let changed = diagonal + usize::from(unit != other);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(row[place] + 1).min(diagonal + 1);
        }
    }
    ErrorCount {
        errors: row[heard.len()],
        said: said.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_missing_and_made_up_words_count() {
        for (said, heard, errors, of) in [
            ("track my parcel", "Track my parcel.", 0, 3),
            ("track my parcel", "track a parcel", 1, 3),
            ("track my parcel", "track parcel", 1, 3),
            ("track my parcel", "please track my big parcel", 2, 3),
            ("that's right", "thats right", 0, 2),
            ("check-in", "check in", 0, 2),
            ("yes", "", 1, 1),
            ("", "hello there", 2, 0),
        ] {
            let count = word_errors(said, heard, Language::En);
            assert_eq!((count.errors, count.said), (errors, of), "{said} / {heard}");
        }
        assert_eq!(word_errors("", "hello", Language::En).rate(), None);
    }

    #[test]
    fn mandarin_counts_by_characters() {
        let count = word_errors("查快递。", "查 块递", Language::Zh);
        assert_eq!(count, ErrorCount { errors: 1, said: 3 });
        let count = character_errors("nine", "mine");
        assert_eq!(count.rate(), Some(0.25));
    }
}
