//! Who may ask about agents, or for callers' messages.

use super::http::Console;
use crate::config::secret::Secret;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    /// The config has a token, and they do not know it.
    WithoutToken,
    /// Without a token, who asks by another machine's name.
    ByAName,
}

/// With a token who knows it, without one who asks this very machine.
pub(super) fn admit(console: &Console, headers: &HeaderMap) -> Result<(), NotAdmitted> {
    match &console.token {
        Some(token) if !knows(token, headers) => Err(NotAdmitted::WithoutToken),
        None if !names_this_machine(headers) => Err(NotAdmitted::ByAName),
        _ => Ok(()),
    }
}

impl IntoResponse for NotAdmitted {
    fn into_response(self) -> Response {
        let (status, told) = match self {
            NotAdmitted::WithoutToken => (
                StatusCode::UNAUTHORIZED,
                "send `Authorization: Bearer TOKEN` with the config's console token",
            ),
            NotAdmitted::ByAName => (
                StatusCode::FORBIDDEN,
                "ask by this machine's address, or give the console a token",
            ),
        };
        let mut response = (status, Json(serde_json::json!({ "error": told }))).into_response();
        if self == NotAdmitted::WithoutToken {
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Hashes are compared, so that the time tells nothing of the token.
fn knows(token: &Secret, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let digest = |text: &[u8]| Sha256::digest(text);
    given.is_some_and(|given| digest(given) == digest(token.expose().as_bytes()))
}

/// A page of somewhere else whose name leads to this machine could have a browser here send agents away
/// or ask for callers' voices: it would ask by that name.
fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    host.is_none_or(|host| {
        let without_port = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let bare = |host: &str| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        bare(host) || bare(without_port) || without_port == "localhost"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_elsewhere_does_not_ask_in_a_browsers_name() {
        let asked = |host: &'static str| {
            let value = HeaderValue::from_static(host);
            names_this_machine(&HeaderMap::from_iter([(header::HOST, value)]))
        };
        assert!(names_this_machine(&HeaderMap::new()));
        for here in [
            "127.0.0.1:8060",
            "localhost:8060",
            "[::1]:8060",
            "192.0.2.1",
        ] {
            assert!(asked(here), "{here}");
        }
        for elsewhere in [
            "evil.example:8060",
            "127.0.0.1.evil.example",
            "localhost.evil",
        ] {
            assert!(!asked(elsewhere), "{elsewhere}");
        }
    }
}
