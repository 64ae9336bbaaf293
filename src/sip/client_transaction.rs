//! The client transactions: INVITE (RFC 3261, 17.1.1 with the Accepted state of RFC 6026, 8.4) and
//! non-INVITE (17.1.2).
//!
//! A machine knows nothing of what a message says: it holds the request's bytes and decides when
//! they are sent again, which responses its user sees, and when the transaction is over.

use crate::sip::timers::TimerValues;
use bytes::Bytes;
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// INVITE only: sent, no response yet.
    Calling,
    /// Non-INVITE only: sent, no response yet.
    Trying,
    Proceeding,
    /// INVITE only: a 2xx came; more of them (repeated, or from other forks) go to the user.
    Accepted,
    /// A final response came (INVITE: 300–699); repeated ones are absorbed.
    Completed,
    Terminated,
}

/// What a response means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// For the user.
    PassUp,
    /// For the user, and the transaction itself acknowledges it (300–699 of an INVITE).
    PassUpAndAck,
    /// The ACK was lost: send it again.
    AckAgain,
    Absorbed,
}

/// What a timer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Timers A and E: the request again.
    Transmit(Bytes),
    /// Timers B and F: no final response. The transaction is terminated.
    TimedOut,
    /// Timers D, K and M.
    Terminated,
}

#[derive(Debug, Clone)]
pub struct ClientTransaction {
    invite: bool,
    reliable: bool,
    state: State,
    values: TimerValues,
    /// The request while it may have to be sent again; empty afterwards.
    request: Bytes,
    /// Timer A or E.
    repeat: Option<Instant>,
    interval: Duration,
    /// Timer B, D, F, K or M, by state.
    end: Option<Instant>,
}

impl ClientTransaction {
    /// The request was just sent. `reliable` says that the transport is a stream.
    pub fn new(
        now: Instant,
        invite: bool,
        reliable: bool,
        request: Bytes,
        values: TimerValues,
    ) -> Self {
        Self {
            invite,
            reliable,
            state: if invite {
                State::Calling
            } else {
                State::Trying
            },
            values,
            request,
            repeat: (!reliable).then(|| now + values.t1),
            interval: values.t1,
            end: Some(now + values.give_up()),
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Nobody waits longer for the first response than until then, if timer F is not sooner.
    pub fn give_up_at(&mut self, at: Instant) {
        self.end = self.end.map(|end| end.min(at));
    }

    pub fn receive(&mut self, now: Instant, status: u16) -> Received {
        match (self.state, status) {
            (State::Calling | State::Trying | State::Proceeding, ..200) => {
                self.receive_provisional(now)
            }
            (State::Calling | State::Proceeding, 200..300) if self.invite => {
                self.enter(State::Accepted, Some(now + self.values.give_up()));
                Received::PassUp
            }
            (State::Calling | State::Proceeding, _) if self.invite => {
                let wait = self.values.d();
                self.complete(now, wait);
                Received::PassUpAndAck
            }
            (State::Trying | State::Proceeding, _) => {
                let wait = self.values.t4;
                self.complete(now, wait);
                Received::PassUp
            }
            (State::Accepted, 200..300) => Received::PassUp,
            (State::Completed, 300..) if self.invite => Received::AckAgain,
            _ => Received::Absorbed,
        }
    }

    fn receive_provisional(&mut self, now: Instant) -> Received {
        if self.invite {
            self.repeat = None;
            self.end = None;
            self.request = Bytes::new();
        } else if self.state == State::Trying {
            self.interval = self.values.t2;
            self.repeat = (!self.reliable).then(|| now + self.values.t2);
        }
        self.state = State::Proceeding;
        Received::PassUp
    }

    fn complete(&mut self, now: Instant, wait: Duration) {
        if self.reliable {
            self.enter(State::Terminated, None);
        } else {
            self.enter(State::Completed, Some(now + wait));
        }
    }

    fn enter(&mut self, state: State, end: Option<Instant>) {
        self.state = state;
        self.repeat = None;
        self.request = Bytes::new();
        self.end = end;
    }

    fn terminate(&mut self) {
        self.enter(State::Terminated, None);
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
            let unanswered = matches!(
                self.state,
                State::Calling | State::Trying | State::Proceeding
            );
            self.terminate();
            return Some(if unanswered {
                Output::TimedOut
            } else {
                Output::Terminated
            });
        }
        if self.repeat.is_none_or(|repeat| repeat > now) {
            return None;
        }
        self.interval = if self.invite {
            self.interval.saturating_mul(2)
        } else {
            self.values.doubled(self.interval)
        };
        self.repeat = Some(now + self.interval);
        Some(Output::Transmit(self.request.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Bytes = Bytes::from_static(b"request");

    /// Runs the machine's timers to their end: the milliseconds of the repeats, and of the end.
    fn run(machine: &mut ClientTransaction, start: Instant) -> (Vec<u128>, Option<(u128, Output)>) {
        let mut repeats = Vec::new();
        while let Some(at) = machine.next_timeout() {
            while let Some(output) = machine.handle_timeout(at) {
                let after = (at - start).as_millis();
                match output {
                    Output::Transmit(bytes) => {
                        assert_eq!(bytes, REQUEST);
                        repeats.push(after);
                    }
                    end => return (repeats, Some((after, end))),
                }
            }
        }
        (repeats, None)
    }

    fn machine(invite: bool, reliable: bool) -> (ClientTransaction, Instant) {
        let now = Instant::now();
        let values = TimerValues::default();
        (
            ClientTransaction::new(now, invite, reliable, REQUEST, values),
            now,
        )
    }

    #[test]
    fn an_unanswered_invite_is_repeated_by_timer_a_until_timer_b() {
        let (mut machine, now) = machine(true, false);
        let (repeats, end) = run(&mut machine, now);
        assert_eq!(repeats, [500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(end, Some((32_000, Output::TimedOut)));
        assert_eq!(machine.state(), State::Terminated);
    }

    #[test]
    fn an_unanswered_non_invite_is_repeated_by_timer_e_until_timer_f() {
        let (mut machine, now) = machine(false, false);
        let (repeats, end) = run(&mut machine, now);
        assert_eq!(
            repeats,
            [
                500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500
            ]
        );
        assert_eq!(end, Some((32_000, Output::TimedOut)));
    }

    #[test]
    fn on_a_stream_nothing_is_repeated() {
        for invite in [true, false] {
            let (mut machine, now) = machine(invite, true);
            let end = Some((32_000, Output::TimedOut));
            assert_eq!(run(&mut machine, now), (vec![], end));
        }
    }

    #[test]
    fn a_provisional_stops_timers_a_and_b() {
        let (mut machine, now) = machine(true, false);
        assert_eq!(machine.receive(now, 100), Received::PassUp);
        assert_eq!(machine.state(), State::Proceeding);
        assert_eq!(machine.next_timeout(), None);
        assert_eq!(machine.receive(now, 180), Received::PassUp);
    }

    #[test]
    fn a_provisional_slows_timer_e_but_not_timer_f() {
        let (mut machine, now) = machine(false, false);
        assert_eq!(machine.receive(now, 100), Received::PassUp);
        let (repeats, end) = run(&mut machine, now);
        assert_eq!(repeats, [4000, 8000, 12000, 16000, 20000, 24000, 28000]);
        assert_eq!(end, Some((32_000, Output::TimedOut)));
    }

    #[test]
    fn accepted_passes_every_2xx_and_ends_by_timer_m() {
        let (mut machine, now) = machine(true, false);
        assert_eq!(machine.receive(now, 200), Received::PassUp);
        assert_eq!(machine.receive(now, 200), Received::PassUp);
        assert_eq!(machine.receive(now, 180), Received::Absorbed);
        assert_eq!(machine.receive(now, 486), Received::Absorbed);
        let end = Some((32_000, Output::Terminated));
        assert_eq!(run(&mut machine, now), (vec![], end));
    }

    #[test]
    fn a_refusal_is_acknowledged_each_time_and_passed_up_once_until_timer_d() {
        let (mut machine, now) = machine(true, false);
        assert_eq!(machine.receive(now, 486), Received::PassUpAndAck);
        assert_eq!(machine.receive(now, 486), Received::AckAgain);
        assert_eq!(machine.receive(now, 200), Received::Absorbed);
        let end = Some((32_000, Output::Terminated));
        assert_eq!(run(&mut machine, now), (vec![], end));
    }

    #[test]
    fn a_non_invites_final_response_is_passed_up_once_until_timer_k() {
        let (mut machine, now) = machine(false, false);
        assert_eq!(machine.receive(now, 200), Received::PassUp);
        assert_eq!(machine.receive(now, 200), Received::Absorbed);
        let end = Some((5000, Output::Terminated));
        assert_eq!(run(&mut machine, now), (vec![], end));
    }

    #[test]
    fn on_a_stream_timers_d_and_k_are_zero() {
        let (mut invite, now) = machine(true, true);
        assert_eq!(invite.receive(now, 404), Received::PassUpAndAck);
        assert_eq!(invite.state(), State::Terminated);
        let (mut other, now) = machine(false, true);
        assert_eq!(other.receive(now, 200), Received::PassUp);
        assert_eq!(other.state(), State::Terminated);
    }
}
