//! Asks the DNS where requests to a SIP URI go (RFC 3263): NAPTR, then SRV, then A and AAAA. Names
//! in the hosts file come first, and whatever is slow is given up.

#[cfg(test)]
pub mod name_server;
#[cfg(test)]
mod tests;

use crate::sip::flow::Protocol;
use crate::sip::location::{self, Location, Naptr, Server, Srv, UnknownTransport};
use crate::sip::uri::SipUri;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, TokioResolver};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// A question is asked again after so long, and then again: datagrams get lost.
const ASK_AGAIN: Duration = Duration::from_millis(600);
const REPEATS: usize = 1;
/// A question without an answer after so long has none: some name servers never answer NAPTR.
const QUESTION: Duration = Duration::from_millis(1500);
/// For all questions about a URI. A caller is waiting.
const TOTAL: Duration = Duration::from_secs(5);
/// Servers that are tried at most; also the records of one answer that are looked at.
const MAX_SERVERS: usize = 8;
/// Where the system says which name servers to ask, and which names it knows itself.
const SYSTEM_FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

#[derive(Clone)]
pub struct Locator {
    /// `None` where no resolver can be made: then only the hosts file is asked.
    resolver: Option<TokioResolver>,
    hosts: Arc<Hosts>,
    /// What can be spoken, the preferred one first.
    protocols: Vec<Protocol>,
    /// The system's settings that it was made of.
    of_files: Option<Changed>,
}

/// When the files of [`SYSTEM_FILES`] were changed last.
type Changed = [Option<SystemTime>; SYSTEM_FILES.len()];

/// Why no server was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    #[error(transparent)]
    Transport(#[from] UnknownTransport),
    #[error("`{0}` was not found in the DNS")]
    NotFound(String),
    #[error("the name servers took too long to find `{0}`")]
    TimedOut(String),
}

impl Locator {
    /// Asks the name servers that the system is set to.
    pub fn of_system(protocols: &[Protocol]) -> Locator {
        let of_files = changed();
        let (config, options) = read_system_conf().unwrap_or_else(|error| {
            tracing::warn!(%error, "no name servers are known: names are looked for in the hosts file");
            (ResolverConfig::from_name_servers(Vec::new()), ResolverOpts::default())
        });
        Locator {
            of_files: Some(of_files),
            ..Locator::new(config, options, protocols)
        }
    }

    /// A new one where the system's settings have changed since, with a lease or by an editor.
    pub fn renewed(&self) -> Option<Locator> {
        let is_old = self.of_files.is_some_and(|files| files != changed());
        is_old.then(|| Locator::of_system(&self.protocols))
    }

    fn new(config: ResolverConfig, options: ResolverOpts, protocols: &[Protocol]) -> Locator {
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = options;
        let options = builder.options_mut();
        options.timeout = ASK_AGAIN;
        options.attempts = REPEATS;
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        Locator {
            resolver: builder.build().ok(),
            hosts: Arc::new(Hosts::from_system().unwrap_or_default()),
            protocols: protocols.to_vec(),
            of_files: None,
        }
    }

    /// The servers to try, the best first; never none.
    pub async fn locate(&self, uri: &SipUri) -> Result<Vec<Server>, LocateError> {
        let found = match Location::of(uri)? {
            Location::Known(server) => return Ok(vec![server]),
            Location::Host {
                protocol,
                name,
                port,
            } => timeout(TOTAL, self.host(protocol, &name, Some(port))).await,
            Location::Domain { name, protocol } => {
                timeout(TOTAL, self.domain(&name, protocol)).await
            }
        };
        let name = uri.host.to_string();
        match found {
            Ok(servers) if servers.is_empty() => Err(LocateError::NotFound(name)),
            Ok(servers) => Ok(servers),
            Err(_) => Err(LocateError::TimedOut(name)),
        }
    }

    async fn domain(&self, name: &str, protocol: Option<Protocol>) -> Vec<Server> {
        let default = protocol.unwrap_or(Protocol::Udp);
        let listed = self.listed(name);
        if !listed.is_empty() {
            return location::at(default, None, listed).collect();
        }
        let naptr = match protocol {
            None => self.naptr(name).await,
            Some(_) => Vec::new(),
        };
        let mut has_services = false;
        for (protocol, service) in location::services(name, protocol, naptr, &self.protocols) {
            let records = self.srv(&service).await;
            has_services |= !records.is_empty();
            let servers = self.servers(protocol, records).await;
            if !servers.is_empty() {
                return servers;
            }
        }
        // Records that lead nowhere mean that nothing is served (RFC 2782).
        match has_services {
            true => Vec::new(),
            false => self.host(default, name, None).await,
        }
    }

    async fn servers(&self, protocol: Protocol, records: Vec<Srv>) -> Vec<Server> {
        let mut servers = Vec::new();
        let records = location::in_order(records, &mut rand::rng());
        for record in records.iter().filter(|record| record.target != ".") {
            let port = Some(record.port);
            servers.extend(self.host(protocol, &record.target, port).await);
            if servers.len() >= MAX_SERVERS {
                break;
            }
        }
        servers.truncate(MAX_SERVERS);
        servers
    }

    async fn host(&self, protocol: Protocol, name: &str, port: Option<u16>) -> Vec<Server> {
        let mut addresses = self.listed(name);
        if addresses.is_empty() {
            addresses = self.addresses(name).await;
        }
        location::at(protocol, port, addresses).collect()
    }

    /// The name's addresses in the hosts file.
    fn listed(&self, name: &str) -> Vec<IpAddr> {
        let Ok(name) = Name::from_utf8(name) else {
            return Vec::new();
        };
        let of_kind = |kind| {
            let query = Query::query(name.clone(), kind);
            self.hosts.lookup_static_host(&query)
        };
        let lookups = [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(of_kind);
        lookups
            .flat_map(|lookup| lookup.answers().to_vec())
            .filter_map(|record| record.data.ip_addr())
            .take(MAX_SERVERS)
            .collect()
    }

    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let (Some(resolver), Some(name)) = (&self.resolver, dns_name(name)) else {
            return Vec::new();
        };
        match timeout(QUESTION, resolver.lookup_ip(name)).await {
            Ok(Ok(found)) => found.iter().take(MAX_SERVERS).collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }

    async fn naptr(&self, name: &str) -> Vec<Naptr> {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let record = |data: &RData| match data {
            RData::NAPTR(naptr) => Some(Naptr {
                order: naptr.order,
                preference: naptr.preference,
                flags: text(&naptr.flags),
                services: text(&naptr.services),
                replacement: naptr.replacement.to_string(),
            }),
            _ => None,
        };
        self.records(name, RecordType::NAPTR, record).await
    }

    async fn srv(&self, name: &str) -> Vec<Srv> {
        let record = |data: &RData| match data {
            RData::SRV(srv) => Some(Srv {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                target: srv.target.to_string(),
            }),
            _ => None,
        };
        self.records(name, RecordType::SRV, record).await
    }

    /// Empty also when the answer does not come: the next kind of record may be there.
    async fn records<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Vec<T> {
        let (Some(resolver), Some(name)) = (&self.resolver, dns_name(name)) else {
            return Vec::new();
        };
        match timeout(QUESTION, resolver.lookup(name, kind)).await {
            Ok(Ok(found)) => {
                let records = found.answers().iter();
                let read = records.filter_map(|record| read(&record.data));
                read.take(MAX_SERVERS).collect()
            }
            Ok(Err(_)) | Err(_) => Vec::new(),
        }
    }
}

fn changed() -> Changed {
    SYSTEM_FILES.map(|path| std::fs::metadata(path).ok()?.modified().ok())
}

/// A name with a dot is whole: the domains that the system searches are for short names.
fn dns_name(text: &str) -> Option<Name> {
    let mut name = Name::from_utf8(text).ok()?;
    if name.num_labels() > 1 {
        name.set_fqdn(true);
    }
    Some(name)
}
