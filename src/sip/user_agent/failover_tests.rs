//! Servers that fail, one after the other, played by the test.

use super::simulation::{ANSWER, Network, OFFER};
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::message::{Message, Request, Response};
use crate::sip::method::Method;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::{Invite, Registration};
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::{Event, LegId};
use std::time::{Duration, Instant};

struct Servers {
    agent: UserAgent,
    now: Instant,
}

fn flow(server: u8) -> Flow {
    Flow {
        protocol: Protocol::Udp,
        local: ([192, 0, 2, 1], 5060).into(),
        remote: ([198, 51, 100, server], 5060).into(),
    }
}

impl Servers {
    fn new() -> Self {
        Self {
            agent: UserAgent::new(Config::default(), 3),
            now: Instant::now(),
        }
    }

    /// Calls, with three servers to try.
    fn invite(&mut self) -> LegId {
        let invite = Invite {
            flow: flow(1),
            fallbacks: vec![flow(2), flow(3)],
            ..Network::new().an_invite(Some(OFFER))
        };
        let leg = self.agent.invite(self.now, invite);
        leg.expect("there is room")
    }

    /// The next thing that is sent: to which server, and what. Times pass as they must.
    fn request(&mut self) -> (u8, Request) {
        loop {
            if let Some(transmit) = self.agent.poll_transmit() {
                match (Message::parse(&transmit.bytes), transmit.flow.remote.ip()) {
                    (Ok(Message::Request(request)), std::net::IpAddr::V4(ip)) => {
                        return (ip.octets()[3], request);
                    }
                    other => panic!("{other:?}"),
                }
            }
            self.now = self.agent.next_timeout().expect("something will happen");
            self.agent.handle_timeout(self.now);
        }
    }

    /// The next request that is of this method and to this server.
    fn request_to(&mut self, server: u8, method: Method) -> Request {
        loop {
            let (to, request) = self.request();
            if (to, &request.method) == (server, &method) {
                return request;
            }
            assert_ne!(request.method, Method::Bye, "to {to}");
        }
    }

    fn answer(&mut self, server: u8, request: &Request, status: u16) {
        let mut response = Response::to_request(request, status, "");
        let headers = &mut response.headers;
        let to = headers.get(Header::To).expect("it has a To").to_vec();
        let tag = format!(";tag=server{server}");
        headers.set(Header::To, [&to[..], tag.as_bytes()].concat());
        headers.push(Header::Contact, format!("<sip:{}>", flow(server).remote));
        if (200..300).contains(&status) {
            headers.push(Header::ContentType, "application/sdp");
            response.body = ANSWER.into();
        }
        let mut bytes = Vec::new();
        response.to_bytes(&mut bytes);
        self.agent.receive(self.now, flow(server), &bytes);
    }

    fn told(&mut self) -> Vec<String> {
        let events = std::iter::from_fn(|| self.agent.poll_event());
        let word = |event| match event {
            Event::Answered { .. } => "answered".to_owned(),
            Event::Progress { status, .. } => status.to_string(),
            Event::Failed { failure, .. } => format!("failed {:?}", failure.status),
            other => format!("{other:?}"),
        };
        events.map(word).collect()
    }
}

fn branch(request: &Request) -> String {
    let via = request.headers.top_via().expect("it has a Via");
    via.branch().expect("it has a branch").to_owned()
}

#[test]
fn an_unavailable_server_is_followed_by_the_next() {
    let mut servers = Servers::new();
    servers.invite();
    let first = servers.request_to(1, Method::Invite);
    servers.answer(1, &first, 503);
    servers.request_to(1, Method::Ack);
    let second = servers.request_to(2, Method::Invite);
    assert_ne!(branch(&first), branch(&second));
    assert_eq!(first.headers.call_id(), second.headers.call_id());
    assert_eq!(first.headers.cseq(), second.headers.cseq());
    assert_eq!(first.body, second.body);
    servers.agent.transport_failed(servers.now, flow(2));
    let third = servers.request_to(3, Method::Invite);
    servers.answer(3, &third, 200);
    servers.request_to(3, Method::Ack);
    assert_eq!(servers.told(), ["answered"]);
}

#[test]
fn with_its_last_server_a_call_fails() {
    let mut servers = Servers::new();
    servers.invite();
    for server in 1..=3 {
        let invite = servers.request_to(server, Method::Invite);
        assert_eq!(servers.told().len(), 0);
        servers.answer(server, &invite, if server == 2 { 408 } else { 503 });
    }
    assert_eq!(servers.told(), ["failed Some(503)"]);
    assert_eq!(servers.agent.load().legs, 0);
}

#[test]
fn a_refusal_and_a_telephone_that_rang_are_final() {
    let mut servers = Servers::new();
    servers.invite();
    let invite = servers.request_to(1, Method::Invite);
    servers.answer(1, &invite, 486);
    assert_eq!(servers.told(), ["failed Some(486)"]);

    let mut servers = Servers::new();
    servers.invite();
    let invite = servers.request_to(1, Method::Invite);
    servers.answer(1, &invite, 180);
    servers.answer(1, &invite, 503);
    assert_eq!(servers.told(), ["180", "failed Some(503)"]);
}

#[test]
fn a_silent_server_is_given_up_before_the_caller_is_tired() {
    let mut servers = Servers::new();
    let start = servers.now;
    servers.invite();
    let first = servers.request_to(1, Method::Invite);
    let second = servers.request_to(2, Method::Invite);
    assert_eq!(servers.now - start, Duration::from_secs(4));
    servers.answer(2, &second, 100);
    // It was slow, not dead: its telephone must not ring beside the other.
    servers.answer(1, &first, 180);
    let cancel = servers.request_to(1, Method::Cancel);
    assert_eq!(branch(&cancel), branch(&first));
    servers.answer(1, &first, 200);
    servers.request_to(1, Method::Ack);
    let (to, bye) = servers.request();
    assert_eq!((to, bye.method), (1, Method::Bye));
    assert_eq!(servers.told().len(), 0, "none of it is the call's");
    servers.answer(2, &second, 200);
    assert_eq!(servers.told(), ["answered"]);
}

#[test]
fn a_call_that_is_not_wanted_any_more_is_not_tried_elsewhere() {
    let mut servers = Servers::new();
    let leg = servers.invite();
    let first = servers.request_to(1, Method::Invite);
    let hung_up = servers.agent.hang_up(servers.now, leg, None);
    hung_up.expect("it is calling");
    servers.answer(1, &first, 503);
    while let Some(at) = servers.agent.next_timeout() {
        servers.agent.handle_timeout(at);
    }
    let sent = std::iter::from_fn(|| servers.agent.poll_transmit());
    assert!(sent.into_iter().all(|t| t.flow == flow(1)));
    assert_eq!(servers.agent.load(), Default::default());
}

#[test]
fn a_registrar_has_several_addresses_too() {
    let mut servers = Servers::new();
    let registration = Registration {
        flow: flow(1),
        fallbacks: vec![flow(2)],
        registrar: "sip:trunk.example".to_owned(),
        address_of_record: "sip:hotline@trunk.example".to_owned(),
        credentials: None,
        expires: Duration::from_secs(600),
        keep_alive: None,
    };
    let id = servers.agent.register(servers.now, registration);
    let id = id.expect("there is room");
    let first = servers.request_to(1, Method::Register);
    servers.answer(1, &first, 503);
    let second = servers.request_to(2, Method::Register);
    assert_eq!(servers.told().len(), 0);
    servers.answer(2, &second, 200);
    assert!(matches!(
        servers.agent.poll_event(),
        Some(Event::Registered { .. })
    ));
    // It stays where it was taken; when that fails, all are tried anew, as the DNS has them then.
    let refresh = servers.request_to(2, Method::Register);
    servers.answer(2, &refresh, 503);
    assert!(matches!(
        servers.agent.poll_event(),
        Some(Event::RegistrationFailed {
            retry_in: Some(_),
            ..
        })
    ));
    let relocated = servers.agent.relocate(id, flow(4), Vec::new());
    relocated.expect("it is there");
    servers.request_to(4, Method::Register);
}
