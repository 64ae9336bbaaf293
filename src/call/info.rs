//! Keys in the body of a SIP INFO: `application/dtmf-relay` (`Signal=5`) and `application/dtmf`
//! (`5`).

use crate::key::Key;

/// `None` for other bodies, and for signals that are no key.
pub fn key_of_info(content_type: &str, body: &[u8]) -> Option<Key> {
    let body = std::str::from_utf8(body).ok()?;
    let media_type = content_type.split(';').next()?.trim();
    let signal = if media_type.eq_ignore_ascii_case("application/dtmf-relay") {
        body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?
    } else if media_type.eq_ignore_ascii_case("application/dtmf") {
        body
    } else {
        return None;
    };
    key_of_signal(signal.trim())
}

/// One symbol, or the event code of `*` and `#` (some phones send 10 and 11).
fn key_of_signal(signal: &str) -> Option<Key> {
    let mut symbols = signal.chars();
    match (symbols.next(), symbols.next()) {
        (Some(symbol), None) => Key::from_char(symbol),
        _ => Key::from_event_code(signal.parse().ok()?),
    }
}

/// The body that sends `key`.
pub fn info_of_key(key: Key) -> String {
    format!("Signal={key}\r\nDuration=160\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bodies_are_understood() {
        let cases = [
            (
                "application/dtmf-relay",
                "Signal=5\r\nDuration=160\r\n",
                Some('5'),
            ),
            (
                "application/dtmf-relay",
                "Signal= *\nDuration= 250",
                Some('*'),
            ),
            (
                "Application/DTMF-Relay; charset=utf-8",
                "duration=1\r\nSIGNAL=11",
                Some('#'),
            ),
            ("application/dtmf", "0", Some('0')),
            ("application/dtmf", " 10\r\n", Some('*')),
            ("application/dtmf", "a", Some('A')),
            ("application/dtmf", "16", None),
            ("application/dtmf", "", None),
            ("application/dtmf-relay", "Duration=160", None),
            ("application/sdp", "5", None),
        ];
        for (content_type, body, expected) in cases {
            let key = key_of_info(content_type, body.as_bytes());
            assert_eq!(
                key,
                expected.and_then(Key::from_char),
                "{content_type} {body:?}"
            );
        }
        assert_eq!(key_of_info("application/dtmf", &[0xff, 0xfe]), None);
    }

    #[test]
    fn what_is_sent_is_understood() {
        let key = Key::HASH;
        let body = info_of_key(key);
        assert_eq!(
            key_of_info("application/dtmf-relay", body.as_bytes()),
            Some(key)
        );
    }
}
