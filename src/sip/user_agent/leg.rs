//! A leg: one INVITE session and its dialog, either direction, from the INVITE to the last BYE.

use crate::sip::dialog::Dialog;
use crate::sip::flow::Flow;
use crate::sip::reason::Reason;
use crate::sip::session_timer::SessionTimer;
use crate::sip::slab::Key;
use crate::sip::user_agent::authorizer::Authorizer;
use crate::sip::values::SessionExpires;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub(super) struct Leg {
    /// How the peer is reached, and what our Contact is made from.
    pub flow: Flow,
    /// The peer's Contact is not where it can be reached.
    pub behind_nat: bool,
    pub dialog: Dialog,
    pub phase: Phase,
    /// The Call-ID is of our making.
    pub we_called: bool,
    /// The last event is out: nothing more of this leg is told.
    pub over: bool,
    timers: [Option<Instant>; LegTimer::COUNT],
    /// The time of this leg's entry in the timer queue.
    pub armed: Option<Instant>,
    /// UPDATE stands in the peer's Allow.
    pub peer_takes_update: bool,
    pub session: Option<SessionTimer>,
    /// Our latest session description, for a session refresh by re-INVITE.
    pub local_sdp: Bytes,
    /// Our 2xx to an INVITE, until its ACK.
    pub unacked: Option<Box<Unacked>>,
    /// The server transaction whose offer the application owes an answer.
    pub peer_offer: Option<Key>,
    pub reinvite: Option<Box<Reinvite>>,
    /// The REFER of ours whose NOTIFYs are awaited.
    pub refer: Option<Refer>,
    /// What the peer's REFERs are answered with.
    pub answers_refers: Option<u16>,
    pub authorizer: Option<Box<Authorizer>>,
    /// `hang_up` came before the ACK: why, for the BYE.
    pub bye_after_ack: Option<Option<Reason>>,
}

pub(super) enum Phase {
    /// As the server: no final response yet.
    Incoming(Box<Incoming>),
    /// As the server: our 2xx is out, its ACK has not come.
    Accepted,
    /// As the client: no final response yet.
    Calling(Box<Calling>),
    /// As the client: the 2xx with the peer's offer came, and the application owes the ACK.
    Offered {
        cseq: u32,
        client: Key,
    },
    Confirmed,
    /// Our BYE is out.
    Closing,
}

pub(super) struct Incoming {
    pub server: Key,
    pub cseq: u32,
    pub had_offer: bool,
    /// The INVITE's Supported or Require has `100rel`.
    pub supports_reliable: bool,
    pub requires_reliable: bool,
    pub session_expires: Option<SessionExpires>,
    pub peer_refreshes: bool,
    pub rseq: u32,
    /// The reliable provisional response that waits for its PRACK; one at a time.
    pub reliable: Option<Reliable>,
    /// Provisional responses behind it; when there are four, further ones are dropped.
    pub queued: VecDeque<(u16, Option<Bytes>)>,
    /// `accept` came before the PRACK.
    pub held: Option<Bytes>,
    /// A reliable provisional response carried our answer.
    pub answered: bool,
}

pub(super) struct Reliable {
    pub rseq: u32,
    pub bytes: Bytes,
    pub interval: Duration,
}

pub(super) struct Calling {
    pub client: Key,
    pub cseq: u32,
    /// Servers that have not been tried.
    pub fallbacks: VecDeque<Flow>,
    pub had_offer: bool,
    /// Dialogs that provisional responses made: one a fork, eight at most.
    pub early: Vec<Early>,
    pub cancel: Cancel,
    /// A 422 was heeded already.
    pub min_se_raised: bool,
}

pub(super) struct Early {
    pub dialog: Dialog,
    /// The last reliable provisional response taken.
    pub rseq: Option<u32>,
    /// Our offer was answered in it.
    pub answered: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cancel {
    No,
    /// To be sent at the first provisional response, with this Reason.
    Wanted(Option<Reason>),
    Sent,
}

pub(super) struct Unacked {
    pub cseq: u32,
    pub bytes: Bytes,
    pub flow: Flow,
    pub interval: Duration,
    /// The offer stands in it, and the ACK has the answer.
    pub offers: bool,
}

/// Our re-INVITE.
pub(super) struct Reinvite {
    pub sdp: Bytes,
    /// It only keeps the session alive: the application did not ask for it and is not told of it.
    pub refresh: bool,
    /// While it is out; none while it waits after a 491.
    pub client: Option<Key>,
    pub cseq: u32,
    pub attempts: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refer {
    /// Its CSeq number is the subscription's id.
    pub cseq: u32,
    pub accepted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LegTimer {
    /// Server: the application, or Expires, takes too long. Client: ring time-out, then the end of
    /// waiting for a cancelled INVITE's final response.
    Ring,
    /// Client: this server says nothing at all, and there is another.
    Silence,
    /// Our 2xx or reliable provisional response again.
    Repeat,
    /// Our 2xx or reliable provisional response was never acknowledged.
    AckTimeout,
    /// The application owes an answer to an offer within the dialog.
    Offer,
    /// Our turn to refresh the session.
    Refresh,
    SessionExpires,
    /// Our re-INVITE again, after a 491.
    Reinvite,
    /// No NOTIFY for too long.
    Refer,
}

impl LegTimer {
    const COUNT: usize = 9;
    const ALL: [LegTimer; Self::COUNT] = [
        LegTimer::Ring,
        LegTimer::Silence,
        LegTimer::Repeat,
        LegTimer::AckTimeout,
        LegTimer::Offer,
        LegTimer::Refresh,
        LegTimer::SessionExpires,
        LegTimer::Reinvite,
        LegTimer::Refer,
    ];
}

impl Leg {
    pub fn new(flow: Flow, dialog: Dialog, phase: Phase) -> Self {
        let we_called = matches!(phase, Phase::Calling(_));
        Self {
            flow,
            we_called,
            behind_nat: false,
            dialog,
            phase,
            over: false,
            timers: [None; LegTimer::COUNT],
            armed: None,
            peer_takes_update: false,
            session: None,
            local_sdp: Bytes::new(),
            unacked: None,
            peer_offer: None,
            reinvite: None,
            refer: None,
            answers_refers: None,
            authorizer: None,
            bye_after_ack: None,
        }
    }

    pub fn set(&mut self, timer: LegTimer, at: Instant) {
        self.timers[timer as usize] = Some(at);
    }

    pub fn stop(&mut self, timer: LegTimer) {
        self.timers[timer as usize] = None;
    }

    pub fn stop_all(&mut self) {
        self.timers = [None; LegTimer::COUNT];
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.iter().flatten().min().copied()
    }

    /// Takes one timer that is due.
    pub fn take_due(&mut self, now: Instant) -> Option<LegTimer> {
        let due = |timer: &LegTimer| self.timers[*timer as usize].is_some_and(|at| at <= now);
        let timer = LegTimer::ALL.into_iter().find(due)?;
        self.stop(timer);
        Some(timer)
    }

    /// The session runs from now on by `session` (RFC 4028), or without a session timer.
    pub fn start_session(&mut self, now: Instant, session: Option<SessionTimer>) {
        self.session = session;
        self.stop(LegTimer::Refresh);
        self.stop(LegTimer::SessionExpires);
        let Some(session) = session else {
            return;
        };
        self.set(LegTimer::SessionExpires, session.expires_at(now));
        if let Some(at) = session.refresh_at(now) {
            self.set(LegTimer::Refresh, at);
        }
    }

    /// An offer of ours waits for its answer (RFC 3264, 4).
    pub fn owes_us_an_answer(&self) -> bool {
        let our_reinvite = self.reinvite.as_ref().is_some_and(|r| r.client.is_some());
        let our_2xx = self.unacked.as_ref().is_some_and(|unacked| unacked.offers);
        let our_invite = match &self.phase {
            Phase::Calling(calling) => {
                calling.had_offer && !calling.early.iter().any(|early| early.answered)
            }
            _ => false,
        };
        our_reinvite || our_2xx || our_invite
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_established_leg_is_small() {
        // With its strings (about 600 octets), session description and table entries, a call stays
        // below 4 KB.
        assert!(size_of::<Leg>() <= 1024, "{}", size_of::<Leg>());
    }
}
