//! The user agent client's side of a call: INVITE, provisional responses and their PRACKs, the final
//! response, CANCEL, and the 2xx of forks.

use super::request::{allows_update, sdp_body};
use super::response::within_transaction;
use super::transmit::{flow_to, request_bytes, request_flow, set_sdp};
use super::{Owner, UserAgent};
use crate::sip::client_transaction::State;
use crate::sip::dialog::Dialog;
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::name_addr::NameAddr;
use crate::sip::reason::Reason;
use crate::sip::session_timer::SessionTimer;
use crate::sip::slab::Key;
use crate::sip::uri::Uri;
use crate::sip::user_agent::authorizer::Authorizer;
use crate::sip::user_agent::command::{CommandError, Invite};
use crate::sip::user_agent::event::{Event, Failure, LegId};
use crate::sip::user_agent::leg::{Calling, Cancel, Early, Leg, LegTimer, Phase};
use crate::sip::user_agent::transactions::Purpose;
use crate::sip::values::{CSeq, RAck};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// Forks whose early dialogs are followed; responses of further ones are told, but not acknowledged.
const MAX_EARLY: usize = 8;

impl UserAgent {
    /// Makes a call.
    pub fn invite(&mut self, now: Instant, invite: Invite) -> Result<LegId, CommandError> {
        let parse =
            |text: &str| NameAddr::parse(text.as_bytes()).map_err(|_| CommandError::Malformed);
        let target: Uri = invite.target.parse().map_err(|_| CommandError::Malformed)?;
        let from = parse(&invite.from)?;
        let to = match &invite.to {
            Some(to) => parse(to)?,
            None => NameAddr::new(target.clone()),
        };
        let route: Result<Vec<NameAddr>, _> = invite.route.iter().map(|uri| parse(uri)).collect();
        if self.legs.is_full() || self.clients.slab.is_full() {
            return Err(CommandError::TableFull);
        }
        let tag = self.token();
        let call_id = self.token().to_string();
        let mut dialog = Dialog::of_client(&call_id, &from, &to, target, route?, tag);
        let mut request = dialog.request(Method::Invite);
        self.fill_invite(&invite, &mut request);
        let calling = Calling {
            client: Key::FIRST,
            cseq: dialog.local_cseq(),
            fallbacks: invite.fallbacks.iter().copied().collect(),
            had_offer: invite.offer.is_some(),
            early: Vec::new(),
            cancel: Cancel::No,
            min_se_raised: false,
        };
        let mut leg = Leg::new(invite.flow, dialog, Phase::Calling(Box::new(calling)));
        leg.local_sdp = invite.offer.unwrap_or_default();
        leg.authorizer = invite.credentials.map(|c| Box::new(Authorizer::new(c)));
        leg.set(LegTimer::Ring, now + invite.timeout);
        let key = self.legs.insert(leg).ok_or(CommandError::TableFull)?;
        let leg = LegId(key);
        self.dialogs.insert(tag, leg);
        let client = self
            .send(now, invite.flow, request, Purpose::Invite(leg))
            .expect("the table of transactions is not full");
        if let Some(calling) = self.calling(leg) {
            calling.client = client;
        }
        self.watch_for_silence(now, leg);
        self.arm(Owner::Leg(key));
        Ok(leg)
    }

    fn fill_invite(&self, invite: &Invite, request: &mut Request) {
        let headers = &mut request.headers;
        self.introduce(&invite.flow, headers);
        if invite.offer.is_none() {
            // A reliable provisional response could carry an offer, to be answered in the PRACK.
            headers.set(Header::Supported, "timer");
        }
        if let Some(seconds) = self.config.session_expires {
            headers.push(
                Header::SessionExpires,
                seconds.max(self.min_se()).to_string(),
            );
            headers.push(Header::MinSe, self.min_se().to_string());
        }
        for (name, value) in &invite.headers {
            headers.push_other(name, value.clone());
        }
        if let Some(sdp) = &invite.offer {
            set_sdp(headers, &mut request.body, sdp.clone());
        }
    }

    /// Any response to the INVITE that its transaction does not absorb.
    pub(super) fn invite_answered(
        &mut self,
        now: Instant,
        leg: LegId,
        client: Key,
        response: &Response,
    ) {
        match response.status {
            ..200 => self.progress(now, leg, client, response),
            200..300 => self.call_answered(now, leg, client, response),
            422 if self.raise_interval(now, leg, client, response) => {}
            408 | 503 if self.try_next_server(now, leg, client) => {}
            _ => self.call_refused(leg, response),
        }
    }

    fn progress(&mut self, now: Instant, leg: LegId, client: Key, response: &Response) {
        let Some(calling) = self.calling(leg) else {
            return;
        };
        if let Cancel::Wanted(reason) = &mut calling.cancel {
            let reason = reason.take();
            return self.send_cancel(now, leg, client, reason.as_ref());
        }
        if let Some(state) = self.legs.get_mut(leg.0) {
            state.stop(LegTimer::Silence);
        }
        if response.status == 100 || !self.follow_early(now, leg, response) {
            return;
        }
        let sdp = sdp_body(&response.headers, &response.body);
        let status = response.status;
        self.tell(leg, Event::Progress { leg, status, sdp });
    }

    /// Keeps the early dialog and acknowledges a reliable response (RFC 3262, 4). False when it is
    /// a repeated one.
    fn follow_early(&mut self, now: Instant, leg: LegId, response: &Response) -> bool {
        let headers = &response.headers;
        let rseq = headers
            .rseq()
            .filter(|_| headers.lists(Header::Require, "100rel"));
        let Some(tag) = headers.to().and_then(|to| to.tag().map(str::to_owned)) else {
            return true;
        };
        let Some(state) = self.legs.get_mut(leg.0) else {
            return true;
        };
        let Phase::Calling(calling) = &mut state.phase else {
            return true;
        };
        let known = calling
            .early
            .iter()
            .position(|early| early.dialog.remote_tag() == tag);
        if known.is_none() && calling.early.len() < MAX_EARLY {
            let mut dialog = state.dialog.clone();
            dialog.establish(response);
            calling.early.push(Early {
                dialog,
                rseq: None,
                answered: false,
            });
        }
        let at = known.unwrap_or(calling.early.len().saturating_sub(1));
        let Some(early) = calling.early.get_mut(at) else {
            return true;
        };
        if early.dialog.remote_tag() != tag {
            return true;
        }
        let Some(rseq) = rseq else {
            return true;
        };
        if early
            .rseq
            .is_some_and(|last| rseq != last.saturating_add(1))
        {
            return false;
        }
        early.rseq = Some(rseq);
        early.answered |= sdp_body(headers, &response.body).is_some();
        early.dialog.set_local_cseq(state.dialog.local_cseq());
        let mut prack = early.dialog.request(Method::Prack);
        state.dialog.set_local_cseq(early.dialog.local_cseq());
        let cseq = CSeq {
            number: calling.cseq,
            method: Method::Invite,
        };
        prack
            .headers
            .push(Header::RAck, RAck { rseq, cseq }.to_string());
        let flow = match state.behind_nat {
            true => state.flow,
            false => flow_to(state.flow, early.dialog.next_hop()),
        };
        if let Some(authorizer) = &mut state.authorizer {
            authorizer.authorize(&mut prack);
        }
        self.send(now, flow, prack, Purpose::Quiet(leg));
        true
    }

    fn call_answered(&mut self, now: Instant, leg: LegId, client: Key, response: &Response) {
        let is_calling = self.calling(leg).is_some();
        let Some(state) = self.legs.get_mut(leg.0).filter(|_| is_calling) else {
            return self.answered_again(now, leg, client, response);
        };
        state.dialog.establish(response);
        state.peer_takes_update = allows_update(&response.headers);
        state.stop(LegTimer::Ring);
        state.stop(LegTimer::Silence);
        let session = response.headers.session_expires();
        state.start_session(
            now,
            session.map(|value| SessionTimer::from_response(value, false)),
        );
        let over = state.over;
        let phase = std::mem::replace(&mut state.phase, Phase::Confirmed);
        let Phase::Calling(calling) = phase else {
            return;
        };
        let cseq = calling.cseq;
        if over {
            // The CANCEL came too late (RFC 3261, 9.1): what was taken is given back.
            self.send_ack(leg, client, cseq, None);
            return self.send_bye(now, leg, None);
        }
        if calling.had_offer {
            self.send_ack(leg, client, cseq, None);
        } else {
            state.phase = Phase::Offered { cseq, client };
        }
        self.arm(Owner::Leg(leg.0));
        let sdp = sdp_body(&response.headers, &response.body);
        self.tell(leg, Event::Answered { leg, sdp });
    }

    /// Acknowledges a 2xx that had the offer, with our answer.
    pub fn acknowledge(&mut self, leg: LegId, sdp: Bytes) -> Result<(), CommandError> {
        let state = self.living(leg).ok_or(CommandError::Gone)?;
        let Phase::Offered { cseq, client } = state.phase else {
            return Err(CommandError::WrongState);
        };
        state.phase = Phase::Confirmed;
        state.local_sdp = sdp.clone();
        self.send_ack(leg, client, cseq, Some(sdp));
        Ok(())
    }

    /// A 2xx after the first: its ACK was lost, or another fork answered too and gets a BYE
    /// (RFC 3261, 13.2.2.4).
    fn answered_again(&mut self, now: Instant, leg: LegId, client: Key, response: &Response) {
        let to = response.headers.to();
        let tag = to.as_ref().and_then(NameAddr::tag).unwrap_or_default();
        if let Some(entry) = self.clients.slab.get(client)
            && let Some((acknowledged, bytes)) = &entry.ack
            && **acknowledged == *tag
        {
            let (flow, bytes) = (entry.ack_flow, bytes.clone());
            return self.transmit(flow, bytes);
        }
        let waits_for_us = self.legs.get(leg.0).is_some_and(|state| {
            matches!(state.phase, Phase::Offered { .. }) && state.dialog.remote_tag() == tag
        });
        if !waits_for_us {
            self.end_fork(now, client, response);
        }
    }

    pub(super) fn end_fork(&mut self, now: Instant, client: Key, response: &Response) {
        let headers = &response.headers;
        let parties = || {
            Some((
                headers.from()?,
                headers.to()?,
                headers.call_id()?,
                headers.cseq()?,
            ))
        };
        let (Some((from, to, call_id, cseq)), Some(client)) =
            (parties(), self.clients.slab.get(client))
        else {
            return;
        };
        let flow = client.flow;
        let tag = self.token();
        let target = to.uri.clone();
        let mut dialog = Dialog::of_client(call_id, &from, &to, target, Vec::new(), tag);
        dialog.establish(response);
        dialog.set_local_cseq(cseq.number);
        let flow = flow_to(flow, dialog.next_hop());
        let mut ack = dialog.ack(cseq.number);
        let branch = self.token();
        self.put_via(&flow, &mut ack, branch);
        self.transmit(flow, request_bytes(&ack));
        let bye = dialog.request(Method::Bye);
        self.send(now, flow, bye, Purpose::Nobody);
    }

    /// 422: asks again with the interval that the peer wants (RFC 4028, 7.3), once.
    fn raise_interval(
        &mut self,
        now: Instant,
        leg: LegId,
        client: Key,
        response: &Response,
    ) -> bool {
        let Some(min_se) = response.headers.min_se() else {
            return false;
        };
        match self.calling(leg) {
            Some(calling) if !calling.min_se_raised && calling.cancel == Cancel::No => {
                calling.min_se_raised = true;
            }
            _ => return false,
        }
        self.send_again(now, client, |request| {
            raise_session(&mut request.headers, min_se)
        })
    }

    fn call_refused(&mut self, leg: LegId, response: &Response) {
        let reason = String::from_utf8_lossy(&response.reason).into_owned();
        let failure = Failure {
            status: Some(response.status),
            reason,
            contacts: contacts_by_preference(&response.headers),
            retry_after: retry_after(&response.headers),
        };
        let failure = Box::new(failure);
        self.tell(leg, Event::Failed { leg, failure });
        self.remove_leg(leg);
    }

    pub(super) fn fail(&mut self, leg: LegId, status: Option<u16>, reason: &str) {
        let failure = Box::new(Failure {
            status,
            reason: reason.to_owned(),
            contacts: Vec::new(),
            retry_after: None,
        });
        self.tell(leg, Event::Failed { leg, failure });
    }

    /// Timer `Ring`: nobody takes the call, or nobody answers the CANCEL.
    pub(super) fn call_timed_out(&mut self, now: Instant, leg: LegId) {
        let Some(calling) = self.calling(leg) else {
            return;
        };
        if calling.cancel == Cancel::No {
            self.fail(leg, None, "No answer in time");
            let reason = Reason::sip(408, "No answer in time");
            return self.cancel(now, leg, Some(&reason));
        }
        let client = calling.client;
        self.clients.remove(client);
        self.remove_leg(leg);
    }

    /// A BYE from a callee that never heard our ACK, or does not know the RFC.
    pub(super) fn peer_hung_up_early(&mut self, now: Instant, leg: LegId) {
        self.fail(leg, None, "The peer hung up before its answer came");
        self.cancel(now, leg, None);
    }

    /// Cancels the INVITE: at once, or at its first provisional response (RFC 3261, 9.1).
    pub(super) fn cancel(&mut self, now: Instant, leg: LegId, reason: Option<&Reason>) {
        let give_up = now + self.config.timers.give_up();
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        let Phase::Calling(calling) = &mut state.phase else {
            return;
        };
        if calling.cancel != Cancel::No {
            return;
        }
        calling.cancel = Cancel::Wanted(reason.cloned());
        let client = calling.client;
        state.stop(LegTimer::Silence);
        state.set(LegTimer::Ring, give_up);
        self.arm(Owner::Leg(leg.0));
        let proceeding = self
            .clients
            .slab
            .get(client)
            .is_some_and(|client| client.machine.state() == State::Proceeding);
        if proceeding {
            self.send_cancel(now, leg, client, reason);
        }
    }

    fn send_cancel(&mut self, now: Instant, leg: LegId, client: Key, reason: Option<&Reason>) {
        if let Some(calling) = self.calling(leg) {
            calling.cancel = Cancel::Sent;
        }
        let Some(client) = self.clients.slab.get(client) else {
            return;
        };
        let Some(invite) = &client.request else {
            return;
        };
        let mut cancel = within_transaction(invite, Method::Cancel);
        if let Some(reason) = reason {
            cancel.headers.push(Header::Reason, reason.value());
        }
        let (flow, branch) = (client.flow, client.branch);
        self.send_with_via(now, flow, cancel, branch, Purpose::Nobody);
    }

    /// Sends an INFO within an established leg; its answer is not told.
    pub fn send_info(
        &mut self,
        now: Instant,
        leg: LegId,
        content_type: &str,
        body: Bytes,
    ) -> Result<(), CommandError> {
        let state = self.living(leg).ok_or(CommandError::Gone)?;
        if !matches!(state.phase, Phase::Confirmed | Phase::Accepted) {
            return Err(CommandError::WrongState);
        }
        let mut info = state.dialog.request(Method::Info);
        let flow = request_flow(state);
        info.headers
            .push(Header::ContentType, content_type.to_owned());
        info.body = body;
        if let Some(authorizer) = &mut state.authorizer {
            authorizer.authorize(&mut info);
        }
        let sent = self.send(now, flow, info, Purpose::Quiet(leg));
        sent.map(|_| ()).ok_or(CommandError::TableFull)
    }

    pub(super) fn calling(&mut self, leg: LegId) -> Option<&mut Calling> {
        match &mut self.legs.get_mut(leg.0)?.phase {
            Phase::Calling(calling) => Some(calling),
            _ => None,
        }
    }
}

/// Session-Expires and Min-SE as a 422 demands.
pub(super) fn raise_session(headers: &mut Headers, min_se: u32) {
    headers.set(Header::SessionExpires, min_se.to_string());
    headers.set(Header::MinSe, min_se.to_string());
}

/// The Contact URIs of a 3xx by their `q`, highest first.
fn contacts_by_preference(headers: &Headers) -> Vec<String> {
    let mut contacts: Vec<(u32, String)> = headers
        .contacts()
        .iter()
        .map(|contact| (contact.preference(), contact.uri.to_string()))
        .collect();
    contacts.sort_by_key(|(preference, _)| std::cmp::Reverse(*preference));
    contacts.into_iter().map(|(_, uri)| uri).collect()
}

/// The seconds of a Retry-After, its comment and parameters left aside.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let value = headers.get(Header::RetryAfter)?;
    let digits = value
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let text = std::str::from_utf8(value.get(..digits)?).ok()?;
    let seconds: u32 = text.parse().ok()?;
    Some(Duration::from_secs(u64::from(seconds)))
}
