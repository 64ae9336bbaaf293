//! Holidays grow old: a list of last year's closes nobody's doors this year.

use super::Judge;
use crate::diagnostic::rules;
use std::collections::BTreeSet;

impl Judge<'_, '_, '_> {
    /// Where it is known what day it is. Once for all dates of a handoff: whoever mends one of a list
    /// mends them all.
    pub(super) fn holidays_over(&mut self) {
        let Some(today) = self.view.today else {
            return;
        };
        let mut told = BTreeSet::new();
        for handoff in &self.dialplan.handoffs {
            let holidays = &handoff.opening.holidays;
            let mut over = holidays.iter().filter(|it| it.is_over(today));
            let Some(first) = over.next() else { continue };
            if !told.insert(first.span.start) {
                continue;
            }
            let count = over.count() + 1;
            let message = match count {
                1 => "This holiday is of a year that is over.".to_owned(),
                _ => format!("From here on {count} holidays are of years that are over."),
            };
            let fix = format!("Write those of {} and later in their place.", today.year());
            self.report
                .add(&rules::HOLIDAY_OVER, first.span, message, fix);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Source;
    use crate::dialplan::check::{View, check};
    use crate::language::Language;
    use jiff::civil::date;

    const SHARED: &str = r#"
dialplan: holidays
timezone: Europe/London
greeting: Welcome. This is an automatic service.
human: { handoff: support }
start: hello
holidays:
  bank: ["12-25", "2025-12-26", "2026-04-03", "2026-12-28"]
nodes:
  hello: { say: Hello., to: human }
handoffs:
  support: { ring: ["sip:agent@zeroline.local"], holidays: bank, else: night }
  night: { ring: ["sip:agent@zeroline.local"], holidays: bank, else: callback }
"#;

    #[test]
    fn years_that_are_over_are_told_once() {
        for (today, expected) in [
            (date(2025, 12, 31), None),
            (
                date(2026, 12, 31),
                Some(("\"2025-12-26\"", "This holiday is")),
            ),
            (
                date(2027, 1, 1),
                Some(("\"2025-12-26\"", "From here on 3 holidays")),
            ),
        ] {
            let view = View {
                today: Some(today),
                voices: Language::ALL.to_vec(),
                ..crate::config::Config::default().view(&Language::ALL)
            };
            let (dialplan, found) = check(&Source::new("t.yaml", SHARED), &view);
            assert!(dialplan.is_some(), "it is no reason not to start");
            let over: Vec<_> = found
                .iter()
                .filter(|it| it.rule == "holiday-over")
                .collect();
            assert_eq!(over.len(), usize::from(expected.is_some()), "{today}");
            for (told, (place, message)) in over.iter().zip(expected) {
                assert_eq!(told.text, place);
                assert!(told.message.starts_with(message), "{}", told.message);
            }
        }
    }
}
