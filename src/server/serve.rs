//! The server as a whole: its parts are made, wired, and taken down in order.

use super::admission::Admission;
use super::agents_away;
use super::call_metrics;
use super::callbacks::{self, Bookings};
use super::calls::Calls;
use super::fetcher;
use super::health::TargetHealth;
use super::hearing::Ears;
use super::journal_writer::{Journal, JournalHandle};
use super::media_thread::{Command, MediaThread};
use super::ports::PortRange;
use super::recorder;
use super::roster::Roster;
use super::routes::{Routes, Waiting};
use super::services::Directory;
use super::signalling::{Phase, Signalling};
use super::targets::Targets;
use super::transcriber;
use super::transports::Transports;
use super::trunks::Trunks;
use super::unanswered::Unanswered;
use super::webhooks;
use crate::config::secret::Secret;
use crate::config::{Config, ListenTransport};
use crate::console::http::{Console, metrics_router, router};
use crate::engines::pool::SynthesizerPool;
use crate::engines::prompt_library::PromptLibrary;
use crate::handoff::distributor::Distributor;
use crate::journal::append::Limits;
use crate::locator::Locator;
use crate::sip::flow::Protocol;
use crate::sip::user_agent::UserAgent;
use crate::sip::user_agent::config as agent_config;
use crate::store::calls::store_path;
use metrics_exporter_prometheus::PrometheusHandle;
use rand::RngExt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Wishes of calls on their way to signalling; the media threads keep what does not fit.
const WISHES: usize = 16_384;
/// How long callers without a person are told that the server stops.
const LAST_WORDS: Duration = Duration::from_secs(20);
/// How long hung-up calls have for their BYEs to be answered.
const GOODBYES: Duration = Duration::from_secs(5);
/// Requests of the HTTP API about agents that wait for signalling; further ones get 503.
const AGENT_REQUESTS: usize = 64;
/// How often a thread is looked at whose inbox is full, or which is to end.
const PAUSE: Duration = Duration::from_millis(5);

/// What was made ready before the first socket is opened.
pub struct Ready {
    pub config: Arc<Config>,
    pub library: Arc<PromptLibrary>,
    pub directory: Directory,
    pub synthesizers: Arc<SynthesizerPool>,
    pub ears: Arc<Ears>,
    pub metrics: PrometheusHandle,
    /// Also answer the demo dialplans' lookups.
    pub demo: bool,
}

/// Where a running server is reached.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub sip: Vec<(Protocol, SocketAddr)>,
    pub console: SocketAddr,
    /// Where it is another one.
    pub metrics: Option<SocketAddr>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Journal(#[from] super::journal_writer::OpenError),
    #[error(transparent)]
    Store(#[from] crate::store::calls::UnusableStore),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("the HTTP client cannot be made: {0}")]
    Http(#[from] reqwest::Error),
}

pub(super) fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServeError {
    let what = what.into();
    |source| {
        let source = match source.kind() {
            io::ErrorKind::AddrInUse => io::Error::other(format!(
                "{source}: another program has this port (`ss -lntup` names it); end it, or take \
                 another port"
            )),
            io::ErrorKind::AddrNotAvailable => io::Error::other(format!(
                "{source}: no network interface of this machine has this address (`ip address` \
                 lists them)"
            )),
            _ => source,
        };
        ServeError::Io { what, source }
    }
}

pub(super) fn data_folder(config: &Config) -> Result<(), ServeError> {
    std::fs::create_dir_all(&config.data).map_err(io_error(format!(
        "cannot make the data folder {} (`data` in the config, or --data)",
        config.data.display()
    )))
}

/// Serves until what `stop` makes says so and the calls have ended, the sooner the more often it does;
/// `started` is told once calls are taken, and a stop can be asked for.
pub fn serve(
    ready: Ready,
    stop: impl FnOnce() -> mpsc::Receiver<()>,
    started: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    raise_open_file_limit();
    call_metrics::describe();
    webhooks::describe();
    let config = ready.config.clone();
    data_folder(&config)?;
    let limits = Limits::for_calls(config.max_calls as u32);
    let (watch, inbox) = webhooks::watch(&config.webhooks);
    let (journal, recovered) = Journal::open_watched(&config.data, limits, watch)?;
    tracing::info!(%recovered, "the journal is open");
    let store = store_path(&config.data);
    let (news, addressees) = (inbox.new_letters.clone(), inbox.addressees.clone());
    let left = recovered.calls.iter();
    let bookings = Bookings {
        recovered: left.map(|ended| ended.call.to_string()).collect(),
        addressees: addressees.clone(),
        news: news.clone(),
    };
    let files = (store.clone(), config.data.clone());
    let transcriber = transcriber::start(ready.ears.clone(), files, addressees, news)
        .map_err(io_error("cannot start the transcriber's thread"))?;
    let files = (store, config.data.join("journal"));
    let post_office = webhooks::start(&config.webhooks, files, inbox)
        .map_err(io_error("cannot start the webhooks' thread"))?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name("tasks")
        .build()
        .map_err(io_error("cannot start the runtime"))?;
    let result = runtime.block_on(run(ready, journal.handle(), bookings, stop, started));
    runtime.shutdown_timeout(Duration::from_secs(1));
    journal.shutdown();
    transcriber.stop();
    post_office.stop();
    result
}

async fn run(
    ready: Ready,
    journal: JournalHandle,
    bookings: Bookings,
    stop: impl FnOnce() -> mpsc::Receiver<()>,
    started: impl FnOnce(Addresses),
) -> Result<(), ServeError> {
    let config = ready.config.clone();
    let (wishes_in, wishes) = mpsc::channel(WISHES);
    let (recorder, recording) = recorder::spawn(config.data.clone())
        .map_err(io_error("cannot start the recorder's thread"))?;
    let fetcher = fetcher::spawn()?;
    let (threads, mut running) = media_threads(&config, |thread| Routes {
        thread,
        signalling: wishes_in.clone(),
        journal: journal.clone(),
        recorder: recorder.clone(),
        fetcher: fetcher.clone(),
        synthesizers: ready.synthesizers.clone(),
        ears: ready.ears.clone(),
        waiting: Waiting::default(),
    })?;
    drop(recorder);
    running.push(recording);
    let taking_calls = Arc::new(AtomicBool::new(true));
    let (phase_in, phase) = watch::channel(Phase::Serving);
    let transports = Transports::bind(&listen(&config))
        .await
        .map_err(io_error("SIP"))?;
    let sip = transports.listening();
    let (to_agents, agent_requests) = mpsc::channel(AGENT_REQUESTS);
    let console = Console {
        metrics: ready.metrics.clone(),
        not_ready: Arc::new(not_ready(taking_calls.clone(), journal.clone())),
        demo: ready.demo,
        agents: to_agents,
        token: console_token(&config),
        data: config.data.clone(),
    };
    let at = serve_http(config.console, "console", router(console.clone())).await?;
    let metrics = match config.metrics {
        Some(address) => Some(serve_http(address, "metrics", metrics_router(console)).await?),
        None => None,
    };
    let locator = Locator::of_system(&transports.protocols());
    let (to_callbacks, callback_jobs) = mpsc::channel(1);
    let calls_back = tokio::spawn(callbacks::run(config.clone(), to_callbacks, bookings));
    let store = store_path(&config.data);
    let away = watch::Sender::new(agents_away::read(&store).await);
    let keeps_away = tokio::spawn(agents_away::keep(store, away.subscribe()));
    let ports = config.media.ports.clone();
    let health = TargetHealth::new(
        Instant::now(),
        &config,
        ready.directory.dialplans(),
        locator.clone(),
        rand::rng().random(),
    );
    let signalling = Signalling {
        health,
        agent: UserAgent::new(agent(&config), rand::rng().random()),
        transports,
        wishes,
        phase,
        threads: threads.clone(),
        ports: PortRange::new(*ports.start(), *ports.end()),
        directory: ready.directory,
        admission: Admission::new(config.clone(), taking_calls),
        targets: Targets::new(config.clone(), locator.clone()),
        trunks: Trunks::new(config.clone(), locator),
        roster: Roster::new(
            Instant::now(),
            &config,
            agent_requests,
            away,
            rand::rng().random(),
        ),
        distributor: Distributor::default(),
        callbacks: callback_jobs,
        calls: Calls::default(),
        unanswered: Unanswered::default(),
        journal,
        config: config.clone(),
    };
    let stop = stop();
    started(Addresses {
        sip,
        console: at,
        metrics,
    });
    let stopper = tokio::spawn(stop_in_order(stop, config.drain, phase_in, threads.clone()));
    signalling.run().await;
    calls_back.abort();
    stopper.abort();
    // Signalling has ended, and what it said last is written down; or the disk does not take it.
    let _ = tokio::time::timeout(Duration::from_secs(1), keeps_away).await;
    end_threads(&threads, &running).await;
    Ok(())
}

/// One that cannot be had, or that everybody knows for it is empty, is one that nobody knows.
fn console_token(config: &Config) -> Option<Secret> {
    let token = config.console_token.as_ref()?.reveal();
    let token = token.and_then(|token| match token.expose() {
        "" => Err("it is empty".to_owned()),
        _ => Ok(token),
    });
    Some(token.unwrap_or_else(|reason| {
        tracing::warn!(
            reason,
            "there is no console token: nobody may ask about agents"
        );
        Secret::new(format!("{:x}", rand::rng().random::<u128>()))
    }))
}

/// Why no new calls are taken, for those who send them.
fn not_ready(
    taking_calls: Arc<AtomicBool>,
    journal: JournalHandle,
) -> impl Fn() -> Option<&'static str> {
    move || {
        if !taking_calls.load(Ordering::Relaxed) {
            Some("draining")
        } else if !journal.can_admit() {
            Some("the journal cannot keep the events of another call")
        } else {
            None
        }
    }
}

/// When they have ended, what calls had to tell the journal is told, and their recordings are whole.
async fn end_threads(threads: &[MediaThread], running: &[JoinHandle<()>]) {
    let ended = async {
        tell_media_threads(threads, stop_command).await;
        while !running.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(PAUSE).await;
        }
    };
    if tokio::time::timeout(GOODBYES, ended).await.is_err() {
        tracing::error!("a thread does not end: the last events of its calls may be lost");
    }
}

fn stop_command() -> Command {
    let reason = "the server stops".into();
    Command::Stop { reason }
}

async fn tell_media_threads(threads: &[MediaThread], command: impl Fn() -> Command) {
    for thread in threads {
        let mut command = command();
        while let Err(full) = thread.send(command) {
            command = full;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// First no new calls; after `drain` the callers who are left are told, and then hung up on. Each
/// further wish to stop leads to the next of these at once.
async fn stop_in_order(
    mut stop: mpsc::Receiver<()>,
    drain: Duration,
    phase: watch::Sender<Phase>,
    threads: Vec<MediaThread>,
) {
    if stop.recv().await.is_none() {
        return std::future::pending().await;
    }
    tracing::info!(
        seconds = drain.as_secs(),
        "stopping: no new calls, those that go on may end; stop it again, and they end sooner"
    );
    let _ = phase.send(Phase::Draining);
    let _ = tokio::time::timeout(drain, stop.recv()).await;
    tracing::info!("stopping: callers who are with nobody are told, and their calls end");
    tell_media_threads(&threads, || Command::SayGoodbye).await;
    let _ = tokio::time::timeout(LAST_WORDS, stop.recv()).await;
    tell_media_threads(&threads, stop_command).await;
    let _ = phase.send(Phase::Stopping);
    tokio::time::sleep(GOODBYES).await;
    let _ = phase.send(Phase::Gone);
    std::future::pending::<()>().await;
}

fn media_threads(
    config: &Config,
    routes: impl Fn(MediaThread) -> Routes,
) -> Result<(Vec<MediaThread>, Vec<JoinHandle<()>>), ServeError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = config.media.threads.unwrap_or(cores).max(1);
    (0..count)
        .map(|index| {
            MediaThread::spawn(index, &routes).map_err(io_error("cannot start a media thread"))
        })
        .collect()
}

/// `setting` is the name of the address in the config.
async fn serve_http(
    address: SocketAddr,
    setting: &'static str,
    router: axum::Router,
) -> Result<SocketAddr, ServeError> {
    let (listener, local) = bind_http(address, setting).await?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, setting, "HTTP stopped; calls go on");
        }
    });
    Ok(local)
}

pub(super) async fn bind_http(
    address: SocketAddr,
    setting: &'static str,
) -> Result<(tokio::net::TcpListener, SocketAddr), ServeError> {
    let failed = || {
        io_error(format!(
            "cannot listen on {address} (`{setting}` in the config)"
        ))
    };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(failed())?;
    let local = listener.local_addr().map_err(failed())?;
    Ok((listener, local))
}

pub(super) fn listen(config: &Config) -> Vec<(Protocol, SocketAddr)> {
    let listen = config.listen.iter().map(|listen| {
        let protocol = match listen.transport {
            ListenTransport::Udp => Protocol::Udp,
            ListenTransport::Tcp => Protocol::Tcp,
        };
        (protocol, listen.address)
    });
    listen.collect()
}

fn agent(config: &Config) -> agent_config::Config {
    let advertised = config
        .advertise
        .iter()
        .map(|entry| agent_config::Advertised {
            network: entry.network,
            address: entry.address,
            port: None,
        });
    agent_config::Config {
        advertised: advertised.collect(),
        limits: agent_config::Limits {
            // A caller's leg and a person's each, and those that are ending.
            legs: config.max_calls * 4 + 64,
            transactions: config.max_calls * 40 + 4096,
        },
        session_expires: Some(config.session.expires.as_secs() as u32),
        min_se: config.session.min.as_secs() as u32,
        ..agent_config::Config::default()
    }
}

/// Each leg has two sockets.
fn raise_open_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Password;

    #[test]
    fn a_server_whose_journal_takes_no_call_is_not_ready() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let (journal, _) = Journal::open(data.path(), Limits::for_calls(1)).expect("opens");
        let taking_calls = Arc::new(AtomicBool::new(true));
        let not_ready = not_ready(taking_calls.clone(), journal.handle());
        assert_eq!(not_ready(), None);
        journal.shutdown();
        assert!(not_ready().is_some_and(|why| why.contains("journal")));
        taking_calls.store(false, Ordering::Relaxed);
        assert_eq!(not_ready(), Some("draining"));
    }

    #[test]
    fn an_empty_token_lets_nobody_in() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let token = |text: &str| {
            let file = data.path().join("token");
            std::fs::write(&file, text).expect("writes");
            let config = Config {
                console_token: Some(Password::File(file)),
                ..Config::default()
            };
            console_token(&config).expect("the console is closed")
        };
        assert_eq!(token("known\n").expose(), "known");
        for nothing in ["", "\n"] {
            assert!(token(nothing).expose().len() > 20, "nobody guesses it");
        }
    }
}
