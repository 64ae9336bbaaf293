//! Templates and conditions: minijinja with fuel, checked when the dialplan is loaded.

use super::model::{Dialplan, NodeKind, Prompt};
use crate::diagnostic::Span;
use crate::language::{ByLanguage, Language};
use crate::speech::verbaliser::{self, Reading};
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
    pub message: String,
}

/// Every template of one dialplan, compiled.
#[derive(Debug)]
pub struct Templates {
    /// One a language: the words of `say_as` differ.
    spoken: ByLanguage<Environment<'static>>,
    /// Values become a path segment or a query's value.
    url: Environment<'static>,
    /// Headers, bodies, `set` and conditions: values as they are.
    plain: Environment<'static>,
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
        let mut templates = Templates {
            spoken: ByLanguage::default(),
            url: environment(dialplan, dialplan.languages[0]),
            plain: environment(dialplan, dialplan.languages[0]),
        };
        templates.url.set_formatter(|out, _, value| {
            out.write_str(&percent_encode(&printable(value)?))
                .map_err(Error::from)
        });
        for &language in &dialplan.languages {
            let environment = environment(dialplan, language);
            templates.spoken.set(language, environment);
        }
        let names = Names::of(dialplan);
        let errors: Vec<TemplateError> = sources(dialplan)
            .into_iter()
            .filter_map(|(purpose, span, source)| {
                let message = templates.add(purpose, source, &names).err()?;
                Some(TemplateError {
                    span,
                    source: source.to_string(),
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
            None => Err(format!("the dialplan has no language `{language}`")),
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

    /// Whether a condition holds.
    pub fn holds(&self, condition: &str, values: &Values) -> Result<bool, String> {
        let expression = self
            .plain
            .compile_expression(condition)
            .map_err(|error| error.to_string())?;
        let value = expression
            .eval(values.clone())
            .map_err(|error| error.to_string())?;
        if value.is_undefined() {
            return Err(format!("`{condition}` has no value"));
        }
        Ok(value.is_true())
    }

    fn add(&mut self, purpose: Use, source: &str, names: &Names) -> Result<(), String> {
        guard(source)?;
        let environment = match purpose {
            Use::Spoken(language) => match self.spoken.get_mut(language) {
                Some(environment) => environment,
                // The checker tells of words in a language that the dialplan does not have.
                None => return Ok(()),
            },
            Use::Url => &mut self.url,
            Use::Plain | Use::Set | Use::Condition => &mut self.plain,
        };
        let used = if purpose == Use::Condition {
            environment
                .compile_expression(source)
                .map_err(|error| told(&error))?
                .undeclared_variables(false)
        } else {
            environment
                .add_template_owned(source.to_string(), source.to_string())
                .map_err(|error| told(&error))?;
            let template = environment.get_template(source);
            template
                .map_err(|error| told(&error))?
                .undeclared_variables(false)
        };
        if purpose == Use::Url {
            fixed_host(source)?;
        }
        names.check(used.into_iter().collect(), purpose)
    }
}

/// What templates may name.
struct Names {
    known: BTreeSet<String>,
    sensitive: BTreeSet<String>,
}

impl Names {
    fn of(dialplan: &Dialplan) -> Names {
        let mut known: BTreeSet<String> = ["call", "range", "dict"].map(String::from).into();
        known.extend(Reading::ALL.map(|reading| reading.name().to_string()));
        known.extend(dialplan.vocabulary.keys().cloned());
        known.extend(dialplan.slots.iter().map(|slot| slot.name.clone()));
        for node in &dialplan.nodes {
            match &node.kind {
                NodeKind::Http(http) => known.extend(http.save.clone()),
                NodeKind::Set(set) => known.extend(set.values.iter().map(|(name, _)| name.clone())),
                _ => {}
            }
        }
        let sensitive = dialplan.slots.iter().filter(|slot| slot.sensitive);
        Names {
            known,
            sensitive: sensitive.map(|slot| slot.name.clone()).collect(),
        }
    }

    fn check(&self, used: BTreeSet<String>, purpose: Use) -> Result<(), String> {
        let may_be_spoken = matches!(purpose, Use::Spoken(_) | Use::Set);
        for name in used {
            if may_be_spoken && self.sensitive.contains(&name) {
                return Err(format!("the slot `{name}` is sensitive and cannot be said"));
            }
            if !self.known.contains(&name) {
                return Err(format!(
                    "nothing fills `{name}`: it is no slot, no `save` of a lookup and no name in a `set`"
                ));
            }
        }
        Ok(())
    }
}

fn sources(dialplan: &Dialplan) -> Vec<(Use, Span, &str)> {
    let mut sources = Vec::new();
    for (_, prompt) in prompts(dialplan) {
        for (language, text) in prompt.text.iter() {
            sources.push((Use::Spoken(language), prompt.span, text.as_str()));
        }
    }
    for node in &dialplan.nodes {
        match &node.kind {
            NodeKind::Http(http) => {
                sources.push((Use::Url, node.span, http.url.as_str()));
                for value in http.headers.values() {
                    sources.push((Use::Plain, node.span, value));
                }
                let mut strings = Vec::new();
                http.body
                    .iter()
                    .for_each(|body| json_strings(body, &mut strings));
                sources.extend(
                    strings
                        .into_iter()
                        .map(|text| (Use::Plain, node.span, text)),
                );
            }
            NodeKind::Set(set) => {
                for (_, source) in &set.values {
                    sources.push((Use::Set, node.span, source));
                }
            }
            NodeKind::Branch(branch) => {
                for arm in &branch.arms {
                    sources.push((Use::Condition, arm.span, &arm.when));
                }
            }
            _ => {}
        }
    }
    sources
}

/// Every prompt of a dialplan, with the name of its node; the greeting has none.
pub fn prompts(dialplan: &Dialplan) -> Vec<(Option<&str>, &Prompt)> {
    let mut prompts = vec![(None, &dialplan.greeting)];
    for node in &dialplan.nodes {
        let of_node: [Option<&Prompt>; 2] = match &node.kind {
            NodeKind::Menu(menu) => [Some(&menu.prompt), menu.reprompt.as_ref()],
            NodeKind::Ask(ask) => [Some(&ask.prompt), ask.reprompt.as_ref()],
            NodeKind::Say(say) => [Some(&say.prompt), None],
            NodeKind::Http(http) => [http.filler.as_ref(), None],
            NodeKind::LanguageMenu(menu) => [Some(&menu.prompt), None],
            NodeKind::Hangup { goodbye } => [goodbye.as_ref(), None],
            NodeKind::Branch(_)
            | NodeKind::Set(_)
            | NodeKind::SwitchLanguage { .. }
            | NodeKind::Transfer { .. } => [None, None],
        };
        let name = Some(node.name.as_str());
        prompts.extend(of_node.into_iter().flatten().map(|prompt| (name, prompt)));
    }
    prompts
}

/// Words that are the same in every call: rendered when the dialplan is loaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConstantText {
    pub language: Language,
    pub text: String,
    /// The recording with the same words.
    pub audio: Option<String>,
}

/// Sorted, each once.
pub fn constant_texts(dialplan: &Dialplan) -> Vec<ConstantText> {
    let texts: BTreeSet<ConstantText> = prompts(dialplan)
        .into_iter()
        .flat_map(|(_, prompt)| {
            prompt.text.iter().map(|(language, text)| ConstantText {
                language,
                text: text.clone(),
                audio: prompt.audio.clone(),
            })
        })
        .filter(|constant| !has_values(&constant.text))
        .collect();
    texts.into_iter().collect()
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

fn json_strings<'a>(json: &'a serde_json::Value, into: &mut Vec<&'a str>) {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => into.push(text),
        Json::Array(items) => items.iter().for_each(|item| json_strings(item, into)),
        Json::Object(members) => members.values().for_each(|item| json_strings(item, into)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// How `say_as` reads a value: by a table of the dialplan's vocabulary, or as the verbaliser does.
#[derive(Debug, Clone, PartialEq)]
enum SayAs {
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

type Vocabulary = BTreeMap<String, BTreeMap<String, ByLanguage<String>>>;

fn environment(dialplan: &Dialplan, language: Language) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
        .set_formatter(|out, _, value| out.write_str(&printable(value)?).map_err(Error::from));
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_NESTING * 4);
    let vocabulary: Arc<Vocabulary> = Arc::new(dialplan.vocabulary.clone());
    for reading in Reading::ALL {
        let how = SayAs::Reading(reading);
        environment.add_global(reading.name(), Value::from_object(how));
    }
    for table in vocabulary.keys() {
        let how = SayAs::Table(table.clone());
        environment.add_global(table.clone(), Value::from_object(how));
    }
    environment.add_filter("say_as", move |value: Value, how: Value| {
        say_as(&vocabulary, language, &value, &how)
    });
    environment
}

fn say_as(
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
                invalid(format!("`{table}` has no words for `{text}` in {language}"))
            })
        }
        SayAs::Reading(reading) => verbaliser::read(language, reading, &text)
            .ok_or_else(|| invalid(format!("`{text}` cannot be read as {}", reading.name()))),
    }
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

/// What minijinja says, without the template's made-up name and without values: those may be
/// sensitive, and this goes into the journal.
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
