//! Judges a dialplan against the laws, the limits of what people can follow, and the config.

mod graph;
mod handoffs;
mod hearing;
mod holidays;
mod human;
mod human_only;
mod knowledge;
mod limits;
mod lines;
pub mod lookups;
mod paths;
mod promises;
mod prompts;
mod recordings;
mod templates;

use super::load::{self, Loaded};
use super::model::Dialplan;
use super::targets::TargetPattern;
use crate::config::trunk::Trunk;
use crate::diagnostic::{Diagnostic, Report, Source, Span};
use crate::language::Language;
use crate::yaml::Node;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the checker has to know of the config and of the machine.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The targets that may be rung.
    pub transfers: Vec<TargetPattern>,
    /// The skills of each of those who register here.
    pub agents: Vec<Vec<String>>,
    /// By which targets are reached.
    pub trunks: BTreeMap<String, Trunk>,
    /// The recordings that are there, and their files.
    pub recordings: BTreeMap<(Language, String), PathBuf>,
    /// The languages that a synthesizer speaks.
    pub voices: Vec<Language>,
    /// The languages in which a recognizer takes down whatever is said.
    pub takes_down: Vec<Language>,
    /// Whether answers have expired is judged where this is known.
    pub today: Option<jiff::civil::Date>,
}

/// The dialplan of that text and all that is to be said about it, sorted by place. The dialplan is
/// there exactly where no diagnostic is an error.
pub fn check(source: &Source, view: &View) -> (Option<Dialplan>, Vec<Diagnostic>) {
    let mut report = Report::new(source);
    let loaded = load::read_dialplan(source, &mut report);
    if let Some(loaded) = &loaded {
        let mut judge = Judge {
            dialplan: &loaded.dialplan,
            tree: &loaded.tree,
            view,
            report: &mut report,
        };
        judge.parts();
        // Where paths are broken, what follows from them would only confuse.
        if loaded.complete {
            judge.whole();
        }
    }
    let good = loaded.filter(|_| !report.has_errors());
    let dialplan = good.map(|Loaded { dialplan, .. }| dialplan);
    (dialplan, report.into_diagnostics())
}

struct Judge<'r, 'a, 'd> {
    dialplan: &'d Dialplan,
    tree: &'d Node,
    view: &'d View,
    report: &'r mut Report<'a>,
}

impl Judge<'_, '_, '_> {
    /// What can be judged part by part.
    fn parts(&mut self) {
        self.human_key();
        self.elder_key();
        self.option_keys();
        self.keys_in_questions();
        self.targets();
        self.agents();
        self.accept_keys();
        self.agents_by_refer();
        self.lines_by_refer();
        self.limits_of_targets();
        self.handoff_cycles();
        self.greeting();
        self.voices();
        self.promises();
        self.texts_are_heard();
        self.recordings();
        self.menus();
        self.addresses();
        self.sensitive_sent();
        self.expiry();
        self.holidays_over();
    }

    /// What takes all of it.
    fn whole(&mut self) {
        self.templates();
        self.unused_handoffs();
        self.unreachable_nodes();
        self.dead_ends();
        self.endless_loops();
        self.ways_on();
        self.nothing_to_go_back_to();
        self.hangups();
        self.people_only();
        self.menu_depth();
    }

    /// The place of what a path of keys leads to, or of the last thing on the way.
    fn place(&self, path: &[&str]) -> Span {
        self.tree.place(path)
    }
}

#[cfg(test)]
mod tests;
