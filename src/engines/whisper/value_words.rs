//! The words in which values are said: what a recognizer may hear where a number, an amount, a date or
//! a time is waited for.

use crate::language::Language;
use crate::speech::grammar::ValueKind;

const FIGURES: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const EN_DIGITS: &[&str] = &[
    "zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double",
    "triple",
];
const EN_NUMBERS: &[&str] = &[
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "and",
    "a",
    "point",
    "minus",
    "half",
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
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
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
const EN_LETTERS: &[&str] = &[
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
    let (digits, numbers, money, dates, times, letters) = match language {
        Language::En => (
            EN_DIGITS, EN_NUMBERS, EN_MONEY, EN_DATES, EN_TIMES, EN_LETTERS,
        ),
        Language::Zh => (
            ZH_DIGITS, ZH_NUMBERS, ZH_MONEY, ZH_DATES, ZH_TIMES, EN_LETTERS,
        ),
    };
    let lists: &[&[&str]] = match kind {
        ValueKind::Digits { .. } | ValueKind::Phone => &[digits],
        ValueKind::Number => &[digits, numbers],
        ValueKind::Money => &[digits, numbers, money],
        ValueKind::Date => &[digits, numbers, dates],
        ValueKind::Time => &[digits, numbers, times],
        ValueKind::IdNumber => &[digits, letters],
        ValueKind::YesNo | ValueKind::Choice | ValueKind::FreeText => return None,
    };
    // People say double and oh in numbers of every kind, and a service writes figures for words.
    Some(
        [FIGURES]
            .iter()
            .chain(lists)
            .copied()
            .flatten()
            .copied()
            .collect(),
    )
}
