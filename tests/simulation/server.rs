//! The server around one call, as `server::calls` and `server::incoming` are: legs and their
//! owners, ports, and what passes between the signalling task and the call's thread, late.

use crate::helpers::{Helpers, Task};
use crate::network::{Datagram, Network, flow, flow_of};
use crate::world::{UNIX, agents_address, server_address};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::call::call::{Call, Incoming};
use zeroline::call::contract::{
    Channel, Input, LegNumber, Output, PacketSink, Session, SipCommand,
};
use zeroline::call::services::Services;
use zeroline::events::{CallRef, EndedBy, Entry, Event};
use zeroline::handoff::distributor::{Distributor, Request, Seeker};
use zeroline::journal::append::Limits;
use zeroline::journal::ledger::{Ledger, Position};
use zeroline::journal::segment;
use zeroline::server::calls::translate;
use zeroline::sip::header::Header;
use zeroline::sip::reason::Reason;
use zeroline::sip::user_agent::UserAgent;
use zeroline::sip::user_agent::command::{CommandError, Invite};
use zeroline::sip::user_agent::config::Config;
use zeroline::sip::user_agent::event::{self, LegId};

/// More than one input can lead to is a queue that grows.
const MOST_OUTPUTS: usize = 64;
/// From the signalling task to a call's thread, and back.
const HOP: Duration = Duration::from_micros(300);
/// The one call's number, for the distributor.
const CALL: Seeker = 1;

pub struct Server {
    pub ua: UserAgent,
    services: Arc<Services>,
    pub call: Option<Call>,
    pub finished: bool,
    owners: BTreeMap<LegId, LegNumber>,
    legs: BTreeMap<LegNumber, LegId>,
    ports: Ports,
    pub distributor: Distributor,
    /// What the call has told it.
    pub asked: Vec<Request>,
    /// Targets that were found, until they are rung.
    prepared: BTreeMap<LegNumber, String>,
    pub helpers: Helpers,
    pub journal: Vec<Entry>,
    /// What the journal owes the call where the disk is full.
    reserve: Option<Ledger>,
    seed: u64,
}

/// The RTP ports of the call's legs; RTCP is on the next one.
#[derive(Default)]
struct Ports(BTreeMap<LegNumber, u16>);

impl Ports {
    fn leg(&self, port: u16) -> Option<(LegNumber, Channel)> {
        let channel = if port.is_multiple_of(2) {
            Channel::Rtp
        } else {
            Channel::Rtcp
        };
        let mut legs = self.0.iter();
        let leg = legs.find(|(_, open)| **open == port & !1);
        leg.map(|(leg, _)| (*leg, channel))
    }

    fn open(&mut self, leg: LegNumber) -> SocketAddr {
        let port = 10_000 + 2 * leg.0;
        self.0.insert(leg, port);
        SocketAddr::new(server_address().ip(), port)
    }
}

struct Sink<'a> {
    now: Instant,
    ports: &'a Ports,
    network: &'a mut Network,
}

impl PacketSink for Sink<'_> {
    fn send(&mut self, leg: LegNumber, channel: Channel, to: SocketAddr, packet: &[u8]) {
        if let Some(port) = self.ports.0.get(&leg) {
            let port = port + u16::from(channel == Channel::Rtcp);
            let from = SocketAddr::new(server_address().ip(), port);
            self.network.send(self.now, from, to, packet);
        }
    }
}

impl Server {
    pub fn new(services: Arc<Services>, helpers: Helpers, seed: u64) -> Server {
        Server {
            ua: UserAgent::new(Config::default(), seed),
            services,
            call: None,
            finished: false,
            owners: BTreeMap::new(),
            legs: BTreeMap::new(),
            ports: Ports::default(),
            distributor: Distributor::default(),
            asked: Vec::new(),
            prepared: BTreeMap::new(),
            reserve: helpers
                .moods
                .disk_full
                .then(|| Ledger::new(Limits::for_calls(1).call_budget)),
            helpers,
            journal: Vec::new(),
            seed,
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let running = self.call.as_ref().filter(|_| !self.finished);
        let tick = running.map(Call::next_tick);
        let desk = self.distributor.next_timeout();
        [
            tick,
            desk,
            self.helpers.next_timeout(),
            self.ua.next_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub fn receive(&mut self, now: Instant, mut datagram: Datagram, network: &mut Network) {
        if datagram.to.port() == 5060 {
            return self.ua.receive(now, flow_of(&datagram), &datagram.bytes);
        }
        if let Some((leg, channel)) = self.ports.leg(datagram.to.port()) {
            let from = (leg, channel, datagram.from);
            self.with_call(now, network, |call, sink| {
                call.receive(now, from, &mut datagram.bytes, sink);
            });
        }
    }

    /// It stops in a moment, and the call is told.
    pub fn stop(&mut self, now: Instant) {
        self.helpers.later(now, Task::Tell(Input::Stopping));
        let reason = "the server stops".to_string();
        let at_last = Task::Tell(Input::Shutdown { reason });
        self.helpers.later(now + Duration::from_secs(20), at_last);
    }

    /// Timers, then everything that the last inputs led to.
    pub fn work(&mut self, now: Instant, network: &mut Network) {
        self.ua.handle_timeout(now);
        if self
            .distributor
            .next_timeout()
            .is_some_and(|due| due <= now)
        {
            self.distributor.handle_timeout(now);
        }
        while let Some(task) = self.helpers.next_due(now) {
            match task {
                Task::Tell(input) => {
                    self.with_call(now, network, |call, sink| {
                        call.handle_input(now, input, sink)
                    });
                }
                Task::Sip(command) => self.act(now, command),
                // What a call that is gone had was given back.
                Task::Desk(_) if self.owners.is_empty() => {}
                Task::Desk(request) => {
                    self.asked.push(request.clone());
                    self.distributor.handle_input(now, CALL, request);
                }
                Task::Found { leg, target } => self.found(now, leg, target),
            }
        }
        while self.next_tick().is_some_and(|due| due <= now) {
            self.with_call(now, network, |call, sink| call.tick(now, sink));
        }
        while let Some(event) = self.ua.poll_event() {
            self.handle_event(now, event);
        }
        while let Some((_, search, answer)) = self.distributor.poll_output() {
            let input = Input::Desk { search, answer };
            self.helpers.later(now + HOP, Task::Tell(input));
        }
        while let Some(transmit) = self.ua.poll_transmit() {
            network.transmit(now, &transmit);
        }
    }

    fn next_tick(&self) -> Option<Instant> {
        let running = self.call.as_ref().filter(|_| !self.finished);
        running.map(Call::next_tick)
    }

    /// A call that panics is ended truthfully, as `server::resident` does it.
    fn with_call(
        &mut self,
        now: Instant,
        network: &mut Network,
        work: impl FnOnce(&mut Call, &mut dyn PacketSink),
    ) {
        let Some(call) = self.call.as_mut().filter(|_| !self.finished) else {
            return;
        };
        let ports = &self.ports;
        let mut sink = Sink {
            now,
            ports,
            network,
        };
        if catch_unwind(AssertUnwindSafe(|| work(call, &mut sink))).is_err() {
            return self.end_after_panic(now);
        }
        let outputs: Vec<Output> = std::iter::from_fn(|| call.poll_output()).collect();
        assert!(outputs.len() <= MOST_OUTPUTS, "{outputs:?}");
        for output in outputs {
            self.carry_out(now, output);
        }
    }

    fn end_after_panic(&mut self, now: Instant) {
        for leg in self.ports.0.keys() {
            let reason = "internal fault".to_string();
            let hang_up = SipCommand::HangUp { leg: *leg, reason };
            self.helpers.later(now + HOP, Task::Sip(hang_up));
        }
        let last = self.journal.last().expect("it has started").clone();
        let event = Event::CallEnded {
            by: EndedBy::Server,
            reason: "internal fault".into(),
        };
        let seq = last.seq + 1;
        self.write(Entry { seq, event, ..last });
        self.finish();
    }

    /// Where the disk is full, into the reserve: it has room for all of an admitted call.
    fn write(&mut self, entry: Entry) {
        if let Some(reserve) = &mut self.reserve {
            let mut frame = Vec::new();
            let length = segment::encode(&entry, &mut frame);
            let nothing_else = reserve.promised();
            assert!(
                reserve.may_write(&entry, length, nothing_else),
                "the reserve has no room for {entry:?}"
            );
            let position = Position {
                segment: 0,
                offset: 0,
            };
            reserve.written(&entry, position, length);
        }
        self.journal.push(entry);
    }

    fn finish(&mut self) {
        assert!(!self.finished, "a call finishes once");
        self.finished = true;
        self.ports.0.clear();
    }

    fn carry_out(&mut self, now: Instant, output: Output) {
        match output {
            Output::Sip(command) => self.helpers.later(now + HOP, Task::Sip(command)),
            Output::Desk(request) => self.helpers.later(now + HOP, Task::Desk(request)),
            Output::CloseMedia { leg } => {
                self.ports.0.remove(&leg);
            }
            Output::Journal(entry) => self.write(entry),
            Output::Record(command) => self.helpers.record(now, command),
            Output::Hear(command) => self.helpers.hear(now, command),
            Output::Fetch(fetch) => self.helpers.fetch(now, &fetch),
            Output::CancelFetch(fetch) => self.helpers.cancel_fetch(fetch),
            Output::Render {
                play, part, text, ..
            } => self.helpers.render(now, (play, part), &text),
            Output::Finished => {
                assert!(self.ports.0.is_empty(), "media is left open");
                self.finish();
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: event::Event) {
        if let event::Event::Incoming(incoming) = event {
            return self.incoming(now, &incoming);
        }
        let ended = event.ends();
        if let Some((id, to_input)) = translate(event)
            && let Some(leg) = self.owners.get(&id)
        {
            let input = to_input(*leg);
            self.helpers.later(now + HOP, Task::Tell(input));
        }
        if let Some(leg) = ended.and_then(|id| self.owners.remove(&id)) {
            self.legs.remove(&leg);
            if self.owners.is_empty() {
                self.distributor.handle_input(now, CALL, Request::Over);
            }
        }
    }

    fn incoming(&mut self, now: Instant, incoming: &event::Incoming) {
        assert!(self.call.is_none(), "one call is made");
        let media = self.ports.open(LegNumber::CALLER);
        let from = incoming.request.headers.from().expect("a whole INVITE");
        let call_id = incoming.request.headers.get(Header::CallId);
        let mut call = Call::new(
            now,
            self.services.clone(),
            Incoming {
                call: CallRef::from_parts(UNIX.as_millis() as u64, u128::from(self.seed)),
                caller: from.uri.user(),
                called: incoming.request.uri.user(),
                source: incoming.flow.remote,
                sip_call_id: String::from_utf8_lossy(call_id.map_or(&[][..], |it| it)).into(),
                offer: incoming.offer.clone(),
                media,
                seed: self.seed,
                unix: UNIX,
            },
        );
        self.owners.insert(incoming.leg, LegNumber::CALLER);
        self.legs.insert(LegNumber::CALLER, incoming.leg);
        while let Some(output) = call.poll_output() {
            match output {
                Output::Sip(command) => self.act(now, command),
                output => self.carry_out(now, output),
            }
        }
        self.call = Some(call);
    }

    /// What the call wants of SIP.
    fn act(&mut self, now: Instant, command: SipCommand) {
        let leg = |leg| self.legs.get(&leg).copied().ok_or(CommandError::Gone);
        let caller = leg(LegNumber::CALLER);
        let ua = &mut self.ua;
        let done = match command {
            SipCommand::Ring => caller.and_then(|leg| ua.provisional(now, leg, 180, None)),
            SipCommand::Accept { sdp } => caller.and_then(|leg| ua.accept(now, leg, sdp.into())),
            SipCommand::Reject { status, .. } => {
                caller.and_then(|leg| ua.reject(now, leg, status, &[]))
            }
            SipCommand::AnswerOffer { leg: n, answer } => {
                leg(n).and_then(|leg| ua.answer_offer(now, leg, answer.map(Into::into)))
            }
            SipCommand::Reinvite { leg: n, offer } => {
                leg(n).and_then(|leg| ua.reinvite(now, leg, offer.into()))
            }
            SipCommand::Refer {
                target, replaces, ..
            } => return self.refer(now, &target, replaces),
            SipCommand::Info {
                leg: n,
                content_type,
                body,
            } => leg(n).and_then(|leg| ua.send_info(now, leg, content_type, body.into())),
            SipCommand::HangUp { leg: n, reason } => {
                self.prepared.remove(&n);
                let reason = Reason::clearing(reason);
                leg(n).and_then(|leg| ua.hang_up(now, leg, Some(&reason)))
            }
            SipCommand::Prepare { leg, target } => {
                self.helpers.find(now, leg, target);
                Ok(())
            }
            SipCommand::Invite { leg, offer, .. } => return self.invite(now, leg, offer),
        };
        if let Err(error) = done {
            assert_eq!(error, CommandError::Gone, "a wish that SIP cannot fulfil");
        }
    }

    /// One that cannot be sent is refused, as `server::wishes` does it.
    fn refer(&mut self, now: Instant, target: &str, replaces: Option<LegNumber>) {
        let Some(caller) = self.legs.get(&LegNumber::CALLER).copied() else {
            return;
        };
        let replaced = replaces.map(|leg| self.legs.get(&leg).copied());
        let referred = match replaced {
            Some(None) => Err(CommandError::Gone),
            Some(leg) => self.ua.refer(now, caller, target, leg),
            None => self.ua.refer(now, caller, target, None),
        };
        if referred.is_err() {
            let refused = Input::ReferRefused { status: None };
            self.helpers.later(now + HOP, Task::Tell(refused));
        }
    }

    fn found(&mut self, now: Instant, leg: LegNumber, target: Result<String, String>) {
        if self.finished {
            return;
        }
        let address = target.map(|target| {
            self.prepared.insert(leg, target);
            self.ports.open(leg)
        });
        let input = Input::MediaOpened { leg, address };
        self.helpers.later(now + HOP, Task::Tell(input));
    }

    fn invite(&mut self, now: Instant, leg: LegNumber, offer: Vec<u8>) {
        let Some(target) = self.prepared.remove(&leg) else {
            return;
        };
        let invite = Invite {
            flow: flow(server_address(), agents_address()),
            fallbacks: Vec::new(),
            target,
            route: Vec::new(),
            from: format!("<sip:zeroline@{}>", server_address()),
            to: None,
            headers: Vec::new(),
            offer: Some(offer.into()),
            credentials: None,
            timeout: Duration::from_secs(180),
        };
        let id = self.ua.invite(now, invite).expect("there is room");
        self.owners.insert(id, leg);
        self.legs.insert(leg, id);
    }

    /// Nothing is left of the call.
    pub fn assert_over(&self) {
        assert!(self.call.is_none() || self.finished, "the call goes on");
        assert_eq!(self.ua.load(), Default::default());
        assert_eq!(self.ua.next_timeout(), None);
        assert!(
            self.owners.is_empty() && self.legs.is_empty(),
            "a leg is left"
        );
        assert!(self.ports.0.is_empty(), "a port is left");
        assert!(self.prepared.is_empty(), "a target is left");
        assert!(self.distributor.is_idle(), "a target is taken");
        self.helpers.assert_over();
    }
}
