//! How a call ends: once, with nothing left ringing, recording or unsaid.

use super::call::Call;
use super::contract::{LegNumber, Output, PacketSink, SipCommand};
use super::leg::Leg;
use crate::dialogue::input;
use crate::events::{EndedBy, Event, LegName};
use std::time::Instant;

impl Call {
    /// Ends the call from our side.
    pub(super) fn end(&mut self, now: Instant, by: EndedBy, reason: String) {
        if self.ended {
            return;
        }
        self.sip(SipCommand::HangUp {
            leg: LegNumber::CALLER,
            reason: reason.clone(),
        });
        self.close(now, by, reason);
    }

    /// The caller's dialog is over.
    pub(super) fn caller_left(&mut self, now: Instant, by_peer: bool, reason: String) {
        if self.ended {
            return;
        }
        let by = match by_peer {
            true if self.human.is_passed_on(now) => EndedBy::Transfer,
            true => EndedBy::Caller,
            false => EndedBy::Network,
        };
        self.close(now, by, reason);
    }

    fn close(&mut self, now: Instant, by: EndedBy, reason: String) {
        self.dialogue_input(now, input::Input::CallEnded);
        // A person waits for a caller who was not reached.
        if self.person_waits() {
            self.log_event(now, Event::CallbackFailed { status: None });
        }
        self.ended = true;
        let agent_quality = self.quality(LegName::Agent);
        self.end_human(now);
        self.end_recordings(now);
        let caller_quality = self.quality(LegName::Caller);
        for quality in [caller_quality, agent_quality].into_iter().flatten() {
            self.log_event(now, quality);
        }
        self.log_event(now, Event::CallEnded { by, reason });
    }

    /// How a leg's media was; of a person who was never heard nothing is told.
    pub(super) fn quality(&self, leg: LegName) -> Option<Event> {
        let quality = match leg {
            LegName::Caller => self.caller.quality(),
            LegName::Agent => {
                let quality = self.human.agent.as_ref().and_then(Leg::quality);
                quality.filter(|quality| quality.packets_received > 0)
            }
        };
        quality.map(|quality| Event::Quality { leg, quality })
    }

    /// The last packets, and the last outputs.
    pub(super) fn say_goodbye(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        self.caller.send_bye(now, sink);
        self.outputs.push_back(Output::CloseMedia {
            leg: LegNumber::CALLER,
        });
        self.outputs.push_back(Output::Finished);
    }

    /// No session description can be agreed on: the INVITE is refused.
    pub(super) fn reject(&mut self, now: Instant, status: u16, reason: String) {
        self.ended = true;
        self.sip(SipCommand::Reject {
            status,
            reason: reason.clone(),
        });
        self.log_event(now, Event::CallRejected { status, reason });
        self.outputs.push_back(Output::Finished);
    }
}
