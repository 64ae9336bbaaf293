//! From node to node: what the dialplan leads to, and what is ended on the way.

use super::action::Action;
use super::interpreter::Dialogue;
use super::state::{Next, State};
use super::timers::Timer;
use crate::dialplan::model::{NodeId, NodeKind, Target};
use crate::events::{Event, LookupResult, RequestedBy};
use std::sync::Arc;

/// Nodes in a row of which the caller hears nothing. More is a loop, and a person is rung.
const MAX_QUIET_NODES: u32 = 64;
/// Nodes in a row of which none is a question. More is a loop too, one that talks.
const MAX_UNASKED_NODES: u32 = 256;

impl Dialogue {
    /// Follows the dialplan until something has to be waited for.
    pub(super) fn run(&mut self, mut next: Option<Next>) {
        while let Some(step) = next {
            self.quiet_nodes += 1;
            self.unasked_nodes += 1;
            if self.quiet_nodes > MAX_QUIET_NODES || self.unasked_nodes > MAX_UNASKED_NODES {
                let handoff = self.dialplan().human.handoff;
                self.ring(RequestedBy::Failure, handoff);
                return;
            }
            next = match step {
                Next::To(target) => self.follow(target, RequestedBy::Dialplan),
                Next::Failed(target) => {
                    // What was keyed ahead was for what comes after a success.
                    self.typed_ahead.clear();
                    self.follow(target, RequestedBy::Failure)
                }
                Next::Again(node) => self.enter(node, true),
                Next::Human(by) => self.follow(Target::Human, by),
            };
        }
    }

    fn follow(&mut self, target: Target, by: RequestedBy) -> Option<Next> {
        match target {
            Target::Node(node) => self.enter(node, false),
            Target::Human => {
                let handoff = self.dialplan().human.handoff;
                self.ring(by, handoff);
                None
            }
            Target::Back => {
                self.path.back(self.node);
                match self.last_menu() {
                    Some(menu) => self.enter(menu, false),
                    // From the start what led here would lead here again, without the caller.
                    None => self.follow(Target::Human, RequestedBy::Failure),
                }
            }
            Target::Repeat => Some(Next::To(Target::Node(self.node))),
            Target::Callback => {
                self.begins_anew();
                self.begin_callback()
            }
            Target::Message => {
                self.begins_anew();
                self.begin_message()
            }
            Target::Hangup => self.say_goodbye(None, "the dialplan led to its end"),
        }
    }

    /// Where no transfer came back just now, what is left behind is about where the caller is, whoever
    /// was wanted before.
    fn begins_anew(&mut self) {
        if !self.after_handoff {
            self.wish = self.node;
            self.last_handoff = None;
        }
    }

    /// `again`: the caller asked for it, so a question is put even if its slot is filled.
    fn enter(&mut self, node: NodeId, again: bool) -> Option<Next> {
        self.leave();
        self.node = node;
        self.after_handoff = false;
        let program = Arc::clone(&self.program);
        let node = program.dialplan.node(node);
        self.log(Event::NodeEntered {
            node: node.name.clone(),
        });
        self.came_round(again);
        match &node.kind {
            NodeKind::Menu(_) | NodeKind::Knowledge(_) => self.enter_menu(),
            NodeKind::LanguageMenu(_) => self.enter_language_menu(),
            NodeKind::Ask(ask) => self.enter_ask(ask, again),
            NodeKind::Say(say) => self.enter_say(say),
            NodeKind::Http(http) => self.enter_http(http),
            NodeKind::Branch(branch) => self.enter_branch(branch),
            NodeKind::Set(set) => self.enter_set(set),
            NodeKind::SwitchLanguage { language, to } => self.enter_switch(*language, *to),
            NodeKind::Transfer { handoff } => self.enter_transfer(*handoff),
            NodeKind::Hangup { goodbye } => {
                self.say_goodbye(goodbye.as_ref(), "the dialplan ended the call")
            }
        }
    }

    /// Ends what the state had under way. What plays goes on until something replaces or stops it.
    pub(super) fn leave(&mut self) {
        self.timers.stop(Timer::NoInput);
        self.timers.stop(Timer::InterDigit);
        self.timers.stop(Timer::Fetch);
        self.timers.stop(Timer::Message);
        self.sensitive = false;
        self.put_aside = None;
        match &self.state {
            State::LookingUp(lookup) => {
                let fetch = lookup.fetch;
                self.act(Action::CancelFetch(fetch));
                self.log_lookup_ended(LookupResult::Cancelled);
            }
            State::RecordingMessage(_) => self.act(Action::KeepMessage),
            _ => {}
        }
        self.state = State::Passing;
    }

    /// The caller's own wish: what was put before is put again, a question though its slot is filled.
    /// What they keyed ahead was for what they leave.
    pub(super) fn back(&mut self) -> Next {
        self.typed_ahead.clear();
        Next::Again(self.path.back(self.node).unwrap_or(self.node))
    }

    /// Where the caller did not ask for a question by `*`, what they gave is kept, and nothing is
    /// asked twice (law 3).
    pub(super) fn last_menu(&self) -> Option<NodeId> {
        let dialplan = self.dialplan();
        self.path.last_of(|node| {
            matches!(
                dialplan.node(node).kind,
                NodeKind::Menu(_) | NodeKind::Knowledge(_) | NodeKind::LanguageMenu(_)
            )
        })
    }
}
