//! Callers who speak and wait for the answer, or speak into the prompt.

use super::server::{Engine, Server};
use crate::histogram::Histogram;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::caller::state::CallState;
use zeroline::config::speech::{Speech, Voices};
use zeroline::engines::registry::Registry;
use zeroline::language::Language;

const CALLERS: usize = 4;
const QUIET: Duration = Duration::from_millis(900);
/// How far into the prompt they speak.
const INTO_PROMPT: Duration = Duration::from_millis(1_700);
/// What is said begins and ends with a sample that is louder: what a synthesizer adds is no speech.
const AUDIBLE: u16 = 200;
const LONG: Duration = Duration::from_secs(30);
const WHAT: [&str; 2] = ["money back", "refund"];

#[derive(Default)]
pub struct Answers {
    /// Milliseconds from the last packet of what was said to the first of the answer.
    pub answer: Histogram,
    /// From the first packet of what is said into a prompt to the last of the prompt that is sound.
    pub pause: Histogram,
    /// Of the answer: from where the speech was found to have ended to the recognizer's word.
    pub recognizer: Histogram,
    pub said: usize,
    pub understood: usize,
}

/// Each caller speaks so many times after the prompt, and as many times into it.
pub fn measure(engine: Engine, turns: usize) -> Answers {
    let server = Server::start(engine);
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let voices = another_voice();
    let voice = |text: &str| -> Arc<[i16]> {
        let spoken = voices.synthesize(text, Language::En, 1.0);
        let (spoken, _) = spoken.expect("a synthesizer is installed");
        let is_audible = |it: &i16| it.unsigned_abs() > AUDIBLE;
        let begin = spoken.iter().position(is_audible).expect("it is heard");
        let end = spoken.iter().rposition(is_audible).expect("it is heard");
        spoken[begin..end].into()
    };
    let sounds: Vec<Arc<[i16]>> = WHAT.iter().map(|text| voice(text)).collect();
    let taken = runtime.block_on(async {
        let callers: Vec<_> = (0..CALLERS)
            .map(|number| tokio::spawn(talk(server.sip.to_string(), number, sounds.clone(), turns)))
            .collect();
        let mut taken = Vec::new();
        for caller in callers {
            taken.extend(caller.await.expect("a caller does not panic"));
        }
        taken
    });
    let mut answers = Answers::default();
    for turn in taken {
        answers.said += 1;
        let nanos = |time: Duration| time.as_nanos() as u64;
        match turn {
            Turn::Answered(after) => answers.answer.add(nanos(after)),
            Turn::Interrupted(after) => answers.pause.add(nanos(after)),
        }
    }
    answers.take_events(&server);
    answers
}

/// Not the prompts' own: one voice that says the same words is taken for the prompt's echo.
fn another_voice() -> Registry {
    let mut speech = Speech::default();
    let voice = Some("rms".to_string());
    speech.voices.set(
        Language::En,
        Voices {
            voice,
            ..Voices::default()
        },
    );
    Registry::open(&speech)
}

enum Turn {
    Answered(Duration),
    Interrupted(Duration),
}

async fn talk(server: String, number: usize, sounds: Vec<Arc<[i16]>>, turns: usize) -> Vec<Turn> {
    let caller = Caller::to(format!("sip:hotline@{server}"));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it is answered");
    // Not in step with the others.
    tokio::time::sleep(Duration::from_millis(370 * number as u64)).await;
    let mut taken = Vec::new();
    for turn in 0..turns {
        let sound = &sounds[turn % sounds.len()];
        if let Some(after) = speak_after(&call, sound).await {
            taken.push(Turn::Answered(after));
        }
        if let Some(after) = speak_into(&call, sound).await {
            taken.push(Turn::Interrupted(after));
        }
    }
    call.finish().await;
    taken
}

/// When the prompt is over.
async fn speak_after(call: &Call, sound: &Arc<[i16]>) -> Option<Duration> {
    until_quiet(call).await;
    call.play_to_its_end(sound.clone()).await.ok()?;
    let state = call.until(LONG, is_answered).await.ok()?;
    state.sounds_sent.last()?.talkspurt_after
}

/// While the menu is read: after the answer of the turn before.
async fn speak_into(call: &Call, sound: &Arc<[i16]>) -> Option<Duration> {
    let talkspurts = call.state().talkspurts;
    call.until(LONG, |state| state.talkspurts > talkspurts)
        .await
        .ok()?;
    tokio::time::sleep(INTO_PROMPT).await;
    call.play_to_its_end(sound.clone()).await.ok()?;
    let state = call.state();
    let began = state.sounds_sent.last()?.began;
    // What sounded last before the answer, which has not begun while they speak.
    let pause = state.last_sound?.checked_duration_since(began);
    call.until(LONG, is_answered).await.ok()?;
    pause
}

fn is_answered(state: &CallState) -> bool {
    let last = state.sounds_sent.last();
    last.is_some_and(|sound| sound.talkspurt_after.is_some())
}

/// For so long from now on, or until it is clear that it never will be.
async fn until_quiet(call: &Call) {
    let begun = Instant::now();
    let quiet = |since: Instant| since.max(begun).elapsed() > QUIET;
    loop {
        let state = call.state();
        let is_over = state.ended.is_some() || begun.elapsed() > LONG;
        if is_over || state.quiet_since.is_some_and(quiet) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Answers {
    fn take_events(&mut self, server: &Server) {
        for record in server.records() {
            let Some(call) = record["call"].as_str() else {
                continue;
            };
            let shown = server.calls(&["show", call, "--format", "json"]);
            let shown: Value = serde_json::from_str(&shown).unwrap_or_default();
            let events = shown["events"].as_array().cloned().unwrap_or_default();
            for event in events.iter().map(|entry| &entry["event"]) {
                if event["kind"] == "speech_heard" {
                    let took = event["milliseconds"].as_u64().unwrap_or_default();
                    self.recognizer.add(took * 1_000_000);
                    self.understood += usize::from(event["result"] == "understood");
                }
            }
        }
    }

    pub fn table(&self, engine: &str) -> String {
        let mut text = format!(
            "\n{engine}: {CALLERS} callers at once, {} utterances, {} understood\n{:<58} {:>6} {:>6} {:>6}\n",
            self.said, self.understood, "milliseconds", "p50", "p95", "p99"
        );
        let rows = [
            ("end of speech → first packet of the answer", &self.answer),
            (
                "  of which: speech found to have ended → recognized",
                &self.recognizer,
            ),
            ("begin of speech → last packet of the prompt", &self.pause),
        ];
        for (what, figures) in rows {
            let _ = writeln!(
                text,
                "{what:<58} {:>6.0} {:>6.0} {:>6.0}",
                figures.percentile(50.0),
                figures.percentile(95.0),
                figures.percentile(99.0)
            );
        }
        text
    }

    pub fn json(&self, engine: &str) -> Value {
        let row = |figures: &Histogram| {
            json!({
                "p50_ms": figures.percentile(50.0),
                "p95_ms": figures.percentile(95.0),
                "p99_ms": figures.percentile(99.0),
            })
        };
        json!({
            "engine": engine,
            "callers": CALLERS,
            "utterances": self.said,
            "understood": self.understood,
            "speech_end_to_answer": row(&self.answer),
            "recognizer": row(&self.recognizer),
            "speech_begin_to_pause": row(&self.pause),
        })
    }
}
