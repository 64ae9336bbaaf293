//! The table of codecs, best liked first.

use super::codec::CodecDescriptor;
use super::g711;

/// Names a codec: small enough to be kept with every leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    Pcmu,
    Pcma,
}

impl Codec {
    pub const ALL: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

    pub fn descriptor(self) -> &'static CodecDescriptor {
        match self {
            Codec::Pcmu => &g711::PCMU,
            Codec::Pcma => &g711::PCMA,
        }
    }

    /// By the static payload type (RFC 3551), for offers without `a=rtpmap`.
    pub fn from_payload_type(payload_type: u8) -> Option<Codec> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.descriptor().payload_type == payload_type)
    }

    /// By the encoding name and clock rate of an `a=rtpmap`.
    pub fn from_rtpmap(name: &str, clock_rate: u32) -> Option<Codec> {
        Self::ALL.into_iter().find(|codec| {
            let descriptor = codec.descriptor();
            descriptor.name.eq_ignore_ascii_case(name) && descriptor.clock_rate == clock_rate
        })
    }

    pub fn payload_type(self) -> u8 {
        self.descriptor().payload_type
    }

    pub fn name(self) -> &'static str {
        self.descriptor().name
    }

    pub fn clock_rate(self) -> u32 {
        self.descriptor().clock_rate
    }

    /// See [`CodecDescriptor::silence`].
    pub fn silence(self) -> u8 {
        self.descriptor().silence
    }

    /// See [`CodecDescriptor::encode`].
    pub fn encode(self, samples: &[i16], payload: &mut [u8]) -> usize {
        (self.descriptor().encode)(samples, payload)
    }

    /// See [`CodecDescriptor::decode`].
    pub fn decode(self, payload: &[u8], samples: &mut [i16]) -> usize {
        (self.descriptor().decode)(payload, samples)
    }

    /// Rewrites a payload of this codec into one of `to`, in place.
    pub fn transcode(self, to: Codec, payload: &mut [u8]) {
        match (self, to) {
            (Codec::Pcmu, Codec::Pcma) => g711::mu_to_a(payload),
            (Codec::Pcma, Codec::Pcmu) => g711::a_to_mu(payload),
            (Codec::Pcmu, Codec::Pcmu) | (Codec::Pcma, Codec::Pcma) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_are_found_by_what_sdp_says() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_payload_type(codec.payload_type()), Some(codec));
            let lower = codec.name().to_ascii_lowercase();
            assert_eq!(Codec::from_rtpmap(&lower, 8_000), Some(codec));
            assert_eq!(Codec::from_rtpmap(&lower, 16_000), None);
        }
        assert_eq!(Codec::from_payload_type(18), None);
        assert_eq!(Codec::from_rtpmap("G729", 8_000), None);
    }

    #[test]
    fn transcoding_keeps_the_sound() {
        let samples: Vec<i16> = (0..160).map(|n| (n * 197 % 8_000) as i16 - 4_000).collect();
        let mut payload = [0; 160];
        let mut heard = [0; 160];
        Codec::Pcmu.encode(&samples, &mut payload);
        Codec::Pcmu.transcode(Codec::Pcma, &mut payload);
        Codec::Pcma.decode(&payload, &mut heard);
        for (said, heard) in samples.iter().zip(heard) {
            assert!((said - heard).abs() <= 256, "{said} became {heard}");
        }
    }
}
