//! What the bot says and what callers say: texts, one a language.

use super::Context;
use crate::diagnostic::{Report, Span, rules};
use crate::dialplan::model::Prompt;
use crate::language::{ByLanguage, Language};
use crate::yaml::{Node, Value, read};
use read::Fields;

/// The longest text of a prompt, in characters.
const MAX_TEXT: usize = 2000;
const MAX_PHRASES: usize = 200;

impl Context {
    /// A text, where the dialplan has one language; else `{ en: …, zh: …, audio: NAME }`.
    pub(super) fn prompt(&self, node: &Node, what: &str, report: &mut Report) -> Option<Prompt> {
        let audio = node.get("audio").map(|node| audio_name(node, report));
        let text = self.by_language(node, what, audio.is_some(), report)?;
        Some(Prompt {
            text,
            audio: audio.flatten(),
            span: node.span,
        })
    }

    /// As a prompt, but never a recording.
    pub(super) fn texts(
        &self,
        node: &Node,
        what: &str,
        report: &mut Report,
    ) -> Option<ByLanguage<String>> {
        self.by_language(node, what, false, report)
    }

    fn by_language(
        &self,
        node: &Node,
        what: &str,
        recorded: bool,
        report: &mut Report,
    ) -> Option<ByLanguage<String>> {
        let mut texts = ByLanguage::default();
        if !matches!(node.value, Value::Mapping { .. }) {
            let text = prose(node, what, report)?;
            texts.set(self.languages[0], text);
        } else {
            let mut fields = Fields::of(node, what, report)?;
            for language in Language::ALL {
                if let Some(entry) = fields.take_entry(language.tag()) {
                    self.must_serve(language, entry.key.span, report);
                    if let Some(text) = prose(&entry.value, what, report) {
                        texts.set(language, text);
                    } else {
                        // Its own mistake is reported: it is not missing too.
                        texts.set(language, String::new());
                    }
                }
            }
            if recorded {
                fields.take("audio");
            }
            self.foreign.iter().for_each(|tag| fields.pass_over(tag));
            fields.finish(report);
        }
        if !recorded {
            self.must_be_complete(&texts, node, what, report);
        }
        Some(texts)
    }

    pub(super) fn must_serve(&self, language: Language, span: Span, report: &mut Report) {
        if !self.languages.contains(&language) {
            report.add(
                &rules::UNKNOWN_LANGUAGE,
                span,
                format!("This dialplan does not serve callers in `{language}`."),
                format!("Add `{language}` to `languages`, or remove this text."),
            );
        }
    }

    fn must_be_complete(
        &self,
        texts: &ByLanguage<String>,
        node: &Node,
        what: &str,
        report: &mut Report,
    ) {
        // In the place of a language that does not exist, others stand in.
        for &language in self.languages.iter().filter(|_| self.foreign.is_empty()) {
            if texts.get(language).is_none() {
                report.add(
                    &rules::MISSING_LANGUAGE,
                    node.span,
                    format!("{what} has no text in `{language}`."),
                    format!("Write {{ {} }}.", self.example()),
                );
            }
        }
    }

    fn example(&self) -> String {
        let texts = self
            .languages
            .iter()
            .map(|language| format!("{language}: \"…\""));
        texts.collect::<Vec<_>>().join(", ")
    }

    /// The phrases of `hear`: one, or a list.
    pub(super) fn hear(&self, fields: &mut Fields, report: &mut Report) -> Vec<String> {
        self.phrases(fields, "hear", report)
    }

    /// A phrase, or a list of them.
    pub(super) fn phrases(
        &self,
        fields: &mut Fields,
        name: &'static str,
        report: &mut Report,
    ) -> Vec<String> {
        let Some(node) = fields.take(name) else {
            return Vec::new();
        };
        let items = read::one_or_more(node);
        if items.len() > MAX_PHRASES {
            let message = format!(
                "There are {} phrases; {MAX_PHRASES} are allowed.",
                items.len()
            );
            report.add(
                &rules::TOO_MANY,
                node.span,
                message,
                "Keep the ones that callers use.",
            );
            return Vec::new();
        }
        items
            .iter()
            .filter_map(|item| prose(item, &format!("`{name}`"), report))
            .collect()
    }
}

fn prose(node: &Node, what: &str, report: &mut Report) -> Option<String> {
    if node.is_empty() {
        let message = format!("{what} is empty.");
        let fix = "Write what is said, as \"Please key in your number.\"";
        report.add(&rules::WRONG_TYPE, node.span, message, fix);
        return None;
    }
    let text = read::prose(node, what, report)?;
    if text.is_empty() {
        let message = format!("{what} is an empty text.");
        report.add(&rules::BAD_VALUE, node.span, message, "Write what is said.");
        return None;
    }
    let length = text.chars().count();
    if length > MAX_TEXT {
        report.add(
            &rules::OUT_OF_RANGE,
            node.span,
            format!("{what} has {length} characters; {MAX_TEXT} are allowed."),
            "Say less at once.",
        );
        return None;
    }
    Some(text)
}

/// A recording's name: a path below the prompts of a language, without its ending.
fn audio_name(node: &Node, report: &mut Report) -> Option<String> {
    let name = read::word(node, "`audio`", report)?;
    let good_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '))
    };
    if name.len() <= 200 && name.split('/').all(good_part) {
        return Some(name.to_owned());
    }
    report.add(
        &rules::BAD_VALUE,
        node.span,
        format!("`{name}` cannot be the name of a recording."),
        "Write the file's name below `prompts/<language>/`, without its ending.",
    );
    None
}
