//! The letters on their way to webhooks, those that arrived lately, and the dead ones.
//!
//! Bounds: [`MAX_WAITING`] letters wait for one webhook, then the oldest die; [`MAX_DEAD`] dead ones are
//! kept, for [`KEPT`], then the oldest are deleted.

use crate::config::webhooks::Subject;
use crate::store::calls::{Store, StoreError};
use crate::store::letters::{Letter, Told};
use crate::store::messages::put_messages;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, SqliteConnection};
use std::time::Duration;

/// Letters that wait for one webhook.
pub const MAX_WAITING: u32 = 100_000;
/// Dead letters, of all webhooks.
pub const MAX_DEAD: u32 = 100_000;
/// How long dead letters are kept, and the ids of those that arrived: only a call whose journal cannot
/// be read for longer than that could be told twice.
pub const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Whom letters go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// The webhook's name in the config.
    pub hook: String,
    pub subjects: Vec<Subject>,
}

/// A letter that is to be sent. Times are Unix times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub id: String,
    pub body: String,
    /// Or when it was first sent in vain.
    pub made_ms: u64,
    /// How often it was sent in vain.
    pub tries: u32,
}

/// A letter that has not arrived, as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Undelivered {
    pub id: String,
    pub hook: String,
    pub subject: String,
    pub call: String,
    /// `waiting` or `dead`.
    pub state: String,
    /// Or when it was first sent in vain: from then on it is tried for a day.
    pub made_ms: u64,
    /// When it is tried next, where it waits.
    pub due_ms: Option<u64>,
    pub tries: u32,
    /// Why it last failed.
    pub reason: Option<String>,
}

/// How many letters have not arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub waiting: u64,
    pub dead: u64,
}

/// Puts down what is not there yet.
pub(super) async fn put_told(
    connection: &mut SqliteConnection,
    told: &Told,
    addressees: &[Addressee],
    now_ms: u64,
) -> Result<(), StoreError> {
    put_messages(connection, &told.messages).await?;
    for letter in &told.letters {
        put_letter(connection, letter, addressees, now_ms).await?;
    }
    Ok(())
}

pub(super) async fn put_letter(
    connection: &mut SqliteConnection,
    letter: &Letter,
    addressees: &[Addressee],
    now_ms: u64,
) -> Result<(), StoreError> {
    let wants = |it: &&Addressee| it.subjects.contains(&letter.subject);
    for addressee in addressees.iter().filter(wants) {
        sqlx::query(PUT)
            .bind(&letter.id)
            .bind(&addressee.hook)
            .bind(letter.subject.name())
            .bind(letter.call.to_string())
            .bind(letter.subject == Subject::Transfer)
            .bind(&letter.body)
            .bind(now_ms as i64)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

const PUT: &str = "
    INSERT INTO letters (id, hook, subject, call, urgent, state, body, made_ms, due_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7, ?7)
    ON CONFLICT (id, hook) DO NOTHING";

impl Store {
    /// What is told of a call that goes on.
    pub async fn put_told(
        &self,
        told: &Told,
        addressees: &[Addressee],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        put_told(&mut transaction, told, addressees, now_ms).await?;
        Ok(transaction.commit().await?)
    }

    /// Letters of a webhook that may be sent now, the urgent ones first, then those that wait longest;
    /// at most `limit`.
    pub async fn due_letters(
        &self,
        hook: &str,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        let mut due = Vec::new();
        for urgent in [true, false] {
            let rows = sqlx::query(DUE)
                .bind(hook)
                .bind(urgent)
                .bind(now_ms as i64)
                .bind((limit - due.len()) as i64)
                .fetch_all(&self.pool)
                .await?;
            for row in &rows {
                due.push(Due {
                    id: row.try_get("id")?,
                    body: row.try_get("body")?,
                    made_ms: milliseconds(row, "made_ms")?.unwrap_or_default(),
                    tries: row.try_get("tries")?,
                });
            }
        }
        Ok(due)
    }

    /// When the next letter of a webhook that waits may be sent, after `now_ms`.
    pub async fn next_due(&self, hook: &str, now_ms: u64) -> Result<Option<u64>, StoreError> {
        let row = sqlx::query(NEXT_DUE)
            .bind(hook)
            .bind(now_ms as i64)
            .fetch_one(&self.pool)
            .await?;
        Ok(milliseconds(&row, "due_ms")?)
    }

    pub async fn letter_delivered(
        &self,
        id: &str,
        hook: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(
                "UPDATE letters SET state = 'delivered', body = NULL, reason = NULL,
                     tries = tries + 1, ended_ms = ?3 WHERE id = ?1 AND hook = ?2",
            )
            .bind(id)
            .bind(hook)
            .bind(now_ms as i64),
        )
        .await?;
        Ok(())
    }

    /// It was sent in vain; `due_ms`: when to try again, or never. The first time its day begins.
    pub async fn letter_failed(
        &self,
        (id, hook): (&str, &str),
        reason: &str,
        due_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        self.execute(
            sqlx::query(
                "UPDATE letters SET tries = tries + 1, reason = ?3,
                     made_ms = iif(tries = 0, ?5, made_ms),
                     state = iif(?4 IS NULL, 'dead', 'waiting'), due_ms = ifnull(?4, due_ms),
                     ended_ms = iif(?4 IS NULL, ?5, NULL)
                 WHERE id = ?1 AND hook = ?2",
            )
            .bind(id)
            .bind(hook)
            .bind(reason)
            .bind(due_ms.map(|due_ms| due_ms as i64))
            .bind(now_ms as i64),
        )
        .await?;
        Ok(())
    }

    /// Letters to webhooks that are none of `hooks` any more die. Returns how many.
    pub async fn bury_orphans(&self, hooks: &[&str], now_ms: u64) -> Result<u64, StoreError> {
        let mut query = QueryBuilder::new(
            "UPDATE letters SET state = 'dead', reason = 'the config has no webhook of this name \
             any more', ended_ms = ",
        );
        query.push_bind(now_ms as i64);
        query.push(" WHERE state = 'waiting' AND hook NOT IN (");
        let mut names = query.separated(", ");
        for hook in hooks {
            names.push_bind(*hook);
        }
        query.push(")");
        Ok(query.build().execute(&self.pool).await?.rows_affected())
    }

    /// Enforces the bounds. Returns how many letters died of it.
    pub async fn tidy_letters(&self, hook: &str, now_ms: u64) -> Result<u64, StoreError> {
        let died = self
            .execute(
                sqlx::query(
                    "UPDATE letters SET state = 'dead', ended_ms = ?2,
                         reason = 'too many letters waited for this webhook'
                     WHERE rowid IN (SELECT rowid FROM letters WHERE hook = ?1
                         AND state = 'waiting' ORDER BY made_ms DESC LIMIT -1 OFFSET ?3)",
                )
                .bind(hook)
                .bind(now_ms as i64)
                .bind(MAX_WAITING),
            )
            .await?;
        let oldest_ms = now_ms.saturating_sub(KEPT.as_millis() as u64);
        self.execute(
            sqlx::query("DELETE FROM letters WHERE state <> 'waiting' AND ended_ms < ?")
                .bind(oldest_ms as i64),
        )
        .await?;
        self.execute(
            sqlx::query(
                "DELETE FROM letters WHERE rowid IN (SELECT rowid FROM letters
                     WHERE state = 'dead' ORDER BY ended_ms DESC LIMIT -1 OFFSET ?)",
            )
            .bind(MAX_DEAD),
        )
        .await?;
        Ok(died)
    }

    pub async fn count_letters(&self, hook: &str) -> Result<Counts, StoreError> {
        let row = sqlx::query(
            "SELECT
                 (SELECT count(*) FROM letters WHERE hook = ?1 AND state = 'waiting') AS waiting,
                 (SELECT count(*) FROM letters WHERE hook = ?1 AND state = 'dead') AS dead",
        )
        .bind(hook)
        .fetch_one(&self.pool)
        .await?;
        let count = |column| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
        Ok(Counts {
            waiting: count("waiting")?,
            dead: count("dead")?,
        })
    }

    /// The dead letters, and with `waiting` those on their way too, the newest first.
    pub async fn undelivered(
        &self,
        waiting: bool,
        limit: u32,
    ) -> Result<Vec<Undelivered>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM letters WHERE state = 'dead' OR (?1 AND state = 'waiting')
             ORDER BY made_ms DESC, id DESC LIMIT ?2",
        )
        .bind(waiting)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let letters = rows.iter().map(read_undelivered);
        Ok(letters.collect::<Result<_, sqlx::Error>>()?)
    }

    /// The dead letters of that id, or all, wait again as if they were new. Returns how many.
    pub async fn retry_letters(&self, id: Option<&str>, now_ms: u64) -> Result<u64, StoreError> {
        self.execute(
            sqlx::query(
                "UPDATE letters SET state = 'waiting', due_ms = ?2, made_ms = ?2, tries = 0,
                     ended_ms = NULL
                 WHERE state = 'dead' AND (?1 IS NULL OR id = ?1)",
            )
            .bind(id)
            .bind(now_ms as i64),
        )
        .await
    }

    async fn execute(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<u64, StoreError> {
        Ok(query.execute(&self.pool).await?.rows_affected())
    }
}

const DUE: &str = "
    SELECT id, body, made_ms, tries FROM letters
    WHERE hook = ? AND urgent = ? AND state = 'waiting' AND due_ms <= ?
    ORDER BY due_ms LIMIT ?";

const NEXT_DUE: &str = "
    SELECT min(due_ms) AS due_ms FROM letters
    WHERE hook = ? AND state = 'waiting' AND urgent IN (0, 1) AND due_ms > ?";

fn read_undelivered(row: &SqliteRow) -> Result<Undelivered, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let due_ms = milliseconds(row, "due_ms")?.filter(|_| state == "waiting");
    Ok(Undelivered {
        id: row.try_get("id")?,
        hook: row.try_get("hook")?,
        subject: row.try_get("subject")?,
        call: row.try_get("call")?,
        state,
        made_ms: milliseconds(row, "made_ms")?.unwrap_or_default(),
        due_ms,
        tries: row.try_get("tries")?,
        reason: row.try_get("reason")?,
    })
}

fn milliseconds(row: &SqliteRow, column: &str) -> Result<Option<u64>, sqlx::Error> {
    let ms: Option<i64> = row.try_get(column)?;
    Ok(ms.map(|ms| u64::try_from(ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::CallRecord;
    use crate::call::example_call::law_4;
    use crate::store::calls::store_path;
    use crate::store::letters::told_of;

    async fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_path(dir.path())).await.expect("opens");
        (dir, store)
    }

    fn addressee(hook: &str, subjects: &[Subject]) -> Addressee {
        Addressee {
            hook: hook.into(),
            subjects: subjects.into(),
        }
    }

    /// Two transfers and the end.
    fn example() -> Told {
        let record = CallRecord::fold(&law_4()).expect("it folds");
        told_of(&law_4(), Some(&record))
    }

    async fn due(store: &Store, hook: &str, now_ms: u64) -> Vec<String> {
        let due = store.due_letters(hook, now_ms, 9).await.expect("reads");
        due.into_iter().map(|letter| letter.id).collect()
    }

    #[tokio::test]
    async fn each_webhook_has_what_it_wants_once_and_who_rings_first() {
        let (_dir, store) = store().await;
        let hooks = [
            addressee("all", &Subject::ALL),
            addressee("ends", &[Subject::Call]),
        ];
        let told = example();
        let (mut end_only, mut rest) = (told.clone(), told.clone());
        end_only.letters.drain(..2);
        rest.letters.truncate(2);
        // Urgent letters go first though others wait longer.
        store.put_told(&end_only, &hooks, 10).await.expect("puts");
        for now_ms in [20, 30] {
            store.put_told(&told, &hooks, now_ms).await.expect("puts");
        }
        let ids: Vec<&str> = told.letters.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(due(&store, "all", 40).await, ids);
        assert_eq!(due(&store, "all", 10).await, ids[2..]);
        assert_eq!(due(&store, "ends", 40).await, ids[2..]);
        assert_eq!(store.next_due("all", 10).await.expect("reads"), Some(20));
        assert_eq!(
            store.due_letters("all", 40, 1).await.expect("reads").len(),
            1
        );
    }

    #[tokio::test]
    async fn a_letter_waits_dies_is_retried_and_arrives_once() {
        let (_dir, store) = store().await;
        let hooks = [addressee("crm", &[Subject::Call])];
        let told = example();
        store.put_told(&told, &hooks, 0).await.expect("puts");
        let id = &told.letters[2].id;
        let failed = store.letter_failed((id, "crm"), "503", Some(70), 50);
        failed.await.expect("writes");
        assert_eq!(due(&store, "crm", 69).await.len(), 0);
        assert_eq!(store.next_due("crm", 60).await.expect("reads"), Some(70));
        let again = store.due_letters("crm", 70, 9).await.expect("reads");
        assert_eq!((again[0].tries, again[0].made_ms), (1, 50));
        let failed = store.letter_failed((id, "crm"), "410", None, 80);
        failed.await.expect("writes");
        assert_eq!(due(&store, "crm", u64::MAX >> 1).await.len(), 0);
        let dead = store.undelivered(false, 9).await.expect("reads");
        assert_eq!((dead[0].reason.as_deref(), dead[0].tries), (Some("410"), 2));
        assert_eq!(dead[0].due_ms, None);
        assert_eq!(
            store
                .retry_letters(Some("other"), 90)
                .await
                .expect("writes"),
            0
        );
        assert_eq!(store.retry_letters(None, 90).await.expect("writes"), 1);
        assert_eq!(due(&store, "crm", 90).await, std::slice::from_ref(id));
        store.letter_delivered(id, "crm", 95).await.expect("writes");
        store.put_told(&told, &hooks, 99).await.expect("puts");
        assert_eq!(due(&store, "crm", 100).await.len(), 0);
        let counts = store.count_letters("crm").await.expect("reads");
        assert_eq!(counts, Counts::default());
    }

    #[tokio::test]
    async fn letters_to_a_webhook_that_is_gone_are_dead() {
        let (_dir, store) = store().await;
        let hooks = ["here", "gone"].map(|hook| addressee(hook, &[Subject::Call]));
        store.put_told(&example(), &hooks, 0).await.expect("puts");
        assert_eq!(store.bury_orphans(&["here"], 5).await.expect("writes"), 1);
        assert_eq!(due(&store, "gone", 9).await.len(), 0);
        assert_eq!(due(&store, "here", 9).await.len(), 1);
        let dead = store.undelivered(false, 9).await.expect("reads");
        assert_eq!(dead[0].hook, "gone");
        assert!(
            dead[0]
                .reason
                .as_deref()
                .is_some_and(|why| why.contains("config"))
        );
        assert_eq!(store.bury_orphans(&[], 5).await.expect("writes"), 1);
    }

    #[tokio::test]
    async fn what_is_old_is_deleted_and_what_waits_is_not() {
        let (_dir, store) = store().await;
        let hooks = ["a", "b", "c"].map(|hook| addressee(hook, &[Subject::Call]));
        let told = example();
        let id = &told.letters[2].id;
        store.put_told(&told, &hooks, 0).await.expect("puts");
        store.letter_delivered(id, "a", 0).await.expect("writes");
        let failed = store.letter_failed((id, "b"), "410", None, 0);
        failed.await.expect("writes");
        let kept_ms = KEPT.as_millis() as u64;
        for (now_ms, rows) in [(kept_ms, 3), (kept_ms + 1, 1)] {
            store.tidy_letters("a", now_ms).await.expect("writes");
            let count = sqlx::query("SELECT count(*) AS n FROM letters");
            let count = count.fetch_one(&store.pool).await.expect("reads");
            assert_eq!(count.try_get::<i64, _>("n").expect("a figure"), rows);
        }
        assert_eq!(due(&store, "c", 1).await.len(), 1);
    }
}
