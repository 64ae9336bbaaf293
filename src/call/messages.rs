//! What a call records: the conversation, after its notice, and messages.

use super::call::Call;
use super::contract::RecorderCommand;
use super::leg::MAX_PAYLOAD;
use super::recording::Tape;
use crate::audio::frame::{DEFAULT_PTIME, duration_of, samples_in};
use crate::dialogue::input;
use crate::dialplan::model::HandoffId;
use crate::events::Event;
use std::time::{Duration, Instant};

/// Silence that ends a message; elder pacing waits longer.
const MESSAGE_SILENCE: Duration = Duration::from_secs(5);
/// Below this mean amplitude a packet counts as silence (about −46 dBFS).
const SILENT_AMPLITUDE: u32 = 160;

/// What was sensitive is not recorded for so much longer: the jitter buffer holds sound back.
const SENSITIVE_TAIL: Duration = Duration::from_millis(500);

/// Less than this is no message.
const SHORTEST_MESSAGE_MS: u32 = 1_000;

/// A message that is being left.
pub(super) struct Message {
    handoff: HandoffId,
    tape: Tape,
    limit: Duration,
    recording: bool,
    /// Closed, and waiting for the recorder's word.
    closing: bool,
    silent_for: Duration,
}

impl Message {
    pub fn is_recording(&self) -> bool {
        self.recording && !self.closing
    }

    /// How long it is without the silence at its end: nothing, where nothing was said.
    fn without_silence(&self, milliseconds: u32) -> u32 {
        let silence = u32::try_from(self.silent_for.as_millis()).unwrap_or(u32::MAX);
        milliseconds.saturating_sub(silence)
    }
}

impl Call {
    pub(super) fn start_recording(&mut self, now: Instant) {
        if self.tape.is_none() {
            let (tape, open) = Tape::open(format!("recordings/{}.wav", self.log.call()), true);
            self.log_event(
                now,
                Event::RecordingStarted {
                    file: tape.file().to_string(),
                },
            );
            self.tape = Some(tape);
            self.record([open]);
        }
    }

    /// `started`: the number of the event that tells of its beginning.
    pub(super) fn message_file(&self, started: u32) -> String {
        format!("messages/{}-{started}.wav", self.log.call())
    }

    /// Its beginning was the last event. A tone first: nothing is recorded until it was heard.
    pub(super) fn start_message(&mut self, handoff: HandoffId, limit: Duration) {
        let file = self.message_file(self.log.events().saturating_sub(1));
        let (tape, open) = Tape::open(file, false);
        self.record([open]);
        self.message = Some(Message {
            handoff,
            tape,
            limit,
            recording: false,
            closing: false,
            silent_for: Duration::ZERO,
        });
        self.beep();
    }

    pub(super) fn beep_heard(&mut self) {
        if let Some(message) = &mut self.message {
            message.recording = true;
        }
    }

    /// What the caller said in one packet's time; what comes while they are on hold is not theirs.
    pub(super) fn record_message(&mut self, samples: &[i16]) {
        if self.caller.is_held() {
            return;
        }
        let patience = self.dialogue.paced(MESSAGE_SILENCE);
        let Some(message) = self
            .message
            .as_mut()
            .filter(|message| message.is_recording())
        else {
            return;
        };
        let full = message.tape.push_mono(samples);
        let length = Duration::from_millis(u64::from(message.tape.milliseconds()));
        if is_silent(samples) {
            message.silent_for += duration_of(samples.len());
        } else {
            message.silent_for = Duration::ZERO;
        }
        let ends = length >= message.limit || message.silent_for >= patience;
        self.record(full);
        if ends {
            self.stop_message();
        }
    }

    pub(super) fn stop_message(&mut self) {
        let Some(message) = self.message.as_mut().filter(|message| !message.closing) else {
            return;
        };
        message.closing = true;
        let commands = message.tape.close();
        self.record(commands);
    }

    pub(super) fn recording_closed(&mut self, now: Instant, file: String, milliseconds: u32) {
        let message = self.message.take_if(|message| message.tape.file() == file);
        if let Some(message) = message {
            let mut milliseconds = message.without_silence(milliseconds);
            if milliseconds < SHORTEST_MESSAGE_MS {
                milliseconds = 0;
                self.record([RecorderCommand::Discard { file: file.clone() }]);
            }
            self.dialogue_input(now, input::Input::MessageEnded { milliseconds, file });
        }
    }

    pub(super) fn recording_failed(&mut self, now: Instant, file: String, reason: String) {
        if self
            .message
            .take_if(|message| message.tape.file() == file)
            .is_some()
        {
            self.record([RecorderCommand::Discard { file }]);
            self.dialogue_input(now, input::Input::MessageFailed { reason });
        } else if self.tape.take_if(|tape| tape.file() == file).is_some() {
            self.log_event(now, Event::RecordingFailed { reason });
        }
    }

    pub(super) fn set_sensitive(&mut self, now: Instant, sensitive: bool) {
        self.sensitive = sensitive;
        self.mute(now);
    }

    /// Nothing is recorded for a while, nor of what was recorded last: a tone begins before it is
    /// known to be a key's.
    pub(super) fn mute(&mut self, now: Instant) {
        self.muted_until = Some(now + SENSITIVE_TAIL);
        if let Some(tape) = &mut self.tape {
            tape.erase_latest();
        }
    }

    /// A key is still down: where it is not recorded, it is not to its end.
    pub(super) fn stay_muted(&mut self, now: Instant) {
        if self.is_muted(now) {
            self.muted_until = Some(now + SENSITIVE_TAIL);
        }
    }

    fn is_muted(&self, now: Instant) -> bool {
        self.sensitive || self.muted_until.is_some_and(|until| now < until)
    }

    /// Both channels of a stretch of time; nothing of either while something sensitive is said.
    pub(super) fn record_conversation(&mut self, now: Instant, caller: &[i16], other: &[i16]) {
        let muted = self.is_muted(now);
        let Some(tape) = &mut self.tape else { return };
        let full = if muted {
            let silence = &[0; MAX_PAYLOAD][..caller.len()];
            tape.push_stereo(silence, silence)
        } else {
            tape.push_stereo(caller, other)
        };
        self.record(full);
    }

    pub(super) fn end_recordings(&mut self, now: Instant) {
        let tape = self.tape.take().map(|mut tape| tape.close());
        self.record(tape.into_iter().flatten());
        self.keep_message(now);
    }

    /// A caller who hangs up at the end of a message, or goes to a person, has left it, if they have
    /// said something (law 5).
    pub(super) fn keep_message(&mut self, now: Instant) {
        let Some(mut message) = self.message.take() else {
            return;
        };
        let file = message.tape.file().to_string();
        let milliseconds = message.without_silence(message.tape.milliseconds());
        if milliseconds < SHORTEST_MESSAGE_MS {
            return self.record([RecorderCommand::Discard { file }]);
        }
        if !message.closing {
            self.record(message.tape.close());
        }
        let dialplan = &self.services.program.dialplan;
        let handoff = dialplan.handoff(message.handoff).name.clone();
        self.log_event(
            now,
            Event::MessageLeft {
                handoff,
                file,
                milliseconds,
            },
        );
    }

    pub(super) fn is_recording(&self) -> bool {
        self.tape.is_some() || self.message.as_ref().is_some_and(Message::is_recording)
    }
}

/// How long what was recorded is in milliseconds, without the silence at its end; `None` where it is no
/// message. 8 kHz.
pub fn length_of(samples: &[i16]) -> Option<u32> {
    let packets = samples.rchunks(samples_in(DEFAULT_PTIME));
    let silent: usize = packets
        .take_while(|it| is_silent(it))
        .map(<[i16]>::len)
        .sum();
    let length = duration_of(samples.len() - silent).as_millis();
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    (length >= SHORTEST_MESSAGE_MS).then_some(length)
}

/// Whether a packet's sound is none to speak of.
pub(super) fn is_silent(samples: &[i16]) -> bool {
    let amplitudes = samples
        .iter()
        .map(|sample| u32::from(sample.unsigned_abs()));
    amplitudes.sum::<u32>() < SILENT_AMPLITUDE * samples.len() as u32
}
