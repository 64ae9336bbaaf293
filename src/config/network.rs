//! Addresses and networks as admins write them.

use super::{Listen, ListenTransport};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

pub fn both(address: SocketAddr) -> [Listen; 2] {
    [ListenTransport::Udp, ListenTransport::Tcp].map(|transport| Listen { transport, address })
}

pub fn loopback() -> [IpNet; 2] {
    ["127.0.0.0/8", "::1/128"].map(|net| net.parse().expect("the constants are networks"))
}

impl Listen {
    /// `udp:127.0.0.1:5060`, `tcp:[::1]:5060`, or an address alone for both.
    pub fn parse(text: &str) -> Result<Vec<Listen>, String> {
        let (transport, address) = match text.split_once(':') {
            Some(("udp", address)) => (Some(ListenTransport::Udp), address),
            Some(("tcp", address)) => (Some(ListenTransport::Tcp), address),
            _ => (None, text),
        };
        let address: SocketAddr = address
            .parse()
            .map_err(|_| format!("`{text}` is no address and port, as 127.0.0.1:5060"))?;
        Ok(match transport {
            Some(transport) => vec![Listen { transport, address }],
            None => both(address).to_vec(),
        })
    }
}

/// `10.0.0.0/8`, or one address.
pub fn parse_network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse::<IpNet>()
        .ok()
        .or_else(alone)
        .map(|net| net.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_addresses() {
        let shown = |text: &str| {
            let listens = Listen::parse(text)?;
            let told = listens
                .iter()
                .map(|l| format!("{:?} {}", l.transport, l.address));
            Ok::<_, String>(told.collect::<Vec<_>>().join(", "))
        };
        assert_eq!(shown("udp:127.0.0.1:5060"), Ok("Udp 127.0.0.1:5060".into()));
        assert_eq!(shown("tcp:[::1]:5070"), Ok("Tcp [::1]:5070".into()));
        assert_eq!(
            shown("0.0.0.0:5060"),
            Ok("Udp 0.0.0.0:5060, Tcp 0.0.0.0:5060".into())
        );
        assert!(shown("localhost:5060").is_err());
        assert!(shown("127.0.0.1").is_err());
    }

    #[test]
    fn networks() {
        let shown = |text| parse_network(text).map(|net| net.to_string());
        assert_eq!(shown("10.1.2.3/8").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(shown("10.1.2.3").as_deref(), Some("10.1.2.3/32"));
        assert_eq!(shown("::1").as_deref(), Some("::1/128"));
        assert_eq!(shown("10.0.0.0/40"), None);
    }
}
