//! Registrations and challenges against a peer that the test plays.

use super::simulation::{ANSWER, CALLER, Network, OFFER, sdp};
use crate::sip::authorization::Authorization;
use crate::sip::digest::Credentials;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::message::{Message, Request, Response};
use crate::sip::method::Method;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::{Invite, Registration};
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::Event;
use std::time::{Duration, Instant};

/// Our user agent, and the trunk that the test plays.
struct Trunk {
    agent: UserAgent,
    now: Instant,
    flow: Flow,
}

impl Trunk {
    fn new(protocol: Protocol) -> Self {
        Self {
            agent: UserAgent::new(Config::default(), 11),
            now: Instant::now(),
            flow: Flow {
                protocol,
                local: "192.0.2.1:5060".parse().expect("it is an address"),
                remote: "192.0.2.2:5060".parse().expect("it is an address"),
            },
        }
    }

    fn registration(&self) -> Registration {
        Registration {
            flow: self.flow,
            fallbacks: Vec::new(),
            registrar: "sip:trunk.example".to_owned(),
            address_of_record: "sip:hotline@trunk.example".to_owned(),
            credentials: Some(credentials()),
            expires: Duration::from_secs(600),
            keep_alive: None,
        }
    }

    /// Our next request.
    fn request(&mut self) -> Request {
        let transmit = self.agent.poll_transmit().expect("something is sent");
        assert_eq!(transmit.flow, self.flow);
        match Message::parse(&transmit.bytes) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, request: &Request, status: u16, headers: &[(Header, &str)]) {
        let mut response = Response::to_request(request, status, "");
        let to = response
            .headers
            .get(Header::To)
            .expect("it has a To")
            .to_vec();
        response
            .headers
            .set(Header::To, [&to[..], b";tag=trunk"].concat());
        for (header, value) in headers {
            response.headers.push(*header, value.to_string());
        }
        let mut bytes = Vec::new();
        response.to_bytes(&mut bytes);
        self.agent.receive(self.now, self.flow, &bytes);
    }

    /// Lets time pass to the next thing that is sent; how long it took.
    fn wait(&mut self) -> Duration {
        let start = self.now;
        while self.agent.transmits.is_empty() {
            self.now = self.agent.next_timeout().expect("something will happen");
            self.agent.handle_timeout(self.now);
        }
        self.now - start
    }

    fn event(&mut self) -> Event {
        self.agent.poll_event().expect("something is told")
    }
}

fn credentials() -> Credentials {
    Credentials {
        username: "hotline".to_owned(),
        password: "secret".to_owned(),
    }
}

fn cseq(request: &Request) -> u32 {
    request.headers.cseq().expect("it has a CSeq").number
}

/// Whether the request has the right answer to a challenge with this nonce.
fn is_authorized(request: &Request, header: Header, nonce: &str) -> bool {
    let Some(value) = request.headers.get(header) else {
        return false;
    };
    let authorization = Authorization::parse(value).expect("it is well-formed");
    authorization.nonce == nonce
        && authorization.username == "hotline"
        && authorization.verify("secret", request.method.as_str(), &request.body)
}

const MD5: &str = "Digest realm=\"trunk\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
const SHA256: &str = "Digest realm=\"trunk\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"";
const STALE: &str =
    "Digest realm=\"trunk\", nonce=\"n3\", algorithm=SHA-256, qop=\"auth\", stale=true";

#[test]
fn a_registration_answers_challenges_and_is_refreshed() {
    let mut trunk = Trunk::new(Protocol::Udp);
    let id = trunk
        .agent
        .register(trunk.now, trunk.registration())
        .expect("there is room");
    let first = trunk.request();
    assert_eq!(first.uri.to_string(), "sip:trunk.example");
    assert_eq!(first.headers.expires(), Some(600));
    trunk.answer(
        &first,
        401,
        &[
            (Header::WwwAuthenticate, MD5),
            (Header::WwwAuthenticate, SHA256),
        ],
    );
    let second = trunk.request();
    assert!(
        is_authorized(&second, Header::Authorization, "n2"),
        "the stronger one"
    );
    assert_eq!((cseq(&first), cseq(&second)), (1, 2));
    assert_eq!(first.headers.call_id(), second.headers.call_id());
    trunk.answer(
        &second,
        200,
        &[(Header::Contact, "<sip:zeroline@192.0.2.1:5060>;expires=300")],
    );
    assert!(matches!(trunk.event(), Event::Registered { expires, .. } if expires.as_secs() == 300));
    let waited = trunk.wait();
    assert!((240..300).contains(&waited.as_secs()), "{waited:?}");
    let refresh = trunk.request();
    assert!(
        is_authorized(&refresh, Header::Authorization, "n2"),
        "in advance"
    );
    trunk.answer(&refresh, 401, &[(Header::WwwAuthenticate, STALE)]);
    let again = trunk.request();
    assert!(is_authorized(&again, Header::Authorization, "n3"));
    trunk.answer(&again, 200, &[(Header::Expires, "300")]);
    assert!(matches!(trunk.event(), Event::Registered { .. }));

    trunk.agent.unregister(trunk.now, id).expect("it is there");
    let last = trunk.request();
    assert_eq!(last.headers.expires(), Some(0));
    trunk.answer(&last, 200, &[]);
    assert!(matches!(trunk.event(), Event::Unregistered { .. }));
    while let Some(at) = trunk.agent.next_timeout() {
        trunk.agent.handle_timeout(at);
    }
    assert!(trunk.agent.poll_transmit().is_none());
}

#[test]
fn wrong_credentials_are_not_tried_for_ever() {
    let mut trunk = Trunk::new(Protocol::Udp);
    trunk
        .agent
        .register(trunk.now, trunk.registration())
        .expect("there is room");
    let first = trunk.request();
    trunk.answer(&first, 401, &[(Header::WwwAuthenticate, MD5)]);
    let second = trunk.request();
    trunk.answer(&second, 401, &[(Header::WwwAuthenticate, MD5)]);
    assert!(trunk.agent.poll_transmit().is_none());
    let event = trunk.event();
    let vain = |event| {
        matches!(
            event,
            Event::RegistrationFailed {
                status: Some(401),
                retry_in: None,
                ..
            }
        )
    };
    assert!(vain(event));
}

#[test]
fn a_registrar_is_asked_for_as_long_as_it_takes() {
    let mut trunk = Trunk::new(Protocol::Udp);
    trunk
        .agent
        .register(trunk.now, trunk.registration())
        .expect("there is room");
    let first = trunk.request();
    trunk.answer(&first, 423, &[(Header::MinExpires, "1800")]);
    let second = trunk.request();
    assert_eq!(second.headers.expires(), Some(1800));
    trunk.answer(&second, 503, &[(Header::RetryAfter, "20")]);
    assert!(matches!(
        trunk.event(),
        Event::RegistrationFailed {
            status: Some(503),
            ..
        }
    ));
    assert_eq!(trunk.wait(), Duration::from_secs(20));
    let third = trunk.request();
    trunk.answer(&third, 200, &[(Header::Expires, "1800")]);
    assert!(
        matches!(trunk.event(), Event::Registered { expires, .. } if expires.as_secs() == 1800)
    );
}

/// Others may have bound the same address of record, with times of their own.
#[test]
fn the_time_granted_is_that_of_our_own_contact() {
    let granted = |contacts: &str| {
        let mut trunk = Trunk::new(Protocol::Udp);
        let registered = trunk.agent.register(trunk.now, trunk.registration());
        registered.expect("there is room");
        let request = trunk.request();
        trunk.answer(&request, 200, &[(Header::Contact, contacts)]);
        match trunk.event() {
            Event::Registered { expires, .. } => expires.as_secs(),
            other => panic!("{other:?}"),
        }
    };
    let desk = "<sip:desk@192.0.2.50>;expires=3000";
    let written_otherwise = "<SIP:%7Aeroline@192.0.2.1:5060;x=1>;expires=240";
    assert_eq!(granted(&format!("{desk}, {written_otherwise}")), 240);
    assert_eq!(granted(written_otherwise), 240);
    // A registrar that sees us elsewhere writes what it sees.
    assert_eq!(granted("<sip:zeroline@198.51.100.1:4000>;expires=120"), 120);
    let others = format!("{desk}, <sip:zeroline@192.0.2.1:5061>;expires=20");
    assert_eq!(granted(&others), 600, "none of them is ours");
}

#[test]
fn the_next_nonce_is_used_for_the_next_request() {
    let mut trunk = Trunk::new(Protocol::Udp);
    let registered = trunk.agent.register(trunk.now, trunk.registration());
    registered.expect("there is room");
    let first = trunk.request();
    trunk.answer(&first, 401, &[(Header::WwwAuthenticate, SHA256)]);
    let second = trunk.request();
    let info = (Header::AuthenticationInfo, "nextnonce=\"n7\", qop=auth");
    trunk.answer(&second, 200, &[info]);
    assert!(matches!(trunk.event(), Event::Registered { .. }));
    trunk.wait();
    let refresh = trunk.request();
    assert!(is_authorized(&refresh, Header::Authorization, "n7"));
}

#[test]
fn a_silent_registrar_is_tried_again() {
    let mut trunk = Trunk::new(Protocol::Tcp);
    trunk
        .agent
        .register(trunk.now, trunk.registration())
        .expect("there is room");
    trunk.request();
    assert!(trunk.wait() > Duration::from_secs(32));
    assert!(matches!(
        trunk.event(),
        Event::RegistrationFailed {
            status: None,
            retry_in: Some(_),
            ..
        }
    ));
    trunk.request();
    trunk.agent.transport_failed(trunk.now, trunk.flow);
    assert!(matches!(
        trunk.event(),
        Event::RegistrationFailed { status: None, .. }
    ));
}

#[test]
fn the_flow_is_kept_open() {
    let mut trunk = Trunk::new(Protocol::Udp);
    let mut registration = trunk.registration();
    registration.keep_alive = Some(Duration::from_secs(25));
    trunk
        .agent
        .register(trunk.now, registration)
        .expect("there is room");
    let first = trunk.request();
    trunk.answer(&first, 200, &[]);
    for _ in 0..3 {
        assert_eq!(trunk.wait(), Duration::from_secs(25));
        let ping = trunk.agent.poll_transmit().expect("a keep-alive");
        assert_eq!(&ping.bytes[..], b"\r\n\r\n");
    }
}

#[test]
fn an_invite_and_its_bye_answer_a_proxys_challenges() {
    let mut trunk = Trunk::new(Protocol::Udp);
    let invite = Invite {
        credentials: Some(credentials()),
        ..Network::new().an_invite(Some(OFFER))
    };
    let invite = Invite {
        flow: trunk.flow,
        ..invite
    };
    let leg = trunk
        .agent
        .invite(trunk.now, invite)
        .expect("there is room");
    let first = trunk.request();
    trunk.answer(&first, 407, &[(Header::ProxyAuthenticate, MD5)]);
    assert_eq!(trunk.request().method, Method::Ack);
    let second = trunk.request();
    assert!(is_authorized(&second, Header::ProxyAuthorization, "n1"));
    assert_eq!((cseq(&second), &second.body), (2, &sdp(OFFER)));
    let contact = (Header::Contact, "<sip:agent@192.0.2.2:5060>");
    trunk.answer(&second, 200, &[contact, (Header::Allow, "INVITE")]);
    let ack = trunk.request();
    assert_eq!((&ack.method, cseq(&ack)), (&Method::Ack, 2));
    assert!(matches!(trunk.event(), Event::Answered { .. }));
    trunk
        .agent
        .hang_up(trunk.now, leg, None)
        .expect("it is alive");
    let bye = trunk.request();
    assert!(is_authorized(&bye, Header::ProxyAuthorization, "n1"));
    trunk.answer(&bye, 407, &[(Header::ProxyAuthenticate, SHA256)]);
    let bye = trunk.request();
    assert!(is_authorized(&bye, Header::ProxyAuthorization, "n2"));
    assert_eq!(cseq(&bye), 4);
    trunk.answer(&bye, 200, &[]);
    assert_eq!(trunk.agent.load().legs, 0);
}

#[test]
fn a_call_without_credentials_fails_at_a_challenge() {
    let mut trunk = Trunk::new(Protocol::Udp);
    let invite = Invite {
        flow: trunk.flow,
        ..Network::new().an_invite(Some(OFFER))
    };
    trunk
        .agent
        .invite(trunk.now, invite)
        .expect("there is room");
    let first = trunk.request();
    trunk.answer(&first, 401, &[(Header::WwwAuthenticate, MD5)]);
    assert!(matches!(trunk.event(), Event::Failed { failure, .. } if failure.status == Some(401)));
}

#[test]
fn a_dead_connection_ends_what_waits_on_it() {
    let mut net = Network::with(Config::default(), Config::default(), Protocol::Tcp, 4);
    let (ours, _) = net.established();
    net.told(CALLER);
    net.agents[CALLER]
        .reinvite(net.now, ours, sdp(ANSWER))
        .expect("it is confirmed");
    let flow = net.flow(CALLER);
    net.agents[CALLER].transport_failed(net.now, flow);
    net.drain();
    assert_eq!(net.told(CALLER), ["Ended TransportLost"]);
    let invite = net.an_invite(Some(OFFER));
    net.agents[CALLER]
        .invite(net.now, invite)
        .expect("there is room");
    net.agents[CALLER].transport_failed(net.now, flow);
    net.drain();
    assert_eq!(net.told(CALLER), ["Failed None"]);
}
