//! The choice of a language, and the switch to one.

use crate::dialogue::action::Part;
use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::{Among, Next};
use crate::dialplan::model::{NodeKind, Target};
use crate::events::Event;
use crate::key::Key;
use crate::language::Language;

impl Dialogue {
    pub(in crate::dialogue) fn enter_language_menu(&mut self) -> Option<Next> {
        self.comes_to_question()
            .or_else(|| self.choose_among(Among::Languages))
    }

    /// Each language is named in itself.
    pub(in crate::dialogue) fn language_menu_parts(&self) -> Result<Vec<Part>, String> {
        match &self.node().kind {
            NodeKind::LanguageMenu(menu) => self.prompt_in_all(&menu.prompt),
            _ => Ok(Vec::new()),
        }
    }

    pub(in crate::dialogue) fn choose_language(&mut self, key: Key) -> Option<Next> {
        if key == Key::STAR {
            return Some(self.back());
        }
        let NodeKind::LanguageMenu(menu) = &self.node().kind else {
            return None;
        };
        let to = menu.to;
        let chosen = menu.options.iter().find(|(option, _)| *option == key);
        match chosen.map(|(_, language)| *language) {
            Some(language) => self.enter_switch(language, to),
            None => self.not_a_choice(),
        }
    }

    /// The offer of a person is due again: in this language it may not have been heard.
    pub(in crate::dialogue) fn enter_switch(
        &mut self,
        language: Language,
        to: Target,
    ) -> Option<Next> {
        if self.language != language {
            self.language = language;
            self.speaker.offer_due = true;
        }
        self.log(Event::LanguageSet { language });
        self.language_is_settled();
        Some(Next::To(to))
    }
}
