//! What the user agent server repeats until it is acknowledged: a 2xx until its ACK (RFC 3261,
//! 13.3.1.4), a reliable provisional response until its PRACK (RFC 3262, 3).

use super::request::sdp_of;
use super::{Owner, UserAgent};
use crate::sip::message::Request;
use crate::sip::user_agent::event::{EndedBy, Event, LegId};
use crate::sip::user_agent::leg::{LegTimer, Phase, Reliable, Unacked};
use std::time::Instant;

impl UserAgent {
    /// Repeats a 2xx until its ACK comes (RFC 3261, 13.3.1.4), on any transport.
    pub(super) fn await_ack(&mut self, now: Instant, leg: LegId, mut unacked: Unacked) {
        let values = self.config.timers;
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        unacked.interval = values.t1;
        state.unacked = Some(Box::new(unacked));
        state.set(LegTimer::Repeat, now + values.t1);
        state.set(LegTimer::AckTimeout, now + values.give_up());
        self.arm(Owner::Leg(leg.0));
    }

    /// The ACK of a 2xx of ours.
    pub(super) fn acknowledged(&mut self, now: Instant, leg: LegId, ack: &Request) {
        let (Some(state), Some(cseq)) = (self.legs.get_mut(leg.0), ack.headers.cseq()) else {
            return;
        };
        let Some(unacked) = state.unacked.take_if(|unacked| unacked.cseq == cseq.number) else {
            return;
        };
        state.stop(LegTimer::Repeat);
        state.stop(LegTimer::AckTimeout);
        let first = matches!(state.phase, Phase::Accepted);
        if first {
            state.phase = Phase::Confirmed;
        }
        if let Some(reason) = state.bye_after_ack.take() {
            return self.send_bye(now, leg, reason.as_ref());
        }
        let sdp = sdp_of(ack);
        if first {
            self.tell(leg, Event::Acked { leg, sdp });
        } else if unacked.offers {
            self.tell(leg, Event::OfferAcked { leg, sdp });
        }
    }

    /// Timer `Repeat`: the 2xx or the reliable provisional response again.
    pub(super) fn repeat(&mut self, now: Instant, leg: LegId) {
        let values = self.config.timers;
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        if let Some(unacked) = &mut state.unacked {
            unacked.interval = values.doubled(unacked.interval);
            let (at, flow, bytes) = (now + unacked.interval, unacked.flow, unacked.bytes.clone());
            state.set(LegTimer::Repeat, at);
            self.transmit(flow, bytes);
        } else if let Phase::Incoming(incoming) = &mut state.phase
            && let Some(reliable) = &mut incoming.reliable
        {
            // RFC 3262, 3: the interval doubles without T2 as its bound.
            reliable.interval = reliable.interval.saturating_mul(2);
            let (at, bytes, server) = (
                now + reliable.interval,
                reliable.bytes.clone(),
                incoming.server,
            );
            state.set(LegTimer::Repeat, at);
            if let Some(flow) = self.servers.slab.get(server).map(|server| server.flow) {
                self.transmit(flow, bytes);
            }
        }
    }

    /// Timer `AckTimeout`: the peer hears us no more.
    pub(super) fn ack_timed_out(&mut self, now: Instant, leg: LegId) {
        let Some(state) = self.legs.get_mut(leg.0) else {
            return;
        };
        if let Phase::Incoming(incoming) = &state.phase {
            let server = incoming.server;
            self.refuse(now, server, 504);
            self.end(leg, EndedBy::AckTimeout, None);
            return self.remove_leg(leg);
        }
        state.unacked = None;
        state.phase = Phase::Confirmed;
        let reason = state.bye_after_ack.take().flatten();
        self.end(leg, EndedBy::AckTimeout, None);
        self.send_bye(now, leg, reason.as_ref());
    }

    /// A PRACK (RFC 3262, 3): the status of its answer.
    pub(super) fn receive_prack(&mut self, leg: LegId, prack: &Request) -> u16 {
        let Some(rack) = prack.headers.rack() else {
            return 400;
        };
        let Ok(incoming) = self.incoming(leg) else {
            return 481;
        };
        let cseq = incoming.cseq;
        let matches =
            |reliable: &mut Reliable| reliable.rseq == rack.rseq && rack.cseq.number == cseq;
        if incoming.reliable.take_if(matches).is_none() {
            return 481;
        }
        if let Some(state) = self.legs.get_mut(leg.0) {
            state.stop(LegTimer::Repeat);
            state.stop(LegTimer::AckTimeout);
        }
        200
    }

    /// After a PRACK: what waited for it.
    pub(super) fn go_on_after_prack(&mut self, now: Instant, leg: LegId) {
        while self
            .legs
            .get(leg.0)
            .is_some_and(|state| state.peer_offer.is_none())
            && let Ok(incoming) = self.incoming(leg)
            && incoming.reliable.is_none()
        {
            if let Some((status, sdp)) = incoming.queued.pop_front() {
                self.send_provisional(now, leg, status, sdp);
            } else if let Some(sdp) = incoming.held.take() {
                self.send_accept(now, leg, sdp);
            } else {
                return;
            }
        }
    }
}
