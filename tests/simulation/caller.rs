//! Somebody who calls: a user agent, a handset, and fingers on its keys.

use crate::exchange::Exchange;
use crate::handset::{Handset, Hold};
use crate::network::{Datagram, Network, flow, flow_of};
use crate::world::{CALLER_LEVEL, caller_address, server_address};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::call::info::info_of_key;
use zeroline::key::Key;
use zeroline::sdp::direction::Direction;
use zeroline::sdp::offer_answer::NegotiationError;
use zeroline::sip::user_agent::UserAgent;
use zeroline::sip::user_agent::command::Invite;
use zeroline::sip::user_agent::config::Config;
use zeroline::sip::user_agent::event::{Event, LegId};

/// How the caller's telephone sends keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysBy {
    TelephoneEvent,
    Info,
    InBand,
}

/// From one key of a number to the next.
const BETWEEN_DIGITS: Duration = Duration::from_millis(260);
const KEY_LENGTH: Duration = Duration::from_millis(100);

pub struct Caller {
    pub ua: UserAgent,
    pub handset: Handset,
    pub leg: Option<LegId>,
    pub answered: bool,
    /// The leg's last event has come.
    pub ended: bool,
    /// The call is on hold, or is about to be; it counts as held until the resuming is agreed to.
    pub held: bool,
    /// Its telephone refuses to change a session.
    pub refuses_offers: bool,
    /// Its telephone leaves the tones in the sound, however else it sends keys.
    pub leaves_tones: bool,
    /// How long a key is kept down.
    pub key_length: Duration,
    /// It passes the call on where it is asked to; without one nobody does.
    pub exchange: Option<Exchange>,
    keys_by: KeysBy,
    late_offer: bool,
    fingers: BTreeMap<(Instant, u64), Key>,
    pressed: u64,
}

impl Caller {
    pub fn new(now: Instant, keys_by: KeysBy, codecs: &[Codec], seed: u64) -> Caller {
        let address = SocketAddr::new(caller_address().ip(), 30_000);
        Caller {
            ua: UserAgent::new(Config::default(), seed),
            handset: Handset::new(now, address, codecs, CALLER_LEVEL, seed),
            leg: None,
            answered: false,
            ended: false,
            held: false,
            refuses_offers: false,
            leaves_tones: keys_by == KeysBy::InBand,
            key_length: KEY_LENGTH,
            exchange: None,
            keys_by,
            late_offer: false,
            fingers: BTreeMap::new(),
            pressed: 0,
        }
    }

    /// Dials; `late_offer` leaves the offer to the server's 200.
    pub fn dial(&mut self, now: Instant, late_offer: bool) {
        self.late_offer = late_offer;
        let offer = (!late_offer).then(|| {
            let offer = self.handset.offer_answer.offer(&self.handset.local);
            self.as_my_phone(offer).into()
        });
        let invite = Invite {
            flow: flow(caller_address(), server_address()),
            fallbacks: Vec::new(),
            target: format!("sip:hotline@{}", server_address()),
            route: Vec::new(),
            from: "<sip:+442079460000@caller.example>".into(),
            to: None,
            headers: Vec::new(),
            offer,
            credentials: None,
            timeout: Duration::from_secs(60),
        };
        let leg = self.ua.invite(now, invite);
        self.leg = Some(leg.expect("there is room"));
    }

    /// A telephone without telephone-events does not offer them.
    fn as_my_phone(&self, sdp: Vec<u8>) -> Vec<u8> {
        if self.keys_by == KeysBy::TelephoneEvent {
            return sdp;
        }
        without_telephone_events(sdp)
    }

    pub fn hold(&mut self, now: Instant, hold: Hold) {
        self.held = true;
        let offer = self.handset.hold(hold);
        self.reinvite(now, offer);
    }

    pub fn resume(&mut self, now: Instant) {
        let offer = self.handset.resume();
        self.reinvite(now, offer);
    }

    fn reinvite(&mut self, now: Instant, offer: Vec<u8>) {
        let offer = self.as_my_phone(offer);
        if let Some(leg) = self.leg.filter(|_| self.answered) {
            // Another one may be under way, or the call over.
            let _ = self.ua.reinvite(now, leg, offer.into());
        }
    }

    /// Presses one key after the other, from now on.
    pub fn press(&mut self, now: Instant, keys: impl IntoIterator<Item = Key>) {
        let mut at = now;
        for key in keys {
            self.pressed += 1;
            self.fingers.insert((at, self.pressed), key);
            at += BETWEEN_DIGITS;
        }
    }

    /// Presses nothing of what was meant to be pressed later.
    pub fn forget_keys(&mut self) {
        self.fingers.clear();
    }

    pub fn hang_up(&mut self, now: Instant) {
        if let Some(leg) = self.leg {
            // It may have ended meanwhile.
            let _ = self.ua.hang_up(now, leg, None);
        }
        self.forget_keys();
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let finger = self.fingers.keys().next().map(|(at, _)| *at);
        let tick = self.handset.next_tick();
        let exchange = self.exchange.as_ref().and_then(Exchange::next_timeout);
        [finger, tick, exchange, self.ua.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn receive(&mut self, now: Instant, mut datagram: Datagram) {
        if datagram.to.port() != 5060 {
            return self.handset.receive(now, datagram);
        }
        if let Some(exchange) = &mut self.exchange {
            if exchange.receive(now, &datagram) {
                return;
            }
            exchange.hand(&mut datagram);
        }
        self.ua.receive(now, flow_of(&datagram), &datagram.bytes);
    }

    pub fn work(&mut self, now: Instant, network: &mut Network) {
        self.ua.handle_timeout(now);
        while let Some(entry) = self.fingers.first_entry().filter(|e| e.key().0 <= now) {
            let key = entry.remove();
            self.press_now(now, key);
        }
        while let Some(event) = self.ua.poll_event() {
            self.handle_event(now, event);
        }
        while let Some(mut transmit) = self.ua.poll_transmit() {
            if let Some(exchange) = &mut self.exchange {
                exchange.pass(&mut transmit);
            }
            network.transmit(now, &transmit);
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.work(now, network);
        }
        self.handset.tick(now, network);
    }

    fn press_now(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.leg.filter(|_| self.answered && !self.ended) else {
            return;
        };
        if self.leaves_tones {
            self.handset.press_in_band(key, self.key_length);
        }
        match self.keys_by {
            KeysBy::TelephoneEvent => self.handset.press_by_event(key),
            KeysBy::InBand => {}
            KeysBy::Info => {
                let body = info_of_key(key).into();
                let sent = self.ua.send_info(now, leg, "application/dtmf-relay", body);
                sent.expect("the call is answered");
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        let ended = event.ends();
        match event {
            Event::Answered {
                leg,
                sdp: Some(sdp),
            } if self.handset.media.is_none() => {
                self.answered(now, leg, &sdp);
            }
            Event::ReinviteAnswered { sdp: Some(sdp), .. } => {
                let accepted = self.handset.offer_answer.accept_answer(&sdp);
                // The server's offer came between ours and its answer, by a 491.
                if accepted == Err(NegotiationError::NoOffer) {
                    return;
                }
                let negotiated = accepted.expect("its answers answer our offers");
                self.held = negotiated.direction != Direction::SendRecv;
                self.handset.agree(now, negotiated);
            }
            Event::Offer { leg, .. } if self.refuses_offers => {
                let refused = self.ua.answer_offer(now, leg, Err(488));
                refused.expect("it was asked for");
            }
            Event::Offer { leg, sdp } => {
                let sdp = sdp.expect("the server asks with an offer");
                let answer = self.handset.offer_answer.answer(&sdp, &self.handset.local);
                let (negotiated, answer) = answer.expect("its offers can be answered");
                self.handset.agree(now, negotiated);
                let answered = self.ua.answer_offer(now, leg, Ok(answer.into()));
                answered.expect("it was asked for");
            }
            _ => {}
        }
        if ended.is_some() {
            self.ended = true;
            self.handset.media = None;
        }
    }

    /// The 200 brings the answer, or to a late offer the offer.
    fn answered(&mut self, now: Instant, leg: LegId, sdp: &[u8]) {
        let negotiated = if self.late_offer {
            let answer = self.handset.offer_answer.answer(sdp, &self.handset.local);
            let (mut negotiated, answer) = answer.expect("its offers can be answered");
            let answer = self.as_my_phone(answer);
            if self.keys_by != KeysBy::TelephoneEvent {
                negotiated.telephone_event = None;
            }
            let acknowledged = self.ua.acknowledge(leg, answer.into());
            acknowledged.expect("it waits for the answer");
            negotiated
        } else {
            let accepted = self.handset.offer_answer.accept_answer(sdp);
            accepted.expect("its answers answer our offers")
        };
        self.handset.agree(now, negotiated);
        self.answered = true;
    }
}

pub fn without_telephone_events(sdp: Vec<u8>) -> Vec<u8> {
    let text = String::from_utf8(sdp).expect("we wrote it");
    let lines = text.lines().filter(|line| !line.contains(":101 "));
    let lines = lines.map(|line| line.strip_suffix(" 101").unwrap_or(line));
    lines
        .flat_map(|line| [line, "\r\n"])
        .collect::<String>()
        .into_bytes()
}
