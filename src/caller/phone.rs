//! The task behind calls: it owns a user agent and its sockets, carries out what is asked of it, and
//! hands each event to the call that it is about.

use crate::caller::answerer::Answering;
use crate::caller::ladder::Direction as Way;
use crate::caller::leg::Leg;
use crate::caller::sip_transport::{Arrival, SipTransport};
use crate::key::Key;
use crate::sdp::direction::Direction;
use crate::sip::flow::Flow;
use crate::sip::header::Header;
use crate::sip::message::Message;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::{CommandError, Invite, Registration};
use crate::sip::user_agent::config::Config;
use crate::sip::user_agent::event::{Event, LegId, RegistrationId};
use std::collections::BTreeMap;
use std::future::pending;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

/// Commands that wait for the phone; when it is full, who commands waits.
pub(super) const MAX_COMMANDS: usize = 64;

pub(super) enum Command {
    Invite {
        invite: Box<Invite>,
        leg: Box<Leg>,
        placed: oneshot::Sender<Result<LegId, CommandError>>,
    },
    Leg(LegId, LegCommand),
    Register(Box<Registration>),
    /// All that is registered.
    Unregister,
    /// How calls that come from now on are answered.
    Answer(Box<Answering>),
}

#[derive(Debug, Clone)]
pub(super) enum LegCommand {
    Accept,
    Reject(u16, Vec<(Header, String)>),
    HangUp,
    /// `is_relay`: as application/dtmf-relay, else as application/dtmf.
    Info {
        key: Key,
        is_relay: bool,
    },
    /// By re-INVITE.
    Direct(Direction),
    /// What becomes of the peer's REFER.
    NotifyRefer(u16),
}

pub(super) struct Phone {
    pub(super) agent: UserAgent,
    transport: SipTransport,
    pub(super) legs: BTreeMap<LegId, Leg>,
    commands: mpsc::Receiver<Command>,
    /// For the handles of calls that come in, and for what is to be done later.
    pub(super) own: mpsc::WeakSender<Command>,
    /// `None`: calls that come in are refused.
    pub(super) answering: Option<Answering>,
    registrations: Vec<RegistrationId>,
}

/// Starts the task. It ends when all commanders are gone and nothing is left to be said.
pub(super) fn start(
    transport: SipTransport,
    contact_user: &str,
    answering: Option<Answering>,
) -> mpsc::Sender<Command> {
    let (commander, commands) = mpsc::channel(MAX_COMMANDS);
    let config = Config {
        contact_user: contact_user.to_owned(),
        ..Config::default()
    };
    let phone = Phone {
        agent: UserAgent::new(config, rand::random()),
        transport,
        legs: BTreeMap::new(),
        commands,
        own: commander.downgrade(),
        answering,
        registrations: Vec::new(),
    };
    tokio::spawn(phone.run());
    commander
}

impl Phone {
    async fn run(mut self) {
        let mut commanded = true;
        loop {
            self.settle().await;
            let timeout = self.next_timeout();
            if !commanded && self.legs.is_empty() && timeout.is_none() {
                return;
            }
            tokio::select! {
                arrival = self.transport.next() => self.arrive(arrival),
                command = self.commands.recv(), if commanded => match command {
                    Some(command) => self.obey(command).await,
                    None => {
                        commanded = false;
                        self.agent.hang_up_all(Instant::now(), None);
                        self.unregister();
                    }
                },
                () = sleep_until_some(timeout) => self.agent.handle_timeout(Instant::now()),
            }
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let burials = self.legs.values().filter_map(Leg::buried_at);
        burials.chain(self.agent.next_timeout()).min()
    }

    /// Until the user agent has nothing more to say.
    async fn settle(&mut self) {
        loop {
            if let Some(event) = self.agent.poll_event() {
                self.handle(event).await;
            } else if let Some(transmit) = self.agent.poll_transmit() {
                if let Ok(message) = Message::parse(&transmit.bytes) {
                    self.note(Way::Sent, transmit.flow, &message);
                }
                if self.transport.send(&transmit).await.is_err() {
                    self.agent.transport_failed(Instant::now(), transmit.flow);
                }
            } else {
                break;
            }
        }
        let now = Instant::now();
        for leg in self.legs.values_mut().filter(|leg| leg.is_over(now)) {
            leg.bury();
        }
        self.legs.retain(|_, leg| !leg.is_over(now));
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = Instant::now();
        match arrival {
            Arrival::Message(flow, message) => {
                self.note(Way::Received, flow, &message);
                if !self.is_deaf_to(&message) {
                    self.agent.receive_message(now, flow, message);
                }
            }
            Arrival::Malformed(flow, error) => self.agent.receive_bad(flow, &error),
            Arrival::KeepAlive(flow) => self.agent.receive(now, flow, b"\r\n\r\n"),
            Arrival::Lost(flow) => self.agent.transport_failed(now, flow),
        }
    }

    /// Whether a phone that plays dead hears a message: only that of a call it had before.
    fn is_deaf_to(&self, message: &Message) -> bool {
        let plays_dead = self.answering.as_ref().is_some_and(Answering::plays_dead);
        let call_id = message.headers().call_id();
        let known = |leg: &Leg| leg.call_id.as_deref() == call_id;
        plays_dead && !self.legs.values().any(known)
    }

    /// Puts a message on the ladder of its call. The INVITE of a call that we make is the first of
    /// its Call-ID.
    fn note(&mut self, way: Way, flow: Flow, message: &Message) {
        let Some(call_id) = message.headers().call_id() else {
            return;
        };
        let mut legs = self.legs.values_mut();
        let known = legs.find(|leg| leg.call_id.as_deref() == Some(call_id));
        let leg = match (known, way) {
            (Some(leg), _) => leg,
            (None, Way::Received) => return,
            (None, Way::Sent) => match self.legs.values_mut().find(|l| l.call_id.is_none()) {
                Some(leg) => leg,
                None => return,
            },
        };
        leg.call_id = Some(call_id.to_owned());
        leg.note(Instant::now(), way, flow, message);
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Invite {
                invite,
                leg,
                placed,
            } => {
                let id = self.agent.invite(Instant::now(), *invite);
                if let Ok(id) = id {
                    self.take_refers(id, leg.referral.as_ref());
                    self.legs.insert(id, *leg);
                }
                // Whoever asked may have gone: the call ends with their handle.
                let _ = placed.send(id);
            }
            Command::Leg(id, command) => self.obey_for(id, command).await,
            Command::Register(registration) => {
                // One that is not well-formed is none: the registrar is asked who is there.
                let registered = self.agent.register(Instant::now(), *registration);
                self.registrations.extend(registered);
            }
            Command::Unregister => self.unregister(),
            Command::Answer(answering) => self.answering = Some(*answering),
        }
    }

    fn unregister(&mut self) {
        for registration in self.registrations.drain(..) {
            // It may have been given up before.
            let _ = self.agent.unregister(Instant::now(), registration);
        }
    }

    /// What is asked of a leg that has ended meanwhile, or cannot be done in its state, is not done:
    /// the state of the call tells.
    async fn obey_for(&mut self, id: LegId, command: LegCommand) {
        let now = Instant::now();
        let (Some(leg), agent) = (self.legs.get_mut(&id), &mut self.agent) else {
            return;
        };
        let _ = match command {
            LegCommand::Accept => leg.accept(now, id, agent).await,
            LegCommand::Reject(status, headers) => agent.reject(now, id, status, &headers),
            LegCommand::HangUp => agent.hang_up(now, id, None),
            LegCommand::Info { key, is_relay } => leg.send_info(now, id, key, is_relay, agent),
            LegCommand::Direct(direction) => leg.direct(now, id, direction, agent),
            LegCommand::NotifyRefer(status) => agent.notify_refer(now, id, status),
        };
    }

    async fn handle(&mut self, event: Event) {
        let now = Instant::now();
        if let Event::Incoming(incoming) = event {
            return self.ring(now, *incoming).await;
        }
        let Some(id) = leg_of(&event) else {
            return;
        };
        if let Event::Referred { .. } = event {
            return self.tell_of_referral(id);
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.handle(now, id, event, &mut self.agent).await;
        }
    }
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

fn leg_of(event: &Event) -> Option<LegId> {
    match event {
        Event::Incoming(incoming) => Some(incoming.leg),
        Event::Cancelled { leg, .. }
        | Event::Acked { leg, .. }
        | Event::Offer { leg, .. }
        | Event::OfferAcked { leg, .. }
        | Event::Info { leg, .. }
        | Event::Progress { leg, .. }
        | Event::Answered { leg, .. }
        | Event::Failed { leg, .. }
        | Event::ReinviteAnswered { leg, .. }
        | Event::ReinviteFailed { leg, .. }
        | Event::ReferAccepted { leg, .. }
        | Event::ReferFailed { leg, .. }
        | Event::ReferProgress { leg, .. }
        | Event::Referred { leg, .. }
        | Event::Ended { leg, .. } => Some(*leg),
        Event::Registered { .. }
        | Event::RegistrationFailed { .. }
        | Event::Unregistered { .. }
        | Event::OptionsAnswered { .. } => None,
    }
}
