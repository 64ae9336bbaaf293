//! The table of synthesizers, best liked first.

use super::espeak_ng::EspeakNg;
use super::flite::Flite;
use super::remote_synthesizer::RemoteSynthesizer;
use super::synthesizer::{Manner, SynthesisError, Synthesizer};
use crate::audio::frame::to_sample;
use crate::config::speech::{Speech, SynthesizerKind, Voices};
use crate::language::{ByLanguage, Language};
use crate::speech::verbaliser::money::amounts_in_words;

/// The engines that are on this machine.
pub struct Registry {
    engines: Vec<(SynthesizerKind, Box<dyn Synthesizer>)>,
    /// Why the others are not here.
    missing: Vec<SynthesisError>,
    /// What the config chooses.
    voices: ByLanguage<Voices>,
}

impl Registry {
    /// What is here, in its usual manner.
    pub fn discover() -> Registry {
        Registry::open(&Speech::default())
    }

    /// Those that the config chooses, and where it does not, all that are here.
    pub fn open(speech: &Speech) -> Registry {
        let (mut engines, mut missing) = (Vec::new(), Vec::new());
        for kind in SynthesizerKind::ALL {
            match open(kind, speech) {
                None => {}
                Some(Ok(engine)) => engines.push((kind, engine)),
                Some(Err(error)) => missing.push(error),
            }
        }
        Registry {
            engines,
            missing,
            voices: speech.voices.clone(),
        }
    }

    /// With these engines only, for tests and for none at all.
    pub fn of(engines: Vec<Box<dyn Synthesizer>>) -> Registry {
        let kinds = std::iter::repeat(SynthesizerKind::Flite);
        Registry {
            engines: kinds.zip(engines).collect(),
            missing: Vec::new(),
            voices: ByLanguage::default(),
        }
    }

    /// Those that speak a language, best liked first: where one fails, the next may not.
    pub fn speaking(&self, language: Language) -> impl Iterator<Item = &dyn Synthesizer> {
        let chosen = self.voices.get(language);
        let chosen = chosen.and_then(|voices| voices.engines.as_ref());
        let rank = move |kind: &SynthesizerKind| match chosen {
            Some(list) => list.iter().position(|it| it == kind),
            None => Some(0),
        };
        let mut engines: Vec<(usize, &dyn Synthesizer)> = self
            .engines
            .iter()
            .filter_map(|(kind, engine)| Some((rank(kind)?, engine.as_ref())))
            .filter(|(_, engine)| engine.speaks(language))
            .collect();
        engines.sort_by_key(|(rank, _)| *rank);
        engines.into_iter().map(|(_, engine)| engine)
    }

    /// An engine's sound in this language: another manner is another sound.
    pub fn sound_of(&self, engine: &str, language: Language) -> String {
        let manner = self.manner(language);
        match manner == Manner::default() {
            true => engine.to_owned(),
            false => format!("{engine} {manner:?}"),
        }
    }

    fn manner(&self, language: Language) -> Manner {
        let voices = self.voices.get(language);
        voices.map_or_else(Manner::default, |voices| Manner {
            rate: voices.rate,
            volume: voices.volume,
            voice: voices.voice.clone(),
        })
    }

    /// Why an engine that could have been is not here, with what to install.
    pub fn missing(&self) -> &[SynthesisError] {
        &self.missing
    }

    /// Synthesizes with the first engine that can, and names it; the first one's error where none
    /// can. `rate` is relative to the config's: 1.0 is usual, 0.8 slower. No engine is trusted with
    /// the currency of an amount.
    pub fn synthesize(
        &self,
        text: &str,
        language: Language,
        rate: f32,
    ) -> Result<(Vec<i16>, &str), SynthesisError> {
        let text = &amounts_in_words(language, text);
        let mut manner = self.manner(language);
        manner.rate *= rate;
        let mut first_error = None;
        for engine in self.speaking(language) {
            match engine.synthesize(text, language, &manner) {
                Ok(samples) => return Ok((at_volume(samples, manner.volume), engine.id())),
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

/// Makes one engine ready; `None` where the config has nothing for it. A new engine is a file and an
/// arm here.
fn open(
    kind: SynthesizerKind,
    speech: &Speech,
) -> Option<Result<Box<dyn Synthesizer>, SynthesisError>> {
    Some(match (kind, &speech.remote_voice) {
        (SynthesizerKind::Flite, _) => Flite::find().map(|it| Box::new(it) as _),
        (SynthesizerKind::EspeakNg, _) => EspeakNg::find().map(|it| Box::new(it) as _),
        (SynthesizerKind::Remote, Some(voice)) => {
            RemoteSynthesizer::open(voice).map(|it| Box::new(it) as _)
        }
        (SynthesizerKind::Remote, None) => return None,
    })
}

/// `decibels` against the loudness that all engines are brought to.
fn at_volume(samples: Vec<i16>, decibels: f32) -> Vec<i16> {
    if decibels == 0.0 {
        return samples;
    }
    let gain = 10f32.powf(decibels / 20.0);
    let louder = samples
        .into_iter()
        .map(|sample| to_sample(f32::from(sample) * gain));
    louder.collect()
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

        fn synthesize(
            &self,
            text: &str,
            _: Language,
            manner: &Manner,
        ) -> Result<Vec<i16>, SynthesisError> {
            let length = (text.len() as f32 / manner.rate) as usize;
            self.1
                .map(|sample| vec![sample; length])
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
    fn the_config_chooses_who_speaks_and_how() {
        let english = Voices {
            engines: Some(vec![SynthesizerKind::EspeakNg, SynthesizerKind::Flite]),
            rate: 0.5,
            volume: -6.0,
            voice: None,
        };
        let mut voices = ByLanguage::default();
        voices.set(Language::En, english.clone());
        let of = |voices: ByLanguage<Voices>| Registry {
            engines: vec![
                (SynthesizerKind::Flite, Box::new(Fake("flite", Ok(1_000)))),
                (
                    SynthesizerKind::EspeakNg,
                    Box::new(Fake("espeak", Ok(2_000))),
                ),
            ],
            missing: Vec::new(),
            voices,
        };
        let chosen = of(voices.clone());
        let (samples, engine) = chosen.synthesize("hello", Language::En, 1.0).unwrap();
        assert_eq!((engine, samples.len()), ("espeak", 10));
        assert!(samples[0].abs_diff(1_002) < 3, "{}", samples[0]);
        let (samples, _) = chosen.synthesize("hello", Language::En, 0.5).unwrap();
        assert_eq!(samples.len(), 20);
        let usual = of(ByLanguage::default());
        let (_, engine) = usual.synthesize("hello", Language::En, 1.0).unwrap();
        assert_eq!(engine, "flite");
        assert_ne!(
            chosen.sound_of("espeak", Language::En),
            usual.sound_of("espeak", Language::En)
        );
        voices.set(
            Language::En,
            Voices {
                engines: Some(vec![SynthesizerKind::Remote]),
                ..english
            },
        );
        assert!(of(voices).synthesize("hello", Language::En, 1.0).is_err());
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
