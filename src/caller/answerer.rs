//! Answers calls as it is told: the person, the busy line, the dead one, for tests and checks.

use crate::caller::call::{Call, CallParts};
use crate::caller::ladder::Direction as Way;
use crate::caller::leg::Leg;
use crate::caller::line::Order;
use crate::caller::media_options::MediaOptions;
use crate::caller::phone::{self, Command, LegCommand, Phone};
use crate::caller::sip_transport::SipTransport;
use crate::sdp::direction::Direction;
use crate::sip::digest::Credentials;
use crate::sip::flow::{Flow, Protocol};
use crate::sip::header::Header;
use crate::sip::message::Message;
use crate::sip::user_agent::command::Registration;
use crate::sip::user_agent::event::{Incoming, LegId};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Calls that were answered and not yet asked for; further ones are answered and never told.
const MAX_UNTOLD: usize = 1_024;

/// What is done with a call that comes in.
#[derive(Debug, Clone)]
pub enum Behaviour {
    Answer(Answer),
    /// 486 busy, 603 declined, 404 not found: any final status from 300 on.
    Reject {
        status: u16,
        after: Duration,
    },
    /// 302 to this URI.
    Redirect(String),
    /// 180, and nothing more.
    Ring,
    /// No response at all.
    PlayDead,
}

#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// A 180 is sent before.
    pub ring: bool,
    pub after: Duration,
    /// Said once, at 8 kHz.
    pub greeting: Option<Arc<[i16]>>,
    /// Said round and round under everything else.
    pub background: Option<Arc<[i16]>>,
    /// Later offers of the caller's, as for a hold, are refused with this status.
    pub refuse_offers: Option<u16>,
    /// Since the answer: the caller is put on hold by a re-INVITE.
    pub hold_after: Option<Duration>,
    /// Since the answer.
    pub hang_up_after: Option<Duration>,
}

/// How calls are answered.
#[derive(Clone)]
pub(super) struct Answering {
    behaviour: Behaviour,
    media: MediaOptions,
    calls: mpsc::Sender<Call>,
}

impl Answering {
    pub fn plays_dead(&self) -> bool {
        matches!(self.behaviour, Behaviour::PlayDead)
    }
}

/// Listens for calls on UDP and TCP until it and all its calls are dropped.
pub struct Answerer {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    media: MediaOptions,
    calls: mpsc::Receiver<Call>,
    calls_in: mpsc::Sender<Call>,
}

impl Answerer {
    /// Port 0 takes any that is free. Media is on the same address.
    pub async fn listen(address: SocketAddr, behaviour: Behaviour) -> io::Result<Self> {
        Self::listen_with(address, behaviour, MediaOptions::default()).await
    }

    pub async fn listen_with(
        address: SocketAddr,
        behaviour: Behaviour,
        media: MediaOptions,
    ) -> io::Result<Self> {
        let (transport, address) = SipTransport::listen(address).await?;
        let (calls_in, calls) = mpsc::channel(MAX_UNTOLD);
        let answering = Answering {
            behaviour,
            media: media.clone(),
            calls: calls_in.clone(),
        };
        Ok(Self {
            address,
            commands: phone::start(transport, "answerer", Some(answering)),
            media,
            calls,
            calls_in,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `sip:user@address`, to be called.
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.address)
    }

    /// Calls that come from now on are treated so.
    pub async fn behave(&self, behaviour: Behaviour) {
        let answering = Answering {
            behaviour,
            media: self.media.clone(),
            calls: self.calls_in.clone(),
        };
        self.command(Command::Answer(Box::new(answering))).await;
    }

    /// Registers as `user` at a registrar, by UDP and for `expires`, again and again, until
    /// [`unregister`](Self::unregister) or until this handle is dropped: calls come by that way then.
    pub async fn register(&self, at: SocketAddr, user: &str, password: &str, expires: Duration) {
        let registration = Registration {
            flow: Flow {
                protocol: Protocol::Udp,
                local: self.address,
                remote: at,
            },
            fallbacks: Vec::new(),
            registrar: format!("sip:{at}"),
            address_of_record: format!("sip:{user}@{at}"),
            credentials: Some(Credentials {
                username: user.to_owned(),
                password: password.to_owned(),
            }),
            expires,
            keep_alive: None,
        };
        self.command(Command::Register(Box::new(registration)))
            .await;
    }

    pub async fn unregister(&self) {
        self.command(Command::Unregister).await;
    }

    async fn command(&self, command: Command) {
        // The phone lives as long as this handle.
        let _ = self.commands.send(command).await;
    }

    /// The next call that came in, whatever was done with it; `None` if none came in time.
    pub async fn next_call(&mut self, within: Duration) -> Option<Call> {
        timeout(within, self.calls.recv()).await.ok().flatten()
    }
}

impl Phone {
    /// A call came in.
    pub(super) async fn ring(&mut self, now: Instant, incoming: Incoming) {
        let id = incoming.leg;
        let opened = match &self.answering {
            Some(answering) => Leg::open(incoming.flow.local.ip(), &answering.media, false).await,
            None => Err(io::ErrorKind::Unsupported.into()),
        };
        let (Some(answering), Ok((mut leg, report)), Some(commands)) =
            (self.answering.clone(), opened, self.own.upgrade())
        else {
            // The leg may have ended since: nothing is owed then.
            let _ = self.agent.reject(now, id, 480, &[]);
            return;
        };
        let request = incoming.request;
        leg.call_id = request.headers.call_id().map(str::to_owned);
        let invite = Message::Request((*request).clone());
        leg.note(now, Way::Received, incoming.flow, &invite);
        leg.peer_offer = incoming.offer;
        let parts = CallParts::of(&leg, report);
        self.legs.insert(id, leg);
        self.treat(now, id, &answering.behaviour).await;
        let call = Call::new(id, commands, parts, Some(request));
        // See `MAX_UNTOLD`; whoever dropped the answerer wants no calls.
        let _ = answering.calls.try_send(call);
    }

    async fn treat(&mut self, now: Instant, id: LegId, behaviour: &Behaviour) {
        match behaviour {
            Behaviour::Answer(answer) => self.answer_by_and_by(now, id, answer).await,
            Behaviour::Reject { status, after } => {
                self.later(id, *after, LegCommand::Reject(*status, Vec::new()));
            }
            Behaviour::Redirect(uri) => {
                let contact = (Header::Contact, format!("<{uri}>"));
                self.later(id, Duration::ZERO, LegCommand::Reject(302, vec![contact]));
            }
            Behaviour::Ring => self.say_ringing(now, id),
            // Its INVITE was not even heard.
            Behaviour::PlayDead => {}
        }
    }

    async fn answer_by_and_by(&mut self, now: Instant, id: LegId, answer: &Answer) {
        if answer.ring {
            self.say_ringing(now, id);
        }
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.refuse_offers = answer.refuse_offers;
            if let Some(greeting) = &answer.greeting {
                leg.order(Order::Play(greeting.clone())).await;
            }
            if let Some(background) = &answer.background {
                leg.order(Order::PlayRound(background.clone())).await;
            }
        }
        self.later(id, answer.after, LegCommand::Accept);
        if let Some(after) = answer.hold_after {
            let hold = LegCommand::Direct(Direction::SendOnly);
            self.later(id, answer.after + after, hold);
        }
        if let Some(after) = answer.hang_up_after {
            self.later(id, answer.after + after, LegCommand::HangUp);
        }
    }

    fn say_ringing(&mut self, now: Instant, id: LegId) {
        // The leg may have ended since: its last event follows.
        let _ = self.agent.provisional(now, id, 180, None);
    }

    pub(super) fn later(&self, id: LegId, after: Duration, command: LegCommand) {
        let own = self.own.clone();
        tokio::spawn(async move {
            sleep(after).await;
            if let Some(own) = own.upgrade() {
                // A phone that is gone has ended its calls.
                let _ = own.send(Command::Leg(id, command)).await;
            }
        });
    }
}
