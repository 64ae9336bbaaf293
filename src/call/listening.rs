//! What the caller says, on its way from the sound to the dialogue.
//!
//! ```text
//!  caller's sound ─► turn ─► MaybeSpeech: the prompt pauses; Rejected: it goes on
//!                     ├────► SpeechBegan: the dialogue knows, a recognizer begins
//!                     ├────► Samples ─────────────► recognizer ◄── Pausing: what was it so far?
//!                     └────► SpeechEnded ─────────► recognizer ──► Heard ──► dialogue
//! ```
//!
//! Keys never wait for any of it: a key goes to the dialogue as ever, and ends what is being said.

use super::call::Call;
use super::contract::{HearCommand, Output, UtteranceId};
use crate::config::speech::LONGEST_HEARING;
use crate::dialogue::action::Listen;
use crate::dialogue::heard::Completeness;
use crate::dialogue::input::{self, ListenId, SpeechHeard};
use crate::events::Pace;
use crate::speech::endpointer::{
    COMPLETE_PATIENCE, ELDER_PATIENCE, UNFINISHED_PATIENCE, USUAL_PATIENCE,
};
use crate::speech::raised_voice::RaisedVoice;
use crate::speech::turn::{self, Floor, Reason, Turn};
use crate::speech::understanding::CONFIRM;
use std::time::{Duration, Instant};

/// Samples are handed to the recognizer by the tenth of a second.
const CHUNK_SAMPLES: usize = 800;
/// In the midst of speech the words so far are asked for as often.
const BETWEEN_PARTIALS: usize = 6_400;
/// How long what was said may take to be recognized once it has ended. Then the dialogue goes on by
/// keys and the human. With the silence that ended it and the way to the caller that is 2 s.
const LONGEST_RECOGNITION: Duration = Duration::from_millis(1_200);
/// What plays beside goes on by then, heard or not: the caller's own silence came before.
const LONGEST_PAUSE: Duration = Duration::from_millis(700);
const _: () = assert!(LONGEST_HEARING.as_millis() < LONGEST_RECOGNITION.as_millis());

/// Made when the call first listens: it knows the noise and the echo of the line from then on.
#[derive(Default)]
pub(super) struct Ear {
    turn: Turn,
    listen: Option<Listen>,
    said: Option<Said>,
    utterances: u32,
    voice: RaisedVoice,
}

/// What is being said, or was, and is being recognized.
struct Said {
    utterance: UtteranceId,
    listen: ListenId,
    /// It answers nothing that was asked: the prompt only waits.
    aside: bool,
    samples: Vec<i16>,
    /// Samples since the recognizer was last asked for the words so far.
    unasked: usize,
    /// Nothing but silence since the recognizer was asked ahead of the end.
    unchanged: bool,
    /// After the end: when that was.
    ended: Option<Instant>,
    /// Nobody recognizes it: the dialogue is told when it has ended.
    refused: Option<String>,
}

/// What the turn says, without the samples.
enum Sign {
    MaybeSpeech,
    Rejected,
    SpeechBegan,
    Pausing,
    GoesOn,
    SpeechEnded(Reason),
}

impl Ear {
    pub fn is_listening(&self) -> bool {
        self.listen.is_some()
    }

    fn patience(&self) -> Duration {
        let pace = self.listen.as_ref().map(|listen| listen.pace);
        match pace.unwrap_or_default() {
            Pace::Usual => USUAL_PATIENCE,
            Pace::Elder => ELDER_PATIENCE,
        }
    }
}

impl Call {
    pub(super) fn listen(&mut self, listen: Listen) {
        let languages = listen.grammars.iter().map(|grammar| grammar.language);
        let hears = |language| self.services.hears.get(language) == Some(&true);
        if !languages.clone().any(hears) {
            return self.stop_listening();
        }
        if !listen.goes_on {
            self.abandon_utterance();
        }
        let ear = self.ear.get_or_insert_default();
        ear.listen = Some(listen);
        if ear.said.is_none() {
            ear.turn.listen(ear.patience());
        }
    }

    pub(super) fn stop_listening(&mut self) {
        self.abandon_utterance();
        if let Some(ear) = &mut self.ear {
            ear.listen = None;
        }
    }

    pub(super) fn is_listening(&self) -> bool {
        self.ear.as_ref().is_some_and(|ear| ear.is_listening())
    }

    fn abandon_utterance(&mut self) {
        let said = self.ear.as_mut().and_then(|ear| ear.said.take());
        if let Some(said) = said {
            self.hear(HearCommand::Abandon(said.utterance));
        }
        self.caller.playout.resume();
    }

    fn hear(&mut self, command: HearCommand) {
        self.outputs.push_back(Output::Hear(command));
    }

    /// A key sounds: it is no speech, and ends what is being said.
    pub(super) fn key_sounds(&mut self) {
        if let Some(ear) = &mut self.ear {
            ear.turn.key_sounds();
        }
    }

    /// What the caller's line sounded like for a stretch, and what was played to it meanwhile.
    pub(super) fn listen_to(&mut self, now: Instant, heard: &[i16], played: &[i16]) {
        let Some(ear) = self.ear.as_deref_mut().filter(|ear| ear.is_listening()) else {
            return;
        };
        let waits = matches!(&ear.said, Some(said) if said.ended.is_some());
        let floor = match () {
            () if waits || self.caller.is_held() => Floor::Bot,
            () if self.caller.playout.says_something() => Floor::Shared,
            () => Floor::Caller,
        };
        // One stretch is hardly longer than a frame: seldom is there more than one sign in it.
        let mut signs: [Option<Sign>; 4] = Default::default();
        let mut count = 0;
        let (said, voice) = (&mut ear.said, &mut ear.voice);
        let mut early = Vec::new();
        ear.turn.handle_sound(heard, played, floor, |output| {
            let sign = match output {
                turn::Output::Samples(samples) => {
                    voice.handle_sound(samples);
                    match said.as_mut() {
                        Some(said) => said.samples.extend_from_slice(samples),
                        None => early.extend_from_slice(samples),
                    }
                    return;
                }
                turn::Output::MaybeSpeech => Sign::MaybeSpeech,
                turn::Output::Rejected => Sign::Rejected,
                turn::Output::SpeechBegan => {
                    voice.discard();
                    Sign::SpeechBegan
                }
                turn::Output::Pausing => Sign::Pausing,
                turn::Output::GoesOn => Sign::GoesOn,
                turn::Output::SpeechEnded(reason) => Sign::SpeechEnded(reason),
            };
            if let Some(place) = signs.get_mut(count) {
                *place = Some(sign);
                count += 1;
            }
        });
        for sign in signs.into_iter().flatten() {
            self.heed(now, sign, &mut early);
        }
        self.hand_over_samples(CHUNK_SAMPLES);
    }

    fn heed(&mut self, now: Instant, sign: Sign, early: &mut Vec<i16>) {
        match sign {
            Sign::MaybeSpeech => self.caller.playout.pause(),
            Sign::Rejected => self.caller.playout.resume(),
            Sign::SpeechBegan => self.speech_began(now, std::mem::take(early)),
            Sign::Pausing => self.ask_ahead(),
            Sign::GoesOn => self.speech_goes_on(),
            Sign::SpeechEnded(Reason::Silence | Reason::TooLong) => self.speech_ended(now),
            Sign::SpeechEnded(Reason::Interrupted) => self.withdraw_speech(now),
        }
    }

    fn speech_began(&mut self, now: Instant, samples: Vec<i16>) {
        let Some(ear) = &mut self.ear else { return };
        let Some(listen) = ear.listen.clone() else {
            return;
        };
        ear.utterances += 1;
        let utterance = UtteranceId(ear.utterances);
        let id = listen.id;
        ear.said = Some(Said {
            utterance,
            listen: id,
            aside: listen.aside,
            unasked: samples.len(),
            samples,
            unchanged: false,
            ended: None,
            refused: None,
        });
        if listen.aside {
            self.caller.playout.pause();
        }
        let program = self.services.program.clone();
        self.hear(HearCommand::Begin {
            utterance,
            listen,
            program,
        });
        self.dialogue_input(now, input::Input::SpeechBegan { listen: id });
    }

    /// What waits, if it is so much.
    fn hand_over_samples(&mut self, at_least: usize) {
        let said = self.ear.as_mut().and_then(|ear| ear.said.as_mut());
        let Some(said) = said.filter(|said| said.samples.len() >= at_least.max(1)) else {
            return;
        };
        let samples = std::mem::take(&mut said.samples);
        let utterance = said.utterance;
        said.unasked += samples.len();
        let ask = said.unasked >= BETWEEN_PARTIALS;
        if ask {
            said.unasked = 0;
        }
        self.hear(HearCommand::Samples(utterance, samples));
        if ask {
            self.hear(HearCommand::AskPartial(utterance));
        }
    }

    fn ask_ahead(&mut self) {
        self.hand_over_samples(1);
        let said = self.ear.as_mut().and_then(|ear| ear.said.as_mut());
        let Some(said) = said else { return };
        said.unchanged = true;
        let utterance = said.utterance;
        self.hear(HearCommand::AskAhead(utterance));
    }

    fn speech_goes_on(&mut self) {
        let Some(ear) = &mut self.ear else { return };
        if let Some(said) = &mut ear.said {
            said.unchanged = false;
        }
        ear.turn.set_patience(ear.patience());
    }

    fn speech_ended(&mut self, now: Instant) {
        self.hand_over_samples(1);
        let Some(ear) = &mut self.ear else { return };
        ear.turn.set_patience(ear.patience());
        let Some(said) = &mut ear.said else { return };
        said.ended = Some(now);
        let (utterance, unchanged) = (said.utterance, said.unchanged);
        if let Some(reason) = said.refused.take() {
            return self.heard_speech(now, utterance, SpeechHeard::NotRecognized { reason });
        }
        self.hear(HearCommand::End {
            utterance,
            unchanged,
        });
    }

    /// A key took the place of what was being said.
    fn withdraw_speech(&mut self, now: Instant) {
        let listen = self.ear.as_ref().and_then(|ear| ear.said.as_ref());
        let listen = listen.map(|said| said.listen);
        self.abandon_utterance();
        if let Some(listen) = listen {
            let heard = SpeechHeard::Withdrawn;
            let took = Duration::ZERO;
            self.tell_heard(now, listen, heard, took);
        }
    }

    fn tell_heard(&mut self, now: Instant, listen: ListenId, heard: SpeechHeard, took: Duration) {
        let heard = input::Input::SpeechHeard {
            listen,
            heard,
            took,
        };
        self.dialogue_input(now, heard);
    }

    /// The recognizer's word before the end: it decides how much silence is waited for.
    pub(super) fn heard_ahead(&mut self, utterance: UtteranceId, completeness: Completeness) {
        let Some(ear) = &mut self.ear else { return };
        let pauses = |said: &Said| said.utterance == utterance && said.unchanged;
        if !ear.said.as_ref().is_some_and(pauses) {
            return;
        }
        let patience = ear.patience();
        ear.turn.set_patience(match completeness {
            // An elder caller, who is given more time, is given it after an answer too.
            Completeness::Complete => patience - (USUAL_PATIENCE - COMPLETE_PATIENCE),
            Completeness::Unfinished => patience.max(UNFINISHED_PATIENCE),
            Completeness::Unknown => patience,
        });
    }

    pub(super) fn heard_speech(
        &mut self,
        now: Instant,
        utterance: UtteranceId,
        heard: SpeechHeard,
    ) {
        let saying = self.ear.as_mut().and_then(|ear| ear.said.as_mut());
        if let Some(said) = saying.filter(|it| it.utterance == utterance && it.ended.is_none())
            && let SpeechHeard::NotRecognized { reason } = &heard
        {
            said.refused = Some(reason.clone());
            return;
        }
        let said = self.ear.as_mut().map(|ear| &mut ear.said);
        let said = said.and_then(|said| said.take_if(|said| said.utterance == utterance));
        let Some(Said { listen, ended, .. }) = said else {
            return;
        };
        let took = ended.map_or(Duration::ZERO, |ended| now.saturating_duration_since(ended));
        if has_words(&heard) {
            self.judge_loudness(now);
        }
        self.tell_heard(now, listen, heard, took);
        // Unless the dialogue has something else to say, the prompt goes on.
        self.caller.playout.resume();
    }

    /// The dialogue hears of a raised voice before it hears the words.
    fn judge_loudness(&mut self, now: Instant) {
        let decibels = self.services.program.dialplan.distress.loudness;
        let raised = self.ear.as_mut().and_then(|ear| ear.voice.ended(decibels));
        if let Some(raised) = raised {
            self.dialogue_input(now, input::Input::VoiceRaised(raised));
        }
    }

    /// A recognizer that takes too long is not waited for.
    pub(super) fn watch_recognition(&mut self, now: Instant) {
        let said = self.ear.as_ref().and_then(|ear| ear.said.as_ref());
        let Some((said, ended)) = said.and_then(|said| Some((said, said.ended?))) else {
            return;
        };
        if said.aside && ended + LONGEST_PAUSE <= now {
            self.caller.playout.resume();
        }
        if ended + LONGEST_RECOGNITION > now {
            return;
        }
        let utterance = said.utterance;
        self.hear(HearCommand::Abandon(utterance));
        let reason = format!("no answer within {} ms", LONGEST_RECOGNITION.as_millis());
        self.heard_speech(now, utterance, SpeechHeard::NotRecognized { reason });
    }
}

/// Whether it was speech, and not a noise that was taken for it.
fn has_words(heard: &SpeechHeard) -> bool {
    match heard {
        SpeechHeard::Understood(_) => true,
        SpeechHeard::NotUnderstood { words, confidence } => {
            !words.is_empty() && *confidence >= CONFIRM
        }
        SpeechHeard::Withdrawn | SpeechHeard::NotRecognized { .. } => false,
    }
}
