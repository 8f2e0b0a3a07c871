//! Requests in, answers out.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::address::{Address, Verb};
use super::change::{self, Meant, Refusal};
use super::faults::{Call, Fault};
use super::store::{Change, Id, Store};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An API server in memory. Clones are the same server.
#[derive(Clone, Debug)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    news: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    store: Store,
    calls: Vec<Call>,
    writes: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
}

/// A parsed request.
struct Asked {
    verb: Verb,
    address: Address,
    query: String,
    metadata_only: bool,
    strategic: bool,
    body: Value,
}

impl Default for ApiServer {
    fn default() -> Self {
        Self { inner: Arc::new(Inner { state: Mutex::default(), news: watch::Sender::new(0) }) }
    }
}

impl ApiServer {
    /// Reads or changes objects as the rest of the cluster would: no fault, no call is noted.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut Store) -> T) -> T {
        let (result, version) = {
            let mut state = self.state();
            (edit(&mut state.store), state.store.version)
        };
        self.inner.news.send_replace(version);
        result
    }

    /// Breaks the write of this number, counted from 1.
    pub fn break_write(&self, number: usize, fault: Fault) {
        self.state().fault = Some((number, fault));
    }

    /// Whether the client has died: whatever it still asks is not answered.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// A new client takes the dead one's place.
    pub fn revive(&self) {
        self.state().dead = false;
    }

    /// How many writes were asked for.
    pub fn writes(&self) -> usize {
        self.state().writes
    }

    /// Everything that was asked for.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// A broken connection, where a fault says so.
    pub async fn answer<B>(&self, request: Request<B>) -> io::Result<Response<Body>>
    where
        B: http_body_util::BodyExt<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        // Two clients that ask at once are answered in turns.
        tokio::task::yield_now().await;
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.map_err(|error| io::Error::other(format!("{error:?}")))?.to_bytes();
        let header =
            |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let Some(address) = Address::parse(parts.uri.path()) else {
            return Ok(json_answer(501, &failure(&(501, "NotImplemented", parts.uri.path().to_owned()))));
        };
        let Some(verb) = address.verb(&parts.method, query.contains("watch=true") || query.contains("watch=1")) else {
            return Ok(json_answer(501, &failure(&(501, "NotImplemented", format!("{} {}", parts.method, parts.uri)))));
        };
        let asked = Asked {
            verb,
            address,
            query,
            metadata_only: header(header::ACCEPT).contains("as=PartialObjectMetadata"),
            strategic: header(header::CONTENT_TYPE).contains("strategic"),
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        };
        self.take(&asked)
    }

    fn take(&self, asked: &Asked) -> io::Result<Response<Body>> {
        let broken = || io::Error::new(io::ErrorKind::ConnectionReset, "the connection is broken");
        let mut state = self.state();
        if state.dead {
            return Err(broken());
        }
        let mut fault = None;
        if asked.verb.is_write() {
            state.writes += 1;
            fault = state.fault.filter(|(number, _)| *number == state.writes).map(|(_, fault)| fault);
        }
        state.dead = fault.is_some_and(Fault::kills);
        if let Some(fault) = fault.filter(|fault| !fault.happens()) {
            state.calls.push(Call { verb: asked.verb, address: asked.address.clone(), code: 0 });
            return if fault.kills() {
                Err(broken())
            } else {
                Ok(json_answer(500, &failure(&(500, "InternalError", "it broke".to_owned()))))
            };
        }
        if asked.verb == Verb::Watch {
            state.calls.push(Call { verb: asked.verb, address: asked.address.clone(), code: 200 });
            drop(state);
            return Ok(self.watch(asked));
        }
        let (code, value) = match execute(&mut state.store, asked) {
            Ok(value) => (if asked.verb == Verb::Create { 201 } else { 200 }, value),
            Err(refusal) => (refusal.0, failure(&refusal)),
        };
        state.calls.push(Call { verb: asked.verb, address: asked.address.clone(), code });
        let version = state.store.version;
        drop(state);
        self.inner.news.send_replace(version);
        if fault.is_some() { Err(broken()) } else { Ok(json_answer(code, &value)) }
    }

    /// What changed since the version that was asked for, and then what changes, a line each.
    fn watch(&self, asked: &Asked) -> Response<Body> {
        let since: u64 = parameter(&asked.query, "resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
        let (address, selector, metadata_only) = (asked.address.clone(), selector(&asked.query), asked.metadata_only);
        let (server, news) = (self.clone(), self.inner.news.subscribe());
        let start = (server, news, since);
        let lines = futures::stream::unfold(start, move |(server, mut news, since)| {
            let (address, selector) = (address.clone(), selector.clone());
            async move {
                loop {
                    let changes: Vec<Change> = {
                        let state = server.state();
                        if state.dead {
                            return None;
                        }
                        state.store.history.iter().filter(|change| change.version > since).cloned().collect()
                    };
                    if let Some(last) = changes.last().map(|change| change.version) {
                        let line = |change: &Change| {
                            let kind = told(change, &address, &selector)?;
                            let object = if metadata_only { partial(&change.object) } else { change.object.clone() };
                            Some(format!("{}\n", json!({"type": kind, "object": object})))
                        };
                        let text: String = changes.iter().filter_map(line).collect();
                        return Some((Ok(http_body::Frame::data(Bytes::from(text))), (server, news, last)));
                    }
                    if news.changed().await.is_err() {
                        return None;
                    }
                }
            }
        });
        let mut answer = Response::new(StreamBody::new(lines.boxed()).boxed_unsync());
        answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        answer
    }
}

/// What a watch says of a change: who watches by label hears of what comes into its sight as made, and of what leaves it
/// as deleted.
fn told(change: &Change, address: &Address, selector: &[(String, String)]) -> Option<&'static str> {
    let seen = |object: &Value| !object.is_null() && is_asked_for(address, selector, &change.id, object);
    match (seen(&change.before), change.kind != "DELETED" && seen(&change.object)) {
        (true, true) => Some("MODIFIED"),
        (false, true) => Some("ADDED"),
        (true, false) => Some("DELETED"),
        (false, false) => None,
    }
}

fn execute(store: &mut Store, asked: &Asked) -> Result<Value, Refusal> {
    let address = &asked.address;
    let id = Id::new(&address.group, &address.resource, &address.namespace, &address.name);
    let missing = || (404, "NotFound", format!("{} {:?} not found", address.resource, address.name));
    let shown = |object: Value| if asked.metadata_only { partial(&object) } else { object };
    let stored = || store.objects.get(&id).cloned().ok_or_else(missing);
    match asked.verb {
        Verb::Get => stored().map(shown),
        Verb::List | Verb::Watch => Ok(list(store, asked)),
        Verb::Create => create(store, asked),
        Verb::Update => {
            let stored = stored()?;
            change::precondition(&stored, &Meant::Update(&asked.body["metadata"]), &address.group)?;
            let object = change::updated(&stored, &asked.body, address.subresource == "status", &address.resource)?;
            Ok(store.replace(&id, object))
        }
        Verb::Patch => {
            let stored = stored()?;
            change::precondition(&stored, &Meant::Patch(&asked.body["metadata"]), &address.group)?;
            let given = change::patched(&stored, &asked.body, asked.strategic);
            let object = change::updated(&stored, &given, address.subresource == "status", &address.resource)?;
            Ok(store.replace(&id, object))
        }
        Verb::Delete => {
            let stored = stored()?;
            change::precondition(&stored, &Meant::Delete(&asked.body["preconditions"]), &address.group)?;
            let waits = store.delete(&id, asked.body["gracePeriodSeconds"].as_i64());
            // A pod is answered with itself, what waits too, and everything else with a word.
            let gone = || {
                if address.resource == "pods" {
                    stored
                } else {
                    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
                }
            };
            Ok(waits.unwrap_or_else(gone))
        }
    }
}

fn create(store: &mut Store, asked: &Asked) -> Result<Value, Refusal> {
    let address = &asked.address;
    let name = asked.body["metadata"]["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        return Err((422, "Invalid", "metadata.name: Required value".to_owned()));
    }
    let id = Id::new(&address.group, &address.resource, &address.namespace, name);
    let space = store.objects.get(&Id::new("", "namespaces", "", &address.namespace));
    if !address.namespace.is_empty() {
        let Some(space) = space else { return Err((404, "NotFound", format!("namespaces {:?} not found", address.namespace))) };
        if !space["metadata"]["deletionTimestamp"].is_null() {
            let message = format!("unable to create new content in namespace {} because it is being terminated", address.namespace);
            return Err((403, "Forbidden", message));
        }
        let quota = &space["metadata"]["annotations"]["double/refuses"];
        if space["metadata"]["annotations"]["double/webhook-down"] == json!(address.resource) {
            let message = "Internal error occurred: failed calling webhook \"one\": connection refused".to_owned();
            return Err((500, "InternalError", message));
        }
        if *quota == json!(address.resource) {
            return Err((403, "Forbidden", format!("{} {name:?} is forbidden: exceeded quota", address.resource)));
        }
    }
    if store.objects.contains_key(&id) {
        return Err((409, "AlreadyExists", format!("{} {name:?} already exists", address.resource)));
    }
    let mut object = asked.body.clone();
    if let Some(fields) = object.as_object_mut() {
        // What a client says of status when it makes an object is not heard.
        fields.remove("status");
    }
    if address.resource == "namespaces" {
        object["spec"]["finalizers"] = json!(["kubernetes"]);
    }
    if address.group == "reprise.dev" {
        object["status"] = json!({"observedGeneration": -1});
    }
    Ok(store.create(id, object))
}

fn list(store: &Store, asked: &Asked) -> Value {
    let selector = selector(&asked.query);
    let wanted = store.objects.iter().filter(|(id, object)| is_asked_for(&asked.address, &selector, id, object));
    let items: Vec<Value> = wanted.map(|(_, object)| if asked.metadata_only { partial(object) } else { object.clone() }).collect();
    let kind = if asked.metadata_only { "PartialObjectMetadataList" } else { "List" };
    let version = if asked.metadata_only { "meta.k8s.io/v1" } else { "v1" };
    json!({"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": store.version.to_string()}, "items": items})
}

fn is_asked_for(address: &Address, selector: &[(String, String)], id: &Id, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    id.group == address.group
        && id.resource == address.resource
        && (address.namespace.is_empty() || address.namespace == id.namespace)
        && selector.iter().all(|(name, value)| labels[name].as_str() == Some(value))
}

/// Labels that must be equal; nothing else is understood, and nothing else is asked.
fn selector(query: &str) -> Vec<(String, String)> {
    let text = parameter(query, "labelSelector").unwrap_or_default();
    text.split(',').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A parameter of a query, with what is escaped in selectors undone.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1;
    Some(value.replace("%2F", "/").replace("%3D", "=").replace("%2C", ","))
}

fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

fn failure((code, reason, message): &Refusal) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason, "message": message})
}

fn json_answer(code: u16, value: &Value) -> Response<Body> {
    let body = Full::new(Bytes::from(value.to_string())).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}
