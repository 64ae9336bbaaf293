//! What comes from a target before it answers: its network's announcements and ringing tones, which
//! the caller hears instead of our own sound. A description alone (183 with SDP) is no sound: until
//! some comes, and when it stops, the caller hears ours.

use std::time::{Duration, Instant};

/// Without a packet for so long, the sound has stopped.
const STOPPED: Duration = Duration::from_millis(500);
/// The longest pause of a ringing tone is 4 s (ITU-T E.180); what is silent for longer says nothing.
const LONGEST_PAUSE: Duration = Duration::from_millis(4_500);

#[derive(Debug, Default)]
pub struct EarlyMedia {
    packet: Option<Instant>,
    /// When a packet last was not silent.
    sound: Option<Instant>,
}

impl EarlyMedia {
    pub fn receive(&mut self, now: Instant, silent: bool) {
        self.packet = Some(now);
        if !silent {
            self.sound = Some(now);
        }
    }

    /// Whether there is something to hear.
    pub fn flows(&self, now: Instant) -> bool {
        let within = |at: Option<Instant>, time| at.is_some_and(|at| now < at + time);
        within(self.packet, STOPPED) && within(self.sound, LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_flows_from_the_first_sound_through_the_pauses_of_a_ringing_tone() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut early = EarlyMedia::default();
        early.receive(at(0), true);
        assert!(!early.flows(at(0)), "silence");
        early.receive(at(20), false);
        assert!(early.flows(at(40)));
        early.receive(at(4_020), true);
        assert!(early.flows(at(4_040)), "the pause");
        assert!(!early.flows(at(4_520)), "no packet");
        early.receive(at(4_520), true);
        assert!(!early.flows(at(4_520)), "silence for too long");
    }
}
