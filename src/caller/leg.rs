//! One call of a phone: its session description, its line, and what is known of it.

use crate::call::info;
use crate::caller::ladder::{Direction as Way, Ladder};
use crate::caller::line::{Line, LineEnd, Order};
use crate::caller::media_options::MediaOptions;
use crate::caller::referral::Referral;
use crate::caller::report::{self, Report};
use crate::caller::rtp_sockets::RtpSockets;
use crate::caller::state::{Ended, How, Shared};
use crate::events::KeySource;
use crate::key::Key;
use crate::sdp::direction::Direction;
use crate::sdp::offer_answer::{LocalMedia, Negotiated, NegotiationError, OfferAnswer};
use crate::sip::flow::Flow;
use crate::sip::message::Message;
use crate::sip::reason::Reason;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::command::CommandError;
use crate::sip::user_agent::event::{EndedBy, Event, Failure, LegId};
use bytes::Bytes;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Orders that wait for a line; it takes them within microseconds.
const MAX_ORDERS: usize = 64;
/// How long an ended call waits for the response to its BYE.
const FAREWELL: Duration = Duration::from_secs(4);

pub(super) type SharedLadder = Arc<Mutex<Ladder>>;

pub(super) struct Leg {
    pub call_id: Option<String>,
    pub ladder: SharedLadder,
    pub state: Shared,
    pub orders: mpsc::Sender<Order>,
    description: OfferAnswer,
    local: LocalMedia,
    line: Option<JoinHandle<LineEnd>>,
    report: Option<oneshot::Sender<Report>>,
    /// Once it has ended: when it is given up though requests of ours are still open.
    buried_at: Option<Instant>,
    /// Why we hang up, where it is not of our own will.
    trouble: Option<String>,
    outgoing: bool,
    /// Our INVITE carried no offer.
    pub late_offer: bool,
    /// What the peer's INVITE offered.
    pub peer_offer: Option<Bytes>,
    /// With this status, once the call is established.
    pub refuse_offers: Option<u16>,
    /// How the peer's REFERs are taken.
    pub referral: Option<Referral>,
    /// The session as it was before our re-INVITE, to go on with if that is refused.
    before: Option<(OfferAnswer, Direction)>,
    /// Established, and no re-INVITE of ours is out: another may be sent.
    can_reinvite: bool,
    /// What is to be asked for once that can be; a later wish replaces it.
    wanted: Option<Direction>,
}

impl Leg {
    /// Opens the ports and starts the line; the report comes by the receiver.
    pub async fn open(
        address: IpAddr,
        media: &MediaOptions,
        outgoing: bool,
    ) -> io::Result<(Self, oneshot::Receiver<Report>)> {
        let sockets = RtpSockets::bind(address).await?;
        let local = LocalMedia {
            address,
            rtp_port: sockets.port,
            codecs: media.codecs.clone(),
            ptime_ms: media.ptime_ms,
            direction: Direction::SendRecv,
            rtcp_mux: false,
        };
        let mut description = OfferAnswer::new(rand::random());
        if !media.telephone_event {
            description = description.without_telephone_events();
        }
        let state = Shared::new();
        let (orders, taken) = mpsc::channel(MAX_ORDERS);
        let line = Line::new(media.listening, state.clone());
        let (report, reported) = oneshot::channel();
        let leg = Self {
            call_id: None,
            ladder: Arc::new(Mutex::new(Ladder::new(Instant::now()))),
            state,
            orders,
            description,
            local,
            line: Some(tokio::spawn(line.run(sockets, taken))),
            report: Some(report),
            buried_at: None,
            trouble: None,
            outgoing,
            late_offer: false,
            peer_offer: None,
            refuse_offers: None,
            referral: None,
            before: None,
            can_reinvite: false,
            wanted: None,
        };
        Ok((leg, reported))
    }

    /// The offer of a new call, or of a re-INVITE.
    pub fn offer(&mut self, direction: Direction) -> Bytes {
        self.local.direction = direction;
        self.description.offer(&self.local).into()
    }

    /// Answers the peer's offer. The line goes by it at once.
    pub async fn answer(&mut self, offer: &[u8]) -> Result<Bytes, NegotiationError> {
        let (negotiated, answer) = self.description.answer(offer, &self.local)?;
        self.state.change(|state| state.offers_taken += 1);
        self.agree(negotiated).await;
        Ok(answer.into())
    }

    async fn take_answer(&mut self, answer: &[u8]) -> Result<(), NegotiationError> {
        match self.description.accept_answer(answer) {
            Ok(negotiated) => self.agree(negotiated).await,
            // The 2xx repeats what a 183 said already.
            Err(NegotiationError::NoOffer) if self.state.now().negotiated.is_some() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn agree(&mut self, negotiated: Negotiated) {
        self.order(Order::Media(negotiated)).await;
    }

    pub async fn order(&self, order: Order) {
        // A line ends only by the order to hang up: then nothing matters to it any more.
        let _ = self.orders.send(order).await;
    }

    /// Puts a message on the ladder.
    pub fn note(&self, now: Instant, way: Way, flow: Flow, message: &Message) {
        let mut ladder = lock(&self.ladder);
        ladder.add(now, way, flow, message);
        let messages = ladder.rungs().len();
        self.state.change(|state| state.messages = messages);
    }

    /// Answers the peer's INVITE: what it asked for that we cannot speak is refused.
    pub async fn accept(
        &mut self,
        now: Instant,
        id: LegId,
        agent: &mut UserAgent,
    ) -> Result<(), CommandError> {
        let answer = match self.peer_offer.take() {
            Some(offer) => self.answer(&offer).await,
            None => Ok(self.offer(Direction::SendRecv)),
        };
        match answer {
            Ok(answer) => {
                agent.accept(now, id, answer)?;
                self.note_answered(now);
                Ok(())
            }
            Err(error) => agent.reject(now, id, error.status(), &[]),
        }
    }

    /// Asks for a direction by re-INVITE, as soon as one can be sent.
    pub fn direct(
        &mut self,
        now: Instant,
        id: LegId,
        direction: Direction,
        agent: &mut UserAgent,
    ) -> Result<(), CommandError> {
        if !self.can_reinvite {
            self.wanted = Some(direction);
            return Ok(());
        }
        self.before = Some((self.description.clone(), self.local.direction));
        let offer = self.offer(direction);
        let sent = agent.reinvite(now, id, offer);
        match sent {
            Ok(()) => self.can_reinvite = false,
            Err(_) => self.stay_as_before(),
        }
        sent
    }

    /// Our re-INVITE came to nothing (RFC 3261, 14.1).
    fn stay_as_before(&mut self) {
        if let Some((description, direction)) = self.before.take() {
            self.description = description;
            self.local.direction = direction;
        }
        self.state.change(|state| state.reinvites_refused += 1);
    }

    fn can_reinvite_now(&mut self, now: Instant, id: LegId, agent: &mut UserAgent) {
        self.can_reinvite = true;
        if let Some(direction) = self.wanted.take() {
            // Where it fails the state tells.
            let _ = self.direct(now, id, direction, agent);
        }
    }

    pub fn send_info(
        &self,
        now: Instant,
        id: LegId,
        key: Key,
        is_relay: bool,
        agent: &mut UserAgent,
    ) -> Result<(), CommandError> {
        let (content_type, body) = match is_relay {
            true => ("application/dtmf-relay", info::info_of_key(key)),
            false => ("application/dtmf", key.to_string()),
        };
        agent.send_info(now, id, content_type, body.into())?;
        self.state.change(|state| state.sent_key(now, key));
        Ok(())
    }

    fn note_answered(&self, now: Instant) {
        self.state
            .change(|state| _ = state.answered.get_or_insert(now));
    }

    pub async fn handle(&mut self, now: Instant, leg: LegId, event: Event, agent: &mut UserAgent) {
        match event {
            Event::Progress { status, sdp, .. } => {
                self.state.change(|state| state.provisional = Some(status));
                if let Some(sdp) = sdp {
                    // What is wrong with early media is seen when the call is answered.
                    let _ = self.take_answer(&sdp).await;
                }
            }
            Event::Answered { sdp, .. } => {
                self.answered(now, leg, sdp, agent).await;
                self.can_reinvite_now(now, leg, agent);
            }
            Event::Acked { sdp, .. } => {
                self.take_answer_or_hang_up(now, leg, sdp, agent).await;
                self.can_reinvite_now(now, leg, agent);
            }
            Event::OfferAcked { sdp, .. } => {
                self.take_answer_or_hang_up(now, leg, sdp, agent).await;
            }
            Event::ReinviteAnswered { sdp, .. } => {
                self.before = None;
                self.take_answer_or_hang_up(now, leg, sdp, agent).await;
                self.state.change(|state| state.reinvites_accepted += 1);
                self.can_reinvite_now(now, leg, agent);
            }
            Event::ReinviteFailed { .. } => {
                self.stay_as_before();
                self.can_reinvite_now(now, leg, agent);
            }
            Event::Offer { sdp, .. } => {
                let answer = match (self.refuse_offers, sdp) {
                    (Some(status), _) => Err(status),
                    (None, Some(sdp)) => self.answer(&sdp).await.map_err(|error| error.status()),
                    (None, None) => Ok(self.offer(self.local.direction)),
                };
                // The leg may have ended since: its last event follows.
                let _ = agent.answer_offer(now, leg, answer);
            }
            Event::Info {
                content_type, body, ..
            } => {
                if let Some(key) = info::key_of_info(&content_type, &body) {
                    let by = KeySource::Info;
                    self.state.change(|state| state.hear_key(now, key, by));
                }
            }
            Event::Failed { failure, .. } => self.end(failed(now, *failure)).await,
            Event::Cancelled { reason, .. } => {
                self.end(Ended::new(now, How::PeerGaveUp, reason)).await;
            }
            Event::Ended { by, reason, .. } => {
                let how = self.how(by);
                let reason = self.trouble.take().or(reason);
                self.end(Ended::new(now, how, reason)).await;
            }
            _ => {}
        }
    }

    /// The 2xx to our INVITE. Where that had no offer, the 2xx has it.
    async fn answered(
        &mut self,
        now: Instant,
        leg: LegId,
        sdp: Option<Bytes>,
        agent: &mut UserAgent,
    ) {
        self.note_answered(now);
        if !self.late_offer {
            return self.take_answer_or_hang_up(now, leg, sdp, agent).await;
        }
        match self.answer(&sdp.unwrap_or_default()).await {
            // The leg may have ended since: its last event follows.
            Ok(answer) => _ = agent.acknowledge(leg, answer),
            Err(error) => self.hang_up_in_trouble(now, leg, &error, agent),
        }
    }

    async fn take_answer_or_hang_up(
        &mut self,
        now: Instant,
        leg: LegId,
        sdp: Option<Bytes>,
        agent: &mut UserAgent,
    ) {
        if let Some(sdp) = sdp
            && let Err(error) = self.take_answer(&sdp).await
        {
            self.hang_up_in_trouble(now, leg, &error, agent);
        }
    }

    fn hang_up_in_trouble(
        &mut self,
        now: Instant,
        leg: LegId,
        error: &NegotiationError,
        agent: &mut UserAgent,
    ) {
        self.trouble = Some(error.to_string());
        // The leg may have ended since: its last event follows.
        let _ = agent.hang_up(now, leg, Some(&Reason::sip(488, "Not Acceptable Here")));
    }

    fn how(&self, by: EndedBy) -> How {
        let answered = self.state.now().answered.is_some();
        match by {
            _ if self.trouble.is_some() => How::NoCommonMedia,
            EndedBy::Local if answered => How::HungUp,
            EndedBy::Local if self.outgoing => How::GaveUp,
            EndedBy::Local => How::Rejected,
            EndedBy::Peer => How::PeerHungUp,
            EndedBy::Timeout
            | EndedBy::SessionExpired
            | EndedBy::AckTimeout
            | EndedBy::TransportLost => How::Lost,
        }
    }

    async fn end(&mut self, ended: Ended) {
        self.buried_at = Some(ended.at + FAREWELL);
        self.state.change(|state| state.ended = Some(ended));
        self.order(Order::HangUp).await;
    }

    /// When an ended leg is given up at the latest.
    pub fn buried_at(&self) -> Option<Instant> {
        self.buried_at
    }

    /// Whether nothing more is expected of the leg.
    pub fn is_over(&self, now: Instant) -> bool {
        let no_answer = |ended: &Ended| ended.how == How::NoAnswer;
        let settled = || {
            let ladder = lock(&self.ladder);
            // Who has answered nothing, not even by a 100, answers no farewell.
            let nobody_is_there =
                !ladder.has_answer() && self.state.now().ended.as_ref().is_some_and(no_answer);
            ladder.is_settled() || nobody_is_there
        };
        self.buried_at.is_some_and(|at| at <= now || settled())
    }

    /// Hands the report in, once the line has ended.
    pub fn bury(&mut self) {
        let (Some(line), Some(report)) = (self.line.take(), self.report.take()) else {
            return;
        };
        let (state, ladder) = (self.state.clone(), self.ladder.clone());
        tokio::spawn(async move {
            // A line that panicked has told nothing.
            let end = line.await.unwrap_or_default();
            // Whoever made the call may want no report.
            let _ = report.send(report::write(&state.now(), &lock(&ladder), end));
        });
    }
}

fn failed(now: Instant, failure: Failure) -> Ended {
    let how = match failure.status {
        Some(_) => How::Refused,
        None => How::NoAnswer,
    };
    Ended {
        status: failure.status,
        contacts: failure.contacts,
        ..Ended::new(now, how, Some(failure.reason))
    }
}

/// A ladder is whole after each change, whoever panicked meanwhile.
pub(super) fn lock(ladder: &Mutex<Ladder>) -> std::sync::MutexGuard<'_, Ladder> {
    ladder.lock().unwrap_or_else(PoisonError::into_inner)
}
