//! Calling back those who asked for it.

use crate::diagnostic::{Report, rules};
use crate::dialplan::load::bare_number;
use crate::dialplan::targets::{check_uri, glob};
use crate::yaml::{Node, read};
use read::Fields;
use std::time::Duration;

/// In `to`: where the number goes.
const NUMBER: &str = "{number}";
const MAX_ALLOWED: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callbacks {
    /// The address that is called: [`NUMBER`] stands for the caller's number.
    to: String,
    /// Numbers that may be called; `*` stands for any digits.
    allow: Vec<String>,
    /// Also numbers that callers keyed or said, which may be somebody else's.
    pub typed: bool,
    pub first: First,
    /// How often it is tried, at most.
    pub tries: u32,
    /// From one try to the next.
    pub every: Duration,
    /// How long the caller's telephone rings.
    pub rings: Duration,
}

/// Who is rung first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The caller finds a person on the line when they answer.
    Agent,
    /// No person waits for a caller who may not answer; who answers is told what it is about and waits.
    Caller,
}

impl Callbacks {
    /// Whether `number` may be called. `own`: the call came from there.
    pub fn allows(&self, number: &str, own: bool) -> bool {
        (own || self.typed) && self.allow.iter().any(|pattern| glob(pattern, number))
    }

    pub fn address(&self, number: &str) -> String {
        self.to.replace(NUMBER, number)
    }
}

pub(super) fn read_callbacks(node: &Node, report: &mut Report) -> Option<Callbacks> {
    let mut fields = Fields::of(node, "`callbacks`", report)?;
    let example = "to: \"sip:{number}@sip.acme.example\"";
    let to = fields.require("to", example, report);
    let to = to.and_then(|node| address(node, report));
    let allow = fields.require("allow", "allow: [\"+4420*\"]", report);
    let allow = allow.map(|node| numbers(node, report));
    let typed = fields
        .take("typed")
        .and_then(|node| read::boolean(node, "`typed`", report));
    let first = fields.take("first").and_then(|node| {
        let choices = [("agent", First::Agent), ("caller", First::Caller)];
        read::one_of(node, "`first`", &choices, report)
    });
    let tries = fields
        .take("tries")
        .and_then(|node| read::integer(node, "`tries`", 1..=20, report));
    let every = fields.take("every").and_then(|node| {
        let range = Duration::from_secs(10)..=Duration::from_secs(86_400);
        read::duration(node, "`every`", range, report)
    });
    let rings = fields.take("rings").and_then(|node| {
        let range = Duration::from_secs(5)..=Duration::from_secs(120);
        read::duration(node, "`rings`", range, report)
    });
    fields.finish(report);
    Some(Callbacks {
        to: to?,
        allow: allow?,
        typed: typed.unwrap_or(false),
        first: first.unwrap_or(First::Agent),
        tries: tries.map_or(3, |tries| tries as u32),
        every: every.unwrap_or(Duration::from_secs(900)),
        rings: rings.unwrap_or(Duration::from_secs(30)),
    })
}

fn address(node: &Node, report: &mut Report) -> Option<String> {
    let text = read::word(node, "`to`", report)?;
    let tried = text.replace(NUMBER, "+441632960000");
    let wrong = match check_uri(&tried) {
        Err(reason) => Some(reason),
        Ok(()) if tried == text => Some("it has no {number}"),
        Ok(()) => None,
    };
    if let Some(reason) = wrong {
        report.add(
            &rules::BAD_TARGET,
            node.span,
            format!("`{text}` is no address for callbacks: {reason}."),
            "Write an address like \"sip:{number}@sip.acme.example\".",
        );
        return None;
    }
    Some(text.to_owned())
}

fn numbers(node: &Node, report: &mut Report) -> Vec<String> {
    let mut numbers = Vec::new();
    for item in read::one_or_more(node).iter().take(MAX_ALLOWED) {
        let Some(text) = read::word(item, "a number", report) else {
            continue;
        };
        let number = bare_number(text);
        let digits = number.strip_prefix('+').unwrap_or(&number);
        if digits.chars().all(|c| c.is_ascii_digit() || c == '*') && !digits.is_empty() {
            if is_anybody(digits) {
                report.add(
                    &rules::CALLBACKS_TO_ANYBODY,
                    item.span,
                    format!("`{text}` allows numbers of the whole world."),
                    "Write what the numbers of your callers begin with, like \"+4420*\".",
                );
            }
            numbers.push(number);
        } else {
            report.add(
                &rules::BAD_VALUE,
                item.span,
                format!("`{text}` is no number and no beginning of one."),
                "Write \"+4420*\", with `*` for any further digits.",
            );
        }
    }
    numbers
}

/// With 00, too, every country's numbers begin.
fn is_anybody(digits: &str) -> bool {
    let begin = digits.split_once('*').map(|(begin, _)| begin);
    begin.is_some_and(|begin| begin.chars().all(|c| c == '0'))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::diagnostic::Source;

    fn check(text: &str) -> (Option<Config>, Vec<String>) {
        let (config, found) = Config::check(&Source::new("/zeroline.yaml", text));
        let told = found.iter().map(|it| it.message.clone()).collect();
        (config, told)
    }

    #[test]
    fn only_allowed_numbers_are_called_and_typed_ones_only_if_told_so() {
        let text = |more: &str| {
            format!(
                "callbacks: {{ to: \"sip:{{number}}@sip.acme.example\", allow: [\"+4420*\", \"200\"]{more} }}"
            )
        };
        let (config, found) = check(&text(""));
        assert_eq!(found, [] as [&str; 0]);
        let callbacks = config.and_then(|config| config.callbacks).expect("it has");
        assert!(callbacks.allows("+442079460000", true));
        assert!(callbacks.allows("200", true) && !callbacks.allows("2001", true));
        assert!(!callbacks.allows("+33123456789", true));
        assert!(!callbacks.allows("+442079460000", false), "it was keyed");
        assert_eq!(callbacks.address("200"), "sip:200@sip.acme.example");
        let (config, _) = check(&text(", typed: true"));
        let callbacks = config.and_then(|config| config.callbacks).expect("it has");
        assert!(callbacks.allows("+442079460000", false));
    }

    #[test]
    fn what_cannot_be_called_is_told() {
        let (_, found) = check("callbacks: { to: \"sip:a@b.example\", allow: [abc] }");
        assert_eq!(
            found,
            [
                "`sip:a@b.example` is no address for callbacks: it has no {number}.",
                "`abc` is no number and no beginning of one."
            ]
        );
    }

    #[test]
    fn numbers_may_be_written_as_people_write_them() {
        let text = "callbacks: { to: \"sip:{number}@b.example\", allow: [\"+44 (20) 7946-*\"] }";
        let (config, found) = check(text);
        assert_eq!(found, [] as [&str; 0]);
        let callbacks = config.and_then(|config| config.callbacks).expect("it has");
        assert!(callbacks.allows("+442079460000", true));
        assert!(!callbacks.allows("+442079470000", true));
    }

    #[test]
    fn numbers_of_the_whole_world_are_warned_of() {
        for (number, is_told) in [
            ("*", true),
            ("+*", true),
            ("00*", true),
            ("0*9", true),
            ("+44*", false),
            ("0044*", false),
            ("2*", false),
            ("0", false),
        ] {
            let text =
                format!("callbacks: {{ to: \"sip:{{number}}@b.example\", allow: [\"{number}\"] }}");
            let (config, found) = Config::check(&Source::new("/zeroline.yaml", text.as_str()));
            assert!(config.is_some(), "it is a warning");
            let told: Vec<_> = found.iter().map(|it| it.rule).collect();
            let expected = is_told.then_some("callbacks-to-anybody");
            assert_eq!(told, Vec::from_iter(expected), "{number}");
        }
    }
}
