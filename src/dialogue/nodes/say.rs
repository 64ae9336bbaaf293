//! An announcement or an answer, perhaps with the question whether it answered.

use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::{Among, Next, State};
use crate::dialplan::model::{NodeKind, Say, Target};
use crate::events::{Event, RequestedBy};
use crate::key::Key;

impl Dialogue {
    pub(in crate::dialogue) fn enter_say(&mut self, say: &Say) -> Option<Next> {
        match self.prompt(&say.prompt) {
            Ok(parts) => {
                self.quiet_nodes = 0;
                self.state = State::Saying;
                self.play(parts);
                None
            }
            Err(reason) => {
                self.log_prompt_failed(reason);
                Some(Next::Human(RequestedBy::Failure))
            }
        }
    }

    /// Heard to its end.
    pub(in crate::dialogue) fn said(&mut self) -> Option<Next> {
        if let NodeKind::Say(say) = &self.node().kind
            && say.answers
        {
            let node = self.node_name().to_string();
            self.log(Event::AnswerPlayed { node });
        }
        self.cut_short()
    }

    /// On from here, whether it was heard to its end or a key cut it short.
    pub(in crate::dialogue) fn cut_short(&mut self) -> Option<Next> {
        let NodeKind::Say(say) = &self.node().kind else {
            return Some(Next::Human(RequestedBy::Failure));
        };
        if say.confirm_resolved.is_some() {
            return self
                .comes_to_question()
                .or_else(|| self.choose_among(Among::Resolved));
        }
        Some(Next::To(say.to.unwrap_or(Target::Human)))
    }

    pub(in crate::dialogue) fn is_resolved(&mut self, key: Key) -> Option<Next> {
        if key == Key::STAR {
            return Some(self.back());
        }
        let NodeKind::Say(say) = &self.node().kind else {
            return None;
        };
        let targets = say.confirm_resolved?;
        let Some(resolved) = Self::yes_or_no(key) else {
            return self.not_a_choice();
        };
        self.log(Event::ResolutionConfirmed { resolved });
        if resolved {
            self.distress.is_over();
        }
        Some(Next::To(if resolved { targets.yes } else { targets.no }))
    }
}
