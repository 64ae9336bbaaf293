//! The tokens that a model writes with.

use super::automaton::{Automaton, State, is_passed_over};

pub type Token = i32;

pub struct Vocabulary {
    texts: Vec<Box<[u8]>>,
    /// Tokens of text, by their bytes.
    sorted: Vec<Token>,
    /// After the last word.
    pub end: Token,
    /// Also ends what is said.
    full_stops: Vec<Token>,
    /// Never written: what is no text, no speech, no sign of a sentence.
    suppressed: Vec<bool>,
}

impl Vocabulary {
    /// `texts`: of the tokens below `end`, by number; `size`: of all, special ones included.
    pub fn new(texts: Vec<Box<[u8]>>, end: Token, size: usize) -> Vocabulary {
        let mut sorted: Vec<Token> = (0..texts.len() as Token)
            .filter(|&token| !texts[token as usize].is_empty())
            .collect();
        sorted.sort_by(|&a, &b| texts[a as usize].cmp(&texts[b as usize]));
        let suppressed = (0..size)
            .map(|token| match texts.get(token) {
                Some(text) => !may_be_written(text),
                None => token != end as usize,
            })
            .collect();
        let is_stop = |text: &[u8]| {
            [".", "!", "?", "。", "！", "？"]
                .map(str::as_bytes)
                .contains(&text)
        };
        let full_stops = (0..texts.len() as Token)
            .filter(|&token| is_stop(&texts[token as usize]))
            .collect();
        Vocabulary {
            texts,
            sorted,
            end,
            full_stops,
            suppressed,
        }
    }

    pub fn may_be_written(&self, token: Token) -> bool {
        !self.suppressed[token as usize]
    }

    /// A full stop, or what is as good.
    pub fn full_stops(&self) -> &[Token] {
        &self.full_stops
    }

    /// What the tokens say; what is not UTF-8 is dropped.
    pub fn text(&self, tokens: &[Token]) -> String {
        let bytes: Vec<u8> = tokens
            .iter()
            .filter_map(|&token| self.texts.get(token as usize))
            .flat_map(|text| text.iter().copied())
            .collect();
        let text = String::from_utf8_lossy(&bytes).replace('\u{fffd}', "");
        text.trim().to_owned()
    }

    /// The tokens that may follow in `state`, each with where it leads.
    pub fn allowed(&self, automaton: &Automaton, state: &State) -> Vec<(Token, State)> {
        let mut found = Vec::new();
        self.descend(&self.sorted, 0, automaton, state.clone(), &mut found);
        // Punctuation alone says nothing.
        found.retain(|(token, _)| {
            let text = &self.texts[*token as usize];
            self.may_be_written(*token) && !text.iter().all(|&byte| is_passed_over(byte))
        });
        found
    }

    /// `tokens` all begin with the same `depth` bytes, which have led to `state`.
    fn descend(
        &self,
        tokens: &[Token],
        depth: usize,
        automaton: &Automaton,
        state: State,
        found: &mut Vec<(Token, State)>,
    ) {
        let byte_of = |token: &Token| self.texts[*token as usize].get(depth).copied();
        let mut rest = tokens;
        while let Some(first) = rest.first() {
            let byte = byte_of(first);
            let same = rest.partition_point(|token| byte_of(token) <= byte);
            let (group, after) = rest.split_at(same);
            rest = after;
            match byte {
                None => found.extend(group.iter().map(|&token| (token, state.clone()))),
                Some(byte) => {
                    let next = automaton.step(&state, byte);
                    if !next.is_empty() {
                        self.descend(group, depth + 1, automaton, next, found);
                    }
                }
            }
        }
    }
}

/// Words in any script, digits, and the signs of a sentence. A token that is a part of a character
/// is one of a word.
fn may_be_written(text: &[u8]) -> bool {
    const SIGNS: &str = " .,!?'-%$£€¥&。，、！？：";
    match std::str::from_utf8(text) {
        Err(_) => true,
        Ok(text) => {
            let speaks = text.chars().any(char::is_alphanumeric);
            let bracketed = text.contains(['[', ']', '(', ')', '{', '}', '<', '>', '♪', '♫', '*']);
            let is_sign = !text.trim().is_empty() && text.chars().all(|c| SIGNS.contains(c));
            !bracketed && (speaks || is_sign)
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// The words as tokens, numbered as they stand, and after them the end.
    pub fn vocabulary(words: &[&str]) -> Vocabulary {
        let texts = words.iter().map(|word| word.as_bytes().into()).collect();
        Vocabulary::new(texts, words.len() as Token, words.len() + 3)
    }

    #[test]
    fn every_way_to_spell_a_phrase_is_allowed_and_no_other() {
        let words = [
            "tr", "ack", " Track", " track", "t", " my", " parcel", " trunk", ",", " ", "k",
        ];
        let vocabulary = vocabulary(&words);
        let automaton = Automaton::of_phrases(["track my parcel"]);
        let allowed = |said: &str| {
            let state = said.bytes().fold(automaton.start(), |state, byte| {
                automaton.step(&state, byte)
            });
            let mut tokens: Vec<&str> = vocabulary
                .allowed(&automaton, &state)
                .iter()
                .map(|(token, _)| words[*token as usize])
                .collect();
            tokens.sort();
            tokens
        };
        assert_eq!(allowed(""), [" Track", " track", "t", "tr"]);
        assert_eq!(allowed("tr"), ["ack"]);
        assert_eq!(allowed("trac"), ["k"]);
        assert_eq!(allowed("track"), [" my"]);
        assert_eq!(allowed("track my"), [" parcel"]);
    }

    #[test]
    fn noises_and_special_tokens_are_never_written() {
        let words = [
            " yes", "[BLANK", "♪", "(", "--", "3", "\u{00e9}", "。", " ", "*laughs",
        ];
        let vocabulary = vocabulary(&words);
        let written: Vec<&str> = (0..words.len())
            .filter(|&token| vocabulary.may_be_written(token as Token))
            .map(|token| words[token])
            .collect();
        assert_eq!(written, [" yes", "--", "3", "\u{00e9}", "。"]);
        assert!(vocabulary.may_be_written(vocabulary.end));
        assert!(!vocabulary.may_be_written(vocabulary.end + 1));
    }

    #[test]
    fn half_characters_are_put_together() {
        let texts = vec![
            vec![0xe6, 0x9f].into(),
            vec![0xa5].into(),
            b" ok".to_vec().into(),
        ];
        let vocabulary = Vocabulary::new(texts, 3, 4);
        assert_eq!(vocabulary.text(&[0, 1, 2]), "查 ok");
        assert_eq!(vocabulary.text(&[0, 2, 3]), "ok");
    }
}
