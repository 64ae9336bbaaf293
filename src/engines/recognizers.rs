//! The table of recognizers, and who hears each language.

use super::builtin::Builtin;
use super::remote_recognizer::RemoteRecognizer;
use super::whisper_models::best_in;
use crate::config::speech::{Hearing, RecognizerKind, Speech};
use crate::language::{ByLanguage, Language};
use crate::speech::recognizer::Recognizer;
use std::sync::Arc;

/// Best liked first: what hears where the config does not choose. A service elsewhere is never
/// taken without being asked for: callers' voices would leave the house.
const WHAT_IS_HERE: [RecognizerKind; 2] = [RecognizerKind::Whisper, RecognizerKind::BuiltIn];

/// Why an engine is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// There is nothing of it on this machine; `mend` is a command, or what else to do.
    #[error("the recognizer `{engine}` is not here: {reason}; {mend}")]
    NotHere {
        engine: &'static str,
        reason: String,
        mend: String,
    },
    /// Something of it is here, and cannot be used.
    #[error("the recognizer `{engine}` cannot be used: {reason}; {mend}")]
    Broken {
        engine: &'static str,
        reason: String,
        mend: String,
    },
    #[error(
        "no recognizer of the config hears `{language}`: {engines}; choose another in \
         `speech: recognizers:`, or leave `{language}` out there: then it is served by keys"
    )]
    NobodyHears { language: Language, engines: String },
}

/// Who hears each language, best liked first.
#[derive(Default)]
pub struct Recognizers {
    by_language: ByLanguage<Vec<Arc<dyn Recognizer>>>,
    missing: Vec<OpenError>,
}

impl Recognizers {
    /// Opens what the config chooses, each engine once: seconds, and hundreds of megabytes where a
    /// model is large. Every problem is told at once.
    pub fn open(speech: &Speech) -> Result<Recognizers, Vec<OpenError>> {
        Recognizers::open_with(speech, open)
    }

    fn open_with(
        speech: &Speech,
        mut open: impl FnMut(RecognizerKind, &Speech) -> Result<Arc<dyn Recognizer>, OpenError>,
    ) -> Result<Recognizers, Vec<OpenError>> {
        let (lists, chosen) = match &speech.recognizers {
            Hearing::Chosen(lists) => (lists.clone(), true),
            Hearing::WhatIsHere => (everywhere(&WHAT_IS_HERE), false),
        };
        let wanted = |kind| lists.iter().any(|(_, list)| list.contains(&kind));
        let (mut engines, mut missing, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for kind in RecognizerKind::ALL.into_iter().filter(|kind| wanted(*kind)) {
            match open(kind, speech) {
                Ok(engine) => engines.push((kind, engine)),
                Err(error @ OpenError::NotHere { .. }) if !chosen => missing.push(error),
                Err(error) => errors.push(error),
            }
        }
        let mut by_language = ByLanguage::default();
        for (language, list) in lists.iter() {
            let able: Vec<Arc<dyn Recognizer>> = list
                .iter()
                .filter_map(|kind| engines.iter().find(|(opened, _)| opened == kind))
                .map(|(_, engine)| engine.clone())
                .filter(|engine| engine.hears(language))
                .collect();
            if !able.is_empty() {
                by_language.set(language, able);
            } else if chosen && errors.is_empty() && !list.is_empty() {
                let engines = list.iter().map(|kind| kind.name()).collect::<Vec<_>>();
                let engines = engines.join(", ");
                errors.push(OpenError::NobodyHears { language, engines });
            }
        }
        match errors.is_empty() {
            true => Ok(Recognizers {
                by_language,
                missing,
            }),
            false => Err(errors),
        }
    }

    /// This engine for every language that it hears, for tests and tools.
    pub fn of(engine: Arc<dyn Recognizer>) -> Recognizers {
        let mut by_language = ByLanguage::default();
        for language in Language::ALL.into_iter().filter(|l| engine.hears(*l)) {
            by_language.set(language, vec![engine.clone()]);
        }
        Recognizers {
            by_language,
            missing: Vec::new(),
        }
    }

    /// Who hears this language: where one fails, the next one may not. Nobody: callers are served by
    /// keys.
    pub fn for_language(&self, language: Language) -> &[Arc<dyn Recognizer>] {
        self.by_language.get(language).map_or(&[], Vec::as_slice)
    }

    /// Why an engine that could have been is not here, with what to do about it.
    pub fn missing(&self) -> &[OpenError] {
        &self.missing
    }
}

/// The languages in which somebody takes down whatever is said, by the config and the models that are
/// here; none is opened. The built-in recognizer hears phrases and values only.
pub fn taking_down(speech: &Speech) -> Vec<Language> {
    let model = || match &speech.whisper_model {
        Some(file) => file.is_file(),
        None => best_in(&speech.models).is_some(),
    };
    let able = |kind: &RecognizerKind| match kind {
        RecognizerKind::Whisper => cfg!(feature = "whisper") && model(),
        RecognizerKind::Remote => speech.remote.is_some(),
        RecognizerKind::BuiltIn => false,
    };
    let lists = match &speech.recognizers {
        Hearing::Chosen(lists) => lists.clone(),
        Hearing::WhatIsHere => everywhere(&WHAT_IS_HERE),
    };
    let lists = lists.iter().filter(|(_, list)| list.iter().any(able));
    lists.map(|(language, _)| language).collect()
}

fn everywhere(list: &[RecognizerKind]) -> ByLanguage<Vec<RecognizerKind>> {
    let mut lists = ByLanguage::default();
    for language in Language::ALL {
        lists.set(language, list.to_vec());
    }
    lists
}

/// Opens one engine. A new one is a file and an arm here.
pub fn open(kind: RecognizerKind, speech: &Speech) -> Result<Arc<dyn Recognizer>, OpenError> {
    let not_here = |reason: &str, mend: &str| OpenError::NotHere {
        engine: kind.name(),
        reason: reason.to_owned(),
        mend: mend.to_owned(),
    };
    match (kind, &speech.remote) {
        #[cfg(feature = "whisper")]
        (RecognizerKind::Whisper, _) => Ok(Arc::new(super::whisper::Whisper::open(speech)?)),
        (RecognizerKind::Remote, Some(remote)) => Ok(Arc::new(RemoteRecognizer::open(remote)?)),
        (RecognizerKind::Remote, None) => Err(not_here(
            "no address is known",
            "write `speech: remote: url:` into the config",
        )),
        (RecognizerKind::BuiltIn, _) => Ok(Arc::new(Builtin::new())),
        #[cfg(not(feature = "whisper"))]
        (RecognizerKind::Whisper, _) => Err(not_here(
            "this program was built without it",
            "choose another in `speech: recognizers:`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::grammar::Grammar;
    use crate::speech::recognizer::Utterance;

    struct Named(&'static str, &'static [Language]);

    impl Recognizer for Named {
        fn id(&self) -> &str {
            self.0
        }

        fn hears(&self, language: Language) -> bool {
            self.1.contains(&language)
        }

        fn start(&self, _: &Arc<Grammar>) -> Box<dyn Utterance> {
            unreachable!("nobody speaks in these tests")
        }
    }

    fn chosen(lists: &[(Language, &[RecognizerKind])]) -> Speech {
        let mut by_language = ByLanguage::default();
        for (language, list) in lists {
            by_language.set(*language, list.to_vec());
        }
        Speech {
            recognizers: Hearing::Chosen(by_language),
            ..Speech::default()
        }
    }

    fn not_here(kind: RecognizerKind) -> OpenError {
        OpenError::NotHere {
            engine: kind.name(),
            reason: "no model".to_owned(),
            mend: "get one".to_owned(),
        }
    }

    /// Whisper is missing here, the built-in engine hears English only.
    fn small(kind: RecognizerKind, _: &Speech) -> Result<Arc<dyn Recognizer>, OpenError> {
        match kind {
            RecognizerKind::BuiltIn => Ok(Arc::new(Named("builtin", &[Language::En]))),
            RecognizerKind::Remote => Ok(Arc::new(Named("remote", &Language::ALL))),
            RecognizerKind::Whisper => Err(not_here(kind)),
        }
    }

    fn names(heard: &Recognizers) -> [Vec<String>; 2] {
        let id = |engine: &Arc<dyn Recognizer>| engine.id().to_owned();
        Language::ALL.map(|language| heard.for_language(language).iter().map(id).collect())
    }

    #[test]
    fn without_a_choice_what_is_here_hears_and_nothing_else_is_missed() {
        let heard = Recognizers::open_with(&Speech::default(), small);
        let heard = heard.unwrap_or_else(|errors| panic!("{errors:?}"));
        assert_eq!(names(&heard), [vec!["builtin".to_owned()], vec![]]);
        assert_eq!(heard.missing(), [not_here(RecognizerKind::Whisper)]);
    }

    #[test]
    fn what_is_broken_is_told_though_nobody_chose_it() {
        let broken = OpenError::Broken {
            engine: "whisper",
            reason: "the model is cut off".to_owned(),
            mend: "zeroline models get tiny".to_owned(),
        };
        let result = Recognizers::open_with(&Speech::default(), |kind, speech| match kind {
            RecognizerKind::Whisper => Err(broken.clone()),
            other => small(other, speech),
        });
        assert_eq!(result.err(), Some(vec![broken]));
    }

    #[test]
    fn what_was_chosen_has_to_be_here_and_to_hear() {
        use RecognizerKind::{BuiltIn, Remote, Whisper};
        let open = |lists: &[(Language, &[RecognizerKind])]| {
            Recognizers::open_with(&chosen(lists), small).map(|heard| names(&heard))
        };
        let both: &[RecognizerKind] = &[Remote, BuiltIn];
        let [english, mandarin] = open(&[(Language::En, both), (Language::Zh, both)]).unwrap();
        assert_eq!(english, ["remote", "builtin"]);
        assert_eq!(mandarin, ["remote"]);
        assert_eq!(open(&[]).unwrap(), [vec![], Vec::<String>::new()]);
        let errors = open(&[(Language::En, &[Whisper]), (Language::Zh, both)]).unwrap_err();
        assert_eq!(errors, [not_here(Whisper)]);
        let errors = open(&[(Language::Zh, &[BuiltIn])]).unwrap_err();
        let told = errors[0].to_string();
        assert!(told.contains("hears `zh`: builtin"), "{told}");
    }

    #[test]
    fn each_engine_is_opened_once() {
        let mut opened = Vec::new();
        let both: &[RecognizerKind] = &[RecognizerKind::Remote];
        let speech = chosen(&[(Language::En, both), (Language::Zh, both)]);
        let heard = Recognizers::open_with(&speech, |kind, speech| {
            opened.push(kind);
            small(kind, speech)
        });
        assert!(heard.is_ok());
        assert_eq!(opened, [RecognizerKind::Remote]);
    }
}
