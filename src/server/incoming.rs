//! New calls: admitted, answered and handed to a media thread; and what calls want of SIP.

use super::admission::Refusal;
use super::call_metrics;
use super::callbacks::{CallbackJob, NotNow};
use super::media_thread::Command;
use super::ports::PortPair;
use super::resident::{CallNumber, Resident};
use super::signalling::Phase;
use super::signalling::Signalling;
use super::unanswered::NewCall;
use super::wishes::ignore_gone;
use crate::call::announcement::Announcement;
use crate::call::call::{Call, Incoming};
use crate::call::callback::Callback;
use crate::call::contract::{LegNumber, SipCommand};
use crate::call::demo_agent;
use crate::call::services::Services;
use crate::config::BUILT_IN_AGENT;
use crate::config::callbacks::First;
use crate::dialplan::model::HandoffId;
use crate::events::{CallRef, EndedBy, Entry, Event};
use crate::handoff::targets::plan;
use crate::language::Language;
use crate::sip::flow::Flow;
use crate::sip::header::Header;
use crate::sip::message::Request;
use crate::sip::user_agent::event;
use rand::RngExt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One line of so many at most waits for a person to call somebody back: callers go first.
const MOST_CALLBACKS: usize = 10;

impl Signalling {
    pub(super) fn incoming(&mut self, now: Instant, incoming: event::Incoming) {
        // The call that wants the built-in agent is admitted already, and has its record.
        let is_ours = self.is_own_call(&incoming.request);
        if !is_ours && let Some(code) = self.agent_code(&incoming.request) {
            return self.agent_calls(now, &incoming, code);
        }
        let answered = match is_ours {
            true => Ok(()),
            false => self.judge(&incoming),
        }
        .and_then(|()| self.answer(now, &incoming, is_ours));
        if let Err(refusal) = answered {
            if !is_ours {
                self.record_refusal(&incoming, &refusal);
            }
            self.refuse(now, incoming.leg, &refusal);
        }
    }

    fn judge(&mut self, incoming: &event::Incoming) -> Result<(), Refusal> {
        let source = incoming.flow.remote.ip();
        let busy = self.busy();
        self.admission.judge_invite(source, &incoming.request, busy)
    }

    pub(super) fn refuse(&mut self, now: Instant, leg: event::LegId, refusal: &Refusal) {
        let Refusal {
            status,
            contact,
            reason,
        } = refusal;
        tracing::warn!(status, contact, reason, "a call was turned away");
        let contact = contact
            .iter()
            .map(|uri| (Header::Contact, format!("<{uri}>")));
        let headers: Vec<_> = contact.collect();
        ignore_gone(self.agent.reject(now, leg, *status, &headers));
    }

    /// Whom we could not serve is told of, while the journal has room.
    fn record_refusal(&mut self, incoming: &event::Incoming, refusal: &Refusal) {
        if !self.journal.can_admit() {
            return;
        }
        let first = self.first_entry(incoming);
        let last = Entry {
            seq: first.seq + 1,
            event: rejected(refusal),
            ..first
        };
        for entry in [first, last] {
            call_metrics::observe(&entry);
            // If the second is not taken, the call ends as dropped at the next start.
            if self.journal.append(entry).is_err() {
                return;
            }
        }
    }

    /// The record's beginning of a call that never was one.
    fn first_entry(&self, incoming: &event::Incoming) -> Entry {
        let called = incoming.request.uri.user();
        let services = self.directory.services(&called);
        let dialplan = services.as_ref().map(|services| &services.program.dialplan);
        let unix = unix_now();
        Entry {
            call: CallRef::from_parts(unix.as_millis() as u64, rand::rng().random()),
            seq: 0,
            at_ms: unix.as_millis() as u64,
            event: Event::CallStarted {
                caller: caller(&incoming.request),
                called,
                source: incoming.flow.remote.ip().to_string(),
                sip_call_id: text(&incoming.request, Header::CallId),
                dialplan: dialplan.map(|d| d.name.clone()).unwrap_or_default(),
                dialplan_version: dialplan.map(|d| d.version.clone()).unwrap_or_default(),
                language: dialplan.map_or(Language::En, |d| d.languages[0]),
            },
        }
    }

    fn answer(
        &mut self,
        now: Instant,
        incoming: &event::Incoming,
        is_ours: bool,
    ) -> Result<(), Refusal> {
        let leg = incoming.leg;
        let called = incoming.request.uri.user();
        let is_for_agent = is_ours && BUILT_IN_AGENT.contains(&format!(":{called}@"));
        let services = self.directory.services(&called);
        if services.is_none() && !is_for_agent {
            return Err(Refusal::with(404, "nobody is called so here"));
        }
        let (pair, media) = match self.open_ports(&incoming.flow) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(error, "no port for a new call; is `media.ports` too small?");
                return Err(self.admission.elsewhere("all media ports are taken"));
            }
        };
        let seed = rand::rng().random();
        let number = self.calls.number();
        let unix = unix_at(now);
        let mut resident = if is_for_agent {
            let sounds = (self.directory.prompts(), self.directory.sounds());
            let offer = incoming.offer.as_deref().unwrap_or_default();
            let (script, chance) = (demo_agent::script(), (seed, unix));
            let agent = Announcement::new(now, script, sounds, offer, media, chance);
            Resident::new(number, Box::new(agent))
        } else {
            let services = services.expect("looked at above");
            let call = Call::new(now, services, story(incoming, &called, media, seed, unix));
            Resident::new(number, Box::new(call))
        };
        resident.add_sockets(LegNumber::CALLER, pair);
        let commands = resident.take_sip();
        let caller = caller(&incoming.request);
        let Some(first) = resident.take_first_entry() else {
            let way = (leg, incoming.flow);
            self.adopt(number, way, caller, Box::new(resident), commands);
            return Ok(());
        };
        let call = NewCall {
            number,
            leg,
            flow: incoming.flow,
            caller,
            resident: Box::new(resident),
            commands,
            first,
        };
        match self.unanswered.add(now, call, &self.journal) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.not_recorded()),
        }
    }

    /// Answers the calls whose first event is written.
    pub(super) fn answer_written(&mut self, number: CallNumber) {
        while let Some(call) = self.unanswered.take_written(number) {
            call_metrics::observe(&call.first);
            self.adopt(
                call.number,
                (call.leg, call.flow),
                call.caller,
                call.resident,
                call.commands,
            );
        }
    }

    /// Refuses the calls that the journal did not write in time.
    pub(super) fn refuse_late(&mut self, now: Instant) {
        while let Some(call) = self.unanswered.take_late(now) {
            let refusal = self.not_recorded();
            let rejected = call.ended_with(rejected(&refusal));
            for entry in [&call.first, &rejected] {
                call_metrics::observe(entry);
            }
            // If this is not taken either, the call ends as dropped at the next start.
            let _ = self.journal.append(rejected);
            self.refuse(now, call.leg, &refusal);
        }
    }

    fn not_recorded(&self) -> Refusal {
        tracing::error!("the journal did not take a new call in time; is the disk slow?");
        self.admission.elsewhere("the journal is behind")
    }

    /// The caller has gone before the answer.
    pub(super) fn forget_unanswered(&mut self, leg: event::LegId) {
        if let Some(call) = self.unanswered.remove(leg) {
            call_metrics::observe(&call.first);
            let event = Event::CallEnded {
                by: EndedBy::Caller,
                reason: "CANCEL".into(),
            };
            let ended = call.ended_with(event);
            call_metrics::observe(&ended);
            // If it is not taken, the call ends as dropped at the next start.
            let _ = self.journal.append(ended);
        }
    }

    /// Gives a call to a media thread and sends its answer.
    pub(super) fn adopt(
        &mut self,
        number: CallNumber,
        (leg, flow): (event::LegId, Flow),
        caller: String,
        resident: Box<Resident>,
        commands: Vec<SipCommand>,
    ) {
        let thread = self.least_busy_thread();
        let span = resident.span();
        self.calls.add(number, thread, caller, span);
        self.add_leg(number, LegNumber::CALLER, (leg, flow));
        // The answer goes out now; the rest is done on the call's own thread.
        for command in commands {
            self.act(number, command);
        }
        self.calls
            .send(thread, Command::Adopt(resident), &self.threads);
    }

    pub(super) fn see_to_callback(&mut self, now: Instant, job: CallbackJob) {
        match job {
            CallbackJob::Judge { callback, judged } => {
                // Who asked is there until the server ends.
                let _ = judged.send(self.judge_callback(&callback));
            }
            CallbackJob::Make { callback, services } => self.call_back(now, callback, services),
        }
    }

    /// Calls a caller back, who asked for it.
    fn call_back(&mut self, now: Instant, callback: Callback, services: Arc<Services>) {
        let number = self.calls.number();
        let thread = self.least_busy_thread();
        let parties = (callback.number.clone(), callback.called.clone());
        let call = Call::callback(now, services, callback);
        let resident = Resident::new(number, Box::new(call));
        let span = resident.span();
        self.calls.add_callback(number, thread, parties, span);
        let adopt = Command::Adopt(Box::new(resident));
        self.calls.send(thread, adopt, &self.threads);
    }

    fn judge_callback(&self, callback: &Callback) -> Result<Arc<Services>, NotNow> {
        let most = (self.config.max_calls / MOST_CALLBACKS).max(1);
        if self.calls.callbacks() >= most {
            return Err(NotNow::Busy);
        }
        if self.busy().is_some() || *self.phase.borrow() != Phase::Serving {
            return Err(NotNow::Busy);
        }
        let services = self.directory.services(&callback.called);
        let services = services.ok_or(NotNow::NobodyCalledSo)?;
        let dialplan = &services.program.dialplan;
        let named = dialplan
            .handoffs
            .iter()
            .position(|it| it.name == callback.handoff);
        let handoff = named.map_or(dialplan.human.handoff, |at| HandoffId(at as u16));
        let seconds = callback.unix.as_secs() as i64;
        let time = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        let policy = services.policy.as_ref();
        let mut plan = plan(dialplan, handoff, callback.language, time, policy);
        plan.for_callback(callback.first == First::Agent);
        // Who would take its calls at this hour was not asked to call anybody back.
        let is_open = plan
            .desks
            .first()
            .is_some_and(|it| it.handoff == plan.handoff);
        match self.distributor.can_serve(Instant::now(), &plan) {
            _ if !is_open => Err(NotNow::Closed),
            true => Ok(services),
            false => Err(NotNow::NobodyFree),
        }
    }

    /// Until the leg's end its connection is not closed for others.
    pub(super) fn add_leg(
        &mut self,
        call: CallNumber,
        number: LegNumber,
        (leg, flow): (event::LegId, Flow),
    ) {
        self.calls.add_leg(call, number, (leg, flow));
        self.transports.call_begins(flow);
    }

    fn least_busy_thread(&self) -> usize {
        let threads = self.threads.iter().enumerate();
        threads
            .min_by_key(|(_, thread)| thread.calls())
            .map_or(0, |(index, _)| index)
    }

    /// A port pair that the flow's peer can reach, and the address that SDP says.
    pub(super) fn open_ports(&self, flow: &Flow) -> Result<(PortPair, SocketAddr), String> {
        let pair = self
            .ports
            .open(flow.local.ip())
            .map_err(|error| error.to_string())?;
        let address = SocketAddr::new(self.advertised(flow), pair.rtp_port);
        Ok((pair, address))
    }

    pub(super) fn advertised(&self, flow: &Flow) -> IpAddr {
        let advertised = self.config.advertised(flow.remote.ip());
        advertised.unwrap_or(flow.local.ip())
    }
}

fn rejected(refusal: &Refusal) -> Event {
    Event::CallRejected {
        status: refusal.status,
        reason: refusal.reason.into(),
    }
}

/// The time since 1970 at `then`, which is not long ago. Every call keeps its own clock from its
/// beginning on: one that is wrong by what was done since `then` has events of two calls in the wrong
/// order.
pub(super) fn unix_at(then: Instant) -> Duration {
    unix_now().saturating_sub(then.elapsed())
}

fn unix_now() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

fn story(
    incoming: &event::Incoming,
    called: &str,
    media: SocketAddr,
    seed: u64,
    unix: Duration,
) -> Incoming {
    Incoming {
        call: CallRef::from_parts(unix.as_millis() as u64, rand::rng().random()),
        caller: caller(&incoming.request),
        called: called.to_string(),
        source: incoming.flow.remote,
        sip_call_id: text(&incoming.request, Header::CallId),
        offer: incoming.offer.clone(),
        media,
        seed,
        unix,
    }
}

/// The From URI's user part or number; empty when it is withheld (RFC 3323).
fn caller(request: &Request) -> String {
    let user = request
        .headers
        .from()
        .map(|from| from.uri.user())
        .unwrap_or_default();
    if user.eq_ignore_ascii_case("anonymous") {
        String::new()
    } else {
        user
    }
}

fn text(request: &Request, header: Header) -> String {
    let value = request.headers.get(header);
    value
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_s_clock_is_right_from_its_beginning_however_late_it_is_asked_for() {
        let then = Instant::now();
        let before = unix_now();
        let later = then + Duration::from_millis(200);
        while Instant::now() < later {
            std::hint::spin_loop();
        }
        let told = unix_at(then);
        // Whatever else runs here, these two readings are not half of that apart.
        assert!(
            told.abs_diff(before) < Duration::from_millis(100),
            "{told:?}"
        );
    }
}
