//! Trunks: the telephone companies and exchanges that calls come from and go to.

use super::network::parse_network;
use super::secret::{Password, Secret};
use crate::diagnostic::{Report, rules};
use crate::dialplan::targets::{check_uri, host_of};
use crate::yaml::{Entry, Node, read};
use ipnet::IpNet;
use read::Fields;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// Where to REGISTER; `None`: not at all.
    pub registrar: Option<String>,
    /// For digest, and the user part of our address there.
    pub user: Option<String>,
    pub password: Option<Password>,
    /// The From of calls that we make there.
    pub from: Option<String>,
    /// Calls go to this address instead of the target's own host.
    pub proxy: Option<String>,
    /// How long a registration lasts.
    pub expires: Duration,
    pub way: TrunkWay,
    /// How keys are sent there.
    pub keys: TrunkKeys,
    /// Calls from there are this trunk's, and allowed.
    pub networks: Vec<IpNet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrunkWay {
    /// Our own call to the target, joined with the caller's; the caller can come back.
    Bridged,
    /// REFER: the exchange passes the call on.
    Refer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrunkKeys {
    Rfc4733,
    Info,
    InBand,
}

impl Trunk {
    /// Whether `uri`'s host is that of the registrar or of the proxy.
    pub fn serves(&self, uri: &str) -> bool {
        let Some(host) = host_of(uri) else {
            return false;
        };
        [&self.registrar, &self.proxy]
            .into_iter()
            .flatten()
            .filter_map(|own| host_of(own))
            .any(|own| own.eq_ignore_ascii_case(host))
    }
}

/// The trunk whose registrar or proxy is the host of `uri`; a telephone number goes out by the
/// first trunk that has a proxy.
pub fn trunk_of<'t>(
    trunks: &'t BTreeMap<String, Trunk>,
    uri: &str,
) -> Option<(&'t str, &'t Trunk)> {
    let is_number = uri.starts_with("tel:");
    let serves = trunks.iter().find(|(_, trunk)| trunk.serves(uri));
    let found = serves.or_else(|| {
        let mut trunks = trunks.iter();
        trunks.find(|(_, trunk)| is_number && trunk.proxy.is_some())
    });
    found.map(|(name, trunk)| (name.as_str(), trunk))
}

pub(super) fn read_trunk(entry: &Entry, base: &Path, report: &mut Report) -> Option<Trunk> {
    let what = format!("the trunk `{}`", entry.key.text);
    let mut fields = Fields::of(&entry.value, &what, report)?;
    let registrar = uri(&mut fields, "registrar", report);
    let user = text(&mut fields, "user", report);
    let names = ["password", "password_file", "password_env"];
    let password = secret(&mut fields, names, base, report);
    let from = uri(&mut fields, "from", report);
    let proxy = uri(&mut fields, "proxy", report);
    let expires = fields.take("expires").and_then(|node| {
        let range = Duration::from_secs(60)..=Duration::from_secs(86_400);
        read::duration(node, "`expires`", range, report)
    });
    let way = fields.take("way").and_then(|node| {
        let choices = [("bridged", TrunkWay::Bridged), ("refer", TrunkWay::Refer)];
        read::one_of(node, "`way`", &choices, report)
    });
    let keys = fields.take("keys").and_then(|node| {
        let choices = [
            ("rfc4733", TrunkKeys::Rfc4733),
            ("info", TrunkKeys::Info),
            ("inband", TrunkKeys::InBand),
        ];
        read::one_of(node, "`keys`", &choices, report)
    });
    let networks = fields
        .take("match")
        .map(|node| networks(node, "`match`", report));
    if registrar.is_some() && (user.is_none() || password.is_none()) {
        report.add(
            &rules::MISSING_FIELD,
            fields.span,
            format!("{what} has a registrar, but no user or no password."),
            "Add `user` and `password_env` (or `password_file`, or `password`).",
        );
    }
    fields.finish(report);
    Some(Trunk {
        registrar,
        user,
        password,
        from,
        proxy,
        expires: expires.unwrap_or(Duration::from_secs(3600)),
        way: way.unwrap_or(TrunkWay::Bridged),
        keys: keys.unwrap_or(TrunkKeys::Rfc4733),
        networks: networks.unwrap_or_default(),
    })
}

/// Something that is kept secret; `names`: of the fields for the thing itself, for a file of it, and
/// for an environment variable.
pub(super) fn secret(
    fields: &mut Fields,
    [written, file, environment]: [&'static str; 3],
    base: &Path,
    report: &mut Report,
) -> Option<Password> {
    let given = fields.take_entry(written).and_then(|entry| {
        let text = read::word(&entry.value, &format!("`{written}`"), report)?;
        report.add(
            &rules::PASSWORD_IN_CONFIG,
            // Never the password itself: a diagnostic quotes what it marks.
            entry.key.span,
            format!("The {written} stands in the config."),
            format!("Write `{environment}` with the name of an environment variable, or `{file}`."),
        );
        Some((entry.key.span, Password::Written(Secret::new(text))))
    });
    let in_file = fields.take(file).and_then(|node| {
        let text = read::word(node, &format!("`{file}`"), report)?;
        Some((node.span, Password::File(base.join(text))))
    });
    let in_environment = fields.take(environment).and_then(|node| {
        let text = read::word(node, &format!("`{environment}`"), report)?;
        Some((node.span, Password::Environment(text.to_owned())))
    });
    let mut given = [given, in_file, in_environment].into_iter().flatten();
    let (_, secret) = given.next()?;
    if let Some((span, _)) = given.next() {
        report.add(
            &rules::CONFIG_CONFLICT,
            span,
            format!("The {written} is given twice."),
            format!("Keep one of `{written}`, `{file}` and `{environment}`."),
        );
    }
    Some(secret)
}

pub(super) fn text(fields: &mut Fields, name: &'static str, report: &mut Report) -> Option<String> {
    let node = fields.take(name)?;
    read::word(node, &format!("`{name}`"), report).map(str::to_owned)
}

/// An address that calls or registrations can be sent to.
pub(super) fn uri(fields: &mut Fields, name: &'static str, report: &mut Report) -> Option<String> {
    let node = fields.take(name)?;
    let text = read::word(node, &format!("`{name}`"), report)?;
    if let Err(reason) = check_uri(text) {
        report.add(
            &rules::BAD_TARGET,
            node.span,
            format!("`{text}` is no address for `{name}`: {reason}."),
            "Write an address like \"sip:trunk.example.com\".",
        );
        return None;
    }
    Some(text.to_owned())
}

pub(super) fn networks(node: &Node, what: &str, report: &mut Report) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for item in read::one_or_more(node) {
        let Some(text) = read::word(item, what, report) else {
            continue;
        };
        match parse_network(text) {
            Some(network) => networks.push(network),
            None => report.add(
                &rules::BAD_VALUE,
                item.span,
                format!("`{text}` is no network."),
                "Write a network like 192.0.2.0/24, or one address.",
            ),
        }
    }
    networks
}
