//! The seam for SRTP: what is done to a datagram between RTP and the network.

/// Protects what is sent and opens what is received, in place. One a leg; media threads own it.
pub trait Transport: Send {
    /// The datagram's first `length` bytes are RTP; says how long it has become. `None`: it must
    /// not be sent.
    fn protect_rtp(&mut self, datagram: &mut [u8], length: usize) -> Option<usize>;

    /// Says how long the RTP packet is that the datagram held. `None`: forged, or not for us.
    fn unprotect_rtp(&mut self, datagram: &mut [u8]) -> Option<usize>;

    /// Like [`Self::protect_rtp`], for RTCP.
    fn protect_rtcp(&mut self, datagram: &mut [u8], length: usize) -> Option<usize>;

    /// Like [`Self::unprotect_rtp`], for RTCP.
    fn unprotect_rtcp(&mut self, datagram: &mut [u8]) -> Option<usize>;
}

/// RTP/AVP: nothing is hidden.
pub struct Plain;

impl Transport for Plain {
    fn protect_rtp(&mut self, _: &mut [u8], length: usize) -> Option<usize> {
        Some(length)
    }

    fn unprotect_rtp(&mut self, datagram: &mut [u8]) -> Option<usize> {
        Some(datagram.len())
    }

    fn protect_rtcp(&mut self, _: &mut [u8], length: usize) -> Option<usize> {
        Some(length)
    }

    fn unprotect_rtcp(&mut self, datagram: &mut [u8]) -> Option<usize> {
        Some(datagram.len())
    }
}
