//! Keeps in the store who is away by their own wish, over restarts: nobody is rung who has gone home.

use crate::store::calls::{Store, StoreError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// After a store that failed.
const LATER: Duration = Duration::from_secs(30);

/// Nobody, where it cannot be read: it is told, and whoever is away says so again.
pub async fn read(store: &Path) -> BTreeSet<String> {
    let read = async { Store::open_to_forward(store).await?.agents_away().await };
    read.await.unwrap_or_else(|error: StoreError| {
        tracing::error!(%error, "which agents are away cannot be read: they are taken to be there");
        BTreeSet::new()
    })
}

/// Writes each change down, until nobody can change it any more.
pub async fn keep(store: PathBuf, mut away: watch::Receiver<BTreeSet<String>>) {
    let mut kept = away.borrow_and_update().clone();
    loop {
        let is_kept = *away.borrow() == kept;
        let goes_on = tokio::select! {
            changed = away.changed() => changed.is_ok(),
            () = tokio::time::sleep(LATER), if !is_kept => true,
        };
        let now = away.borrow_and_update().clone();
        if now != kept {
            match write(&store, &now).await {
                Ok(()) => kept = now,
                Err(error) => {
                    tracing::error!(%error, "which agents are away cannot be kept over a restart");
                }
            }
        }
        if !goes_on {
            return;
        }
    }
}

async fn write(store: &Path, away: &BTreeSet<String>) -> Result<(), StoreError> {
    let store = Store::open_to_forward(store).await?;
    store.set_agents_away(away).await
}
