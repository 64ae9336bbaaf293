//! Which SIP leg is which call's, and the way of SIP's events to the calls' threads.

use super::media_thread::{Command, MediaThread};
use super::resident::CallNumber;
use crate::call::contract::{Input, LegNumber};
use crate::sip::flow::Flow;
use crate::sip::user_agent::event::{EndedBy, Event, LegId};
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use tracing::Span;

#[derive(Default)]
pub(super) struct Calls {
    owners: FxHashMap<LegId, Owner>,
    legs: FxHashMap<(CallNumber, LegNumber), LegId>,
    /// Calls by number; what is needed to ring a person for them.
    calls: FxHashMap<CallNumber, CallInfo>,
    next_number: CallNumber,
    /// What a full inbox did not take, in order. A thread that is so far behind gets no new calls
    /// through the limit on calls, so this is bounded by the events of those there are.
    waiting: VecDeque<(usize, Command)>,
    /// Calls that are gone since they were asked for last.
    gone: VecDeque<CallNumber>,
}

#[derive(Debug, Clone, Copy)]
struct Owner {
    call: CallNumber,
    leg: LegNumber,
    /// The way that its INVITE took, or that an agent's telephone took since.
    flow: Flow,
}

#[derive(Debug, Clone)]
pub(super) struct CallInfo {
    pub thread: usize,
    /// The caller's number or name, for the From of calls to people.
    pub caller: String,
    /// Whom the caller called: the From of a callback.
    pub called: String,
    /// Names it in log lines.
    pub span: Span,
    /// Our own call to a caller, who has no leg yet: it goes on without any.
    calls_back: bool,
    /// Legs of it that SIP still knows.
    legs: u32,
}

impl Calls {
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    pub fn number(&mut self) -> CallNumber {
        self.next_number += 1;
        self.next_number
    }

    pub fn add(&mut self, call: CallNumber, thread: usize, caller: String, span: Span) {
        let info = CallInfo {
            thread,
            caller,
            called: String::new(),
            span,
            calls_back: false,
            legs: 0,
        };
        self.calls.insert(call, info);
    }

    /// A callback: it stays until its caller's leg is over, or [`Calls::forget_callback`].
    pub fn add_callback(
        &mut self,
        call: CallNumber,
        thread: usize,
        (caller, called): (String, String),
        span: Span,
    ) {
        self.add(call, thread, caller, span);
        if let Some(info) = self.calls.get_mut(&call) {
            info.called = called;
            info.calls_back = true;
        }
    }

    /// How many callbacks wait for a person, or ring at their callers'.
    pub fn callbacks(&self) -> usize {
        self.calls.values().filter(|info| info.calls_back).count()
    }

    /// Its caller is not called any more.
    pub fn forget_callback(&mut self, call: CallNumber) {
        if let Some(info) = self.calls.get_mut(&call) {
            info.calls_back = false;
            self.remove_if_over(call);
        }
    }

    fn remove_if_over(&mut self, call: CallNumber) {
        let info = self.calls.get(&call);
        if info.is_some_and(|info| info.legs == 0 && !info.calls_back) {
            self.calls.remove(&call);
            self.gone.push_back(call);
        }
    }

    pub fn info(&self, call: CallNumber) -> Option<&CallInfo> {
        self.calls.get(&call)
    }

    pub fn add_leg(&mut self, call: CallNumber, leg: LegNumber, (id, flow): (LegId, Flow)) {
        self.owners.insert(id, Owner { call, leg, flow });
        self.legs.insert((call, leg), id);
        if let Some(info) = self.calls.get_mut(&call) {
            info.legs += 1;
            info.calls_back &= leg != LegNumber::CALLER;
        }
    }

    pub fn leg(&self, call: CallNumber, leg: LegNumber) -> Option<LegId> {
        self.legs.get(&(call, leg)).copied()
    }

    /// The way that a leg takes.
    pub fn flow(&self, id: LegId) -> Option<Flow> {
        self.owners.get(&id).map(|owner| owner.flow)
    }

    /// A leg takes another way from now on; the one that it took.
    pub fn set_flow(&mut self, id: LegId, flow: Flow) -> Option<Flow> {
        let owner = self.owners.get_mut(&id)?;
        Some(std::mem::replace(&mut owner.flow, flow))
    }

    /// The leg is gone; with its last leg the call is.
    fn remove_leg(&mut self, id: LegId) {
        let Some(owner) = self.owners.remove(&id) else {
            return;
        };
        self.legs.remove(&(owner.call, owner.leg));
        if let Some(info) = self.calls.get_mut(&owner.call) {
            info.legs -= 1;
        }
        self.remove_if_over(owner.call);
    }

    /// Sends to the call's thread, after what waits for it already.
    pub fn send(&mut self, thread: usize, command: Command, threads: &[MediaThread]) {
        self.waiting.push_back((thread, command));
        self.send_waiting(threads);
    }

    pub fn input(&mut self, call: CallNumber, input: Input, threads: &[MediaThread]) {
        if let Some(thread) = self.info(call).map(|info| info.thread) {
            self.send(thread, Command::Input(call, input), threads);
        }
    }

    pub fn poll_gone(&mut self) -> Option<CallNumber> {
        self.gone.pop_front()
    }

    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn send_waiting(&mut self, threads: &[MediaThread]) {
        while let Some((thread, command)) = self.waiting.pop_front() {
            if let Err(command) = threads[thread].send(command) {
                self.waiting.push_front((thread, command));
                return;
            }
        }
    }

    /// Tells the leg's call what SIP told.
    pub fn handle_event(&mut self, event: Event, threads: &[MediaThread]) {
        let ended = event.ends();
        if let Some((id, to_input)) = translate(event)
            && let Some(&Owner { call, leg, .. }) = self.owners.get(&id)
        {
            self.input(call, to_input(leg), threads);
        }
        if let Some(id) = ended {
            self.remove_leg(id);
        }
    }
}

pub type ToInput = Box<dyn FnOnce(LegNumber) -> Input>;

fn to(leg: LegId, input: impl FnOnce(LegNumber) -> Input + 'static) -> Option<(LegId, ToInput)> {
    Some((leg, Box::new(input)))
}

/// An event as its call's input; `None` for events that are no call's.
pub fn translate(event: Event) -> Option<(LegId, ToInput)> {
    match event {
        Event::Cancelled { leg, reason } => {
            let reason = reason.unwrap_or_else(|| "CANCEL".into());
            to(leg, |leg| Input::LegEnded {
                leg,
                by_peer: true,
                reason,
            })
        }
        Event::Acked { leg, sdp } | Event::OfferAcked { leg, sdp } => {
            to(leg, |leg| Input::Acked { leg, answer: sdp })
        }
        Event::Offer { leg, sdp } => to(leg, |leg| Input::Offer { leg, sdp }),
        Event::Info {
            leg,
            content_type,
            body,
        } => to(leg, |leg| Input::Info {
            leg,
            content_type,
            body,
        }),
        Event::Progress { leg, status, sdp } => {
            to(leg, move |leg| Input::Progress { leg, status, sdp })
        }
        Event::Answered { leg, sdp } => to(leg, |leg| Input::Answered { leg, sdp }),
        Event::Failed { leg, failure } => to(leg, move |leg| Input::Failed {
            leg,
            status: failure.status,
        }),
        Event::ReinviteAnswered { leg, sdp } => to(leg, |leg| Input::OfferAnswered {
            leg,
            result: Ok(sdp),
        }),
        Event::ReinviteFailed { leg, status } => to(leg, move |leg| Input::OfferAnswered {
            leg,
            result: Err(status),
        }),
        Event::ReferAccepted { leg, .. } => to(leg, |_| Input::ReferAccepted),
        Event::ReferFailed { leg, status } => to(leg, move |_| Input::ReferRefused { status }),
        Event::ReferProgress {
            leg,
            status,
            terminated,
        } => {
            let progress = refer_progress(status, terminated)?;
            to(leg, |_| progress)
        }
        Event::Ended { leg, by, reason } => {
            let reason = reason.unwrap_or_else(|| told(by).to_string());
            to(leg, move |leg| Input::LegEnded {
                leg,
                by_peer: by == EndedBy::Peer,
                reason,
            })
        }
        // It takes none.
        Event::Referred { .. } => None,
        Event::Incoming(_)
        | Event::Registered { .. }
        | Event::RegistrationFailed { .. }
        | Event::Unregistered { .. }
        | Event::OptionsAnswered { .. } => None,
    }
}

/// A subscription that ends without a final status never tells the end: the target is taken as
/// unreachable, and the next way is tried while the caller is still here. "100 Trying" says nothing
/// of the person.
fn refer_progress(status: Option<u16>, terminated: bool) -> Option<Input> {
    match (status, terminated) {
        (None | Some(..=100), false) => None,
        (None, true) => Some(Input::ReferProgress {
            status: 500,
            is_final: true,
        }),
        (Some(status), terminated) => Some(Input::ReferProgress {
            status,
            is_final: terminated || status >= 200,
        }),
    }
}

fn told(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Peer => "BYE",
        EndedBy::Local => "hung up here",
        EndedBy::Timeout => "the peer does not answer any more",
        EndedBy::SessionExpired => "the session timer ran out",
        EndedBy::AckTimeout => "no ACK came",
        EndedBy::TransportLost => "the connection was lost",
    }
}
