//! The JSON API: reads, and how answers look.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;

use super::checksum;
use super::double::State;
use super::faults::{Fault, Operation};
use super::objects::Stored;

pub(crate) type Parameters = Query<BTreeMap<String, String>>;

/// An error as the service writes it.
pub(crate) fn refuse(status: u16, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({"error": {"code": status.as_u16(), "message": message}});
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// An object's metadata as the service writes it; `skew` falsifies its checksum.
pub(crate) fn resource(bucket: &str, name: &str, stored: &Stored, skew: u32) -> Response {
    let body = json!({
        "kind": "storage#object",
        "bucket": bucket,
        "name": name,
        "generation": stored.generation.to_string(),
        "metageneration": "1",
        "size": stored.bytes.len().to_string(),
        "contentType": stored.content_type,
        "crc32c": checksum::encode(stored.crc32c ^ skew),
    });
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// An answer that breaks before anybody can read it.
pub(crate) fn lost() -> Response {
    let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("the answer is lost"))]);
    ([(header::CONTENT_LENGTH, "1000")], Body::from_stream(broken)).into_response()
}

/// What this double does not know.
pub(crate) async fn unknown() -> Response {
    refuse(501, "the double does not know this request")
}

/// `GET /storage/v1/b/<bucket>/o/<object>?alt=media`, with an optional generation and range.
pub(crate) async fn read(
    Shared(state): Shared<Arc<State>>,
    Path((bucket, name)): Path<(String, String)>,
    Query(parameters): Parameters,
    headers: HeaderMap,
) -> Response {
    if parameters.get("alt").map(String::as_str) != Some("media") {
        return unknown().await;
    }
    let fault = state.faults.meet(Operation::Read, &name);
    if let Some(Fault::Status(status)) = fault {
        return refuse(status, "injected");
    }
    let wanted: Option<i64> = parameters.get("generation").and_then(|generation| generation.parse().ok());
    let found = state.objects().get(&bucket, &name).cloned();
    let Some(stored) = found.filter(|stored| wanted.is_none_or(|wanted| wanted == stored.generation)) else {
        return refuse(404, "No such object");
    };
    match offset(&headers) {
        Some(offset) if offset >= stored.bytes.len() => refuse(416, "the range begins behind the object's end"),
        offset => answer(&stored, offset, fault),
    }
}

/// Only ranges with an open end are known.
fn offset(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

fn answer(stored: &Stored, offset: Option<usize>, fault: Option<Fault>) -> Response {
    let length = stored.bytes.len();
    let rest = stored.bytes.slice(offset.unwrap_or(0)..);
    let skew = u32::from(fault == Some(Fault::WrongChecksum));
    let mut response = Response::builder()
        .status(if offset.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
        .header("x-goog-generation", stored.generation)
        .header("x-goog-metageneration", 1)
        .header("x-goog-stored-content-length", length)
        .header("x-goog-hash", format!("crc32c={}", checksum::encode(stored.crc32c ^ skew)))
        .header(header::CONTENT_LENGTH, rest.len());
    if let Some(offset) = offset {
        response = response.header(header::CONTENT_RANGE, format!("bytes {offset}-{}/{length}", length - 1));
    }
    let body = match fault {
        Some(Fault::CutBody(after)) => {
            let cut = futures::stream::iter([Ok(first(&rest, after)), Err(std::io::Error::other("the body is cut"))]);
            // Between the bytes and the break the server gets a chance to send them.
            Body::from_stream(cut.then(|item| async {
                tokio::task::yield_now().await;
                item
            }))
        }
        Some(Fault::StallBody(after)) => {
            let begun = futures::stream::iter([Ok::<_, std::io::Error>(first(&rest, after))]);
            Body::from_stream(begun.chain(futures::stream::pending()))
        }
        Some(Fault::LostAnswer) => return lost(),
        _ => Body::from(rest),
    };
    response.body(body).unwrap_or_else(|error| refuse(500, &error.to_string()))
}

fn first(bytes: &Bytes, length: usize) -> Bytes {
    bytes.slice(..length.min(bytes.len()))
}
