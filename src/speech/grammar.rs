//! What a caller may say at one moment: recognizers listen for it, the understanding reads it.

use crate::key::Key;
use crate::language::Language;

/// One node's, in one language, made when the dialplan is loaded and shared by all its calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grammar {
    pub language: Language,
    /// Whole answers.
    pub phrases: Vec<Phrase>,
    /// A value that may be said instead.
    pub value: Option<ValueKind>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// As an operator writes it: words and spaces, or Chinese characters.
    pub words: String,
    pub meaning: Meaning,
}

/// Where a phrase leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// As if this key had been pressed: an option, yes or no, back.
    Key(Key),
    /// A person.
    Human,
    /// The same prompt again.
    Repeat,
    /// More time, from here to the call's end.
    Slower,
    /// An entry of a `knowledge` node.
    Entry(u16),
    /// No answer, though it sounds like one: "not sure" is not "sure".
    Undecided,
}

/// What a slot holds. All can be said and keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// So many digits, both inclusive.
    Digits {
        min: u8,
        max: u8,
    },
    Number,
    Money,
    Date,
    Time,
    YesNo,
    /// One of the grammar's phrases and nothing else.
    Choice,
    Phone,
    /// Digits, and letters where the kind of number has them.
    IdNumber,
    /// Anything: dictation, where the recognizer can.
    FreeText,
}
