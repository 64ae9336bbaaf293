//! RTCP (RFC 3550, 6): sender and receiver reports with the source's name, and its BYE.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rtcp_types::prelude::*;
use rtcp_types::{Bye, Compound, Packet, ReceiverReport, Sdes, SdesChunk, SdesItem, SenderReport};
use std::time::{Duration, Instant};

/// Two parties and 5% of 64 kbit/s would allow more; RFC 3550, 6.2, asks for this at least.
const INTERVAL: Duration = Duration::from_secs(5);
/// Timer reconsideration makes intervals shorter than meant; this undoes it (RFC 3550, 6.3.1).
const COMPENSATION: f64 = std::f64::consts::E - 1.5;
/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// Tells the wall clock's time from that of the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct NtpClock {
    at: Instant,
    /// Since 1970.
    unix: Duration,
}

impl NtpClock {
    /// `unix` is the time since 1970 at `at`.
    pub fn new(at: Instant, unix: Duration) -> Self {
        Self { at, unix }
    }

    /// Seconds since 1900, as 32.32 fixed point.
    pub fn ntp(&self, now: Instant) -> u64 {
        let time = self.unix + now.saturating_duration_since(self.at);
        let fraction = (u64::from(time.subsec_nanos()) << 32) / 1_000_000_000;
        (time.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction
    }
}

/// The middle 32 bits of an NTP time: 16.16 seconds.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// When the next report is due.
#[derive(Debug, Clone)]
pub struct Schedule {
    next: Instant,
    random: SmallRng,
}

impl Schedule {
    /// The first report comes after half an interval.
    pub fn new(now: Instant, seed: u64) -> Self {
        let mut schedule = Self {
            next: now,
            random: SmallRng::seed_from_u64(seed),
        };
        schedule.next = now + schedule.interval() / 2;
        schedule
    }

    pub fn next(&self) -> Instant {
        self.next
    }

    /// A report was sent.
    pub fn advance(&mut self, now: Instant) {
        self.next = now + self.interval();
    }

    fn interval(&mut self) -> Duration {
        INTERVAL.mul_f64(self.random.random_range(0.5..1.5) / COMPENSATION)
    }
}

/// What is told of one received source (RFC 3550, 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Of 256, since the last report.
    pub fraction_lost: u8,
    /// 24 bits.
    pub cumulative_lost: u32,
    pub extended_sequence_number: u32,
    /// In timestamp units.
    pub jitter: u32,
    /// The middle of the last sender report's NTP time; 0 if none came.
    pub last_sender_report: u32,
    /// In 1/65536 seconds.
    pub delay_since_sender_report: u32,
}

impl ReportBlock {
    /// The time to the peer and back, where the block answers a sender report of ours that was sent
    /// at all (RFC 3550, 6.4.1). `ntp` is the block's arrival.
    pub fn round_trip(&self, ntp: u64) -> Option<Duration> {
        if self.last_sender_report == 0 {
            return None;
        }
        let since = middle(ntp).wrapping_sub(self.last_sender_report);
        let trip = since.wrapping_sub(self.delay_since_sender_report);
        // A peer that rounds its delay up gives a little less than nothing.
        let trip = if trip > u32::MAX / 2 { 0 } else { trip };
        Some(Duration::from_secs_f64(f64::from(trip) / 65_536.0))
    }
}

/// What a sender tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    pub ntp: u64,
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// A compound packet to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    pub ssrc: u32,
    pub cname: &'a str,
    /// Present if audio was sent since the last report.
    pub sender: Option<SenderInfo>,
    pub block: Option<ReportBlock>,
    pub bye: bool,
}

impl Report<'_> {
    /// Writes the packet; its length, or `None` if `datagram` is too short.
    pub fn write(&self, datagram: &mut [u8]) -> Option<usize> {
        let block = self.block.map(|block| {
            rtcp_types::ReportBlock::builder(block.ssrc)
                .fraction_lost(block.fraction_lost)
                .cumulative_lost(block.cumulative_lost & 0xFF_FFFF)
                .extended_sequence_number(block.extended_sequence_number)
                .interarrival_jitter(block.jitter)
                .last_sender_report_timestamp(block.last_sender_report)
                .delay_since_last_sender_report_timestamp(block.delay_since_sender_report)
        });
        let compound = match self.sender {
            Some(sender) => {
                let report = SenderReport::builder(self.ssrc)
                    .ntp_timestamp(sender.ntp)
                    .rtp_timestamp(sender.timestamp)
                    .packet_count(sender.packets)
                    .octet_count(sender.octets);
                Compound::builder().add_packet(match block {
                    Some(block) => report.add_report_block(block),
                    None => report,
                })
            }
            None => {
                let report = ReceiverReport::builder(self.ssrc);
                Compound::builder().add_packet(match block {
                    Some(block) => report.add_report_block(block),
                    None => report,
                })
            }
        };
        let name = SdesItem::builder(SdesItem::CNAME, self.cname);
        let chunk = SdesChunk::builder(self.ssrc).add_item(name);
        let compound = compound.add_packet(Sdes::builder().add_chunk(chunk));
        let compound = match self.bye {
            true => compound.add_packet(Bye::builder().add_source(self.ssrc)),
            false => compound,
        };
        compound.write_into(datagram).ok()
    }
}

/// What a peer's compound packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    pub ssrc: u32,
    /// The NTP time of its sender report.
    pub sender_ntp: Option<u64>,
    /// Of our own source.
    pub about_us: Option<ReportBlock>,
    pub bye: bool,
}

/// Reads a compound packet; `None` for anything else. `our_ssrc` picks the block about us. Parts
/// that are broken or unknown are passed over.
pub fn read(datagram: &[u8], our_ssrc: u32) -> Option<Received> {
    let mut received = Received::default();
    let mut report = false;
    for packet in Compound::parse(datagram).ok()? {
        match packet {
            Ok(Packet::Sr(sender)) => {
                report = true;
                received.ssrc = sender.ssrc();
                received.sender_ntp = Some(sender.ntp_timestamp());
                received.about_us = block_about(sender.report_blocks(), our_ssrc);
            }
            Ok(Packet::Rr(receiver)) => {
                report = true;
                received.ssrc = receiver.ssrc();
                received.about_us = block_about(receiver.report_blocks(), our_ssrc);
            }
            Ok(Packet::Bye(bye)) => {
                received.bye |= bye.ssrcs().any(|ssrc| ssrc == received.ssrc);
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    report.then_some(received)
}

fn block_about<'a>(
    blocks: impl Iterator<Item = rtcp_types::ReportBlock<'a>>,
    ssrc: u32,
) -> Option<ReportBlock> {
    let mut blocks = blocks.filter(|block| block.ssrc() == ssrc);
    let block = blocks.next()?;
    Some(ReportBlock {
        ssrc,
        fraction_lost: block.fraction_lost(),
        cumulative_lost: block.cumulative_lost(),
        extended_sequence_number: block.extended_sequence_number(),
        jitter: block.interarrival_jitter(),
        last_sender_report: block.last_sender_report_timestamp(),
        delay_since_sender_report: block.delay_since_last_sender_report_timestamp(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SENDER: SenderInfo = SenderInfo {
        ntp: 0x0123_4567_89AB_CDEF,
        timestamp: 160,
        packets: 50,
        octets: 8_000,
    };
    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 2,
        fraction_lost: 3,
        cumulative_lost: 4,
        extended_sequence_number: 5,
        jitter: 6,
        last_sender_report: 7,
        delay_since_sender_report: 8,
    };

    fn written(sender: Option<SenderInfo>, block: Option<ReportBlock>, bye: bool) -> Vec<u8> {
        let report = Report {
            ssrc: 1,
            cname: "0011223344556677",
            sender,
            block,
            bye,
        };
        let mut datagram = [0; 128];
        let length = report.write(&mut datagram).unwrap();
        datagram[..length].to_vec()
    }

    #[test]
    fn what_is_written_is_read() {
        for sender in [None, Some(SENDER)] {
            for block in [None, Some(BLOCK)] {
                for bye in [false, true] {
                    let datagram = written(sender, block, bye);
                    let expected = Received {
                        ssrc: 1,
                        sender_ntp: sender.map(|sender| sender.ntp),
                        about_us: block,
                        bye,
                    };
                    assert_eq!(read(&datagram, 2), Some(expected));
                    assert!(crate::rtp::packet::is_rtcp(&datagram));
                }
            }
        }
        assert_eq!(
            read(&written(None, Some(BLOCK), false), 3)
                .unwrap()
                .about_us,
            None
        );
    }

    #[test]
    fn too_short_a_buffer_is_told() {
        let report = Report {
            ssrc: 1,
            cname: "x",
            sender: None,
            block: None,
            bye: false,
        };
        assert_eq!(report.write(&mut [0; 10]), None);
    }

    #[test]
    fn ntp_times() {
        let at = Instant::now();
        let clock = NtpClock::new(at, Duration::from_millis(1_500));
        assert_eq!(clock.ntp(at), (NTP_TO_UNIX + 1) << 32 | 1 << 31);
        assert_eq!(middle(0x1111_2222_3333_4444), 0x2222_3333);
    }

    /// RFC 3550, figure 2: 46864.500 s, the report 46853.125 s, held for 5.250 s → 6.125 s.
    #[test]
    fn the_round_trip_of_the_rfcs_example() {
        let block = ReportBlock {
            last_sender_report: 0xB705_2000,
            delay_since_sender_report: 0x0005_4000,
            ..BLOCK
        };
        let ntp = 0xB44D_B710_8000_0000;
        assert_eq!(block.round_trip(ntp), Some(Duration::from_millis(6_125)));
        let early = ReportBlock {
            delay_since_sender_report: 0x000B_6001,
            ..block
        };
        assert_eq!(early.round_trip(ntp), Some(Duration::ZERO));
        let none = ReportBlock {
            last_sender_report: 0,
            ..block
        };
        assert_eq!(none.round_trip(ntp), None);
    }

    #[test]
    fn reports_come_about_every_five_seconds() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 4);
        assert!(schedule.next() - start < Duration::from_secs(4));
        let mut last = schedule.next();
        let mut intervals = Vec::new();
        for _ in 0..1_000 {
            schedule.advance(last);
            intervals.push((schedule.next() - last).as_secs_f64());
            last = schedule.next();
        }
        assert!(intervals.iter().all(|seconds| (2.0..6.2).contains(seconds)));
        let mean = intervals.iter().sum::<f64>() / 1_000.0;
        assert!((mean - 5.0 / COMPENSATION).abs() < 0.2, "{mean}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut datagram in proptest::collection::vec(any::<u8>(), 0..120), kind in 195u8..210) {
            let _ = read(&datagram, 1);
            if let [first, second, ..] = datagram.as_mut_slice() {
                *first = *first & 0x3F | 0x80;
                *second = kind;
            }
            let _ = read(&datagram, 1);
        }

        #[test]
        fn mutations_are_borne(at in 0usize..100, value: u8, cut in 0usize..100) {
            let mut datagram = written(Some(SENDER), Some(BLOCK), true);
            if let Some(byte) = datagram.get_mut(at) {
                *byte = value;
            }
            datagram.truncate(datagram.len().saturating_sub(cut / 4));
            let _ = read(&datagram, 2);
        }
    }
}
