//! How many calls people have served, counted over the records.

use super::calls::{Filter, Store, StoreError, restrict};
use sqlx::{QueryBuilder, Row};

/// Of one dialplan's calls that we answered. An answer may be a voicemail's: only the confirmed ones
/// are a person's for certain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Served {
    pub dialplan: String,
    pub calls: u32,
    /// A target answered, the confirmed ones counted.
    pub answered: u32,
    pub confirmed: u32,
    /// Passed on by REFER, and we never learned how it ended: in none of the two.
    pub passed_on: u32,
}

impl Served {
    /// Of all dialplans together.
    pub fn sum(all: &[Served]) -> Served {
        let add = |sum: Served, one: &Served| Served {
            dialplan: String::new(),
            calls: sum.calls + one.calls,
            answered: sum.answered + one.answered,
            confirmed: sum.confirmed + one.confirmed,
            passed_on: sum.passed_on + one.passed_on,
        };
        all.iter().fold(Served::default(), add)
    }
}

impl Store {
    /// By dialplan, in the order of their names.
    pub async fn served(&self, filter: &Filter) -> Result<Vec<Served>, StoreError> {
        let mut query = QueryBuilder::new(COUNT);
        restrict(&mut query, filter);
        query.push(" GROUP BY dialplan ORDER BY dialplan");
        let rows = query.build().fetch_all(&self.pool).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Served {
                dialplan: row.try_get("dialplan")?,
                calls: row.try_get("calls")?,
                answered: row.try_get("answered")?,
                confirmed: row.try_get("confirmed")?,
                passed_on: row.try_get("passed_on")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

const COUNT: &str = "
    SELECT dialplan, COUNT(*) AS calls,
        SUM(COALESCE(json_extract(record, '$.seconds_to_confirmed'),
            json_extract(record, '$.seconds_to_answer')) IS NOT NULL) AS answered,
        SUM(json_extract(record, '$.seconds_to_confirmed') IS NOT NULL) AS confirmed,
        SUM(outcome = 'transferred_unconfirmed') AS passed_on
    FROM call_records WHERE json_extract(record, '$.answered_ms') IS NOT NULL";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::CallRecord;
    use crate::call::outcome::Outcome;
    use crate::events::CallRef;
    use crate::store::calls::{SavedCall, store_path};

    /// A call that we answered, as its record has it.
    fn call(number: u128, dialplan: &str, change: impl FnOnce(&mut CallRecord)) -> SavedCall {
        let mut record = CallRecord {
            call: CallRef::from_parts(1_750_000_000_000, number),
            dialplan: dialplan.into(),
            answered_ms: Some(1),
            outcome: Outcome::GaveUpInMenu,
            ..CallRecord::default()
        };
        change(&mut record);
        SavedCall {
            record,
            entries: String::new(),
            told: Default::default(),
        }
    }

    #[tokio::test]
    async fn answers_are_kept_apart_from_persons_for_certain() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_path(dir.path())).await.expect("opens");
        let calls = [
            call(1, "parcel", |_| {}),
            call(2, "parcel", |record| record.seconds_to_answer = Some(9.0)),
            call(3, "parcel", |record| {
                record.seconds_to_answer = Some(9.0);
                record.seconds_to_confirmed = Some(12.0);
            }),
            call(4, "bank", |record| {
                record.outcome = Outcome::TransferredUnconfirmed;
            }),
            // Never answered by us: nobody could have served it.
            call(5, "bank", |record| record.answered_ms = None),
        ];
        store.save(&calls, &[], 0).await.expect("saves");
        let served = store.served(&Filter::default()).await.expect("counts");
        let expected = |dialplan: &str, [calls, answered, confirmed, passed_on]: [u32; 4]| Served {
            dialplan: dialplan.into(),
            calls,
            answered,
            confirmed,
            passed_on,
        };
        let bank = expected("bank", [1, 0, 0, 1]);
        let parcel = expected("parcel", [3, 2, 1, 0]);
        assert_eq!(served, [bank.clone(), parcel]);
        assert_eq!(Served::sum(&served), expected("", [4, 2, 1, 1]));
        let only = Filter {
            dialplan: Some("bank".into()),
            ..Filter::default()
        };
        assert_eq!(store.served(&only).await.expect("counts"), [bank]);
    }
}
