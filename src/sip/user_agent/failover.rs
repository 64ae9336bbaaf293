//! The next server where one fails (RFC 3263, 4.3): for an INVITE that nobody rang for yet, and for
//! a REGISTER.

use super::response::within_transaction;
use super::{Owner, UserAgent};
use crate::sip::flow::Flow;
use crate::sip::header::Header;
use crate::sip::message::Response;
use crate::sip::method::Method;
use crate::sip::slab::Key;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{LegId, RegistrationId};
use crate::sip::user_agent::leg::{Cancel, LegTimer};
use crate::sip::user_agent::transactions::Purpose;
use std::time::Instant;

/// In units of T1: four datagrams were sent, and at 4 s a caller has waited long enough. The
/// transaction itself would take 64 (timer B).
const SILENCE: u32 = 8;

impl UserAgent {
    /// Watches for a first response, where there is another server to try.
    pub(super) fn watch_for_silence(&mut self, now: Instant, leg: LegId) {
        let silence = self.config.timers.t1 * SILENCE;
        if self
            .calling(leg)
            .is_some_and(|calling| !calling.fallbacks.is_empty())
            && let Some(state) = self.legs.get_mut(leg.0)
        {
            state.set(LegTimer::Silence, now + silence);
        }
    }

    pub(super) fn server_is_silent(&mut self, now: Instant, leg: LegId) {
        let Some(silent) = self.calling(leg).map(|calling| calling.client) else {
            return;
        };
        if !self.try_next_server(now, leg, silent) {
            return;
        }
        if let Some(client) = self.clients.slab.get_mut(silent) {
            client.purpose = Purpose::Abandoned { cancelled: false };
        }
    }

    /// Sends the leg's INVITE to the next server: the same but for its branch and Contact. False
    /// where there is none, somebody was rung already, or the call is not wanted any more.
    pub(super) fn try_next_server(&mut self, now: Instant, leg: LegId, failed: Key) -> bool {
        let Some(calling) = self.calling(leg) else {
            return false;
        };
        if calling.cancel != Cancel::No || !calling.early.is_empty() {
            return false;
        }
        let Some(flow) = calling.fallbacks.pop_front() else {
            return false;
        };
        let Some(invite) = self
            .clients
            .slab
            .get(failed)
            .and_then(|c| c.request.clone())
        else {
            return false;
        };
        let mut invite = *invite;
        invite.headers.set(Header::Contact, self.contact(&flow));
        let Some(client) = self.send(now, flow, invite, Purpose::Invite(leg)) else {
            return false;
        };
        if let Some(calling) = self.calling(leg) {
            calling.client = client;
        }
        if let Some(state) = self.legs.get_mut(leg.0) {
            state.flow = flow;
            state.stop(LegTimer::Silence);
        }
        self.watch_for_silence(now, leg);
        self.arm(Owner::Leg(leg.0));
        true
    }

    /// A server that was given up speaks after all: its telephone is not to ring, too.
    pub(super) fn abandoned_answered(
        &mut self,
        now: Instant,
        key: Key,
        cancelled: bool,
        response: &Response,
    ) {
        match response.status {
            ..200 if !cancelled => {
                let Some(client) = self.clients.slab.get_mut(key) else {
                    return;
                };
                client.purpose = Purpose::Abandoned { cancelled: true };
                let (flow, branch) = (client.flow, client.branch);
                let cancel = client
                    .request
                    .as_ref()
                    .map(|invite| within_transaction(invite, Method::Cancel));
                if let Some(cancel) = cancel {
                    self.send_with_via(now, flow, cancel, branch, Purpose::Nobody);
                }
            }
            200..300 => self.end_fork(now, key, response),
            _ => {}
        }
    }

    /// Goes on to the registrar's next address. False when all have failed: then the first is the
    /// next to be tried.
    pub(super) fn try_next_registrar(&mut self, now: Instant, id: RegistrationId) -> bool {
        let Some(binding) = self.registrations.get_mut(id.0) else {
            return false;
        };
        match binding.untried.pop_front() {
            Some(flow) => {
                binding.flow = flow;
                self.send_register(now, id);
                true
            }
            None => {
                binding.start_over();
                false
            }
        }
    }

    /// The registrar's addresses have been looked up again: the next REGISTER goes there.
    pub fn relocate(
        &mut self,
        id: RegistrationId,
        flow: Flow,
        fallbacks: Vec<Flow>,
    ) -> Result<(), CommandError> {
        let binding = self.registrations.get_mut(id.0).ok_or(CommandError::Gone)?;
        binding.registration.flow = flow;
        binding.registration.fallbacks = fallbacks;
        binding.start_over();
        Ok(())
    }
}
