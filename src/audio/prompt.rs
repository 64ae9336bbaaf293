//! A piece of sound to be played: decoded once, encoded once a codec, shared by every call.

use super::codecs::Codec;
use super::frame::duration_of;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

#[derive(Debug)]
pub struct Prompt {
    samples: Arc<[i16]>,
    /// One place a codec, in the order of [`Codec::ALL`].
    encoded: [OnceLock<Arc<[u8]>>; Codec::ALL.len()],
}

impl Prompt {
    /// `samples` are 8 kHz mono.
    pub fn from_samples(samples: impl Into<Arc<[i16]>>) -> Prompt {
        Prompt {
            samples: samples.into(),
            encoded: Default::default(),
        }
    }

    pub fn samples(&self) -> &Arc<[i16]> {
        &self.samples
    }

    /// The payload bytes of the whole prompt, one a sample; made when first asked for.
    pub fn encoded(&self, codec: Codec) -> &Arc<[u8]> {
        self.encoded[codec as usize].get_or_init(|| {
            let mut payload = vec![0; self.samples.len()];
            codec.encode(&self.samples, &mut payload);
            payload.into()
        })
    }

    pub fn duration(&self) -> Duration {
        duration_of(self.samples.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_encoded_once_a_codec() {
        let prompt = Prompt::from_samples(vec![0, 1_000, -1_000, 32_767]);
        for codec in Codec::ALL {
            let mut expected = [0; 4];
            codec.encode(prompt.samples(), &mut expected);
            assert_eq!(**prompt.encoded(codec), expected);
            assert!(Arc::ptr_eq(prompt.encoded(codec), prompt.encoded(codec)));
        }
        assert_eq!(prompt.duration(), Duration::from_micros(500));
    }
}
