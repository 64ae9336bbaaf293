//! eSpeak NG (Mandarin, and English where flite is missing), as a program of its own: it is GPL,
//! and a program that hangs or crashes ends alone.

use super::program::Program;
use super::synthesizer::{SynthesisError, Synthesizer, TIMEOUT, check_text};
use crate::language::Language;
use std::path::Path;

/// Words a minute at rate 1.0: a little under the engine's own, for the telephone.
const WORDS_A_MINUTE: f32 = 160.0;

pub struct EspeakNg {
    program: Program,
    id: String,
}

impl EspeakNg {
    /// Looks for `espeak-ng` along PATH and asks it for its version.
    pub fn find() -> Result<EspeakNg, SynthesisError> {
        let program = Program::new("espeak-ng", "espeak-ng", Path::new("espeak-ng"), TIMEOUT);
        let version = program.output(&["--version"], "")?;
        let version = String::from_utf8_lossy(&version);
        // "eSpeak NG text-to-speech: 1.51  Data at: …"
        let version = version.split("Data at").next().unwrap_or_default();
        let id = format!("espeak-ng/{}", version.trim());
        Ok(EspeakNg { program, id })
    }
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
        rate: f32,
    ) -> Result<Vec<i16>, SynthesisError> {
        check_text(text)?;
        let voice = match language {
            Language::En => "en-us",
            Language::Zh => "cmn",
        };
        let speed = (WORDS_A_MINUTE * rate.clamp(0.5, 2.0)).round().to_string();
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
        let zh = engine.synthesize("查快递请按一，退款请按二。", Language::Zh, 1.0);
        assert!(zh.unwrap().len() > 12_000);
        let en = "Press zero; `touch /tmp/x` \"$(id)\" -v de";
        let usual = engine.synthesize(en, Language::En, 1.0).unwrap();
        let slow = engine.synthesize(en, Language::En, 0.7).unwrap();
        assert!(slow.len() > usual.len() * 5 / 4);
    }
}
