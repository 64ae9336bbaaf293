//! What calls share: the dialplan, prompts, sounds, and the config's say about targets.

use crate::audio::prompt::Prompt;
use crate::dialogue::action::Content;
use crate::dialogue::program::Program;
use crate::events::Pace;
use crate::handoff::targets::TargetPolicy;
use crate::language::{ByLanguage, Language};
use std::sync::Arc;

/// Sound that is ready: asked on the media thread, so it neither waits nor renders.
pub trait PromptSource: Send + Sync {
    fn lookup(&self, language: Language, content: &Content, pace: Pace) -> Option<Arc<Prompt>>;
}

pub struct Services {
    pub program: Arc<Program>,
    pub prompts: Arc<dyn PromptSource>,
    pub policy: Arc<dyn TargetPolicy + Send + Sync>,
    pub sounds: Arc<Sounds>,
    /// The languages in which a recognizer hears.
    pub hears: ByLanguage<bool>,
}

/// Sounds that are no words.
pub struct Sounds {
    pub ring_back: Arc<Prompt>,
    pub comfort: Arc<Prompt>,
    pub beep: Arc<Prompt>,
}
