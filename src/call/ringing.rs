//! The legs that are rung for a caller, until one of them has the call: their ports, what is heard of
//! them before they answer, and what who answers is told.

use super::call::Call;
use super::contract::{LegNumber, Output, PacketSink, SipCommand};
use super::human::Human;
use super::leg::Leg;
use super::playout::{Heard, Piece};
use super::sound_flow::SoundFlow;
use crate::audio::prompt::Prompt;
use crate::config::trunk::TrunkKeys;
use crate::dialogue::action::Content;
use crate::dialogue::input::PlayId;
use crate::events::{KeySource, Pace};
use crate::handoff::transfer;
use crate::key::Key;
use crate::language::Language;
use crate::speech::sentences::Sentence;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two askings for the accept key.
const BETWEEN_ASKINGS: Duration = Duration::from_secs(3);
/// The key by which who answered takes the call, and the one by which they do not.
const ACCEPT: Key = Key::ONE;
const DECLINE: Key = Key::TWO;

/// One leg that is rung.
pub(super) struct Ringing {
    pub attempt: u32,
    pub target: String,
    pub number: LegNumber,
    /// How its peer is to be sent keys.
    keys_by: TrunkKeys,
    /// From when its ports are open.
    pub leg: Option<Leg>,
    /// What is heard of it before it is answered.
    pub early: SoundFlow,
    /// The play that tells who answered whose call it is, and in which language.
    briefing: Option<(PlayId, Language)>,
}

impl Call {
    /// The INVITE follows when the leg has its ports.
    pub(super) fn dial(&mut self, attempt: u32, target: String) {
        self.human.last_leg += 1;
        let number = LegNumber(self.human.last_leg);
        self.human.ringing.push(Ringing {
            attempt,
            target: target.clone(),
            number,
            keys_by: self.services.policy.keys(&target),
            leg: None,
            early: SoundFlow::default(),
            briefing: None,
        });
        let leg = number;
        self.sip(SipCommand::Prepare { leg, target });
    }

    pub(super) fn media_opened(
        &mut self,
        now: Instant,
        leg: LegNumber,
        address: Result<SocketAddr, String>,
    ) {
        let seed = u64::from(leg.0).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let seed = self.seed.wrapping_add(seed);
        let unix = self.log.unix(now);
        let Some(ringing) = self.human.rung(leg).filter(|it| it.leg.is_none()) else {
            // Given up meanwhile: what was prepared for it is forgotten.
            return self.hang_up_leg(leg, "not needed any more");
        };
        match address {
            Ok(address) => {
                let opened = Leg::new(leg, address, seed, unix).keys_by(ringing.keys_by);
                let offer = ringing.leg.insert(opened).offer();
                let headers = self.context_headers();
                self.sip(SipCommand::Invite {
                    leg,
                    offer,
                    headers,
                });
            }
            Err(reason) => {
                tracing::warn!(reason, "a person cannot be rung");
                self.rung_failed(now, leg, None);
            }
        }
    }

    /// With a session description of its network's, what comes from there is heard.
    pub(super) fn rung_progresses(
        &mut self,
        now: Instant,
        leg: LegNumber,
        status: u16,
        sdp: Option<&[u8]>,
    ) {
        let Some(ringing) = self.human.rung(leg) else {
            return;
        };
        let attempt = ringing.attempt;
        if let (Some(leg), Some(sdp)) = (&mut ringing.leg, sdp) {
            // One that is no use costs nothing: the answer to the call brings another.
            let _ = leg.accept_answer(now, sdp);
        }
        self.transfer_input(now, transfer::Input::Progress { attempt, status });
    }

    pub(super) fn rung_answered(&mut self, now: Instant, leg: LegNumber, sdp: Option<&[u8]>) {
        let Some(ringing) = self.human.rung(leg) else {
            return;
        };
        let attempt = ringing.attempt;
        let Some(open) = &mut ringing.leg else { return };
        let accepted = match sdp {
            // The answer came with an acknowledged provisional response (RFC 3262, 5).
            None if open.media.is_some() => Ok(()),
            sdp => open.accept_answer(now, sdp.unwrap_or_default()),
        };
        match accepted {
            Ok(()) => self.transfer_input(now, transfer::Input::Answered { attempt }),
            Err(error) => {
                self.human.ringing.retain(|it| it.number != leg);
                self.hang_up_leg(leg, &error.to_string());
                self.transfer_input(now, transfer::Input::UnusableAnswer { attempt });
            }
        }
    }

    /// It was refused, could not be rung, or answered and went.
    pub(super) fn rung_failed(&mut self, now: Instant, leg: LegNumber, status: Option<u16>) {
        let Some(at) = self.human.ringing.iter().position(|it| it.number == leg) else {
            return;
        };
        let ringing = self.human.ringing.swap_remove(at);
        if ringing.leg.is_some() {
            self.outputs.push_back(Output::CloseMedia { leg });
        }
        let attempt = ringing.attempt;
        self.transfer_input(now, transfer::Input::Failed { attempt, status });
    }

    pub(super) fn hang_up_rung(&mut self, attempt: u32) {
        let ringing = &mut self.human.ringing;
        if let Some(at) = ringing.iter().position(|it| it.attempt == attempt) {
            let number = ringing.swap_remove(at).number;
            self.hang_up_leg(number, "not needed any more");
        }
    }

    /// Who has the call now, and where they were rung.
    pub(super) fn take_rung(&mut self, attempt: u32) -> Option<(Leg, String)> {
        let ringing = &mut self.human.ringing;
        let at = ringing.iter().position(|it| it.attempt == attempt)?;
        let rung = ringing.swap_remove(at);
        Some((rung.leg?, rung.target))
    }

    /// Tells who answered whose call it is, and which keys take it and do not.
    pub(super) fn brief(&mut self, attempt: u32, spoken_there: &[Language]) {
        let play = self.next_own_play();
        let callers = self.dialogue.language();
        let dialplans = &self.services.program.dialplan.languages;
        let language = briefing_language(callers, spoken_there, dialplans);
        let text = self.dialogue.briefing(language);
        let asking = self.asking(language);
        let pace = Pace::Usual;
        let ringing = self.human.ringing.iter_mut();
        let Some(ringing) = ringing.into_iter().find(|it| it.attempt == attempt) else {
            return;
        };
        let Some(leg) = &mut ringing.leg else { return };
        ringing.briefing = Some((play, language));
        let pieces = std::iter::once(Piece::Awaited).chain(asking).collect();
        leg.playout.play(play, pieces);
        self.outputs.push_back(Output::Render {
            play,
            part: 0,
            language,
            text,
            pace,
        });
    }

    fn asking(&self, language: Language) -> Option<Piece> {
        let content = Content::Sentence(Sentence::AcceptCall);
        let pace = Pace::Usual;
        let sound = self.services.prompts.lookup(language, &content, pace);
        sound.map(Piece::Sound)
    }

    /// Whether a play is a briefing, whose sound is there now, or could not be made.
    pub(super) fn briefing_rendered(
        &mut self,
        play: PlayId,
        part: usize,
        sound: &Result<Arc<Prompt>, String>,
    ) -> bool {
        let mut ringing = self.human.ringing.iter_mut();
        let Some(rung) = ringing.find(|it| it.briefing.is_some_and(|(told, _)| told == play))
        else {
            return false;
        };
        let nothing = || Arc::new(Prompt::from_samples(Vec::new()));
        let sound = sound.clone().unwrap_or_else(|_| nothing());
        if let Some(leg) = &mut rung.leg {
            leg.playout.supply(play, part, sound);
        }
        true
    }

    /// One packet time of the caller's, for those who are told whose call it is.
    pub(super) fn send_briefings(&mut self, now: Instant, sink: &mut dyn PacketSink) {
        let time = self.caller.packet_time();
        for at in 0..self.human.ringing.len() {
            let rung = &mut self.human.ringing[at];
            if let Some((_, language)) = rung.briefing
                && rung.send_briefing(now, time, sink)
            {
                self.ask_again(at, language);
            }
        }
    }

    /// Until the time is up.
    fn ask_again(&mut self, at: usize, language: Language) {
        let play = self.next_own_play();
        let pause = Piece::Silence(BETWEEN_ASKINGS.as_millis() as usize * 8);
        let asking = self.asking(language);
        let rung = &mut self.human.ringing[at];
        rung.briefing = Some((play, language));
        if let Some(leg) = &mut rung.leg {
            let pieces = std::iter::once(pause).chain(asking).collect();
            leg.playout.play(play, pieces);
        }
    }

    /// A key of somebody who was rung: it counts from when they are asked for one.
    pub(super) fn rung_key(&mut self, now: Instant, leg: LegNumber, key: Key, by: KeySource) {
        let Some(rung) = self.human.rung(leg) else {
            return;
        };
        let (attempt, briefed) = (rung.attempt, rung.briefing.is_some());
        match key {
            ACCEPT if briefed => {
                if let Some(leg) = &mut rung.leg {
                    leg.keep_key(by);
                }
                self.transfer_input(now, transfer::Input::Accepted { attempt })
            }
            DECLINE if briefed => self.transfer_input(now, transfer::Input::Declined { attempt }),
            _ => {}
        }
    }
}

impl Human {
    pub fn rung(&mut self, leg: LegNumber) -> Option<&mut Ringing> {
        self.ringing.iter_mut().find(|it| it.number == leg)
    }

    /// The one whose early media may be heard: of several that ring at once, none.
    pub fn only_rung(&self) -> Option<&Ringing> {
        match &self.ringing[..] {
            [only] if only.briefing.is_none() => Some(only),
            _ => None,
        }
    }

    /// What the caller may hear beside ourselves.
    pub fn other_leg(&mut self) -> Option<&mut Leg> {
        if self.agent.is_some() {
            return self.agent.as_mut();
        }
        match &mut self.ringing[..] {
            [only] => only.leg.as_mut(),
            _ => None,
        }
    }
}

impl Ringing {
    /// Whether the briefing has come to its end.
    fn send_briefing(&mut self, now: Instant, time: Duration, sink: &mut dyn PacketSink) -> bool {
        let Some(leg) = &mut self.leg else {
            return false;
        };
        leg.send_sound_for(now, time, sink);
        let heard = std::iter::from_fn(|| leg.playout.poll_heard()).last();
        matches!(heard, Some(Heard::End { .. } | Heard::Overdue { .. }))
    }
}

/// The caller's if it is spoken there, else one that is, of those that the dialplan has.
fn briefing_language(callers: Language, there: &[Language], dialplans: &[Language]) -> Language {
    let theirs = || there.iter().find(|it| dialplans.contains(it));
    match there.contains(&callers) {
        true => callers,
        false => *theirs().unwrap_or(&callers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language::{En, Zh};

    #[test]
    fn who_answers_is_told_in_a_language_of_theirs() {
        let both = [En, Zh];
        assert_eq!(briefing_language(Zh, &[En], &both), En);
        assert_eq!(briefing_language(Zh, &[En, Zh], &both), Zh);
        assert_eq!(briefing_language(Zh, &[], &both), Zh, "any language");
        assert_eq!(
            briefing_language(Zh, &[En], &[Zh]),
            Zh,
            "nothing is known in English"
        );
    }
}
