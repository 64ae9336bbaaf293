//! What the datagrams of a peer meant.

use crate::audio::codecs::Codec;
use crate::key::Key;
use crate::rtp::control::RtcpReceived;
use crate::rtp::packet::Header;
use std::ops::Range;

/// A packet that belongs to the peer's stream; its payload lies at `payload` in the datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub kind: PacketKind,
    pub header: Header,
    pub payload: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    Audio(Codec),
    ComfortNoise,
    TelephoneEvent,
}

/// What a datagram on the RTP port meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Audio(Packet),
    /// The peer is silent and says how its silence sounds (RFC 3389).
    ComfortNoise(Packet),
    /// A key was pressed: told once a press, on the first packet of it that came.
    Key(Key, Packet),
    /// The key was let go.
    KeyUp(Key, Packet),
    /// One more packet of a press that was told already.
    KeyHeld(Packet),
    /// RTCP on the RTP port (RFC 5761).
    Rtcp(RtcpReceived),
    Ignored(Ignored),
}

impl Received {
    /// Whether the peer sent it, whatever it is.
    pub fn is_from_peer(&self) -> bool {
        !matches!(
            self,
            Self::Ignored(Ignored::NotRtp | Ignored::NotAuthentic | Ignored::NotFromPeer)
        )
    }

    /// What can be passed on to another leg.
    pub fn packet(&self) -> Option<&Packet> {
        match self {
            Self::Audio(packet)
            | Self::ComfortNoise(packet)
            | Self::Key(_, packet)
            | Self::KeyUp(_, packet)
            | Self::KeyHeld(packet) => Some(packet),
            Self::Rtcp(_) | Self::Ignored(_) => None,
        }
    }
}

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    NotRtp,
    /// SRTP did not verify it.
    NotAuthentic,
    /// It came from somewhere else than the peer.
    NotFromPeer,
    /// Nobody agreed on its payload type.
    PayloadType,
    Duplicate,
    /// Far out of sequence; the next packet tells whether the source began anew.
    Stray,
    /// No sound in it: a keep-alive.
    Empty,
    /// A telephone-event that is no key.
    NoKey,
}
