//! eSpeak NG (Mandarin, and English where flite is missing), as a program of its own: it is GPL,
//! and a program that hangs or crashes ends alone.

use super::program::Program;
use super::synthesizer::{Manner, SynthesisError, Synthesizer, TIMEOUT, check_text};
use crate::language::Language;
use std::path::Path;

const ENGLISH: &str = "en-us";
/// `cmn` itself takes characters for pinyin and reads that as if it were English.
const MANDARIN: &str = "cmn-latn-pinyin";
/// Words a minute at rate 1.0: a little under the engine's own, for the telephone.
const WORDS_A_MINUTE: f32 = 160.0;

pub struct EspeakNg {
    program: Program,
    id: String,
    /// Of voices: `f3`, `Alicia`.
    variants: Vec<String>,
}

impl EspeakNg {
    /// Looks for `espeak-ng` along PATH and asks it for its version.
    pub fn find() -> Result<EspeakNg, SynthesisError> {
        let program = Program::new("espeak-ng", "espeak-ng", Path::new("espeak-ng"), TIMEOUT);
        let version = program.output(&["--version"], "")?;
        let version = String::from_utf8_lossy(&version);
        // "eSpeak NG text-to-speech: 1.51  Data at: …"
        let version = version.split("Data at").next().unwrap_or_default();
        let id = format!("espeak-ng/{} {ENGLISH} {MANDARIN}", version.trim());
        let variants = program.output(&["--voices=variant"], "")?;
        Ok(EspeakNg {
            program,
            id,
            variants: variants_in(&String::from_utf8_lossy(&variants)),
        })
    }
}

/// " 5  variant         --/F      Alicia             !v/Alicia            "
fn variants_in(list: &str) -> Vec<String> {
    let words = list.split_ascii_whitespace();
    let names = words.filter_map(|word| word.strip_prefix("!v/"));
    names.map(str::to_owned).collect()
}

impl Synthesizer for EspeakNg {
    fn id(&self) -> &str {
        &self.id
    }

    fn speaks(&self, _language: Language) -> bool {
        true
    }

    fn synthesize(
        &self,
        text: &str,
        language: Language,
        manner: &Manner,
    ) -> Result<Vec<i16>, SynthesisError> {
        check_text(text)?;
        let voice = match language {
            Language::En => ENGLISH,
            Language::Zh => MANDARIN,
        };
        let wished = manner.voice.as_ref();
        let variant = wished.filter(|voice| self.variants.contains(voice));
        let voice = &variant.map_or(voice.to_owned(), |variant| format!("{voice}+{variant}"));
        let speed = (WORDS_A_MINUTE * manner.rate.clamp(0.5, 2.0))
            .round()
            .to_string();
        let arguments = ["-v", voice, "-s", &speed, "-b", "1", "--stdin", "--stdout"];
        self.program.speak(&arguments, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_are_spoken() {
        let engine = match EspeakNg::find() {
            Ok(engine) => engine,
            Err(error) => return println!("skipped: {error}"),
        };
        assert!(
            engine.id().starts_with("espeak-ng/eSpeak NG"),
            "{}",
            engine.id()
        );
        let usual = Manner::default();
        let zh = engine.synthesize("查快递请按一，退款请按二。", Language::Zh, &usual);
        assert!(zh.unwrap().len() > 12_000);
        let en = "Press zero; `touch /tmp/x` \"$(id)\" -v de";
        let speak = |rate: f32, voice: Option<&str>| {
            let manner = Manner {
                rate,
                voice: voice.map(str::to_owned),
                ..Manner::default()
            };
            engine.synthesize(en, Language::En, &manner).unwrap()
        };
        let (usual, slow) = (speak(1.0, None), speak(0.7, None));
        assert_ne!(speak(1.0, Some("f3")), usual);
        assert_eq!(speak(1.0, Some("../../etc/passwd")), usual);
        assert!(slow.len() > usual.len() * 5 / 4);
    }
}
