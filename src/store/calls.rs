//! The tables of calls: one record and the events it was folded from, per call.

use crate::call::call_record::CallRecord;
use crate::call::outcome::Outcome;
use crate::events::{CallRef, Entry};
use crate::store::callbacks::put_callback;
use crate::store::letters::Told;
use crate::store::outbox::{Addressee, put_told};
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, QueryBuilder, Row};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `DATA/calls.db`.
pub fn store_path(data: &Path) -> PathBuf {
    data.join("calls.db")
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store of calls failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the store of calls cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the record of call {call} cannot be read: {source}")]
    Unreadable {
        call: String,
        source: serde_json::Error,
    },
}

impl StoreError {
    /// It is the file, which no waiting makes a store: damaged, of another program or of a later
    /// Zeroline. Anything else, such as a full disk, may pass.
    fn is_of_the_file(&self) -> bool {
        let error = match self {
            StoreError::Database(error)
            | StoreError::Migration(
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
            ) => error,
            StoreError::Migration(_) => return true,
            StoreError::Unreadable { .. } => return false,
        };
        let code = error.as_database_error().and_then(|error| error.code());
        let code = code.and_then(|code| code.parse::<u32>().ok());
        // The low byte of an extended code is the code.
        code.is_some_and(|code| matches!(code & 0xff, SQLITE_CORRUPT | SQLITE_NOTADB))
    }
}

const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;

/// No server starts on it: it would only be found out when calls have ended.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} is no store of calls that this Zeroline can use: {source}. Put a backup in its place, or \
     move it away together with the -wal and -shm files beside it and a new one is made; what can \
     be read of a damaged one, `sqlite3 {} .recover` shows. Calls that are not stored yet stay in \
     the journal",
    path.display(),
    path.display()
)]
pub struct UnusableStore {
    path: PathBuf,
    source: StoreError,
}

/// Which calls. Empty lists and absent values do not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Unix milliseconds of a call's start, the first included, the second not.
    pub since_ms: Option<u64>,
    pub until_ms: Option<u64>,
    pub outcomes: Vec<Outcome>,
    /// A part of the caller's number.
    pub caller: Option<String>,
    pub dialplan: Option<String>,
    /// Only calls that come after this one, oldest first: the next page.
    pub after: Option<(u64, CallRef)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    NewestFirst,
    OldestFirst,
}

/// A call, its events as JSON, one entry a line, and what is to be told of it.
pub struct SavedCall {
    pub record: CallRecord,
    pub entries: String,
    pub told: Told,
}

#[derive(Clone)]
pub struct Store {
    pub(super) pool: SqlitePool,
}

impl Store {
    /// Opens the file for writing, makes it if it is not there, and migrates it.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A call's journal is deleted once the call is here, so that a commit must outlive the
            // machine. Commits are few: the keeper saves in batches.
            .synchronous(SqliteSynchronous::Full);
        let store = Store::connect(options).await?;
        sqlx::migrate!("src/store/migrations")
            .run(&store.pool)
            .await?;
        Ok(store)
    }

    /// Opens a file that [`Store::open`] made, to write what a call's events, or a letter sent once
    /// more, bring back if the machine dies: a commit does not wait for the disk.
    pub async fn open_to_forward(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        Store::connect(options).await
    }

    /// As a server starts: `None`, which is told, where the store may be opened later.
    pub async fn open_first(path: &Path) -> Result<Option<Store>, UnusableStore> {
        match Store::open(path).await {
            Ok(store) => Ok(Some(store)),
            Err(source) if source.is_of_the_file() => Err(UnusableStore {
                path: path.to_owned(),
                source,
            }),
            Err(error) => {
                tracing::error!(%error, "the store of calls cannot be opened now");
                Ok(None)
            }
        }
    }

    /// Opens a file that is there, for reading. A server may be writing to it.
    pub async fn open_to_read(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        Store::connect(options).await
    }

    async fn connect(options: SqliteConnectOptions) -> Result<Store, StoreError> {
        let options = options
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await?;
        Ok(Store { pool })
    }

    pub async fn close(self) {
        self.pool.close().await;
    }

    /// Saves all of them or none, with what `addressees` are to be told as of `now_ms`. Saving a call
    /// again changes nothing; a fold of fewer events (part of a call's journal was deleted already)
    /// never replaces one of more.
    pub async fn save(
        &self,
        calls: &[SavedCall],
        addressees: &[Addressee],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        for SavedCall {
            record,
            entries,
            told,
        } in calls
        {
            put_told(&mut transaction, told, addressees, now_ms).await?;
            put_callback(&mut transaction, record, addressees, now_ms).await?;
            let call = record.call.to_string();
            let json = serde_json::to_string(record).map_err(|source| StoreError::Unreadable {
                call: call.clone(),
                source,
            })?;
            sqlx::query(SAVE_RECORD)
                .bind(&call)
                .bind(record.started_ms as i64)
                .bind(record.ended_ms as i64)
                .bind(&record.caller)
                .bind(&record.called)
                .bind(&record.dialplan)
                .bind(record.language.map(|language| language.tag()))
                .bind(record.outcome.name())
                .bind(record.steps)
                .bind(record.max_depth)
                .bind(record.events)
                .bind(json)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(SAVE_EVENTS)
                .bind(&call)
                .bind(record.events)
                .bind(entries)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// At most `limit` records.
    pub async fn list(
        &self,
        filter: &Filter,
        order: Order,
        limit: u32,
    ) -> Result<Vec<CallRecord>, StoreError> {
        let mut query = QueryBuilder::new("SELECT call, record FROM call_records WHERE 1 = 1");
        restrict(&mut query, filter);
        query.push(match order {
            Order::NewestFirst => " ORDER BY started_ms DESC, call DESC LIMIT ",
            Order::OldestFirst => " ORDER BY started_ms, call LIMIT ",
        });
        query.push_bind(limit);
        let rows = query.build().fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| read_record(row.try_get("call")?, row.try_get("record")?))
            .collect()
    }

    /// The calls whose reference begins with `prefix`, in either case; at most `limit`.
    pub async fn with_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<CallRef>, StoreError> {
        let rows = sqlx::query(
            "SELECT call FROM call_records WHERE substr(call, 1, length(?1)) = upper(?1) LIMIT ?2",
        )
        .bind(prefix)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let calls = rows.iter().map(|row| row.try_get::<&str, _>("call"));
        let calls: Result<Vec<&str>, sqlx::Error> = calls.collect();
        Ok(calls?
            .into_iter()
            .filter_map(|call| call.parse().ok())
            .collect())
    }

    pub async fn record(&self, call: CallRef) -> Result<Option<CallRecord>, StoreError> {
        let row = sqlx::query("SELECT call, record FROM call_records WHERE call = ?")
            .bind(call.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| read_record(row.try_get("call")?, row.try_get("record")?))
            .transpose()
    }

    /// Entries of a kind that this Zeroline does not know are left out.
    pub async fn entries(&self, call: CallRef) -> Result<Vec<Entry>, StoreError> {
        let row = sqlx::query("SELECT entries FROM call_events WHERE call = ?")
            .bind(call.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(Vec::new());
        };
        let lines: &str = row.try_get("entries")?;
        Ok(lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }
}

const SAVE_RECORD: &str = "
    INSERT INTO call_records (call, started_ms, ended_ms, caller, called, dialplan, language,
        outcome, steps, max_depth, events, record)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (call) DO UPDATE SET started_ms = excluded.started_ms,
        ended_ms = excluded.ended_ms, caller = excluded.caller, called = excluded.called,
        dialplan = excluded.dialplan, language = excluded.language, outcome = excluded.outcome,
        steps = excluded.steps, max_depth = excluded.max_depth, events = excluded.events,
        record = excluded.record
    WHERE excluded.events >= call_records.events";

const SAVE_EVENTS: &str = "
    INSERT INTO call_events (call, events, entries) VALUES (?, ?, ?)
    ON CONFLICT (call) DO UPDATE SET events = excluded.events, entries = excluded.entries
    WHERE excluded.events >= call_events.events";

pub(super) fn restrict(query: &mut QueryBuilder<Sqlite>, filter: &Filter) {
    if let Some(since_ms) = filter.since_ms {
        query.push(" AND started_ms >= ").push_bind(since_ms as i64);
    }
    if let Some(until_ms) = filter.until_ms {
        query.push(" AND started_ms < ").push_bind(until_ms as i64);
    }
    if let Some(caller) = &filter.caller {
        query.push(" AND instr(caller, ").push_bind(caller.clone());
        query.push(") > 0");
    }
    if let Some(dialplan) = &filter.dialplan {
        query.push(" AND dialplan = ").push_bind(dialplan.clone());
    }
    if let Some((started_ms, call)) = filter.after {
        query
            .push(" AND (started_ms, call) > (")
            .push_bind(started_ms as i64);
        query.push(", ").push_bind(call.to_string()).push(")");
    }
    if !filter.outcomes.is_empty() {
        query.push(" AND outcome IN (");
        let mut names = query.separated(", ");
        for outcome in &filter.outcomes {
            names.push_bind(outcome.name());
        }
        query.push(")");
    }
}

pub(super) fn read_record(call: &str, json: &str) -> Result<CallRecord, StoreError> {
    serde_json::from_str(json).map_err(|source| StoreError::Unreadable {
        call: call.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
