//! Sound in place of a lost packet: the last pitch period goes on, fading (after the manner of
//! ITU-T G.711, Appendix I, but without its delay of 3.75 ms).

use super::frame::{SAMPLES_PER_MS, to_sample};

/// The pitch periods that are looked for: 5 to 15 ms (200 to 66 Hz; higher voices are found at a
/// multiple of their period).
const SHORTEST_PERIOD: usize = 5 * SAMPLES_PER_MS;
const LONGEST_PERIOD: usize = 15 * SAMPLES_PER_MS;
/// How much of the latest sound is compared with a period earlier.
const COMPARED: usize = 20 * SAMPLES_PER_MS;
const HISTORY: usize = COMPARED + LONGEST_PERIOD;
/// At first nothing fades; then sound fades evenly, and after 60 ms there is silence.
const FULL: usize = 10 * SAMPLES_PER_MS;
const SILENT_AFTER: usize = 60 * SAMPLES_PER_MS;
/// How long the invented sound and the real one overlap when the real one is back.
const OVERLAP: usize = 4 * SAMPLES_PER_MS;

/// Follows one stream, frame by frame.
#[derive(Debug, Clone)]
pub struct Concealment {
    /// The latest sound that was played, oldest first.
    history: [i16; HISTORY],
    /// Set while packets are lost.
    gap: Option<Gap>,
}

#[derive(Debug, Clone)]
struct Gap {
    /// One period of sound, joined to itself softly.
    period: [i16; LONGEST_PERIOD],
    length: usize,
    /// Samples invented since the loss began.
    invented: usize,
}

impl Default for Concealment {
    fn default() -> Self {
        Self::new()
    }
}

impl Concealment {
    pub fn new() -> Concealment {
        Concealment {
            history: [0; HISTORY],
            gap: None,
        }
    }

    /// A frame came: it is remembered, and after a loss its begin is blended with what was
    /// invented.
    pub fn handle_frame(&mut self, frame: &mut [i16]) {
        if let Some(mut gap) = self.gap.take() {
            let overlap = OVERLAP.min(frame.len());
            for (n, sample) in frame.iter_mut().take(overlap).enumerate() {
                let real = (n as f32 + 0.5) / overlap as f32;
                let invented = f32::from(gap.next()) * (1.0 - real);
                *sample = to_sample(f32::from(*sample) * real + invented);
            }
        }
        self.remember(frame);
    }

    /// A frame is missing: `frame` is filled.
    pub fn conceal(&mut self, frame: &mut [i16]) {
        let history = &self.history;
        let gap = self.gap.get_or_insert_with(|| Gap::after(history));
        frame.fill_with(|| gap.next());
        self.remember(frame);
    }

    fn remember(&mut self, frame: &[i16]) {
        let kept = frame.len().min(HISTORY);
        self.history.rotate_left(kept);
        self.history[HISTORY - kept..].copy_from_slice(&frame[frame.len() - kept..]);
    }
}

impl Gap {
    fn after(history: &[i16; HISTORY]) -> Gap {
        let length = pitch_period(history);
        let mut period = [0; LONGEST_PERIOD];
        period[..length].copy_from_slice(&history[HISTORY - length..]);
        // The period's end is blended into what came before its begin, so that it joins itself.
        let blended = length / 4;
        for n in 0..blended {
            let earlier = f32::from(history[HISTORY - length - blended + n]);
            let share = (n as f32 + 0.5) / blended as f32;
            let sample = &mut period[length - blended + n];
            *sample = to_sample(f32::from(*sample) * (1.0 - share) + earlier * share);
        }
        Gap {
            period,
            length,
            invented: 0,
        }
    }

    fn next(&mut self) -> i16 {
        if self.invented >= SILENT_AFTER {
            return 0;
        }
        let sample = f32::from(self.period[self.invented % self.length]);
        let fading = self.invented.saturating_sub(FULL) as f32;
        self.invented += 1;
        to_sample(sample * (1.0 - fading / (SILENT_AFTER - FULL) as f32))
    }
}

/// The lag at which the latest sound is most like itself (normalised cross-correlation).
fn pitch_period(history: &[i16; HISTORY]) -> usize {
    let latest = &history[HISTORY - COMPARED..];
    let mut best = (0.0, LONGEST_PERIOD);
    for lag in SHORTEST_PERIOD..=LONGEST_PERIOD {
        let earlier = &history[HISTORY - COMPARED - lag..HISTORY - lag];
        let (mut product, mut energy) = (0.0f32, 1.0f32);
        for (&a, &b) in latest.iter().zip(earlier) {
            product += f32::from(a) * f32::from(b);
            energy += f32::from(b) * f32::from(b);
        }
        let likeness = product / energy.sqrt();
        // Of periods about as good, the shorter one is the pitch and not its multiple.
        if likeness > best.0 * 1.02 {
            best = (likeness, lag);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::frame::mean_square;
    use crate::audio::tones::chord;
    use proptest::prelude::*;

    /// 150 Hz and two harmonics: a voice of sorts.
    fn voice(samples: usize) -> Vec<i16> {
        chord(&[(150.0, -16.0), (300.0, -20.0), (450.0, -24.0)], samples)
    }

    #[test]
    fn a_lost_frame_of_a_voice_sounds_like_the_voice() {
        let sound = voice(1_600);
        let mut heard = sound.clone();
        let mut concealment = Concealment::new();
        for (n, frame) in heard.chunks_mut(160).enumerate() {
            match n {
                6 => concealment.conceal(frame),
                _ => concealment.handle_frame(frame),
            }
        }
        let error: Vec<i16> = sound.iter().zip(&heard).map(|(a, b)| a - b).collect();
        let below = mean_square(&error[960..1_120]) / mean_square(&sound[960..1_120]);
        assert!(below < 0.3, "the error is {below} of the sound");
        // No click, neither where the loss begins nor where it ends.
        let steepest = |s: &[i16]| s.windows(2).map(|w| (w[1] - w[0]).abs()).max().unwrap();
        assert!(steepest(&heard) < 2 * steepest(&sound));
    }

    #[test]
    fn a_long_loss_fades_into_silence_within_60_ms() {
        let mut concealment = Concealment::new();
        concealment.handle_frame(&mut voice(800));
        let mut powers = Vec::new();
        for _ in 0..5 {
            let mut frame = [1; 160];
            concealment.conceal(&mut frame);
            powers.push(mean_square(&frame));
        }
        assert!(powers[0] > powers[1] && powers[1] > powers[2], "{powers:?}");
        assert_eq!(powers[3..], [0.0, 0.0]);
    }

    #[test]
    fn silence_stays_silence() {
        let mut concealment = Concealment::new();
        let mut frame = [7; 160];
        concealment.conceal(&mut frame);
        assert_eq!(frame, [0; 160]);
    }

    proptest! {
        #[test]
        fn frames_of_any_size_and_sound_are_taken(
            frames in prop::collection::vec((any::<bool>(), 0usize..500, any::<i16>()), 1..30),
        ) {
            let mut concealment = Concealment::new();
            for (lost, size, sample) in frames {
                let mut frame = vec![sample; size];
                if lost {
                    concealment.conceal(&mut frame);
                } else {
                    concealment.handle_frame(&mut frame);
                }
            }
        }
    }
}
