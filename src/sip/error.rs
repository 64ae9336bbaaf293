//! What can be wrong with one element of a message.

/// The element that could not be read; the text is the reason phrase of the 400 that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);
