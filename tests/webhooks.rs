//! Webhooks from end to end: a caller presses 0, and an agent's system is told before anybody answers,
//! also when the server dies in between.

mod common;
#[path = "common/http_stand_in.rs"]
#[allow(dead_code, reason = "each user of it takes a part")]
mod http_stand_in;

use common::{DIALPLAN, SPEAKS, Server};
use http_stand_in::{Response, StandIn};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zeroline::audio::tones::chord;
use zeroline::audio::wav;
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct Letter {
    id: String,
    document: Value,
    came: Instant,
}

/// A receiver that takes letters while `takes` says so, and refuses them else.
fn receiver(takes: Arc<AtomicBool>) -> (StandIn, Receiver<Letter>) {
    let (tell, letters) = channel();
    let receiver = StandIn::start(move |request, _| {
        let letter = Letter {
            id: request.header("webhook-id").expect("it is there").into(),
            document: serde_json::from_slice(&request.body).expect("it is JSON"),
            came: Instant::now(),
        };
        let _ = tell.send(letter);
        let status = if takes.load(Ordering::SeqCst) {
            200
        } else {
            503
        };
        Response::new(status, "")
    });
    (receiver, letters)
}

fn settings(receiver: &StandIn) -> String {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let url = &receiver.url;
    format!("webhooks: {{ crm: {{ url: \"{url}/zeroline\", secret: {secret} }} }}\n")
}

async fn call_and_press_0(server: &Server) -> (Call, Instant) {
    let call = call(server).await;
    press(&call, '0').await;
    (call, Instant::now())
}

async fn call(server: &Server) -> Call {
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    call
}

async fn press(call: &Call, key: char) {
    let key = Key::from_char(key).expect("it is a key");
    call.press(&[key]).await.expect("it is pressed");
}

/// Waits until the bot has said a little more, and is quiet.
async fn heard_out(call: &Call) {
    let before = call.state().sound_heard;
    let speaks = call.until(LONG, |state| {
        state.sound_heard > before + Duration::from_millis(100)
    });
    speaks.await.expect("it speaks");
    let quiet = call.until(LONG, |state| {
        let since = state.quiet_since;
        since.is_some_and(|since| since.elapsed() > Duration::from_millis(300))
    });
    quiet.await.expect("it comes to an end");
}

/// The body of what the console answers with 200.
fn sound(server: &Server, path: &str) -> Vec<u8> {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(server.console).expect("it listens");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", server.console);
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let head = answer.windows(4).position(|octets| octets == b"\r\n\r\n");
    let head = head.expect("there is a head") + 4;
    assert!(answer.starts_with(b"HTTP/1.0 200"), "{path}");
    answer.split_off(head)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_system_is_told_at_once_and_when_the_call_has_ended() {
    let (crm, letters) = receiver(Arc::new(AtomicBool::new(true)));
    let server = Server::start_with(DIALPLAN, &settings(&crm));
    let (call, pressed) = call_and_press_0(&server).await;
    let transfer = letters.recv_timeout(LONG).expect("while the call goes on");
    println!(
        "{} ms from the key to the letter",
        (transfer.came - pressed).as_millis()
    );
    let data = &transfer.document["data"];
    assert_eq!(transfer.document["type"], "transfer", "{data}");
    assert_eq!(data["called"], "hotline");
    assert_eq!(data["target"], "sip:agent@zeroline.local");
    assert_eq!(data["requested_by"], "key");
    call.finish().await.expect("it is told");
    let end = letters.recv_timeout(LONG).expect("at the end");
    assert_eq!(end.document["type"], "call");
    assert_eq!(end.document["data"]["call"], data["call"]);
    server.wait_for_metric("zeroline_webhooks_delivered_total{webhook=\"crm\"} 2");
    server.wait_for_metric("zeroline_webhooks_waiting{webhook=\"crm\"} 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_when_the_server_died_is_delivered_after_it_under_the_same_id() {
    let takes = Arc::new(AtomicBool::new(false));
    let (crm, letters) = receiver(takes.clone());
    let mut server = Server::start_with(DIALPLAN, &settings(&crm));
    let (call, _) = call_and_press_0(&server).await;
    let refused = letters.recv_timeout(LONG).expect("it is tried");
    assert_eq!(refused.document["type"], "transfer");
    server.kill();
    drop(call);
    letters.try_iter().for_each(drop);
    takes.store(true, Ordering::SeqCst);
    server.restart();
    let mut taken: Vec<Letter> = Vec::new();
    while taken.len() < 2 {
        taken.push(letters.recv_timeout(LONG).expect("after the restart"));
    }
    let again = taken.iter().find(|it| it.document["type"] == "transfer");
    let again = again.expect("it comes again");
    assert_eq!(again.id, refused.id);
    assert_eq!(again.document, refused.document);
    let end = taken.iter().find(|it| it.document["type"] == "call");
    let end = end.expect("the call's end is told too");
    assert_eq!(end.document["data"]["recovered"], true);
    server.wait_for_metric("zeroline_webhooks_delivered_total{webhook=\"crm\"} 2");
    assert!(
        letters.try_recv().is_err(),
        "a letter that was taken came again"
    );
}

/// Whose key 3 leads to a message.
fn dialplan_with_messages() -> String {
    DIALPLAN
        .replace(
            "To go, press 3.",
            "To leave a message, press 3. To go, press 4.",
        )
        .replace(
            "\"3\": { to: bye }",
            "\"3\": { to: message }\n      \"4\": { to: bye }",
        )
}

/// What was said until then is on the disk, but for a second.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_which_the_server_is_killed_is_told() {
    let (crm, letters) = receiver(Arc::new(AtomicBool::new(true)));
    let programs = [("flite", SPEAKS), ("espeak-ng", SPEAKS)];
    let mut server = Server::start_among(&programs, &dialplan_with_messages(), &settings(&crm));
    let call = call(&server).await;
    press(&call, '3').await;
    heard_out(&call).await;
    let said = chord(&[(300.0, -25.0)], 4 * 8_000);
    call.play_to_its_end(said).await.expect("it is heard");
    server.kill();
    server.restart();
    let both = [(); 2].map(|()| letters.recv_timeout(LONG).expect("it is told").document);
    let message = both.iter().find(|it| it["type"] == "message");
    let data = &message.expect("the message is told")["data"];
    let milliseconds = data["milliseconds"].as_u64().expect("a figure");
    assert!((1_000..8_000).contains(&milliseconds), "{milliseconds} ms");
    let told = server.last_call();
    assert_eq!(told["record"]["message"]["file"], data["file"], "{told}");
    assert_eq!(told["record"]["recovered"], true, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_told_with_its_transcript_and_can_be_heard() {
    let (crm, letters) = receiver(Arc::new(AtomicBool::new(true)));
    let hears = StandIn::start(|_, _| Response::new(200, r#"{"text": "please call me back"}"#));
    let speech = format!(
        "speech: {{ recognizers: {{ en: [builtin, remote] }}, remote: {{ url: \"{}/v1\" }} }}\n",
        hears.url
    );
    let programs = [("flite", SPEAKS), ("espeak-ng", SPEAKS)];
    let dialplan = dialplan_with_messages();
    let server = Server::start_among(&programs, &dialplan, &(settings(&crm) + &speech));
    let call = call(&server).await;
    press(&call, '3').await;
    // To the end of the tone.
    heard_out(&call).await;
    let said = chord(&[(300.0, -25.0)], 3 * 8_000);
    call.play_to_its_end(said).await.expect("it is heard");
    press(&call, '#').await;
    // The call ends by itself; in which order it is told of is not promised.
    let both = [(); 2].map(|()| letters.recv_timeout(LONG).expect("it is told"));
    call.finish().await.expect("it is told");
    let of = |subject: &str| {
        let mut letters = both.iter().map(|letter| &letter.document);
        let letter = letters.find(|document| document["type"] == subject);
        letter.unwrap_or_else(|| panic!("nothing is told of the {subject}"))
    };
    let data = &of("message")["data"];
    assert_eq!(of("call")["data"]["outcome"], "message_left");
    assert_eq!(data["transcript"]["text"], "please call me back", "{data}");
    let milliseconds = data["milliseconds"].as_u64().expect("a figure");
    assert!((2_500..8_000).contains(&milliseconds), "{milliseconds} ms");

    let told = server.last_call();
    assert_eq!(
        told["messages"][0]["transcript"], "please call me back",
        "{told}"
    );
    let by_call = format!(
        "/messages/{}.wav",
        data["call"].as_str().expect("a reference")
    );
    for path in [data["audio"].as_str().expect("a path"), &by_call] {
        let channels = wav::read(&sound(&server, path)[..]).expect("it is a WAV");
        let loud = channels[0]
            .iter()
            .filter(|sample| sample.unsigned_abs() > 500);
        assert!(
            loud.count() > 2 * 8_000 / 2,
            "{path}: the message is not in it"
        );
    }
    assert!(
        server
            .get("/messages/../calls.db")
            .starts_with("HTTP/1.0 404")
    );
    assert!(
        server
            .get("/messages/..%2Fcalls.db")
            .starts_with("HTTP/1.0 404")
    );
}
