//! Whether the demo's parcel service is to answer: where a dialplan that is served looks up its
//! address, `http://127.0.0.1:<the console's port>/demo/…`.

use crate::dialplan::model::{Dialplan, NodeKind};
use std::net::{IpAddr, SocketAddr};

/// The port of a lookup of the demo's service on this machine, by its path.
fn demo_port(url: &str) -> Option<u16> {
    let (server, path) = url.strip_prefix("http://")?.split_once('/')?;
    let (host, port) = server.rsplit_once(':').unwrap_or((server, "80"));
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    (here && path.starts_with("demo/")).then_some(port.parse().ok()?)
}

/// Whether a dialplan looks up the service; of each that looks where it is not, it is told.
pub(super) fn is_wanted<'d>(
    dialplans: impl Iterator<Item = &'d Dialplan>,
    console: SocketAddr,
) -> bool {
    let mut wanted = false;
    for dialplan in dialplans {
        let lookups = dialplan.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Http(http) => demo_port(&http.url),
            _ => None,
        });
        for port in lookups {
            if port == console.port() {
                tracing::info!(
                    dialplan = dialplan.name,
                    "the demo's parcel service answers: its parcels are made up"
                );
                wanted = true;
            } else {
                tracing::warn!(
                    dialplan = dialplan.name,
                    "it looks up the demo's parcel service at port {port}, which answers at \
                     `console` ({console}) only: change the one or the other"
                );
            }
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::dialplan::load::load;

    #[test]
    fn the_demo_is_known_by_its_address() {
        for (url, port) in [
            ("http://127.0.0.1:8060/demo/parcels/{{ n }}", Some(8060)),
            ("http://localhost/demo/parcels/1", Some(80)),
            ("http://127.0.0.1:8060/parcels/1", None),
            ("http://192.0.2.1:8060/demo/parcels/1", None),
            ("https://parcels.example.com/demo/1", None),
        ] {
            assert_eq!(demo_port(url), port, "{url}");
        }
    }

    #[test]
    fn the_shipped_hotline_is_answered_without_more_ado() {
        let parcel = include_str!("../../dialplans/parcel.yaml").to_string();
        let parcel = load(&Source::new("parcel.yaml", parcel)).expect("it is right");
        let wanted = |console: &str| {
            let console = console.parse().expect("an address");
            is_wanted(std::iter::once(&parcel), console)
        };
        assert!(wanted("127.0.0.1:8060") && wanted("0.0.0.0:8060"));
        assert!(!wanted("127.0.0.1:9000"));
    }
}
