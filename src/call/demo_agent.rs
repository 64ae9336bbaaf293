//! The demo's person: a leg that rings, answers, greets and stays until the caller hangs up, so
//! that the demo hotline needs no PBX. It is reached by a real INVITE to this server itself.

use super::contract::{Channel, Input, LegNumber, Output, PacketSink, Session, SipCommand};
use super::leg::Leg;
use super::playout::Piece;
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

/// Long enough to hear that it rings.
const RINGS: Duration = Duration::from_millis(2500);

/// What it says, a language after the other: it cannot know which one the caller speaks.
pub fn greeting() -> [(Language, Content); 2] {
    let text = |text: &str| Content::Text {
        text: text.to_string(),
        audio: None,
    };
    [
        (
            Language::En,
            text(
                "Hello. You have reached the demo agent, which stands in for a person. \
                 Your call was connected. Hang up whenever you like.",
            ),
        ),
        (
            Language::Zh,
            text("您好，这里是演示坐席，代替真人接听。您的电话已经接通，随时可以挂断。"),
        ),
    ]
}

pub struct DemoAgent {
    leg: Leg,
    prompts: Arc<dyn PromptSource>,
    sounds: Arc<Sounds>,
    /// The 200's session description, until it is sent.
    answer: Option<(Instant, Vec<u8>)>,
    ended: bool,
    next_tick: Instant,
    outputs: VecDeque<Output>,
}

impl DemoAgent {
    /// `media` is where the peer reaches the RTP socket that waits for the leg.
    pub fn new(
        now: Instant,
        prompts: Arc<dyn PromptSource>,
        sounds: Arc<Sounds>,
        offer: &[u8],
        media: SocketAddr,
        seed: u64,
        unix: Duration,
    ) -> DemoAgent {
        let mut leg = Leg::new(LegNumber::CALLER, media, seed, unix);
        let mut outputs = VecDeque::new();
        let mut ended = false;
        let mut answer = None;
        match leg.answer(now, offer) {
            Ok(sdp) => {
                outputs.push_back(Output::Sip(SipCommand::Ring));
                answer = Some((now + RINGS, sdp));
            }
            Err(error) => {
                let (status, reason) = (error.status(), error.to_string());
                outputs.push_back(Output::Sip(SipCommand::Reject { status, reason }));
                outputs.push_back(Output::Finished);
                ended = true;
            }
        }
        DemoAgent {
            leg,
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
            let parts = greeting();
            let sounds = parts.iter().filter_map(|(language, content)| {
                let sound = self.prompts.lookup(*language, content, Pace::Usual);
                sound.map(Piece::Sound)
            });
            let pieces = sounds
                .flat_map(|sound| [Piece::Silence(4_000), sound])
                .collect();
            self.leg.playout.play(PlayId(1), pieces);
            self.leg
                .playout
                .set_background(Some(self.sounds.comfort.clone()));
        }
    }

    fn finish(&mut self) {
        self.ended = true;
        self.outputs.push_back(Output::CloseMedia {
            leg: LegNumber::CALLER,
        });
        self.outputs.push_back(Output::Finished);
    }
}

impl Session for DemoAgent {
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
                let leg = LegNumber::CALLER;
                self.outputs
                    .push_back(Output::Sip(SipCommand::HangUp { leg, reason }));
                self.finish();
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
        while self.leg.playout.poll_heard().is_some() {}
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
