//! Where a dialplan has templates, and what they may name.

use super::{Problem, TemplateProblem, Use};
use crate::diagnostic::Span;
use crate::dialplan::model::{Dialplan, NodeKind, Prompt};
use crate::speech::verbaliser::Reading;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;
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
    pub fn check(&self, used: BTreeSet<String>, source: &str, purpose: Use) -> Result<(), Problem> {
        if matches!(purpose, Use::Spoken(_) | Use::Set)
            && let Some(name) = self.sensitive.intersection(&names_used(source)).next()
        {
            let message = format!("the slot `{name}` is sensitive and cannot be said");
            return Err((TemplateProblem::Sensitive, message));
        }
        let known = |name: &&String| self.filled.contains(*name) || self.given.contains(*name);
        match used.iter().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => Err((
                TemplateProblem::UnknownName,
                format!(
                    "nothing fills `{name}`: it is no slot, no `save` of a lookup and no name in a `set`"
                ),
            )),
        }
    }
}

/// The names that a template may read: all that are no attribute and no filter.
pub fn names_used(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut before = None;
    for token in tokens(source, false) {
        if let Token::Ident(name) = token
            && !matches!(before, Some(Token::Dot | Token::Pipe))
        {
            names.insert(name.to_string());
        }
        before = Some(token);
    }
    names
}

/// minijinja finds out that there is no such filter or test when it comes to it: too late.
pub(super) fn unknown_filter_or_test(
    environment: &Environment<'_>,
    source: &str,
    purpose: Use,
) -> Option<String> {
    let mut state = environment.empty_state();
    let mut before = None;
    for token in tokens(source, purpose == Use::Condition) {
        let Token::Ident(name) = token else {
            before = Some(token);
            continue;
        };
        let negation = matches!(before, Some(Token::Ident("is"))) && name == "not";
        let (what, error) = match before {
            Some(Token::Pipe) => ("filter", state.apply_filter(name, &[]).err()),
            Some(Token::Ident("is")) if !negation => ("test", state.perform_test(name, &[]).err()),
            _ => ("", None),
        };
        let unknown = [ErrorKind::UnknownFilter, ErrorKind::UnknownTest];
        if error.is_some_and(|error| unknown.contains(&error.kind())) {
            return Some(format!("there is no {what} `{name}`"));
        }
        // After `is not` a test is still to come.
        if !negation {
            before = Some(token);
        }
    }
    None
}

/// `say_as(cash)`: neither a reading, nor a table of the vocabulary, nor a value that names one.
pub(super) fn unknown_kind(source: &str, names: &Names, purpose: Use) -> Option<String> {
    let tokens: Vec<Token> = tokens(source, purpose == Use::Condition).collect();
    let kinds = tokens.windows(3).filter_map(|three| match three {
        [Token::Ident("say_as"), Token::ParenOpen, Token::Ident(kind)] => {
            (!names.is_filled(kind)).then_some(*kind)
        }
        [Token::Ident("say_as"), Token::ParenOpen, Token::Str(kind)] => Some(*kind),
        _ => None,
    });
    let unknown = kinds
        .into_iter()
        .find(|kind| !names.given.contains(*kind))?;
    Some(format!("`say_as` knows no kind `{unknown}`"))
}

fn tokens(source: &str, condition: bool) -> impl Iterator<Item = Token<'_>> {
    let tokens = tokenize(source, condition, SyntaxConfig::default());
    // What is no token is found by compiling.
    tokens.map_while(Result::ok).map(|(token, _)| token)
}

pub(super) fn sources(dialplan: &Dialplan) -> Vec<(Use, Span, &str)> {
    let mut sources = Vec::new();
    for prompt in prompts(dialplan) {
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

/// Every prompt of a dialplan, the greeting first.
pub fn prompts(dialplan: &Dialplan) -> Vec<&Prompt> {
    let mut prompts = vec![&dialplan.greeting];
    for node in &dialplan.nodes {
        match &node.kind {
            NodeKind::Menu(menu) => {
                prompts.extend([&menu.prompt].into_iter().chain(&menu.reprompt))
            }
            NodeKind::Knowledge(knowledge) => {
                prompts.extend([&knowledge.prompt].into_iter().chain(&knowledge.reprompt))
            }
            NodeKind::Ask(ask) => prompts.extend([&ask.prompt].into_iter().chain(&ask.reprompt)),
            NodeKind::Say(say) => prompts.push(&say.prompt),
            NodeKind::Http(http) => prompts.extend(&http.filler),
            NodeKind::LanguageMenu(menu) => prompts.push(&menu.prompt),
            NodeKind::Hangup { goodbye } => prompts.extend(goodbye),
            NodeKind::Branch(_)
            | NodeKind::Set(_)
            | NodeKind::SwitchLanguage { .. }
            | NodeKind::Transfer { .. } => {}
        }
    }
    prompts
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
