//! Whisper model files of made-up weights, in the shape of real ones: they cost what real ones cost,
//! and say, whatever they hear, what they were made to say.
//!
//! The residual stream of the decoder is a token's embedding plus its position's; with every layer's
//! output at nought it comes to the end as it was. So a position that points to the embedding of a
//! token makes that token the next one.

use std::io::{BufWriter, Result, Write};
use std::path::Path;

pub struct Shape {
    pub width: usize,
    pub heads: usize,
    /// Of the encoder, and of the decoder.
    pub layers: usize,
    /// 51,865 hears many languages, 51,864 English only.
    pub vocabulary: usize,
}

/// As small as it can be.
pub const SMALL: Shape = Shape {
    width: 64,
    heads: 1,
    layers: 1,
    vocabulary: 51_865,
};

/// As whisper's `tiny`.
pub const TINY: Shape = Shape {
    width: 384,
    heads: 6,
    layers: 4,
    vocabulary: 51_865,
};

/// As whisper's `base`.
pub const BASE: Shape = Shape {
    width: 512,
    heads: 8,
    layers: 6,
    vocabulary: 51_865,
};

/// What a model says: at each position the likely tokens with their weights. "" is the end.
pub struct Script<'s> {
    /// Tokens of the vocabulary, beside the 256 bytes.
    pub words: &'s [&'s str],
    pub says: &'s [&'s [(f32, &'s str)]],
    /// It thinks that nobody speaks.
    pub is_silent: bool,
}

const AUDIO_POSITIONS: usize = 1_500;
const TEXT_POSITIONS: usize = 448;
const BANDS: usize = 80;
const BINS: usize = 201;
/// How much louder a position is than a token.
const POSITION: f32 = 8.0;

/// Writes a file with 8-bit weights (q8_0).
pub fn write_model(path: &Path, shape: &Shape, script: &Script) -> Result<()> {
    let mut model = Writer {
        file: BufWriter::new(std::fs::File::create(path)?),
        chance: 0x5eed,
        shape,
    };
    model.header()?;
    let words = model.vocabulary(script.words)?;
    model.encoder()?;
    model.decoder(script, &words)?;
    model.file.flush()
}

struct Writer<'w> {
    file: BufWriter<std::fs::File>,
    chance: u64,
    shape: &'w Shape,
}

impl Writer<'_> {
    fn words(&mut self, words: &[usize]) -> Result<()> {
        for word in words {
            self.file.write_all(&(*word as u32).to_le_bytes())?;
        }
        Ok(())
    }

    fn header(&mut self) -> Result<()> {
        let Shape {
            width,
            heads,
            layers,
            vocabulary,
        } = *self.shape;
        self.file.write_all(b"lmgg")?;
        let q8_0 = 2_007;
        self.words(&[vocabulary, AUDIO_POSITIONS, width, heads, layers])?;
        self.words(&[TEXT_POSITIONS, width, heads, layers, BANDS, q8_0])?;
        self.words(&[BANDS, BINS])?;
        let filters = (0..BANDS * BINS).map(|at| match at % BINS / 2 == at / BINS {
            true => 0.01f32,
            false => 0.0,
        });
        for filter in filters {
            self.file.write_all(&filter.to_le_bytes())?;
        }
        Ok(())
    }

    /// The texts of the tokens, by number.
    fn vocabulary(&mut self, words: &[&str]) -> Result<Vec<Vec<u8>>> {
        let size = self.shape.vocabulary - 1_608;
        let bytes = (0..=255).map(|byte| vec![byte]);
        let words = words.iter().map(|word| word.as_bytes().to_vec());
        let mut texts: Vec<Vec<u8>> = bytes.chain(words).collect();
        let filler = (0..).map(|n| format!("\u{1}{n}").into_bytes());
        let missing = size - texts.len();
        texts.extend(filler.take(missing));
        self.words(&[texts.len()])?;
        for text in &texts {
            self.words(&[text.len()])?;
            self.file.write_all(text)?;
        }
        Ok(texts)
    }

    fn tensor(&mut self, name: &str, sizes: &[usize], kind: usize) -> Result<()> {
        self.words(&[sizes.len(), name.len(), kind])?;
        self.words(sizes)?;
        self.file.write_all(name.as_bytes())
    }

    fn in_32_bits(&mut self, name: &str, sizes: &[usize], values: &[f32]) -> Result<()> {
        self.tensor(name, sizes, 0)?;
        for value in values {
            self.file.write_all(&value.to_le_bytes())?;
        }
        Ok(())
    }

    fn all(&mut self, name: &str, sizes: &[usize], value: f32) -> Result<()> {
        let count = sizes.iter().product();
        self.in_32_bits(name, sizes, &vec![value; count])
    }

    /// 8-bit weights: blocks of 32 with a scale of 16 bits.
    fn in_8_bits(
        &mut self,
        name: &str,
        sizes: &[usize],
        mut value: impl FnMut(&mut Self) -> i8,
        scale: u16,
    ) -> Result<()> {
        self.tensor(name, sizes, 8)?;
        for _ in 0..sizes.iter().product::<usize>() / 32 {
            let mut block = [0; 34];
            block[..2].copy_from_slice(&scale.to_le_bytes());
            for byte in &mut block[2..] {
                *byte = value(self) as u8;
            }
            self.file.write_all(&block)?;
        }
        Ok(())
    }

    /// xorshift: as good as any here.
    fn random(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }

    /// Weights of some hundredths.
    fn random_matrix(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<()> {
        let value = |model: &mut Self| (model.random() >> 56) as i8;
        self.in_8_bits(name, &[inputs, outputs], value, 0x0c00)
    }

    fn zero_matrix(&mut self, name: &str, inputs: usize, outputs: usize) -> Result<()> {
        self.in_8_bits(name, &[inputs, outputs], |_| 0, 0)
    }

    fn encoder(&mut self) -> Result<()> {
        let width = self.shape.width;
        self.all(
            "encoder.positional_embedding",
            &[width, AUDIO_POSITIONS],
            0.1,
        )?;
        for (layer, inputs) in [("conv1", BANDS), ("conv2", width)] {
            let sizes = [3, inputs, width];
            self.tensor(&format!("encoder.{layer}.weight"), &sizes, 1)?;
            for _ in 0..sizes.iter().product::<usize>() {
                // 16-bit numbers of some thousandths, both signs.
                let bits = (self.random() >> 48) as u16;
                let number = (bits & 0x83ff) | 0x1800;
                self.file.write_all(&number.to_le_bytes())?;
            }
            self.all(&format!("encoder.{layer}.bias"), &[1, width], 0.0)?;
        }
        self.norm("encoder.ln_post")?;
        for layer in 0..self.shape.layers {
            let prefix = format!("encoder.blocks.{layer}");
            self.attention(&prefix, "attn")?;
            self.mlp(&prefix)?;
        }
        Ok(())
    }

    fn norm(&mut self, name: &str) -> Result<()> {
        let width = self.shape.width;
        self.all(&format!("{name}.weight"), &[width], 1.0)?;
        self.all(&format!("{name}.bias"), &[width], 0.0)
    }

    fn attention(&mut self, prefix: &str, name: &str) -> Result<()> {
        let width = self.shape.width;
        self.norm(&format!("{prefix}.{name}_ln"))?;
        for part in ["query", "key", "value"] {
            self.random_matrix(&format!("{prefix}.{name}.{part}.weight"), width, width)?;
            if part != "key" {
                self.all(&format!("{prefix}.{name}.{part}.bias"), &[width], 0.0)?;
            }
        }
        self.zero_matrix(&format!("{prefix}.{name}.out.weight"), width, width)?;
        self.all(&format!("{prefix}.{name}.out.bias"), &[width], 0.0)
    }

    fn mlp(&mut self, prefix: &str) -> Result<()> {
        let width = self.shape.width;
        self.norm(&format!("{prefix}.mlp_ln"))?;
        self.random_matrix(&format!("{prefix}.mlp.0.weight"), width, 4 * width)?;
        self.all(&format!("{prefix}.mlp.0.bias"), &[4 * width], 0.0)?;
        self.zero_matrix(&format!("{prefix}.mlp.2.weight"), 4 * width, width)?;
        self.all(&format!("{prefix}.mlp.2.bias"), &[width], 0.0)
    }

    fn decoder(&mut self, script: &Script, texts: &[Vec<u8>]) -> Result<()> {
        let width = self.shape.width;
        // Each token a corner of a cube of its own; so long that the chosen one stands out.
        let length = 32.0 / width as f32;
        let signs: Vec<i8> = (0..self.shape.vocabulary * width)
            .map(|_| if self.random() >> 63 == 0 { 127 } else { -127 })
            .collect();
        let end = texts.len();
        let start = if self.shape.vocabulary > 51_864 { 3 } else { 1 };
        let mut positions = vec![0.0; TEXT_POSITIONS * width];
        let mut point = |position: usize, token: usize, weight: f32| {
            for at in 0..width {
                let sign = f32::from(signs[token * width + at]) / 127.0;
                positions[position * width + at] += POSITION * length * weight * sign;
            }
        };
        if script.is_silent {
            point(0, end + 105, 1.0);
        }
        for (at, choices) in script.says.iter().enumerate() {
            for (weight, word) in *choices {
                let known = texts.iter().rposition(|text| text == word.as_bytes());
                let token = match word.is_empty() {
                    true => end,
                    false => known.expect("a word of the script's"),
                };
                point(start + at, token, *weight);
            }
        }
        self.in_32_bits(
            "decoder.positional_embedding",
            &[width, TEXT_POSITIONS],
            &positions,
        )?;
        let mut signs = signs.into_iter();
        self.in_8_bits(
            "decoder.token_embedding.weight",
            &[width, self.shape.vocabulary],
            |_| signs.next().expect("one for each"),
            half(length / 127.0),
        )?;
        self.norm("decoder.ln")?;
        for layer in 0..self.shape.layers {
            let prefix = format!("decoder.blocks.{layer}");
            self.attention(&prefix, "attn")?;
            self.attention(&prefix, "cross_attn")?;
            self.mlp(&prefix)?;
        }
        Ok(())
    }
}

/// A small positive number in 16 bits (IEEE 754 half), cut off.
fn half(value: f32) -> u16 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as i32 - 127 + 15;
    let mantissa = (bits >> 13) & 0x3ff;
    match exponent {
        1.. => ((exponent as u32) << 10 | mantissa) as u16,
        _ => ((mantissa | 0x400) >> (1 - exponent)) as u16,
    }
}
