//! The ways out of a media thread. None of them waits: what a bounded queue does not take is kept
//! here and tried again in the next turn, or refused at once where the call can go on without it.

use super::call_metrics::CallCounted;
use super::fetcher::{FetcherHandle, Wish};
use super::hearing::{Ears, Saying};
use super::journal_writer::JournalHandle;
use super::media_thread::{Command, MediaThread};
use super::recorder::{Job, RecorderHandle};
use super::resident::CallNumber;
use crate::call::contract::{HearCommand, Input, RecorderCommand, SipCommand};
use crate::dialogue::action::Fetch;
use crate::dialogue::input::{FetchFailure, FetchId, PlayId};
use crate::engines::pool::{Outcome, SynthesizerPool};
use crate::events::{Entry, Pace};
use crate::handoff::distributor::Request;
use crate::language::Language;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::TrySendError;
use tokio::sync::mpsc;

/// A call's wish on its way to the signalling task.
pub type ToSignalling = (CallNumber, CallWish);

/// What a call wants of the signalling task.
#[derive(Debug)]
pub enum CallWish {
    Sip(SipCommand),
    /// Of the distributor, which lives there.
    Desk(Request),
}

pub struct Routes {
    pub thread: MediaThread,
    pub signalling: mpsc::Sender<ToSignalling>,
    pub journal: JournalHandle,
    pub recorder: RecorderHandle,
    pub fetcher: FetcherHandle,
    pub synthesizers: Arc<SynthesizerPool>,
    pub ears: Arc<Ears>,
    pub waiting: Waiting,
}

/// What a full queue did not take. Each call adds a few commands and some dozen events in its
/// life, and new calls are refused while the journal is behind, so these stay small.
#[derive(Default)]
pub struct Waiting {
    wishes: VecDeque<ToSignalling>,
    entries: VecDeque<Entry>,
}

impl Routes {
    pub fn wish(&mut self, call: CallNumber, wish: CallWish) {
        self.waiting.wishes.push_back((call, wish));
        self.flush_wishes();
    }

    pub fn journal(&mut self, entry: Entry, counted: &mut CallCounted) {
        counted.observe(&entry);
        self.waiting.entries.push_back(entry);
        self.flush_journal();
    }

    /// A refusal comes back as the fetch's failure.
    pub fn fetch(&mut self, call: CallNumber, fetch: Fetch) -> Option<Input> {
        let id = fetch.id;
        let wish = Wish::Fetch {
            call,
            thread: self.thread.clone(),
            fetch,
        };
        self.fetcher.try_send(wish).err().map(|_| Input::Fetched {
            fetch: id,
            result: Err(FetchFailure {
                status: None,
                reason: "too many lookups wait".into(),
            }),
        })
    }

    pub fn cancel_fetch(&mut self, call: CallNumber, fetch: FetchId) {
        // An answer that nobody waits for any more is ignored by its number.
        let _ = self.fetcher.try_send(Wish::Cancel { call, fetch });
    }

    /// A refusal comes back as the part's failure.
    pub fn render(
        &mut self,
        call: CallNumber,
        (play, part): (PlayId, usize),
        (language, text, pace): (Language, String, Pace),
    ) -> Option<Input> {
        let thread = self.thread.clone();
        let done = move |result: Outcome| {
            let result = result.map_err(|error| error.to_string());
            // With its inbox full for so long the caller has gone on by keys.
            let _ = thread.send(Command::Input(call, Input::Rendered { play, part, result }));
        };
        match self.synthesizers.submit((language, text, pace), done) {
            Ok(()) => None,
            Err(refused) => {
                let result = Err(refused.to_string());
                Some(Input::Rendered { play, part, result })
            }
        }
    }

    /// A refusal comes back as what became of the utterance.
    pub fn hear(
        &mut self,
        call: CallNumber,
        saying: &mut Saying,
        command: HearCommand,
    ) -> Option<Input> {
        self.ears.hear((call, &self.thread), saying, command)
    }

    /// A refusal comes back as the recording's failure.
    pub fn record(&mut self, call: CallNumber, command: RecorderCommand) -> Option<Input> {
        let job = Job {
            call,
            thread: self.thread.clone(),
            command,
        };
        let refused = match self.recorder.try_send(job) {
            Ok(()) => return None,
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => job.command,
        };
        let (RecorderCommand::Open { file, .. }
        | RecorderCommand::Samples { file, .. }
        | RecorderCommand::Close { file }
        | RecorderCommand::Discard { file }) = refused;
        Some(Input::RecordingFailed {
            file,
            reason: "the recorder cannot keep up".into(),
        })
    }

    /// Once a turn.
    pub fn flush(&mut self) {
        self.flush_wishes();
        self.flush_journal();
    }

    pub fn is_flushed(&self) -> bool {
        self.waiting.wishes.is_empty() && self.waiting.entries.is_empty()
    }

    fn flush_wishes(&mut self) {
        while let Some(command) = self.waiting.wishes.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(command)) = self.signalling.try_send(command)
            {
                self.waiting.wishes.push_front(command);
                return;
            }
        }
    }

    fn flush_journal(&mut self) {
        while let Some(entry) = self.waiting.entries.pop_front() {
            if let Err(full) = self.journal.append(entry) {
                self.waiting.entries.push_front(full.into());
                return;
            }
        }
    }
}
