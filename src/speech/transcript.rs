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
    /// Takes the next hypothesis of all that was said so far; the units that have become stable by
    /// it. One that contradicts what is stable adds nothing: what was told stays told.
    pub fn update(&mut self, hypothesis: &str) -> &[String] {
        let units = units(hypothesis);
        let known = self.stable.len();
        if !self.begins(&units) {
            self.tail.clear();
            return &[];
        }
        let mut new = units.into_iter().skip(known).peekable();
        for before in std::mem::take(&mut self.tail) {
            match new.next_if(|unit| is_same(unit, &before)) {
                Some(unit) => self.stable.push(unit),
                None => break,
            }
        }
        self.tail = new.collect();
        &self.stable[known..]
    }

    /// Whether a hypothesis leaves what is stable as it is.
    pub fn fits(&self, hypothesis: &str) -> bool {
        self.begins(&units(hypothesis))
    }

    fn begins(&self, units: &[String]) -> bool {
        let known = self.stable.len();
        units.len() >= known && self.stable.iter().zip(units).all(|(a, b)| is_same(a, b))
    }

    pub fn stable(&self) -> String {
        text(&self.stable)
    }

    /// With what may still change.
    pub fn all(&self) -> String {
        let all: Vec<String> = self.stable.iter().chain(&self.tail).cloned().collect();
        text(&all)
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

fn text(units: &[String]) -> String {
    let mut text = String::new();
    let mut after_word = false;
    for unit in units {
        let is_word = !unit.starts_with(is_ideograph);
        if is_word && after_word {
            text.push(' ');
        }
        text += unit;
        after_word = is_word;
    }
    text
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

    /// What is stable after each hypothesis.
    fn stable_after(hypotheses: &[&str]) -> Vec<String> {
        let mut transcript = Transcript::default();
        let after = hypotheses.iter().map(|hypothesis| {
            transcript.update(hypothesis);
            transcript.stable()
        });
        after.collect()
    }

    #[test]
    fn what_two_hypotheses_agree_on_is_stable() {
        let said = [
            "I won",
            "I want to",
            "I want two track",
            "I want to track my",
            "I want to track my parcel.",
        ];
        assert_eq!(
            stable_after(&said),
            ["", "I", "I want", "I want", "I want to track my"]
        );
        assert_eq!(stable_after(&["查", "查快", "查快递"]), ["", "查", "查快"]);
    }

    #[test]
    fn capitals_and_full_stops_do_not_matter() {
        let mut transcript = Transcript::default();
        transcript.update("Track");
        assert_eq!(transcript.update("track."), ["track."]);
        transcript.update("Track my parcel");
        assert_eq!(transcript.all(), "track. my parcel");
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
        for stable in &stable_after(&said)[1..] {
            assert_eq!(stable, "a refund please");
        }
    }

    #[test]
    fn mixed_scripts_keep_their_spaces() {
        let mut transcript = Transcript::default();
        for _ in 0..2 {
            transcript.update("我要 查 my parcel 谢谢");
        }
        assert_eq!(transcript.stable(), "我要查my parcel谢谢");
    }
}
