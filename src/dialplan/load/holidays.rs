//! Holidays: lists with names, which handoffs share, and dates of a handoff's own.

use super::{names, unknown};
use crate::diagnostic::{Report, Span, rules};
use crate::dialplan::holidays::Holiday;
use crate::dialplan::hours::HoursError;
use crate::yaml::{Node, Value, read};
use jiff::tz::TimeZone;
use read::Fields;
use std::collections::BTreeMap;

const MAX_LISTS: usize = 20;
/// Of a list, and of a handoff.
const MAX_HOLIDAYS: usize = 500;

/// What the handoffs' hours refer to.
pub struct Calendar {
    /// `None`: the file names none.
    pub timezone: Option<TimeZone>,
    lists: BTreeMap<String, Vec<Holiday>>,
}

impl Calendar {
    /// The dialplan's `timezone` and `holidays`.
    pub fn of(fields: &mut Fields, report: &mut Report) -> Calendar {
        let timezone = timezone(fields, report);
        let entries = super::section(fields, "holidays", false, MAX_LISTS, report);
        let mut lists = BTreeMap::new();
        for entry in entries {
            let name = &entry.key.text;
            names::check_name(name, entry.key.span, "a list of holidays", report);
            let mut holidays = Vec::new();
            for item in bounded(&entry.value, report) {
                dates(item, &mut holidays, report);
            }
            lists.insert(name.clone(), holidays);
        }
        Calendar { timezone, lists }
    }

    /// A handoff's: dates, and the names of lists.
    pub fn holidays(&self, node: &Node, report: &mut Report) -> Vec<Holiday> {
        let mut holidays = Vec::new();
        for item in bounded(node, report) {
            match &item.value {
                Value::Scalar { text, .. } if text.starts_with(|c: char| c.is_alphabetic()) => {
                    holidays.extend(self.list(text, item.span, report));
                }
                _ => dates(item, &mut holidays, report),
            }
        }
        holidays
    }

    fn list(&self, name: &str, span: Span, report: &mut Report) -> Vec<Holiday> {
        let Some(list) = self.lists.get(name) else {
            let known = self.lists.keys().map(String::as_str).collect();
            let what = "list of holidays";
            unknown(&rules::UNKNOWN_HOLIDAYS, span, what, name, known, report);
            return Vec::new();
        };
        list.clone()
    }
}

/// Of the dialplan, or of a handoff's own people.
pub fn timezone(fields: &mut Fields, report: &mut Report) -> Option<TimeZone> {
    let node = fields.take("timezone")?;
    let name = read::word(node, "`timezone`", report)?;
    let found = TimeZone::get(name).ok();
    if found.is_none() {
        report.add(
            &rules::BAD_VALUE,
            node.span,
            format!("There is no time zone `{name}`."),
            "Write a name of the IANA time zone database, as Europe/London or Asia/Shanghai.",
        );
    }
    found
}

fn bounded<'n>(node: &'n Node, report: &mut Report) -> &'n [Node] {
    let items = read::one_or_more(node);
    let Some(beyond) = items.get(MAX_HOLIDAYS) else {
        return items;
    };
    let message = format!(
        "There are {} holidays; {MAX_HOLIDAYS} are allowed.",
        items.len()
    );
    let fix = "Remove those that are over, or write ranges.";
    report.add(&rules::TOO_MANY, beyond.span, message, fix);
    &items[..MAX_HOLIDAYS]
}

/// One date or range with its hours; without quotes, `12-26: 10:00-12:00` is a mapping.
fn dates(item: &Node, holidays: &mut Vec<Holiday>, report: &mut Report) {
    if let Value::Mapping { entries, .. } = &item.value {
        for entry in entries.iter().take(MAX_HOLIDAYS) {
            let Some(hours) = read::word(&entry.value, "the hours of a holiday", report) else {
                continue;
            };
            let holiday = Holiday::of(&entry.key.text, hours, entry.key.span);
            keep(holiday, entry.key.span, holidays, report);
        }
    } else if let Some(text) = read::word(item, "a holiday", report) {
        keep(Holiday::parse(text, item.span), item.span, holidays, report);
    }
}

fn keep(
    holiday: Result<Holiday, HoursError>,
    span: Span,
    holidays: &mut Vec<Holiday>,
    report: &mut Report,
) {
    match holiday {
        Ok(holiday) => holidays.push(holiday),
        Err(error) => report.add(
            &rules::BAD_VALUE,
            span,
            format!("`{}` {}.", error.part, error.message),
            "Write a date like \"2026-12-25\", or \"12-25\" for every year; a range is like \
             \"2026-12-24..2026-12-26\", and other hours are like \"12-26: 10:00-12:00\".",
        ),
    }
}
