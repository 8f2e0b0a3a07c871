//! The server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::faults::{Faults, Operation, Rule};
use super::objects::Objects;
use super::upload::Session;
use super::{grpc, json, upload};

/// A running double of Google Cloud Storage; it ends when dropped. Every bucket exists.
#[derive(Debug)]
pub struct GcsDouble {
    address: SocketAddr,
    state: Arc<State>,
    server: JoinHandle<std::io::Result<()>>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// How the double reaches itself: the `Location` of an upload in pieces needs it, for a client's Host has no port.
    pub(crate) endpoint: String,
    pub(crate) faults: Faults,
    objects: Mutex<Objects>,
    sessions: Mutex<BTreeMap<String, Session>>,
}

impl State {
    pub(crate) fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GcsDouble {
    /// Starts on any free port of this machine.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_at("127.0.0.1:0").await
    }

    /// Starts at `host:port`; port 0 is any.
    pub async fn start_at(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { endpoint: format!("http://{address}"), ..State::default() });
        let router = Router::new()
            .route("/storage/v1/b/{bucket}/o/{*object}", get(json::read))
            .route("/upload/storage/v1/b/{bucket}/o", post(upload::begin))
            .route("/upload/sessions/{id}", put(upload::piece))
            .route("/google.storage.v2.Storage/{method}", post(grpc::call))
            .fallback(json::unknown)
            .layer(DefaultBodyLimit::disable())
            .with_state(state.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, state, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`, for a client's endpoint.
    pub fn endpoint(&self) -> String {
        self.state.endpoint.clone()
    }

    /// Adds a rule; the first one that matches a request breaks it.
    pub fn inject(&self, rule: Rule) {
        self.state.faults.add(rule);
    }

    /// All requests so far, with the object's name (of a listing: the prefix), in the order of their arrival.
    pub fn requests(&self) -> Vec<(Operation, String)> {
        self.state.faults.seen()
    }

    /// How often this operation was asked of objects whose name contains this.
    pub fn count(&self, operation: Operation, object: &str) -> usize {
        self.requests().iter().filter(|(seen, name)| *seen == operation && name.contains(object)).count()
    }

    /// Stores an object past all rules; returns its generation.
    pub fn store(&self, bucket: &str, name: &str, bytes: impl Into<Bytes>) -> i64 {
        let stored = self.state.objects().put(bucket, name, (bytes.into(), String::new()), None);
        stored.map_or(0, |stored| stored.generation)
    }

    /// The bytes of an object, past all rules.
    pub fn bytes(&self, bucket: &str, name: &str) -> Option<Bytes> {
        self.state.objects().get(bucket, name).map(|stored| stored.bytes.clone())
    }

    /// Runs until the server fails; for a process that is nothing else.
    pub async fn serve(mut self) -> std::io::Result<()> {
        (&mut self.server).await.map_err(std::io::Error::other)?
    }
}

impl Drop for GcsDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}
