//! What the caller may say at each moment, and what follows from what was heard.
//!
//! The call is told to listen ([`Action::Listen`]) whenever what may be said changes. Speech is an
//! answer like a key: an option's words are its key, a value fills its slot. Only what was not
//! understood surely is asked back.

use super::action::{Action, Content, Listen, Part};
use super::input::{ListenId, SpeechHeard};
use super::interpreter::Dialogue;
use super::state::{Among, Choosing, Failure, Next, Perhaps, State, Wanted};
use super::timers::Timer;
use crate::dialplan::model::{HttpMethod, NodeId, SlotId, Target};
use crate::events::{DistressSign, Event, Pace, PacedBy, RequestedBy, SpeechResult};
use crate::key::Key;
use crate::language::Language;
use crate::speech::choices::Choice;
use crate::speech::grammar::{Grammar, Meaning};
use crate::speech::sentences::Sentence;
use crate::speech::understanding::{Heard, Sense, Understood};
use std::sync::Arc;
use std::time::Duration;

/// From speech's begin: the longest utterance, the patience for its end, and the recognizer's time.
const LONGEST_SPEECH: Duration = Duration::from_secs(35);
/// Of what was said, so much is kept in the log, in characters.
const LOGGED_WORDS: usize = 200;

/// What is listened for; as long as it stays the same, so does the listening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListenFor {
    /// A person, back, again, slower: nothing else is asked.
    Anywhere,
    Node(NodeId),
    Languages(NodeId),
    YesOrNo,
    Slot(SlotId),
    TelephoneNumber,
    Choices,
}

#[derive(Debug, Default)]
pub(super) struct Listening {
    last: u32,
    /// What the call was told to listen for last.
    told: Option<(ListenFor, NodeId, Language, Pace)>,
    /// The caller is speaking, or what they said is being recognized: what was listened for when
    /// they began.
    speaking: Option<ListenId>,
    /// They began where what they say may be sensitive.
    sensitive: bool,
    /// What is asked next was not brought about by the caller.
    unasked_for: bool,
}

impl Listening {
    /// Goes on numbering, so that nothing that was said to the broken dialogue is taken for an
    /// answer to its own questions.
    pub fn after_fault(&self) -> Listening {
        Listening {
            last: self.last + 1,
            ..Listening::default()
        }
    }

    pub fn is_speaking(&self) -> bool {
        self.speaking.is_some()
    }

    /// A lookup has ended: what the caller is saying in it is no answer to what comes next, and is
    /// heard to its end, as they may ask for a person (law 1).
    pub fn lookup_ended(&mut self) {
        self.unasked_for = true;
    }
}

impl Dialogue {
    /// After whatever happened: the call learns what may be said now, if that is something else.
    pub(super) fn tell_listening(&mut self) {
        let unasked_for = std::mem::take(&mut self.listening.unasked_for);
        let wanted = self.listen_for();
        let wanted = wanted.map(|what| (what, self.node, self.language, self.pace));
        if wanted == self.listening.told {
            return;
        }
        let language = |told: &Option<(_, _, Language, _)>| told.as_ref().map(|told| told.2);
        let goes_on = unasked_for
            && self.listening.is_speaking()
            && language(&wanted) == language(&self.listening.told);
        self.listening.last += 1;
        if !goes_on {
            self.speech_is_over();
        }
        match &wanted {
            Some((what, ..)) => {
                let listen = Listen {
                    goes_on,
                    ..self.listen(what)
                };
                self.act(Action::Listen(listen));
            }
            None => self.act(Action::StopListening),
        }
        self.listening.told = wanted;
    }

    fn listen_for(&self) -> Option<ListenFor> {
        Some(match &self.state {
            State::Greeting | State::Saying | State::LookingUp(_) => ListenFor::Anywhere,
            State::Choosing(choosing) => match &choosing.among {
                Among::Menu => ListenFor::Node(self.node),
                Among::Languages => ListenFor::Languages(self.node),
                Among::ValueRight(..)
                | Among::Resolved
                | Among::NumberRight(_)
                | Among::Perhaps(_) => ListenFor::YesOrNo,
                Among::Returned(_) => ListenFor::Choices,
            },
            State::Keying(keying) => match keying.wanted {
                Wanted::Slot(slot) => ListenFor::Slot(slot),
                Wanted::CallbackNumber => ListenFor::TelephoneNumber,
            },
            State::New
            | State::WithPeople(_)
            | State::InLine(_)
            | State::BeforeMessage(_)
            | State::RecordingMessage(_)
            | State::SayingGoodbye(..)
            | State::LookedUp(_)
            | State::Passing
            | State::Ended => return None,
        })
    }

    fn listen(&self, what: &ListenFor) -> Listen {
        let grammars = self.its_languages().into_iter();
        Listen {
            id: ListenId(self.listening.last),
            grammars: grammars
                .filter_map(|language| self.grammar(what, language).cloned())
                .collect(),
            slot: match what {
                ListenFor::Slot(slot) => Some(*slot),
                _ => None,
            },
            pace: self.pace,
            aside: *what == ListenFor::Anywhere,
            goes_on: false,
            sensitive: self.hides_keys(),
        }
    }

    fn grammar(&self, what: &ListenFor, language: Language) -> Option<&Arc<Grammar>> {
        let grammars = &self.program.grammars;
        match what {
            ListenFor::Anywhere => grammars.anywhere(language),
            ListenFor::Node(node) | ListenFor::Languages(node) => grammars.node(*node, language),
            ListenFor::Slot(_) => grammars.node(self.node, language),
            ListenFor::YesOrNo => grammars.yes_or_no(language),
            ListenFor::TelephoneNumber => grammars.telephone_number(language),
            ListenFor::Choices => match &self.state {
                State::Choosing(Choosing {
                    among: Among::Returned(choices),
                    ..
                }) => grammars.choices(choices, language),
                _ => None,
            },
        }
    }

    fn is_listening(&self, listen: ListenId) -> bool {
        self.listening.told.is_some() && listen.0 == self.listening.last
    }

    /// The caller speaks for certain. An answer is not talked over, and silence does not count; but
    /// what was not asked for interrupts nothing until it is understood.
    pub(super) fn speech_began(&mut self, listen: ListenId) {
        if !self.is_listening(listen) {
            return;
        }
        self.listening.speaking = Some(listen);
        self.listening.sensitive = self.hides_keys();
        self.timers.arm(Timer::Speech, self.now + LONGEST_SPEECH);
        if self.asks() {
            let interrupted = self.speaker.is_playing();
            self.stop_playing();
            self.timers.stop(Timer::NoInput);
            let node = self.node_name().to_string();
            self.log(Event::SpeechBegan { node, interrupted });
        }
    }

    /// Whether speech is an answer that is waited for. Who keys a number has chosen how to give it.
    fn asks(&self) -> bool {
        match &self.state {
            State::Choosing(_) => true,
            State::Keying(keying) => keying.entry.is_empty(),
            _ => false,
        }
    }

    /// What was keyed of a number counts no more.
    fn forget_digits(&mut self) {
        self.timers.stop(Timer::InterDigit);
        if let State::Keying(keying) = &mut self.state {
            keying.entry.clear();
        }
    }

    pub(super) fn speech_heard(
        &mut self,
        listen: ListenId,
        heard: SpeechHeard,
        took: Duration,
    ) -> Option<Next> {
        let is_answer = self.is_listening(listen);
        if !is_answer && self.listening.speaking != Some(listen) {
            return None;
        }
        self.speech_is_over();
        if !is_answer {
            return self.heard_beside(heard, took);
        }
        match heard {
            SpeechHeard::Understood(understood) => {
                self.log_heard(&understood, took);
                self.act_on(understood)
            }
            SpeechHeard::NotUnderstood { words, confidence } => {
                self.log_speech(words, confidence, SpeechResult::NotUnderstood, took);
                self.not_understood()
            }
            SpeechHeard::NotRecognized { reason } => self.not_recognized(reason),
            SpeechHeard::Withdrawn => self.wait_for_answer(),
        }
    }

    /// What was begun before the question was put does not answer it; a person is always one.
    fn heard_beside(&mut self, heard: SpeechHeard, took: Duration) -> Option<Next> {
        match heard {
            SpeechHeard::Understood(understood) if understood.is_human() => {
                self.log_heard(&understood, took);
                self.act_on(understood)
            }
            _ => self.wait_for_answer(),
        }
    }

    fn wait_for_answer(&mut self) -> Option<Next> {
        if self.asks() && !self.speaker.is_playing() {
            self.question_was_heard();
        }
        None
    }

    /// What they said was never told.
    pub(super) fn speech_overdue(&mut self) -> Option<Next> {
        self.speech_is_over();
        self.not_recognized("no answer in time".to_string())
    }

    fn speech_is_over(&mut self) {
        self.listening.speaking = None;
        self.timers.stop(Timer::Speech);
    }

    pub(super) fn not_understood(&mut self) -> Option<Next> {
        match self.asks() {
            true => self.failed_to_answer(Failure::NotUnderstood),
            false => None,
        }
    }

    /// The recognizers are behind or broken: the dialogue goes on by keys and the human.
    fn not_recognized(&mut self, reason: String) -> Option<Next> {
        let node = self.node_name().to_string();
        self.log(Event::RecognizerLate { node, reason });
        match self.asks() {
            true => self.failed_to_answer(Failure::NotHeard),
            false => None,
        }
    }

    fn act_on(&mut self, understood: Understood) -> Option<Next> {
        match understood {
            Understood::Match(heard) => match heard.sense {
                Sense::Meaning(meaning) => self.meant(meaning),
                Sense::Value(value) => self.value_said(value, false),
            },
            Understood::Guess(Heard {
                sense: Sense::Value(value),
                ..
            }) => self.value_said(value, true),
            Understood::Guess(Heard {
                sense: Sense::Meaning(meaning),
                phrase,
                ..
            }) => self.ask_back(meaning, phrase),
            Understood::NoMatch => self.not_understood(),
        }
    }

    fn meant(&mut self, meaning: Meaning) -> Option<Next> {
        match meaning {
            Meaning::Human => self.human_wanted(RequestedBy::Speech),
            Meaning::Key(key) => self.key_said(key),
            Meaning::Repeat => self.again(),
            Meaning::Slower => self.slower(PacedBy::Speech),
            Meaning::Entry(entry) => self.question_asked(entry),
            Meaning::Undecided => self.not_understood(),
        }
    }

    /// As if the key had been pressed, where it means something.
    fn key_said(&mut self, key: Key) -> Option<Next> {
        match &self.state {
            State::Choosing(Choosing {
                among: Among::Returned(choices),
                ..
            }) if choices.contains(&(key, Choice::TryAgain)) => {
                self.human_wanted(RequestedBy::Speech)
            }
            State::Choosing(_) => self.choose(key),
            State::Keying(_) if key == Key::STAR => self.star_while_keying(),
            // An option of a choice.
            State::Keying(_) => self.key_digit(key),
            State::Saying | State::Greeting if key == Key::STAR => self.star_while_saying(),
            State::LookingUp(lookup) if key == Key::STAR => {
                // A POST acts: it is not taken back by going back.
                (lookup.method == HttpMethod::Get).then(|| self.back())
            }
            _ => None,
        }
    }

    pub(super) fn again(&mut self) -> Option<Next> {
        match &self.state {
            State::Choosing(_) | State::Keying(_) => {
                self.stop_playing();
                self.forget_digits();
                self.timers.stop(Timer::NoInput);
                self.count_step(true);
                self.say_question(None)
            }
            State::Saying => {
                self.stop_playing();
                Some(Next::Again(self.node))
            }
            State::Greeting => self.star_while_saying(),
            _ => None,
        }
    }

    fn value_said(&mut self, value: String, unsure: bool) -> Option<Next> {
        let State::Keying(keying) = &self.state else {
            return self.not_understood();
        };
        if !keying.entry.is_empty() {
            // The keys came later, and the rest of them is on its way.
            return None;
        }
        match keying.wanted {
            Wanted::Slot(slot) => self.fill_by_speech(slot, value, unsure),
            Wanted::CallbackNumber => self.choose_among(Among::NumberRight(value)),
        }
    }

    /// "Did you say refund?" A lookup is not left for a guess: they are asked when it has ended.
    fn ask_back(&mut self, meaning: Meaning, phrase: Option<usize>) -> Option<Next> {
        if let State::LookingUp(lookup) = &mut self.state {
            lookup.perhaps_human |= meaning == Meaning::Human;
            return None;
        }
        let words = match &self.state {
            // What is asked back already is not asked back again.
            State::Choosing(Choosing {
                among: Among::Perhaps(_),
                ..
            }) => None,
            _ if meaning == Meaning::Human => Some(String::new()),
            // In which language? The question is put again in each.
            _ if self.chooses_language() => None,
            _ => self.words_of(phrase).filter(|_| self.asks()),
        };
        match words {
            Some(words) => self.put_perhaps(meaning, words),
            None => self.not_understood(),
        }
    }

    /// What was asked before waits.
    pub(super) fn put_perhaps(&mut self, meaning: Meaning, words: String) -> Option<Next> {
        self.stop_playing();
        self.forget_digits();
        self.put_aside = Some(std::mem::replace(&mut self.state, State::Passing));
        self.choose_among(Among::Perhaps(Perhaps { meaning, words }))
    }

    /// As the operator wrote them.
    fn words_of(&self, phrase: Option<usize>) -> Option<String> {
        let (what, ..) = self.listening.told.as_ref()?;
        let grammar = self.grammar(what, self.language)?;
        Some(grammar.phrases.get(phrase?)?.words.clone())
    }

    pub(super) fn perhaps_parts(&self, perhaps: &Perhaps) -> Vec<Part> {
        if perhaps.meaning == Meaning::Human {
            return self.in_its_languages(Sentence::WantAPerson);
        }
        let words = Content::Text {
            text: perhaps.words.clone(),
            audio: None,
        };
        vec![
            self.sentence(Sentence::DidYouSay),
            self.part(words),
            self.sentence(Sentence::YesOrNo),
        ]
    }

    /// The answer to "Did you say refund?"
    pub(super) fn perhaps_answered(&mut self, meaning: Meaning, key: Key) -> Option<Next> {
        let right = match key {
            Key::STAR => Some(false),
            key => Self::yes_or_no(key),
        };
        let Some(right) = right else {
            return self.not_a_choice();
        };
        self.state = self.put_aside.take().unwrap_or(State::Passing);
        if right {
            return self.meant(meaning);
        }
        match &self.state {
            State::Choosing(_) | State::Keying(_) => self.failed_to_answer(Failure::NotUnderstood),
            State::Greeting => Some(Next::To(Target::Node(self.dialplan().start))),
            State::LookedUp(next) => Some(*next),
            _ => Some(Next::To(Target::Node(self.node))),
        }
    }

    fn log_heard(&mut self, understood: &Understood, took: Duration) {
        let (heard, result) = match understood {
            Understood::Match(heard) => (heard, SpeechResult::Understood),
            Understood::Guess(heard) => (heard, SpeechResult::Unsure),
            Understood::NoMatch => return,
        };
        self.log_speech(heard.words.clone(), heard.score, result, took);
    }

    /// Of what may be sensitive no word is kept (law 8), though it was said a question before.
    fn log_speech(&mut self, words: String, confidence: f32, result: SpeechResult, took: Duration) {
        let hidden = self.hides_keys() || self.listening.sensitive;
        let angry = self.word_of_anger(&words, confidence);
        let angry = angry.filter(|_| !hidden);
        let words = (!hidden).then(|| words.chars().take(LOGGED_WORDS).collect());
        let node = self.node_name().to_string();
        self.log(Event::SpeechHeard {
            node,
            words,
            confidence,
            result,
            milliseconds: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        });
        if let Some(word) = angry {
            self.distressed(DistressSign::Words { word });
        }
    }
}
