//! Makes the callbacks that are due: reads them from the store, and has signalling call.
//!
//! Signalling is asked whether one may be made now, or why not; then the store notes that it is, and
//! signalling makes it. The others wait in the store, and outlive the server there.

use crate::call::callback::Callback;
use crate::call::services::Services;
use crate::config::Config;
use crate::config::callbacks::Callbacks;
use crate::events::CallRef;
use crate::language::Language;
use crate::store::callbacks::BookedCallback;
use crate::store::calls::{Store, StoreError, store_path};
use crate::store::outbox::Addressee;
use rand::RngExt;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// Between two looks into the store, unless there is news.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After what cannot be made now, and after a store that failed.
const LATER: Duration = Duration::from_secs(30);
/// Between two looks whether somebody is free by now.
const UNTIL_FREE: Duration = Duration::from_secs(5);
/// So many are looked at in one turn.
const AT_ONCE: u32 = 100;
/// Who was promised a call longer ago does not expect it any more.
const TOO_OLD: Duration = Duration::from_secs(7 * 86_400);

/// For the signalling task.
pub enum CallbackJob {
    /// May it be made now?
    Judge {
        callback: Callback,
        judged: oneshot::Sender<Result<Arc<Services>, NotNow>>,
    },
    /// It is noted that it is.
    Make {
        callback: Callback,
        services: Arc<Services>,
    },
}

/// Why a callback is not made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNow {
    /// Nobody is there at this hour.
    Closed,
    /// Nobody is free, or can be waited for.
    NobodyFree,
    /// The server is full, or stops.
    Busy,
    /// No dialplan takes calls of whom the caller called then.
    NobodyCalledSo,
}

/// What is booked, as far as others know of it.
pub struct Bookings {
    /// Calls that a server before this one left: their records are still to be stored.
    pub recovered: HashSet<String>,
    /// Whom it concerns that a callback is not made.
    pub addressees: Vec<Addressee>,
    /// That a call was stored, perhaps with a callback, or that there is a letter.
    pub news: watch::Sender<()>,
}

/// Runs until signalling has ended.
pub async fn run(config: Arc<Config>, jobs: mpsc::Sender<CallbackJob>, bookings: Bookings) {
    let Some(callbacks) = config.callbacks.clone() else {
        return;
    };
    let mut maker = Maker {
        config,
        callbacks,
        jobs,
        bookings,
        store: None,
        restarted: false,
    };
    let mut news = maker.bookings.news.subscribe();
    while !maker.jobs.is_closed() {
        news.mark_unchanged();
        let wait = match maker.turn().await {
            Ok(true) => Duration::ZERO,
            Ok(false) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(%error, "the callbacks cannot be read; they are looked for again");
                maker.store = None;
                LATER
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Who gave up the place in line for it is back there at once.
            Ok(()) = news.changed(), if wait == LOOK_EVERY => {}
        }
    }
}

struct Maker {
    config: Arc<Config>,
    callbacks: Callbacks,
    jobs: mpsc::Sender<CallbackJob>,
    bookings: Bookings,
    store: Option<Store>,
    /// What a server that ended left under way waits again.
    restarted: bool,
}

impl Maker {
    /// Whether there was one to see to.
    async fn turn(&mut self) -> Result<bool, StoreError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => {
                let store = Store::open(&store_path(&self.config.data)).await?;
                if !self.restarted {
                    let bookings = &self.bookings;
                    let restarted = store.callbacks_restart(
                        &bookings.recovered,
                        &bookings.addressees,
                        unix_ms(),
                    );
                    restarted.await?;
                    self.restarted = true;
                    self.bookings.recovered = HashSet::new();
                }
                store
            }
        };
        let seen_to = self.see_to_due(&store).await?;
        self.store = Some(store);
        Ok(seen_to)
    }

    async fn see_to_due(&self, store: &Store) -> Result<bool, StoreError> {
        let (now_ms, every) = (unix_ms(), self.callbacks.every.as_millis() as u64);
        let due = store.due_callbacks(now_ms, every, AT_ONCE).await?;
        // For whom nobody is there, nobody is for others who want the same.
        let mut refused = BTreeMap::new();
        let mut waiting = Vec::new();
        for one in &due {
            if let Some((state, reason)) = self.is_never_made(one, now_ms) {
                self.ends(store, one, state, reason).await?;
                continue;
            }
            let people = (&one.called, &one.handoff, &one.language);
            let not_now = match refused.get(&people) {
                Some(not_now) => Some(*not_now),
                None => self.begin(store, one, now_ms).await?,
            };
            if let Some(not_now) = not_now {
                refused.insert(people, not_now);
                let wait = match not_now {
                    NotNow::NobodyFree => UNTIL_FREE,
                    _ => LATER,
                };
                waiting.push((&*one.call, now_ms + wait.as_millis() as u64));
            }
        }
        if !waiting.is_empty() {
            store.callbacks_wait(&waiting).await?;
        }
        Ok(!due.is_empty())
    }

    /// Unless it is made, or cannot be: why not now.
    async fn begin(
        &self,
        store: &Store,
        due: &BookedCallback,
        now_ms: u64,
    ) -> Result<Option<NotNow>, StoreError> {
        let Some(callback) = self.callback(due, now_ms) else {
            self.ends(store, due, "failed", "it cannot be read").await?;
            return Ok(None);
        };
        match self.judge(callback.clone()).await {
            Ok(services) => self.make(store, due, callback, services).await?,
            Err(NotNow::NobodyCalledSo) => {
                let reason = "no dialplan takes calls of whom the caller called";
                self.ends(store, due, "failed", reason).await?;
            }
            Err(not_now) => return Ok(Some(not_now)),
        }
        Ok(None)
    }

    /// The state in which it ends, and why.
    fn is_never_made(&self, due: &BookedCallback, now_ms: u64) -> Option<(&str, &str)> {
        let age = Duration::from_millis(now_ms.saturating_sub(due.booked_ms));
        if !self.callbacks.allows(&due.number, due.own_number) {
            Some(("noted", "the config does not allow calls to this number"))
        } else if due.attempts >= self.callbacks.tries {
            Some(("failed", "it was tried as often as the config says"))
        } else if age > TOO_OLD {
            Some(("failed", "it is older than a week"))
        } else {
            None
        }
    }

    async fn judge(&self, callback: Callback) -> Result<Arc<Services>, NotNow> {
        let (judged, judgement) = oneshot::channel();
        let job = CallbackJob::Judge { callback, judged };
        self.jobs.send(job).await.map_err(|_| NotNow::Busy)?;
        judgement.await.unwrap_or(Err(NotNow::Busy))
    }

    async fn make(
        &self,
        store: &Store,
        due: &BookedCallback,
        callback: Callback,
        services: Arc<Services>,
    ) -> Result<(), StoreError> {
        let next_ms = unix_ms() + self.callbacks.every.as_millis() as u64;
        let ours = callback.call.to_string();
        // Before it is made: a server that dies makes it no second time at once.
        if store.callback_begins(&due.call, &ours, next_ms).await? {
            // Signalling that has ended makes none; then it waits again from the next start on.
            let _ = self
                .jobs
                .send(CallbackJob::Make { callback, services })
                .await;
        }
        Ok(())
    }

    async fn ends(
        &self,
        store: &Store,
        due: &BookedCallback,
        state: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        let ended = BookedCallback {
            state: state.into(),
            reason: Some(reason.into()),
            ..due.clone()
        };
        let addressees = &self.bookings.addressees;
        store.callback_ends(&ended, addressees, unix_ms()).await?;
        self.bookings.news.send_replace(());
        Ok(())
    }

    fn callback(&self, due: &BookedCallback, now_ms: u64) -> Option<Callback> {
        let waited = |since: u64| Duration::from_millis(now_ms.saturating_sub(since));
        let mut rng = rand::rng();
        Some(Callback {
            call: CallRef::from_parts(now_ms, rng.random()),
            of: due.call.parse().ok()?,
            attempt: due.attempts + 1,
            number: due.number.clone(),
            called: due.called.clone(),
            address: self.callbacks.address(&due.number),
            first: self.callbacks.first,
            rings: self.callbacks.rings,
            handoff: due.handoff.clone(),
            wish: due.wish.clone(),
            language: Language::from_tag(&due.language)?,
            paced_by: due.paced_by,
            slots: due.slots.clone().into_iter().collect(),
            since: due
                .since_ms
                .and_then(|since| Instant::now().checked_sub(waited(since))),
            seed: rng.random(),
            unix: Duration::from_millis(now_ms),
        })
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}
