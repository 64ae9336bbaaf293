//! Whether a caller has raised their voice: the level of what they say against that of what they said
//! earlier in the call. No line, telephone or voice is loud by itself.
//!
//! Levels are of active speech, in dBm0: the mean power of the frames that are loud for the utterance,
//! so that pauses do not count. What hardly differs from the quiet around it is noise and is passed
//! over; what no recognizer found a word in should not be told at all ([`RaisedVoice::discard`]).

use super::vad::FRAME;
use crate::audio::frame::{level_dbm0, mean_square};

/// How many louder utterances in a row it takes: a single word may be louder than others by chance.
const IN_A_ROW: u32 = 2;
/// The utterances that must have come before.
const LEAST_EARLIER: usize = 2;
/// How many earlier ones count, the latest.
const KEPT: usize = 8;
/// Frames this far below the mean are pauses, in dB.
const PAUSE_BELOW_MEAN: f32 = 13.0;
/// Less sound is no utterance, in frames: 200 ms.
const LEAST_FRAMES: u32 = 10;
/// Speech is so far above its own quiet moments, in dB.
const ABOVE_QUIET: f32 = 10.0;
/// A tenth of the frames is quieter than what is taken for the quiet.
const QUIET_SHARE: u32 = 10;

/// The levels that are told apart, a decibel each; what is quieter or louder is in the outermost.
const LOWEST_DBM0: f32 = -80.0;
const LEVELS: usize = 90;

/// One caller's; 220 bytes.
#[derive(Debug, Clone)]
pub struct RaisedVoice {
    /// How many frames of the utterance were at each level.
    frames: [u16; LEVELS],
    earlier: Vec<f32>,
    in_a_row: u32,
}

/// By how many decibels above the median of how many earlier utterances the caller speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Raised {
    pub decibels: f32,
    pub earlier: u32,
}

impl Default for RaisedVoice {
    fn default() -> Self {
        Self {
            frames: [0; LEVELS],
            earlier: Vec::with_capacity(KEPT),
            in_a_row: 0,
        }
    }
}

impl RaisedVoice {
    /// More of the utterance: 8 kHz, in whole frames of 20 ms but for the last.
    pub fn handle_sound(&mut self, samples: &[i16]) {
        for frame in samples.chunks(FRAME) {
            let level = level_dbm0(mean_square(frame)) - LOWEST_DBM0;
            let at = (level.max(0.0) as usize).min(LEVELS - 1);
            self.frames[at] = self.frames[at].saturating_add(1);
        }
    }

    /// What was told of the utterance is no speech, or never was answered: it counts for nothing.
    pub fn discard(&mut self) {
        self.frames = [0; LEVELS];
    }

    /// The utterance is over, and there were words in it. `Some` where it and the one before were
    /// louder than the earlier ones by `decibels`; those do not count as earlier ones themselves.
    pub fn ended(&mut self, decibels: f32) -> Option<Raised> {
        let level = self.level();
        self.discard();
        let level = level?;
        let usual = self.usual().filter(|_| self.earlier.len() >= LEAST_EARLIER);
        let above = usual.map_or(0.0, |usual| level - usual);
        if above < decibels {
            self.in_a_row = 0;
            if self.earlier.len() == KEPT {
                self.earlier.remove(0);
            }
            self.earlier.push(level);
            return None;
        }
        self.in_a_row += 1;
        let earlier = self.earlier.len() as u32;
        let decibels = above;
        (self.in_a_row >= IN_A_ROW).then_some(Raised { decibels, earlier })
    }

    fn usual(&self) -> Option<f32> {
        let mut levels = self.earlier.clone();
        levels.sort_by(f32::total_cmp);
        let upper = *levels.get(levels.len() / 2)?;
        let lower = levels[(levels.len() - 1) / 2];
        Some((lower + upper) / 2.0)
    }

    /// The level of active speech; `None` of noise, and of too little.
    fn level(&self) -> Option<f32> {
        let mean = level_of(&self.frames, 0)?;
        let from = (mean - PAUSE_BELOW_MEAN - LOWEST_DBM0).max(0.0) as usize;
        let active: u32 = self.frames[from..]
            .iter()
            .map(|count| u32::from(*count))
            .sum();
        let level = level_of(&self.frames, from)?;
        let is_speech = active >= LEAST_FRAMES && level - self.quiet() >= ABOVE_QUIET;
        is_speech.then_some(level)
    }

    fn quiet(&self) -> f32 {
        let all: u32 = self.frames.iter().map(|count| u32::from(*count)).sum();
        let mut below = 0;
        let at = self.frames.iter().position(|count| {
            below += u32::from(*count);
            below * QUIET_SHARE > all
        });
        dbm0(at.unwrap_or(LEVELS))
    }
}

fn dbm0(at: usize) -> f32 {
    LOWEST_DBM0 + at as f32 + 0.5
}

/// The mean power from that level on, as a level.
fn level_of(frames: &[u16], from: usize) -> Option<f32> {
    let (mut power, mut count) = (0.0, 0.0);
    for (at, frames) in frames.iter().enumerate().skip(from) {
        power += f32::from(*frames) * 10f32.powf(dbm0(at) / 10.0);
        count += f32::from(*frames);
    }
    (count > 0.0).then(|| 10.0 * (power / count).log10())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::{sine_peak, to_sample};
    use crate::audio::prompt_file;
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};
    use std::collections::BTreeMap;

    /// What a dialplan has unless it says otherwise.
    const USUAL: f32 = 9.0;

    fn noise(dbm0: f32, milliseconds: usize, random: &mut SmallRng) -> Vec<i16> {
        let half = sine_peak(dbm0) * 1.5f32.sqrt();
        let samples = 0..milliseconds * 8;
        samples
            .map(|_| to_sample(random.random_range(-half..half)))
            .collect()
    }

    /// 300 ms of quiet, syllables with gaps between them, 500 ms of quiet.
    fn speech(dbm0: f32, random: &mut SmallRng) -> Vec<i16> {
        let quiet = |random: &mut SmallRng, ms| noise(-58.0, ms, random);
        let mut sound = quiet(random, 300);
        for _ in 0..3 {
            let level = dbm0 + random.random_range(-2.0..2.0);
            sound.extend(noise(level, 180, random));
            sound.extend(quiet(random, 60));
        }
        sound.extend(quiet(random, 500));
        sound
    }

    fn say(voice: &mut RaisedVoice, sound: &[i16]) -> Option<Raised> {
        voice.handle_sound(sound);
        voice.ended(USUAL)
    }

    #[test]
    fn who_speaks_louder_than_before_twice_in_a_row_has_raised_their_voice() {
        let mut random = SmallRng::seed_from_u64(1);
        for usual in [-34.0, -25.0, -18.0] {
            let mut voice = RaisedVoice::default();
            for _ in 0..3 {
                assert_eq!(say(&mut voice, &speech(usual, &mut random)), None);
            }
            assert_eq!(say(&mut voice, &speech(usual + 13.0, &mut random)), None);
            let raised = say(&mut voice, &speech(usual + 13.0, &mut random));
            let raised = raised.expect("the second louder one");
            assert!((raised.decibels - 13.0).abs() < 3.0, "{raised:?}");
            assert_eq!(raised.earlier, 3);
        }
    }

    #[test]
    fn who_was_loud_from_the_first_word_on_is_not_louder() {
        let mut random = SmallRng::seed_from_u64(2);
        let mut voice = RaisedVoice::default();
        for _ in 0..20 {
            assert_eq!(say(&mut voice, &speech(-6.0, &mut random)), None);
        }
        // One that is louder is chance; and the two first are never judged.
        assert_eq!(say(&mut voice, &speech(5.0, &mut random)), None);
        assert_eq!(say(&mut voice, &speech(-6.0, &mut random)), None);
        let mut voice = RaisedVoice::default();
        assert_eq!(say(&mut voice, &speech(-40.0, &mut random)), None);
        assert_eq!(say(&mut voice, &speech(-10.0, &mut random)), None);
    }

    #[test]
    fn noise_is_no_voice_however_loud() {
        let mut random = SmallRng::seed_from_u64(3);
        let mut voice = RaisedVoice::default();
        for _ in 0..4 {
            say(&mut voice, &speech(-30.0, &mut random));
        }
        for _ in 0..10 {
            assert_eq!(say(&mut voice, &noise(-10.0, 1_500, &mut random)), None);
        }
        // A blow, and what was discarded.
        for _ in 0..10 {
            let mut blow = noise(-58.0, 600, &mut random);
            blow.extend(noise(0.0, 80, &mut random));
            assert_eq!(say(&mut voice, &blow), None);
            voice.handle_sound(&speech(-10.0, &mut random));
            voice.discard();
        }
        assert_eq!(say(&mut voice, &speech(-30.0, &mut random)), None);
        assert_eq!(voice.in_a_row, 0);
    }

    #[test]
    fn silence_and_nothing_are_no_utterances() {
        let mut voice = RaisedVoice::default();
        assert_eq!(say(&mut voice, &[]), None);
        assert_eq!(say(&mut voice, &[0; 16_000]), None);
        assert_eq!(voice.earlier, [] as [f32; 0]);
    }

    /// Four people's digits, as they spoke them: 8 a call, and then two that are louder.
    #[test]
    fn real_voices_vary_less_than_a_raised_one_does() {
        let Some(assets) = std::env::var_os("ZEROLINE_ASSETS") else {
            eprintln!("skipped: ZEROLINE_ASSETS is not set");
            return;
        };
        let mut speakers: BTreeMap<String, Vec<Vec<i16>>> = BTreeMap::new();
        let folder = std::path::Path::new(&assets).join("digits");
        for file in std::fs::read_dir(folder).expect("the digits are there") {
            let path = file.expect("a file").path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let speaker = name.and_then(|name| name.split('_').nth(1));
            let Some(speaker) = speaker else { continue };
            let bytes = std::fs::read(&path).expect("it can be read");
            let sound = prompt_file::decode_untouched(bytes, "wav").expect("it is a WAV");
            let all = speakers.entry(speaker.to_string()).or_default();
            all.push(sound);
        }
        let mut random = SmallRng::seed_from_u64(4);
        let (mut calls, mut wrong, mut heard) = (0, 0, [0; 3]);
        for digits in speakers.values() {
            for _ in 0..500 {
                calls += 1;
                let mut voice = RaisedVoice::default();
                let mut one = |gain_db: f32| {
                    let digit = &digits[random.random_range(0..digits.len())];
                    let gain = 10f32.powf(gain_db / 20.0);
                    let mut sound = noise(-60.0, 300, &mut random);
                    sound.extend(digit.iter().map(|s| to_sample(f32::from(*s) * gain)));
                    sound.extend(noise(-60.0, 500, &mut random));
                    say(&mut voice, &sound).is_some()
                };
                // Quiet enough that nothing is cut off at the top.
                let told = (0..8).map(|_| one(-12.0)).filter(|told| *told).count();
                wrong += usize::from(told > 0);
                for count in &mut heard {
                    *count += usize::from(one(3.0));
                }
            }
        }
        let share = |count: usize| 100.0 * count as f32 / calls as f32;
        println!(
            "{calls} calls of 8 digits: {:.2} % told wrongly; 15 dB louder: {:.1} % told at the \
             second, {:.1} % at the third",
            share(wrong),
            share(heard[1]),
            share(heard[2])
        );
        assert!(share(wrong) <= 0.5, "{}", share(wrong));
        assert!(share(heard[1]) >= 85.0, "{}", share(heard[1]));
        assert_eq!(heard[0], heard[0].min(calls / 50), "one alone is chance");
    }
}
