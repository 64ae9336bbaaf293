//! What listening to a caller costs: `cargo bench --bench listening`. Nanoseconds a frame of 20 ms
//! and the share of one core that a call takes, the best of several rounds. Speech and prompts are
//! Debian's `asterisk-core-sounds-en-wav`.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;
use zeroline::audio::g711::{decode_mu, encode_mu};
use zeroline::speech::turn::{Floor, Turn};
use zeroline::speech::vad::FRAME;

const ROUNDS: usize = 7;
const RECORDINGS: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";

fn recording(name: &str) -> Vec<i16> {
    let path = Path::new(RECORDINGS).join(name);
    let wav = hound::WavReader::open(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}. Install asterisk-core-sounds-en-wav.",
            path.display()
        )
    });
    wav.into_samples().map(|sample| sample.unwrap()).collect()
}

/// White noise of this root mean square.
fn noise(samples: usize, level: f32) -> Vec<i16> {
    let mut state = 1u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 24) as f32 - 0.5) * 12f32.sqrt() * level
        })
        .map(|sample| sample as i16)
        .collect()
}

/// `sound`, so many milliseconds later and softer by a factor, through G.711.
fn echo(sound: &[i16], milliseconds: usize, gain: f32) -> Vec<i16> {
    let mut late = vec![0; milliseconds * 8];
    let back = |&sample: &i16| decode_mu(encode_mu((f32::from(sample) * gain) as i16));
    late.extend(sound.iter().map(back));
    late
}

fn measure(name: &str, heard: &[i16], played: &[i16], floor: Floor) {
    let silence = [0; FRAME];
    let frames = heard.len() / FRAME;
    let best = (0..ROUNDS)
        .map(|_| {
            let mut turn = Turn::new();
            let start = Instant::now();
            for (n, frame) in heard.chunks_exact(FRAME).enumerate() {
                let played = played.get(n * FRAME..(n + 1) * FRAME).unwrap_or(&silence);
                turn.handle_sound(frame, played, floor, |output| {
                    black_box(output);
                });
            }
            start.elapsed().as_nanos() as f64 / frames as f64
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:<44} {best:>8.0} ns {:>7.3} %", best / 20e6 * 100.0);
}

fn main() {
    let speech = recording("demo-instruct.wav");
    let prompt = recording("demo-congrats.wav");
    let quiet = noise(prompt.len(), 3.0);
    measure("silence", &vec![0; prompt.len()], &[], Floor::Caller);
    measure("a quiet line", &quiet, &[], Floor::Caller);
    let loud = noise(prompt.len(), 300.0);
    measure("noise at -35 dBm0", &loud, &[], Floor::Caller);
    measure("speech", &speech, &[], Floor::Caller);
    measure(
        "a prompt, the caller silent",
        &quiet,
        &prompt,
        Floor::Shared,
    );
    measure(
        "a prompt, the caller speaks",
        &speech,
        &prompt,
        Floor::Shared,
    );
    for (gain, level) in [(0.5, -6), (0.1, -20), (0.032, -30)] {
        let name = format!("a prompt and its echo, {level} dB, 200 ms late");
        measure(&name, &echo(&prompt, 200, gain), &prompt, Floor::Shared);
    }
}
