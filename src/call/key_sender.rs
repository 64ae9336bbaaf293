//! The keys that a leg's peer is sent: by its trunk's setting as telephone-events, as SIP INFO, or
//! as tones in the sound.

use super::media_session::{CannotSendKeys, MediaSession};
use crate::audio::tones;
use crate::config::trunk::TrunkKeys;
use crate::events::KeySource;
use crate::key::Key;
use crate::rtp::telephone_event::ToSend;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Ten seconds of tones: keys beyond them are not sent.
const MAX_KEY_TONES: usize = 80_000;
/// Keys and pauses that wait to be sent as INFO; further ones are not sent.
const MAX_INFOS: usize = 100;
/// Between two INFO: they are requests that may overtake each other.
const INFO_SPACING: Duration = Duration::from_millis(250);

pub struct KeySender {
    by: TrunkKeys,
    tones: VecDeque<i16>,
    infos: VecDeque<ToSend>,
    /// When the next INFO may go out.
    info_due: Option<Instant>,
}

impl KeySender {
    pub fn new(by: TrunkKeys) -> KeySender {
        KeySender {
            by,
            tones: VecDeque::new(),
            infos: VecDeque::new(),
            info_due: None,
        }
    }

    /// How the peer gets its keys: where it did not agree to telephone-events, it gets tones.
    pub fn way(&self, media: Option<&MediaSession>) -> KeySource {
        let agreed = |media: &MediaSession| media.negotiated().telephone_event.is_some();
        match self.by {
            TrunkKeys::Rfc4733 if media.is_some_and(agreed) => KeySource::TelephoneEvent,
            TrunkKeys::Info => KeySource::Info,
            TrunkKeys::Rfc4733 | TrunkKeys::InBand => KeySource::InBand,
        }
    }

    pub fn send(&mut self, keys: &[ToSend], media: &mut MediaSession) {
        match self.way(Some(media)) {
            KeySource::TelephoneEvent => match media.send_keys(keys) {
                Ok(()) | Err(CannotSendKeys::TooMany(_)) => {}
                Err(CannotSendKeys::NotNegotiated) => self.queue_tones(keys),
            },
            KeySource::Info => self.queue_infos(keys),
            KeySource::InBand => self.queue_tones(keys),
        }
    }

    fn queue_infos(&mut self, keys: &[ToSend]) {
        let room = MAX_INFOS.saturating_sub(self.infos.len());
        self.infos.extend(keys.iter().take(room));
    }

    fn queue_tones(&mut self, keys: &[ToSend]) {
        for key in keys {
            if self.tones.len() >= MAX_KEY_TONES {
                return;
            }
            match key {
                ToSend::Key(key) => self.tones.extend(tones::key_tone(*key)),
                ToSend::Pause(pause) => {
                    let samples = pause.as_millis() as usize * 8;
                    self.tones.extend(std::iter::repeat_n(0, samples));
                }
            }
        }
    }

    /// Whether the next packet of sound is to be one of tones.
    pub fn has_tones(&self) -> bool {
        !self.tones.is_empty()
    }

    /// Fills the next packet with tones; what they do not fill stays as it is.
    pub fn take_tones(&mut self, samples: &mut [i16]) {
        let left = self.tones.len().min(samples.len());
        for (sample, tone) in samples.iter_mut().zip(self.tones.drain(..left)) {
            *sample = tone;
        }
    }

    /// The key that is to be sent as INFO now.
    pub fn poll_info(&mut self, now: Instant) -> Option<Key> {
        if self.info_due.is_some_and(|due| now < due) {
            return None;
        }
        let next = self.infos.pop_front()?;
        let (key, wait) = match next {
            ToSend::Key(key) => (Some(key), INFO_SPACING),
            ToSend::Pause(pause) => (None, pause),
        };
        self.info_due = Some(now + wait);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infos_keep_their_distance_and_their_pauses() {
        let mut sender = KeySender::new(TrunkKeys::Info);
        let start = Instant::now();
        let key = |symbol| Key::from_char(symbol).map(ToSend::Key);
        let pause = Some(ToSend::Pause(Duration::from_millis(500)));
        sender.queue_infos(&[key('1'), key('2'), pause, key('#')].map(|key| key.expect("a key")));
        let mut sent = String::new();
        for ms in (0..2_000).step_by(20) {
            if let Some(key) = sender.poll_info(start + Duration::from_millis(ms)) {
                sent += &format!("{key} at {ms}, ");
            }
        }
        assert_eq!(sent, "1 at 0, 2 at 260, # at 1020, ");
    }

    #[test]
    fn the_setting_says_how_keys_go() {
        for (by, way) in [
            (TrunkKeys::Rfc4733, KeySource::InBand),
            (TrunkKeys::Info, KeySource::Info),
            (TrunkKeys::InBand, KeySource::InBand),
        ] {
            assert_eq!(KeySender::new(by).way(None), way);
        }
    }
}
