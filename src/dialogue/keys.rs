//! Keys: the human key first, then the state's own, then those that are pressed ahead.

use super::action::Action;
use super::interpreter::Dialogue;
use super::state::{Among, Failure, Next, State};
use crate::dialplan::model::HttpMethod;
use crate::events::{Event, KeySource, PacedBy, RequestedBy};
use crate::key::Key;
use std::collections::VecDeque;
use std::time::Instant;

/// Keys that are pressed before the question they answer. When it is full, later ones are dropped:
/// the question that follows finds out.
const MAX_TYPED_AHEAD: usize = 32;

#[derive(Debug, Clone, Default)]
pub(super) struct TypeAhead {
    keys: VecDeque<Key>,
    /// A terminator that was pressed although the number was complete without it.
    superfluous: Option<(Key, Instant)>,
}

impl TypeAhead {
    pub fn push(&mut self, key: Key) {
        if self.keys.len() < MAX_TYPED_AHEAD {
            self.keys.push_back(key);
        }
    }

    pub fn pop(&mut self) -> Option<Key> {
        self.keys.pop_front()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub fn clear(&mut self) {
        self.keys.clear();
    }

    /// A number was complete at its greatest length: people end it with the terminator all the
    /// same, and that one key means nothing until `until`.
    pub fn expect_terminator(&mut self, terminator: Key, until: Instant) {
        self.superfluous = Some((terminator, until));
    }

    pub fn is_superfluous(&mut self, key: Key, now: Instant) -> bool {
        match self.superfluous.take() {
            Some((terminator, until)) => key == terminator && now <= until,
            None => false,
        }
    }
}

impl Dialogue {
    pub(super) fn handle_key(&mut self, key: Key, source: KeySource) -> Option<Next> {
        let listening = !matches!(self.state, State::New | State::WithPeople(_) | State::Ended);
        let human = listening && key == self.human_key_now();
        let way_out = self.way_out(key).filter(|_| !human);
        self.log_key(key, source, human || way_out.is_some());
        if let Some(choice) = way_out {
            return self.leave_line(choice);
        }
        if matches!(self.state, State::InLine(_)) {
            // Nor is the human key a wish that is new: it is answered by where the caller is.
            self.act(Action::WhereAmI);
            return None;
        }
        if human {
            return self.human_wanted(RequestedBy::Key);
        }
        let now = self.now;
        if !listening || self.typed_ahead.is_superfluous(key, now) {
            return None;
        }
        if self.slows_down(key) {
            return self.slower(PacedBy::Key);
        }
        if !matches!(&self.state, State::Keying(keying) if !keying.entry.ignores(key)) {
            self.distress.key_pressed(now);
        }
        match &self.state {
            State::Choosing(_) => self.choose(key),
            State::Keying(_) => self.key_digit(key),
            State::Saying | State::Greeting if key == Key::STAR => self.star_while_saying(),
            State::Saying => {
                self.typed_ahead.push(key);
                self.stop_playing();
                self.cut_short()
            }
            State::Greeting => {
                self.typed_ahead.push(key);
                self.stop_playing();
                let start = self.dialplan().start;
                Some(Next::To(crate::dialplan::model::Target::Node(start)))
            }
            State::LookingUp(lookup) if key == Key::STAR => {
                // A POST acts: it is not taken back by going back.
                (lookup.method == HttpMethod::Get).then(|| self.back())
            }
            State::LookingUp(_) => {
                self.typed_ahead.push(key);
                None
            }
            State::BeforeMessage(handoff) => {
                let handoff = *handoff;
                self.key_before_message(key, handoff)
            }
            State::RecordingMessage(_) => {
                self.key_while_recording(key);
                None
            }
            State::SayingGoodbye(..)
            | State::New
            | State::WithPeople(_)
            | State::InLine(_)
            | State::LookedUp(_)
            | State::Passing
            | State::Ended => None,
        }
    }

    /// Law 1. In the choices after a failed transfer it tries that one again.
    pub(super) fn human_wanted(&mut self, by: RequestedBy) -> Option<Next> {
        let handoff = match self.last_handoff {
            Some(last) if self.after_handoff => last,
            _ => self.dialplan().human.handoff,
        };
        self.ring(by, handoff);
        None
    }

    /// Whether keys that are pressed now are neither told nor recorded: those of a sensitive slot,
    /// those that may turn out to be some, and what a person is told by keys (law 8).
    pub fn hides_keys(&self) -> bool {
        let ahead = matches!(
            self.state,
            State::Saying | State::Greeting | State::LookingUp(_)
        );
        let with_people = matches!(self.state, State::WithPeople(_));
        self.sensitive || with_people || (ahead && self.asks_sensitive())
    }

    pub(super) fn asks_sensitive(&self) -> bool {
        self.dialplan().slots.iter().any(|slot| slot.sensitive)
    }

    /// `leads_out`: to a person, or out of the line: what such a key means is no secret.
    fn log_key(&mut self, key: Key, source: KeySource, leads_out: bool) {
        let hidden = !leads_out && self.hides_keys();
        self.log(Event::KeyPressed {
            key: (!hidden).then_some(key),
            source,
        });
    }

    pub(super) fn star_while_saying(&mut self) -> Option<Next> {
        self.stop_playing();
        if matches!(self.state, State::Greeting) {
            self.speaker.greet();
            self.play(Vec::new());
            return None;
        }
        Some(self.back())
    }

    /// A key in a menu or another choice.
    pub(super) fn choose(&mut self, key: Key) -> Option<Next> {
        let State::Choosing(choosing) = &self.state else {
            return None;
        };
        if self.slows_down(key) {
            // Pressed ahead, and only now with a meaning.
            return self.slower(PacedBy::Key);
        }
        let among = choosing.among.clone();
        self.stop_playing();
        match among {
            Among::Menu => self.choose_option(key),
            Among::Languages => self.choose_language(key),
            Among::ValueRight(slot, _) => self.value_is_right(slot, key),
            Among::Resolved => self.is_resolved(key),
            Among::Returned(choices) => self.choose_after_handoff(key, &choices),
            Among::NumberRight(number) => self.number_is_right(&number, key),
            Among::Perhaps(perhaps) => self.perhaps_answered(perhaps.meaning, key),
        }
    }

    pub(super) fn not_a_choice(&mut self) -> Option<Next> {
        self.failed_to_answer(Failure::NoMatch)
    }
}
