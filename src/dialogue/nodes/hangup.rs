//! The last words. The human key works until they have been said.

use crate::dialogue::action::Part;
use crate::dialogue::interpreter::Dialogue;
use crate::dialogue::state::{Next, State};
use crate::dialplan::model::Prompt;
use crate::events::EndedBy;
use crate::speech::sentences::Sentence;

impl Dialogue {
    pub(in crate::dialogue) fn say_goodbye(
        &mut self,
        goodbye: Option<&Prompt>,
        reason: &'static str,
    ) -> Option<Next> {
        let words = goodbye.and_then(|prompt| self.prompt(prompt).ok());
        let words = words.unwrap_or_else(|| vec![self.sentence(Sentence::Goodbye)]);
        self.end_with(words, reason)
    }

    pub(in crate::dialogue) fn end_with(
        &mut self,
        words: Vec<Part>,
        reason: &'static str,
    ) -> Option<Next> {
        self.say_last_words(words, EndedBy::Dialplan, reason);
        None
    }

    pub(in crate::dialogue) fn say_last_words(
        &mut self,
        words: Vec<Part>,
        by: EndedBy,
        reason: &'static str,
    ) {
        self.leave();
        self.typed_ahead.clear();
        self.state = State::SayingGoodbye(by, reason);
        self.play(words);
    }
}
