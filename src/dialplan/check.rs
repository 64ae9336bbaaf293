//! Judges a dialplan against the laws, the limits of what people can follow, and the config.

use super::targets::TargetPattern;
use crate::language::Language;
use std::collections::BTreeSet;

/// What the checker has to know of the config and of the machine.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The targets that may be rung.
    pub transfers: Vec<TargetPattern>,
    /// The recordings that are there.
    pub recordings: BTreeSet<(Language, String)>,
    /// The languages that a synthesizer speaks.
    pub voices: Vec<Language>,
}
