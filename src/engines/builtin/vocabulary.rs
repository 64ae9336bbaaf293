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
     thirtieth the of in next last this week weeks day days month end beginning after before on ago \
     today tomorrow yesterday monday tuesday wednesday thursday friday saturday sunday january \
     february march april may june july august september october november december";
const MANDARIN_DATE: &str =
    "年 月 日 号 今天 明天 后天 昨天 前天 大后天 星期 周 礼拜 天 下 上 这 个 初 底";
const ENGLISH_TIME: &str = "o'clock a m p half quarter past to noon midnight midday at in the morning \
     afternoon evening night minutes minute hour hours oh";
const MANDARIN_TIME: &str = "分 刻 钟 上午 下午 中午 早上 晚上 凌晨 傍晚 夜里 过 差 小时 分钟 后";

/// Ways to say that a wish comes, each followed by a link or by the wish itself.
const ENGLISH_LEADS: &str = "i would like, i'd like, i want, i wanted, i need, i have, i've got, i'm, i am, i'm calling, \
     i am calling, i was, can i, can i have, can i get, could i, could i have, could i get, may i, \
     can you, could you, would you, can you help me, could you help me, give me, get me, let me, \
     help me, tell me, it's, it is, this is, that is, there is, there was, i have a question, \
     i have a problem, what is, what about, how about, how do i, how can i, where is, do you have, \
     do i have, just";
const ENGLISH_LINKS: &str = "to, to a, to an, to the, to my, to get, to have, to make, to do, a, an, the, my, your, some, any, \
     have a, have an, have the, have my, get a, get an, get the, get my, make a, make an, about, \
     about a, about an, about the, about my, about your, with, with a, with an, with the, with my, for, \
     for a, for an, for the, for my";
const ENGLISH_OPENINGS: &str = "um, uh, hello, hi, well, okay, so, please, and, no, sorry, excuse me, good morning, \
     good afternoon";
/// What tells that there is no wish.
const ENGLISH_TELLING: &str = "spoke, talked, was, were, said, already, yesterday, last, ago, before, not, don't, do not, did, \
     does, it, of, me, we, they, in, on";
const ENGLISH_ENDINGS: &str = "please, thanks, thank you, thank you very much, now, right now, today, for me, if you can, \
     if possible, then, yesterday, already, ago, before, was, is, not, about, with, to, of, in, on, \
     my, the, a";
const MANDARIN_LEADS: &str = "我想, 我要, 我想要, 我需要, 我有, 我想问, 我想问一下, 我想办, 我的, 请, 请问, 请帮我, 请给我, 帮我, \
     给我, 麻烦, 麻烦你, 麻烦您, 麻烦帮我, 麻烦你帮我, 问一下, 关于, 可以, 可不可以, 能, 能不能, 办, 办理, \
     怎么, 有没有, 是, 想, 要";
const MANDARIN_LINKS: &str = "一个, 个, 办, 办理, 问, 一下";
const MANDARIN_OPENINGS: &str = "你好, 您好, 喂, 嗯, 那个, 这个, 好";
const MANDARIN_TELLING: &str = "不, 没, 别, 昨天, 刚才, 已经, 上次, 说, 跟, 你, 您, 的, 了";
const MANDARIN_ENDINGS: &str = "谢谢, 谢谢你, 谢谢您, 一下, 吧, 啊, 吗, 呢, 好吗, 可以吗, 行吗, 的, 了, 的问题, 问题, 的事, 怎么办";

/// What stands around a wish: lists of words that follow each other.
pub struct Around {
    pub leads: Vec<&'static str>,
    /// Between a lead and the wish.
    pub links: Vec<&'static str>,
    pub openings: Vec<&'static str>,
    pub endings: Vec<&'static str>,
}

pub fn around(language: Language) -> Around {
    let [leads, links, openings, telling, endings] = match language {
        Language::En => [
            ENGLISH_LEADS,
            ENGLISH_LINKS,
            ENGLISH_OPENINGS,
            ENGLISH_TELLING,
            ENGLISH_ENDINGS,
        ],
        Language::Zh => [
            MANDARIN_LEADS,
            MANDARIN_LINKS,
            MANDARIN_OPENINGS,
            MANDARIN_TELLING,
            MANDARIN_ENDINGS,
        ],
    };
    let list = |text: &'static str| text.split(", ").collect::<Vec<_>>();
    Around {
        leads: list(leads),
        links: list(links),
        openings: [list(openings), list(telling)].concat(),
        endings: list(endings),
    }
}

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
