//! The callbacks that callers booked, until they were made.

use crate::call::call_record::CallRecord;
use crate::call::outcome::Outcome;
use crate::events::SlotValue;
use crate::store::calls::{Store, StoreError};
use crate::store::letters::callback_ended;
use crate::store::outbox::{Addressee, put_letter};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::BTreeMap;

/// One callback, as people are shown it. Times are Unix times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BookedCallback {
    /// The call in which it was booked.
    pub call: String,
    pub number: String,
    /// The call came from that number; else it was keyed or said.
    pub own_number: bool,
    pub called: String,
    pub dialplan: String,
    pub handoff: String,
    pub wish: String,
    pub language: String,
    pub slots: BTreeMap<String, String>,
    pub since_ms: Option<u64>,
    pub booked_ms: u64,
    /// `waiting`, `calling`, `done`, `failed`, or `noted`: it never was ours to make.
    pub state: String,
    pub attempts: u32,
    pub due_ms: u64,
    pub last_call: Option<String>,
    pub reason: Option<String>,
}

/// What the record of an ended call says of callbacks.
pub(super) async fn put_callback(
    connection: &mut SqliteConnection,
    record: &CallRecord,
) -> Result<(), StoreError> {
    if let Some(callback) = &record.callback {
        let plain = record.slots.iter().filter_map(|(name, value)| match value {
            SlotValue::Plain(value) => Some((name, value)),
            SlotValue::Sensitive { .. } => None,
        });
        let slots: BTreeMap<&String, &String> = plain.collect();
        let slots = serde_json::to_string(&slots).unwrap_or_else(|_| "{}".into());
        sqlx::query(PUT)
            .bind(record.call.to_string())
            .bind(&callback.number)
            .bind(callback.own_number)
            .bind(&record.called)
            .bind(&record.dialplan)
            .bind(&callback.handoff)
            .bind(&callback.wish)
            .bind(record.language.map_or("en", |language| language.tag()))
            .bind(slots)
            .bind(callback.since_ms.map(|since| since as i64))
            .bind(record.ended_ms as i64)
            .execute(&mut *connection)
            .await?;
    }
    if let Some(made) = record.callback_of {
        // Whoever was called back has had the promise, whatever they did then.
        let reached = record.answered_ms.is_some() && record.outcome != Outcome::Dropped;
        // Nobody was free: the caller's telephone did not ring.
        let rang = reached || record.answered_ms.is_some() || record.callback_missed;
        sqlx::query(MADE)
            .bind(made.call.to_string())
            .bind(record.call.to_string())
            .bind(reached)
            .bind(&record.end_reason)
            .bind(rang)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// One number is called once for one handoff, however often that was asked for.
const PUT: &str = "
    INSERT INTO callbacks (call, number, own_number, called, dialplan, handoff, wish, language, slots,
                           since_ms, booked_ms, state, due_ms)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'waiting', ?11
    WHERE NOT EXISTS (SELECT 1 FROM callbacks
                      WHERE number = ?2 AND dialplan = ?5 AND handoff = ?6 AND call <> ?1
                        AND state IN ('waiting', 'calling'))
    ON CONFLICT (call) DO NOTHING";

/// An old record that is saved again changes nothing that came after it.
const MADE: &str = "
    UPDATE callbacks
    SET state = CASE WHEN ?3 THEN 'done' ELSE 'waiting' END,
        reason = CASE WHEN ?3 THEN NULL ELSE ?4 END,
        attempts = CASE WHEN ?5 THEN attempts ELSE max(attempts - 1, 0) END
    WHERE call = ?1 AND last_call = ?2 AND state IN ('waiting', 'calling')";

impl Store {
    /// Those that were being made when the server ended: their calls have ended with it.
    pub async fn callbacks_restart(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE callbacks SET state = 'waiting' WHERE state = 'calling'")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The one that is due for longest. Of callers whom nobody could be had for it is not due before
    /// `every_ms` after they were told so; of those who waited in line, at once.
    pub async fn due_callback(
        &self,
        now_ms: u64,
        every_ms: u64,
    ) -> Result<Option<BookedCallback>, StoreError> {
        let row = sqlx::query(DUE)
            .bind(now_ms as i64)
            .bind(every_ms as i64)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Our call is about to be made.
    pub async fn callback_begins(
        &self,
        booked: &str,
        call: &str,
        next_ms: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE callbacks SET state = 'calling', attempts = attempts + 1, last_call = ?2,
                                  due_ms = ?3 WHERE call = ?1",
        )
        .bind(booked)
        .bind(call)
        .bind(next_ms as i64)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// It was not made after all, and is due then.
    pub async fn callback_waits(&self, booked: &str, due_ms: u64) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE callbacks SET state = 'waiting', attempts = max(attempts - 1, 0), due_ms = ?2
             WHERE call = ?1",
        )
        .bind(booked)
        .bind(due_ms as i64)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// No further attempt is made, as `ended` has it, and `addressees` are told.
    pub async fn callback_ends(
        &self,
        ended: &BookedCallback,
        addressees: &[Addressee],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE callbacks SET state = ?2, reason = ?3 WHERE call = ?1")
            .bind(&ended.call)
            .bind(&ended.state)
            .bind(&ended.reason)
            .execute(&mut *transaction)
            .await?;
        if let Some(letter) = callback_ended(ended, now_ms) {
            put_letter(&mut transaction, &letter, addressees, now_ms).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// The newest first. `all`: also those that are done or failed.
    pub async fn callbacks(
        &self,
        all: bool,
        limit: u32,
    ) -> Result<Vec<BookedCallback>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM callbacks WHERE ?1 OR state NOT IN ('done', 'failed')
             ORDER BY booked_ms DESC, call DESC LIMIT ?2",
        )
        .bind(all)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

const DUE: &str = "
    SELECT * FROM callbacks
    WHERE state = 'waiting' AND due_ms <= ?1
      AND (attempts > 0 OR since_ms IS NOT NULL OR booked_ms + ?2 <= ?1)
    ORDER BY coalesce(since_ms, booked_ms) LIMIT 1";

fn read(row: &SqliteRow) -> Result<BookedCallback, StoreError> {
    let slots: String = row.try_get("slots")?;
    let milliseconds = |column: &str| -> Result<Option<u64>, sqlx::Error> {
        Ok(row
            .try_get::<Option<i64>, _>(column)?
            .map(|ms| ms.max(0) as u64))
    };
    Ok(BookedCallback {
        call: row.try_get("call")?,
        number: row.try_get("number")?,
        own_number: row.try_get("own_number")?,
        called: row.try_get("called")?,
        dialplan: row.try_get("dialplan")?,
        handoff: row.try_get("handoff")?,
        wish: row.try_get("wish")?,
        language: row.try_get("language")?,
        // What cannot be read is asked again rather than costs the callback.
        slots: serde_json::from_str(&slots).unwrap_or_default(),
        since_ms: milliseconds("since_ms")?,
        booked_ms: milliseconds("booked_ms")?.unwrap_or_default(),
        state: row.try_get("state")?,
        attempts: row.try_get("attempts")?,
        due_ms: milliseconds("due_ms")?.unwrap_or_default(),
        last_call: row.try_get("last_call")?,
        reason: row.try_get("reason")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::{Callback, CallbackOf};
    use crate::config::webhooks::Subject;
    use crate::events::CallRef;
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
            answered_ms: (outcome == Outcome::TransferredConfirmed).then_some(5),
            callback_missed: outcome == Outcome::GaveUpBeforeAnswer,
            outcome,
            end_reason: "the caller was not reached".into(),
            ..CallRecord::default()
        }
    }

    async fn due(store: &Store, now_ms: u64) -> Option<String> {
        let due = store.due_callback(now_ms, EVERY).await.expect("reads");
        due.map(|callback| callback.call)
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
        save(&store, booked(3, 2_000, Some(400))).await;
        assert_eq!(due(&store, 2_000).await, Some(call(2).to_string()));
        let all = store.callbacks(false, 9).await.expect("reads");
        assert_eq!(all.len(), 2, "one number is called once for one handoff");
        assert_eq!(
            all[0].slots,
            [("parcel".to_owned(), "4711".to_owned())].into()
        );
        let ended = BookedCallback {
            state: "failed".into(),
            reason: Some("nobody was there".into()),
            ..store
                .due_callback(2_000, EVERY)
                .await
                .expect("reads")
                .expect("one is due")
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
            (3, Outcome::TransferredConfirmed, "done"),
        ] {
            let ours = call(number).to_string();
            store
                .callback_begins(&id, &ours, 5_000)
                .await
                .expect("writes");
            assert_eq!(due(&store, 9_000).await, None, "it is under way");
            save(&store, made(number, 1, outcome)).await;
            let all = store.callbacks(true, 9).await.expect("reads");
            assert_eq!(all[0].state, state);
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
        let begun = store.callback_begins(&id, &ours, 5_000).await;
        begun.expect("writes");
        save(&store, made(2, 1, Outcome::Dropped)).await;
        let all = store.callbacks(false, 9).await.expect("reads");
        assert_eq!((all[0].state.as_str(), all[0].attempts), ("waiting", 0));
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
        store.callbacks_restart().await.expect("writes");
        assert_eq!(due(&store, 5_000).await, Some(id.clone()));
        store
            .callback_begins(&id, "y", 6_000)
            .await
            .expect("writes");
        store.callback_waits(&id, 7_000).await.expect("writes");
        let all = store.callbacks(false, 9).await.expect("reads");
        assert_eq!((all[0].attempts, all[0].due_ms), (1, 7_000));
    }
}
