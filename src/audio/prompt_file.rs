//! A recorded prompt's file (WAV, FLAC, MP3 or Ogg Vorbis, any rate, any channels) → samples.

use super::frame::{SAMPLES_PER_MS, mean_square};
use super::{loudness, resample};
use rodio::{Decoder, Source};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What files may be called, in the order in which they are looked for.
pub const EXTENSIONS: [&str; 4] = ["wav", "flac", "mp3", "ogg"];

/// The longest prompt that is taken: nobody listens to a longer one, and a file of another kind
/// could be endless.
const LONGEST_SECONDS: usize = 600;

#[derive(Debug, thiserror::Error)]
pub enum PromptFileError {
    #[error("it cannot be decoded ({0}); save it again as WAV, FLAC, MP3 or Ogg Vorbis")]
    Undecodable(String),
    #[error("it is cut off: its header promises more; copy it again")]
    CutOff,
    #[error("there is no sound in it; record it again, or delete the file to have it synthesized")]
    Silent,
    #[error("it is longer than ten minutes; cut it")]
    TooLong,
    #[error("{0}; save it again at 8000 to 48000 Hz")]
    Rate(#[from] resample::ResampleError),
}

/// Decodes a whole file: mixed down to one channel, resampled to 8 kHz, silence at both ends
/// trimmed, loudness evened. `extension` is a hint only.
pub fn decode(file: Vec<u8>, extension: &str) -> Result<Vec<i16>, PromptFileError> {
    let mut samples = decode_untouched(file, extension)?;
    samples = trim(&samples).to_vec();
    if samples.is_empty() {
        return Err(PromptFileError::Silent);
    }
    loudness::even(&mut samples);
    Ok(samples)
}

/// As [`decode`], but as long and as loud as it is: only mixed down and resampled.
pub fn decode_untouched(file: Vec<u8>, extension: &str) -> Result<Vec<i16>, PromptFileError> {
    if is_cut_off(&file) {
        return Err(PromptFileError::CutOff);
    }
    // The decoders are others' work and meet files from anywhere: a panic of theirs is one more
    // broken file.
    let (mono, rate) = catch_unwind(AssertUnwindSafe(|| mix_down(file, extension)))
        .unwrap_or_else(|_| Err(PromptFileError::Undecodable("the decoder failed".into())))?;
    Ok(resample::to_8_khz(&mono, rate)?)
}

/// Whether a WAV file is shorter than its header says: the decoder would play the beginning. Of the
/// other kinds none tells its length.
fn is_cut_off(file: &[u8]) -> bool {
    /// From here on it means that the writer, to a pipe, did not know.
    const UNKNOWN: usize = 0x7fff_0000;
    let (Some(b"RIFF"), Some(&[a, b, c, d]), Some(b"WAVE")) =
        (file.get(..4), file.get(4..8), file.get(8..12))
    else {
        return false;
    };
    let promised = u32::from_le_bytes([a, b, c, d]) as usize;
    // Some writers do not count the byte that makes the length even.
    promised < UNKNOWN && file.len() + 1 < promised + 8
}

fn mix_down(file: Vec<u8>, extension: &str) -> Result<(Vec<f32>, u32), PromptFileError> {
    let length = file.len() as u64;
    let decoder = Decoder::builder()
        .with_data(Cursor::new(file))
        .with_byte_len(length)
        .with_hint(extension)
        .build()
        .map_err(|error| PromptFileError::Undecodable(error.to_string()))?;
    let (channels, rate) = (
        usize::from(decoder.channels().get()),
        decoder.sample_rate().get(),
    );
    let longest = LONGEST_SECONDS * rate as usize;
    let mut mono = Vec::new();
    let mut frame = Vec::with_capacity(channels);
    for sample in decoder {
        frame.push(sample);
        if frame.len() == channels {
            mono.push(frame.drain(..).sum::<f32>() / channels as f32);
            if mono.len() > longest {
                return Err(PromptFileError::TooLong);
            }
        }
    }
    Ok((mono, rate))
}

/// Leaves out silence at both ends, but for a moment that keeps words apart. Nothing is left of
/// nothing but silence.
pub fn trim(samples: &[i16]) -> &[i16] {
    const BLOCK: usize = 10 * SAMPLES_PER_MS;
    const KEPT: usize = 5 * BLOCK;
    /// A peak of 100 or so: −50 dB below full scale, as mean square.
    const SILENCE: f32 = 5_000.0;
    let loud = |block: &&[i16]| mean_square(block) > SILENCE;
    let quiet_before = samples.chunks(BLOCK).take_while(|b| !loud(b)).count() * BLOCK;
    if quiet_before >= samples.len() {
        return &[];
    }
    let quiet_after = samples.rchunks(BLOCK).take_while(|b| !loud(b)).count() * BLOCK;
    let start = quiet_before.saturating_sub(KEPT);
    let end = (samples.len().saturating_sub(quiet_after) + KEPT).min(samples.len());
    &samples[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::loudness::{TARGET_DBFS, loudness_dbfs};

    fn wav(channels: u16, rate: u32, sound: &[f32]) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        for &sample in sound {
            for _ in 0..channels {
                writer.write_sample((sample * 32_767.0) as i16).unwrap();
            }
        }
        writer.finalize().unwrap();
        file.into_inner()
    }

    /// A second of silence, a second of tone, half a second of silence.
    fn sound(rate: u32) -> Vec<f32> {
        let rate = rate as usize;
        let tone = (0..rate).map(|n| 0.05 * (n as f32 * 2_500.0 / rate as f32).sin());
        let silence = |samples| std::iter::repeat_n(0.0, samples);
        silence(rate).chain(tone).chain(silence(rate / 2)).collect()
    }

    #[test]
    fn a_file_becomes_trimmed_and_evened_8_khz() {
        for (channels, rate) in [(1, 8_000), (2, 44_100), (1, 22_050), (2, 48_000)] {
            let file = wav(channels, rate, &sound(rate));
            let samples = decode(file, "wav").unwrap();
            assert!(
                samples.len().abs_diff(8_800) < 240,
                "{rate}: {}",
                samples.len()
            );
            let loudness = loudness_dbfs(&samples).unwrap();
            assert!((loudness - TARGET_DBFS).abs() < 1.0, "{rate}: {loudness}");
        }
    }

    #[test]
    fn every_kind_of_file_is_decoded() {
        let files: [(&str, &[u8]); 3] = [
            ("mp3", include_bytes!("../../tests/data/tone.mp3")),
            ("flac", include_bytes!("../../tests/data/tone.flac")),
            ("ogg", include_bytes!("../../tests/data/tone.ogg")),
        ];
        for (extension, file) in files {
            let samples = decode(file.to_vec(), extension).unwrap();
            // 0.7 s of sound, and 50 ms of the silence at each end.
            let length = samples.len();
            assert!(length.abs_diff(6_400) < 400, "{extension}: {length}");
            let middle = &samples[1_600..4_800];
            let rises = middle.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0);
            let hertz = rises.count() * 8_000 / middle.len();
            assert!(hertz.abs_diff(440) <= 5, "{extension}: {hertz} Hz");
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let undecodable = decode(b"not a sound at all".to_vec(), "mp3").unwrap_err();
        assert!(undecodable.to_string().contains("save it again as WAV"));
        let silent = decode(wav(1, 8_000, &[0.0; 8_000]), "wav").unwrap_err();
        assert!(matches!(silent, PromptFileError::Silent));
        assert!(decode(Vec::new(), "wav").is_err());
        let whole = wav(1, 8_000, &sound(8_000));
        let cut_off = decode(whole[..whole.len() / 2].to_vec(), "wav").unwrap_err();
        assert!(matches!(cut_off, PromptFileError::CutOff));
        let mut piped = whole;
        piped[4..8].fill(0xff);
        assert!(decode(piped, "wav").is_ok());
    }

    #[test]
    fn a_file_cut_off_anywhere_does_no_harm() {
        let file = wav(2, 44_100, &sound(44_100));
        for end in (0..200).chain([1_000, 200_000]) {
            let _ = decode(file[..end.min(file.len())].to_vec(), "wav");
        }
    }
}
