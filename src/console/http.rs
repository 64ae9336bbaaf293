//! Health, metrics, and the demo's parcel service.

use super::agents::{self, ToAgents};
use super::messages;
use crate::config::secret::Secret;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use std::path::PathBuf;
use std::sync::Arc;

/// What the endpoints tell about.
#[derive(Clone)]
pub struct Console {
    pub metrics: PrometheusHandle,
    /// Why no new calls are taken, while they are not.
    pub not_ready: Arc<dyn Fn() -> Option<&'static str> + Send + Sync>,
    /// Also answer the demo dialplans' lookups.
    pub demo: bool,
    pub agents: ToAgents,
    /// What who asks about agents, or for messages, has to know, if anything.
    pub token: Option<Secret>,
    /// The folder of the messages.
    pub data: PathBuf,
}

/// Everything.
pub fn router(console: Console) -> Router {
    let demo = Router::new().route("/demo/parcels/{number}", get(parcel));
    let metrics = metrics_router(console.clone())
        .merge(agents::router(console.clone()))
        .merge(messages::router(console.clone()));
    if console.demo {
        metrics.merge(demo)
    } else {
        metrics
    }
}

/// What monitoring asks for.
pub fn metrics_router(console: Console) -> Router {
    Router::new()
        .route("/health", get(async || "ok\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(console)
}

async fn metrics(State(console): State<Console>) -> String {
    console.metrics.render()
}

/// 503 while no new calls are taken: a load balancer sends them elsewhere.
async fn ready(State(console): State<Console>) -> impl IntoResponse {
    match (console.not_ready)() {
        None => (StatusCode::OK, "ready\n".to_string()),
        Some(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{why}: no new calls are taken\n"),
        ),
    }
}

/// A parcel's state by its number: its last digit decides, so that callers can try every answer.
async fn parcel(Path(number): Path<String>) -> Result<Json<serde_json::Value>, StatusCode> {
    let last = number.bytes().last().filter(u8::is_ascii_digit);
    let state = match last.ok_or(StatusCode::NOT_FOUND)? {
        b'0'..=b'4' => "IN_TRANSIT",
        b'5'..=b'7' => "DELIVERED",
        b'8' => "AT_DEPOT",
        _ => return Err(StatusCode::NOT_FOUND),
    };
    Ok(Json(
        serde_json::json!({ "number": number, "state": state, "due": "2026-12-01" }),
    ))
}
