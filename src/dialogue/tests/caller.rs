//! A caller and everything around the dialogue: plays are heard when the test says so, time passes
//! when the test says so.

use super::plans::{compile, key};
use crate::dialogue::action::{Action, Content, Fetch, Listen, Play};
use crate::dialogue::input::{FetchFailure, Fetched, Input, ListenId, SpeechHeard};
use crate::dialogue::interpreter::{CallContext, Dialogue};
use crate::dialplan::model::{Dialplan, HandoffId};
use crate::events::{Event, KeySource, ReturnReason};
use crate::language::{ByLanguage, Language};
use crate::speech::recognizer::Hypothesis;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Caller {
    pub dialogue: Dialogue,
    pub now: Instant,
    pub playing: Option<Play>,
    pub listening: Option<Listen>,
    pub fetch: Option<Fetch>,
    pub recording: bool,
    pub transfers: Vec<HandoffId>,
    pub events: Vec<Event>,
    pub actions: Vec<Action>,
    pub hung_up: bool,
    /// How many times the place in line was asked for.
    pub asks_place: u32,
    pub left_line: bool,
}

impl Caller {
    /// Answered: the start node's prompt plays.
    pub fn calls(plan: Dialplan) -> Caller {
        Caller::with_number(plan, "+442079460000")
    }

    pub fn with_number(plan: Dialplan, caller: &str) -> Caller {
        let mut caller = Caller::waiting(plan, caller);
        caller.tell(Input::Start);
        caller
    }

    /// Not answered yet.
    pub fn waiting(plan: Dialplan, caller: &str) -> Caller {
        let now = Instant::now();
        let context = CallContext {
            calls_back: false,
            call_ref: ulid::Ulid::nil(),
            caller: caller.to_string(),
            called: "100".to_string(),
            language: Language::En,
            hears: ByLanguage::default(),
            // The 4th of March 2026, 10:30 UTC, as in `is_heard`.
            unix: Duration::from_secs(1_772_620_200),
        };
        Caller {
            dialogue: Dialogue::new(compile(plan), context, now),
            now,
            playing: None,
            listening: None,
            fetch: None,
            recording: false,
            transfers: Vec::new(),
            events: Vec::new(),
            actions: Vec::new(),
            hung_up: false,
            asks_place: 0,
            left_line: false,
        }
    }

    pub fn tell(&mut self, input: Input) {
        self.dialogue.handle_input(self.now, input);
        self.drain();
    }

    pub fn press(&mut self, keys: &str) -> &mut Caller {
        for symbol in keys.chars() {
            let source = KeySource::TelephoneEvent;
            let key = key(symbol);
            self.tell(Input::Key { key, source });
        }
        self
    }

    /// Begins to speak; what it was is told later.
    pub fn begins_to_speak(&mut self) -> &mut Caller {
        let listen = self.listening.as_ref().expect("somebody listens").id;
        self.tell(Input::SpeechBegan { listen });
        self
    }

    /// The recognizers hear every word.
    pub fn says(&mut self, words: &str) -> &mut Caller {
        self.is_heard(&[(words, 1.0)])
    }

    /// What the recognizers make of something that is said: words, and how sure they are.
    pub fn is_heard(&mut self, words: &[(&str, f32)]) -> &mut Caller {
        self.begins_to_speak();
        let listen = self.listening.clone().expect("somebody listens");
        self.recognized(&listen, words)
    }

    /// The recognizers hear every word of what was begun while `listen` held.
    pub fn is_heard_in(&mut self, listen: &Listen, words: &str) -> &mut Caller {
        self.recognized(listen, &[(words, 1.0)])
    }

    fn recognized(&mut self, listen: &Listen, words: &[(&str, f32)]) -> &mut Caller {
        let hypotheses: Vec<Hypothesis> = words
            .iter()
            .map(|&(text, confidence)| Hypothesis {
                text: text.to_string(),
                confidence,
            })
            .collect();
        let hypotheses = vec![hypotheses; listen.grammars.len()];
        let now = jiff::civil::date(2026, 3, 4).at(10, 30, 0, 0);
        let now = now.in_tz("Europe/London").expect("it is a time there");
        let heard = self.dialogue.program.understand(listen, &hypotheses, &now);
        self.speech_of(listen.id, heard)
    }

    /// After [`Caller::begins_to_speak`].
    pub fn speech_ends(&mut self, heard: SpeechHeard) -> &mut Caller {
        let listen = self.listening.as_ref().expect("somebody listens").id;
        self.speech_of(listen, heard)
    }

    fn speech_of(&mut self, listen: ListenId, heard: SpeechHeard) -> &mut Caller {
        let took = Duration::from_millis(20);
        self.tell(Input::SpeechHeard {
            listen,
            heard,
            took,
        });
        self
    }

    /// Hears what plays to its end.
    pub fn hears(&mut self) -> &mut Caller {
        let play = self.playing.take().expect("something plays");
        for part in 0..play.parts.len() {
            self.tell(Input::PartPlayed {
                play: play.id,
                part,
            });
        }
        self.tell(Input::PlayEnded { play: play.id });
        self
    }

    /// Hears one part of what plays, which goes on.
    pub fn hears_part(&mut self, part: usize) -> &mut Caller {
        let play = self.playing.as_ref().expect("something plays").id;
        self.tell(Input::PartPlayed { play, part });
        self
    }

    pub fn is_recorded(&self) -> bool {
        let starts = |action: &&Action| matches!(action, Action::StartRecording);
        let starts = self.actions.iter().filter(starts).count();
        assert!(starts <= 1, "recording began twice");
        starts == 1
    }

    pub fn waits(&mut self, seconds: f32) -> &mut Caller {
        let until = self.now + Duration::from_secs_f32(seconds);
        while let Some(timeout) = self.dialogue.next_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(timeout);
            self.dialogue.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
        self
    }

    /// Hears it all and says nothing until the time-out, at whichever pace.
    pub fn is_silent(&mut self) -> &mut Caller {
        self.hears().waits(8.0)
    }

    pub fn lookup_answers(&mut self, json: serde_json::Value) -> &mut Caller {
        let fetch = self.fetch.take().expect("a lookup is under way");
        self.tell(Input::Fetched {
            fetch: fetch.id,
            result: Ok(Fetched {
                status: 200,
                body: Arc::new(json),
            }),
        });
        self
    }

    pub fn lookup_fails(&mut self) -> &mut Caller {
        let fetch = self.fetch.take().expect("a lookup is under way");
        let result = Err(FetchFailure {
            status: Some(503),
            reason: "Service Unavailable".to_string(),
        });
        let fetch = fetch.id;
        self.tell(Input::Fetched { fetch, result });
        self
    }

    pub fn says_nothing_after_the_tone(&mut self) {
        assert!(self.recording, "no message is recorded");
        self.recording = false;
        self.tell(Input::MessageEnded {
            milliseconds: 0,
            file: "message.wav".to_string(),
        });
    }

    pub fn nobody_answers(&mut self) -> &mut Caller {
        self.handoff_returns(ReturnReason::NobodyAnswered)
    }

    pub fn handoff_returns(&mut self, reason: ReturnReason) -> &mut Caller {
        self.tell(Input::HandoffReturned { reason });
        self
    }

    pub fn play_fails(&mut self) -> &mut Caller {
        let play = self.playing.take().expect("something plays").id;
        let reason = "no voice".to_string();
        self.tell(Input::PlayFailed { play, reason });
        self
    }

    /// The dialogue panicked, and another takes its place.
    pub fn dialogue_breaks(&mut self) -> &mut Caller {
        let with_people = !self.transfers.is_empty();
        self.dialogue = Dialogue::in_place_of(&self.dialogue, self.now, with_people);
        self.drain();
        self
    }

    /// The words that play now.
    pub fn hearing(&self) -> String {
        let play = self.playing.as_ref().expect("something plays");
        let parts = play.parts.iter().filter_map(|part| match &part.content {
            Content::Text { text, .. } => Some(text.clone()),
            Content::Sentence(sentence) => Some(sentence.text(part.language)),
            Content::Pause(_) => None,
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    pub fn is_quiet(&self) -> bool {
        self.playing.is_none()
    }

    /// The events since the last look, but for keys and entered nodes, in short.
    pub fn log(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        events.iter().filter_map(short).collect()
    }

    fn drain(&mut self) {
        while let Some(action) = self.dialogue.poll_action() {
            match &action {
                Action::Play(play) => self.playing = Some(play.clone()),
                Action::StopPlaying => self.playing = None,
                Action::Listen(listen) => self.listening = Some(listen.clone()),
                Action::StopListening => self.listening = None,
                Action::Fetch(fetch) => self.fetch = Some(fetch.clone()),
                Action::CancelFetch(_) => self.fetch = None,
                Action::Transfer { handoff, .. } => self.transfers.push(*handoff),
                Action::RecordMessage { .. } => self.recording = true,
                Action::StopMessage | Action::KeepMessage => {}
                Action::HangUp { .. } => self.hung_up = true,
                Action::Log(event) => self.events.push(event.clone()),
                Action::StartRecording | Action::Sensitive(_) => {}
                Action::WhereAmI => self.asks_place += 1,
                Action::LeaveLine => self.left_line = true,
            }
            self.actions.push(action);
        }
    }
}

fn short(event: &Event) -> Option<String> {
    Some(match event {
        Event::NodeEntered { .. } | Event::KeyPressed { .. } => return None,
        Event::StepAsked {
            node,
            reprompt,
            steps,
            depth,
            ..
        } => {
            let again = if *reprompt { " again" } else { "" };
            format!("step {node}{again} ({steps}, {depth})")
        }
        Event::HandoffStepAsked { handoff_steps, .. } => format!("handoff step {handoff_steps}"),
        Event::HumanOffered { key } => format!("offered {key}"),
        Event::HumanRequested {
            by,
            node,
            steps,
            depth,
        } => format!("human by {by:?} in {node} ({steps}, {depth})"),
        Event::NoInput { count, .. } => format!("no input {count}"),
        Event::NoMatch { count, .. } => format!("no match {count}"),
        Event::SlotFilled { slot, value } => format!("{slot} = {value:?}"),
        Event::LookupStarted { node } => format!("lookup {node}"),
        Event::LookupEnded { result, .. } => format!("looked up: {result:?}"),
        Event::AnswerPlayed { node } => format!("answered {node}"),
        other => format!("{other:?}"),
    })
}
