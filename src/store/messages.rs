//! The messages that callers left, and what was taken down of them.

use crate::events::CallRef;
use crate::language::Language;
use crate::store::calls::{Store, StoreError};
use crate::store::letters::{LeftMessage, message_letter};
use crate::store::outbox::{Addressee, put_letter};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

/// What came of taking down a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Transcript {
    Text {
        text: String,
        /// From 0 to 1.
        confidence: f64,
        /// The engine's own name.
        engine: String,
    },
    Missing {
        reason: String,
    },
}

/// A message as people are shown it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StoredMessage {
    /// Below the data folder.
    pub file: String,
    pub milliseconds: u32,
    /// `new` until it was tried to take it down, then `transcribed` or `not_transcribed`.
    pub state: String,
    pub transcript: Option<String>,
    pub confidence: Option<f64>,
    pub engine: Option<String>,
    /// Why there is no transcript.
    pub reason: Option<String>,
}

/// Puts down what is not there yet.
pub(super) async fn put_messages(
    connection: &mut SqliteConnection,
    messages: &[LeftMessage],
) -> Result<(), StoreError> {
    for message in messages {
        sqlx::query(
            "INSERT INTO messages (id, call, file, milliseconds, language, left_ms, letter, state)
             VALUES (?, ?, ?, ?, ?, ?, ?, 'new') ON CONFLICT (id) DO NOTHING",
        )
        .bind(&message.id)
        .bind(message.call.to_string())
        .bind(&message.file)
        .bind(message.milliseconds)
        .bind(message.language.tag())
        .bind(message.left_ms as i64)
        .bind(message.data.to_string())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

impl Store {
    /// Messages that nobody has tried to take down, the oldest first.
    pub async fn new_messages(&self, limit: u32) -> Result<Vec<LeftMessage>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM messages WHERE state = 'new' ORDER BY left_ms LIMIT ?")
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
        let messages = rows.iter().map(read_left);
        Ok(messages.collect::<Result<_, sqlx::Error>>()?)
    }

    /// What came of it, and the letter about it.
    pub async fn message_taken_down(
        &self,
        message: &LeftMessage,
        transcript: &Transcript,
        addressees: &[Addressee],
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        let update = sqlx::query(
            "UPDATE messages SET state = ?2, transcript = ?3, confidence = ?4, engine = ?5,
                 reason = ?6 WHERE id = ?1",
        );
        let update = update.bind(&message.id);
        let (update, told) = match transcript {
            Transcript::Text {
                text,
                confidence,
                engine,
            } => (
                update
                    .bind("transcribed")
                    .bind(text)
                    .bind(confidence)
                    .bind(engine)
                    .bind(None::<&str>),
                Ok((text.as_str(), engine.as_str(), *confidence)),
            ),
            Transcript::Missing { reason } => (
                update
                    .bind("not_transcribed")
                    .bind(None::<&str>)
                    .bind(None::<f64>)
                    .bind(None::<&str>)
                    .bind(reason),
                Err(reason.as_str()),
            ),
        };
        update.execute(&mut *transaction).await?;
        let letter = message_letter(message, told);
        put_letter(&mut transaction, &letter, addressees, now_ms).await?;
        Ok(transaction.commit().await?)
    }

    /// The messages of a call, in their order. A store that no server has brought up to date has none.
    pub async fn messages_of(&self, call: CallRef) -> Result<Vec<StoredMessage>, StoreError> {
        let rows = sqlx::query("SELECT * FROM messages WHERE call = ? ORDER BY left_ms, id")
            .bind(call.to_string())
            .fetch_all(&self.pool)
            .await;
        let rows = match rows {
            Err(error) if error.to_string().contains("no such table") => Vec::new(),
            rows => rows?,
        };
        let messages = rows.iter().map(read_stored);
        Ok(messages.collect::<Result<_, sqlx::Error>>()?)
    }
}

fn read_left(row: &SqliteRow) -> Result<LeftMessage, sqlx::Error> {
    let unreadable = |what: &str| sqlx::Error::Decode(format!("a message's {what}").into());
    let text = |column: &str| row.try_get::<&str, _>(column);
    Ok(LeftMessage {
        id: row.try_get("id")?,
        call: text("call")?.parse().map_err(|_| unreadable("call"))?,
        file: row.try_get("file")?,
        milliseconds: row.try_get("milliseconds")?,
        language: Language::from_tag(text("language")?).ok_or_else(|| unreadable("language"))?,
        left_ms: row.try_get::<i64, _>("left_ms")?.unsigned_abs(),
        data: serde_json::from_str(text("letter")?).map_err(|_| unreadable("letter"))?,
    })
}

fn read_stored(row: &SqliteRow) -> Result<StoredMessage, sqlx::Error> {
    Ok(StoredMessage {
        file: row.try_get("file")?,
        milliseconds: row.try_get("milliseconds")?,
        state: row.try_get("state")?,
        transcript: row.try_get("transcript")?,
        confidence: row.try_get("confidence")?,
        engine: row.try_get("engine")?,
        reason: row.try_get("reason")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::webhooks::Subject;
    use crate::store::calls::store_path;
    use crate::store::letters::Told;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_message_is_taken_down_once_and_told_with_its_transcript() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_path(dir.path())).await.expect("opens");
        let call = CallRef::from_parts(1, 2);
        let left = |number: u64| LeftMessage {
            id: format!("{call}-{number}"),
            call,
            file: format!("messages/{call}-{number}.wav"),
            milliseconds: 5000,
            language: Language::Zh,
            left_ms: number,
            data: json!({ "call": call, "number": number }),
        };
        let told = Told {
            messages: vec![left(8), left(7)],
            ..Told::default()
        };
        let hooks = [Addressee {
            hook: "crm".into(),
            subjects: vec![Subject::Message],
        }];
        for now_ms in [10, 20] {
            store.put_told(&told, &hooks, now_ms).await.expect("puts");
        }
        assert_eq!(store.due_letters("crm", 99, 9).await.expect("reads"), []);
        let new = store.new_messages(9).await.expect("reads");
        assert_eq!(new, [left(7), left(8)]);
        let text = Transcript::Text {
            text: "请给我回电话".into(),
            confidence: 0.5,
            engine: "whisper base".into(),
        };
        let missing = Transcript::Missing {
            reason: "nobody hears it".into(),
        };
        for (message, transcript) in [(&new[0], text), (&new[1], missing)] {
            let taken = store.message_taken_down(message, &transcript, &hooks, 30);
            taken.await.expect("writes");
        }
        assert_eq!(store.new_messages(9).await.expect("reads"), []);
        let stored = store.messages_of(call).await.expect("reads");
        assert_eq!(stored[0].transcript.as_deref(), Some("请给我回电话"));
        assert_eq!(stored[1].reason.as_deref(), Some("nobody hears it"));
        let letters = store.due_letters("crm", 99, 9).await.expect("reads");
        let letters: Vec<Value> = letters
            .iter()
            .map(|letter| serde_json::from_str(&letter.body).expect("it is JSON"))
            .collect();
        assert_eq!(letters[0]["data"]["transcript"]["text"], "请给我回电话");
        assert_eq!(letters[0]["data"]["number"], 7);
        assert_eq!(letters[1]["data"]["transcript_missing"], "nobody hears it");
    }
}
