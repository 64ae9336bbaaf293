//! A call's media, as its maker wants it.

use crate::audio::codecs::Codec;

#[derive(Debug, Clone)]
pub struct MediaOptions {
    /// In the order of preference.
    pub codecs: Vec<Codec>,
    pub ptime_ms: u8,
    /// Keys may come and go as telephone-events (RFC 4733).
    pub telephone_event: bool,
    pub listening: Listening,
}

impl Default for MediaOptions {
    fn default() -> Self {
        Self {
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            ptime_ms: 20,
            telephone_event: true,
            listening: Listening::default(),
        }
    }
}

/// How a line behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// Decodes what comes: for the recording, for key tones, for knowing sound from silence.
    pub decodes: bool,
    /// Sends nothing while it has nothing to say, like a telephone with silence suppression.
    pub suppresses_silence: bool,
}

impl Default for Listening {
    fn default() -> Self {
        Self {
            decodes: true,
            suppresses_silence: false,
        }
    }
}
