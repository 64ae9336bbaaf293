//! How many calls people have served, counted over the records.

use super::calls::{Filter, Store, StoreError, read_record, restrict};
use crate::call::call_record::{CallRecord, Person};
use crate::call::outcome::Outcome;
use futures_util::TryStreamExt;
use sqlx::{QueryBuilder, Row};
use std::collections::BTreeMap;

/// Of one dialplan's calls that we answered. An answer may be a voicemail's: only the confirmed ones
/// are a person's for certain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Served {
    pub dialplan: String,
    pub calls: u32,
    /// A target answered, and did not leave the accept key unpressed; the confirmed ones counted.
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

    fn count(&mut self, record: &CallRecord) {
        let person = record.person();
        let is_unknown = record.outcome == Outcome::TransferredUnconfirmed;
        self.calls += 1;
        self.answered += u32::from(person.is_some());
        self.confirmed += u32::from(person == Some(Person::Confirmed));
        self.passed_on += u32::from(person.is_none() && is_unknown);
    }
}

impl Store {
    /// By dialplan, in the order of their names.
    pub async fn served(&self, filter: &Filter) -> Result<Vec<Served>, StoreError> {
        let mut query =
            QueryBuilder::new("SELECT call, dialplan, record FROM call_records WHERE 1");
        restrict(&mut query, filter);
        let mut rows = query.build().fetch(&self.pool);
        let mut all: BTreeMap<String, Served> = BTreeMap::new();
        while let Some(row) = rows.try_next().await? {
            let record = read_record(row.try_get("call")?, row.try_get("record")?)?;
            if record.answered_ms.is_none() {
                continue;
            }
            let dialplan: String = row.try_get("dialplan")?;
            all.entry(dialplan).or_default().count(&record);
        }
        Ok(all
            .into_iter()
            .map(|(dialplan, served)| Served { dialplan, ..served })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::call_record::Attempt;
    use crate::events::{CallRef, TargetFailure, TransferWay};
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

    fn answered(failure: Option<TargetFailure>) -> Attempt {
        Attempt {
            attempt: 1,
            handoff: "desk".into(),
            target: "sip:anna@a".into(),
            way: TransferWay::Bridged,
            seconds_to_try: 8.0,
            seconds_to_ringing: None,
            seconds_to_answer: Some(9.0),
            briefed: false,
            seconds_to_confirmed: None,
            refer_accepted: false,
            failure,
            status: None,
            seconds_to_failure: None,
        }
    }

    #[tokio::test]
    async fn answers_are_kept_apart_from_persons_for_certain() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&store_path(dir.path())).await.expect("opens");
        let calls = [
            call(1, "parcel", |_| {}),
            call(2, "parcel", |record| record.attempts = vec![answered(None)]),
            call(3, "parcel", |record| {
                record.attempts = vec![answered(None)];
                record.seconds_to_confirmed = Some(12.0);
            }),
            // A voicemail, which pressed no key.
            call(6, "parcel", |record| {
                record.attempts = vec![answered(Some(TargetFailure::NotAccepted))];
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
        let parcel = expected("parcel", [4, 2, 1, 0]);
        assert_eq!(served, [bank.clone(), parcel]);
        assert_eq!(Served::sum(&served), expected("", [5, 2, 1, 1]));
        let only = Filter {
            dialplan: Some("bank".into()),
            ..Filter::default()
        };
        assert_eq!(store.served(&only).await.expect("counts"), [bank]);
    }
}
