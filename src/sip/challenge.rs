//! WWW-Authenticate and Proxy-Authenticate of the Digest scheme (RFC 7616, 3.3).

use crate::sip::digest::{Algorithm, Qop, digest_params, quote};
use crate::sip::error::Malformed;
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::lexer;

/// Challenges of one response; the others are not looked at.
const MAX_CHALLENGES: usize = 16;

/// WWW-Authenticate or Proxy-Authenticate of the Digest scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    pub algorithm: Algorithm,
    /// What is offered of what we know; empty where the header has no `qop` (RFC 2069).
    pub qop: Vec<Qop>,
    /// The credentials were right and only the nonce was old.
    pub stale: bool,
}

impl Challenge {
    /// The strongest challenge of a 401 (`Header::WwwAuthenticate`) or 407
    /// (`Header::ProxyAuthenticate`) that can be answered; the first of equals.
    pub fn strongest(headers: &Headers, header: Header) -> Option<Challenge> {
        let lines = headers
            .lines(header)
            .flat_map(|line| split_challenges(line));
        let challenges = lines
            .take(MAX_CHALLENGES)
            .filter_map(|c| Challenge::parse(&c).ok());
        challenges.reduce(|best, next| {
            if next.algorithm.hash > best.algorithm.hash {
                next
            } else {
                best
            }
        })
    }

    /// Reads one challenge. One that cannot be answered (another scheme, an unknown algorithm, no
    /// known `qop`) is an error.
    pub fn parse(text: &[u8]) -> Result<Challenge, Malformed> {
        let bad = Malformed("Challenge cannot be answered");
        let params = digest_params(text)?;
        let qop: Vec<Qop> = match params.get_unquoted("qop") {
            Some(offered) => offered.split(',').filter_map(Qop::parse).collect(),
            None => vec![],
        };
        if params.has("qop") && qop.is_empty() {
            return Err(bad);
        }
        Ok(Challenge {
            realm: params.get_unquoted("realm").ok_or(bad)?,
            nonce: params.get_unquoted("nonce").ok_or(bad)?,
            opaque: params.get_unquoted("opaque"),
            algorithm: Algorithm::of(&params)?,
            qop,
            stale: params
                .get_unquoted("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The header's value.
    pub fn to_value(&self) -> String {
        let mut text = format!(
            "Digest realm={}, nonce={}, algorithm={}",
            quote(&self.realm),
            quote(&self.nonce),
            self.algorithm
        );
        if let Some(opaque) = &self.opaque {
            text += &format!(", opaque={}", quote(opaque));
        }
        if !self.qop.is_empty() {
            let names: Vec<&str> = self.qop.iter().map(|qop| qop.name()).collect();
            text += &format!(", qop=\"{}\"", names.join(","));
        }
        if self.stale {
            text += ", stale=true";
        }
        text
    }
}

/// Splits a line at the commas that part challenges, not at those within one.
fn split_challenges(line: &[u8]) -> Vec<Vec<u8>> {
    let mut challenges: Vec<Vec<u8>> = vec![];
    for piece in lexer::split_list(line, b',') {
        let word = piece.iter().position(|byte| !lexer::is_token_byte(*byte));
        let after = word.and_then(|at| piece.get(at..)).unwrap_or_default();
        let continues = lexer::trim_start(after).starts_with(b"=");
        match challenges.last_mut() {
            Some(challenge) if continues => {
                challenge.push(b',');
                challenge.extend_from_slice(piece);
            }
            _ => challenges.push(piece.to_vec()),
        }
    }
    challenges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_challenge_that_can_be_answered_is_taken() {
        let mut headers = Headers::default();
        let mut strongest = |line: &'static str| {
            headers.push(Header::WwwAuthenticate, line);
            let challenge = Challenge::strongest(&headers, Header::WwwAuthenticate)?;
            Some(format!("{} {}", challenge.algorithm, challenge.nonce))
        };
        assert_eq!(strongest("Basic realm=\"x, y\""), None);
        assert_eq!(
            strongest("Digest realm=\"r\", nonce=\"0\", algorithm=SHA-9"),
            None
        );
        assert_eq!(
            strongest("Digest realm=\"r\", nonce=\"1\", qop=\"token\""),
            None
        );
        let md5 = "Digest realm=\"r, s\", nonce=\"2\",qop=\"auth,auth-int\"";
        assert_eq!(strongest(md5).as_deref(), Some("MD5 2"));
        let two = "NTLM, Digest nonce=\"3\", realm = \"r\", algorithm=sha-256, Basic realm=\"q\"";
        assert_eq!(strongest(two).as_deref(), Some("SHA-256 3"));
        let later = "digest realm=\"r\", nonce=\"4\", algorithm=SHA-256-sess";
        assert_eq!(strongest(later).as_deref(), Some("SHA-256 3"));
    }
}
