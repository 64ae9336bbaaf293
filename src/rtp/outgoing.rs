//! The packets that one source of ours sends: their sequence numbers and one line of time, whether
//! the sound is our own, a key, or that of another leg passed on.

use super::packet::Header;
use std::time::{Duration, Instant};

/// A source that jumps further than this began anew.
const MAX_JUMP: i16 = 1_000;

#[derive(Debug, Clone)]
pub struct Outgoing {
    ssrc: u32,
    next_sequence_number: u16,
    /// The newest packet: its timestamp, how long it is in timestamp units, and when it was sent.
    newest_timestamp: u32,
    newest_units: u32,
    newest_at: Instant,
    /// The next packet does not follow the newest without a pause.
    interrupted: bool,
    relayed: Option<Relayed>,
    packets: u64,
    octets: u64,
}

/// How another source's packets become ours.
#[derive(Debug, Clone, Copy)]
struct Relayed {
    ssrc: u32,
    /// What is older was sent before we began to pass the source on, or is too late.
    first: u16,
    newest: u16,
    sequence_offset: u16,
    timestamp_offset: u32,
}

impl Relayed {
    /// Numbers come round after 65,536 packets: `first` follows, or it would be ahead one day.
    fn advance(&mut self, newest: u16) {
        self.newest = newest;
        if newest.wrapping_sub(self.first) > MAX_JUMP as u16 {
            self.first = newest.wrapping_sub(MAX_JUMP as u16);
        }
    }
}

/// A packet's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub sequence_number: u16,
    pub timestamp: u32,
    pub marker: bool,
}

impl Outgoing {
    /// `sequence_number` and `timestamp` are where the source begins; they should be random.
    pub fn new(now: Instant, ssrc: u32, sequence_number: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            next_sequence_number: sequence_number,
            newest_timestamp: timestamp,
            newest_units: 0,
            newest_at: now,
            interrupted: true,
            relayed: None,
            packets: 0,
            octets: 0,
        }
    }

    /// The place of the next packet of our own, `units` timestamp units long. Where it begins a
    /// talkspurt, the time that has passed since the newest packet is left out.
    pub fn place_next(&mut self, now: Instant, units: u32, talkspurt_start: bool) -> Place {
        let relayed = self.relayed.take().is_some();
        let marker = talkspurt_start || self.interrupted || relayed;
        let timestamp = match marker {
            true => self.timestamp_after_pause(now),
            false => self.newest_timestamp.wrapping_add(self.newest_units),
        };
        self.interrupted = false;
        self.newest_timestamp = timestamp;
        self.newest_units = units;
        self.newest_at = now;
        Place {
            sequence_number: self.take_sequence_number(),
            timestamp,
            marker,
        }
    }

    /// The place of one more packet of the event that the newest packet began. The sound after it
    /// is a new talkspurt.
    pub fn place_in_event(&mut self) -> Place {
        self.interrupted = true;
        Place {
            sequence_number: self.take_sequence_number(),
            timestamp: self.newest_timestamp,
            marker: false,
        }
    }

    /// The place of another source's packet, passed on: its gaps, order and timing are kept. `None`
    /// for one that was sent before we began to pass that source on.
    pub fn place_relayed(&mut self, now: Instant, header: &Header) -> Option<Place> {
        let number = header.sequence_number;
        let known = self.relayed.filter(|relayed| {
            let jump = number.wrapping_sub(relayed.newest) as i16;
            relayed.ssrc == header.ssrc && jump.saturating_abs() < MAX_JUMP
        });
        let mut relayed = known.unwrap_or_else(|| Relayed {
            ssrc: header.ssrc,
            first: number,
            newest: number,
            sequence_offset: self.next_sequence_number.wrapping_sub(number),
            timestamp_offset: self
                .timestamp_after_pause(now)
                .wrapping_sub(header.timestamp),
        });
        if (number.wrapping_sub(relayed.first) as i16) < 0 {
            return None;
        }
        let place = Place {
            sequence_number: number.wrapping_add(relayed.sequence_offset),
            timestamp: header.timestamp.wrapping_add(relayed.timestamp_offset),
            marker: header.marker || known.is_none(),
        };
        if known.is_none() || (number.wrapping_sub(relayed.newest) as i16) > 0 {
            relayed.advance(number);
            self.next_sequence_number = place.sequence_number.wrapping_add(1);
        }
        if (place.timestamp.wrapping_sub(self.newest_timestamp) as i32) > 0 {
            self.newest_timestamp = place.timestamp;
            self.newest_units = 0;
            self.newest_at = now;
        }
        self.relayed = Some(relayed);
        Some(place)
    }

    /// A packet of the source that is passed on was left out on purpose: no gap shall tell of it.
    pub fn skip_relayed(&mut self, header: &Header) {
        if let Some(relayed) = &mut self.relayed {
            let ahead = header.sequence_number.wrapping_sub(relayed.newest) as i16;
            if relayed.ssrc == header.ssrc && ahead > 0 {
                relayed.advance(header.sequence_number);
                relayed.sequence_offset = relayed.sequence_offset.wrapping_sub(1);
            }
        }
    }

    /// What is sent next begins a talkspurt.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
    }

    /// Writes the header for a payload that follows it in `datagram`, and counts the packet.
    pub fn write(
        &mut self,
        place: Place,
        payload_type: u8,
        payload_length: usize,
        datagram: &mut [u8],
    ) -> Option<()> {
        let header = Header {
            payload_type,
            marker: place.marker,
            sequence_number: place.sequence_number,
            timestamp: place.timestamp,
            ssrc: self.ssrc,
        };
        header.write(datagram)?;
        self.packets += 1;
        self.octets += payload_length as u64;
        Some(())
    }

    /// The timestamp that belongs to `now`.
    pub fn timestamp_at(&self, now: Instant) -> u32 {
        self.newest_timestamp
            .wrapping_add(units(now.saturating_duration_since(self.newest_at)))
    }

    fn timestamp_after_pause(&self, now: Instant) -> u32 {
        let passed = units(now.saturating_duration_since(self.newest_at));
        self.newest_timestamp
            .wrapping_add(passed.max(self.newest_units))
    }

    fn take_sequence_number(&mut self) -> u16 {
        let number = self.next_sequence_number;
        self.next_sequence_number = number.wrapping_add(1);
        number
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Of payload.
    pub fn octets(&self) -> u64 {
        self.octets
    }
}

/// Timestamp units at 8 kHz.
fn units(time: Duration) -> u32 {
    (time.as_micros() as u64 * 8 / 1_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    fn place(sequence_number: u16, timestamp: u32, marker: bool) -> Place {
        Place {
            sequence_number,
            timestamp,
            marker,
        }
    }

    fn header(ssrc: u32, sequence_number: u16, timestamp: u32) -> Header {
        Header {
            payload_type: 0,
            marker: false,
            sequence_number,
            timestamp,
            ssrc,
        }
    }

    #[test]
    fn timestamps_go_on_in_silence() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new(start, 1, 65_534, 1_000);
        assert_eq!(
            outgoing.place_next(start, 160, true),
            place(65_534, 1_000, true)
        );
        // A tick that comes late does not stretch the time of the sound.
        assert_eq!(
            outgoing.place_next(after(start, 23), 160, false),
            place(65_535, 1_160, false)
        );
        assert_eq!(
            outgoing.place_next(after(start, 540), 160, true),
            place(0, 1_160 + 517 * 8, true)
        );
        // A talkspurt that cuts the last one's packet short does not overlap it.
        assert_eq!(
            outgoing.place_next(after(start, 545), 160, true),
            place(1, 1_320 + 517 * 8, true)
        );
    }

    #[test]
    fn an_event_keeps_its_timestamp_and_sound_begins_anew_after_it() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new(start, 1, 0, 0);
        assert_eq!(outgoing.place_next(start, 160, true), place(0, 0, true));
        assert_eq!(outgoing.place_in_event(), place(1, 0, false));
        assert_eq!(outgoing.place_in_event(), place(2, 0, false));
        assert_eq!(
            outgoing.place_next(after(start, 100), 160, false),
            place(3, 800, true)
        );
    }

    #[test]
    fn a_source_is_passed_on_for_hours() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new(start, 1, 40_000, 5_000);
        for n in 0..200_000_u32 {
            let place = outgoing.place_relayed(
                after(start, 20 * u64::from(n)),
                &header(7, (n + 9) as u16, 160 * n),
            );
            let expected = (40_000 + n) as u16;
            assert_eq!(place.map(|place| place.sequence_number), Some(expected));
        }
    }

    #[test]
    fn a_passed_on_source_keeps_its_gaps_and_order() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new(start, 1, 100, 5_000);
        let mut relay = |ms, number, timestamp| {
            outgoing.place_relayed(after(start, ms), &header(7, number, timestamp))
        };
        assert_eq!(relay(0, 65_535, 900), Some(place(100, 5_000, true)));
        assert_eq!(relay(40, 1, 1_220), Some(place(102, 5_320, false)));
        assert_eq!(relay(45, 0, 1_060), Some(place(101, 5_160, false)));
        assert_eq!(relay(46, 65_534, 740), None, "was sent before we began");
        assert_eq!(
            outgoing.place_next(after(start, 60), 160, false),
            place(103, 5_480, true)
        );
    }

    #[test]
    fn another_source_goes_on_where_the_last_one_ended() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new(start, 1, 10, 0);
        outgoing.place_relayed(start, &header(7, 500, 77_000));
        let other = outgoing.place_relayed(after(start, 100), &header(8, 3, 1));
        assert_eq!(other, Some(place(11, 800, true)));
        let restarted = outgoing.place_relayed(after(start, 200), &header(8, 30_000, 1));
        assert_eq!(restarted, Some(place(12, 1_600, true)));
    }

    #[test]
    fn what_is_left_out_leaves_no_gap() {
        let start = Instant::now();
        let mut outgoing = Outgoing::new(start, 1, 10, 0);
        outgoing.place_relayed(start, &header(7, 500, 0));
        outgoing.skip_relayed(&header(7, 501, 160));
        let next = outgoing.place_relayed(after(start, 40), &header(7, 502, 320));
        assert_eq!(next, Some(place(11, 320, false)));
    }
}
