//! The agents over HTTP: who they are, how they are, and whether they take calls.

use super::http::Console;
use crate::handoff::agents::AgentState;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

/// What is asked of the task that knows.
pub enum AgentRequest {
    List(oneshot::Sender<Vec<AgentView>>),
    Set {
        name: String,
        away: bool,
        /// `None`: nobody is called so.
        reply: oneshot::Sender<Option<AgentView>>,
    },
}

/// An agent, as the API shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentView {
    pub name: String,
    /// `offline`, `available`, `busy`, `wrap-up` or `away`.
    pub state: &'static str,
    /// RFC 3339, in UTC.
    pub since: String,
    pub skills: Vec<String>,
    pub languages: Vec<&'static str>,
}

/// The way there; when it is full, the API answers 503.
pub type ToAgents = mpsc::Sender<AgentRequest>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    state: String,
}

pub fn router(console: Console) -> Router {
    Router::new()
        .route("/agents", get(list))
        .route("/agents/{name}/state", put(set_state))
        .with_state(console)
}

async fn list(State(console): State<Console>, headers: HeaderMap) -> Response {
    if !may_ask(&console, &headers) {
        return not_allowed();
    }
    match ask(&console, AgentRequest::List).await {
        Some(agents) => Json(agents).into_response(),
        None => busy(),
    }
}

async fn set_state(
    State(console): State<Console>,
    Path(name): Path<String>,
    headers: HeaderMap,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Response {
    if !may_ask(&console, &headers) {
        return not_allowed();
    }
    let state = match wish {
        Ok(Json(wish)) => wish.state,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let away = AgentState::Away.name();
    if state != away && state != AgentState::Available.name() {
        let message = format!(
            "`{state}` cannot be set: write \"away\" or \"available\"; the other states follow from \
             registrations and calls"
        );
        return error(StatusCode::UNPROCESSABLE_ENTITY, &message);
    }
    let told = name.clone();
    let request = |reply| AgentRequest::Set {
        name,
        away: state == away,
        reply,
    };
    match ask(&console, request).await {
        Some(Some(agent)) => Json(agent).into_response(),
        Some(None) => {
            let message = format!("the config has no agent `{told}`: `GET /agents` lists them");
            error(StatusCode::NOT_FOUND, &message)
        }
        None => busy(),
    }
}

async fn ask<T>(
    console: &Console,
    request: impl FnOnce(oneshot::Sender<T>) -> AgentRequest,
) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    console.agents.try_send(request(reply)).ok()?;
    answer.await.ok()
}

/// Everybody where the config has no token. Hashes are compared, so that the time tells nothing of it.
pub(super) fn may_ask(console: &Console, headers: &HeaderMap) -> bool {
    let Some(token) = &console.token else {
        return true;
    };
    let given = headers.get(header::AUTHORIZATION);
    let given = given.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let digest = |text: &[u8]| Sha256::digest(text);
    given.is_some_and(|given| digest(given) == digest(token.expose().as_bytes()))
}

pub(super) fn not_allowed() -> Response {
    let message = "send `Authorization: Bearer TOKEN` with the config's console token";
    let mut response = error(StatusCode::UNAUTHORIZED, message);
    let scheme = header::HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, scheme);
    response
}

fn busy() -> Response {
    let message = "the server is stopping, or has too much to do: ask again";
    error(StatusCode::SERVICE_UNAVAILABLE, message)
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "error": message }))).into_response()
}
