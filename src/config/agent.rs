//! Agents: people who register with this server, each with a telephone and a password.

use super::secret::Password;
use super::trunk::secret;
use crate::diagnostic::{Report, rules};
use crate::dialplan::load::names::{check_name, language};
use crate::language::Language;
use crate::sip::digest::Hash;
use crate::yaml::{Entry, Node, read};
use read::Fields;
use std::path::Path;
use std::time::Duration;

/// The host of agents' addresses: calls there are this server's own business.
pub const OUR_HOST: &str = "zeroline.local";
const MAX_SKILLS: usize = 32;
const USUAL_WRAP_UP: Duration = Duration::from_secs(10);

/// One who registers here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentConfig {
    /// For digest, and the user part of their address: small letters, digits and underscores.
    pub name: String,
    /// `None`: nobody can register as them.
    pub password: Option<Password>,
    /// What their telephone proves with that it knows the password.
    pub digest: Hash,
    pub skills: Vec<String>,
    /// That they speak, the one that they are spoken to in first; never empty.
    pub languages: Vec<Language>,
    /// How long they are left alone after a call.
    pub wrap_up: Duration,
}

impl AgentConfig {
    /// As in a config that says no more of them.
    pub fn named(name: impl Into<String>) -> AgentConfig {
        AgentConfig {
            name: name.into(),
            password: None,
            digest: Hash::Md5,
            skills: Vec::new(),
            languages: Language::ALL.to_vec(),
            wrap_up: USUAL_WRAP_UP,
        }
    }

    /// What a handoff rings to reach them.
    pub fn address(&self) -> String {
        format!("sip:{}@{OUR_HOST}", self.name)
    }
}

/// The user of an address that is this server's own: an agent's name, if there is one called so.
pub fn own_user(uri: &str) -> Option<&str> {
    let (user, host) = uri.strip_prefix("sip:")?.split_once('@')?;
    host.eq_ignore_ascii_case(OUR_HOST).then_some(user)
}

pub(super) fn read_agent(entry: &Entry, base: &Path, report: &mut Report) -> Option<AgentConfig> {
    let name = &entry.key.text;
    let what = format!("the agent `{name}`");
    let is_name = check_name(name, entry.key.span, "an agent", report);
    let mut agent = AgentConfig::named(name);
    if own_user(super::BUILT_IN_AGENT) == Some(name) {
        report.add(
            &rules::RESERVED_NAME,
            entry.key.span,
            format!("An agent cannot be named `{name}`: the one that is built in is."),
            "Give each agent a name of their own, like `anna`.",
        );
    }
    let mut fields = Fields::of(&entry.value, &what, report)?;
    let names = ["password", "password_file", "password_env"];
    agent.password = secret(&mut fields, names, base, report);
    if agent.password.is_none() {
        report.add(
            &rules::MISSING_FIELD,
            fields.span,
            format!("{what} has no password: anybody could take their calls."),
            "Add `password_env` (or `password_file`, or `password`).",
        );
    }
    if let Some(node) = fields.take("digest") {
        let choices = [("md5", Hash::Md5), ("sha-256", Hash::Sha256)];
        let digest = read::one_of(node, "`digest`", &choices, report);
        agent.digest = digest.unwrap_or(Hash::Md5);
    }
    if let Some(node) = fields.take("skills") {
        agent.skills = skills(node, report);
    }
    if let Some(node) = fields.take("languages") {
        let spoken = languages(node, report);
        if !spoken.is_empty() {
            agent.languages = spoken;
        }
    }
    if let Some(node) = fields.take("wrap_up") {
        let range = Duration::ZERO..=Duration::from_secs(3600);
        let wrap_up = read::duration(node, "`wrap_up`", range, report);
        agent.wrap_up = wrap_up.unwrap_or(USUAL_WRAP_UP);
    }
    fields.finish(report);
    is_name.then_some(agent)
}

fn languages(node: &Node, report: &mut Report) -> Vec<Language> {
    let mut languages = Vec::new();
    for item in read::one_or_more(node) {
        let spoken = language(item, report);
        languages.extend(spoken.filter(|spoken| !languages.contains(spoken)));
    }
    languages
}

fn skills(node: &Node, report: &mut Report) -> Vec<String> {
    let items = read::one_or_more(node);
    if items.len() > MAX_SKILLS {
        let message = format!(
            "There are {} skills; {MAX_SKILLS} are allowed.",
            items.len()
        );
        report.add(&rules::TOO_MANY, node.span, message, "Write fewer.");
    }
    let mut skills: Vec<String> = Vec::new();
    for item in items.iter().take(MAX_SKILLS) {
        if let Some(skill) = read::word(item, "a skill", report)
            && check_name(skill, item.span, "a skill", report)
        {
            skills.push(skill.to_owned());
        }
    }
    skills.sort();
    skills.dedup();
    skills
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BUILT_IN_AGENT, Config};
    use crate::diagnostic::Source;

    #[test]
    fn agents_are_read_and_can_be_rung() {
        let text = "agents:\n  anna: { password_env: ANNA, digest: sha-256, skills: [refunds, cards], \
                    languages: [zh, en], wrap_up: 30s }\n  ben: { password_file: ben.password }\n";
        let (config, found) = Config::check(&Source::new("/etc/zeroline/zeroline.yaml", text));
        assert_eq!(found, []);
        let config = config.expect("nothing is wrong");
        let anna = AgentConfig {
            password: Some(Password::Environment("ANNA".into())),
            digest: Hash::Sha256,
            skills: vec!["cards".into(), "refunds".into()],
            languages: vec![Language::Zh, Language::En],
            wrap_up: Duration::from_secs(30),
            ..AgentConfig::named("anna")
        };
        let ben = AgentConfig {
            password: Some(Password::File("/etc/zeroline/ben.password".into())),
            ..AgentConfig::named("ben")
        };
        assert_eq!(config.agent_of("sip:anna@zeroline.local"), Some(&anna));
        assert_eq!(config.agent_of("sip:ben@ZEROLINE.local"), Some(&ben));
        let shown = config.view(&[]).transfers;
        for (uri, is_allowed) in [
            ("sip:anna@zeroline.local", true),
            ("sip:carl@zeroline.local", false),
            ("sip:anna@elsewhere.example", false),
        ] {
            assert_eq!(config.may_ring(uri), is_allowed, "{uri}");
            let is_shown = shown.iter().any(|pattern| pattern.allows(uri));
            assert_eq!(is_shown, is_allowed, "{uri}");
        }
        assert_eq!(config.agent_of("sip:anna@elsewhere.example"), None);
        assert_eq!(config.agent_of(BUILT_IN_AGENT), None);
    }
}
