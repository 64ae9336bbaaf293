//! The recognizer that is always there: a small network that reads speech as units, and a decoder that
//! holds them against what the caller may say. Its weights and words are part of the program
//! (models/README.md tells how they were made, how well they hear, and their licences).
//!
//! ```text
//! samples ─▶ features ─▶ network ─▶ decoder ─▶ hypotheses
//!             10 ms       30 ms        ▲
//!                          grammar ─▶ graph ◀─ lexicon, vocabulary
//! ```

mod confidence;
pub mod decoder;
mod features;
mod graph;
mod lexicon;
mod network;
mod vocabulary;
pub mod weights;

use crate::language::Language;
use crate::speech::grammar::Grammar;
use crate::speech::recognizer::{
    Hypothesis, LONGEST_UTTERANCE, RecognitionError, Recognizer, Utterance,
};
use decoder::{Decoder, Evidence};
use features::{Features, Frame, SILENCE};
use graph::Graph;
use network::{Dense, Network, Stream};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use weights::{Weights, WeightsError};

const WEIGHTS: &[u8] = include_bytes!("../../../models/hearing.bin");
/// Outputs of the network that are waited for, 120 ms: together they cost half.
const TOGETHER: usize = 4;
/// Readings that are told.
const MOST_HYPOTHESES: usize = 4;
/// A reading that is less sure is none.
const LEAST_CONFIDENCE: f32 = 0.1;

/// See the module.
pub struct Builtin {
    model: Arc<Model>,
    /// Graphs of the grammars that are in use.
    graphs: Mutex<Vec<(Weak<Grammar>, Arc<Graph>)>>,
}

struct Model {
    network: Network,
    heads: Vec<Head>,
}

struct Head {
    language: Language,
    units: Vec<String>,
    dense: Dense,
}

impl Builtin {
    /// With the weights that are part of the program; some 2 MB are unpacked.
    pub fn new() -> Builtin {
        Builtin::with_weights(WEIGHTS).expect("the file was checked when it was committed")
    }

    /// With those of another `hearing.bin`, to try it.
    pub fn with_weights(file: &[u8]) -> Result<Builtin, WeightsError> {
        let (network, heads) = Network::new(Weights::read(file)?);
        let heads = heads.into_iter().filter_map(|head| {
            Some(Head {
                language: Language::from_tag(&head.language)?,
                dense: Dense::new(&head.dense, head.dense.weights.len() / head.units.len()),
                units: head.units,
            })
        });
        let heads = heads.collect();
        Ok(Builtin {
            model: Arc::new(Model { network, heads }),
            graphs: Mutex::default(),
        })
    }

    /// An utterance that also tells its evidence.
    pub fn listen(&self, grammar: &Arc<Grammar>) -> Listening {
        let head = self.model.head(grammar.language);
        let head = head.expect("a language that it hears");
        let graph = self.graph(grammar, head);
        Listening {
            head,
            features: Features::new(),
            frames: Vec::new(),
            stream: Stream::new(&self.model.network),
            decoder: Decoder::new(&graph),
            graph,
            model: self.model.clone(),
            taken: 0,
        }
    }

    /// Made once a grammar, dropped after it.
    fn graph(&self, grammar: &Arc<Grammar>, head: usize) -> Arc<Graph> {
        let of_this = Arc::downgrade(grammar);
        let mut graphs = self.graphs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, graph)) = graphs.iter().find(|(of, _)| of.ptr_eq(&of_this)) {
            return graph.clone();
        }
        graphs.retain(|(of, _)| of.strong_count() > 0);
        let graph = Arc::new(Graph::new(grammar, &self.model.heads[head].units));
        graphs.push((of_this, graph.clone()));
        graph
    }
}

impl Default for Builtin {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    fn head(&self, language: Language) -> Option<usize> {
        self.heads.iter().position(|head| head.language == language)
    }
}

impl Recognizer for Builtin {
    fn id(&self) -> &str {
        "builtin 1"
    }

    fn hears(&self, language: Language) -> bool {
        self.model.head(language).is_some()
    }

    fn hears_as_it_goes(&self) -> bool {
        true
    }

    fn start(&self, grammar: &Arc<Grammar>) -> Box<dyn Utterance> {
        Box::new(self.listen(grammar))
    }
}

/// One utterance. Some 100 KB, and 16 bytes for each unit of the grammar's words.
#[derive(Clone)]
pub struct Listening {
    model: Arc<Model>,
    head: usize,
    graph: Arc<Graph>,
    features: Features,
    /// Frames that the network has not seen yet.
    frames: Vec<Frame>,
    stream: Stream,
    decoder: Decoder,
    /// Samples.
    taken: usize,
}

impl Listening {
    fn take(&mut self, samples: &[i16]) {
        let room = LONGEST_UTTERANCE - self.taken;
        let samples = &samples[..samples.len().min(room)];
        self.taken += samples.len();
        self.features.push(samples, |frame| self.frames.push(frame));
        if self.frames.len() >= TOGETHER * self.model.network.stride() {
            self.advance();
        }
    }

    fn advance(&mut self) {
        let model = &self.model;
        let rows = self.stream.push(&model.network, &self.frames);
        self.frames.clear();
        let head = &model.heads[self.head].dense;
        let logits = head.apply(rows.chunks_exact(model.network.channels()));
        for logits in logits.chunks_exact(head.outputs()) {
            self.decoder.push(&self.graph, logits);
        }
    }

    /// What may have been said if nothing more comes, likeliest first, and what speaks for it.
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut end = self.clone();
        let silence = self.model.network.look_ahead();
        end.frames.extend(std::iter::repeat_n(SILENCE, silence));
        end.advance();
        end.decoder.readings(&end.graph, MOST_HYPOTHESES)
    }
}

impl Utterance for Listening {
    fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError> {
        self.take(samples);
        Ok(())
    }

    fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError> {
        let readings = self.evidence();
        let hypotheses = readings.iter().map(|reading| Hypothesis {
            text: reading.text.clone(),
            confidence: confidence::of(reading, &readings),
        });
        Ok(hypotheses
            .filter(|it| it.confidence >= LEAST_CONFIDENCE)
            .collect())
    }
}

#[cfg(test)]
mod tests;
