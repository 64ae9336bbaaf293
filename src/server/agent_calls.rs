//! What agents' telephones send: registrations, and calls to the codes by which agents say whether
//! they take calls. Nothing else is taken from an agent who is outside of `allow`.

use super::admission::Refusal;
use super::resident::Resident;
use super::signalling::Signalling;
use super::wishes::ignore_gone;
use crate::call::agent_code::{AgentCode, script};
use crate::call::announcement::Announcement;
use crate::call::contract::LegNumber;
use crate::language::Language;
use crate::sip::flow::Flow;
use crate::sip::message::Request;
use crate::sip::method::Method;
use crate::sip::user_agent::event::Incoming;
use rand::RngExt;
use std::time::Instant;

impl Signalling {
    /// Without agents a REGISTER is a method that is not taken.
    pub(super) fn is_registration(&self, request: &Request) -> bool {
        request.method == Method::Register && self.roster.is_staffed()
    }

    /// The password is the proof, so that agents may be anywhere but in blocked networks.
    pub(super) fn register(&mut self, now: Instant, flow: Flow, request: Request) {
        if !self.admission.may_register(now, flow.remote.ip(), &request) {
            return;
        }
        match self.roster.register(now, flow, &request) {
            // Its repetitions bring the same proof, which counts once: they have the same answer.
            Some(Ok(lines)) => {
                self.agent.answer(now, flow, request, 200, &lines);
                self.move_calls(flow);
            }
            Some(Err(refusal)) => {
                let lines = &refusal.headers;
                self.agent
                    .answer_without_state(flow, &request, refusal.status, lines);
            }
            None => {}
        }
    }

    /// A telephone may have lost the way that its calls came by, and registered by another one.
    fn move_calls(&mut self, flow: Flow) {
        for leg in self.roster.move_legs(flow) {
            if let Some(last) = self.calls.set_flow(leg, flow) {
                self.transports.call_ends(last);
                self.transports.call_begins(flow);
            }
            self.agent.use_flow(leg, flow);
        }
    }

    /// The code that a call is for.
    pub(super) fn agent_code(&self, invite: &Request) -> Option<AgentCode> {
        AgentCode::of(&invite.uri.user()).filter(|_| self.roster.is_staffed())
    }

    /// Does what the agent who proves to have dialled the code wishes, and says so.
    pub(super) fn agent_calls(&mut self, now: Instant, incoming: &Incoming, code: AgentCode) {
        let proven = self
            .roster
            .authenticate(now, incoming.flow, &incoming.request);
        let name = match proven {
            Some(Ok(name)) => name,
            Some(Err(refusal)) => {
                let lines = &refusal.headers;
                let rejected = self.agent.reject(now, incoming.leg, refusal.status, lines);
                return ignore_gone(rejected);
            }
            None => {
                return self.refuse(now, incoming.leg, &Refusal::with(403, "wrong passwords"));
            }
        };
        let away = code == AgentCode::Away;
        let Some(state) = self.roster.wish(now, &name, away) else {
            return self.refuse(now, incoming.leg, &Refusal::with(404, "no such agent"));
        };
        let config = self.roster.agents.config(&name);
        let language = config.map_or(Language::En, |config| config.languages[0]);
        let (pair, media) = match self.open_ports(&incoming.flow) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(error, "no port for an agent's call");
                let refusal = Refusal::with(503, "all media ports are taken");
                return self.refuse(now, incoming.leg, &refusal);
            }
        };
        let announcement = Announcement::new(
            now,
            script(code, state, language),
            (self.directory.prompts(), self.directory.sounds()),
            incoming.offer.as_deref().unwrap_or_default(),
            media,
            (rand::rng().random(), super::incoming::unix_at(now)),
        );
        let number = self.calls.number();
        let mut resident = Resident::new(number, Box::new(announcement));
        resident.add_sockets(LegNumber::CALLER, pair);
        let commands = resident.take_sip();
        let way = (incoming.leg, incoming.flow);
        self.adopt(number, way, name, Box::new(resident), commands);
    }
}

#[cfg(test)]
mod tests;
