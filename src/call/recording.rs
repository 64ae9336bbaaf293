//! What is recorded of a call: the conversation (caller left, bot or person right), and messages.

use super::contract::RecorderCommand;

/// Samples are handed over by the second: one allocation and one channel message for 50 packets.
const CHUNK_SAMPLES: usize = 8_000;

/// A file that is being recorded.
#[derive(Debug)]
pub struct Tape {
    file: String,
    left: Vec<i16>,
    right: Vec<i16>,
    /// Samples a channel since the start.
    length: u64,
}

impl Tape {
    pub fn open(file: String, stereo: bool) -> (Tape, RecorderCommand) {
        let command = RecorderCommand::Open {
            file: file.clone(),
            stereo,
        };
        (
            Tape {
                file,
                left: Vec::new(),
                right: Vec::new(),
                length: 0,
            },
            command,
        )
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    pub fn milliseconds(&self) -> u32 {
        u32::try_from(self.length / 8).unwrap_or(u32::MAX)
    }

    pub fn push_mono(&mut self, samples: &[i16]) -> Option<RecorderCommand> {
        self.left.extend_from_slice(samples);
        self.length += samples.len() as u64;
        self.full_chunk()
    }

    /// The shorter channel is silent at its end.
    pub fn push_stereo(&mut self, left: &[i16], right: &[i16]) -> Option<RecorderCommand> {
        self.left.extend_from_slice(left);
        self.right.extend_from_slice(right);
        let length = self.left.len().max(self.right.len());
        self.left.resize(length, 0);
        self.right.resize(length, 0);
        self.length += left.len().max(right.len()) as u64;
        self.full_chunk()
    }

    fn full_chunk(&mut self) -> Option<RecorderCommand> {
        (self.left.len() >= CHUNK_SAMPLES).then(|| self.chunk())
    }

    fn chunk(&mut self) -> RecorderCommand {
        RecorderCommand::Samples {
            file: self.file.clone(),
            left: std::mem::take(&mut self.left),
            right: std::mem::take(&mut self.right),
        }
    }

    /// What is left, and the end.
    pub fn close(&mut self) -> [RecorderCommand; 2] {
        [
            self.chunk(),
            RecorderCommand::Close {
                file: self.file.clone(),
            },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stereo_tape_hands_over_by_the_second() {
        let file = "recordings/a.wav".to_string();
        let (mut tape, command) = Tape::open(file.clone(), true);
        assert_eq!(command, RecorderCommand::Open { file, stereo: true });
        for _ in 0..49 {
            assert_eq!(tape.push_stereo(&[1; 160], &[2; 160]), None);
        }
        let full = tape.push_stereo(&[1; 160], &[]);
        let Some(RecorderCommand::Samples { left, right, .. }) = full else {
            panic!("a second is full")
        };
        assert_eq!((left.len(), right.len()), (8_000, 8_000));
        assert_eq!((right[7_839], right[7_840]), (2, 0));
        assert_eq!(tape.milliseconds(), 1000);
    }
}
