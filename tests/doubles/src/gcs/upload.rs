//! The JSON API: uploads, in one request and in pieces.

use std::sync::Arc;

use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::checksum;
use super::double::State;
use super::faults::{Fault, Operation};
use super::json::{Parameters, lost, refuse, resource, unknown};
use super::multipart;

/// An upload in pieces.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    target: Target,
    received: Vec<u8>,
    expired: bool,
}

/// Where an upload goes.
#[derive(Clone, Debug)]
struct Target {
    bucket: String,
    name: String,
    expected: Option<i64>,
    content_type: String,
}

/// `POST /upload/storage/v1/b/<bucket>/o?uploadType=multipart|resumable&name=<object>`.
pub(crate) async fn begin(
    Shared(state): Shared<Arc<State>>,
    Path(bucket): Path<String>,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(name) = parameters.get("name").cloned() else { return refuse(400, "name is required") };
    let expected = parameters.get("ifGenerationMatch").and_then(|generation| generation.parse().ok());
    let target = Target { bucket, name, expected, content_type: String::new() };
    match parameters.get("uploadType").map(String::as_str) {
        Some("multipart") => whole(&state, target, &headers, &body).await,
        Some("resumable") => in_pieces(&state, target, &body),
        _ => unknown().await,
    }
}

async fn whole(state: &State, target: Target, headers: &HeaderMap, body: &Bytes) -> Response {
    let fault = state.faults.meet(Operation::Upload, &target.name);
    if let Some(Fault::Status(status)) = fault {
        return refuse(status, "injected");
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(parts) = multipart::split(content_type, body).filter(|parts| parts.len() >= 2) else {
        return refuse(400, "the body is not metadata and media");
    };
    // The sum stands in the metadata, or behind the media if it was not known before.
    let stated = parts.iter().step_by(2).find_map(|part| field(part, "crc32c"));
    let target = Target { content_type: field(&parts[0], "contentType").unwrap_or_default(), ..target };
    let response = store(state, &target, parts[1].clone(), stated.as_deref(), fault);
    answer(response, fault).await
}

fn in_pieces(state: &State, target: Target, metadata: &Bytes) -> Response {
    if let Some(Fault::Status(status)) = state.faults.meet(Operation::BeginUpload, &target.name) {
        return refuse(status, "injected");
    }
    if !state.objects().matches(&target.bucket, &target.name, target.expected) {
        return refuse(412, "the generation is another");
    }
    let target = Target { content_type: field(metadata, "contentType").unwrap_or_default(), ..target };
    let mut sessions = state.sessions();
    let id = format!("{}", sessions.len());
    sessions.insert(id.clone(), Session { target, received: Vec::new(), expired: false });
    (StatusCode::OK, [(header::LOCATION, format!("{}/upload/sessions/{id}", state.endpoint))]).into_response()
}

/// `PUT /upload/sessions/<id>`: a piece (`bytes 0-99/*`), the last one (`bytes 100-199/200`) or a question (`bytes */*`).
pub(crate) async fn piece(Shared(state): Shared<Arc<State>>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let session = state.sessions().get(&id).cloned().filter(|session| !session.expired);
    let Some(session) = session else { return refuse(410, "the session is over") };
    let fault = state.faults.meet(Operation::Piece, &session.target.name);
    match fault {
        Some(Fault::Status(status)) => return refuse(status, "injected"),
        Some(Fault::ExpiredSession) => {
            state.sessions().insert(id, Session { expired: true, ..session });
            return refuse(410, "the session is over");
        }
        _ => {}
    }
    let range = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(range) = parse_range(range) else { return refuse(400, "the content range is not well formed") };
    let mut received = session.received;
    if let Some(begin) = range.begin {
        if begin > received.len() {
            return refuse(400, "pieces must follow each other");
        }
        received.truncate(begin);
        received.extend_from_slice(&body);
    }
    if range.total == Some(received.len()) {
        let stated = headers.get("x-goog-hash").and_then(|value| value.to_str().ok());
        let stated = stated.and_then(|hash| hash.split(',').find_map(|sum| sum.strip_prefix("crc32c=")));
        let response = store(&state, &session.target, received.into(), stated, fault);
        return answer(response, fault).await;
    }
    let persisted = received.len();
    if let Some(session) = state.sessions().get_mut(&id) {
        session.received = received;
    }
    answer(incomplete(persisted), fault).await
}

struct Range {
    begin: Option<usize>,
    total: Option<usize>,
}

fn parse_range(text: &str) -> Option<Range> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let begin = if range == "*" { None } else { Some(range.split_once('-')?.0.parse().ok()?) };
    Some(Range { begin, total: total.parse().ok() })
}

fn incomplete(persisted: usize) -> Response {
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    if let Some(range) = persisted.checked_sub(1).and_then(|last| format!("bytes=0-{last}").parse().ok()) {
        response.headers_mut().insert(header::RANGE, range);
    }
    response
}

fn store(state: &State, target: &Target, bytes: Bytes, stated: Option<&str>, fault: Option<Fault>) -> Response {
    if stated.is_some_and(|stated| checksum::decode(stated) != Some(crc32c::crc32c(&bytes))) {
        return refuse(400, "the bytes do not have the stated crc32c");
    }
    let content = (bytes, target.content_type.clone());
    match state.objects().put(&target.bucket, &target.name, content, target.expected) {
        Err(_) => refuse(412, "the generation is another"),
        Ok(stored) => resource(&target.bucket, &target.name, &stored, u32::from(fault == Some(Fault::WrongChecksum))),
    }
}

async fn answer(response: Response, fault: Option<Fault>) -> Response {
    match fault {
        Some(Fault::LostAnswer) => lost(),
        Some(Fault::HeldAnswer) => std::future::pending().await,
        _ => response,
    }
}

fn field(json: &Bytes, name: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(json).ok()?;
    value.get(name)?.as_str().map(str::to_owned)
}
