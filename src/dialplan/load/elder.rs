//! `elder`: what brings elder pacing.

use super::{Context, names};
use crate::diagnostic::{Report, rules};
use crate::dialplan::model::Elder;
use crate::yaml::{Node, read};
use read::Fields;

const MAX_NUMBERS: usize = 1000;

pub(super) fn elder(context: &Context, fields: &mut Fields, report: &mut Report) -> Elder {
    let Some(node) = fields.take("elder") else {
        return Elder::default();
    };
    let Some(mut fields) = Fields::of(node, "`elder`", report) else {
        return Elder::default();
    };
    let key = fields.take("key");
    let key = key.and_then(|node| names::key(node, "`key`", report));
    let numbers = fields.take("numbers").map(|node| numbers(node, report));
    let hear = context.hear(&mut fields, report);
    fields.finish(report);
    Elder {
        key,
        numbers: numbers.unwrap_or_default(),
        hear,
    }
}

fn numbers(node: &Node, report: &mut Report) -> Vec<String> {
    let items = read::one_or_more(node);
    if let Some(beyond) = items.get(MAX_NUMBERS) {
        let message = format!(
            "There are {} numbers; {MAX_NUMBERS} are allowed.",
            items.len()
        );
        let fix = "Write what many of them begin with, as \"+4420*\".";
        report.add(&rules::TOO_MANY, beyond.span, message, fix);
        return Vec::new();
    }
    let numbers = items.iter().filter_map(|item| number(item, report));
    numbers.collect()
}

/// Digits after a `+` or not; `*` stands for any part.
fn number(node: &Node, report: &mut Report) -> Option<String> {
    let text = read::word(node, "a number", report)?;
    let number = bare_number(text);
    let digits = number.strip_prefix('+').unwrap_or(&number);
    let good = |c: char| c.is_ascii_digit() || c == '*';
    if digits.contains(|c: char| c.is_ascii_digit()) && digits.chars().all(good) {
        return Some(number);
    }
    report.add(
        &rules::BAD_VALUE,
        node.span,
        format!("`{text}` is no telephone number."),
        "Write \"+442079460000\", or \"+4420*\" for all that begin so.",
    );
    None
}

/// Without what only parts the digits (RFC 3966, 5.1.1), and spaces.
pub fn bare_number(text: &str) -> String {
    let parts = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')');
    text.chars().filter(|c| !parts(*c)).collect()
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Source;
    use crate::dialplan::load::load;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/dialplans/parcel.yaml");
        let yaml = std::fs::read_to_string(path).expect("it comes with the sources");
        let written =
            "elder: { numbers: [\"+44 20 799*\", +44 (207) 946-0000, \"+44\u{a0}20 1*\"] }";
        let plan = load(&Source::new(path, format!("{written}\n{yaml}")));
        let numbers = plan.expect("nothing is wrong").elder.numbers;
        assert_eq!(numbers, ["+4420799*", "+442079460000", "+44201*"]);
    }
}
