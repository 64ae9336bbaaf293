//! How a call ends: once, with nothing left ringing, recording or unsaid.

use super::call::Call;
use super::contract::{LegNumber, Output, PacketSink, SipCommand};
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
            true if self.human.is_passed_on() => EndedBy::Transfer,
            true => EndedBy::Caller,
            false => EndedBy::Network,
        };
        self.close(now, by, reason);
    }

    fn close(&mut self, now: Instant, by: EndedBy, reason: String) {
        self.dialogue_input(now, input::Input::CallEnded);
        self.ended = true;
        let agent_quality = self.human.agent.as_ref().and_then(|agent| agent.quality());
        self.end_human(now);
        self.end_recordings(now);
        if let Some(quality) = self.caller.quality() {
            self.log_event(
                now,
                Event::Quality {
                    leg: LegName::Caller,
                    quality,
                },
            );
        }
        if let Some(quality) = agent_quality.filter(|quality| quality.packets_received > 0) {
            self.log_event(
                now,
                Event::Quality {
                    leg: LegName::Agent,
                    quality,
                },
            );
        }
        self.log_event(now, Event::CallEnded { by, reason });
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
