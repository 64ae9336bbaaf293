//! The first condition that holds decides.

use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::Next;
use crate::dialplan::model::Branch;
use crate::events::RequestedBy;

impl Dialogue {
    /// A condition that cannot be decided (a name without a value) is a failure, not a "no".
    pub(in crate::dialogue) fn enter_branch(&mut self, branch: &Branch) -> Option<Next> {
        let values = self.all_values();
        for arm in &branch.arms {
            match self.program.templates.holds(&arm.when, &values) {
                Ok(true) => return Some(Next::To(arm.to)),
                Ok(false) => {}
                Err(reason) => {
                    self.log_prompt_failed(reason);
                    return Some(Next::Human(RequestedBy::Failure));
                }
            }
        }
        Some(Next::To(branch.otherwise))
    }
}
