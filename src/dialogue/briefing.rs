//! What a person who answers is told before they take the call: whose it is, what it is about, what was
//! given already, and how far the caller came. It is made from the state, never from prose.

use super::interpreter::Dialogue;
use crate::language::Language;

impl Dialogue {
    /// "Parcel. Refund. Given: tracking number. 2 steps."
    pub fn briefing(&self, language: Language) -> String {
        let dialplan = self.dialplan();
        let about = dialplan.node(self.wish);
        let slots = dialplan.slots.iter().zip(&self.slots);
        let given = slots.filter(|(_, value)| value.is_some());
        let given: Vec<&str> = given
            .map(|(slot, _)| {
                slot.label
                    .get(language)
                    .map_or(slot.name.as_str(), String::as_str)
            })
            .collect();
        let (stop, comma) = match language {
            Language::En => (". ", ", "),
            Language::Zh => ("。", "，"),
        };
        let mut told = vec![spoken(&dialplan.name), spoken(&about.name)];
        let given = given.join(comma).replace('_', " ");
        told.extend((!given.is_empty()).then(|| match language {
            Language::En => format!("Given: {given}"),
            Language::Zh => format!("已提供：{given}"),
        }));
        told.push(match (language, self.steps) {
            (Language::En, 1) => "One step".to_string(),
            (Language::En, steps) => format!("{steps} steps"),
            (Language::Zh, steps) => format!("{steps}步"),
        });
        told.join(stop) + stop.trim_end()
    }
}

/// A name as it is said.
fn spoken(name: &str) -> String {
    name.replace('_', " ")
}
