//! The state machine of one call: a human key first, then the state's own business.

use super::action::Action;
use super::distress::Distress;
use super::input::{FetchId, Input};
use super::keys::TypeAhead;
use super::listening::Listening;
use super::notice::Notice;
use super::path::Path;
use super::program::Program;
use super::speaker::Speaker;
use super::state::{Next, State, WaysOut};
use super::timers::{Timer, Timers};
use crate::dialplan::model::{Dialplan, Handoff, HandoffId, Node, NodeId};
use crate::dialplan::template::Values;
use crate::events::{CallRef, DistressSign, Event, Pace, PacedBy, RequestedBy};
use crate::key::Key;
use crate::language::{ByLanguage, Language};
use crate::speech::raised_voice::Raised;
use crate::speech::sentences::Sentence;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Actions that can wait. One input makes far fewer, by the bounds above; were it full, entries for
/// the log would be dropped, never what the call needs.
const MAX_ACTIONS: usize = 2048;

/// Who calls whom.
#[derive(Debug, Clone)]
pub struct CallContext {
    pub call_ref: CallRef,
    /// Empty when withheld.
    pub caller: String,
    pub called: String,
    /// The language that the call begins in; the dialplan's default, if it is not one of its own.
    pub language: Language,
    /// Whether this server calls back who calls from there.
    pub calls_back: bool,
    /// Where a recognizer listens: there the caller is told that they may speak.
    pub hears: ByLanguage<bool>,
    /// Since 1970, when the dialogue was made.
    pub unix: Duration,
}

/// What is known of a caller who is called back.
#[derive(Debug, Clone, Copy)]
pub struct Resumed<'a> {
    pub handoff: &'a str,
    /// The node in which their way to a person began.
    pub wish: &'a str,
    pub language: Language,
    /// What made the bot slow down for them.
    pub paced_by: Option<PacedBy>,
    /// By the slots' names.
    pub slots: &'a [(String, String)],
}

/// One call's way through a dialplan. Tell it what happened (`handle_*`), then drain
/// [`Dialogue::poll_action`], then wait until [`Dialogue::next_timeout`] at most.
#[derive(Debug)]
pub struct Dialogue {
    pub(super) program: Arc<Program>,
    pub(super) context: CallContext,
    pub(super) language: Language,
    pub(super) pace: Pace,
    pub(super) began: Instant,
    /// The time of what is being handled.
    pub(super) now: Instant,
    pub(super) state: State,
    pub(super) node: NodeId,
    pub(super) path: Path,
    pub(super) steps: u32,
    pub(super) handoff_steps: u32,
    /// Values, by slot.
    pub(super) slots: Vec<Option<String>>,
    /// What lookups saved and `set` set.
    pub(super) saved: Values,
    /// The answers that the caller asked for, as nodes.
    pub(super) asked: BTreeSet<NodeId>,
    pub(super) typed_ahead: TypeAhead,
    pub(super) speaker: Speaker,
    pub(super) notice: Notice,
    pub(super) listening: Listening,
    /// What was asked before "Did you say …?"
    pub(super) put_aside: Option<State>,
    pub(super) timers: Timers,
    /// A sensitive slot is being keyed or confirmed.
    pub(super) sensitive: bool,
    /// What the call was told of it last, and of keys that wait.
    pub(super) told_sensitive: bool,
    /// The caller is on hold.
    pub(super) held: bool,
    pub(super) last_fetch: FetchId,
    /// The handoff that was tried last.
    pub(super) last_handoff: Option<HandoffId>,
    /// The node in which the caller's way to a person began.
    pub(super) wish: NodeId,
    /// We called the caller, who had asked for it.
    pub(super) is_callback: bool,
    /// A person had the caller, and left.
    pub(super) spoke_with_person: bool,
    /// Between a failed transfer and the next node: what is asked are handoff steps.
    pub(super) after_handoff: bool,
    /// The last transfer came back because nobody is there at this hour.
    pub(super) out_of_hours: bool,
    /// Said before the next question, once.
    pub(super) told_first: Vec<Sentence>,
    pub(super) distress: Distress,
    /// No message could be recorded: none is offered again.
    pub(super) message_failed: bool,
    /// The server stops in a moment.
    pub(super) stopping: bool,
    /// Nothing was said after the tone: silence alone leads there no more, it would be a circle.
    pub(super) message_empty: bool,
    pub(super) quiet_nodes: u32,
    pub(super) unasked_nodes: u32,
    pub(super) actions: VecDeque<Action>,
}

impl Dialogue {
    pub fn new(program: Arc<Program>, context: CallContext, now: Instant) -> Dialogue {
        let start = program.dialplan.start;
        let languages = &program.dialplan.languages;
        let served = languages.iter().find(|it| **it == context.language);
        Dialogue {
            language: *served.unwrap_or(&languages[0]),
            context,
            pace: Pace::default(),
            began: now,
            now,
            state: State::New,
            node: start,
            path: Path::default(),
            steps: 0,
            handoff_steps: 0,
            slots: vec![None; program.dialplan.slots.len()],
            saved: Values::new(),
            asked: BTreeSet::new(),
            typed_ahead: TypeAhead::default(),
            speaker: Speaker::default(),
            notice: Notice::default(),
            listening: Listening::default(),
            put_aside: None,
            timers: Timers::default(),
            sensitive: false,
            told_sensitive: false,
            held: false,
            last_fetch: FetchId(0),
            last_handoff: None,
            wish: start,
            is_callback: false,
            spoke_with_person: false,
            after_handoff: false,
            out_of_hours: false,
            told_first: Vec::new(),
            distress: Distress::default(),
            message_failed: false,
            stopping: false,
            message_empty: false,
            quiet_nodes: 0,
            unasked_nodes: 0,
            actions: VecDeque::new(),
            program,
        }
    }

    /// The dialogue of a caller who is called back: with people already, and with what they gave. The
    /// handoff is the dialplan's human one where the other is there no more.
    pub fn called_back(
        program: Arc<Program>,
        context: CallContext,
        now: Instant,
        resumed: Resumed,
    ) -> (Dialogue, HandoffId) {
        let mut dialogue = Dialogue::new(program, context, now);
        let dialplan = Arc::clone(&dialogue.program);
        let dialplan = &dialplan.dialplan;
        let index = |at: Option<usize>| at.map(|at| at as u16);
        let handoffs = &dialplan.handoffs;
        let handoff = index(handoffs.iter().position(|it| it.name == resumed.handoff));
        let handoff = handoff.map_or(dialplan.human.handoff, HandoffId);
        let wish = index(dialplan.nodes.iter().position(|it| it.name == resumed.wish));
        if dialplan.languages.contains(&resumed.language) {
            dialogue.language = resumed.language;
        }
        for (slot, kept) in dialplan.slots.iter().zip(&mut dialogue.slots) {
            let given = resumed.slots.iter().find(|(name, _)| *name == slot.name);
            *kept = given.map(|(_, value)| value.clone());
        }
        dialogue.wish = wish.map_or(dialplan.start, NodeId);
        dialogue.is_callback = true;
        if let Some(by) = resumed.paced_by {
            dialogue.begin_elder_pacing(by);
        }
        dialogue.last_handoff = Some(handoff);
        dialogue.state = State::WithPeople(WaysOut::default());
        (dialogue, handoff)
    }

    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = now;
        let next = match input {
            // Law 1: before recognizers, lookups and the node's own keys.
            Input::Key { key, source } => self.handle_key(key, source),
            Input::SpeechBegan { listen } => {
                self.speech_began(listen);
                None
            }
            Input::VoiceRaised(Raised { decibels, earlier }) => {
                self.distressed(DistressSign::Loudness { decibels, earlier });
                None
            }
            Input::SpeechHeard {
                listen,
                heard,
                took,
            } => self.speech_heard(listen, heard, took),
            Input::Start => self.start(),
            Input::PartPlayed { play, part } => {
                self.part_played(play, part);
                None
            }
            Input::PlayEnded { play } if self.speaker.ended(play) => self.play_ended(),
            Input::PlayFailed { play, reason } if self.speaker.ended(play) => {
                self.play_failed(reason)
            }
            Input::PlayEnded { .. } | Input::PlayFailed { .. } => None,
            Input::Fetched { fetch, result } => self.fetched(fetch, result),
            Input::InLine { position, estimate } => {
                self.told_place(position, estimate);
                None
            }
            Input::NextInLine => {
                self.next_in_line();
                None
            }
            Input::PassedOn => {
                self.passed_on(true);
                None
            }
            Input::NotPassedOn => {
                self.passed_on(false);
                None
            }
            Input::HandoffReturned { reason } => self.handoff_returned(reason),
            Input::MessageEnded { milliseconds, file } => self.message_ended(milliseconds, file),
            Input::MessageFailed { .. } => self.message_could_not_be_kept(),
            Input::Held => {
                self.hold();
                None
            }
            Input::Resumed => self.resume(),
            Input::NoticeHeard => {
                self.notice_heard(self.language);
                None
            }
            Input::ServerStops { with_person } => {
                self.server_stops(with_person);
                None
            }
            Input::CutOff => {
                self.cut_off();
                None
            }
            Input::CallEnded => {
                self.log_omitted_recording();
                self.leave();
                self.stop_playing();
                self.timers.stop_all();
                self.state = State::Ended;
                None
            }
        };
        self.run(next);
        self.keep_hold();
        self.tell_sensitive();
        self.tell_listening();
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        for timer in Timer::ALL {
            if self.timers.take_due(timer, now) {
                let next = self.timer_fired(timer);
                self.run(next);
            }
        }
        self.keep_hold();
        self.tell_sensitive();
        self.tell_listening();
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }

    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Menus, questions and confirmations put to the caller so far.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Distinct menus and questions on the path from the start to here.
    pub fn depth(&self) -> u32 {
        self.path.depth()
    }

    pub fn node_name(&self) -> &str {
        &self.node().name
    }

    /// The key that reaches a person at this moment (law 1).
    pub fn human_key_now(&self) -> Key {
        match &self.state {
            State::Keying(keying) => keying.entry.human_key(),
            _ => self.dialplan().human.key,
        }
    }

    /// Whether a sensitive slot is being keyed or confirmed, or keys wait that may be meant for one.
    pub fn is_sensitive(&self) -> bool {
        self.sensitive || (self.asks_sensitive() && !self.typed_ahead.is_empty())
    }

    /// How much time the caller is given, and how slowly they are spoken to.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    pub fn language(&self) -> Language {
        self.language
    }

    /// The node in which the caller's way to a person began.
    pub fn wish(&self) -> &str {
        &self.dialplan().node(self.wish).name
    }

    /// What the caller gave, for the person who takes the call: of sensitive slots the last four
    /// digits where they are shared, else only that they were given.
    pub fn handoff_context(&self) -> Vec<(String, String)> {
        let slots = self.dialplan().slots.iter().zip(&self.slots);
        let given = slots.filter_map(|(slot, value)| {
            let value = value.as_deref()?;
            let shared = match (slot.sensitive, slot.share_last4) {
                (false, _) => value,
                (true, true) => last4(value).unwrap_or("given"),
                (true, false) => "given",
            };
            Some((slot.name.clone(), shared.to_string()))
        });
        given.collect()
    }

    pub(super) fn dialplan(&self) -> &Dialplan {
        &self.program.dialplan
    }

    pub(super) fn node(&self) -> &Node {
        self.dialplan().node(self.node)
    }

    pub(super) fn act(&mut self, action: Action) {
        let full = self.actions.len() >= MAX_ACTIONS;
        if !(full && matches!(action, Action::Log(_))) {
            self.actions.push_back(action);
        }
    }

    pub(super) fn log(&mut self, event: Event) {
        self.act(Action::Log(event));
    }

    pub(super) fn tell_sensitive(&mut self) {
        let sensitive = self.is_sensitive();
        if std::mem::replace(&mut self.told_sensitive, sensitive) != sensitive {
            self.act(Action::Sensitive(sensitive));
        }
    }

    /// The caller's way to a person begins.
    pub(super) fn ring(&mut self, by: RequestedBy, handoff: HandoffId) {
        self.clear_unconfirmed();
        self.leave();
        self.stop_playing();
        self.timers.stop_all();
        self.typed_ahead.clear();
        self.distress.is_over();
        self.quiet_nodes = 0;
        self.unasked_nodes = 0;
        self.wish = self.node;
        self.last_handoff = Some(handoff);
        self.state = State::WithPeople(WaysOut::default());
        self.log(Event::HumanRequested {
            by,
            node: self.node_name().to_string(),
            steps: self.steps,
            depth: self.depth(),
        });
        let apology = (by == RequestedBy::Failure).then_some(Sentence::SomethingWentWrong);
        let notice = self.language_is_settled();
        self.act(Action::Transfer {
            handoff,
            apology,
            notice,
        });
    }

    fn timer_fired(&mut self, timer: Timer) -> Option<Next> {
        match timer {
            Timer::Play => {
                self.speaker.forget();
                self.play_overdue()
            }
            Timer::NoInput => self.no_input(),
            Timer::InterDigit => self.digits_paused(),
            Timer::LookingUp => {
                if matches!(self.state, State::LookingUp(_)) {
                    self.say_looking_up();
                }
                None
            }
            Timer::Fetch => self.fetch_timed_out(),
            Timer::Message => self.message_could_not_be_kept(),
            Timer::Speech => self.speech_overdue(),
            Timer::InLine => {
                self.act(Action::WhereAmI);
                None
            }
        }
    }

    /// The handoff that a callback or a message is left for.
    pub(super) fn handoff_for_later(&self) -> HandoffId {
        self.last_handoff.unwrap_or(self.dialplan().human.handoff)
    }

    pub(super) fn handoff(&self, id: HandoffId) -> &Handoff {
        self.dialplan().handoff(id)
    }
}

/// Of four digits or fewer nothing is told.
pub(super) fn last4(value: &str) -> Option<&str> {
    let start = value.len().checked_sub(4).filter(|&start| start > 0)?;
    value.get(start..)
}
