//! A callback, a person first: what the person's telephone does while the caller's rings.

use crate::hotline::{Tones, dialplan, services};
use crate::random::key;
use crate::world::{UNIX, agents_address, caller_address, server_address};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::call::call::Call;
use zeroline::call::callback::Callback;
use zeroline::call::contract::{
    Channel, Input, LegNumber, Output, PacketSink, Session, SipCommand,
};
use zeroline::call::info::info_of_key;
use zeroline::config::callbacks::First;
use zeroline::dialogue::program::Program;
use zeroline::events::{CallRef, EndedBy, Event};
use zeroline::handoff::distributor::{Answer, Passed, Request};
use zeroline::language::Language;
use zeroline::rtp::packet::Header;
use zeroline::sdp::direction::Direction;
use zeroline::sdp::offer_answer::{LocalMedia, OfferAnswer};

const PERSON: LegNumber = LegNumber(1);

/// A call back without a network: its commands are carried out here, by hand.
struct Stage {
    now: Instant,
    call: Call,
    outputs: VecDeque<Output>,
    events: Vec<Event>,
    person: OfferAnswer,
    ears: Ears,
}

/// When the caller was last sent a sound.
#[derive(Default)]
struct Ears {
    now: Option<Instant>,
    sound: Option<Instant>,
}

impl PacketSink for Ears {
    fn send(&mut self, leg: LegNumber, channel: Channel, _: SocketAddr, packet: &[u8]) {
        if (leg, channel) == (LegNumber::CALLER, Channel::Rtp) {
            let (_, sound) = Header::read(packet).expect("we sent it");
            let silent = packet[sound]
                .iter()
                .all(|octet| *octet == Codec::Pcma.silence());
            self.sound = self.now.filter(|_| !silent).or(self.sound);
        }
    }
}

fn local(address: SocketAddr, direction: Direction) -> LocalMedia {
    LocalMedia {
        address: address.ip(),
        rtp_port: 20_000,
        codecs: vec![Codec::Pcma],
        ptime_ms: 20,
        direction,
        rtcp_mux: false,
    }
}

impl Stage {
    /// The person has taken the call, and the caller's telephone is rung: its INVITE's offer.
    fn with_a_person() -> (Stage, Vec<u8>) {
        let mut stage = Stage::new(First::Agent);
        stage.a_person_takes_it();
        let offer = stage.the_caller_is_rung();
        (stage, offer)
    }

    fn new(first: First) -> Stage {
        let program = Program::compile(dialplan()).expect("its templates are right");
        let now = Instant::now();
        let callback = Callback {
            call: CallRef::from_parts(UNIX.as_millis() as u64, 2),
            of: CallRef::from_parts(UNIX.as_millis() as u64, 1),
            attempt: 1,
            number: "+442079460000".into(),
            called: "hotline".into(),
            address: "sip:+442079460000@trunk.example".into(),
            first,
            rings: Duration::from_secs(60),
            handoff: "support".into(),
            wish: "support".into(),
            language: Language::En,
            paced_by: None,
            slots: Vec::new(),
            since: None,
            seed: 1,
            unix: UNIX,
        };
        Stage {
            now,
            call: Call::callback(now, services(program, Arc::new(Tones), false), callback),
            outputs: VecDeque::new(),
            events: Vec::new(),
            person: OfferAnswer::new(7),
            ears: Ears::default(),
        }
    }

    /// The INVITE's offer.
    fn the_caller_is_rung(&mut self) -> Vec<u8> {
        let address = Ok(SocketAddr::new(server_address().ip(), 10_000));
        let leg = LegNumber::CALLER;
        self.tell(Input::MediaOpened { leg, address });
        self.find(|it| match it {
            SipCommand::Invite { leg, offer, .. } if leg == LegNumber::CALLER => Some(offer),
            _ => None,
        })
    }

    fn somebody_is_free(&mut self) {
        self.drain();
        let sought = self.outputs.drain(..).find_map(|it| match it {
            Output::Desk(Request::Seek { plan, search, .. }) => Some((plan, search)),
            _ => None,
        });
        let (plan, search) = sought.expect("a person is sought");
        let tries = plan.desks[0].tries[..1].to_vec();
        let passed = Passed::default();
        let answer = Answer::Ring { tries, passed };
        self.tell(Input::Desk { search, answer });
    }

    fn a_person_takes_it(&mut self) {
        self.somebody_is_free();
        let address = Ok(SocketAddr::new(server_address().ip(), 10_002));
        let leg = PERSON;
        self.tell(Input::MediaOpened { leg, address });
        let offer = self.find(|it| match it {
            SipCommand::Invite { offer, .. } => Some(offer),
            _ => None,
        });
        let answered = self.person_answers(&offer, Direction::SendRecv);
        let sdp = Some(answered.into());
        self.tell(Input::Answered { leg, sdp });
        self.run_for(Duration::from_secs(1));
        let body = info_of_key(key('1')).into();
        let content_type = "application/dtmf-relay".to_string();
        self.tell(Input::Info {
            leg,
            content_type,
            body,
        });
    }

    fn person_answers(&mut self, offer: &[u8], direction: Direction) -> Vec<u8> {
        let answered = self
            .person
            .answer(offer, &local(agents_address(), direction));
        answered.expect("our offers can be answered").1
    }

    fn tell(&mut self, input: Input) {
        self.ears.now = Some(self.now);
        self.call.handle_input(self.now, input, &mut self.ears);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            match output {
                Output::Journal(entry) => self.events.push(entry.event),
                output => self.outputs.push_back(output),
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        assert!(!self.has(is_end), "{:?}", self.events);
        while self.call.next_tick() <= end {
            self.now = self.call.next_tick().max(self.now);
            self.ears.now = Some(self.now);
            self.call.tick(self.now, &mut self.ears);
            self.drain();
        }
        self.now = end;
    }

    fn find<Found>(&mut self, wanted: impl Fn(SipCommand) -> Option<Found>) -> Found {
        let found = self.outputs.drain(..).find_map(|output| match output {
            Output::Sip(command) => wanted(command),
            _ => None,
        });
        found.expect("it is wanted")
    }

    /// A re-INVITE that leaves the offer to us, and is acknowledged with the answer.
    fn person_asks_for_an_offer(&mut self, direction: Direction) {
        let leg = PERSON;
        self.tell(Input::Offer { leg, sdp: None });
        let offer = self.find(|it| match it {
            SipCommand::AnswerOffer { answer, .. } => answer.ok(),
            _ => None,
        });
        let answer = Some(self.person_answers(&offer, direction).into());
        self.tell(Input::Acked { leg, answer });
    }

    fn caller_answers(&mut self, offer: &[u8]) {
        let local = local(caller_address(), Direction::SendRecv);
        let answered = OfferAnswer::new(8).answer(offer, &local);
        let (_, sdp) = answered.expect("our offers can be answered");
        self.tell(Input::Answered {
            leg: LegNumber::CALLER,
            sdp: Some(sdp.into()),
        });
    }

    fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(wanted)
    }
}

fn is_end(event: &Event) -> bool {
    matches!(
        event,
        Event::CallEnded { .. } | Event::CallbackFailed { .. }
    )
}

#[test]
fn what_the_persons_telephone_asks_meanwhile_does_not_end_the_call() {
    let (mut stage, offer) = Stage::with_a_person();
    stage.person_asks_for_an_offer(Direction::SendRecv);
    stage.run_for(Duration::from_secs(5));
    stage.caller_answers(&offer);
    stage.run_for(Duration::from_secs(1));
    assert!(stage.has(|it| matches!(it, Event::CallAnswered { .. })));
    assert!(!stage.has(is_end), "{:?}", stage.events);
}

/// Tired of the ringing they pressed Hold, and the caller answers.
#[test]
fn who_is_called_back_and_on_hold_hears_music() {
    let (mut stage, offer) = Stage::with_a_person();
    stage.person_asks_for_an_offer(Direction::Inactive);
    stage.run_for(Duration::from_secs(5));
    stage.caller_answers(&offer);
    stage.run_for(Duration::from_secs(1));
    let first = stage.ears.sound.expect("the caller hears something");
    stage.run_for(Duration::from_secs(20));
    let last = stage.ears.sound.expect("it was there before");
    assert!(last - first > Duration::from_secs(19), "it stops");
    assert!(!stage.has(is_end), "{:?}", stage.events);
}

/// The next server calls them: nobody was rung in vain, and no attempt is spent.
#[test]
fn a_callback_that_reached_nobody_yet_ends_when_the_server_stops() {
    let mut stage = Stage::new(First::Caller);
    stage.somebody_is_free();
    stage.the_caller_is_rung();
    stage.tell(Input::Stopping);
    let by_us = |it: &Event| {
        matches!(
            it,
            Event::CallEnded {
                by: EndedBy::Server,
                ..
            }
        )
    };
    assert!(stage.has(by_us), "{:?}", stage.events);
    assert!(!stage.has(|it| matches!(it, Event::CallbackFailed { .. })));

    let (mut stage, offer) = Stage::with_a_person();
    stage.tell(Input::Stopping);
    stage.caller_answers(&offer);
    stage.run_for(Duration::from_secs(5));
    assert!(!stage.has(is_end), "{:?}", stage.events);
}

/// Their target does not even ring.
#[test]
fn who_is_called_back_first_waits_for_a_person_in_no_silence() {
    let mut stage = Stage::new(First::Caller);
    stage.somebody_is_free();
    let offer = stage.the_caller_is_rung();
    stage.caller_answers(&offer);
    for _ in 0..70 {
        stage.run_for(Duration::from_millis(100));
        let since = stage.ears.sound.expect("it begins with a sentence");
        assert!(stage.now - since < Duration::from_secs(2));
    }
}
