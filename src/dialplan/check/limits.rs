//! The limits of what people can follow: depth, choices, length.

use super::Judge;
use super::graph::distances;
use crate::diagnostic::rules;
use crate::dialplan::model::{Node, NodeKind, Prompt};
use crate::dialplan::slot::SlotKind;
use crate::dialplan::spoken;
use crate::language::Language;

impl Judge<'_, '_, '_> {
    /// Menus within menus, on the shortest way there; the choice of a language is one.
    pub(super) fn menu_depth(&mut self) {
        let limit = u32::from(self.dialplan.limits.depth);
        let is_menu =
            |node: &Node| matches!(node.kind, NodeKind::Menu(_) | NodeKind::LanguageMenu(_));
        let depths = distances(self.dialplan, is_menu, |_| false);
        for (node, depth) in self.dialplan.nodes.iter().zip(depths) {
            if let Some(depth) = depth.filter(|depth| is_menu(node) && *depth > limit) {
                self.report.add(
                    &rules::MENU_TOO_DEEP,
                    node.span,
                    format!(
                        "The menu `{}` is {depth} menus deep; {limit} are allowed.",
                        node.name
                    ),
                    "Offer its choices in a menu further up, or ring a person instead.",
                );
            }
        }
    }

    /// What each menu and question asks of the caller.
    pub(super) fn menus(&mut self) {
        for node in &self.dialplan.nodes {
            let name = node.name.as_str();
            match &node.kind {
                NodeKind::Menu(menu) => {
                    self.option_count(node, menu.options.len());
                    self.length(&menu.prompt, "The menu's prompt");
                    for option in &menu.options {
                        self.option_is_said(name, &menu.prompt, option.key, option.span);
                    }
                }
                NodeKind::Knowledge(knowledge) => {
                    self.length(&knowledge.prompt, "The prompt");
                    for entry in &knowledge.entries {
                        if let Some(key) = entry.key {
                            self.option_is_said(name, &knowledge.prompt, key, entry.span);
                        }
                    }
                }
                NodeKind::LanguageMenu(menu) => {
                    self.option_count(node, menu.options.len());
                    self.length(&menu.prompt, "The prompt");
                }
                NodeKind::Ask(ask) => {
                    self.length(&ask.prompt, "The question");
                    if let SlotKind::Choice(options) = &self.dialplan.slot(ask.slot).kind {
                        for option in options {
                            self.option_is_said(name, &ask.prompt, option.key, option.span);
                        }
                    }
                }
                _ => {}
            }
        }
        self.length(&self.dialplan.greeting, "The greeting");
    }

    fn option_count(&mut self, node: &Node, count: usize) {
        let limit = usize::from(self.dialplan.limits.options);
        if count > limit {
            let span = self.place(&["nodes", &node.name, "options"]);
            self.report.add(
                &rules::TOO_MANY_OPTIONS,
                span,
                format!(
                    "The menu `{}` has {count} options; {limit} are allowed.",
                    node.name
                ),
                "Move some of them into a second menu, or let a person sort out the rare ones.",
            );
        }
    }

    fn length(&mut self, prompt: &Prompt, what: &str) {
        let limit = self.dialplan.limits.prompt;
        for (language, text) in prompt.text.iter() {
            let length = spoken::estimate(language, text);
            if length > limit {
                self.report.add(
                    &rules::PROMPT_TOO_LONG,
                    prompt.span,
                    format!(
                        "{what} takes about {} s in `{language}`; {} s are allowed.",
                        length.as_secs(),
                        limit.as_secs()
                    ),
                    "Say less, and leave the rest to the next node.",
                );
            }
        }
    }

    fn option_is_said(
        &mut self,
        node: &str,
        prompt: &Prompt,
        key: crate::key::Key,
        span: crate::diagnostic::Span,
    ) {
        if !self.may_be_bound(key) {
            return;
        }
        let silent: Vec<Language> = prompt
            .text
            .iter()
            .filter(|(language, text)| !text.is_empty() && !spoken::names_key(*language, text, key))
            .map(|(language, _)| language)
            .collect();
        if let Some(language) = silent.first() {
            self.report.add(
                &rules::MENU_WITHOUT_KEY,
                span,
                format!("The prompt of `{node}` does not name the key `{key}` in `{language}`."),
                match language {
                    Language::En => format!("Add \"for …, press {key}\" to the prompt."),
                    Language::Zh => format!("Add \"…请按{key}\" to the prompt."),
                },
            );
        }
    }
}
