//! What one leg hears: the parts of a play, one after the other, over an endless background.

use crate::audio::codecs::Codec;
use crate::audio::frame::{mean_square, samples_in};
use crate::audio::prompt::Prompt;
use crate::dialogue::input::PlayId;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The longest silence while a part is awaited: music says then that the line is alive.
const DEAD_AIR: Duration = Duration::from_millis(1_500);
/// A sentence takes a synthesizer some tens of milliseconds; what takes it so long never comes.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// How far back a play that was paused may go on from.
const RESUMED_FROM: usize = samples_in(Duration::from_secs(2));
/// Between two words.
const PAUSE: usize = samples_in(Duration::from_millis(40));

/// One part of a play.
#[derive(Debug, Clone)]
pub enum Piece {
    Sound(Arc<Prompt>),
    /// In samples.
    Silence(usize),
    /// It is being synthesized: the background until [`Playout::supply`] brings it.
    Awaited,
}

/// What has been heard by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Part {
        play: PlayId,
        part: usize,
    },
    End {
        play: PlayId,
    },
    /// An awaited part has not come in time: told once, and the play waits until it is stopped or
    /// something is supplied.
    Overdue {
        play: PlayId,
        part: usize,
    },
}

#[derive(Debug, Default)]
pub struct Playout {
    playing: Option<Playing>,
    background: Option<Background>,
    /// Heard in a long wait for a part where there is no background.
    music: Option<Background>,
    heard: VecDeque<Heard>,
    /// The last packet had sound in it: the next one goes on in the same talkspurt.
    in_talkspurt: bool,
    /// The play stands still: the listener has begun to speak.
    paused: bool,
}

#[derive(Debug)]
struct Playing {
    id: PlayId,
    pieces: Vec<Piece>,
    part: usize,
    /// Samples of the current part that have been heard; of an awaited one, that were waited.
    offset: usize,
}

impl Playing {
    /// How long the play has waited for its current part by now, in samples.
    fn waited(&self) -> Option<usize> {
        matches!(self.pieces.get(self.part), Some(Piece::Awaited)).then_some(self.offset)
    }
}

#[derive(Debug)]
struct Background {
    sound: Arc<Prompt>,
    offset: usize,
}

/// What [`Playout::fill`] put into a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    Silence,
    Sound { talkspurt_start: bool },
}

impl Playout {
    /// Replaces what is playing, at once.
    pub fn play(&mut self, id: PlayId, pieces: Vec<Piece>) {
        self.in_talkspurt = false;
        self.paused = false;
        self.playing = Some(Playing {
            id,
            pieces,
            part: 0,
            offset: 0,
        });
    }

    /// Brings an awaited part; ignored when its play was replaced, or when it came already.
    pub fn supply(&mut self, id: PlayId, part: usize, sound: Arc<Prompt>) {
        if let Some(playing) = self.playing.as_mut().filter(|playing| playing.id == id)
            && let Some(piece @ Piece::Awaited) = playing.pieces.get_mut(part)
        {
            *piece = Piece::Sound(sound);
            if playing.part == part {
                playing.offset = 0;
            }
        }
    }

    pub fn stop(&mut self) {
        self.playing = None;
        self.paused = false;
    }

    /// Silence from the next packet on, until [`Self::resume`], or until a play or a stop.
    pub fn pause(&mut self) {
        self.paused = self.playing.is_some();
    }

    /// Goes on, from the word in which the play was paused.
    pub fn resume(&mut self) {
        if std::mem::take(&mut self.paused)
            && let Some(playing) = &mut self.playing
            && let Some(Piece::Sound(sound)) = playing.pieces.get(playing.part)
        {
            playing.offset = word_boundary(sound.samples(), playing.offset);
        }
    }

    /// Whether a play is under way, beside the background.
    pub fn says_something(&self) -> bool {
        self.playing.is_some()
    }

    pub fn is_playing(&self, id: PlayId) -> bool {
        self.playing
            .as_ref()
            .is_some_and(|playing| playing.id == id)
    }

    /// What is heard, again and again, whenever nothing is played.
    pub fn set_background(&mut self, sound: Option<Arc<Prompt>>) {
        self.background = sound.map(|sound| Background { sound, offset: 0 });
    }

    pub fn has_background(&self) -> bool {
        self.background.is_some()
    }

    /// What is heard, where there is no background, while a part lets the listener wait.
    pub fn set_music(&mut self, sound: Arc<Prompt>) {
        self.music = Some(Background { sound, offset: 0 });
    }

    pub fn poll_heard(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// Fills one packet's payload with what comes next.
    pub fn fill(&mut self, codec: Codec, payload: &mut [u8]) -> Filled {
        if self.paused {
            payload.fill(codec.silence());
            self.in_talkspurt = false;
            return Filled::Silence;
        }
        let played = self.fill_from_play(codec, payload);
        let rest = &mut payload[played..];
        self.wait(rest.len());
        let backed =
            !rest.is_empty() && self.has_nothing_to_say() && self.fill_background(codec, rest);
        if !backed {
            rest.fill(codec.silence());
        }
        if played == 0 && !backed {
            self.in_talkspurt = false;
            return Filled::Silence;
        }
        let talkspurt_start = !std::mem::replace(&mut self.in_talkspurt, true);
        Filled::Sound { talkspurt_start }
    }

    /// Nothing is played, or what comes next is still being synthesized.
    fn has_nothing_to_say(&self) -> bool {
        let next = self.playing.as_ref();
        next.is_none_or(|it| it.waited().is_some())
    }

    /// Counts the time in which the current part is awaited.
    fn wait(&mut self, samples: usize) {
        let Some(playing) = &mut self.playing else {
            return;
        };
        let Some(waited) = playing.waited() else {
            return;
        };
        playing.offset = waited + samples;
        let longest = samples_in(LONGEST_WAIT);
        if waited < longest && playing.offset >= longest {
            let (play, part) = (playing.id, playing.part);
            self.heard.push_back(Heard::Overdue { play, part });
        }
    }

    fn has_waited_long(&self) -> bool {
        let waited = self.playing.as_ref().and_then(Playing::waited);
        waited.is_some_and(|waited| waited > samples_in(DEAD_AIR))
    }

    /// Returns how much of the payload the play filled.
    fn fill_from_play(&mut self, codec: Codec, payload: &mut [u8]) -> usize {
        let Some(playing) = &mut self.playing else {
            return 0;
        };
        let mut filled = 0;
        while filled < payload.len() {
            let Some(piece) = playing.pieces.get(playing.part) else {
                break;
            };
            let rest = &mut payload[filled..];
            let (taken, piece_ended) = match piece {
                Piece::Sound(sound) => {
                    let left = &sound.encoded(codec)[playing.offset..];
                    let taken = left.len().min(rest.len());
                    rest[..taken].copy_from_slice(&left[..taken]);
                    (taken, taken == left.len())
                }
                Piece::Silence(samples) => {
                    let left = samples - playing.offset;
                    let taken = left.min(rest.len());
                    rest[..taken].fill(codec.silence());
                    (taken, taken == left)
                }
                Piece::Awaited => break,
            };
            filled += taken;
            playing.offset += taken;
            if piece_ended {
                self.heard.push_back(Heard::Part {
                    play: playing.id,
                    part: playing.part,
                });
                playing.part += 1;
                playing.offset = 0;
            }
        }
        if playing.part == playing.pieces.len() {
            self.heard.push_back(Heard::End { play: playing.id });
            self.playing = None;
        }
        filled
    }

    fn fill_background(&mut self, codec: Codec, payload: &mut [u8]) -> bool {
        let needs_music = self.background.is_none() && self.has_waited_long();
        let background = match needs_music {
            true => &mut self.music,
            false => &mut self.background,
        };
        let Some(background) = background else {
            return false;
        };
        let sound = background.sound.encoded(codec);
        if sound.is_empty() {
            return false;
        }
        for byte in payload {
            *byte = sound[background.offset];
            background.offset = (background.offset + 1) % sound.len();
        }
        true
    }
}

/// The middle of the last pause between words before `offset`: of the quietest 40 ms within two
/// seconds.
fn word_boundary(samples: &[i16], offset: usize) -> usize {
    let before = &samples[..offset.min(samples.len())];
    let near = before.len().saturating_sub(RESUMED_FROM);
    let stretches = before[near..].windows(PAUSE).step_by(PAUSE / 4).enumerate();
    let quietest = stretches.min_by(|(_, a), (_, b)| mean_square(a).total_cmp(&mean_square(b)));
    quietest.map_or(0, |(at, _)| near + at * (PAUSE / 4) + PAUSE / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(value: i16, samples: usize) -> Piece {
        Piece::Sound(prompt(value, samples))
    }

    fn prompt(value: i16, samples: usize) -> Arc<Prompt> {
        Arc::new(Prompt::from_samples(vec![value; samples]))
    }

    fn heard(playout: &mut Playout) -> Vec<Heard> {
        std::iter::from_fn(|| playout.poll_heard()).collect()
    }

    const START: Filled = Filled::Sound {
        talkspurt_start: true,
    };
    const GOES_ON: Filled = Filled::Sound {
        talkspurt_start: false,
    };

    #[test]
    fn parts_follow_without_a_gap_and_are_reported() {
        let mut playout = Playout::default();
        let play = PlayId(1);
        playout.play(play, vec![sound(1000, 240), sound(-1000, 80)]);
        let mut payload = [0; 160];
        assert_eq!(playout.fill(Codec::Pcmu, &mut payload), START);
        assert_eq!(heard(&mut playout), []);
        assert_eq!(playout.fill(Codec::Pcmu, &mut payload), GOES_ON);
        assert_ne!(payload[79], payload[80]);
        assert_eq!(
            heard(&mut playout),
            [
                Heard::Part { play, part: 0 },
                Heard::Part { play, part: 1 },
                Heard::End { play }
            ]
        );
        assert_eq!(playout.fill(Codec::Pcmu, &mut payload), Filled::Silence);
        assert_eq!(payload, [Codec::Pcmu.silence(); 160]);
    }

    #[test]
    fn a_new_play_begins_a_talkspurt_and_silences_the_old_one() {
        let mut playout = Playout::default();
        let mut payload = [0; 160];
        playout.play(PlayId(1), vec![sound(1000, 800)]);
        playout.fill(Codec::Pcmu, &mut payload);
        playout.play(PlayId(2), vec![sound(1000, 160)]);
        assert_eq!(playout.fill(Codec::Pcmu, &mut payload), START);
        let play = PlayId(2);
        assert_eq!(
            heard(&mut playout),
            [Heard::Part { play, part: 0 }, Heard::End { play }]
        );
    }

    #[test]
    fn an_awaited_part_is_silence_until_it_comes() {
        let mut playout = Playout::default();
        let mut payload = [0; 160];
        playout.play(PlayId(1), vec![Piece::Awaited]);
        assert_eq!(playout.fill(Codec::Pcma, &mut payload), Filled::Silence);
        playout.supply(PlayId(9), 0, prompt(5, 160));
        assert_eq!(playout.fill(Codec::Pcma, &mut payload), Filled::Silence);
        playout.supply(PlayId(1), 0, prompt(5, 160));
        assert_eq!(playout.fill(Codec::Pcma, &mut payload), START);
    }

    #[test]
    fn a_part_that_never_comes_is_told_once_and_music_is_heard_before() {
        let mut playout = Playout::default();
        playout.set_music(prompt(700, 100));
        let play = PlayId(1);
        playout.play(play, vec![sound(1000, 160), Piece::Awaited]);
        let mut payload = [0; 160];
        let mut filled = || {
            let filled = playout.fill(Codec::Pcma, &mut payload);
            (filled, heard(&mut playout))
        };
        assert_eq!(filled(), (START, vec![Heard::Part { play, part: 0 }]));
        let packets: Vec<_> = (0..500).map(|_| filled()).collect();
        let music = packets.iter().position(|(it, _)| *it != Filled::Silence);
        assert_eq!(music, Some(1_500 / 20));
        let told = packets.iter().position(|(_, heard)| !heard.is_empty());
        assert_eq!(told, Some(3_000 / 20 - 1));
        let heard: Vec<_> = packets.into_iter().flat_map(|(_, heard)| heard).collect();
        assert_eq!(heard, [Heard::Overdue { play, part: 1 }]);
    }

    #[test]
    fn a_part_that_comes_late_is_heard_from_its_beginning_and_only_once() {
        let mut playout = Playout::default();
        let mut payload = [0; 160];
        let play = PlayId(1);
        playout.play(play, vec![Piece::Awaited]);
        for _ in 0..100 {
            playout.fill(Codec::Pcma, &mut payload);
        }
        playout.supply(play, 0, prompt(1000, 320));
        assert_eq!(playout.fill(Codec::Pcma, &mut payload), START);
        playout.supply(play, 0, prompt(1000, 3_200));
        playout.fill(Codec::Pcma, &mut payload);
        let ends = [Heard::Part { play, part: 0 }, Heard::End { play }];
        assert_eq!(heard(&mut playout), ends);
    }

    #[test]
    fn the_background_fills_what_plays_leave() {
        let mut playout = Playout::default();
        let mut payload = [0; 160];
        playout.set_background(Some(prompt(700, 100)));
        assert_eq!(playout.fill(Codec::Pcmu, &mut payload), START);
        playout.play(PlayId(1), vec![Piece::Silence(80)]);
        playout.fill(Codec::Pcmu, &mut payload);
        assert_eq!(payload[79], Codec::Pcmu.silence());
        assert_ne!(payload[80], Codec::Pcmu.silence());
    }

    #[test]
    fn a_play_that_was_paused_goes_on_from_the_word_before() {
        let mut playout = Playout::default();
        let mut payload = [0; 160];
        // Two words of 200 ms with 50 ms between.
        let word = |value: i16| vec![value; 1_600];
        let samples = [word(1_000), vec![0; 400], word(-1_000)].concat();
        let prompt = Arc::new(Prompt::from_samples(samples));
        let play = PlayId(1);
        playout.play(play, vec![Piece::Sound(prompt)]);
        for _ in 0..20 {
            playout.fill(Codec::Pcmu, &mut payload);
        }
        playout.pause();
        assert!(playout.says_something());
        for _ in 0..50 {
            assert_eq!(playout.fill(Codec::Pcmu, &mut payload), Filled::Silence);
        }
        assert_eq!(heard(&mut playout), []);
        playout.resume();
        let mut rest = Vec::new();
        while playout.says_something() {
            playout.fill(Codec::Pcmu, &mut payload);
            rest.extend_from_slice(&payload);
        }
        let mut samples = vec![0; rest.len()];
        Codec::Pcmu.decode(&rest, &mut samples);
        let silent = samples
            .iter()
            .take_while(|sample| sample.abs() < 10)
            .count();
        assert!((80..=320).contains(&silent), "{silent}");
        let second = samples.iter().filter(|&&sample| sample < -900).count();
        assert_eq!(second, 1_600, "the second word is heard whole");
        let ends = [Heard::Part { play, part: 0 }, Heard::End { play }];
        assert_eq!(heard(&mut playout), ends);
    }

    #[test]
    fn a_new_play_is_not_paused_and_nothing_is_paused_where_nothing_plays() {
        let mut playout = Playout::default();
        let mut payload = [0; 160];
        playout.play(PlayId(1), vec![sound(1000, 800)]);
        playout.pause();
        playout.play(PlayId(2), vec![sound(1000, 160)]);
        assert_eq!(playout.fill(Codec::Pcmu, &mut payload), START);
        playout.pause();
        playout.set_background(Some(prompt(700, 100)));
        assert_ne!(playout.fill(Codec::Pcmu, &mut payload), Filled::Silence);
    }
}
