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
use crate::speech::grammar::{Grammar, ValueKind};
use crate::speech::recognizer::{
    Hypothesis, LONGEST_UTTERANCE, RecognitionError, Recognizer, Utterance,
};
use decoder::{Decoder, Evidence};
use features::{Features, Frame, SILENCE};
use graph::Graph;
use network::{Dense, Network, Stream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use weights::{Weights, WeightsError};

/// For whatever is said, and for digits: who is trained for these hears other words a little worse.
const WORDS: &[u8] = include_bytes!("../../../models/hearing.bin");
const DIGITS: &[u8] = include_bytes!("../../../models/digits.bin");
/// Outputs of the network that are waited for, 120 ms: together they cost half.
const TOGETHER: usize = 4;
/// Readings that are told.
const MOST_HYPOTHESES: usize = 4;
/// A reading that is less sure is none.
const LEAST_CONFIDENCE: f32 = 0.1;

/// Of the digits of human speakers whom it does not know one in ten is heard as another, as surely as the
/// others: what is made of them is read back, and never acted upon at once.
const MOST_CONFIDENCE_IN_DIGITS: f32 = 0.4;

/// See the module.
pub struct Builtin {
    words: Arc<Model>,
    digits: Arc<Model>,
    /// Graphs of the grammars that are in use, each made by the first who needs it.
    graphs: Mutex<Vec<(Weak<Grammar>, MadeOnce)>>,
}

type MadeOnce = Arc<OnceLock<Arc<Graph>>>;

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
    /// With the weights that are part of the program; some 4 MB are unpacked.
    pub fn new() -> Builtin {
        let model = |file| Model::read(file).expect("the file was checked when it was committed");
        Builtin::with(model(WORDS), model(DIGITS))
    }

    /// With those of another file, for whatever is said, to try it.
    pub fn with_weights(file: &[u8]) -> Result<Builtin, WeightsError> {
        Ok(Builtin::with(Model::read(file)?, Model::read(file)?))
    }

    fn with(words: Model, digits: Model) -> Builtin {
        Builtin {
            words: Arc::new(words),
            digits: Arc::new(digits),
            graphs: Mutex::default(),
        }
    }

    fn model(&self, grammar: &Grammar) -> &Arc<Model> {
        match grammar.value {
            Some(ValueKind::Digits { .. } | ValueKind::Phone | ValueKind::IdNumber) => &self.digits,
            _ => &self.words,
        }
    }

    /// An utterance that also tells its evidence.
    pub fn listen(&self, grammar: &Arc<Grammar>) -> Listening {
        let model = self.model(grammar);
        let head = model.head(grammar.language);
        let head = head.expect("a language that it hears");
        let graph = self.graph(grammar, &model.heads[head].units);
        Listening {
            head,
            features: Features::new(),
            frames: Vec::new(),
            stream: Stream::new(&model.network),
            decoder: Decoder::new(&graph),
            graph,
            model: model.clone(),
            hears_digits: matches!(
                grammar.value,
                Some(
                    ValueKind::Digits { .. }
                        | ValueKind::Phone
                        | ValueKind::IdNumber
                        | ValueKind::Number
                        | ValueKind::Money
                )
            ),
            taken: 0,
        }
    }

    /// Made once a grammar, dropped after it. Who needs another grammar does not wait meanwhile.
    fn graph(&self, grammar: &Arc<Grammar>, units: &[String]) -> Arc<Graph> {
        let made = self.place_of_graph(grammar);
        let graph = made.get_or_init(|| Arc::new(Graph::new(grammar, units)));
        graph.clone()
    }

    fn place_of_graph(&self, grammar: &Arc<Grammar>) -> MadeOnce {
        let of_this = Arc::downgrade(grammar);
        let mut graphs = self.graphs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = graphs.iter().find(|(of, _)| of.ptr_eq(&of_this)) {
            return made.clone();
        }
        graphs.retain(|(of, _)| of.strong_count() > 0);
        let made = MadeOnce::default();
        graphs.push((of_this, made.clone()));
        made
    }
}

impl Default for Builtin {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    fn read(file: &[u8]) -> Result<Model, WeightsError> {
        let (network, heads) = Network::new(Weights::read(file)?);
        let heads = heads.into_iter().filter_map(|head| {
            Some(Head {
                language: Language::from_tag(&head.language)?,
                dense: Dense::new(&head.dense, head.dense.weights.len() / head.units.len()),
                units: head.units,
            })
        });
        let heads = heads.collect();
        Ok(Model { network, heads })
    }

    fn head(&self, language: Language) -> Option<usize> {
        self.heads.iter().position(|head| head.language == language)
    }
}

impl Recognizer for Builtin {
    fn id(&self) -> &str {
        "builtin 1"
    }

    fn hears(&self, language: Language) -> bool {
        self.words.head(language).is_some()
    }

    fn takes_down(&self) -> bool {
        false
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
    /// A reading without a meaning is made of digits.
    hears_digits: bool,
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

    fn confidence(&self, reading: &Evidence, all: &[Evidence]) -> f32 {
        let most = match reading.meaning {
            None if self.hears_digits => MOST_CONFIDENCE_IN_DIGITS,
            _ => 1.0,
        };
        confidence::of(reading, all).min(most)
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
            confidence: self.confidence(reading, &readings),
        });
        Ok(hypotheses
            .filter(|it| it.confidence >= LEAST_CONFIDENCE)
            .collect())
    }
}

#[cfg(test)]
mod tests;
