//! Who works for the call elsewhere: lookups, the synthesizer, the recorder, the resolver. Each
//! answers, fails or hangs.

use crate::handset::is_level;
use crate::hotline::tone;
use crate::world::SECRET_LEVEL;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::call::contract::{
    HearCommand, Input, LegNumber, RecorderCommand, SipCommand, UtteranceId,
};
use zeroline::dialogue::action::{Fetch, Listen};
use zeroline::dialogue::input::{FetchFailure, FetchId, Fetched, PlayId, SpeechHeard};
use zeroline::dialogue::program::Program;
use zeroline::handoff::distributor::Request;
use zeroline::language::Language;
use zeroline::speech::recognizer::Hypothesis;

/// A packet at each end, and some.
const OUT_OF_STEP: Duration = Duration::from_millis(50);

/// How a helper does today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Works,
    Fails,
    Hangs,
    /// Each time otherwise.
    Mixed,
}

#[derive(Debug, Clone, Copy)]
pub struct Moods {
    pub lookups: Mood,
    pub synthesizer: Mood,
    pub recorder: Mood,
    /// Nothing is recorded, and the journal writes into what it has in reserve.
    pub disk_full: bool,
}

impl Moods {
    pub const WELL: Moods = Moods {
        lookups: Mood::Works,
        synthesizer: Mood::Works,
        recorder: Mood::Works,
        disk_full: false,
    };
}

/// What happens at its time: on the call's thread or in the signalling task.
pub enum Task {
    Tell(Input),
    Sip(SipCommand),
    /// What it wants of the distributor.
    Desk(Request),
    /// The resolver's answer.
    Found {
        leg: LegNumber,
        target: Result<String, String>,
    },
}

/// A recording that is open.
struct Tape {
    opened: Instant,
    stereo: bool,
    /// In samples.
    length: u32,
}

pub struct Helpers {
    pub moods: Moods,
    rng: StdRng,
    tasks: BTreeMap<(Instant, u64), Task>,
    next: u64,
    /// Lookups that have neither ended nor been cancelled.
    fetching: BTreeSet<FetchId>,
    tapes: BTreeMap<String, Tape>,
    failed: BTreeSet<String>,
    /// What is on the disk.
    pub files: BTreeSet<String>,
    /// Sound that was said while something sensitive was, and was recorded.
    pub leaked: usize,
    pub recorded: usize,
    /// Both channels of the conversation's recording.
    pub taped: [Vec<i16>; 2],
    pub recognizer: Mood,
    /// What recognizers hear, whatever is said: by language.
    pub words: [&'static str; Language::ALL.len()],
    saying: Option<(UtteranceId, Listen, Arc<Program>)>,
}

impl Tape {
    /// A conversation's recording is as long as the conversation, but for a packet at each end.
    fn assert_in_step(&self, now: Instant) {
        let (lasted, recorded) = (
            now - self.opened,
            Duration::from_millis(u64::from(self.length / 8)),
        );
        assert!(
            !self.stereo || lasted.abs_diff(recorded) <= OUT_OF_STEP,
            "{recorded:?} are recorded of {lasted:?}"
        );
    }
}

impl Helpers {
    pub fn new(moods: Moods, seed: u64) -> Helpers {
        Helpers {
            moods,
            rng: StdRng::seed_from_u64(seed),
            tasks: BTreeMap::new(),
            next: 0,
            fetching: BTreeSet::new(),
            tapes: BTreeMap::new(),
            failed: BTreeSet::new(),
            files: BTreeSet::new(),
            leaked: 0,
            recorded: 0,
            taped: Default::default(),
            recognizer: Mood::Works,
            words: ["operator please", "请转人工"],
            saying: None,
        }
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.tasks.keys().next().map(|(at, _)| *at)
    }

    pub fn next_due(&mut self, now: Instant) -> Option<Task> {
        let entry = self.tasks.first_entry().filter(|it| it.key().0 <= now)?;
        Some(entry.remove())
    }

    pub fn later(&mut self, at: Instant, task: Task) {
        self.next += 1;
        self.tasks.insert((at, self.next), task);
    }

    fn mood(&mut self, mood: Mood) -> Mood {
        match (mood, self.rng.random_range(0..6)) {
            (Mood::Mixed, 0) => Mood::Fails,
            (Mood::Mixed, 1) => Mood::Hangs,
            (Mood::Mixed, _) => Mood::Works,
            (mood, _) => mood,
        }
    }

    fn soon(&mut self, now: Instant, longest_ms: u64) -> Instant {
        now + Duration::from_millis(self.rng.random_range(1..=longest_ms))
    }

    pub fn fetch(&mut self, now: Instant, fetch: &Fetch) {
        self.fetching.insert(fetch.id);
        let result = match self.mood(self.moods.lookups) {
            Mood::Hangs => return,
            Mood::Fails => Err(FetchFailure {
                status: Some(503),
                reason: "503".into(),
            }),
            _ => Ok(Fetched {
                status: 200,
                body: Arc::new(serde_json::json!({"state": "OUT", "place": "London"})),
            }),
        };
        let at = self.soon(now, fetch.timeout.as_millis() as u64);
        let fetch = fetch.id;
        self.later(at, Task::Tell(Input::Fetched { fetch, result }));
    }

    pub fn cancel_fetch(&mut self, fetch: FetchId) {
        self.fetching.remove(&fetch);
        self.tasks.retain(
            |_, task| !matches!(task, Task::Tell(Input::Fetched { fetch: it, .. }) if *it == fetch),
        );
    }

    pub fn hear(&mut self, now: Instant, command: HearCommand) {
        let of_what_is_said = |saying: &Option<(UtteranceId, _, _)>, utterance| {
            let other = saying.as_ref().is_some_and(|it| it.0 != utterance);
            assert!(!other, "{utterance:?} is over");
        };
        match command {
            HearCommand::Begin {
                utterance,
                listen,
                program,
            } => {
                assert!(self.saying.is_none(), "two are said at a time");
                self.saying = Some((utterance, listen, program));
            }
            HearCommand::Samples(utterance, _)
            | HearCommand::AskPartial(utterance)
            | HearCommand::AskAhead(utterance) => of_what_is_said(&self.saying, utterance),
            HearCommand::End { utterance, .. } => {
                of_what_is_said(&self.saying, utterance);
                let Some((_, listen, program)) = self.saying.take() else {
                    return;
                };
                self.recognize(now, utterance, &listen, &program);
            }
            HearCommand::Abandon(_) => self.saying = None,
        }
    }

    fn recognize(
        &mut self,
        now: Instant,
        utterance: UtteranceId,
        listen: &Listen,
        program: &Program,
    ) {
        let heard = match self.mood(self.recognizer) {
            Mood::Hangs => return,
            Mood::Fails => SpeechHeard::NotRecognized {
                reason: "it failed".into(),
            },
            _ => {
                let heard = |language| Hypothesis {
                    text: self.words[language as usize].to_string(),
                    confidence: 1.0,
                };
                let today = "2026-01-05T12:00:00[UTC]".parse().expect("a moment");
                let grammars = listen.grammars.iter();
                let all: Vec<_> = grammars.map(|it| vec![heard(it.language)]).collect();
                program.understand(listen, &all, &today)
            }
        };
        let at = self.soon(now, 400);
        self.later(at, Task::Tell(Input::Heard { utterance, heard }));
    }

    pub fn render(&mut self, now: Instant, (play, part): (PlayId, usize), text: &str) {
        let result = match self.mood(self.moods.synthesizer) {
            Mood::Hangs => return,
            Mood::Fails => Err("the synthesizer died".to_string()),
            _ => Ok(tone(text.chars().count())),
        };
        let at = self.soon(now, 300);
        self.later(at, Task::Tell(Input::Rendered { play, part, result }));
    }

    pub fn record(&mut self, now: Instant, command: RecorderCommand) {
        let at = self.soon(now, 30);
        match command {
            RecorderCommand::Open { file, stereo } => {
                let mood = match self.moods.disk_full {
                    true => Mood::Fails,
                    false => self.mood(self.moods.recorder),
                };
                assert!(!self.tapes.contains_key(&file), "{file} is open already");
                if mood == Mood::Fails {
                    let reason = "the disk is full".to_string();
                    self.later(
                        at,
                        Task::Tell(Input::RecordingFailed {
                            file: file.clone(),
                            reason,
                        }),
                    );
                }
                // What cannot be written is closed by the recorder itself.
                match mood {
                    Mood::Fails => drop(self.failed.insert(file)),
                    _ => {
                        let tape = Tape {
                            opened: now,
                            stereo,
                            length: 0,
                        };
                        self.files.insert(file.clone());
                        self.tapes.insert(file, tape);
                    }
                }
            }
            RecorderCommand::Discard { file } => {
                self.tapes.remove(&file);
                self.files.remove(&file);
            }
            RecorderCommand::Samples { file, .. } | RecorderCommand::Close { file }
                if self.failed.contains(&file) => {}
            RecorderCommand::Samples { file, left, right } => {
                let tape = self.tapes.get_mut(&file);
                let tape = tape.unwrap_or_else(|| panic!("{file} is not open"));
                tape.length += left.len() as u32;
                let heard = left.iter().chain(&right);
                self.leaked += heard.filter(|it| is_level(**it, SECRET_LEVEL)).count();
                self.recorded += left.len();
                if tape.stereo {
                    let [caller, other] = &mut self.taped;
                    caller.extend(left);
                    other.extend(right);
                }
            }
            RecorderCommand::Close { file } => {
                let tape = self.tapes.remove(&file);
                let tape = tape.unwrap_or_else(|| panic!("{file} is not open"));
                tape.assert_in_step(now);
                if self.moods.recorder == Mood::Works || self.moods.recorder == Mood::Mixed {
                    let milliseconds = tape.length / 8;
                    self.later(
                        at,
                        Task::Tell(Input::RecordingClosed { file, milliseconds }),
                    );
                }
            }
        }
    }

    /// Where a target is; who is nowhere is not found.
    pub fn find(&mut self, now: Instant, leg: LegNumber, target: String) {
        let at = self.soon(now, 40);
        let target = match target.contains("@nowhere.") {
            true => Err("no such host".to_string()),
            false => Ok(target),
        };
        self.later(at, Task::Found { leg, target });
    }

    /// Nothing of the call goes on: no lookup, no open file.
    pub fn assert_over(&self) {
        assert!(self.tasks.is_empty());
        let open: Vec<_> = self.tapes.keys().collect();
        assert!(open.is_empty(), "left open: {open:?}");
    }
}
