//! Whether a leg's peer is still there: it sends RTP or RTCP, and if it does not, it is asked.

use std::time::{Duration, Instant};

/// Without RTP and RTCP for so long, a re-INVITE asks whether the peer is there; after as long again
/// the leg is lost.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct MediaWatch {
    /// When the peer showed last that it is there; `None` before its media was agreed on.
    seen: Option<Instant>,
    /// It was asked by re-INVITE, and nothing of its media has come since.
    asked: bool,
}

/// What a silence has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The peer is to be asked whether it is there.
    Doubtful,
    Lost,
}

impl MediaWatch {
    /// By signalling: the silence is counted anew, but only media takes back the question.
    pub fn signalled(&mut self, now: Instant) {
        self.seen = Some(now);
    }

    /// No RTP is to be expected now: its silence says nothing, neither before nor after the question.
    pub fn excuse(&mut self, now: Instant) {
        self.seen = Some(now);
        self.asked = false;
    }

    /// To be called only while RTP is expected. `received`: when RTP or RTCP came last.
    pub fn check(&mut self, now: Instant, received: Option<Instant>) -> Option<Silence> {
        if received > self.seen {
            self.seen = received;
            self.asked = false;
        }
        if now < self.seen? + MEDIA_TIMEOUT {
            return None;
        }
        self.seen = Some(now);
        Some(match std::mem::replace(&mut self.asked, true) {
            false => Silence::Doubtful,
            true => Silence::Lost,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_media_takes_back_the_question() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watch = MediaWatch::default();
        assert_eq!(watch.check(after(99), None), None, "nothing is agreed on");
        watch.signalled(start);
        assert_eq!(watch.check(after(29), None), None);
        assert_eq!(watch.check(after(30), None), Some(Silence::Doubtful));
        watch.signalled(after(40));
        assert_eq!(watch.check(after(69), None), None);
        let mut deaf = watch;
        assert_eq!(deaf.check(after(70), None), Some(Silence::Lost));
        let mut watch = MediaWatch::default();
        watch.signalled(start);
        assert_eq!(watch.check(after(30), None), Some(Silence::Doubtful));
        assert_eq!(watch.check(after(60), Some(after(45))), None);
        assert_eq!(watch.check(after(75), None), Some(Silence::Doubtful));
    }

    #[test]
    fn after_a_hold_a_silence_is_a_new_one() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watch = MediaWatch::default();
        watch.signalled(start);
        assert_eq!(watch.check(after(30), None), Some(Silence::Doubtful));
        watch.excuse(after(40));
        watch.excuse(after(400));
        assert_eq!(watch.check(after(429), None), None);
        assert_eq!(watch.check(after(430), None), Some(Silence::Doubtful));
        assert_eq!(watch.check(after(460), None), Some(Silence::Lost));
    }
}
