//! The filter `say_as`: a value's words in a language.

use super::{invalid, printable};
use crate::language::{ByLanguage, Language};
use crate::speech::verbaliser::{self, Reading};
use jiff::tz::TimeZone;
use minijinja::value::ValueKind;
use minijinja::{Error, Value};
use std::collections::BTreeMap;

/// How `say_as` reads a value: by a table of the dialplan's vocabulary, or as the verbaliser does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SayAs {
    Table(String),
    Reading(Reading),
}

impl SayAs {
    fn from_value(value: &Value, vocabulary: &Vocabulary) -> Result<SayAs, Error> {
        if let Some(how) = value.downcast_object_ref::<SayAs>() {
            return Ok(how.clone());
        }
        let name = value.as_str().unwrap_or_default();
        if vocabulary.contains_key(name) {
            return Ok(SayAs::Table(name.to_string()));
        }
        let reading = Reading::from_name(name).map(SayAs::Reading);
        reading.ok_or_else(|| invalid(format!("the vocabulary has no table `{name}`")))
    }
}

/// Only `say_as` can do something with it.
impl minijinja::value::Object for SayAs {}

pub(super) type Vocabulary = BTreeMap<String, BTreeMap<String, ByLanguage<String>>>;

pub(super) fn say_as(
    vocabulary: &Vocabulary,
    language: Language,
    timezone: &TimeZone,
    value: &Value,
    how: &Value,
) -> Result<String, Error> {
    let how = SayAs::from_value(how, vocabulary)?;
    let text = match &how {
        SayAs::Reading(Reading::Money) => amount_of(value),
        _ => printable(value),
    }?;
    match how {
        SayAs::Table(table) => {
            let words = vocabulary.get(&table).and_then(|table| table.get(&text));
            let words = words.and_then(|words| words.get(language)).cloned();
            words.ok_or_else(|| {
                let value = shown(&text);
                invalid(format!("`{table}` has no words for {value} in {language}"))
            })
        }
        SayAs::Reading(reading) => {
            verbaliser::read(language, timezone, reading, &text).map_err(|reason| {
                let (value, name) = (shown(&text), reading.name());
                invalid(format!("{value} cannot be read as {name}: {reason}"))
            })
        }
    }
}

/// Text, a number, or `{"amount": 12.5, "currency": "GBP"}`.
fn amount_of(value: &Value) -> Result<String, Error> {
    if value.kind() != ValueKind::Map {
        return printable(value);
    }
    let member = |name| printable(&value.get_attr(name)?);
    Ok(format!("{} {}", member("amount")?, member("currency")?))
}

/// A value in a message that goes into the journal: short words only, never a caller's number.
fn shown(value: &str) -> String {
    let harmless = value.len() <= 32 && !value.chars().any(char::is_numeric);
    if harmless {
        format!("`{value}`")
    } else {
        "the value".to_string()
    }
}
