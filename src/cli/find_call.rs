//! Finds one call by what people write for it: a reference, the beginning of one, or `last`.

use super::data::{Data, DataError, failed, open};
use crate::call::call_record::CallRecord;
use crate::events::{CallRef, Entry};
use crate::journal::recover::{Recovered, read_payloads, recover};
use crate::journal::segment::Damage;
use crate::store::calls::{Filter, Order, Store, StoreError};
use crate::store::messages::StoredMessage;
use std::path::Path;

/// Instead of a reference.
const LAST: &str = "last";

pub(super) struct Found {
    pub(super) record: CallRecord,
    pub(super) entries: Vec<Entry>,
    pub(super) stored: bool,
    /// What is stored of messages, of a call that goes on too.
    pub(super) messages: Vec<StoredMessage>,
}

/// In the store, or else in the journal. Of `last` the later of the two: a call that goes on, or
/// that the server died in, is in the journal only.
pub(super) async fn find(data: &Data, name: &str) -> Result<Found, DataError> {
    let stored = find_in_store(data, name).await?;
    let in_journal = match stored {
        Some(_) if name != LAST => None,
        _ => find_in_journal(&data.data.join("journal"), name)?,
    };
    let later = match (stored, in_journal) {
        (Some(stored), Some(other)) if stored.record.call < other.record.call => Some(other),
        (stored, other) => stored.or(other),
    };
    let mut found = later.ok_or_else(|| match name {
        LAST => DataError::NoCalls(data.data.clone()),
        name => DataError::NoCall(name.to_owned(), data.data.clone()),
    })?;
    if let Some(store) = open(data).await? {
        let messages = store.messages_of(found.record.call).await;
        found.messages = messages.map_err(|source| failed(data, source))?;
    }
    Ok(found)
}

/// How many calls are in the journal only.
pub(super) async fn unstored(data: &Data, store: Option<&Store>) -> Result<usize, DataError> {
    let mut unstored = 0;
    for call in calls_in_journal(&data.data.join("journal"))? {
        let stored = match store {
            Some(store) => store.record(call).await,
            None => Ok(None),
        };
        let stored = stored.map_err(|source| failed(data, source))?;
        unstored += usize::from(stored.is_none());
    }
    Ok(unstored)
}

fn calls_in_journal(journal: &Path) -> Result<Vec<CallRef>, DataError> {
    let recovered = read_journal(journal)?;
    Ok(recovered.calls.iter().map(|ended| ended.call).collect())
}

/// Calls may be in a segment that cannot be read, which is told. Other damage may be what a running
/// server is just writing.
fn read_journal(journal: &Path) -> Result<Recovered, DataError> {
    if !journal.is_dir() {
        return Ok(Recovered::default());
    }
    let recovered = recover(journal).map_err(|error| DataError::Journal(error.to_string()))?;
    for (path, damage) in &recovered.damage {
        if let Damage::Unreadable { .. } = damage {
            eprintln!("zeroline: journal segment {}: {damage}", path.display());
        }
    }
    Ok(recovered)
}

async fn find_in_store(data: &Data, name: &str) -> Result<Option<Found>, DataError> {
    let Some(store) = open(data).await? else {
        return Ok(None);
    };
    let find = async {
        let calls = find_stored(&store, name).await?;
        let Ok(Some(call)) = the_only(name, &calls) else {
            return Ok((calls, None));
        };
        let entries = store.entries(call).await?;
        let found = store.record(call).await?.map(|record| Found {
            record,
            entries,
            stored: true,
            messages: Vec::new(),
        });
        Ok((calls, found))
    };
    let (calls, found) = find.await.map_err(|source| failed(data, source))?;
    the_only(name, &calls)?;
    Ok(found)
}

async fn find_stored(store: &Store, name: &str) -> Result<Vec<CallRef>, StoreError> {
    if name == LAST {
        let all = Filter::default();
        let newest = store.list(&all, Order::NewestFirst, 1).await?;
        return Ok(newest.iter().map(|record| record.call).collect());
    }
    store.with_prefix(name, 100).await
}

fn find_in_journal(journal: &Path, name: &str) -> Result<Option<Found>, DataError> {
    let recovered = read_journal(journal)?;
    let wanted = name.to_ascii_uppercase();
    let matches = |call: &CallRef| name == LAST || call.to_string().starts_with(&wanted);
    let mut calls: Vec<CallRef> = recovered.calls.iter().map(|ended| ended.call).collect();
    calls.retain(matches);
    if name == LAST {
        calls = calls.into_iter().max().into_iter().collect();
    }
    let Some(call) = the_only(name, &calls)? else {
        return Ok(None);
    };
    let positions = recovered.calls.iter().find(|ended| ended.call == call);
    let positions = positions.map_or(&[][..], |ended| &ended.positions);
    let (payloads, _) = read_payloads(journal, positions)?;
    let entries: Vec<Entry> = payloads
        .iter()
        .filter_map(|payload| serde_json::from_slice(payload).ok())
        .collect();
    Ok(CallRecord::fold(&entries).map(|record| Found {
        record,
        entries,
        stored: false,
        messages: Vec::new(),
    }))
}

fn the_only(name: &str, calls: &[CallRef]) -> Result<Option<CallRef>, DataError> {
    match calls {
        [] => Ok(None),
        [call] => Ok(Some(*call)),
        [example, ..] => Err(DataError::Ambiguous {
            name: name.to_owned(),
            count: match calls.len() {
                100.. => "100 or more".into(),
                fewer => fewer.to_string(),
            },
            example: *example,
        }),
    }
}
