//! Lookups: callers' data leaves only over connections that nobody reads on the way.

use super::Judge;
use crate::diagnostic::rules;
use crate::dialplan::model::{HttpMethod, NodeKind};
use std::net::IpAddr;

impl Judge<'_, '_, '_> {
    pub(super) fn addresses(&mut self) {
        for node in &self.dialplan.nodes {
            let NodeKind::Http(http) = &node.kind else {
                continue;
            };
            if is_secure(&http.url) {
                continue;
            }
            let method = match http.method {
                HttpMethod::Get => "get",
                HttpMethod::Post => "post",
            };
            let span = self.place(&["nodes", &node.name, "http", method]);
            let rest = http
                .url
                .split_once("://")
                .map_or(http.url.as_str(), |(_, rest)| rest);
            self.report.add(
                &rules::HTTP_NOT_SECURE,
                span,
                "The address does not begin with `https://`.",
                format!(
                    "Write \"https://{rest}\"; plain `http://` is for 127.0.0.1, ::1 and localhost."
                ),
            );
        }
    }
}

/// HTTPS, or HTTP that stays on this machine.
pub fn is_secure(url: &str) -> bool {
    if url.starts_with("https://") {
        return true;
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    // A user part, or a template, could hide another host.
    let plain = !authority.contains(['@', '{']);
    let loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    plain && (loopback || host == "localhost")
}

#[cfg(test)]
mod tests {
    use super::is_secure;

    #[test]
    fn only_https_or_this_machine() {
        for (url, secure) in [
            ("https://example.com/x", true),
            ("http://127.0.0.1:8060/demo", true),
            ("http://[::1]:80/", true),
            ("http://localhost/x", true),
            ("http://example.com/", false),
            ("http://127.0.0.1@evil.org/", false),
            ("http://127.0.0.1.evil.org/", false),
            ("http://{{ host }}/", false),
            ("ftp://127.0.0.1/", false),
            ("parcels.example.com", false),
        ] {
            assert_eq!(is_secure(url), secure, "{url}");
        }
    }
}
