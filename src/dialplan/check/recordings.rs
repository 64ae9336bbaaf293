//! The recordings that calls of a dialplan play can be played.

use super::Judge;
use crate::audio::prompt_file;
use crate::diagnostic::{Span, rules};
use crate::dialplan::template::sources::prompts;
use crate::language::Language;
use crate::speech::sentences::Sentence;
use std::path::Path;

impl Judge<'_, '_, '_> {
    /// Those that prompts name, and those that stand in for the engine's own sentences.
    pub(super) fn recordings(&mut self) {
        for prompt in prompts(self.dialplan) {
            let Some(name) = &prompt.audio else { continue };
            for &language in &self.dialplan.languages {
                self.recording(language, name, prompt.span);
            }
        }
        for handoff in &self.dialplan.handoffs {
            let Some(name) = handoff.music() else {
                continue;
            };
            let span = self.place(&["handoffs", &handoff.name, "queue", "music"]);
            for &language in &self.dialplan.languages {
                self.music(language, name, span);
                self.recording(language, name, span);
            }
        }
        for &language in &self.dialplan.languages {
            let span = self.language_place(language);
            for sentence in Sentence::fixed(self.dialplan.human.key, self.dialplan.elder.key) {
                self.recording(language, &sentence.audio(), span);
            }
        }
    }

    /// There are no words that could be said instead.
    fn music(&mut self, language: Language, name: &str, span: Span) {
        if !self
            .view
            .recordings
            .contains_key(&(language, name.to_owned()))
        {
            self.report.add(
                &rules::MISSING_MUSIC,
                span,
                format!("There is no recording `{name}` in `{language}`; the engine's own music is heard."),
                format!("Put it at prompts/{language}/{name}.wav (or flac, mp3, ogg)."),
            );
        }
    }

    fn recording(&mut self, language: Language, name: &str, span: Span) {
        let file = self.view.recordings.get(&(language, name.to_owned()));
        let Some((file, broken)) = file.and_then(|file| Some((file, broken(file)?))) else {
            return;
        };
        self.report.add(
            &rules::BROKEN_RECORDING,
            span,
            format!(
                "The recording {} cannot be played: {}.",
                file.display(),
                broken.reason
            ),
            broken.fix,
        );
    }
}

struct Broken {
    reason: String,
    fix: &'static str,
}

/// Why a file cannot be played; `None` where it can.
fn broken(file: &Path) -> Option<Broken> {
    let extension = file.extension()?.to_str()?;
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Some(Broken {
                reason: error.to_string(),
                fix: "Check its permissions.",
            });
        }
    };
    let error = prompt_file::decode(bytes, extension).err()?;
    Some(Broken {
        reason: error.to_string(),
        fix: "Save it again as WAV, FLAC, MP3 or Ogg Vorbis, or remove it.",
    })
}
