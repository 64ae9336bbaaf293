//! What calls get: the dialplan of the called user, prompts, sounds and the config's policy.

use super::targets::ConfigPolicy;
use crate::audio::prompt::Prompt;
use crate::audio::tones;
use crate::call::services::{PromptSource, Services, Sounds};
use crate::config::Config;
use crate::dialogue::action::Content;
use crate::dialogue::program::Program;
use crate::dialplan::model::Dialplan;
use crate::dialplan::targets::glob;
use crate::engines::prompt_library::PromptLibrary;
use crate::events::Pace;
use crate::language::{ByLanguage, Language};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every dialplan of the config, ready to serve.
pub struct Directory {
    default: Option<Arc<Services>>,
    /// Patterns in the order written.
    numbers: Vec<(String, Arc<Services>)>,
    prompts: Arc<dyn PromptSource>,
    sounds: Arc<Sounds>,
}

impl Directory {
    /// `program` gives a file's compiled dialplan: each file once. `hears`: in which languages callers
    /// are listened to.
    pub fn new(
        config: &Arc<Config>,
        library: Arc<PromptLibrary>,
        hears: ByLanguage<bool>,
        mut program: impl FnMut(&Path) -> Arc<Program>,
    ) -> Directory {
        let prompts: Arc<dyn PromptSource> = Arc::new(Library(library));
        let sounds = Arc::new(Sounds {
            ring_back: Arc::new(Prompt::from_samples(tones::ring_back())),
            comfort: Arc::new(Prompt::from_samples(tones::waiting_music())),
            beep: Arc::new(Prompt::from_samples(tones::record_beep())),
        });
        let policy = Arc::new(ConfigPolicy(config.clone()));
        let mut services = |file: &PathBuf| {
            Arc::new(Services {
                program: program(file),
                prompts: prompts.clone(),
                policy: policy.clone(),
                sounds: sounds.clone(),
                hears: hears.clone(),
            })
        };
        let numbers = &config.dialplans.numbers;
        Directory {
            default: config.dialplans.default.as_ref().map(&mut services),
            numbers: numbers
                .iter()
                .map(|(n, file)| (n.clone(), services(file)))
                .collect(),
            prompts: prompts.clone(),
            sounds: sounds.clone(),
        }
    }

    /// `None`: nobody is called so here.
    pub fn services(&self, called: &str) -> Option<Arc<Services>> {
        let numbered = self
            .numbers
            .iter()
            .find(|(pattern, _)| glob(pattern, called));
        numbered
            .map(|(_, services)| services)
            .or(self.default.as_ref())
            .cloned()
    }

    /// Every dialplan, some more than once.
    pub fn dialplans(&self) -> impl Iterator<Item = &Dialplan> {
        let numbered = self.numbers.iter().map(|(_, services)| services);
        let all = numbered.chain(&self.default);
        all.map(|services| &services.program.dialplan)
    }

    pub fn prompts(&self) -> Arc<dyn PromptSource> {
        self.prompts.clone()
    }

    pub fn sounds(&self) -> Arc<Sounds> {
        self.sounds.clone()
    }
}

struct Library(Arc<PromptLibrary>);

impl PromptSource for Library {
    fn lookup(&self, language: Language, content: &Content, pace: Pace) -> Option<Arc<Prompt>> {
        self.0.lookup(language, content, pace)
    }
}
