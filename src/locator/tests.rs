use super::name_server::{NameServer, Zone};
use super::*;
use crate::sip::uri::Uri;
use std::time::Instant;

const BOTH: [Protocol; 2] = [Protocol::Udp, Protocol::Tcp];

fn sip(uri: &str) -> SipUri {
    match uri.parse() {
        Ok(Uri::Sip(uri)) => uri,
        other => panic!("{uri}: {other:?}"),
    }
}

async fn located(locator: &Locator, uri: &str) -> Vec<String> {
    let servers = locator.locate(&sip(uri)).await;
    let servers = servers.unwrap_or_else(|error| panic!("{uri}: {error}"));
    let shown = |server: &Server| format!("{} {}", server.protocol.name(), server.address);
    servers.iter().map(shown).collect()
}

fn carrier() -> Zone {
    Zone::default()
        .naptr(
            "carrier.example",
            20,
            "SIP+D2U",
            "_sip._udp.carrier.example",
        )
        .naptr(
            "carrier.example",
            10,
            "SIP+D2T",
            "_sip._tcp.carrier.example",
        )
        .srv(
            "_sip._udp.carrier.example",
            (1, 0, 5080),
            "one.carrier.example",
        )
        .srv(
            "_sip._tcp.carrier.example",
            (2, 0, 5082),
            "two.carrier.example",
        )
        .srv(
            "_sip._tcp.carrier.example",
            (1, 0, 5081),
            "one.carrier.example",
        )
        .a("one.carrier.example", [192, 0, 2, 1])
        .a("two.carrier.example", [192, 0, 2, 2])
        .a("two.carrier.example", [192, 0, 2, 3])
        .a("carrier.example", [192, 0, 2, 9])
}

#[tokio::test]
async fn a_domain_leads_by_naptr_and_srv_to_addresses() {
    let dns = NameServer::start(carrier()).await;
    let locator = dns.locator(&BOTH);
    let by_tcp = [
        "TCP 192.0.2.1:5081",
        "TCP 192.0.2.2:5082",
        "TCP 192.0.2.3:5082",
    ];
    assert_eq!(
        located(&locator, "sip:1@carrier.example;transport=udp").await,
        ["UDP 192.0.2.1:5080"]
    );
    assert_eq!(dns.asked("NAPTR"), 0, "`transport=` needs none");
    assert_eq!(located(&locator, "sip:1@carrier.example").await, by_tcp);
    assert_eq!(dns.asked("NAPTR"), 1);
    // Where TCP is not spoken, its records are passed over.
    let udp_only = dns.locator(&BOTH[..1]);
    let by_udp = ["UDP 192.0.2.1:5080"];
    assert_eq!(located(&udp_only, "sip:1@carrier.example").await, by_udp);
}

#[tokio::test]
async fn a_port_asks_for_addresses_alone_and_a_number_for_nothing() {
    let dns = NameServer::start(carrier()).await;
    let locator = dns.locator(&BOTH);
    let found = located(&locator, "sip:1@carrier.example:5090").await;
    assert_eq!(found, ["UDP 192.0.2.9:5090"]);
    assert_eq!((dns.asked("NAPTR"), dns.asked("SRV")), (0, 0));
    let found = located(&locator, "sip:1@192.0.2.7;transport=tcp").await;
    assert_eq!(found, ["TCP 192.0.2.7:5060"]);
    assert_eq!(dns.asked("A"), 1);
}

#[tokio::test]
async fn a_domain_with_nothing_but_addresses_is_spoken_to_by_udp() {
    let zone = Zone::default().a("pbx.example", [192, 0, 2, 4]);
    let dns = NameServer::start(zone).await;
    let found = located(&dns.locator(&BOTH), "sip:1@pbx.example").await;
    assert_eq!(found, ["UDP 192.0.2.4:5060"]);
    assert_eq!(dns.asked("SRV"), 2);
}

#[tokio::test]
async fn srv_records_of_tcp_alone_make_it_tcp() {
    let zone = Zone::default()
        .srv("_sip._tcp.pbx.example", (1, 1, 5060), "host.pbx.example")
        .a("host.pbx.example", [192, 0, 2, 5]);
    let dns = NameServer::start(zone).await;
    let found = located(&dns.locator(&BOTH), "sip:1@pbx.example").await;
    assert_eq!(found, ["TCP 192.0.2.5:5060"]);
}

#[tokio::test]
async fn a_domain_that_says_that_it_serves_nothing_is_believed() {
    let zone = Zone::default()
        .srv("_sip._udp.none.example", (0, 0, 0), "")
        .a("none.example", [192, 0, 2, 6]);
    let dns = NameServer::start(zone).await;
    let located = dns.locator(&BOTH).locate(&sip("sip:1@none.example")).await;
    assert_eq!(located, Err(LocateError::NotFound("none.example".into())));
    let located = dns
        .locator(&BOTH)
        .locate(&sip("sip:1@missing.example:5060"))
        .await;
    assert_eq!(
        located,
        Err(LocateError::NotFound("missing.example".into()))
    );
}

#[tokio::test]
async fn questions_that_are_never_answered_are_given_up() {
    let dns = NameServer::start(carrier().silent_to("NAPTR")).await;
    let started = Instant::now();
    let found = located(&dns.locator(&BOTH), "sip:1@carrier.example").await;
    assert_eq!(found, ["UDP 192.0.2.1:5080"]);
    assert!(started.elapsed() < TOTAL, "{:?}", started.elapsed());
    assert!(dns.datagrams("NAPTR") >= 2, "a datagram may be lost");
}

#[tokio::test]
async fn names_of_the_hosts_file_need_no_name_server() {
    let dns = NameServer::start(Zone::default()).await;
    let mut locator = dns.locator(&BOTH);
    let mut hosts = Hosts::default();
    let file = "127.0.0.1 localhost\n192.0.2.8 exchange exchange.local\n";
    hosts
        .read_hosts_conf(file.as_bytes())
        .expect("it is a hosts file");
    locator.hosts = Arc::new(hosts);
    let found = located(&locator, "sip:1@localhost;transport=tcp").await;
    assert_eq!(found, ["TCP 127.0.0.1:5060"]);
    assert_eq!(
        located(&locator, "sip:1@exchange").await,
        ["UDP 192.0.2.8:5060"]
    );
    let found = located(&locator, "sip:1@exchange.local:5070").await;
    assert_eq!(found, ["UDP 192.0.2.8:5070"]);
    assert_eq!((dns.asked("NAPTR"), dns.asked("A")), (0, 0));
    let mut of_system = Locator::of_system(&BOTH);
    let found = located(&of_system, "sip:1@localhost:5060").await;
    assert_eq!(found[0], "UDP 127.0.0.1:5060");
    assert!(of_system.renewed().is_none() && locator.renewed().is_none());
    of_system.of_files = Some([Some(SystemTime::UNIX_EPOCH); 2]);
    let renewed = of_system.renewed().expect("the files have changed since");
    assert!(renewed.renewed().is_none());
}
