//! 16-bit WAV at 8 kHz, one channel or two: recordings as they are written, bit by bit, and read.

use super::frame::{SAMPLE_RATE, duration_of};
use std::io::{Read, Seek, Write};
use std::time::Duration;

/// Writes a recording. What was written before the last [`flush`](Self::flush) can be read even
/// if nothing more ever comes. One channel: the caller; two: caller left, bot right.
pub struct WavWriter<W: Write + Seek> {
    inner: hound::WavWriter<W>,
    frames: usize,
}

impl<W: Write + Seek> WavWriter<W> {
    pub fn mono(writer: W) -> Result<Self, hound::Error> {
        Self::new(writer, 1)
    }

    pub fn stereo(writer: W) -> Result<Self, hound::Error> {
        Self::new(writer, 2)
    }

    /// Begins with a flush, so that the file is a WAV from the first moment.
    fn new(writer: W, channels: u16) -> Result<Self, hound::Error> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut inner = hound::WavWriter::new(writer, spec)?;
        inner.flush()?;
        Ok(WavWriter { inner, frames: 0 })
    }

    /// Appends to the one channel.
    pub fn write(&mut self, samples: &[i16]) -> Result<(), hound::Error> {
        for &sample in samples {
            self.inner.write_sample(sample)?;
        }
        self.frames += samples.len();
        Ok(())
    }

    /// Appends to both channels; the shorter one is filled up with silence.
    pub fn write_stereo(&mut self, left: &[i16], right: &[i16]) -> Result<(), hound::Error> {
        let frames = left.len().max(right.len());
        for n in 0..frames {
            for channel in [left, right] {
                self.inner
                    .write_sample(channel.get(n).copied().unwrap_or(0))?;
            }
        }
        self.frames += frames;
        Ok(())
    }

    /// Brings the header up to date and hands everything to the operating system.
    pub fn flush(&mut self) -> Result<(), hound::Error> {
        self.inner.flush()
    }

    pub fn duration(&self) -> Duration {
        duration_of(self.frames)
    }

    /// Flushes and ends the file.
    pub fn finish(self) -> Result<Duration, hound::Error> {
        let duration = self.duration();
        self.inner.finalize()?;
        Ok(duration)
    }
}

/// Reads a 16-bit WAV at 8 kHz: its channels, each with as many samples as the others.
pub fn read(reader: impl Read) -> Result<Vec<Vec<i16>>, WavError> {
    let reader = hound::WavReader::new(reader)?;
    let spec = reader.spec();
    let fits = spec.sample_rate == SAMPLE_RATE
        && spec.bits_per_sample == 16
        && spec.sample_format == hound::SampleFormat::Int
        && (1..=2).contains(&spec.channels);
    if !fits {
        return Err(WavError::Format {
            rate: spec.sample_rate,
            bits: spec.bits_per_sample,
            channels: spec.channels,
        });
    }
    let mut channels = vec![Vec::new(); spec.channels.into()];
    let all: Vec<i16> = reader.into_samples().collect::<Result<_, _>>()?;
    for frame in all.chunks_exact(channels.len()) {
        for (channel, &sample) in channels.iter_mut().zip(frame) {
            channel.push(sample);
        }
    }
    Ok(channels)
}

#[derive(Debug, thiserror::Error)]
pub enum WavError {
    #[error("this is not a WAV file that can be read: {0}")]
    Unreadable(#[from] hound::Error),
    #[error(
        "the WAV has {rate} Hz, {bits} bits and {channels} channels; 8000 Hz, 16 bits and one \
         or two channels are wanted"
    )]
    Format { rate: u32, bits: u16, channels: u16 },
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn what_is_written_is_read_again() {
        let mut file = Cursor::new(Vec::new());
        let mut writer = WavWriter::stereo(&mut file).unwrap();
        writer.write_stereo(&[1, 2, 3], &[-1]).unwrap();
        writer.write_stereo(&[], &[-4]).unwrap();
        assert_eq!(writer.finish().unwrap(), Duration::from_micros(500));
        file.set_position(0);
        let channels = read(file).unwrap();
        assert_eq!(channels, [[1, 2, 3, 0], [-1, 0, 0, -4]]);
    }

    /// The writer is never dropped, as in a process that died.
    #[test]
    fn a_file_is_whole_up_to_the_last_flush() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let buffered = std::io::BufWriter::new(file.reopen().unwrap());
        let mut writer = WavWriter::mono(buffered).unwrap();
        assert_eq!(read(file.reopen().unwrap()).unwrap(), [vec![0i16; 0]]);
        writer.write(&[5; 160]).unwrap();
        writer.flush().unwrap();
        writer.write(&[6; 160]).unwrap();
        std::mem::forget(writer);
        assert_eq!(read(file.reopen().unwrap()).unwrap(), [vec![5; 160]]);
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        assert!(matches!(read(&b"RIFF"[..]), Err(WavError::Unreadable(_))));
        let mut file = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        hound::WavWriter::new(&mut file, spec)
            .unwrap()
            .finalize()
            .unwrap();
        file.set_position(0);
        let error = read(file).unwrap_err().to_string();
        assert!(error.contains("44100 Hz"), "{error}");
    }
}
