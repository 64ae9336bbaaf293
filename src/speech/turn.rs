//! A caller's turn to speak: from the sound of both sides to what the dialogue and the recognizers
//! are told. One a listening call; it is made when the call first listens, and kept between its
//! listenings, since it knows the noise and the echo of the line.
//!
//! ```text
//! heard  ─▶ echo taken out ─▶ voice activity ─▶ endpointer ─▶ MaybeSpeech, SpeechBegan, …
//! played ─▶     │                                                 │
//!               └────────▶ the last 0.7 s ─────────────────────▶ Samples
//! ```
//!
//! How a call uses it: [`Turn::listen`] when the dialogue begins to listen, then
//! [`Turn::handle_sound`] for each frame that was decoded, with what was sent to the caller in the
//! same span, until it stops listening. While a prompt plays that must not be interrupted
//! ([`Floor::Bot`]) it is handed the sound all the same, to learn the line, and says nothing.

use super::echo::Echo;
use super::endpointer::{Endpointer, Sign};
use super::vad::{Earshot, FRAME, Frame, VoiceActivity};
use std::time::Duration;

/// Who may speak in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floor {
    /// The caller: nothing plays but background, and speech begins at once.
    Caller,
    /// Both: a prompt plays, or is paused, which speech interrupts. What could be speech is told
    /// before it is certain.
    Shared,
    /// The bot: nobody listens.
    Bot,
}

/// What a frame brought about, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output<'a> {
    /// 100 ms of what may be speech, the floor being shared: pause the prompt. `SpeechBegan` or
    /// `Rejected` follows within 260 ms.
    MaybeSpeech,
    /// It was none: resume the prompt from the last word boundary.
    Rejected,
    /// Somebody speaks: drop the prompt, start the recognizer.
    SpeechBegan,
    /// The next samples of the utterance: once it has begun, at first those from 300 ms before.
    Samples(&'a [i16]),
    /// Silence of 200 ms: decode as if the utterance were over.
    Pausing,
    /// It was not over: what was decoded at `Pausing` is stale.
    GoesOn,
    /// The utterance is over; no more samples come.
    SpeechEnded(Reason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Silence as long as the patience.
    Silence,
    /// 30 seconds: what is said after it is a new utterance.
    TooLong,
    /// The floor went to the bot, or a key sounded, in the midst of it.
    Interrupted,
}

/// What is handed to the recognizer from before the begin, so that no first consonant is lost.
const PRE_ROLL: usize = 300 / 20 * FRAME;
/// The pre-roll, and the longest time until speech is certain.
const KEPT: usize = PRE_ROLL + 400 / 20 * FRAME;
/// A key's tone is told when it comes; in the sound it stands behind the jitter buffer.
const KEY_LASTS: u32 = 300 / 20;

/// See the module. Some 40 KB, and 60 KB more once there may be an echo.
pub struct Turn {
    echo: Echo,
    voice: Box<dyn VoiceActivity>,
    endpointer: Endpointer,
    kept: Kept,
    /// What has not made a frame yet.
    heard: Frame,
    played: Frame,
    filled: usize,
    /// Frames in which a key may still sound.
    key_sounds: u32,
}

impl Default for Turn {
    fn default() -> Self {
        Self::new()
    }
}

impl Turn {
    pub fn new() -> Self {
        Self::with_voice_activity(Box::new(Earshot::default()))
    }

    pub fn with_voice_activity(voice: Box<dyn VoiceActivity>) -> Self {
        Self {
            echo: Echo::new(),
            voice,
            endpointer: Endpointer::default(),
            kept: Kept::new(),
            heard: [0; FRAME],
            played: [0; FRAME],
            filled: 0,
            key_sounds: 0,
        }
    }

    /// Begins to listen for a new utterance; one that was going on is forgotten, and no output tells
    /// of it.
    pub fn listen(&mut self, patience: Duration) {
        self.endpointer.reset();
        self.set_patience(patience);
    }

    /// How much silence ends the utterance (see [`endpointer`](super::endpointer) for the usual
    /// spans). May be changed while somebody speaks or pauses.
    pub fn set_patience(&mut self, patience: Duration) {
        self.endpointer.set_patience(patience);
    }

    /// A key's tone is in the sound now or will be when the jitter buffer lets it out: told when it
    /// begins and as long as it goes on. It is no speech.
    pub fn key_sounds(&mut self) {
        self.key_sounds = KEY_LASTS;
    }

    /// The next sound of the caller, and what was sent in the same span, of equal length (of unlike
    /// ones the shorter counts): 8 kHz, of any length, usually 20 ms.
    pub fn handle_sound(
        &mut self,
        heard: &[i16],
        played: &[i16],
        floor: Floor,
        mut on_output: impl FnMut(Output<'_>),
    ) {
        let (mut heard, mut played) = (heard, played);
        while !heard.is_empty() && !played.is_empty() {
            let length = (FRAME - self.filled).min(heard.len()).min(played.len());
            let place = self.filled..self.filled + length;
            self.heard[place.clone()].copy_from_slice(&heard[..length]);
            self.played[place].copy_from_slice(&played[..length]);
            (heard, played) = (&heard[length..], &played[length..]);
            self.filled += length;
            if self.filled == FRAME {
                self.filled = 0;
                self.handle_frame(floor, &mut on_output);
            }
        }
    }

    fn handle_frame(&mut self, floor: Floor, on_output: &mut impl FnMut(Output<'_>)) {
        let mut frame = self.heard;
        let not_echo = self.echo.handle_frame(&mut frame, &self.played);
        self.kept.push(&frame);
        // Who is known to speak is not taken for the late echo of a prompt that has stopped for them: two
        // voices are alike now and then.
        let stopped = self.played.iter().all(|sample| *sample == 0);
        let is_caller = not_echo || (stopped && self.endpointer.is_speaking());
        let speech = self.voice.is_speech(&frame) && is_caller;
        let key = self.key_sounds > 0;
        self.key_sounds = self.key_sounds.saturating_sub(1);
        if floor == Floor::Bot || key {
            return self.interrupt(on_output);
        }
        let was_speaking = self.endpointer.is_speaking();
        let sign = self.endpointer.handle_frame(speech, floor == Floor::Shared);
        if was_speaking {
            on_output(Output::Samples(&frame));
        }
        match sign {
            None => {}
            Some(Sign::Maybe) => on_output(Output::MaybeSpeech),
            Some(Sign::Rejected) => on_output(Output::Rejected),
            Some(Sign::Began) => {
                on_output(Output::SpeechBegan);
                let since = self.endpointer.since_onset().unwrap_or(0) * FRAME;
                let (older, newer) = self.kept.last(PRE_ROLL + since);
                on_output(Output::Samples(older));
                on_output(Output::Samples(newer));
            }
            Some(Sign::Pausing) => on_output(Output::Pausing),
            Some(Sign::GoesOn) => on_output(Output::GoesOn),
            Some(Sign::Ended) => on_output(Output::SpeechEnded(Reason::Silence)),
            Some(Sign::CutOff) => on_output(Output::SpeechEnded(Reason::TooLong)),
        }
    }

    fn interrupt(&mut self, on_output: &mut impl FnMut(Output<'_>)) {
        if self.endpointer.is_speaking() {
            on_output(Output::SpeechEnded(Reason::Interrupted));
        } else if self.endpointer.is_in_doubt() {
            on_output(Output::Rejected);
        }
        self.endpointer.reset();
    }
}

/// The last [`KEPT`] samples.
struct Kept {
    samples: Box<[i16; KEPT]>,
    /// Where the oldest lie and the next ones go.
    end: usize,
    filled: usize,
}

impl Kept {
    fn new() -> Self {
        Self {
            samples: Box::new([0; KEPT]),
            end: 0,
            filled: 0,
        }
    }

    fn push(&mut self, frame: &Frame) {
        self.samples[self.end..self.end + FRAME].copy_from_slice(frame);
        self.end = (self.end + FRAME) % KEPT;
        self.filled = (self.filled + FRAME).min(KEPT);
    }

    /// The last samples, or as many as there are, in two pieces.
    fn last(&self, count: usize) -> (&[i16], &[i16]) {
        let count = count.min(self.filled);
        match self.end.checked_sub(count) {
            Some(start) => (&self.samples[start..self.end], &[]),
            None => (
                &self.samples[self.end + KEPT - count..],
                &self.samples[..self.end],
            ),
        }
    }
}

const _: () = assert!(KEPT.is_multiple_of(FRAME), "frames never wrap around");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::endpointer::USUAL_PATIENCE;
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    /// Takes for speech what is not silent.
    struct Loudness;

    impl VoiceActivity for Loudness {
        fn is_speech(&mut self, frame: &Frame) -> bool {
            frame.iter().any(|sample| *sample != 0)
        }
    }

    fn turn() -> Turn {
        Turn::with_voice_activity(Box::new(Loudness))
    }

    /// What was told, samples as how many there were.
    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Told {
        Samples(Vec<i16>),
        Sign(String),
    }

    fn tell(turn: &mut Turn, heard: &[i16], floor: Floor, told: &mut Vec<Told>) {
        turn.handle_sound(heard, &vec![0; heard.len()], floor, |output| match output {
            Output::Samples(more) => match told.last_mut() {
                Some(Told::Samples(samples)) => samples.extend(more),
                _ => told.push(Told::Samples(more.to_vec())),
            },
            sign => told.push(Told::Sign(format!("{sign:?}"))),
        });
    }

    fn signs(told: &[Told]) -> Vec<&str> {
        told.iter()
            .filter_map(|told| match told {
                Told::Sign(sign) => Some(sign.as_str()),
                Told::Samples(_) => None,
            })
            .collect()
    }

    /// Milliseconds of silence and of sound by turns; each sample of the sound is another.
    fn line(spans: &[usize]) -> Vec<i16> {
        let mut line = Vec::new();
        for (n, milliseconds) in spans.iter().enumerate() {
            let start = line.len();
            line.resize(start + milliseconds * 8, 0);
            if n % 2 == 1 {
                let end = line.len();
                (start..end).for_each(|at| line[at] = (at % 30_000) as i16 + 1);
            }
        }
        line
    }

    #[test]
    fn the_recognizer_gets_all_from_300_ms_before_the_begin_to_the_end() {
        let heard = line(&[1_000, 600, 1_000]);
        for floor in [Floor::Caller, Floor::Shared] {
            let mut told = Vec::new();
            tell(&mut turn(), &heard, floor, &mut told);
            let samples: Vec<i16> = told
                .iter()
                .filter_map(|told| match told {
                    Told::Samples(samples) => Some(samples.clone()),
                    Told::Sign(_) => None,
                })
                .flatten()
                .collect();
            assert_eq!(samples, heard[700 * 8..2_100 * 8], "{floor:?}");
        }
    }

    #[test]
    fn a_prompt_is_paused_before_it_is_dropped() {
        let mut told = Vec::new();
        tell(
            &mut turn(),
            &line(&[500, 600, 1_000]),
            Floor::Shared,
            &mut told,
        );
        let whole = [
            "MaybeSpeech",
            "SpeechBegan",
            "Pausing",
            "SpeechEnded(Silence)",
        ];
        assert_eq!(signs(&told), whole);
        told.clear();
        tell(
            &mut turn(),
            &line(&[500, 120, 1_000]),
            Floor::Shared,
            &mut told,
        );
        assert_eq!(signs(&told), ["MaybeSpeech", "Rejected"]);
        told.clear();
        tell(
            &mut turn(),
            &line(&[500, 120, 1_000]),
            Floor::Caller,
            &mut told,
        );
        assert_eq!(
            signs(&told),
            ["SpeechBegan", "Pausing", "SpeechEnded(Silence)"]
        );
    }

    #[test]
    fn who_sounds_like_the_prompt_that_stopped_for_them_is_heard_to_the_end() {
        let mut rng = StdRng::seed_from_u64(1);
        let prompt: Vec<i16> = noise(&mut rng, 2_000);
        let mut heard = vec![0; prompt.len()];
        heard.extend(noise(&mut rng, 340));
        // As its end would come back, 540 ms late.
        heard.extend(&prompt[prompt.len() - 8 * 200..]);
        heard.extend([0; 8 * 380]);
        let mut played = prompt;
        played.resize(heard.len(), 0);
        let (mut turn, mut told) = (turn(), Vec::new());
        turn.handle_sound(&heard, &played, Floor::Shared, |output| {
            if !matches!(output, Output::Samples(_)) {
                told.push(format!("{output:?}"));
            }
        });
        assert_eq!(told, ["MaybeSpeech", "SpeechBegan", "Pausing"]);
    }

    fn noise(rng: &mut StdRng, milliseconds: usize) -> Vec<i16> {
        let samples = 0..milliseconds * 8;
        samples.map(|_| rng.random_range(-3_000..3_000)).collect()
    }

    #[test]
    fn the_tone_of_a_key_is_no_speech() {
        let mut told = Vec::new();
        let mut turn = turn();
        turn.listen(USUAL_PATIENCE);
        for frame in line(&[200, 400]).chunks(FRAME) {
            turn.key_sounds();
            tell(&mut turn, frame, Floor::Caller, &mut told);
        }
        tell(&mut turn, &line(&[0, 200, 280]), Floor::Caller, &mut told);
        assert_eq!(signs(&told), [""; 0]);
        tell(&mut turn, &line(&[0, 200]), Floor::Caller, &mut told);
        assert_eq!(signs(&told), ["SpeechBegan"]);
        turn.key_sounds();
        tell(&mut turn, &line(&[20]), Floor::Caller, &mut told);
        assert_eq!(signs(&told), ["SpeechBegan", "SpeechEnded(Interrupted)"]);
    }

    #[test]
    fn while_the_bot_has_the_floor_nobody_is_heard() {
        let mut told = Vec::new();
        let mut turn = turn();
        tell(&mut turn, &line(&[200, 400]), Floor::Bot, &mut told);
        assert_eq!(told, []);
        tell(&mut turn, &line(&[0, 120]), Floor::Shared, &mut told);
        tell(&mut turn, &line(&[0, 20]), Floor::Bot, &mut told);
        assert_eq!(signs(&told), ["MaybeSpeech", "Rejected"]);
    }

    #[test]
    fn a_new_listening_forgets_the_old_utterance() {
        let mut told = Vec::new();
        let mut turn = turn();
        tell(&mut turn, &line(&[0, 400]), Floor::Caller, &mut told);
        assert_eq!(signs(&told), ["SpeechBegan"]);
        turn.listen(USUAL_PATIENCE);
        told.clear();
        tell(&mut turn, &line(&[1_000]), Floor::Caller, &mut told);
        assert_eq!(told, []);
    }

    proptest! {
        #[test]
        fn the_size_of_chunks_changes_nothing(
            spans in proptest::collection::vec(0usize..500, 0..8),
            sizes in proptest::collection::vec(1usize..500, 1..9),
        ) {
            let heard = line(&spans);
            let heard = &heard[..heard.len() / FRAME * FRAME];
            let (mut whole, mut pieces) = (Vec::new(), Vec::new());
            tell(&mut turn(), heard, Floor::Shared, &mut whole);
            let (mut turn, mut rest) = (turn(), heard);
            for size in sizes.into_iter().cycle() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                tell(&mut turn, now, Floor::Shared, &mut pieces);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(whole, pieces);
        }
    }
}
