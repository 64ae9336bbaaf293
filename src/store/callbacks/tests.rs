use super::*;
use crate::call::call_record::{Callback, CallbackOf};
use crate::config::webhooks::Subject;
use crate::events::{CallRef, PacedBy};
use crate::store::calls::{SavedCall, store_path};
use crate::store::letters::Told;

const EVERY: u64 = 900_000;

fn call(number: u64) -> CallRef {
    CallRef::from_parts(number, 7)
}

async fn save(store: &Store, record: CallRecord) {
    let saved = SavedCall {
        record,
        entries: String::new(),
        told: Told::default(),
    };
    store.save(&[saved], &[], 0).await.expect("saves");
}

/// A call that ended at `ended_ms` with a callback booked.
fn booked(number: u64, ended_ms: u64, since_ms: Option<u64>) -> CallRecord {
    let plain = SlotValue::Plain("4711".into());
    let sensitive = SlotValue::Sensitive { length: 4 };
    CallRecord {
        call: call(number),
        ended_ms,
        callback: Some(Callback {
            number: "+442079460000".into(),
            handoff: "support".into(),
            wish: "main".into(),
            own_number: true,
            since_ms,
        }),
        slots: [("parcel".into(), plain), ("pin".into(), sensitive)].into(),
        paced_by: Some(PacedBy::Silence),
        outcome: Outcome::CallbackBooked,
        ..CallRecord::default()
    }
}

fn made(number: u64, of: u64, outcome: Outcome) -> CallRecord {
    CallRecord {
        call: call(number),
        callback_of: Some(CallbackOf {
            call: call(of),
            attempt: 1,
        }),
        answered_ms: (outcome != Outcome::GaveUpBeforeAnswer && outcome != Outcome::Dropped)
            .then_some(5),
        seconds_to_confirmed: (outcome == Outcome::TransferredConfirmed).then_some(4.0),
        // Who answers and keeps silent until the dialogue gives up is as if they were not reached.
        callback_missed: matches!(
            outcome,
            Outcome::GaveUpBeforeAnswer | Outcome::EndedByDialplan
        ),
        outcome,
        end_reason: "the caller was not reached".into(),
        ..CallRecord::default()
    }
}

async fn due(store: &Store, now_ms: u64) -> Option<String> {
    let due = store.due_callbacks(now_ms, EVERY, 9).await.expect("reads");
    due.into_iter().map(|callback| callback.call).next()
}

#[tokio::test]
async fn who_waited_in_line_is_due_at_once_and_others_after_a_while() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, None)).await;
    let other = CallRecord {
        dialplan: "other".into(),
        ..booked(2, 2_000, Some(500))
    };
    save(&store, other).await;
    assert_eq!(due(&store, 2_000).await, Some(call(2).to_string()));
    let all = store.callbacks(false, 9).await.expect("reads");
    assert_eq!(all.len(), 2);
    assert_eq!(
        all[0].slots,
        [("parcel".to_owned(), "4711".to_owned())].into()
    );
    assert_eq!(all[0].paced_by, Some(PacedBy::Silence));
    let ended = BookedCallback {
        state: "failed".into(),
        reason: Some("nobody was there".into()),
        ..all[0].clone()
    };
    let crm = Addressee {
        hook: "crm".into(),
        subjects: vec![Subject::Callback],
    };
    for _ in 0..2 {
        let ends = store.callback_ends(&ended, std::slice::from_ref(&crm), 3_000);
        ends.await.expect("writes");
    }
    let letters = store.due_letters("crm", 3_000, 9).await.expect("reads");
    let [letter] = &letters[..] else {
        panic!("people are told once: {letters:?}");
    };
    let told: serde_json::Value = serde_json::from_str(&letter.body).expect("it is JSON");
    assert_eq!(told["type"], "callback");
    let data = &told["data"];
    assert_eq!(data["of"], call(2).to_string());
    assert_eq!(
        (&data["state"], &data["reason"]),
        (&"failed".into(), &"nobody was there".into())
    );
    assert_eq!(
        (&data["number"], &data["slots"]["parcel"]),
        (&"+442079460000".into(), &"4711".into())
    );
    assert_eq!(due(&store, 900_999).await, None);
    assert_eq!(due(&store, 901_000).await, Some(call(1).to_string()));
}

#[tokio::test]
async fn it_is_made_until_the_caller_spoke_with_a_person_and_no_longer() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, Some(1))).await;
    let id = call(1).to_string();
    for (number, outcome, state) in [
        (2, Outcome::GaveUpBeforeAnswer, "waiting"),
        // They, or their voicemail, answered, and nobody came.
        (4, Outcome::GaveUpInQueue, "waiting"),
        (5, Outcome::EndedByDialplan, "waiting"),
        (3, Outcome::TransferredConfirmed, "done"),
    ] {
        let ours = call(number).to_string();
        store
            .callback_begins(&id, &ours, 5_000)
            .await
            .expect("writes");
        assert_eq!(due(&store, 9_000).await, None, "it is under way");
        // It took two seconds.
        save(
            &store,
            CallRecord {
                ended_ms: 2_000,
                ..made(number, 1, outcome)
            },
        )
        .await;
        let all = store.callbacks(true, 9).await.expect("reads");
        assert_eq!((&*all[0].state, all[0].due_ms), (state, 7_000));
        assert_eq!(due(&store, 4_999).await, None);
    }
    save(&store, booked(1, 1_000, Some(1))).await;
    save(&store, made(2, 1, Outcome::Dropped)).await;
    assert_eq!(
        due(&store, 1_000_000).await,
        None,
        "saved again it stays done"
    );
}

#[tokio::test]
async fn while_nobody_is_free_no_attempt_is_spent() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, Some(1))).await;
    let (id, ours) = (call(1).to_string(), call(2).to_string());
    // A server that died in between has spent one.
    for (call, attempts) in [("x", 1), (&*ours, 2)] {
        let restarted = store.callbacks_restart(&HashSet::new(), &[], 0).await;
        restarted.expect("writes");
        let begun = store.callback_begins(&id, call, 5_000).await;
        assert!(begun.expect("writes"));
        let all = store.callbacks(false, 9).await.expect("reads");
        assert_eq!(all[0].attempts, attempts);
    }
    // A record that comes again after a restart changes nothing.
    for _ in 0..2 {
        let record = CallRecord {
            ended_ms: 2_000,
            ..made(2, 1, Outcome::Dropped)
        };
        save(&store, record).await;
        let all = store.callbacks(false, 9).await.expect("reads");
        let told = (all[0].state.as_str(), all[0].attempts, all[0].due_ms);
        assert_eq!(told, ("waiting", 1, 7_000));
    }
}

#[tokio::test]
async fn what_was_under_way_at_a_servers_end_waits_again() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, Some(1))).await;
    let id = call(1).to_string();
    store
        .callback_begins(&id, "x", 5_000)
        .await
        .expect("writes");
    store
        .callbacks_restart(&HashSet::new(), &[], 0)
        .await
        .expect("writes");
    assert_eq!(due(&store, 5_000).await, Some(id.clone()));
    let all = store.callbacks(false, 9).await.expect("reads");
    assert_eq!(all[0].attempts, 1);
}

/// One is under way when the same number is given again; our call then ends so.
async fn asked_again_under_way(outcome: Outcome) -> Vec<(String, Option<u64>)> {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, Some(400))).await;
    let (first, ours) = (call(1).to_string(), call(2).to_string());
    let begun = store.callback_begins(&first, &ours, 5_000).await;
    assert!(begun.expect("writes"));
    save(&store, booked(3, 2_000, Some(1_500))).await;
    let twice = store
        .callback_begins(&call(3).to_string(), "x", 9_000)
        .await;
    let is_due = due(&store, 9_000).await;
    assert_eq!((twice.expect("reads"), is_due), (false, None));
    let record = CallRecord {
        ended_ms: 3_000,
        ..made(2, 1, outcome)
    };
    // After it they asked once more: that is another matter.
    if outcome == Outcome::TransferredConfirmed {
        save(&store, booked(4, 3_500, None)).await;
    }
    for _ in 0..2 {
        save(&store, record.clone()).await;
    }
    let mut all = store.callbacks(true, 9).await.expect("reads");
    all.sort_by_key(|it| it.booked_ms);
    let begun = store.callback_begins(&first, "x", 9_000).await;
    assert!(!begun.expect("writes"), "it is done");
    all.into_iter().map(|it| (it.state, it.since_ms)).collect()
}

#[tokio::test]
async fn who_asks_again_while_they_are_called_is_called_once() {
    let told = asked_again_under_way(Outcome::GaveUpBeforeAnswer).await;
    assert_eq!(
        told,
        [("done".into(), Some(400)), ("waiting".into(), Some(400))]
    );
    let told = asked_again_under_way(Outcome::TransferredConfirmed).await;
    // What was asked while the call went on is merged with what was asked later.
    assert_eq!(
        told.iter().map(|it| &*it.0).collect::<Vec<_>>(),
        ["done", "done", "waiting"]
    );
}

#[tokio::test]
async fn what_was_asked_last_stands_with_the_best_place() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, Some(400))).await;
    let again = CallRecord {
        slots: [("parcel".into(), SlotValue::Plain("0815".into()))].into(),
        ..booked(2, 2_000, Some(1_500))
    };
    for _ in 0..2 {
        save(&store, again.clone()).await;
        // Saved again late, it comes to nothing.
        save(&store, booked(1, 1_000, Some(400))).await;
        let all = store.callbacks(true, 9).await.expect("reads");
        let [new, old] = &all[..] else {
            panic!("{all:?}");
        };
        assert_eq!(
            (old.state.as_str(), new.state.as_str()),
            ("done", "waiting")
        );
        assert_eq!((new.since_ms, new.attempts), (Some(400), 0));
        assert_eq!(new.slots["parcel"], "0815");
        let reason = format!("the number was given again in call {}", call(2));
        assert_eq!(old.reason, Some(reason));
    }
}

#[tokio::test]
async fn who_keys_a_number_does_not_displace_whom_it_belongs_to() {
    let keyed = |number, ended_ms| {
        let mut record = booked(number, ended_ms, Some(100));
        record.callback.as_mut().expect("it is booked").own_number = false;
        record
    };
    for records in [
        [booked(1, 1_000, None), keyed(2, 2_000)],
        [keyed(2, 1_000), booked(1, 2_000, None)],
    ] {
        let data = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_path(data.path())).await.expect("opens");
        for record in records {
            save(&store, record).await;
        }
        let mut all = store.callbacks(true, 9).await.expect("reads");
        all.sort_by_key(|it| it.own_number);
        let told: Vec<_> = all
            .iter()
            .map(|it| (it.state.as_str(), it.since_ms))
            .collect();
        assert_eq!(told, [("noted", Some(100)), ("waiting", None)]);
    }
}

#[tokio::test]
async fn who_books_one_and_then_speaks_with_a_person_is_not_called() {
    for (outcome, state) in [
        (Outcome::TransferredConfirmed, "done"),
        (Outcome::TransferredAnswered, "done"),
        (Outcome::TransferredUnconfirmed, "waiting"),
        (Outcome::CallbackBooked, "waiting"),
    ] {
        let data = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_path(data.path())).await.expect("opens");
        let earlier = booked(1, 500, None);
        let call = CallRecord {
            outcome,
            // Of a person before, who hung up.
            seconds_to_confirmed: Some(4.0),
            ..booked(2, 1_000, Some(100))
        };
        save(&store, earlier).await;
        save(&store, call).await;
        let all = store.callbacks(true, 9).await.expect("reads");
        let told: Vec<_> = all.iter().map(|it| &*it.state).collect();
        assert_eq!(told, [state, "done"], "{outcome:?}");
    }
}

#[tokio::test]
async fn a_callback_that_is_asked_for_in_a_callback_is_made() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, None)).await;
    let (first, ours) = (call(1).to_string(), call(2).to_string());
    let begun = store.callback_begins(&first, &ours, 5_000).await;
    begun.expect("writes");
    let later = CallRecord {
        callback: booked(2, 3_000, None).callback,
        ended_ms: 3_000,
        ..made(2, 1, Outcome::CallbackBooked)
    };
    save(&store, later).await;
    let all = store.callbacks(true, 9).await.expect("reads");
    let told: Vec<_> = all.iter().map(|it| (&*it.call, &*it.state)).collect();
    assert_eq!(told, [(&*ours, "waiting"), (&*first, "done")]);
}

#[tokio::test]
async fn after_a_crash_the_record_of_the_call_is_waited_for() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&store_path(data.path())).await.expect("opens");
    save(&store, booked(1, 1_000, Some(1))).await;
    let (first, ours) = (call(1).to_string(), call(2).to_string());
    let begun = store.callback_begins(&first, &ours, 5_000).await;
    begun.expect("writes");
    let recovered = HashSet::from([ours]);
    let restarts = store.callbacks_restart(&recovered, &[], 0).await;
    restarts.expect("writes");
    assert_eq!(due(&store, 9_000).await, None);
    save(&store, made(2, 1, Outcome::TransferredConfirmed)).await;
    let all = store.callbacks(true, 9).await.expect("reads");
    assert_eq!(all[0].state, "done");
}
