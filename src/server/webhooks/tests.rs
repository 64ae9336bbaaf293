//! Against a receiver on this machine.

use super::delivery::signature;
use super::*;
use crate::call::example_call::law_4;
use crate::config::secret::{Password, Secret};
use crate::config::webhooks::Subject;
use crate::engines::http_stand_in::{Request, Response, StandIn};
use crate::journal::append::Limits;
use crate::server::journal_writer::Journal;
use crate::store::calls::store_path;
use crate::store::letters::{Letter, Told, tells_at_once};
use crate::store::outbox::Undelivered;
use std::sync::mpsc::{Receiver, channel};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a letter's receiver sees: its path, id, timestamp and body. A signature that does not fit
/// panics there.
#[derive(Debug, PartialEq)]
struct Seen {
    path: String,
    id: String,
    timestamp: u64,
    body: String,
}

fn seen(request: &Request) -> Seen {
    let header = |name| {
        request
            .header(name)
            .expect("the header is there")
            .to_owned()
    };
    let timestamp = header("webhook-timestamp").parse().expect("seconds");
    let (id, body) = (header("webhook-id"), request.text());
    let key = signing_key(&Secret::new(SECRET)).expect("it is a good one");
    let expected = signature(&key, &id, timestamp, &body);
    assert_eq!(header("webhook-signature"), expected);
    assert_eq!(header("content-type"), "application/json");
    Seen {
        path: request.path.clone(),
        id,
        timestamp,
        body,
    }
}

/// A receiver that answers by the letter and the number of requests before it.
fn receiver(
    answer: impl Fn(&Seen, usize) -> Response + Send + Sync + 'static,
) -> (StandIn, Receiver<Seen>) {
    let (tell, told) = channel();
    let receiver = StandIn::start(move |request, before| {
        let seen = seen(request);
        let response = answer(&seen, before);
        let _ = tell.send(seen);
        response
    });
    (receiver, told)
}

fn webhooks(urls: &[(&str, String)]) -> BTreeMap<String, Webhook> {
    let webhook = |url: &String| Webhook {
        url: url.clone(),
        secret: Password::Written(Secret::new(SECRET)),
        events: Subject::ALL.to_vec(),
        timeout: Duration::from_secs(1),
    };
    let all = urls
        .iter()
        .map(|(name, url)| (name.to_string(), webhook(url)));
    all.collect()
}

/// A data folder with letters in it, one each of `numbers`, to each of `hooks`.
fn data_with(hooks: &BTreeMap<String, Webhook>, numbers: &[u32]) -> tempfile::TempDir {
    let data = tempfile::tempdir().expect("a temporary folder");
    let (_, inbox) = watch(hooks);
    let letter = |number: &u32| Letter {
        id: format!("call-{number}"),
        subject: Subject::Call,
        call: law_4()[0].call,
        body: format!("{{\"number\":{number}}}"),
    };
    let told = Told {
        letters: numbers.iter().map(letter).collect(),
        ..Told::default()
    };
    block_on(async {
        let store = Store::open(&store_path(data.path())).await.expect("opens");
        let put = store.put_told(&told, &inbox.addressees, unix_ms());
        put.await.expect("writes");
        store.close().await;
    });
    data
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(work)
}

fn open_office(data: &Path, hooks: &BTreeMap<String, Webhook>) -> PostOffice {
    let (_, inbox) = watch(hooks);
    let files = (store_path(data), data.join("journal"));
    start(hooks, files, inbox).expect("starts")
}

/// Once there are so many letters that have not arrived and are not under way, dead or `waiting`.
fn undelivered(
    data: &Path,
    waiting: bool,
    done: impl Fn(&[Undelivered]) -> bool,
) -> Vec<Undelivered> {
    block_on(async {
        let store = Store::open_to_read(&store_path(data)).await.expect("opens");
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let letters = store.undelivered(waiting, 99).await.expect("reads");
            if done(&letters) {
                return letters;
            }
            assert!(tokio::time::Instant::now() < until, "{letters:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
}

#[test]
fn a_letter_that_failed_comes_again_under_its_id_until_it_is_taken() {
    let (crm, letters) = receiver(|_, before| Response::new([503, 500, 200][before], "later"));
    let hooks = webhooks(&[("crm", crm.url.clone() + "/calls?of=all")]);
    let data = data_with(&hooks, &[7]);
    let office = open_office(data.path(), &hooks);
    let tries = [(); 3].map(|()| letters.recv_timeout(PATIENCE).expect("it comes"));
    for seen in &tries {
        assert_eq!(
            (seen.id.as_str(), seen.body.as_str()),
            ("call-7", "{\"number\":7}")
        );
        assert_eq!(seen.path, "/calls?of=all");
    }
    let seconds = tries[2].timestamp - tries[0].timestamp;
    assert!(seconds >= 2, "it is signed anew each time: {seconds} s");
    undelivered(data.path(), true, <[_]>::is_empty);
    office.stop();
    assert!(letters.try_recv().is_err(), "what was taken comes no more");
}

#[test]
fn what_is_gone_or_elsewhere_is_asked_once() {
    let (elsewhere, other_letters) = receiver(|_, _| Response::new(200, ""));
    let there = elsewhere.url.clone();
    let (crm, letters) = receiver(move |seen, _| match seen.id.as_str() {
        "call-1" => Response::new(410, "no more"),
        _ => Response {
            headers: vec![("Location", there.clone())],
            ..Response::new(307, "")
        },
    });
    let hooks = webhooks(&[("crm", crm.url.clone())]);
    let data = data_with(&hooks, &[1, 2]);
    let office = open_office(data.path(), &hooks);
    let tried =
        |letters: &[Undelivered]| letters.len() == 2 && letters.iter().all(|it| it.tries > 0);
    let left = undelivered(data.path(), true, tried);
    office.stop();
    let state = |id: &str| {
        let letter = left
            .iter()
            .find(|letter| letter.id == id)
            .expect("it is left");
        (
            letter.state.as_str(),
            letter.reason.clone().expect("it failed"),
        )
    };
    assert_eq!(state("call-1"), ("dead", "it answered 410 Gone".to_owned()));
    let (waits, reason) = state("call-2");
    assert!(
        waits == "waiting" && reason.contains("final address"),
        "{reason}"
    );
    assert!(
        other_letters.try_recv().is_err(),
        "the redirect was followed"
    );
    let gone = letters.try_iter().filter(|seen| seen.id == "call-1");
    assert_eq!(gone.count(), 1);
}

#[test]
fn a_receiver_that_hangs_holds_up_nobody_else() {
    let (slow, _) = receiver(|_, _| Response {
        delay: PATIENCE,
        ..Response::new(200, "")
    });
    let (quick, letters) = receiver(|_, _| Response::new(204, ""));
    let hooks = webhooks(&[("a_slow", slow.url.clone()), ("quick", quick.url.clone())]);
    let numbers: Vec<u32> = (0..30).collect();
    let data = data_with(&hooks, &numbers);
    let office = open_office(data.path(), &hooks);
    let before = std::time::Instant::now();
    for _ in &numbers {
        letters.recv_timeout(PATIENCE).expect("it comes");
    }
    // To wait for the slow one even once would be a second.
    let all_in = before.elapsed();
    let late = |letters: &[Undelivered]| letters.iter().any(|letter| letter.tries > 0);
    let left = undelivered(data.path(), true, late);
    office.stop();
    assert!(left.iter().all(|letter| letter.hook == "a_slow"));
    let reasons = left.iter().find_map(|letter| letter.reason.as_deref());
    assert_eq!(reasons, Some("no answer in time"));
    let under_way = left.iter().filter(|letter| letter.tries > 0).count();
    assert!(
        under_way <= 2 * AT_ONCE,
        "{under_way} letters were under way"
    );
    assert!(all_in < Duration::from_secs(1), "{all_in:?}");
}

#[test]
fn letters_to_a_webhook_that_the_config_lost_are_dead_until_it_is_back() {
    let (crm, letters) = receiver(|_, _| Response::new(200, ""));
    let hooks = webhooks(&[("crm", crm.url.clone())]);
    let data = data_with(&hooks, &[1]);
    let office = open_office(data.path(), &BTreeMap::new());
    let dead = undelivered(data.path(), false, |letters| letters.len() == 1);
    office.stop();
    assert!(
        dead[0]
            .reason
            .as_deref()
            .is_some_and(|why| why.contains("config"))
    );
    let office = open_office(data.path(), &hooks);
    block_on(async {
        let store = Store::open_to_forward(&store_path(data.path()))
            .await
            .expect("opens");
        let retried = store.retry_letters(Some("call-1"), unix_ms()).await;
        assert_eq!(retried.expect("writes"), 1);
    });
    // Nobody tells the carrier: it looks.
    assert_eq!(
        letters.recv_timeout(PATIENCE).expect("it comes").id,
        "call-1"
    );
    office.stop();
}

#[test]
fn letters_are_tidied_and_wait_until_their_webhooks_secret_is_there() {
    let (crm, letters) = receiver(|_, _| Response::new(200, ""));
    let mut hooks = webhooks(&[("crm", crm.url.clone())]);
    let data = data_with(&hooks, &[1, 2]);
    let secret = data.path().join("secret");
    hooks.get_mut("crm").expect("it is there").secret = Password::File(secret.clone());
    block_on(async {
        let store = Store::open(&store_path(data.path())).await.expect("opens");
        // In 1970: what died then is kept no longer.
        let died = store.letter_failed(("call-2", "crm"), "410", None, 1);
        died.await.expect("writes");
    });
    let office = open_office(data.path(), &hooks);
    undelivered(data.path(), false, <[_]>::is_empty);
    let left = undelivered(data.path(), true, |_| true);
    let left: Vec<&str> = left.iter().map(|letter| letter.id.as_str()).collect();
    assert_eq!(left, ["call-1"], "it waits");
    assert!(letters.try_recv().is_err(), "it could not be signed");
    std::fs::write(&secret, format!("{SECRET}\n")).expect("writes");
    let came = letters.recv_timeout(PATIENCE).expect("it comes");
    assert_eq!(came.id, "call-1");
    undelivered(data.path(), true, <[_]>::is_empty);
    office.stop();
}

#[test]
fn letters_are_counted_without_their_webhooks_secret() {
    let mut hooks = webhooks(&[("crm", "http://127.0.0.1:9/".into())]);
    let data = data_with(&hooks, &[1, 2, 3]);
    let missing = data.path().join("none");
    hooks.get_mut("crm").expect("it is there").secret = Password::File(missing);
    let (_, inbox) = watch(&hooks);
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let told = recorder.handle();
    let counted = async {
        while !told
            .render()
            .contains("zeroline_webhooks_waiting{webhook=\"crm\"} 3\n")
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let client = delivery::client().expect("a client");
    let files = (store_path(data.path()), data.path().join("journal"));
    metrics::with_local_recorder(&recorder, || {
        LocalSet::new().block_on(&runtime, async {
            let counted = tokio::time::timeout(PATIENCE, counted);
            tokio::select! {
                () = work(&hooks, client, (&files.0, &files.1), inbox) => panic!("it goes on"),
                counted = counted => counted.expect("they are counted"),
            }
        });
    });
}

#[test]
fn whoever_is_rung_is_told_while_the_call_goes_on_and_nothing_twice() {
    let (crm, letters) = receiver(|_, _| Response::new(200, ""));
    let hooks = webhooks(&[("crm", crm.url.clone())]);
    let data = tempfile::tempdir().expect("a temporary folder");
    let (watch, inbox) = watch(&hooks);
    let limits = Limits::for_calls(1);
    let (journal, _) = Journal::open_watched(data.path(), limits, watch).expect("opens");
    let files = (store_path(data.path()), data.path().join("journal"));
    let office = start(&hooks, files, inbox).expect("starts");
    let entries = law_4();
    let handle = journal.handle();
    let append = |entry: &Entry| handle.append(entry.clone()).expect("there is room");
    let rung = |entry: &&Entry| !matches!(entry.event, crate::events::Event::TargetFailed { .. });
    let before = entries.iter().take_while(rung).count();
    entries[..before].iter().for_each(append);
    let first = letters
        .recv_timeout(PATIENCE)
        .expect("while the call goes on");
    assert!(
        first.body.contains("\"target\":\"sip:a@pbx.example.com\""),
        "{}",
        first.body
    );
    entries[before..].iter().for_each(append);
    let rest = [(); 2].map(|()| letters.recv_timeout(PATIENCE).expect("it comes"));
    undelivered(data.path(), true, <[_]>::is_empty);
    journal.shutdown();
    office.stop();
    let call = entries[0].call;
    let mut ids: Vec<String> = rest.into_iter().map(|seen| seen.id).collect();
    ids.push(first.id);
    ids.sort();
    let tried = |(_, entry): &(usize, &Entry)| tells_at_once(&entry.event);
    let expected = entries.iter().enumerate().filter(tried);
    let mut expected: Vec<String> = expected.map(|(seq, _)| format!("{call}-{seq}")).collect();
    expected.push(format!("{call}-end"));
    expected.sort();
    assert_eq!(ids, expected);
    assert!(letters.try_recv().is_err(), "a letter came twice");
}

#[test]
fn what_a_dead_process_did_not_tell_the_next_one_tells_under_the_same_id() {
    let (crm, letters) = receiver(|_, _| Response::new(200, ""));
    let hooks = webhooks(&[("crm", crm.url.clone())]);
    let data = tempfile::tempdir().expect("a temporary folder");
    let entries = law_4();
    let rung = entries
        .iter()
        .position(|entry| tells_at_once(&entry.event))
        .expect("a person is rung");
    // As it is left where the process dies after the event is written and before anything is made of it.
    let limits = Limits::for_calls(1);
    let (journal, _) = Journal::open(data.path(), limits).expect("opens");
    let handle = journal.handle();
    for entry in &entries[..=rung] {
        handle.append(entry.clone()).expect("there is room");
    }
    journal.shutdown();
    let (watch, inbox) = watch(&hooks);
    let (journal, _) = Journal::open_watched(data.path(), limits, watch).expect("opens");
    let files = (store_path(data.path()), data.path().join("journal"));
    let office = start(&hooks, files, inbox).expect("starts");
    let mut ids = [(); 2].map(|()| letters.recv_timeout(PATIENCE).expect("it comes").id);
    ids.sort();
    let call = entries[0].call;
    assert_eq!(ids, [format!("{call}-{rung}"), format!("{call}-end")]);
    journal.shutdown();
    office.stop();
}
