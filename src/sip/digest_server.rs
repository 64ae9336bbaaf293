//! The server's side of digest authentication (RFC 8760, RFC 7616, 3.3 to 3.6): challenges whose
//! nonces expire, and proofs that are good for one request each.
//!
//! A challenge costs no memory, so strangers can ask for any number: a nonce carries the time of its
//! making and a code that only its maker can make, for one source's address alone. So nobody who names
//! the address of somebody else has a nonce that is good there. Only nonces that a right password came
//! with are remembered, with the count that was used last.

use crate::sip::authorization::Authorization;
use crate::sip::challenge::Challenge;
use crate::sip::digest::{Algorithm, Hash, Qop};
use crate::sip::header::Header;
use crate::sip::message::Request;
use crate::sip::uri::Uri;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long a nonce can be answered.
const GOOD_FOR: Duration = Duration::from_secs(300);
/// Nonces whose counts are remembered; one more makes the oldest, and all before it, stale.
const MAX_USED: usize = 4096;
/// What a user's proof is made with.
#[derive(Clone, Copy)]
pub struct Key<'p> {
    pub password: &'p str,
    /// The only one that is taken: what nobody else offers, nobody talks a client down to.
    pub hash: Hash,
}

#[derive(Debug)]
pub struct DigestServer {
    realm: String,
    secret: [u8; 32],
    start: Instant,
    /// The last nonce's; they count from 1.
    serial: u64,
    /// By serial: when it was made, and the count that was used last.
    used: BTreeMap<u64, (Instant, u32)>,
    /// Nonces up to this one are stale, as nobody knows which of their counts were used.
    forgotten: u64,
}

#[derive(Debug, Clone, Copy)]
struct Nonce {
    made: Instant,
    serial: u64,
}

/// Why a request does not prove who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// It has no credentials for this realm.
    NotTried,
    /// The nonce is old, or was not given to that address, so that the password was not looked at; or
    /// it was used with this count.
    Stale,
    /// Nobody is called so, or the password is another: by who is at that address, as the nonce shows.
    Wrong,
}

impl DigestServer {
    /// `secret` must be one that nobody guesses.
    pub fn new(now: Instant, realm: impl Into<String>, secret: [u8; 32]) -> DigestServer {
        DigestServer {
            realm: realm.into(),
            secret,
            start: now,
            serial: 0,
            used: BTreeMap::new(),
            forgotten: 0,
        }
    }

    /// The value of WWW-Authenticate. One hash is offered: a client that does not know the first of
    /// several may give up, against the RFC. It can be answered from `source` only.
    pub fn challenge(&mut self, now: Instant, source: IpAddr, hash: Hash, stale: bool) -> String {
        let challenge = Challenge {
            realm: self.realm.clone(),
            nonce: self.nonce(now, source),
            opaque: None,
            algorithm: Algorithm {
                hash,
                session: false,
            },
            qop: vec![Qop::Auth],
            stale,
        };
        challenge.to_value()
    }

    /// Who sent the request from `source`, by what `key_of` has for the name. Each proof is taken once.
    ///
    /// The nonce comes first: what is said of a password without one would tell guessers whether it is
    /// right, or have somebody else's address pay for them.
    pub fn verify<'p>(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Request,
        key_of: impl Fn(&str) -> Option<Key<'p>>,
    ) -> Result<String, Unproven> {
        let lines = request.headers.lines(Header::Authorization);
        let authorization = lines
            .filter_map(|line| Authorization::parse(line).ok())
            .find(|authorization| authorization.realm == self.realm)
            .ok_or(Unproven::NotTried)?;
        let nonce = self.read(source, &authorization.nonce);
        let nonce = nonce.filter(|nonce| self.is_good(now, *nonce));
        let nonce = nonce.ok_or(Unproven::Stale)?;
        let key = key_of(&authorization.username);
        let hash = authorization.algorithm.hash;
        let is_for_this = is_for(&authorization, request);
        // As long for a name that nobody has.
        let (password, method) = (key.map_or("", |key| key.password), request.method.as_str());
        let is_right = authorization.verify(password, method, &request.body);
        let is_known = key.is_some_and(|key| key.hash == hash);
        if !is_known || !is_for_this || !is_right {
            return Err(Unproven::Wrong);
        }
        match self.use_up(now, nonce, &authorization) {
            true => Ok(authorization.username),
            false => Err(Unproven::Stale),
        }
    }

    /// One of several, the same each time for a name, and not to be foretold.
    pub fn pick<'t, T>(&self, name: &str, of: &'t [T]) -> Option<&'t T> {
        let code = Hash::Sha512Trunc256.of(&[&self.secret, b"name ", name.as_bytes()]);
        let number = code
            .get(..8)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok());
        of.get(number? as usize % of.len().max(1))
    }

    /// Milliseconds since the start, the serial, and the code for both and the source.
    fn nonce(&mut self, now: Instant, source: IpAddr) -> String {
        self.serial += 1;
        let made = now.saturating_duration_since(self.start).as_millis() as u64;
        let code = self.code(made, self.serial, source);
        format!("{made:x}.{:x}.{code}", self.serial)
    }

    fn code(&self, made: u64, serial: u64, source: IpAddr) -> String {
        let text = format!("{made:x}.{serial:x}.{}", source.to_canonical());
        Hash::Sha512Trunc256.of(&[&self.secret, text.as_bytes()])
    }

    /// A nonce of ours that was given to the source.
    fn read(&self, source: IpAddr, nonce: &str) -> Option<Nonce> {
        let mut parts = nonce.split('.');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (made, serial) = (number()?, number()?);
        if parts.next()? != self.code(made, serial, source) || parts.next().is_some() {
            return None;
        }
        let made = self.start.checked_add(Duration::from_millis(made))?;
        Some(Nonce { made, serial })
    }

    /// Whether it is young, and known not to be used up.
    fn is_good(&self, now: Instant, nonce: Nonce) -> bool {
        now < nonce.made + GOOD_FOR && nonce.serial > self.forgotten
    }

    /// Whether the nonce's count is new: then it is not any more.
    fn use_up(&mut self, now: Instant, nonce: Nonce, authorization: &Authorization) -> bool {
        self.forget(now);
        // Without a count a nonce is good once.
        let count = authorization.qop.map_or(u32::MAX, |(_, count)| count);
        let last = self.used.get(&nonce.serial).map_or(0, |(_, last)| *last);
        if count <= last {
            return false;
        }
        self.used.insert(nonce.serial, (nonce.made, count));
        if self.used.len() > MAX_USED
            && let Some((oldest, _)) = self.used.pop_first()
        {
            self.forgotten = oldest;
        }
        true
    }

    /// What has expired need not be remembered.
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.used.first_entry()
            && now >= oldest.get().0 + GOOD_FOR
        {
            oldest.remove();
        }
    }
}

/// Whether the credentials speak of this request's URI.
fn is_for(authorization: &Authorization, request: &Request) -> bool {
    let uri = Uri::parse(authorization.uri.as_bytes());
    uri.is_ok_and(|uri| uri == request.uri || uri.equivalent(&request.uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::digest::{Credentials, DigestClient};
    use crate::sip::method::Method;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;
    use std::net::Ipv4Addr;

    const URI: &str = "sip:127.0.0.1:5060";
    const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));

    fn server(now: Instant) -> DigestServer {
        DigestServer::new(now, "zeroline", [7; 32])
    }

    fn key_of(name: &str) -> Option<Key<'static>> {
        let hash = match name {
            "anna" => Hash::Md5,
            "ben" => Hash::Sha256,
            _ => return None,
        };
        let password = "secret";
        Some(Key { password, hash })
    }

    fn client(challenge: &str, name: &str, password: &str) -> DigestClient {
        let challenge = Challenge::parse(challenge.as_bytes()).expect("it is one");
        let credentials = Credentials {
            username: name.into(),
            password: password.into(),
        };
        DigestClient::new(challenge, credentials, &mut SmallRng::seed_from_u64(1))
    }

    fn register(authorization: String) -> Request {
        let uri: Uri = URI.parse().expect("it is a URI");
        let mut request = Request::new(Method::Register, uri);
        request.headers.push(Header::Authorization, authorization);
        request
    }

    fn verify(server: &mut DigestServer, now: Instant, line: &str) -> Result<String, Unproven> {
        server.verify(now, PHONE, &register(line.into()), key_of)
    }

    #[test]
    fn who_knows_the_password_proves_it_by_the_hash_of_theirs_and_each_proof_counts_once() {
        let now = Instant::now();
        let mut server = server(now);
        for (name, hash) in [("anna", Hash::Md5), ("ben", Hash::Sha256)] {
            let challenge = server.challenge(now, PHONE, hash, false);
            let mut client = client(&challenge, name, "secret");
            let first = client.authorize("REGISTER", URI, b"");
            let second = client.authorize("REGISTER", URI, b"");
            assert_eq!(verify(&mut server, now, &first), Ok(name.into()));
            assert_eq!(verify(&mut server, now, &first), Err(Unproven::Stale));
            assert_eq!(verify(&mut server, now, &second), Ok(name.into()));
            assert_eq!(verify(&mut server, now, &first), Err(Unproven::Stale));
        }
    }

    #[test]
    fn a_nonce_expires_and_nobody_else_makes_one() {
        let now = Instant::now();
        let mut server = server(now);
        let challenge = server.challenge(now, PHONE, Hash::Md5, false);
        let mut client = self::client(&challenge, "anna", "secret");
        let last = now + GOOD_FOR - Duration::from_millis(1);
        let line = client.authorize("REGISTER", URI, b"");
        assert_eq!(verify(&mut server, last, &line), Ok("anna".into()));
        let line = client.authorize("REGISTER", URI, b"");
        assert_eq!(
            verify(&mut server, now + GOOD_FOR, &line),
            Err(Unproven::Stale)
        );
        // Another server's, or one from before a restart.
        let mut other = DigestServer::new(now, "zeroline", [8; 32]);
        let challenge = other.challenge(now, PHONE, Hash::Md5, true);
        assert!(challenge.contains("stale=true"));
        let line = self::client(&challenge, "anna", "secret").authorize("REGISTER", URI, b"");
        assert_eq!(verify(&mut server, now, &line), Err(Unproven::Stale));
    }

    #[test]
    fn without_a_count_a_nonce_is_good_once() {
        let now = Instant::now();
        let mut server = server(now);
        let challenge = server.challenge(now, PHONE, Hash::Md5, false);
        let plain = challenge.replace(", qop=\"auth\"", "");
        let mut client = client(&plain, "anna", "secret");
        let line = client.authorize("REGISTER", URI, b"");
        assert!(!line.contains("nc="));
        assert_eq!(verify(&mut server, now, &line), Ok("anna".into()));
        assert_eq!(verify(&mut server, now, &line), Err(Unproven::Stale));
    }

    #[test]
    fn who_guesses_is_wrong() {
        let now = Instant::now();
        let mut server = server(now);
        let challenge = server.challenge(now, PHONE, Hash::Md5, false);
        for (name, password) in [("anna", "guess"), ("carl", "secret"), ("carl", "")] {
            let line = client(&challenge, name, password).authorize("REGISTER", URI, b"");
            assert_eq!(verify(&mut server, now, &line), Err(Unproven::Wrong));
        }
        let mut anna = client(&challenge, "anna", "secret");
        let other_method = anna.authorize("INVITE", URI, b"");
        let other_uri = anna.authorize("REGISTER", "sip:elsewhere.example", b"");
        for line in [other_method, other_uri] {
            assert_eq!(verify(&mut server, now, &line), Err(Unproven::Wrong));
        }
        // A weaker hash than hers is talked down to, and not taken.
        let weaker = client(&challenge, "ben", "secret").authorize("REGISTER", URI, b"");
        assert_eq!(verify(&mut server, now, &weaker), Err(Unproven::Wrong));
        let other_realm = challenge.replace("zeroline", "elsewhere");
        let line = client(&other_realm, "anna", "secret").authorize("REGISTER", URI, b"");
        assert_eq!(verify(&mut server, now, &line), Err(Unproven::NotTried));
        assert!(!server.used.contains_key(&1), "no guess is remembered");
    }

    /// Neither does who guesses learn by it whether a password is right, nor does somebody pay whose
    /// address another wrote on the packet.
    #[test]
    fn with_a_nonce_that_is_not_the_sources_no_password_is_looked_at() {
        let now = Instant::now();
        let mut server = server(now);
        let elsewhere = IpAddr::from([192, 0, 2, 10]);
        let theirs = server.challenge(now, elsewhere, Hash::Md5, false);
        let own = server.challenge(now, PHONE, Hash::Md5, false);
        let made_up = own.replace("nonce=\"", "nonce=\"1");
        for (challenge, at) in [(theirs, now), (made_up, now), (own, now + GOOD_FOR)] {
            for password in ["secret", "guess"] {
                let line = client(&challenge, "anna", password).authorize("REGISTER", URI, b"");
                let verified = verify(&mut server, at, &line);
                assert_eq!(verified, Err(Unproven::Stale), "{challenge} {password}");
            }
        }
    }

    #[test]
    fn a_telephone_is_known_by_both_kinds_of_socket() {
        let now = Instant::now();
        let mut server = server(now);
        let mapped = IpAddr::V6(Ipv4Addr::new(192, 0, 2, 9).to_ipv6_mapped());
        let challenge = server.challenge(now, mapped, Hash::Md5, false);
        let line = client(&challenge, "anna", "secret").authorize("REGISTER", URI, b"");
        assert_eq!(verify(&mut server, now, &line), Ok("anna".into()));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_cannot_be_repeated() {
        let now = Instant::now();
        let mut server = server(now);
        let mut lines = Vec::new();
        for _ in 0..MAX_USED + 10 {
            let challenge = server.challenge(now, PHONE, Hash::Md5, false);
            let line = client(&challenge, "anna", "secret").authorize("REGISTER", URI, b"");
            assert_eq!(verify(&mut server, now, &line), Ok("anna".into()));
            lines.push(line);
        }
        assert_eq!(server.used.len(), MAX_USED);
        for line in &lines {
            assert_eq!(verify(&mut server, now, line), Err(Unproven::Stale));
        }
        let challenge = server.challenge(now + GOOD_FOR, PHONE, Hash::Md5, false);
        let line = client(&challenge, "anna", "secret").authorize("REGISTER", URI, b"");
        assert_eq!(
            verify(&mut server, now + GOOD_FOR, &line),
            Ok("anna".into())
        );
        assert_eq!(server.used.len(), 1);
    }

    proptest! {
        #[test]
        fn no_credentials_panic(nonce in "[0-9a-f.]{0,90}", nc in "[0-9a-f]{0,9}", rest in ".{0,60}") {
            let now = Instant::now();
            let line = format!(
                "Digest username=\"anna\", realm=\"zeroline\", nonce=\"{nonce}\", nc={nc}, \
                 uri=\"{URI}\", qop=auth, cnonce=\"c\", response=\"{rest}\""
            );
            prop_assert!(verify(&mut server(now), now, &line).is_err());
        }
    }
}
