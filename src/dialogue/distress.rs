//! Signs that a caller is in distress or goes round in circles. A sign gates nothing and changes
//! nothing of what was under way: before the next question the caller is offered a person, or rung
//! one, by the dialplan's choice, and the log tells why. Each kind counts once a call.

use super::interpreter::Dialogue;
use super::state::{Next, State};
use crate::dialplan::model::{NodeId, NodeKind};
use crate::events::{DistressExit, DistressSign, Event, RequestedBy};
use crate::speech::understanding::{CONFIRM, anger};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

/// Within which keys are too many.
const KEYS_WITHIN: Duration = Duration::from_secs(10);
/// No dialplan's threshold is higher; older ones are forgotten.
const MOST_KEYS: usize = 50;

#[derive(Debug, Clone, Default)]
pub(super) struct Distress {
    no_matches: u32,
    /// Where nothing was understood.
    nodes: BTreeSet<NodeId>,
    /// How many times the bot came to a node that says something, by itself.
    said: BTreeMap<NodeId, u32>,
    /// When keys were pressed that were no digits of a value.
    keys: VecDeque<Instant>,
    seen: Vec<Discriminant<DistressSign>>,
    due: Option<DistressExit>,
}

impl Distress {
    pub fn key_pressed(&mut self, now: Instant) {
        if self.keys.len() == MOST_KEYS {
            self.keys.pop_front();
        }
        self.keys.push_back(now);
    }

    /// Pressed ahead, and now a part of a value.
    pub fn key_was_a_digit(&mut self) {
        self.keys.pop_back();
    }

    /// The caller says that they were helped, or people are rung: what was before is past.
    pub fn is_over(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        *self = Distress {
            seen,
            ..Distress::default()
        };
    }

    pub fn person_offered(&mut self) {
        self.due.take_if(|due| *due == DistressExit::Offer);
    }
}

impl Dialogue {
    /// What can be told of the words that were heard, how sure the recognizer was of them being known.
    pub(super) fn word_of_anger(&self, words: &str, confidence: f32) -> Option<String> {
        let more = &self.dialplan().distress.hear;
        let found = anger::find(words, more).filter(|_| confidence >= CONFIRM);
        found.map(str::to_string)
    }

    pub(super) fn distressed(&mut self, sign: DistressSign) {
        let kind = discriminant(&sign);
        let with_people = matches!(self.state, State::New | State::WithPeople(_) | State::Ended);
        if with_people || self.after_handoff || self.distress.seen.contains(&kind) {
            return;
        }
        self.distress.seen.push(kind);
        let then = self.dialplan().distress.then;
        self.distress.due = Some(then);
        let node = self.node_name().to_string();
        self.log(Event::DistressSeen { node, sign, then });
    }

    pub(super) fn not_matched(&mut self) {
        if self.after_handoff {
            return;
        }
        self.distress.no_matches += 1;
        self.distress.nodes.insert(self.node);
        let count = self.distress.no_matches;
        let nodes = u32::try_from(self.distress.nodes.len()).unwrap_or(u32::MAX);
        if count >= self.dialplan().distress.no_match && nodes > 1 {
            self.distressed(DistressSign::NoMatch { count, nodes });
        }
    }

    /// The bot comes to a node. Who asked to hear it again is in no circle.
    pub(super) fn came_round(&mut self, again: bool) {
        let says = match &self.node().kind {
            NodeKind::Menu(_)
            | NodeKind::Knowledge(_)
            | NodeKind::LanguageMenu(_)
            | NodeKind::Say(_) => true,
            NodeKind::Ask(ask) => self.slot_value(ask.slot).is_none(),
            _ => false,
        };
        if again || !says {
            return;
        }
        let times = self.distress.said.entry(self.node).or_default();
        *times += 1;
        let times = *times;
        if times >= self.dialplan().distress.same_sentence {
            self.distressed(DistressSign::SameSentence { times });
        }
    }

    /// What keys that wait will mean is not known yet.
    fn watch_keys(&mut self) {
        if !self.typed_ahead.is_empty() {
            return;
        }
        let now = self.now;
        let keys = &mut self.distress.keys;
        while keys.front().is_some_and(|at| *at + KEYS_WITHIN < now) {
            keys.pop_front();
        }
        let count = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        if count >= self.dialplan().distress.keys {
            self.distressed(DistressSign::Keys { count });
        }
    }

    /// One deeper, unless a person is rung instead: then the question is not put.
    pub(super) fn comes_to_question(&mut self) -> Option<Next> {
        let person = self.person_due();
        if person.is_none() {
            self.path.visit(self.node);
        }
        person
    }

    /// Before a question is put: a person instead, where that is due.
    pub(super) fn person_due(&mut self) -> Option<Next> {
        self.watch_keys();
        let due = self.distress.due == Some(DistressExit::Transfer) && !self.after_handoff;
        due.then_some(Next::Human(RequestedBy::Distress))
    }

    /// Whether the next question begins with the offer of a person.
    pub(super) fn offer_due_for_distress(&self) -> bool {
        self.distress.due.is_some() && !self.after_handoff
    }
}
