//! How everything that is put to the caller is put: counted, said, waited for, and put again.

use super::action::Part;
use super::interpreter::Dialogue;
use super::state::{Among, Choosing, Failure, Failures, Keying, Next, State, Wanted};
use super::timers::Timer;
use crate::dialplan::model::NodeKind;
use crate::events::{Event, PacedBy, RequestedBy, StepKind};
use crate::key::Key;
use crate::language::Language;
use crate::speech::sentences::Sentence;
use std::time::Duration;

/// The third time that nothing was understood, or nothing heard, is the last.
const LAST_FAILURE: u32 = 3;
/// From this one on the human key is named again.
const NAME_HUMAN_KEY: u32 = 2;
/// From this silence on the caller is given more time.
const ELDER_PACING: u32 = 2;

impl Dialogue {
    pub(super) fn choose_among(&mut self, among: Among) -> Option<Next> {
        // What was pressed before cannot confirm what was not heard yet.
        if !matches!(among, Among::Menu | Among::Languages) {
            self.typed_ahead.clear();
        }
        self.state = State::Choosing(Choosing {
            among,
            failures: Failures::default(),
            portion: 0,
        });
        self.put(None)
    }

    /// Puts the question of the state, the first time or after a failure. What was waited for until
    /// now was an answer to another one.
    pub(super) fn put(&mut self, failure: Option<Failure>) -> Option<Next> {
        self.timers.stop(Timer::NoInput);
        self.timers.stop(Timer::InterDigit);
        if let Some(person) = self.person_due() {
            return Some(person);
        }
        self.count_step(failure.is_some());
        self.quiet_nodes = 0;
        self.unasked_nodes = 0;
        if let Some(next) = self.consume_typed_ahead() {
            return next;
        }
        self.say_question(failure)
    }

    pub(super) fn say_question(&mut self, failure: Option<Failure>) -> Option<Next> {
        match self.question_parts(failure) {
            Ok(parts) => {
                self.told_first.clear();
                self.play(parts);
                None
            }
            Err(reason) => {
                self.log_prompt_failed(reason);
                Some(Next::Human(RequestedBy::Failure))
            }
        }
    }

    pub(super) fn log_prompt_failed(&mut self, reason: String) {
        let node = self.node_name().to_string();
        self.log(Event::PromptFailed { node, reason });
    }

    /// `Some` if keys that were pressed ahead have answered.
    fn consume_typed_ahead(&mut self) -> Option<Option<Next>> {
        let mut next = None;
        let mut consumed = false;
        while let Some(key) = self.typed_ahead.pop() {
            if self.typed_ahead.is_superfluous(key, self.now)
                || matches!(&self.state, State::Keying(keying) if keying.entry.ignores(key))
            {
                continue;
            }
            consumed = true;
            next = match &self.state {
                State::Choosing(_) => return Some(self.choose(key)),
                State::Keying(_) => {
                    self.distress.key_was_a_digit();
                    self.key_digit(key)
                }
                _ => next,
            };
            if next.is_some() || !matches!(self.state, State::Keying(_)) {
                return Some(next);
            }
        }
        consumed.then_some(next)
    }

    fn question_parts(&self, failure: Option<Failure>) -> Result<Vec<Part>, String> {
        let again = failure.is_some();
        let question = match &self.state {
            State::Choosing(choosing) => self.choice_parts(choosing, again)?,
            State::Keying(keying) => self.entry_parts(keying, again)?,
            _ => Vec::new(),
        };
        let failures = self.failures().unwrap_or_default();
        let count = match failure {
            Some(Failure::NoInput) => failures.no_input,
            Some(Failure::NoMatch | Failure::NotUnderstood | Failure::NotHeard) => {
                failures.no_match
            }
            None => 0,
        };
        let told = self.told_first.iter().cloned();
        let mut parts: Vec<Part> = told.map(|sentence| self.sentence(sentence)).collect();
        if let Some(failure) = failure {
            parts.extend(self.in_its_languages(self.apology(failure)));
        }
        let name_human = count >= NAME_HUMAN_KEY && !self.after_handoff;
        let no_match = matches!(failure, Some(Failure::NoMatch | Failure::NotUnderstood));
        if (name_human && no_match) || failure == Some(Failure::NotHeard) {
            parts.extend(self.in_its_languages(Sentence::UseKeypad));
        }
        let key = self.human_key_now();
        let offer = self.in_its_languages(Sentence::HumanOffer { key });
        let offered_by_sentence = matches!(
            &self.state,
            State::Keying(Keying {
                wanted: Wanted::CallbackNumber,
                ..
            })
        );
        let first = self.offers_person_first() || self.offer_due_for_distress();
        let first = first && !self.greeting_is_due() && !offered_by_sentence;
        if name_human || first {
            parts.extend(offer);
            parts.extend(question);
            return Ok(parts);
        }
        parts.extend(question);
        // The greeting brings its own. While digits are keyed the key is another, and named.
        let unusual = key != self.dialplan().human.key && !again;
        let wanted = (self.speaker.offer_due && !self.after_handoff) || unusual;
        if wanted && !offered_by_sentence && !self.greeting_is_due() {
            parts.extend(offer);
        }
        Ok(parts)
    }

    fn apology(&self, failure: Failure) -> Sentence {
        match (failure, &self.state) {
            (Failure::NoInput, _) => Sentence::NoInput,
            (Failure::NotUnderstood | Failure::NotHeard, _) => Sentence::NoMatch,
            (Failure::NoMatch, State::Keying(_)) => Sentence::NotValid,
            (Failure::NoMatch, _) => Sentence::NotAChoice,
        }
    }

    /// Whether the caller is still to choose a language, or was just about to.
    pub(super) fn chooses_language(&self) -> bool {
        let asks = |state: &State| {
            matches!(
                state,
                State::Choosing(Choosing {
                    among: Among::Languages,
                    ..
                })
            )
        };
        asks(&self.state) || self.put_aside.as_ref().is_some_and(asks)
    }

    /// Those in which the caller is spoken to and listened to.
    pub(super) fn its_languages(&self) -> Vec<Language> {
        match self.chooses_language() {
            true => self.dialplan().languages.clone(),
            false => vec![self.language],
        }
    }

    /// A caller who is still to choose a language hears the engine's sentences in each.
    pub(super) fn in_its_languages(&self, sentence: Sentence) -> Vec<Part> {
        let languages = self.its_languages().into_iter();
        let parts = languages.map(|language| Part {
            language,
            ..self.sentence(sentence.clone())
        });
        parts.collect()
    }

    fn choice_parts(&self, choosing: &Choosing, again: bool) -> Result<Vec<Part>, String> {
        Ok(match &choosing.among {
            Among::Menu => self.menu_at_pace(self.menu_parts(again)?, choosing.portion),
            Among::Languages => self.paced_options(self.language_menu_parts()?),
            Among::ValueRight(slot, _) => self.read_back(*slot),
            Among::Resolved => vec![self.sentence(Sentence::DidThatAnswer)],
            Among::Returned(choices) => vec![self.sentence(Sentence::Choices(choices.clone()))],
            Among::NumberRight(number) => self.number_parts(number),
            Among::Perhaps(perhaps) => self.perhaps_parts(perhaps),
        })
    }

    fn entry_parts(&self, keying: &Keying, again: bool) -> Result<Vec<Part>, String> {
        match keying.wanted {
            Wanted::Slot(_) => self.ask_parts(again),
            Wanted::CallbackNumber => Ok(vec![self.sentence(Sentence::AskCallbackNumber)]),
        }
    }

    pub(super) fn count_step(&mut self, reprompt: bool) {
        let step = match &self.state {
            State::Choosing(choosing) => match choosing.among {
                Among::Menu | Among::Languages | Among::Returned(_) => StepKind::Menu,
                Among::ValueRight(..)
                | Among::Resolved
                | Among::NumberRight(_)
                | Among::Perhaps(_) => StepKind::Confirmation,
            },
            _ => StepKind::Question,
        };
        if self.after_handoff {
            self.handoff_steps += 1;
            let handoff_steps = self.handoff_steps;
            let step = Some(step);
            return self.log(Event::HandoffStepAsked {
                step,
                handoff_steps,
            });
        }
        self.steps += 1;
        self.log(Event::StepAsked {
            node: self.node_name().to_string(),
            step,
            reprompt,
            steps: self.steps,
            depth: self.depth(),
        });
    }

    /// The prompt was heard to its end: now the caller's silence counts.
    pub(super) fn question_was_heard(&mut self) {
        if let State::Keying(keying) = &self.state
            && !keying.entry.is_empty()
        {
            return;
        }
        if self.listening.is_speaking() {
            return;
        }
        let deadline = self.now + self.no_input_timeout();
        self.timers.arm(Timer::NoInput, deadline);
    }

    fn no_input_timeout(&self) -> Duration {
        self.paced(match &self.node().kind {
            NodeKind::Menu(menu) => menu.no_input_timeout,
            NodeKind::Knowledge(knowledge) => knowledge.no_input_timeout,
            NodeKind::LanguageMenu(menu) => menu.no_input_timeout,
            NodeKind::Ask(ask) => ask.no_input_timeout,
            _ => self.dialplan().timing.no_input_timeout,
        })
    }

    pub(super) fn no_input(&mut self) -> Option<Next> {
        self.failed_to_answer(Failure::NoInput)
    }

    /// By the table of defaults: again and shorter, again with the human key named (and after silence
    /// with more time), a person.
    pub(super) fn failed_to_answer(&mut self, failure: Failure) -> Option<Next> {
        self.typed_ahead.clear();
        let failures = match &mut self.state {
            State::Choosing(choosing) => &mut choosing.failures,
            State::Keying(keying) => &mut keying.failures,
            _ => return None,
        };
        let count = match failure {
            Failure::NoInput => &mut failures.no_input,
            Failure::NoMatch | Failure::NotUnderstood | Failure::NotHeard => &mut failures.no_match,
        };
        *count += 1;
        let count = *count;
        let node = self.node_name().to_string();
        match failure {
            Failure::NoInput => self.log(Event::NoInput { node, count }),
            Failure::NoMatch | Failure::NotUnderstood => {
                self.log(Event::NoMatch { node, count });
                self.not_matched();
            }
            // What became of it is told already.
            Failure::NotHeard => {}
        }
        if failure == Failure::NoInput && count >= ELDER_PACING {
            self.begin_elder_pacing(PacedBy::Silence);
        }
        if count < LAST_FAILURE {
            return self.put(Some(failure));
        }
        if self.gives_up_by_itself() {
            return self.give_up_on_answer();
        }
        Some(Next::Human(RequestedBy::Retries))
    }

    fn failures(&self) -> Option<Failures> {
        match &self.state {
            State::Choosing(choosing) => Some(choosing.failures),
            State::Keying(keying) => Some(keying.failures),
            _ => None,
        }
    }

    /// Key 1 says yes and key 2 no, in every confirmation.
    pub(super) fn yes_or_no(key: Key) -> Option<bool> {
        match key {
            Key::ONE => Some(true),
            Key::TWO => Some(false),
            _ => None,
        }
    }
}
