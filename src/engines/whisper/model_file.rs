//! A whisper model's file (GGML), judged before whisper.cpp sees it: that would take a cut file for a
//! whole one, and end the process over a damaged one.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const MAGIC: u32 = 0x6767_6d6c;

/// What the file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub vocabulary: u32,
    /// Positions of the encoder: 50 a second of sound.
    pub audio_positions: u32,
    pub audio_width: u32,
    pub audio_layers: u32,
    pub text_positions: u32,
    pub text_layers: u32,
    /// Of the spectrum.
    pub bands: u32,
    /// How weights are kept: 0 in 32 bits, 1 in 16, 7 in 8 (q8_0).
    pub weights: u32,
    /// 0 in the files that whisper.cpp tests itself with.
    pub tensors: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("it is {0}, no whisper model in the GGML format")]
    OtherKind(&'static str),
    #[error("it is cut off: {0}")]
    Truncated(&'static str),
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl Header {
    /// More than 51,864 tokens; what has fewer hears English only.
    pub fn is_multilingual(&self) -> bool {
        self.vocabulary >= 51_865
    }

    /// How many tensors whisper.cpp wants.
    fn wanted_tensors(&self) -> u32 {
        11 + 15 * self.audio_layers + 24 * self.text_layers
    }
}

/// Walks through the whole file, without reading its weights.
pub fn examine(path: &Path) -> Result<Header, ModelFileError> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut walk = Walk {
        at: 0,
        length,
        file: BufReader::new(file),
    };
    let magic = walk.word("the file is empty")?;
    if magic != MAGIC {
        return Err(ModelFileError::OtherKind(kind_of(magic)));
    }
    let mut header = walk.header()?;
    walk.filters(&header)?;
    walk.vocabulary(&header)?;
    while walk.at < walk.length {
        walk.tensor()?;
        header.tensors += 1;
    }
    if header.tensors != 0 && header.tensors < header.wanted_tensors() {
        return Err(ModelFileError::Truncated("some of its weights are missing"));
    }
    Ok(header)
}

/// What people hand over instead.
fn kind_of(magic: u32) -> &'static str {
    match &magic.to_le_bytes() {
        b"GGUF" => "a GGUF file",
        b"RIFF" => "a sound",
        [b'P', b'K', ..] => "a zip archive",
        b"vers" => "a Git LFS pointer",
        [b'<', ..] => "a page of the web",
        [b'{', ..] => "JSON",
        _ => "another kind of file",
    }
}

struct Walk {
    at: u64,
    length: u64,
    file: BufReader<File>,
}

impl Walk {
    fn word(&mut self, missing: &'static str) -> Result<u32, ModelFileError> {
        let mut bytes = [0; 4];
        self.within(4, missing)?;
        self.file.read_exact(&mut bytes)?;
        self.at += 4;
        Ok(u32::from_le_bytes(bytes))
    }

    fn skip(&mut self, bytes: u64, missing: &'static str) -> Result<(), ModelFileError> {
        self.within(bytes, missing)?;
        // What is bounded by a file's length fits.
        self.file.seek(SeekFrom::Current(bytes as i64))?;
        self.at += bytes;
        Ok(())
    }

    fn within(&self, bytes: u64, missing: &'static str) -> Result<(), ModelFileError> {
        match self.length - self.at >= bytes {
            true => Ok(()),
            false => Err(ModelFileError::Truncated(missing)),
        }
    }

    fn header(&mut self) -> Result<Header, ModelFileError> {
        let mut words = [0; 11];
        for word in &mut words {
            *word = self.word("its header is missing")?;
        }
        let [
            vocabulary,
            audio_positions,
            audio_width,
            audio_heads,
            audio_layers,
            text_positions,
            text_width,
            text_heads,
            text_layers,
            bands,
            weights,
        ] = words;
        let plausible = (51_864..=52_000).contains(&vocabulary)
            && (1..=1_500).contains(&audio_positions)
            && (1..=448).contains(&text_positions)
            && (1..=2_048).contains(&audio_width)
            && text_width == audio_width
            && (1..=64).contains(&audio_layers)
            && (1..=64).contains(&text_layers)
            && (1..=64).contains(&audio_heads)
            && (1..=64).contains(&text_heads)
            && audio_width % audio_heads == 0
            && text_width % text_heads == 0
            && [80, 128].contains(&bands)
            && [0, 1, 2, 3, 7, 8, 9, 10, 11, 12, 13, 14].contains(&(weights % 1_000))
            && weights / 1_000 <= 2;
        if !plausible {
            let what = format!("its header names sizes that no model has: {words:?}");
            return Err(ModelFileError::Damaged(what));
        }
        Ok(Header {
            vocabulary,
            audio_positions,
            audio_width,
            audio_layers,
            text_positions,
            text_layers,
            bands,
            weights: weights % 1_000,
            tensors: 0,
        })
    }

    fn filters(&mut self, header: &Header) -> Result<(), ModelFileError> {
        const MISSING: &str = "its mel filters are missing";
        let (bands, bins) = (self.word(MISSING)?, self.word(MISSING)?);
        if bands != header.bands || bins != 201 {
            let what = format!("it has {bands} mel filters over {bins} frequencies");
            return Err(ModelFileError::Damaged(what));
        }
        self.skip(u64::from(bands) * u64::from(bins) * 4, MISSING)
    }

    fn vocabulary(&mut self, header: &Header) -> Result<(), ModelFileError> {
        const MISSING: &str = "its vocabulary is missing";
        let tokens = self.word(MISSING)?;
        if tokens > header.vocabulary {
            let what = format!("its vocabulary has {tokens} entries");
            return Err(ModelFileError::Damaged(what));
        }
        for _ in 0..tokens {
            let length = self.word(MISSING)?;
            if length > 1_024 {
                let what = format!("a word of its vocabulary has {length} bytes");
                return Err(ModelFileError::Damaged(what));
            }
            self.skip(u64::from(length), MISSING)?;
        }
        Ok(())
    }

    fn tensor(&mut self) -> Result<(), ModelFileError> {
        const MISSING: &str = "the last of its weights are missing";
        let (dimensions, name, kind) = (
            self.word(MISSING)?,
            self.word(MISSING)?,
            self.word(MISSING)?,
        );
        let damaged = |what: String| Err(ModelFileError::Damaged(what));
        if !(1..=4).contains(&dimensions) || name > 128 {
            return damaged(format!("at byte {} no weights begin", self.at - 12));
        }
        let Some((block, bytes)) = block_of(kind) else {
            return damaged(format!("it has weights of the unknown kind {kind}"));
        };
        let mut elements = 1u64;
        for _ in 0..dimensions {
            elements = elements.saturating_mul(u64::from(self.word(MISSING)?));
        }
        if elements == 0 || !elements.is_multiple_of(block) {
            return damaged(format!("it has weights of {elements} numbers"));
        }
        self.skip(u64::from(name), MISSING)?;
        self.skip((elements / block).saturating_mul(bytes), MISSING)
    }
}

/// GGML's kinds of numbers: how many in a block, and its bytes.
fn block_of(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 => (1, 4),
        1 => (1, 2),
        2 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        10 => (256, 84),
        11 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        _ => return None,
    })
}
