//! What is said: prompts and sentences to parts, and what follows from their being heard.

use super::action::{Action, Content, Part, Play};
use super::input::PlayId;
use super::interpreter::Dialogue;
use super::timers::Timer;
use crate::dialplan::model::{NodeKind, Prompt};
use crate::dialplan::template;
use crate::events::{Event, Pace};
use crate::key::Key;
use crate::language::Language;
use crate::speech::sentences::Sentence;
use crate::speech::verbaliser::digit_groups;
use std::time::Duration;

/// Longer than any play: its end was never reported, and the call goes on.
const LONGEST_PLAY: Duration = Duration::from_secs(300);
/// Between the groups of a number.
const BETWEEN_GROUPS: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub(super) struct Speaker {
    last: u32,
    playing: Option<Playing>,
    /// The greeting is still to be played, before whatever comes first.
    greeting_due: bool,
    /// No offer of a person was heard to its end yet in this language: the next question has one.
    pub offer_due: bool,
}

#[derive(Debug)]
struct Playing {
    id: PlayId,
    /// The parts that offer a person, and by which key.
    offers: Vec<(usize, Key)>,
    /// The parts that say that the call is recorded, each in its language.
    notices: Vec<(usize, Language)>,
}

impl Speaker {
    pub fn greet(&mut self) {
        self.greeting_due = true;
        self.offer_due = true;
    }

    /// Goes on numbering, so that nothing about a play of the broken dialogue's is taken for its own.
    pub fn after_fault(&self) -> Speaker {
        Speaker {
            last: self.last,
            playing: None,
            greeting_due: false,
            offer_due: self.offer_due,
        }
    }

    /// Whether it was this play that is over.
    pub fn ended(&mut self, play: PlayId) -> bool {
        self.playing.take_if(|playing| playing.id == play).is_some()
    }

    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    pub fn forget(&mut self) {
        self.playing = None;
    }
}

impl Dialogue {
    /// Replaces what is playing. The greeting comes first where it is still due.
    pub(super) fn play(&mut self, parts: Vec<Part>) {
        let mut all = Vec::new();
        if std::mem::take(&mut self.speaker.greeting_due) {
            all = self.greeting();
        } else if self.notice_is_due() {
            all.push(self.sentence(Sentence::CallRecorded));
        }
        let greeting = all.len();
        all.extend(parts);
        if all.is_empty() {
            all.push(self.part(Content::Pause(Duration::from_millis(20))));
        }
        let offers = all.iter().enumerate().filter_map(|(index, part)| {
            let Content::Sentence(Sentence::HumanOffer { key }) = part.content else {
                return None;
            };
            Some((index, key))
        });
        let offers = offers.collect();
        let is_notice = |index: usize, part: &Part| match part.content {
            Content::Text { .. } => index < greeting,
            Content::Sentence(Sentence::CallRecorded) => true,
            _ => false,
        };
        let notices = all.iter().enumerate();
        let notices = notices.filter(|(index, part)| is_notice(*index, part));
        let notices = notices
            .map(|(index, part)| (index, part.language))
            .collect();
        self.speaker.last += 1;
        let id = PlayId(self.speaker.last);
        self.speaker.playing = Some(Playing {
            id,
            offers,
            notices,
        });
        self.timers.arm(Timer::Play, self.now + LONGEST_PLAY);
        self.timers.stop(Timer::LookingUp);
        self.act(Action::Play(Play { id, parts: all }));
    }

    pub(super) fn stop_playing(&mut self) {
        self.timers.stop(Timer::Play);
        if self.speaker.playing.take().is_some() {
            self.act(Action::StopPlaying);
        }
    }

    pub(super) fn part_played(&mut self, play: PlayId, part: usize) {
        let Some(playing) = self.speaker.playing.as_ref().filter(|it| it.id == play) else {
            return;
        };
        let offered = playing.offers.iter().find(|(index, _)| *index == part);
        let offered = offered.map(|&(_, key)| key);
        let notice = playing.notices.iter().find(|(index, _)| *index == part);
        let notice = notice.map(|&(_, language)| language);
        if let Some(key) = offered {
            self.speaker.offer_due = false;
            self.distress.person_offered();
            self.log(Event::HumanOffered { key });
        }
        if let Some(language) = notice {
            self.notice_heard(language);
        }
    }

    /// The greeting and the offer of a person. Where the caller is about to choose a language, in
    /// each of them.
    fn greeting(&self) -> Vec<Part> {
        let dialplan = self.dialplan();
        let start = &dialplan.node(dialplan.start).kind;
        let languages = match start {
            NodeKind::LanguageMenu(_) => dialplan.languages.clone(),
            _ => vec![self.language],
        };
        let key = self.human_key_now();
        let mut parts = Vec::new();
        for language in languages {
            // What fails in a greeting's template fails in the first prompt too; there it matters.
            parts.extend(
                self.prompt_in(&dialplan.greeting, language)
                    .unwrap_or_default(),
            );
            let mut say = |sentence| {
                let content = Content::Sentence(sentence);
                parts.push(Part { language, content });
            };
            say(Sentence::HumanOffer { key });
            if self.context.hears.get(language) == Some(&true) {
                say(Sentence::YouMaySpeak);
            }
            if let Some(key) = dialplan.elder.key.filter(|_| self.pace == Pace::Usual) {
                say(Sentence::SlowerOffer { key });
            }
        }
        parts
    }

    pub(super) fn greeting_is_due(&self) -> bool {
        self.speaker.greeting_due
    }

    pub(super) fn sentence(&self, sentence: Sentence) -> Part {
        self.part(Content::Sentence(sentence))
    }

    pub(super) fn part(&self, content: Content) -> Part {
        Part {
            language: self.language,
            content,
        }
    }

    /// What values are put into is synthesized in the call, so it is sentence by sentence: the first
    /// is heard while the next is made.
    pub(super) fn prompt(&self, prompt: &Prompt) -> Result<Vec<Part>, String> {
        let whole = self.prompt_in(prompt, self.language)?;
        let source = prompt.text.get(self.language);
        match source.is_some_and(|source| template::has_values(source)) {
            true => Ok(whole.into_iter().flat_map(Part::sentences).collect()),
            false => Ok(whole),
        }
    }

    /// In the wanted language, or in the first one that has words.
    fn prompt_in(&self, prompt: &Prompt, language: Language) -> Result<Vec<Part>, String> {
        let wanted = prompt.text.get(language).map(|text| (language, text));
        let Some((language, source)) = wanted.or_else(|| prompt.text.iter().next()) else {
            let audio = prompt.audio.clone();
            let text = String::new();
            let recording = audio.map(|audio| Content::Text {
                text,
                audio: Some(audio),
            });
            return Ok(recording
                .map(|content| self.part(content))
                .into_iter()
                .collect());
        };
        let values = self.spoken_values();
        let text = self.program.templates.speak(language, source, &values)?;
        self.may_be_said(source, &text)?;
        let audio = prompt
            .audio
            .clone()
            .filter(|_| !template::has_values(source));
        if text.trim().is_empty() && audio.is_none() {
            return Ok(Vec::new());
        }
        let content = Content::Text { text, audio };
        Ok(vec![Part { language, content }])
    }

    /// Promises are the operator's to make: no value may bring one.
    fn may_be_said(&self, source: &str, text: &str) -> Result<(), String> {
        let blocked = &self.program.blocked;
        match blocked.find(text) {
            Some(phrase) if blocked.find(source) != Some(phrase) => {
                Err(format!("a value brought in the blocked phrase `{phrase}`"))
            }
            _ => Ok(()),
        }
    }

    /// One prompt in every language it has, each spoken in its own.
    pub(super) fn prompt_in_all(&self, prompt: &Prompt) -> Result<Vec<Part>, String> {
        let languages = prompt.text.iter().map(|(language, _)| language);
        let mut parts = Vec::new();
        for language in languages {
            parts.extend(self.prompt_in(prompt, language)?);
        }
        Ok(parts)
    }

    /// Digit by digit, in groups, from sounds that exist already: nothing has to be synthesized.
    pub(super) fn digits(&self, number: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        for group in digit_groups(number) {
            if !parts.is_empty() {
                parts.push(self.part(Content::Pause(BETWEEN_GROUPS)));
            }
            let digits = group.bytes().filter(u8::is_ascii_digit);
            parts.extend(digits.map(|digit| self.sentence(Sentence::Digit(digit - b'0'))));
        }
        parts
    }
}
