//! Authorization and Proxy-Authorization of the Digest scheme (RFC 7616, 3.4).

use crate::sip::digest::{Algorithm, Qop, digest_params, quote};
use crate::sip::error::Malformed;
use std::fmt;

/// Authorization or Proxy-Authorization of the Digest scheme. The response and the user's name do
/// not show in Debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    pub username: String,
    pub realm: String,
    pub nonce: String,
    pub uri: String,
    pub algorithm: Algorithm,
    pub opaque: Option<String>,
    pub cnonce: Option<String>,
    /// The quality of protection with the nonce count.
    pub qop: Option<(Qop, u32)>,
    pub(crate) response: String,
}

impl Authorization {
    pub fn parse(text: &[u8]) -> Result<Authorization, Malformed> {
        let bad = Malformed("Malformed credentials");
        let params = digest_params(text)?;
        let value = |name| params.get_unquoted(name).ok_or(bad);
        let qop = match params.get_unquoted("qop") {
            None => None,
            Some(qop) => {
                let count = u32::from_str_radix(&value("nc")?, 16).map_err(|_| bad)?;
                Some((Qop::parse(&qop).ok_or(bad)?, count))
            }
        };
        let authorization = Authorization {
            username: value("username")?,
            realm: value("realm")?,
            nonce: value("nonce")?,
            uri: value("uri")?,
            algorithm: Algorithm::of(&params)?,
            opaque: params.get_unquoted("opaque"),
            cnonce: params.get_unquoted("cnonce"),
            qop,
            response: value("response")?,
        };
        let needs_cnonce = authorization.qop.is_some() || authorization.algorithm.session;
        if needs_cnonce && authorization.cnonce.is_none() {
            return Err(bad);
        }
        Ok(authorization)
    }

    /// Whether the response was made with this password for this request. That nonce, count, realm
    /// and `uri` are right is the caller's to check.
    pub fn verify(&self, password: &str, method: &str, body: &[u8]) -> bool {
        let expected = self.expected(password, method, body);
        same(
            expected.as_bytes(),
            self.response.to_ascii_lowercase().as_bytes(),
        )
    }

    /// Puts in the response that `password` makes.
    pub(crate) fn sign(&mut self, password: &str, method: &str, body: &[u8]) {
        self.response = self.expected(password, method, body);
    }

    fn expected(&self, password: &str, method: &str, body: &[u8]) -> String {
        let Algorithm { hash, session } = self.algorithm;
        let nonce = self.nonce.as_bytes();
        let cnonce = self.cnonce.as_deref().unwrap_or_default().as_bytes();
        let (user, realm) = (self.username.as_bytes(), self.realm.as_bytes());
        let mut a1 = hash.of(&[user, realm, password.as_bytes()]);
        if session {
            a1 = hash.of(&[a1.as_bytes(), nonce, cnonce]);
        }
        let (method, uri) = (method.as_bytes(), self.uri.as_bytes());
        let a2 = match self.qop {
            Some((Qop::AuthInt, _)) => hash.of(&[method, uri, hash.of(&[body]).as_bytes()]),
            _ => hash.of(&[method, uri]),
        };
        let (a1, a2) = (a1.as_bytes(), a2.as_bytes());
        match self.qop {
            None => hash.of(&[a1, nonce, a2]),
            Some((qop, count)) => {
                let count = format!("{count:08x}");
                let qop = qop.name().as_bytes();
                hash.of(&[a1, nonce, count.as_bytes(), cnonce, qop, a2])
            }
        }
    }

    pub(crate) fn to_value(&self) -> String {
        let mut text = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={}",
            quote(&self.username),
            quote(&self.realm),
            quote(&self.nonce),
            quote(&self.uri),
            self.response,
            self.algorithm
        );
        if let Some(cnonce) = &self.cnonce {
            text += &format!(", cnonce={}", quote(cnonce));
        }
        if let Some((qop, count)) = self.qop {
            text += &format!(", qop={}, nc={count:08x}", qop.name());
        }
        if let Some(opaque) = &self.opaque {
            text += &format!(", opaque={}", quote(opaque));
        }
        text
    }
}

/// Compares in a time that depends on the lengths only.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorization(realm {:?}, hidden)", self.realm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616, 3.9.1.
    fn rfc7616(algorithm: &str, response: &str) -> String {
        format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
             algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
             cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{response}\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    }

    #[test]
    fn the_rfcs_examples_verify() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let header = rfc7616(algorithm, response);
            let authorization = Authorization::parse(header.as_bytes()).expect("well-formed");
            assert!(authorization.verify("Circle of Life", "GET", b""));
            assert!(!authorization.verify("Circle of Lies", "GET", b""));
            assert!(!authorization.verify("Circle of Life", "POST", b""));
        }
    }

    /// RFC 2617, 3.5 without qop has RFC 2069's form.
    #[test]
    fn without_qop_the_old_form_is_used() {
        let header = b"Digest username=\"Mufasa\", realm=\"testrealm@host.com\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", uri=\"/dir/index.html\", \
            response=\"670fd8c2df070c60b045671b8b24ff02\"";
        let authorization = Authorization::parse(header).expect("well-formed");
        assert!(authorization.verify("Circle Of Life", "GET", b""));
    }
}
