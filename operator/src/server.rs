//! /healthz, /readyz and /metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;

use crate::context::Context;

/// The kinds of run that are watched.
const KINDS: usize = 2;

/// Whether the operator does what it is there for.
#[derive(Debug, Default)]
pub struct Readiness {
    listed: AtomicUsize,
    standing_by: AtomicBool,
}

impl Readiness {
    /// All runs of one more kind have been listed once: from now on changes are seen.
    pub fn listed(&self) {
        self.listed.fetch_add(1, Ordering::AcqRel);
    }

    /// Another operator holds the Lease and this one would take it; ready for that.
    pub fn stands_by(&self, stands_by: bool) {
        self.standing_by.store(stands_by, Ordering::Release);
    }

    /// Whether it works, or stands by to.
    pub fn is_ready(&self) -> bool {
        self.listed.load(Ordering::Acquire) >= KINDS || self.standing_by.load(Ordering::Acquire)
    }
}

type Shared = (Arc<Context>, Arc<Readiness>);

/// The routes.
pub fn router(context: Arc<Context>, readiness: Arc<Readiness>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state((context, readiness))
}

async fn ready(State((_, readiness)): State<Shared>) -> (StatusCode, &'static str) {
    if readiness.is_ready() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "runs have not been listed yet\n") }
}

async fn metrics(State((context, _)): State<Shared>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], context.metrics.text())
}
