//! What a codec is: one descriptor that SDP, RTP and playout all read.

/// A codec's facts and its two functions.
///
/// `encode` and `decode` work on whole frames, keep no state, never allocate and never panic: they
/// convert as many units as both slices hold and say how many they wrote.
pub struct CodecDescriptor {
    /// The static payload type (RFC 3551, 6).
    pub payload_type: u8,
    /// The encoding name in `a=rtpmap` (compared without case).
    pub name: &'static str,
    /// The RTP clock in Hz, which need not be the sample rate.
    pub clock_rate: u32,
    /// Linear samples → payload; how many bytes were written.
    pub encode: fn(&[i16], &mut [u8]) -> usize,
    /// Payload → linear samples; how many samples were written.
    pub decode: fn(&[u8], &mut [i16]) -> usize,
    /// What the codec sends for a linear 0.
    pub silence: u8,
}
