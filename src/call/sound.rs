//! A call's packets: what arrives is keys, sound to relay or sound to record; what leaves is the
//! playout, or what the other leg said.

use super::call::Call;
use super::contract::{LegNumber, PacketSink, SipCommand};
use super::leg::MAX_PAYLOAD;
use super::media_watch::Silence;
use super::playout::Heard;
use super::received::{Packet, PacketKind, Received};
use super::recording::SoundClock;
use super::sound_flow::RINGING_PAUSE;
use super::speaking::OwnPlay;
use crate::audio::codecs::Codec;
use crate::dialogue::input::{self, FetchId};
use crate::events::{EndedBy, Event, KeySource};
use crate::handoff::transfer;
use crate::rtp::control::RtcpReceived;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A thread that was held up sends no more than this in one go; the rest is skipped.
const MAX_LAG: Duration = Duration::from_millis(100);

impl Call {
    pub(super) fn receive_rtp(
        &mut self,
        now: Instant,
        from: LegNumber,
        source: SocketAddr,
        datagram: &mut [u8],
        sink: &mut dyn PacketSink,
    ) -> bool {
        let Some(leg) = self.leg_mut(from) else {
            return false;
        };
        let Some(media) = leg.media.as_mut() else {
            return false;
        };
        let received = media.receive_rtp(now, source, datagram);
        let Some(packet) = received.packet() else {
            return received.is_from_peer();
        };
        leg.resumed &= !leg.is_two_way();
        if from == LegNumber::CALLER {
            self.caller_is_heard(now);
        }
        if self.human.is_bridged() {
            self.pass_on(now, from, &received, datagram, sink);
        } else if from != LegNumber::CALLER {
            self.hear_rung(now, from, &received, datagram);
            self.pass_early_media(now, from, packet, datagram, sink);
        }
        if from != LegNumber::CALLER {
            return true;
        }
        match received {
            Received::Key(key, _) => self.key(now, key, KeySource::TelephoneEvent),
            Received::Audio(Packet {
                kind: PacketKind::Audio(codec),
                payload,
                ..
            }) if self.caller.keys.wants_in_band() || self.tape.is_some() => {
                self.look_for_tones(now, codec, datagram.get(payload).unwrap_or_default())
            }
            Received::KeyUp(..) | Received::KeyHeld(_) => {
                self.stay_muted(now);
                self.key_sounds();
            }
            _ => {}
        }
        true
    }

    /// Also where keys come another way: some phones leave the tone in the sound all the same, and
    /// what is recorded must not tell it.
    fn look_for_tones(&mut self, now: Instant, codec: Codec, payload: &[u8]) {
        let heard = self.caller.detect_keys(codec, payload);
        if heard.tone {
            self.stay_muted(now);
            self.key_sounds();
        }
        if let Some(key) = heard.pressed {
            self.key(now, key, KeySource::InBand);
        }
    }

    fn caller_is_heard(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.media_flows, true) {
            self.log_event(now, Event::MediaFlows);
        }
        // Media before the ACK: the ACK was lost or is late, and the caller is there.
        self.start(now);
    }

    pub(super) fn receive_rtcp(
        &mut self,
        now: Instant,
        from: LegNumber,
        source: SocketAddr,
        datagram: &mut [u8],
    ) -> bool {
        let Some(media) = self.leg_mut(from).and_then(|leg| leg.media.as_mut()) else {
            return false;
        };
        media.receive_rtcp(now, source, datagram) != RtcpReceived::Ignored
    }

    /// Of a person's keys, those that are for the caller: not the one by which they took the call.
    fn pass_on(
        &mut self,
        now: Instant,
        from: LegNumber,
        received: &Received,
        datagram: &[u8],
        sink: &mut dyn PacketSink,
    ) {
        let Some(packet) = received.packet() else {
            return;
        };
        if self.stays_on_hold(now, from, packet, datagram) {
            return;
        }
        if from == LegNumber::CALLER {
            return self.relay(now, from, packet, datagram, sink);
        }
        let person = self.leg_mut(from);
        if person.is_some_and(|leg| leg.keeps(now, received, datagram)) {
            return self.caller.leave_out(packet);
        }
        self.relay(now, from, packet, datagram, sink);
        if let Received::Key(key, _) = received {
            self.relay_key(from, *key, KeySource::TelephoneEvent);
        }
    }

    /// What one side of a bridge said goes to the other at once, without a jitter buffer between.
    fn relay(
        &mut self,
        now: Instant,
        from: LegNumber,
        packet: &Packet,
        datagram: &[u8],
        sink: &mut dyn PacketSink,
    ) {
        let to = if from == LegNumber::CALLER {
            self.human.agent.as_mut()
        } else {
            Some(&mut self.caller)
        };
        if let Some(to) = to {
            let payload = datagram.get(packet.payload.clone()).unwrap_or_default();
            to.relay(now, packet, payload, sink);
        }
    }

    /// The keys of somebody who was told whose call it is.
    fn hear_rung(
        &mut self,
        now: Instant,
        from: LegNumber,
        received: &Received,
        datagram: &mut [u8],
    ) {
        let Some(leg) = self.human.rung(from).and_then(|rung| rung.leg.as_mut()) else {
            return;
        };
        let heard = match received {
            Received::Key(key, _) => Some((*key, KeySource::TelephoneEvent)),
            Received::Audio(Packet {
                kind: PacketKind::Audio(codec),
                payload,
                ..
            }) if leg.keys.wants_in_band() => {
                let payload = datagram.get(payload.clone()).unwrap_or_default();
                let pressed = leg.detect_keys(*codec, payload).pressed;
                pressed.map(|key| (key, KeySource::InBand))
            }
            _ => None,
        };
        if let Some((key, source)) = heard
            && leg.keys.accept(now, key, source)
        {
            self.rung_key(now, from, key, source);
        }
    }

    fn pass_early_media(
        &mut self,
        now: Instant,
        from: LegNumber,
        packet: &Packet,
        datagram: &[u8],
        sink: &mut dyn PacketSink,
    ) {
        if !matches!(packet.kind, PacketKind::Audio(_)) {
            return;
        }
        let payload = datagram.get(packet.payload.clone()).unwrap_or_default();
        if let Some(rung) = self.human.rung(from) {
            rung.early.receive(now, packet.kind, payload);
        }
        if self.early_media_is_heard(now) {
            self.caller.relay(now, packet, payload, sink);
        }
    }

    /// What we say ourselves is heard to its end.
    fn early_media_is_heard(&self, now: Instant) -> bool {
        let waits = !self.human.is_bridged() && !self.caller.playout.says_something();
        let rung = self.human.only_rung();
        waits && rung.is_some_and(|it| it.early.flows(now, RINGING_PAUSE))
    }

    /// One packet time: what the caller hears, and what is recorded of the time before it.
    pub(super) fn send_sound(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        self.take_sound(now);
        self.play_music_on_hold(now);
        self.send_to_caller(now, sink);
        self.send_to_person(now, sink);
        self.send_briefings(now, sink);
        self.send_info_key(now);
        while let Some(heard) = self.caller.playout.poll_heard() {
            self.heard(now, heard);
        }
        self.next_tick += self.caller.packet_time();
        if self.next_tick + MAX_LAG < now {
            self.next_tick = now + self.caller.packet_time();
        }
    }

    fn send_to_caller(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        if self.agent_is_heard(now) {
            self.caller.send_key(now, sink);
            return;
        }
        let sent = self.caller.send_sound(now, sink);
        if let (Some(clock), Some(sent)) = (&mut self.clock, sent) {
            clock.say(self.caller.codec(), &sent.payload[..sent.length]);
        }
    }

    fn send_to_person(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        let (talks, waits) = (self.human.talks(), self.person_waits());
        let hears_us = waits || self.caller.holds_in_silence(now);
        let time = self.caller.packet_time();
        match self.human.agent.as_mut().filter(|_| talks) {
            Some(agent) if hears_us => agent.send_sound_for(now, time, sink),
            Some(agent) => _ = agent.send_key(now, sink),
            None => {}
        }
    }

    /// The caller hears what comes from there, and nothing of ours.
    fn agent_is_heard(&self, now: Instant) -> bool {
        match self.human.agent.as_ref().filter(|_| self.human.talks()) {
            Some(agent) => !agent.holds_in_silence(now),
            None => self.early_media_is_heard(now),
        }
    }

    /// What was said since the last tick, for the tape and the recognizer.
    fn take_sound(&mut self, now: Instant) {
        let recording = self.is_recording();
        let wanted = recording || self.is_listening();
        self.caller.set_decoding(wanted);
        let heard = recording && self.agent_is_heard(now);
        if let Some(other) = self.human.other_leg() {
            other.set_decoding(heard);
        }
        if !wanted {
            self.clock = None;
            return;
        }
        // The time of the tick, not of the late moment at which it is done.
        let at = self.next_tick;
        let new_clock = || Box::new(SoundClock::new(at));
        let mut left = self.clock.get_or_insert_with(new_clock).advance(at);
        while left > 0 {
            let length = left.min(MAX_PAYLOAD);
            self.take_stretch(now, length);
            left -= length;
        }
    }

    fn take_stretch(&mut self, now: Instant, length: usize) {
        let (mut said, mut other) = ([0; MAX_PAYLOAD], [0; MAX_PAYLOAD]);
        let (said, other) = (&mut said[..length], &mut other[..length]);
        self.caller.decode(now, said);
        let heard = self.agent_is_heard(now);
        match (self.human.other_leg(), &mut self.clock) {
            (Some(leg), _) if heard => leg.decode(now, other),
            (_, Some(clock)) => clock.take_said(other),
            (_, None) => {}
        }
        if self.is_recording() {
            self.record_conversation(now, said, other);
            self.record_message(said);
        }
        self.listen_to(now, said, other);
    }

    /// Between two times that the caller is told of it, music says that the lookup goes on.
    pub(super) fn play_music_in_lookup(&mut self) {
        if self.fetching.is_some() {
            let music = self.services.sounds.comfort.clone();
            self.caller.playout.set_background(Some(music));
        }
    }

    pub(super) fn fetch_ended(&mut self, fetch: FetchId) {
        if self.fetching.take_if(|it| *it == fetch).is_some() {
            self.caller.playout.set_background(None);
        }
    }

    fn heard(&mut self, now: Instant, heard: Heard) {
        match heard {
            Heard::Part { play, part } if self.is_own(play) => self.own_part_heard(now, play, part),
            Heard::Part { play, part } => {
                self.dialogue_input(now, input::Input::PartPlayed { play, part })
            }
            Heard::End { play } if self.is_own(play) => self.own_play_heard(now),
            Heard::End { play } => self.dialogue_input(now, input::Input::PlayEnded { play }),
            Heard::Overdue { play, part } => {
                let reason = "the synthesizer did not answer in time".to_string();
                self.rendered(now, play, part, Err(reason));
            }
        }
    }

    fn own_play_heard(&mut self, now: Instant) {
        match self.own_play.take().map(|(_, own)| own) {
            Some(OwnPlay::PassingOn) => self.transfer_input(now, transfer::Input::PassingOnSaid),
            Some(OwnPlay::Beep) => self.beep_heard(),
            Some(OwnPlay::Sentence) | None => {}
        }
    }

    /// A new prompt starts its talkspurt at once, not at the next tick.
    pub(super) fn after_work(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        if std::mem::take(&mut self.speak_at_once) && !self.ended && !self.human.is_bridged() {
            self.next_tick = now;
            self.send_sound(now, sink);
            self.speak_at_once = false;
        }
        if self.ended {
            self.say_goodbye(now, sink);
        }
    }

    pub(super) fn run_timers(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        self.dialogue_timeout(now);
        if self.human.next_timeout().is_some_and(|due| due <= now) {
            self.transfer_timeout(now);
        }
        self.calling_timeout(now);
        self.watch_recognition(now);
        self.caller.send_rtcp(now, sink);
        let ringing = self.human.ringing.iter_mut();
        let ringing = ringing.filter_map(|rung| rung.leg.as_mut());
        for leg in ringing.chain(&mut self.human.agent) {
            leg.send_rtcp(now, sink);
        }
        self.watch_media(now, LegNumber::CALLER);
        let bridged = self
            .human
            .agent
            .as_ref()
            .filter(|_| self.human.is_bridged());
        if let Some(agent) = bridged.map(|agent| agent.number) {
            self.watch_media(now, agent);
        }
    }

    fn watch_media(&mut self, now: Instant, number: LegNumber) {
        let Some(leg) = self.leg_mut(number) else {
            return;
        };
        let gone = "no media for a minute";
        match leg.watch_media(now) {
            None => {}
            Some(Silence::Doubtful) => {
                let offer = leg.offer();
                self.sip(SipCommand::Reinvite { leg: number, offer });
            }
            Some(Silence::Lost) if number == LegNumber::CALLER => {
                self.end(now, EndedBy::Network, gone.into())
            }
            Some(Silence::Lost) => self.lose_agent(now, gone),
        }
    }
}
