//! Makes the callbacks that are due: reads them from the store, and has signalling call.
//!
//! One is under way to signalling at a time, which starts it or says why not now; the others wait in the
//! store, and outlive the server there.

use crate::call::callback::Callback;
use crate::config::Config;
use crate::config::callbacks::Callbacks;
use crate::events::CallRef;
use crate::language::Language;
use crate::store::callbacks::BookedCallback;
use crate::store::calls::{Store, StoreError, store_path};
use crate::store::outbox::Addressee;
use rand::RngExt;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// Between two looks into the store, unless there is news.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After what could not be started, and after a store that failed.
const LATER: Duration = Duration::from_secs(30);
/// Between two looks whether somebody is free by now.
const UNTIL_FREE: Duration = Duration::from_secs(5);
/// Between two looks whether a handoff is open by now.
const UNTIL_OPEN: Duration = Duration::from_secs(120);
/// Who was promised a call longer ago does not expect it any more.
const TOO_OLD: Duration = Duration::from_secs(7 * 86_400);

/// For the signalling task.
pub struct CallbackJob {
    pub callback: Callback,
    pub started: oneshot::Sender<Result<(), NotNow>>,
}

/// Why a callback is not started now.
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
                    store.callbacks_restart(&self.bookings.recovered).await?;
                    self.restarted = true;
                    self.bookings.recovered = HashSet::new();
                }
                store
            }
        };
        let every = self.callbacks.every.as_millis() as u64;
        let due = store.due_callback(unix_ms(), every).await?;
        if let Some(due) = &due {
            self.see_to(&store, due).await?;
        }
        self.store = Some(store);
        Ok(due.is_some())
    }

    async fn see_to(&self, store: &Store, due: &BookedCallback) -> Result<(), StoreError> {
        let now_ms = unix_ms();
        if !self.callbacks.allows(&due.number, due.own_number) {
            let reason = "the config does not allow calls to this number";
            return self.ends(store, due, "noted", reason).await;
        }
        let failed = async |reason| self.ends(store, due, "failed", reason).await;
        if due.attempts >= self.callbacks.tries {
            return failed("it was tried as often as the config says").await;
        }
        if now_ms.saturating_sub(due.booked_ms) > TOO_OLD.as_millis() as u64 {
            return failed("it is older than a week").await;
        }
        let Some(callback) = self.callback(due, now_ms) else {
            return failed("it cannot be read").await;
        };
        let next = now_ms + self.callbacks.every.as_millis() as u64;
        let ours = callback.call.to_string();
        // Before it is made: a server that dies makes it no second time at once.
        store.callback_begins(&due.call, &ours, next).await?;
        match self.start(callback).await {
            Ok(()) => Ok(()),
            Err(NotNow::NobodyCalledSo) => {
                failed("no dialplan takes calls of whom the caller called").await
            }
            Err(not_now) => {
                let wait = match not_now {
                    NotNow::Closed => UNTIL_OPEN,
                    NotNow::NobodyFree => UNTIL_FREE,
                    _ => LATER,
                };
                let later = now_ms + wait.as_millis() as u64;
                store.callback_waits(&due.call, later).await
            }
        }
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

    async fn start(&self, callback: Callback) -> Result<(), NotNow> {
        let (started, starts) = oneshot::channel();
        let job = CallbackJob { callback, started };
        self.jobs.send(job).await.map_err(|_| NotNow::Busy)?;
        starts.await.unwrap_or(Err(NotNow::Busy))
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
