//! Registrations with trunks: made at the start, refreshed by the user agent; where the trunk's
//! servers fail, its name is looked up anew.

use super::lookups::{Located, Lookups};
use super::targets::{credentials, flows};
use super::transports::Transports;
use crate::config::Config;
use crate::config::trunk::Trunk;
use crate::locator::Locator;
use crate::sip::flow::Flow;
use crate::sip::uri::{SipUri, Uri};
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::Registration;
use crate::sip::user_agent::event::{Event, RegistrationId};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Holds a NAT binding open; most forget after 30 s or more.
const KEEP_ALIVE: Duration = Duration::from_secs(25);
const LOOK_UP_AGAIN: Duration = Duration::from_secs(30);

pub struct Trunks {
    config: Arc<Config>,
    names: FxHashMap<RegistrationId, String>,
    /// Trunks that no registration was made for yet, with the time to try.
    waiting: Vec<(Instant, String)>,
    lookups: Lookups<Asked>,
}

/// Why a trunk's name is being looked up.
pub struct Asked {
    trunk: String,
    /// The registration that failed; `None`: it is the first.
    failed: Option<RegistrationId>,
}

impl Trunks {
    pub fn new(config: Arc<Config>, locator: Locator) -> Trunks {
        let registering = config
            .trunks
            .iter()
            .filter(|(_, trunk)| trunk.registrar.is_some());
        let now = Instant::now();
        Trunks {
            waiting: registering.map(|(name, _)| (now, name.clone())).collect(),
            names: FxHashMap::default(),
            lookups: Lookups::new(locator),
            config,
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    /// The next trunk that was looked up; to be handed to [`Trunks::finish`].
    pub async fn located(&mut self) -> Located<Asked> {
        self.lookups.next().await
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |(at, _): &mut (Instant, String)| *at <= now;
        let due: Vec<_> = self.waiting.extract_if(.., due).collect();
        for (_, trunk) in due {
            let asked = Asked {
                trunk,
                failed: None,
            };
            self.look_up(now, asked);
        }
    }

    fn look_up(&mut self, now: Instant, asked: Asked) {
        let name = asked.trunk.clone();
        let refused = match next_hop(&self.config.trunks[&name]) {
            Ok(hop) => (!self.lookups.ask(asked, hop)).then(|| "too many look-ups".to_owned()),
            Err(reason) => Some(reason),
        };
        if let Some(reason) = refused {
            self.try_later(now, name, &reason);
        }
    }

    /// The servers that failed may not be the trunk's any more. If they cannot be looked up, the
    /// user agent goes on with those that it knows.
    fn look_up_again(&self, asked: Asked) {
        if let Ok(hop) = next_hop(&self.config.trunks[&asked.trunk]) {
            self.lookups.ask(asked, hop);
        }
    }

    fn try_later(&mut self, now: Instant, trunk: String, reason: &str) {
        tracing::error!(trunk, reason, "cannot register; trying again in 30 s");
        self.waiting.push((now + LOOK_UP_AGAIN, trunk));
    }

    /// Registers with the servers that were found, or goes on with them.
    pub fn finish(
        &mut self,
        now: Instant,
        located: Located<Asked>,
        transports: &Transports,
        agent: &mut UserAgent,
    ) {
        let Asked { trunk, failed } = located.what_for;
        let servers = located.servers.map_err(|error| error.to_string());
        let flows = servers.and_then(|servers| flows(&servers, transports));
        match (flows, failed) {
            (Ok((flow, fallbacks)), Some(failed)) => {
                // It may have ended since.
                let _ = agent.relocate(failed, flow, fallbacks);
            }
            (Ok((flow, fallbacks)), None) => {
                if let Err(reason) = self.register(now, &trunk, flow, fallbacks, agent) {
                    self.try_later(now, trunk, &reason);
                }
            }
            (Err(reason), None) => self.try_later(now, trunk, &reason),
            // The user agent goes on with the servers that it knows.
            (Err(reason), Some(_)) => tracing::warn!(trunk, reason, "the trunk was not found"),
        }
    }

    fn register(
        &mut self,
        now: Instant,
        name: &str,
        flow: Flow,
        fallbacks: Vec<Flow>,
        agent: &mut UserAgent,
    ) -> Result<(), String> {
        let trunk = &self.config.trunks[name];
        let registrar = trunk.registrar.as_deref().unwrap_or_default();
        let registration = Registration {
            flow,
            fallbacks,
            registrar: registrar.to_string(),
            address_of_record: address_of_record(trunk, registrar),
            credentials: credentials(trunk),
            expires: trunk.expires,
            keep_alive: Some(KEEP_ALIVE),
        };
        let registered = agent.register(now, registration);
        let id = registered.map_err(|error| error.to_string())?;
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
                if let (None | Some(408 | 500..), Some(_), Some(trunk)) = (status, retry, trunk) {
                    let asked = Asked {
                        trunk: trunk.clone(),
                        failed: Some(*registration),
                    };
                    self.look_up_again(asked);
                }
            }
            Event::Unregistered { registration } => {
                self.names.remove(registration);
            }
            _ => {}
        }
    }
}

/// Where its REGISTER goes: its proxy, or the registrar itself.
fn next_hop(trunk: &Trunk) -> Result<SipUri, String> {
    let registrar = trunk.registrar.as_deref();
    let hop = trunk.proxy.as_deref().or(registrar).unwrap_or_default();
    match hop.parse() {
        Ok(Uri::Sip(uri)) => Ok(uri),
        _ => Err(format!("{hop} is no SIP address")),
    }
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
