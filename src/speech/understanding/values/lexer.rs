//! A text as the pieces that values are made of: figures, words, characters, signs.

use crate::speech::understanding::{mandarin, normal};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// `1204`, `3.50`: without separators of thousands.
    Figures(String),
    Word(String),
    Han(char),
    Sign(char),
}

impl Piece {
    pub fn word(&self) -> &str {
        match self {
            Piece::Word(word) => word,
            _ => "",
        }
    }

    pub fn han(&self) -> Option<char> {
        match self {
            Piece::Han(symbol) => Some(*symbol),
            _ => None,
        }
    }

    pub fn figures(&self) -> Option<&str> {
        match self {
            Piece::Figures(figures) => Some(figures),
            _ => None,
        }
    }

    /// Figures without a fraction.
    pub fn whole(&self) -> Option<u32> {
        self.figures()?.parse().ok()
    }

    pub fn sign(&self) -> Option<char> {
        match self {
            Piece::Sign(sign) => Some(*sign),
            _ => None,
        }
    }
}

/// The minus of mathematics is there too.
const SIGNS: &str = "/:-.+$£€¥￥−";

pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let text = normal::text(text)
        .replace("p.m.", "pm ")
        .replace("a.m.", "am ");
    let text = text.replace("p.m", "pm").replace("a.m", "am");
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = text.as_str();
    while let Some(symbol) = rest.chars().next() {
        let length = if symbol.is_ascii_digit() {
            // 3.5.2026 is a date.
            let dotted = matches!(pieces[..], [.., Piece::Figures(_), Piece::Sign('.')]);
            let length = figures_length(rest, !dotted);
            pieces.push(Piece::Figures(rest[..length].replace(',', "")));
            length
        } else if mandarin::is_han(symbol) {
            pieces.push(Piece::Han(symbol));
            symbol.len_utf8()
        } else if symbol.is_alphabetic() {
            let ends = |c: char| !(c.is_alphabetic() && !mandarin::is_han(c) || c == '\'');
            let length = rest.find(ends).unwrap_or(rest.len());
            pieces.push(Piece::Word(
                rest[..length].trim_end_matches('\'').to_string(),
            ));
            length
        } else {
            let hyphen = symbol == '-' && matches!(pieces.last(), Some(Piece::Word(_)));
            if SIGNS.contains(symbol) && !hyphen {
                pieces.push(Piece::Sign(symbol));
            }
            symbol.len_utf8()
        };
        rest = &rest[length..];
    }
    pieces
}

/// Digits, with commas before groups of three and a fraction.
fn figures_length(text: &str, fraction: bool) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let run = bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit());
        run.count()
    };
    let mut end = digits(0);
    // 1,204
    while bytes.get(end) == Some(&b',') && digits(end + 1) == 3 {
        end += 4;
    }
    if !fraction || bytes.get(end) != Some(&b'.') {
        return end;
    }
    let places = digits(end + 1);
    let after = end + 1 + places;
    let goes_on =
        bytes.get(after) == Some(&b'.') && bytes.get(after + 1).is_some_and(u8::is_ascii_digit);
    if places > 0 && !goes_on { after } else { end }
}

/// What a value may have around it: the score of the value that took up all pieces but these.
pub(super) fn beside(others: &[Piece]) -> f32 {
    let text: Vec<String> = others
        .iter()
        .map(|piece| match piece {
            Piece::Word(word) => word.clone(),
            Piece::Han(symbol) => symbol.to_string(),
            Piece::Figures(figures) => figures.clone(),
            Piece::Sign(_) => String::new(),
        })
        .collect();
    let is_han = others.iter().any(|piece| piece.han().is_some());
    let text = text.join(if is_han { "" } else { " " });
    let tokens = crate::speech::understanding::tokens::of(&text, crate::language::Language::En);
    super::beside(&tokens.iter().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_their_fractions_and_lose_their_separators() {
        let told = |text: &str| format!("{:?}", pieces(text));
        assert_eq!(told("£1,204.50"), r#"[Sign('£'), Figures("1204.50")]"#);
        assert_eq!(told("20元"), r#"[Figures("20"), Han('元')]"#);
        assert_eq!(told("4 p.m."), r#"[Figures("4"), Word("pm")]"#);
        assert_eq!(
            told("3.5.2026"),
            r#"[Figures("3"), Sign('.'), Figures("5"), Sign('.'), Figures("2026")]"#
        );
        assert_eq!(told("1."), r#"[Figures("1"), Sign('.')]"#);
        assert_eq!(told("5 o'clock"), r#"[Figures("5"), Word("o'clock")]"#);
    }
}
