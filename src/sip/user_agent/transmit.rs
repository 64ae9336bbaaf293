//! What goes out: responses by their transaction or without one, requests with a Via of ours.

use super::{Owner, UserAgent};
use crate::sip::client_transaction::ClientTransaction;
use crate::sip::dialog::with_tag;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::server_transaction::State;
use crate::sip::slab::Key;
use crate::sip::status::reason_phrase;
use crate::sip::token::Token;
use crate::sip::uri::{SipUri, Uri};
use crate::sip::user_agent::event::LegId;
use crate::sip::user_agent::leg::Leg;
use crate::sip::user_agent::transactions::{Client, Purpose};
use crate::sip::via::{MAGIC_COOKIE, Transport, Via};
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The methods that we take.
pub(super) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, PRACK, UPDATE, NOTIFY";
/// The extensions that we know.
pub(super) const SUPPORTED: &str = "100rel, timer";
pub(super) const SDP: &str = "application/sdp";

const DEFAULT_PORT: u16 = 5060;

impl UserAgent {
    /// The beginning of a response to a server transaction's request: all that every response has.
    /// `None` when the request has had its final response.
    pub(super) fn response(&self, key: Key, status: u16) -> Option<Response> {
        let server = self.servers.slab.get(key)?;
        let request = server.request.as_ref()?;
        Some(self.response_to(request, status, server.local_tag))
    }

    pub(super) fn response_to(&self, request: &Request, status: u16, tag: Token) -> Response {
        let mut response = Response::to_request(request, status, reason_phrase(status));
        if status > 100
            && let Some(to) = response.headers.get(Header::To)
        {
            let to = with_tag(to, tag);
            response.headers.set(Header::To, to);
        }
        let name = self.config.user_agent.clone();
        response.headers.push(Header::Server, name);
        if matches!(status, 405 | 501) {
            response.headers.push(Header::Allow, ALLOW);
        }
        response
    }

    /// Sends a response through its transaction. False when it had a final one already.
    pub(super) fn respond(&mut self, now: Instant, key: Key, response: Response) -> bool {
        let bytes = response_bytes(&response);
        let Some(server) = self.servers.slab.get_mut(key) else {
            return false;
        };
        if !server.machine.respond(now, response.status, &bytes) {
            return false;
        }
        if response.status >= 200 {
            server.request = None;
        }
        let flow = server.flow;
        if server.machine.state() == State::Terminated {
            self.servers.remove(key);
        }
        self.transmit(flow, bytes);
        self.arm(Owner::Server(key));
        true
    }

    /// As [`respond`](Self::respond), with nothing but the status.
    pub(super) fn refuse(&mut self, now: Instant, key: Key, status: u16) {
        if let Some(response) = self.response(key, status) {
            self.respond(now, key, response);
        }
    }

    /// Sends a request in a new client transaction. `None` when the table is full: then it is sent
    /// once, all the same.
    pub(super) fn send(
        &mut self,
        now: Instant,
        flow: Flow,
        mut request: Request,
        purpose: Purpose,
    ) -> Option<Key> {
        let branch = self.token();
        request
            .headers
            .set(Header::UserAgent, self.config.user_agent.clone());
        self.put_via(&flow, &mut request, branch);
        self.send_with_via(now, flow, request, branch, purpose)
    }

    /// As [`send`](Self::send), for a request that has its Via already: a CANCEL has its INVITE's.
    pub(super) fn send_with_via(
        &mut self,
        now: Instant,
        flow: Flow,
        request: Request,
        branch: Token,
        purpose: Purpose,
    ) -> Option<Key> {
        let bytes = request_bytes(&request);
        let invite = request.method == Method::Invite;
        let reliable = flow.protocol.is_reliable();
        let values = self.config.timers;
        let key = self.clients.insert(Client {
            machine: ClientTransaction::new(now, invite, reliable, bytes.clone(), values),
            flow,
            branch,
            method: request.method.clone(),
            purpose,
            request: Some(Box::new(request)),
            attempts: 0,
            ack: None,
            ack_flow: flow,
            armed: None,
        });
        self.transmit(flow, bytes);
        if let Some(key) = key {
            self.arm(Owner::Client(key));
        }
        key
    }

    /// All further requests of the leg go by `flow`, whatever address the peer names: it is known to
    /// be reached there, behind a NAT. What it has not answered by another one is sent there again.
    pub fn use_flow(&mut self, leg: LegId, flow: Flow) {
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        state.behind_nat = true;
        let last = std::mem::replace(&mut state.flow, flow);
        if last == flow {
            return;
        }
        for key in self.clients.waiting_on(last) {
            let Some(client) = self.clients.slab.get(key) else {
                continue;
            };
            if client.purpose.leg() == Some(leg)
                && let Some(request) = &client.request
            {
                // With its branch and CSeq: who has it already takes it for a repetition.
                let bytes = request_bytes(request);
                self.clients.wait_on(key, flow);
                self.transmit(flow, bytes);
            }
        }
    }

    /// Puts a new Via with this branch in front.
    pub(super) fn put_via(&self, flow: &Flow, request: &mut Request, branch: Token) {
        let transport = match flow.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp => Transport::Tcp,
        };
        let address = self.config.address_for(flow);
        let via = Via::new(transport, address, &format!("{MAGIC_COOKIE}{branch}"));
        request.headers.remove(Header::Via);
        request.headers.push_front(Header::Via, via.to_bytes());
    }

    /// Our Contact for a peer on this flow.
    pub(super) fn contact(&self, flow: &Flow) -> String {
        let address = self.config.address_for(flow);
        let mut uri = SipUri::of(Some(&self.config.contact_user), address);
        if flow.protocol == Protocol::Tcp {
            uri.params.set("transport", Some("tcp"));
        }
        format!("<{uri}>")
    }

    /// What a message that makes or refreshes a dialog says of us.
    pub(super) fn introduce(&self, flow: &Flow, headers: &mut Headers) {
        headers.push(Header::Contact, self.contact(flow));
        headers.push(Header::Allow, ALLOW);
        headers.push(Header::Supported, SUPPORTED);
    }
}

/// Where the responses to a request from `flow` go (RFC 3261, 18.2.2; RFC 3581, 4): on a stream the
/// way that it came; else to the source's address, at its port where `rport` asks, else at the
/// Via's. `maddr` is not followed: it would have us send to whomever a peer names.
pub(super) fn response_flow(flow: Flow, via: &Via) -> Flow {
    if flow.protocol.is_reliable() || via.params.has("rport") {
        return flow;
    }
    let port = via.port.unwrap_or(DEFAULT_PORT);
    Flow {
        remote: SocketAddr::new(flow.remote.ip(), port),
        ..flow
    }
}

/// Where a request of this leg goes: the next hop's address where the peer can be reached there,
/// else where its messages come from.
pub(super) fn request_flow(leg: &Leg) -> Flow {
    if leg.behind_nat {
        leg.flow
    } else {
        flow_to(leg.flow, leg.dialog.next_hop())
    }
}

pub(super) fn flow_to(flow: Flow, next_hop: &Uri) -> Flow {
    match address_of(flow, next_hop) {
        // The connection is there; another would be made for nothing.
        Some(address) if flow.protocol.is_reliable() && address.ip() == flow.remote.ip() => flow,
        Some(remote) => Flow { remote, ..flow },
        None => flow,
    }
}

/// Where the leg's peer takes a new connection, when the one that it made is gone.
pub(super) fn reconnecting_flow(leg: &Leg, lost: Flow) -> Option<Flow> {
    let next_hop = Some(leg.dialog.next_hop()).filter(|_| !leg.behind_nat)?;
    let remote = address_of(lost, next_hop).filter(|remote| *remote != lost.remote)?;
    lost.protocol
        .is_reliable()
        .then_some(Flow { remote, ..lost })
}

/// The address that a URI names, unless it is of no use to one who sees the peer at `flow`.
fn address_of(flow: Flow, next_hop: &Uri) -> Option<SocketAddr> {
    let uri = next_hop.as_sip()?;
    let ip = uri.host.ip()?;
    let same_family = ip.is_ipv4() == flow.remote.is_ipv4();
    if !same_family || ip.is_unspecified() || is_behind_nat(ip, flow.remote.ip()) {
        return None;
    }
    Some(SocketAddr::new(ip, uri.port.unwrap_or(DEFAULT_PORT)))
}

/// A private address that a public one speaks for.
fn is_behind_nat(named: IpAddr, seen: IpAddr) -> bool {
    is_private(named) && !is_private(seen)
}

fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

pub(super) fn set_sdp(headers: &mut Headers, body: &mut Bytes, sdp: Bytes) {
    headers.set(Header::ContentType, SDP);
    *body = sdp;
}

pub(super) fn response_bytes(response: &Response) -> Bytes {
    let mut bytes = Vec::with_capacity(512 + response.body.len());
    response.to_bytes(&mut bytes);
    bytes.into()
}

pub(super) fn request_bytes(request: &Request) -> Bytes {
    let mut bytes = Vec::with_capacity(512 + request.body.len());
    request.to_bytes(&mut bytes);
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(protocol: Protocol, remote: &str) -> Flow {
        Flow {
            protocol,
            local: "192.0.2.1:5060".parse().expect("it is an address"),
            remote: remote.parse().expect("it is an address"),
        }
    }

    #[test]
    fn responses_go_where_via_and_source_say() {
        let to = |protocol, via: &str| {
            let via = Via::parse(via.as_bytes()).expect("it is a Via");
            response_flow(flow(protocol, "198.51.100.7:40000"), &via)
                .remote
                .to_string()
        };
        let udp = Protocol::Udp;
        assert_eq!(
            to(udp, "SIP/2.0/UDP 10.0.0.1:5090;branch=z9hG4bKa"),
            "198.51.100.7:5090"
        );
        assert_eq!(to(udp, "SIP/2.0/UDP a.example"), "198.51.100.7:5060");
        assert_eq!(
            to(udp, "SIP/2.0/UDP 10.0.0.1:5090;rport"),
            "198.51.100.7:40000"
        );
        assert_eq!(
            to(udp, "SIP/2.0/UDP a;maddr=203.0.113.9"),
            "198.51.100.7:5060"
        );
        assert_eq!(
            to(Protocol::Tcp, "SIP/2.0/TCP 10.0.0.1:5090"),
            "198.51.100.7:40000"
        );
    }

    #[test]
    fn requests_go_to_the_next_hop_unless_it_cannot_be_reached() {
        let to = |protocol, remote: &str, uri: &str| {
            let uri = uri.parse().expect("it is a URI");
            flow_to(flow(protocol, remote), &uri).remote.to_string()
        };
        let (udp, tcp) = (Protocol::Udp, Protocol::Tcp);
        assert_eq!(
            to(udp, "198.51.100.7:40000", "sip:a@198.51.100.8:5070"),
            "198.51.100.8:5070"
        );
        assert_eq!(
            to(udp, "198.51.100.7:40000", "sip:a@198.51.100.8"),
            "198.51.100.8:5060"
        );
        for unreachable in [
            "sip:a@10.0.0.1:5070",
            "sip:a@pbx.example",
            "sip:a@[2001:db8::1]",
            "tel:1",
            "sip:a@0.0.0.0",
        ] {
            assert_eq!(
                to(udp, "198.51.100.7:40000", unreachable),
                "198.51.100.7:40000"
            );
        }
        assert_eq!(
            to(udp, "10.0.0.2:40000", "sip:a@10.0.0.1:5070"),
            "10.0.0.1:5070"
        );
        assert_eq!(
            to(tcp, "10.0.0.2:40000", "sip:a@10.0.0.2:5060"),
            "10.0.0.2:40000"
        );
    }
}
