//! SIP, SIPS and tel URIs (RFC 3261, 19.1; RFC 3966).

use crate::sip::error::Malformed;
use crate::sip::escape::{escape_non_ascii, escape_user, unescape};
use crate::sip::host::Host;
use crate::sip::lexer;
use crate::sip::params::Params;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// Any URI that may stand in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uri {
    Sip(SipUri),
    Tel(TelUri),
    /// A scheme that is not ours; kept as it was written.
    Other {
        scheme: Box<str>,
        rest: Box<str>,
    },
}

/// `sip:` and `sips:`. The parts keep their escapes as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipUri {
    /// `sips:`
    pub secure: bool,
    pub user: Option<Box<str>>,
    pub password: Option<Box<str>>,
    pub host: Host,
    pub port: Option<u16>,
    pub params: Params,
    /// What stands behind the `?`.
    pub headers: Option<Box<str>>,
}

/// `tel:`. The number is as written, visual separators included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelUri {
    pub number: Box<str>,
    pub params: Params,
}

impl Uri {
    pub fn parse(text: &[u8]) -> Result<Uri, Malformed> {
        let text = escape_non_ascii(text);
        let (scheme, rest) = lexer::split_once(&text, b':').ok_or(BAD)?;
        let scheme = scheme_text(scheme).ok_or(BAD)?;
        if rest.is_empty() || rest.iter().any(|b| *b <= b' ' || b"<>\"\x7f".contains(b)) {
            return Err(BAD);
        }
        if scheme.eq_ignore_ascii_case("sip") {
            Ok(Uri::Sip(parse_sip(false, rest)?))
        } else if scheme.eq_ignore_ascii_case("sips") {
            Ok(Uri::Sip(parse_sip(true, rest)?))
        } else if scheme.eq_ignore_ascii_case("tel") {
            Ok(Uri::Tel(parse_tel(rest)?))
        } else {
            Ok(Uri::Other {
                scheme: scheme.into(),
                rest: ascii(rest)?.into(),
            })
        }
    }

    pub fn as_sip(&self) -> Option<&SipUri> {
        match self {
            Uri::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// The user part or the telephone number, escapes undone; empty if there is none.
    pub fn user(&self) -> String {
        match self {
            Uri::Sip(uri) => uri.user.as_deref().map(unescape).unwrap_or_default(),
            Uri::Tel(uri) => uri.number.to_string(),
            Uri::Other { .. } => String::new(),
        }
    }

    /// The host, where the scheme has one.
    pub fn host(&self) -> Option<&Host> {
        Some(&self.as_sip()?.host)
    }

    /// A loose router (RFC 3261, 19.1.1).
    pub fn is_loose_router(&self) -> bool {
        self.as_sip().is_some_and(|uri| uri.params.has("lr"))
    }
}

const BAD: Malformed = Malformed("Malformed URI");

impl SipUri {
    /// `sip:host:port` of an address of ours.
    pub fn of(user: Option<&str>, address: SocketAddr) -> SipUri {
        SipUri {
            secure: false,
            user: user.map(|user| escape_user(user).into()),
            password: None,
            host: Host::Ip(address.ip()),
            port: Some(address.port()),
            params: Params::default(),
            headers: None,
        }
    }

    /// The `transport` parameter.
    pub fn transport(&self) -> Option<&str> {
        self.params.get("transport")
    }
}

fn ascii(text: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(text).map_err(|_| BAD)
}

fn scheme_text(text: &[u8]) -> Option<&str> {
    let good = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
    if !text.first()?.is_ascii_alphabetic() || !text.iter().all(good) {
        return None;
    }
    std::str::from_utf8(text).ok()
}

fn parse_sip(secure: bool, rest: &[u8]) -> Result<SipUri, Malformed> {
    let (userinfo, rest) = match lexer::split_once(rest, b'@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (user, password) = match userinfo {
        Some(info) => match lexer::split_once(info, b':') {
            Some((user, password)) => (Some(user), Some(password)),
            None => (Some(info), None),
        },
        None => (None, None),
    };
    let (rest, headers) = match lexer::split_once(rest, b'?') {
        Some((rest, headers)) => (rest, Some(headers)),
        None => (rest, None),
    };
    let params_at = rest.iter().position(|b| *b == b';').unwrap_or(rest.len());
    let (hostport, params) = rest.split_at_checked(params_at).ok_or(BAD)?;
    let (host, port) = Host::parse_with_port(hostport)?;
    if user == Some(b"") {
        return Err(BAD);
    }
    Ok(SipUri {
        secure,
        user: user.map(escaped_text).transpose()?,
        password: password.map(escaped_text).transpose()?,
        host,
        port,
        params: Params::parse(params)?,
        headers: headers.map(escaped_text).transpose()?,
    })
}

fn parse_tel(rest: &[u8]) -> Result<TelUri, Malformed> {
    let params_at = rest.iter().position(|b| *b == b';').unwrap_or(rest.len());
    let (number, params) = rest.split_at_checked(params_at).ok_or(BAD)?;
    let digits = number.strip_prefix(b"+").unwrap_or(number);
    let good = |b: &u8| b.is_ascii_hexdigit() || b"*#-.()".contains(b);
    if !digits.iter().all(good)
        || !digits
            .iter()
            .any(|b| b.is_ascii_hexdigit() || b"*#".contains(b))
    {
        return Err(Malformed("Malformed telephone number"));
    }
    Ok(TelUri {
        number: ascii(number)?.into(),
        params: Params::parse(params)?,
    })
}

/// Text in which every `%` begins an escape.
fn escaped_text(text: &[u8]) -> Result<Box<str>, Malformed> {
    let mut rest = text;
    while let Some((_, after)) = lexer::split_once(rest, b'%') {
        match after {
            [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest = after,
            _ => return Err(Malformed("Malformed escape in URI")),
        }
    }
    Ok(ascii(text)?.into())
}

impl FromStr for Uri {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Uri, Malformed> {
        Uri::parse(text.as_bytes())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Uri::Sip(uri) => uri.fmt(f),
            Uri::Tel(uri) => write!(f, "tel:{}{}", uri.number, uri.params),
            Uri::Other { scheme, rest } => write!(f, "{scheme}:{rest}"),
        }
    }
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            f.write_str("@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        if let Some(headers) = &self.headers {
            write!(f, "?{headers}")?;
        }
        Ok(())
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Uri {
        Uri::Sip(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sip(text: &str) -> SipUri {
        match text.parse() {
            Ok(Uri::Sip(uri)) => uri,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn sip_uris_fall_into_their_parts() {
        let uri = sip("SIPS:alice;day=tue:pw@[::1]:5061;transport=tcp;lr?subject=x&to=y");
        assert!(uri.secure && uri.params.has("LR"));
        assert_eq!(uri.user.as_deref(), Some("alice;day=tue"));
        assert_eq!(uri.password.as_deref(), Some("pw"));
        assert_eq!(
            (uri.host.to_string().as_str(), uri.port),
            ("[::1]", Some(5061))
        );
        assert_eq!(uri.transport(), Some("tcp"));
        assert_eq!(uri.headers.as_deref(), Some("subject=x&to=y"));
        let host_only = sip("sip:example.com");
        assert_eq!((host_only.user, host_only.port), (None, None));
    }

    #[test]
    fn telephone_numbers_and_foreign_schemes() {
        let tel: Uri = "tel:+44-20-7946;phone-context=example.com"
            .parse()
            .expect("a URI");
        assert_eq!(tel.user(), "+44-20-7946");
        assert_eq!("tel:*0#".parse::<Uri>().expect("a URI").user(), "*0#");
        let other: Uri = "soap.beep://192.0.2.103:3002".parse().expect("a URI");
        assert!(matches!(&other, Uri::Other { scheme, .. } if &**scheme == "soap.beep"));
        assert_eq!(other.to_string(), "soap.beep://192.0.2.103:3002");
    }

    #[test]
    fn what_is_no_uri() {
        for text in [
            "",
            ":",
            "sip:",
            "sip:@h",
            "sip:a@",
            "sip:a@b@c",
            "sip:a b@h",
            "<sip:a@h>",
            "alice@h",
            "sip:a%4@h",
            "sip:a@h;",
            "sip:a@h;;lr",
            "sip:a@h:x",
            "tel:",
            "tel:+",
            "tel:abc-xyz",
            "sip:2001:db8::10",
            "1sip:a@h",
        ] {
            assert!(text.parse::<Uri>().is_err(), "{text}");
        }
    }

    #[test]
    fn odd_bytes_in_a_user_become_escapes() {
        let uri = Uri::parse(b"sip:\xff\xfe@h").expect("taken");
        assert_eq!(uri.to_string(), "sip:%FF%FE@h");
    }

    #[test]
    fn our_own_uris_are_escaped() {
        let address = "[::1]:5060".parse().expect("an address");
        assert_eq!(
            SipUri::of(Some("a b"), address).to_string(),
            "sip:a%20b@[::1]:5060"
        );
        assert_eq!(SipUri::of(None, address).to_string(), "sip:[::1]:5060");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            text in "(sips?:([a-z%0-9;:?/#é]{1,8}@)?([a-z.]{1,9}|\\[::[0-9a-f]{1,4}\\]|1.2.3.4)(:[0-9]{1,5})?(;[a-z]{1,3}(=[a-z0-9%]{0,3})?){0,3}(\\?[a-z=&]{1,5})?|tel:[+]?[0-9*#-]{1,9}(;[a-z]=[a-z])?|[a-z]{1,5}:[!-~]{1,9})"
        ) {
            if let Ok(uri) = text.parse::<Uri>() {
                prop_assert_eq!(uri.to_string().parse::<Uri>(), Ok(uri));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Uri::parse(&bytes);
            let _ = Uri::parse(&[b"sip:", &bytes[..]].concat());
        }
    }
}
