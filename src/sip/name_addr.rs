//! `name-addr` and `addr-spec` with parameters: From, To, Contact, Route and their kin.

use crate::sip::error::Malformed;
use crate::sip::lexer;
use crate::sip::params::Params;
use crate::sip::uri::Uri;
use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAddr {
    /// The display name as written, quotes included.
    pub display: Option<Box<[u8]>>,
    pub uri: Uri,
    /// The header's parameters, not the URI's.
    pub params: Params,
}

impl NameAddr {
    pub fn new(uri: impl Into<Uri>) -> NameAddr {
        NameAddr {
            display: None,
            uri: uri.into(),
            params: Params::default(),
        }
    }

    pub fn with_tag(mut self, tag: &str) -> NameAddr {
        self.params.set("tag", Some(tag));
        self
    }

    pub fn parse(text: &[u8]) -> Result<NameAddr, Malformed> {
        let text = lexer::trim(text);
        let (display, rest) = display_name(text)?;
        let Some(rest) = rest.strip_prefix(b"<") else {
            return addr_spec(rest);
        };
        let (uri, params) =
            lexer::split_once(rest, b'>').ok_or(Malformed("Unclosed angle bracket"))?;
        Ok(NameAddr {
            display: display.map(Into::into),
            uri: Uri::parse(lexer::trim(uri))?,
            params: Params::parse(params)?,
        })
    }

    /// The tag; none if it is absent or empty.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// A Contact's `q` (RFC 3261, 20.10) in thousandths; without one, 1000.
    pub fn preference(&self) -> u32 {
        let q = self.params.get("q").and_then(|q| q.parse::<f32>().ok());
        q.map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u32)
    }

    /// The display name without quotes and escapes; what is no UTF-8 is replaced (U+FFFD).
    pub fn display_name(&self) -> Option<String> {
        let name = lexer::unquote(self.display.as_deref()?);
        Some(String::from_utf8_lossy(&name).into_owned())
    }

    /// The value's octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        if let Some(display) = &self.display {
            out.extend_from_slice(display);
            out.push(b' ');
        }
        out.push(b'<');
        out.extend_from_slice(self.uri.to_string().as_bytes());
        out.push(b'>');
        self.params.write(&mut out);
        out
    }
}

/// The display name, if any, and what follows it from the `<` on. Without a `<`, all of the text.
fn display_name(text: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Malformed> {
    let bad = Malformed("Malformed display name");
    if text.starts_with(b"\"") {
        let (name, rest) = lexer::quoted_string(text).ok_or(Malformed("Unclosed quote"))?;
        let rest = lexer::trim_start(rest);
        return if rest.starts_with(b"<") {
            Ok((Some(name), rest))
        } else {
            Err(bad)
        };
    }
    let Some(at) = text.iter().position(|b| *b == b'<') else {
        return Ok((None, text));
    };
    let (name, rest) = text.split_at_checked(at).ok_or(bad)?;
    let name = lexer::trim_end(name);
    // Only tokens may stand here unquoted, but phones write more: what cannot be misread is taken.
    if name.iter().any(|b| b",;:\"\\>\0".contains(b)) {
        return Err(bad);
    }
    Ok(((!name.is_empty()).then_some(name), rest))
}

/// Without brackets, all parameters are the header's, and the URI may have no comma, semicolon or
/// question mark (RFC 3261, 20).
fn addr_spec(text: &[u8]) -> Result<NameAddr, Malformed> {
    let at = text.iter().position(|b| *b == b';').unwrap_or(text.len());
    let (uri, params) = text
        .split_at_checked(at)
        .ok_or(Malformed("Malformed address"))?;
    if uri.iter().any(|b| b"?,>".contains(b)) {
        return Err(Malformed("Address needs angle brackets"));
    }
    Ok(NameAddr {
        display: None,
        uri: Uri::parse(lexer::trim_end(uri))?,
        params: Params::parse(params)?,
    })
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The display name, URI and parameters, or the fault.
    fn check(text: &str, expected: Result<(Option<&str>, &str, &str), &str>) {
        let read = NameAddr::parse(text.as_bytes());
        let shown = read
            .as_ref()
            .map(|a| (a.display_name(), a.uri.to_string(), a.params.to_string()));
        let shown = shown
            .as_ref()
            .map(|(d, u, p)| (d.as_deref(), u.as_str(), p.as_str()));
        assert_eq!(shown.map_err(|e| e.0), expected, "{text}");
    }

    #[test]
    fn display_names() {
        check("<sip:a@h>", Ok((None, "sip:a@h", "")));
        check("Alice  <sip:a@h>", Ok((Some("Alice"), "sip:a@h", "")));
        check(
            "Al.ice Smith<sip:a@h>",
            Ok((Some("Al.ice Smith"), "sip:a@h", "")),
        );
        check(
            r#""A \"<x>\\" <sip:a@h>"#,
            Ok((Some(r#"A "<x>\"#), "sip:a@h", "")),
        );
        check("小明 <sip:a@h>", Ok((Some("小明"), "sip:a@h", "")));
        check("\"\" < sip:a@h >", Ok((Some(""), "sip:a@h", "")));
    }

    #[test]
    fn parameters_are_the_headers_only_outside_brackets() {
        check("<sip:a@h;lr>;tag=1", Ok((None, "sip:a@h;lr", ";tag=1")));
        check("sip:a@h;tag=1 ; x", Ok((None, "sip:a@h", ";tag=1;x")));
        check("tel:+441;tag=1", Ok((None, "tel:+441", ";tag=1")));
        check(
            "<sip:a@h> ; x = \";\\\"\"",
            Ok((None, "sip:a@h", ";x=\";\\\"\"")),
        );
    }

    #[test]
    fn what_is_no_address() {
        check("", Err("Malformed URI"));
        check("*", Err("Malformed URI"));
        check("\"Alice <sip:a@h>", Err("Unclosed quote"));
        check("\"Alice\" sip:a@h", Err("Malformed display name"));
        check("Bell, Alexander <sip:a@h>", Err("Malformed display name"));
        check("<sip:a@h", Err("Unclosed angle bracket"));
        check("<sip:a@h>;;", Err("Malformed parameter"));
        check("<sip:a@h> x", Err("Malformed parameter"));
        check("sip:a@h?x=y", Err("Address needs angle brackets"));
    }

    #[test]
    fn our_own_addresses_are_in_brackets() {
        let uri: Uri = "sip:a@h".parse().expect("a URI");
        let address = NameAddr::new(uri).with_tag("t");
        assert_eq!(address.to_string(), "<sip:a@h>;tag=t");
        assert_eq!(address.tag(), Some("t"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            text in "(\"([a-z<>,;é]|\\\\\"){0,4}\" ?|[a-z.]{0,4} ?)<sip:[a-z;=]{1,4}@[a-z]{1,3}>(;[a-z]{1,2}(=[a-z\"]{0,3})?){0,2}"
        ) {
            if let Ok(address) = NameAddr::parse(text.as_bytes()) {
                prop_assert_eq!(NameAddr::parse(&address.to_bytes()), Ok(address));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = NameAddr::parse(&bytes);
            let _ = NameAddr::parse(&[b"\"a\" <sip:h>;", &bytes[..]].concat());
        }
    }
}
