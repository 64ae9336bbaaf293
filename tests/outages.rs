//! What a call needs hangs or dies in the middle of it, on a real server: the caller hears that the
//! line is alive, and the human key works.

mod common;

use common::{DIALPLAN, SPEAKS, Server};
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Before the script of an engine: what it does with the one text that is made during a call.
const HANGS: &str = r#"
case "$(cat)" in *"number is"*) echo $$ > "$0.pid"; exec sleep 600 ;; esac
"#;
const FAILS: &str = r#"
case "$(cat)" in *"number is"*) exit 1 ;; esac
"#;

const SAYS_A_NUMBER: &str = r#"
dialplan: test
languages: [en]
greeting: Welcome to the test. This is an automatic service.
human: { handoff: desk }
start: main
nodes:
  main: { ask: number, prompt: Please key in your four digit number., to: told }
  told: { say: "Your number is {{ number }}.", to: main }
slots:
  number: { type: digits, length: 4 }
handoffs:
  desk: { ring: ["sip:agent@zeroline.local"], else: callback }
"#;

async fn call(server: &Server) -> Call {
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 10).await;
    spoken_to.expect("it speaks");
    call
}

async fn press(call: &Call, keys: &str) {
    let keys: Vec<Key> = keys.chars().filter_map(Key::from_char).collect();
    let already = call.state().keys_sent.len();
    call.press(&keys).await.expect("they are pressed");
    let all = call.until(LONG, |state| state.keys_sent.len() == already + keys.len());
    all.await.expect("they are sent");
}

/// The built-in agent says something as soon as it is connected, and goes on. `calls`: that it has
/// answered by then.
async fn reaches_the_agent(server: &Server, call: Call, calls: u32) -> serde_json::Value {
    let before = server.records(0).len();
    server.wait_for_metric(&format!("zeroline_targets_answered_total {calls}"));
    let heard = call.state().sound_heard;
    let connected = call.until(LONG, |state| {
        state.sound_heard > heard + Duration::from_secs(3)
    });
    connected.await.expect("somebody is heard");
    call.finish().await.expect("it is told");
    server.records(before + 1).pop().expect("there is one")
}

/// A service that takes requests and never answers: tells when one came and when it was given up.
fn never_answers() -> (u16, Receiver<Instant>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let (told, tells) = channel();
    std::thread::spawn(move || {
        let (mut request, _) = listener.accept().expect("a lookup comes");
        let mut byte = [0];
        let _ = request.read_exact(&mut byte).and_then(|()| {
            let _ = told.send(Instant::now());
            request.read_to_end(&mut Vec::new())
        });
        let _ = told.send(Instant::now());
    });
    (port, tells)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_that_hangs_is_heard_to_go_on_and_the_human_key_ends_it() {
    let (port, service) = never_answers();
    let server = Server::start(&DIALPLAN.replace("LOOKUP_PORT", &port.to_string()));
    let call = call(&server).await;
    press(&call, "2123456").await;
    let asked = service.recv_timeout(LONG).expect("it is asked");
    let spoken = |state: &zeroline::caller::state::CallState| {
        state.keys_sent.last().and_then(|key| key.talkspurt_after)
    };
    let filler = call.until(LONG, |state| spoken(state).is_some()).await;
    let filler = spoken(&filler.expect("it is heard")).expect("just found");
    let expected = Duration::from_millis(1_500);
    assert!(
        filler.abs_diff(expected) < Duration::from_millis(500),
        "{filler:?}"
    );
    assert!(asked.elapsed() < Duration::from_secs(10));
    let pressed = Instant::now();
    press(&call, "0").await;
    let given_up = service.recv_timeout(LONG).expect("it is given up");
    assert!(
        given_up - pressed < Duration::from_secs(1),
        "{:?}",
        given_up - pressed
    );
    let record = reaches_the_agent(&server, call, 1).await;
    assert_eq!(record["human_requested_by"], "key", "{record}");
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
}

/// The synthesizer's process, once it hangs.
async fn hanging(process_id: &Path) -> rustix::process::Pid {
    let deadline = Instant::now() + LONG;
    loop {
        let text = std::fs::read_to_string(process_id).unwrap_or_default();
        if let Some(pid) = text
            .trim()
            .parse()
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            std::fs::remove_file(process_id).expect("it is there");
            return pid;
        }
        assert!(Instant::now() < deadline, "the text is not asked for");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synthesizer_that_hangs_or_is_killed_costs_its_text_only() {
    let programs = [
        ("flite", &*format!("{HANGS}{SPEAKS}")),
        ("espeak-ng", &*format!("{FAILS}{SPEAKS}")),
    ];
    let server = Server::start_among(&programs, SAYS_A_NUMBER, "");
    let process_id = server.folder.path().join("bin/flite.pid");
    let first = call(&server).await;
    press(&first, "1234").await;
    hanging(&process_id).await;
    press(&first, "0").await;
    let record = reaches_the_agent(&server, first, 1).await;
    assert_eq!(record["human_requested_by"], "key", "{record}");
    assert_eq!(record["prompts_failed"], 0, "{record}");

    let second = call(&server).await;
    press(&second, "5678").await;
    let synthesizer = hanging(&process_id).await;
    let killed = rustix::process::kill_process(synthesizer, rustix::process::Signal::KILL);
    killed.expect("it hangs");
    let record = reaches_the_agent(&server, second, 2).await;
    assert_eq!(record["human_requested_by"], "failure", "{record}");
    assert_eq!(record["prompts_failed"], 1, "{record}");
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
}
