//! From a target's URI to the socket that its INVITE leaves by.

use super::lookups::{Located, Lookups};
use super::resident::CallNumber;
use super::transports::Transports;
use crate::call::contract::LegNumber;
use crate::config::trunk::{Trunk, TrunkKeys, TrunkWay};
use crate::config::{BUILT_IN_AGENT, Config};
use crate::dialplan::model::Way;
use crate::handoff::targets::TargetPolicy;
use crate::language::Language;
use crate::locator::Locator;
use crate::sip::digest::Credentials;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::location::{Location, Server};
use crate::sip::registrar::Binding;
use crate::sip::uri::{SipUri, Uri};
use rustc_hash::FxHashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A target that can be rung.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub flow: Flow,
    /// Where to send it if nothing comes from there.
    pub fallbacks: Vec<Flow>,
    /// The Request-URI.
    pub uri: String,
    /// The From that the target's trunk wants.
    pub from: Option<String>,
    pub credentials: Option<Credentials>,
    /// The agent whose telephone it is, as it registered.
    pub agent: Option<(String, Binding)>,
}

/// Whose name is being looked up.
pub struct Asked {
    pub call: CallNumber,
    pub leg: LegNumber,
    target: String,
}

pub struct Targets {
    config: Arc<Config>,
    /// Those whose ports are open and whose INVITE is about to come; a hang-up forgets them.
    prepared: FxHashMap<(CallNumber, LegNumber), Prepared>,
    lookups: Lookups<Asked>,
}

impl Targets {
    pub fn new(config: Arc<Config>, locator: Locator) -> Targets {
        Targets {
            config,
            prepared: FxHashMap::default(),
            lookups: Lookups::new(locator),
        }
    }

    pub fn keep(&mut self, call: CallNumber, leg: LegNumber, prepared: Prepared) {
        self.prepared.insert((call, leg), prepared);
    }

    pub fn take(&mut self, call: CallNumber, leg: LegNumber) -> Option<Prepared> {
        self.prepared.remove(&(call, leg))
    }

    pub fn forget(&mut self, call: CallNumber, leg: LegNumber) {
        self.prepared.remove(&(call, leg));
    }

    /// The next name that was looked up.
    pub async fn located(&mut self) -> Located<Asked> {
        self.lookups.next().await
    }

    /// `None`: its name is being looked up, and [`Targets::located`] will tell.
    pub fn prepare(
        &self,
        call: CallNumber,
        leg: LegNumber,
        target: &str,
        transports: &Transports,
    ) -> Option<Result<Prepared, String>> {
        if target == BUILT_IN_AGENT {
            return Some(built_in_agent(transports));
        }
        let hop = match next_hop(&self.config, target) {
            Ok(hop) => hop,
            Err(error) => return Some(Err(error)),
        };
        // Without a look-up there is no way round by another task.
        if let Ok(Location::Known(server)) = Location::of(&hop) {
            return Some(self.at(target, &[server], transports));
        }
        let asked = Asked {
            call,
            leg,
            target: target.to_string(),
        };
        match self.lookups.ask(asked, hop) {
            true => None,
            false => Some(Err("too many names are being looked up".into())),
        }
    }

    pub fn finish(
        &self,
        located: &Located<Asked>,
        transports: &Transports,
    ) -> Result<Prepared, String> {
        match &located.servers {
            Ok(servers) => self.at(&located.what_for.target, servers, transports),
            Err(error) => Err(error.to_string()),
        }
    }

    fn at(
        &self,
        target: &str,
        servers: &[Server],
        transports: &Transports,
    ) -> Result<Prepared, String> {
        let (flow, fallbacks) = flows(servers, transports)?;
        let trunk = self.config.trunk_of(target).map(|(_, trunk)| trunk);
        let from = trunk
            .and_then(|trunk| trunk.from.as_ref())
            .map(|from| format!("<{from}>"));
        Ok(Prepared {
            flow,
            fallbacks,
            uri: target.to_string(),
            from,
            credentials: trunk.and_then(credentials),
            agent: None,
        })
    }
}

/// The target itself, or its trunk's proxy.
pub fn next_hop(config: &Config, target: &str) -> Result<SipUri, String> {
    let trunk = config.trunk_of(target).map(|(_, trunk)| trunk);
    let hop = trunk
        .and_then(|trunk| trunk.proxy.as_deref())
        .unwrap_or(target);
    match Uri::parse(hop.as_bytes()) {
        Ok(Uri::Sip(uri)) => Ok(uri),
        Ok(_) => Err(format!(
            "{target} needs a trunk with a `proxy` to be rung through"
        )),
        Err(error) => Err(format!("{hop} is no SIP address: {error:?}")),
    }
}

/// The ways to servers, the best first. Our media is at one address whichever takes the call, so
/// those that would see us at another are left out.
pub fn flows(servers: &[Server], transports: &Transports) -> Result<(Flow, Vec<Flow>), String> {
    let reached = |server: &Server| transports.flow_to(server.protocol, server.address);
    let mut flows = servers.iter().filter_map(reached);
    let Some(first) = flows.next() else {
        let named = |server: &Server| format!("{} over {}", server.address, server.protocol.name());
        let servers: Vec<String> = servers.iter().map(named).collect();
        return Err(format!(
            "no `listen` address can reach {}",
            servers.join(" or ")
        ));
    };
    let others = flows.filter(|flow| flow.local.ip() == first.local.ip());
    Ok((first, others.collect()))
}

pub fn credentials(trunk: &Trunk) -> Option<Credentials> {
    let password = trunk.password.as_ref()?;
    Some(Credentials {
        username: trunk.user.clone()?,
        password: password.reveal().ok()?.expose().to_string(),
    })
}

/// A real INVITE, to ourselves.
fn built_in_agent(transports: &Transports) -> Result<Prepared, String> {
    let (protocol, local) = *transports
        .listening()
        .first()
        .ok_or("nothing is listened on")?;
    let remote = match local.ip() {
        // `[::]` takes IPv4 too, and IPv6 may be switched off.
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, local.port()).into(),
        _ => local,
    };
    let flow = transports
        .flow_to(protocol, remote)
        .ok_or("nothing listens on loopback")?;
    let tcp = if protocol == Protocol::Tcp {
        ";transport=tcp"
    } else {
        ""
    };
    let user = BUILT_IN_AGENT.split(['@', ':']).nth(1).unwrap_or_default();
    Ok(Prepared {
        flow,
        fallbacks: Vec::new(),
        uri: format!("sip:{user}@{remote}{tcp}"),
        from: None,
        credentials: None,
        agent: None,
    })
}

/// What the config says about targets.
pub struct ConfigPolicy(pub Arc<Config>);

impl TargetPolicy for ConfigPolicy {
    fn is_allowed(&self, target: &str) -> bool {
        self.0.may_ring(target)
    }

    fn way(&self, target: &str) -> Way {
        match self.0.trunk_of(target).map(|(_, trunk)| trunk.way) {
            Some(TrunkWay::Refer) => Way::Refer,
            Some(TrunkWay::Bridged) | None => Way::Bridged,
        }
    }

    fn keys(&self, target: &str) -> TrunkKeys {
        let trunk = self.0.trunk_of(target);
        trunk.map_or(TrunkKeys::Rfc4733, |(_, trunk)| trunk.keys)
    }

    fn calls_back(&self, number: &str) -> bool {
        let callbacks = self.0.callbacks.as_ref();
        callbacks.is_some_and(|callbacks| callbacks.allows(number, true))
    }

    fn agents(&self, skills: &[String]) -> Vec<(String, Vec<Language>)> {
        let all = self.0.agents.values();
        let able = all.filter(|agent| skills.iter().all(|skill| agent.skills.contains(skill)));
        able.map(|agent| (agent.address(), agent.languages.clone()))
            .collect()
    }

    fn is_agent(&self, target: &str) -> bool {
        self.0.agent_of(target).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::locator::name_server::{NameServer, Zone};
    use std::time::Duration;

    const ASKED: (CallNumber, LegNumber) = (7, LegNumber(1));

    async fn transports() -> Transports {
        let listen = [Protocol::Udp, Protocol::Tcp].map(|p| (p, ([127, 0, 0, 1], 0).into()));
        let transports = Transports::bind(&listen).await;
        transports.expect("loopback has free ports")
    }

    /// What is rung for a target, the config and the DNS being so.
    async fn prepared(config: &str, zone: Zone, target: &str) -> Result<Prepared, String> {
        let (config, found) = Config::check(&Source::new("/zeroline.yaml", config));
        assert!(found.is_empty(), "{found:?}");
        let transports = transports().await;
        let dns = NameServer::start(zone).await;
        let locator = dns.locator(&transports.protocols());
        let mut targets = Targets::new(Arc::new(config.expect("it is good")), locator);
        if let Some(known) = targets.prepare(ASKED.0, ASKED.1, target, &transports) {
            return known;
        }
        let located = tokio::time::timeout(Duration::from_secs(20), targets.located());
        let located = located.await.expect("look-ups are bounded");
        assert_eq!((located.what_for.call, located.what_for.leg), ASKED);
        targets.finish(&located, &transports)
    }

    fn remotes(prepared: &Prepared) -> Vec<String> {
        let flows = std::iter::once(&prepared.flow).chain(&prepared.fallbacks);
        let shown = |flow: &Flow| format!("{} {}", flow.protocol.name(), flow.remote);
        flows.map(shown).collect()
    }

    #[tokio::test]
    async fn a_person_is_rung_at_the_servers_of_the_trunk() {
        let config = "trunks: { acme: { proxy: \"sip:acme.example;transport=tcp\", from: \"sip:us@acme.example\" } }";
        let zone = Zone::default()
            .srv("_sip._tcp.acme.example", (1, 0, 5062), "one.acme.example")
            .srv("_sip._tcp.acme.example", (2, 0, 5063), "two.acme.example")
            .a("one.acme.example", [127, 0, 0, 8])
            .a("two.acme.example", [127, 0, 0, 9]);
        let prepared = prepared(config, zone, "tel:+441632960000").await;
        let prepared = prepared.expect("it is found");
        assert_eq!(
            remotes(&prepared),
            ["TCP 127.0.0.8:5062", "TCP 127.0.0.9:5063"]
        );
        assert_eq!(prepared.uri, "tel:+441632960000");
        assert_eq!(prepared.from.as_deref(), Some("<sip:us@acme.example>"));
    }

    #[tokio::test]
    async fn an_address_is_rung_without_the_dns_and_a_name_nobody_knows_is_told() {
        let known = prepared("", Zone::default(), "sip:a@127.0.0.1:5090").await;
        assert_eq!(
            remotes(&known.expect("it is known")),
            ["UDP 127.0.0.1:5090"]
        );
        let unknown = prepared("", Zone::default(), "sip:a@nowhere.example").await;
        let error = unknown.expect_err("nobody is there");
        assert_eq!(error, "`nowhere.example` was not found in the DNS");
        let far = prepared("", Zone::default(), "sip:a@[2001:db8::1]").await;
        let error = far.expect_err("only IPv4 is listened on");
        assert!(
            error.starts_with("no `listen` address can reach"),
            "{error}"
        );
    }

    #[test]
    fn agents_with_all_the_skills_are_rung() {
        let text = "agents:\n  anna: { password_env: A, skills: [refunds, cards], languages: [zh] }\n  \
                    ben: { password_env: B, skills: [refunds] }\n";
        let (config, found) = Config::check(&Source::new("/zeroline.yaml", text));
        assert!(found.is_empty(), "{found:?}");
        let policy = ConfigPolicy(Arc::new(config.expect("it is good")));
        let agents = |skills: &[&str]| {
            let skills: Vec<String> = skills.iter().map(ToString::to_string).collect();
            let found = policy.agents(&skills).into_iter();
            found.map(|(target, _)| target).collect::<Vec<_>>()
        };
        let (anna, ben) = ("sip:anna@zeroline.local", "sip:ben@zeroline.local");
        assert_eq!(agents(&[]), [anna, ben]);
        assert_eq!(agents(&["refunds"]), [anna, ben]);
        assert_eq!(agents(&["cards", "refunds"]), [anna]);
        assert!(agents(&["loans"]).is_empty());
        let spoken = &policy.agents(&["cards".to_owned()])[0].1;
        assert_eq!(spoken, &[Language::Zh]);
    }
}
