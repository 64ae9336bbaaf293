//! Via (RFC 3261, 20.42; `rport`: RFC 3581).

use crate::sip::error::Malformed;
use crate::sip::host::Host;
use crate::sip::lexer;
use crate::sip::params::Params;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What every branch made by RFC 3261's rules begins with.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    pub transport: Transport,
    /// `sent-by`.
    pub host: Host,
    pub port: Option<u16>,
    pub params: Params,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    Sctp,
    Ws,
    Wss,
    Other(Box<str>),
}

impl Via {
    /// A Via of our own, with `rport` asked for.
    pub fn new(transport: Transport, sent_by: SocketAddr, branch: &str) -> Via {
        let mut params = Params::default();
        params.set("branch", Some(branch));
        params.set("rport", None);
        Via {
            transport,
            host: Host::Ip(sent_by.ip()),
            port: Some(sent_by.port()),
            params,
        }
    }

    pub fn parse(text: &[u8]) -> Result<Via, Malformed> {
        let (protocol, rest) = lexer::split_once(text, b'/').ok_or(BAD)?;
        let (version, rest) = lexer::split_once(rest, b'/').ok_or(BAD)?;
        let sip = lexer::trim(protocol).eq_ignore_ascii_case(b"SIP");
        if !sip || lexer::trim(version) != b"2.0" {
            return Err(BAD);
        }
        let rest = lexer::trim(rest);
        let at = rest.iter().position(|b| lexer::is_lws(*b)).ok_or(BAD)?;
        let (transport, rest) = rest.split_at_checked(at).ok_or(BAD)?;
        let params_at = rest.iter().position(|b| *b == b';').unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at_checked(params_at).ok_or(BAD)?;
        let (host, port) = Host::parse_with_port(sent_by)?;
        Ok(Via {
            transport: Transport::parse(transport).ok_or(BAD)?,
            host,
            port,
            params: Params::parse(params)?,
        })
    }

    /// The branch, whatever it looks like.
    pub fn branch(&self) -> Option<&str> {
        self.params
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// The branch if it names a transaction by RFC 3261's rules: the magic cookie and more behind it.
    pub fn rfc3261_branch(&self) -> Option<&str> {
        let cookie = |branch: &&str| {
            branch.len() > MAGIC_COOKIE.len()
                && branch
                    .get(..MAGIC_COOKIE.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
        };
        self.branch().filter(cookie)
    }

    /// Notes where the request came from (RFC 3261, 18.2.1; RFC 3581, 4): `received` if `sent-by`
    /// says otherwise or `rport` asks, and `rport`'s value. A `received` that the peer wrote itself
    /// goes: it would send our responses to a third party.
    pub fn mark_received(&mut self, source: SocketAddr) {
        let ip = source.ip().to_canonical();
        let asked = self.params.has("rport");
        self.params.remove("received");
        if asked {
            self.params.set("rport", Some(&source.port().to_string()));
        }
        if asked || self.host.ip().map(|host| host.to_canonical()) != Some(ip) {
            self.params.set("received", Some(&ip.to_string()));
        }
    }

    /// `received`, with or without brackets around an IPv6 address.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        inner.unwrap_or(text).parse().ok()
    }

    /// `rport`'s value: the port that the next hop saw us at.
    pub fn rport(&self) -> Option<u16> {
        lexer::decimal(self.params.get_bytes("rport")?)
    }

    /// The value's octets.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = format!("SIP/2.0/{} {}", self.transport, self.host).into_bytes();
        if let Some(port) = self.port {
            out.extend_from_slice(format!(":{port}").as_bytes());
        }
        self.params.write(&mut out);
        out
    }
}

const BAD: Malformed = Malformed("Malformed Via");

impl Transport {
    fn parse(text: &[u8]) -> Option<Transport> {
        let text = lexer::token(text)?;
        let known = [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Sctp,
            Transport::Ws,
            Transport::Wss,
        ];
        let same = |known: &Transport| known.as_str().eq_ignore_ascii_case(text);
        Some(
            known
                .into_iter()
                .find(same)
                .unwrap_or(Transport::Other(text.into())),
        )
    }

    pub fn as_str(&self) -> &str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Sctp => "SCTP",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
            Transport::Other(name) => name,
        }
    }

    /// Whether the transport delivers in order and without loss, so that nothing is sent again.
    pub fn is_reliable(&self) -> bool {
        *self != Transport::Udp
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn via(text: &str) -> Via {
        Via::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn spaces_and_case_do_not_matter() {
        let spaced = via("sip / 2.0\t/udp  Example.com : 5060 ; branch = z9hG4bK1 ;rport");
        assert_eq!(
            spaced.to_string(),
            "SIP/2.0/UDP Example.com:5060;branch=z9hG4bK1;rport"
        );
        assert_eq!(
            via("SIP/2.0/X-RAY h").transport,
            Transport::Other("X-RAY".into())
        );
    }

    #[test]
    fn what_is_no_via() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0 h",
            "SIP/3.0/UDP h",
            "HTTP/2.0/TCP h",
            "SIP/2.0/UDP h;",
            "SIP/2.0/UDP h;;x",
            "SIP/2.0/U DP h",
            "SIP/2.0/UDP h h",
            "SIP/2.0/UDP 2001:db8::1",
        ] {
            assert!(Via::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    fn marked(text: &str, source: &str) -> String {
        let mut via = via(text);
        via.mark_received(source.parse().expect("an address"));
        via.to_string()
    }

    #[test]
    fn received_is_noted_where_it_tells_something() {
        let same = marked("SIP/2.0/UDP 192.0.2.1:5060;branch=b", "192.0.2.1:9");
        assert_eq!(same, "SIP/2.0/UDP 192.0.2.1:5060;branch=b");
        let other = marked("SIP/2.0/UDP 10.0.0.1;branch=b", "192.0.2.1:9");
        assert_eq!(other, "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.1");
        let name = marked("SIP/2.0/UDP h", "[2001:db8::1]:9");
        assert_eq!(name, "SIP/2.0/UDP h;received=2001:db8::1");
        let mapped = marked("SIP/2.0/UDP 192.0.2.1", "[::ffff:192.0.2.1]:9");
        assert_eq!(mapped, "SIP/2.0/UDP 192.0.2.1");
    }

    #[test]
    fn rport_is_filled_when_asked() {
        let asked = marked("SIP/2.0/UDP 192.0.2.1;rport;branch=b", "192.0.2.1:9");
        assert_eq!(
            asked,
            "SIP/2.0/UDP 192.0.2.1;rport=9;branch=b;received=192.0.2.1"
        );
    }

    #[test]
    fn a_peers_own_received_is_not_believed() {
        let spoofed = marked(
            "SIP/2.0/UDP 192.0.2.1;received=203.0.113.9;rport=1",
            "192.0.2.1:9",
        );
        assert_eq!(spoofed, "SIP/2.0/UDP 192.0.2.1;rport=9;received=192.0.2.1");
    }

    #[test]
    fn other_parameters_keep_their_bytes() {
        let mut via = Via::parse(b"SIP/2.0/UDP h;x=\"\xff;\";branch=b").expect("a Via");
        via.mark_received("192.0.2.1:9".parse().expect("an address"));
        assert_eq!(
            via.to_bytes(),
            b"SIP/2.0/UDP h;x=\"\xff;\";branch=b;received=192.0.2.1"
        );
    }

    #[test]
    fn branches_by_rfc3261_have_more_than_the_cookie() {
        let branch = |text| via(text).rfc3261_branch().map(str::to_owned);
        assert_eq!(
            branch("SIP/2.0/UDP h;branch=Z9HG4BKx").as_deref(),
            Some("Z9HG4BKx")
        );
        assert_eq!(branch("SIP/2.0/UDP h;branch=z9hG4bK"), None);
        assert_eq!(branch("SIP/2.0/UDP h;branch="), None);
        assert_eq!(branch("SIP/2.0/UDP h;branch=1"), None);
    }
}
