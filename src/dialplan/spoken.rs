//! What a prompt's text amounts to when it is spoken: its length, and what it tells.

use crate::key::Key;
use crate::language::Language;
use std::time::Duration;

/// Letters, digits and signs a second: 150 words a minute.
const ENGLISH: f64 = 14.0;
/// Characters a second of a calm announcement.
const MANDARIN: f64 = 4.2;
/// After a sentence.
const PAUSE: f64 = 0.3;
/// A value that a template puts in, about a short word.
const VALUE: f64 = 0.8;

/// About how long a text takes to say; templates count as a short word each.
pub fn estimate(language: Language, text: &str) -> Duration {
    let (mut seconds, mut rest) = (0.0, text);
    while let Some(at) = rest.find("{{") {
        seconds += plain(language, &rest[..at]) + VALUE;
        rest = rest[at..]
            .find("}}")
            .map_or("", |end| &rest[at + end + 2..]);
    }
    Duration::from_secs_f64(seconds + plain(language, rest))
}

fn plain(language: Language, text: &str) -> f64 {
    let is_wide = |c: &char| *c as u32 >= 0x2e80;
    let stops = text
        .matches(['.', '!', '?', ';', '。', '！', '？', '；'])
        .count();
    let wide = text.chars().filter(is_wide).count() as f64;
    let narrow = text.chars().filter(|c| !is_wide(c)).count() as f64;
    let narrow_rate = match language {
        Language::En => ENGLISH,
        // A digit or letter in a Mandarin text is a syllable or two.
        Language::Zh => MANDARIN,
    };
    wide / MANDARIN + narrow / narrow_rate + stops as f64 * PAUSE
}

/// A menu's text, option by option, each trimmed: its sentences, and in Mandarin also what a comma
/// after a key ends (查询请按1，派送请按2。). A stop ends a sentence where a space follows, so that
/// 3.50 is left whole; a Chinese one does anywhere.
pub fn options(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        let end = rest.char_indices().find_map(|(at, stop)| {
            let end = at + stop.len_utf8();
            ends_option(&rest[..at], stop, &rest[end..]).then_some(end)
        });
        let (option, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.trim_start();
        (!option.is_empty()).then_some(option)
    })
}

fn ends_option(before: &str, stop: char, after: &str) -> bool {
    match stop {
        '.' | '!' | '?' | ';' => after.starts_with(char::is_whitespace),
        '。' | '！' | '？' | '；' => true,
        '，' => {
            before.ends_with(|c: char| c.is_ascii_digit() || "零一二三四五六七八九".contains(c))
        }
        _ => false,
    }
}

/// Whether a text names a key: as its sign, or as a word.
pub fn names_key(language: Language, text: &str, key: Key) -> bool {
    const ENGLISH: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    const MANDARIN: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let sign = key.to_char();
    let alone = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + sign.len_utf8()..].chars().next();
        !before.is_some_and(|c| c.is_ascii_digit()) && !after.is_some_and(|c| c.is_ascii_digit())
    };
    if text.match_indices(sign).any(|(at, _)| alone(at)) {
        return true;
    }
    let Some(digit) = key.digit() else {
        return false;
    };
    match language {
        Language::En => text
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| word == ENGLISH[digit as usize]),
        Language::Zh => text.contains(MANDARIN[digit as usize]),
    }
}

/// Whether a text says that a machine answers.
pub fn says_automatic(language: Language, text: &str) -> bool {
    match language {
        Language::En => has_any(
            language,
            text,
            &[
                "automat",
                "robot",
                "machine",
                "computer",
                "virtual assistant",
                "voice assistant",
                "voice bot",
            ],
        ),
        Language::Zh => has_any(
            language,
            text,
            &["自动", "机器人", "智能语音", "语音助手", "虚拟助手"],
        ),
    }
}

/// Whether a text says that the call is recorded.
pub fn says_recorded(language: Language, text: &str) -> bool {
    match language {
        Language::En => has_any(language, text, &["record"]),
        Language::Zh => has_any(language, text, &["录音", "录制"]),
    }
}

/// Whether a text tells callers to press that key.
pub fn tells_to_press(language: Language, text: &str, key: Key) -> bool {
    const VERBS: [&str; 6] = ["press", "dial", "hit", "push", "tap", "select"];
    let text = text.to_lowercase();
    match language {
        Language::En => {
            let words: Vec<&str> = text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !matches!(*word, "" | "the" | "key" | "number"))
                .collect();
            let mut pairs = words.windows(2);
            pairs.any(|pair| VERBS.contains(&pair[0]) && names_key(language, pair[1], key))
        }
        Language::Zh => {
            let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            let mut after = text.match_indices(['按', '拨']).map(|(at, verb)| {
                let rest = &text[at + verb.len()..];
                let rest = rest.trim_start_matches(['下', '键', '数', '字', '“', '"']);
                let digits = rest
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(rest.len());
                let first = rest.chars().next().map_or(0, char::len_utf8);
                &rest[..digits.max(first)]
            });
            after.any(|number| names_key(language, number, key))
        }
    }
}

/// Whether one of the words stands in the text without a "not" before it.
fn has_any(language: Language, text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    let mut places = words.iter().flat_map(|word| text.match_indices(word));
    places.any(|(at, _)| !is_negated(language, &text[..at]))
}

/// Whether what follows `before` is denied by the last words of it, in the same clause.
fn is_negated(language: Language, before: &str) -> bool {
    const STOPS: [char; 12] = [
        '.', '!', '?', ';', ':', ',', '。', '！', '？', '；', '：', '，',
    ];
    let clause = before.rsplit(STOPS).next().unwrap_or_default();
    match language {
        Language::En => clause.split_whitespace().rev().take(4).any(|word| {
            matches!(word, "not" | "no" | "never" | "without")
                || word.ends_with("n't")
                || word.ends_with("n’t")
        }),
        Language::Zh => {
            let near: String = clause.chars().rev().take(5).collect();
            near.contains(['不', '没', '未']) || near.contains("非并")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_near_what_people_take() {
        for (language, text, from, to) in [
            (
                Language::En,
                "For tracking, press 1. For a refund, press 2.",
                3,
                5,
            ),
            (Language::Zh, "查快递请按一，退款请按二。", 2, 5),
            (
                Language::En,
                "Your parcel {{ a | say_as(digits) }} is {{ b }}.",
                2,
                4,
            ),
            (Language::En, "", 0, 0),
        ] {
            let seconds = estimate(language, text).as_secs();
            assert!((from..=to).contains(&seconds), "{text}: {seconds} s");
        }
    }

    #[test]
    fn a_menu_is_its_options() {
        for (text, expected) in [
            (
                " For tracking, press 1.  For a refund, press 2. ",
                vec!["For tracking, press 1.", "For a refund, press 2."],
            ),
            (
                "It costs 3.50 pounds; press 1",
                vec!["It costs 3.50 pounds;", "press 1"],
            ),
            (
                "查快递请按一。退款请按二。",
                vec!["查快递请按一。", "退款请按二。"],
            ),
            (" ", vec![]),
        ] {
            assert_eq!(options(text).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn what_is_denied_is_not_said() {
        for (language, text, said) in [
            (Language::En, "This is an automatic service.", true),
            (Language::En, "This is not an automatic service.", false),
            (Language::En, "You aren't speaking to a robot.", false),
            (Language::En, "No person, but a machine answers.", true),
            (Language::En, "Do not hang up. A machine answers.", true),
            (Language::Zh, "这是自动语音服务。", true),
            (Language::Zh, "这不是自动语音服务。", false),
            (Language::Zh, "并非机器人接听。", false),
            (Language::Zh, "接听的不是人工，是机器人。", true),
        ] {
            assert_eq!(says_automatic(language, text), said, "{text}");
        }
        assert!(!says_recorded(Language::En, "Calls are not recorded."));
        assert!(!says_recorded(Language::Zh, "通话不会被录音。"));
    }

    #[test]
    fn a_key_to_be_pressed_is_told_from_one_that_is_named() {
        let zero = Key::ZERO;
        for (language, text, told) in [
            (Language::En, "For a person, press 0.", true),
            (Language::En, "Press the zero key for help.", true),
            (Language::En, "Key in 0 for none.", false),
            (Language::En, "Press 10.", false),
            (Language::Zh, "人工请按 0。", true),
            (Language::Zh, "请按零号键。", true),
            (Language::Zh, "请按01。", false),
            (Language::Zh, "请输入0到9。", false),
        ] {
            assert_eq!(tells_to_press(language, text, zero), told, "{text}");
        }
    }

    #[test]
    fn keys_are_named_by_sign_or_word() {
        let one = Key::from_char('1').expect("it is a key");
        for (language, text, named) in [
            (Language::En, "press 1", true),
            (Language::En, "press One.", true),
            (Language::En, "press 10", false),
            (Language::En, "someone", false),
            (Language::Zh, "请按1", true),
            (Language::Zh, "请按一", true),
            (Language::Zh, "请按二", false),
        ] {
            assert_eq!(names_key(language, text, one), named, "{text}");
        }
    }
}
