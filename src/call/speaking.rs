//! What the caller hears of the dialogue and of the call itself: sounds that are there, and texts that
//! are rendered.

use super::call::Call;
use super::contract::Output;
use super::playout::Piece;
use crate::audio::prompt::Prompt;
use crate::dialogue::action::{Content, Part, Play};
use crate::dialogue::input::{self, PlayId};
use crate::speech::sentences::Sentence;
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnPlay {
    Sentence,
    /// A REFER follows when it was heard.
    PassingOn,
    /// The message's recording begins when it was heard.
    Beep,
}

impl Call {
    pub(super) fn play(&mut self, play: Play) {
        self.own_play = None;
        let pieces = play.parts.iter().enumerate();
        let pieces = pieces
            .map(|(index, part)| self.piece(play.id, index, part))
            .collect();
        self.caller.playout.play(play.id, pieces);
        self.play_music_in_lookup();
        self.speak_at_once = true;
    }

    pub(super) fn piece(&mut self, play: PlayId, index: usize, part: &Part) -> Piece {
        if let Content::Pause(duration) = part.content {
            return Piece::Silence(duration.as_millis() as usize * 8);
        }
        let pace = self.dialogue.pace();
        let prompts = &self.services.prompts;
        if let Some(sound) = prompts.lookup(part.language, &part.content, pace) {
            return Piece::Sound(sound);
        }
        let text = match &part.content {
            Content::Text { text, .. } => text.clone(),
            Content::Sentence(sentence) => sentence.text(part.language),
            Content::Pause(_) => String::new(),
        };
        let language = part.language;
        self.outputs.push_back(Output::Render {
            play,
            part: index,
            language,
            text,
            pace,
        });
        Piece::Awaited
    }

    /// Says sentences of the engine's own, which are there without synthesis.
    pub(super) fn say(&mut self, sentences: impl IntoIterator<Item = Sentence>, own: OwnPlay) {
        if self.says_nothing(own) {
            return;
        }
        let language = self.dialogue.language();
        let play = self.next_own_play();
        let parts = sentences.into_iter().map(Content::Sentence).enumerate();
        let pieces = parts
            .map(|(index, content)| self.piece(play, index, &Part { language, content }))
            .collect();
        self.play_own(play, own, pieces);
    }

    /// What is rendered for one play of the call's own must not be heard in the next.
    pub(super) fn next_own_play(&mut self) -> PlayId {
        let play = PlayId(u32::MAX - self.own_plays);
        self.own_plays += 1;
        play
    }

    pub(super) fn play_own(&mut self, play: PlayId, own: OwnPlay, pieces: Vec<Piece>) {
        self.caller.playout.play(play, pieces);
        self.own_play = Some((play, own));
        self.speak_at_once = true;
    }

    pub(super) fn beep(&mut self) {
        let beep = self.services.sounds.beep.clone();
        let play = self.next_own_play();
        self.play_own(play, OwnPlay::Beep, vec![Piece::Sound(beep)]);
    }

    pub(super) fn is_own(&self, play: PlayId) -> bool {
        self.own_play.is_some_and(|(own, _)| own == play)
    }

    pub(super) fn rendered(
        &mut self,
        now: Instant,
        play: PlayId,
        part: usize,
        result: Result<Arc<Prompt>, String>,
    ) {
        if self.briefing_rendered(play, part, &result) {
            return;
        }
        match result {
            Ok(sound) => self.caller.playout.supply(play, part, sound),
            // The sentence is left out; what comes after it is heard.
            Err(_) if self.is_own(play) => {
                let nothing = Arc::new(Prompt::from_samples(Vec::new()));
                self.caller.playout.supply(play, part, nothing);
            }
            Err(reason) => {
                if self.caller.playout.is_playing(play) {
                    self.caller.playout.stop();
                    self.dialogue_input(now, input::Input::PlayFailed { play, reason });
                }
            }
        }
    }
}
