//! Names get values.

use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::Next;
use crate::dialplan::model::Set;
use crate::events::RequestedBy;
use minijinja::Value;

impl Dialogue {
    pub(in crate::dialogue) fn enter_set(&mut self, set: &Set) -> Option<Next> {
        for (name, source) in &set.values {
            let values = self.spoken_values();
            match self.program.templates.text(source, &values) {
                Ok(text) => {
                    self.saved.insert(name.clone(), Value::from(text));
                }
                Err(reason) => {
                    self.log_prompt_failed(reason);
                    return Some(Next::Human(RequestedBy::Failure));
                }
            }
        }
        Some(Next::To(set.to))
    }
}
