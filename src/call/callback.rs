//! A call that we make, since its caller asked to be called back: a person first, and then the caller
//! finds them on the line; or, when a person is free, the caller first, who then is transferred like
//! anybody else.
//!
//! ```text
//! agent first:   Seek ──► a person takes it ──► the caller's telephone rings ──► answered: joined
//! caller first:  Seek ──► somebody is free ──► the caller's telephone rings ──► answered ──► the person's
//! ```

use super::call::{Call, Incoming};
use super::contract::{Input, LegNumber, SipCommand};
use super::leg::Leg;
use super::services::Services;
use super::speaking::OwnPlay;
use crate::config::callbacks::First;
use crate::dialogue::interpreter::{Dialogue, Resumed};
use crate::events::{CallRef, EndedBy, Event, PacedBy, SlotValue};
use crate::handoff::distributor::Answer;
use crate::handoff::transfer;
use crate::language::Language;
use crate::speech::sentences::Sentence;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A callback that is due.
#[derive(Debug, Clone)]
pub struct Callback {
    /// The new call's.
    pub call: CallRef,
    /// The call in which it was booked.
    pub of: CallRef,
    pub attempt: u32,
    pub number: String,
    /// What the caller dialled then.
    pub called: String,
    /// The address that is called.
    pub address: String,
    pub first: First,
    pub rings: Duration,
    pub handoff: String,
    pub wish: String,
    pub language: Language,
    /// What made the bot slow down for the caller.
    pub paced_by: Option<PacedBy>,
    /// The slots' names and values that the caller gave; sensitive ones are not kept.
    pub slots: Vec<(String, String)>,
    /// From when on the place in line counts.
    pub since: Option<Instant>,
    pub seed: u64,
    /// The time since 1970.
    pub unix: Duration,
}

/// Until the caller has answered.
#[derive(Debug)]
pub(super) struct Calling {
    address: String,
    first: First,
    rings: Duration,
    /// The caller's telephone rings until then.
    until: Option<Instant>,
    /// Who is free, and rung when the caller has answered.
    offer: Option<Answer>,
}

impl Call {
    pub fn callback(now: Instant, services: Arc<Services>, callback: Callback) -> Call {
        let incoming = Incoming {
            call: callback.call,
            caller: callback.number.clone(),
            called: callback.called.clone(),
            source: ([0, 0, 0, 0], 0).into(),
            sip_call_id: String::new(),
            offer: None,
            // Its own, once the telephone is to ring.
            media: ([0, 0, 0, 0], 0).into(),
            seed: callback.seed,
            unix: callback.unix,
        };
        let mut call = Call::made(now, services, &incoming);
        call.log_event(
            now,
            Event::CallbackBegun {
                of: callback.of,
                attempt: callback.attempt,
                wish: Some(callback.wish.clone()),
            },
        );
        for (slot, value) in &callback.slots {
            let (slot, value) = (slot.clone(), SlotValue::Plain(value.clone()));
            call.log_event(now, Event::SlotFilled { slot, value });
        }
        call.calling = Some(Calling {
            address: callback.address,
            first: callback.first,
            rings: callback.rings,
            until: None,
            offer: None,
        });
        let resumed = Resumed {
            handoff: &callback.handoff,
            wish: &callback.wish,
            language: callback.language,
            paced_by: callback.paced_by,
            slots: &callback.slots,
        };
        let (program, context) = (call.services.program.clone(), call.context.clone());
        let (dialogue, handoff) = Dialogue::called_back(program, context, now, resumed);
        call.dialogue = dialogue;
        call.keep_place(handoff, callback.since);
        call.start_transfer(now, handoff, None, false);
        call
    }

    pub(super) fn is_agent_first(&self) -> bool {
        let calling = self.calling.as_ref();
        calling.is_some_and(|calling| calling.first == First::Agent)
    }

    /// What the distributor says, unless it waits until the caller has answered.
    pub(super) fn offered_people(&mut self, answer: Answer) -> Option<Answer> {
        match (&mut self.calling, &answer) {
            (Some(calling), Answer::Ring { .. }) if calling.first == First::Caller => {
                calling.offer = Some(answer);
                self.ring_caller();
                None
            }
            _ => Some(answer),
        }
    }

    /// Somebody is free and waits for the caller to answer: the transfer stands still.
    pub(super) fn keeps_an_offer(&self) -> bool {
        let calling = self.calling.as_ref();
        calling.is_some_and(|calling| calling.offer.is_some())
    }

    /// The INVITE follows when the leg has its ports.
    pub(super) fn ring_caller(&mut self) {
        let Some(calling) = &self.calling else { return };
        let (leg, target) = (LegNumber::CALLER, calling.address.clone());
        self.sip(SipCommand::Prepare { leg, target });
    }

    pub(super) fn calling_timeout(&mut self, now: Instant) {
        let until = self.calling.as_ref().and_then(|calling| calling.until);
        if until.is_some_and(|until| until <= now) {
            self.not_reached(now, None);
        }
    }

    pub(super) fn is_calling(&self) -> bool {
        self.calling.is_some()
    }

    /// What becomes of the caller's telephone.
    pub(super) fn calling_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::MediaOpened {
                address: Ok(address),
                ..
            } => self.invite_caller(now, address),
            Input::MediaOpened {
                address: Err(reason),
                ..
            } => {
                tracing::warn!(reason, "a caller cannot be called back");
                self.not_reached(now, None);
            }
            Input::Progress { status: 180, .. } => {
                if let Some(agent) = &mut self.human.agent {
                    let ring_back = self.services.sounds.ring_back.clone();
                    agent.playout.set_background(Some(ring_back));
                }
            }
            Input::Answered { sdp, .. } => self.caller_answered(now, sdp.as_deref()),
            Input::Failed { status, .. } => self.not_reached(now, status),
            Input::LegEnded { .. } => self.not_reached(now, None),
            _ => {}
        }
    }

    fn invite_caller(&mut self, now: Instant, address: SocketAddr) {
        let unix = self.log.unix(now);
        // The sounds of waiting were set before there was anybody to hear them.
        let playout = std::mem::take(&mut self.caller.playout);
        self.caller = Leg::new(LegNumber::CALLER, address, self.seed, unix);
        self.caller.playout = playout;
        let offer = self.caller.offer();
        if let Some(calling) = &mut self.calling {
            calling.until = Some(now + calling.rings);
        }
        self.sip(SipCommand::Invite {
            leg: LegNumber::CALLER,
            offer,
            headers: Vec::new(),
        });
    }

    fn caller_answered(&mut self, now: Instant, sdp: Option<&[u8]>) {
        let accepted = match sdp {
            None if self.caller.media.is_some() => Ok(()),
            sdp => self.caller.accept_answer(now, sdp.unwrap_or_default()),
        };
        if accepted.is_err() {
            return self.not_reached(now, Some(200));
        }
        let offer = self.calling.take().and_then(|calling| calling.offer);
        self.log_answered(now);
        self.start(now);
        // Whoever answers hears the person at once.
        if let Some(agent) = &mut self.human.agent {
            agent.playout.set_background(None);
            agent.playout.stop();
        }
        if let Some(offer) = offer {
            self.apologize(Sentence::CallingBack);
            self.transfer_input(now, transfer::Input::Distributor(offer));
        }
    }

    /// Nobody answers at the caller's, or the person has gone meanwhile.
    pub(super) fn not_reached(&mut self, now: Instant, status: Option<u16>) {
        self.calling = None;
        self.log_event(now, Event::CallbackFailed { status });
        self.end(now, EndedBy::Caller, "the caller was not reached".into());
    }

    /// The person who took the call did not wait for the caller, or could not.
    pub(super) fn person_went(&mut self, now: Instant, reason: String) {
        self.calling = None;
        self.log_event(now, Event::CallbackFailed { status: None });
        self.end(now, EndedBy::Agent, reason);
    }

    /// Until the caller's telephone rings.
    pub(super) fn person_hears_music(&mut self) {
        let music = self.services.sounds.comfort.clone();
        if let Some(agent) = &mut self.human.agent {
            agent.playout.set_background(Some(music));
        }
    }

    /// While the caller's telephone rings the person hears so.
    pub(super) fn person_waits(&self) -> bool {
        self.calling.is_some() && self.human.is_bridged()
    }

    /// A sentence of the way to a person: nobody hears it before the caller has answered.
    pub(super) fn says_nothing(&self, own: OwnPlay) -> bool {
        self.calling.is_some() && own != OwnPlay::Beep
    }
}
