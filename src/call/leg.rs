//! One leg of a call: its session description, its media and what it hears.

use super::contract::{Channel, LegNumber, PacketSink};
use super::key_sender::KeySender;
use super::keys::KeyGate;
use super::media_session::{MAX_DATAGRAM, MediaSession};
use super::media_watch::{MediaWatch, Silence};
use super::playout::{Filled, Playout};
use super::received::{Packet, PacketKind, Received};
use super::sound_flow::{MUSIC_PAUSE, SoundFlow};
use crate::audio::codecs::Codec;
use crate::audio::dtmf_detector::{DtmfDetector, KeyTone};
use crate::config::trunk::TrunkKeys;
use crate::events::{KeySource, Quality};
use crate::key::Key;
use crate::rtp::telephone_event::ToSend;
use crate::sdp::direction::Direction;
use crate::sdp::offer_answer::{LocalMedia, Negotiated, NegotiationError, OfferAnswer};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The longest packet: 60 ms at 8 kHz, one byte a sample.
pub const MAX_PAYLOAD: usize = 480;

/// What [`Leg::detect_keys`] heard in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeysHeard {
    pub pressed: Option<Key>,
    /// A key's tone sounds in it.
    pub tone: bool,
}

/// What [`Leg::send_sound`] put on its way.
pub struct Sent {
    pub payload: [u8; MAX_PAYLOAD],
    pub length: usize,
}

pub struct Leg {
    pub number: LegNumber,
    pub playout: Playout,
    pub keys: KeyGate,
    /// `None` until both sides' descriptions are known.
    pub media: Option<MediaSession>,
    watch: MediaWatch,
    offer_answer: OfferAnswer,
    local: LocalMedia,
    seed: u64,
    /// Since 1970, when the leg was made.
    unix: Duration,
    tones: Option<Box<DtmfDetector>>,
    tone_is_down: bool,
    key_sender: KeySender,
    /// The other leg's key (its timestamp there) that waits behind keys that are being sent.
    withheld_key: Option<u32>,
    /// How the peer sends the key that it presses now, where that key was for us alone.
    own_key: Option<KeySource>,
    /// What comes from the peer while it holds.
    pub(super) on_hold: SoundFlow,
    /// The peer has held, and nothing has come from it since.
    pub(super) resumed: bool,
    /// So much sound is due to the peer: its packets may be of another length than the other leg's.
    owed: Duration,
}

impl Leg {
    /// `address` is where the peer reaches our RTP socket; `seed` makes SSRC, sequence numbers and
    /// session ids.
    pub fn new(number: LegNumber, address: SocketAddr, seed: u64, unix: Duration) -> Leg {
        let local = LocalMedia {
            address: address.ip(),
            rtp_port: address.port(),
            codecs: Codec::ALL.to_vec(),
            ptime_ms: 20,
            direction: Direction::SendRecv,
            rtcp_mux: false,
        };
        Leg {
            number,
            playout: Playout::default(),
            keys: KeyGate::new(false),
            media: None,
            watch: MediaWatch::default(),
            offer_answer: OfferAnswer::new(seed),
            local,
            seed,
            unix,
            tones: None,
            tone_is_down: false,
            key_sender: KeySender::new(TrunkKeys::Rfc4733),
            withheld_key: None,
            own_key: None,
            on_hold: SoundFlow::default(),
            resumed: false,
            owed: Duration::ZERO,
        }
    }

    /// How the peer is sent its keys.
    pub fn keys_by(mut self, by: TrunkKeys) -> Leg {
        self.key_sender = KeySender::new(by);
        self
    }

    pub fn answer(&mut self, now: Instant, offer: &[u8]) -> Result<Vec<u8>, NegotiationError> {
        let (negotiated, answer) = self.offer_answer.answer(offer, &self.local)?;
        self.agree(now, negotiated);
        Ok(answer)
    }

    pub fn offer(&mut self) -> Vec<u8> {
        self.offer_answer.offer(&self.local)
    }

    pub fn accept_answer(&mut self, now: Instant, answer: &[u8]) -> Result<(), NegotiationError> {
        let negotiated = self.offer_answer.accept_answer(answer)?;
        self.agree(now, negotiated);
        Ok(())
    }

    fn agree(&mut self, now: Instant, negotiated: Negotiated) {
        self.keys.renegotiate(negotiated.telephone_event.is_some());
        self.is_there(now);
        let (was_two_way, talked) = (self.is_two_way(), self.media.is_some());
        match &mut self.media {
            Some(media) => media.renegotiate(negotiated),
            none => *none = Some(MediaSession::new(now, negotiated, self.seed, self.unix)),
        }
        self.resumed |= !was_two_way;
        if talked && was_two_way {
            self.on_hold.expect(now, MUSIC_PAUSE);
        }
    }

    /// Sends keys, one after the other; `w` waits half a second.
    pub fn send_keys(&mut self, keys: &str) {
        let keys: Vec<ToSend> = keys
            .chars()
            .filter_map(|symbol| match symbol {
                'w' | 'W' => Some(ToSend::Pause(Duration::from_millis(500))),
                _ => Key::from_char(symbol).map(ToSend::Key),
            })
            .collect();
        if let Some(media) = &mut self.media {
            self.key_sender.send(&keys, media);
        }
    }

    /// How the peer gets its keys.
    pub fn keys_go_by(&self) -> KeySource {
        self.key_sender.way(self.media.as_ref())
    }

    /// Passes on a packet of the other leg, unless keys are being sent. A key that begins while
    /// they are goes out behind them, and no packet of it beside them.
    pub fn relay(
        &mut self,
        now: Instant,
        packet: &Packet,
        payload: &[u8],
        sink: &mut dyn PacketSink,
    ) {
        let is_key = packet.kind == PacketKind::TelephoneEvent;
        let key = is_key.then_some(packet.header.timestamp);
        if self.is_sending_keys() {
            self.withheld_key = key.or(self.withheld_key);
            return;
        }
        let goes_by_events = self.keys_go_by() == KeySource::TelephoneEvent;
        let Some(media) = &mut self.media else { return };
        if is_key && (!goes_by_events || key == self.withheld_key) {
            return media.leave_out(packet);
        }
        if is_key {
            self.withheld_key = None;
        }
        let mut relayed = [0; MAX_DATAGRAM];
        if let Some((address, length)) = media.relay(now, packet, payload, &mut relayed) {
            sink.send(self.number, Channel::Rtp, address, &relayed[..length]);
        }
    }

    /// A packet of the other leg is not for the peer: no gap tells of it.
    pub fn leave_out(&mut self, packet: &Packet) {
        if let Some(media) = &mut self.media {
            media.leave_out(packet);
        }
    }

    /// The key that the peer presses now is for us: what still comes of it is not for the other leg.
    pub fn keep_key(&mut self, by: KeySource) {
        self.own_key = Some(by);
    }

    /// Whether a packet of the peer's stays here: of a key that is for us, or that came another way
    /// already.
    pub fn keeps(&mut self, now: Instant, received: &Received, datagram: &[u8]) -> bool {
        match received {
            Received::Key(key, _) => {
                let event = KeySource::TelephoneEvent;
                let is_new = self.keys.accept(now, *key, event);
                self.own_key = (!is_new).then_some(event);
            }
            Received::Audio(Packet {
                kind: PacketKind::Audio(codec),
                payload,
                ..
            }) if self.own_key == Some(KeySource::InBand) => {
                let payload = datagram.get(payload.clone()).unwrap_or_default();
                if self.detect_keys(*codec, payload).tone {
                    return true;
                }
                self.own_key = None;
            }
            _ => {}
        }
        let is_event = received.packet().map(|it| it.kind) == Some(PacketKind::TelephoneEvent);
        is_event && self.own_key == Some(KeySource::TelephoneEvent)
    }

    /// Whether the packets of the other leg's latest key are passed on as they come.
    pub fn relays_keys(&self) -> bool {
        self.keys_go_by() == KeySource::TelephoneEvent && self.withheld_key.is_none()
    }

    /// The key that is to be sent as INFO now.
    pub fn poll_info_key(&mut self, now: Instant) -> Option<Key> {
        self.key_sender.poll_info(now)
    }

    /// Whether keys are being sent in whose place no sound can be.
    pub fn is_sending_keys(&self) -> bool {
        let events = self.media.as_ref().is_some_and(MediaSession::keys_waiting);
        events || self.key_sender.has_tones()
    }

    pub fn key_source(&self) -> KeySource {
        self.keys.source()
    }

    pub fn codec(&self) -> Codec {
        self.media
            .as_ref()
            .map_or(Codec::Pcmu, |media| media.negotiated().codec)
    }

    pub fn packet_time(&self) -> Duration {
        let ptime_ms = self
            .media
            .as_ref()
            .map_or(20, |media| media.negotiated().ptime_ms);
        Duration::from_millis(u64::from(ptime_ms))
    }

    /// The samples, and so the bytes of G.711, in one packet.
    fn payload_length(&self) -> usize {
        (self.packet_time().as_millis() as usize * 8).min(MAX_PAYLOAD)
    }

    /// Signalling has shown that the peer is there.
    pub fn is_there(&mut self, now: Instant) {
        self.watch.signalled(now);
    }

    /// What the peer's silence has come to, unless it held or said that it is silent: then it is
    /// counted from the end of that.
    pub fn watch_media(&mut self, now: Instant) -> Option<Silence> {
        let media = self.media.as_ref()?;
        if !media.expects_media() {
            self.watch.excuse(now);
            return None;
        }
        self.watch.check(now, media.last_received())
    }

    /// Whether the peer takes no sound now (RFC 3264, 8.4).
    pub fn is_held(&self) -> bool {
        let media = self.media.as_ref();
        media.is_some_and(|media| !media.negotiated().direction.sends())
    }

    /// Whether both are to be heard. Who holds may send music; some hold by `recvonly`, and send none.
    pub fn is_two_way(&self) -> bool {
        let direction = self.media.as_ref().map(|it| it.negotiated().direction);
        direction.is_none_or(|direction| direction == Direction::SendRecv)
    }

    /// Keys that are heard in the sound itself. `codec` is the packet's own: some peers send the
    /// other law than they agreed on.
    pub fn detect_keys(&mut self, codec: Codec, payload: &[u8]) -> KeysHeard {
        let mut samples = [0; MAX_PAYLOAD];
        let payload = &payload[..payload.len().min(MAX_PAYLOAD)];
        let length = codec.decode(payload, &mut samples);
        let tones = self
            .tones
            .get_or_insert_with(|| Box::new(DtmfDetector::new()));
        let is_down = &mut self.tone_is_down;
        let mut heard = KeysHeard {
            pressed: None,
            tone: *is_down,
        };
        tones.handle_samples(&samples[..length], |tone| match tone {
            KeyTone::Down(key) => {
                heard.pressed = Some(key);
                (heard.tone, *is_down) = (true, true);
            }
            KeyTone::Up(_) => *is_down = false,
        });
        heard
    }

    /// Whether the sound is wanted: it costs a jitter buffer and its work.
    pub fn set_decoding(&mut self, wanted: bool) {
        if let Some(media) = &mut self.media {
            media.set_decoding(wanted);
        }
    }

    /// The next stretch of what the peer said, gaps concealed.
    pub fn decode(&mut self, now: Instant, frame: &mut [i16]) {
        if let Some(media) = &mut self.media {
            media.decode_frame(now, frame);
        }
    }

    pub fn quality(&self) -> Option<Quality> {
        self.media.as_ref().map(MediaSession::quality)
    }

    /// Sends the next packet of keys or playout. On hold the playout stands still: what was not sent
    /// was not heard.
    pub fn send_sound(&mut self, now: Instant, sink: &mut dyn PacketSink) -> Option<Sent> {
        if self.is_held() || self.send_key(now, sink) {
            return None;
        }
        let mut sent = Sent {
            payload: [0; MAX_PAYLOAD],
            length: self.payload_length(),
        };
        let codec = self.codec();
        let media = self.media.as_mut()?;
        let payload = &mut sent.payload[..sent.length];
        let filled = self.playout.fill(codec, payload);
        let talkspurt_start = filled
            == Filled::Sound {
                talkspurt_start: true,
            };
        let mut packet = [0; MAX_DATAGRAM];
        if let Some((to, length)) = media.send_audio(now, payload, talkspurt_start, &mut packet) {
            sink.send(self.number, Channel::Rtp, to, &packet[..length]);
        }
        Some(sent)
    }

    /// Sends as much as one packet of another leg lasts.
    pub fn send_sound_for(&mut self, now: Instant, time: Duration, sink: &mut dyn PacketSink) {
        self.owed += time;
        while self.owed >= self.packet_time() {
            self.owed -= self.packet_time();
            self.send_sound(now, sink);
        }
    }

    /// Sends the next packet of a key, if one is being sent.
    pub fn send_key(&mut self, now: Instant, sink: &mut dyn PacketSink) -> bool {
        if !self.is_sending_keys() {
            return false;
        }
        let (codec, length) = (self.codec(), self.payload_length());
        let Some(media) = &mut self.media else {
            return false;
        };
        let mut packet = [0; MAX_DATAGRAM];
        let sent = if !self.key_sender.has_tones() {
            media.send_key_packet(now, &mut packet)
        } else {
            let mut samples = [0; MAX_PAYLOAD];
            self.key_sender.take_tones(&mut samples[..length]);
            let mut payload = [0; MAX_PAYLOAD];
            codec.encode(&samples[..length], &mut payload);
            media.send_audio(now, &payload[..length], false, &mut packet)
        };
        if let Some((to, length)) = sent {
            sink.send(self.number, Channel::Rtp, to, &packet[..length]);
        }
        sent.is_some()
    }

    pub fn send_rtcp(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        let Some(media) = self.media.as_mut().filter(|media| media.next_rtcp() <= now) else {
            return;
        };
        let mut packet = [0; MAX_DATAGRAM];
        if let Some((to, length)) = media.poll_rtcp(now, &mut packet) {
            sink.send(self.number, Channel::Rtcp, to, &packet[..length]);
        }
    }

    /// Says good-bye to the peer's RTCP (RFC 3550, 6.6).
    pub fn send_bye(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        let Some(media) = &mut self.media else { return };
        let mut packet = [0; MAX_DATAGRAM];
        if let Some((to, length)) = media.bye(now, &mut packet) {
            sink.send(self.number, Channel::Rtcp, to, &packet[..length]);
        }
    }
}

#[cfg(test)]
mod tests;
