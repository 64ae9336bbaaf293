//! Sequence numbers of one source (RFC 3550, A.1): their cycles, what is late, what is there twice,
//! and whether the source began anew.
//!
//! Other than in the RFC no source is on probation: a key in the very first packet must count. Two
//! packets in a row are asked for only where a running source jumps.

/// A jump ahead by as many or more is taken for a restart.
const MAX_DROPOUT: u16 = 3_000;
/// A packet that is this late, or later, is taken for a restart. Also how far back doubles are seen.
const MAX_MISORDER: u16 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// Newer than all before it; `lost` is how many numbers were left out.
    Newest {
        lost: u16,
    },
    /// Older than the newest, and not seen yet.
    Late,
    Duplicate,
    /// Far off: an error, or a source that began anew; the next packet tells.
    Stray,
    /// The second packet in a row after a jump: the source began anew, and a new [`Sequence`]
    /// begins with this number.
    Restart,
}

/// The numbers of one source so far.
#[derive(Debug, Clone, Copy)]
pub struct Sequence {
    /// The newest number, extended by its cycles; the first one's is in the first cycle.
    newest: u32,
    first: u32,
    /// Bit n: `newest - n` has come.
    seen: u64,
    /// The number that would confirm a restart.
    restart: Option<u16>,
}

impl Sequence {
    pub fn new(first: u16) -> Self {
        let first = u32::from(first);
        Self {
            newest: first,
            first,
            seen: 1,
            restart: None,
        }
    }

    /// Takes note of the number of a further packet.
    pub fn update(&mut self, number: u16) -> Arrival {
        let ahead = number.wrapping_sub(self.newest as u16);
        let behind = 0u16.wrapping_sub(ahead);
        if ahead == 0 {
            Arrival::Duplicate
        } else if ahead < MAX_DROPOUT {
            self.restart = None;
            self.newest = self.newest.wrapping_add(u32::from(ahead));
            self.seen = self.seen.checked_shl(ahead.into()).unwrap_or(0) | 1;
            Arrival::Newest { lost: ahead - 1 }
        } else if behind < MAX_MISORDER {
            let bit = 1 << behind;
            if self.seen & bit != 0 {
                return Arrival::Duplicate;
            }
            self.seen |= bit;
            let extended = self.newest.wrapping_sub(behind.into());
            if self.expected() <= u32::from(behind) {
                self.first = extended;
            }
            Arrival::Late
        } else if self.restart == Some(number) {
            Arrival::Restart
        } else {
            self.restart = Some(number.wrapping_add(1));
            Arrival::Stray
        }
    }

    /// The newest number, extended by its cycles (RFC 3550, 6.4.1).
    pub fn extended_newest(&self) -> u32 {
        self.newest
    }

    /// How many packets the source has sent, from the oldest that came to the newest.
    pub fn expected(&self) -> u32 {
        self.newest.wrapping_sub(self.first).wrapping_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn arrivals(first: u16, numbers: &[u16]) -> Vec<Arrival> {
        let mut sequence = Sequence::new(first);
        let mut update = |&number: &u16| {
            let arrival = sequence.update(number);
            if arrival == Arrival::Restart {
                sequence = Sequence::new(number);
            }
            arrival
        };
        numbers.iter().map(&mut update).collect()
    }

    #[test]
    fn tells_how_packets_arrive() {
        use Arrival::*;
        assert_eq!(
            arrivals(1, &[2, 3]),
            [Newest { lost: 0 }, Newest { lost: 0 }]
        );
        assert_eq!(
            arrivals(1, &[5, 3, 3, 5]),
            [Newest { lost: 3 }, Late, Duplicate, Duplicate]
        );
        assert_eq!(
            arrivals(65_535, &[0, 65_535]),
            [Newest { lost: 0 }, Duplicate]
        );
        assert_eq!(arrivals(10, &[20_000, 11]), [Stray, Newest { lost: 0 }]);
        assert_eq!(
            arrivals(10, &[20_000, 20_001, 20_002]),
            [Stray, Restart, Newest { lost: 0 }]
        );
        assert_eq!(arrivals(5_000, &[4_000, 4_001]), [Stray, Restart]);
    }

    #[test]
    fn counts_cycles() {
        let mut sequence = Sequence::new(65_000);
        for number in (65_001..=65_535).chain(0..=65_535).chain(0..=99) {
            assert_eq!(sequence.update(number), Arrival::Newest { lost: 0 });
        }
        assert_eq!(sequence.extended_newest(), 2 * 65_536 + 99);
        assert_eq!(sequence.expected(), 536 + 65_536 + 100);
    }

    proptest! {
        /// Against a set of all numbers that came: loss, doubles and disorder within the window,
        /// across wraps.
        #[test]
        fn agrees_with_a_set(first in any::<u16>(), steps in proptest::collection::vec(-20i64..60, 1..400)) {
            let mut sequence = Sequence::new(first);
            let mut seen = BTreeSet::from([i64::from(first)]);
            for step in steps {
                let newest = *seen.last().unwrap();
                let number = newest + step;
                let expected = match step {
                    _ if seen.contains(&number) => Arrival::Duplicate,
                    1.. => Arrival::Newest { lost: (step - 1) as u16 },
                    // What came before the first packet has come late all the same.
                    _ => Arrival::Late,
                };
                prop_assert_eq!(sequence.update(number as u16), expected);
                seen.insert(number);
            }
            let newest = *seen.last().unwrap();
            prop_assert_eq!(i64::from(sequence.extended_newest()), newest);
            prop_assert_eq!(i64::from(sequence.expected()), newest - seen.first().unwrap() + 1);
        }
    }
}
