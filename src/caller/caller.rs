//! Makes a call: who is called, as whom, with what media.

use crate::caller::call::{Call, CallParts, KeysBy};
use crate::caller::leg::Leg;
use crate::caller::media_options::MediaOptions;
use crate::caller::phone::{self, Command};
use crate::caller::referral::Referral;
use crate::caller::report::Report;
use crate::caller::script::{self, Step};
use crate::caller::sip_transport::SipTransport;
use crate::locator::{LocateError, Locator};
use crate::sdp::direction::Direction;
use crate::sip::digest::Credentials;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::location::Server;
use crate::sip::uri::{SipUri, Uri};
use crate::sip::user_agent::command::{CommandError, Invite};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::oneshot;

const PROTOCOLS: [Protocol; 2] = [Protocol::Udp, Protocol::Tcp];

#[derive(Debug, Clone)]
pub struct Caller {
    /// `sip:100@example.com:5060;transport=tcp`; `sip:` may be left out.
    pub target: String,
    /// Who we are: a SIP or tel URI, also with a name before it in angle brackets, or a number.
    pub from: Option<String>,
    /// The address the INVITE is sent to, where that is not the target's own.
    pub proxy: Option<SocketAddr>,
    pub credentials: Option<Credentials>,
    /// More header fields of the INVITE.
    pub headers: Vec<(String, String)>,
    pub media: MediaOptions,
    pub keys_by: KeysBy,
    /// The INVITE carries no offer; the peer's answer does.
    pub late_offer: bool,
    /// How a REFER is taken; `None`: as by who knows none.
    pub referral: Option<Referral>,
    /// Not answered for so long, we give up.
    pub ring_timeout: Duration,
}

/// Why no call could be made.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("`{0}` is no SIP address; write it like sip:100@127.0.0.1:5060")]
    Target(String),
    #[error(transparent)]
    Locate(#[from] LocateError),
    #[error("{0} cannot be reached: {1}")]
    Unreachable(SocketAddr, io::Error),
    #[error("no ports could be opened: {0}")]
    Ports(io::Error),
    #[error("the INVITE could not be sent: {0}; look at the target, the from and the headers")]
    Invite(#[from] CommandError),
    #[error("the call's task is gone")]
    Gone,
}

impl Caller {
    /// Calls `target` as an ordinary telephone would.
    pub fn to(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            from: None,
            proxy: None,
            credentials: None,
            headers: Vec::new(),
            media: MediaOptions::default(),
            keys_by: KeysBy::default(),
            late_offer: false,
            referral: None,
            ring_timeout: Duration::from_secs(60),
        }
    }

    /// Sends the INVITE. Needs a tokio runtime, in which the call goes on.
    pub async fn call(&self) -> Result<Call, CallError> {
        let uri = parse_target(&self.target)?;
        let servers = Locator::of_system(&PROTOCOLS)
            .locate(&self.hop(&uri))
            .await?;
        let (transport, flow, fallbacks) = reach(&servers).await?;
        let opened = Leg::open(flow.local.ip(), &self.media, true).await;
        let (mut leg, report) = opened.map_err(CallError::Ports)?;
        leg.late_offer = self.late_offer;
        leg.referral.clone_from(&self.referral);
        let offer = (!self.late_offer).then(|| leg.offer(Direction::SendRecv));
        let invite = Invite {
            flow,
            fallbacks,
            target: uri.to_string(),
            route: Vec::new(),
            from: self.sender(flow),
            to: None,
            headers: self.headers.clone(),
            offer,
            credentials: self.credentials.clone(),
            timeout: self.ring_timeout,
        };
        let parts = CallParts::of(&leg, report);
        let commands = phone::start(transport, "caller", None);
        let (placed, placing) = oneshot::channel();
        let command = Command::Invite {
            invite: Box::new(invite),
            leg: Box::new(leg),
            placed,
        };
        if commands.send(command).await.is_err() {
            return Err(CallError::Gone);
        }
        let id = placing.await.map_err(|_| CallError::Gone)??;
        Ok(Call::new(id, commands, parts, None).keys_by(self.keys_by))
    }

    /// Makes the call and does what the script says; the call is over when this returns.
    pub async fn run(&self, script: &[Step]) -> Result<Report, CallError> {
        let call = self.call().await?;
        // A step that cannot be done ends the call; the report shows how far it came.
        let _ = script::run(&call, script).await;
        call.finish().await.ok_or(CallError::Gone)
    }

    /// What is to be located: the target, or the proxy in its place.
    fn hop(&self, target: &SipUri) -> SipUri {
        match self.proxy {
            None => target.clone(),
            Some(proxy) => SipUri {
                secure: target.secure,
                params: target.params.clone(),
                ..SipUri::of(None, proxy)
            },
        }
    }

    /// The From value.
    fn sender(&self, flow: Flow) -> String {
        let at = SipUri::of(None, flow.local).host;
        match self.from.as_deref() {
            None => format!("<sip:caller@{at}>"),
            Some(value) if value.contains('<') => value.to_owned(),
            Some(value) if value.contains(':') => format!("<{value}>"),
            Some(value) if value.contains('@') => format!("<sip:{value}>"),
            Some(user) => format!("<{}>", Uri::Sip(user_at(user, flow.local.ip()))),
        }
    }
}

fn user_at(user: &str, address: IpAddr) -> SipUri {
    SipUri {
        port: None,
        ..SipUri::of(Some(user), SocketAddr::new(address, 0))
    }
}

fn parse_target(target: &str) -> Result<SipUri, CallError> {
    let bad = || CallError::Target(target.to_owned());
    let scheme = ["sip:", "sips:", "tel:"];
    let has_scheme = scheme.iter().any(|scheme| {
        let start = target.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let text = match has_scheme {
        true => target.to_owned(),
        false => format!("sip:{target}"),
    };
    match Uri::parse(text.as_bytes()) {
        Ok(Uri::Sip(uri)) => Ok(uri),
        _ => Err(bad()),
    }
}

/// Opens the way to the first server that takes one; those behind it are for later.
async fn reach(servers: &[Server]) -> Result<(SipTransport, Flow, Vec<Flow>), CallError> {
    let mut failed = None;
    for (n, server) in servers.iter().enumerate() {
        let (transport, flow) = match SipTransport::to(server.protocol, server.address).await {
            Ok(reached) => reached,
            Err(error) => {
                failed = Some(CallError::Unreachable(server.address, error));
                continue;
            }
        };
        let like_it = |other: &&Server| {
            other.protocol == flow.protocol && other.address.is_ipv4() == flow.local.is_ipv4()
        };
        let others = servers.iter().skip(n + 1).filter(like_it);
        let fallback = |other: &Server| Flow {
            remote: other.address,
            ..flow
        };
        return Ok((transport, flow, others.map(fallback).collect()));
    }
    Err(failed.expect("there is at least one server"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_people_write_them() {
        let read = |target| parse_target(target).map(|uri| uri.to_string());
        for (target, expected) in [
            ("100@127.0.0.1", "sip:100@127.0.0.1"),
            ("SIP:100@a.example:5070", "sip:100@a.example:5070"),
            ("sip:100@[::1];transport=TCP", "sip:100@[::1];transport=TCP"),
        ] {
            assert_eq!(read(target).expect(target), expected);
        }
        for target in ["", "tel:110", "sip:a b"] {
            assert!(read(target).is_err(), "{target}");
        }
    }

    #[test]
    fn the_from_may_be_a_number_an_address_or_a_name_with_one() {
        let address: SocketAddr = ([192, 0, 2, 1], 5060).into();
        let flow = Flow {
            protocol: Protocol::Udp,
            local: address,
            remote: address,
        };
        let from = |from: Option<&str>| {
            let mut caller = Caller::to("x");
            caller.from = from.map(str::to_owned);
            caller.sender(flow)
        };
        assert_eq!(from(None), "<sip:caller@192.0.2.1>");
        assert_eq!(from(Some("+8610")), "<sip:+8610@192.0.2.1>");
        assert_eq!(from(Some("ann@a.example")), "<sip:ann@a.example>");
        assert_eq!(from(Some("tel:+8610")), "<tel:+8610>");
        assert_eq!(from(Some("\"Ann\" <sip:a@b>")), "\"Ann\" <sip:a@b>");
    }
}
