//! Symmetric RTP: where a peer behind a NAT really sends from, and so where it can be reached.
//!
//! The first valid packet's source is taken, and stays. It moves again only with a description that
//! names another address, or when the same source (SSRC) goes on in sequence from a new
//! address: a guess at both by a stranger is not worth fearing more than a phone that roams. A
//! stranger who was quicker than the peer loses to packets from the address that the peer named.

use super::packet::Header;
use std::net::SocketAddr;

/// How far ahead of the last packet one from a new address may be.
const MAX_AHEAD: u16 = 100;
/// After a description that moved the peer, as many packets from its old place are taken for such
/// as were on their way; after them it has stayed there.
const ON_THEIR_WAY: u8 = 50;

#[derive(Debug, Clone)]
pub struct Latch {
    /// What the peer's description said.
    signalled: Option<SocketAddr>,
    /// Where packets come from.
    source: Option<SocketAddr>,
    /// Whether the next valid packet's source is taken, wherever it is.
    open: bool,
    /// A description came since the last packet.
    in_doubt: bool,
    /// Where packets came from before the description that moved the peer, and how many more from
    /// there do not count.
    before: Option<(SocketAddr, u8)>,
    ssrc: u32,
    sequence_number: u16,
}

impl Latch {
    pub fn new(signalled: Option<SocketAddr>) -> Self {
        Self {
            signalled,
            source: None,
            open: true,
            in_doubt: false,
            before: None,
            ssrc: 0,
            sequence_number: 0,
        }
    }

    /// A description came. Where it names the same address, a session refresh most often, what was
    /// learnt holds while packets come from there: a stranger gets no second chance.
    pub fn renegotiate(&mut self, signalled: Option<SocketAddr>) {
        if self.signalled != signalled {
            self.signalled = signalled;
            self.before = self.source.take().map(|source| (source, ON_THEIR_WAY));
            self.open = true;
        } else {
            self.in_doubt = true;
        }
    }

    /// Nothing has come for a while. After a description, a hold's end most often, the peer may be
    /// behind another port of its NAT by now.
    pub fn reopen(&mut self) {
        self.open |= std::mem::take(&mut self.in_doubt);
    }

    /// Whether a valid packet from `source` belongs to the peer; follows the peer if so.
    pub fn accept(&mut self, source: SocketAddr, header: &Header) -> bool {
        if self.source != Some(source) {
            let ahead = header.sequence_number.wrapping_sub(self.sequence_number);
            let goes_on = header.ssrc == self.ssrc && (1..=MAX_AHEAD).contains(&ahead);
            let is_named = self.signalled == Some(source);
            if !self.open && !goes_on && !is_named {
                return false;
            }
            if self.open && self.is_on_its_way(source) {
                return true;
            }
            self.source = Some(source);
        }
        self.open = false;
        self.in_doubt = false;
        self.ssrc = header.ssrc;
        self.sequence_number = header.sequence_number;
        true
    }

    fn is_on_its_way(&mut self, source: SocketAddr) -> bool {
        match &mut self.before {
            Some((before, left)) if *before == source && self.signalled != Some(source) => {
                *left = left.saturating_sub(1);
                *left > 0
            }
            _ => false,
        }
    }

    /// Where to send; `None` while nobody has said.
    pub fn destination(&self) -> Option<SocketAddr> {
        self.source.or(self.signalled)
    }

    /// Where packets come from, once one has come.
    pub fn source(&self) -> Option<SocketAddr> {
        self.source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    fn packet(ssrc: u32, sequence_number: u16) -> Header {
        Header {
            payload_type: 0,
            marker: false,
            sequence_number,
            timestamp: 0,
            ssrc,
        }
    }

    #[test]
    fn the_first_packets_source_wins_over_the_description() {
        let mut latch = Latch::new(Some(address(1)));
        assert_eq!(latch.destination(), Some(address(1)));
        assert!(latch.accept(address(2), &packet(7, 100)));
        assert_eq!(latch.destination(), Some(address(2)));
    }

    #[test]
    fn strangers_are_refused_once_latched() {
        let mut latch = Latch::new(None);
        assert!(latch.accept(address(2), &packet(7, 100)));
        assert!(!latch.accept(address(3), &packet(8, 101)));
        assert!(!latch.accept(address(3), &packet(7, 99)));
        assert!(!latch.accept(address(3), &packet(7, 300)));
        assert_eq!(latch.destination(), Some(address(2)));
        // The peer may change its SSRC where it is.
        assert!(latch.accept(address(2), &packet(9, 5)));
    }

    #[test]
    fn a_stranger_who_was_quicker_loses_to_the_peer() {
        let mut latch = Latch::new(Some(address(1)));
        assert!(latch.accept(address(66), &packet(7, 100)));
        assert!(latch.accept(address(1), &packet(8, 1)));
        assert!(!latch.accept(address(66), &packet(7, 101)));
        assert_eq!(latch.destination(), Some(address(1)));
    }

    #[test]
    fn a_source_that_goes_on_in_sequence_is_followed() {
        let mut latch = Latch::new(None);
        assert!(latch.accept(address(2), &packet(7, 65_535)));
        assert!(latch.accept(address(3), &packet(7, 2)));
        assert_eq!(latch.destination(), Some(address(3)));
    }

    #[test]
    fn a_new_description_latches_anew() {
        let mut latch = Latch::new(Some(address(1)));
        latch.accept(address(2), &packet(7, 100));
        latch.renegotiate(Some(address(1)));
        assert!(!latch.accept(address(4), &packet(8, 1)), "it has not moved");
        assert_eq!(latch.destination(), Some(address(2)));
        latch.renegotiate(Some(address(5)));
        assert_eq!(latch.destination(), Some(address(5)), "it has moved");
    }

    #[test]
    fn after_a_description_and_silence_the_peer_is_found_anew() {
        let mut latch = Latch::new(Some(address(1)));
        latch.accept(address(2), &packet(7, 100));
        latch.reopen();
        assert!(
            !latch.accept(address(4), &packet(8, 1)),
            "nobody described anything"
        );
        latch.renegotiate(Some(address(1)));
        assert!(latch.accept(address(2), &packet(7, 101)));
        latch.reopen();
        assert!(
            !latch.accept(address(4), &packet(8, 2)),
            "it is where it was"
        );
        latch.renegotiate(Some(address(1)));
        latch.reopen();
        assert!(latch.accept(address(4), &packet(9, 1)));
        assert_eq!(latch.destination(), Some(address(4)));
    }

    #[test]
    fn packets_on_their_way_do_not_undo_a_move() {
        let mut latch = Latch::new(Some(address(1)));
        latch.accept(address(1), &packet(7, 100));
        latch.renegotiate(Some(address(5)));
        assert!(latch.accept(address(1), &packet(7, 101)));
        assert_eq!(latch.destination(), Some(address(5)));
        assert!(latch.accept(address(5), &packet(8, 1)));
        assert!(!latch.accept(address(1), &packet(7, 103)));
        assert_eq!(latch.destination(), Some(address(5)));
    }

    #[test]
    fn a_peer_that_only_said_it_moved_is_found() {
        let mut latch = Latch::new(Some(address(1)));
        latch.accept(address(2), &packet(7, 0));
        latch.renegotiate(Some(address(5)));
        for number in 1..=u16::from(ON_THEIR_WAY) {
            assert_eq!(latch.destination(), Some(address(5)));
            assert!(latch.accept(address(2), &packet(7, number)));
        }
        assert_eq!(latch.destination(), Some(address(2)));
    }
}
