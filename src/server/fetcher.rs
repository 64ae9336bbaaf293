//! Lookups over HTTP, off the media threads.

use super::media_thread::{Command, MediaThread};
use super::resident::CallNumber;
use crate::call::contract::Input;
use crate::dialogue::action::Fetch;
use crate::dialogue::input::{FetchFailure, FetchId, Fetched};
use crate::dialplan::model::HttpMethod;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

/// Lookups under way at the same time; one more fails at once, and its node's `failed` path is
/// taken, which is kinder than a wait without end.
const AT_ONCE: usize = 512;
/// The longest answer that is read.
const MAX_BODY: usize = 1024 * 1024;
/// Wishes that wait for the task; more are refused at once.
const QUEUE: usize = 4096;

pub enum Wish {
    Fetch {
        call: CallNumber,
        thread: MediaThread,
        fetch: Fetch,
    },
    Cancel {
        call: CallNumber,
        fetch: FetchId,
    },
}

pub type FetcherHandle = mpsc::Sender<Wish>;

/// Must be called within a tokio runtime.
pub fn spawn() -> Result<FetcherHandle, reqwest::Error> {
    let client = client()?;
    let (sender, wishes) = mpsc::channel(QUEUE);
    tokio::spawn(run(client, wishes));
    Ok(sender)
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    // The one that reqwest takes; it is there already where this is not the first client.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("zeroline/", env!("CARGO_PKG_VERSION")))
        // What a caller keyed, and the operator's keys to the service, are for the address in the
        // dialplan; and a POST that is sent on arrives as a GET.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

async fn run(client: reqwest::Client, mut wishes: mpsc::Receiver<Wish>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way: FxHashMap<(CallNumber, FetchId), AbortHandle> = FxHashMap::default();
    while let Some(wish) = wishes.recv().await {
        match wish {
            Wish::Cancel { call, fetch } => {
                if let Some(task) = under_way.remove(&(call, fetch)) {
                    task.abort();
                }
            }
            Wish::Fetch {
                call,
                thread,
                fetch,
            } => {
                let key = (call, fetch.id);
                let Ok(place) = places.clone().try_acquire_owned() else {
                    answer(
                        &thread,
                        call,
                        fetch.id,
                        Err(failure(None, "too many lookups at once")),
                    );
                    continue;
                };
                let client = client.clone();
                let task = tokio::spawn(async move {
                    let (id, timeout) = (fetch.id, fetch.timeout);
                    let result = match tokio::time::timeout(timeout, perform(&client, fetch)).await
                    {
                        Ok(result) => result,
                        Err(_) => Err(failure(None, "no answer in time")),
                    };
                    answer(&thread, call, id, result);
                    drop(place);
                });
                under_way.retain(|_, task| !task.is_finished());
                under_way.insert(key, task.abort_handle());
            }
        }
    }
}

fn answer(
    thread: &MediaThread,
    call: CallNumber,
    fetch: FetchId,
    result: Result<Fetched, FetchFailure>,
) {
    // With its inbox full for so long, the dialogue's own time-out takes the failed path.
    let _ = thread.send(Command::Input(call, Input::Fetched { fetch, result }));
}

async fn perform(client: &reqwest::Client, fetch: Fetch) -> Result<Fetched, FetchFailure> {
    let mut request = match fetch.method {
        HttpMethod::Get => client.get(&fetch.url),
        HttpMethod::Post => client.post(&fetch.url),
    };
    for (name, value) in &fetch.headers {
        request = request.header(name, value);
    }
    if let Some(key) = &fetch.idempotency_key {
        request = request.header("Idempotency-Key", key);
    }
    if let Some(body) = &fetch.body {
        request = request.json(body);
    }
    // An error's text may name the URL, which may hold what the caller keyed.
    let told = |error: reqwest::Error| failure(None, &error.without_url().to_string());
    let mut response = request.send().await.map_err(told)?;
    let status = response.status();
    if status.is_redirection() {
        let reason = "the service is elsewhere: put its final address into the dialplan";
        return Err(failure(Some(status.as_u16()), reason));
    }
    if !status.is_success() {
        return Err(failure(Some(status.as_u16()), "the service refused"));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(failure(
                Some(status.as_u16()),
                "the answer is longer than 1 MiB",
            ));
        }
        body.extend_from_slice(&chunk);
    }
    let body = parse(&body).map_err(|reason| failure(Some(status.as_u16()), &reason))?;
    Ok(Fetched {
        status: status.as_u16(),
        body: Arc::new(body),
    })
}

/// An empty answer is `null`.
fn parse(body: &[u8]) -> Result<serde_json::Value, String> {
    if body.is_empty() {
        return Ok(serde_json::Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| format!("the answer is not JSON: {error}"))
}

fn failure(status: Option<u16>, reason: &str) -> FetchFailure {
    FetchFailure {
        status,
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_service_that_is_elsewhere_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it has one");
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("somebody asks");
            let read = stream.read(&mut [0; 4096]).await;
            assert!(read.is_ok_and(|length| length > 0));
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{address}/elsewhere\r\n\
                 Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let written = stream.write_all(answer.as_bytes()).await;
            written.expect("the client reads");
            listener
        });
        let fetch = Fetch {
            id: FetchId(1),
            method: HttpMethod::Post,
            url: format!("http://{address}/refund"),
            headers: vec![("X-Api-Key".into(), "secret".into())],
            body: Some(serde_json::json!({"amount": 20})),
            idempotency_key: None,
            timeout: Duration::from_secs(20),
        };
        let client = client().expect("no server is needed for that");
        let Err(failed) = perform(&client, fetch).await else {
            panic!("a redirect is no answer");
        };
        assert_eq!(failed.status, Some(302));
        let listener = served.await.expect("it was asked once");
        let again = tokio::time::timeout(Duration::from_millis(50), listener.accept());
        assert!(again.await.is_err(), "the other address was asked");
    }
}
