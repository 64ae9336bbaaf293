//! The letters' way to webhooks: a thread of its own, away from calls.
//!
//! ```text
//! journal's writer ──calls that go on──▶ clerk ──▶ table of letters ──▶ carrier, one a webhook ──▶ POST
//! keeper of calls  ──ended calls───────────────────────▲
//! ```
//!
//! A letter is in the table before it is sent, and stays there until it has arrived: so it outlives the
//! process, and arrives at least once, always under the same id. The order is not promised; whose
//! telephone rings goes first.
//!
//! Bounds: [`INBOX`] calls wait for the clerk, and of one that does not fit the keeper tells when it has
//! ended; a carrier has [`AT_ONCE`] letters under way, the others wait in the table, whose bounds are in
//! `store::outbox`. A slow receiver holds up its own letters and nobody else's.

mod delivery;
mod pile;

use super::journal_writer::{CallSoFar, Watch};
use crate::config::secret::Password;
use crate::config::webhooks::{Webhook, signing_key};
use crate::events::Entry;
use crate::journal::recover::read_payloads;
use crate::store::calls::{Store, StoreError};
use crate::store::letters::told_of;
use crate::store::outbox::{Addressee, Due, MAX_WAITING};
use delivery::{Target, Verdict, next_try, send};
use metrics::{counter, describe_counter, describe_gauge};
use pile::Pile;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinSet, LocalSet};

/// Calls of which something is to be told at once.
const INBOX: usize = 1024;
/// Letters under way to one webhook.
const AT_ONCE: usize = 8;
/// How often letters are counted, and looked for though nobody told of new ones: `zeroline webhooks
/// retry` cannot. As often a secret is looked for that was not there.
const POLL: Duration = Duration::from_secs(5);
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// Calls that go on come first. On Linux this is the thread's own niceness.
const NICENESS: i32 = 10;

pub fn describe() {
    describe_counter!(
        "zeroline_webhooks_delivered_total",
        "Letters that a webhook took"
    );
    describe_counter!(
        "zeroline_webhooks_failed_total",
        "Tries to deliver a letter that failed"
    );
    describe_counter!(
        "zeroline_webhooks_died_total",
        "Letters that are not tried again"
    );
    describe_gauge!(
        "zeroline_webhooks_waiting",
        "Letters that wait for a webhook"
    );
    describe_gauge!(
        "zeroline_webhooks_dead",
        "Letters that did not arrive: `zeroline webhooks list` names them"
    );
}

/// Where the clerk and the carriers hear that there is something for them.
pub struct Inbox {
    calls: mpsc::Receiver<CallSoFar>,
    /// That there may be new letters, or messages.
    pub new_letters: watch::Sender<()>,
    pub addressees: Vec<Addressee>,
}

/// What the journal tells, and where it is heard.
pub fn watch(webhooks: &BTreeMap<String, Webhook>) -> (Watch, Inbox) {
    let addressees: Vec<Addressee> = webhooks
        .iter()
        .map(|(name, webhook)| Addressee {
            hook: name.clone(),
            subjects: webhook.events.clone(),
        })
        .collect();
    let (tell, calls) = mpsc::channel(INBOX);
    let (new_letters, _) = watch::channel(());
    let stored = new_letters.clone();
    let goes_on: Box<dyn Fn(CallSoFar) + Send> = Box::new(move |call| {
        if let Err(error) = tell.try_send(call) {
            tracing::warn!(%error, "webhooks are told of a call when it has ended");
        }
    });
    let watch = Watch {
        goes_on: (!addressees.is_empty()).then_some(goes_on),
        stored: Some(Box::new(move || stored.send_replace(()))),
        addressees: addressees.clone(),
    };
    let inbox = Inbox {
        calls,
        new_letters,
        addressees,
    };
    (watch, inbox)
}

/// The thread.
pub struct PostOffice {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl PostOffice {
    /// What is under way is given up: it waits in the table for the next start.
    pub fn stop(self) {
        drop(self.stop);
        // A thread that panicked has nothing left to be waited for.
        let _ = self.thread.join();
    }
}

/// `store`: the file, `journal`: the folder, of the journal that is watched.
pub fn start(
    webhooks: &BTreeMap<String, Webhook>,
    (store, journal): (PathBuf, PathBuf),
    inbox: Inbox,
) -> io::Result<PostOffice> {
    let (stop, mut stops) = mpsc::channel::<()>(1);
    let webhooks = webhooks.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = delivery::client().map_err(io::Error::other)?;
    let thread = std::thread::Builder::new()
        .name("webhooks".into())
        .spawn(move || {
            let _ = rustix::process::setpriority_process(None, NICENESS);
            // Also what is dropped at the end belongs to the runtime.
            let _inside = runtime.enter();
            // Everything here is on this one thread.
            LocalSet::new().block_on(&runtime, async {
                tokio::select! {
                    () = work(&webhooks, client, (&store, &journal), inbox) => {}
                    _ = stops.recv() => {}
                }
            });
        })?;
    Ok(PostOffice { stop, thread })
}

async fn work(
    webhooks: &BTreeMap<String, Webhook>,
    client: reqwest::Client,
    (store, journal): (&Path, &Path),
    inbox: Inbox,
) {
    let store = until_stored("the table of letters cannot be opened", async || {
        Store::open_to_forward(store).await
    })
    .await;
    let names: Vec<&str> = webhooks.keys().map(String::as_str).collect();
    let buried = until_stored("letters cannot be buried", async || {
        store.bury_orphans(&names, unix_ms()).await
    })
    .await;
    if buried > 0 {
        tracing::warn!(
            letters = buried,
            "letters wait for webhooks that the config does not have any more: they are dead, and \
             `zeroline webhooks list` names them"
        );
    }
    let mut hooks = JoinSet::new();
    for (name, webhook) in webhooks {
        let pile = Pile {
            name: name.as_str().into(),
            store: store.clone(),
        };
        hooks.spawn_local(pile.clone().keep());
        let new_letters = inbox.new_letters.subscribe();
        hooks.spawn_local(carry(pile, webhook.clone(), client.clone(), new_letters));
    }
    clerk(&store, journal, inbox).await;
    // The journal is closed: carriers go on until this thread is stopped.
    hooks.join_all().await;
}

async fn carry(
    pile: Pile,
    webhook: Webhook,
    client: reqwest::Client,
    new_letters: watch::Receiver<()>,
) {
    let key = until_there(&pile.name, &webhook.secret).await;
    let target = Target {
        url: webhook.url,
        key,
        timeout: webhook.timeout,
    };
    Carrier::new(pile, target, client).run(new_letters).await;
}

/// What a webhook's letters are signed with, perhaps only once somebody has put its file there.
async fn until_there(webhook: &str, secret: &Password) -> Vec<u8> {
    let mut told = None;
    loop {
        match secret.reveal().and_then(|secret| signing_key(&secret)) {
            Ok(key) => {
                if told.is_some() {
                    tracing::info!(webhook, "the webhook's secret is there: its letters go out");
                }
                return key;
            }
            Err(reason) if told.as_ref() != Some(&reason) => {
                tracing::error!(
                    webhook,
                    reason,
                    "a webhook's secret cannot be used: its letters wait, at most {MAX_WAITING} of \
                     them, and then the oldest die. They go out as soon as its file can be used, or \
                     when a server starts with it"
                );
                told = Some(reason);
            }
            Err(_) => {}
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Puts down what is to be told of calls that go on. What fails is made up for when the call is stored.
async fn clerk(store: &Store, journal: &Path, mut inbox: Inbox) {
    while let Some(call) = inbox.calls.recv().await {
        let entries = match read(journal, &call) {
            Ok(entries) => entries,
            Err(reason) => {
                tracing::warn!(call = %call.call, reason, "webhooks are told when it has ended");
                continue;
            }
        };
        let told = told_of(&entries, None);
        match store.put_told(&told, &inbox.addressees, unix_ms()).await {
            Ok(()) => inbox.new_letters.send_replace(()),
            Err(error) => {
                tracing::warn!(call = %call.call, %error, "webhooks are told when it has ended");
            }
        }
    }
}

/// The call's events; its letters are made of all of them, or not now.
fn read(journal: &Path, call: &CallSoFar) -> Result<Vec<Entry>, String> {
    let read = read_payloads(journal, &call.positions);
    let (payloads, unreadable) = read.map_err(|error| error.to_string())?;
    if unreadable > 0 {
        return Err(format!("{unreadable} events cannot be read back"));
    }
    let entries = payloads.iter().map(|it| serde_json::from_slice(it));
    let entries: Result<_, serde_json::Error> = entries.collect();
    entries.map_err(|error| error.to_string())
}

/// Brings one webhook its letters.
#[derive(Clone)]
struct Carrier {
    name: Arc<str>,
    target: Arc<Target>,
    client: reqwest::Client,
    store: Store,
    /// The last letter failed: only the first is told in the log.
    failing: Arc<AtomicBool>,
}

impl Carrier {
    fn new(pile: Pile, target: Target, client: reqwest::Client) -> Carrier {
        Carrier {
            name: pile.name,
            target: Arc::new(target),
            client,
            store: pile.store,
            failing: Arc::default(),
        }
    }

    async fn run(self, mut new_letters: watch::Receiver<()>) {
        let mut under_way = JoinSet::new();
        let mut ids: FxHashMap<Id, String> = FxHashMap::default();
        loop {
            new_letters.mark_unchanged();
            let now_ms = unix_ms();
            let pause = match self.take_due(now_ms, &ids).await {
                Ok((letters, pause)) => {
                    for letter in letters {
                        let id = letter.id.clone();
                        let task = under_way.spawn_local(self.clone().deliver(letter));
                        ids.insert(task.id(), id);
                    }
                    pause
                }
                Err(error) => {
                    tracing::error!(webhook = %self.name, %error, "letters cannot be read");
                    LONGEST_BACKOFF
                }
            };
            let has_room = ids.len() < AT_ONCE;
            tokio::select! {
                Some(done) = under_way.join_next_with_id() => {
                    let id = done.map_or_else(|failed| failed.id(), |(id, ())| id);
                    ids.remove(&id);
                }
                Ok(()) = new_letters.changed(), if has_room => {}
                () = tokio::time::sleep(pause), if has_room => {}
            }
        }
    }

    /// The letters that can be sent now, and how long to wait for the next.
    async fn take_due(
        &self,
        now_ms: u64,
        under_way: &FxHashMap<Id, String>,
    ) -> Result<(Vec<Due>, Duration), StoreError> {
        let room = AT_ONCE - under_way.len();
        // Those that are under way are due as well.
        let mut due = self.store.due_letters(&self.name, now_ms, AT_ONCE).await?;
        due.retain(|letter| under_way.values().all(|id| *id != letter.id));
        due.truncate(room);
        let next_ms = self.store.next_due(&self.name, now_ms).await?;
        let next = next_ms.map(|at_ms| Duration::from_millis(at_ms.saturating_sub(now_ms)));
        Ok((due, next.map_or(POLL, |next| next.min(POLL))))
    }

    async fn deliver(self, letter: Due) {
        let verdict = send(&self.client, &self.target, &letter, unix_ms()).await;
        let label = self.name.to_string();
        let (id, name) = (letter.id.as_str(), &*self.name);
        let Verdict::Failed {
            reason,
            gone,
            after,
        } = verdict
        else {
            counter!("zeroline_webhooks_delivered_total", "webhook" => label).increment(1);
            if self.failing.swap(false, Ordering::Relaxed) {
                tracing::info!(webhook = name, "the webhook takes letters again");
            }
            let put_down = async || self.store.letter_delivered(id, name, unix_ms()).await;
            return until_stored("a delivered letter cannot be put down as such", put_down).await;
        };
        counter!("zeroline_webhooks_failed_total", "webhook" => label.clone()).increment(1);
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(webhook = name, reason, "the webhook does not take a letter");
        }
        let now_ms = unix_ms();
        let jitter = rand::random_range(0.75..1.25);
        let due_ms = next_try(&letter, now_ms, after, jitter).filter(|_| !gone);
        if due_ms.is_none() {
            counter!("zeroline_webhooks_died_total", "webhook" => label).increment(1);
            tracing::error!(
                webhook = name,
                letter = id,
                reason,
                "a letter did not arrive: `zeroline webhooks retry` sends it again"
            );
        }
        until_stored("a letter's failure cannot be put down", async || {
            self.store
                .letter_failed((id, name), &reason, due_ms, now_ms)
                .await
        })
        .await;
    }
}

/// What is not put down would be done again: it is tried for as long as the server runs.
async fn until_stored<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let mut backoff = FIRST_BACKOFF;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => tracing::error!(%error, "{what}; it is tried again"),
        }
        tokio::time::sleep(backoff).await;
        backoff = (2 * backoff).min(LONGEST_BACKOFF);
    }
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_millis() as u64)
}

#[cfg(test)]
mod tests;
