//! From a target's URI to the socket that its INVITE leaves by.

use super::resident::CallNumber;
use super::transports::Transports;
use crate::call::contract::LegNumber;
use crate::config::trunk::Trunk;
use crate::config::{BUILT_IN_AGENT, Config};
use crate::dialplan::model::Way;
use crate::handoff::targets::TargetPolicy;
use crate::sip::digest::Credentials;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::uri::{SipUri, Uri};
use rustc_hash::FxHashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const SIP_PORT: u16 = 5060;
/// Names that are being looked up; one more fails at once, and the next target is rung.
const LOOKUPS: usize = 1024;
/// A name server that is slower than this is no help to a caller who waits.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// A target that can be rung.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub flow: Flow,
    /// The Request-URI.
    pub uri: String,
    /// The From that the target's trunk wants.
    pub from: Option<String>,
    pub credentials: Option<Credentials>,
}

/// A name's address, or why there is none.
pub struct Resolved {
    pub call: CallNumber,
    pub leg: LegNumber,
    target: String,
    address: Result<IpAddr, String>,
}

pub struct Targets {
    config: Arc<Config>,
    /// Those whose ports are open and whose INVITE is about to come; a hang-up forgets them.
    prepared: FxHashMap<(CallNumber, LegNumber), Prepared>,
    to_task: mpsc::Sender<Resolved>,
    resolved: mpsc::Receiver<Resolved>,
}

impl Targets {
    pub fn new(config: Arc<Config>) -> Targets {
        let (to_task, resolved) = mpsc::channel(LOOKUPS);
        Targets {
            config,
            prepared: FxHashMap::default(),
            to_task,
            resolved,
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

    pub async fn resolved(&mut self) -> Resolved {
        // The sender is kept beside the receiver, so the channel never closes.
        match self.resolved.recv().await {
            Some(resolved) => resolved,
            None => std::future::pending().await,
        }
    }

    /// `None`: its name is being looked up, and [`Targets::resolved`] will tell.
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
        let hop = match self.next_hop(target) {
            Ok(hop) => hop,
            Err(error) => return Some(Err(error)),
        };
        match hop.host.ip() {
            Some(address) => Some(self.at(target, &hop, address, transports)),
            None => {
                self.look_up(call, leg, target, &hop.host.to_string());
                None
            }
        }
    }

    pub fn finish(&self, resolved: &Resolved, transports: &Transports) -> Result<Prepared, String> {
        let address = resolved.address.clone()?;
        let hop = self.next_hop(&resolved.target)?;
        self.at(&resolved.target, &hop, address, transports)
    }

    /// The target itself, or its trunk's proxy.
    fn next_hop(&self, target: &str) -> Result<SipUri, String> {
        let trunk = self.trunk(target);
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

    fn trunk(&self, target: &str) -> Option<&Trunk> {
        let trunks = &self.config.trunks;
        let serves = trunks.values().find(|trunk| trunk.serves(target));
        // A telephone number goes out by the first trunk that has a proxy.
        let is_number = target.starts_with("tel:");
        serves.or_else(|| {
            trunks
                .values()
                .find(|trunk| is_number && trunk.proxy.is_some())
        })
    }

    fn at(
        &self,
        target: &str,
        hop: &SipUri,
        address: IpAddr,
        transports: &Transports,
    ) -> Result<Prepared, String> {
        let is_tcp = hop
            .transport()
            .is_some_and(|name| name.eq_ignore_ascii_case("tcp"));
        let protocol = if is_tcp { Protocol::Tcp } else { Protocol::Udp };
        let remote = SocketAddr::new(address, hop.port.unwrap_or(SIP_PORT));
        let flow = transports.flow_to(protocol, remote).ok_or_else(|| {
            let name = protocol.name();
            format!("no `listen` address can reach {remote} over {name}")
        })?;
        let trunk = self.trunk(target);
        let from = trunk
            .and_then(|trunk| trunk.from.as_ref())
            .map(|from| format!("<{from}>"));
        let credentials = trunk.and_then(credentials);
        Ok(Prepared {
            flow,
            uri: target.to_string(),
            from,
            credentials,
        })
    }

    fn look_up(&self, call: CallNumber, leg: LegNumber, target: &str, host: &str) {
        let (name, target, to_task) = (host.to_string(), target.to_string(), self.to_task.clone());
        tokio::spawn(async move {
            let found = tokio::net::lookup_host((name.as_str(), SIP_PORT));
            let address = match tokio::time::timeout(LOOKUP_TIMEOUT, found).await {
                Ok(Ok(mut addresses)) => addresses
                    .next()
                    .map(|address| address.ip())
                    .ok_or_else(|| format!("{name} has no address")),
                Ok(Err(error)) => Err(format!("{name} cannot be looked up: {error}")),
                Err(_) => Err(format!("looking up {name} took too long")),
            };
            // The task that would use it ends with the server.
            let _ = to_task
                .send(Resolved {
                    call,
                    leg,
                    target,
                    address,
                })
                .await;
        });
    }
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
        ip if ip.is_unspecified() => SocketAddr::new(loopback(ip), local.port()),
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
        uri: format!("sip:{user}@{remote}{tcp}"),
        from: None,
        credentials: None,
    })
}

fn loopback(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
    }
}

/// What the config says about targets.
pub struct ConfigPolicy(pub Arc<Config>);

impl TargetPolicy for ConfigPolicy {
    fn is_allowed(&self, target: &str) -> bool {
        self.0
            .transfers
            .iter()
            .any(|pattern| pattern.allows(target))
    }

    fn way(&self, target: &str) -> Way {
        use crate::config::trunk::TrunkWay;
        let trunk = self.0.trunks.values().find(|trunk| trunk.serves(target));
        match trunk.map(|trunk| trunk.way) {
            Some(TrunkWay::Refer) => Way::Refer,
            Some(TrunkWay::Bridged) | None => Way::Bridged,
        }
    }
}
