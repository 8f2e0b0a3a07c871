//! The gRPC API: metadata, listing, deletion. The messages hold the fields in use, by the numbers of
//! google/storage/v2/storage.proto.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::extract::{Path, Request, State as Shared};
use axum::response::Response;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::double::State;
use super::faults::{Fault, Operation};
use super::objects::{Query, Refusal, Stored};

#[derive(Clone, PartialEq, prost::Message)]
struct Object {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    bucket: String,
    #[prost(int64, tag = "3")]
    generation: i64,
    #[prost(int64, tag = "4")]
    metageneration: i64,
    #[prost(int64, tag = "6")]
    size: i64,
    #[prost(string, tag = "13")]
    content_type: String,
    #[prost(message, optional, tag = "16")]
    checksums: Option<Checksums>,
    #[prost(message, optional, tag = "17")]
    update_time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Checksums {
    #[prost(fixed32, optional, tag = "1")]
    crc32c: Option<u32>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct GetRequest {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(string, tag = "2")]
    object: String,
    #[prost(int64, tag = "3")]
    generation: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct DeleteRequest {
    #[prost(string, tag = "1")]
    bucket: String,
    #[prost(string, tag = "2")]
    object: String,
    #[prost(int64, optional, tag = "5")]
    if_generation_match: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Empty {}

#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {
    #[prost(string, tag = "1")]
    parent: String,
    #[prost(int32, tag = "2")]
    page_size: i32,
    #[prost(string, tag = "3")]
    page_token: String,
    #[prost(string, tag = "4")]
    delimiter: String,
    #[prost(string, tag = "6")]
    prefix: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListResponse {
    #[prost(message, repeated, tag = "1")]
    objects: Vec<Object>,
    #[prost(string, repeated, tag = "2")]
    prefixes: Vec<String>,
    #[prost(string, tag = "3")]
    next_page_token: String,
}

impl Object {
    fn new(bucket: &str, name: &str, stored: &Stored, fault: Option<Fault>) -> Self {
        let skew = u32::from(fault == Some(Fault::WrongChecksum));
        let since = stored.updated.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            name: name.to_owned(),
            bucket: bucket.to_owned(),
            generation: stored.generation,
            metageneration: 1,
            size: stored.bytes.len() as i64,
            content_type: stored.content_type.clone(),
            checksums: Some(Checksums { crc32c: Some(stored.crc32c ^ skew) }),
            update_time: Some(Timestamp { seconds: since.as_secs() as i64, nanos: since.subsec_nanos() as i32 }),
        }
    }
}

/// `POST /google.storage.v2.Storage/<method>`.
pub(crate) async fn call(Shared(state): Shared<Arc<State>>, Path(method): Path<String>, request: Request) -> Response {
    match method.as_str() {
        "GetObject" => unary(request, move |asked| get(&state, &asked)).await,
        "ListObjects" => unary(request, move |asked| list(&state, &asked)).await,
        "DeleteObject" => unary(request, move |asked| delete(&state, &asked)).await,
        _ => unary(request, |_: Empty| Err::<Empty, _>(Status::unimplemented("the double does not know this call"))).await,
    }
}

async fn unary<I, O>(request: Request, call: impl Fn(I) -> Result<O, Status>) -> Response
where
    I: prost::Message + Default + Send + 'static,
    O: prost::Message + Default + Send + 'static,
{
    let mut grpc = Grpc::new(ProstCodec::<O, I>::default());
    grpc.unary(Call(call), request).await.map(Body::new)
}

struct Call<F>(F);

impl<I, O, F: FnMut(I) -> Result<O, Status>> UnaryService<I> for Call<F> {
    type Response = O;
    type Future = std::future::Ready<Result<tonic::Response<O>, Status>>;

    fn call(&mut self, request: tonic::Request<I>) -> Self::Future {
        std::future::ready((self.0)(request.into_inner()).map(tonic::Response::new))
    }
}

fn bucket_of(resource: &str) -> Result<&str, Status> {
    let malformed = || Status::invalid_argument("a bucket is written projects/_/buckets/NAME");
    resource.strip_prefix("projects/_/buckets/").ok_or_else(malformed)
}

/// Fails before anything is done, where a rule says so.
fn before(fault: Option<Fault>) -> Result<(), Status> {
    let Some(Fault::Status(status)) = fault else { return Ok(()) };
    let code = match status {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        412 => Code::FailedPrecondition,
        429 => Code::ResourceExhausted,
        _ => Code::Unavailable,
    };
    Err(Status::new(code, "injected"))
}

/// Fails after everything is done, where a rule says so.
fn after(fault: Option<Fault>) -> Result<(), Status> {
    match fault {
        Some(Fault::LostAnswer) => Err(Status::unavailable("the answer is lost")),
        _ => Ok(()),
    }
}

fn get(state: &State, asked: &GetRequest) -> Result<Object, Status> {
    let fault = state.faults.meet(Operation::Get, &asked.object);
    before(fault)?;
    let objects = state.objects();
    let stored = objects.get(bucket_of(&asked.bucket)?, &asked.object);
    let stored = stored.filter(|stored| asked.generation == 0 || asked.generation == stored.generation);
    after(fault)?;
    let stored = stored.ok_or_else(|| Status::not_found("No such object"))?;
    Ok(Object::new(&asked.bucket, &asked.object, stored, fault))
}

fn list(state: &State, asked: &ListRequest) -> Result<ListResponse, Status> {
    let fault = state.faults.meet(Operation::List, &asked.prefix);
    before(fault)?;
    let size = if asked.page_size <= 0 { 1000 } else { asked.page_size.min(1000) as usize };
    let bucket = bucket_of(&asked.parent)?;
    let query = Query { bucket, prefix: &asked.prefix, delimiter: &asked.delimiter, token: &asked.page_token, size };
    let listed = state.objects().list(query);
    after(fault)?;
    let objects = listed.objects.iter().map(|(name, stored)| Object::new(&asked.parent, name, stored, fault));
    Ok(ListResponse { objects: objects.collect(), prefixes: listed.prefixes, next_page_token: listed.next })
}

fn delete(state: &State, asked: &DeleteRequest) -> Result<Empty, Status> {
    let fault = state.faults.meet(Operation::Delete, &asked.object);
    before(fault)?;
    let deleted = state.objects().delete(bucket_of(&asked.bucket)?, &asked.object, asked.if_generation_match);
    after(fault)?;
    match deleted {
        Ok(()) => Ok(Empty {}),
        Err(Refusal::Missing) => Err(Status::not_found("No such object")),
        Err(Refusal::Precondition) => Err(Status::failed_precondition("the generation is another")),
    }
}
