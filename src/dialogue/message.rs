//! A message is recorded for people to hear.

use super::action::Action;
use super::interpreter::Dialogue;
use super::state::{Next, State};
use super::timers::Timer;
use crate::dialplan::model::HandoffId;
use crate::events::Event;
use crate::key::Key;
use crate::speech::sentences::Sentence;
use std::time::Duration;

/// The longest message.
const LIMIT: Duration = Duration::from_secs(120);
/// How much later than its limit a recording may still report its end.
const GRACE: Duration = Duration::from_secs(10);

impl Dialogue {
    pub(super) fn begin_message(&mut self) -> Option<Next> {
        self.leave();
        self.typed_ahead.clear();
        let handoff = self.handoff_for_later();
        self.state = State::BeforeMessage(handoff);
        let words = vec![self.sentence(Sentence::LeaveMessage)];
        self.play(words);
        None
    }

    pub(super) fn record_message(&mut self, handoff: HandoffId) {
        self.state = State::RecordingMessage(handoff);
        self.timers.arm(Timer::Message, self.now + LIMIT + GRACE);
        self.log(Event::MessageStarted {
            handoff: self.handoff(handoff).name.clone(),
            wish: Some(self.dialplan().node(self.wish).name.clone()),
            // The call knows.
            file: None,
        });
        self.act(Action::RecordMessage {
            handoff,
            limit: LIMIT,
        });
    }

    /// A key skips the words before the tone; `*` leads back.
    pub(super) fn key_before_message(&mut self, key: Key, handoff: HandoffId) -> Option<Next> {
        self.stop_playing();
        if key == Key::STAR {
            return self.back_from_leaving_something();
        }
        self.record_message(handoff);
        None
    }

    pub(super) fn key_while_recording(&mut self, key: Key) {
        if key == Key::HASH {
            self.act(Action::StopMessage);
        }
    }

    pub(super) fn message_ended(&mut self, milliseconds: u32, file: String) -> Option<Next> {
        let State::RecordingMessage(handoff) = self.state else {
            return None;
        };
        if milliseconds == 0 {
            return self.no_message_heard();
        }
        let handoff = self.handoff(handoff).name.clone();
        self.log(Event::MessageLeft {
            handoff,
            file,
            milliseconds,
        });
        self.state = State::Passing;
        let words = vec![
            self.sentence(Sentence::MessageKept),
            self.sentence(Sentence::Goodbye),
        ];
        self.end_with(words, "a message was left")
    }

    /// Nothing failed: it can be tried again, by who chooses it.
    fn no_message_heard(&mut self) -> Option<Next> {
        self.timers.stop(Timer::Message);
        self.state = State::Passing;
        self.message_empty = true;
        self.offer_choices(vec![Sentence::NoMessageHeard])
    }

    /// A callback is offered instead.
    pub(super) fn message_could_not_be_kept(&mut self) -> Option<Next> {
        if !matches!(self.state, State::RecordingMessage(_)) {
            return None;
        }
        self.timers.stop(Timer::Message);
        self.state = State::Passing;
        self.message_failed = true;
        self.offer_choices(vec![Sentence::MessageFailed])
    }
}
