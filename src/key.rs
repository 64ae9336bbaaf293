//! The sixteen keys of a telephone.

use serde::{Deserialize, Serialize};

/// One key. Its code is that of RFC 4733: 0–9, then `*` 10, `#` 11, A–D 12–15.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Key(u8);

impl Key {
    pub const ZERO: Key = Key(0);
    pub const ONE: Key = Key(1);
    pub const TWO: Key = Key(2);
    pub const STAR: Key = Key(10);
    pub const HASH: Key = Key(11);
    const SYMBOLS: &'static [u8; 16] = b"0123456789*#ABCD";

    /// The key of an RFC 4733 event code; codes above 15 are not keys.
    pub fn from_event_code(code: u8) -> Option<Key> {
        (code < 16).then_some(Key(code))
    }

    pub fn event_code(self) -> u8 {
        self.0
    }

    pub fn from_char(symbol: char) -> Option<Key> {
        let symbol = symbol.to_ascii_uppercase();
        let code = Self::SYMBOLS.iter().position(|&s| s as char == symbol)?;
        Some(Key(code as u8))
    }

    pub fn to_char(self) -> char {
        Self::SYMBOLS[self.0 as usize] as char
    }

    /// The key of a digit 0–9.
    pub fn of_digit(digit: u8) -> Option<Key> {
        (digit < 10).then_some(Key(digit))
    }

    /// The value of a digit key; `None` for `*`, `#` and A–D.
    pub fn digit(self) -> Option<u8> {
        (self.0 < 10).then_some(self.0)
    }
}

impl From<Key> for char {
    fn from(key: Key) -> char {
        key.to_char()
    }
}

impl TryFrom<char> for Key {
    type Error = String;

    fn try_from(symbol: char) -> Result<Key, String> {
        Key::from_char(symbol).ok_or_else(|| format!("`{symbol}` is not a telephone key"))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_char())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.to_char())
    }
}
