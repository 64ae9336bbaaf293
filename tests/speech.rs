//! Callers who speak: real SIP and RTP, a synthesized voice, a recognizer, and where the call goes.

mod common;
#[path = "common/whisper_model.rs"]
#[allow(dead_code, reason = "each test target uses a part of it")]
mod whisper_model;

use common::Server;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use whisper_model::{SMALL, Script, write_model};
use zeroline::caller::caller::Caller;
use zeroline::caller::report::Report;
use zeroline::caller::script::Step;
use zeroline::engines::registry::Registry;
use zeroline::key::Key;
use zeroline::language::Language;

const PLAN: &str = r#"
dialplan: spoken
languages: [FIRST, SECOND]
timezone: Europe/London
greeting: { en: Welcome. This is an automatic service., zh: 欢迎致电，这是自动语音服务。 }
human: { handoff: desk }
start: main
nodes:
  main:
    menu: { en: "To track a parcel, press 1. For a refund, press 2.", zh: "查询快递请按1，退款请按2。" }
    options:
      "1": { hear: [track, track my parcel, 查快递, 查询快递], to: number }
      "2": { hear: [refund, I want a refund, 退款, 我要退款], to: refund }
  number:
    ask: number
    prompt: { en: Please say your four digit number., zh: 请说出四位号码。 }
    to: thanks
  thanks: { say: { en: Thank you., zh: 谢谢。 }, to: main }
  refund: { say: { en: A refund takes a week., zh: 退款需要一周。 }, to: main }
slots:
  number: { type: digits, length: 4 }
handoffs:
  desk: { ring: ["sip:agent@zeroline.local"], else: callback }
"#;

/// So long a quiet gives the turn to the caller.
const TURN: Duration = Duration::from_millis(900);
const LONG: Duration = Duration::from_secs(30);

/// Recognizers come after everything else that runs: these tests leave the machine to one another.
static ALONE: Mutex<()> = Mutex::const_new(());

/// In whichever language calls begin.
fn plan(language: Language) -> String {
    let (first, second) = match language {
        Language::En => ("en", "zh"),
        Language::Zh => ("zh", "en"),
    };
    PLAN.replace("FIRST", first).replace("SECOND", second)
}

/// A whisper of made-up weights that hears `says` in everything.
fn whisper(folder: &Path, says: &[&[(f32, &str)]], words: &[&str]) -> String {
    let is_silent = false;
    let script = Script {
        words,
        says,
        is_silent,
    };
    let file = folder.join("ggml-made-q8_0.bin");
    write_model(&file, &SMALL, &script).expect("there is room");
    let file = file.display();
    format!("speech: {{ recognizers: [whisper], whisper: {{ model: {file} }} }}\n")
}

fn voice(text: &str) -> Arc<[i16]> {
    let voices = Registry::discover();
    let spoken = voices.synthesize(text, Language::of_text(text), 1.0);
    spoken.expect("a synthesizer is installed").0.into()
}

/// Says each when the bot has spoken and is quiet, and waits for the begin of its last answer: that may
/// be a person, who is not quiet.
async fn says(server: &Server, texts: &[&str]) -> Report {
    let mut script = Vec::new();
    for text in texts {
        script.push(Step::UntilTalkspurt(LONG));
        script.push(Step::UntilQuietFor(TURN));
        script.push(Step::Play(voice(text)));
    }
    script.push(Step::UntilTalkspurt(LONG));
    script.push(Step::Wait(Duration::from_secs(1)));
    run(server, &script).await
}

async fn run(server: &Server, script: &[Step]) -> Report {
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    caller.run(script).await.expect("it is called")
}

/// What the journal has of one kind.
fn events(server: &Server, kind: &str) -> Vec<serde_json::Value> {
    let call = server.last_call();
    let events = call["events"].as_array().expect("events").clone();
    let of_kind = |event: &serde_json::Value| event["event"]["kind"] == kind;
    events.into_iter().filter(of_kind).collect()
}

fn nodes(server: &Server) -> Vec<String> {
    let entered = events(server, "node_entered");
    let name = |event: &serde_json::Value| event["event"]["node"].as_str().map(str::to_string);
    entered.iter().filter_map(name).collect()
}

#[tokio::test]
async fn what_whisper_hears_leads_where_its_key_would() {
    let folder = tempfile::tempdir().expect("there is room");
    let says_refund = whisper(
        folder.path(),
        &[&[(1.0, " refund")], &[(1.0, "")]],
        &[" refund", " track"],
    );
    let _alone = ALONE.lock().await;
    let server = Server::start_with(&plan(Language::En), &says_refund);
    let report = says(&server, &["refund"]).await;
    assert!(report.answered);
    assert_eq!(nodes(&server)[..2], ["main", "refund"]);
    let heard = events(&server, "speech_heard");
    assert_eq!(heard[0]["event"]["words"], "refund");
    assert_eq!(heard[0]["event"]["result"], "understood");
}

/// The prompt stops for the voice, and the answer counts.
#[tokio::test]
async fn a_caller_interrupts_the_prompt() {
    let script = [
        Step::UntilTalkspurt(LONG),
        Step::Wait(Duration::from_millis(1_500)),
        Step::Play(voice("I want a refund")),
        Step::UntilTalkspurt(LONG),
        Step::UntilQuietFor(TURN),
    ];
    let _alone = ALONE.lock().await;
    let server = Server::start(&plan(Language::En));
    run(&server, &script).await;
    let began = events(&server, "speech_began");
    assert_eq!(began[0]["event"]["interrupted"], true);
    assert_eq!(nodes(&server)[..2], ["main", "refund"]);
}

/// Keys and the human key do not wait for recognizers.
#[tokio::test]
async fn the_human_key_works_in_the_midst_of_speech() {
    let folder = tempfile::tempdir().expect("there is room");
    let says_refund = whisper(
        folder.path(),
        &[&[(1.0, " refund")], &[(1.0, "")]],
        &[" refund", " track"],
    );
    let asks = voice("I would like to know where my parcel is, I have been waiting for a week");
    let _alone = ALONE.lock().await;
    let server = Server::start_with(&plan(Language::En), &says_refund);
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it is answered");
    let spoke = |state: &zeroline::caller::state::CallState| state.talkspurts > 0;
    call.until(LONG, spoke).await.expect("it speaks");
    call.play(asks).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    tokio::time::sleep(Duration::from_secs(2)).await;
    call.finish().await.expect("it is told");
    let wanted = events(&server, "human_requested");
    assert_eq!(wanted[0]["event"]["by"], "key");
    assert!(events(&server, "speech_heard").is_empty());
}

/// With what is built in, on a fresh machine. It is not trusted with numbers: they are read back.
async fn a_caller_speaks_all_the_way(language: Language, texts: [&str; 4]) {
    let _alone = ALONE.lock().await;
    let server = Server::start(&plan(language));
    says(&server, &texts).await;
    assert_eq!(nodes(&server)[..4], ["main", "number", "thanks", "main"]);
    let filled = events(&server, "slot_filled");
    assert_eq!(filled[0]["event"]["value"]["plain"], "1234");
    let heard = events(&server, "speech_heard");
    assert_eq!(heard[1]["event"]["result"], "unsure");
    let wanted = events(&server, "human_requested");
    assert_eq!(wanted[0]["event"]["by"], "speech");
}

#[tokio::test]
async fn a_caller_speaks_english_all_the_way() {
    let texts = ["track my parcel", "one two three four", "yes", "operator"];
    a_caller_speaks_all_the_way(Language::En, texts).await;
}

#[tokio::test]
async fn a_caller_speaks_mandarin_all_the_way() {
    let texts = ["查询快递", "一二三四", "是的", "转人工"];
    a_caller_speaks_all_the_way(Language::Zh, texts).await;
}

/// Nobody says just the words that an operator wrote down.
#[tokio::test]
async fn a_wish_with_words_around_it_leads_where_the_wish_does() {
    let _alone = ALONE.lock().await;
    for (language, said, wish) in [
        (Language::En, "I would like a refund please", "refund"),
        (Language::Zh, "我想要退款谢谢", "退款"),
    ] {
        let server = Server::start(&plan(language));
        says(&server, &[said]).await;
        let heard = events(&server, "speech_heard");
        let words = heard[0]["event"]["words"].as_str().unwrap_or_default();
        assert!(words.contains(wish), "{said}: {heard:?}");
        assert_eq!(nodes(&server)[..2], ["main", "refund"], "{said}: {heard:?}");
        assert!(events(&server, "no_match").is_empty(), "{said}");
    }
}

/// Words that are none of the menu's lead nowhere, and are asked about.
#[tokio::test]
async fn other_words_are_not_taken_for_an_option() {
    let said = "the weather over there was lovely all summer";
    let _alone = ALONE.lock().await;
    let server = Server::start(&plan(Language::En));
    says(&server, &[said]).await;
    assert_eq!(nodes(&server), ["main"]);
    assert_eq!(events(&server, "no_match").len(), 1);
}
