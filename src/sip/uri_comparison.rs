//! Which URIs name the same (RFC 3261, 19.1.4; RFC 3966, 5). `==` compares how they are written.

use crate::sip::escape::unescape_bytes;
use crate::sip::params::Params;
use crate::sip::uri::{SipUri, TelUri, Uri};
use std::collections::BTreeMap;

/// Parameters that a URI without them never equals, not even with the default value.
const NEVER_IGNORED: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri {
    /// Whether both name the same resource by their scheme's rules.
    pub fn equivalent(&self, other: &Uri) -> bool {
        match (self, other) {
            (Uri::Sip(a), Uri::Sip(b)) => sip_equivalent(a, b),
            (Uri::Tel(a), Uri::Tel(b)) => tel_equivalent(a, b),
            (Uri::Other { scheme: a, rest: x }, Uri::Other { scheme: b, rest: y }) => {
                a.eq_ignore_ascii_case(b) && x == y
            }
            _ => false,
        }
    }
}

fn sip_equivalent(a: &SipUri, b: &SipUri) -> bool {
    let text = |part: &Option<Box<str>>| part.as_deref().map(canonical);
    a.secure == b.secure
        && text(&a.user) == text(&b.user)
        && text(&a.password) == text(&b.password)
        && a.host == b.host
        && a.port == b.port
        && sip_params_match(&by_name(&a.params), &by_name(&b.params))
        && headers(a) == headers(b)
}

/// Those in both must match; most of those in one only are ignored.
fn sip_params_match(a: &Named, b: &Named) -> bool {
    let common = a
        .iter()
        .all(|(name, value)| b.get(name).is_none_or(|other| other == value));
    let lone = |name: &&str| a.contains_key(*name) != b.contains_key(*name);
    common && !NEVER_IGNORED.iter().any(lone)
}

fn tel_equivalent(a: &TelUri, b: &TelUri) -> bool {
    digits(&a.number) == digits(&b.number) && by_name(&a.params) == by_name(&b.params)
}

/// Without visual separators.
fn digits(number: &str) -> String {
    let digit = |c: &char| !matches!(c, '-' | '.' | '(' | ')');
    number
        .chars()
        .filter(digit)
        .collect::<String>()
        .to_ascii_lowercase()
}

type Named = BTreeMap<String, Option<String>>;

/// Names and values are compared without case, escapes undone.
fn by_name(params: &Params) -> Named {
    let lower = |text: &str| canonical(text).to_ascii_lowercase();
    let param = |(name, value): (&str, Option<&[u8]>)| {
        let value = value.map(|value| lower(&String::from_utf8_lossy(value)));
        (lower(name), value)
    };
    params.iter().map(param).collect()
}

/// In any order, but none is ever ignored.
fn headers(uri: &SipUri) -> Vec<String> {
    let text = uri.headers.as_deref().unwrap_or_default();
    let mut headers: Vec<String> = text
        .split('&')
        .map(|header| match header.split_once('=') {
            Some((name, value)) => format!("{}={}", name.to_ascii_lowercase(), canonical(value)),
            None => header.to_ascii_lowercase(),
        })
        .collect();
    headers.sort_unstable();
    headers
}

/// Escapes of what need not be escaped are undone, the others get one spelling: an escaped reserved
/// character is not the same as a bare one.
fn canonical(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let Some((escape, after)) = escape.split_at_checked(3) else {
            out.push_str(escape);
            return out;
        };
        rest = after;
        match unescape_bytes(escape)[..] {
            [byte] if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&escape.to_ascii_uppercase()),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn equivalent(a: &str, b: &str) -> bool {
        let uri = |text: &str| {
            text.parse::<Uri>()
                .unwrap_or_else(|e| panic!("{text}: {e}"))
        };
        assert_eq!(
            uri(a).equivalent(&uri(b)),
            uri(b).equivalent(&uri(a)),
            "{a} {b}"
        );
        uri(a).equivalent(&uri(b))
    }

    #[test]
    fn the_rfcs_equal_pairs() {
        for (a, b) in [
            (
                "sip:%61lice@atlanta.com;transport=TCP",
                "sip:alice@AtLanTa.CoM;Transport=tcp",
            ),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
            (
                "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
                "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            ),
            (
                "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
                "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            ),
            ("tel:+1-201-555-0123", "tel:+12015550123"),
            ("tel:863;phone-context=+1", "TEL:8-63;Phone-Context=+1"),
        ] {
            assert!(equivalent(a, b), "{a} {b}");
        }
    }

    #[test]
    fn the_rfcs_unequal_pairs() {
        for (a, b) in [
            (
                "SIP:ALICE@AtLanTa.CoM;Transport=udp",
                "sip:alice@AtLanTa.CoM;Transport=UDP",
            ),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            (
                "sip:bob@biloxi.com",
                "sip:bob@biloxi.com:6000;transport=tcp",
            ),
            (
                "sip:carol@chicago.com",
                "sip:carol@chicago.com?Subject=next%20meeting",
            ),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            (
                "sip:carol@chicago.com;security=on",
                "sip:carol@chicago.com;security=off",
            ),
            ("sip:a@h", "sips:a@h"),
            ("sip:h", "sip:a@h"),
            ("sip:a%3Bb@h", "sip:a;b@h"),
            ("sip:a@h", "sip:a:@h"),
            ("tel:+1", "tel:1"),
            ("tel:1", "sip:1@h"),
        ] {
            assert!(!equivalent(a, b), "{a} {b}");
        }
    }
}
