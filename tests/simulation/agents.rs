//! The people behind the targets: who answers, is busy, declines, never answers or leaves at once.

use crate::caller::{KeysBy, without_telephone_events};
use crate::handset::{Handset, Hold, is_level};
use crate::network::{Datagram, Network, flow_of};
use crate::world::{AGENT_LEVEL, CALLER_LEVEL, agents_address};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::call::info::info_of_key;
use zeroline::key::Key;
use zeroline::sdp::direction::Direction;
use zeroline::sdp::offer_answer::NegotiationError;
use zeroline::sip::header::Header;
use zeroline::sip::user_agent::UserAgent;
use zeroline::sip::user_agent::config::Config;
use zeroline::sip::user_agent::event::{Event, LegId};

/// What the person at one target does when it rings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Habit {
    /// Answers after a while, and leaves after a talk, or stays.
    Answers {
        after: Duration,
        talks: Option<Duration>,
    },
    Refuses(u16),
    /// Answers, and presses a key so long after the answer; then talks.
    Presses {
        after: Duration,
        then: Duration,
        key: Key,
        talks: Option<Duration>,
    },
    /// Its network speaks before anybody answers (183 with SDP), if anybody does.
    SpeaksEarly {
        answers: Option<Duration>,
    },
    /// It rings, and nobody comes.
    NeverAnswers,
    /// Not even ringing.
    Silent,
    AnswersWithNonsense,
}

pub struct Agents {
    pub ua: UserAgent,
    habits: BTreeMap<String, Habit>,
    /// The offer of each leg, and who sits there.
    legs: BTreeMap<LegId, (Bytes, Handset)>,
    wishes: BTreeMap<(Instant, u64), (LegId, Wish)>,
    next: u64,
    codec: Codec,
    /// When each INVITE for whom came.
    pub rung: Vec<(Instant, String)>,
    /// When an agent first heard the caller.
    pub heard_caller: Option<Instant>,
    pub keys: Vec<Key>,
    /// How their telephones send keys.
    pub keys_by: KeysBy,
    /// Nothing comes from them but signalling.
    pub are_dead: bool,
}

enum Wish {
    Ring,
    SpeakEarly,
    Answer(Option<Duration>),
    AnswerWithNonsense,
    Refuse(u16),
    HangUp,
    Press(Key),
}

impl Agents {
    pub fn new(habits: BTreeMap<String, Habit>, codec: Codec, seed: u64) -> Agents {
        Agents {
            ua: UserAgent::new(Config::default(), seed),
            habits,
            legs: BTreeMap::new(),
            wishes: BTreeMap::new(),
            next: 0,
            codec,
            rung: Vec::new(),
            heard_caller: None,
            keys: Vec::new(),
            keys_by: KeysBy::TelephoneEvent,
            are_dead: false,
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        let wish = self.wishes.keys().next().map(|(at, _)| *at);
        let ticks = self.legs.values().filter_map(|(_, it)| it.next_tick());
        ticks.chain(wish).chain(self.ua.next_timeout()).min()
    }

    pub fn receive(&mut self, now: Instant, datagram: Datagram) {
        if datagram.to.port() == 5060 {
            return self.ua.receive(now, flow_of(&datagram), &datagram.bytes);
        }
        let port = datagram.to.port() & !1;
        let mut legs = self.legs.values_mut();
        if let Some((_, handset)) = legs.find(|(_, handset)| handset.address.port() == port) {
            handset.receive(now, datagram);
            if handset
                .heard
                .level
                .is_some_and(|level| is_level(level, CALLER_LEVEL))
            {
                self.heard_caller.get_or_insert(now);
            }
            self.keys.append(&mut handset.heard.keys);
        }
    }

    /// Their lines are dead, but for signalling.
    pub fn go_dead(&mut self) {
        self.are_dead = true;
        for (_, handset) in self.legs.values_mut() {
            handset.dead = true;
        }
    }

    pub fn come_back(&mut self) {
        self.are_dead = false;
        for (_, handset) in self.legs.values_mut() {
            handset.dead = false;
        }
    }

    /// From their next call on.
    pub fn now_do(&mut self, user: &str, habit: Habit) {
        self.habits.insert(user.to_string(), habit);
    }

    /// Whoever is on the line hangs up.
    pub fn hang_up(&mut self, now: Instant) {
        for leg in self.legs.keys() {
            // It may not be answered yet.
            let _ = self.ua.hang_up(now, *leg, None);
        }
    }

    /// A re-INVITE from everybody who is on the line.
    pub fn reinvite(&mut self, now: Instant) {
        self.offer(now, |handset| {
            handset.local.direction = Direction::SendRecv;
            handset.offer_answer.offer(&handset.local)
        });
    }

    /// Whoever is on the line puts the caller on hold.
    pub fn hold(&mut self, now: Instant, hold: Hold) {
        self.offer(now, |handset| handset.hold(hold));
    }

    pub fn resume(&mut self, now: Instant) {
        self.offer(now, Handset::resume);
    }

    fn offer(&mut self, now: Instant, offer: impl Fn(&mut Handset) -> Vec<u8>) {
        for (leg, (_, handset)) in &mut self.legs {
            let offer = offer(handset);
            // Another one may be under way.
            let _ = self.ua.reinvite(now, *leg, offer.into());
        }
    }

    /// When whoever is on the line heard music last.
    pub fn heard_music(&self) -> Option<Instant> {
        let handsets = self.legs.values().map(|(_, handset)| handset);
        handsets.filter_map(|handset| handset.heard.music).max()
    }

    pub fn work(&mut self, now: Instant, network: &mut Network) {
        self.ua.handle_timeout(now);
        while let Some(entry) = self.wishes.first_entry().filter(|e| e.key().0 <= now) {
            let (leg, wish) = entry.remove();
            self.fulfil(now, leg, wish);
        }
        while let Some(event) = self.ua.poll_event() {
            self.handle_event(now, event);
        }
        while let Some(transmit) = self.ua.poll_transmit() {
            network.transmit(now, &transmit);
        }
        for (_, handset) in self.legs.values_mut() {
            handset.tick(now, network);
        }
    }

    fn wish(&mut self, at: Instant, leg: LegId, wish: Wish) {
        self.next += 1;
        self.wishes.insert((at, self.next), (leg, wish));
    }

    fn handle_event(&mut self, now: Instant, event: Event) {
        let ended = event.ends();
        if let Event::Incoming(incoming) = &event {
            let user = incoming.request.uri.user();
            self.rung.push((now, user.clone()));
            let port = 20_000 + 2 * self.rung.len() as u16;
            let address = SocketAddr::new(agents_address().ip(), port);
            let codecs = [self.codec];
            let handset = Handset::new(now, address, &codecs, AGENT_LEVEL, u64::from(port));
            let offer = incoming.offer.clone().expect("we always offer");
            self.legs.insert(incoming.leg, (offer, handset));
            self.react(now, incoming.leg, &user);
        }
        if let Event::ReinviteAnswered {
            leg,
            sdp: Some(sdp),
        } = &event
            && let Some((_, handset)) = self.legs.get_mut(leg)
        {
            match handset.offer_answer.accept_answer(sdp) {
                Ok(negotiated) => handset.agree(now, negotiated),
                // The server's offer came between ours and its answer, by a 491.
                Err(error) => assert_eq!(error, NegotiationError::NoOffer),
            }
        }
        if let Event::Offer {
            leg,
            sdp: Some(sdp),
        } = &event
            && let Some((_, handset)) = self.legs.get_mut(leg)
        {
            let answer = handset.offer_answer.answer(sdp, &handset.local);
            let (negotiated, answer) = answer.expect("our offers can be answered");
            handset.agree(now, negotiated);
            let answered = self.ua.answer_offer(now, *leg, Ok(answer.into()));
            answered.expect("it was asked for");
        }
        if let Some(leg) = ended {
            self.legs.remove(&leg);
        }
    }

    fn react(&mut self, now: Instant, leg: LegId, user: &str) {
        let soon = now + Duration::from_millis(50);
        match self.habits.get(user) {
            None => self.wish(now, leg, Wish::Refuse(404)),
            Some(Habit::Refuses(status)) => {
                let status = *status;
                self.wish(soon, leg, Wish::Ring);
                self.wish(soon + soon.duration_since(now), leg, Wish::Refuse(status));
            }
            Some(Habit::NeverAnswers) => self.wish(soon, leg, Wish::Ring),
            Some(Habit::Silent) => {}
            Some(Habit::SpeaksEarly { answers }) => {
                let answers = *answers;
                self.wish(soon, leg, Wish::SpeakEarly);
                if let Some(after) = answers {
                    self.wish(now + after, leg, Wish::Answer(None));
                }
            }
            Some(Habit::AnswersWithNonsense) => self.wish(soon, leg, Wish::AnswerWithNonsense),
            Some(Habit::Presses {
                after,
                then,
                key,
                talks,
            }) => {
                let (answers, then, key, talks) = (now + *after, *then, *key, *talks);
                self.wish(soon, leg, Wish::Ring);
                self.wish(answers, leg, Wish::Answer(talks.map(|talks| then + talks)));
                self.wish(answers + then, leg, Wish::Press(key));
            }
            Some(Habit::Answers { after, talks }) => {
                let (after, talks) = (*after, *talks);
                self.wish(soon, leg, Wish::Ring);
                self.wish(now + after, leg, Wish::Answer(talks));
            }
        }
    }

    /// The caller may have gone meanwhile, and the leg with it: then there is nothing to do.
    fn fulfil(&mut self, now: Instant, leg: LegId, wish: Wish) {
        let _ = match wish {
            Wish::Ring => self.ua.provisional(now, leg, 180, None),
            Wish::Refuse(status) => {
                let elsewhere = (
                    Header::Contact,
                    "<sip:elsewhere@people.example>".to_string(),
                );
                let elsewhere = (status / 100 == 3).then_some(elsewhere);
                let headers: Vec<_> = elsewhere.into_iter().collect();
                self.ua.reject(now, leg, status, &headers)
            }
            Wish::Press(key) => {
                let Some((_, handset)) = self.legs.get_mut(&leg) else {
                    return;
                };
                // Nobody presses anything before they are asked.
                if handset.heard.sound.is_none() {
                    return self.wish(now + Duration::from_millis(500), leg, Wish::Press(key));
                }
                return self.press(now, leg, key);
            }
            Wish::HangUp => self.ua.hang_up(now, leg, None),
            Wish::AnswerWithNonsense => {
                let nonsense = Bytes::from_static(b"v=0\r\nm=nonsense");
                self.ua.accept(now, leg, nonsense)
            }
            Wish::SpeakEarly => {
                let Some(sdp) = self.agree(now, leg) else {
                    return;
                };
                self.ua.provisional(now, leg, 183, Some(sdp))
            }
            Wish::Answer(talks) => {
                let Some(sdp) = self.agree(now, leg) else {
                    return;
                };
                let accepted = self.ua.accept(now, leg, sdp);
                if let Some(talks) = talks {
                    self.wish(now + talks, leg, Wish::HangUp);
                }
                accepted
            }
        };
    }

    fn press(&mut self, now: Instant, leg: LegId, key: Key) {
        let Some((_, handset)) = self.legs.get_mut(&leg) else {
            return;
        };
        match self.keys_by {
            KeysBy::TelephoneEvent => handset.press_by_event(key),
            KeysBy::InBand => handset.press_in_band(key, Duration::from_millis(300)),
            KeysBy::Info => {
                let body = info_of_key(key).into();
                let sent = self.ua.send_info(now, leg, "application/dtmf-relay", body);
                sent.expect("it is answered");
                // Some send a key by two ways at once.
                handset.press_by_event(key);
            }
        }
    }

    /// Whoever is on the line presses a key.
    pub fn press_on_the_line(&mut self, now: Instant, key: Key) {
        for leg in self.legs.keys().copied().collect::<Vec<_>>() {
            self.press(now, leg, key);
        }
    }

    /// Takes the leg's offer, and begins to speak: the answer.
    fn agree(&mut self, now: Instant, leg: LegId) -> Option<Bytes> {
        let (offer, handset) = self.legs.get_mut(&leg)?;
        handset.pick_up();
        let answer = handset.offer_answer.answer(offer, &handset.local);
        let (mut negotiated, mut sdp) = answer.expect("our offers can be answered");
        if self.keys_by == KeysBy::InBand {
            negotiated.telephone_event = None;
            sdp = without_telephone_events(sdp);
        }
        handset.agree(now, negotiated);
        Some(sdp.into())
    }
}
