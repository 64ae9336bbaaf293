//! One listener's engine at work, and those that take its place where it fails.

use super::Listener;
use crate::speech::grammar::Grammar;
use crate::speech::recognizer::{Hypothesis, RecognitionError, Recognizer, SAMPLE_RATE, Utterance};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(super) struct Ear {
    grammar: Arc<Grammar>,
    at_work: Result<AtWork, RecognitionError>,
    others: std::vec::IntoIter<Arc<dyn Recognizer>>,
}

struct AtWork {
    engine: Arc<dyn Recognizer>,
    utterance: Box<dyn Utterance>,
}

impl Ear {
    pub fn new(listener: Listener) -> Ear {
        let mut ear = Ear {
            grammar: listener.grammar,
            at_work: Err(RecognitionError::Failed {
                engine: "the recognizer".to_string(),
                reason: "there is none for this language".to_string(),
            }),
            others: listener.engines.into_iter(),
        };
        ear.go_on_with_next();
        ear
    }

    pub fn hears_as_it_goes(&self) -> bool {
        let at_work = self.at_work.as_ref();
        at_work.is_ok_and(|it| it.engine.hears_as_it_goes())
    }

    pub fn give(&mut self, samples: &[i16], new: Range<usize>) {
        let mut unheard = &samples[new];
        while let Ok(at_work) = &mut self.at_work
            && let Err(error) = at_work.push(unheard)
        {
            self.at_work = Err(error);
            self.go_on_with_next();
            unheard = samples;
        }
    }

    pub fn hypotheses(&mut self, samples: &[i16]) -> Result<Vec<Hypothesis>, RecognitionError> {
        loop {
            let at_work = self.at_work.as_mut().map_err(|error| error.clone())?;
            match at_work.hypotheses() {
                Ok(hypotheses) => return Ok(hypotheses),
                Err(error) => self.at_work = Err(error),
            }
            self.go_on_with_next();
            self.give(samples, 0..samples.len());
        }
    }

    /// Until one begins or none is left: then the last one's error stays.
    fn go_on_with_next(&mut self) {
        while let Err(error) = &self.at_work
            && let Some(engine) = self.others.next()
        {
            tracing::debug!(%error, next = engine.id(), "the next recognizer listens");
            self.at_work = AtWork::begin(engine, &self.grammar);
        }
    }
}

impl AtWork {
    fn begin(
        engine: Arc<dyn Recognizer>,
        grammar: &Arc<Grammar>,
    ) -> Result<AtWork, RecognitionError> {
        let utterance = guarded(engine.id(), || Ok(engine.start(grammar)))?;
        Ok(AtWork { engine, utterance })
    }

    /// By the second, as engines are promised.
    fn push(&mut self, samples: &[i16]) -> Result<(), RecognitionError> {
        let (engine, utterance) = (&self.engine, &mut self.utterance);
        let mut seconds = samples.chunks(SAMPLE_RATE as usize);
        seconds.try_for_each(|second| guarded(engine.id(), || utterance.push(second)))
    }

    fn hypotheses(&mut self) -> Result<Vec<Hypothesis>, RecognitionError> {
        let (engine, utterance) = (&self.engine, &mut self.utterance);
        guarded(engine.id(), || utterance.hypotheses())
    }
}

/// An engine that panics has failed.
fn guarded<T>(
    engine: &str,
    work: impl FnOnce() -> Result<T, RecognitionError>,
) -> Result<T, RecognitionError> {
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(RecognitionError::Failed {
            engine: engine.to_string(),
            reason: "it panicked".to_string(),
        })
    });
    result.inspect_err(|error| tracing::warn!(%error, "speech was not recognized"))
}
