//! The file of the network's weights (models/README.md tells its form), read once.

/// All of a network as it stands in the file.
pub struct Weights {
    pub bands: usize,
    pub channels: usize,
    /// Frames that the first convolution sees, and how many it goes on by.
    pub front_taps: usize,
    pub stride: usize,
    pub front: Dense,
    pub blocks: Vec<Block>,
    /// Of the last norm, a channel.
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
    pub heads: Vec<Head>,
}

/// A matrix, `inputs` rows of one value an output, and a bias.
pub struct Dense {
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A depthwise convolution over time and a pointwise one.
pub struct Block {
    /// Taps before and after the output's own moment.
    pub left: usize,
    pub right: usize,
    pub depthwise: Dense,
    pub pointwise: Dense,
}

/// The last layer for one language.
pub struct Head {
    /// The language's tag.
    pub language: String,
    /// Names of the outputs; the first is CTC's blank.
    pub units: Vec<String>,
    pub dense: Dense,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    #[error("its head ends too early or is no head of `zeroline hearing 1`: {0}")]
    Head(&'static str),
    #[error("it has {found} bytes of weights where its head says {expected}")]
    Length { found: usize, expected: usize },
}

impl Weights {
    pub fn read(file: &[u8]) -> Result<Weights, WeightsError> {
        let end = file.windows(2).position(|pair| pair == b"\n\n");
        let end = end.ok_or(WeightsError::Head("no empty line ends it"))?;
        let head = std::str::from_utf8(&file[..end]);
        let head = head.map_err(|_| WeightsError::Head("it is no text"))?;
        let shape = Shape::read(head)?;
        let body = &file[end + 2..];
        let expected = shape.values() * 2;
        if body.len() != expected {
            let found = body.len();
            return Err(WeightsError::Length { found, expected });
        }
        let halves = body.chunks_exact(2);
        let mut values = halves.map(|two| half(u16::from_le_bytes([two[0], two[1]])));
        Ok(shape.fill(&mut values))
    }
}

struct Shape {
    bands: usize,
    channels: usize,
    front_taps: usize,
    stride: usize,
    blocks: Vec<(usize, usize)>,
    units: Vec<(String, Vec<String>)>,
}

impl Shape {
    fn read(head: &str) -> Result<Shape, WeightsError> {
        let mut lines = head.lines();
        if lines.next() != Some("zeroline hearing 1") {
            return Err(WeightsError::Head("the first line is another"));
        }
        let sizes = lines.next().unwrap_or_default();
        let size = |name: &'static str| {
            let mut words = sizes.split(' ').skip_while(|word| *word != name);
            let value = words.nth(1).and_then(|word| word.parse().ok());
            value
                .filter(|it| (1..=4096).contains(it))
                .ok_or(WeightsError::Head(name))
        };
        let blocks = lines.next().and_then(|line| line.strip_prefix("blocks "));
        let blocks = blocks
            .ok_or(WeightsError::Head("blocks"))?
            .split(' ')
            .map(|block| {
                let (left, right) = block.split_once('+')?;
                let taps = (left.parse().ok()?, right.parse().ok()?);
                (taps.0 < 256 && taps.1 < 256).then_some(taps)
            });
        let units = lines.map(|line| {
            let mut words = line.strip_prefix("units ")?.split(' ').map(str::to_owned);
            Some((words.next()?, words.collect()))
        });
        Ok(Shape {
            bands: size("bands")?,
            channels: size("channels")?,
            front_taps: size("front")?,
            stride: size("stride")?,
            blocks: blocks
                .collect::<Option<_>>()
                .ok_or(WeightsError::Head("blocks"))?,
            units: units
                .collect::<Option<_>>()
                .ok_or(WeightsError::Head("units"))?,
        })
    }

    fn values(&self) -> usize {
        let channels = self.channels;
        let front = self.front_taps * self.bands * channels + channels;
        let blocks = self.blocks.iter().map(|(left, right)| {
            let taps = left + 1 + right;
            (taps + 1) * channels + channels * channels + channels
        });
        let heads = self
            .units
            .iter()
            .map(|(_, units)| (channels + 1) * units.len());
        front + blocks.sum::<usize>() + 2 * channels + heads.sum::<usize>()
    }

    fn fill(self, values: &mut impl Iterator<Item = f32>) -> Weights {
        let channels = self.channels;
        let mut take = |count: usize| values.take(count).collect::<Vec<f32>>();
        let mut dense = |inputs: usize, outputs: usize| Dense {
            weights: take(inputs * outputs),
            bias: take(outputs),
        };
        let front = dense(self.front_taps * self.bands, channels);
        let blocks = self.blocks.iter().map(|(left, right)| Block {
            left: *left,
            right: *right,
            depthwise: dense(left + 1 + right, channels),
            pointwise: dense(channels, channels),
        });
        let blocks = blocks.collect();
        let Dense {
            weights: scale,
            bias: shift,
        } = dense(1, channels);
        let heads = self.units.into_iter().map(|(language, units)| Head {
            dense: dense(channels, units.len()),
            language,
            units,
        });
        Weights {
            bands: self.bands,
            channels,
            front_taps: self.front_taps,
            stride: self.stride,
            front,
            blocks,
            scale,
            shift,
            heads: heads.collect(),
        }
    }
}

/// IEEE 754's binary16; the file has no infinities.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_read() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x8000, 0.0),
        ] {
            assert_eq!(half(bits), value);
        }
    }

    fn error(file: &[u8]) -> String {
        match Weights::read(file) {
            Ok(_) => panic!("this is no file of weights"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_cut_or_strange_file_is_told() {
        let small = b"zeroline hearing 1\nbands 2 channels 3 front 1 stride 1\nblocks 1+0\n\
            units en - A\n\n";
        let values = (2 * 3 + 3) + (2 * 3 + 3 + 3 * 3 + 3) + 6 + (3 * 2 + 2);
        let whole = [&small[..], &vec![0; values * 2]].concat();
        let weights = Weights::read(&whole).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(weights.heads[0].units, ["-", "A"]);
        assert_eq!(weights.blocks[0].depthwise.weights.len(), 6);
        let cut = &whole[..whole.len() - 1];
        assert!(error(cut).contains("bytes of weights"), "{}", error(cut));
        assert!(error(b"RIFF....").contains("head"));
        let strange =
            b"zeroline hearing 1\nbands 2 channels 99999 front 1 stride 1\nblocks 1+0\n\n";
        assert!(error(strange).contains("channels"));
    }
}
