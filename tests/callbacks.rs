//! Who asked to be called back is: a person first, and the place in line is kept.

mod common;

use common::Server;
use common::sipp::Peer;
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;
use zeroline::caller::answerer::{Answer, Answerer, Behaviour};
use zeroline::caller::call::Call;
use zeroline::caller::caller::Caller;
use zeroline::key::Key;

const DIALPLAN: &str = r#"
dialplan: test
languages: [en]
timezone: Europe/London
greeting: Welcome to the test. This is an automatic service.
human: { handoff: desk }
start: main
nodes:
  main: { menu: "To go, press 3.", options: { "3": { to: bye } } }
  bye: { hangup: Goodbye. }
handoffs:
  desk: { ring: [{ to: "DESK", limit: 1 }], queue: true, rest: 1s, else: callback }
"#;
const NUMBER: &str = "+442079460000";
const LONG: Duration = Duration::from_secs(60);

struct Hotline {
    server: Server,
    /// Where people are.
    desk: Answerer,
    /// The telephone that is called back.
    phone: Answerer,
}

impl Hotline {
    async fn new(first: &str, phone: Behaviour) -> Hotline {
        Hotline::with(first, phone, None, DIALPLAN).await
    }

    /// The desk opens tomorrow; others take its calls until then, who are busy just now.
    async fn closed() -> Hotline {
        let tomorrow = jiff::Timestamp::now().in_tz("Europe/London");
        let tomorrow = tomorrow.and_then(|now| now.tomorrow()).expect("a day");
        // "Saturday" is `Sa`.
        let day = tomorrow.strftime("%A").to_string();
        let closed = format!("hours: \"{} 09:00-17:00\", else: night }}", &day[..2]);
        let night = "\n  night: { ring: [\"DESK\"], rest: 0s, else: callback }";
        let dialplan = DIALPLAN.replace("else: callback }", &(closed + night));
        let hotline = Hotline::with("agent", Behaviour::Ring, None, &dialplan).await;
        hotline.desk.behave(busy()).await;
        hotline
    }

    /// `other`: the telephone that is called back in place of `phone`.
    async fn with(
        first: &str,
        phone: Behaviour,
        other: Option<SocketAddr>,
        dialplan: &str,
    ) -> Hotline {
        let local = ([127, 0, 0, 1], 0).into();
        let answers = Behaviour::Answer(Answer::default());
        let desk = Answerer::listen(local, answers).await.expect("a free port");
        let phone = Answerer::listen(local, phone).await.expect("a free port");
        let dialplan = dialplan.replace("DESK", &desk.uri("desk"));
        let settings = format!(
            "transfers: {{ allow: [\"sip:*@127.0.0.1\"] }}\n\
             callbacks: {{ to: \"sip:{{number}}@{}\", allow: [\"+4420*\"], first: {first}, every: 10s, tries: 2, rings: 5s }}\n",
            other.unwrap_or(phone.address())
        );
        let server = start(dialplan, settings).await;
        Hotline {
            server,
            desk,
            phone,
        }
    }

    async fn call(&self, from: &str) -> Call {
        let mut caller = Caller::to(format!("sip:100@{}", self.server.udp));
        caller.from = Some(format!("sip:{from}@127.0.0.1"));
        let call = caller.call().await.expect("it is sent");
        call.until_answered(LONG).await.expect("it is answered");
        call
    }

    /// Somebody speaks with the desk: both sides.
    async fn talks(&mut self) -> (Call, Call) {
        let first = self.call("+441632960001").await;
        press(&first, "0").await;
        let talks = self.desk.next_call(LONG).await.expect("the desk is rung");
        (first, talks)
    }

    /// Somebody speaks with the desk, and the caller behind them books a callback. Who speaks.
    async fn book(&mut self) -> (Call, Call) {
        let (first, talks) = self.talks().await;
        let second = self.call(NUMBER).await;
        press(&second, "0").await;
        // "You are next in line. … To be called back, press one."
        speaks(&second).await;
        press(&second, "1").await;
        // "I will note that you want to be called back on this number: … If that is right, press 1."
        speaks(&second).await;
        press(&second, "1").await;
        let ended = second.until(LONG, |state| state.ended.is_some());
        ended.await.expect("the bot says goodbye and hangs up");
        (first, talks)
    }

    /// Until our own call is in line for the caller.
    async fn waits_in_line(&self) {
        let is_there = |it: &[Value]| it.iter().any(|it| it["state"] == "calling").then_some(());
        self.list_until(is_there).await;
    }

    /// What is found in the list of callbacks, once it is there.
    async fn list_until<Found>(&self, find: impl Fn(&[Value]) -> Option<Found>) -> Found {
        let deadline = tokio::time::Instant::now() + LONG;
        loop {
            let all = tokio::task::block_in_place(|| self.callbacks());
            if let Some(found) = find(&all) {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "{all:?}");
            // The store tells nobody of a change.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn callbacks(&self) -> Vec<Value> {
        let listed = Command::new(env!("CARGO_BIN_EXE_zeroline"))
            .args(["callbacks", "list", "--all", "--format", "json", "--data"])
            .arg(self.server.data())
            .output()
            .expect("zeroline callbacks runs");
        serde_json::from_slice(&listed.stdout).expect("it is JSON")
    }
}

fn busy() -> Behaviour {
    Behaviour::Reject {
        status: 486,
        after: Duration::ZERO,
    }
}

async fn start(dialplan: String, settings: String) -> Server {
    let started = tokio::task::spawn_blocking(move || Server::start_with(&dialplan, &settings));
    started.await.expect("the server starts")
}

async fn press(call: &Call, keys: &str) {
    let keys: Vec<Key> = keys.chars().filter_map(Key::from_char).collect();
    call.press(&keys).await.expect("they are sent");
}

/// Until the bot begins to say something else.
async fn speaks(call: &Call) {
    let before = call.state().talkspurts;
    let spoken = call.until(LONG, |state| state.talkspurts > before);
    spoken.await.expect("the bot speaks");
}

async fn hears(call: &Call) {
    let heard = call.until(LONG, |state| state.talkspurts > 0);
    heard.await.expect("there is sound");
}

async fn records(server: &Server, count: usize) -> Vec<Value> {
    tokio::task::block_in_place(|| server.records(count))
}

fn callback_of(records: &[Value]) -> &Value {
    let found = records.iter().find(|it| !it["callback_of"].is_null());
    found.expect("one of them is a callback")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_first_and_the_place_in_line_is_kept() {
    let mut hotline = Hotline::new("agent", Behaviour::Answer(Answer::default())).await;
    let (first, _talks) = hotline.book().await;
    let third = hotline.call("+441632960003").await;
    press(&third, "0").await;
    speaks(&third).await;
    hotline.waits_in_line().await;
    first.hang_up().await;
    // The desk rings for the callback, though the third waits: by the accept key it takes it.
    let person = hotline
        .desk
        .next_call(LONG)
        .await
        .expect("the desk is rung");
    hears(&person).await;
    press(&person, "1").await;
    let mut phone = hotline.phone;
    let caller = phone.next_call(LONG).await.expect("the telephone rings");
    let invite = caller.invite().expect("it came in");
    let from = invite.headers.from().expect("it has a From");
    assert_eq!(from.uri.user(), "100", "it is the hotline that calls");
    // The person's sound is the caller's now.
    let tone: std::sync::Arc<[i16]> = zeroline::audio::tones::ring_back().into();
    person.play(tone).await;
    hears(&caller).await;
    caller.hang_up().await;
    let ended = person.until(LONG, |state| state.ended.is_some());
    ended.await.expect("it ends for both");
    drop(person);
    let next = hotline
        .desk
        .next_call(LONG)
        .await
        .expect("the third's turn");
    third.hang_up().await;
    drop(next);
    let all = records(&hotline.server, 4).await;
    let record = callback_of(&all);
    assert_eq!(record["outcome"], "transferred_confirmed", "{record}");
    assert_eq!(record["caller"], NUMBER, "{record}");
    let booked = all.iter().find(|it| it["outcome"] == "callback_booked");
    let booked = booked.expect("the caller's own record");
    assert_eq!(record["callback_of"]["call"], booked["call"]);
    let left = tokio::task::block_in_place(|| {
        hotline.server.wait_for_metric("zeroline_calls 0");
        let hotline = Hotline { phone, ..hotline };
        hotline.callbacks()
    });
    assert_eq!(left[0]["state"], "done", "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_first_who_then_hears_that_a_person_is_rung() {
    let mut hotline = Hotline::new("caller", Behaviour::Answer(Answer::default())).await;
    let (first, _talks) = hotline.book().await;
    hotline.waits_in_line().await;
    let early = hotline.phone.next_call(Duration::from_millis(500)).await;
    assert!(early.is_none(), "nobody is free");
    first.hang_up().await;
    let caller = hotline.phone.next_call(LONG).await;
    let caller = caller.expect("the telephone rings");
    hears(&caller).await;
    let person = hotline
        .desk
        .next_call(LONG)
        .await
        .expect("the desk is rung");
    let tone: std::sync::Arc<[i16]> = zeroline::audio::tones::ring_back().into();
    caller.play_round(tone).await;
    hears(&person).await;
    person.hang_up().await;
    let all = records(&hotline.server, 3).await;
    let record = callback_of(&all);
    assert_eq!(record["outcome"], "transferred_answered", "{record}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_reached_is_tried_again_and_the_person_is_free() {
    let mut hotline = Hotline::new("agent", busy()).await;
    let (first, _talks) = hotline.book().await;
    first.hang_up().await;
    let person = hotline
        .desk
        .next_call(LONG)
        .await
        .expect("the desk is rung");
    hears(&person).await;
    press(&person, "1").await;
    let ended = person.until(LONG, |state| state.ended.is_some());
    ended.await.expect("it does not wait for nobody");
    let all = records(&hotline.server, 3).await;
    let record = callback_of(&all);
    assert_eq!(record["outcome"], "gave_up_before_answer", "{record}");
    let booked = &hotline.callbacks()[0];
    assert_eq!(
        (&booked["state"], &booked["attempts"]),
        (&"waiting".into(), &1.into())
    );
    let again = hotline
        .desk
        .next_call(LONG)
        .await
        .expect("ten seconds later");
    drop(again);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booked_callback_outlives_the_server() {
    let mut hotline = Hotline::new("agent", Behaviour::Answer(Answer::default())).await;
    let (first, talks) = hotline.book().await;
    hotline.waits_in_line().await;
    let mut server = hotline.server;
    let server = tokio::task::spawn_blocking(move || {
        server.kill();
        server.restart();
        server
    });
    let _server = server.await.expect("it starts again");
    drop((first, talks));
    let person = hotline.desk.next_call(LONG).await;
    hears(&person.expect("the desk is rung")).await;
}

/// A person who talks is left alone meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_when_the_server_stops_is_told_so_and_called_back() {
    let mut hotline = Hotline::new("agent", Behaviour::Answer(Answer::default())).await;
    let (first, talks) = hotline.talks().await;
    let second = hotline.call(NUMBER).await;
    press(&second, "0").await;
    // "You are next in line. …"
    speaks(&second).await;
    hotline.server.ask_to_stop();
    // "I am sorry, this service has to stop now … called back on this number: …"
    speaks(&second).await;
    let ended = second.until(LONG, |state| state.ended.is_some());
    ended.await.expect("the bot says goodbye and hangs up");
    assert!(first.state().ended.is_none(), "they talk");
    first.hang_up().await;
    let mut server = hotline.server;
    let server = tokio::task::spawn_blocking(move || {
        assert!(server.wait().success());
        server.restart();
        server
    });
    let server = server.await.expect("it starts again");
    drop(talks);
    let person = hotline.desk.next_call(LONG).await;
    hears(&person.expect("the desk is rung")).await;
    let all = records(&server, 2).await;
    let booked = all.iter().find(|it| it["outcome"] == "callback_booked");
    let booked = booked.expect("the second caller's record");
    assert_eq!(booked["ended_by"], "server", "{booked}");
    let other = all
        .iter()
        .find(|it| it["outcome"] == "transferred_answered");
    assert_eq!(other.expect("the first caller's")["ended_by"], "caller");
}

/// Who books one while nobody is there is called when somebody is, and another's number never.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_while_the_desk_is_closed_or_where_the_config_forbids() {
    let mut hotline = Hotline::closed().await;
    for from in [NUMBER, "+441632960001"] {
        let call = hotline.call(from).await;
        press(&call, "0").await;
        // "I am sorry, I could not reach anybody just now. … To be called back, press two."
        speaks(&call).await;
        press(&call, "2").await;
        speaks(&call).await;
        press(&call, "1").await;
        let ended = call.until(LONG, |state| state.ended.is_some());
        ended.await.expect("the bot says goodbye and hangs up");
    }
    hotline
        .desk
        .behave(Behaviour::Answer(Answer::default()))
        .await;
    let told = hotline.list_until(|all| {
        let of = |number: &str| all.iter().find(|it| it["number"] == number).cloned();
        let (ours, other) = (of(NUMBER)?, of("+441632960001")?);
        let waits = ours["due_ms"].as_u64()? > ours["booked_ms"].as_u64()? + 25_000;
        (waits && other["state"] == "noted").then_some((ours, other))
    });
    let (ours, other) = told.await;
    // People who are there at this hour, but were not asked for, are not rung either.
    assert_eq!(
        (&ours["state"], &ours["attempts"], &ours["last_call"]),
        (&"waiting".into(), &0.into(), &Value::Null)
    );
    assert_eq!(
        other["reason"],
        "the config does not allow calls to this number"
    );
    let rung = hotline.phone.next_call(Duration::ZERO).await;
    assert!(rung.is_none(), "nobody's telephone rings");
}

/// A telephone that sends no packet before somebody speaks.
#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_who_is_called_back_count_before_they_are_heard() {
    let steps = "<INVITE >200 <ACK ~6000 >INFO:0 <200 ~3000 >BYE <200";
    let silent = Peer::with_steps(32_400, steps);
    let mut hotline =
        Hotline::with("caller", Behaviour::Ring, Some(silent.address), DIALPLAN).await;
    let (first, _talks) = hotline.book().await;
    hotline.desk.behave(busy()).await;
    first.hang_up().await;
    tokio::task::block_in_place(|| silent.finish());
    let all = records(&hotline.server, 3).await;
    let record = callback_of(&all);
    assert_eq!(record["keys"], 1, "{record}");
    // Nobody spoke with them: it is tried again.
    let left = hotline.list_until(|all| all.first().cloned()).await;
    assert_eq!(
        (&left["state"], &left["attempts"]),
        (&"waiting".into(), &1.into())
    );
}
