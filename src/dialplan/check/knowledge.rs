//! Answers grow old: nobody may be told what was true once (law 6).

use super::Judge;
use crate::diagnostic::rules;
use crate::dialplan::model::{KnowledgeEntry, NodeKind};
use jiff::civil::Date;

/// So long before its last day an answer wants to be looked at.
const SOON: i32 = 30;

impl Judge<'_, '_, '_> {
    /// Where it is known what day it is.
    pub(super) fn expiry(&mut self) {
        let Some(today) = self.view.today else {
            return;
        };
        for node in &self.dialplan.nodes {
            if let NodeKind::Knowledge(knowledge) = &node.kind {
                for entry in &knowledge.entries {
                    self.expires(entry, today);
                }
            }
        }
    }

    fn expires(&mut self, entry: &KnowledgeEntry, today: Date) {
        let left = (entry.expires - today).get_days();
        let (rule, message) = if left < 0 {
            (
                &rules::ANSWER_EXPIRED,
                format!(
                    "This answer expired on {}: callers get a person instead.",
                    entry.expires
                ),
            )
        } else if left <= SOON {
            (
                &rules::ANSWER_EXPIRES_SOON,
                format!("This answer expires on {}.", entry.expires),
            )
        } else {
            return;
        };
        let fix = format!(
            "Look whether it is still true ({}), and move `expires`.",
            entry.source
        );
        self.report.add(rule, entry.span, message, fix);
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Source;
    use crate::dialplan::check::{View, check};
    use crate::language::Language;
    use jiff::civil::date;

    const KNOWLEDGE: &str = r#"
dialplan: knowledge
greeting: Welcome. This is an automatic service.
human: { handoff: support }
start: questions
nodes:
  questions:
    knowledge: "What would you like to know? For our opening hours, press 1."
    entries:
      - hear: [when are you open, what are your opening hours]
        key: "1"
        say: We are open from nine to five.
        source: the notice at the door
        expires: 2026-12-31
      - { hear: [do you sell stamps], say: "Yes, in every shop.", source: our shops, expires: 2027-12-31 }
    confirm_resolved: { "yes": hangup, "no": human }
handoffs:
  support: { ring: ["sip:agent@zeroline.local"], else: callback }
"#;

    fn told(text: &str, today: jiff::civil::Date) -> Vec<(&'static str, usize)> {
        let view = View {
            today: Some(today),
            voices: Language::ALL.to_vec(),
            ..crate::config::Config::default().view(&Language::ALL)
        };
        let (_, found) = check(&Source::new("t.yaml", text), &view);
        found.iter().map(|it| (it.rule, it.span.line)).collect()
    }

    #[test]
    fn an_answer_is_good_until_its_last_day() {
        assert_eq!(told(KNOWLEDGE, date(2026, 11, 21)), []);
        let soon = [("answer-expires-soon", 10)];
        assert_eq!(told(KNOWLEDGE, date(2026, 12, 1)), soon);
        assert_eq!(told(KNOWLEDGE, date(2026, 12, 31)), soon);
        assert_eq!(told(KNOWLEDGE, date(2027, 1, 1)), [("answer-expired", 10)]);
    }

    #[test]
    fn its_mistakes_are_told() {
        for (what, by, rule) in [
            (
                "        source: the notice at the door\n",
                "",
                "missing-field",
            ),
            ("expires: 2026-12-31", "expires: soon", "bad-value"),
            ("key: \"1\"", "key: \"0\"", "human-key-rebound"),
            ("key: \"1\"", "key: \"2\"", "menu-without-key"),
        ] {
            assert!(KNOWLEDGE.contains(what), "{what}");
            let found = told(&KNOWLEDGE.replace(what, by), date(2026, 11, 21));
            assert!(found.iter().any(|it| it.0 == rule), "{what}: {found:?}");
        }
    }
}
