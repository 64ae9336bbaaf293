//! The dialplan's own way to people.

use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::Next;
use crate::dialplan::model::HandoffId;
use crate::events::RequestedBy;

impl Dialogue {
    pub(in crate::dialogue) fn enter_transfer(&mut self, handoff: HandoffId) -> Option<Next> {
        self.ring(RequestedBy::Dialplan, handoff);
        None
    }
}
