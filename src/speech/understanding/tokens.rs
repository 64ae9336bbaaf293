//! A text as what is compared: English words and Chinese characters, each with the part it plays.

use super::{mandarin, normal};
use crate::language::Language;
use crate::speech::verbaliser::{self, Reading};
use aho_corasick::{AhoCorasick, MatchKind};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub form: Form,
    pub role: Role,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Word {
        text: String,
        stem: String,
        sound: String,
    },
    Han {
        character: char,
        syllable: &'static str,
    },
}

/// What a word does in a sentence, whatever the sentence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// um, please, 呃, 请
    Filler,
    /// I would like to, 我想要: a wish around what is wished for.
    Carrier,
    /// not, 不
    Negation,
    Content,
}

impl Token {
    /// How much it matters that the word was said, or left out; a character is half a word.
    pub fn weight(&self) -> f32 {
        let whole = match self.role {
            Role::Filler => 0.0,
            Role::Carrier => 0.12,
            Role::Negation | Role::Content => 1.0,
        };
        match self.form {
            Form::Word { .. } => whole,
            Form::Han { .. } => whole / 2.0,
        }
    }

    pub fn character(&self) -> Option<char> {
        self.form.symbol()
    }

    /// 选, 按, 要, 是: what may belong to a phrase although it is a wish elsewhere.
    pub fn is_wish(&self) -> bool {
        match self.form {
            Form::Han { character, .. } => "选按要是有的了可以需".contains(character),
            Form::Word { .. } => false,
        }
    }

    /// From 0, the same word, to 1, another one.
    pub fn distance(&self, other: &Token) -> f32 {
        match (&self.form, &other.form) {
            (
                Form::Han {
                    character,
                    syllable,
                },
                Form::Han {
                    character: other,
                    syllable: heard,
                },
            ) => {
                if character == other {
                    0.0
                } else {
                    (HOMOPHONE + mandarin::distance(syllable, heard)).min(1.0)
                }
            }
            (
                Form::Word { text, stem, sound },
                Form::Word {
                    text: heard,
                    stem: heard_stem,
                    sound: heard_sound,
                },
            ) => {
                if text == heard || stem == heard_stem {
                    return 0.0;
                }
                if sound == heard_sound {
                    return SOUND;
                }
                if stem.len().min(heard_stem.len()) < SHORTEST_GUESSED {
                    return 1.0;
                }
                letters_apart(stem, heard_stem).min(letters_apart(sound, heard_sound) + SOUND)
            }
            _ => 1.0,
        }
    }
}

/// What it costs that another character of the same sound was heard.
const HOMOPHONE: f32 = 0.06;
/// What it costs that a word was spelt otherwise and sounds the same.
const SOUND: f32 = 0.12;
/// A shorter word is another one where a letter differs.
const SHORTEST_GUESSED: usize = 4;

/// 0 where they are equal, 1 from about a third of other letters on.
fn letters_apart(one: &str, other: &str) -> f32 {
    if one == other {
        return 0.0;
    }
    let longer = one.chars().count().max(other.chars().count());
    let apart = strsim::osa_distance(one, other) as f32 / longer as f32;
    if apart > 0.34 { 1.0 } else { apart * 1.8 }
}

/// `text` in one spelling. Figures are words.
pub(super) fn of(text: &str, language: Language) -> Vec<Token> {
    let text = normal::text(text);
    let mut forms: Vec<Form> = Vec::new();
    let mut word = String::new();
    for symbol in text.chars().chain([' ']) {
        if symbol.is_alphanumeric() && !mandarin::is_han(symbol) || symbol == '\'' {
            word.push(symbol);
            continue;
        }
        push_word(&mut forms, &word, language);
        word.clear();
        if mandarin::is_han(symbol) {
            forms.push(Form::Han {
                character: symbol,
                syllable: "",
            });
        }
    }
    add_syllables(&mut forms);
    let roles = roles(&forms);
    let tokens = forms.into_iter().zip(roles);
    tokens.map(|(form, role)| Token { form, role }).collect()
}

fn push_word(forms: &mut Vec<Form>, word: &str, language: Language) {
    let word = word.trim_matches('\'');
    if word.is_empty() {
        return;
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        for symbol in figures(word, language)
            .chars()
            .collect::<Vec<char>>()
            .chunk_by(|a, b| {
                !mandarin::is_han(*a)
                    && !mandarin::is_han(*b)
                    && a.is_alphabetic() == b.is_alphabetic()
            })
        {
            match symbol {
                [one] if mandarin::is_han(*one) => forms.push(Form::Han {
                    character: *one,
                    syllable: "",
                }),
                letters if letters[0].is_alphabetic() => {
                    forms.push(form_of(&letters.iter().collect::<String>()));
                }
                _ => {}
            }
        }
        return;
    }
    forms.extend(normal::contractions(word).into_iter().map(form_of));
}

/// Up to two figures are a number, more of them are read one by one.
fn figures(figures: &str, language: Language) -> String {
    let counts = figures.len() == 1 || figures.len() == 2 && !figures.starts_with('0');
    let reading = if counts {
        Reading::Number
    } else {
        Reading::Digits
    };
    verbaliser::read(language, &TimeZone::UTC, reading, figures).unwrap_or_default()
}

fn form_of(word: &str) -> Form {
    let stem = normal::stem(word);
    Form::Word {
        text: word.to_string(),
        sound: normal::sound(&stem),
        stem,
    }
}

/// Characters are read as they stand beside each other.
fn add_syllables(forms: &mut [Form]) {
    let characters: Vec<char> = forms
        .iter()
        .map(|form| form.symbol().unwrap_or(' '))
        .collect();
    let sounds = mandarin::syllables(&characters);
    for (form, sound) in forms.iter_mut().zip(sounds) {
        if let Form::Han { syllable, .. } = form {
            *syllable = sound;
        }
    }
}

impl Form {
    fn symbol(&self) -> Option<char> {
        match self {
            Form::Han { character, .. } => Some(*character),
            Form::Word { .. } => None,
        }
    }
}

const ENGLISH_FILLERS: &str = "um umm uh uhm er erm ah eh hmm hm mm mmm well so just actually basically kindly please \
     thanks thank hello hi hey sorry then now ok okay alright oh";

const ENGLISH_CARRIERS: &str = "i you me my your we us our it its is am are be a an the to for of with about on in at and \
     or want need like would could can may do does did have has had got get give let help tell \
     some this that there calling call question looking look trying try will going go make made \
     wish something regarding concerning how what where when if know one by from was were been \
     any speak talk say said choose option number see find out should think mean as here hear \
     wondering wonder thing much maybe";

const ENGLISH_NEGATIONS: &str = "not no never without neither nor none";

/// Longest first wins: 能不能 is a wish, and only 不 alone denies.
const MANDARIN: [(Role, &str); 3] = [
    (
        Role::Filler,
        "呃 嗯 啊 哦 噢 唉 哎 诶 额 喂 吧 呢 呀 嘛 哈 那个 就是说 请 请问 麻烦 麻烦你 麻烦您 谢谢 \
         谢谢你 谢谢您 你好 您好 不好意思 劳驾 拜托 一下 一下子 那 好吗 行吗 可以吗 快点 赶紧 直接 \
         马上",
    ),
    (
        Role::Carrier,
        "我 我们 你 您 你们 要 想 想要 需要 希望 给 帮 帮我 帮忙 的 了 有 个 一个 办 办理 关于 问 \
         问问 咨询 了解 能 能不能 能否 可以 可不可以 可否 怎么 如何 是 在 说 说说 讲 和 跟 与 我要 \
         我想 是不是 有没有 要不要 这个 这 查一查 来 去 做 弄 打电话 电话 选 选择 按 件事 事 事情 \
         方面 问题 让 把 就 下 到 为 得 着 地 么 吗 什么 怎么样",
    ),
    (Role::Negation, "不 没 没有 别 未 无 甭 不用 不要"),
];

static MANDARIN_ROLES: LazyLock<(AhoCorasick, Vec<Role>)> = LazyLock::new(|| {
    let words = MANDARIN
        .iter()
        .flat_map(|(role, words)| words.split_whitespace().map(|word| (word, *role)));
    let (words, roles): (Vec<&str>, Vec<Role>) = words.unzip();
    let finder = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(words);
    (finder.expect("a few short words"), roles)
});

fn roles(forms: &[Form]) -> Vec<Role> {
    let mut roles: Vec<Role> = forms
        .iter()
        .map(|form| match form {
            Form::Word { text, .. } => english_role(text),
            Form::Han { .. } => Role::Content,
        })
        .collect();
    let characters = || forms.iter().map(|form| form.symbol().unwrap_or(' '));
    let text: String = characters().collect();
    let starts: Vec<usize> = characters()
        .scan(0, |at, symbol| {
            let start = *at;
            *at += symbol.len_utf8();
            Some(start)
        })
        .collect();
    let (finder, of_word) = &*MANDARIN_ROLES;
    for found in finder.find_iter(&text) {
        for (start, role) in starts.iter().zip(&mut roles) {
            if found.range().contains(start) {
                *role = of_word[found.pattern().as_usize()];
            }
        }
    }
    roles
}

fn english_role(word: &str) -> Role {
    ENGLISH_ROLES.get(word).copied().unwrap_or(Role::Content)
}

static ENGLISH_ROLES: LazyLock<BTreeMap<&str, Role>> = LazyLock::new(|| {
    let lists = [
        (Role::Filler, ENGLISH_FILLERS),
        (Role::Carrier, ENGLISH_CARRIERS),
        (Role::Negation, ENGLISH_NEGATIONS),
    ];
    let words = lists
        .into_iter()
        .flat_map(|(role, words)| words.split_whitespace().map(move |word| (word, role)));
    words.collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str, language: Language) -> String {
        let tokens = of(text, language);
        let content = tokens.iter().filter(|token| token.role == Role::Content);
        let words = content.map(|token| match &token.form {
            Form::Word { text, .. } => text.clone(),
            Form::Han { character, .. } => character.to_string(),
        });
        words.collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn what_is_wished_for_is_left_without_the_wish() {
        assert_eq!(
            content("Um, I'd like to get a refund, please!", Language::En),
            "refund"
        );
        assert_eq!(content("呃请帮我查一下我的快递", Language::Zh), "查 快 递");
        assert_eq!(content("能不能退款", Language::Zh), "退 款");
        assert_eq!(content("幫我退貨", Language::Zh), "退 货");
    }

    #[test]
    fn figures_are_words() {
        assert_eq!(
            of("press 22", Language::En),
            of("press twenty-two", Language::En)
        );
        assert_eq!(of("按2", Language::Zh), of("按二", Language::Zh));
        assert_eq!(of("404", Language::En), of("four zero four", Language::En));
    }

    #[test]
    fn words_of_one_sound_are_near_and_short_ones_are_not_guessed() {
        let apart = |one: &str, other: &str, language| {
            let (one, other) = (of(one, language), of(other, language));
            one[0].distance(&other[0])
        };
        assert_eq!(apart("refund", "refunds", Language::En), 0.0);
        assert!(apart("parcel", "parsel", Language::En) < 0.3);
        assert_eq!(apart("tax", "fax", Language::En), 1.0);
        assert_eq!(apart("refund", "parcel", Language::En), 1.0);
        assert!(apart("退", "推", Language::Zh) < 0.1);
        assert!(apart("南", "蓝", Language::Zh) < 0.3);
        assert_eq!(apart("退", "refund", Language::Zh), 1.0);
    }
}
