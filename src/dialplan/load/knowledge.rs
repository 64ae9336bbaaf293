//! `knowledge` nodes: questions and their answers. Each answer becomes a `say` node.

use super::{Context, names, node_id};
use crate::diagnostic::{Report, rules};
use crate::dialplan::model::{
    ConfirmResolved, Knowledge, KnowledgeEntry, Node, NodeId, NodeKind, Say,
};
use crate::yaml::{self, read};
use jiff::civil::Date;
use read::Fields;

/// So many are told apart by their words.
const MAX_ENTRIES: usize = 100;
/// Of all nodes.
const MAX_ANSWERS: usize = 1000;

impl Context {
    pub(super) fn knowledge(
        &self,
        value: &yaml::Node,
        fields: &mut Fields,
        report: &mut Report,
    ) -> Option<NodeKind> {
        let prompt = self.prompt(value, "the prompt", report);
        let reprompt = self.optional_prompt(fields, "reprompt", report);
        let no_input_timeout = self.no_input_timeout(fields, report);
        let example = "confirm_resolved: { \"yes\": hangup, \"no\": human }";
        let resolved = fields.require("confirm_resolved", example, report);
        let resolved = resolved.and_then(|node| self.confirm_resolved(node, report));
        let example = "entries: [{ hear: […], say: …, source: …, expires: 2027-01-31 }]";
        let node = fields.require("entries", example, report)?;
        let items = read::list(node, "`entries`", report)?;
        if items.is_empty() {
            let message = "This node knows no answer.";
            report.add(&rules::NO_OPTIONS, node.span, message, "Add an entry.");
            return None;
        }
        if let Some(beyond) = items.get(MAX_ENTRIES) {
            let message = format!(
                "There are {} entries; {MAX_ENTRIES} are allowed.",
                items.len()
            );
            report.add(&rules::TOO_MANY, beyond.span, message, "Split the node.");
            return None;
        }
        let entries: Vec<Option<KnowledgeEntry>> = items
            .iter()
            .map(|item| self.entry(item, resolved, report))
            .collect();
        Some(NodeKind::Knowledge(Knowledge {
            prompt: prompt?,
            reprompt: reprompt?,
            entries: entries.into_iter().collect::<Option<_>>()?,
            no_input_timeout,
        }))
    }

    fn entry(
        &self,
        item: &yaml::Node,
        resolved: Option<ConfirmResolved>,
        report: &mut Report,
    ) -> Option<KnowledgeEntry> {
        let mut fields = Fields::of(item, "an entry", report)?;
        if item.get("hear").is_none() {
            fields.require("hear", "hear: [when are you open]", report);
        }
        let hear = self.hear(&mut fields, report);
        let key = fields
            .take("key")
            .map(|node| names::key(node, "`key`", report));
        let say = fields.require("say", "say: We are open from nine to five.", report);
        let prompt = say.and_then(|node| self.prompt(node, "the answer", report));
        let source = fields.require("source", "source: our price list of May", report);
        let source = source.and_then(|node| read::prose(node, "`source`", report));
        let expires = fields.require("expires", "expires: 2027-01-31", report);
        let expires = expires.and_then(|node| day(node, report));
        fields.finish(report);
        let (prompt, key) = (prompt?, key.map_or(Some(None), |key| key.map(Some))?);
        let (source, expires) = (source?, expires?);
        let say = Say {
            prompt,
            answers: true,
            confirm_resolved: Some(resolved?),
            to: None,
        };
        let answer = self.answer(say, item, report)?;
        Some(KnowledgeEntry {
            hear,
            key,
            answer,
            source,
            expires,
            span: item.span,
        })
    }

    /// The node of an answer, after all others. Its name has a sign that no written name may have.
    fn answer(&self, say: Say, item: &yaml::Node, report: &mut Report) -> Option<NodeId> {
        let mut answers = self.answers.borrow_mut();
        if answers.len() >= MAX_ANSWERS {
            let message = format!("There are more than {MAX_ANSWERS} answers.");
            report.add(&rules::TOO_MANY, item.span, message, "Split the dialplan.");
            return None;
        }
        let id = node_id(self.node_count + answers.len());
        let name = format!("answer/{}", answers.len() + 1);
        answers.push(Node {
            name,
            span: item.span,
            kind: NodeKind::Say(say),
            human_only: false,
        });
        Some(id)
    }
}

fn day(node: &yaml::Node, report: &mut Report) -> Option<Date> {
    let text = read::word(node, "`expires`", report)?;
    let day = text.parse().ok().filter(|_| text.len() == 10);
    if day.is_none() {
        let message = format!("`{text}` is no day.");
        report.add(
            &rules::BAD_VALUE,
            node.span,
            message,
            "Write it as 2027-01-31.",
        );
    }
    day
}
