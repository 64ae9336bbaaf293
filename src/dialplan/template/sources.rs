//! Where a dialplan has templates, and what they may name.

use super::{Use, has_values};
use crate::diagnostic::Span;
use crate::dialplan::model::{Dialplan, NodeKind, Prompt};
use crate::language::Language;
use crate::speech::verbaliser::Reading;
use minijinja::{Environment, ErrorKind};
use std::collections::BTreeSet;

/// What templates may name.
pub(super) struct Names {
    /// Slots, saved answers, and what `set` sets.
    filled: BTreeSet<String>,
    /// The engine's own, and the vocabulary's tables.
    given: BTreeSet<String>,
    sensitive: BTreeSet<String>,
}

impl Names {
    pub fn of(dialplan: &Dialplan) -> Names {
        let slots = dialplan.slots.iter();
        let mut filled: BTreeSet<String> = slots.clone().map(|slot| slot.name.clone()).collect();
        for node in &dialplan.nodes {
            match &node.kind {
                NodeKind::Http(http) => filled.extend(http.save.clone()),
                NodeKind::Set(set) => filled.extend(set.values.iter().map(|it| it.0.clone())),
                _ => {}
            }
        }
        let mut given: BTreeSet<String> = ["call", "range", "dict"].map(String::from).into();
        given.extend(Reading::ALL.map(|reading| reading.name().to_string()));
        given.extend(dialplan.vocabulary.keys().cloned());
        let sensitive = slots.filter(|slot| slot.sensitive);
        Names {
            filled,
            given,
            sensitive: sensitive.map(|slot| slot.name.clone()).collect(),
        }
    }

    pub fn is_filled(&self, name: &str) -> bool {
        self.filled.contains(name)
    }

    /// `used` is what minijinja finds in `source`; it overlooks what is only cut (`card[12:]`), so
    /// sensitive slots are looked for once more.
    pub fn check(&self, used: BTreeSet<String>, source: &str, purpose: Use) -> Result<(), String> {
        if matches!(purpose, Use::Spoken(_) | Use::Set) {
            let mentioned = words(source, purpose).into_iter();
            let mut variables = mentioned.filter(|word| word.before != '.');
            if let Some(Word { name, .. }) = variables.find(|it| self.sensitive.contains(&it.name))
            {
                return Err(format!("the slot `{name}` is sensitive and cannot be said"));
            }
        }
        let known = |name: &&String| self.filled.contains(*name) || self.given.contains(*name);
        match used.iter().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => Err(format!(
                "nothing fills `{name}`: it is no slot, no `save` of a lookup and no name in a `set`"
            )),
        }
    }
}

/// A name within a template's braces, or in a condition.
struct Word {
    /// The last symbol before it that is no space.
    before: char,
    name: String,
}

/// All of them, but for what is quoted. A condition is code from its beginning.
fn words(source: &str, purpose: Use) -> Vec<Word> {
    let mut words = Vec::new();
    let mut code = purpose == Use::Condition;
    let mut quote = None;
    let (mut previous, mut before) = (' ', ' ');
    let mut name = String::new();
    for symbol in source.chars().chain([' ']) {
        let opens = previous == '{' && matches!(symbol, '{' | '%');
        let closes = matches!(previous, '}' | '%') && symbol == '}';
        if quote.is_none() && (opens || closes) {
            code = opens;
        }
        if code && quote.is_none() && (symbol.is_alphanumeric() || symbol == '_') {
            name.push(symbol);
        } else {
            if !name.is_empty() {
                let name = std::mem::take(&mut name);
                words.push(Word { before, name });
                before = ' ';
            }
            if code && matches!(symbol, '\'' | '"') {
                quote = match quote {
                    None => Some(symbol),
                    Some(open) if open == symbol => None,
                    open => open,
                };
            }
            if !symbol.is_whitespace() {
                before = symbol;
            }
        }
        previous = symbol;
    }
    words
}

/// minijinja finds out that there is no such filter or test when it comes to it: too late.
pub(super) fn unknown_filter_or_test(
    environment: &Environment<'_>,
    source: &str,
    purpose: Use,
) -> Option<String> {
    let words = words(source, purpose);
    let mut state = environment.empty_state();
    for (at, word) in words.iter().enumerate() {
        let after = |count: usize| at.checked_sub(count).and_then(|at| words.get(at));
        let after_is = |count| after(count).is_some_and(|it| it.name == "is" && it.before != '.');
        let negated = after(1).is_some_and(|it| it.name == "not") && after_is(2);
        let kind = if word.before == '|' {
            state
                .apply_filter(&word.name, &[])
                .err()
                .map(|it| it.kind())
        } else if negated || (after_is(1) && word.name != "not") {
            state
                .perform_test(&word.name, &[])
                .err()
                .map(|it| it.kind())
        } else {
            continue;
        };
        match kind {
            Some(ErrorKind::UnknownFilter) => {
                return Some(format!("there is no filter `{}`", word.name));
            }
            Some(ErrorKind::UnknownTest) => {
                return Some(format!("there is no test `{}`", word.name));
            }
            _ => {}
        }
    }
    None
}

pub(super) fn sources(dialplan: &Dialplan) -> Vec<(Use, Span, &str)> {
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

fn json_strings<'a>(json: &'a serde_json::Value, into: &mut Vec<&'a str>) {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => into.push(text),
        Json::Array(items) => items.iter().for_each(|item| json_strings(item, into)),
        Json::Object(members) => members.values().for_each(|item| json_strings(item, into)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
