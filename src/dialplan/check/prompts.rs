//! What is said can be said, and the greeting tells the truth (law 6).

use super::Judge;
use crate::diagnostic::{Span, rules};
use crate::dialplan::model::Prompt;
use crate::dialplan::spoken;
use crate::dialplan::template::sources::prompts;
use crate::language::Language;
use std::collections::BTreeSet;

impl Judge<'_, '_, '_> {
    pub(super) fn greeting(&mut self) {
        let greeting = &self.dialplan.greeting;
        if greeting.text.is_empty() && greeting.audio.is_none() {
            return;
        }
        for &language in &self.dialplan.languages {
            let text = greeting.text.get(language).map_or("", String::as_str);
            let span = self.text_place(&["greeting"], language);
            if !spoken::says_automatic(language, text) {
                self.report.add(
                    &rules::GREETING_NOT_AUTOMATIC,
                    span,
                    format!(
                        "The greeting does not say in `{language}` that the service is automatic."
                    ),
                    match language {
                        Language::En => "Add \"This is an automatic service.\"",
                        Language::Zh => "Add \"这是自动语音服务。\"",
                    },
                );
            }
            if self.dialplan.record && !spoken::says_recorded(language, text) {
                self.report.add(
                    &rules::GREETING_NOT_RECORDED,
                    span,
                    format!(
                        "Calls are recorded, and the greeting does not say so in `{language}`."
                    ),
                    match language {
                        Language::En => "Add \"Calls are recorded.\", or remove `record: true`.",
                        Language::Zh => "Add \"通话将被录音。\", or remove `record: true`.",
                    },
                );
            }
        }
    }

    /// Every prompt has a recording or a voice in every language.
    pub(super) fn voices(&mut self) {
        let mut voiceless = BTreeSet::new();
        for prompt in prompts(self.dialplan) {
            self.sound(prompt, &mut voiceless);
        }
        for language in voiceless {
            let span = self.language_place(language);
            self.report.add(
                &rules::NO_VOICE,
                span,
                format!("No synthesizer speaks `{language}`, and not every prompt has a recording."),
                format!("Install a synthesizer (espeak-ng or flite), or record every prompt in `{language}`."),
            );
        }
    }

    fn sound(&mut self, prompt: &Prompt, voiceless: &mut BTreeSet<Language>) {
        let recorded = |language: Language| {
            let audio = prompt.audio.as_ref();
            audio.is_some_and(|name| self.view.recordings.contains_key(&(language, name.clone())))
        };
        let languages = &self.dialplan.languages;
        let any = languages.iter().any(|language| recorded(*language));
        let missing: Vec<Language> = languages
            .iter()
            .copied()
            .filter(|l| !recorded(*l))
            .collect();
        for language in missing {
            let name = prompt.audio.as_deref().unwrap_or("…");
            let file = format!("{language}/{name}.wav");
            if prompt.text.get(language).is_none() {
                if prompt.audio.is_some() {
                    self.report.add(
                        &rules::MISSING_PROMPT,
                        prompt.span,
                        format!("There is no recording {file} in the prompts' folder, and no text in `{language}`."),
                        format!("Record it, or add `{language}: \"…\"`."),
                    );
                }
                continue;
            }
            if any {
                self.report.add(
                    &rules::MISSING_RECORDING,
                    prompt.span,
                    format!("The recording {file} is missing; another language has it."),
                    "Record it, or remove `audio`.",
                );
            }
            if !self.view.voices.contains(&language) {
                voiceless.insert(language);
            }
        }
    }

    pub(super) fn language_place(&self, language: Language) -> Span {
        let at = self.dialplan.languages.iter().position(|l| *l == language);
        self.place(&["languages", &at.unwrap_or(0).to_string()])
    }

    /// The place of a prompt's text in one language.
    fn text_place(&self, path: &[&str], language: Language) -> Span {
        self.place(&[path, &[language.tag()]].concat())
    }
}
