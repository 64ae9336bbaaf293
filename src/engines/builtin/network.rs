//! The network of models/training/network.py, frame by frame: log-mel frames in, a score for each
//! unit out, one row every 30 ms, some 170 ms after the sound.

use super::features::{BANDS, Frame, SILENCE};
use super::weights::{self, Weights};

/// Rows that are reckoned together: each weight is read once for so many.
const TOGETHER: usize = 4;
/// Outputs that are reckoned together.
const LANES: usize = 8;

pub struct Network {
    front_taps: usize,
    stride: usize,
    channels: usize,
    front: Dense,
    blocks: Vec<Block>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

struct Block {
    left: usize,
    right: usize,
    depthwise: weights::Dense,
    pointwise: Dense,
}

/// A matrix in the order in which it is read: for each [`LANES`] outputs, all their inputs.
pub struct Dense {
    inputs: usize,
    outputs: usize,
    panels: Vec<[f32; LANES]>,
    bias: Vec<f32>,
}

impl Network {
    pub fn new(weights: Weights) -> (Network, Vec<weights::Head>) {
        assert_eq!(weights.bands, BANDS, "the weights are for other features");
        let channels = weights.channels;
        let block = |block: weights::Block| Block {
            left: block.left,
            right: block.right,
            depthwise: block.depthwise,
            pointwise: Dense::new(&block.pointwise, channels),
        };
        let network = Network {
            front_taps: weights.front_taps,
            stride: weights.stride,
            channels,
            front: Dense::new(&weights.front, weights.front_taps * BANDS),
            blocks: weights.blocks.into_iter().map(block).collect(),
            scale: weights.scale,
            shift: weights.shift,
        };
        (network, weights.heads)
    }

    /// Values of a row that it puts out.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames that make one output more.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Frames of silence after which all that was said has come out.
    pub fn look_ahead(&self) -> usize {
        let later: usize = self.blocks.iter().map(|block| block.right).sum();
        self.front_taps / 2 + later * self.stride + self.stride - 1
    }
}

/// What the network remembers of an utterance, about 80 KB.
#[derive(Clone)]
pub struct Stream {
    frames: Vec<f32>,
    blocks: Vec<Vec<f32>>,
}

impl Stream {
    pub fn new(network: &Network) -> Stream {
        let before = |block: &Block| vec![0.0; block.left * network.channels];
        Stream {
            frames: SILENCE.repeat(network.front_taps / 2),
            blocks: network.blocks.iter().map(before).collect(),
        }
    }

    /// Rows of `channels` values for the outputs that these frames complete, ready for a head.
    pub fn push(&mut self, network: &Network, frames: &[Frame]) -> Vec<f32> {
        for frame in frames {
            self.frames.extend_from_slice(frame);
        }
        let (taps, step) = (network.front_taps * BANDS, network.stride * BANDS);
        let ready = (self.frames.len() + step).saturating_sub(taps) / step;
        let windows = self.frames.windows(taps).step_by(step).take(ready);
        let mut rows = network.front.apply(windows);
        rectify(&mut rows);
        self.frames.drain(..ready * step);
        for (block, kept) in network.blocks.iter().zip(&mut self.blocks) {
            rows = block.push(network.channels, kept, &rows);
        }
        for row in rows.chunks_exact_mut(network.channels) {
            for ((value, scale), shift) in row.iter_mut().zip(&network.scale).zip(&network.shift) {
                *value = (*value * scale + shift).max(0.0);
            }
        }
        rows
    }
}

impl Block {
    /// `kept` are the inputs that outputs to come still look at.
    fn push(&self, channels: usize, kept: &mut Vec<f32>, rows: &[f32]) -> Vec<f32> {
        kept.extend_from_slice(rows);
        let taps = self.left + 1 + self.right;
        let ready = (kept.len() / channels + 1).saturating_sub(taps);
        let mut filtered = Vec::with_capacity(ready * channels);
        for window in kept.windows(taps * channels).step_by(channels).take(ready) {
            let start = filtered.len();
            filtered.extend_from_slice(&self.depthwise.bias);
            let output = &mut filtered[start..];
            let moments = window.chunks_exact(channels);
            for (moment, tap) in moments.zip(self.depthwise.weights.chunks_exact(channels)) {
                for ((output, input), weight) in output.iter_mut().zip(moment).zip(tap) {
                    *output += input * weight;
                }
            }
        }
        rectify(&mut filtered);
        let mut output = self.pointwise.apply(filtered.chunks_exact(channels));
        // The residual: each output's own moment.
        for (output, input) in output.iter_mut().zip(&kept[self.left * channels..]) {
            *output += input;
        }
        kept.drain(..ready * channels);
        output
    }
}

fn rectify(values: &mut [f32]) {
    for value in values {
        *value = value.max(0.0);
    }
}

impl Dense {
    pub fn new(dense: &weights::Dense, inputs: usize) -> Dense {
        let outputs = dense.bias.len();
        let panel = |first: usize| {
            let rows = dense.weights.chunks_exact(outputs);
            rows.map(move |row| {
                std::array::from_fn(|lane| row.get(first + lane).copied().unwrap_or(0.0))
            })
        };
        Dense {
            inputs,
            outputs,
            panels: (0..outputs).step_by(LANES).flat_map(panel).collect(),
            bias: dense.bias.clone(),
        }
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Each row of `inputs` values becomes one of `outputs`.
    pub fn apply<'a>(&self, rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
        let rows: Vec<&[f32]> = rows.collect();
        let mut output = vec![0.0; rows.len() * self.outputs];
        let mut done = 0;
        while rows.len() - done >= TOGETHER {
            let group: &[&[f32]; TOGETHER] =
                rows[done..done + TOGETHER].try_into().expect("so many");
            self.apply_group(group, &mut output[done * self.outputs..]);
            done += TOGETHER;
        }
        for row in done..rows.len() {
            self.apply_group(&[rows[row]], &mut output[row * self.outputs..]);
        }
        output
    }

    fn apply_group<const ROWS: usize>(&self, rows: &[&[f32]; ROWS], output: &mut [f32]) {
        let rows = rows.map(|row| &row[..self.inputs]);
        for (at, panel) in self.panels.chunks_exact(self.inputs).enumerate() {
            let first = at * LANES;
            let lanes = LANES.min(self.outputs - first);
            let sums = products(&rows, panel);
            for (row, sums) in sums.iter().enumerate() {
                let output = &mut output[row * self.outputs + first..][..lanes];
                let bias = &self.bias[first..];
                for ((output, sum), bias) in output.iter_mut().zip(sums).zip(bias) {
                    *output = sum + bias;
                }
            }
        }
    }
}

/// The sums stay in registers.
#[inline(always)]
fn products<const ROWS: usize>(
    rows: &[&[f32]; ROWS],
    panel: &[[f32; LANES]],
) -> [[f32; LANES]; ROWS] {
    let mut sums = [[0.0; LANES]; ROWS];
    for (at, weights) in panel.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let input = row[at];
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += input * weight;
            }
        }
    }
    sums
}
