//! Who is heard over a prompt: a caller is, the prompt's own echo is not. In virtual time, on
//! Debian's `asterisk-core-sounds-en-wav`, each line made from its number alone.
//!
//! `ZEROLINE_ECHO_SWEEP=1 cargo test --release --test barge_in -- --nocapture` plays every prompt at
//! every level and delay, and tells how far the bounds hold beyond the usual lines: it is a measurement,
//! and where a line misses a bound the test fails, after the figures.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use std::path::{Path, PathBuf};
use zeroline::audio::frame::{level_dbm0, sine_peak, to_sample};
use zeroline::audio::g711::{decode_a, decode_mu, encode_a, encode_mu};
use zeroline::speech::turn::{Floor, Output, Turn};
use zeroline::speech::vad::FRAME;

const PROMPTS: usize = 100;
const PROMPT_DBM0: f32 = -20.0;
const ECHOES_DB: [f32; 5] = [-6.0, -12.0, -18.0, -24.0, -30.0];
/// Of the network, and of the jitter buffer: milliseconds.
const DELAYS: [(usize, usize); 5] = [(0, 20), (40, 60), (150, 60), (300, 60), (300, 200)];
/// The prompt starts so late.
const LEAD: usize = 1_600;
const NOISE_DBM0: f32 = -65.0;

/// One prompt on one line.
struct Line<'a> {
    number: usize,
    prompt: &'a [f32],
    echo_db: Option<f32>,
    delay: (usize, usize),
    /// What the caller says, and how many samples after the prompt's start.
    caller: Option<(&'a [f32], usize)>,
    /// The jitter buffer leaves a frame out, or waits one longer, every 1.2 s or so.
    jumps: bool,
}

/// Milliseconds from the start of the line.
#[derive(Debug, Default)]
struct Heard {
    paused: Vec<usize>,
    dropped: Vec<usize>,
}

impl Line<'_> {
    fn law(&self, sample: f32) -> f32 {
        let sample = to_sample(sample);
        f32::from(match self.number % 2 {
            0 => decode_mu(encode_mu(sample)),
            _ => decode_a(encode_a(sample)),
        })
    }

    /// What comes back from the peer: the echo, the caller and some noise.
    fn far_end(&self, played: &[f32], random: &mut SmallRng) -> Vec<f32> {
        let mut far = vec![0.0; played.len() + 8_000];
        if let Some(echo_db) = self.echo_db {
            let gain = 10f32.powf(echo_db / 20.0);
            for (to, sample) in far[self.delay.0 * 8..].iter_mut().zip(played) {
                *to += gain * sample;
            }
        }
        if let Some((speech, at)) = self.caller {
            for (to, sample) in far[LEAD + at..].iter_mut().zip(speech) {
                *to += sample;
            }
        }
        let noise = sine_peak(NOISE_DBM0) * 6f32.sqrt();
        far.into_iter()
            .map(|sample| self.law(sample + noise * random.random_range(-0.5..0.5)))
            .collect()
    }

    fn run(&self) -> Heard {
        let mut random = SmallRng::seed_from_u64(self.number as u64);
        let length = (LEAD + self.prompt.len() + 6_400) / FRAME * FRAME;
        let mut played = vec![0.0; length];
        for (to, sample) in played[LEAD..].iter_mut().zip(self.prompt) {
            *to = self.law(*sample);
        }
        let far = self.far_end(&played, &mut random);
        let mut heard = Heard::default();
        let mut turn = Turn::new();
        let mut late = self.delay.1 * 8;
        for start in (0..length).step_by(FRAME) {
            if self.jumps && random.random_range(0..60) == 0 {
                let longer = late < 2 * FRAME || random.random_bool(0.5);
                late = if longer { late + FRAME } else { late - FRAME };
            }
            let from = |at: usize| at.checked_sub(late).map_or(0, |at| far[at] as i16);
            let frame: Vec<i16> = (start..start + FRAME).map(from).collect();
            let sent: Vec<i16> = played[start..start + FRAME]
                .iter()
                .map(|s| *s as i16)
                .collect();
            let now = (start + FRAME) / 8;
            turn.handle_sound(&frame, &sent, Floor::Shared, |output| match output {
                Output::MaybeSpeech => heard.paused.push(now),
                Output::SpeechBegan => heard.dropped.push(now),
                _ => {}
            });
        }
        heard
    }

    /// When the caller's first sound reaches the turn, in milliseconds.
    fn caller_begins(&self) -> usize {
        let (_, at) = self.caller.expect("there is one");
        (LEAD + at) / 8 + self.delay.1
    }
}

/// Recordings of 1.5 to 7 s in an order of their own, as loud as `dbm0` where they speak, from
/// their first sound.
fn recordings(dbm0: f32, seed: u64) -> Vec<Vec<f32>> {
    let mut paths = wav_files(Path::new("/usr/share/asterisk/sounds"));
    paths.sort();
    let mut random = SmallRng::seed_from_u64(seed);
    let sounds = (0..paths.len()).map(|_| {
        let path = paths.swap_remove(random.random_range(0..paths.len()));
        let wav = hound::WavReader::open(&path).unwrap();
        wav.into_samples::<i16>()
            .map(|s| f32::from(s.unwrap()))
            .collect::<Vec<f32>>()
    });
    sounds
        .filter(|sound| (12_000..56_000).contains(&sound.len()))
        .filter_map(|sound| spoken(&sound, dbm0))
        .collect()
}

/// `None`: no speech in it, but a tone or silence.
fn spoken(sound: &[f32], dbm0: f32) -> Option<Vec<f32>> {
    let powers: Vec<f32> = sound
        .chunks(80)
        .map(|part| part.iter().map(|s| s * s).sum::<f32>() / 80.0)
        .collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let active: Vec<f32> = powers
        .iter()
        .copied()
        .filter(|it| *it > loudest / 1_000.0)
        .collect();
    let level = level_dbm0(active.iter().sum::<f32>() / active.len().max(1) as f32);
    let gain = 10f32.powf((dbm0 - level) / 20.0);
    let begin = powers
        .iter()
        .position(|it| level_dbm0(it * gain * gain) > dbm0 - 15.0)?;
    let changes = active.iter().any(|it| *it < loudest / 100.0);
    changes.then(|| sound[begin * 80..].iter().map(|s| s * gain).collect())
}

fn wav_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => wav_files(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|it| it == "wav"))
        .collect()
}

/// The prompts, or `None` where they are not installed.
fn prompts() -> Option<Vec<Vec<f32>>> {
    let prompts = recordings(PROMPT_DBM0, 1);
    if prompts.is_empty() {
        println!("skipped: asterisk-core-sounds-en-wav is not installed");
        return None;
    }
    assert!(prompts.len() >= PROMPTS, "{}", prompts.len());
    Some(prompts)
}

/// Every combination of echo and delay, each prompt at one of them; all of them in a sweep.
fn conditions(number: usize) -> Vec<(f32, (usize, usize))> {
    let all: Vec<_> = ECHOES_DB
        .iter()
        .flat_map(|&echo| DELAYS.map(|delay| (echo, delay)))
        .collect();
    match std::env::var_os("ZEROLINE_ECHO_SWEEP") {
        Some(_) => all,
        None => vec![all[number % all.len()]],
    }
}

#[test]
fn a_prompt_is_never_stopped_by_its_own_echo() {
    let Some(prompts) = prompts() else { return };
    let (mut stopped, mut dropped, mut all) = (Vec::new(), 0, 0);
    for (number, prompt) in prompts.iter().take(PROMPTS).enumerate() {
        for (echo_db, delay) in conditions(number) {
            all += 1;
            let line = Line {
                number,
                prompt,
                echo_db: Some(echo_db),
                delay,
                caller: None,
                jumps: false,
            };
            let heard = line.run();
            dropped += heard.dropped.len();
            if !heard.paused.is_empty() || !heard.dropped.is_empty() {
                stopped.push((number, echo_db, delay, heard));
            }
        }
    }
    println!(
        "of {all} prompts {} stopped by their echo, {dropped} dropped",
        stopped.len()
    );
    assert!(stopped.is_empty(), "{stopped:?}");
}

#[test]
fn a_jitter_buffer_that_shifts_the_echo_stops_few_prompts_and_drops_hardly_one() {
    let Some(prompts) = prompts() else { return };
    let (mut paused, mut dropped, mut all) = (0, 0, 0);
    for (number, prompt) in prompts.iter().skip(50).take(50).enumerate() {
        for (echo_db, delay) in conditions(number) {
            let line = Line {
                number,
                prompt,
                echo_db: Some(echo_db),
                delay,
                caller: None,
                jumps: true,
            };
            let heard = line.run();
            all += 1;
            paused += usize::from(!heard.paused.is_empty());
            dropped += usize::from(!heard.dropped.is_empty());
        }
    }
    println!("of {all} prompts with a moving echo: {paused} paused, {dropped} dropped");
    assert!(paused * 20 <= all && dropped * 50 <= all);
}

#[test]
fn a_caller_10_db_softer_than_the_prompt_interrupts_it() {
    let Some(prompts) = prompts() else { return };
    let callers = recordings(PROMPT_DBM0 - 10.0, 2);
    let most = if std::env::var_os("ZEROLINE_ECHO_SWEEP").is_some() {
        100
    } else {
        16
    };
    let mut missed = Vec::new();
    for echo_db in [None, Some(-30.0), Some(-18.0), Some(-6.0)] {
        let (mut pauses, mut dropped, mut all) = (Vec::new(), 0, 0);
        let long = prompts.iter().filter(|prompt| prompt.len() > 24_000);
        for (number, prompt) in long.take(most).enumerate() {
            let line = Line {
                number,
                prompt,
                echo_db,
                delay: DELAYS[number % DELAYS.len()],
                caller: Some((&callers[number], 9_600 + 997 * number % 6_400)),
                jumps: false,
            };
            let heard = line.run();
            let begins = line.caller_begins();
            all += 1;
            let since = |at: &usize| at.checked_sub(begins);
            assert!(
                heard.paused.iter().all(|at| since(at).is_some()),
                "{number} at {echo_db:?}"
            );
            pauses.extend(heard.paused.iter().find_map(since));
            dropped += usize::from(!heard.dropped.is_empty());
        }
        pauses.sort_unstable();
        let percentile = |share: f32| pauses[((pauses.len() - 1) as f32 * share) as usize];
        let (p50, p90, p99) = (percentile(0.5), percentile(0.9), percentile(0.99));
        println!(
            "echo {echo_db:?} dB: of {all} callers {} pause it after {p50} / {p90} / {p99} ms \
             (p50 / p90 / p99), {dropped} have it dropped",
            pauses.len()
        );
        assert!(
            pauses.len() * 20 >= all * 19 && dropped * 20 >= all * 18,
            "{echo_db:?}"
        );
        let (usual, longest) = if echo_db.is_none() {
            (120, 160)
        } else {
            (300, 800)
        };
        if p50 > usual || p99 > longest {
            missed.push((echo_db, p50, p99));
        }
    }
    assert!(missed.is_empty(), "(dB, p50, p99): {missed:?}");
}
