//! Where letters about calls go: the webhooks of agents' systems.

use super::secret::{Password, Secret};
use super::service_url::service_url;
use super::trunk::secret;
use crate::diagnostic::{Report, rules};
use crate::yaml::{Entry, Node, read};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use read::Fields;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

/// Each has places of its own for letters on their way.
const MAX_WEBHOOKS: usize = 16;
/// What a receiver does before it answers should be to put the letter down.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30);
/// Octets of a signing key, as Standard Webhooks has them.
const KEY_LENGTHS: RangeInclusive<usize> = 24..=64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    /// See [`signing_key`].
    pub secret: Password,
    /// Never empty.
    pub events: Vec<Subject>,
    /// How long an answer may take; then the letter is tried again later.
    pub timeout: Duration,
}

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A person is being rung for a caller.
    Transfer,
    /// A call has ended.
    Call,
    /// A caller has left a message.
    Message,
    /// A caller wants to be called back.
    Callback,
}

impl Subject {
    pub const ALL: [Subject; 4] = [
        Subject::Transfer,
        Subject::Call,
        Subject::Message,
        Subject::Callback,
    ];

    /// As configs, letters and tables have it.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Transfer => "transfer",
            Subject::Call => "call",
            Subject::Message => "message",
            Subject::Callback => "callback",
        }
    }
}

/// The octets that letters are signed with: the base64 of a secret, with or without `whsec_` before
/// it. An error says what is wrong and how a secret is made.
pub fn signing_key(secret: &Secret) -> Result<Vec<u8>, String> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text = secret.expose().trim();
    let key = GeneralPurpose::new(&STANDARD, lenient)
        .decode(text.strip_prefix("whsec_").unwrap_or(text))
        .map_err(|_| "it is no base64".to_owned());
    let key = key.and_then(|key| match KEY_LENGTHS.contains(&key.len()) {
        true => Ok(key),
        false => Err(format!("its base64 has {} octets, not 24 to 64", key.len())),
    });
    key.map_err(|reason| format!("{reason}; `openssl rand -base64 32` makes a good one"))
}

pub(super) fn webhooks(node: &Node, base: &Path, report: &mut Report) -> BTreeMap<String, Webhook> {
    let mut webhooks = BTreeMap::new();
    let example = "{ crm: { url: \"https://crm.example.com/calls\", secret_env: CRM_SECRET } }";
    let (entries, _) = read::mapping_like(node, "`webhooks`", example, report).unwrap_or_default();
    if entries.len() > MAX_WEBHOOKS {
        let message = format!(
            "There are {} webhooks; {MAX_WEBHOOKS} are allowed.",
            entries.len()
        );
        report.add(&rules::TOO_MANY, node.span, message, "Write fewer.");
        return webhooks;
    }
    for entry in entries {
        if let Some(webhook) = webhook(entry, base, report) {
            webhooks.insert(entry.key.text.clone(), webhook);
        }
    }
    webhooks
}

fn webhook(entry: &Entry, base: &Path, report: &mut Report) -> Option<Webhook> {
    let what = format!("the webhook `{}`", entry.key.text);
    let mut fields = Fields::of(&entry.value, &what, report)?;
    let url = service_url(
        &mut fields,
        "url: \"https://crm.example.com/calls\"",
        report,
    );
    let names = ["secret", "secret_file", "secret_env"];
    let secret = secret(&mut fields, names, base, report);
    if secret.is_none() {
        report.add(
            &rules::MISSING_FIELD,
            fields.span,
            format!("{what} has no secret: its receiver could not tell our letters from others'."),
            "Add `secret_env` (or `secret_file`, or `secret`); `openssl rand -base64 32` makes one.",
        );
    }
    let events = fields.take("events").map(|node| subjects(node, report));
    let timeout = fields
        .take("timeout")
        .and_then(|node| read::duration(node, "`timeout`", TIMEOUTS, report));
    fields.finish(report);
    Some(Webhook {
        url: url?,
        secret: secret?,
        events: events.unwrap_or_else(|| Subject::ALL.to_vec()),
        timeout: timeout.unwrap_or(USUAL_TIMEOUT),
    })
}

fn subjects(node: &Node, report: &mut Report) -> Vec<Subject> {
    let choices = Subject::ALL.map(|subject| (subject.name(), subject));
    let mut subjects = Vec::new();
    for item in read::one_or_more(node) {
        subjects.extend(read::one_of(item, "an event", &choices, report));
    }
    subjects.sort_unstable();
    subjects.dedup();
    if subjects.is_empty() && !report.has_errors() {
        report.add(
            &rules::BAD_VALUE,
            node.span,
            "`events` names nothing that is to be told.",
            "Name some of transfer, call, message and callback, or leave `events` out for all.",
        );
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_base64_of_enough_octets_with_or_without_its_prefix() {
        let key = |text: &str| signing_key(&Secret::new(text));
        let good = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(key(good).expect("it is good").len(), 24);
        assert_eq!(key(&format!("whsec_{good}\n")), key(good));
        assert_eq!(
            key("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
                .expect("unpadded")
                .len(),
            25
        );
        let told = key("hunter2").expect_err("it is no base64");
        assert!(told.contains("openssl rand"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert!(
            key("c2hvcnQ=")
                .expect_err("it is short")
                .contains("5 octets")
        );
    }
}
