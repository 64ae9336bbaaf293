//! Requests from the peer within a dialog: re-INVITE and UPDATE with their offers, INFO, BYE.

use super::request::{allows_update, sdp_of};
use super::server::{content_type_of, put_session, reason_of};
use super::transmit::{response_bytes, set_sdp};
use super::{Owner, UserAgent};
use crate::sip::dialog::Order;
use crate::sip::flow::Flow;
use crate::sip::header::Header;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::session_timer::{IntervalTooSmall, SessionTimer};
use crate::sip::slab::Key;
use crate::sip::token::Token;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{EndedBy, Event, LegId};
use crate::sip::user_agent::leg::{Leg, LegTimer, Phase, Unacked};
use crate::sip::user_agent::server::lists_either;
use bytes::Bytes;
use rand::RngExt;
use std::time::{Duration, Instant};

/// The bodies of an INFO that carry keys, and the one of media control (RFC 5168).
const INFO_TYPES: [&str; 4] = [
    "application/dtmf-relay",
    "application/dtmf",
    "application/vnd.nortelnetworks.digits",
    "application/media_control+xml",
];

impl UserAgent {
    /// A request other than INVITE, ACK and CANCEL within a leg's dialog: its answer, or none when
    /// the application has to give it.
    pub(super) fn receive_in_dialog(
        &mut self,
        now: Instant,
        flow: Flow,
        leg: LegId,
        server: Option<Key>,
        request: &Request,
        tag: Token,
    ) -> Option<Response> {
        if let Some(refusal) = self.check_order(leg, request) {
            return Some(self.retry_later(request, refusal, tag));
        }
        let answer = |agent: &Self, status| Some(agent.response_to(request, status, tag));
        match request.method {
            Method::Bye => {
                self.receive_bye(now, leg, request);
                answer(self, 200)
            }
            Method::Update => self.receive_update(now, flow, leg, server, request, tag),
            Method::Prack => {
                let status = self.receive_prack(leg, request);
                let sdp = sdp_of(request);
                if status == 200 && sdp.is_some() && server.is_some() {
                    self.take_offer(now, leg, server, sdp);
                    return None;
                }
                answer(self, status)
            }
            Method::Info => Some(self.receive_info(leg, request, tag)),
            Method::Notify => {
                let status = self.receive_notify(now, leg, request);
                answer(self, status)
            }
            Method::Refer => {
                let status = self.receive_refer(leg, request);
                let mut response = self.response_to(request, status, tag);
                if status < 300 {
                    response.headers.push(Header::Contact, self.contact(&flow));
                }
                Some(response)
            }
            Method::Options => Some(self.capabilities(&flow, request, tag)),
            _ => answer(self, 405),
        }
    }

    /// RFC 3261, 12.2.2: a request that is late, or here twice.
    fn check_order(&mut self, leg: LegId, request: &Request) -> Option<u16> {
        let cseq = request.headers.cseq()?.number;
        let state = self.legs.get_mut(leg.0)?;
        if matches!(state.phase, Phase::Calling(_)) {
            return None;
        }
        match state.dialog.receive_cseq(cseq) {
            Order::InOrder => None,
            Order::OutOfOrder => Some(500),
            Order::Repeated => Some(482),
        }
    }

    /// A refusal; a 500 says when to try again (RFC 3261, 14.2; RFC 3311, 5.2).
    fn retry_later(&mut self, request: &Request, status: u16, tag: Token) -> Response {
        let mut response = self.response_to(request, status, tag);
        if status == 500 {
            let seconds: u32 = self.rng.random_range(0..=10);
            response
                .headers
                .push(Header::RetryAfter, seconds.to_string());
        }
        response
    }

    /// A re-INVITE (RFC 3261, 14.2).
    pub(super) fn receive_reinvite(
        &mut self,
        now: Instant,
        flow: Flow,
        leg: LegId,
        server: Key,
        request: &Request,
    ) {
        let tag = self.servers.slab.get(server).map(|server| server.local_tag);
        let Some(tag) = tag else { return };
        let refusal = self
            .check_order(leg, request)
            .or(self.object_to_offer(leg, true));
        if let Some(status) = refusal {
            let response = self.retry_later(request, status, tag);
            self.respond(now, server, response);
            return;
        }
        if self.answer_session(&request.headers) == Err(IntervalTooSmall) {
            return self.refuse_interval(now, server);
        }
        self.refresh(flow, leg, request);
        if let Some(server) = self.servers.slab.get_mut(server) {
            server.leg = Some(leg);
        }
        self.take_offer(now, leg, Some(server), sdp_of(request));
    }

    /// Why an offer cannot be taken now (RFC 6337, 4.3): 491 while ours waits for its answer, 500
    /// while theirs does.
    fn object_to_offer(&self, leg: LegId, invite: bool) -> Option<u16> {
        let state = self.legs.get(leg.0)?;
        match &state.phase {
            Phase::Closing => return Some(481),
            Phase::Incoming(_) if invite => return Some(500),
            Phase::Incoming(incoming) if !incoming.answered || incoming.reliable.is_some() => {
                return Some(500);
            }
            Phase::Calling(_) | Phase::Offered { .. } if invite => return Some(491),
            _ => {}
        }
        if state.peer_offer.is_some() {
            return Some(500);
        }
        let our_2xx = invite && state.unacked.is_some();
        (our_2xx || state.owes_us_an_answer()).then_some(491)
    }

    fn refresh(&mut self, flow: Flow, leg: LegId, request: &Request) {
        if let Some(state) = self.legs.get_mut(leg.0) {
            state.flow = flow;
            state.dialog.refresh_target(&request.headers);
            if request.headers.has(Header::Allow) {
                state.peer_takes_update = allows_update(&request.headers);
            }
        }
    }

    /// The application is to answer an offer, or to make one.
    fn take_offer(&mut self, now: Instant, leg: LegId, server: Option<Key>, sdp: Option<Bytes>) {
        let limit = self.config.timers.give_up();
        if let Some(state) = self.legs.get_mut(leg.0) {
            state.peer_offer = server;
            state.set(LegTimer::Offer, now + limit);
            self.arm(Owner::Leg(leg.0));
            self.tell(leg, Event::Offer { leg, sdp });
        }
    }

    /// An UPDATE (RFC 3311): with an offer, or only a session refresh.
    fn receive_update(
        &mut self,
        now: Instant,
        flow: Flow,
        leg: LegId,
        server: Option<Key>,
        request: &Request,
        tag: Token,
    ) -> Option<Response> {
        let offer = sdp_of(request);
        let refusal = match (&offer, server) {
            (Some(_), Some(_)) => self.object_to_offer(leg, false),
            (Some(_), None) => Some(503),
            (None, _) => None,
        };
        if let Some(status) = refusal {
            return Some(self.retry_later(request, status, tag));
        }
        let Ok(session) = self.answer_session(&request.headers) else {
            let mut response = self.response_to(request, 422, tag);
            response
                .headers
                .push(Header::MinSe, self.min_se().to_string());
            return Some(response);
        };
        self.refresh(flow, leg, request);
        if offer.is_some() {
            self.take_offer(now, leg, server, offer);
            return None;
        }
        let mut response = self.response_to(request, 200, tag);
        self.introduce(&flow, &mut response.headers);
        let supported = lists_either(&request.headers, "timer");
        put_session(&mut response.headers, session, supported);
        if let Some(state) = self.legs.get_mut(leg.0).filter(|leg| is_established(leg)) {
            state.start_session(
                now,
                session.map(|value| SessionTimer::from_response(value, true)),
            );
            self.arm(Owner::Leg(leg.0));
        }
        Some(response)
    }

    /// Answers the peer's re-INVITE, UPDATE or PRACK: with a session description, or with the status
    /// of a refusal (488 for an offer that cannot be met).
    pub fn answer_offer(
        &mut self,
        now: Instant,
        leg: LegId,
        answer: Result<Bytes, u16>,
    ) -> Result<(), CommandError> {
        let state = self.legs.get_mut(leg.0).ok_or(CommandError::Gone)?;
        if state.over {
            return Err(CommandError::Gone);
        }
        let server = state.peer_offer.take().ok_or(CommandError::WrongState)?;
        state.stop(LegTimer::Offer);
        match answer {
            Ok(sdp) => self.accept_offer(now, leg, server, sdp),
            Err(status) => {
                let status = if (300..700).contains(&status) {
                    status
                } else {
                    488
                };
                self.refuse(now, server, status);
            }
        }
        self.go_on_after_prack(now, leg);
        Ok(())
    }

    fn accept_offer(&mut self, now: Instant, leg: LegId, server: Key, sdp: Bytes) {
        let entry = self.servers.slab.get(server);
        let Some((request, flow)) =
            entry.and_then(|entry| Some((entry.request.clone()?, entry.flow)))
        else {
            return;
        };
        let session = self.answer_session(&request.headers).ok().flatten();
        let session = session.filter(|_| request.method != Method::Prack);
        let (Some(mut response), Some(state)) = (self.response(server, 200), self.legs.get(leg.0))
        else {
            return;
        };
        self.introduce(&state.flow, &mut response.headers);
        put_session(
            &mut response.headers,
            session,
            lists_either(&request.headers, "timer"),
        );
        set_sdp(&mut response.headers, &mut response.body, sdp.clone());
        let bytes = response_bytes(&response);
        self.respond(now, server, response);
        if let Some(state) = self.legs.get_mut(leg.0) {
            state.local_sdp = sdp;
            if request.method != Method::Prack && is_established(state) {
                state.start_session(now, session.map(|s| SessionTimer::from_response(s, true)));
            }
        }
        if request.method == Method::Invite {
            let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
            let offers = sdp_of(&request).is_none();
            let interval = Duration::ZERO;
            self.await_ack(
                now,
                leg,
                Unacked {
                    cseq,
                    bytes,
                    flow,
                    interval,
                    offers,
                },
            );
        }
        self.arm(Owner::Leg(leg.0));
    }

    /// Timer `Offer`: the application did not answer; somebody must.
    pub(super) fn offer_timed_out(&mut self, now: Instant, leg: LegId) {
        if let Some(state) = self.legs.get_mut(leg.0)
            && let Some(server) = state.peer_offer.take()
        {
            self.refuse(now, server, 500);
        }
    }

    fn receive_info(&mut self, leg: LegId, request: &Request, tag: Token) -> Response {
        if request.headers.get_other("Info-Package").is_some() {
            let mut response = self.response_to(request, 469, tag);
            response.headers.push_other("Recv-Info", "");
            return response;
        }
        if request.body.is_empty() {
            return self.response_to(request, 200, tag);
        }
        let content_type = content_type_of(&request.headers);
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if !INFO_TYPES.contains(&essence) {
            let mut response = self.response_to(request, 415, tag);
            response.headers.push(Header::Accept, INFO_TYPES.join(", "));
            return response;
        }
        let body = request.body.clone();
        self.tell(
            leg,
            Event::Info {
                leg,
                content_type,
                body,
            },
        );
        self.response_to(request, 200, tag)
    }

    /// The peer hangs up (RFC 3261, 15.1.2); what of its requests is unanswered has its end, too.
    fn receive_bye(&mut self, now: Instant, leg: LegId, request: &Request) {
        let reason = reason_of(&request.headers);
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        if let Some(server) = state.peer_offer.take() {
            self.refuse(now, server, 487);
        }
        let Some(state) = self.legs.get(leg.0) else {
            return;
        };
        match &state.phase {
            Phase::Incoming(incoming) => {
                let server = incoming.server;
                self.refuse(now, server, 487);
                self.tell(leg, Event::Cancelled { leg, reason });
            }
            Phase::Calling(_) => return self.peer_hung_up_early(now, leg),
            // Our own BYE is out, and its answer still to come.
            Phase::Closing => return,
            Phase::Accepted | Phase::Offered { .. } | Phase::Confirmed => {
                self.end(leg, EndedBy::Peer, reason);
            }
        }
        self.remove_leg(leg);
    }
}

/// Whether the INVITE has had its 2xx.
fn is_established(leg: &Leg) -> bool {
    matches!(
        leg.phase,
        Phase::Accepted | Phase::Offered { .. } | Phase::Confirmed
    )
}
