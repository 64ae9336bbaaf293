//! The addresses that handoffs ring, and the patterns that allow them.

/// Whether `uri` is an address that can be rung; else why not.
pub fn check_uri(uri: &str) -> Result<(), &'static str> {
    let (scheme, rest) = uri
        .split_once(':')
        .ok_or("it has no `sip:`, `sips:` or `tel:`")?;
    if uri.len() > 256 {
        return Err("it is longer than 256 characters");
    }
    if uri
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"'))
    {
        return Err("it contains a space, a bracket or a quote");
    }
    match scheme.to_ascii_lowercase().as_str() {
        "sip" | "sips" => check_sip(rest),
        "tel" => check_tel(rest),
        _ => Err("only `sip:`, `sips:` and `tel:` can be rung"),
    }
}

fn check_sip(rest: &str) -> Result<(), &'static str> {
    if rest.contains('?') {
        return Err("it carries header fields after `?`");
    }
    let (user, host) = split_user(rest);
    if user.is_some_and(str::is_empty) {
        return Err("nothing stands before the `@`");
    }
    if user.is_some_and(|user| user.contains([':', '@'])) {
        return Err("it carries a password, or two `@`");
    }
    let (host, port) = split_port(host.split(';').next().unwrap_or(""));
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err("the port is no number from 1 to 65535");
    }
    let v6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Some(v6) = v6 {
        let good = v6.parse::<std::net::Ipv6Addr>().is_ok();
        return good.then_some(()).ok_or("the IPv6 address is wrong");
    }
    let label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    host.split('.')
        .all(label)
        .then_some(())
        .ok_or("the host name is wrong")
}

fn check_tel(rest: &str) -> Result<(), &'static str> {
    let number = rest.split(';').next().unwrap_or("");
    let digits = number.strip_prefix('+').unwrap_or(number);
    let good = digits
        .chars()
        .all(|c| c.is_ascii_digit() || "-.()*#".contains(c));
    if !good || !digits.contains(|c: char| c.is_ascii_digit()) {
        return Err("the number is no number");
    }
    if !number.starts_with('+') && !rest.contains(";phone-context=") {
        return Err("a number without `+` needs a `;phone-context=` (RFC 3966)");
    }
    Ok(())
}

fn split_user(rest: &str) -> (Option<&str>, &str) {
    match rest.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, rest),
    }
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    let after_v6 = host.rfind(']').map_or(0, |at| at + 1);
    match host[after_v6..].find(':') {
        Some(at) => (&host[..after_v6 + at], Some(&host[after_v6 + at + 1..])),
        None => (host, None),
    }
}

/// What the config allows to be rung: a URI in which `*` stands for any part of the user or of the
/// host, but for nothing beyond it. Parameters of the URI do not count; a pattern without a port
/// allows every port of that host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPattern {
    text: String,
    tel: bool,
    user: Option<String>,
    host: String,
    port: Option<String>,
}

impl TargetPattern {
    pub fn parse(text: &str) -> Result<TargetPattern, &'static str> {
        check_uri(&text.replace('*', "1"))?;
        let parts = Parts::of(text).ok_or("it has no `sip:`, `sips:` or `tel:`")?;
        Ok(TargetPattern {
            text: text.to_owned(),
            tel: parts.tel,
            user: parts.user.map(str::to_owned),
            host: parts.host.to_ascii_lowercase(),
            port: parts.port.map(str::to_owned),
        })
    }

    pub fn allows(&self, uri: &str) -> bool {
        let Some(parts) = Parts::of(uri) else {
            return false;
        };
        let user = match (&self.user, parts.user) {
            (Some(pattern), Some(user)) => glob(pattern, user),
            (None, None) => true,
            _ => false,
        };
        let port = self.port.is_none() || self.port.as_deref() == parts.port;
        let host = glob(&self.host, &parts.host.to_ascii_lowercase());
        self.tel == parts.tel && user && host && port
    }
}

impl std::fmt::Display for TargetPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts that a pattern looks at. A `tel:` number is a host without a user.
struct Parts<'a> {
    tel: bool,
    user: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(uri: &'a str) -> Option<Parts<'a>> {
        let (scheme, rest) = uri.split_once(':')?;
        let tel = match scheme.to_ascii_lowercase().as_str() {
            "sip" | "sips" => false,
            "tel" => true,
            _ => return None,
        };
        if tel {
            let host = rest.split(';').next()?;
            return Some(Parts {
                tel,
                user: None,
                host,
                port: None,
            });
        }
        // Two `@` are read in two ways; nothing that can be is allowed.
        if rest.matches('@').count() > 1 {
            return None;
        }
        let (user, host) = split_user(rest);
        let (host, port) = split_port(host.split([';', '?']).next()?);
        // `sip:123;phone-context=x@host`: the user's own parameters do not count either.
        let user = user.map(|user| user.split(';').next().unwrap_or(user));
        Some(Parts {
            tel,
            user,
            host,
            port,
        })
    }
}

/// The host of a URI, without its port; of a `tel:` URI the number.
pub fn host_of(uri: &str) -> Option<&str> {
    Parts::of(uri).map(|parts| parts.host)
}

/// `*` matches any run of characters. Linear but for the last star, which is enough here.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or("");
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        if let Some(middle) = last.replace(piece) {
            match rest.find(middle) {
                Some(at) => rest = &rest[at + middle.len()..],
                None => return false,
            }
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_that_can_be_rung() {
        for uri in [
            "sip:support@pbx.example.com",
            "sips:support@pbx.example.com:5061;transport=tls",
            "sip:10.0.0.7",
            "sip:a@[2001:db8::1]:5060",
            "tel:+44-1632-960000",
            "tel:7000;phone-context=example.com",
        ] {
            assert_eq!(check_uri(uri), Ok(()), "{uri}");
        }
        for (uri, reason) in [
            ("support", "it has no `sip:`"),
            ("http://example.com", "only `sip:`"),
            ("sip:@example.com", "nothing stands before"),
            ("sip:a:secret@example.com", "it carries a password"),
            ("sip:a b@example.com", "it contains a space"),
            ("sip:a@example..com", "the host name"),
            ("sip:", "the host name"),
            ("sip:a@b:0", "the port"),
            ("sip:a@b:sip", "the port"),
            ("sip:a@[::x]", "the IPv6"),
            ("sip:a@b?Subject=x", "it carries header"),
            ("tel:7000", "a number without `+`"),
            ("tel:+abc", "the number"),
        ] {
            let error = check_uri(uri).expect_err(uri);
            assert!(error.starts_with(reason), "{uri}: {error}");
        }
    }

    #[test]
    fn patterns_allow_only_what_they_say() {
        for (pattern, uri, allowed) in [
            (
                "sip:*@pbx.example.com",
                "sip:support@PBX.example.com;transport=tcp",
                true,
            ),
            (
                "sip:*@pbx.example.com",
                "sips:support@pbx.example.com:5061",
                true,
            ),
            ("sip:*@pbx.example.com", "sip:pbx.example.com", false),
            (
                "sip:*@pbx.example.com",
                "sip:a@pbx.example.com.evil.org",
                false,
            ),
            (
                "sip:*@pbx.example.com",
                "sip:a@evil.org;x=@pbx.example.com",
                false,
            ),
            ("sip:7*@*.example.com", "sip:71@a.b.example.com", true),
            ("sip:7*@*.example.com", "sip:81@a.example.com", false),
            ("sip:a@h:5060", "sip:a@h:5070", false),
            ("sip:a@h:5060", "sip:a@h", false),
            ("tel:+44*", "tel:+441632960000", true),
            ("tel:+44*", "tel:+4916", false),
            ("tel:+44*", "sip:+441632960000@h", false),
            ("sip:Ab@h", "sip:ab@h", false),
        ] {
            let pattern = TargetPattern::parse(pattern).expect("the test's patterns are right");
            assert_eq!(pattern.allows(uri), allowed, "{pattern} {uri}");
        }
        assert!(TargetPattern::parse("*").is_err());
        assert!(TargetPattern::parse("sip:*:x@h").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(sip:|tel:|)[a*@:;?\\[\\].欢0-9-]{0,30}", other in "(sip:|tel:)[a@:;.]{0,9}") {
            let _ = check_uri(&text);
            if let Ok(pattern) = TargetPattern::parse(&text) {
                pattern.allows(&other);
            }
        }
    }
}
