//! One webhook's letters in the table, whether or not they can be sent: counted, and kept to its bounds.

use super::{POLL, unix_ms};
use crate::store::calls::Store;
use metrics::{counter, gauge};
use std::sync::Arc;
use std::time::Duration;

/// How often the table's bounds are enforced.
const TIDY_EVERY: Duration = Duration::from_secs(600);

#[derive(Clone)]
pub struct Pile {
    /// The webhook's.
    pub name: Arc<str>,
    pub store: Store,
}

impl Pile {
    /// For as long as the server runs.
    pub async fn keep(self) {
        let mut tidy = tokio::time::interval(TIDY_EVERY);
        let mut count = tokio::time::interval(POLL);
        loop {
            tokio::select! {
                _ = count.tick() => self.count().await,
                _ = tidy.tick() => self.tidy().await,
            }
        }
    }

    /// For monitoring; a store that fails is told of where letters are taken.
    async fn count(&self) {
        if let Ok(counts) = self.store.count_letters(&self.name).await {
            let label = || self.name.to_string();
            gauge!("zeroline_webhooks_waiting", "webhook" => label()).set(counts.waiting as f64);
            gauge!("zeroline_webhooks_dead", "webhook" => label()).set(counts.dead as f64);
        }
    }

    async fn tidy(&self) {
        match self.store.tidy_letters(&self.name, unix_ms()).await {
            Ok(0) => {}
            Ok(died) => {
                let label = self.name.to_string();
                counter!("zeroline_webhooks_died_total", "webhook" => label).increment(died);
                tracing::error!(webhook = %self.name, died, "too many letters wait for the webhook");
            }
            Err(error) => tracing::warn!(%error, "old letters cannot be deleted"),
        }
    }
}
