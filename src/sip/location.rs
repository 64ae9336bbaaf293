//! Where requests to a URI go (RFC 3263, 4): what of it needs the DNS, and in which order the
//! servers that the DNS names are tried. The asking is done elsewhere.

use crate::sip::flow::Protocol;
use crate::sip::host::Host;
use crate::sip::uri::SipUri;
use rand::{Rng, RngExt};
use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};

const SIP_PORT: u16 = 5060;

/// A server that takes requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    pub protocol: Protocol,
    pub address: SocketAddr,
}

/// What a URI tells of its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A numeric address needs no look-up.
    Known(Server),
    /// A port stands beside the name: only the name's addresses are wanted.
    Host {
        protocol: Protocol,
        name: String,
        port: u16,
    },
    /// The DNS tells servers and ports, and without `transport=` the protocol too.
    Domain {
        name: String,
        protocol: Option<Protocol>,
    },
}

/// A transport that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transport `{0}` cannot be spoken: use udp or tcp")]
pub struct UnknownTransport(pub String);

impl Location {
    /// `maddr` is not followed: a target is allowed by its host.
    pub fn of(uri: &SipUri) -> Result<Location, UnknownTransport> {
        let protocol = named_protocol(uri)?;
        // Without a name or a choice, UDP is what every SIP element speaks (RFC 3263, 4.1).
        let spoken = protocol.unwrap_or(Protocol::Udp);
        Ok(match (&uri.host, uri.port) {
            (Host::Ip(ip), port) => Location::Known(Server {
                protocol: spoken,
                address: SocketAddr::new(*ip, port.unwrap_or(SIP_PORT)),
            }),
            (Host::Name(name), Some(port)) => Location::Host {
                protocol: spoken,
                name: name.to_string(),
                port,
            },
            (Host::Name(name), None) => Location::Domain {
                name: name.to_string(),
                protocol,
            },
        })
    }
}

fn named_protocol(uri: &SipUri) -> Result<Option<Protocol>, UnknownTransport> {
    if uri.secure {
        return Err(UnknownTransport("sips".into()));
    }
    let Some(transport) = uri.transport() else {
        return Ok(None);
    };
    let known = [Protocol::Udp, Protocol::Tcp];
    let named = known
        .into_iter()
        .find(|protocol| protocol.name().eq_ignore_ascii_case(transport));
    named
        .map(Some)
        .ok_or_else(|| UnknownTransport(transport.to_owned()))
}

/// A NAPTR record (RFC 3403, 4.1), as far as SIP needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    pub order: u16,
    pub preference: u16,
    pub flags: String,
    pub services: String,
    pub replacement: String,
}

/// The names whose SRV records are to be asked for, the first choice first (RFC 3263, 4.1): those
/// that the domain's NAPTR records name, or without any the domain's own.
pub fn services(
    domain: &str,
    protocol: Option<Protocol>,
    naptr: Vec<Naptr>,
    spoken: &[Protocol],
) -> Vec<(Protocol, String)> {
    let own = |protocol: &Protocol| {
        let label = protocol.name().to_ascii_lowercase();
        (*protocol, format!("_sip._{label}.{domain}"))
    };
    if let Some(protocol) = protocol {
        return vec![own(&protocol)];
    }
    let mut named: Vec<_> = naptr
        .into_iter()
        .filter(|record| record.flags.eq_ignore_ascii_case("s"))
        .filter_map(|record| {
            let protocol = protocol_of_service(&record.services)?;
            let rank = (record.order, record.preference);
            let is_spoken = spoken.contains(&protocol);
            is_spoken.then_some((rank, protocol, record.replacement))
        })
        .collect();
    named.sort_by_key(|(rank, ..)| *rank);
    if named.is_empty() {
        return spoken.iter().map(own).collect();
    }
    named
        .into_iter()
        .map(|(_, protocol, name)| (protocol, name))
        .collect()
}

fn protocol_of_service(service: &str) -> Option<Protocol> {
    match service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Some(Protocol::Udp),
        "SIP+D2T" => Some(Protocol::Tcp),
        _ => None,
    }
}

/// A SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    pub target: String,
}

/// The order in which servers are tried: by priority, and among equals by lot, weighted (RFC 2782).
pub fn in_order(mut records: Vec<Srv>, rng: &mut impl Rng) -> Vec<Srv> {
    // Those without weight come first, so that they have their small chance.
    records.sort_by_key(|record| Reverse((record.priority, record.weight)));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.last().map(|record| record.priority) {
        let first = records.partition_point(|record| record.priority > priority);
        let equals = records.get(first..).unwrap_or_default();
        let total: u32 = equals.iter().map(|record| u32::from(record.weight)).sum();
        let lot = rng.random_range(0..=total);
        let mut sum = 0;
        let drawn = equals.iter().rposition(|record| {
            sum += u32::from(record.weight);
            sum >= lot
        });
        let drawn = first + drawn.expect("the sum of all weights is no less than the lot");
        ordered.push(records.remove(drawn));
    }
    ordered
}

/// The servers at a host's addresses.
pub fn at(
    protocol: Protocol,
    port: Option<u16>,
    addresses: impl IntoIterator<Item = IpAddr>,
) -> impl Iterator<Item = Server> {
    let server = move |ip| Server {
        protocol,
        address: SocketAddr::new(ip, port.unwrap_or(SIP_PORT)),
    };
    addresses.into_iter().map(server)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::uri::Uri;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    fn location(uri: &str) -> String {
        let uri: Uri = uri.parse().expect("it is a URI");
        match Location::of(uri.as_sip().expect("it is a SIP URI")) {
            Ok(Location::Known(server)) => format!("{} {}", server.protocol.name(), server.address),
            Ok(Location::Host {
                protocol,
                name,
                port,
            }) => format!("{} addresses of {name}, port {port}", protocol.name()),
            Ok(Location::Domain { name, protocol }) => {
                format!("{:?} servers of {name}", protocol.map(Protocol::name))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn numbers_and_ports_need_less_of_the_dns() {
        for (uri, expected) in [
            ("sip:a@192.0.2.1", "UDP 192.0.2.1:5060"),
            ("sip:a@192.0.2.1:5070;transport=TCP", "TCP 192.0.2.1:5070"),
            ("sip:a@[2001:db8::1]", "UDP [2001:db8::1]:5060"),
            ("sip:a@192.0.2.1;maddr=192.0.2.9", "UDP 192.0.2.1:5060"),
            (
                "sip:a@x.example:5070",
                "UDP addresses of x.example, port 5070",
            ),
            (
                "sip:a@x.example:5070;transport=tcp",
                "TCP addresses of x.example, port 5070",
            ),
            ("sip:a@x.example", "None servers of x.example"),
            (
                "sip:a@x.example;transport=tcp",
                "Some(\"TCP\") servers of x.example",
            ),
            (
                "sips:a@x.example",
                "transport `sips` cannot be spoken: use udp or tcp",
            ),
            (
                "sip:a@x.example;transport=ws",
                "transport `ws` cannot be spoken: use udp or tcp",
            ),
        ] {
            assert_eq!(location(uri), expected, "{uri}");
        }
    }

    fn naptr(order: u16, preference: u16, service: &str, name: &str) -> Naptr {
        Naptr {
            order,
            preference,
            flags: "s".into(),
            services: service.into(),
            replacement: name.into(),
        }
    }

    fn names(services: Vec<(Protocol, String)>) -> Vec<String> {
        let name = |(protocol, name): (Protocol, String)| format!("{} {name}", protocol.name());
        services.into_iter().map(name).collect()
    }

    #[test]
    fn naptr_records_choose_among_what_is_spoken() {
        let both = [Protocol::Udp, Protocol::Tcp];
        let records = vec![
            naptr(20, 1, "SIP+D2U", "udp.x."),
            naptr(10, 50, "SIPS+D2T", "tls.x."),
            naptr(10, 60, "sip+d2t", "tcp.x."),
            Naptr {
                flags: "u".into(),
                ..naptr(1, 1, "SIP+D2U", "regexp.x.")
            },
        ];
        let chosen = |protocol, records: &[Naptr], spoken| {
            names(services("x", protocol, records.to_vec(), spoken))
        };
        assert_eq!(chosen(None, &records, &both), ["TCP tcp.x.", "UDP udp.x."]);
        assert_eq!(chosen(None, &records, &both[..1]), ["UDP udp.x."]);
        let own = ["UDP _sip._udp.x", "TCP _sip._tcp.x"];
        assert_eq!(chosen(None, &[], &both), own);
        assert_eq!(chosen(None, &records[1..2], &both), own);
        let tcp = Some(Protocol::Tcp);
        assert_eq!(chosen(tcp, &records, &both), ["TCP _sip._tcp.x"]);
    }

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5060,
            target: target.into(),
        }
    }

    #[test]
    fn servers_are_tried_by_priority_and_by_lot_among_equals() {
        let mut rng = SmallRng::seed_from_u64(7);
        let records = [
            srv(20, 0, "last"),
            srv(10, 90, "heavy"),
            srv(10, 10, "light"),
            srv(10, 0, "never"),
        ];
        let mut first = std::collections::BTreeMap::new();
        for _ in 0..10_000 {
            let order = in_order(records.to_vec(), &mut rng);
            assert_eq!(order.len(), 4);
            assert_eq!(order[3].target, "last");
            *first.entry(order[0].target.clone()).or_insert(0) += 1;
        }
        assert!((8_500..9_400).contains(&first["heavy"]), "{first:?}");
        assert!((600..1_400).contains(&first["light"]), "{first:?}");
        // Its small chance (RFC 2782): one in 101.
        assert!((20..300).contains(&first["never"]), "{first:?}");
        assert_eq!(in_order(Vec::new(), &mut rng), []);
    }
}
