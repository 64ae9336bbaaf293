//! RTP packets (RFC 3550, 5.1): a header read from a datagram or written before a payload.

use rtp_rs::RtpReader;
use std::ops::Range;

/// The length of the headers that we write: no contributing sources, no extension, no padding.
pub const HEADER_LENGTH: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Seven bits.
    pub payload_type: u8,
    pub marker: bool,
    pub sequence_number: u16,
    pub timestamp: u32,
    pub ssrc: u32,
}

impl Header {
    /// Reads a datagram: its header, and where in it the payload lies. `None` for anything that is
    /// not RTP, RTCP on the same port included.
    pub fn read(datagram: &[u8]) -> Option<(Header, Range<usize>)> {
        if is_rtcp(datagram) {
            return None;
        }
        let packet = RtpReader::new(datagram).ok()?;
        let start = packet.payload_offset();
        let header = Header {
            payload_type: packet.payload_type(),
            marker: packet.mark(),
            sequence_number: packet.sequence_number().into(),
            timestamp: packet.timestamp(),
            ssrc: packet.ssrc(),
        };
        Some((header, start..start + packet.payload().len()))
    }

    /// Writes the header to the start of `datagram`; `None` if it is too short.
    pub fn write(&self, datagram: &mut [u8]) -> Option<()> {
        let bytes = datagram.first_chunk_mut::<HEADER_LENGTH>()?;
        bytes[0] = 0x80;
        bytes[1] = u8::from(self.marker) << 7 | self.payload_type & 0x7F;
        bytes[2..4].copy_from_slice(&self.sequence_number.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        Some(())
    }
}

/// Whether a datagram that may be RTP or RTCP is RTCP (RFC 5761, 4).
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            payload_type: 101,
            marker: true,
            sequence_number: 0xFEDC,
            timestamp: 0x0102_0304,
            ssrc: 0xAABB_CCDD,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut datagram = [0; 16];
        header().write(&mut datagram).unwrap();
        assert_eq!(datagram[..4], [0x80, 0xE5, 0xFE, 0xDC]);
        assert_eq!(Header::read(&datagram), Some((header(), 12..16)));
        assert_eq!(header().write(&mut [0; 11]), None);
    }

    #[test]
    fn extensions_sources_and_padding_are_no_payload() {
        let mut datagram = vec![0xB1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        datagram.extend([9; 4]); // one contributing source
        datagram.extend([0xBE, 0xDE, 0, 1, 7, 7, 7, 7]); // an extension of one word
        datagram.extend([1, 2, 3, 0, 0, 3]); // three bytes of payload, three of padding
        let (_, payload) = Header::read(&datagram).unwrap();
        assert_eq!(datagram[payload], [1, 2, 3]);
    }

    #[test]
    fn other_datagrams_are_refused() {
        let stun = [
            0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(Header::read(&stun), None);
        let mut rtcp = [0; 28];
        rtcp[..2].copy_from_slice(&[0x80, 200]);
        assert!(is_rtcp(&rtcp));
        assert_eq!(Header::read(&rtcp), None);
        assert_eq!(Header::read(&[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(datagram in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some((_, payload)) = Header::read(&datagram) {
                prop_assert!(datagram.get(payload).is_some());
            }
        }

        #[test]
        fn a_flag_byte_is_no_trap(flags in 0x80u8..0xC0, rest in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut datagram = vec![flags];
            datagram.extend(rest);
            if let Some((_, payload)) = Header::read(&datagram) {
                prop_assert!(datagram.get(payload).is_some());
            }
        }
    }
}
