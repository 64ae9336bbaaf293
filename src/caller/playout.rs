//! What a line says next: sounds and key tones in their order, over a sound that goes on for ever.

use crate::audio::tones;
use crate::key::Key;
use std::collections::VecDeque;
use std::sync::Arc;

/// When as many wait, further ones are dropped.
const MAX_WAITING: usize = 256;

#[derive(Debug)]
enum Item {
    Sound(Arc<[i16]>),
    Tone(Key, Vec<i16>),
}

#[derive(Debug, Default)]
pub(super) struct Playout {
    items: VecDeque<Item>,
    /// How far the first item is played.
    at: usize,
    /// Played round and round while nothing else is.
    background: Option<Arc<[i16]>>,
    background_at: usize,
}

/// What a frame brought with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    /// The frame has sound in it.
    pub sounds: bool,
    /// The tones of these keys began.
    pub keys: Vec<Key>,
    /// So many sounds began.
    pub begun: u32,
    /// So many sounds came to their end.
    pub finished: u32,
}

impl Playout {
    pub fn play(&mut self, samples: Arc<[i16]>) {
        self.push(Item::Sound(samples));
    }

    pub fn play_round(&mut self, samples: Arc<[i16]>) {
        self.background_at = 0;
        self.background = (!samples.is_empty()).then_some(samples);
    }

    pub fn press(&mut self, keys: &[Key]) {
        for &key in keys {
            self.push(Item::Tone(key, tones::key_tone(key)));
        }
    }

    fn push(&mut self, item: Item) {
        if self.items.len() < MAX_WAITING {
            self.items.push_back(item);
        }
    }

    pub fn next_frame(&mut self, frame: &mut [i16]) -> Played {
        let mut played = Played::default();
        let mut filled = 0;
        while let (Some(item), Some(rest)) = (self.items.front(), frame.get_mut(filled..)) {
            if rest.is_empty() {
                break;
            }
            match (item, self.at) {
                (Item::Tone(key, _), 0) => played.keys.push(*key),
                (Item::Sound(_), 0) => played.begun += 1,
                _ => {}
            }
            let samples = match item {
                Item::Sound(samples) => &samples[..],
                Item::Tone(_, samples) => &samples[..],
            };
            let left = samples.get(self.at..).unwrap_or_default();
            let count = left.len().min(rest.len());
            rest[..count].copy_from_slice(&left[..count]);
            played.sounds = true;
            filled += count;
            self.at += count;
            if count == left.len() {
                played.finished += u32::from(matches!(item, Item::Sound(_)));
                self.items.pop_front();
                self.at = 0;
            }
        }
        if let Some(rest) = frame.get_mut(filled..) {
            played.sounds |= self.fill_with_background(rest);
        }
        played
    }

    /// Silence where there is no background.
    fn fill_with_background(&mut self, rest: &mut [i16]) -> bool {
        let Some(background) = &self.background else {
            rest.fill(0);
            return false;
        };
        for sample in &mut *rest {
            *sample = background[self.background_at % background.len()];
            self.background_at += 1;
        }
        !rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(playout: &mut Playout) -> (Vec<i16>, Played) {
        let mut frame = vec![99; 4];
        let played = playout.next_frame(&mut frame);
        (frame, played)
    }

    #[test]
    fn sounds_follow_each_other_and_silence_follows_them() {
        let mut playout = Playout::default();
        assert_eq!(frame(&mut playout), (vec![0; 4], Played::default()));
        playout.play([1, 2, 3].into());
        playout.play([4, 5, 6].into());
        let (samples, played) = frame(&mut playout);
        assert_eq!((samples, played.finished), (vec![1, 2, 3, 4], 1));
        let (samples, played) = frame(&mut playout);
        assert_eq!((samples, played.finished), (vec![5, 6, 0, 0], 1));
        assert_eq!(frame(&mut playout).0, [0; 4]);
    }

    #[test]
    fn the_background_goes_round_while_nothing_else_is_played() {
        let mut playout = Playout::default();
        playout.play_round([1, 2, 3].into());
        assert_eq!(frame(&mut playout).0, [1, 2, 3, 1]);
        playout.play([9, 9].into());
        assert_eq!(frame(&mut playout).0, [9, 9, 2, 3]);
        playout.play_round([].into());
        assert_eq!(frame(&mut playout).0, [0; 4]);
    }

    #[test]
    fn a_key_is_told_when_its_tone_begins() {
        let mut playout = Playout::default();
        playout.press(&[Key::ONE, Key::TWO]);
        let mut told = Vec::new();
        for n in 0..1_000 {
            let (_, played) = frame(&mut playout);
            told.extend(played.keys.into_iter().map(|key| (n, key)));
        }
        // A tone and its pause are 180 ms: 1440 samples, 360 frames.
        assert_eq!(told, [(0, Key::ONE), (360, Key::TWO)]);
    }
}
