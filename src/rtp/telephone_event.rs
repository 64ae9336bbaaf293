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

    /// Whether a key is down, as far as its packets tell.
    pub fn is_down(&self) -> bool {
        self.down_since.is_some()
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
mod tests {
    use super::EventReceived::*;
    use super::*;
    use proptest::prelude::*;

    const ONE: Key = Key::ZERO;

    /// Feeds (milliseconds, timestamp, event, end, duration).
    fn received(packets: &[(u64, u32, u8, bool, u16)]) -> Vec<EventReceived> {
        let start = Instant::now();
        let mut receiver = EventReceiver::default();
        let mut feed = |&(ms, timestamp, event, end, duration): &(u64, u32, u8, bool, u16)| {
            let [high, low] = duration.to_be_bytes();
            let payload = [event, u8::from(end) << 7 | 10, high, low];
            receiver.handle_packet(start + Duration::from_millis(ms), 7, timestamp, &payload)
        };
        packets.iter().map(&mut feed).collect()
    }

    #[test]
    fn a_key_counts_once_on_its_first_packet() {
        assert_eq!(
            received(&[
                (0, 1000, 0, false, 160),
                (20, 1000, 0, false, 320),
                (40, 1000, 0, true, 480),
                (40, 1000, 0, true, 480),
                (40, 1000, 0, true, 480),
                (200, 2600, 0, false, 160),
            ]),
            [Down(ONE), Known, Up(ONE), Known, Known, Down(ONE)]
        );
    }

    #[test]
    fn any_packet_of_an_event_will_do() {
        assert_eq!(
            received(&[(40, 1000, 0, true, 480), (40, 1000, 0, true, 480)]),
            [Down(ONE), Known]
        );
        // All end packets lost; the next key is another event.
        assert_eq!(
            received(&[(0, 1000, 0, false, 160), (300, 3400, 0, false, 160)]),
            [Down(ONE), Down(ONE)]
        );
    }

    #[test]
    fn late_packets_of_an_earlier_event_are_no_key() {
        assert_eq!(
            received(&[
                (0, 1000, 0, false, 160),
                (100, 2000, 11, false, 160),
                (110, 1000, 0, true, 480),
                (120, 2000, 11, true, 320),
            ]),
            [Down(ONE), Down(Key::HASH), Known, Up(Key::HASH)]
        );
    }

    #[test]
    fn long_events_are_one_key() {
        let second = 1000u32.wrapping_add(0xFFFF);
        assert_eq!(
            received(&[
                (0, 1000, 0, false, 160),
                (8_180, 1000, 0, false, 0xFFFF),
                (8_200, second, 0, false, 160),
                (8_210, 1000, 0, false, 0xFFFF),
                (8_220, second, 0, true, 320),
            ]),
            [Down(ONE), Known, Known, Known, Up(ONE)]
        );
        // Timestamps that wrap are no end.
        let wrapped = (u32::MAX - 10).wrapping_add(0xFFFF);
        assert_eq!(
            received(&[
                (0, u32::MAX - 10, 0, false, 65_000),
                (20, wrapped, 0, false, 8)
            ]),
            [Down(ONE), Known]
        );
    }

    #[test]
    fn a_timestamp_that_counts_up_with_the_duration_is_one_key() {
        assert_eq!(
            received(&[
                (0, 1000, 0, false, 160),
                (20, 1160, 0, false, 320),
                (60, 1480, 0, false, 640),
                (70, 1320, 0, false, 480),
                (80, 1640, 0, true, 800),
                (80, 1640, 0, true, 800),
            ]),
            [Down(ONE), Known, Known, Known, Up(ONE), Known]
        );
    }

    #[test]
    fn what_is_no_key_is_told() {
        assert_eq!(
            received(&[(0, 1, 16, false, 160), (0, 1, 255, false, 160)]),
            [NoKey, NoKey]
        );
        assert_eq!(
            EventReceiver::default().handle_packet(Instant::now(), 1, 1, &[1, 2, 3]),
            NoKey
        );
    }

    #[test]
    fn a_lost_end_ends_by_time() {
        let now = Instant::now();
        let mut receiver = EventReceiver::default();
        receiver.handle_packet(now, 7, 1000, &[0, 10, 0, 160]);
        assert_eq!(receiver.poll_ended(now + Duration::from_millis(199)), None);
        assert_eq!(
            receiver.poll_ended(now + Duration::from_millis(200)),
            Some(ONE)
        );
        assert!(!receiver.is_down());
        assert_eq!(receiver.poll_ended(now + Duration::from_millis(400)), None);
    }

    /// Every packet with the time at which it is sent.
    fn sent(keys: &[ToSend], ptime_ms: u8) -> Vec<(u64, EventPacket)> {
        let mut sender = EventSender::default();
        sender.queue(keys).unwrap();
        let mut packets = Vec::new();
        let mut ms = 0;
        while !sender.is_idle() {
            packets.extend(sender.next_packet(ptime_ms).map(|packet| (ms, packet)));
            ms += u64::from(ptime_ms);
        }
        packets
    }

    #[test]
    fn a_key_is_sent_with_growing_durations_and_three_ends() {
        let packets = sent(&[ToSend::Key(Key::HASH)], 20);
        let told: Vec<_> = packets
            .iter()
            .map(|(ms, packet)| (*ms, packet.payload, packet.first))
            .collect();
        assert_eq!(
            told,
            [
                (0, [11, 10, 0, 160], true),
                (20, [11, 10, 1, 64], false),
                (40, [11, 10, 1, 224], false),
                (60, [11, 10, 2, 128], false),
                (80, [11, 10, 3, 32], false),
                (100, [11, 138, 3, 32], false),
                (120, [11, 138, 3, 32], false),
                (140, [11, 138, 3, 32], false),
            ]
        );
    }

    #[test]
    fn pauses_part_keys() {
        let half = ToSend::Pause(Duration::from_millis(500));
        let packets = sent(&[ToSend::Key(ONE), half, ToSend::Key(ONE)], 20);
        let starts: Vec<_> = packets
            .iter()
            .filter(|(_, packet)| packet.first)
            .map(|(ms, _)| *ms)
            .collect();
        assert_eq!(starts, [0, 160 + 100 + 500]);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut sender = EventSender::default();
        assert_eq!(
            sender.queue(&[ToSend::Key(ONE); MAX_WAITING + 1]),
            Err(TooManyKeys)
        );
        assert!(sender.is_idle());
        assert_eq!(sender.queue(&[ToSend::Key(ONE); MAX_WAITING]), Ok(()));
        assert_eq!(sender.queue(&[ToSend::Key(ONE)]), Err(TooManyKeys));
    }

    proptest! {
        /// Keys sent over a network that loses, doubles and reorders: each is told once, in order,
        /// as long as one packet of it comes through.
        #[test]
        fn every_key_once(
            codes in proptest::collection::vec(0u8..16, 1..12),
            ptime in prop_oneof![Just(10u8), Just(20), Just(30), Just(60)],
            base in any::<u32>(),
            fate in proptest::collection::vec((0u8..100, 0u8..100, 0u64..60), 400),
        ) {
            let keys: Vec<_> = codes.iter().filter_map(|&code| Key::from_event_code(code)).collect();
            let to_send: Vec<_> = keys.iter().map(|&key| ToSend::Key(key)).collect();
            let mut event = usize::MAX;
            let mut timestamp = base;
            let mut wire = Vec::new();
            for ((ms, packet), &(loss, double, delay)) in sent(&to_send, ptime).iter().zip(&fate) {
                if packet.first {
                    event = event.wrapping_add(1);
                    timestamp = base.wrapping_add(*ms as u32 * 8);
                }
                if loss >= 30 {
                    wire.push((ms + delay, event, timestamp, packet.payload));
                }
                if double < 10 {
                    wire.push((ms + delay + 5, event, timestamp, packet.payload));
                }
            }
            wire.sort_by_key(|&(ms, ..)| ms);
            let start = Instant::now();
            let mut receiver = EventReceiver::default();
            let mut heard = Vec::new();
            for (ms, _, timestamp, payload) in &wire {
                let now = start + Duration::from_millis(*ms);
                if let Down(key) = receiver.handle_packet(now, 7, *timestamp, payload) {
                    heard.push(key);
                }
            }
            let came: std::collections::BTreeSet<_> = wire.iter().map(|&(_, event, ..)| event).collect();
            let expected: Vec<_> = came.iter().map(|&event| keys[event]).collect();
            prop_assert_eq!(heard, expected);
        }

        #[test]
        fn any_bytes_are_borne(packets in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..8)), 0..40)) {
            let mut receiver = EventReceiver::default();
            let now = Instant::now();
            for (timestamp, payload) in packets {
                receiver.handle_packet(now, 7, timestamp, &payload);
                receiver.poll_ended(now);
            }
        }
    }
}
