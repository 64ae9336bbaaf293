//! Which agents are away by their own wish.

use crate::store::calls::{Store, StoreError};
use sqlx::Row;
use std::collections::BTreeSet;

impl Store {
    pub async fn agents_away(&self) -> Result<BTreeSet<String>, StoreError> {
        let rows = sqlx::query("SELECT agent FROM agents_away");
        let rows = rows.fetch_all(&self.pool).await?;
        let names = rows.iter().map(|row| row.try_get("agent"));
        Ok(names.collect::<Result<_, sqlx::Error>>()?)
    }

    /// These, and nobody else.
    pub async fn set_agents_away(&self, names: &BTreeSet<String>) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM agents_away")
            .execute(&mut *transaction)
            .await?;
        for name in names {
            sqlx::query("INSERT INTO agents_away (agent) VALUES (?)")
                .bind(name)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}
