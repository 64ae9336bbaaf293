//! Digest authentication (RFC 8760, RFC 7616; RFC 3261, 22): its words, and the client's side.

use crate::sip::authorization::Authorization;
use crate::sip::challenge::Challenge;
use crate::sip::error::Malformed;
use crate::sip::lexer;
use crate::sip::params::Params;
use md5::Md5;
use rand::Rng;
use sha2::{Digest as _, Sha256, Sha512_256};
use std::fmt::{self, Write as _};

/// Weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hash {
    Md5,
    Sha256,
    Sha512Trunc256,
}

/// `session`: the `-sess` form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Algorithm {
    pub hash: Hash,
    pub session: bool,
}

/// Quality of protection; the names are the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qop {
    Auth,
    AuthInt,
}

/// A user's name and password. Neither shows in Debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl Algorithm {
    const DEFAULT: Algorithm = Algorithm {
        hash: Hash::Md5,
        session: false,
    };

    /// Of a header's parameters; MD5 where they name none.
    pub(crate) fn of(params: &Params) -> Result<Algorithm, Malformed> {
        match params.get_unquoted("algorithm") {
            None => Ok(Algorithm::DEFAULT),
            Some(name) => Algorithm::parse(&name).ok_or(Malformed("Unknown digest algorithm")),
        }
    }

    fn parse(text: &str) -> Option<Algorithm> {
        let (name, session) = match text.len().checked_sub("-sess".len()) {
            Some(at) if text.get(at..)?.eq_ignore_ascii_case("-sess") => (text.get(..at)?, true),
            _ => (text, false),
        };
        let hashes = [Hash::Md5, Hash::Sha256, Hash::Sha512Trunc256];
        let hash = hashes
            .into_iter()
            .find(|h| h.name().eq_ignore_ascii_case(name))?;
        Some(Algorithm { hash, session })
    }
}

impl Hash {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Hash::Md5 => "MD5",
            Hash::Sha256 => "SHA-256",
            Hash::Sha512Trunc256 => "SHA-512-256",
        }
    }

    /// The hash of the parts with colons between them, in hex.
    pub(crate) fn of(self, parts: &[&[u8]]) -> String {
        let text = parts.join(&b':');
        match self {
            Hash::Md5 => hex(&Md5::digest(text)),
            Hash::Sha256 => hex(&Sha256::digest(text)),
            Hash::Sha512Trunc256 => hex(&Sha512_256::digest(text)),
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

impl Qop {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Qop> {
        [Qop::Auth, Qop::AuthInt]
            .into_iter()
            .find(|qop| qop.name().eq_ignore_ascii_case(text.trim()))
    }
}

/// The client's side of one protection space: answers its challenge, counts the nonce's uses, and
/// goes on to the next nonce.
#[derive(Debug, Clone)]
pub struct DigestClient {
    challenge: Challenge,
    credentials: Credentials,
    uses: u32,
    /// The cnonce is one for a whole `-sess` session.
    cnonce: String,
}

impl DigestClient {
    pub fn new(challenge: Challenge, credentials: Credentials, rng: &mut impl Rng) -> DigestClient {
        DigestClient {
            challenge,
            credentials,
            uses: 0,
            cnonce: hex(&rng.next_u64().to_be_bytes()),
        }
    }

    /// Takes over another challenge: `false` if it is for the same nonce or again after a
    /// challenge that was not stale, so that the credentials are wrong and trying on is no use.
    pub fn challenged_again(&mut self, challenge: Challenge) -> bool {
        let useful = challenge.stale && challenge.nonce != self.challenge.nonce;
        self.challenge = challenge;
        self.uses = 0;
        useful
    }

    /// Takes over `nextnonce` from a 2xx's Authentication-Info.
    pub fn authenticated(&mut self, info: &[u8]) {
        let next = Params::parse_list(info, b',').ok();
        if let Some(nonce) = next.and_then(|params| params.get_unquoted("nextnonce")) {
            self.challenge.nonce = nonce;
            self.uses = 0;
        }
    }

    /// The value of Authorization (or Proxy-Authorization) for a request with this method,
    /// Request-URI and body.
    pub fn authorize(&mut self, method: &str, uri: &str, body: &[u8]) -> String {
        self.uses = self.uses.saturating_add(1);
        let challenge = &self.challenge;
        let qop = match challenge.qop[..] {
            [] => None,
            _ if challenge.qop.contains(&Qop::Auth) => Some(Qop::Auth),
            [first, ..] => Some(first),
        };
        let with_cnonce = qop.is_some() || challenge.algorithm.session;
        let mut authorization = Authorization {
            username: self.credentials.username.clone(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: uri.to_owned(),
            response: String::new(),
            algorithm: challenge.algorithm,
            opaque: challenge.opaque.clone(),
            cnonce: with_cnonce.then(|| self.cnonce.clone()),
            qop: qop.map(|qop| (qop, self.uses)),
        };
        authorization.sign(&self.credentials.password, method, body);
        authorization.to_value()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        f.write_str(if self.session { "-sess" } else { "" })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// The parameters behind the scheme `Digest`.
pub(crate) fn digest_params(text: &[u8]) -> Result<Params, Malformed> {
    let text = lexer::trim(text);
    match text.split_at_checked("Digest".len()) {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case(b"Digest")
                && rest.first().copied().is_some_and(lexer::is_lws) =>
        {
            Params::parse_list(rest, b',')
        }
        _ => Err(Malformed("Not the Digest scheme")),
    }
}

pub(crate) fn quote(text: &str) -> String {
    String::from_utf8(lexer::quote(text.as_bytes())).expect("quotes around UTF-8 are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::header::Header;
    use crate::sip::headers::Headers;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    fn credentials() -> Credentials {
        Credentials {
            username: "ali\"ce".to_owned(),
            password: "s3:cret".to_owned(),
        }
    }

    fn challenge(hash: Hash, session: bool, qop: &[Qop]) -> Challenge {
        Challenge {
            realm: "example.com".to_owned(),
            nonce: "n1".to_owned(),
            opaque: Some("o".to_owned()),
            algorithm: Algorithm { hash, session },
            qop: qop.to_vec(),
            stale: false,
        }
    }

    #[test]
    fn what_the_client_answers_the_server_verifies() {
        let mut rng = SmallRng::seed_from_u64(1);
        for hash in [Hash::Md5, Hash::Sha256, Hash::Sha512Trunc256] {
            for session in [false, true] {
                for qop in [
                    &[][..],
                    &[Qop::Auth],
                    &[Qop::AuthInt],
                    &[Qop::AuthInt, Qop::Auth],
                ] {
                    let challenge = challenge(hash, session, qop);
                    let text = challenge.to_value();
                    assert_eq!(Challenge::parse(text.as_bytes()), Ok(challenge.clone()));
                    let mut client = DigestClient::new(challenge, credentials(), &mut rng);
                    let value = client.authorize("INVITE", "sip:bob@example.com", b"v=0");
                    let authorization = Authorization::parse(value.as_bytes()).expect(&value);
                    assert!(authorization.verify("s3:cret", "INVITE", b"v=0"), "{value}");
                    assert!(!authorization.verify("secret", "INVITE", b"v=0"), "{value}");
                    let covers_body = qop == [Qop::AuthInt];
                    assert_eq!(
                        authorization.verify("s3:cret", "INVITE", b"v=1"),
                        !covers_body
                    );
                    assert_eq!(authorization.username, "ali\"ce");
                }
            }
        }
    }

    #[test]
    fn nonces_are_counted_and_followed() {
        let mut rng = SmallRng::seed_from_u64(2);
        let challenge = challenge(Hash::Sha256, false, &[Qop::Auth]);
        let mut client = DigestClient::new(challenge.clone(), credentials(), &mut rng);
        let next = |client: &mut DigestClient| {
            let value = client.authorize("REGISTER", "sip:example.com", b"");
            let authorization = Authorization::parse(value.as_bytes()).expect(&value);
            (authorization.nonce, authorization.qop.expect("qop").1)
        };
        assert_eq!(next(&mut client), ("n1".to_owned(), 1));
        assert_eq!(next(&mut client), ("n1".to_owned(), 2));
        client.authenticated(b"qop=auth, nextnonce=\"n2\"");
        assert_eq!(next(&mut client), ("n2".to_owned(), 1));
        let stale = |nonce: &str, stale| Challenge {
            nonce: nonce.to_owned(),
            stale,
            ..challenge.clone()
        };
        assert!(client.challenged_again(stale("n3", true)));
        assert_eq!(next(&mut client), ("n3".to_owned(), 1));
        assert!(
            !client.challenged_again(stale("n3", true)),
            "the same nonce again"
        );
        assert!(
            !client.challenged_again(stale("n4", false)),
            "wrong credentials"
        );
    }

    #[test]
    fn secrets_do_not_show() {
        let mut rng = SmallRng::seed_from_u64(3);
        let mut client =
            DigestClient::new(challenge(Hash::Md5, false, &[]), credentials(), &mut rng);
        let value = client.authorize("BYE", "sip:h", b"");
        let authorization = Authorization::parse(value.as_bytes()).expect("well-formed");
        let mut headers = Headers::default();
        headers.push(Header::Authorization, value);
        let shown = format!("{client:?} {authorization:?} {headers:?}");
        assert!(!shown.contains("cret") && !shown.contains("ali"), "{shown}");
    }
}
