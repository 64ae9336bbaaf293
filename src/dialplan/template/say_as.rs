//! The filter `say_as`: a value's words in a language.

use super::{invalid, printable};
use crate::language::{ByLanguage, Language};
use crate::speech::verbaliser::{self, Reading};
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
    value: &Value,
    how: &Value,
) -> Result<String, Error> {
    let text = printable(value)?;
    match SayAs::from_value(how, vocabulary)? {
        SayAs::Table(table) => {
            let words = vocabulary.get(&table).and_then(|table| table.get(&text));
            let words = words.and_then(|words| words.get(language)).cloned();
            words.ok_or_else(|| {
                let value = shown(&text);
                invalid(format!("`{table}` has no words for {value} in {language}"))
            })
        }
        SayAs::Reading(reading) => verbaliser::read(language, reading, &text).ok_or_else(|| {
            let (value, name) = (shown(&text), reading.name());
            invalid(format!("{value} cannot be read as {name}"))
        }),
    }
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
