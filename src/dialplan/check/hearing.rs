//! What callers are asked to say is heard by somebody.

use super::Judge;
use crate::diagnostic::rules;
use crate::dialplan::model::NodeKind;
use crate::dialplan::slot::SlotKind;
use crate::language::Language;

impl Judge<'_, '_, '_> {
    /// Everything else can be keyed.
    pub(super) fn texts_are_heard(&mut self) {
        let deaf: Vec<&str> = self
            .dialplan
            .languages
            .iter()
            .filter(|language| !self.view.takes_down.contains(language))
            .map(|language| Language::tag(*language))
            .collect();
        if deaf.is_empty() {
            return;
        }
        let deaf = deaf.join(" and ");
        for node in &self.dialplan.nodes {
            let NodeKind::Ask(ask) = &node.kind else {
                continue;
            };
            let slot = self.dialplan.slot(ask.slot);
            if !matches!(slot.kind, SlotKind::Text) {
                continue;
            }
            self.report.add(
                &rules::TEXT_NOT_HEARD,
                self.tree.place(&["nodes", &node.name, "ask"]),
                format!("No recognizer takes down words in {deaf}, and `{}` is a text.", slot.name),
                "Get a model with `zeroline models get` or describe a service in `speech: remote:`; or ask for a person or a choice instead.",
            );
        }
    }
}
