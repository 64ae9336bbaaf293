//! REFER as its sender (RFC 3515), attended by Replaces (RFC 3891), and the NOTIFYs of the
//! subscription that it implies.

use super::server::content_type_of;
use super::transmit::request_flow;
use super::{Owner, UserAgent};
use crate::sip::header::Header;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::uri::Uri;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{Event, LegId};
use crate::sip::user_agent::leg::{LegTimer, Phase, Refer};
use crate::sip::user_agent::transactions::Purpose;
use std::time::{Duration, Instant};

/// Without a NOTIFY for so long, the referred call's fate is not awaited any more.
const LONGEST_SILENCE: Duration = Duration::from_secs(180);

impl UserAgent {
    /// Asks the peer to call `target` instead of us. With `replaces`, it takes over that leg's
    /// dialog. One REFER at a time.
    pub fn refer(
        &mut self,
        now: Instant,
        leg: LegId,
        target: &str,
        replaces: Option<LegId>,
    ) -> Result<(), CommandError> {
        let uri: Uri = target.parse().map_err(|_| CommandError::Malformed)?;
        let replaced = match replaces {
            Some(other) => Some(self.replaces(other).ok_or(CommandError::Gone)?),
            None => None,
        };
        let address = self.legs.get(leg.0).map(|state| self.contact(&state.flow));
        let state = self.living(leg).ok_or(CommandError::Gone)?;
        if !matches!(state.phase, Phase::Confirmed) || state.refer.is_some() {
            return Err(CommandError::WrongState);
        }
        let refer_to = match (replaced, &uri) {
            (Some(replaces), Uri::Sip(_)) => format!("<{uri}?Replaces={replaces}>"),
            (Some(_), _) => return Err(CommandError::Malformed),
            (None, _) => format!("<{uri}>"),
        };
        let mut request = state.dialog.request(Method::Refer);
        let flow = request_flow(state);
        state.refer = Some(Refer {
            cseq: state.dialog.local_cseq(),
            accepted: false,
        });
        request.headers.push(Header::ReferTo, refer_to);
        if let Some(address) = address {
            request.headers.push(Header::ReferredBy, address.clone());
            request.headers.push(Header::Contact, address);
        }
        self.authorize(leg, &mut request);
        if self.send(now, flow, request, Purpose::Refer(leg)).is_none() {
            self.forget_refer(leg);
            return Err(CommandError::TableFull);
        }
        Ok(())
    }

    /// The dialog of a leg as its peer knows it, escaped for a URI's header part.
    fn replaces(&self, leg: LegId) -> Option<String> {
        let dialog = &self.legs.get(leg.0)?.dialog;
        let (call_id, ours, theirs) = (dialog.call_id(), dialog.local_tag(), dialog.remote_tag());
        let value = format!("{call_id};to-tag={theirs};from-tag={ours}");
        Some(escape_header(&value))
    }

    pub(super) fn refer_answered(&mut self, now: Instant, leg: LegId, response: &Response) {
        let status = response.status;
        match status {
            ..200 => {}
            200..300 => {
                if let Some(state) = self.legs.get_mut(leg.0)
                    && let Some(refer) = &mut state.refer
                {
                    refer.accepted = true;
                    state.set(LegTimer::Refer, now + LONGEST_SILENCE);
                    self.arm(Owner::Leg(leg.0));
                    self.tell(leg, Event::ReferAccepted { leg, status });
                }
            }
            _ => self.refer_failed(leg, Some(status)),
        }
    }

    pub(super) fn refer_failed(&mut self, leg: LegId, status: Option<u16>) {
        if self.forget_refer(leg) {
            self.tell(leg, Event::ReferFailed { leg, status });
        }
    }

    /// True when there was one.
    fn forget_refer(&mut self, leg: LegId) -> bool {
        let Some(state) = self.legs.get_mut(leg.0) else {
            return false;
        };
        state.stop(LegTimer::Refer);
        state.refer.take().is_some()
    }

    /// Timer `Refer`: the subscription is as good as dead.
    pub(super) fn refer_timed_out(&mut self, leg: LegId) {
        if self.forget_refer(leg) {
            self.tell_progress(leg, None, true);
        }
    }

    fn tell_progress(&mut self, leg: LegId, status: Option<u16>, terminated: bool) {
        self.tell(
            leg,
            Event::ReferProgress {
                leg,
                status,
                terminated,
            },
        );
    }

    /// A NOTIFY within a leg: the status of its answer. It may come before the 202.
    pub(super) fn receive_notify(&mut self, now: Instant, leg: LegId, notify: &Request) -> u16 {
        let headers = &notify.headers;
        let Some(event) = headers.event() else {
            return 489;
        };
        let Some(state) = self.legs.get_mut(leg.0) else {
            return 481;
        };
        if !event.word.eq_ignore_ascii_case("refer") {
            return 489;
        }
        let Some(refer) = state.refer else {
            return 481;
        };
        let id = event.params.get("id").map(|id| id.parse::<u32>());
        if id.is_some_and(|id| id != Ok(refer.cseq)) {
            return 481;
        }
        let subscription = headers.subscription_state();
        let terminated = subscription
            .as_ref()
            .is_some_and(|state| state.word.eq_ignore_ascii_case("terminated"));
        let status = sipfrag_status(notify);
        // Some say how it ended and leave the subscription to run out.
        let is_over = terminated || status.is_some_and(|status| status >= 200);
        if is_over {
            self.forget_refer(leg);
        } else {
            state.set(LegTimer::Refer, now + LONGEST_SILENCE);
            self.arm(Owner::Leg(leg.0));
        }
        if is_over && !refer.accepted {
            // The 202 was lost, or is still on its way.
            self.tell(leg, Event::ReferAccepted { leg, status: 202 });
        }
        self.tell_progress(leg, status, terminated);
        200
    }
}

/// The status in a `message/sipfrag` body (RFC 3420).
fn sipfrag_status(notify: &Request) -> Option<u16> {
    if !content_type_of(&notify.headers).starts_with("message/sipfrag") {
        return None;
    }
    let line = notify.body.split(|byte| *byte == b'\n').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let version = words.next()?;
    let status = words.next()?.parse().ok()?;
    (version == "SIP/2.0" && (100..700).contains(&status)).then_some(status)
}

/// Escapes what may not stand in a URI's header part (RFC 3261, 25.1).
fn escape_header(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 16);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/?:+$".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
