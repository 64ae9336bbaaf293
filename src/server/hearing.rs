//! What calls say, on its way to the recognizers and back.

use super::call_metrics::CountedUtterance;
use super::media_thread::{Command, MediaThread};
use super::resident::CallNumber;
use crate::call::contract::{HearCommand, Input, UtteranceId};
use crate::dialogue::action::Listen;
use crate::dialogue::heard::{Completeness, completeness};
use crate::dialogue::input::SpeechHeard;
use crate::dialogue::program::Program;
use crate::engines::recognizer_pool::{Answer, Behind, Hearing, Listener, RecognizerPool};
use crate::engines::recognizers::Recognizers;
use crate::language::{ByLanguage, Language};
use crate::speech::recognizer::{Hypothesis, Recognizer};
use crate::speech::transcript::Transcript;
use jiff::Zoned;
use std::sync::Arc;

/// Threads where they wait for a service elsewhere: so many answers can be awaited at once.
const WAITING: usize = 16;

/// Who hears, and the threads they work on.
pub struct Ears {
    recognizers: Recognizers,
    pool: RecognizerPool,
}

/// What one call's caller is saying.
#[derive(Default)]
pub struct Saying(Option<(UtteranceId, Hearing)>);

impl Ears {
    /// A thread a core: more would only take turns, but where they wait for a service elsewhere.
    pub fn start(recognizers: Recognizers) -> std::io::Result<Ears> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let engines = Language::ALL.into_iter();
        let mut engines = engines.flat_map(|language| recognizers.for_language(language));
        let threads = match engines.any(|engine| engine.leaves_the_machine()) {
            true => cores.max(WAITING),
            false => cores.max(2),
        };
        let pool = RecognizerPool::start(threads)?;
        Ok(Ears { recognizers, pool })
    }

    /// The languages that somebody hears.
    pub fn languages(&self) -> ByLanguage<bool> {
        let mut hears = ByLanguage::default();
        for language in Language::ALL {
            hears.set(
                language,
                !self.recognizers.for_language(language).is_empty(),
            );
        }
        hears
    }

    /// Who takes down whatever is said in this language, best liked first.
    pub fn taking_down(&self, language: Language) -> Vec<Arc<dyn Recognizer>> {
        let all = self.recognizers.for_language(language).iter();
        all.filter(|engine| engine.takes_down()).cloned().collect()
    }

    /// What cannot be done comes back as the utterance's answer.
    pub fn hear(
        &self,
        to: (CallNumber, &MediaThread),
        saying: &mut Saying,
        command: HearCommand,
    ) -> Option<Input> {
        let (utterance, done) = match command {
            HearCommand::Begin {
                utterance,
                listen,
                program,
            } => {
                let begun = self.begin(to, utterance, listen, program);
                let done = begun.map(|hearing| saying.0 = Some((utterance, hearing)));
                (utterance, done)
            }
            HearCommand::Samples(utterance, samples) => {
                (utterance, saying.with(utterance, |it| it.push(samples)))
            }
            HearCommand::AskPartial(utterance) => {
                (utterance, saying.with(utterance, Hearing::ask_partial))
            }
            HearCommand::AskAhead(utterance) => {
                (utterance, saying.with(utterance, Hearing::ask_ahead))
            }
            HearCommand::End {
                utterance,
                unchanged,
            } => (utterance, saying.with(utterance, |it| it.end(unchanged))),
            HearCommand::Abandon(utterance) => {
                saying.0.take_if(|(said, _)| *said == utterance);
                return None;
            }
        };
        let behind = done.err()?;
        saying.0 = None;
        Some(not_recognized(utterance, behind.to_string()))
    }

    fn begin(
        &self,
        (call, thread): (CallNumber, &MediaThread),
        utterance: UtteranceId,
        listen: Listen,
        program: Arc<Program>,
    ) -> Result<Hearing, Behind> {
        let listeners = listen.grammars.iter().map(|grammar| Listener {
            grammar: grammar.clone(),
            engines: self.engines(grammar.language, listen.sensitive),
        });
        let listeners = listeners.collect();
        let thread = thread.clone();
        let mut transcript = Transcript::default();
        let counted = CountedUtterance::begin();
        self.pool.begin(listeners, move |answer| {
            // The pool keeps this for as long as the utterance is open.
            let _ = &counted;
            let input = input_of(answer, &mut transcript, utterance, &listen, &program);
            if let Some(input) = input {
                // With its inbox full for so long the caller has gone on by keys.
                let _ = thread.send(Command::Input(call, input));
            }
        })
    }

    /// What is sensitive is heard by nobody elsewhere (law 8).
    fn engines(&self, language: Language, sensitive: bool) -> Vec<Arc<dyn Recognizer>> {
        let all = self.recognizers.for_language(language).iter();
        let may_hear = |engine: &&Arc<dyn Recognizer>| !(sensitive && engine.leaves_the_machine());
        all.filter(may_hear).cloned().collect()
    }
}

impl Saying {
    fn with(
        &self,
        utterance: UtteranceId,
        work: impl FnOnce(&Hearing) -> Result<(), Behind>,
    ) -> Result<(), Behind> {
        match &self.0 {
            Some((said, hearing)) if *said == utterance => work(hearing),
            // It was refused before, and told so.
            _ => Ok(()),
        }
    }
}

fn input_of(
    answer: Answer,
    transcript: &mut Transcript,
    utterance: UtteranceId,
    listen: &Listen,
    program: &Program,
) -> Option<Input> {
    let understood = |hypotheses: Vec<Vec<Hypothesis>>| {
        let now = Zoned::now().with_time_zone(program.dialplan.timezone.clone());
        program.understand(listen, &hypotheses, &now)
    };
    Some(match answer {
        Answer::Partial(outcome) => {
            transcript.update(likeliest(&outcome.ok()?));
            return None;
        }
        Answer::Ahead(outcome) => {
            let hypotheses = outcome.ok()?;
            let fits = transcript.fits(likeliest(&hypotheses));
            let completeness = match fits {
                true => completeness(listen, &understood(hypotheses)),
                // It has changed its mind on words that were stable: it may do so again.
                false => Completeness::Unknown,
            };
            Input::HeardAhead {
                utterance,
                completeness,
            }
        }
        Answer::Final(Ok(hypotheses)) => Input::Heard {
            utterance,
            heard: understood(hypotheses),
        },
        Answer::Final(Err(error)) => not_recognized(utterance, error.to_string()),
    })
}

fn likeliest(hypotheses: &[Vec<Hypothesis>]) -> &str {
    let all = hypotheses.iter().flatten();
    let best = all.max_by(|a, b| a.confidence.total_cmp(&b.confidence));
    best.map_or("", |best| &best.text)
}

fn not_recognized(utterance: UtteranceId, reason: String) -> Input {
    Input::Heard {
        utterance,
        heard: SpeechHeard::NotRecognized { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::dialogue::input::ListenId;
    use crate::dialplan::load::load;
    use crate::dialplan::model::{NodeId, SlotId};
    use crate::events::Pace;
    use crate::speech::grammar::Grammar;
    use crate::speech::recognizer::{RecognitionError, Utterance};
    use crate::speech::understanding::{Sense, Understood};

    struct Elsewhere;

    impl Recognizer for Elsewhere {
        fn id(&self) -> &str {
            "elsewhere"
        }

        fn hears(&self, _: Language) -> bool {
            true
        }

        fn leaves_the_machine(&self) -> bool {
            true
        }

        fn start(&self, _: &Arc<Grammar>) -> Box<dyn Utterance> {
            unreachable!("nobody speaks in this test")
        }
    }

    #[test]
    fn nothing_sensitive_is_heard_elsewhere() {
        let ears = Ears::start(Recognizers::of(Arc::new(Elsewhere))).expect("threads start");
        for language in Language::ALL {
            assert_eq!(ears.engines(language, false).len(), 1);
            assert!(ears.engines(language, true).is_empty());
        }
    }

    const FOUR_DIGITS: &str = "dialplan: x\ngreeting: This is automatic.\nhuman: { handoff: s }\nstart: a\n\
         slots: { n: { type: digits, length: 4 } }\n\
         nodes: { a: { ask: n, prompt: Which number?, to: human } }\n\
         handoffs: { s: { ring: \"sip:a@b.example\", else: message } }\n";

    /// What the call is told of these answers about one utterance, where four digits are asked for.
    fn told(answers: Vec<Answer>) -> Vec<Option<Input>> {
        let dialplan = load(&Source::new("x.yaml", FOUR_DIGITS)).expect("it is right");
        let program = Program::compile(dialplan).expect("its templates are right");
        let grammar = program.grammars.node(NodeId(0), Language::En);
        let listen = Listen {
            id: ListenId(1),
            grammars: vec![grammar.expect("it asks").clone()],
            slot: Some(SlotId(0)),
            pace: Pace::Usual,
            aside: false,
            goes_on: false,
            sensitive: false,
        };
        let mut transcript = Transcript::default();
        let answers = answers.into_iter();
        let inputs =
            answers.map(|it| input_of(it, &mut transcript, UtteranceId(7), &listen, &program));
        inputs.collect()
    }

    fn words(text: &str) -> Result<Vec<Vec<Hypothesis>>, RecognitionError> {
        let (text, confidence) = (text.to_string(), 0.9);
        Ok(vec![vec![Hypothesis { text, confidence }]])
    }

    fn failed() -> Result<Vec<Vec<Hypothesis>>, RecognitionError> {
        let (engine, reason) = ("it".to_string(), "it was told to".to_string());
        Err(RecognitionError::Failed { engine, reason })
    }

    /// What an answer ahead says of the end, after two partial answers.
    fn ahead(partial: [&str; 2], ahead: &str) -> Completeness {
        let partial = partial.map(|text| Answer::Partial(words(text)));
        let answers = partial.into_iter().chain([Answer::Ahead(words(ahead))]);
        match &told(answers.collect())[..] {
            [
                None,
                None,
                Some(Input::HeardAhead {
                    utterance: UtteranceId(7),
                    completeness,
                }),
            ] => *completeness,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_ahead_tells_of_the_end_unless_it_contradicts_what_was_stable() {
        let twice = ["one two"; 2];
        assert_eq!(ahead(twice, "one two three four"), Completeness::Complete);
        assert_eq!(ahead(twice, "one two three"), Completeness::Unfinished);
        assert_eq!(ahead(twice, "nine two three four"), Completeness::Unknown);
        let changed = ["nine", "one two"];
        assert_eq!(ahead(changed, "one two three four"), Completeness::Complete);
    }

    #[test]
    fn the_last_answer_is_understood_or_its_failure_is_told() {
        let answers = vec![
            Answer::Partial(failed()),
            Answer::Ahead(failed()),
            Answer::Final(words("one two three four")),
            Answer::Final(failed()),
        ];
        let told = told(answers);
        let [
            None,
            None,
            Some(Input::Heard { heard, .. }),
            Some(Input::Heard { heard: not, .. }),
        ] = &told[..]
        else {
            panic!("{told:?}");
        };
        let SpeechHeard::Understood(Understood::Match(heard)) = heard else {
            panic!("{heard:?}");
        };
        assert_eq!(heard.sense, Sense::Value("1234".to_string()));
        let reason = failed().unwrap_err().to_string();
        assert_eq!(*not, SpeechHeard::NotRecognized { reason });
    }
}
