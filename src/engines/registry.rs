//! The table of synthesizers, best liked first.

use super::espeak_ng::EspeakNg;
use super::flite::Flite;
use super::synthesizer::{SynthesisError, Synthesizer};
use crate::language::Language;
use crate::speech::verbaliser::money::amounts_in_words;

/// Every engine that this program can use. A new one is a file and a line here.
type Finder = fn() -> Result<Box<dyn Synthesizer>, SynthesisError>;
const FINDERS: [Finder; 2] = [
    || Ok(Box::new(Flite::find()?)),
    || Ok(Box::new(EspeakNg::find()?)),
];

/// The engines that are on this machine.
pub struct Registry {
    engines: Vec<Box<dyn Synthesizer>>,
    /// Why the others are not here.
    missing: Vec<SynthesisError>,
}

impl Registry {
    pub fn discover() -> Registry {
        let (mut engines, mut missing) = (Vec::new(), Vec::new());
        for find in FINDERS {
            match find() {
                Ok(engine) => engines.push(engine),
                Err(error) => missing.push(error),
            }
        }
        Registry { engines, missing }
    }

    /// With these engines only, for tests and for none at all.
    pub fn of(engines: Vec<Box<dyn Synthesizer>>) -> Registry {
        let missing = Vec::new();
        Registry { engines, missing }
    }

    /// Those that speak a language, best liked first: where one fails, the next may not.
    pub fn speaking(&self, language: Language) -> impl Iterator<Item = &dyn Synthesizer> {
        let engines = self.engines.iter().map(Box::as_ref);
        engines.filter(move |engine| engine.speaks(language))
    }

    /// Why an engine that could have been is not here, with what to install.
    pub fn missing(&self) -> &[SynthesisError] {
        &self.missing
    }

    /// Synthesizes with the first engine that can, and names it; the first one's error where none
    /// can. No engine is trusted with the currency of an amount.
    pub fn synthesize(
        &self,
        text: &str,
        language: Language,
        rate: f32,
    ) -> Result<(Vec<i16>, &str), SynthesisError> {
        let text = &amounts_in_words(language, text);
        let mut first_error = None;
        for engine in self.speaking(language) {
            match engine.synthesize(text, language, rate) {
                Ok(samples) => return Ok((samples, engine.id())),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| self.no_engine(language)))
    }

    fn no_engine(&self, language: Language) -> SynthesisError {
        let found: Vec<String> = self.missing.iter().map(ToString::to_string).collect();
        SynthesisError::NoEngine {
            language,
            found: found.join("; "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(&'static str, Result<i16, ()>);

    impl Synthesizer for Fake {
        fn id(&self) -> &str {
            self.0
        }

        fn speaks(&self, language: Language) -> bool {
            language == Language::En
        }

        fn synthesize(&self, text: &str, _: Language, _: f32) -> Result<Vec<i16>, SynthesisError> {
            self.1
                .map(|sample| vec![sample; text.len()])
                .map_err(|()| SynthesisError::Failed {
                    engine: self.0,
                    reason: "broken".to_string(),
                })
        }
    }

    #[test]
    fn the_next_engine_speaks_where_the_first_fails() {
        let registry = Registry::of(vec![
            Box::new(Fake("first", Err(()))),
            Box::new(Fake("second", Ok(7))),
        ]);
        let spoken = registry.synthesize("hello", Language::En, 1.0).unwrap();
        assert_eq!(spoken, (vec![7; 5], "second"));
        let error = registry.synthesize("你好", Language::Zh, 1.0).unwrap_err();
        assert!(matches!(error, SynthesisError::NoEngine { .. }), "{error}");
    }

    #[test]
    fn engines_are_given_amounts_in_words() {
        let registry = Registry::of(vec![Box::new(Fake("fake", Ok(7)))]);
        let (spoken, _) = registry.synthesize("£20", Language::En, 1.0).unwrap();
        assert_eq!(spoken.len(), "twenty pounds".len());
    }

    #[test]
    fn the_first_engines_error_is_told() {
        let registry = Registry::of(vec![
            Box::new(Fake("first", Err(()))),
            Box::new(Fake("second", Err(()))),
        ]);
        let error = registry.synthesize("hello", Language::En, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "first failed: broken");
    }

    #[test]
    fn what_is_not_here_says_what_to_install() {
        for error in Registry::discover().missing() {
            assert!(error.to_string().contains("apt-get install"), "{error}");
        }
    }
}
