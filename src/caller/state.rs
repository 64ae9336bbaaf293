//! What is known of a call at a moment. It only grows, so that whoever waits for something in it
//! finds it, however late they look.

use crate::events::KeySource;
use crate::key::Key;
use crate::sdp::offer_answer::Negotiated;
use serde::{Serialize, Serializer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// More keys than these, sent or heard, are not kept.
const MAX_KEYS: usize = 1_000;
/// As many sounds that were sent.
const MAX_SOUNDS: usize = 1_000;

#[derive(Debug, Clone, Default)]
pub struct CallState {
    /// How many SIP messages went by.
    pub messages: usize,
    /// The last provisional status, 100 excepted.
    pub provisional: Option<u16>,
    /// The call was answered, by whichever side.
    pub answered: Option<Instant>,
    /// What the last offer and answer agreed on.
    pub negotiated: Option<Negotiated>,
    /// How often it was agreed on anew by the peer: a hold, a resume, moved media.
    pub offers_taken: u32,
    /// How often our own was agreed to, and how often it was not.
    pub reinvites_accepted: u32,
    pub reinvites_refused: u32,
    pub first_rtp: Option<Instant>,
    pub last_rtp: Option<Instant>,
    pub packets_received: u64,
    /// The longest time between two packets.
    pub largest_gap: Duration,
    /// Packets with a marker bit: each begins a talkspurt.
    pub talkspurts: u32,
    /// How much that is louder than silence was heard.
    pub sound_heard: Duration,
    /// Since when nothing but silence was heard; `None` while there is sound.
    pub quiet_since: Option<Instant>,
    pub keys_heard: Vec<HeardKey>,
    pub keys_sent: Vec<SentKey>,
    pub sounds_sent: Vec<SentSound>,
    /// Sounds that were played to their ends.
    pub sounds_played: u32,
    /// The last packet that was more than the codec's silence.
    pub last_sound: Option<Instant>,
    pub ended: Option<Ended>,
}

impl CallState {
    pub(super) fn hear_key(&mut self, now: Instant, key: Key, source: KeySource) {
        if self.keys_heard.len() < MAX_KEYS {
            self.keys_heard.push(HeardKey {
                at: now,
                key,
                source,
            });
        }
    }

    pub(super) fn sent_key(&mut self, now: Instant, key: Key) {
        if self.keys_sent.len() < MAX_KEYS {
            self.keys_sent.push(SentKey {
                at: now,
                key,
                talkspurt_after: None,
            });
        }
    }

    pub(super) fn sent_sounds(&mut self, now: Instant, begun: u32, finished: u32) {
        for _ in 0..begun {
            if self.sounds_sent.len() < MAX_SOUNDS {
                self.sounds_sent.push(SentSound {
                    began: now,
                    ended: None,
                    talkspurt_after: None,
                });
            }
        }
        let under_way = self.sounds_sent.iter_mut().filter(|it| it.ended.is_none());
        for sound in under_way.take(finished as usize) {
            sound.ended = Some(now);
        }
        self.sounds_played += finished;
    }

    /// The keys heard, as they would be written.
    pub fn heard(&self) -> String {
        self.keys_heard.iter().map(|k| k.key.to_char()).collect()
    }

    /// Whether the peer has put the call on hold.
    pub fn is_held(&self) -> bool {
        let sends = |negotiated: &Negotiated| negotiated.direction.sends();
        self.negotiated.as_ref().is_some_and(|n| !sends(n))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardKey {
    pub at: Instant,
    pub key: Key,
    pub source: KeySource,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentKey {
    pub at: Instant,
    pub key: Key,
    /// From the key's first packet to the first packet of the next talkspurt of the peer.
    pub talkspurt_after: Option<Duration>,
}

/// A sound that was played to the peer: somebody's words, perhaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentSound {
    /// Its first and its last packet.
    pub began: Instant,
    pub ended: Option<Instant>,
    /// From its last packet to the first one of the peer's next talkspurt.
    pub talkspurt_after: Option<Duration>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ended {
    pub how: How,
    /// The SIP status that refused the call.
    pub status: Option<u16>,
    /// The Reason header field, or the phrase of the refusal.
    pub reason: Option<String>,
    /// Where a 3xx would have the call go.
    pub contacts: Vec<String>,
    #[serde(skip)]
    pub at: Instant,
}

impl Ended {
    pub(super) fn new(at: Instant, how: How, reason: Option<String>) -> Self {
        Self {
            how,
            status: None,
            reason,
            contacts: Vec::new(),
            at,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// We hung up an answered call.
    HungUp,
    /// The peer hung up an answered call.
    PeerHungUp,
    /// We gave up before the peer answered.
    GaveUp,
    /// The caller gave up before we answered.
    PeerGaveUp,
    /// The peer refused our call.
    Refused,
    /// We refused the peer's call.
    Rejected,
    /// No final response came in time.
    NoAnswer,
    /// The peer, or the network to it, is gone.
    Lost,
    /// What the peer offered or answered for media cannot be used; we hung up.
    NoCommonMedia,
}

impl How {
    /// Whether the call was answered and somebody hung up.
    pub fn is_normal(self) -> bool {
        matches!(self, How::HungUp | How::PeerHungUp)
    }
}

/// The state as those see it who change it.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<watch::Sender<CallState>>);

impl Shared {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(CallState::default())))
    }

    pub fn change(&self, change: impl FnOnce(&mut CallState)) {
        self.0.send_modify(change);
    }

    pub fn subscribe(&self) -> watch::Receiver<CallState> {
        self.0.subscribe()
    }

    pub fn now(&self) -> CallState {
        self.0.borrow().clone()
    }
}

/// Milliseconds with a fraction, as reports say times.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

pub(super) fn serialize_milliseconds<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(milliseconds).serialize(serializer)
}
