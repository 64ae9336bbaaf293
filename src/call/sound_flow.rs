//! Whether sound comes from a leg, where there may be none: from a target before it answers, its
//! network's announcements and ringing tones; from who holds, their exchange's music. A description
//! alone (183 with SDP, or `sendonly`) is no sound: until some comes, and when it stops, whoever
//! would hear it hears ours.

use super::leg::MAX_PAYLOAD;
use super::messages::is_silent;
use super::received::PacketKind;
use std::time::{Duration, Instant};

/// Without a packet for so long, the sound has stopped.
const STOPPED: Duration = Duration::from_millis(500);
/// The longest pause of a ringing tone is 4 s (ITU-T E.180); what is silent for longer says nothing.
pub const RINGING_PAUSE: Duration = Duration::from_millis(4_500);
/// Music pauses for less: nobody on hold hears nothing for two seconds.
pub const MUSIC_PAUSE: Duration = Duration::from_millis(1_500);

#[derive(Debug, Default)]
pub struct SoundFlow {
    packet: Option<Instant>,
    /// When a packet last was not silent.
    sound: Option<Instant>,
}

impl SoundFlow {
    /// Sound that pauses for no longer is expected from now on, and is missed when none comes soon.
    pub fn expect(&mut self, now: Instant, longest_pause: Duration) {
        self.packet = Some(now);
        self.sound = (now + STOPPED).checked_sub(longest_pause);
    }

    pub fn receive(&mut self, now: Instant, kind: PacketKind, payload: &[u8]) {
        let silent = match kind {
            PacketKind::Audio(codec) => {
                let mut samples = [0; MAX_PAYLOAD];
                let payload = &payload[..payload.len().min(MAX_PAYLOAD)];
                let length = codec.decode(payload, &mut samples);
                is_silent(&samples[..length])
            }
            PacketKind::ComfortNoise => true,
            PacketKind::TelephoneEvent => false,
        };
        self.packet = Some(now);
        if !silent {
            self.sound = Some(now);
        }
    }

    /// Whether there is something to hear, by sound that pauses for no longer.
    pub fn flows(&self, now: Instant, longest_pause: Duration) -> bool {
        let within = |at: Option<Instant>, time| at.is_some_and(|at| now < at + time);
        within(self.packet, STOPPED) && within(self.sound, longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::codecs::Codec;

    const AUDIO: PacketKind = PacketKind::Audio(Codec::Pcma);
    const SILENCE: [u8; 160] = [0xd5; 160];
    const SOUND: [u8; 160] = [0x2a; 160];

    #[test]
    fn it_flows_from_the_first_sound_through_the_pauses_of_a_ringing_tone() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut early = SoundFlow::default();
        early.receive(at(0), AUDIO, &SILENCE);
        assert!(!early.flows(at(0), RINGING_PAUSE), "silence");
        early.receive(at(20), AUDIO, &SOUND);
        assert!(early.flows(at(40), RINGING_PAUSE));
        early.receive(at(4_020), AUDIO, &SILENCE);
        assert!(early.flows(at(4_040), RINGING_PAUSE), "the pause");
        assert!(!early.flows(at(4_520), RINGING_PAUSE), "no packet");
        early.receive(at(4_520), AUDIO, &SILENCE);
        assert!(!early.flows(at(4_520), RINGING_PAUSE), "silent too long");
    }

    #[test]
    fn what_is_expected_is_missed_only_after_a_while() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut music = SoundFlow::default();
        music.expect(at(0), MUSIC_PAUSE);
        music.receive(at(480), AUDIO, &SILENCE);
        assert!(music.flows(at(490), MUSIC_PAUSE));
        assert!(!music.flows(at(510), MUSIC_PAUSE), "silence");
        music.receive(at(510), AUDIO, &SOUND);
        assert!(music.flows(at(520), MUSIC_PAUSE));
        music.receive(at(1_990), PacketKind::ComfortNoise, &[60]);
        assert!(music.flows(at(2_000), MUSIC_PAUSE), "a pause");
        music.receive(at(2_020), PacketKind::ComfortNoise, &[60]);
        assert!(!music.flows(at(2_020), MUSIC_PAUSE), "noise is no music");
        music.receive(at(2_040), PacketKind::TelephoneEvent, &[1, 10, 0, 160]);
        assert!(music.flows(at(2_060), MUSIC_PAUSE), "a key is heard");
    }
}
