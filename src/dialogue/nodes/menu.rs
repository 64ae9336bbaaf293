//! Options by key.

use crate::dialogue::action::Part;
use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::{Among, Next};
use crate::dialplan::model::{NodeKind, Target};
use crate::key::Key;

impl Dialogue {
    pub(in crate::dialogue) fn enter_menu(&mut self) -> Option<Next> {
        self.comes_to_question()
            .or_else(|| self.choose_among(Among::Menu))
    }

    pub(in crate::dialogue) fn menu_parts(&self, again: bool) -> Result<Vec<Part>, String> {
        let (prompt, reprompt) = match &self.node().kind {
            NodeKind::Menu(menu) => (&menu.prompt, &menu.reprompt),
            NodeKind::Knowledge(knowledge) => (&knowledge.prompt, &knowledge.reprompt),
            _ => return Ok(Vec::new()),
        };
        let shorter = reprompt.as_ref().filter(|_| again);
        self.prompt(shorter.unwrap_or(prompt))
    }

    pub(in crate::dialogue) fn choose_option(&mut self, key: Key) -> Option<Next> {
        if key == Key::STAR {
            return self.first_choices().unwrap_or_else(|| Some(self.back()));
        }
        if key == Key::HASH
            && let Some(next) = self.more_choices()
        {
            return next;
        }
        let menu = match &self.node().kind {
            NodeKind::Menu(menu) => menu,
            NodeKind::Knowledge(knowledge) => {
                let entry = knowledge.entries.iter().position(|it| it.key == Some(key));
                return match entry.and_then(|entry| u16::try_from(entry).ok()) {
                    Some(entry) => self.question_asked(entry),
                    None => self.not_a_choice(),
                };
            }
            _ => return None,
        };
        let option = menu.options.iter().find(|option| option.key == key);
        match option.map(|option| option.to) {
            Some(Target::Back) => Some(self.back()),
            Some(to) => Some(Next::To(to)),
            None => self.not_a_choice(),
        }
    }
}
