//! YAML as a tree in which every value and every key knows its place, and every scalar is text:
//! no value turns into a boolean or a number because of how it looks.
//!
//! What can be made to blow up is refused before it does: long texts, deep nesting, many nodes,
//! anchors and aliases. YAML's traps are told from plain mistakes ([`traps`]).

mod build;
mod places;
pub mod read;
pub mod traps;

use crate::diagnostic::{Report, Span};

/// The longest text, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
pub const MAX_DEPTH: usize = 64;
/// Keys and values together.
pub const MAX_NODES: usize = 40_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Scalar { text: String, style: Style },
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, flow: bool },
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Nothing was written: `key:`.
    Empty,
    Plain,
    Quoted,
    /// `|` or `>`.
    Block,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    pub value: Node,
}

/// A mapping's key; always a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    pub style: Style,
    pub span: Span,
}

/// Parses the one document of `report`'s text. Everything wrong with it as YAML is reported;
/// `None` where nothing useful could be read. An empty text is an empty scalar.
pub fn parse(report: &mut Report) -> Option<Node> {
    build::parse(report)
}

impl Node {
    pub fn is_empty(&self) -> bool {
        matches!(
            self.value,
            Value::Scalar {
                style: Style::Empty,
                ..
            }
        )
    }

    /// The value under `key` of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Mapping { entries, .. } => entries.iter().find(|entry| entry.key.text == key),
            _ => None,
        }
    }

    /// The place of what `path` leads to, or of the last thing on the way to it that is there.
    /// A step is a key, or in a sequence an index.
    pub fn place(&self, path: &[&str]) -> Span {
        let mut node = self;
        for step in path {
            let next = match &node.value {
                Value::Mapping { .. } => node.get(step),
                Value::Sequence(items) => step.parse().ok().and_then(|at: usize| items.get(at)),
                Value::Scalar { .. } => None,
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node.span
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar {
                style: Style::Empty,
                ..
            } => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping { .. } => "a mapping",
        }
    }
}

#[cfg(test)]
mod tests;
