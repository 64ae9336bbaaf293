//! Law 1: one key reaches a person, and it means nothing else.

use super::Judge;
use crate::diagnostic::{Span, rules};
use crate::dialplan::model::{Ask, NodeKind};
use crate::dialplan::slot::SlotKind;
use crate::dialplan::spoken;
use crate::key::Key;

impl Judge<'_, '_, '_> {
    pub(super) fn human_key(&mut self) {
        let key = self.dialplan.human.key;
        if !matches!(key.digit(), Some(0 | 9)) {
            let span = self.place(&["human", "key"]);
            self.report.add(
                &rules::HUMAN_KEY,
                span,
                format!("The human key cannot be `{key}`."),
                "Write \"0\", or \"9\" where 0 is taken by your exchange.",
            );
        }
    }

    /// 1 to 3 are the engine's own choices, in confirmations and after a failed transfer.
    pub(super) fn elder_key(&mut self) {
        let Some(key) = self.dialplan.elder.key else {
            return;
        };
        if key == self.dialplan.human.key || !matches!(key.digit(), Some(4..)) {
            let span = self.place(&["elder", "key"]);
            let message = format!("The key for slower speech cannot be `{key}`.");
            let fix = "Write a key from \"4\" to \"9\" that is no option's, as \"8\".";
            self.report.add(&rules::ELDER_KEY, span, message, fix);
        }
    }

    /// The keys of menus and language choices.
    pub(super) fn option_keys(&mut self) {
        let dialplan = self.dialplan;
        for node in &dialplan.nodes {
            match &node.kind {
                NodeKind::Menu(menu) => {
                    for option in &menu.options {
                        self.option_key(option.key, option.span);
                    }
                }
                NodeKind::Knowledge(knowledge) => {
                    for entry in &knowledge.entries {
                        if let Some(key) = entry.key {
                            self.option_key(key, entry.span);
                        }
                    }
                }
                NodeKind::LanguageMenu(menu) => {
                    for (key, _) in &menu.options {
                        let entry = self.language_option(&node.name, *key);
                        self.option_key(*key, entry);
                    }
                }
                _ => {}
            }
        }
        for slot in &dialplan.slots {
            if let SlotKind::Choice(options) = &slot.kind {
                for option in options {
                    self.option_key(option.key, option.span);
                }
            }
        }
    }

    /// No question offers the human key where it is one of the digits to be keyed.
    pub(super) fn keys_in_questions(&mut self) {
        for node in &self.dialplan.nodes {
            if let NodeKind::Ask(ask) = &node.kind {
                self.keys_in_question(ask);
            }
        }
    }

    fn keys_in_question(&mut self, ask: &Ask) {
        let key = self.dialplan.human.key;
        let keypad = self.dialplan.slot(ask.slot).kind.keypad();
        let alphabet = keypad.alphabet.as_deref();
        if !alphabet.is_none_or(|digits| digits.contains(key.to_char())) {
            return;
        }
        for prompt in [&ask.prompt].into_iter().chain(&ask.reprompt) {
            let mut texts = prompt.text.iter();
            if texts.any(|(language, text)| spoken::tells_to_press(language, text, key)) {
                self.report.add(
                    &rules::HUMAN_KEY_MISNAMED,
                    prompt.span,
                    format!("The question tells callers to press {key}, which is one of the digits that it asks for."),
                    "Leave that sentence out: the engine adds the right one.",
                );
            }
        }
    }

    fn language_option(&self, node: &str, key: Key) -> Span {
        let options = self
            .tree
            .get("nodes")
            .and_then(|nodes| nodes.get(node)?.get("language"));
        let entry = options.and_then(|options| options.entry(&key.to_string()));
        entry.map_or(self.place(&["nodes", node, "language"]), |entry| {
            entry.key.span
        })
    }

    /// Whether a menu's option may have that key.
    pub(super) fn may_be_bound(&self, key: Key) -> bool {
        key != self.dialplan.human.key && matches!(key.digit(), Some(1..))
    }

    fn option_key(&mut self, key: Key, span: Span) {
        if self.may_be_bound(key) {
            if self.dialplan.elder.key == Some(key) {
                let message = format!("The key `{key}` slows the bot down (`elder: key`).");
                let fix = "Use another key here, or another one in `elder`.";
                self.report.add(&rules::ELDER_KEY, span, message, fix);
            }
            return;
        }
        let (rule, message) = if key == Key::STAR || key == Key::HASH {
            (
                &rules::RESERVED_KEY,
                format!(
                    "The key `{key}` has the same meaning in every node and cannot be an option."
                ),
            )
        } else if key.digit().is_none() {
            (
                &rules::BAD_VALUE,
                format!("The key `{key}` is on no caller's telephone."),
            )
        } else {
            (
                &rules::HUMAN_KEY_REBOUND,
                format!("The key `{key}` leads to a person and to nothing else."),
            )
        };
        self.report
            .add(rule, span, message, "Use another key from \"1\" to \"9\".");
    }
}
