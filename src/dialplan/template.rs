//! Templates and conditions: minijinja with fuel, checked when the dialplan is loaded.

mod say_as;
pub mod sources;

use self::say_as::{SayAs, Vocabulary, say_as};
use self::sources::{Names, sources, unknown_filter_or_test, unknown_kind};
use super::model::Dialplan;
use crate::diagnostic::Span;
use crate::language::{ByLanguage, Language};
use crate::speech::verbaliser::Reading;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Instructions that one rendering may take: hundreds of times what a prompt needs.
const FUEL: u64 = 20_000;
/// Bytes of a template's or condition's source.
const MAX_SOURCE: usize = 8 * 1024;
/// Brackets within brackets.
const MAX_NESTING: usize = 32;
/// Bytes of what comes out.
const MAX_OUTPUT: usize = 16 * 1024;

/// What templates see, by name.
pub type Values = BTreeMap<String, Value>;

/// A template that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Of the prompt, condition or node that holds it.
    pub span: Span,
    /// The template's source.
    pub source: String,
    pub problem: TemplateProblem,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateProblem {
    Template,
    Condition,
    UnknownName,
    /// Or an unknown test, after `is`.
    UnknownFilter,
    /// What `say_as` is to say a value as.
    UnknownKind,
    /// A sensitive slot would be said.
    Sensitive,
}

type Problem = (TemplateProblem, String);

/// Every template of one dialplan, compiled.
pub struct Templates {
    /// One a language: the words of `say_as` differ.
    spoken: ByLanguage<Environment<'static>>,
    /// Values become a path segment or a query's value.
    url: Environment<'static>,
    /// Headers, bodies and `set`: values as they are.
    plain: Environment<'static>,
    /// What is absent does not hold, but it is no mistake to ask.
    conditions: Environment<'static>,
}

/// Where a template's output goes, which decides what it may see and how it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Spoken(Language),
    Url,
    Plain,
    /// `set`: what it makes can be spoken later.
    Set,
    Condition,
}

impl Templates {
    /// All mistakes are told at once: syntax, names that nothing fills, sensitive slots that would
    /// be spoken, a URL whose host is not fixed.
    pub fn compile(dialplan: &Dialplan) -> Result<Templates, Vec<TemplateError>> {
        let names = Names::of(dialplan);
        let new = |language| environment(dialplan, &names, language);
        let mut templates = Templates {
            spoken: ByLanguage::default(),
            url: new(dialplan.languages[0]),
            plain: new(dialplan.languages[0]),
            conditions: new(dialplan.languages[0]),
        };
        templates
            .conditions
            .set_undefined_behavior(UndefinedBehavior::SemiStrict);
        templates.url.set_formatter(|out, _, value| {
            out.write_str(&percent_encode(&printable(value)?))
                .map_err(Error::from)
        });
        for language in Language::ALL {
            templates.spoken.set(language, new(language));
        }
        let errors: Vec<TemplateError> = sources(dialplan)
            .into_iter()
            .filter_map(|(purpose, span, source)| {
                let (problem, message) = templates.add(purpose, source, &names).err()?;
                Some(TemplateError {
                    span,
                    source: source.to_string(),
                    problem,
                    message,
                })
            })
            .collect();
        if errors.is_empty() {
            Ok(templates)
        } else {
            Err(errors)
        }
    }

    /// A prompt's text; sensitive slots are not among `values`.
    pub fn speak(
        &self,
        language: Language,
        source: &str,
        values: &Values,
    ) -> Result<String, String> {
        match self.spoken.get(language) {
            Some(environment) => render(environment, source, values),
            None => Err(format!("there is no language `{language}`")),
        }
    }

    /// Every value is percent-encoded.
    pub fn url(&self, source: &str, values: &Values) -> Result<String, String> {
        render(&self.url, source, values)
    }

    /// A header's value, or the value of a `set`.
    pub fn text(&self, source: &str, values: &Values) -> Result<String, String> {
        render(&self.plain, source, values)
    }

    /// A JSON body: each string in it is a template, and comes out as a string.
    pub fn json(
        &self,
        body: &serde_json::Value,
        values: &Values,
    ) -> Result<serde_json::Value, String> {
        use serde_json::Value as Json;
        Ok(match body {
            Json::String(source) => Json::String(self.text(source, values)?),
            Json::Array(items) => Json::Array(
                items
                    .iter()
                    .map(|item| self.json(item, values))
                    .collect::<Result<_, _>>()?,
            ),
            Json::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(name, item)| Ok((name.clone(), self.json(item, values)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    /// Whether a condition holds. What an answer does not have is false by itself (`parcel.due`);
    /// to compare it with something is an error.
    pub fn holds(&self, condition: &str, values: &Values) -> Result<bool, String> {
        let expression = self.conditions.compile_expression(condition);
        let value = expression.and_then(|expression| expression.eval(values.clone()));
        value.map(|it| it.is_true()).map_err(|error| told(&error))
    }

    fn add(&mut self, purpose: Use, source: &str, names: &Names) -> Result<(), Problem> {
        let wrong = |message: String| match purpose {
            Use::Condition => (TemplateProblem::Condition, message),
            _ => (TemplateProblem::Template, message),
        };
        guard(source).map_err(wrong)?;
        let environment = match purpose {
            Use::Spoken(language) => self
                .spoken
                .get_mut(language)
                .expect("`compile` has made one for every language"),
            Use::Url => &mut self.url,
            Use::Plain | Use::Set => &mut self.plain,
            Use::Condition => &mut self.conditions,
        };
        let used = compiled_names(environment, source, purpose);
        let used = used.map_err(|error| wrong(told(&error)))?;
        if let Some(message) = unknown_filter_or_test(environment, source, purpose) {
            return Err((TemplateProblem::UnknownFilter, message));
        }
        if let Some(message) = unknown_kind(source, names, purpose) {
            return Err((TemplateProblem::UnknownKind, message));
        }
        if purpose == Use::Url {
            fixed_host(source).map_err(wrong)?;
        }
        names.check(used, source, purpose)
    }
}

/// Compiles a template or condition for good, and tells the names that it reads.
fn compiled_names(
    environment: &mut Environment<'static>,
    source: &str,
    purpose: Use,
) -> Result<BTreeSet<String>, Error> {
    let names = if purpose == Use::Condition {
        let condition = environment.compile_expression_owned(source.to_string())?;
        condition.undeclared_variables(false)
    } else {
        environment.add_template_owned(source.to_string(), source.to_string())?;
        environment
            .get_template(source)?
            .undeclared_variables(false)
    };
    Ok(names.into_iter().collect())
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").finish_non_exhaustive()
    }
}

/// Whether a text depends on the call.
pub fn has_values(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}

/// A JSON answer as templates see it.
pub fn from_json(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => Value::from(value),
            (_, Some(value), _) => Value::from(value),
            (_, _, value) => Value::from(value.unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(members) => Value::from(
            members
                .iter()
                .map(|(name, value)| (name.clone(), from_json(value)))
                .collect::<BTreeMap<_, _>>(),
        ),
    }
}

fn environment(dialplan: &Dialplan, names: &Names, language: Language) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
        .set_formatter(|out, _, value| out.write_str(&printable(value)?).map_err(Error::from));
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_NESTING * 4);
    let vocabulary: Arc<Vocabulary> = Arc::new(dialplan.vocabulary.clone());
    let readings = Reading::ALL.map(|reading| (reading.name(), SayAs::Reading(reading)));
    let tables = vocabulary
        .keys()
        .map(|table| (table.as_str(), SayAs::Table(table.clone())));
    for (name, how) in readings.into_iter().chain(tables) {
        // A slot of that name is a value, or undefined as long as it has none.
        if !names.is_filled(name) {
            environment.add_global(name.to_string(), Value::from_object(how));
        }
    }
    let timezone = dialplan.timezone.clone();
    environment.add_filter("say_as", move |value: Value, how: Value| {
        say_as(&vocabulary, language, &timezone, &value, &how)
    });
    environment
}

/// Text and numbers; everything else in a prompt or a request is a mistake, not words.
fn printable(value: &Value) -> Result<String, Error> {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        kind => Err(invalid(format!(
            "a value of the kind `{kind}` has no words"
        ))),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn render(
    environment: &Environment<'static>,
    source: &str,
    values: &Values,
) -> Result<String, String> {
    if !has_values(source) {
        return Ok(source.to_string());
    }
    let template = environment.get_template(source);
    let output = template
        .and_then(|template| template.render(values.clone()))
        .map_err(|error| told(&error))?;
    if output.len() > MAX_OUTPUT {
        return Err(format!("more than {MAX_OUTPUT} bytes came out"));
    }
    Ok(output)
}

/// What minijinja says, without the template's made-up name. It names types and variables, not
/// their values.
fn told(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Refuses what could exhaust the parser's stack, before it parses.
fn guard(source: &str) -> Result<(), String> {
    if source.len() > MAX_SOURCE {
        return Err(format!("longer than {MAX_SOURCE} bytes"));
    }
    let mut nesting: usize = 0;
    for symbol in source.chars() {
        match symbol {
            '(' | '[' | '{' => nesting += 1,
            ')' | ']' | '}' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        if nesting > MAX_NESTING {
            return Err(format!("more than {MAX_NESTING} brackets within brackets"));
        }
    }
    Ok(())
}

/// A URL's values may choose a path and a query, never the server.
fn fixed_host(source: &str) -> Result<(), String> {
    let fixed = source.split("{{").next().unwrap_or_default();
    let fixed = fixed.split("{%").next().unwrap_or_default();
    let after_scheme = fixed.split_once("://").map(|(_, rest)| rest);
    let whole = fixed.len() == source.len();
    if whole || after_scheme.is_some_and(|rest| rest.contains(['/', '?'])) {
        Ok(())
    } else {
        Err("the server's name must be written out: values may only stand after it".to_string())
    }
}

/// RFC 3986: all but the unreserved characters.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
