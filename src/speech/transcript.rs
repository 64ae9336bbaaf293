//! What has been said so far, of a recognizer that changes its mind: only what it has said twice in a
//! row stays (LocalAgreement, Macháček and others 2023, with two hypotheses).

/// Of one utterance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// Never taken back.
    stable: Vec<String>,
    /// What the latest hypothesis has after it.
    tail: Vec<String>,
}

impl Transcript {
    /// Takes the next hypothesis of all that was said so far. One that contradicts what is stable
    /// adds nothing: what was told stays told.
    pub fn update(&mut self, hypothesis: &str) {
        let units = units(hypothesis);
        if !self.begins(&units) {
            self.tail.clear();
            return;
        }
        let mut new = units.into_iter().skip(self.stable.len()).peekable();
        for before in std::mem::take(&mut self.tail) {
            match new.next_if(|unit| is_same(unit, &before)) {
                Some(unit) => self.stable.push(unit),
                None => break,
            }
        }
        self.tail = new.collect();
    }

    /// Whether a hypothesis leaves what is stable as it is.
    pub fn fits(&self, hypothesis: &str) -> bool {
        self.begins(&units(hypothesis))
    }

    fn begins(&self, units: &[String]) -> bool {
        let known = self.stable.len();
        units.len() >= known && self.stable.iter().zip(units).all(|(a, b)| is_same(a, b))
    }
}

/// Words; a Chinese character is one of its own.
fn units(text: &str) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    let mut in_word = false;
    for symbol in text.chars() {
        if symbol.is_whitespace() {
            in_word = false;
        } else if is_ideograph(symbol) {
            units.push(symbol.to_string());
            in_word = false;
        } else {
            match units.last_mut().filter(|_| in_word) {
                Some(word) => word.push(symbol),
                None => units.push(symbol.to_string()),
            }
            in_word = true;
        }
    }
    units
}

fn is_ideograph(symbol: char) -> bool {
    matches!(symbol, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

/// A capital and a full stop come and go with the words after them.
fn is_same(a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    plain(a) == plain(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After these hypotheses.
    fn said(hypotheses: &[&str]) -> Transcript {
        let mut transcript = Transcript::default();
        for hypothesis in hypotheses {
            transcript.update(hypothesis);
        }
        transcript
    }

    /// After `hypotheses`, just `stable` is: it may go on in any way, and may not be shorter.
    fn assert_stable(hypotheses: &[&str], stable: &str) {
        let transcript = said(hypotheses);
        assert!(transcript.fits(stable), "{hypotheses:?}: {stable}");
        for more in ["zzz", "字"] {
            let longer = format!("{stable} {more}");
            assert!(transcript.fits(&longer), "{hypotheses:?}: {longer}");
        }
        if let Some((last, _)) = stable.char_indices().next_back() {
            let shorter = &stable[..last];
            assert!(!transcript.fits(shorter), "{hypotheses:?}: {shorter}");
        }
    }

    #[test]
    fn what_two_hypotheses_agree_on_is_stable() {
        let said = [
            ("I won", ""),
            ("I want to", "I"),
            ("I want two track", "I want"),
            ("I want to track my", "I want"),
            ("I want to track my parcel.", "I want to track my"),
        ];
        let hypotheses = said.map(|(hypothesis, _)| hypothesis);
        for (count, (_, stable)) in said.iter().enumerate() {
            assert_stable(&hypotheses[..=count], stable);
        }
        assert_stable(&["查", "查快", "查快递"], "查快");
    }

    #[test]
    fn capitals_and_full_stops_do_not_matter() {
        let transcript = said(&["Track", "track."]);
        for fits in ["Track", "track my parcel", "TRACK!"] {
            assert!(transcript.fits(fits), "{fits}");
        }
        assert!(!transcript.fits("tracks my parcel"));
    }

    #[test]
    fn what_is_stable_is_never_taken_back() {
        let said = [
            "a refund please",
            "a refund please",
            "a parcel please",
            "a",
            "a refund please now",
        ];
        for count in 2..=said.len() {
            assert_stable(&said[..count], "a refund please");
        }
    }

    #[test]
    fn a_character_is_a_word_of_its_own() {
        let twice = "我要 查 my parcel 谢谢";
        assert_stable(&[twice, twice], "我要查my parcel谢谢");
    }
}
