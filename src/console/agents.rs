//! The agents over HTTP: who they are, how they are, and whether they take calls.

use super::guard::admit;
use super::http::Console;
use crate::handoff::agents::AgentState;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
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
    /// `offline`, `reconnecting`, `available`, `busy`, `wrap-up` or `away`.
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
    if let Err(refusal) = admit(&console, &headers) {
        return refusal.into_response();
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
    if let Err(refusal) = admit(&console, &headers) {
        return refusal.into_response();
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

fn busy() -> Response {
    let message = "the server is stopping, or has too much to do: ask again";
    error(StatusCode::SERVICE_UNAVAILABLE, message)
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({ "error": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::secret::Secret;
    use axum::http::{HeaderValue, header};
    use metrics_exporter_prometheus::PrometheusBuilder;
    use std::path::PathBuf;
    use std::sync::Arc;

    /// A console whose server is stopping: who is admitted is told so.
    fn console(token: Option<&str>) -> Console {
        Console {
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            not_ready: Arc::new(|| None),
            demo: false,
            agents: mpsc::channel(1).0,
            token: token.map(Secret::new),
            data: PathBuf::new(),
        }
    }

    /// The statuses of `GET /agents` and of `PUT /agents/anna/state`, asked by the name of that host.
    async fn asked(token: Option<&str>, host: &'static str) -> [u16; 2] {
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("it is a value");
            headers.insert(header::AUTHORIZATION, value);
        }
        let state = "away".to_owned();
        let listed = list(State(console(token)), headers.clone()).await;
        let set = set_state(
            State(console(token)),
            Path("anna".into()),
            headers,
            Ok(Json(Wish { state })),
        );
        [listed.status(), set.await.status()].map(|status| status.as_u16())
    }

    #[tokio::test]
    async fn a_page_of_elsewhere_sends_nobody_away() {
        assert_eq!(asked(None, "evil.example:8060").await, [403, 403]);
        assert_eq!(asked(None, "localhost:8060").await, [503, 503]);
        assert_eq!(asked(Some("x"), "hotline.example").await, [503, 503]);
    }
}
