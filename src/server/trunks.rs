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
/// How long a server that stops waits for registrars to take their bindings back.
const FAREWELL: Duration = Duration::from_secs(2);

pub struct Trunks {
    config: Arc<Config>,
    names: FxHashMap<RegistrationId, String>,
    /// Trunks that no registration was made for yet, with the time to try.
    waiting: Vec<(Instant, String)>,
    lookups: Lookups<Asked>,
    /// The server stops, and waits so long for registrars.
    leaving_until: Option<Instant>,
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
            leaving_until: None,
            config,
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().map(|(at, _)| *at);
        let leaving = self.leaving_until.filter(|_| !self.has_left());
        waiting.chain(leaving).min()
    }

    /// Removes every binding: the trunks are to send new calls elsewhere.
    pub fn leave(&mut self, now: Instant, agent: &mut UserAgent) {
        self.leaving_until = Some(now + FAREWELL);
        self.waiting.clear();
        for id in self.names.keys() {
            // One that is gone has no binding.
            let _ = agent.unregister(now, *id);
        }
    }

    /// Whether no registrar has a binding of ours, or could be made to remove it.
    pub fn has_left(&self) -> bool {
        self.names.is_empty()
    }

    /// The next trunk that was looked up; to be handed to [`Trunks::finish`].
    pub async fn located(&mut self) -> Located<Asked> {
        self.lookups.next().await
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.leaving_until.is_some_and(|until| until <= now) {
            self.names.clear();
        }
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
            _ if self.leaving_until.is_some() => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::locator::name_server::{NameServer, Zone};
    use crate::sip::flow::Protocol;
    use crate::sip::message::{Message, Response};
    use crate::sip::user_agent::config;

    const CONFIG: &str =
        "trunks: { acme: { registrar: \"sip:acme.example\", user: us, password: x } }";

    struct Registering {
        trunks: Trunks,
        transports: Transports,
        agent: UserAgent,
        _dns: NameServer,
    }

    impl Registering {
        async fn new(zone: Zone) -> Registering {
            let (config, found) = Config::check(&Source::new("/zeroline.yaml", CONFIG));
            assert!(config.is_some(), "{found:?}");
            let listen = [(Protocol::Udp, ([127, 0, 0, 1], 0).into())];
            let dns = NameServer::start(zone).await;
            let locator = dns.locator(&[Protocol::Udp]);
            Registering {
                trunks: Trunks::new(Arc::new(config.expect("it is good")), locator),
                transports: Transports::bind(&listen).await.expect("a free port"),
                agent: UserAgent::new(config::Config::default(), 1),
                _dns: dns,
            }
        }

        async fn look_up(&mut self, now: Instant) {
            self.trunks.handle_timeout(now);
            let located = tokio::time::timeout(LOOK_UP_AGAIN, self.trunks.located());
            let located = located.await.expect("look-ups are bounded");
            let (transports, agent) = (&self.transports, &mut self.agent);
            self.trunks.finish(now, located, transports, agent);
        }

        /// Answers our next REGISTER, whenever it comes, and says where it went.
        fn answer(&mut self, now: &mut Instant, status: u16) -> String {
            let sent = loop {
                if let Some(sent) = self.agent.poll_transmit() {
                    break sent;
                }
                *now = self.agent.next_timeout().expect("it registers");
                self.agent.handle_timeout(*now);
            };
            let Ok(Message::Request(request)) = Message::parse(&sent.bytes) else {
                panic!("{sent:?}");
            };
            let mut bytes = Vec::new();
            Response::to_request(&request, status, "").to_bytes(&mut bytes);
            self.agent.receive(*now, sent.flow, &bytes);
            while let Some(event) = self.agent.poll_event() {
                self.trunks.handle_event(&event);
            }
            sent.flow.remote.to_string()
        }
    }

    #[tokio::test]
    async fn a_trunk_is_registered_with_wherever_the_dns_says() {
        let zone = Zone::default()
            .srv("_sip._udp.acme.example", (1, 0, 5071), "one.acme.example")
            .srv("_sip._udp.acme.example", (2, 0, 5072), "two.acme.example")
            .a("one.acme.example", [127, 0, 0, 8])
            .a("two.acme.example", [127, 0, 0, 9]);
        let mut registering = Registering::new(zone).await;
        let mut now = Instant::now();
        registering.look_up(now).await;
        assert_eq!(registering.answer(&mut now, 503), "127.0.0.8:5071");
        assert_eq!(registering.answer(&mut now, 503), "127.0.0.9:5072");
        // Both have failed: the name is looked up again, and the next attempt begins there.
        registering.look_up(now).await;
        assert_eq!(registering.answer(&mut now, 200), "127.0.0.8:5071");
        registering.trunks.leave(now, &mut registering.agent);
        assert!(!registering.trunks.has_left());
        registering.answer(&mut now, 200);
        assert!(registering.trunks.has_left());
    }

    #[tokio::test]
    async fn a_trunk_that_is_not_found_is_looked_for_again_and_nobody_waits_at_the_stop() {
        let mut registering = Registering::new(Zone::default()).await;
        let now = Instant::now();
        registering.look_up(now).await;
        assert!(registering.agent.poll_transmit().is_none());
        let again = registering.trunks.next_timeout();
        assert_eq!(again, Some(now + LOOK_UP_AGAIN));

        let zone = Zone::default().a("acme.example", [127, 0, 0, 8]);
        let mut registering = Registering::new(zone).await;
        let now = Instant::now();
        registering.look_up(now).await;
        registering.trunks.leave(now, &mut registering.agent);
        let until = registering.trunks.next_timeout();
        assert_eq!(until, Some(now + FAREWELL));
        registering.trunks.handle_timeout(now + FAREWELL);
        assert!(registering.trunks.has_left());
        assert_eq!(registering.trunks.next_timeout(), None);
    }
}
