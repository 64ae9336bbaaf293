//! What calls want of SIP.

use super::lookups::Located;
use super::media_thread::Command;
use super::resident::CallNumber;
use super::routes::CallWish;
use super::signalling::Signalling;
use super::targets::{Asked, Prepared};
use crate::call::contract::{Input, LegNumber, SipCommand};
use crate::config::BUILT_IN_AGENT;
use crate::config::agent::own_user;
use crate::sip::reason::Reason;
use crate::sip::user_agent::command::{CommandError, Invite};
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The transfer's own time-out comes first.
const RINGS_AT_MOST: Duration = Duration::from_secs(180);

impl Signalling {
    pub(super) fn fulfil(&mut self, call: CallNumber, wish: CallWish) {
        match wish {
            CallWish::Sip(command) => self.act(call, command),
            // What a call that is gone had was given back.
            CallWish::Desk(request) if self.calls.info(call).is_some() => {
                self.distributor.handle_input(Instant::now(), call, request)
            }
            CallWish::Desk(_) => {}
        }
    }

    /// What a call wants of SIP.
    pub(super) fn act(&mut self, call: CallNumber, command: SipCommand) {
        let now = Instant::now();
        let done = match command {
            SipCommand::Prepare { leg, target } => return self.prepare(call, leg, &target),
            SipCommand::Invite {
                leg,
                offer,
                headers,
            } => {
                return self.invite(now, call, leg, offer, headers);
            }
            SipCommand::HangUp { leg, reason } => return self.hang_up(now, call, leg, &reason),
            SipCommand::Refer {
                target,
                headers,
                replaces,
            } => return self.refer(now, call, &target, (&headers, replaces)),
            command => self.act_on_leg(now, call, command),
        };
        ignore_gone(done);
    }

    fn act_on_leg(
        &mut self,
        now: Instant,
        call: CallNumber,
        command: SipCommand,
    ) -> Result<(), CommandError> {
        let leg = |leg| self.calls.leg(call, leg).ok_or(CommandError::Gone);
        let caller = leg(LegNumber::CALLER);
        match command {
            SipCommand::Ring => self.agent.provisional(now, caller?, 180, None),
            SipCommand::Accept { sdp } => self.agent.accept(now, caller?, sdp.into()),
            SipCommand::Reject { status, .. } => self.agent.reject(now, caller?, status, &[]),
            SipCommand::AnswerOffer {
                leg: number,
                answer,
            } => {
                let leg = leg(number)?;
                self.agent.answer_offer(now, leg, answer.map(Bytes::from))
            }
            SipCommand::Reinvite { leg: number, offer } => {
                let leg = leg(number)?;
                self.agent.reinvite(now, leg, offer.into())
            }
            SipCommand::Info {
                leg: number,
                content_type,
                body,
            } => {
                let leg = leg(number)?;
                self.agent.send_info(now, leg, content_type, body.into())
            }
            SipCommand::Prepare { .. }
            | SipCommand::Invite { .. }
            | SipCommand::Refer { .. }
            | SipCommand::HangUp { .. } => Ok(()),
        }
    }

    /// One that cannot be sent is refused: the call rings the person itself.
    fn refer(
        &mut self,
        now: Instant,
        call: CallNumber,
        target: &str,
        (headers, replaces): (&[(String, String)], Option<LegNumber>),
    ) {
        let Some(caller) = self.calls.leg(call, LegNumber::CALLER) else {
            return;
        };
        let replaced = replaces.map(|leg| self.calls.leg(call, leg));
        let referred = match replaced {
            // Who has the call already was told by our INVITE.
            Some(Some(leg)) => self.agent.refer(now, caller, target, Some(leg)),
            Some(None) => Err(CommandError::Gone),
            None => {
                let target = refer_to(target, headers);
                self.agent.refer(now, caller, &target, None)
            }
        };
        if let Err(error) = referred {
            tracing::warn!(%error, "a REFER cannot be sent");
            let refused = Input::ReferRefused { status: None };
            self.calls.input(call, refused, &self.threads);
        }
    }

    fn prepare(&mut self, call: CallNumber, leg: LegNumber, target: &str) {
        let prepared = match own_user(target).filter(|_| target != BUILT_IN_AGENT) {
            Some(agent) => Some(self.roster.prepare(agent)),
            None => self.targets.prepare(call, leg, target, &self.transports),
        };
        if let Some(prepared) = prepared {
            self.prepared(call, leg, prepared);
        }
    }

    pub(super) fn finish_preparing(&mut self, located: Located<Asked>) {
        let prepared = self.targets.finish(&located, &self.transports);
        self.prepared(located.what_for.call, located.what_for.leg, prepared);
    }

    fn prepared(&mut self, call: CallNumber, leg: LegNumber, prepared: Result<Prepared, String>) {
        let opened = prepared.and_then(|prepared| {
            let (pair, address) = self.open_ports(&prepared.flow)?;
            Ok((prepared, pair, address))
        });
        match opened {
            Ok((prepared, pair, address)) => {
                let Some(thread) = self.calls.info(call).map(|info| info.thread) else {
                    return;
                };
                self.targets.keep(call, leg, prepared);
                let command = Command::Sockets {
                    call,
                    leg,
                    pair,
                    address,
                };
                self.calls.send(thread, command, &self.threads);
            }
            Err(reason) => {
                let input = Input::MediaOpened {
                    leg,
                    address: Err(reason),
                };
                self.calls.input(call, input, &self.threads);
            }
        }
    }

    fn invite(
        &mut self,
        now: Instant,
        call: CallNumber,
        leg: LegNumber,
        offer: Vec<u8>,
        headers: Vec<(String, String)>,
    ) {
        let Some(prepared) = self.targets.take(call, leg) else {
            return;
        };
        let Some(info) = self.calls.info(call) else {
            return;
        };
        let from = prepared.from.unwrap_or_else(|| {
            let host = SocketAddr::new(self.advertised(&prepared.flow), prepared.flow.local.port());
            let from = match leg {
                LegNumber::CALLER => &info.called,
                _ => &info.caller,
            };
            format!("<sip:{}@{host}>", from_user(from))
        });
        let (flow, agent) = (prepared.flow, prepared.agent);
        let target = prepared.uri.clone();
        let invite = Invite {
            flow,
            fallbacks: prepared.fallbacks,
            target: prepared.uri,
            route: Vec::new(),
            from,
            to: None,
            headers,
            offer: Some(offer.into()),
            credentials: prepared.credentials,
            timeout: RINGS_AT_MOST,
        };
        match self.agent.invite(now, invite) {
            Ok(id) => {
                self.add_leg(call, leg, (id, flow));
                self.health.rings(&self.config, id, &target);
                if let Some(agent) = agent {
                    self.agent.use_flow(id, flow);
                    self.roster.rings(now, id, agent);
                }
            }
            Err(error) => {
                info.span
                    .in_scope(|| tracing::warn!(%error, "a person cannot be rung"));
                self.calls
                    .input(call, Input::Failed { leg, status: None }, &self.threads);
            }
        }
    }

    fn hang_up(&mut self, now: Instant, call: CallNumber, leg: LegNumber, reason: &str) {
        self.targets.forget(call, leg);
        if let Some(id) = self.calls.leg(call, leg) {
            let reason = Reason::clearing(reason);
            ignore_gone(self.agent.hang_up(now, id, Some(&reason)));
        } else if leg == LegNumber::CALLER {
            self.calls.forget_callback(call);
        }
    }
}

/// A leg that has ended meanwhile: its call is being told, or knows.
pub(super) fn ignore_gone(done: Result<(), CommandError>) {
    if let Err(error) = done.as_ref().map_err(|error| *error)
        && error != CommandError::Gone
    {
        tracing::warn!(%error, "a call's wish could not be sent");
    }
}

/// The caller's number as a URI's user part, if it needs no escape there.
fn from_user(caller: &str) -> &str {
    let plain = !caller.is_empty()
        && caller
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-_.!~*'()".contains(c));
    if plain { caller } else { "zeroline" }
}

/// The Refer-To URI; what the agent is told travels as a header in it (RFC 3261, 19.1.1): the first,
/// for many that are referred take no more. A `tel:` URI has no headers.
fn refer_to(target: &str, headers: &[(String, String)]) -> String {
    let takes_headers = target.starts_with("sip:") || target.starts_with("sips:");
    let Some((name, value)) = headers.first().filter(|_| takes_headers) else {
        return target.to_owned();
    };
    let escaped = value.replace(';', "%3B").replace('=', "%3D");
    let separator = if target.contains('?') { '&' } else { '?' };
    format!("{target}{separator}{name}={escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refer_carries_what_the_agent_is_told() {
        let told = [("User-to-User".into(), "0a0b;encoding=hex".into())];
        assert_eq!(
            refer_to("sip:a@example.com", &told),
            "sip:a@example.com?User-to-User=0a0b%3Bencoding%3Dhex"
        );
        for number in ["tel:+441632960000", "tel:1;phone-context=example.com"] {
            assert_eq!(refer_to(number, &told), number);
        }
    }

    #[test]
    fn only_plain_numbers_stand_in_the_from() {
        assert_eq!(from_user("+442071234567"), "+442071234567");
        for odd in ["", "a b", "x>;tag=1", "名"] {
            assert_eq!(from_user(odd), "zeroline");
        }
    }
}
