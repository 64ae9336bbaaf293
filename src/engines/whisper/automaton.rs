//! What may be said, as a machine that reads a text byte by byte: capitals, spaces and ASCII
//! punctuation do not count, so that every way to write a phrase is the same phrase.

use smallvec::{SmallVec, smallvec};

/// Where a text has led: into one place of the words, or into several where one word begins like
/// another. Empty: the text is none of theirs.
pub type State = SmallVec<[u32; 4]>;

pub struct Automaton {
    nodes: Vec<Node>,
    /// After a word comes another: a number is many words.
    repeats: bool,
}

#[derive(Default)]
struct Node {
    /// By byte, sorted.
    next: SmallVec<[(u8, u32); 2]>,
    is_end: bool,
}

const ROOT: u32 = 0;
/// Places that a text may be in at once; words that repeat are few and short.
const MOST: usize = 16;

impl Automaton {
    /// One of these, whole.
    pub fn of_phrases<'p>(phrases: impl IntoIterator<Item = &'p str>) -> Automaton {
        Automaton::new(phrases, false)
    }

    /// Any number of these, one after the other.
    pub fn of_words<'p>(words: impl IntoIterator<Item = &'p str>) -> Automaton {
        Automaton::new(words, true)
    }

    fn new<'p>(texts: impl IntoIterator<Item = &'p str>, repeats: bool) -> Automaton {
        let mut automaton = Automaton {
            nodes: vec![Node::default()],
            repeats,
        };
        for text in texts {
            automaton.add(text);
        }
        automaton
    }

    fn add(&mut self, text: &str) {
        let mut at = ROOT;
        let text: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        for byte in text.to_lowercase().bytes() {
            let node = &self.nodes[at as usize].next;
            at = match node.binary_search_by_key(&byte, |(key, _)| *key) {
                Ok(found) => node[found].1,
                Err(place) => {
                    let new = self.nodes.len() as u32;
                    self.nodes[at as usize].next.insert(place, (byte, new));
                    self.nodes.push(Node::default());
                    new
                }
            };
        }
        self.nodes[at as usize].is_end |= at != ROOT;
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    pub fn start(&self) -> State {
        smallvec![ROOT]
    }

    /// Whether the text so far is a whole phrase, or whole words.
    pub fn is_end(&self, state: &State) -> bool {
        state.iter().any(|&at| self.nodes[at as usize].is_end)
    }

    pub fn step(&self, state: &State, byte: u8) -> State {
        if is_passed_over(byte) {
            return state.clone();
        }
        let byte = byte.to_ascii_lowercase();
        let mut next = State::new();
        for &at in state {
            let node = &self.nodes[at as usize];
            let begins_anew = (node.is_end && self.repeats).then_some(ROOT);
            for from in [Some(at), begins_anew].into_iter().flatten() {
                let next_of = &self.nodes[from as usize].next;
                if let Ok(found) = next_of.binary_search_by_key(&byte, |(key, _)| *key)
                    && !next.contains(&next_of[found].1)
                    && next.len() < MOST
                {
                    next.push(next_of[found].1);
                }
            }
        }
        next
    }
}

/// What is written and not said.
pub fn is_passed_over(byte: u8) -> bool {
    byte.is_ascii() && !byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(automaton: &Automaton, text: &str) -> bool {
        let end = text.bytes().fold(automaton.start(), |state, byte| {
            automaton.step(&state, byte)
        });
        automaton.is_end(&end)
    }

    #[test]
    fn a_phrase_is_the_same_however_it_is_written() {
        let automaton =
            Automaton::of_phrases(["track", "track my parcel", "that's right", "查快递"]);
        for text in [
            "track",
            " Track my parcel.",
            "TRACK",
            "Thats, right!",
            "查快递",
        ] {
            assert!(reads(&automaton, text), "{text}");
        }
        for text in ["", " ", "trac", "track my", "track track", "查快", "tracks"] {
            assert!(!reads(&automaton, text), "{text}");
        }
    }

    #[test]
    fn words_repeat_and_may_begin_alike() {
        let automaton = Automaton::of_words(["six", "sixteen", "teen", "ten", "8"]);
        for text in ["six", "sixteen", "Six, ten", "sixsixteen 8 8", "six teen"] {
            assert!(reads(&automaton, text), "{text}");
        }
        assert!(!reads(&automaton, "six seven"));
        assert!(!reads(&automaton, "sixt"));
    }

    #[test]
    fn nothing_is_no_phrase() {
        let automaton = Automaton::of_phrases(["", "…"]);
        assert!(automaton.is_empty());
        assert!(!reads(&automaton, ""));
    }
}
