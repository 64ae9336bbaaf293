//! Responses to our requests: matched to their transaction, challenges answered, the rest handed to
//! whose request it was. And requests that never got one.

use super::transmit::{reconnecting_flow, request_bytes, request_flow, set_sdp};
use super::{Owner, UserAgent};
use crate::sip::client_transaction::{Received, State};
use crate::sip::header::Header;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::reason::Reason;
use crate::sip::slab::{Key, Slab};
use crate::sip::token::Token;
use crate::sip::user_agent::authorizer::{Authorizer, MAX_ATTEMPTS};
use crate::sip::user_agent::event::{EndedBy, LegId, OptionsId};
use crate::sip::user_agent::leg::{Leg, Phase};
use crate::sip::user_agent::registration::Binding;
use crate::sip::user_agent::transactions::Purpose;
use crate::sip::values::CSeq;
use crate::sip::via::MAGIC_COOKIE;
use bytes::Bytes;
use std::time::Instant;

impl UserAgent {
    /// A response that no transaction awaits is dropped (RFC 3261, 18.1.2), as is one whose Via is
    /// not ours alone (8.1.3.3).
    pub(super) fn receive_response(&mut self, now: Instant, response: Response) {
        let Some(key) = self.find_client(&response) else {
            return;
        };
        let Some(client) = self.clients.slab.get_mut(key) else {
            return;
        };
        match client.machine.receive(now, response.status) {
            Received::Absorbed => {}
            Received::AckAgain => {
                if let Some((_, bytes)) = &client.ack {
                    let (flow, bytes) = (client.ack_flow, bytes.clone());
                    self.transmit(flow, bytes);
                }
            }
            Received::PassUpAndAck => {
                self.acknowledge_refusal(key, &response);
                self.take_response(now, key, &response);
            }
            Received::PassUp => self.take_response(now, key, &response),
        }
        self.arm(Owner::Client(key));
    }

    pub(super) fn find_client(&self, response: &Response) -> Option<Key> {
        let headers = &response.headers;
        if headers.all(Header::Via).nth(1).is_some() {
            return None;
        }
        let via = headers.top_via()?;
        let branch = Token::parse(via.branch()?.strip_prefix(MAGIC_COOKIE)?)?;
        let method = headers.cseq()?.method;
        let key = self.clients.find(branch, method == Method::Cancel)?;
        let client = self.clients.slab.get(key)?;
        (client.method == method).then_some(key)
    }

    /// The ACK of a 300–699, which belongs to the INVITE's transaction (RFC 3261, 17.1.1.3).
    fn acknowledge_refusal(&mut self, key: Key, response: &Response) {
        let Some(client) = self.clients.slab.get_mut(key) else {
            return;
        };
        let Some(request) = &client.request else {
            return;
        };
        let mut ack = within_transaction(request, Method::Ack);
        if let Some(to) = response.headers.get(Header::To) {
            ack.headers.set(Header::To, to.clone());
        }
        let bytes = request_bytes(&ack);
        client.ack = Some((Box::default(), bytes.clone()));
        client.ack_flow = client.flow;
        let flow = client.flow;
        self.transmit(flow, bytes);
    }

    fn take_response(&mut self, now: Instant, key: Key, response: &Response) {
        let status = response.status;
        let Some(client) = self.clients.slab.get(key) else {
            return;
        };
        let purpose = client.purpose;
        if status >= 200 {
            self.clients.waits_no_more(key);
        }
        if (200..300).contains(&status)
            && let Some(authorizer) = authorizer(&mut self.legs, &mut self.registrations, purpose)
        {
            authorizer.accepted(response);
        }
        let sent_again = matches!(status, 401 | 407) && self.answer_challenge(now, key, response);
        if !sent_again {
            self.hand_over(now, key, purpose, response);
        }
        if status < 200 {
            return;
        }
        if let Some(client) = self.clients.slab.get_mut(key) {
            client.request = None;
            if client.machine.state() == State::Terminated {
                self.clients.remove(key);
            }
        }
    }

    fn hand_over(&mut self, now: Instant, key: Key, purpose: Purpose, response: &Response) {
        match purpose {
            Purpose::Invite(leg) => self.invite_answered(now, leg, key, response),
            Purpose::Reinvite(leg) => self.reinvite_answered(now, leg, key, response),
            Purpose::Refresh(leg) => self.refresh_answered(now, leg, key, response),
            Purpose::Bye(leg) if response.status >= 200 => self.remove_leg(leg),
            Purpose::Refer(leg) => self.refer_answered(now, leg, response),
            Purpose::Register(id) => self.register_answered(now, id, key, response),
            Purpose::Options => self.options_answered(OptionsId(key), response),
            Purpose::Abandoned { cancelled } => {
                self.abandoned_answered(now, key, cancelled, response)
            }
            Purpose::Bye(_) | Purpose::Quiet(_) | Purpose::Nobody => {}
        }
    }

    /// Sends the request anew with credentials. False when that would be vain.
    fn answer_challenge(&mut self, now: Instant, key: Key, response: &Response) -> bool {
        let Some(client) = self.clients.slab.get(key) else {
            return false;
        };
        let (purpose, again) = (client.purpose, client.attempts > 0);
        if client.attempts >= MAX_ATTEMPTS {
            return false;
        }
        if let Some(leg) = purpose.leg().and_then(|leg| self.legs.get(leg.0))
            && leg.over
            && !matches!(leg.phase, Phase::Closing)
        {
            return false;
        }
        let authorizer = authorizer(&mut self.legs, &mut self.registrations, purpose);
        let known = authorizer
            .is_some_and(|authorizer| authorizer.challenged(response, again, &mut self.rng));
        known && self.send_again(now, key, |_| {})
    }

    /// Sends a refused request anew: `change`d, with the next CSeq and with credentials. False when
    /// the table of transactions is full.
    pub(super) fn send_again(
        &mut self,
        now: Instant,
        key: Key,
        change: impl FnOnce(&mut Request),
    ) -> bool {
        let Some(client) = self.clients.slab.get_mut(key) else {
            return false;
        };
        let (flow, purpose, attempts) = (client.flow, client.purpose, client.attempts);
        let Some(mut request) = client.request.take().map(|request| *request) else {
            return false;
        };
        change(&mut request);
        let number = self.next_cseq(purpose, &request);
        let method = request.method.clone();
        request
            .headers
            .set(Header::CSeq, CSeq { number, method }.to_string());
        if let Some(authorizer) = authorizer(&mut self.legs, &mut self.registrations, purpose) {
            authorizer.authorize(&mut request);
        }
        let Some(sent) = self.send(now, flow, request, purpose) else {
            return false;
        };
        if let Some(client) = self.clients.slab.get_mut(sent) {
            client.attempts = attempts + 1;
        }
        self.note_sent_again(purpose, sent, number);
        true
    }

    fn next_cseq(&mut self, purpose: Purpose, request: &Request) -> u32 {
        let last = request.headers.cseq().map_or(0, |cseq| cseq.number);
        if let Purpose::Register(id) = purpose
            && let Some(binding) = self.registrations.get_mut(id.0)
        {
            return binding.next_cseq();
        }
        let Some(state) = purpose.leg().and_then(|leg| self.legs.get_mut(leg.0)) else {
            return last.saturating_add(1);
        };
        let next = state.dialog.local_cseq().max(last).saturating_add(1);
        state.dialog.set_local_cseq(next);
        next
    }

    /// Where a leg knows its request by transaction and CSeq, it is another one now.
    fn note_sent_again(&mut self, purpose: Purpose, sent: Key, number: u32) {
        let Some(state) = purpose.leg().and_then(|leg| self.legs.get_mut(leg.0)) else {
            return;
        };
        match (
            purpose,
            &mut state.phase,
            &mut state.reinvite,
            &mut state.refer,
        ) {
            (Purpose::Invite(_), Phase::Calling(calling), _, _) => {
                calling.client = sent;
                calling.cseq = number;
            }
            (Purpose::Reinvite(_), _, Some(reinvite), _) => {
                reinvite.client = Some(sent);
                reinvite.cseq = number;
            }
            (Purpose::Refer(_), _, _, Some(refer)) => refer.cseq = number,
            _ => {}
        }
    }

    /// Timers B and F: nobody answers.
    pub(super) fn request_failed(&mut self, now: Instant, key: Key) {
        self.give_up(now, key, EndedBy::Timeout);
    }

    /// The flow failed under a request.
    pub(super) fn request_lost(&mut self, now: Instant, key: Key) {
        if self.reconnect(now, key) {
            self.clients.remove(key);
        } else {
            self.give_up(now, key, EndedBy::TransportLost);
        }
    }

    /// A request within a dialog has a second chance: the peer's Contact, where the connection that
    /// the peer had made is gone.
    fn reconnect(&mut self, now: Instant, key: Key) -> bool {
        self.clients.waits_no_more(key);
        let Some(client) = self.clients.slab.get_mut(key) else {
            return false;
        };
        let Some(leg) = client.purpose.leg().filter(|_| client.attempts == 0) else {
            return false;
        };
        let Some(state) = self.legs.get_mut(leg.0) else {
            return false;
        };
        if matches!(state.phase, Phase::Calling(_)) {
            return false;
        }
        let Some(flow) = reconnecting_flow(state, client.flow) else {
            return false;
        };
        state.flow = flow;
        client.flow = flow;
        self.send_again(now, key, |_| {})
    }

    fn give_up(&mut self, now: Instant, key: Key, by: EndedBy) {
        let Some(client) = self.clients.slab.get(key) else {
            return;
        };
        let purpose = client.purpose;
        if let Purpose::Invite(leg) = purpose
            && self.try_next_server(now, leg, key)
        {
            self.clients.remove(key);
            return;
        }
        self.clients.remove(key);
        match purpose {
            Purpose::Invite(leg) => {
                let reason = match by {
                    EndedBy::TransportLost => "The network or the connection failed",
                    _ => "No response",
                };
                self.fail(leg, None, reason);
                self.remove_leg(leg);
            }
            Purpose::Reinvite(leg) | Purpose::Refresh(leg) => {
                let reason = Reason::sip(408, "No response within the dialog");
                self.break_off(now, leg, by, reason);
            }
            Purpose::Bye(leg) => self.remove_leg(leg),
            Purpose::Refer(leg) => self.refer_failed(leg, None),
            Purpose::Register(id) => self.registration_failed(now, id, None, None),
            Purpose::Options => self.options_ended(OptionsId(key), None),
            Purpose::Quiet(_) | Purpose::Abandoned { .. } | Purpose::Nobody => {}
        }
    }

    /// Acknowledges a 2xx to an INVITE of ours, and keeps the ACK for repeated ones.
    pub(super) fn send_ack(&mut self, leg: LegId, client: Key, cseq: u32, sdp: Option<Bytes>) {
        let Some(state) = self.legs.get(leg.0) else {
            return;
        };
        let mut ack = state.dialog.ack(cseq);
        let tag = state.dialog.remote_tag().into();
        let flow = request_flow(state);
        if let Some(sdp) = sdp {
            set_sdp(&mut ack.headers, &mut ack.body, sdp);
        }
        let branch = self.token();
        self.put_via(&flow, &mut ack, branch);
        let bytes = request_bytes(&ack);
        if let Some(client) = self.clients.slab.get_mut(client) {
            client.ack = Some((tag, bytes.clone()));
            client.ack_flow = flow;
        }
        self.transmit(flow, bytes);
    }

    /// The leg, unless its last event is out.
    pub(super) fn living(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(leg.0).filter(|state| !state.over)
    }
}

/// What answers challenges to a request of this purpose.
fn authorizer<'a>(
    legs: &'a mut Slab<Leg>,
    registrations: &'a mut Slab<Binding>,
    purpose: Purpose,
) -> Option<&'a mut Authorizer> {
    let authorizer = match purpose {
        Purpose::Register(id) => &mut registrations.get_mut(id.0)?.authorizer,
        _ => &mut legs.get_mut(purpose.leg()?.0)?.authorizer,
    };
    authorizer.as_deref_mut()
}

/// An ACK or CANCEL of an INVITE's own transaction (RFC 3261, 9.1 and 17.1.1.3).
pub(super) fn within_transaction(invite: &Request, method: Method) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let headers = &mut request.headers;
    for header in [
        Header::Via,
        Header::Route,
        Header::From,
        Header::To,
        Header::CallId,
    ] {
        headers.copy(&invite.headers, header);
    }
    let number = invite.headers.cseq().map_or(0, |cseq| cseq.number);
    headers.push(Header::CSeq, CSeq { number, method }.to_string());
    headers.push(Header::MaxForwards, "70");
    request
}
