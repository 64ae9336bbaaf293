//! Registrations with trunks: made at the start, refreshed by the user agent, tried again here
//! when the trunk's name could not be looked up.

use super::targets::credentials;
use super::transports::Transports;
use crate::config::Config;
use crate::config::trunk::Trunk;
use crate::sip::flow::Protocol;
use crate::sip::uri::Uri;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::Registration;
use crate::sip::user_agent::event::{Event, RegistrationId};
use rustc_hash::FxHashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Holds a NAT binding open; most forget after 30 s or more.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
const LOOK_UP_AGAIN: Duration = Duration::from_secs(30);

pub struct Trunks {
    config: Arc<Config>,
    names: FxHashMap<RegistrationId, String>,
    /// Trunks that are not registered, with the time to try.
    waiting: Vec<(Instant, String)>,
}

impl Trunks {
    pub fn new(config: Arc<Config>) -> Trunks {
        Trunks {
            config,
            names: FxHashMap::default(),
            waiting: Vec::new(),
        }
    }

    pub fn start(&mut self, transports: &Transports, agent: &mut UserAgent) {
        let now = Instant::now();
        let config = self.config.clone();
        let registering = config
            .trunks
            .iter()
            .filter(|(_, trunk)| trunk.registrar.is_some());
        self.waiting = registering.map(|(name, _)| (now, name.clone())).collect();
        self.handle_timeout(now, transports, agent);
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    pub fn handle_timeout(&mut self, now: Instant, transports: &Transports, agent: &mut UserAgent) {
        let (due, later) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.waiting = later;
        let due: Vec<(Instant, String)> = due;
        for (_, name) in due {
            if let Err(reason) = self.register(now, &name, transports, agent) {
                tracing::error!(
                    trunk = name,
                    reason,
                    "cannot register; trying again in 30 s"
                );
                self.waiting.push((now + LOOK_UP_AGAIN, name));
            }
        }
    }

    fn register(
        &mut self,
        now: Instant,
        name: &str,
        transports: &Transports,
        agent: &mut UserAgent,
    ) -> Result<(), String> {
        let trunk = &self.config.trunks[name];
        let registrar = trunk
            .registrar
            .as_deref()
            .ok_or("the trunk has no registrar")?;
        let hop = trunk.proxy.as_deref().unwrap_or(registrar);
        let (protocol, remote) = address_of(hop)?;
        let flow = transports
            .flow_to(protocol, remote)
            .ok_or_else(|| format!("no `listen` address can reach {remote}"))?;
        let registration = Registration {
            flow,
            registrar: registrar.to_string(),
            address_of_record: address_of_record(trunk, registrar),
            credentials: credentials(trunk),
            expires: trunk.expires,
            keep_alive: Some(KEEP_ALIVE),
        };
        let id = agent
            .register(now, registration)
            .map_err(|error| error.to_string())?;
        self.names.insert(id, name.to_string());
        Ok(())
    }

    pub fn handle_event(&mut self, event: &Event) {
        match event {
            Event::Registered {
                registration,
                expires,
            } => {
                let trunk = self.names.get(registration);
                tracing::info!(trunk, seconds = expires.as_secs(), "registered");
            }
            Event::RegistrationFailed {
                registration,
                status,
                retry_in,
            } => {
                let trunk = self.names.get(registration);
                let retry = retry_in.map(|time| time.as_secs());
                tracing::error!(
                    trunk,
                    status,
                    retry_in_seconds = retry,
                    "registration failed"
                );
            }
            Event::Unregistered { registration } => {
                self.names.remove(registration);
            }
            _ => {}
        }
    }
}

/// A trunk's name is looked up at the start and after failures only, so waiting for it here delays
/// no call that is set up already.
fn address_of(hop: &str) -> Result<(Protocol, SocketAddr), String> {
    use std::net::ToSocketAddrs;
    let uri: Uri = hop
        .parse()
        .map_err(|_| format!("{hop} is no SIP address"))?;
    let sip = uri
        .as_sip()
        .ok_or_else(|| format!("{hop} is no SIP address"))?;
    let tcp = sip
        .transport()
        .is_some_and(|name| name.eq_ignore_ascii_case("tcp"));
    let protocol = if tcp { Protocol::Tcp } else { Protocol::Udp };
    let port = sip.port.unwrap_or(5060);
    let name = match sip.host.ip() {
        Some(ip) => return Ok((protocol, SocketAddr::new(ip, port))),
        None => sip.host.to_string(),
    };
    let mut found = (name.as_str(), port)
        .to_socket_addrs()
        .map_err(|error| format!("{name} cannot be looked up: {error}"))?;
    let address = found
        .next()
        .ok_or_else(|| format!("{name} has no address"))?;
    Ok((protocol, address))
}

fn address_of_record(trunk: &Trunk, registrar: &str) -> String {
    let host = registrar
        .split_once(':')
        .map_or(registrar, |(_, host)| host);
    match (&trunk.from, &trunk.user) {
        (Some(from), _) => from.clone(),
        (None, Some(user)) => format!("sip:{user}@{host}"),
        (None, None) => format!("sip:{host}"),
    }
}
