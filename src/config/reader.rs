//! The config file's text to a [`Config`], every mistake at once.

use super::agent::read_agent;
use super::callbacks::read_callbacks;
use super::network;
use super::speech::{Speech, speech};
use super::transfers::read_transfers;
use super::trunk::{networks, read_trunk, secret, uri};
use super::webhooks::webhooks;
use super::{
    Advertise, Config, Dialplans, Listen, Log, LogFormat, LogLevel, Media, Rate, SessionTimers,
};
use crate::diagnostic::{Report, Span, rules};
use crate::yaml::{self, Node, Value, read};
use ipnet::IpNet;
use read::Fields;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

const MAX_ENTRIES: usize = 1000;

/// `None` where the text is not even YAML; a config with defaults in place of its mistakes else.
pub(super) fn read(base: &Path, report: &mut Report) -> Option<Config> {
    let tree = yaml::parse(report)?;
    let mut config = Config::default();
    if tree.is_empty() {
        return Some(config);
    }
    let mut fields = Fields::of(&tree, "the config", report)?;
    let listen_span = fields.take("listen").map(|node| {
        config.listen = listen(node, report);
        node.span
    });
    if let Some(node) = fields.take("advertise") {
        config.advertise = advertise(node, report);
    }
    if let Some(node) = fields.take("media") {
        config.media = media(node, config.media, report);
    }
    if let Some(node) = fields.take("calls") {
        config.max_calls = calls(node, config.max_calls, report);
    }
    if let Some(node) = fields.take("dialplans") {
        config.dialplans = dialplans(node, base, report);
    }
    config.prompts = path(&mut fields, "prompts", base, &config.prompts, report);
    config.data = path(&mut fields, "data", base, &config.data, report);
    let allow_span = fields.take("allow").map(|node| {
        config.allow = networks(node, "`allow`", report);
        node.span
    });
    if let Some(node) = fields.take("block") {
        config.block = networks(node, "`block`", report);
    }
    if let Some(node) = fields.take("rate") {
        config.rate = rate(node, config.rate, report);
    }
    if let Some(node) = fields.take("trunks") {
        let (entries, _) = read::mapping(node, "`trunks`", report).unwrap_or_default();
        for entry in bounded(entries, node, report) {
            if let Some(trunk) = read_trunk(entry, base, report) {
                config.trunks.insert(entry.key.text.clone(), trunk);
            }
        }
    }
    if let Some(node) = fields.take("agents") {
        let (entries, _) = read::mapping(node, "`agents`", report).unwrap_or_default();
        for entry in bounded(entries, node, report) {
            if let Some(agent) = read_agent(entry, base, report) {
                config.agents.insert(agent.name.clone(), agent);
            }
        }
    }
    if let Some(node) = fields.take("transfers") {
        (config.transfers, config.health) = read_transfers(node, report);
    }
    config.speech = match fields.take("speech") {
        Some(node) => speech(node, base, report),
        None => Speech::within(base),
    };
    let callbacks = fields.take("callbacks");
    config.callbacks = callbacks.and_then(|node| read_callbacks(node, report));
    if let Some(node) = fields.take("webhooks") {
        config.webhooks = webhooks(node, base, report);
    }
    config.human = uri(&mut fields, "human", report);
    let console = fields.take("console");
    if let Some(address) = console.and_then(|node| address(node, "console", report)) {
        config.console = address;
    }
    let names = ["console_token", "console_token_file", "console_token_env"];
    config.console_token = secret(&mut fields, names, base, report);
    let metrics = fields.take("metrics");
    config.metrics = metrics.and_then(|node| address(node, "metrics", report));
    if let Some(node) = fields.take("log") {
        config.log = log(node, config.log, report);
    }
    if let Some(node) = fields.take("drain") {
        let range = Duration::ZERO..=Duration::from_secs(86_400);
        config.drain = read::duration(node, "`drain`", range, report).unwrap_or(config.drain);
    }
    if let Some(node) = fields.take("session") {
        config.session = session(node, config.session, report);
    }
    fields.finish(report);
    check_exposure(&config, listen_span, allow_span, report);
    if let Some(node) = console {
        check_console(&config, node.span, report);
    }
    if let Some(node) = metrics {
        check_metrics(&config, node.span, report);
    }
    Some(config)
}

pub(super) fn bounded<'n, T>(entries: &'n [T], node: &Node, report: &mut Report) -> &'n [T] {
    if entries.len() > MAX_ENTRIES {
        let message = format!(
            "There are {} entries; {MAX_ENTRIES} are allowed.",
            entries.len()
        );
        report.add(&rules::TOO_MANY, node.span, message, "Write fewer.");
        return &entries[..MAX_ENTRIES];
    }
    entries
}

fn listen(node: &Node, report: &mut Report) -> Vec<Listen> {
    let mut listens = Vec::new();
    for item in bounded(read::one_or_more(node), node, report) {
        let Some(text) = read::word(item, "`listen`", report) else {
            continue;
        };
        match Listen::parse(text) {
            Ok(more) => listens.extend(more),
            Err(message) => report.add(
                &rules::BAD_VALUE,
                item.span,
                format!("{message}."),
                "Write \"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\", or the address alone for both.",
            ),
        }
    }
    listens.sort();
    listens.dedup();
    if listens.is_empty() && !report.has_errors() {
        let message = "`listen` names no address.";
        report.add(
            &rules::BAD_VALUE,
            node.span,
            message,
            "Write [\"127.0.0.1:5060\"].",
        );
    }
    listens
}

/// An address for everybody, or `{ network: address }`.
fn advertise(node: &Node, report: &mut Report) -> Vec<Advertise> {
    if let Value::Scalar { .. } = node.value {
        let address = ip(node, report);
        let everywhere = ["0.0.0.0/0", "::/0"];
        let networks = everywhere.map(|net| net.parse().expect("the constants are networks"));
        let of = |address| {
            networks
                .map(|network| Advertise { network, address })
                .to_vec()
        };
        return address.map(of).unwrap_or_default();
    }
    let (entries, _) = read::mapping(node, "`advertise`", report).unwrap_or_default();
    let mut all = Vec::new();
    for entry in bounded(entries, node, report) {
        let network: Option<IpNet> = network::parse_network(&entry.key.text);
        if network.is_none() {
            report.add(
                &rules::BAD_VALUE,
                entry.key.span,
                format!("`{}` is no network.", entry.key.text),
                "Write a network like \"192.0.2.0/24\", or \"0.0.0.0/0\" for every other.",
            );
        }
        if let (Some(network), Some(address)) = (network, ip(&entry.value, report)) {
            all.push(Advertise { network, address });
        }
    }
    all
}

fn ip(node: &Node, report: &mut Report) -> Option<IpAddr> {
    let text = read::word(node, "an address", report)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{text}` is no IP address.");
        report.add(
            &rules::BAD_VALUE,
            node.span,
            message,
            "Write one like 203.0.113.7.",
        );
    }
    address
}

/// `20000-29998`, and the threads.
fn media(node: &Node, default: Media, report: &mut Report) -> Media {
    let Some(mut fields) = Fields::of(node, "`media`", report) else {
        return default;
    };
    let mut media = default;
    if let Some(node) = fields.take("ports")
        && let Some(text) = read::word(node, "`ports`", report)
    {
        let bounds = text.split_once('-').and_then(|(from, to)| {
            let from: u16 = from.trim().parse().ok()?;
            let to: u16 = to.trim().parse().ok()?;
            (from >= 1024 && to > from).then_some(from..=to)
        });
        match bounds {
            Some(ports) => media.ports = ports,
            None => report.add(
                &rules::BAD_VALUE,
                node.span,
                format!("`{text}` is no range of ports above 1023."),
                "Write one like 20000-29998.",
            ),
        }
    }
    if let Some(node) = fields.take("threads") {
        let threads = read::integer(node, "`threads`", 1..=256, report);
        media.threads = threads.map(|threads| threads as usize);
    }
    fields.finish(report);
    media
}

fn calls(node: &Node, default: usize, report: &mut Report) -> usize {
    let Some(mut fields) = Fields::of(node, "`calls`", report) else {
        return default;
    };
    let max = fields.take("max");
    let max = max.and_then(|node| read::integer(node, "`max`", 1..=100_000, report));
    fields.finish(report);
    max.map_or(default, |max| max as usize)
}

fn dialplans(node: &Node, base: &Path, report: &mut Report) -> Dialplans {
    let mut dialplans = Dialplans::default();
    let Some(mut fields) = Fields::of(node, "`dialplans`", report) else {
        return dialplans;
    };
    if let Some(node) = fields.take("default") {
        let file = read::word(node, "`default`", report);
        dialplans.default = file.map(|file| base.join(file));
    }
    if let Some(node) = fields.take("numbers") {
        let (entries, _) = read::mapping(node, "`numbers`", report).unwrap_or_default();
        for entry in bounded(entries, node, report) {
            if let Some(file) = read::word(&entry.value, "the dialplan of a number", report) {
                dialplans
                    .numbers
                    .push((entry.key.text.clone(), base.join(file)));
            }
        }
    }
    fields.finish(report);
    dialplans
}

fn path(
    fields: &mut Fields,
    name: &'static str,
    base: &Path,
    default: &Path,
    report: &mut Report,
) -> std::path::PathBuf {
    let node = fields.take(name);
    let written = node.and_then(|node| read::word(node, &format!("`{name}`"), report));
    base.join(written.map_or(default, Path::new))
}

fn rate(node: &Node, default: Rate, report: &mut Report) -> Rate {
    let Some(mut fields) = Fields::of(node, "`rate`", report) else {
        return default;
    };
    let mut figure = |name: &'static str, default: u32, report: &mut Report| {
        let node = fields.take(name);
        let what = format!("`{name}`");
        let value = node.and_then(|node| read::integer(node, &what, 1..=1_000_000, report));
        value.map_or(default, |value| value as u32)
    };
    let requests = figure("requests_per_second", default.requests_per_second, report);
    let calls = figure("calls_per_second", default.calls_per_second, report);
    fields.finish(report);
    Rate {
        requests_per_second: requests,
        calls_per_second: calls,
    }
}

fn address(node: &Node, name: &str, report: &mut Report) -> Option<SocketAddr> {
    let text = read::word(node, &format!("`{name}`"), report)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{text}` is no address and port.");
        report.add(
            &rules::BAD_VALUE,
            node.span,
            message,
            "Write one like 127.0.0.1:8060.",
        );
    }
    address
}

fn log(node: &Node, default: Log, report: &mut Report) -> Log {
    let Some(mut fields) = Fields::of(node, "`log`", report) else {
        return default;
    };
    let format = fields.take("format").and_then(|node| {
        let choices = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        read::one_of(node, "`format`", &choices, report)
    });
    let level = fields.take("level").and_then(|node| {
        let choices = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ];
        read::one_of(node, "`level`", &choices, report)
    });
    fields.finish(report);
    Log {
        format: format.unwrap_or(default.format),
        level: level.unwrap_or(default.level),
    }
}

fn session(node: &Node, default: SessionTimers, report: &mut Report) -> SessionTimers {
    let Some(mut fields) = Fields::of(node, "`session`", report) else {
        return default;
    };
    let range = || Duration::from_secs(90)..=Duration::from_secs(86_400);
    let expires = fields.take("expires");
    let expires = expires.and_then(|node| read::duration(node, "`expires`", range(), report));
    let min = fields.take("min");
    let min = min.and_then(|node| read::duration(node, "`min`", range(), report));
    fields.finish(report);
    let session = SessionTimers {
        expires: expires.unwrap_or(default.expires),
        min: min.unwrap_or(default.min),
    };
    if session.expires < session.min {
        report.add(
            &rules::CONFIG_CONFLICT,
            node.span,
            "`expires` is shorter than `min`.",
            "Make `expires` at least as long as `min` (RFC 4028).",
        );
    }
    session
}

/// Open to the world is sometimes meant, so it is a warning.
fn check_exposure(config: &Config, listen: Option<Span>, allow: Option<Span>, report: &mut Report) {
    let public = config.listen.iter().any(|l| !l.address.ip().is_loopback());
    let everybody = config.allow.iter().any(|net| net.prefix_len() == 0);
    if public && everybody {
        report.add(
            &rules::LISTEN_EXPOSED,
            allow.or(listen).unwrap_or(Span::START),
            "Calls are taken from every address.",
            "Name the networks of your trunks and phones in `allow`, or in a trunk's `match`.",
        );
    }
}

/// Two listeners have no address in common; port 0 is another one each time.
fn check_metrics(config: &Config, span: Span, report: &mut Report) {
    let (console, Some(metrics)) = (config.console, config.metrics) else {
        return;
    };
    let is_any = console.ip().is_unspecified() || metrics.ip().is_unspecified();
    let is_same = console.port() == metrics.port() && (is_any || console.ip() == metrics.ip());
    if is_same && metrics.port() != 0 {
        report.add(
            &rules::CONFIG_CONFLICT,
            span,
            format!("`metrics` and `console` ({console}) would take the same port: only one can."),
            "Give `metrics` another port, or remove it: the console's address tells health and metrics too.",
        );
    }
}

/// Over the console agents are sent away and called back, and callers' messages are heard.
fn check_console(config: &Config, span: Span, report: &mut Report) {
    let is_open = !config.console.ip().is_loopback() && config.console_token.is_none();
    if is_open {
        report.add(
            &rules::CONSOLE_EXPOSED,
            span,
            "Whoever reaches this address hears callers' messages, and may send your agents away.",
            "Listen on 127.0.0.1, or add `console_token_env` with the name of an environment variable.",
        );
    }
}
