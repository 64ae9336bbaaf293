//! `host` and `hostport` (RFC 3261, 25.1; IPv6 references: RFC 5118).

use crate::sip::error::Malformed;
use crate::sip::lexer;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

#[derive(Debug, Clone)]
pub enum Host {
    Ip(IpAddr),
    Name(Box<str>),
}

impl Host {
    /// A host name, an IPv4 address, or an IPv6 reference in brackets.
    pub fn parse(text: &[u8]) -> Result<Host, Malformed> {
        if let Some(inner) = text.strip_prefix(b"[") {
            let inner = ascii(inner.strip_suffix(b"]").ok_or(BAD)?)?;
            return Ok(Host::Ip(parse_ipv6(inner).ok_or(BAD)?.into()));
        }
        let good = |b: &u8| b.is_ascii_alphanumeric() || b"-._".contains(b);
        if text.is_empty() || !text.iter().all(good) {
            return Err(BAD);
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

const BAD: Malformed = Malformed("Malformed host");

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

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Host::Ip(ip) => ip.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let read = Host::parse_with_port(text.as_bytes());
        let shown = read.map(|(host, port)| format!("{host} {port:?}"));
        assert_eq!(shown.as_deref().map_err(|e| e.0), expected, "{text}");
    }

    #[test]
    fn hosts_with_and_without_ports() {
        check("example.com", Ok("example.com None"));
        check(
            " a_b.example.com. : 5060 ",
            Ok("a_b.example.com. Some(5060)"),
        );
        check("192.0.2.1:0", Ok("192.0.2.1 Some(0)"));
        check("[2001:DB8::9:0001]", Ok("[2001:db8::9:1] None"));
        check(
            "[::ffff:192.0.2.1]:5060",
            Ok("[::ffff:192.0.2.1] Some(5060)"),
        );
        check("[2001:db8:::192.0.2.1]", Ok("[2001:db8::c000:201] None"));
        check("h:", Ok("h None"));
    }

    #[test]
    fn what_is_no_host() {
        check("", Err("Malformed host"));
        check(":5060", Err("Malformed host"));
        check("a b", Err("Malformed host"));
        check("[::1", Err("Malformed port"));
        check("[::1]x:1", Err("Malformed host"));
        check("[example.com]", Err("Malformed host"));
        check("2001:db8::1", Err("Malformed port"));
        check("h:65536", Err("Malformed port"));
        check("h:+1", Err("Malformed port"));
    }

    #[test]
    fn names_are_compared_without_case() {
        let host = |text: &str| Host::parse(text.as_bytes()).expect("a host");
        assert_eq!(host("Example.COM"), host("example.com"));
        assert_ne!(host("example.com"), host("example.org"));
        assert_eq!(host("[::1]"), host("[0:0::0:1]"));
    }
}
