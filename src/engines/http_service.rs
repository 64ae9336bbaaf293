//! A speech service elsewhere, spoken to over HTTP by threads that may wait: asked within a time-out,
//! and left alone for a while after it has failed again and again.

use crate::config::secret::Secret;
use crate::config::speech::Service;
use reqwest::RequestBuilder;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Failures, one after the other, after which the service is left alone: a caller should not wait
/// for a dead service's time-out at every word.
const FAILURES: u32 = 3;
/// How long it is left alone.
const REST: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    #[error("it is left alone after {FAILURES} failures")]
    Resting,
    #[error("it answered {status}: {told}")]
    Refused { status: u16, told: String },
    #[error("{0}")]
    Failed(String),
}

pub struct HttpService {
    url: String,
    key: Option<Secret>,
    timeout: Duration,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    client: reqwest::Client,
    health: Mutex<Health>,
}

#[derive(Default)]
struct Health {
    failures: u32,
    rests_until: Option<Instant>,
}

impl HttpService {
    /// Asks nobody yet; what is wrong with the key or this machine is told.
    pub fn new(service: &Service) -> Result<HttpService, String> {
        let key = service.key.as_ref().map(|key| key.reveal()).transpose()?;
        // The one that reqwest takes; it is there already where this is not the first client.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("zeroline/", env!("CARGO_PKG_VERSION")))
            // A caller's voice and the operator's key are for the address in the config.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("speech-http")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(HttpService {
            url: service.url.clone(),
            key,
            timeout: service.timeout,
            runtime: Some(runtime),
            client,
            health: Mutex::default(),
        })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Posts what `fill` puts into the request to `path`: the answer's bytes, `most` at most. Waits:
    /// never from within a runtime.
    pub fn post(
        &self,
        path: &str,
        most: usize,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Vec<u8>, ServiceError> {
        let now = Instant::now();
        if self.health().rests_until.is_some_and(|until| now < until) {
            return Err(ServiceError::Resting);
        }
        let mut request = self.client.post(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose());
        }
        let runtime = self.runtime.as_ref().expect("taken only when dropped");
        let answer = runtime.block_on(async {
            let answer = tokio::time::timeout(self.timeout, read(fill(request), most));
            answer
                .await
                .unwrap_or(Err(ServiceError::TimedOut(self.timeout)))
        });
        self.note(&answer);
        answer
    }

    fn note(&self, answer: &Result<Vec<u8>, ServiceError>) {
        let mut health = self.health();
        match answer {
            Ok(_) => *health = Health::default(),
            Err(error) => {
                health.failures += 1;
                if health.failures >= FAILURES {
                    health.rests_until = Some(Instant::now() + REST);
                    let seconds = REST.as_secs();
                    tracing::error!(url = self.url, %error, seconds, "a service is left alone");
                }
            }
        }
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HttpService {
    fn drop(&mut self) {
        // It may be dropped within another runtime, where nothing may be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn read(request: RequestBuilder, most: usize) -> Result<Vec<u8>, ServiceError> {
    let failed = |error: reqwest::Error| ServiceError::Failed(reason(&error));
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > most {
            let told = format!("its answer is longer than {most} bytes");
            return Err(ServiceError::Failed(told));
        }
        body.extend_from_slice(&chunk);
    }
    match status.is_success() {
        true => Ok(body),
        false => Err(ServiceError::Refused {
            status: status.as_u16(),
            told: excerpt(&body),
        }),
    }
}

/// With its causes: "error sending request" alone says nothing.
fn reason(error: &reqwest::Error) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        told = format!("{told}: {next}");
        cause = next.source();
    }
    told
}

/// The beginning of what a service says of its refusal, in one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(120).collect()
}
