//! Keys through a real server: the human key by every way that a telephone has, and the keys that a
//! person's telephone is sent by every way that its trunk wants.

mod common;

use common::{DIALPLAN, Server};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use zeroline::audio::dtmf_detector::{DtmfDetector, KeyTone};
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::{Call, KeysBy};
use zeroline::caller::caller::Caller;
use zeroline::events::KeySource;
use zeroline::key::Key;

/// Far longer than anything here takes, also on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// Calls the hotline and presses 0 as soon as it answers.
async fn call_and_ask_for_a_person(server: &Server, keys_by: KeysBy) -> Call {
    let mut caller = Caller::to(format!("sip:hotline@{}", server.udp));
    caller.keys_by = keys_by;
    caller.media.telephone_event = keys_by != KeysBy::Inband;
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    // In a tone's first milliseconds there is nobody to hear it yet.
    let spoken_to = call.until(LONG, |state| state.packets_received > 10).await;
    spoken_to.expect("it speaks");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    call
}

async fn human_key_by(keys_by: KeysBy, expected: &str) {
    let server = Server::start(DIALPLAN);
    let call = call_and_ask_for_a_person(&server, keys_by).await;
    let record = {
        // The built-in agent says something as soon as it is connected, and goes on.
        server.wait_for_metric("zeroline_targets_answered_total 1");
        let before = call.state().sound_heard;
        let connected = call.until(LONG, |state| {
            state.sound_heard > before + Duration::from_secs(3)
        });
        connected.await.expect("somebody is heard");
        call.finish().await.expect("it is told");
        server.records(1).remove(0)
    };
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    assert_eq!(record["human_requested_by"], "key", "{record}");
    assert_eq!(record["depth_at_human_key"], 1, "{record}");
    let by = &record["keys_by"];
    assert_eq!(by, expected, "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_human_key_by_info_as_dtmf_relay() {
    human_key_by(KeysBy::Info, "telephone_event").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_human_key_by_info_as_dtmf() {
    human_key_by(KeysBy::InfoDtmf, "telephone_event").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_human_key_by_tones() {
    human_key_by(KeysBy::Inband, "in_band").await;
}

/// A person's telephone behind a trunk that wants keys so.
async fn person_behind_a_trunk(keys: &str) -> (Server, Answerer) {
    let behaviour = Behaviour::Answer(Answer::default());
    let answerer = Answerer::listen(([127, 0, 0, 1], 0).into(), behaviour).await;
    let answerer = answerer.expect("loopback has a free port");
    let ring = format!("ring: [\"{}\"], then_keys: \"1w#\"", answerer.uri("desk"));
    let dialplan = DIALPLAN.replace("ring: [\"sip:agent@zeroline.local\"]", &ring);
    let address = answerer.address();
    let settings = format!(
        "transfers: {{ allow: [\"sip:*@127.0.0.1\"] }}\n\
         trunks: {{ exchange: {{ proxy: \"sip:{address}\", keys: {keys} }} }}\n"
    );
    (Server::start_with(&dialplan, &settings), answerer)
}

/// What the person's telephone hears as keys: those of `then_keys`, and one from the caller.
async fn keys_sent_by(keys: &str, source: KeySource) {
    let (server, mut answerer) = person_behind_a_trunk(keys).await;
    let ours = call_and_ask_for_a_person(&server, KeysBy::Rfc4733).await;
    let theirs = answerer.next_call(LONG).await.expect("it rings");
    let first = theirs.until(LONG, |state| state.heard() == "1#").await;
    first.expect("`then_keys` arrive");
    ours.press(&[Key::HASH]).await.expect("it is pressed");
    let all = theirs.until(LONG, |state| state.heard() == "1##").await;
    let all = all.expect("the caller's key arrives");
    let by: Vec<KeySource> = all.keys_heard.iter().map(|key| key.source).collect();
    assert_eq!(by, [source; 3]);
    let apart = all.keys_heard[1].at - all.keys_heard[0].at;
    assert!(apart >= Duration::from_millis(500), "`w` waits: {apart:?}");
    let report = ours.finish().await.expect("it is told");
    let ended = theirs.ended(LONG).await.expect("both sides end");
    assert!(report.answered && ended.answered);
}

/// What a person keys, for a caller whose telephone speaks another way.
async fn a_persons_key(by: KeysBy, callers: KeysBy, heard_by: KeySource) {
    let (server, mut answerer) = person_behind_a_trunk("rfc4733").await;
    let ours = call_and_ask_for_a_person(&server, callers).await;
    let theirs = answerer.next_call(LONG).await.expect("it rings");
    let first = theirs.until(LONG, |state| state.heard() == "1#").await;
    first.expect("`then_keys` arrive: they are joined");
    let pressed = theirs.press_by(&[Key::HASH], by).await;
    pressed.expect("it is pressed");
    let heard = ours.until(LONG, |state| state.heard().ends_with('#')).await;
    let heard = heard.expect("the person's key arrives");
    let last = heard.keys_heard.last().expect("it is there");
    assert_eq!(last.source, heard_by);
    ours.finish().await.expect("it is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_telephone_event_reaches_a_caller_who_hears_tones() {
    a_persons_key(KeysBy::Rfc4733, KeysBy::Inband, KeySource::InBand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_info_reaches_a_caller_as_a_telephone_event() {
    a_persons_key(KeysBy::Info, KeysBy::Rfc4733, KeySource::TelephoneEvent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_gets_telephone_events() {
    keys_sent_by("rfc4733", KeySource::TelephoneEvent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_gets_keys_by_info_if_it_wants_them_so() {
    keys_sent_by("info", KeySource::Info).await;
}

/// Telephone-events were agreed on, and still none is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_trunk_gets_tones_if_it_wants_them() {
    let (server, mut answerer) = person_behind_a_trunk("inband").await;
    let ours = call_and_ask_for_a_person(&server, KeysBy::Rfc4733).await;
    let theirs = answerer.next_call(LONG).await.expect("it rings");
    let tones = |state: &zeroline::caller::state::CallState| {
        state.sound_heard >= Duration::from_millis(150)
    };
    theirs
        .until(LONG, tones)
        .await
        .expect("`then_keys` are heard");
    ours.press(&[Key::HASH]).await.expect("it is pressed");
    let tones = |state: &zeroline::caller::state::CallState| {
        state.sound_heard >= Duration::from_millis(270)
    };
    theirs
        .until(LONG, tones)
        .await
        .expect("the caller's is, too");
    ours.finish().await.expect("it is told");
    let report = theirs.ended(LONG).await.expect("both sides end");
    assert!(report.media.is_some_and(|media| media.telephone_event));
    assert_eq!(report.keys_heard, []);
    let mut keys = String::new();
    DtmfDetector::new().handle_samples(&report.heard, |tone| {
        if let KeyTone::Down(key) = tone {
            keys.push(key.to_char());
        }
    });
    assert_eq!(keys, "1##");
}

/// RTP from an address that is not the caller's, ten packets a millisecond, until it is dropped.
struct Flood(Arc<AtomicBool>);

impl Flood {
    fn at(target: SocketAddr) -> Flood {
        let flood = Flood(Arc::new(AtomicBool::new(true)));
        let flag = flood.0.clone();
        let socket = UdpSocket::bind("127.0.0.2:0").expect("all of 127.0.0.0/8 is ours");
        let mut packet = [0xff; 172];
        packet[..2].copy_from_slice(&[0x80, 0]);
        std::thread::spawn(move || {
            while flag.load(Ordering::Relaxed) {
                for _ in 0..10 {
                    // What the server has no room for is lost, as in a network.
                    let _ = socket.send_to(&packet, target);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        flood
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_human_key_in_a_strangers_flood() {
    let server = Server::start(DIALPLAN);
    let caller = Caller::to(format!("sip:hotline@{}", server.udp));
    let call = caller.call().await.expect("it is called");
    call.until_answered(LONG).await.expect("it answers");
    let spoken_to = call.until(LONG, |state| state.packets_received > 50).await;
    spoken_to.expect("it speaks");
    let media = call.state().negotiated.and_then(|agreed| agreed.remote);
    let _flood = Flood::at(media.expect("the answer names it"));
    let before = call.state().packets_received;
    let in_it = call.until(LONG, |state| state.packets_received > before + 50);
    in_it.await.expect("it goes on");
    call.press(&[Key::ZERO]).await.expect("it is pressed");
    server.wait_for_metric("zeroline_targets_answered_total 1");
    let heard = call.state().sound_heard;
    let connected = call.until(LONG, |state| {
        state.sound_heard > heard + Duration::from_secs(4)
    });
    connected.await.expect("somebody is heard");
    call.finish().await.expect("it is told");
    let record = server.records(1).remove(0);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
    let quality = &record["caller_quality"];
    let packets = |name: &str| quality[name].as_u64().expect("it is counted");
    assert!(
        packets("packets_lost") * 20 < packets("packets_received"),
        "{quality}"
    );
}
