//! A dialplan as typed data: what the loader makes and the dialogue runs. Immutable once loaded.

use super::opening::Opening;
use super::slot::Slot;
use crate::diagnostic::Span;
use crate::events::DistressExit;
use crate::key::Key;
use crate::language::{ByLanguage, Language};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::time::Duration;

/// An index into [`Dialplan::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u16);

/// An index into [`Dialplan::slots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub u16);

/// An index into [`Dialplan::handoffs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandoffId(pub u16);

#[derive(Debug, Clone)]
pub struct Dialplan {
    pub name: String,
    /// The first 12 hexadecimal digits of the SHA-256 of the file's text.
    pub version: String,
    /// Never empty; the first is the default.
    pub languages: Vec<Language>,
    pub timezone: jiff::tz::TimeZone,
    /// Played once, before the start node; must say that a machine answers.
    pub greeting: Prompt,
    /// Whether calls are recorded. The greeting must say so (the checker looks).
    pub record: bool,
    pub human: Human,
    pub elder: Elder,
    pub distress: Distress,
    pub start: NodeId,
    pub nodes: Vec<Node>,
    pub slots: Vec<Slot>,
    /// table → value → words.
    pub vocabulary: BTreeMap<String, BTreeMap<String, ByLanguage<String>>>,
    pub handoffs: Vec<Handoff>,
    /// Phrases that lookups must not put into the bot's mouth, beside the built-in ones.
    pub blocked: Vec<String>,
    pub timing: Timing,
    pub limits: Limits,
}

impl Dialplan {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub fn slot(&self, id: SlotId) -> &Slot {
        &self.slots[id.0 as usize]
    }

    pub fn handoff(&self, id: HandoffId) -> &Handoff {
        &self.handoffs[id.0 as usize]
    }
}

/// How a caller reaches a person, in every node.
#[derive(Debug, Clone)]
pub struct Human {
    /// `0` or `9`; the checker refuses any other.
    pub key: Key,
    /// Words that operators add to the built-in ones.
    pub hear: Vec<String>,
    pub handoff: HandoffId,
    pub span: Span,
}

/// What brings elder pacing, beside the built-in words and a second silence.
#[derive(Debug, Clone, Default)]
pub struct Elder {
    /// `4` to `9`, and no option's; the engine's own choices have 1 to 3.
    pub key: Option<Key>,
    /// Callers' numbers, `*` for any part; without spaces and the like.
    pub numbers: Vec<String>,
    /// Words that operators add to the built-in ones.
    pub hear: Vec<String>,
}

/// From where on a caller is taken to be in distress.
#[derive(Debug, Clone)]
pub struct Distress {
    /// Not understood so many times in a call, in two nodes or more.
    pub no_match: u32,
    /// The dialplan leads to the same menu, question or announcement for that time.
    pub same_sentence: u32,
    /// So many keys within 10 s that are no digits of a value.
    pub keys: u32,
    /// So much louder than the caller's own earlier utterances, in dB.
    pub loudness: f32,
    /// Words of anger that operators add to the built-in ones.
    pub hear: Vec<String>,
    pub then: DistressExit,
}

impl Default for Distress {
    fn default() -> Self {
        Distress {
            no_match: 4,
            same_sentence: 3,
            keys: 12,
            loudness: 9.0,
            hear: Vec::new(),
            then: DistressExit::default(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Node {
    pub name: String,
    pub span: Span,
    pub kind: NodeKind,
    /// Business that always goes to a person: no path from here ends with the bot (the checker looks).
    pub human_only: bool,
}

#[derive(Debug, Clone)]
pub enum NodeKind {
    Menu(Menu),
    Ask(Ask),
    Say(Say),
    Knowledge(Knowledge),
    Http(Http),
    Branch(Branch),
    Set(Set),
    /// `language: {"1": en, "2": zh}` with a prompt: a choice, put like a menu.
    LanguageMenu(LanguageMenu),
    /// `language: zh`: from here on the call is in that language.
    SwitchLanguage {
        language: Language,
        to: Target,
    },
    Transfer {
        handoff: HandoffId,
    },
    /// Says goodbye (if there is something to say) and ends the call.
    Hangup {
        goodbye: Option<Prompt>,
    },
}

/// Where a path leads next. The names of the reserved targets cannot be nodes' names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    Node(NodeId),
    /// The dialplan's human handoff.
    Human,
    /// The menu that was put last; a person where there was none.
    Back,
    /// The same node's prompt again.
    Repeat,
    Callback,
    Message,
    Hangup,
}

/// Something the bot says: text to be synthesized, or a recording with the same words.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    /// minijinja templates over slots, saved values and `call`; plain text is a template too.
    pub text: ByLanguage<String>,
    /// `prompts/<language>/<audio>.<wav|flac|mp3|ogg>`, used where that file exists.
    pub audio: Option<String>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Menu {
    pub prompt: Prompt,
    /// A shorter wording for the second time; without it the prompt is played again.
    pub reprompt: Option<Prompt>,
    /// In the order written; keys are 1–9 (never the human key, `*` or `#`).
    pub options: Vec<MenuOption>,
    pub no_input_timeout: Duration,
}

#[derive(Debug, Clone)]
pub struct MenuOption {
    pub key: Key,
    pub hear: Vec<String>,
    pub to: Target,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Ask {
    pub slot: SlotId,
    pub prompt: Prompt,
    pub reprompt: Option<Prompt>,
    /// Whether the value is read back with "1 if right, 2 to change": only then for keys.
    pub confirm: bool,
    pub to: Target,
    pub no_input_timeout: Duration,
    pub inter_digit_timeout: Duration,
}

#[derive(Debug, Clone)]
pub struct Say {
    pub prompt: Prompt,
    /// Played to its end, this counts as an answer (law 5).
    pub answers: bool,
    /// Asks "Did that answer your question? 1 yes, 2 no" and goes on by the choice.
    pub confirm_resolved: Option<ConfirmResolved>,
    /// Where to go on; without `confirm_resolved` only.
    pub to: Option<Target>,
}

/// Questions that callers may ask in their own words. Each answer is a `say` node of its own, which
/// the loader adds after the dialplan's.
#[derive(Debug, Clone)]
pub struct Knowledge {
    pub prompt: Prompt,
    pub reprompt: Option<Prompt>,
    /// Never empty.
    pub entries: Vec<KnowledgeEntry>,
    pub no_input_timeout: Duration,
}

#[derive(Debug, Clone)]
pub struct KnowledgeEntry {
    /// The questions; matched by their words, see [`crate::speech::understanding`].
    pub hear: Vec<String>,
    /// For who cannot say it; the prompt names it.
    pub key: Option<Key>,
    pub answer: NodeId,
    /// Where the answer is from, for who keeps it up to date.
    pub source: String,
    /// The last day on which it is true.
    pub expires: Date,
    pub span: Span,
}

#[derive(Debug, Clone, Copy)]
pub struct ConfirmResolved {
    pub yes: Target,
    pub no: Target,
}

#[derive(Debug, Clone)]
pub struct Http {
    pub method: HttpMethod,
    /// A template; must begin with `https://`, or `http://` to a loopback address.
    pub url: String,
    /// Values are templates.
    pub headers: BTreeMap<String, String>,
    /// A JSON body for POST; strings in it are templates.
    pub body: Option<serde_json::Value>,
    pub timeout: Duration,
    /// The name under which templates and conditions see the JSON answer.
    pub save: Option<String>,
    /// Said if the answer takes longer than 1.5 s; the engine has its own sentence for it.
    pub filler: Option<Prompt>,
    pub to: Target,
    pub failed: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    Get,
    /// Sent with an `Idempotency-Key` that is the same for every try of one visit.
    Post,
}

/// The first arm whose condition holds is taken.
#[derive(Debug, Clone)]
pub struct Branch {
    pub arms: Vec<Arm>,
    pub otherwise: Target,
}

#[derive(Debug, Clone)]
pub struct Arm {
    /// A minijinja expression, without braces: `parcel.state == "DELIVERED"`.
    pub when: String,
    pub to: Target,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct Set {
    /// name → template; names are those that templates read.
    pub values: Vec<(String, String)>,
    pub to: Target,
}

#[derive(Debug, Clone)]
pub struct LanguageMenu {
    /// One prompt that names each language in itself; spoken part by part, each in its language.
    pub prompt: Prompt,
    pub options: Vec<(Key, Language)>,
    pub to: Target,
    pub no_input_timeout: Duration,
}

#[derive(Debug, Clone)]
pub struct Handoff {
    pub name: String,
    pub span: Span,
    pub ring: Vec<Ring>,
    pub order: Order,
    /// What those who register here must know, to be rung by [`Ring::Agents`].
    pub skills: Vec<String>,
    /// How long each target rings.
    pub timeout: Duration,
    /// So long a target that failed is not rung again, where there is another one or a queue.
    pub rest: Duration,
    /// When people are there.
    pub opening: Opening,
    /// Callers wait where nobody is free.
    pub queue: Option<Queue>,
    /// Who answers is told whose call it is, and takes it by a key.
    pub accept: bool,
    pub otherwise: Otherwise,
    pub way: Way,
    /// Keys sent to the target after it has answered; `w` waits half a second.
    pub then_keys: Option<String>,
}

impl Handoff {
    /// The recording that is heard by who waits.
    pub fn music(&self) -> Option<&str> {
        self.queue.as_ref()?.music.as_deref()
    }

    /// The addresses that are written, without those who register here.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.ring.iter().filter_map(|ring| match ring {
            Ring::Target { uri, .. } => Some(uri.as_str()),
            Ring::Agents => None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ring {
    Target {
        /// A SIP URI.
        uri: String,
        /// So many calls at once; `None`: the target knows itself.
        limit: Option<u32>,
        /// What is spoken there; empty: any language.
        languages: Vec<Language>,
    },
    /// Everybody who registers here and has the handoff's skills.
    Agents,
}

/// In which order a handoff's targets are rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they are written.
    #[default]
    InOrder,
    /// All at once: the first who takes the call has it.
    All,
    /// Each in turn.
    RoundRobin,
    LongestIdle,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// From 0 to 9: the highest is served first.
    pub priority: u8,
    /// Who would be one more than so many goes on by `else` at once.
    pub most: u32,
    /// Who has waited so long goes on by `else`.
    pub longest: Duration,
    /// A recording of the prompts' folder; `None`: the engine's own music.
    pub music: Option<String>,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue {
            priority: 5,
            most: 100,
            longest: Duration::from_secs(30 * 60),
            music: None,
        }
    }
}

/// What is offered when none of a handoff's targets can be had. There is always something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    Handoff(HandoffId),
    Callback,
    Message,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As the target's trunk in the config says; bridged where it says nothing.
    Default,
    Bridged,
    Refer,
    /// Bridged first; then the caller is passed on by REFER with Replaces.
    Attended,
}

#[derive(Debug, Clone, Copy)]
pub struct Timing {
    pub no_input_timeout: Duration,
    pub inter_digit_timeout: Duration,
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub depth: u8,
    pub options: u8,
    /// The longest prompt before the human offer is heard.
    pub prompt: Duration,
}
