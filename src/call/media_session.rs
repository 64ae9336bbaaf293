//! One leg's media: what its RTP and RTCP mean, and the packets that go to it.
//!
//! Driven by a media thread, 50 times a second a call: no packet allocates, and nothing is done for
//! a packet that nobody asked for. Datagrams come in and go out in the caller's buffers.

use super::decoder::{Decoder, FrameKind};
use super::received::{Ignored, Packet, PacketKind, Received};
use crate::audio::codecs::Codec;
use crate::audio::comfort_noise;
use crate::events::Quality;
use crate::key::Key;
use crate::rtp::control::{Control, RtcpReceived};
use crate::rtp::latch::Latch;
use crate::rtp::outgoing::{Outgoing, Place};
use crate::rtp::packet::{self, HEADER_LENGTH, Header};
use crate::rtp::reception::Reception;
use crate::rtp::rtcp::NtpClock;
use crate::rtp::sequence::Arrival;
use crate::rtp::telephone_event::{
    EventReceived, EventReceiver, EventSender, PAYLOAD_LENGTH, ToSend, TooManyKeys,
};
use crate::rtp::transport::{Plain, Transport};
use crate::sdp::direction::Direction;
use crate::sdp::offer_answer::Negotiated;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A peer that sends nothing for so long may have gone behind another port of its NAT.
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// A longer datagram than any that is made here; SRTP adds to what is written.
pub const MAX_DATAGRAM: usize = 1_500;

pub struct MediaSession {
    negotiated: Negotiated,
    transport: Box<dyn Transport>,
    latch: Latch,
    /// Where RTCP comes from, once some has come.
    rtcp_source: Option<SocketAddr>,
    reception: Reception,
    events: EventReceiver,
    outgoing: Outgoing,
    keys: EventSender,
    control: Control,
    /// Present while somebody listens.
    decoder: Option<Box<Decoder>>,
    last_received: Option<Instant>,
    in_dtx: bool,
}

impl MediaSession {
    /// `seed` makes all that must be unpredictable (SSRC, first sequence number and timestamp,
    /// name), so it must be. `unix` is the time since 1970 at `now`.
    pub fn new(now: Instant, negotiated: Negotiated, seed: u64, unix: Duration) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let clock = NtpClock::new(now, unix);
        Self {
            latch: Latch::new(negotiated.remote),
            negotiated,
            transport: Box::new(Plain),
            rtcp_source: None,
            reception: Reception::new(now),
            events: EventReceiver::default(),
            outgoing: Outgoing::new(now, random.random(), random.random(), random.random()),
            keys: EventSender::default(),
            control: Control::new(now, clock, random.random(), random.random()),
            decoder: None,
            last_received: None,
            in_dtx: false,
        }
    }

    /// SRTP instead of plain RTP, before the first packet.
    pub fn with_transport(mut self, transport: Box<dyn Transport>) -> Self {
        self.transport = transport;
        self
    }

    /// A later offer and answer changed what was agreed on.
    pub fn renegotiate(&mut self, negotiated: Negotiated) {
        self.latch.renegotiate(negotiated.remote);
        if negotiated.remote_rtcp != self.negotiated.remote_rtcp {
            self.rtcp_source = None;
        }
        self.outgoing.interrupt();
        self.negotiated = negotiated;
    }

    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Takes a datagram from the RTP port; its payload is opened in place.
    pub fn receive_rtp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &mut [u8],
    ) -> Received {
        if packet::is_rtcp(datagram) {
            return Received::Rtcp(self.receive_rtcp(now, source, datagram));
        }
        match self.take_packet(now, source, datagram) {
            Ok(packet) => self.understand(now, packet, datagram),
            Err(reason) => Received::Ignored(reason),
        }
    }

    /// Takes a packet if it is the peer's, and counts it.
    fn take_packet(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Packet, Ignored> {
        let length = self.transport.unprotect_rtp(datagram);
        let length = length.ok_or(Ignored::NotAuthentic)?;
        let opened = datagram.get(..length).ok_or(Ignored::NotAuthentic)?;
        let (header, payload) = Header::read(opened).ok_or(Ignored::NotRtp)?;
        let kind = self.kind(header.payload_type).ok_or(Ignored::PayloadType)?;
        let heard = |at: Instant| now.saturating_duration_since(at) < SILENT_AFTER;
        if !self.last_received.is_some_and(heard) {
            self.latch.reopen();
        }
        if !self.latch.accept(source, &header) {
            return Err(Ignored::NotFromPeer);
        }
        self.last_received = Some(now);
        let timed = matches!(kind, PacketKind::Audio(_));
        match self.reception.handle_packet(now, &header, timed) {
            Arrival::Duplicate => return Err(Ignored::Duplicate),
            // A key that begins a new line of sequence numbers counts like any other.
            Arrival::Stray if kind != PacketKind::TelephoneEvent => return Err(Ignored::Stray),
            _ => {}
        }
        if payload.is_empty() {
            return Err(Ignored::Empty);
        }
        Ok(Packet {
            kind,
            header,
            payload,
        })
    }

    fn understand(&mut self, now: Instant, packet: Packet, datagram: &[u8]) -> Received {
        let payload = datagram.get(packet.payload.clone()).unwrap_or_default();
        if let Some(decoder) = &mut self.decoder {
            decoder.handle_packet(now, &packet, payload);
        }
        match packet.kind {
            PacketKind::Audio(_) => {
                self.in_dtx = false;
                Received::Audio(packet)
            }
            PacketKind::ComfortNoise => {
                self.in_dtx = true;
                Received::ComfortNoise(packet)
            }
            PacketKind::TelephoneEvent => {
                let Header {
                    ssrc, timestamp, ..
                } = packet.header;
                match self.events.handle_packet(now, ssrc, timestamp, payload) {
                    EventReceived::Down(key) => Received::Key(key, packet),
                    EventReceived::Up(key) => Received::KeyUp(key, packet),
                    EventReceived::Known => Received::KeyHeld(packet),
                    EventReceived::NoKey => Received::Ignored(Ignored::NoKey),
                }
            }
        }
    }

    /// What was agreed on first; then what G.711's own numbers mean, for peers that change between
    /// its laws.
    fn kind(&self, payload_type: u8) -> Option<PacketKind> {
        let negotiated = &self.negotiated;
        if payload_type == negotiated.payload_type {
            return Some(PacketKind::Audio(negotiated.codec));
        }
        let events = negotiated.telephone_event;
        if events.is_some_and(|e| payload_type == e.receive || payload_type == e.send) {
            return Some(PacketKind::TelephoneEvent);
        }
        // Many send comfort noise without having said so.
        let by_default = payload_type == comfort_noise::PAYLOAD_TYPE;
        if by_default || negotiated.comfort_noise == Some(payload_type) {
            return Some(PacketKind::ComfortNoise);
        }
        Codec::from_payload_type(payload_type).map(PacketKind::Audio)
    }

    /// Takes a datagram from the RTCP port.
    pub fn receive_rtcp(
        &mut self,
        now: Instant,
        source: SocketAddr,
        datagram: &mut [u8],
    ) -> RtcpReceived {
        let hosts = [self.latch.destination(), self.negotiated.remote_rtcp];
        if !hosts.iter().flatten().any(|host| host.ip() == source.ip()) {
            return RtcpReceived::Ignored;
        }
        let length = self.transport.unprotect_rtcp(datagram);
        let Some(opened) = length.and_then(|length| datagram.get(..length)) else {
            return RtcpReceived::Ignored;
        };
        let (ours, theirs) = (self.outgoing.ssrc(), self.reception.ssrc());
        let received = self.control.handle_packet(now, opened, ours, theirs);
        if received != RtcpReceived::Ignored {
            self.last_received = Some(now);
            self.rtcp_source = Some(source);
        }
        received
    }

    /// Whether the peer's sound is wanted as samples: for a recording, a recognizer, another leg's
    /// ear. While it is not, packets are not kept.
    pub fn set_decoding(&mut self, wanted: bool) {
        if !wanted {
            self.decoder = None;
        } else if self.decoder.is_none() {
            self.decoder = Some(Box::new(Decoder::new(self.outgoing.ssrc())));
        }
    }

    /// The next stretch of the peer's sound, to be called evenly, as often as the frame is long.
    pub fn decode_frame(&mut self, now: Instant, frame: &mut [i16]) -> FrameKind {
        match &mut self.decoder {
            Some(decoder) => decoder.decode_frame(now, frame),
            None => {
                frame.fill(0);
                FrameKind::Silence
            }
        }
    }

    /// The key whose end was lost, once it must have ended.
    pub fn poll_key_ended(&mut self, now: Instant) -> Option<Key> {
        self.events.poll_ended(now)
    }

    /// Writes the next packet of sound into `datagram`: where it goes, and its length. `payload` is
    /// in the agreed codec. `talkspurt_start` wherever it does not follow the last packet without
    /// a pause: the timestamps of the silence between are left out. `None` while the peer is not to
    /// be sent to.
    pub fn send_audio(
        &mut self,
        now: Instant,
        payload: &[u8],
        talkspurt_start: bool,
        datagram: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let Some(destination) = self.destination() else {
            self.outgoing.interrupt();
            return None;
        };
        let room = datagram
            .get_mut(HEADER_LENGTH..)?
            .get_mut(..payload.len())?;
        room.copy_from_slice(payload);
        let units = payload.len() as u32;
        let place = self.outgoing.place_next(now, units, talkspurt_start);
        let payload_type = self.negotiated.payload_type;
        self.finish(destination, place, payload_type, payload.len(), datagram)
    }

    /// Keys to be sent to the peer, after those that wait already. Without telephone-events agreed
    /// on they must go another way: then nothing is taken.
    pub fn send_keys(&mut self, keys: &[ToSend]) -> Result<(), CannotSendKeys> {
        if self.negotiated.telephone_event.is_none() {
            return Err(CannotSendKeys::NotNegotiated);
        }
        Ok(self.keys.queue(keys)?)
    }

    /// Whether keys wait to be sent: then [`Self::send_key_packet`] is to be called every ptime.
    pub fn keys_waiting(&self) -> bool {
        !self.keys.is_idle()
    }

    /// The next packet of the keys that are being sent, in the place of one of sound. `None`
    /// between keys, and while the peer is not to be sent to: keys wait then.
    pub fn send_key_packet(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let destination = self.destination()?;
        let payload_type = self.negotiated.telephone_event?.send;
        let event = self.keys.next_packet(self.negotiated.ptime_ms)?;
        let room = datagram.get_mut(HEADER_LENGTH..)?;
        *room.first_chunk_mut()? = event.payload;
        let place = match event.first {
            true => self.outgoing.place_next(now, 0, true),
            false => self.outgoing.place_in_event(),
        };
        self.finish(destination, place, payload_type, PAYLOAD_LENGTH, datagram)
    }

    /// Passes on a packet of another leg: `payload` as it came there. Timing, order and gaps are
    /// kept; the sound is turned into this leg's law, payload types into this leg's. `None` if
    /// this leg cannot have it: a key where no telephone-events were agreed on must go another way.
    pub fn relay(
        &mut self,
        now: Instant,
        packet: &Packet,
        payload: &[u8],
        datagram: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let negotiated = &self.negotiated;
        let payload_type = match packet.kind {
            PacketKind::Audio(_) => Some(negotiated.payload_type),
            PacketKind::ComfortNoise => negotiated.comfort_noise,
            PacketKind::TelephoneEvent => negotiated.telephone_event.map(|events| events.send),
        };
        let (Some(destination), Some(payload_type)) = (self.destination(), payload_type) else {
            self.outgoing.skip_relayed(&packet.header);
            return None;
        };
        let room = datagram
            .get_mut(HEADER_LENGTH..)?
            .get_mut(..payload.len())?;
        room.copy_from_slice(payload);
        if let PacketKind::Audio(codec) = packet.kind {
            codec.transcode(negotiated.codec, room);
        }
        let place = self.outgoing.place_relayed(now, &packet.header)?;
        self.finish(destination, place, payload_type, payload.len(), datagram)
    }

    /// Another leg's packet is not passed on: its key goes another way.
    pub fn leave_out(&mut self, packet: &Packet) {
        self.outgoing.skip_relayed(&packet.header);
    }

    fn finish(
        &mut self,
        destination: SocketAddr,
        place: Place,
        payload_type: u8,
        payload_length: usize,
        datagram: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        self.outgoing
            .write(place, payload_type, payload_length, datagram)?;
        let length = HEADER_LENGTH + payload_length;
        let length = self.transport.protect_rtp(datagram, length)?;
        Some((destination, length))
    }

    /// Where RTP goes; `None` while the peer is not to be sent to, or cannot be.
    fn destination(&self) -> Option<SocketAddr> {
        let sends = self.negotiated.direction.sends();
        sends.then(|| self.latch.destination()).flatten()
    }

    /// Where RTCP goes. Behind a NAT that we have seen through, what was signalled is of no use:
    /// the port beside that of RTP is the best guess until RTCP has come.
    fn rtcp_destination(&self) -> Option<SocketAddr> {
        let signalled = self.negotiated.remote;
        if signalled.is_none() && !self.negotiated.direction.sends() {
            // Held by 0.0.0.0, which stops RTCP too (RFC 3264, 8.4).
            return None;
        }
        if self.negotiated.rtcp_mux {
            return self.latch.destination();
        }
        if self.rtcp_source.is_some() {
            return self.rtcp_source;
        }
        match self.latch.source() {
            Some(source) if signalled.map(|host| host.ip()) != Some(source.ip()) => {
                Some(SocketAddr::new(source.ip(), source.port().checked_add(1)?))
            }
            _ => self.negotiated.remote_rtcp,
        }
    }

    /// When [`Self::poll_rtcp`] has something to send.
    pub fn next_rtcp(&self) -> Instant {
        self.control.next_report()
    }

    /// Writes the report that is due, if one is: where it goes, and its length. With RTCP on a port
    /// of its own it goes out there.
    pub fn poll_rtcp(&mut self, now: Instant, datagram: &mut [u8]) -> Option<(SocketAddr, usize)> {
        if now < self.next_rtcp() {
            return None;
        }
        self.control.advance(now);
        self.write_rtcp(now, false, datagram)
    }

    /// Writes our last report, with the BYE.
    pub fn bye(&mut self, now: Instant, datagram: &mut [u8]) -> Option<(SocketAddr, usize)> {
        self.write_rtcp(now, true, datagram)
    }

    fn write_rtcp(
        &mut self,
        now: Instant,
        bye: bool,
        datagram: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let destination = self.rtcp_destination()?;
        let (outgoing, reception) = (&self.outgoing, &mut self.reception);
        let length = self
            .control
            .write(now, outgoing, reception, bye, datagram)?;
        let length = self.transport.protect_rtcp(datagram, length)?;
        Some((destination, length))
    }

    pub fn quality(&self) -> Quality {
        Quality {
            packets_received: self.reception.packets_received(),
            packets_lost: self.reception.packets_lost(),
            packets_sent: self.outgoing.packets(),
            jitter_ms: self.reception.jitter_ms(),
            mos: self.reception.mean_opinion_score(self.control.round_trip()),
        }
    }

    /// When RTP or RTCP of the peer came last.
    pub fn last_received(&self) -> Option<Instant> {
        self.last_received
    }

    /// Whether RTP is to be expected: neither held nor silent by its own word. Who holds by `sendonly`
    /// may send music, and most telephones have none.
    pub fn expects_media(&self) -> bool {
        self.negotiated.direction == Direction::SendRecv && !self.in_dtx
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotSendKeys {
    #[error("the peer did not agree to telephone-events")]
    NotNegotiated,
    #[error(transparent)]
    TooMany(#[from] TooManyKeys),
}

#[cfg(test)]
mod tests;
