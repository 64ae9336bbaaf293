//! Answers to the challenges of a leg's or a registration's peers (RFC 3261, 22).

use crate::sip::challenge::Challenge;
use crate::sip::digest::{Credentials, DigestClient};
use crate::sip::header::Header;
use crate::sip::message::{Request, Response};
use rand::Rng;

/// How often one request is sent anew because of challenges: the origin's, a proxy's, and a stale
/// nonce.
pub(super) const MAX_ATTEMPTS: u8 = 3;

/// Credentials, and the protection spaces that have asked for them.
#[derive(Debug)]
pub(super) struct Authorizer {
    credentials: Credentials,
    /// Of 401.
    origin: Option<DigestClient>,
    /// Of 407.
    proxy: Option<DigestClient>,
}

impl Authorizer {
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            origin: None,
            proxy: None,
        }
    }

    /// A 401 or 407 came. False when it cannot be answered, or when this request had been answered
    /// with the same credentials before (`again`) and they were wrong.
    pub fn challenged(&mut self, response: &Response, again: bool, rng: &mut impl Rng) -> bool {
        let (header, client) = match response.status {
            401 => (Header::WwwAuthenticate, &mut self.origin),
            _ => (Header::ProxyAuthenticate, &mut self.proxy),
        };
        let Some(challenge) = Challenge::strongest(&response.headers, header) else {
            return false;
        };
        match client {
            Some(client) if again => client.challenged_again(challenge),
            _ => {
                *client = Some(DigestClient::new(challenge, self.credentials.clone(), rng));
                true
            }
        }
    }

    /// A 2xx may name the nonce of the next request (RFC 3261, 20.6; RFC 7616, 3.5).
    pub fn accepted(&mut self, response: &Response) {
        let info = response.headers.get(Header::AuthenticationInfo);
        if let (Some(client), Some(info)) = (&mut self.origin, info) {
            client.authenticated(info);
        }
    }

    /// Puts what is known into a request, in advance or after a challenge.
    pub fn authorize(&mut self, request: &mut Request) {
        let uri = request.uri.to_string();
        let method = request.method.as_str();
        let spaces = [
            (Header::Authorization, &mut self.origin),
            (Header::ProxyAuthorization, &mut self.proxy),
        ];
        for (header, client) in spaces {
            if let Some(client) = client {
                let value = client.authorize(method, &uri, &request.body);
                request.headers.set(header, value);
            }
        }
    }
}
