//! Changes of an established session by us: re-INVITE with its glare (RFC 3261, 14.1), and the
//! refreshes of the session timer (RFC 4028, 10).

use super::client::raise_session;
use super::request::{allows_update, sdp_body};
use super::transmit::{request_flow, set_sdp};
use super::{Owner, UserAgent};
use crate::sip::header::Header;
use crate::sip::headers::Headers;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::reason::Reason;
use crate::sip::session_timer::{self, SessionTimer};
use crate::sip::slab::Key;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{EndedBy, Event, LegId};
use crate::sip::user_agent::leg::{Leg, LegTimer, Phase, Reinvite};
use crate::sip::user_agent::transactions::Purpose;
use crate::sip::values::{Refresher, SessionExpires};
use bytes::Bytes;
use rand::RngExt;
use std::time::{Duration, Instant};

/// How often a re-INVITE is tried again after a 491.
const MAX_GLARES: u8 = 4;

impl UserAgent {
    /// Offers another session description. It goes out when the dialog is free for it; one re-INVITE
    /// at a time.
    pub fn reinvite(&mut self, now: Instant, leg: LegId, sdp: Bytes) -> Result<(), CommandError> {
        self.start_reinvite(now, leg, sdp, false)
    }

    fn start_reinvite(
        &mut self,
        now: Instant,
        leg: LegId,
        sdp: Bytes,
        refresh: bool,
    ) -> Result<(), CommandError> {
        let state = self.living(leg).ok_or(CommandError::Gone)?;
        if !matches!(state.phase, Phase::Confirmed) || state.reinvite.is_some() {
            return Err(CommandError::WrongState);
        }
        state.reinvite = Some(Box::new(Reinvite {
            sdp,
            refresh,
            client: None,
            cseq: 0,
            attempts: 0,
        }));
        self.send_reinvite(now, leg);
        Ok(())
    }

    /// Sends the leg's re-INVITE, unless an exchange of offer and answer is under way: then it waits
    /// as after a 491.
    pub(super) fn send_reinvite(&mut self, now: Instant, leg: LegId) {
        let Some(state) = self.living(leg) else {
            return;
        };
        let busy = state.peer_offer.is_some() || state.unacked.is_some();
        let Some(sdp) = state.reinvite.as_ref().map(|reinvite| reinvite.sdp.clone()) else {
            return;
        };
        if busy {
            return self.wait_for_turn(now, leg);
        }
        let mut request = state.dialog.request(Method::Invite);
        let (flow, cseq, session) = (
            request_flow(state),
            state.dialog.local_cseq(),
            state.session,
        );
        self.introduce(&flow, &mut request.headers);
        put_refresh(&mut request.headers, session);
        set_sdp(&mut request.headers, &mut request.body, sdp);
        self.authorize(leg, &mut request);
        let client = self.send(now, flow, request, Purpose::Reinvite(leg));
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        match (client, &mut state.reinvite) {
            (Some(client), Some(reinvite)) => {
                reinvite.client = Some(client);
                reinvite.cseq = cseq;
            }
            _ => self.reinvite_failed(now, leg, None),
        }
    }

    /// After a 491: 2.1 to 4 s if the Call-ID is ours, else 0 to 2 s (RFC 3261, 14.1).
    fn wait_for_turn(&mut self, now: Instant, leg: LegId) {
        let of_ours: u64 = self.rng.random_range(210..=400);
        let of_theirs: u64 = self.rng.random_range(0..=200);
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        let Some(reinvite) = &mut state.reinvite else {
            return;
        };
        reinvite.client = None;
        reinvite.attempts += 1;
        if reinvite.attempts > MAX_GLARES {
            return self.reinvite_failed(now, leg, Some(491));
        }
        let wait = if state.we_called { of_ours } else { of_theirs };
        state.set(
            LegTimer::Reinvite,
            now + Duration::from_millis(10 * wait.max(1)),
        );
        self.arm(Owner::Leg(leg.0));
    }

    pub(super) fn reinvite_answered(
        &mut self,
        now: Instant,
        leg: LegId,
        client: Key,
        response: &Response,
    ) {
        let status = response.status;
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        let current = state
            .reinvite
            .as_ref()
            .is_some_and(|r| r.client == Some(client));
        match status {
            ..200 => {}
            200..300 if current => self.reinvite_accepted(now, leg, client, response),
            200..300 => self.acknowledge_again(leg, client),
            _ if !current => {}
            408 | 481 => self.lost(now, leg),
            491 => self.wait_for_turn(now, leg),
            422 if self.raise_refresh(now, client, response) => {}
            _ => self.reinvite_failed(now, leg, Some(status)),
        }
    }

    fn reinvite_accepted(&mut self, now: Instant, leg: LegId, client: Key, response: &Response) {
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        let Some(reinvite) = state.reinvite.take() else {
            return;
        };
        state.local_sdp = reinvite.sdp;
        take_refresh(state, now, &response.headers);
        let told = !state.over && !reinvite.refresh;
        self.send_ack(leg, client, reinvite.cseq, None);
        self.arm(Owner::Leg(leg.0));
        if told {
            let sdp = sdp_body(&response.headers, &response.body);
            self.tell(leg, Event::ReinviteAnswered { leg, sdp });
        }
    }

    /// A repeated 2xx to a re-INVITE; after our BYE the first one, too.
    fn acknowledge_again(&mut self, leg: LegId, client: Key) {
        let Some(entry) = self.clients.slab.get(client) else {
            return;
        };
        if let Some((_, bytes)) = &entry.ack {
            let (flow, bytes) = (entry.ack_flow, bytes.clone());
            return self.transmit(flow, bytes);
        }
        let cseq = entry
            .request
            .as_ref()
            .and_then(|request| request.headers.cseq());
        if let Some(cseq) = cseq {
            self.send_ack(leg, client, cseq.number, None);
        }
    }

    fn reinvite_failed(&mut self, now: Instant, leg: LegId, status: Option<u16>) {
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        state.stop(LegTimer::Reinvite);
        let refresh = state.reinvite.take().is_some_and(|it| it.refresh);
        self.refresh_failed(now, leg, status);
        if !refresh {
            self.tell(leg, Event::ReinviteFailed { leg, status });
        }
    }

    /// Who refuses a refresh is there all the same: the session goes on (RFC 3261, 14.1). The peer's
    /// own timer was not refreshed, though, so it is tried again soon.
    fn refresh_failed(&mut self, now: Instant, leg: LegId, status: Option<u16>) {
        let Some(state) = self.living(leg) else {
            return;
        };
        let Some(session) = state.session.filter(|session| session.we_refresh) else {
            return;
        };
        if status.is_some() {
            state.start_session(now, Some(session));
        }
        state.set(LegTimer::Refresh, session.retry_at(now));
        self.arm(Owner::Leg(leg.0));
    }

    /// The peer does not know the dialog any more (RFC 3261, 12.2.1.2).
    fn lost(&mut self, now: Instant, leg: LegId) {
        let reason = Reason::sip(481, "The dialog is lost");
        self.break_off(now, leg, EndedBy::Timeout, reason);
    }

    /// Timer `Refresh`: by UPDATE where the peer takes it, else by re-INVITE with the session
    /// description as it is.
    pub(super) fn refresh_session(&mut self, now: Instant, leg: LegId) {
        let Some(state) = self.living(leg) else {
            return;
        };
        if state.reinvite.is_some() {
            // It refreshes the session by itself.
            return;
        }
        if !state.peer_takes_update {
            let sdp = state.local_sdp.clone();
            // A leg that is not confirmed expires instead.
            let _ = self.start_reinvite(now, leg, sdp, true);
            return;
        }
        let mut update = state.dialog.request(Method::Update);
        let (flow, session) = (request_flow(state), state.session);
        self.introduce(&flow, &mut update.headers);
        put_refresh(&mut update.headers, session);
        self.authorize(leg, &mut update);
        // Without room in the table it is sent all the same, once.
        self.send(now, flow, update, Purpose::Refresh(leg));
    }

    pub(super) fn refresh_answered(
        &mut self,
        now: Instant,
        leg: LegId,
        client: Key,
        response: &Response,
    ) {
        let Some(state) = self.living(leg) else {
            return;
        };
        match response.status {
            ..200 => {}
            200..300 => {
                take_refresh(state, now, &response.headers);
                self.arm(Owner::Leg(leg.0));
            }
            408 | 481 => self.lost(now, leg),
            405 | 501 => {
                state.peer_takes_update = false;
                self.refresh_session(now, leg);
            }
            422 if self.raise_refresh(now, client, response) => {}
            status => self.refresh_failed(now, leg, Some(status)),
        }
    }

    fn raise_refresh(&mut self, now: Instant, client: Key, response: &Response) -> bool {
        let again = self
            .clients
            .slab
            .get(client)
            .is_some_and(|client| client.attempts > 0);
        match response.headers.min_se() {
            Some(min_se) if !again => self.send_again(now, client, |request| {
                raise_session(&mut request.headers, min_se);
            }),
            _ => false,
        }
    }

    pub(super) fn authorize(&mut self, leg: LegId, request: &mut Request) {
        if let Some(state) = self.legs.get_mut(leg.0)
            && let Some(authorizer) = &mut state.authorizer
        {
            authorizer.authorize(request);
        }
    }
}

/// The session timer in a refresh of ours: the interval as it is, and who refreshes as it is.
fn put_refresh(headers: &mut Headers, session: Option<SessionTimer>) {
    let Some(session) = session else {
        return;
    };
    let refresher = match session.we_refresh {
        true => Refresher::Uac,
        false => Refresher::Uas,
    };
    let value = SessionExpires {
        seconds: session.seconds,
        refresher: Some(refresher),
    };
    headers.push(Header::SessionExpires, session_timer::written(value));
}

/// What the 2xx to a re-INVITE or UPDATE of ours changes. Without a Session-Expires in it, the
/// session has no timer any more (RFC 4028, 7.2).
fn take_refresh(state: &mut Leg, now: Instant, headers: &Headers) {
    state.dialog.refresh_target(headers);
    if headers.has(Header::Allow) {
        state.peer_takes_update = allows_update(headers);
    }
    let session = headers.session_expires();
    state.start_session(
        now,
        session.map(|value| SessionTimer::from_response(value, false)),
    );
}
