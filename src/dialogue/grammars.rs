//! What callers may say in each of a dialplan's places: grammars, made once when it is loaded.

use super::portions::AT_ONCE;
use crate::dialplan::model::{Dialplan, Knowledge, Menu, NodeId, NodeKind};
use crate::dialplan::slot::{Slot, SlotKind};
use crate::key::Key;
use crate::language::{ByLanguage, Language};
use crate::speech::choices::Choice;
use crate::speech::grammar::{Grammar, Meaning, Phrase, ValueKind};
use crate::speech::understanding::built_in;
use std::sync::Arc;

type InEach = ByLanguage<Arc<Grammar>>;

#[derive(Debug)]
pub struct Grammars {
    /// Where nothing is asked: a person, back, again, slower.
    anywhere: InEach,
    yes_or_no: InEach,
    telephone_number: InEach,
    /// By node; those that ask nothing have none.
    nodes: Vec<InEach>,
    /// What can be chosen after a failed transfer, with whichever key each has.
    choices: Vec<(Vec<(Key, Choice)>, InEach)>,
}

impl Grammars {
    pub fn of(dialplan: &Dialplan) -> Grammars {
        let make = |own: &dyn Fn(Language) -> Vec<Phrase>, value: Option<ValueKind>| {
            let mut by_language = ByLanguage::default();
            for &language in &dialplan.languages {
                let mut phrases = own(language);
                phrases.extend(anywhere(dialplan, language));
                let grammar = Grammar {
                    language,
                    phrases,
                    value,
                };
                by_language.set(language, Arc::new(grammar));
            }
            by_language
        };
        let node = |kind: &NodeKind| match kind {
            NodeKind::Menu(menu) => make(&|language| options(menu, language), None),
            NodeKind::Knowledge(knowledge) => {
                make(&|language| questions(knowledge, language), None)
            }
            NodeKind::Ask(ask) => {
                let slot = dialplan.slot(ask.slot);
                make(
                    &|language| answers(slot, language),
                    Some(slot.kind.value_kind()),
                )
            }
            NodeKind::LanguageMenu(menu) => make(&|named| languages(&menu.options, named), None),
            _ => ByLanguage::default(),
        };
        let after_handoff = [true, false].into_iter().flat_map(|try_again| {
            let otherwise = [Choice::Callback, Choice::Message];
            otherwise.map(|otherwise| Choice::menu(try_again, otherwise))
        });
        let choices = after_handoff.map(|choices| {
            let grammar = make(&|language| choices_in_words(&choices, language), None);
            (choices, grammar)
        });
        Grammars {
            anywhere: make(&|_| Vec::new(), None),
            yes_or_no: make(&built_in::yes_no, None),
            telephone_number: make(&|_| Vec::new(), Some(ValueKind::Phone)),
            nodes: dialplan.nodes.iter().map(|it| node(&it.kind)).collect(),
            choices: choices.collect(),
        }
    }

    pub fn anywhere(&self, language: Language) -> Option<&Arc<Grammar>> {
        self.anywhere.get(language)
    }

    pub fn yes_or_no(&self, language: Language) -> Option<&Arc<Grammar>> {
        self.yes_or_no.get(language)
    }

    pub fn telephone_number(&self, language: Language) -> Option<&Arc<Grammar>> {
        self.telephone_number.get(language)
    }

    pub fn node(&self, node: NodeId, language: Language) -> Option<&Arc<Grammar>> {
        self.nodes.get(usize::from(node.0))?.get(language)
    }

    pub fn choices(&self, choices: &[(Key, Choice)], language: Language) -> Option<&Arc<Grammar>> {
        let (_, grammars) = self.choices.iter().find(|(known, _)| known == choices)?;
        grammars.get(language)
    }

    /// All of them, for engines that make something ready.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Grammar>> {
        let fixed = [&self.anywhere, &self.yes_or_no, &self.telephone_number];
        let choices = self.choices.iter().map(|(_, grammars)| grammars);
        let all = fixed.into_iter().chain(&self.nodes).chain(choices);
        all.flat_map(|grammars| grammars.iter().map(|(_, grammar)| grammar))
    }
}

/// What can be said in every place. A person is asked for in any language (law 1): the words of the
/// others come last, for those recognizers that can tell them.
fn anywhere(dialplan: &Dialplan, language: Language) -> Vec<Phrase> {
    let others = Language::ALL.into_iter().filter(|it| *it != language);
    let others = others.flat_map(|other| {
        let own = operators_human(dialplan, other);
        own.chain(built_in::human(other))
    });
    let own = operators_human(dialplan, language).chain(operators_slower(dialplan, language));
    let phrases = own.chain(built_in::everywhere(language));
    phrases.chain(others).collect()
}

fn operators_human(dialplan: &Dialplan, language: Language) -> impl Iterator<Item = Phrase> {
    operators(&dialplan.human.hear, language, Meaning::Human)
}

fn operators_slower(dialplan: &Dialplan, language: Language) -> impl Iterator<Item = Phrase> {
    operators(&dialplan.elder.hear, language, Meaning::Slower)
}

/// An operator's `hear` is one list for all languages.
fn operators(
    hear: &[String],
    language: Language,
    meaning: Meaning,
) -> impl Iterator<Item = Phrase> {
    let own = hear.iter();
    let own = own.filter(move |words| Language::of_text(words) == language);
    own.map(move |words| Phrase {
        words: words.clone(),
        meaning,
    })
}

/// An option's own words, and its number.
fn option(key: Key, hear: &[String], language: Language) -> Vec<Phrase> {
    let own = hear
        .iter()
        .filter(|words| Language::of_text(words) == language)
        .map(|words| Phrase {
            words: words.clone(),
            meaning: Meaning::Key(key),
        });
    own.chain(built_in::by_number(language, key)).collect()
}

fn options(menu: &Menu, language: Language) -> Vec<Phrase> {
    let options = menu.options.iter();
    let mut phrases: Vec<Phrase> = options
        .flat_map(|it| option(it.key, &it.hear, language))
        .collect();
    // Elder pacing puts long menus in portions; an option's own words are the option's.
    if menu.options.len() > AT_ONCE + 1 {
        let mut more = built_in::more(language);
        more.retain(|it| phrases.iter().all(|own| own.words != it.words));
        phrases.extend(more);
    }
    phrases
}

fn questions(knowledge: &Knowledge, language: Language) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    for (at, entry) in (0..).zip(&knowledge.entries) {
        let hear = entry.hear.iter();
        let hear = hear.filter(|words| Language::of_text(words) == language);
        phrases.extend(hear.map(|words| Phrase {
            words: words.clone(),
            meaning: Meaning::Entry(at),
        }));
        let numbered = entry.key.map(|key| built_in::by_number(language, key));
        phrases.extend(numbered.into_iter().flatten());
    }
    phrases
}

/// The options of a choice, as those of a menu.
fn answers(slot: &Slot, language: Language) -> Vec<Phrase> {
    let SlotKind::Choice(options) = &slot.kind else {
        return Vec::new();
    };
    options
        .iter()
        .flat_map(|it| option(it.key, &it.hear, language))
        .collect()
}

/// Each language by the name it has in `spoken`.
fn languages(options: &[(Key, Language)], spoken: Language) -> Vec<Phrase> {
    let options = options.iter().flat_map(|&(key, language)| {
        let names = match (language == spoken, language) {
            (true, Language::En) => &["English", "in English", "English please"][..],
            (true, Language::Zh) => &["中文", "普通话", "国语", "汉语", "说中文"],
            (false, _) => &[],
        };
        phrases(key, names).chain(built_in::by_number(spoken, key))
    });
    options.collect()
}

/// After a failed transfer.
fn choices_in_words(choices: &[(Key, Choice)], language: Language) -> Vec<Phrase> {
    let choices = choices.iter().flat_map(|&(key, choice)| {
        let words = match (choice, language) {
            (Choice::TryAgain, Language::En) => &["try again", "try once more"][..],
            (Choice::TryAgain, Language::Zh) => &["再试一次", "再试试", "重试"],
            (Choice::Callback | Choice::CallbackInTurn, Language::En) => {
                &["call me back", "callback", "call back"]
            }
            (Choice::Callback | Choice::CallbackInTurn, Language::Zh) => {
                &["回电", "给我回电", "打给我", "回拨"]
            }
            (Choice::Message, Language::En) => &["message", "leave a message"],
            (Choice::Message, Language::Zh) => &["留言", "我要留言"],
            (Choice::BackToBot, Language::En) => &["menu", "main menu", "back to the menu"],
            (Choice::BackToBot, Language::Zh) => &["菜单", "主菜单", "返回菜单"],
        };
        phrases(key, words).chain(built_in::by_number(language, key))
    });
    choices.collect()
}

fn phrases<'a>(key: Key, words: &'a [&str]) -> impl Iterator<Item = Phrase> + 'a {
    words.iter().map(move |words| Phrase {
        words: words.to_string(),
        meaning: Meaning::Key(key),
    })
}
