//! One leg's RTCP session: when reports are due, what they say, and what the peer's say of us.

use super::outgoing::Outgoing;
use super::reception::Reception;
use super::rtcp::{self, NtpClock, Report, Schedule, SenderInfo};
use std::time::{Duration, Instant};

/// What an RTCP packet meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpReceived {
    Report,
    /// The peer's source has left (RFC 3550, 6.6).
    Bye,
    /// Not RTCP, or not from the peer.
    Ignored,
}

#[derive(Debug, Clone)]
pub struct Control {
    clock: NtpClock,
    schedule: Schedule,
    /// Names us in this session only (RFC 7022): hexadecimal digits.
    cname: [u8; 16],
    /// The middle of the peer's last sender report's NTP time, and when it came.
    last_sender_report: Option<(u32, Instant)>,
    round_trip: Option<Duration>,
    /// How many packets we had sent at our last report.
    reported_packets: u64,
}

impl Control {
    pub fn new(now: Instant, clock: NtpClock, cname: u64, seed: u64) -> Self {
        let mut digits = [0; 16];
        for (place, digit) in digits.iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(cname >> (4 * place) & 0xF) as usize];
        }
        Self {
            clock,
            schedule: Schedule::new(now, seed),
            cname: digits,
            last_sender_report: None,
            round_trip: None,
            reported_packets: 0,
        }
    }

    /// When the next report is due.
    pub fn next_report(&self) -> Instant {
        self.schedule.next()
    }

    /// The report was sent, or nobody is there to get it.
    pub fn advance(&mut self, now: Instant) {
        self.schedule.advance(now);
    }

    /// Writes a report, or our last one; its length, or `None` if `datagram` is too short.
    pub fn write(
        &mut self,
        now: Instant,
        outgoing: &Outgoing,
        reception: &mut Reception,
        bye: bool,
        datagram: &mut [u8],
    ) -> Option<usize> {
        let sender = (outgoing.packets() > self.reported_packets).then(|| SenderInfo {
            ntp: self.clock.ntp(now),
            timestamp: outgoing.timestamp_at(now),
            packets: outgoing.packets() as u32,
            octets: outgoing.octets() as u32,
        });
        self.reported_packets = outgoing.packets();
        let mut block = reception.report();
        if let (Some(block), Some((middle, came))) = (&mut block, self.last_sender_report) {
            let held = now.saturating_duration_since(came).as_secs_f64() * 65_536.0;
            block.last_sender_report = middle;
            block.delay_since_sender_report = held as u32;
        }
        let report = Report {
            ssrc: outgoing.ssrc(),
            cname: std::str::from_utf8(&self.cname).expect("hexadecimal digits are UTF-8"),
            sender,
            block,
            bye,
        };
        report.write(datagram)
    }

    /// Takes note of a compound packet from the peer.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        datagram: &[u8],
        our_ssrc: u32,
        their_ssrc: Option<u32>,
    ) -> RtcpReceived {
        let Some(received) = rtcp::read(datagram, our_ssrc) else {
            return RtcpReceived::Ignored;
        };
        if let Some(ntp) = received.sender_ntp {
            self.last_sender_report = Some((rtcp::middle(ntp), now));
        }
        if let Some(block) = received.about_us {
            let ntp = self.clock.ntp(now);
            self.round_trip = block.round_trip(ntp).or(self.round_trip);
        }
        match received.bye && their_ssrc == Some(received.ssrc) {
            true => RtcpReceived::Bye,
            false => RtcpReceived::Report,
        }
    }

    /// To the peer and back, as the last reports tell.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}
