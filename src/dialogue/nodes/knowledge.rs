//! Questions that callers ask in their own words. The answers are `say` nodes.

use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::{Among, Choosing, Next, State};
use crate::dialplan::model::{NodeKind, Target};
use crate::events::RequestedBy;

impl Dialogue {
    /// Who asks the same a second time was not helped: with its answer comes the offer of a person.
    /// An answer that has expired is not told (law 6); a person is rung.
    pub(in crate::dialogue) fn question_asked(&mut self, entry: u16) -> Option<Next> {
        let asking = matches!(
            &self.state,
            State::Choosing(Choosing {
                among: Among::Menu,
                ..
            })
        );
        let NodeKind::Knowledge(knowledge) = &self.node().kind else {
            return self.not_understood();
        };
        let Some(entry) = knowledge.entries.get(usize::from(entry)).filter(|_| asking) else {
            return self.not_understood();
        };
        let (answer, expires) = (entry.answer, entry.expires);
        self.stop_playing();
        if expires < self.today() {
            self.log_prompt_failed(format!("the answer expired on {expires}"));
            return Some(Next::Human(RequestedBy::Failure));
        }
        let again = !self.asked.insert(answer);
        self.speaker.offer_due |= again;
        Some(Next::To(Target::Node(answer)))
    }
}
