//! Flite (English), Debian's program of that name: whatever a text does to it, it ends alone.

use super::program::Program;
use super::synthesizer::{Manner, SynthesisError, Synthesizer, TIMEOUT, check_text};
use crate::language::Language;
use std::path::Path;

/// The clearest of the voices that come with it.
const VOICE: &str = "slt";

pub struct Flite {
    program: Program,
    id: String,
    voices: Vec<String>,
}

impl Flite {
    /// Looks for `flite` along PATH and asks it for its voices and its version.
    pub fn find() -> Result<Flite, SynthesisError> {
        Self::of(Program::new("flite", "flite", Path::new("flite"), TIMEOUT))
    }

    fn of(program: Program) -> Result<Flite, SynthesisError> {
        // "Voices available: kal awb_time kal16 awb rms slt"
        let voices = program.about("-lv")?;
        if !voices.split_ascii_whitespace().any(|voice| voice == VOICE) {
            return Err(program.failed(format!("it has no voice `{VOICE}`")));
        }
        // "  version: flite-2.2-current Sep 2018 (http://cmuflite.org)"
        let about = program.about("--version")?;
        let mut words = about.split_ascii_whitespace();
        let version = words.find_map(|word| word.strip_prefix("flite-"));
        let id = format!("flite/{}/{VOICE}", version.unwrap_or("unknown"));
        let voices = voices.split_ascii_whitespace().map(str::to_owned).collect();
        Ok(Flite {
            program,
            id,
            voices,
        })
    }
}

impl Synthesizer for Flite {
    fn id(&self) -> &str {
        &self.id
    }

    fn speaks(&self, language: Language) -> bool {
        language == Language::En
    }

    fn synthesize(
        &self,
        text: &str,
        _language: Language,
        manner: &Manner,
    ) -> Result<Vec<i16>, SynthesisError> {
        let text = to_ascii(text);
        check_text(&text)?;
        let stretch = format!("duration_stretch={}", 1.0 / manner.rate.clamp(0.5, 2.0));
        // The text goes in by a file: whatever it begins with, it is no option, and nobody on the
        // machine sees it among the arguments.
        let output = "/dev/stdout";
        let wished = manner.voice.as_ref();
        let voice = wished.filter(|voice| self.voices.contains(voice));
        let arguments = [
            "-voice",
            voice.map_or(VOICE, String::as_str),
            "--setf",
            &stretch,
            "-f",
            "/dev/stdin",
            "-o",
            output,
        ];
        self.program.speak(&arguments, &text)
    }
}

/// Flite reads bytes and knows ASCII only: typographers' signs become their plain forms, and what
/// has none becomes a space. Words beyond any language's length are cut.
fn to_ascii(text: &str) -> String {
    const LONGEST_WORD: usize = 60;
    let mut ascii = String::with_capacity(text.len());
    let mut word = 0;
    for character in text.chars() {
        let plain = match character {
            '‘' | '’' => '\'',
            '“' | '”' => '"',
            '–' | '—' | '…' => ',',
            c if c.is_ascii_graphic() => c,
            _ => ' ',
        };
        word = if plain == ' ' { 0 } else { word + 1 };
        if word > LONGEST_WORD {
            ascii.push(' ');
            word = 1;
        }
        ascii.push(plain);
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::program::tests::script;
    use std::time::Duration;

    #[test]
    fn text_becomes_ascii() {
        assert_eq!(
            to_ascii("It’s “fine” – café\n按0"),
            "It's \"fine\" , caf   0"
        );
        let longest = to_ascii(&"a".repeat(130));
        assert_eq!(
            longest.split(' ').map(str::len).collect::<Vec<_>>(),
            [60, 60, 10]
        );
    }

    fn installed() -> Option<Flite> {
        Flite::find()
            .map_err(|error| println!("skipped: {error}"))
            .ok()
    }

    #[test]
    fn a_sentence_is_spoken_and_slower_takes_longer() {
        let Some(flite) = installed() else { return };
        assert!(flite.id().ends_with("/slt"), "{}", flite.id());
        let text = "Press zero at any time to speak to a person.";
        let speak = |rate: f32, voice: Option<&str>| {
            let manner = Manner {
                rate,
                voice: voice.map(str::to_owned),
                ..Manner::default()
            };
            flite.synthesize(text, Language::En, &manner).unwrap()
        };
        let (usual, slow) = (speak(1.0, None), speak(0.7, None));
        assert_ne!(speak(1.0, Some("rms")), usual);
        assert_eq!(speak(1.0, Some("nobody")), usual);
        assert!((12_000..32_000).contains(&usual.len()), "{}", usual.len());
        assert!(slow.len() > usual.len() * 5 / 4, "{}", slow.len());
        let nothing = flite.synthesize("请按零", Language::En, &Manner::default());
        assert!(matches!(nothing, Err(SynthesisError::NothingToSay(_))));
    }

    #[test]
    fn no_text_is_an_option_or_a_file() {
        let Some(flite) = installed() else { return };
        for text in [
            "--help",
            "-lv",
            "-o /tmp/x",
            "/etc/hostname",
            "-voice rms hello",
        ] {
            let spoken = flite.synthesize(text, Language::En, &Manner::default());
            let spoken = spoken.unwrap_or_else(|error| panic!("{text}: {error}"));
            assert!(spoken.len() > 2_000, "{text}: {}", spoken.len());
        }
    }

    #[test]
    fn without_the_voice_it_is_not_used() {
        let (_folder, program) = script("echo Voices available: kal", Duration::from_secs(20));
        let error = Flite::of(program).err().unwrap();
        assert!(error.to_string().contains("no voice `slt`"), "{error}");
    }
}
