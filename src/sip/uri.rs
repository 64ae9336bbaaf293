//! SIP, SIPS and tel URIs (RFC 3261, 19.1; RFC 3966).

use crate::sip::error::Malformed;
use crate::sip::lexer;
use crate::sip::params::Params;
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
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

#[derive(Debug, Clone)]
pub enum Host {
    Ip(IpAddr),
    Name(Box<str>),
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

impl Host {
    /// A host name, an IPv4 address, or an IPv6 reference in brackets.
    pub fn parse(text: &[u8]) -> Result<Host, Malformed> {
        if let Some(inner) = text.strip_prefix(b"[") {
            let inner = ascii(inner.strip_suffix(b"]").ok_or(BAD_HOST)?)?;
            return Ok(Host::Ip(parse_ipv6(inner).ok_or(BAD_HOST)?.into()));
        }
        let good = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b);
        if text.is_empty() || !text.iter().all(good) {
            return Err(BAD_HOST);
        }
        let text = ascii(text)?;
        Ok(match text.parse::<IpAddr>() {
            Ok(ip) => Host::Ip(ip),
            Err(_) => Host::Name(text.into()),
        })
    }

    /// `host` or `host:port`, white space allowed around the colon.
    pub fn parse_with_port(text: &[u8]) -> Result<(Host, Option<u16>), Malformed> {
        let text = lexer::trim(text);
        let colon_from = match text.iter().position(|b| *b == b']') {
            Some(bracket) if text.starts_with(b"[") => bracket,
            _ => 0,
        };
        let colon = text.iter().skip(colon_from).position(|b| *b == b':');
        let (host, port) = match colon.and_then(|c| text.split_at_checked(c + colon_from)) {
            Some((host, port)) => (host, port.get(1..)),
            None => (text, None),
        };
        let port = match port.map(lexer::trim) {
            None | Some(b"") => None,
            Some(port) => Some(lexer::decimal(port).ok_or(Malformed("Malformed port"))?),
        };
        Ok((Host::parse(lexer::trim_end(host))?, port))
    }

    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => None,
        }
    }
}

const BAD_HOST: Malformed = Malformed("Malformed host");

/// Host names are compared without regard to case.
impl PartialEq for Host {
    fn eq(&self, other: &Host) -> bool {
        match (self, other) {
            (Host::Ip(a), Host::Ip(b)) => a == b,
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }
}

impl Eq for Host {}

/// Takes the third colon too that RFC 3261's grammar wrongly allowed (RFC 5118, 4.10).
fn parse_ipv6(text: &str) -> Option<Ipv6Addr> {
    text.parse()
        .or_else(|_| text.replacen(":::", "::", 1).parse())
        .ok()
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

/// URIs are ASCII; bytes beyond are taken as if they had been escaped.
fn escape_non_ascii(text: &[u8]) -> Cow<'_, [u8]> {
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

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Ip(ip) => ip.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl From<SipUri> for Uri {
    fn from(uri: SipUri) -> Uri {
        Uri::Sip(uri)
    }
}
