//! `distress`: from where on a caller is taken to be in distress, and what then.

use super::Context;
use crate::diagnostic::{Report, rules};
use crate::dialplan::model::Distress;
use crate::events::DistressExit;
use crate::yaml::{Node, read};
use read::Fields;
use std::ops::RangeInclusive;

pub(super) fn distress(context: &Context, fields: &mut Fields, report: &mut Report) -> Distress {
    let mut distress = Distress::default();
    let Some(node) = fields.take("distress") else {
        return distress;
    };
    let Some(mut fields) = Fields::of(node, "`distress`", report) else {
        return distress;
    };
    let mut count = |name: &'static str, what: &str, range: RangeInclusive<u64>, to: &mut u32| {
        let value = fields.take(name);
        let value = value.and_then(|node| read::integer(node, what, range, report));
        *to = value.map_or(*to, |value| value as u32);
    };
    count("no_match", "`no_match`", 2..=20, &mut distress.no_match);
    let same = &mut distress.same_sentence;
    count("same_sentence", "`same_sentence`", 2..=20, same);
    count("keys", "`keys`", 6..=50, &mut distress.keys);
    if let Some(node) = fields.take("loudness") {
        distress.loudness = decibels(node, report).unwrap_or(distress.loudness);
    }
    distress.hear = context.hear(&mut fields, report);
    if let Some(node) = fields.take("then") {
        let exits = [
            ("offer", DistressExit::Offer),
            ("transfer", DistressExit::Transfer),
        ];
        let then = read::one_of(node, "`then`", &exits, report);
        distress.then = then.unwrap_or(distress.then);
    }
    fields.finish(report);
    distress
}

/// `9dB`.
fn decibels(node: &Node, report: &mut Report) -> Option<f32> {
    const RANGE: RangeInclusive<f32> = 6.0..=30.0;
    let text = read::word(node, "`loudness`", report)?;
    let number = text.strip_suffix("dB").map(str::trim_end);
    let Some(value) = number.and_then(|number| number.parse::<f32>().ok()) else {
        report.add(
            &rules::WRONG_TYPE,
            node.span,
            format!("`loudness` is a number of decibels, not `{text}`."),
            "Write it as 9dB.",
        );
        return None;
    };
    if !RANGE.contains(&value) {
        report.add(
            &rules::OUT_OF_RANGE,
            node.span,
            format!("`loudness` is {text}; it can be 6dB to 30dB."),
            "Write 9dB, or more where callers are loud.",
        );
        return None;
    }
    Some(value)
}
