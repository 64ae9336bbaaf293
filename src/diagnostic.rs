//! What is wrong with an operator's file: the only type for it in the project.
//!
//! A diagnostic says what, where, why, and what to write instead. Rule ids are stable: they are
//! part of `--format json` and of the documentation; [`rules`] has all of them.

pub mod render;
pub mod rules;

use rules::Rule;
use serde::Serialize;
use std::ops::Range;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken, but callers would fare better otherwise.
    Warning,
}

/// A range of bytes in a file's text, with the place where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Span {
    /// Byte offsets into the text.
    pub start: usize,
    pub end: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

impl Span {
    /// The beginning of a file: for what concerns all of it.
    pub const START: Span = Span {
        start: 0,
        end: 0,
        line: 1,
        column: 1,
    };
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable, kebab-case: `human-key-rebound`, `unknown-node`.
    pub rule: &'static str,
    pub severity: Severity,
    pub file: PathBuf,
    #[serde(flatten)]
    pub span: Span,
    /// The offending text, at most one line of it.
    pub text: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// What to write instead.
    pub fix: String,
}

/// A file's name and text.
#[derive(Debug, Clone)]
pub struct Source {
    pub file: PathBuf,
    pub text: String,
}

impl Source {
    /// A byte order mark at the beginning is dropped, so that places count from the first character.
    pub fn new(file: impl Into<PathBuf>, text: impl Into<String>) -> Source {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        Source {
            file: file.into(),
            text,
        }
    }
}

/// The diagnostics of one file, as they are found.
#[derive(Debug)]
pub struct Report<'a> {
    file: &'a Path,
    text: &'a str,
    found: Vec<Diagnostic>,
    left_out: Vec<Range<usize>>,
}

impl<'a> Report<'a> {
    /// More than anybody reads; what is found beyond it is dropped, so that a hostile file stays cheap.
    pub const MAX: usize = 500;
    const MAX_EXCERPT: usize = 120;

    pub fn new(source: &'a Source) -> Report<'a> {
        Report {
            text: &source.text,
            ..Report::new_for(&source.file)
        }
    }

    /// Of a file that has no text.
    pub fn new_for(file: &'a Path) -> Report<'a> {
        Report {
            file,
            text: "",
            found: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// The text of the file that is reported on.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The same is said once a place. What is said begins with a capital, whoever wrote it.
    pub fn add(
        &mut self,
        rule: &Rule,
        span: Span,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let message = capitalized(&message.into());
        let known = |d: &Diagnostic| {
            d.rule == rule.id && d.span.start == span.start && d.message == message
        };
        let left_out = self
            .left_out
            .iter()
            .any(|place| place.contains(&span.start));
        if left_out || self.found.len() >= Self::MAX || self.found.iter().any(known) {
            return;
        }
        self.found.push(Diagnostic {
            rule: rule.id,
            severity: rule.severity,
            file: self.file.to_owned(),
            span,
            text: self.excerpt(span),
            message,
            why: rule.why.to_owned(),
            fix: fix.into(),
        });
    }

    /// From now on nothing is reported that begins in that range of bytes: what was said of it is
    /// enough, and its text was read in another form than it has.
    pub fn leave_out(&mut self, place: Range<usize>) {
        self.left_out.push(place);
    }

    /// Adds a sentence to the fix that was reported last.
    pub fn add_to_last_fix(&mut self, sentence: &str) {
        if let Some(last) = self.found.last_mut() {
            last.fix += " ";
            last.fix += sentence;
        }
    }

    pub fn has_errors(&self) -> bool {
        has_errors(&self.found)
    }

    /// Sorted by place.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        sort(&mut found);
        found
    }

    /// The first line of what `span` covers.
    fn excerpt(&self, span: Span) -> String {
        let covered = self.text.get(span.start..span.end).unwrap_or_default();
        let line = covered.lines().next().unwrap_or_default().trim_end();
        line.chars().take(Self::MAX_EXCERPT).collect()
    }
}

pub fn has_errors(found: &[Diagnostic]) -> bool {
    found.iter().any(|d| d.severity == Severity::Error)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}

/// By file, then by place, then by rule.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics
        .sort_by(|a, b| (&a.file, a.span.start, a.rule).cmp(&(&b.file, b.span.start, b.rule)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_sorted_by_place_and_quotes_one_line() {
        let source = Source::new("a.yaml", "\u{feff}first\nsecond\n");
        let mut report = Report::new(&source);
        let second = Span {
            start: 6,
            end: 12,
            line: 2,
            column: 1,
        };
        let both = Span {
            start: 0,
            end: 12,
            line: 1,
            column: 1,
        };
        report.add(&rules::YAML_SYNTAX, second, "m2", "f2");
        report.add(&rules::YAML_SYNTAX, both, "m1", "f1");
        let texts: Vec<_> = report
            .into_diagnostics()
            .into_iter()
            .map(|d| (d.span.line, d.text, d.message))
            .collect();
        let told = |line, text: &str, message: &str| (line, text.to_owned(), message.to_owned());
        assert_eq!(texts, [told(1, "first", "M1"), told(2, "second", "M2")]);
    }

    #[test]
    fn a_report_is_bounded() {
        let source = Source::new("a.yaml", "x");
        let mut report = Report::new(&source);
        for start in 0..Report::MAX + 10 {
            let span = Span {
                start,
                ..Span::START
            };
            report.add(&rules::YAML_SYNTAX, span, "m", "f");
            report.add(&rules::YAML_SYNTAX, span, "m", "said before");
        }
        assert_eq!(report.into_diagnostics().len(), Report::MAX);
    }
}
