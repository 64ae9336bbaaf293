//! The user agent server's side of a call: a new INVITE, its provisional responses (reliable ones by
//! RFC 3262), its final response, and the ACK.

use super::request::{allows_update, lower_case, sdp_of};
use super::transmit::{response_bytes, set_sdp};
use super::{Owner, UserAgent};
use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::session_timer::{self, IntervalTooSmall, SessionTimer, Wish};
use crate::sip::slab::Key;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{self, EndedBy, Event, LegId};
use crate::sip::user_agent::leg::{Incoming, Leg, LegTimer, Phase, Reliable, Unacked};
use crate::sip::values::{Refresher, SessionExpires};
use crate::sip::via::Via;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long an application may leave an INVITE without a final response: then it is answered 480.
const LONGEST_RING: Duration = Duration::from_secs(300);
/// Provisional responses behind an unacknowledged reliable one; further ones are dropped.
const MAX_QUEUED: usize = 4;

impl UserAgent {
    /// A new call.
    pub(super) fn receive_call(
        &mut self,
        now: Instant,
        flow: Flow,
        via: &Via,
        server: Key,
        request: Arc<Request>,
    ) {
        let Some(local_tag) = self.servers.slab.get(server).map(|server| server.local_tag) else {
            return;
        };
        let Some(dialog) = Dialog::of_server(&request, local_tag) else {
            return self.refuse(now, server, 400);
        };
        let session = match self.answer_session(&request.headers) {
            Ok(session) => session,
            Err(IntervalTooSmall) => return self.refuse_interval(now, server),
        };
        let offer = sdp_of(&request);
        let incoming = incoming(server, &request, offer.is_some(), session);
        let mut leg = Leg::new(flow, dialog, Phase::Incoming(Box::new(incoming)));
        leg.peer_takes_update = allows_update(&request.headers);
        let elsewhere = via
            .host
            .ip()
            .is_some_and(|ip| ip.to_canonical() != flow.remote.ip().to_canonical());
        leg.behind_nat = elsewhere && !request.headers.has(Header::RecordRoute);
        let expires = request
            .headers
            .expires()
            .map(u64::from)
            .map(Duration::from_secs);
        leg.set(
            LegTimer::Ring,
            now + expires.unwrap_or(LONGEST_RING).min(LONGEST_RING),
        );
        let Some(key) = self.legs.insert(leg) else {
            return self.refuse_overload(now, server);
        };
        let leg = LegId(key);
        self.dialogs.insert(local_tag, leg);
        if let Some(server) = self.servers.slab.get_mut(server) {
            server.leg = Some(leg);
        }
        self.arm(Owner::Leg(key));
        self.tell(
            leg,
            Event::Incoming(Box::new(event::Incoming {
                leg,
                request,
                offer,
                flow,
            })),
        );
    }

    fn refuse_overload(&mut self, now: Instant, server: Key) {
        if let Some(mut response) = self.response(server, 503) {
            let retry_after = self.config.retry_after.to_string();
            response.headers.push(Header::RetryAfter, retry_after);
            self.respond(now, server, response);
        }
    }

    pub(super) fn refuse_interval(&mut self, now: Instant, server: Key) {
        if let Some(mut response) = self.response(server, 422) {
            let min_se = self.min_se().to_string();
            response.headers.push(Header::MinSe, min_se);
            self.respond(now, server, response);
        }
    }

    pub(super) fn min_se(&self) -> u32 {
        self.config.min_se.max(session_timer::SMALLEST_INTERVAL)
    }

    /// The Session-Expires of the 2xx to a request.
    pub(super) fn answer_session(
        &self,
        headers: &Headers,
    ) -> Result<Option<SessionExpires>, IntervalTooSmall> {
        let wish = Wish {
            session_expires: headers.session_expires(),
            min_se: headers.min_se(),
            supported: lists_either(headers, "timer"),
        };
        session_timer::answer(wish, self.config.session_expires, self.config.min_se)
    }

    /// Sends a provisional response (101 to 199), reliably where the peer requires that, or supports
    /// it and there is a session description to deliver.
    pub fn provisional(
        &mut self,
        now: Instant,
        leg: LegId,
        status: u16,
        sdp: Option<Bytes>,
    ) -> Result<(), CommandError> {
        let incoming = self.incoming(leg)?;
        if !(101..200).contains(&status) || incoming.held.is_some() {
            return Err(CommandError::WrongState);
        }
        if incoming.reliable.is_some() {
            if incoming.queued.len() < MAX_QUEUED {
                incoming.queued.push_back((status, sdp));
            }
            return Ok(());
        }
        self.send_provisional(now, leg, status, sdp);
        Ok(())
    }

    pub(super) fn send_provisional(
        &mut self,
        now: Instant,
        leg: LegId,
        status: u16,
        sdp: Option<Bytes>,
    ) {
        let Ok(incoming) = self.incoming(leg) else {
            return;
        };
        let server = incoming.server;
        // An offer of ours in a provisional response would need its answer in the PRACK.
        let sdp = sdp.filter(|_| incoming.had_offer);
        let reliably = incoming.requires_reliable || (incoming.supports_reliable && sdp.is_some());
        let rseq = incoming.rseq;
        let Some(mut response) = self.response(server, status) else {
            return;
        };
        self.establish(leg, server, &mut response);
        if reliably {
            response.headers.push(Header::Require, "100rel");
            response.headers.push(Header::RSeq, rseq.to_string());
        }
        let answers = sdp.is_some();
        if let Some(sdp) = &sdp {
            set_sdp(&mut response.headers, &mut response.body, sdp.clone());
        }
        let bytes = response_bytes(&response);
        self.respond(now, server, response);
        let (t1, give_up) = (self.config.timers.t1, self.config.timers.give_up());
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        if let Some(sdp) = sdp {
            state.local_sdp = sdp;
        }
        if let Phase::Incoming(incoming) = &mut state.phase
            && reliably
        {
            incoming.rseq = rseq.saturating_add(1);
            incoming.answered |= answers;
            incoming.reliable = Some(Reliable {
                rseq,
                bytes,
                interval: t1,
            });
            state.set(LegTimer::Repeat, now + t1);
            state.set(LegTimer::AckTimeout, now + give_up);
        }
        self.arm(Owner::Leg(leg.0));
    }

    /// Contact, Allow and the copied Record-Route: what makes the dialog.
    fn establish(&self, leg: LegId, server: Key, response: &mut Response) {
        if let Some(request) = self
            .servers
            .slab
            .get(server)
            .and_then(|s| s.request.as_ref())
        {
            response.headers.copy(&request.headers, Header::RecordRoute);
        }
        if let Some(state) = self.legs.get(leg.0) {
            self.introduce(&state.flow, &mut response.headers);
        }
    }

    /// Takes the call: 200 with our answer, or with our offer where the INVITE had none.
    pub fn accept(&mut self, now: Instant, leg: LegId, sdp: Bytes) -> Result<(), CommandError> {
        let offered = self
            .legs
            .get(leg.0)
            .is_some_and(|state| state.peer_offer.is_some());
        let incoming = self.incoming(leg)?;
        if incoming.held.is_some() {
            return Err(CommandError::WrongState);
        }
        if incoming.reliable.is_some() || offered {
            // RFC 3262, 3: not before the PRACK, nor before an offer in it is answered.
            incoming.held = Some(sdp);
            incoming.queued.clear();
            return Ok(());
        }
        self.send_accept(now, leg, sdp);
        Ok(())
    }

    pub(super) fn send_accept(&mut self, now: Instant, leg: LegId, sdp: Bytes) {
        let Ok(incoming) = self.incoming(leg) else {
            return;
        };
        let (server, cseq, session) = (incoming.server, incoming.cseq, incoming.session_expires);
        let (offers, answered) = (!incoming.had_offer, incoming.answered);
        let peer_refreshes = incoming.peer_refreshes;
        let Some(mut response) = self.response(server, 200) else {
            return;
        };
        self.establish(leg, server, &mut response);
        put_session(&mut response.headers, session, peer_refreshes);
        if !answered {
            set_sdp(&mut response.headers, &mut response.body, sdp.clone());
        }
        let flow = self.servers.slab.get(server).map(|server| server.flow);
        let bytes = response_bytes(&response);
        self.respond(now, server, response);
        if let (Some(state), Some(flow)) = (self.legs.get_mut(leg.0), flow) {
            state.local_sdp = sdp;
            state.phase = Phase::Accepted;
            state.stop(LegTimer::Ring);
            state.start_session(
                now,
                session.map(|value| SessionTimer::from_response(value, true)),
            );
            self.await_ack(
                now,
                leg,
                Unacked {
                    cseq,
                    bytes,
                    flow,
                    interval: Duration::ZERO,
                    offers,
                },
            );
        }
    }

    /// Refuses the call with a final status (300 to 699) and further header fields: Contact for a
    /// 302, Retry-After for a 503.
    pub fn reject(
        &mut self,
        now: Instant,
        leg: LegId,
        status: u16,
        headers: &[(Header, String)],
    ) -> Result<(), CommandError> {
        let server = self.incoming(leg)?.server;
        if !(300..700).contains(&status) {
            return Err(CommandError::WrongState);
        }
        if let Some(mut response) = self.response(server, status) {
            for (header, value) in headers {
                response.headers.push(*header, value.clone());
            }
            self.respond(now, server, response);
        }
        self.end(leg, EndedBy::Local, None);
        self.remove_leg(leg);
        Ok(())
    }

    /// The application never answered, or the INVITE's Expires has passed.
    pub(super) fn ring_timed_out(&mut self, now: Instant, leg: LegId) {
        let Ok(incoming) = self.incoming(leg) else {
            return;
        };
        let server = incoming.server;
        self.refuse(now, server, 480);
        self.end(leg, EndedBy::Timeout, None);
        self.remove_leg(leg);
    }

    /// A CANCEL for this server transaction (RFC 3261, 9.2).
    pub(super) fn cancelled(&mut self, now: Instant, server: Key, cancel: &Request) {
        let Some(entry) = self.servers.slab.get(server) else {
            return;
        };
        if entry.machine.is_answered() {
            return;
        }
        let leg = entry.leg;
        self.refuse(now, server, 487);
        let Some(leg) = leg else {
            return;
        };
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        if matches!(state.phase, Phase::Incoming(_)) {
            let reason = reason_of(&cancel.headers);
            self.tell(leg, Event::Cancelled { leg, reason });
            self.remove_leg(leg);
        } else if state.peer_offer == Some(server) {
            state.peer_offer = None;
            state.stop(LegTimer::Offer);
        }
    }

    pub(super) fn incoming(&mut self, leg: LegId) -> Result<&mut Incoming, CommandError> {
        let state = self.legs.get_mut(leg.0).ok_or(CommandError::Gone)?;
        match &mut state.phase {
            Phase::Incoming(incoming) => Ok(incoming),
            _ if state.over => Err(CommandError::Gone),
            _ => Err(CommandError::WrongState),
        }
    }
}

fn incoming(
    server: Key,
    request: &Request,
    had_offer: bool,
    session_expires: Option<SessionExpires>,
) -> Incoming {
    let headers = &request.headers;
    let requires_reliable = headers.lists(Header::Require, "100rel");
    Incoming {
        server,
        cseq: headers.cseq().map_or(0, |cseq| cseq.number),
        had_offer,
        supports_reliable: requires_reliable || headers.lists(Header::Supported, "100rel"),
        requires_reliable,
        session_expires,
        peer_refreshes: lists_either(headers, "timer"),
        rseq: 1,
        reliable: None,
        queued: VecDeque::new(),
        held: None,
        answered: false,
    }
}

/// Session-Expires in a 2xx, with a Require where the peer has to do something (RFC 4028, 9).
pub(super) fn put_session(
    headers: &mut Headers,
    session: Option<SessionExpires>,
    peer_supports: bool,
) {
    let Some(session) = session else {
        return;
    };
    headers.push(Header::SessionExpires, session_timer::written(session));
    if peer_supports && session.refresher == Some(Refresher::Uac) {
        headers.push(Header::Require, "timer");
    }
}

/// Whether an option tag stands in Supported or Require.
pub(super) fn lists_either(headers: &Headers, tag: &str) -> bool {
    headers.lists(Header::Supported, tag) || headers.lists(Header::Require, tag)
}

/// The Reason of a BYE or CANCEL (RFC 3326).
pub(super) fn reason_of(headers: &Headers) -> Option<String> {
    let value = headers.get(Header::Reason)?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The Content-Type in lower case; empty where there is none.
pub(super) fn content_type_of(headers: &Headers) -> String {
    headers
        .get(Header::ContentType)
        .map(lower_case)
        .unwrap_or_default()
}
