//! What callers may say everywhere, in both languages. A dialplan adds words and takes none away.

use crate::key::Key;
use crate::language::Language;
use crate::speech::grammar::{Meaning, Phrase};

/// A person (law 1).
pub fn human(language: Language) -> Vec<Phrase> {
    phrases(
        Meaning::Human,
        match language {
            Language::En => HUMAN_ENGLISH,
            Language::Zh => HUMAN_MANDARIN,
        },
    )
}

/// Back: as the key `*` where no digits are keyed.
pub fn back(language: Language) -> Vec<Phrase> {
    phrases(
        Meaning::Key(Key::STAR),
        match language {
            Language::En => "back, go back, previous menu, previous",
            Language::Zh => "返回, 后退, 上一步, 返回上一级, 上一级, 回去",
        },
    )
}

/// The same prompt again.
pub fn repeat(language: Language) -> Vec<Phrase> {
    phrases(
        Meaning::Repeat,
        match language {
            Language::En => {
                "repeat, repeat that, say that again, say it again, again, once more, pardon, \
             what did you say, come again, sorry what was that, what were the options, \
             i did not hear that, i did not catch that"
            }
            Language::Zh => {
                "再说一遍, 再说一次, 重复, 重复一遍, 重复一下, 重说, 再讲一遍, 再听一遍, 重听, 没听清, \
             没听清楚, 你说什么, 再来一遍"
            }
        },
    )
}

/// More time, and calmer speech: as a wish, or as what callers say of themselves.
pub fn slower(language: Language) -> Vec<Phrase> {
    let mut all = phrases(
        Meaning::Slower,
        match language {
            Language::En => {
                "slower, slower please, slow down, more slowly, speak slowly, speak more slowly, too fast, \
             you are too fast, not so fast, i need more time"
            }
            Language::Zh => {
                "说慢一点, 慢一点, 慢点, 慢点说, 说慢点, 说慢些, 请说慢些, 太快了, 说得太快, 慢一些, 放慢, \
             听不清, 听不清楚"
            }
        },
    );
    all.extend(phrases(Meaning::Slower, of_oneself(language)));
    all
}

/// Whether the phrase tells of the caller: then it asks for more time only where it is all that was
/// said. 老年人优待证怎么办理 is about a card.
pub(super) fn is_of_oneself(phrase: &Phrase, language: Language) -> bool {
    phrase.meaning == Meaning::Slower
        && of_oneself(language)
            .split(", ")
            .any(|words| words == phrase.words)
}

fn of_oneself(language: Language) -> &'static str {
    match language {
        Language::En => {
            "hard of hearing, i am hard of hearing, i do not hear well, i can not hear well, i am elderly, i am an old man, \
         i am an old woman, i am old"
        }
        Language::Zh => "耳朵不好, 耳背, 老年人, 我是老年人, 年纪大了, 我年纪大了",
    }
}

/// The next choices of a menu that is put in portions: as the key `#`.
pub fn more(language: Language) -> Vec<Phrase> {
    phrases(
        Meaning::Key(Key::HASH),
        match language {
            Language::En => "more, more choices, more options, next ones",
            Language::Zh => "更多, 更多选项, 还有呢, 还有别的吗",
        },
    )
}

/// Key 1 says yes and key 2 no, in every confirmation; who is undecided has said neither.
pub fn yes_no(language: Language) -> Vec<Phrase> {
    let [yes, no, undecided] = match language {
        Language::En => [YES_ENGLISH, NO_ENGLISH, UNDECIDED_ENGLISH],
        Language::Zh => [YES_MANDARIN, NO_MANDARIN, UNDECIDED_MANDARIN],
    };
    let mut all = phrases(Meaning::Key(Key::ONE), yes);
    all.extend(phrases(Meaning::Key(Key::TWO), no));
    all.extend(phrases(Meaning::Undecided, undecided));
    all
}

/// An option by its number: "one", "option one"; nothing for a key that is no digit.
pub fn by_number(language: Language, key: Key) -> Vec<Phrase> {
    const MANDARIN: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    const ENGLISH: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let Some(digit) = key.digit().map(usize::from) else {
        return Vec::new();
    };
    let words: Vec<String> = match language {
        Language::En => ["", "number ", "option ", "press "]
            .map(|before| format!("{before}{}", ENGLISH[digit]))
            .into(),
        Language::Zh => [
            ("", ""),
            ("第", "个"),
            ("第", "项"),
            ("选", ""),
            ("按", ""),
            ("", "号"),
        ]
        .map(|(before, after)| format!("{before}{}{after}", MANDARIN[digit]))
        .into(),
    };
    let meaning = Meaning::Key(key);
    words
        .into_iter()
        .map(|words| Phrase { words, meaning })
        .collect()
}

/// What works wherever the bot listens.
pub fn everywhere(language: Language) -> Vec<Phrase> {
    [human, repeat, slower, back]
        .into_iter()
        .flat_map(|phrases| phrases(language))
        .collect()
}

/// `list` has commas between phrases.
fn phrases(meaning: Meaning, list: &str) -> Vec<Phrase> {
    let phrase = |words: &str| Phrase {
        words: words.to_string(),
        meaning,
    };
    list.split(", ").map(phrase).collect()
}

const HUMAN_ENGLISH: &str = "operator, agent, live agent, real agent, representative, human, human being, real human, \
     person, real person, live person, actual person, customer service, customer services, \
     customer support, customer care, help desk, adviser, receptionist, call centre, \
     talk to a person, talk to a human, talk to an agent, talk to someone, talk to somebody, \
     talk with someone, talk to people, speak to a person, speak to a human, speak to an agent, \
     speak to someone, speak to somebody, speak with someone, speak with a person, \
     speak with an agent, speak with a representative, speak to a representative, \
     transfer me to someone, connect me to someone, put me through, put me through to someone, \
     not a machine, staff, \
     member of staff, member of your staff";

const HUMAN_MANDARIN: &str = "人工, 转人工, 人工服务, 人工客服, 人工坐席, 人工台, 客服, 转客服, 客服人员, 客服专员, \
     客服代表, 在线客服, 真人, 真人服务, 真人客服, 找真人, 活人, 接线员, 话务员, 工作人员, \
     服务人员, 找人工, 找客服, 找个人, 跟人说话, 和人说话, 跟真人说, 不要机器人, 接人工, 总机";

const YES_ENGLISH: &str = "yes, yeah, yep, yup, ya, sure, ok, okay, correct, right, that is right, that is correct, \
     that is it, of course, exactly, absolutely, affirmative, indeed, certainly, definitely, \
     please do, yes please, yes it is, yes it did, it did, uh huh, mm hmm, true, no problem, \
     why not, sure why not";

const NO_ENGLISH: &str = "no, nope, nah, no thanks, no thank you, wrong, that is wrong, incorrect, not right, \
     that is not right, not correct, that is not correct, not really, not quite, not at all, \
     negative, no way, i do not, no it is not, no it did not, it did not, of course not, \
     absolutely not, not yet, false";

const YES_MANDARIN: &str = "是, 是的, 是啊, 是呀, 对, 对的, 对啊, 对对, 对对对, 好, 好的, 好啊, 好吧, 没错, 没有错, 不错, \
     没有问题, 正确, 准确, 可以, 可以的, 行, 行的, 嗯, 嗯嗯, 嗯对, 没问题, 要, 要的, 需要, 当然, 确定, 确认, 解决了, \
     已经解决, 明白了, 有, 愿意, 同意";

const NO_MANDARIN: &str = "不, 不是, 不是的, 不对, 不行, 不好, 不要, 不用, 不用了, 不可以, 不需要, 不正确, 不准确, \
     不同意, 不愿意, 没有, 没, 错, 错了, 错误, 说错了, 否, 没有解决, 没解决, 没有用, \
     没用, 不解决, 算了, 弄错了, 听错了, 还没有, 有问题";

const UNDECIDED_ENGLISH: &str = "not sure, i am not sure, not really sure, not quite sure, not so sure, \
     not certain, i am not certain, unsure, i do not know, do not know, dunno, no idea, \
     i have no idea, maybe, maybe not, perhaps, it depends, hard to say";

const UNDECIDED_MANDARIN: &str = "不确定, 不太确定, 不能确定, 不知道, 不清楚, 不太清楚, 说不准, 说不好, 不好说, 拿不准, 没想好, \
     还没想好, 也许, 可能, 大概";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn no_phrase_has_two_meanings() {
        for language in Language::ALL {
            let mut meanings: BTreeMap<String, Meaning> = BTreeMap::new();
            let numbers = (1..10).filter_map(Key::of_digit);
            let all = [everywhere(language), yes_no(language)].concat();
            let numbers = numbers.flat_map(|key| by_number(language, key));
            for Phrase { words, meaning } in all {
                let before = meanings.insert(words.clone(), meaning);
                assert!(before.is_none_or(|before| before == meaning), "{words}");
            }
            for Phrase { words, .. } in numbers {
                assert!(!meanings.contains_key(&words), "{words}");
            }
        }
    }
}
