//! `%` escapes in URIs (RFC 3261, 19.1.2).

use std::borrow::Cow;

/// URIs are ASCII; bytes beyond are taken as if they had been escaped.
pub(crate) fn escape_non_ascii(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() * 3);
    for byte in text {
        if byte.is_ascii() {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    Cow::Owned(out)
}

/// Escapes what may not stand in a user part.
pub fn escape_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Undoes `%` escapes; what is no UTF-8 then is replaced (U+FFFD).
pub fn unescape(text: &str) -> String {
    String::from_utf8_lossy(&unescape_bytes(text)).into_owned()
}

/// Undoes `%` escapes.
pub fn unescape_bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            _ => out.push(*first),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_parts_are_escaped_and_back() {
        assert_eq!(escape_user("al ice@#é"), "al%20ice%40%23%C3%A9");
        assert_eq!(unescape("al%20ice%40%23%C3%a9"), "al ice@#é");
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%4"), "%4");
        assert_eq!(unescape("%zz%00"), "%zz\0");
        assert_eq!(unescape_bytes("%FF"), [0xff]);
    }

    #[test]
    fn bytes_beyond_ascii_become_escapes() {
        assert_eq!(*escape_non_ascii(b"sip:\xff\xe9@h"), *b"sip:%FF%E9@h");
        assert_eq!(*escape_non_ascii(b"sip:%ff@h"), *b"sip:%ff@h");
    }
}
