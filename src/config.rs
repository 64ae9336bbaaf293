//! What the admin decides: one YAML file, in which every field has a default, or a few flags.

pub mod agent;
pub mod callbacks;
mod network;
mod reader;
pub mod secret;
mod service_url;
pub mod speech;
mod surroundings;
pub mod transfers;
pub mod trunk;
pub mod webhooks;

use crate::audio::prompt_file::EXTENSIONS;
use crate::diagnostic::{Diagnostic, Report, Source, Span, has_errors, rules};
use crate::dialplan::check::View;
use crate::dialplan::targets::TargetPattern;
use crate::language::Language;
use agent::{AgentConfig, own_user};
use callbacks::Callbacks;
use ipnet::IpNet;
use secret::Password;
use speech::Speech;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use transfers::HealthChecks;
use trunk::{Trunk, trunk_of};
use webhooks::Webhook;

/// The built-in agent: a leg inside this server that greets, so that a demo needs no PBX. No call
/// to this address ever leaves the machine, and it is the only target allowed by default.
pub const BUILT_IN_AGENT: &str = "sip:agent@zeroline.local";

#[derive(Debug, Clone)]
pub struct Config {
    /// Never empty.
    pub listen: Vec<Listen>,
    /// What Contact, Via and SDP say to peers in a network; the first that contains the peer counts.
    pub advertise: Vec<Advertise>,
    pub media: Media,
    /// Calls at one time; further ones go to `human`, or get 503.
    pub max_calls: usize,
    pub dialplans: Dialplans,
    /// Recordings: `<prompts>/<language>/<name>.<wav|flac|mp3|ogg>`.
    pub prompts: PathBuf,
    /// The journal, the database, callers' recordings.
    pub data: PathBuf,
    /// Where INVITEs may come from, beside the trunks' networks.
    pub allow: Vec<IpNet>,
    /// Never answered, whatever `allow` says.
    pub block: Vec<IpNet>,
    pub rate: Rate,
    pub trunks: BTreeMap<String, Trunk>,
    /// Who registers here, by name.
    pub agents: BTreeMap<String, AgentConfig>,
    /// The targets that may be rung, beside the agents.
    pub transfers: Vec<TargetPattern>,
    /// Which of them are asked whether they live.
    pub health: HealthChecks,
    /// Where new calls are sent (302) when this server is full or cannot work.
    pub human: Option<String>,
    pub speech: Speech,
    /// Who is told about calls, by name.
    /// `None`: callbacks are only noted, for people to make.
    pub callbacks: Option<Callbacks>,
    pub webhooks: BTreeMap<String, Webhook>,
    /// The console and its HTTP interface.
    pub console: SocketAddr,
    /// Who asks the HTTP interface about agents has to know it; `None`: whoever reaches it may ask.
    pub console_token: Option<Password>,
    /// Prometheus metrics and health; `None`: not served.
    pub metrics: Option<SocketAddr>,
    pub log: Log,
    /// How long calls may go on after SIGTERM.
    pub drain: Duration,
    pub session: SessionTimers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenTransport {
    Udp,
    Tcp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Listen {
    pub transport: ListenTransport,
    pub address: SocketAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertise {
    /// The peers' network.
    pub network: IpNet,
    pub address: IpAddr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Each leg takes an even port for RTP and the next one for RTCP.
    pub ports: RangeInclusive<u16>,
    /// `None`: one a core.
    pub threads: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dialplans {
    /// For called users that no pattern matches; without it they get 404.
    pub default: Option<PathBuf>,
    /// Called users (`*` stands for any characters), in the order written.
    pub numbers: Vec<(String, PathBuf)>,
}

/// For each source address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub requests_per_second: u32,
    pub calls_per_second: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// RFC 4028.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimers {
    /// Session-Expires that we offer.
    pub expires: Duration,
    /// Min-SE: shorter ones are refused with 422.
    pub min: Duration,
}

/// What flags say instead of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Replaces the file's list, where it is not empty.
    pub listen: Vec<Listen>,
    /// For every called user.
    pub dialplan: Option<PathBuf>,
    pub prompts: Option<PathBuf>,
    pub data: Option<PathBuf>,
}

/// Whether a source may send us calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission<'a> {
    /// Not to be answered at all.
    Blocked,
    /// 403.
    NotAllowed,
    Allowed {
        trunk: Option<&'a str>,
    },
}

impl Default for Config {
    fn default() -> Config {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Config {
            listen: network::both(loopback(5060)).to_vec(),
            advertise: Vec::new(),
            media: Media {
                ports: 20_000..=29_998,
                threads: None,
            },
            max_calls: 1000,
            dialplans: Dialplans::default(),
            prompts: "prompts".into(),
            data: "data".into(),
            allow: network::loopback().to_vec(),
            block: Vec::new(),
            rate: Rate {
                requests_per_second: 2000,
                calls_per_second: 200,
            },
            trunks: BTreeMap::new(),
            agents: BTreeMap::new(),
            transfers: vec![built_in_agent()],
            health: HealthChecks::default(),
            human: None,
            speech: Speech::default(),
            callbacks: None,
            webhooks: BTreeMap::new(),
            console: loopback(8060),
            console_token: None,
            metrics: None,
            log: Log {
                format: LogFormat::Text,
                level: LogLevel::Info,
            },
            drain: Duration::from_secs(30),
            session: SessionTimers {
                expires: Duration::from_secs(1800),
                min: Duration::from_secs(90),
            },
        }
    }
}

fn built_in_agent() -> TargetPattern {
    TargetPattern::parse(BUILT_IN_AGENT).expect("the constant is an address")
}

impl Config {
    /// Reads the file, if one is named, and lays the flags over it. Warnings are in
    /// [`Config::check`]; an error refuses the file.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Config, Vec<Diagnostic>> {
        let mut config = match file {
            None => Config::default(),
            Some(file) => {
                let source = read_source(file)?;
                let (config, found) = Config::check(&source);
                config.ok_or(found)?
            }
        };
        config.apply(overrides);
        Ok(config)
    }

    /// The config of that text, and all that is to be said about it. Paths in it are relative to
    /// the file's own folder.
    pub fn check(source: &Source) -> (Option<Config>, Vec<Diagnostic>) {
        let (config, found) = Config::draft(source);
        let config = config.filter(|_| !has_errors(&found));
        (config, found)
    }

    /// As [`Config::check`], but a config with mistakes in it comes out too, with defaults in their
    /// place: never to be served, but what it names can be judged.
    pub fn draft(source: &Source) -> (Option<Config>, Vec<Diagnostic>) {
        let mut report = Report::new(source);
        let base = source.file.parent().unwrap_or(Path::new(""));
        let config = reader::read(base, &mut report);
        (config, report.into_diagnostics())
    }

    /// What is wrong on this machine with what the config of `source` names: dialplans that are not
    /// there, folders that are files, passwords that the environment does not have.
    pub fn check_surroundings(&self, source: &Source) -> Vec<Diagnostic> {
        surroundings::check(self, source)
    }

    fn apply(&mut self, overrides: Overrides) {
        if !overrides.listen.is_empty() {
            self.listen = overrides.listen;
        }
        if let Some(file) = overrides.dialplan {
            self.dialplans = Dialplans {
                default: Some(file),
                numbers: Vec::new(),
            };
        }
        if let Some(prompts) = overrides.prompts {
            self.prompts = prompts;
        }
        if let Some(data) = overrides.data {
            self.data = data;
        }
    }

    /// What the dialplan checker has to know. `voices`: the languages that a synthesizer speaks. As if
    /// a recognizer took down all that is said: the engines tell better.
    pub fn view(&self, voices: &[Language]) -> View {
        let agents = self.agents.values().map(|agent| {
            TargetPattern::parse(&agent.address()).expect("an agent's name makes an address")
        });
        View {
            transfers: self.transfers.iter().cloned().chain(agents).collect(),
            agents: self.agents.values().map(|it| it.skills.clone()).collect(),
            trunks: self.trunks.clone(),
            recordings: recordings(&self.prompts),
            voices: voices.to_vec(),
            takes_down: Language::ALL.to_vec(),
            today: None,
        }
    }

    /// Whether INVITEs are taken from there.
    pub fn admit(&self, source: IpAddr) -> Admission<'_> {
        let source = source.to_canonical();
        let within = |networks: &[IpNet]| networks.iter().any(|net| net.contains(&source));
        if within(&self.block) {
            return Admission::Blocked;
        }
        let trunk = self
            .trunks
            .iter()
            .find(|(_, trunk)| within(&trunk.networks));
        match trunk {
            Some((name, _)) => Admission::Allowed { trunk: Some(name) },
            None if within(&self.allow) => Admission::Allowed { trunk: None },
            None => Admission::NotAllowed,
        }
    }

    /// What to write into Contact, Via and SDP for that peer, where it is not the socket's own.
    pub fn advertised(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        let found = self.advertise.iter().find(|a| a.network.contains(&peer));
        found.map(|advertise| advertise.address)
    }

    /// Whether a call may be passed on to `uri`.
    pub fn may_ring(&self, uri: &str) -> bool {
        self.agent_of(uri).is_some() || self.transfers.iter().any(|pattern| pattern.allows(uri))
    }

    /// Whether `uri` is at this server: an agent's, or the built-in one's.
    pub fn is_own(&self, uri: &str) -> bool {
        uri == BUILT_IN_AGENT || self.agent_of(uri).is_some()
    }

    /// The agent whose address `uri` is.
    pub fn agent_of(&self, uri: &str) -> Option<&AgentConfig> {
        self.agents.get(own_user(uri)?)
    }

    /// As [`trunk_of`] has it.
    pub fn trunk_of(&self, uri: &str) -> Option<(&str, &Trunk)> {
        trunk_of(&self.trunks, uri)
    }
}

impl Dialplans {
    /// The file for a called user.
    pub fn file_for(&self, user: &str) -> Option<&Path> {
        let numbered = self
            .numbers
            .iter()
            .find(|(pattern, _)| crate::dialplan::targets::glob(pattern, user));
        let file = numbered.map(|(_, file)| file).or(self.default.as_ref());
        file.map(PathBuf::as_path)
    }

    /// Every file once.
    pub fn files(&self) -> BTreeSet<&Path> {
        let numbered = self.numbers.iter().map(|(_, file)| file);
        numbered
            .chain(&self.default)
            .map(PathBuf::as_path)
            .collect()
    }
}

/// Reads an operator's file; one that is too long is refused without reading it whole.
pub fn read_source(file: &Path) -> Result<Source, Vec<Diagnostic>> {
    let refuse = |rule, message: String, fix: &str| {
        let source = Source::new(file, "");
        let mut report = Report::new(&source);
        report.add(rule, Span::START, message, fix);
        report.into_diagnostics()
    };
    let limit = crate::yaml::MAX_BYTES as u64;
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            let message = format!("The file cannot be read: {error}.");
            refuse(
                &rules::FILE_UNREADABLE,
                message,
                "Check the path and its permissions.",
            )
        })?;
    if bytes.len() as u64 > limit {
        let message = format!("The file has more than {limit} bytes.");
        let fix = "Split it, or check that it is the right file.";
        return Err(refuse(&rules::TOO_LARGE, message, fix));
    }
    String::from_utf8(bytes)
        .map(|text| Source::new(file, text))
        .map_err(|error| not_utf8(file, error))
}

/// The place of the first byte that is no text.
fn not_utf8(file: &Path, error: std::string::FromUtf8Error) -> Vec<Diagnostic> {
    let at = error.utf8_error().valid_up_to();
    let bytes = error.into_bytes();
    let before = String::from_utf8_lossy(&bytes[..at]);
    let before = Source::new(file, before).text;
    let line = before.rsplit('\n').next().unwrap_or_default();
    let span = Span {
        start: before.len(),
        end: before.len(),
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    };
    let mut report = Report::new_for(file);
    report.add(
        &rules::FILE_UNREADABLE,
        span,
        format!("The byte 0x{:02X} here is not UTF-8 text.", bytes[at]),
        "Save the file as UTF-8.",
    );
    report.into_diagnostics()
}

/// The recordings below the prompts' folder, by language and name.
fn recordings(prompts: &Path) -> BTreeMap<(Language, String), PathBuf> {
    /// More than any hotline has; folders beyond it are not looked into.
    const MAX: usize = 50_000;
    let mut found: BTreeMap<(Language, String), PathBuf> = BTreeMap::new();
    for language in Language::ALL {
        let root = prompts.join(language.tag());
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.is_dir() && folders.len() < MAX {
                    folders.push(path);
                } else if let Some(rank) = recording_rank(&path)
                    && found.len() < MAX
                    && let Ok(name) = path.with_extension("").strip_prefix(&root)
                {
                    let name = name.to_string_lossy().into_owned();
                    let known = found.get(&(language, name.clone()));
                    if known.and_then(|known| recording_rank(known)) > Some(rank) || known.is_none()
                    {
                        found.insert((language, name), path);
                    }
                }
            }
        }
    }
    found
}

/// `None` where it is no recording; of several of one name that with the lowest is played.
fn recording_rank(path: &Path) -> Option<usize> {
    let ending = path.extension().and_then(|ending| ending.to_str())?;
    EXTENSIONS.iter().position(|known| *known == ending)
}

#[cfg(test)]
mod tests;
