//! The caller and the answerer over real sockets on loopback.

use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroline::audio::codecs::Codec;
use zeroline::audio::frame::{level_dbm0, mean_square};
use zeroline::audio::tones::chord;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::{Call, KeysBy, PressError, WaitError};
use zeroline::caller::caller::Caller;
use zeroline::caller::ladder::Direction;
use zeroline::caller::report::Report;
use zeroline::caller::script::Step;
use zeroline::caller::state::How;
use zeroline::events::KeySource;
use zeroline::key::Key;
use zeroline::sdp::direction::Direction as SdpDirection;
use zeroline::sip::header::Header;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(20);

async fn answerer(behaviour: Behaviour) -> Answerer {
    let listening = Answerer::listen(([127, 0, 0, 1], 0).into(), behaviour).await;
    listening.expect("loopback has a free port")
}

fn tone() -> Arc<[i16]> {
    chord(&[(440.0, -10.0)], 8_000).into()
}

fn saying(sound: Arc<[i16]>) -> Behaviour {
    Behaviour::Answer(Answer {
        ring: true,
        background: Some(sound),
        ..Answer::default()
    })
}

fn answering() -> Behaviour {
    Behaviour::Answer(Answer::default())
}

fn keys(text: &str) -> Vec<Key> {
    text.chars().filter_map(Key::from_char).collect()
}

/// A call to an answerer, from both sides.
async fn connected(answerer: &mut Answerer, caller: &Caller) -> (Call, Call) {
    let ours = caller.call().await.expect("it is called");
    let theirs = answerer.next_call(LONG).await.expect("it rings");
    ours.until_answered(LONG).await.expect("it is answered");
    theirs.until_answered(LONG).await.expect("it answers");
    (ours, theirs)
}

fn said(report: &Report) -> Vec<String> {
    let rung = |rung: &zeroline::caller::ladder::Rung| match (rung.direction, rung.status) {
        (Direction::Sent, None) => format!("> {}", rung.method),
        (Direction::Sent, Some(status)) => format!("> {status} {}", rung.method),
        (Direction::Received, None) => format!("< {}", rung.method),
        (Direction::Received, Some(status)) => format!("< {status} {}", rung.method),
    };
    let mut said: Vec<_> = report.ladder.iter().map(rung).collect();
    said.retain(|line| !line.contains("100 INVITE"));
    // A busy machine sends things again.
    said.dedup();
    said
}

#[tokio::test]
async fn a_call_is_answered_heard_and_hung_up() {
    let mut answerer = answerer(saying(tone())).await;
    let caller = Caller::to(answerer.uri("100"));
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    let heard = |state: &zeroline::caller::state::CallState| {
        state.sound_heard >= Duration::from_millis(500)
    };
    ours.until(LONG, heard).await.expect("the tone is heard");
    let report = ours.finish().await.expect("it is told");
    let theirs = theirs.ended(LONG).await.expect("it ends on both sides");

    assert_eq!(
        said(&report),
        [
            "> INVITE",
            "< 180 INVITE",
            "< 200 INVITE",
            "> ACK",
            "> BYE",
            "< 200 BYE"
        ]
    );
    assert_eq!(report.ended.how, How::HungUp);
    assert_eq!(theirs.ended.how, How::PeerHungUp);
    let timings = report.timings;
    assert!(timings.ringing <= timings.answered && timings.answered < timings.ended);
    assert!(timings.first_rtp.is_some() && timings.first_rtp < timings.ended);
    assert!(
        report.quality.rtp.packets_received >= 25,
        "{:?}",
        report.quality
    );
    assert!(
        report.quality.rtp.packets_sent >= 25,
        "{:?}",
        report.quality
    );
    let media = report.media.expect("media was agreed on");
    assert_eq!((media.codec, media.telephone_event), ("PCMU", true));
    let loud: Vec<_> = report
        .heard
        .chunks(160)
        .filter(|frame| level_dbm0(mean_square(frame)) > -12.0)
        .collect();
    assert!(
        loud.len() >= 20,
        "the tone is in the recording: {}",
        loud.len()
    );
    assert!(theirs.heard.len() >= 4_000);
}

#[tokio::test]
async fn refusals_tell_their_status() {
    for status in [486, 603, 404] {
        let after = Duration::ZERO;
        let answerer = answerer(Behaviour::Reject { status, after }).await;
        let report = Caller::to(answerer.uri("100")).run(&[]).await;
        let report = report.expect("it is called");
        assert!(!report.answered);
        assert_eq!(report.ended.how, How::Refused);
        assert_eq!(report.ended.status, Some(status));
        let said = said(&report);
        let response = format!("< {status} INVITE");
        assert_eq!(said, ["> INVITE", &response, "> ACK"]);
    }
}

#[tokio::test]
async fn a_redirection_tells_where_to() {
    let answerer = answerer(Behaviour::Redirect("sip:agent@192.0.2.9".into())).await;
    let report = Caller::to(answerer.uri("100")).run(&[]).await;
    let ended = report.expect("it is called").ended;
    assert_eq!(ended.status, Some(302));
    assert_eq!(ended.contacts, ["sip:agent@192.0.2.9"]);
}

#[tokio::test]
async fn a_caller_who_gives_up_cancels() {
    let mut answerer = answerer(Behaviour::Ring).await;
    let ours = Caller::to(answerer.uri("100")).call().await;
    let ours = ours.expect("it is called");
    let theirs = answerer.next_call(LONG).await.expect("it rings");
    let ringing = ours.until(LONG, |state| state.provisional == Some(180));
    ringing.await.expect("the ringing is told");
    let report = ours.finish().await.expect("it is told");
    assert_eq!(report.ended.how, How::GaveUp);
    assert!(
        said(&report).contains(&"< 487 INVITE".to_owned()),
        "{:?}",
        said(&report)
    );
    let theirs = theirs.ended(LONG).await.expect("it ends on both sides");
    assert_eq!(theirs.ended.how, How::PeerGaveUp);
}

#[tokio::test]
async fn nobody_there_is_no_answer() {
    let answerer = answerer(Behaviour::PlayDead).await;
    let mut caller = Caller::to(answerer.uri("100"));
    caller.ring_timeout = Duration::from_millis(300);
    let start = Instant::now();
    let report = caller.run(&[]).await.expect("it is called");
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "no farewell is waited for"
    );
    assert_eq!(report.ended.how, How::NoAnswer);
    assert_eq!(report.ended.status, None);
}

/// Presses keys each way; what the answerer heard, and by what.
async fn pressed(telephone_event: bool, by: KeysBy, text: &str) -> Vec<(char, KeySource)> {
    let mut answerer = answerer(answering()).await;
    let mut caller = Caller::to(answerer.uri("100"));
    caller.media.telephone_event = telephone_event;
    caller.keys_by = by;
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    ours.press(&keys(text)).await.expect("they are pressed");
    let all_heard = theirs.until(LONG, |state| state.keys_heard.len() >= text.len());
    let state = all_heard.await.expect("the keys are heard");
    let sent = ours.finish().await.expect("it is told").keys_sent;
    assert_eq!(sent.len(), text.len());
    let heard = state.keys_heard.iter();
    heard.map(|k| (k.key.to_char(), k.source)).collect()
}

#[tokio::test]
async fn keys_are_heard_as_telephone_events() {
    let by = KeySource::TelephoneEvent;
    let heard = pressed(true, KeysBy::Rfc4733, "10*#").await;
    assert_eq!(heard, [('1', by), ('0', by), ('*', by), ('#', by)]);
}

#[tokio::test]
async fn keys_are_heard_by_info() {
    let by = KeySource::Info;
    let heard = pressed(true, KeysBy::Info, "0*").await;
    assert_eq!(heard, [('0', by), ('*', by)]);
}

#[tokio::test]
async fn keys_are_heard_in_band_where_nothing_else_was_agreed_on() {
    let by = KeySource::InBand;
    let heard = pressed(false, KeysBy::Inband, "0551").await;
    assert_eq!(heard, [('0', by), ('5', by), ('5', by), ('1', by)]);
}

#[tokio::test]
async fn telephone_events_that_were_not_agreed_on_are_not_sent() {
    let mut answerer = answerer(answering()).await;
    let mut caller = Caller::to(answerer.uri("100"));
    caller.media.telephone_event = false;
    let (ours, _theirs) = connected(&mut answerer, &caller).await;
    let refused = ours.press(&keys("0")).await;
    assert!(matches!(refused, Err(PressError::NoTelephoneEvents)));
}

#[tokio::test]
async fn the_answerer_hangs_up_and_the_script_ends() {
    let behaviour = Behaviour::Answer(Answer {
        hang_up_after: Some(Duration::from_millis(200)),
        ..Answer::default()
    });
    let answerer = answerer(behaviour).await;
    let script = [Step::UntilEnded, Step::Press(keys("0"))];
    let report = Caller::to(answerer.uri("100")).run(&script).await;
    let report = report.expect("it is called");
    assert_eq!(report.ended.how, How::PeerHungUp);
    assert_eq!(report.keys_sent, []);
    assert!(said(&report).ends_with(&["< BYE".to_owned(), "> 200 BYE".to_owned()]));
}

#[tokio::test]
async fn a_call_over_tcp_with_pcma_and_headers() {
    let mut answerer = answerer(saying(tone())).await;
    let mut caller = Caller::to(format!("{};transport=tcp", answerer.uri("100")));
    caller.media.codecs = vec![Codec::Pcma];
    caller.from = Some("\"Ann\" <sip:+86100@caller.example>".to_owned());
    caller.headers = vec![(
        "User-to-User".to_owned(),
        "63616c6c;encoding=hex".to_owned(),
    )];
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    let invite = theirs.invite().expect("it came in");
    let from = invite.headers.from().expect("it has a From");
    assert_eq!(from.uri.user(), "+86100");
    let context = invite.headers.get(Header::UserToUser).expect("it is there");
    assert_eq!(&context[..], b"63616c6c;encoding=hex");
    let report = ours.finish().await.expect("it is told");
    assert_eq!(report.media.map(|media| media.codec), Some("PCMA"));
    assert!(report.ladder.iter().all(|rung| rung.transport == "TCP"));
    assert_eq!(report.ended.how, How::HungUp);
}

#[tokio::test]
async fn a_held_caller_is_sent_nothing_until_resumed() {
    let mut answerer = answerer(saying(tone())).await;
    let caller = Caller::to(answerer.uri("100"));
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    theirs.hold().await.expect("it is agreed to");
    let held = ours.until(LONG, |state| state.is_held()).await;
    assert_eq!(held.expect("it is held").offers_taken, 1);
    theirs.resume().await.expect("it is agreed to");
    let resumed = ours.until(LONG, |state| state.offers_taken == 2).await;
    assert!(!resumed.expect("it is resumed").is_held());
}

/// A refused re-INVITE leaves the session as it was (RFC 3261, 14.1).
#[tokio::test]
async fn a_refused_hold_is_told_and_leaves_the_call_as_it_was() {
    let behaviour = Behaviour::Answer(Answer {
        background: Some(tone()),
        refuse_offers: Some(488),
        ..Answer::default()
    });
    let mut answerer = answerer(behaviour).await;
    let caller = Caller::to(answerer.uri("100"));
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    for refused in 1..=2 {
        let held = ours.hold().await;
        let Err(WaitError::Refused(state)) = held else {
            panic!("{held:?}");
        };
        assert_eq!(
            (state.reinvites_refused, state.reinvites_accepted),
            (refused, 0)
        );
    }
    let heard = ours.state().packets_received + 10;
    let goes_on = ours.until(LONG, |state| state.packets_received >= heard);
    goes_on.await.expect("the tone goes on");
    ours.press(&keys("5")).await.expect("it is pressed");
    let pressed = theirs.until(LONG, |state| state.heard() == "5").await;
    pressed.expect("media goes both ways");
    // The peer's own hold is answered by what holds for us still.
    theirs.hold().await.expect("it is agreed to");
    theirs.resume().await.expect("it is agreed to");
    let sends = |state: &zeroline::caller::state::CallState| {
        let negotiated = state.negotiated.as_ref();
        negotiated.is_some_and(|n| n.direction == SdpDirection::SendRecv)
    };
    assert!(sends(&theirs.state()), "{:?}", theirs.state().negotiated);
}

#[tokio::test]
async fn a_late_offer_is_answered_in_the_ack() {
    let mut answerer = answerer(saying(tone())).await;
    let mut caller = Caller::to(answerer.uri("100"));
    caller.late_offer = true;
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    let heard = ours.until(LONG, |state| state.packets_received > 5).await;
    heard.expect("the tone comes");
    theirs.hang_up().await;
    let report = ours.ended(LONG).await.expect("it ends");
    assert_eq!(report.ended.how, How::PeerHungUp);
}

/// The peer's silence between its sounds is not sent: each sound begins a talkspurt.
#[tokio::test]
async fn a_key_and_the_talkspurt_after_it_are_timed() {
    let address = ([127, 0, 0, 1], 0).into();
    let mut media = zeroline::caller::media_options::MediaOptions::default();
    media.listening.suppresses_silence = true;
    let listening = Answerer::listen_with(address, answering(), media).await;
    let mut answerer = listening.expect("loopback has a free port");
    let caller = Caller::to(answerer.uri("100"));
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    ours.press(&keys("1")).await.expect("it is pressed");
    theirs
        .until(LONG, |s| s.heard() == "1")
        .await
        .expect("it is heard");
    theirs.play(tone()).await;
    let answered = ours.until(LONG, |state| state.talkspurts == 1).await;
    let key = answered.expect("the tone comes").keys_sent[0];
    assert!(key.talkspurt_after.is_some_and(|after| after < LONG));
}

#[tokio::test]
async fn a_wait_in_vain_ends_with_the_call() {
    let mut answerer = answerer(answering()).await;
    let caller = Caller::to(answerer.uri("100"));
    let (ours, theirs) = connected(&mut answerer, &caller).await;
    theirs.hang_up().await;
    let waited = ours.until(LONG, |state| state.heard() == "never").await;
    assert!(matches!(waited, Err(WaitError::Ended(_))));
}

/// `zeroline call`, with its arguments: exit status, standard output, standard error.
async fn zeroline_call(arguments: &[&str]) -> (Option<i32>, String, String) {
    let program = env!("CARGO_BIN_EXE_zeroline");
    let mut command = tokio::process::Command::new(program);
    let command = command.arg("call").args(arguments).kill_on_drop(true);
    let command = command.stdin(Stdio::null());
    let output = tokio::time::timeout(LONG, command.output()).await;
    let output = output.expect("it ends").expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test]
async fn the_command_calls_presses_records_and_tells() {
    let mut answerer = answerer(saying(tone())).await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("heard.wav");
    let target = answerer.uri("100");
    let record = file.to_string_lossy().into_owned();
    let arguments = [
        &target,
        "--press",
        "1,*0",
        "--wait",
        "200ms",
        "--duration",
        "8s",
        "--record",
        &record,
        "--format",
        "json",
    ];
    let (status, out, error) = zeroline_call(&arguments).await;
    assert_eq!((status, error.as_str()), (Some(0), ""));
    let document: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(document["ended"]["how"], "hung_up");
    assert_eq!(
        ends_of_ladder(&document),
        ["INVITE", "sent BYE", "received 200 OK"]
    );
    assert!(document["timings"]["answered_ms"].is_number());
    assert!(document["quality"]["mos"].as_f64() > Some(1.0));
    assert_eq!(document["keys_sent"].as_array().map(Vec::len), Some(3));
    let theirs = answerer.next_call(LONG).await.expect("it rang");
    assert_eq!(theirs.state().heard(), "1*0");
    let file = std::fs::File::open(file).expect("it is recorded");
    let heard = zeroline::audio::wav::read(file).expect("it is a WAV");
    assert!(level_dbm0(mean_square(&heard[0])) > -20.0);
}

/// `zeroline call … | head -0`.
#[tokio::test]
async fn who_has_seen_enough_of_a_call_ends_it_quietly() {
    let answerer = answerer(answering()).await;
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_zeroline"));
    let command = command.args(["call", &answerer.uri("100")]);
    let command = command.kill_on_drop(true).stdin(Stdio::null());
    let mut running = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(running.stdout.take());
    let ended = tokio::time::timeout(LONG, running.wait_with_output()).await;
    let ended = ended.expect("it ends").expect("it ran");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!((ended.status.code(), &*told), (Some(0), ""));
}

/// A ladder's first method and last two messages.
fn ends_of_ladder(document: &serde_json::Value) -> Vec<String> {
    let ladder = document["ladder"].as_array().expect("it is there");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let last = ladder.iter().rev().take(2).rev().map(|rung| {
        let what = if rung["status"].is_null() {
            "method"
        } else {
            "start_line"
        };
        format!("{} {}", text(&rung["direction"]), text(&rung[what]))
    });
    std::iter::once(text(&ladder[0]["method"]))
        .chain(last)
        .collect()
}

#[tokio::test]
async fn the_ladder_ends_with_the_bye_whoever_hangs_up() {
    let hanging_up = Behaviour::Answer(Answer {
        hang_up_after: Some(Duration::from_millis(300)),
        ..Answer::default()
    });
    for transport in ["udp", "tcp"] {
        let answerer = answerer(hanging_up.clone()).await;
        let target = format!("{};transport={transport}", answerer.uri("100"));
        let arguments = [&target, "--duration", "15s", "--format", "json"];
        let (status, out, error) = zeroline_call(&arguments).await;
        assert_eq!((status, error.as_str()), (Some(0), ""));
        let document = serde_json::from_str(&out).expect("it is JSON");
        let expected = ["INVITE", "received BYE", "sent 200 OK"];
        assert_eq!(ends_of_ladder(&document), expected, "{transport}");
    }
}

#[tokio::test]
async fn the_command_tells_why_it_failed_and_what_to_do() {
    let busy = Behaviour::Reject {
        status: 486,
        after: Duration::ZERO,
    };
    let answerer = answerer(busy).await;
    let (status, out, _) = zeroline_call(&[&answerer.uri("100")]).await;
    assert_eq!(status, Some(1));
    assert!(out.contains("486 Busy Here. The line is busy"), "{out}");
    let (status, _, error) = zeroline_call(&["tel:110"]).await;
    assert_eq!(status, Some(1));
    assert!(error.contains("write it like sip:"), "{error}");
    let (status, _, _) = zeroline_call(&["--press", "x", "sip:100@127.0.0.1"]).await;
    assert_eq!(status, Some(2));
    let (status, _, error) = zeroline_call(&["100@127.0.0.1", "--at", "1s"]).await;
    assert_eq!(status, Some(2));
    assert!(error.contains("--at has 1 times"), "{error}");
}
