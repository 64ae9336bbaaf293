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
use zeroline::call::contract::{Input, LegNumber, RecorderCommand, SipCommand};
use zeroline::dialogue::action::Fetch;
use zeroline::dialogue::input::{FetchFailure, FetchId, Fetched, PlayId};

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
}

impl Moods {
    pub const WELL: Moods = Moods {
        lookups: Mood::Works,
        synthesizer: Mood::Works,
        recorder: Mood::Works,
    };
}

/// What happens at its time: on the call's thread or in the signalling task.
pub enum Task {
    Tell(Input),
    Sip(SipCommand),
    /// The resolver's answer.
    Found {
        leg: LegNumber,
        target: Result<String, String>,
    },
}

pub struct Helpers {
    moods: Moods,
    rng: StdRng,
    tasks: BTreeMap<(Instant, u64), Task>,
    next: u64,
    /// Lookups that have neither ended nor been cancelled.
    fetching: BTreeSet<FetchId>,
    /// Files that are open, with their length in samples.
    tapes: BTreeMap<String, u32>,
    failed: BTreeSet<String>,
    /// Sound that was said while something sensitive was, and was recorded.
    pub leaked: usize,
    pub recorded: usize,
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
            leaked: 0,
            recorded: 0,
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
            RecorderCommand::Open { file, .. } => {
                let mood = self.mood(self.moods.recorder);
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
                    _ => drop(self.tapes.insert(file, 0)),
                }
            }
            RecorderCommand::Samples { file, .. } | RecorderCommand::Close { file }
                if self.failed.contains(&file) => {}
            RecorderCommand::Samples { file, left, right } => {
                let length = self.tapes.get_mut(&file);
                *length.unwrap_or_else(|| panic!("{file} is not open")) += left.len() as u32;
                let heard = left.iter().chain(&right);
                self.leaked += heard.filter(|it| is_level(**it, SECRET_LEVEL)).count();
                self.recorded += left.len();
            }
            RecorderCommand::Close { file } => {
                let samples = self.tapes.remove(&file);
                let samples = samples.unwrap_or_else(|| panic!("{file} is not open"));
                if self.moods.recorder == Mood::Works || self.moods.recorder == Mood::Mixed {
                    let milliseconds = samples / 8;
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
        assert!(self.tapes.is_empty(), "left open: {:?}", self.tapes);
    }
}
