//! The lexical ground of SIP's grammar (RFC 3261, 25.1): tokens, white space, quoted strings, lists.

/// `token` characters.
pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// The text if it is a whole `token`.
pub fn token(text: &[u8]) -> Option<&str> {
    if text.is_empty() || !text.iter().copied().all(is_token_byte) {
        return None;
    }
    std::str::from_utf8(text).ok()
}

/// White space within a header value: what folding leaves, too.
pub fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

pub fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_lws(*first)
    {
        text = rest;
    }
    text
}

pub fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_lws(*last)
    {
        text = rest;
    }
    text
}

/// Splits at the first `separator`.
pub fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..at], text.get(at + 1..).unwrap_or_default()))
}

/// The quoted string that `text` begins with, quotes included, and what follows it.
pub fn quoted_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut bytes = text.iter().enumerate();
    if bytes.next()?.1 != &b'"' {
        return None;
    }
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next()?;
            }
            b'"' => return text.split_at_checked(at + 1),
            _ => {}
        }
    }
    None
}

/// The content of a quoted string with its escapes undone; other text as it is.
pub fn unquote(text: &[u8]) -> Vec<u8> {
    let Some(inner) = text.strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")) else {
        return text.to_vec();
    };
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next()),
            _ => out.push(*byte),
        }
    }
    out
}

/// Puts `text` into quotes, escaping what must be.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    out.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out.push(b'"');
    out
}

/// Splits at every `separator` that is in no quoted string and not between `<` and `>`. The pieces
/// are trimmed and may be empty; an empty text has one empty piece.
pub fn split_list(text: &[u8], separator: u8) -> SplitList<'_> {
    SplitList {
        rest: Some(text),
        separator,
    }
}

pub struct SplitList<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for SplitList<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let text = self.rest?;
        let (mut quoted, mut escaped, mut angled) = (false, false, false);
        for (at, byte) in text.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' if !angled => quoted = !quoted,
                b'<' if !quoted => angled = true,
                b'>' if !quoted => angled = false,
                byte if *byte == self.separator && !quoted && !angled => {
                    self.rest = text.get(at + 1..);
                    return Some(trim(&text[..at]));
                }
                _ => {}
            }
        }
        self.rest = None;
        Some(trim(text))
    }
}

/// A decimal number of digits only, `None` when it is none or too large.
pub fn decimal<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_quotes_and_brackets() {
        let text = br#""a, \"b" <sip:x,y@h>;q=1 , <sip:z@h>"#;
        let pieces: Vec<_> = split_list(text, b',').collect();
        assert_eq!(pieces, [&br#""a, \"b" <sip:x,y@h>;q=1"#[..], b"<sip:z@h>"]);
        assert_eq!(split_list(b"", b',').collect::<Vec<_>>(), [b""]);
    }

    #[test]
    fn quoted_strings_keep_escapes_and_odd_bytes() {
        let (quoted, rest) = quoted_string(b"\"a\\\"\xff\" <").expect("closed");
        assert_eq!(unquote(quoted), b"a\"\xff");
        assert_eq!(rest, b" <");
        assert_eq!(quote(b"a\"\xff"), quoted);
        assert_eq!(quoted_string(b"\"open\\\""), None);
    }

    #[test]
    fn decimals_neither_wrap_nor_take_signs() {
        assert_eq!(decimal::<u8>(b"255"), Some(255));
        assert_eq!(decimal::<u8>(b"256"), None);
        assert_eq!(decimal::<i32>(b"-1"), None);
        assert_eq!(decimal::<u8>(b"+1"), None);
    }
}
