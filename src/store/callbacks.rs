//! The callbacks that callers booked, until they were made.

use crate::call::call_record::{CallRecord, Callback};
use crate::call::outcome::Outcome;
use crate::events::{PacedBy, SlotValue};
use crate::store::calls::{Store, StoreError};
use crate::store::letters::callback_ended;
use crate::store::outbox::{Addressee, put_letter};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use std::collections::{BTreeMap, HashSet};

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
    /// What made the bot slow down for the caller.
    pub paced_by: Option<PacedBy>,
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

/// What became of our call to somebody who asked for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// They spoke with a person, or chose something else: to leave a message, to be called later.
    Served,
    /// Their telephone rang, or they waited once more, and nobody spoke with them.
    NotReached,
    /// Nobody was free: their telephone did not ring.
    NotTried,
}

impl Made {
    pub(super) fn of(record: &CallRecord) -> Made {
        let chose = matches!(
            record.outcome,
            Outcome::CallbackBooked
                | Outcome::MessageLeft
                | Outcome::ResolvedConfirmed
                | Outcome::ResolvedUnconfirmed
                | Outcome::EndedByDialplan
        );
        match record.answered_ms.is_some() {
            _ if record.callback_missed => Made::NotReached,
            true if chose || record.person().is_some() => Made::Served,
            true => Made::NotReached,
            false => Made::NotTried,
        }
    }
}

/// What the record of an ended call says of callbacks.
pub(super) async fn put_callback(
    connection: &mut SqliteConnection,
    record: &CallRecord,
    addressees: &[Addressee],
    now_ms: u64,
) -> Result<(), StoreError> {
    if let Some(of) = record.callback_of {
        let what = Made::of(record);
        let row = sqlx::query(MADE)
            .bind(of.call.to_string())
            .bind(record.call.to_string())
            .bind(what == Made::Served)
            .bind(&record.end_reason)
            .bind(what != Made::NotTried)
            .bind(record.ended_ms.saturating_sub(record.started_ms) as i64)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = row {
            // It may have been asked for once more while this one was under way.
            let made = read(&row)?;
            match what {
                Made::Served => serve_others(connection, &made, record, addressees, now_ms).await?,
                _ => settle(connection, &made, addressees, now_ms).await?,
            }
        }
    }
    if let Some(callback) = &record.callback
        && let Some(booked) = put_booked(connection, record, callback).await?
    {
        settle(connection, &booked, addressees, now_ms).await?;
        // They stayed, and a person took the call after all.
        if matches!(
            record.outcome,
            Outcome::TransferredConfirmed | Outcome::TransferredAnswered
        ) {
            serve_others(connection, &booked, record, addressees, now_ms).await?;
        }
    }
    Ok(())
}

/// `None`: it was put before.
async fn put_booked(
    connection: &mut SqliteConnection,
    record: &CallRecord,
    callback: &Callback,
) -> Result<Option<BookedCallback>, StoreError> {
    let plain = record.slots.iter().filter_map(|(name, value)| match value {
        SlotValue::Plain(value) => Some((name, value)),
        SlotValue::Sensitive { .. } => None,
    });
    let slots: BTreeMap<&String, &String> = plain.collect();
    let slots = serde_json::to_string(&slots).unwrap_or_else(|_| "{}".into());
    let paced_by = record
        .paced_by
        .and_then(|by| serde_json::to_string(&by).ok());
    let row = sqlx::query(PUT)
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
        .bind(paced_by)
        .fetch_optional(&mut *connection)
        .await?;
    row.as_ref().map(read).transpose()
}

/// One number is called once for one handoff, however often that was asked for: what was asked last
/// stands, with the best place in line. But nobody who only keyed a number displaces who called from it:
/// then people are to see to the one that is not made.
async fn settle(
    connection: &mut SqliteConnection,
    booked: &BookedCallback,
    addressees: &[Addressee],
    now_ms: u64,
) -> Result<(), StoreError> {
    let same = waiting_like(connection, booked).await?;
    let Some((stands, others)) = same.split_first() else {
        return Ok(());
    };
    for other in others {
        let is_the_callers = other.own_number == stands.own_number;
        let ended = BookedCallback {
            state: if is_the_callers { "done" } else { "noted" }.into(),
            reason: Some(format!(
                "the number was given again in call {}",
                stands.call
            )),
            ..other.clone()
        };
        end(connection, &ended, addressees, now_ms).await?;
    }
    let earliest = others
        .iter()
        .filter(|it| it.own_number == stands.own_number);
    let earliest = earliest.filter_map(|it| it.since_ms).min();
    sqlx::query("UPDATE callbacks SET since_ms = min(coalesce(since_ms, ?2), ?2) WHERE call = ?1 AND ?2 IS NOT NULL")
        .bind(&stands.call)
        .bind(earliest.map(|since| since as i64))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Who was served, in this call, has what they asked for until then, however often they did.
async fn serve_others(
    connection: &mut SqliteConnection,
    served: &BookedCallback,
    record: &CallRecord,
    addressees: &[Addressee],
    now_ms: u64,
) -> Result<(), StoreError> {
    let others = waiting_like(connection, served).await?.into_iter();
    for other in others.filter(|other| other.booked_ms <= record.ended_ms) {
        let ended = BookedCallback {
            state: "done".into(),
            reason: Some(format!("they were served in call {}", record.call)),
            ..other
        };
        end(connection, &ended, addressees, now_ms).await?;
    }
    Ok(())
}

/// Those of the same number for the same handoff that wait; the first is the one that stands.
async fn waiting_like(
    connection: &mut SqliteConnection,
    booked: &BookedCallback,
) -> Result<Vec<BookedCallback>, StoreError> {
    let rows = sqlx::query(SAME)
        .bind(&booked.number)
        .bind(&booked.dialplan)
        .bind(&booked.handoff)
        .fetch_all(&mut *connection)
        .await?;
    rows.iter().map(read).collect()
}

async fn end(
    connection: &mut SqliteConnection,
    ended: &BookedCallback,
    addressees: &[Addressee],
    now_ms: u64,
) -> Result<(), StoreError> {
    let ends = sqlx::query(
        "UPDATE callbacks SET state = ?2, reason = ?3 WHERE call = ?1 AND state = 'waiting'",
    )
    .bind(&ended.call)
    .bind(&ended.state)
    .bind(&ended.reason)
    .execute(&mut *connection)
    .await?;
    if ends.rows_affected() == 0 {
        return Ok(());
    }
    if let Some(letter) = callback_ended(ended, now_ms) {
        put_letter(connection, &letter, addressees, now_ms).await?;
    }
    Ok(())
}

const PUT: &str = "
    INSERT INTO callbacks (call, number, own_number, called, dialplan, handoff, wish, language, slots,
                           since_ms, booked_ms, state, due_ms, paced_by)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'waiting', ?11, ?12)
    ON CONFLICT (call) DO NOTHING RETURNING *";

const SAME: &str = "
    SELECT * FROM callbacks
    WHERE number = ?1 AND dialplan = ?2 AND handoff = ?3 AND state = 'waiting'
    ORDER BY own_number DESC, booked_ms DESC, call DESC";

/// What was due so long after the attempt's begin is due so long after its end. An old record that is
/// saved again changes nothing that came after it.
const MADE: &str = "
    UPDATE callbacks
    SET state = CASE WHEN ?3 THEN 'done' ELSE 'waiting' END,
        reason = CASE WHEN ?3 THEN NULL ELSE ?4 END,
        attempts = CASE WHEN ?5 THEN attempts ELSE max(attempts - 1, 0) END,
        due_ms = due_ms + ?6
    WHERE call = ?1 AND last_call = ?2 AND state = 'calling' RETURNING *";

impl Store {
    /// Those that were being made when the server ended: their calls have ended with it. Of the calls
    /// in `recovered` the records are still to come, and tell what became of them.
    pub async fn callbacks_restart(
        &self,
        recovered: &HashSet<String>,
        addressees: &[Addressee],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let calling = sqlx::query("SELECT * FROM callbacks WHERE state = 'calling'");
        for row in &calling.fetch_all(&mut *transaction).await? {
            let callback = read(row)?;
            let last = callback.last_call.as_ref();
            if last.is_some_and(|last| recovered.contains(last)) {
                continue;
            }
            sqlx::query("UPDATE callbacks SET state = 'waiting' WHERE call = ?")
                .bind(&callback.call)
                .execute(&mut *transaction)
                .await?;
            settle(&mut transaction, &callback, addressees, now_ms).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Those that are due, who has waited longest first. Of callers whom nobody could be had for one
    /// is not due before `every_ms` after they were told so; of those who waited in line, at once.
    pub async fn due_callbacks(
        &self,
        now_ms: u64,
        every_ms: u64,
        limit: u32,
    ) -> Result<Vec<BookedCallback>, StoreError> {
        let rows = sqlx::query(DUE)
            .bind(now_ms as i64)
            .bind(every_ms as i64)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Our call is about to be made. `false`: it is not to be any more, or not yet.
    pub async fn callback_begins(
        &self,
        booked: &str,
        call: &str,
        next_ms: u64,
    ) -> Result<bool, StoreError> {
        let begun = sqlx::query(BEGINS)
            .bind(booked)
            .bind(call)
            .bind(next_ms as i64)
            .execute(&self.pool)
            .await?;
        Ok(begun.rows_affected() == 1)
    }

    /// These cannot be made now, and are due then.
    pub async fn callbacks_wait(&self, waiting: &[(&str, u64)]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        for (booked, due_ms) in waiting {
            sqlx::query("UPDATE callbacks SET due_ms = ?2 WHERE call = ?1 AND state = 'waiting'")
                .bind(booked)
                .bind(*due_ms as i64)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// No further attempt is made, as `ended` has it, and `addressees` are told.
    pub async fn callback_ends(
        &self,
        ended: &BookedCallback,
        addressees: &[Addressee],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        end(&mut transaction, ended, addressees, now_ms).await?;
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

/// Nobody is called twice at the same time.
const DUE: &str = "
    SELECT * FROM callbacks
    WHERE state = 'waiting' AND due_ms <= ?1
      AND (attempts > 0 OR since_ms IS NOT NULL OR booked_ms + ?2 <= ?1)
      AND (number, dialplan, handoff) NOT IN
          (SELECT number, dialplan, handoff FROM callbacks WHERE state = 'calling')
    ORDER BY coalesce(since_ms, booked_ms) LIMIT ?3";

/// Another one may have begun since this one was found due.
const BEGINS: &str = "
    UPDATE callbacks
    SET state = 'calling', attempts = attempts + 1, last_call = ?2, due_ms = ?3
    WHERE call = ?1 AND state = 'waiting'
      AND (number, dialplan, handoff) NOT IN
          (SELECT number, dialplan, handoff FROM callbacks WHERE state = 'calling')";

fn read(row: &SqliteRow) -> Result<BookedCallback, StoreError> {
    let slots: String = row.try_get("slots")?;
    let paced_by: Option<String> = row.try_get("paced_by")?;
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
        paced_by: paced_by.and_then(|by| serde_json::from_str(&by).ok()),
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
mod tests;
