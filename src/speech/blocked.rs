//! What the bot must not say, whoever wrote it: promises that nobody gave. It is looked for in all
//! that comes from lookups or models, never in what operators wrote themselves.

use crate::speech::understanding::normal;
use aho_corasick::{AhoCorasick, MatchKind};

/// Promises, in both languages: nothing that a lookup answers may make them.
const PROMISES: &str = "guaranteed refund, we guarantee, i guarantee, guarantee you, we promise, \
    i promise, promise you, full refund guaranteed, you will definitely, we will definitely, \
    no risk, risk free, 100% refund, legally binding, we accept liability, we admit, \
    我保证, 我们保证, 保证退款, 保证赔偿, 向您保证, 我承诺, 我们承诺, 承诺退款, 承诺赔偿, \
    一定退款, 一定赔偿, 绝对没问题, 包赔, 无条件退款, 全额赔付, 零风险";

/// A filter of phrases, without regard to case, width, script and spaces.
#[derive(Debug, Clone)]
pub struct Blocked {
    phrases: Vec<String>,
    finder: AhoCorasick,
}

impl Blocked {
    /// The built-in phrases and an operator's own.
    pub fn with(own: &[String]) -> Blocked {
        let built_in = PROMISES.split(',').map(str::trim).map(str::to_string);
        let phrases: Vec<String> = built_in
            .chain(own.iter().cloned())
            .filter(|phrase| !flat(phrase).trim().is_empty())
            .collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(phrases.iter().map(|phrase| flat(phrase)))
            .expect("phrases are bounded by the dialplan's size");
        Blocked { phrases, finder }
    }

    /// The first blocked phrase of a text, as it is listed.
    pub fn find(&self, text: &str) -> Option<&str> {
        let found = self.finder.find(&flat(text))?;
        self.phrases
            .get(found.pattern().as_usize())
            .map(String::as_str)
    }
}

/// Words with one space between them and around them, so that only whole ones are found; Chinese
/// characters with nothing between them.
fn flat(text: &str) -> String {
    let mut flat = String::from(" ");
    for symbol in normal::text(text).chars() {
        let wide = symbol as u32 >= 0x2e80;
        if symbol.is_alphanumeric() || symbol == '%' {
            if wide && flat.ends_with(' ') {
                flat.pop();
            } else if !wide && ends_wide(&flat) {
                flat.push(' ');
            }
            flat.push(symbol);
        } else if symbol != '\'' && !flat.ends_with(' ') && !ends_wide(&flat) {
            flat.push(' ');
        }
    }
    if !flat.ends_with(' ') && !ends_wide(&flat) {
        flat.push(' ');
    }
    flat
}

fn ends_wide(text: &str) -> bool {
    text.chars()
        .next_back()
        .is_some_and(|symbol| symbol as u32 >= 0x2e80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_found_however_they_are_written() {
        let blocked = Blocked::with(&["Unlimited Data".to_string(), "送您一年".to_string()]);
        for (text, phrase) in [
            ("This is a GUARANTEED  refund.", "guaranteed refund"),
            ("Yes, we promise!", "we promise"),
            ("You get unlimited\ndata now", "Unlimited Data"),
            ("我们保證退款给您", "我们保证"),
            ("我 们 承诺", "我们承诺"),
            ("现在送您一年会员", "送您一年"),
            ("Ｗｅ　ｐｒｏｍｉｓｅ", "we promise"),
            ("退款：we promise", "we promise"),
            ("refund: 100% refund", "100% refund"),
        ] {
            assert_eq!(blocked.find(text), Some(phrase), "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_said() {
        let blocked = Blocked::with(&["data".to_string()]);
        for text in [
            "Your refund was sent.",
            "We promised nothing.",
            "Your database is ready",
            "您的保证金已退还",
            "",
        ] {
            assert_eq!(blocked.find(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_phrase_blocks_nothing() {
        let blocked = Blocked::with(&[" ".to_string(), "!".to_string()]);
        assert_eq!(blocked.find("Hello there!"), None);
    }
}
