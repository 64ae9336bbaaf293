//! The end of a leg: BYE, and what a hang-up means in each phase; and the leg's timers.

use super::transmit::request_flow;
use super::{Owner, UserAgent};
use crate::sip::header::Header;
use crate::sip::method::Method;
use crate::sip::reason::Reason;
use crate::sip::slab::Key;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{EndedBy, Event, LegId};
use crate::sip::user_agent::leg::{LegTimer, Phase};
use crate::sip::user_agent::transactions::Purpose;
use std::time::Instant;

/// What a hang-up has to do, by the leg's phase.
enum HangUp {
    Refuse(Key),
    ByeAfterAck,
    Cancel,
    AckAndBye(u32, Key),
    Bye,
}

impl UserAgent {
    /// Ends a leg in whatever phase it is: 480 for a call that was not answered yet, CANCEL for one
    /// that we make, else BYE. The leg's
    /// `Ended` comes at once; what has still to be sent is sent without it.
    pub fn hang_up(
        &mut self,
        now: Instant,
        leg: LegId,
        reason: Option<&Reason>,
    ) -> Result<(), CommandError> {
        let state = self.legs.get(leg.0).filter(|state| !state.over);
        let what = match &state.ok_or(CommandError::Gone)?.phase {
            Phase::Incoming(incoming) => HangUp::Refuse(incoming.server),
            Phase::Accepted => HangUp::ByeAfterAck,
            Phase::Calling(_) => HangUp::Cancel,
            Phase::Offered { cseq, client } => HangUp::AckAndBye(*cseq, *client),
            Phase::Confirmed => HangUp::Bye,
            Phase::Closing => return Err(CommandError::Gone),
        };
        self.end(leg, EndedBy::Local, None);
        match what {
            HangUp::Refuse(server) => {
                if let Some(mut response) = self.response(server, 480) {
                    if let Some(reason) = reason {
                        response.headers.push(Header::Reason, reason.value());
                    }
                    self.respond(now, server, response);
                }
                self.remove_leg(leg);
            }
            HangUp::ByeAfterAck => {
                if let Some(state) = self.legs.get_mut(leg.0) {
                    state.bye_after_ack = Some(reason.cloned());
                }
            }
            HangUp::Cancel => self.cancel(now, leg, reason),
            HangUp::AckAndBye(cseq, client) => {
                self.send_ack(leg, client, cseq, None);
                self.send_bye(now, leg, reason);
            }
            HangUp::Bye => self.send_bye(now, leg, reason),
        }
        Ok(())
    }

    /// Hangs up every leg; their ends come as for `hang_up`.
    pub fn hang_up_all(&mut self, now: Instant, reason: Option<&Reason>) {
        let legs: Vec<Key> = self.legs.keys().collect();
        for key in legs {
            // A leg that is over already has nothing left to hang up.
            let _ = self.hang_up(now, LegId(key), reason);
        }
    }

    /// Sends the BYE; the leg stays until it is answered.
    pub(super) fn send_bye(&mut self, now: Instant, leg: LegId, reason: Option<&Reason>) {
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        state.stop_all();
        state.phase = Phase::Closing;
        state.unacked = None;
        state.reinvite = None;
        let mut bye = state.dialog.request(Method::Bye);
        let flow = request_flow(state);
        let pending = state.peer_offer.take();
        if let Some(authorizer) = &mut state.authorizer {
            authorizer.authorize(&mut bye);
        }
        if let Some(reason) = reason {
            bye.headers.push(Header::Reason, reason.value());
        }
        if let Some(server) = pending {
            self.refuse(now, server, 487);
        }
        if self.send(now, flow, bye, Purpose::Bye(leg)).is_none() {
            self.remove_leg(leg);
        }
    }

    /// The session cannot go on: BYE, and the end is told.
    pub(super) fn break_off(&mut self, now: Instant, leg: LegId, by: EndedBy, reason: Reason) {
        self.end(leg, by, None);
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        match state.phase {
            Phase::Closing => {}
            Phase::Accepted => state.bye_after_ack = Some(Some(reason)),
            Phase::Offered { cseq, client } => {
                self.send_ack(leg, client, cseq, None);
                self.send_bye(now, leg, Some(&reason));
            }
            _ => self.send_bye(now, leg, Some(&reason)),
        }
    }

    pub(super) fn end(&mut self, leg: LegId, by: EndedBy, reason: Option<String>) {
        self.tell(leg, Event::Ended { leg, by, reason });
    }

    pub(super) fn remove_leg(&mut self, leg: LegId) {
        if let Some(state) = self.legs.remove(leg.0) {
            self.dialogs.remove(&state.dialog.local_tag());
        }
    }

    pub(super) fn fire_leg(&mut self, now: Instant, key: Key) {
        let leg = LegId(key);
        while let Some(state) = self.legs.get_mut(key)
            && let Some(timer) = state.take_due(now)
        {
            let calling = matches!(state.phase, Phase::Calling(_));
            match timer {
                LegTimer::Ring if calling => self.call_timed_out(now, leg),
                LegTimer::Ring => self.ring_timed_out(now, leg),
                LegTimer::Silence => self.server_is_silent(now, leg),
                LegTimer::Repeat => self.repeat(now, leg),
                LegTimer::AckTimeout => self.ack_timed_out(now, leg),
                LegTimer::Offer => self.offer_timed_out(now, leg),
                LegTimer::Refresh => self.refresh_session(now, leg),
                LegTimer::SessionExpires => {
                    let reason = Reason::sip(408, "Session expired");
                    self.break_off(now, leg, EndedBy::SessionExpired, reason);
                }
                LegTimer::Reinvite => self.send_reinvite(now, leg),
                LegTimer::Refer => self.refer_timed_out(leg),
            }
        }
        self.arm(Owner::Leg(key));
    }
}
