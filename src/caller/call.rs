//! The handle to one call, whichever side it is on.

use crate::caller::ladder::Rung;
use crate::caller::leg::{Leg, SharedLadder, lock};
use crate::caller::line::Order;
use crate::caller::phone::{Command, LegCommand};
use crate::caller::report::Report;
use crate::caller::state::CallState;
use crate::key::Key;
use crate::sdp::direction::Direction;
use crate::sip::message::Request;
use crate::sip::user_agent::event::LegId;
use clap::ValueEnum;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

/// More keys than these are not pressed at once.
const MAX_KEYS: usize = 60;
/// Between two INFO: they are requests that may overtake each other.
const INFO_SPACING: Duration = Duration::from_millis(150);
/// A key's telephone-event or tone with its pause takes less, also on a busy machine.
const LONGEST_KEY: Duration = Duration::from_secs(2);

/// How keys are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum KeysBy {
    /// As telephone-events in RTP (RFC 4733).
    #[default]
    Rfc4733,
    /// As SIP INFO with application/dtmf-relay.
    Info,
    /// As SIP INFO with application/dtmf.
    InfoDtmf,
    /// As tones in the sound.
    Inband,
}

/// One call. When the last handle to a phone is dropped, it hangs up.
pub struct Call {
    pub(super) leg: LegId,
    pub(super) commands: mpsc::Sender<Command>,
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<CallState>,
    ladder: SharedLadder,
    report: oneshot::Receiver<Report>,
    keys_by: KeysBy,
    invite: Option<Arc<Request>>,
}

/// A request is given up after 32 s (RFC 3261, timer F); one that meets another is sent again.
const LONGEST_REQUEST: Duration = Duration::from_secs(40);

/// Why a wait was in vain; the call as it was then.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    #[error("it did not happen within {0:?}: {1:?}")]
    TimedOut(Duration, Box<CallState>),
    #[error("the call ended before: {0:?}")]
    Ended(Box<CallState>),
    #[error("the peer did not agree to it: {0:?}")]
    Refused(Box<CallState>),
}

#[derive(Debug, thiserror::Error)]
pub enum PressError {
    #[error(
        "the peer did not agree to telephone-events (RFC 4733); send keys as INFO or in band instead"
    )]
    NoTelephoneEvents,
    #[error("no more than {MAX_KEYS} keys can be pressed at once")]
    TooMany,
    #[error("the keys were not sent: {0}")]
    NotSent(#[from] WaitError),
}

impl Call {
    pub(super) fn new(
        id: LegId,
        commands: mpsc::Sender<Command>,
        parts: CallParts,
        invite: Option<Arc<Request>>,
    ) -> Self {
        Self {
            leg: id,
            commands,
            orders: parts.orders,
            state: parts.state,
            ladder: parts.ladder,
            report: parts.report,
            keys_by: KeysBy::default(),
            invite,
        }
    }

    /// How [`press`](Self::press) sends keys.
    pub fn keys_by(mut self, keys_by: KeysBy) -> Self {
        self.keys_by = keys_by;
        self
    }

    /// The INVITE, of a call that came in.
    pub fn invite(&self) -> Option<&Request> {
        self.invite.as_deref()
    }

    /// The call as it is now.
    pub fn state(&self) -> CallState {
        self.state.borrow().clone()
    }

    /// The messages from the `first`th on.
    pub fn ladder(&self, first: usize) -> Vec<Rung> {
        let ladder = lock(&self.ladder);
        ladder.rungs().get(first..).unwrap_or_default().to_vec()
    }

    /// The state, to be told of its changes; it is closed when the call is over.
    pub fn changes(&self) -> watch::Receiver<CallState> {
        self.state.clone()
    }

    /// Waits until the state is as it should be: at once where it is already, in vain where the
    /// call ends before.
    pub async fn until(
        &self,
        within: Duration,
        condition: impl FnMut(&CallState) -> bool,
    ) -> Result<CallState, WaitError> {
        until(self.state.clone(), within, condition).await
    }

    pub async fn until_answered(&self, within: Duration) -> Result<CallState, WaitError> {
        self.until(within, |state| {
            state.answered.is_some() && state.negotiated.is_some()
        })
        .await
    }

    /// Presses keys, one after the other; returns when the last is on its way.
    pub async fn press(&self, keys: &[Key]) -> Result<(), PressError> {
        self.press_by(keys, self.keys_by).await
    }

    pub async fn press_by(&self, keys: &[Key], by: KeysBy) -> Result<(), PressError> {
        if keys.len() > MAX_KEYS {
            return Err(PressError::TooMany);
        }
        let before = self.state();
        match by {
            KeysBy::Info => return self.press_by_info(keys, true).await,
            KeysBy::InfoDtmf => return self.press_by_info(keys, false).await,
            KeysBy::Inband => self.order(Order::Tones(keys.to_vec())).await,
            KeysBy::Rfc4733 => {
                let negotiated = before.negotiated.as_ref();
                if negotiated.is_none_or(|n| n.telephone_event.is_none()) {
                    return Err(PressError::NoTelephoneEvents);
                }
                self.order(Order::TelephoneEvents(keys.to_vec())).await;
            }
        }
        let wanted = before.keys_sent.len() + keys.len();
        let within = LONGEST_KEY * keys.len() as u32;
        self.until(within, |state| state.keys_sent.len() >= wanted)
            .await?;
        Ok(())
    }

    async fn press_by_info(&self, keys: &[Key], is_relay: bool) -> Result<(), PressError> {
        for (n, &key) in keys.iter().enumerate() {
            if n > 0 {
                sleep(INFO_SPACING).await;
            }
            let wanted = self.state().keys_sent.len() + 1;
            self.command(LegCommand::Info { key, is_relay }).await;
            self.until(LONGEST_KEY, |state| state.keys_sent.len() >= wanted)
                .await?;
        }
        Ok(())
    }

    /// Says something after what is being said already (8 kHz).
    pub async fn play(&self, samples: impl Into<Arc<[i16]>>) {
        self.order(Order::Play(samples.into())).await;
    }

    /// Says something and returns when it is said.
    pub async fn play_to_its_end(&self, samples: impl Into<Arc<[i16]>>) -> Result<(), WaitError> {
        let samples: Arc<[i16]> = samples.into();
        let length = Duration::from_millis(samples.len() as u64 / 8);
        let wanted = self.state().sounds_played + 1;
        self.play(samples).await;
        let within = length * 2 + LONGEST_KEY;
        self.until(within, |state| state.sounds_played >= wanted)
            .await?;
        Ok(())
    }

    /// Says something round and round, under everything else; an empty sound ends that.
    pub async fn play_round(&self, samples: impl Into<Arc<[i16]>>) {
        self.order(Order::PlayRound(samples.into())).await;
    }

    /// Puts the peer on hold: a re-INVITE with `sendonly`. Returns when it is answered.
    pub async fn hold(&self) -> Result<(), WaitError> {
        self.direct(Direction::SendOnly).await
    }

    /// Ends the hold.
    pub async fn resume(&self) -> Result<(), WaitError> {
        self.direct(Direction::SendRecv).await
    }

    async fn direct(&self, direction: Direction) -> Result<(), WaitError> {
        let before = self.state();
        self.command(LegCommand::Direct(direction)).await;
        let state = self.until(LONGEST_REQUEST, |state| {
            state.reinvites_accepted > before.reinvites_accepted
                || state.reinvites_refused > before.reinvites_refused
        });
        match state.await? {
            state if state.reinvites_refused > before.reinvites_refused => {
                Err(WaitError::Refused(Box::new(state)))
            }
            _ => Ok(()),
        }
    }

    /// BYE, or CANCEL or a refusal where the call is not answered yet.
    pub async fn hang_up(&self) {
        self.command(LegCommand::HangUp).await;
    }

    /// Hangs up if need be, and tells what the call was like.
    pub async fn finish(self) -> Option<Report> {
        self.hang_up().await;
        self.report.await.ok()
    }

    /// Waits for the call to end by itself and tells what it was like.
    pub async fn ended(self, within: Duration) -> Result<Report, WaitError> {
        self.until(within, |state| state.ended.is_some()).await?;
        let state = self.state();
        let report = self.report.await;
        report.map_err(|_| WaitError::Ended(Box::new(state)))
    }

    pub(super) async fn command(&self, command: LegCommand) {
        // A phone that is gone has ended its calls.
        let _ = self.commands.send(Command::Leg(self.leg, command)).await;
    }

    async fn order(&self, order: Order) {
        // A line that is gone has ended with its call.
        let _ = self.orders.send(order).await;
    }
}

async fn until(
    mut state: watch::Receiver<CallState>,
    within: Duration,
    mut condition: impl FnMut(&CallState) -> bool,
) -> Result<CallState, WaitError> {
    let mut met = false;
    let waited = timeout(
        within,
        state.wait_for(|state| {
            met = condition(state);
            met || state.ended.is_some()
        }),
    );
    // Copied, for what is waited for comes locked: who looks at it twice waits for whoever would change
    // it, and they wait for the first look to end.
    let found = waited.await.map(|found| found.map(|state| state.clone()));
    let now = || Box::new(state.borrow().clone());
    match found {
        Ok(Ok(found)) if met => Ok(found),
        Ok(Ok(ended)) => Err(WaitError::Ended(Box::new(ended))),
        Ok(Err(_)) => Err(WaitError::Ended(now())),
        Err(_) => Err(WaitError::TimedOut(within, now())),
    }
}

/// What a handle needs of a leg, taken before the phone has it.
pub(super) struct CallParts {
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<CallState>,
    ladder: SharedLadder,
    report: oneshot::Receiver<Report>,
}

impl CallParts {
    pub fn of(leg: &Leg, report: oneshot::Receiver<Report>) -> Self {
        Self {
            orders: leg.orders.clone(),
            state: leg.state.subscribe(),
            ladder: leg.ladder.clone(),
            report,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::state::{Ended, How, Shared};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Instant;

    /// Far longer than it takes, also on a busy machine.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_wait_that_is_in_vain_holds_up_nobody_who_changes_the_state() {
        let shared = Shared::new();
        let ended = Ended::new(Instant::now(), How::HungUp, None);
        shared.change(|state| state.ended = Some(ended));
        let (state, over) = (shared.subscribe(), Arc::new(AtomicBool::new(false)));
        let (tell, told) = mpsc::channel();
        let stops = over.clone();
        thread::spawn(move || {
            while !stops.load(Ordering::Relaxed) {
                shared.change(|state| state.messages += 1);
            }
        });
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            for _ in 0..20_000 {
                let waited = runtime.block_on(until(state.clone(), LONG, |_| false));
                assert!(matches!(waited, Err(WaitError::Ended(_))));
            }
            tell.send(()).expect("it is waited for");
        });
        told.recv_timeout(LONG)
            .expect("neither waits for the other");
        over.store(true, Ordering::Relaxed);
    }
}
