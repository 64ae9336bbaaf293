//! A name server on loopback that knows what a test tells it, by the DNS's own protocol.

use super::Locator;
use crate::sip::flow::Protocol;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;

#[derive(Default)]
pub struct Zone {
    records: Vec<Record>,
    /// Questions of these kinds are never answered.
    silent: Vec<&'static str>,
}

pub struct NameServer {
    address: SocketAddr,
    /// The names of each kind's questions, as they came.
    asked: Arc<Mutex<BTreeMap<String, Vec<Name>>>>,
}

fn name(text: &str) -> Name {
    Name::from_utf8(text).expect("the test names it well")
}

impl Zone {
    fn with(mut self, owner: &str, data: RData) -> Zone {
        let record = Record::from_rdata(name(&format!("{owner}.")), 60, data);
        self.records.push(record);
        self
    }

    pub fn a(self, owner: &str, address: [u8; 4]) -> Zone {
        self.with(owner, RData::A(A(Ipv4Addr::from(address))))
    }

    pub fn srv(self, owner: &str, (priority, weight, port): (u16, u16, u16), to: &str) -> Zone {
        let target = name(&format!("{to}."));
        self.with(owner, RData::SRV(SRV::new(priority, weight, port, target)))
    }

    pub fn naptr(self, owner: &str, order: u16, service: &str, to: &str) -> Zone {
        let octets = |text: &str| text.as_bytes().to_vec().into_boxed_slice();
        let to = name(&format!("{to}."));
        let naptr = NAPTR::new(order, 1, octets("S"), octets(service), octets(""), to);
        self.with(owner, RData::NAPTR(naptr))
    }

    pub fn silent_to(mut self, kind: &'static str) -> Zone {
        self.silent.push(kind);
        self
    }

    fn answer(&self, question: &Message) -> Option<Message> {
        let query = question.queries.first()?;
        if self.silent.contains(&query.query_type.to_string().as_str()) {
            return None;
        }
        let mut answer = question.clone();
        answer.metadata.message_type = MessageType::Response;
        let of_name = |record: &&Record| record.name == query.name;
        if !self.records.iter().any(|record| of_name(&record)) {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        let fits = self.records.iter().filter(of_name);
        answer.add_answers(
            fits.filter(|record| record.record_type() == query.query_type)
                .cloned(),
        );
        Some(answer)
    }
}

impl NameServer {
    pub async fn start(zone: Zone) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        let asked: Arc<Mutex<BTreeMap<String, Vec<Name>>>> = Arc::default();
        let counted = asked.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..length]).expect("it is a question");
                let query = &question.queries[0];
                counted
                    .lock()
                    .expect("nobody panics")
                    .entry(query.query_type.to_string())
                    .or_default()
                    .push(query.name.clone());
                if let Some(answer) = zone.answer(&question) {
                    let bytes = answer.to_vec().expect("it is well-formed");
                    socket.send_to(&bytes, from).await.expect("loopback sends");
                }
            }
        });
        NameServer { address, asked }
    }

    /// Questions of a kind. On a busy machine one may come twice; it counts once.
    pub fn asked(&self, kind: &str) -> usize {
        let names = self.names(kind);
        let different: BTreeSet<&Name> = names.iter().collect();
        different.len()
    }

    /// Every time that a question of a kind came.
    pub fn datagrams(&self, kind: &str) -> usize {
        self.names(kind).len()
    }

    fn names(&self, kind: &str) -> Vec<Name> {
        let asked = self.asked.lock().expect("nobody panics");
        asked.get(kind).cloned().unwrap_or_default()
    }

    /// Asks this server alone.
    pub fn locator(&self, protocols: &[Protocol]) -> Locator {
        let mut server = NameServerConfig::udp(self.address.ip());
        server.connections[0].port = self.address.port();
        let config = ResolverConfig::from_name_servers(vec![server]);
        Locator::new(config, ResolverOpts::default(), protocols)
    }
}
