//! A leg that is answered, told something, and left at that or hung up: the demo's person, and the
//! confirmation of an agent's wish. It has no dialogue, and no record of its own.

use super::contract::{Channel, Input, LegNumber, Output, PacketSink, Session, SipCommand};
use super::leg::Leg;
use super::playout::{Heard, Piece};
use super::services::{PromptSource, Sounds};
use crate::dialogue::action::Content;
use crate::dialogue::input::PlayId;
use crate::events::Pace;
use crate::language::Language;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Span;

/// What is told.
pub struct Script {
    /// How long it rings before it is answered.
    pub rings: Duration,
    pub says: Vec<(Language, Content)>,
    /// It stays with music until the caller hangs up; else it hangs up when all has been heard.
    pub stays: bool,
}

pub struct Announcement {
    leg: Leg,
    script: Script,
    prompts: Arc<dyn PromptSource>,
    sounds: Arc<Sounds>,
    /// The 200's session description, until it is sent.
    answer: Option<(Instant, Vec<u8>)>,
    ended: bool,
    next_tick: Instant,
    outputs: VecDeque<Output>,
}

impl Announcement {
    /// Answers `offer` as the script has it; `media` is where the peer reaches the RTP socket that waits for the leg.
    pub fn new(
        now: Instant,
        script: Script,
        (prompts, sounds): (Arc<dyn PromptSource>, Arc<Sounds>),
        offer: &[u8],
        media: SocketAddr,
        (seed, unix): (u64, Duration),
    ) -> Announcement {
        let mut leg = Leg::new(LegNumber::CALLER, media, seed, unix);
        let mut outputs = VecDeque::new();
        let mut ended = false;
        let mut answer = None;
        match leg.answer(now, offer) {
            Ok(sdp) => {
                outputs.push_back(Output::Sip(SipCommand::Ring));
                answer = Some((now + script.rings, sdp));
            }
            Err(error) => {
                let (status, reason) = (error.status(), error.to_string());
                outputs.push_back(Output::Sip(SipCommand::Reject { status, reason }));
                outputs.push_back(Output::Finished);
                ended = true;
            }
        }
        Announcement {
            leg,
            script,
            prompts,
            sounds,
            answer,
            ended,
            next_tick: now,
            outputs,
        }
    }

    fn answer(&mut self, now: Instant) {
        if let Some((_, sdp)) = self.answer.take_if(|(due, _)| *due <= now) {
            self.outputs
                .push_back(Output::Sip(SipCommand::Accept { sdp }));
            let sounds = self.script.says.iter().filter_map(|(language, content)| {
                let sound = self.prompts.lookup(*language, content, Pace::Usual);
                sound.map(Piece::Sound)
            });
            let pieces = sounds
                .flat_map(|sound| [Piece::Silence(4_000), sound])
                .collect();
            self.leg.playout.play(PlayId(1), pieces);
            let music = self.script.stays.then(|| self.sounds.comfort.clone());
            self.leg.playout.set_background(music);
        }
    }

    fn hang_up(&mut self, reason: String) {
        let leg = LegNumber::CALLER;
        self.outputs
            .push_back(Output::Sip(SipCommand::HangUp { leg, reason }));
        self.finish();
    }

    fn finish(&mut self) {
        self.ended = true;
        self.outputs.push_back(Output::CloseMedia {
            leg: LegNumber::CALLER,
        });
        self.outputs.push_back(Output::Finished);
    }
}

impl Session for Announcement {
    fn handle_input(&mut self, now: Instant, input: Input, _: &mut dyn PacketSink) {
        if self.ended {
            return;
        }
        match input {
            Input::Offer { leg, sdp } => {
                let answer = match sdp {
                    Some(offer) => self.leg.answer(now, &offer).map_err(|error| error.status()),
                    None => Ok(self.leg.offer()),
                };
                self.outputs
                    .push_back(Output::Sip(SipCommand::AnswerOffer { leg, answer }));
            }
            Input::LegEnded { .. } => self.finish(),
            Input::Shutdown { reason } => {
                self.hang_up(reason);
            }
            _ => {}
        }
    }

    fn receive(
        &mut self,
        now: Instant,
        (_, channel, source): (LegNumber, Channel, SocketAddr),
        datagram: &mut [u8],
        _: &mut dyn PacketSink,
    ) -> bool {
        // Only the latch and the quality figures want what the caller says.
        match (channel, &mut self.leg.media) {
            (Channel::Rtp, Some(media)) => media.receive_rtp(now, source, datagram).is_from_peer(),
            _ => true,
        }
    }

    fn tick(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        if self.ended {
            return;
        }
        self.answer(now);
        if self.answer.is_none() {
            self.leg.send_sound(now, sink);
            self.leg.send_rtcp(now, sink);
        }
        while let Some(heard) = self.leg.playout.poll_heard() {
            if matches!(heard, Heard::End { .. }) && !self.script.stays {
                self.hang_up("all is said".into());
            }
        }
        self.next_tick = (self.next_tick + self.leg.packet_time()).max(now);
    }

    fn next_tick(&self) -> Instant {
        self.next_tick
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The call that it takes part in has one.
    fn span(&self) -> Span {
        Span::none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::prompt::Prompt;
    use crate::audio::tones;

    const OFFER: &[u8] =
        b"v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=audio 40000 RTP/AVP 0\r\n";

    /// A second of sound in English, and none in Chinese.
    struct Second;

    impl PromptSource for Second {
        fn lookup(&self, language: Language, _: &Content, _: Pace) -> Option<Arc<Prompt>> {
            let tone = tones::chord(&[(300.0, -12.0)], 8_000);
            (language == Language::En).then(|| Arc::new(Prompt::from_samples(tone)))
        }
    }

    #[derive(Default)]
    struct Packets(usize);

    impl PacketSink for Packets {
        fn send(&mut self, _: LegNumber, channel: Channel, _: SocketAddr, _: &[u8]) {
            self.0 += usize::from(matches!(channel, Channel::Rtp));
        }
    }

    fn announcement(now: Instant, language: Language, stays: bool) -> Announcement {
        let content = Content::Text {
            text: "Told.".into(),
            audio: None,
        };
        let script = Script {
            rings: Duration::ZERO,
            says: vec![(language, content)],
            stays,
        };
        let tone = || Arc::new(Prompt::from_samples(tones::ring_back()));
        let sounds = Arc::new(Sounds {
            ring_back: tone(),
            comfort: tone(),
            beep: tone(),
        });
        let media = SocketAddr::from(([127, 0, 0, 1], 20_000));
        let source = (Arc::new(Second) as Arc<dyn PromptSource>, sounds);
        Announcement::new(now, script, source, OFFER, media, (1, Duration::ZERO))
    }

    /// The packets and the time until it hangs up, if it does within ten seconds.
    fn run(mut announcement: Announcement, start: Instant) -> (usize, Option<Duration>) {
        let (mut now, mut packets) = (start, Packets::default());
        while now < start + Duration::from_secs(10) {
            announcement.tick(now, &mut packets);
            while let Some(output) = announcement.poll_output() {
                if matches!(output, Output::Sip(SipCommand::HangUp { .. })) {
                    return (packets.0, Some(now - start));
                }
            }
            now = announcement.next_tick();
        }
        (packets.0, None)
    }

    #[test]
    fn it_hangs_up_when_all_has_been_heard_unless_it_stays() {
        let now = Instant::now();
        let (packets, hung_up) = run(announcement(now, Language::En, false), now);
        // Half a second of silence goes before.
        assert!((75..=80).contains(&packets), "{packets} packets");
        let after = hung_up.expect("all is said").as_millis();
        assert!((1_480..=1_600).contains(&after), "{after} ms");
        assert_eq!(run(announcement(now, Language::En, true), now).1, None);
        // Without a voice there is nothing to wait for.
        let (_, hung_up) = run(announcement(now, Language::Zh, false), now);
        assert!(hung_up.is_some_and(|after| after < Duration::from_secs(1)));
    }
}
