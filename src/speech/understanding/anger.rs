//! Words of anger. They decide nothing: who uses them is offered a person.
//!
//! Only what can hardly be about the matter itself is in the lists: 垃圾 is collected, and "hell" is in
//! "hello" for no recognizer, but in addresses.

use super::{mandarin, normal};

/// The word of anger that stands in `words`: one of the built-in ones, in either language, or of
/// `more`. Told as it is in the list: nothing that was said is given away by it.
pub fn find<'m>(words: &str, more: &'m [String]) -> Option<&'m str> {
    let said = Said::of(words);
    let built_in = ENGLISH.split(", ").chain(MANDARIN.split(", "));
    let mut all = more.iter().map(String::as_str).chain(built_in);
    all.find(|word| said.has(word))
}

/// Words between single spaces, and characters without any.
struct Said {
    words: String,
    characters: String,
}

impl Said {
    fn of(text: &str) -> Said {
        let text = normal::text(text);
        let word = |c: char| c.is_alphanumeric() && !mandarin::is_han(c) || c == '\'';
        let words: Vec<&str> = text
            .split(|c| !word(c))
            .filter(|it| !it.is_empty())
            .collect();
        Said {
            words: format!(" {} ", words.join(" ")),
            characters: text.chars().filter(|c| mandarin::is_han(*c)).collect(),
        }
    }

    fn has(&self, word: &str) -> bool {
        let word = Said::of(word);
        match (word.characters.as_str(), word.words.trim()) {
            ("", "") => false,
            ("", _) => self.words.contains(&word.words),
            (characters, _) => self.characters.contains(characters),
        }
    }
}

const ENGLISH: &str = "useless, ridiculous, unacceptable, outrageous, disgusting, disgraceful, \
     pathetic, appalling, angry, furious, fed up, sick of this, sick of you, sick and tired, \
     had enough, enough of this, waste of time, wasting my time, what a joke, stupid machine, \
     stupid robot, stupid, idiot, idiots, moron, morons, bullshit, shit, bloody hell, damn, damn it, \
     damned, goddamn, fuck, fucking, fuck you, for fuck's sake, crap, asshole, bastard, bastards, \
     screw you, shut up, what the hell, go to hell, piss off, pissed off, for god's sake, \
     for heaven's sake";

const MANDARIN: &str = "生气, 气死, 气人, 火大, 恼火, 愤怒, 烦死, 烦人, 太烦, 受够了, 受不了, 忍无可忍, 太过分, 岂有此理, \
     莫名其妙, 没完没了, 不像话, 不要脸, 太差劲, 什么破, 破机器, 破系统, 破电话, 什么玩意, 浪费时间, 浪费我的时间, \
     废物, 白痴, 混蛋, 王八蛋, 他妈的, 妈的, 操你, 傻逼, 神经病, 有病吧, 放屁, 狗屁, 滚蛋, 滚开, 闭嘴, \
     骗子, 坑人, 耍我, 忽悠";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_of_anger_are_found_in_either_language() {
        for (words, found) in [
            ("This is RIDICULOUS!", "ridiculous"),
            ("I'm sick and tired of this", "sick and tired"),
            ("for god’s sake, track my parcel", "for god's sake"),
            ("气死我了", "气死"),
            ("这什么破系统", "什么破"),
            ("我真的受夠了", "受够了"),
        ] {
            assert_eq!(find(words, &[]), Some(found), "{words}");
        }
    }

    #[test]
    fn words_about_the_matter_are_no_anger() {
        for words in [
            "",
            "hello, where is my parcel",
            "I'd like to report a damaged shipment",
            "the crapaud restaurant",
            "my Dickens order has been delayed",
            "垃圾什么时候收",
            "我要投诉楼上太吵",
            "请帮我查一下快递",
        ] {
            assert_eq!(find(words, &[]), None, "{words}");
        }
    }

    #[test]
    fn a_dialplan_adds_words() {
        let more = ["rubbish service".to_string(), "差评".to_string()];
        assert_eq!(
            find("What a rubbish service.", &more),
            Some("rubbish service")
        );
        assert_eq!(find("我要给差评", &more), Some("差评"));
        assert_eq!(find("ridiculous", &more), Some("ridiculous"));
        assert_eq!(find("rubbish collection", &more), None);
        assert_eq!(find("so so", &["!".to_string()]), None);
    }

    #[test]
    fn no_word_is_in_a_list_twice() {
        for list in [ENGLISH, MANDARIN] {
            let words: Vec<&str> = list.split(", ").collect();
            assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len());
        }
    }
}
