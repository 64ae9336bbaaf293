//! What is wrong with an operator's file: the only type for it in the project.
//!
//! A diagnostic says what, where, why, and what to write instead. Rule ids are stable: they are
//! part of `--format json` and of the documentation.

use serde::Serialize;
use std::path::PathBuf;

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
