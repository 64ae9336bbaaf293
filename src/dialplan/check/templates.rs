//! Templates and conditions: they compile, name only what is there, and keep what is sensitive.

use super::Judge;
use crate::diagnostic::{Span, rules};
use crate::dialplan::model::{HttpMethod, NodeKind};
use crate::dialplan::template::sources::names_used;
use crate::dialplan::template::{TemplateError, TemplateProblem, Templates};
use crate::speech::verbaliser::Reading;
use crate::yaml::{Node, Value};
use std::collections::BTreeSet;

impl Judge<'_, '_, '_> {
    pub(super) fn templates(&mut self) {
        let Err(errors) = Templates::compile(self.dialplan) else {
            return;
        };
        for error in errors {
            let mut places = Vec::new();
            scalars(self.tree, &error.source, &mut places);
            if places.is_empty() {
                places.push(error.span);
            }
            for span in places {
                self.template_error(&error, span);
            }
        }
    }

    fn template_error(&mut self, error: &TemplateError, span: Span) {
        let kinds = self.kinds();
        let (rule, fix) = match error.problem {
            TemplateProblem::Template => (
                &rules::BAD_TEMPLATE,
                "Write values as `{{ name }}` or `{{ name | say_as(digits) }}`.",
            ),
            TemplateProblem::Condition => (
                &rules::BAD_CONDITION,
                "Write a comparison like 'parcel.state == \"DELIVERED\"'.",
            ),
            TemplateProblem::UnknownName => (
                &rules::UNKNOWN_VARIABLE,
                "Name a slot, the `save` of a lookup, a value of a `set`, `call`, or a table of the vocabulary.",
            ),
            TemplateProblem::UnknownFilter => (
                &rules::UNKNOWN_FILTER,
                "Use `say_as`, or one of minijinja's filters, as `default` or `length`.",
            ),
            TemplateProblem::UnknownKind => (&rules::UNKNOWN_SAY_AS, kinds.as_str()),
            TemplateProblem::Sensitive => (
                &rules::SENSITIVE_SPOKEN,
                "Leave it out: the caller knows it, and the agent gets what `share` allows.",
            ),
        };
        self.report
            .add(rule, span, format!("{}.", error.message), fix);
    }

    /// What `say_as` may be given.
    fn kinds(&self) -> String {
        let readings = Reading::ALL.map(Reading::name);
        let tables = self.dialplan.vocabulary.keys().map(String::as_str);
        let known: Vec<&str> = readings.into_iter().chain(tables).collect();
        format!(
            "Write one of: {}; or add a table of that name to `vocabulary`.",
            known.join(", ")
        )
    }

    /// Sensitive slots in addresses and headers; the body of a POST is where they belong.
    pub(super) fn sensitive_sent(&mut self) {
        let dialplan = self.dialplan;
        let slots = dialplan.slots.iter().filter(|slot| slot.sensitive);
        let sensitive: BTreeSet<&str> = slots.map(|slot| slot.name.as_str()).collect();
        for node in &dialplan.nodes {
            let NodeKind::Http(http) = &node.kind else {
                continue;
            };
            let method = match http.method {
                HttpMethod::Get => "get",
                HttpMethod::Post => "post",
            };
            let here = ["nodes", node.name.as_str(), "http"];
            let headers = http
                .headers
                .iter()
                .map(|(name, value)| (vec!["headers", name], value));
            for (path, source) in std::iter::once((vec![method], &http.url)).chain(headers) {
                let used = names_used(source);
                let Some(slot) = used.iter().find(|name| sensitive.contains(name.as_str())) else {
                    continue;
                };
                let span = self.place(&[&here, path.as_slice()].concat());
                self.report.add(
                    &rules::SENSITIVE_SENT,
                    span,
                    format!("The sensitive slot `{slot}` is sent in an address or a header."),
                    format!("Write `post`, with body: {{ {slot}: \"{{{{ {slot} }}}}\" }}."),
                );
            }
        }
    }
}

/// Every place where `source` is written.
fn scalars(node: &Node, source: &str, places: &mut Vec<Span>) {
    match &node.value {
        Value::Scalar { text, .. } if text.trim() == source.trim() => places.push(node.span),
        Value::Scalar { .. } => {}
        Value::Sequence(items) => items.iter().for_each(|item| scalars(item, source, places)),
        Value::Mapping { entries, .. } => {
            entries
                .iter()
                .for_each(|entry| scalars(&entry.value, source, places));
        }
    }
}
