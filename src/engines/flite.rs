//! Flite (English), from the shared libraries of the Debian package `libflite1`, found at run time.

use super::synthesizer::{SynthesisError, Synthesizer, TIMEOUT, check_text, to_prompt_samples};
use crate::language::Language;
use libloading::{Library, Symbol};
use std::ffi::{CString, c_char, c_float, c_int, c_short, c_void};
use std::mem::ManuallyDrop;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const ENGINE: &str = "flite";
const PACKAGE: &str = "libflite1";
/// The voice's library brings the others with it (English, its lexicon).
const ENGINE_LIBRARY: &str = "libflite.so.1";
const VOICE_LIBRARY: &str = "libflite_cmu_us_slt.so.1";

/// One voice. Flite keeps its state in globals and in the voice, so one text is made at a time: a
/// sentence takes some tens of milliseconds.
pub struct Flite {
    voice: Mutex<Voice>,
}

/// `cst_voice` (cst_voice.h), as far as it is read here.
#[repr(C)]
struct CstVoice {
    name: *const c_char,
    features: *mut c_void,
}

/// `cst_wave` (cst_wave.h).
#[repr(C)]
struct CstWave {
    kind: *const c_char,
    sample_rate: c_int,
    num_samples: c_int,
    num_channels: c_int,
    samples: *mut c_short,
}

struct Voice {
    voice: *mut CstVoice,
    text_to_wave: unsafe extern "C" fn(*const c_char, *mut CstVoice) -> *mut CstWave,
    delete_wave: unsafe extern "C" fn(*mut CstWave),
    set_float: unsafe extern "C" fn(*mut c_void, *const c_char, c_float),
    /// Never unloaded: the pointers above lead into them.
    _libraries: ManuallyDrop<[Library; 2]>,
}

// SAFETY: the pointers are used only under the mutex around `Voice`, one thread at a time, and
// flite ties nothing to a thread.
unsafe impl Send for Voice {}

impl Flite {
    pub fn load() -> Result<Flite, SynthesisError> {
        let voice = Voice::load().map_err(|error| SynthesisError::NotInstalled {
            engine: ENGINE,
            package: PACKAGE,
            reason: error.to_string(),
        })?;
        if voice.voice.is_null() {
            return Err(failed("its voice cannot be set up"));
        }
        Ok(Flite {
            voice: Mutex::new(voice),
        })
    }
}

impl Synthesizer for Flite {
    fn id(&self) -> &str {
        "flite/libflite.so.1/cmu_us_slt"
    }

    fn speaks(&self, language: Language) -> bool {
        language == Language::En
    }

    fn synthesize(
        &self,
        text: &str,
        _language: Language,
        rate: f32,
    ) -> Result<Vec<i16>, SynthesisError> {
        let text = to_ascii(text);
        check_text(&text)?;
        let deadline = Instant::now() + TIMEOUT;
        let (mut samples, mut sample_rate) = (Vec::new(), 0);
        for piece in pieces(&text) {
            if Instant::now() > deadline {
                let seconds = TIMEOUT.as_secs();
                let engine = ENGINE;
                return Err(SynthesisError::TimedOut { engine, seconds });
            }
            // A panic while the lock was held left nothing half done: the calls are C's.
            let voice = self.voice.lock().unwrap_or_else(PoisonError::into_inner);
            let (spoken, rate) = voice.speak(piece, rate)?;
            samples.extend(spoken);
            sample_rate = rate;
        }
        to_prompt_samples(ENGINE, &samples, sample_rate)
    }
}

impl Voice {
    fn load() -> Result<Voice, libloading::Error> {
        // SAFETY: these are Debian's flite libraries, whose initialisers do nothing that could
        // disturb this process; the signatures below are those of flite.h, cst_wave.h and
        // cst_features.h of flite 1.4 to 2.2.
        unsafe {
            let engine = Library::new(ENGINE_LIBRARY)?;
            let voice = Library::new(VOICE_LIBRARY)?;
            let init: Symbol<unsafe extern "C" fn() -> c_int> = engine.get(b"flite_init\0")?;
            let register: Symbol<unsafe extern "C" fn(*const c_char) -> *mut CstVoice> =
                voice.get(b"register_cmu_us_slt\0")?;
            let text_to_wave = *engine.get(b"flite_text_to_wave\0")?;
            let delete_wave = *engine.get(b"delete_wave\0")?;
            let set_float = *engine.get(b"feat_set_float\0")?;
            init();
            let registered = register(std::ptr::null());
            Ok(Voice {
                voice: registered,
                text_to_wave,
                delete_wave,
                set_float,
                _libraries: ManuallyDrop::new([engine, voice]),
            })
        }
    }

    /// Samples and their rate. `text` is ASCII without NUL.
    fn speak(&self, text: &str, rate: f32) -> Result<(Vec<i16>, u32), SynthesisError> {
        let text = CString::new(text).map_err(|error| failed(&error.to_string()))?;
        let stretch = 1.0 / rate.clamp(0.5, 2.0);
        // SAFETY: `voice` was made by flite and is not null; the strings end in NUL and outlive
        // the calls; the wave is read before it is given back, and only as far as it reaches.
        unsafe {
            let features = (*self.voice).features;
            (self.set_float)(features, c"duration_stretch".as_ptr(), stretch);
            let wave = (self.text_to_wave)(text.as_ptr(), self.voice);
            if wave.is_null() {
                return Err(failed("it gave no sound back"));
            }
            let length = usize::try_from((*wave).num_samples).unwrap_or(0);
            let rate = u32::try_from((*wave).sample_rate).unwrap_or(0);
            let samples = match (*wave).samples.is_null() || (*wave).num_channels != 1 {
                true => Vec::new(),
                false => std::slice::from_raw_parts((*wave).samples, length).to_vec(),
            };
            (self.delete_wave)(wave);
            Ok((samples, rate))
        }
    }
}

fn failed(reason: &str) -> SynthesisError {
    SynthesisError::Failed {
        engine: ENGINE,
        reason: reason.to_string(),
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

/// Cuts ASCII text where a reader would breathe. Flite cannot be stopped within a piece: 200 digits,
/// the worst there is, take it a second or two.
fn pieces(text: &str) -> Vec<&str> {
    const LONGEST_PIECE: usize = 200;
    let (mut pieces, mut rest) = (Vec::new(), text.trim());
    while let Some((head, _)) = rest.split_at_checked(LONGEST_PIECE) {
        let after = |ends: [&str; 3]| ends.iter().filter_map(|end| head.rfind(end)).max();
        let sentence = after([". ", "? ", "! "]);
        let breath = sentence.or_else(|| after([", ", "; ", ": "]));
        let cut = breath
            .or_else(|| head.rfind(' '))
            .map_or(head.len(), |at| at + 1);
        let (piece, later) = rest.split_at(cut);
        pieces.push(piece.trim());
        rest = later.trim_start();
    }
    pieces.push(rest);
    pieces.retain(|piece| piece.contains(|c: char| c.is_ascii_alphanumeric()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn long_text_is_cut_where_a_reader_breathes() {
        assert_eq!(pieces("Press one. Press two."), ["Press one. Press two."]);
        let sentence = "Please listen carefully to what follows, it is rather long. ";
        let text = sentence.repeat(5);
        let cut = pieces(&text);
        assert_eq!(cut.len(), 2);
        assert!(cut.iter().all(|piece| piece.ends_with("long.")), "{cut:?}");
        assert_eq!(cut.join(" "), text.trim());
        assert!(pieces("").is_empty());
        for unbroken in [
            "7".repeat(1_000),
            "7, ".repeat(500),
            "7 ".repeat(500),
            ". ".repeat(900),
        ] {
            assert!(pieces(&unbroken).iter().all(|piece| piece.len() <= 200));
        }
    }

    #[test]
    fn a_sentence_is_spoken_and_slower_takes_longer() {
        let flite = match Flite::load() {
            Ok(flite) => flite,
            Err(error) => return println!("skipped: {error}"),
        };
        let text = "Press zero at any time to speak to a person.";
        let usual = flite.synthesize(text, Language::En, 1.0).unwrap();
        let slow = flite.synthesize(text, Language::En, 0.7).unwrap();
        assert!((12_000..32_000).contains(&usual.len()), "{}", usual.len());
        assert!(slow.len() > usual.len() * 5 / 4, "{}", slow.len());
        // The rate of one sentence does not stay for the next.
        let again = flite.synthesize(text, Language::En, 1.0).unwrap();
        assert!(again.len() < slow.len() * 9 / 10, "{}", again.len());
        let nothing = flite.synthesize("请按零", Language::En, 1.0);
        assert!(matches!(nothing, Err(SynthesisError::NothingToSay(_))));
    }
}
