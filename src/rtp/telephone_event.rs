//! Keys as telephone-events (RFC 4733).
//!
//! Received: a key counts on the first packet of its event that comes, whichever that is, once.
//! Sent: a packet every ptime while the key is down, then three that say its end.

use crate::key::Key;
use std::cmp::Ordering;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The length of an event's payload.
pub const PAYLOAD_LENGTH: usize = 4;
/// An event of which nothing came for as long has ended, its last packets lost.
const END_LOST: Duration = Duration::from_millis(200);
/// How many events are remembered, so that their packets that come late are not taken for new keys.
const REMEMBERED: usize = 4;
/// In timestamp units: after as many, a long event goes on under a new timestamp.
const LONGEST_SEGMENT: i32 = 0xFFFF;

/// What a packet meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventReceived {
    /// The first packet of an event: the key was pressed.
    Down(Key),
    /// It was let go.
    Up(Key),
    /// A further packet of an event that is known.
    Known,
    /// Not a key, or not a telephone-event.
    NoKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    ssrc: u32,
    timestamp: u32,
    event: u8,
}

/// The telephone-events that one peer sends.
#[derive(Debug, Clone, Default)]
pub struct EventReceiver {
    /// The newest first.
    seen: [Option<Seen>; REMEMBERED],
    /// The newest event's duration so far, in timestamp units.
    duration: u16,
    /// When the newest event's last packet came; `None` once it has ended.
    down_since: Option<Instant>,
}

impl EventReceiver {
    pub fn handle_packet(
        &mut self,
        now: Instant,
        ssrc: u32,
        timestamp: u32,
        payload: &[u8],
    ) -> EventReceived {
        let Some(&[event, flags, high, low]) = payload.first_chunk::<PAYLOAD_LENGTH>() else {
            return EventReceived::NoKey;
        };
        let Some(key) = Key::from_event_code(event) else {
            return EventReceived::NoKey;
        };
        let end = flags & 0x80 != 0;
        let duration = u16::from_be_bytes([high, low]);
        let packet = Seen {
            ssrc,
            timestamp,
            event,
        };
        if self.seen[0] == Some(packet) {
            return self.known(now, key, end, duration);
        }
        let goes_on = self.goes_on(&packet, duration);
        if self.seen.contains(&Some(packet)) || goes_on == Some(Ordering::Less) {
            return EventReceived::Known;
        }
        self.seen.rotate_right(1);
        self.seen[0] = Some(packet);
        if goes_on.is_some() {
            return self.known(now, key, end, duration);
        }
        self.duration = duration;
        self.down_since = (!end).then_some(now);
        EventReceived::Down(key)
    }

    fn known(&mut self, now: Instant, key: Key, end: bool, duration: u16) -> EventReceived {
        self.duration = duration;
        if self.down_since.is_none() {
            return EventReceived::Known;
        }
        self.down_since = (!end).then_some(now);
        if end {
            EventReceived::Up(key)
        } else {
            EventReceived::Known
        }
    }

    /// Whether a packet under another timestamp is of the newest event all the same, and older or
    /// newer than what is known of it: a long event is told in segments (RFC 4733, 2.5.1.3), and
    /// some senders wrongly count the timestamp up with the duration.
    fn goes_on(&self, packet: &Seen, duration: u16) -> Option<Ordering> {
        let newest = self.seen[0]?;
        self.down_since?;
        if newest.ssrc != packet.ssrc || newest.event != packet.event {
            return None;
        }
        let later = packet.timestamp.wrapping_sub(newest.timestamp) as i32;
        let longer = i32::from(duration) - i32::from(self.duration);
        (later == LONGEST_SEGMENT || later == longer).then(|| later.cmp(&0))
    }

    /// The key whose last packets were lost, once no more can be on the way.
    pub fn poll_ended(&mut self, now: Instant) -> Option<Key> {
        let heard = self.down_since?;
        if now.saturating_duration_since(heard) < END_LOST {
            return None;
        }
        self.down_since = None;
        Key::from_event_code(self.seen[0]?.event)
    }
}

/// How long a sent key is down.
const TONE: Duration = Duration::from_millis(100);
/// The silence between two sent keys.
const GAP: Duration = Duration::from_millis(100);
/// The power level of a sent key's tone in dBm0, its sign left out.
const VOLUME: u8 = 10;
const END_PACKETS: u8 = 3;
/// As many keys and pauses can wait; the longest `then_keys` is far shorter.
const MAX_WAITING: usize = 64;

/// One element of what is to be keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToSend {
    Key(Key),
    Pause(Duration),
}

/// The queue is full: nothing of what was given was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_WAITING} keys wait to be sent")]
pub struct TooManyKeys;

/// One packet of a sent event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPacket {
    pub payload: [u8; PAYLOAD_LENGTH],
    /// The event's first packet: it carries the marker, and its timestamp is the event's.
    pub first: bool,
}

/// The telephone-events that are sent to one peer.
#[derive(Debug, Clone, Default)]
pub struct EventSender {
    waiting: VecDeque<ToSend>,
    state: Sending,
}

#[derive(Debug, Clone, Copy, Default)]
enum Sending {
    #[default]
    Idle,
    Down {
        key: Key,
        elapsed_ms: u16,
    },
    Ending {
        key: Key,
        length_ms: u16,
        left: u8,
    },
    Pausing {
        left_ms: u32,
    },
}

impl EventSender {
    /// Appends to what is being keyed.
    pub fn queue(&mut self, keys: &[ToSend]) -> Result<(), TooManyKeys> {
        if self.waiting.len() + keys.len() > MAX_WAITING {
            return Err(TooManyKeys);
        }
        self.waiting.extend(keys);
        Ok(())
    }

    /// Whether nothing is left to be sent.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && matches!(self.state, Sending::Idle)
    }

    /// To be called every `ptime_ms` while not idle: the packet that is due, if any. Durations are
    /// those of a clock of 8 kHz.
    pub fn next_packet(&mut self, ptime_ms: u8) -> Option<EventPacket> {
        let ptime = u16::from(ptime_ms);
        if let Sending::Idle = self.state {
            self.state = match self.waiting.pop_front()? {
                ToSend::Key(key) => Sending::Down { key, elapsed_ms: 0 },
                ToSend::Pause(pause) => pausing(pause),
            };
        }
        match self.state {
            Sending::Idle => None,
            Sending::Pausing { left_ms } => {
                let left_ms = left_ms.saturating_sub(ptime.into());
                self.state = match left_ms {
                    0 => Sending::Idle,
                    _ => Sending::Pausing { left_ms },
                };
                None
            }
            Sending::Down { key, elapsed_ms } => {
                let length_ms = elapsed_ms + ptime;
                self.state = if u128::from(length_ms) < TONE.as_millis() {
                    Sending::Down {
                        key,
                        elapsed_ms: length_ms,
                    }
                } else {
                    let left = END_PACKETS;
                    Sending::Ending {
                        key,
                        length_ms,
                        left,
                    }
                };
                Some(event_packet(key, false, length_ms, elapsed_ms == 0))
            }
            Sending::Ending {
                key,
                length_ms,
                left,
            } => {
                self.state = match left - 1 {
                    0 => pausing(GAP),
                    left => Sending::Ending {
                        key,
                        length_ms,
                        left,
                    },
                };
                Some(event_packet(key, true, length_ms, false))
            }
        }
    }
}

fn pausing(pause: Duration) -> Sending {
    match u32::try_from(pause.as_millis()).unwrap_or(u32::MAX) {
        0 => Sending::Idle,
        left_ms => Sending::Pausing { left_ms },
    }
}

fn event_packet(key: Key, end: bool, length_ms: u16, first: bool) -> EventPacket {
    let [high, low] = (length_ms * 8).to_be_bytes();
    let flags = u8::from(end) << 7 | VOLUME;
    EventPacket {
        payload: [key.event_code(), flags, high, low],
        first,
    }
}

#[cfg(test)]
mod tests;
