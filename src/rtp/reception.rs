//! How one leg's packets arrive: what is lost, how unevenly they come (RFC 3550, 6.4.1 and A.3,
//! A.8), and what that means for the ear. Counts go on over changes of the source (SSRC).

use super::e_model::mean_opinion_score;
use super::packet::Header;
use super::rtcp::ReportBlock;
use super::sequence::{Arrival, Sequence};
use std::time::{Duration, Instant};

/// Timestamp units a millisecond, for G.711 and telephone-events.
const UNITS_PER_MS: u32 = 8;
/// A timestamp that is off by more began a new line of time; that is no jitter.
const LONGEST_JITTER: u32 = 1_000 * UNITS_PER_MS;
/// The delay that packets' making and playing adds: a packet's length, and the jitter buffer's least.
const BASE_DELAY_MS: f32 = 40.0;

#[derive(Debug, Clone)]
pub struct Reception {
    base: Instant,
    source: Option<Source>,
    /// Of sources before this one.
    earlier_expected: u64,
    earlier_received: u64,
    /// How many times packets were missing in a row.
    gaps: u32,
}

/// One synchronisation source.
#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    sequence: Sequence,
    received: u32,
    /// Arrival less timestamp of the last audio packet.
    transit: Option<u32>,
    /// Interarrival jitter in sixteenths of a timestamp unit.
    jitter: u32,
    /// As they were at the last report.
    reported_expected: u32,
    reported_received: u32,
}

impl Reception {
    pub fn new(now: Instant) -> Self {
        Self {
            base: now,
            source: None,
            earlier_expected: 0,
            earlier_received: 0,
            gaps: 0,
        }
    }

    /// Takes note of a packet. `timed`: its timestamp is the time at which it was made, which those
    /// of telephone-events are not.
    pub fn handle_packet(&mut self, now: Instant, header: &Header, timed: bool) -> Arrival {
        let arrival = match &mut self.source {
            Some(source) if source.ssrc == header.ssrc => {
                source.sequence.update(header.sequence_number)
            }
            _ => Arrival::Restart,
        };
        if arrival == Arrival::Restart {
            self.begin(header);
        }
        if let Arrival::Newest { lost: 1.. } = arrival {
            self.gaps = self.gaps.saturating_add(1);
        }
        let Some(source) = &mut self.source else {
            return arrival;
        };
        if arrival != Arrival::Duplicate {
            source.received = source.received.saturating_add(1);
        }
        if timed && matches!(arrival, Arrival::Newest { .. } | Arrival::Restart) {
            let micros = now.saturating_duration_since(self.base).as_micros() as u64;
            let units = micros * u64::from(UNITS_PER_MS) / 1_000;
            source.update_jitter((units as u32).wrapping_sub(header.timestamp));
        }
        arrival
    }

    fn begin(&mut self, header: &Header) {
        if let Some(source) = &self.source {
            self.earlier_expected += u64::from(source.sequence.expected());
            self.earlier_received += u64::from(source.received);
            if source.ssrc == header.ssrc {
                // The first packet of the new line, which seemed a stray.
                self.earlier_expected += 1;
            }
        }
        self.source = Some(Source {
            ssrc: header.ssrc,
            sequence: Sequence::new(header.sequence_number),
            received: 0,
            transit: None,
            jitter: 0,
            reported_expected: 0,
            reported_received: 0,
        });
    }

    /// The source that is heard now.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// What a receiver report says of the source, but for what its sender reports add. Losses in
    /// it are those since the last call.
    pub fn report(&mut self) -> Option<ReportBlock> {
        let source = self.source.as_mut()?;
        let expected = source.sequence.expected();
        let lost = expected.saturating_sub(source.received);
        let expected_now = expected.wrapping_sub(source.reported_expected);
        let received_now = source.received.wrapping_sub(source.reported_received);
        source.reported_expected = expected;
        source.reported_received = source.received;
        let lost_now = expected_now.saturating_sub(received_now);
        let fraction = u64::from(lost_now) * 256 / u64::from(expected_now.max(1));
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost: fraction.min(255) as u8,
            cumulative_lost: lost.min(0x7F_FFFF),
            extended_sequence_number: source.sequence.extended_newest(),
            jitter: source.jitter >> 4,
            last_sender_report: 0,
            delay_since_sender_report: 0,
        })
    }

    pub fn packets_received(&self) -> u64 {
        let now = self.source.as_ref().map_or(0, |source| source.received);
        self.earlier_received + u64::from(now)
    }

    pub fn packets_lost(&self) -> u64 {
        let source = self.source.as_ref();
        let now = source.map_or(0, |source| source.sequence.expected());
        (self.earlier_expected + u64::from(now)).saturating_sub(self.packets_received())
    }

    /// Interarrival jitter in milliseconds.
    pub fn jitter_ms(&self) -> f32 {
        let jitter = self.source.as_ref().map_or(0, |source| source.jitter);
        jitter as f32 / 16.0 / UNITS_PER_MS as f32
    }

    /// The mean opinion score of what came, 1.0 to 4.5; 1.0 if nothing did.
    pub fn mean_opinion_score(&self, round_trip: Option<Duration>) -> f32 {
        let (received, lost) = (self.packets_received() as f32, self.packets_lost() as f32);
        if received == 0.0 {
            return 1.0;
        }
        let loss = lost / (lost + received);
        let mean_burst = (lost / self.gaps.max(1) as f32).max(1.0);
        let network = round_trip.map_or(0.0, |time| time.as_secs_f32() * 500.0);
        let delay = BASE_DELAY_MS + network + (2.0 * self.jitter_ms()).min(180.0);
        mean_opinion_score(loss, mean_burst * (1.0 - loss), delay)
    }
}

impl Source {
    fn update_jitter(&mut self, transit: u32) {
        let Some(last) = self.transit.replace(transit) else {
            return;
        };
        let difference = (transit.wrapping_sub(last) as i32).unsigned_abs();
        if difference <= LONGEST_JITTER {
            self.jitter += difference;
            self.jitter -= (self.jitter - difference + 8) >> 4;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(ssrc: u32, sequence_number: u16, timestamp: u32) -> Header {
        Header {
            payload_type: 0,
            marker: false,
            sequence_number,
            timestamp,
            ssrc,
        }
    }

    /// Feeds packets of 20 ms by number, each `late` ms after its time.
    fn heard(packets: &[(u16, u64)]) -> Reception {
        let start = Instant::now();
        let mut reception = Reception::new(start);
        for &(number, late) in packets {
            let now = start + Duration::from_millis(u64::from(number) * 20 + late);
            reception.handle_packet(now, &header(1, number, u32::from(number) * 160), true);
        }
        reception
    }

    #[test]
    fn counts_what_came_and_what_did_not() {
        let reception = heard(&[(1, 0), (2, 0), (2, 0), (5, 0), (4, 30), (6, 0)]);
        assert_eq!(reception.packets_received(), 5);
        assert_eq!(reception.packets_lost(), 1);
    }

    #[test]
    fn even_packets_have_no_jitter() {
        let packets: Vec<_> = (0..500).map(|n| (n, 7)).collect();
        assert_eq!(heard(&packets).jitter_ms(), 0.0);
    }

    /// Alternately 0 and 10 ms late: every difference is 10 ms, and the mean goes there.
    #[test]
    fn jitter_is_the_mean_difference() {
        let packets: Vec<_> = (0..500).map(|n| (n, u64::from(n % 2) * 10)).collect();
        let jitter = heard(&packets).jitter_ms();
        assert!((jitter - 10.0).abs() < 0.3, "{jitter}");
    }

    #[test]
    fn a_change_of_source_keeps_the_counts() {
        let now = Instant::now();
        let mut reception = Reception::new(now);
        for number in [10, 11, 13] {
            reception.handle_packet(now, &header(1, number, 0), true);
        }
        for number in [60_000, 60_001] {
            let arrival = reception.handle_packet(now, &header(2, number, 0), true);
            assert!(matches!(
                arrival,
                Arrival::Restart | Arrival::Newest { lost: 0 }
            ));
        }
        // The same source begins anew: no flood of lost packets.
        for number in [100, 101, 102] {
            reception.handle_packet(now, &header(2, number, 0), true);
        }
        assert_eq!(reception.packets_received(), 8);
        assert_eq!(reception.packets_lost(), 1);
    }

    #[test]
    fn reports_say_what_was_lost_since_the_last() {
        let start = Instant::now();
        let mut reception = Reception::new(start);
        for number in [1, 2, 3, 5] {
            reception.handle_packet(start, &header(9, number, 0), true);
        }
        let first = reception.report().unwrap();
        assert_eq!(
            (first.ssrc, first.fraction_lost, first.cumulative_lost),
            (9, 51, 1)
        );
        reception.handle_packet(start, &header(9, 6, 0), true);
        let second = reception.report().unwrap();
        assert_eq!((second.fraction_lost, second.cumulative_lost), (0, 1));
        assert_eq!(second.extended_sequence_number, 6);
        assert_eq!(Reception::new(start).report(), None);
    }

    #[test]
    fn the_score_falls_with_loss() {
        let clean = heard(&(0..200).map(|n| (n, 0)).collect::<Vec<_>>());
        let lossy = heard(
            &(0..200)
                .filter(|n| n % 10 != 5)
                .map(|n| (n, 0))
                .collect::<Vec<_>>(),
        );
        let bursty = heard(
            &(0..200)
                .filter(|n| !(40..50).contains(&(n % 100)))
                .map(|n| (n, 0))
                .collect::<Vec<_>>(),
        );
        let score = |reception: &Reception| reception.mean_opinion_score(None);
        assert!(score(&clean) > 4.3);
        assert!(
            score(&lossy) < 3.7 && score(&lossy) > 3.0,
            "{}",
            score(&lossy)
        );
        assert!(score(&bursty) < score(&lossy));
        assert!(clean.mean_opinion_score(Some(Duration::from_millis(600))) < 4.0);
        assert_eq!(score(&heard(&[])), 1.0);
    }
}
