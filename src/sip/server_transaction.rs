//! The server transactions: INVITE (RFC 3261, 17.2.1 with the Accepted state of RFC 6026, 8.7) and
//! non-INVITE (17.2.2).
//!
//! A machine knows nothing of what a message says: it holds the last response's bytes and decides
//! when they are sent again and when the transaction is over.

use crate::sip::timers::TimerValues;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// After this long without a response to an INVITE the transaction asks for a 100 (17.2.1).
pub const TRYING_AFTER: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Non-INVITE only: no response yet.
    Trying,
    Proceeding,
    /// INVITE only: a 2xx was sent; retransmitted INVITEs are absorbed, ACKs belong to the dialog.
    Accepted,
    /// A final response was sent (INVITE: 300–699).
    Completed,
    /// INVITE only: the ACK of a 300–699 came.
    Confirmed,
    Terminated,
}

/// What a timer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The user is slow: send a 100.
    SendTrying,
    /// Timer G: the response again.
    Transmit(Bytes),
    /// Timer H: the ACK never came. The transaction is terminated.
    AckTimedOut,
    /// Timers I, J and L.
    Terminated,
}

#[derive(Debug, Clone)]
pub struct ServerTransaction {
    invite: bool,
    reliable: bool,
    state: State,
    values: TimerValues,
    /// The latest response; none in Accepted, where the 2xx is the user's to repeat.
    response: Option<Bytes>,
    /// The 100 at 200 ms while Proceeding, timer G while Completed.
    repeat: Option<Instant>,
    interval: Duration,
    /// Timer H, I, J or L, by state.
    end: Option<Instant>,
}

impl ServerTransaction {
    /// A request of a new transaction came in. `reliable` says that the transport is a stream.
    pub fn new(now: Instant, invite: bool, reliable: bool, values: TimerValues) -> Self {
        Self {
            invite,
            reliable,
            state: if invite {
                State::Proceeding
            } else {
                State::Trying
            },
            values,
            response: None,
            repeat: invite.then(|| now + TRYING_AFTER),
            interval: values.t1,
            end: None,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn is_invite(&self) -> bool {
        self.invite
    }

    /// Whether a final response was given.
    pub fn is_answered(&self) -> bool {
        !matches!(self.state, State::Trying | State::Proceeding)
    }

    /// The same request again: the response to repeat, if any.
    pub fn receive_retransmission(&self) -> Option<Bytes> {
        match self.state {
            State::Proceeding | State::Completed => self.response.clone(),
            State::Trying | State::Accepted | State::Confirmed | State::Terminated => None,
        }
    }

    /// The user responds. True when the response is to be sent: a second final response never is.
    pub fn respond(&mut self, now: Instant, status: u16, response: &Bytes) -> bool {
        if self.is_answered() {
            return false;
        }
        self.repeat = None;
        match (status, self.invite) {
            (..200, _) => {
                self.state = State::Proceeding;
                self.response = Some(response.clone());
            }
            (200..300, true) => {
                self.state = State::Accepted;
                self.response = None;
                self.end = Some(now + self.values.give_up());
            }
            (_, true) => {
                self.state = State::Completed;
                self.response = Some(response.clone());
                self.repeat = (!self.reliable).then(|| now + self.values.t1);
                self.end = Some(now + self.values.give_up());
            }
            (_, false) => self.complete_non_invite(now, response),
        }
        true
    }

    fn complete_non_invite(&mut self, now: Instant, response: &Bytes) {
        if self.reliable {
            self.state = State::Terminated;
        } else {
            self.state = State::Completed;
            self.response = Some(response.clone());
            self.end = Some(now + self.values.give_up());
        }
    }

    /// An ACK of this INVITE transaction. True when it acknowledges a 2xx and so belongs to the
    /// dialog.
    pub fn receive_ack(&mut self, now: Instant) -> bool {
        if self.invite && self.state == State::Completed {
            self.repeat = None;
            self.response = None;
            if self.reliable {
                self.terminate();
            } else {
                self.state = State::Confirmed;
                self.end = Some(now + self.values.t4);
            }
        }
        self.state == State::Accepted
    }

    fn terminate(&mut self) {
        self.state = State::Terminated;
        self.repeat = None;
        self.end = None;
        self.response = None;
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        match (self.repeat, self.end) {
            (Some(repeat), Some(end)) => Some(repeat.min(end)),
            (repeat, end) => repeat.or(end),
        }
    }

    /// Fires one timer that is due. Called again until it gives nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Output> {
        if self.end.is_some_and(|end| end <= now) {
            let unacknowledged = self.invite && self.state == State::Completed;
            self.terminate();
            return Some(if unacknowledged {
                Output::AckTimedOut
            } else {
                Output::Terminated
            });
        }
        if self.repeat.is_none_or(|repeat| repeat > now) {
            return None;
        }
        self.repeat = None;
        if self.state == State::Proceeding {
            return Some(Output::SendTrying);
        }
        self.interval = self.values.doubled(self.interval);
        self.repeat = Some(now + self.interval);
        self.response.clone().map(Output::Transmit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: Bytes = Bytes::from_static(b"response");

    fn milliseconds(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// Runs the machine's timers to their end: at what milliseconds after `start` it said what.
    fn run(machine: &mut ServerTransaction, start: Instant) -> Vec<(u128, Output)> {
        let mut said = Vec::new();
        while let Some(at) = machine.next_timeout() {
            while let Some(output) = machine.handle_timeout(at) {
                said.push(((at - start).as_millis(), output));
            }
        }
        said
    }

    fn machine(invite: bool, reliable: bool) -> (ServerTransaction, Instant) {
        let now = Instant::now();
        let machine = ServerTransaction::new(now, invite, reliable, TimerValues::default());
        (machine, now)
    }

    #[test]
    fn a_slow_user_gets_its_100_sent_once() {
        let (mut machine, now) = machine(true, false);
        assert_eq!(run(&mut machine, now), [(200, Output::SendTrying)]);
        assert_eq!(machine.state(), State::Proceeding);
    }

    #[test]
    fn a_provisional_is_repeated_for_a_retransmission_and_stops_the_100() {
        let (mut machine, now) = machine(true, false);
        assert_eq!(machine.receive_retransmission(), None);
        assert!(machine.respond(now, 180, &RESPONSE));
        assert_eq!(machine.receive_retransmission(), Some(RESPONSE));
        assert_eq!(machine.next_timeout(), None);
    }

    #[test]
    fn a_refusal_is_repeated_by_timer_g_until_timer_h() {
        let (mut machine, now) = machine(true, false);
        assert!(machine.respond(now, 486, &RESPONSE));
        let said = run(&mut machine, now);
        let repeats: Vec<u128> = said[..said.len() - 1].iter().map(|(at, _)| *at).collect();
        assert_eq!(
            repeats,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(said.last(), Some(&(32_000, Output::AckTimedOut)));
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn an_ack_confirms_and_timer_i_ends() {
        let (mut machine, now) = machine(true, false);
        machine.respond(now, 486, &RESPONSE);
        assert!(!machine.receive_ack(now + milliseconds(100)));
        assert_eq!(machine.state(), State::Confirmed);
        assert_eq!(machine.receive_retransmission(), None);
        assert_eq!(run(&mut machine, now), [(5100, Output::Terminated)]);
    }

    #[test]
    fn on_a_stream_nothing_is_repeated_and_timer_i_is_zero() {
        let (mut machine, now) = machine(true, true);
        machine.respond(now, 486, &RESPONSE);
        assert_eq!(machine.next_timeout(), Some(now + milliseconds(32_000)));
        machine.receive_ack(now);
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn accepted_absorbs_invites_passes_acks_and_ends_by_timer_l() {
        let (mut machine, now) = machine(true, false);
        assert!(machine.respond(now, 200, &RESPONSE));
        assert_eq!(machine.state(), State::Accepted);
        assert_eq!(machine.receive_retransmission(), None);
        assert!(machine.receive_ack(now));
        assert!(machine.receive_ack(now));
        assert_eq!(run(&mut machine, now), [(32_000, Output::Terminated)]);
    }

    #[test]
    fn there_is_one_final_response() {
        for (invite, first) in [(true, 200), (true, 486), (false, 200), (false, 404)] {
            let (mut machine, now) = machine(invite, false);
            assert!(machine.respond(now, first, &RESPONSE));
            for second in [180, 200, 302, 500] {
                assert!(!machine.respond(now, second, &RESPONSE));
            }
        }
    }

    #[test]
    fn a_non_invite_keeps_silent_until_answered_and_ends_by_timer_j() {
        let (mut machine, now) = machine(false, false);
        assert_eq!(machine.state(), State::Trying);
        assert_eq!(machine.next_timeout(), None);
        assert_eq!(machine.receive_retransmission(), None);
        machine.respond(now, 200, &RESPONSE);
        assert_eq!(machine.receive_retransmission(), Some(RESPONSE));
        assert_eq!(run(&mut machine, now), [(32_000, Output::Terminated)]);
    }

    #[test]
    fn a_non_invite_on_a_stream_is_over_when_answered() {
        let (mut machine, now) = machine(false, true);
        machine.respond(now, 100, &RESPONSE);
        assert_eq!(machine.state(), State::Proceeding);
        machine.respond(now, 200, &RESPONSE);
        assert_eq!(machine.state(), State::Terminated);
    }
}
