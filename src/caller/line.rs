//! One call's media: a task that sends a packet every ptime and hears what comes.

use crate::audio::dtmf_detector::{DtmfDetector, KeyTone};
use crate::audio::frame::{
    MAX_FRAME_SAMPLES, SAMPLES_PER_MS, duration_of, level_dbm0, mean_square,
};
use crate::call::media_session::{MAX_DATAGRAM, MediaSession};
use crate::call::received::{PacketKind, Received};
use crate::caller::media_options::Listening;
use crate::caller::playout::Playout;
use crate::caller::rtp_sockets::RtpSockets;
use crate::caller::state::{CallState, Shared};
use crate::events::{KeySource, Quality};
use crate::key::Key;
use crate::rtp::packet::HEADER_LENGTH;
use crate::rtp::telephone_event::ToSend;
use crate::sdp::offer_answer::Negotiated;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

/// Louder than that is no silence, in dBm0.
const QUIET: f32 = -45.0;
/// What is heard after as many samples (an hour) is not kept.
const MAX_HEARD: usize = 3_600_000 * SAMPLES_PER_MS;
/// A line that is later than this leaves out what it has missed: the machine slept.
const TOO_LATE: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) enum Order {
    Media(Negotiated),
    Play(Arc<[i16]>),
    /// Under everything else, round and round.
    PlayRound(Arc<[i16]>),
    TelephoneEvents(Vec<Key>),
    Tones(Vec<Key>),
    HangUp,
}

/// What is left of a line.
#[derive(Debug, Default)]
pub(super) struct LineEnd {
    pub quality: Quality,
    pub heard: Vec<i16>,
}

pub(super) struct Line {
    listening: Listening,
    state: Shared,
    session: Option<MediaSession>,
    playout: Playout,
    detector: DtmfDetector,
    heard: Vec<i16>,
    /// Nothing was sent at the last tick.
    paused: bool,
    buffer: [u8; MAX_DATAGRAM],
}

impl Line {
    pub fn new(listening: Listening, state: Shared) -> Self {
        Self {
            listening,
            state,
            session: None,
            playout: Playout::default(),
            detector: DtmfDetector::new(),
            heard: Vec::new(),
            paused: true,
            buffer: [0; MAX_DATAGRAM],
        }
    }

    /// Until the order to hang up, or until nobody can give orders any more.
    pub async fn run(mut self, sockets: RtpSockets, mut orders: mpsc::Receiver<Order>) -> LineEnd {
        let (mut rtp, mut rtcp) = ([0; MAX_DATAGRAM], [0; MAX_DATAGRAM]);
        let mut tick = Instant::now();
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    None | Some(Order::HangUp) => break,
                    Some(order) => self.obey(order),
                },
                (length, source) = receive(&sockets.rtp, &mut rtp) => {
                    self.receive_rtp(source, rtp.get_mut(..length).unwrap_or_default());
                }
                (length, source) = receive(&sockets.rtcp, &mut rtcp) => {
                    let datagram = rtcp.get_mut(..length).unwrap_or_default();
                    if let Some(session) = &mut self.session {
                        session.receive_rtcp(Instant::now(), source, datagram);
                    }
                }
                () = sleep_until(tick.into()) => {
                    self.tick(&sockets).await;
                    tick += self.ptime();
                    if tick.elapsed() > TOO_LATE {
                        tick = Instant::now();
                    }
                }
            }
        }
        self.end(&sockets).await
    }

    fn ptime(&self) -> Duration {
        let ptime_ms = self.session.as_ref().map(|s| s.negotiated().ptime_ms);
        Duration::from_millis(ptime_ms.unwrap_or(20).into())
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Media(negotiated) => self.agree(negotiated),
            Order::Play(samples) => self.playout.play(samples),
            Order::PlayRound(samples) => self.playout.play_round(samples),
            Order::Tones(keys) => self.playout.press(&keys),
            Order::TelephoneEvents(keys) => {
                let keys: Vec<ToSend> = keys.into_iter().map(ToSend::Key).collect();
                if let Some(session) = &mut self.session {
                    // Whoever presses keys has looked whether they can be sent, and waits for them.
                    let _ = session.send_keys(&keys);
                }
            }
            Order::HangUp => {}
        }
    }

    fn agree(&mut self, negotiated: Negotiated) {
        self.state
            .change(|state| state.negotiated = Some(negotiated.clone()));
        match &mut self.session {
            Some(session) => session.renegotiate(negotiated),
            None => {
                let unix = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
                let seed = rand::random();
                let mut session = MediaSession::new(Instant::now(), negotiated, seed, unix);
                session.set_decoding(self.listening.decodes);
                self.session = Some(session);
            }
        }
    }

    fn receive_rtp(&mut self, source: SocketAddr, datagram: &mut [u8]) {
        let Some(session) = &mut self.session else {
            return;
        };
        let now = Instant::now();
        let received = session.receive_rtp(now, source, datagram);
        let Some(packet) = received.packet() else {
            return;
        };
        let PacketKind::Audio(codec) = packet.kind else {
            return self.state.change(|state| {
                note_packet(state, now, false);
                if let Received::Key(key, _) = received {
                    state.hear_key(now, key, KeySource::TelephoneEvent);
                }
            });
        };
        let payload = datagram.get(packet.payload.clone()).unwrap_or_default();
        let sounds = payload.iter().any(|&byte| byte != codec.silence());
        self.state.change(|state| {
            note_packet(state, now, packet.header.marker);
            if sounds {
                state.last_sound = Some(now);
            }
        });
    }

    async fn tick(&mut self, sockets: &RtpSockets) {
        let now = Instant::now();
        self.hear(now);
        let Some(session) = &mut self.session else {
            return;
        };
        // A key was told when it went down; when it is up matters to nobody here.
        let _ = session.poll_key_ended(now);
        if let Some((to, length)) = session.poll_rtcp(now, &mut self.buffer) {
            send(&sockets.rtcp, to, &self.buffer, length).await;
        }
        let sent = match session.keys_waiting() {
            true => session.send_key_packet(now, &mut self.buffer),
            false => None,
        };
        if let Some((to, length)) = sent {
            self.note_sent_key(now);
            self.paused = false;
            send(&sockets.rtp, to, &self.buffer, length).await;
        } else if let Some((to, length)) = self.next_sound(now) {
            send(&sockets.rtp, to, &self.buffer, length).await;
        }
    }

    /// A telephone-event's first packet has the marker (RFC 4733, 2.5.1.1).
    fn note_sent_key(&self, now: Instant) {
        let begins = self.buffer[1] & 0x80 != 0;
        if let (true, Some(key)) = (begins, Key::from_event_code(self.buffer[HEADER_LENGTH])) {
            self.state.change(|state| state.sent_key(now, key));
        }
    }

    fn next_sound(&mut self, now: Instant) -> Option<(SocketAddr, usize)> {
        let session = self.session.as_mut()?;
        let negotiated = session.negotiated();
        let mut frame = [0; MAX_FRAME_SAMPLES];
        let frame = frame.get_mut(..usize::from(negotiated.ptime_ms) * SAMPLES_PER_MS)?;
        let played = self.playout.next_frame(frame);
        if played.begun + played.finished > 0 || !played.keys.is_empty() {
            self.state.change(|state| {
                state.sent_sounds(now, played.begun, played.finished);
                played.keys.iter().for_each(|&k| state.sent_key(now, k));
            });
        }
        let paused = !played.sounds && self.listening.suppresses_silence;
        let begins = std::mem::replace(&mut self.paused, paused);
        if paused {
            return None;
        }
        let mut payload = [0; MAX_FRAME_SAMPLES];
        let length = negotiated.codec.encode(frame, &mut payload);
        let payload = payload.get(..length)?;
        session.send_audio(now, payload, begins, &mut self.buffer)
    }

    /// A frame of what comes: kept, and listened to.
    fn hear(&mut self, now: Instant) {
        let Some(session) = self.session.as_mut().filter(|_| self.listening.decodes) else {
            return;
        };
        let length = usize::from(session.negotiated().ptime_ms) * SAMPLES_PER_MS;
        let mut frame = [0; MAX_FRAME_SAMPLES];
        let Some(frame) = frame.get_mut(..length) else {
            return;
        };
        session.decode_frame(now, frame);
        let room = MAX_HEARD.saturating_sub(self.heard.len()).min(length);
        self.heard.extend_from_slice(&frame[..room]);
        let mut keys = Vec::new();
        if session.negotiated().telephone_event.is_none() {
            self.detector.handle_samples(frame, |tone| {
                if let KeyTone::Down(key) = tone {
                    keys.push(key);
                }
            });
        }
        let is_quiet = level_dbm0(mean_square(frame)) < QUIET;
        self.state.change(|state| {
            note_sound(state, now, is_quiet, duration_of(length));
            for key in keys {
                state.hear_key(now, key, KeySource::InBand);
            }
        });
    }

    async fn end(mut self, sockets: &RtpSockets) -> LineEnd {
        let mut end = LineEnd::default();
        if let Some(session) = &mut self.session {
            end.quality = session.quality();
            if let Some((to, length)) = session.bye(Instant::now(), &mut self.buffer) {
                send(&sockets.rtcp, to, &self.buffer, length).await;
            }
        }
        end.heard = self.heard;
        end
    }
}

fn note_packet(state: &mut CallState, now: Instant, begins_talkspurt: bool) {
    if let Some(last) = state.last_rtp {
        let gap = now.saturating_duration_since(last);
        state.largest_gap = state.largest_gap.max(gap);
    }
    state.first_rtp.get_or_insert(now);
    state.last_rtp = Some(now);
    state.packets_received += 1;
    if begins_talkspurt {
        state.talkspurts += 1;
        for key in &mut state.keys_sent {
            let after = now.saturating_duration_since(key.at);
            key.talkspurt_after.get_or_insert(after);
        }
        for sound in &mut state.sounds_sent {
            if let (Some(ended), None) = (sound.ended, sound.talkspurt_after) {
                sound.talkspurt_after = Some(now.saturating_duration_since(ended));
            }
        }
    }
}

fn note_sound(state: &mut CallState, now: Instant, is_quiet: bool, length: Duration) {
    match is_quiet {
        true => _ = state.quiet_since.get_or_insert(now),
        false => {
            state.quiet_since = None;
            state.sound_heard += length;
        }
    }
}

async fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> (usize, SocketAddr) {
    loop {
        // Errors are those of datagrams sent earlier: the peer's port is closed, or not yet open.
        if let Ok(received) = socket.recv_from(buffer).await {
            return received;
        }
    }
}

/// What cannot be sent is lost, like anything in a network.
async fn send(socket: &UdpSocket, to: SocketAddr, buffer: &[u8], length: usize) {
    let sent: io::Result<usize> = match buffer.get(..length) {
        Some(datagram) => socket.send_to(datagram, to).await,
        None => Ok(0),
    };
    drop(sent);
}
