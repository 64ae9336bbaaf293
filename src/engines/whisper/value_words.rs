//! The words in which values are said: what a recognizer may hear where a number, an amount, a date or
//! a time is waited for.

use crate::language::Language;
use crate::speech::english_numbers::{DIGITS, ORDINALS, TEENS, TENS};
use crate::speech::grammar::ValueKind;

const FIGURES: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const EN_SPOKEN: &[&str] = &["oh", "double", "triple"];
const EN_NUMBERS: &[&str] = &[
    "hundred", "thousand", "million", "and", "a", "point", "minus", "half",
];
const EN_MONEY: &[&str] = &[
    "pound", "pounds", "penny", "pence", "dollar", "dollars", "cent", "cents", "euro", "euros",
    "yuan", "quid", "£", "$", "€", "¥", "p",
];
const EN_DATES: &[&str] = &[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "today",
    "tomorrow",
    "yesterday",
    "next",
    "last",
    "this",
    "week",
    "month",
    "year",
    "day",
    "days",
    "weeks",
    "in",
    "ago",
    "from",
    "now",
    "the",
    "of",
    "on",
    "st",
    "nd",
    "rd",
    "th",
    "thirtieth",
];
const EN_TIMES: &[&str] = &[
    "oclock",
    "am",
    "pm",
    "half",
    "quarter",
    "past",
    "to",
    "noon",
    "midnight",
    "midday",
    "at",
    "in",
    "the",
    "morning",
    "afternoon",
    "evening",
    "night",
    "tonight",
    "hours",
    "minutes",
];
const LETTERS: &[&str] = &[
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
    "t", "u", "v", "w", "x", "y", "z",
];
const ZH_DIGITS: &[&str] = &[
    "零", "〇", "一", "幺", "二", "两", "三", "四", "五", "六", "七", "八", "九",
];
const ZH_NUMBERS: &[&str] = &["十", "百", "千", "万", "亿", "点", "负", "半"];
const ZH_MONEY: &[&str] = &[
    "元",
    "块",
    "角",
    "毛",
    "分",
    "钱",
    "人民币",
    "美元",
    "英镑",
    "欧元",
    "整",
];
const ZH_DATES: &[&str] = &[
    "年", "月", "日", "号", "今天", "明天", "后天", "昨天", "前天", "上", "下", "这", "个", "周",
    "星期", "礼拜", "天", "末", "今年", "明年", "去年",
];
const ZH_TIMES: &[&str] = &[
    "点", "点钟", "分", "分钟", "刻", "整", "早上", "上午", "中午", "下午", "晚上", "凌晨", "夜里",
    "小时", "差", "过",
];

/// `None` where the value is one of the phrases, or anything at all.
pub fn value_words(kind: ValueKind, language: Language) -> Option<Vec<&'static str>> {
    let of_language = match language {
        Language::En => english,
        Language::Zh => mandarin,
    };
    let lists = match kind {
        ValueKind::Digits { .. } | ValueKind::Phone => vec![Words::Digits],
        ValueKind::Number => vec![Words::Digits, Words::Numbers],
        ValueKind::Money => vec![Words::Digits, Words::Numbers, Words::Money],
        ValueKind::Date => vec![Words::Digits, Words::Numbers, Words::Dates],
        ValueKind::Time => vec![Words::Digits, Words::Numbers, Words::Times],
        ValueKind::IdNumber => vec![Words::Digits, Words::Letters],
        ValueKind::YesNo | ValueKind::Choice | ValueKind::FreeText => return None,
    };
    // A service writes figures for words.
    let lists = lists.into_iter().flat_map(of_language);
    Some(
        [FIGURES]
            .into_iter()
            .chain(lists)
            .flatten()
            .copied()
            .collect(),
    )
}

#[derive(Clone, Copy)]
enum Words {
    Digits,
    Numbers,
    Money,
    Dates,
    Times,
    Letters,
}

fn english(words: Words) -> Vec<&'static [&'static str]> {
    match words {
        // People say double and oh in numbers of every kind.
        Words::Digits => vec![&DIGITS, EN_SPOKEN],
        Words::Numbers => vec![&TEENS, &TENS, EN_NUMBERS],
        Words::Money => vec![EN_MONEY],
        Words::Dates => vec![EN_DATES, &ORDINALS],
        Words::Times => vec![EN_TIMES],
        Words::Letters => vec![LETTERS],
    }
}

fn mandarin(words: Words) -> Vec<&'static [&'static str]> {
    match words {
        Words::Digits => vec![ZH_DIGITS],
        Words::Numbers => vec![ZH_NUMBERS],
        Words::Money => vec![ZH_MONEY],
        Words::Dates => vec![ZH_DATES],
        Words::Times => vec![ZH_TIMES],
        Words::Letters => vec![LETTERS],
    }
}
