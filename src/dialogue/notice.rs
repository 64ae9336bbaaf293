//! The notice that the call is recorded. Recording begins when the caller heard it to its end in
//! their own language (law 6): in the greeting, or, where a key cut that short, as a sentence of its
//! own before each prompt until it was heard.

use super::action::Action;
use super::interpreter::Dialogue;
use super::state::State;
use crate::dialplan::model::NodeKind;
use crate::events::Event;
use crate::language::Language;

#[derive(Debug, Clone, Default)]
pub(super) struct Notice {
    heard_in: Vec<Language>,
    /// Which language is the caller's own is not known yet.
    choosing_language: bool,
    recording: bool,
}

impl Dialogue {
    pub(super) fn prepare_notice(&mut self) {
        let start = &self.dialplan().node(self.dialplan().start).kind;
        self.notice.choosing_language = matches!(start, NodeKind::LanguageMenu(_));
    }

    /// Whether it is to be said before what is played now.
    pub(super) fn notice_is_due(&self) -> bool {
        let last_words = matches!(
            self.state,
            State::SayingGoodbye(..) | State::BeforeMessage(_)
        );
        self.lacks_notice() && !self.notice.choosing_language && !last_words
    }

    /// Whether the dialplan records and recording has not begun.
    fn lacks_notice(&self) -> bool {
        self.dialplan().record && !self.notice.recording
    }

    pub(super) fn notice_heard(&mut self, language: Language) {
        if !self.notice.heard_in.contains(&language) {
            self.notice.heard_in.push(language);
        }
        self.record_if_told();
    }

    /// The language is chosen, or the caller goes to a person without a choice. Whether the notice
    /// is still to be heard.
    pub(super) fn language_is_settled(&mut self) -> bool {
        self.notice.choosing_language = false;
        self.record_if_told();
        self.lacks_notice()
    }

    fn record_if_told(&mut self) {
        let heard = |language: &Language| self.notice.heard_in.contains(language);
        let told = match self.notice.choosing_language {
            true => self.dialplan().languages.iter().all(heard),
            false => heard(&self.language),
        };
        if told && self.lacks_notice() {
            self.notice.recording = true;
            self.act(Action::StartRecording);
        }
    }

    /// At the call's end.
    pub(super) fn log_omitted_recording(&mut self) {
        if self.lacks_notice() && !matches!(self.state, State::New) {
            self.log(Event::RecordingOmitted {
                reason: "the caller did not hear to its end that the call is recorded".to_string(),
            });
        }
    }
}
