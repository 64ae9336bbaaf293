//! Nodes: one function a kind.

use super::slots::flag;
use super::{Context, inter_digit_timeout, names, no_input_timeout};
use crate::diagnostic::{Report, Span, rules};
use crate::dialplan::model::{
    Arm, Ask, Branch, ConfirmResolved, HandoffId, LanguageMenu, Menu, MenuOption, Node, NodeKind,
    Prompt, Say, Set, Target,
};
use crate::key::Key;
use crate::language::Language;
use crate::yaml::{self, Entry, Style, Value, read};
use read::Fields;
use std::time::Duration;

const MAX_OPTIONS: usize = 16;
const MAX_ARMS: usize = 100;
const MAX_VALUES: usize = 100;

type Reader = fn(&Context, &yaml::Node, &mut Fields, &mut Report) -> Option<NodeKind>;

/// The field that makes a node what it is, and what reads it.
const KINDS: [(&str, &str, Reader); 10] = [
    ("menu", "a menu", Context::menu),
    ("ask", "a question", Context::ask),
    ("say", "a `say` node", Context::say),
    ("knowledge", "a `knowledge` node", Context::knowledge),
    ("http", "a lookup", Context::http),
    ("branch", "a branch", Context::branch),
    ("set", "a `set` node", Context::set),
    ("language", "a `language` node", Context::language),
    ("transfer", "a transfer", Context::transfer),
    ("hangup", "a hang-up", Context::hangup),
];

/// The names of the kinds, as fields of a node.
pub const NODE_KINDS: [&str; KINDS.len()] = {
    let mut names = [""; KINDS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = KINDS[at].0;
        at += 1;
    }
    names
};

/// In the place of a node that is wrong: a transfer.
pub(super) fn stand_in(name: &str, span: Span) -> Node {
    Node {
        name: name.to_owned(),
        span,
        kind: NodeKind::Transfer {
            handoff: HandoffId(0),
        },
        human_only: false,
    }
}

impl Context {
    /// A node that is wrong is reported; another stands in for it.
    pub(super) fn node(&self, entry: &Entry, report: &mut Report) -> Node {
        let node = stand_in(&entry.key.text, entry.key.span);
        match self.kind(entry, report) {
            Some((kind, human_only)) => Node {
                kind,
                human_only,
                ..node
            },
            None => node,
        }
    }

    /// What the node does, and whether only people end it.
    fn kind(&self, entry: &Entry, report: &mut Report) -> Option<(NodeKind, bool)> {
        let what = format!("the node `{}`", entry.key.text);
        read::mapping(&entry.value, &what, report)?;
        let (kind_name, what, reader) = kind_of(entry, report)?;
        let mut fields = Fields::of(&entry.value, what, report)?;
        let value = fields.take(kind_name)?;
        let kind = reader(self, value, &mut fields, report);
        let human_only = flag(&mut fields, "human_only", report);
        fields.finish(report);
        Some((kind?, human_only))
    }

    fn menu(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let prompt = self.prompt(value, "the menu's prompt", report);
        let reprompt = self.optional_prompt(fields, "reprompt", report);
        let no_input_timeout = self.no_input_timeout(fields, report);
        let options = fields.require("options", "options: { \"1\": { to: … } }", report)?;
        let example = "{ \"1\": { hear: [orders], to: orders }, \"2\": human }";
        let (entries, _) = read::mapping_like(options, "`options`", example, report)?;
        if entries.is_empty() {
            let message = "This menu has no choices.";
            report.add(&rules::NO_OPTIONS, options.span, message, "Add an option.");
            return None;
        }
        if entries.len() > MAX_OPTIONS {
            let message = format!("There are {} options.", entries.len());
            report.add(&rules::TOO_MANY, options.span, message, "Split the menu.");
            return None;
        }
        let options: Vec<Option<MenuOption>> = entries
            .iter()
            .map(|entry| self.option(entry, report))
            .collect();
        Some(NodeKind::Menu(Menu {
            prompt: prompt?,
            reprompt: reprompt?,
            options: options.into_iter().collect::<Option<_>>()?,
            no_input_timeout,
        }))
    }

    /// `"1": track`, or `"1": { hear: […], to: track }`.
    fn option(&self, entry: &Entry, report: &mut Report) -> Option<MenuOption> {
        let key = option_key(entry, report);
        let (hear, to) = if let Value::Scalar { .. } = entry.value.value {
            (Vec::new(), self.target(&entry.value, report))
        } else {
            let mut fields = Fields::of(&entry.value, "an option", report)?;
            let hear = self.hear(&mut fields, report);
            let to = self.required_target(&mut fields, "to", report);
            fields.finish(report);
            (hear, to)
        };
        Some(MenuOption {
            key: key?,
            hear,
            to: to?,
            span: entry.key.span,
        })
    }

    fn ask(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let slot = self.slot_name(value, report);
        let prompt = fields.require("prompt", "prompt: { en: … }", report);
        let prompt = prompt.and_then(|node| self.prompt(node, "the question", report));
        let reprompt = self.optional_prompt(fields, "reprompt", report);
        let confirm = flag(fields, "confirm", report);
        let to = self.required_target(fields, "to", report);
        let no_input_timeout = self.no_input_timeout(fields, report);
        let inter_digit_timeout =
            inter_digit_timeout(fields, report).unwrap_or(self.timing.inter_digit_timeout);
        Some(NodeKind::Ask(Ask {
            slot: slot?,
            prompt: prompt?,
            reprompt: reprompt?,
            confirm,
            to: to?,
            no_input_timeout,
            inter_digit_timeout,
        }))
    }

    fn say(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let prompt = self.prompt(value, "the prompt", report);
        let answers = flag(fields, "answers", report);
        let confirm_resolved = match fields.take("confirm_resolved") {
            Some(node) => self.confirm_resolved(node, report).map(Some),
            None => Some(None),
        };
        let to = match fields.take("to") {
            Some(node) => self.target(node, report).map(Some),
            None => Some(None),
        };
        let both = ["to", "confirm_resolved"].map(|name| fields.take_entry(name));
        if let [Some(to), Some(confirm)] = both {
            let (to, confirm) = (to.key.span, confirm.key.span);
            report.add(
                &rules::NODE_KIND,
                if to.start > confirm.start {
                    to
                } else {
                    confirm
                },
                "`to` and `confirm_resolved` both say where to go on.",
                "Keep one of them.",
            );
        }
        Some(NodeKind::Say(Say {
            prompt: prompt?,
            answers,
            confirm_resolved: confirm_resolved?,
            to: to?,
        }))
    }

    pub(super) fn confirm_resolved(
        &self,
        node: &yaml::Node,
        report: &mut Report,
    ) -> Option<ConfirmResolved> {
        let example = "{ \"yes\": hangup, \"no\": human }";
        read::mapping_like(node, "`confirm_resolved`", example, report)?;
        let mut fields = Fields::of(node, "`confirm_resolved`", report)?;
        for name in ["yes", "no"] {
            let key = fields.take_entry(name).map(|entry| &entry.key);
            if let Some(key) = key.filter(|key| key.style == Style::Plain) {
                read::bare(&key.text, key.span, report);
            }
        }
        let yes = self.required_target(&mut fields, "yes", report);
        let no = self.required_target(&mut fields, "no", report);
        fields.finish(report);
        Some(ConfirmResolved { yes: yes?, no: no? })
    }

    fn branch(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let otherwise = self.required_target(fields, "else", report);
        let items = read::list(value, "`branch`", report)?;
        if let Some(beyond) = items.get(MAX_ARMS) {
            let message = format!("There are {} arms; {MAX_ARMS} are allowed.", items.len());
            report.add(&rules::TOO_MANY, beyond.span, message, "Split the branch.");
            return None;
        }
        let mut arms = Vec::new();
        for item in items {
            let Some(mut fields) = Fields::of(item, "an arm of the branch", report) else {
                continue;
            };
            let when = fields.require("when", "when: 'parcel.state == \"DELIVERED\"'", report);
            let when = when.and_then(|node| read::word(node, "`when`", report));
            let to = self.required_target(&mut fields, "to", report);
            fields.finish(report);
            if let (Some(when), Some(to)) = (when, to) {
                arms.push(Arm {
                    when: when.to_owned(),
                    to,
                    span: item.span,
                });
            }
        }
        Some(NodeKind::Branch(Branch {
            arms,
            otherwise: otherwise?,
        }))
    }

    fn set(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let to = self.required_target(fields, "to", report);
        let (entries, _) = read::mapping(value, "`set`", report)?;
        if let Some(beyond) = entries.get(MAX_VALUES) {
            let message = format!(
                "There are {} values; {MAX_VALUES} are allowed.",
                entries.len()
            );
            report.add(&rules::TOO_MANY, beyond.key.span, message, "Set fewer.");
            return None;
        }
        let mut values = Vec::new();
        for entry in entries {
            check_variable(&entry.key.text, entry.key.span, report);
            if let Some(template) = read::word(&entry.value, "a value", report) {
                values.push((entry.key.text.clone(), template.to_owned()));
            }
        }
        Some(NodeKind::Set(Set { values, to: to? }))
    }

    /// `language: zh` switches; `language: { "1": en, "2": zh }` asks.
    fn language(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let to = self.required_target(fields, "to", report);
        if let Value::Scalar { .. } = value.value {
            let language = self.served_language(value, report);
            return Some(NodeKind::SwitchLanguage {
                language: language?,
                to: to?,
            });
        }
        let (entries, _) = read::mapping(value, "`language`", report)?;
        if entries.is_empty() {
            let message = "There is no language to choose.";
            let fix = "Write { \"1\": en, \"2\": zh }.";
            report.add(&rules::NO_OPTIONS, value.span, message, fix);
        }
        let mut options = Vec::new();
        for entry in entries.iter().take(MAX_OPTIONS) {
            let key = option_key(entry, report);
            let language = self.served_language(&entry.value, report);
            if let (Some(key), Some(language)) = (key, language) {
                options.push((key, language));
            }
        }
        let prompt = fields.require("prompt", "prompt: { en: For English, press 1. }", report);
        let prompt = prompt.and_then(|node| self.prompt(node, "the language prompt", report));
        let no_input_timeout = self.no_input_timeout(fields, report);
        Some(NodeKind::LanguageMenu(LanguageMenu {
            prompt: prompt?,
            options,
            to: to?,
            no_input_timeout,
        }))
    }

    fn served_language(&self, node: &yaml::Node, report: &mut Report) -> Option<Language> {
        let foreign = |text: &String| self.foreign.contains(text);
        if matches!(&node.value, Value::Scalar { text, .. } if foreign(text)) {
            return None;
        }
        let language = names::language(node, report)?;
        self.must_serve(language, node.span, report);
        Some(language)
    }

    fn transfer(
        &self,
        value: &yaml::Node,
        _fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let handoff = self.handoff_name(value, report)?;
        Some(NodeKind::Transfer { handoff })
    }

    /// `hangup:` with nothing, or with the words of the goodbye.
    fn hangup(
        &self,
        value: &yaml::Node,
        _fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        if value.is_empty() {
            return Some(NodeKind::Hangup { goodbye: None });
        }
        let goodbye = self.prompt(value, "the goodbye", report)?;
        Some(NodeKind::Hangup {
            goodbye: Some(goodbye),
        })
    }

    pub(super) fn required_target(
        &self,
        fields: &mut Fields,
        name: &'static str,
        report: &mut Report,
    ) -> Option<Target> {
        let node = fields.require(name, &format!("{name}: human"), report)?;
        self.target(node, report)
    }

    /// `None` where it is wrong, `Some(None)` where it is not there.
    pub(super) fn optional_prompt(
        &self,
        fields: &mut Fields,
        name: &'static str,
        report: &mut Report,
    ) -> Option<Option<Prompt>> {
        match fields.take(name) {
            Some(node) => self.prompt(node, &format!("`{name}`"), report).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn no_input_timeout(&self, fields: &mut Fields, report: &mut Report) -> Duration {
        no_input_timeout(fields, report).unwrap_or(self.timing.no_input_timeout)
    }
}

/// The one kind that a node has.
fn kind_of(entry: &Entry, report: &mut Report) -> Option<(&'static str, &'static str, Reader)> {
    let node = &entry.value;
    let present: Vec<_> = KINDS
        .iter()
        .filter(|(name, ..)| node.get(name).is_some())
        .collect();
    match present.as_slice() {
        [kind] => Some(**kind),
        [] => {
            let Value::Mapping { entries, .. } = &node.value else {
                return None;
            };
            let misspelt = entries.iter().find_map(|field| {
                let meant = read::closest(&field.key.text, NODE_KINDS.into_iter())?;
                Some((field.key.span, meant))
            });
            let (span, fix) = match misspelt {
                Some((span, meant)) => (span, format!("Write `{meant}`.")),
                None => (
                    entry.key.span,
                    format!("Add one of: {}.", NODE_KINDS.join(", ")),
                ),
            };
            let message = format!("The node `{}` does nothing.", entry.key.text);
            report.add(&rules::NODE_KIND, span, message, fix);
            None
        }
        [first, second, ..] => {
            let span = node
                .entry(second.0)
                .map_or(node.span, |field| field.key.span);
            report.add(
                &rules::NODE_KIND,
                span,
                format!(
                    "The node `{}` is {} and {} at once.",
                    entry.key.text, first.1, second.1
                ),
                "Make two nodes of it; the first leads to the second by `to`.",
            );
            None
        }
    }
}

/// Which keys an option may have is the checker's to judge.
pub(super) fn option_key(entry: &Entry, report: &mut Report) -> Option<Key> {
    let key = names::parse_key(&entry.key.text);
    if key.is_none() {
        names::not_a_key(&entry.key.text, entry.key.span, report);
    }
    key
}

pub(super) fn variable(node: &yaml::Node, report: &mut Report) -> Option<String> {
    let name = read::word(node, "the name of a value", report)?;
    check_variable(name, node.span, report).then(|| name.to_owned())
}

fn check_variable(name: &str, span: crate::diagnostic::Span, report: &mut Report) -> bool {
    if names::RESERVED_VARIABLES.contains(&name) {
        let message = format!("A value cannot be named `{name}`: the engine has one of that name.");
        let fix = format!("Write another name, as `{name}_data`.");
        report.add(&rules::RESERVED_NAME, span, message, fix);
        return false;
    }
    names::check_name(name, span, "a value", report)
}
