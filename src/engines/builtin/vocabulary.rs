//! The words that values are said with, and those that stand around a wish.

use crate::language::Language;
use crate::speech::grammar::ValueKind;

/// Which words, in which order.
pub enum Words {
    /// Digits one by one, so many at most; `double` and `triple` count for the digit after them.
    Digits {
        min: usize,
        max: usize,
        letters: bool,
    },
    /// Any of these in any order.
    Any(Vec<&'static str>),
    /// These as whole answers.
    Phrases(Vec<String>),
    Nothing,
}

const TELEPHONE: (usize, usize) = (3, 15);
const ID_NUMBER: (usize, usize) = (4, 20);

const ENGLISH_DIGITS: &str = "zero oh one two three four five six seven eight nine";
const MANDARIN_DIGITS: &str = "零 幺 一 二 三 四 五 六 七 八 九";
const ENGLISH_LETTERS: &str = "a b c d e f g h i j k l m n o p q r s t u v w x y z";
const ENGLISH_NUMBER: &str = "zero one two three four five six seven eight nine ten eleven twelve \
     thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty \
     seventy eighty ninety hundred thousand million and a point";
const MANDARIN_NUMBER: &str = "零 一 二 三 四 五 六 七 八 九 两 十 百 千 万 点 半";
const ENGLISH_MONEY: &str = "pounds pound pence dollars dollar cents cent euros euro yuan";
const MANDARIN_MONEY: &str = "块 元 毛 角 分 钱 美元 欧元 英镑";
const ENGLISH_DATE: &str = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh \
     twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth \
     thirtieth the of in next last this week weeks day days month after before on ago today tomorrow \
     yesterday monday tuesday wednesday thursday friday saturday sunday january february march \
     april may june july august september october november december";
const MANDARIN_DATE: &str =
    "年 月 日 号 今天 明天 后天 昨天 前天 大后天 星期 周 礼拜 天 下 上 这 个 初";
const ENGLISH_TIME: &str = "o'clock a m p half quarter past to noon midnight midday at in the morning \
     afternoon evening night minutes minute hour hours oh";
const MANDARIN_TIME: &str = "分 刻 钟 上午 下午 中午 早上 晚上 凌晨 傍晚 夜里 过 差 小时 分钟 后";

const ENGLISH_AROUND: &str = "i you me my we it is am are be a an the to for of with about want need \
     like would could can may do did have has had got get give let help this that please um uh hello \
     hi not don't i'd i'm spoke talked yesterday already said last was were ago before no thanks \
     just";
const MANDARIN_AROUND: &str = "我 要 想 请 帮 给 你 您 好 麻烦 那个 嗯 的 了 有 个 问 是 在 可以 能 不 \
     没 别 昨天 刚才 已经 上次 说 跟 一下";
const ENGLISH_AFTER: &str = "please thanks thank you now";
const MANDARIN_AFTER: &str = "谢谢 吧 啊 吗 好 可以 一下";

pub fn of(kind: ValueKind, language: Language) -> Words {
    let pick = |english: &'static str, mandarin: &'static str| {
        let list = match language {
            Language::En => english,
            Language::Zh => mandarin,
        };
        list.split_whitespace()
    };
    let number = || pick(ENGLISH_NUMBER, MANDARIN_NUMBER);
    let any = |words: &mut dyn Iterator<Item = &'static str>| Words::Any(words.collect());
    match kind {
        ValueKind::Digits { min, max } => Words::Digits {
            min: usize::from(min),
            max: usize::from(max),
            letters: false,
        },
        ValueKind::Phone => Words::Digits {
            min: TELEPHONE.0,
            max: TELEPHONE.1,
            letters: false,
        },
        ValueKind::IdNumber => Words::Digits {
            min: ID_NUMBER.0,
            max: ID_NUMBER.1,
            letters: language == Language::En,
        },
        ValueKind::Number => any(&mut number()),
        ValueKind::Money => any(&mut number().chain(pick(ENGLISH_MONEY, MANDARIN_MONEY))),
        ValueKind::Date => any(&mut number().chain(pick(ENGLISH_DATE, MANDARIN_DATE))),
        ValueKind::Time => any(&mut number().chain(pick(ENGLISH_TIME, MANDARIN_TIME))),
        ValueKind::YesNo => {
            let phrases = crate::speech::understanding::built_in::yes_no(language);
            Words::Phrases(phrases.into_iter().map(|phrase| phrase.words).collect())
        }
        ValueKind::Choice | ValueKind::FreeText => Words::Nothing,
    }
}

pub fn digits(language: Language) -> impl Iterator<Item = &'static str> {
    match language {
        Language::En => ENGLISH_DIGITS.split_whitespace(),
        Language::Zh => MANDARIN_DIGITS.split_whitespace(),
    }
}

pub fn letters() -> impl Iterator<Item = &'static str> {
    ENGLISH_LETTERS.split_whitespace()
}

/// What leads up to a wish, or tells that it is none.
pub fn before(language: Language) -> impl Iterator<Item = &'static str> {
    match language {
        Language::En => ENGLISH_AROUND.split_whitespace(),
        Language::Zh => MANDARIN_AROUND.split_whitespace(),
    }
}

/// What may follow it.
pub fn after(language: Language) -> impl Iterator<Item = &'static str> {
    match language {
        Language::En => ENGLISH_AFTER.split_whitespace(),
        Language::Zh => MANDARIN_AFTER.split_whitespace(),
    }
}
