//! The random part of our branches, tags and Call-IDs: 64 bits, so that a tag or branch of ours is
//! found again by number, and nobody guesses it.

use rand::Rng;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(u64);

impl Token {
    pub fn random(rng: &mut impl Rng) -> Self {
        Self(rng.next_u64())
    }

    /// The same for the same text; to be told by nobody who does not know the secret.
    pub fn derived(secret: [u64; 2], text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        secret.hash(&mut hasher);
        text.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// As [`Token`]'s `Display` writes it: 16 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 16 || !text.bytes().all(digit) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written() {
        let token = Token(0xbeef);
        assert_eq!(token.to_string(), "000000000000beef");
        assert_eq!(Token::parse(&token.to_string()), Some(token));
        for other in [
            "",
            "beef",
            "000000000000BEEF",
            "+00000000000beef",
            "00000000000000000",
        ] {
            assert_eq!(Token::parse(other), None, "{other}");
        }
    }
}
