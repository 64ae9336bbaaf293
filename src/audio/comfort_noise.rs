//! Comfort noise (RFC 3389): what a peer sends in place of silence, made audible again.

use super::frame::to_sample;

/// The static payload type of comfort noise at 8 kHz (RFC 3551).
pub const PAYLOAD_TYPE: u8 = 13;

/// Makes noise at the level that a peer describes. The spectral part of its payload is not used:
/// the RFC leaves it optional, and noise so quiet is heard for its level.
#[derive(Debug, Clone)]
pub struct ComfortNoise {
    peak: f32,
    state: u32,
}

impl ComfortNoise {
    /// Silent until a payload came. `seed` decides the noise; any number will do.
    pub fn new(seed: u32) -> ComfortNoise {
        ComfortNoise {
            peak: 0.0,
            // A xorshift's state must not be 0.
            state: seed | 1,
        }
    }

    /// Takes a payload: its first byte is the level in −dBov (section 3.1). An empty one, or one
    /// with the reserved bit, changes nothing.
    pub fn handle_payload(&mut self, payload: &[u8]) {
        if let Some(&level @ 0..=127) = payload.first() {
            let rms = f32::from(i16::MAX) * 10f32.powf(-f32::from(level) / 20.0);
            self.peak = rms * 3f32.sqrt();
        }
    }

    /// Fills a frame with noise, evenly spread in amplitude.
    pub fn fill(&mut self, frame: &mut [i16]) {
        for sample in frame {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 17;
            self.state ^= self.state << 5;
            let even = self.state as f32 / u32::MAX as f32 * 2.0 - 1.0;
            *sample = to_sample(self.peak * even);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::mean_square;

    #[test]
    fn noise_has_the_level_that_was_sent() {
        for level in [30u8, 50, 70] {
            let mut noise = ComfortNoise::new(7);
            noise.handle_payload(&[level, 0x7F, 0x10]);
            let mut frame = [0; 8_000];
            noise.fill(&mut frame);
            let heard = 10.0 * (mean_square(&frame) / (32_767.0 * 32_767.0)).log10();
            assert!((heard + f32::from(level)).abs() < 0.5, "{level}: {heard}");
        }
    }

    #[test]
    fn without_a_level_there_is_silence() {
        for payload in [&[][..], &[0x80], &[0xFF, 3]] {
            let mut noise = ComfortNoise::new(0);
            noise.handle_payload(payload);
            let mut frame = [1; 160];
            noise.fill(&mut frame);
            assert_eq!(frame, [0; 160]);
        }
    }
}
