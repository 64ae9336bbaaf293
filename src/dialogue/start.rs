//! The call is answered: the greeting and what comes with it.

use super::interpreter::Dialogue;
use super::state::{Next, State};
use crate::dialplan::load::bare_number;
use crate::dialplan::model::{NodeKind, Target};
use crate::dialplan::targets::glob;
use crate::events::PacedBy;

impl Dialogue {
    pub(super) fn start(&mut self) -> Option<Next> {
        if self.is_known_elder() {
            self.begin_elder_pacing(PacedBy::Number);
        }
        // Who is called back is with people already.
        if !matches!(self.state, State::New) {
            return None;
        }
        if self.stopping {
            self.say_it_stops(None);
            return None;
        }
        self.speaker.greet();
        self.prepare_notice();
        let start = self.dialplan().start;
        let speaks = matches!(
            self.dialplan().node(start).kind,
            NodeKind::Menu(_)
                | NodeKind::Knowledge(_)
                | NodeKind::LanguageMenu(_)
                | NodeKind::Ask(_)
                | NodeKind::Say(_)
        );
        if speaks {
            return Some(Next::To(Target::Node(start)));
        }
        self.state = State::Greeting;
        self.play(Vec::new());
        None
    }

    /// Whether the caller's number is on the dialplan's list. A withheld one is on none.
    fn is_known_elder(&self) -> bool {
        let caller = bare_number(&self.context.caller);
        let mut numbers = self.dialplan().elder.numbers.iter();
        !caller.is_empty() && numbers.any(|number| glob(number, &caller))
    }
}
