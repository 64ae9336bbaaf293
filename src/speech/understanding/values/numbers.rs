//! Numbers that name something: telephones, people, accounts.

use super::{Context, Spoken, digits};
use crate::language::Language;
use crate::speech::telephone_number;
use crate::speech::understanding::normal;

/// Readings of digits that are telephone numbers, in their canonical form.
pub(super) fn phone(text: &str, language: Language, context: Context<'_>) -> Vec<Spoken> {
    let (abroad, text) = without_plus(&normal::text(text));
    let sign = if abroad { "+" } else { "" };
    let numbers = digits::read(&text, language).into_iter();
    let numbers = numbers.filter_map(|spoken| {
        let dialled = format!("{sign}{}", spoken.value);
        let value = telephone_number::canonical(&dialled, context.country)?;
        Some(Spoken { value, ..spoken })
    });
    numbers
        .filter(|spoken| (context.accepts)(&spoken.value))
        .take(1)
        .collect()
}

/// "plus four four …", 加八六 …
fn without_plus(text: &str) -> (bool, String) {
    for plus in ["plus", "+", "加"] {
        if let Some((before, after)) = text.split_once(plus)
            && !before.contains(|c: char| c.is_ascii_digit())
        {
            return (true, format!("{before} {after}"));
        }
    }
    (false, text.to_string())
}

/// Digits, and an X after them.
pub(super) fn id_number(text: &str, language: Language, context: Context<'_>) -> Vec<Spoken> {
    let text = normal::text(text);
    let text =
        text.trim_end_matches(|c: char| c.is_whitespace() || c.is_ascii_punctuation() || c == '。');
    let before_x = ["x", "ex", "叉", "艾克斯", "埃克斯"]
        .iter()
        .find_map(|name| text.strip_suffix(name));
    let ending = if before_x.is_some() { "X" } else { "" };
    let numbers = digits::read(before_x.unwrap_or(text), language).into_iter();
    let numbers = numbers.map(|spoken| Spoken {
        value: format!("{}{ending}", spoken.value),
        ..spoken
    });
    numbers
        .filter(|spoken| (context.accepts)(&spoken.value))
        .take(1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::telephone_number::Country;

    fn first(
        read: fn(&str, Language, Context<'_>) -> Vec<Spoken>,
        text: &str,
        language: Language,
    ) -> String {
        let now = "2026-11-21T10:00:00[UTC]".parse().expect("a moment");
        let country = Country::from_code(if language == Language::En { "GB" } else { "CN" });
        let context = Context {
            country,
            ..Context::new(&now)
        };
        let spoken = read(text, language, context).into_iter().next();
        spoken.map_or(String::new(), |spoken| spoken.value)
    }

    #[test]
    fn telephone_numbers_are_told_as_people_tell_them() {
        for (text, language, number) in [
            (
                "oh double seven double oh nine hundred one two three",
                Language::En,
                "+447700900123",
            ),
            (
                "plus four four seven seven double oh nine double oh one two three",
                Language::En,
                "+447700900123",
            ),
            ("my number is 07700 900 123", Language::En, "+447700900123"),
            ("幺三八一二三四五六七八", Language::Zh, "+8613812345678"),
            (
                "加八六幺三八一二三四五六七八",
                Language::Zh,
                "+8613812345678",
            ),
            ("one two", Language::En, ""),
        ] {
            assert_eq!(first(phone, text, language), number, "{text}");
        }
    }

    #[test]
    fn an_id_number_may_end_in_x() {
        let text = "一一零一零五一九四九一二三一零零二叉";
        assert_eq!(first(id_number, text, Language::Zh), "11010519491231002X");
        assert_eq!(first(id_number, "one two three x.", Language::En), "123X");
        assert_eq!(first(id_number, "4071", Language::En), "4071");
    }
}
