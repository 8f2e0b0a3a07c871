//! Objects in Google Cloud Storage, through the official client.
//!
//! Uploads and reads go over its JSON transport, metadata, listing and deletion over gRPC. The client's own retries and
//! resumptions are off: one call here is one attempt, and [`crate::Location`] decides what follows.

use std::time::{Duration, UNIX_EPOCH};

use futures::{FutureExt, StreamExt};
use google_cloud_auth::credentials::anonymous;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::model::Object;
use google_cloud_storage::model_ext::ReadRange;
use google_cloud_storage::read_resume_policy::NeverResume;
use google_cloud_storage::streaming_source::{Payload, StreamingSource};

use crate::error::{Error, Result};
use crate::store::{Answer, Body, Commit, Expect, Info, Page, Reading, Store};

/// Larger bodies are sent in pieces of this size, so that memory is bounded.
const PIECE: usize = 8 << 20;
const PAGE: i32 = 1000;

/// A bucket.
#[derive(Clone, Debug)]
pub struct GcsStore {
    bucket: String,
    resource: String,
    storage: Storage,
    control: StorageControl,
}

impl GcsStore {
    /// Makes the clients of a bucket; with an endpoint (`http://address:port`) they ask it, anonymously. Nothing is
    /// asked yet, so a missing bucket shows at first use.
    ///
    /// # Errors
    /// `Denied` if there are no credentials or the endpoint is malformed.
    pub async fn connect(bucket: &str, endpoint: Option<&str>) -> Result<Self> {
        let failed =
            |error: &dyn std::error::Error| Error::Denied { verb: "open", object: format!("gs://{bucket}/"), reason: error.to_string() };
        let mut storage = Storage::builder()
            .with_retry_policy(NeverRetry)
            .with_read_resume_policy(NeverResume)
            .with_resumable_upload_threshold(PIECE)
            .with_resumable_upload_buffer_size(PIECE);
        let mut control = StorageControl::builder().with_retry_policy(NeverRetry);
        if let Some(endpoint) = endpoint {
            storage = storage.with_endpoint(endpoint).with_credentials(anonymous::Builder::new().build());
            control = control.with_endpoint(endpoint).with_credentials(anonymous::Builder::new().build());
        }
        Ok(Self {
            bucket: bucket.to_owned(),
            resource: format!("projects/_/buckets/{bucket}"),
            storage: storage.build().await.map_err(|error| failed(&error))?,
            control: control.build().await.map_err(|error| failed(&error))?,
        })
    }

    async fn put_object(&self, name: &str, body: &Body, expect: Expect) -> Result<Commit> {
        let generation = match expect {
            Expect::Absent => 0,
            Expect::Generation(generation) => generation,
        };
        let outcome = match body {
            Body::Bytes(bytes) => self.upload(name, bytes.clone(), generation).await,
            Body::File(path) => {
                let file = tokio::fs::File::open(path).await.map_err(|e| Error::local("read", path, e))?;
                self.upload(name, file, generation).await
            }
        };
        match outcome {
            Ok(generation) => Ok(Commit::Committed(generation)),
            Err(error) => match Kind::of(&error) {
                Kind::Precondition => Ok(Commit::Rejected),
                Kind::Denied => Err(self.failed("store", name, &error)),
                // An upload in pieces may find its session gone: then nobody can tell which "not found" this is.
                Kind::Missing if body.length().await? < PIECE as u64 => Err(self.failed("store", name, &error)),
                Kind::Missing | Kind::Passing => Ok(Commit::Unknown(describe(&error))),
            },
        }
    }

    async fn upload<T, S>(&self, name: &str, payload: T, generation: i64) -> google_cloud_storage::Result<i64>
    where
        T: Into<Payload<S>>,
        S: StreamingSource + Send + Sync + 'static,
    {
        let request = self.storage.write_object(&self.resource, name, payload).set_if_generation_match(generation);
        // Boxed, as the client's future is 32 KiB large.
        let stored = Box::pin(request.set_content_type(content_type(name)).send_buffered()).await?;
        Ok(stored.generation)
    }

    async fn read_object(&self, name: &str, generation: Option<i64>, offset: u64) -> Result<Reading> {
        // The sum is checked by the caller, over all attempts; the client could check whole bodies only.
        let mut request = self.storage.read_object(&self.resource, name).compute_crc32c(false);
        if let Some(generation) = generation {
            request = request.set_generation(generation);
        }
        if offset > 0 {
            request = request.set_read_range(ReadRange::offset(offset));
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if Kind::of(&error) == Kind::Missing && generation.is_some() => {
                return Err(Error::Changed { object: self.uri(name) });
            }
            Err(error) => return Err(self.failed("read", name, &error)),
        };
        let head = response.object();
        let crc32c = head.checksums.and_then(|sums| sums.crc32c);
        if crc32c.is_none() {
            return Err(Error::corrupt(self.uri(name), "the storage sent no crc32c"));
        }
        let tail = (response, self.clone(), name.to_owned());
        let chunks = futures::stream::try_unfold(tail, |(mut response, store, name)| async move {
            match response.next().await {
                None => Ok(None),
                Some(Ok(chunk)) => Ok(Some((chunk, (response, store, name)))),
                Some(Err(error)) => Err(store.failed("read", &name, &error)),
            }
        });
        Ok(Reading { generation: head.generation, length: head.size.unsigned_abs(), crc32c, chunks: chunks.boxed() })
    }

    async fn head_object(&self, name: &str) -> Result<Info> {
        let request = self.control.get_object().set_bucket(&self.resource).set_object(name);
        let object = request.send().await.map_err(|error| self.failed("look at", name, &error))?;
        self.info(&object)
    }

    async fn list_objects(&self, prefix: &str, token: Option<&str>) -> Result<Page> {
        let request = self.control.list_objects().set_parent(&self.resource).set_prefix(prefix).set_page_size(PAGE);
        let response = request.set_page_token(token.unwrap_or_default()).send().await;
        let response = response.map_err(|error| self.failed("list", prefix, &error))?;
        let is_folder = |object: &Object| object.name.ends_with('/'); // made by consoles to show empty folders
        let objects = response.objects.iter().filter(|object| !is_folder(object)).map(|object| self.info(object));
        let next = Some(response.next_page_token).filter(|token| !token.is_empty());
        Ok(Page { objects: objects.collect::<Result<_>>()?, next })
    }

    async fn delete_object(&self, name: &str, generation: i64) -> Result<()> {
        let request = self.control.delete_object().set_bucket(&self.resource).set_object(name);
        match request.set_if_generation_match(generation).send().await {
            Ok(()) => Ok(()),
            Err(error) => match Kind::of(&error) {
                Kind::Missing => Ok(()),
                Kind::Precondition => Err(Error::Changed { object: self.uri(name) }),
                Kind::Denied | Kind::Passing => Err(self.failed("delete", name, &error)),
            },
        }
    }

    fn info(&self, object: &Object) -> Result<Info> {
        let crc32c = object.checksums.as_ref().and_then(|sums| sums.crc32c);
        let crc32c = crc32c.ok_or_else(|| Error::corrupt(self.uri(&object.name), "the storage sent no crc32c"))?;
        let updated = object.update_time.unwrap_or_default();
        Ok(Info {
            name: object.name.clone(),
            generation: object.generation,
            length: object.size.unsigned_abs(),
            crc32c,
            updated: UNIX_EPOCH + Duration::new(updated.seconds().unsigned_abs(), updated.nanos().unsigned_abs()),
        })
    }

    fn failed(&self, verb: &'static str, name: &str, error: &google_cloud_storage::Error) -> Error {
        let (object, reason) = (self.uri(name), describe(error));
        match Kind::of(error) {
            Kind::Missing => Error::NotFound { object },
            Kind::Precondition => Error::Changed { object },
            Kind::Denied => Error::Denied { verb, object, reason },
            Kind::Passing => Error::Unavailable { verb, object, reason },
        }
    }
}

impl Store for GcsStore {
    fn uri(&self, name: &str) -> String {
        format!("gs://{}/{name}", self.bucket)
    }

    fn put<'a>(&'a self, name: &'a str, body: &'a Body, expect: Expect) -> Answer<'a, Commit> {
        self.put_object(name, body, expect).boxed()
    }

    fn read<'a>(&'a self, name: &'a str, generation: Option<i64>, offset: u64) -> Answer<'a, Reading> {
        self.read_object(name, generation, offset).boxed()
    }

    fn head<'a>(&'a self, name: &'a str) -> Answer<'a, Info> {
        self.head_object(name).boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str, token: Option<&'a str>) -> Answer<'a, Page> {
        self.list_objects(prefix, token).boxed()
    }

    fn delete<'a>(&'a self, name: &'a str, generation: i64) -> Answer<'a, ()> {
        self.delete_object(name, generation).boxed()
    }
}

/// What an error of the client means here. Over JSON the meaning stands in the HTTP status, over gRPC in its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Missing,
    Precondition,
    Denied,
    Passing,
}

impl Kind {
    fn of(error: &google_cloud_storage::Error) -> Self {
        if let Some(status) = error.http_status_code() {
            return match status {
                404 | 410 => Self::Missing,
                412 => Self::Precondition,
                408 | 429 => Self::Passing,
                400..500 => Self::Denied,
                _ => Self::Passing,
            };
        }
        match error.status().map(|status| status.code) {
            Some(Code::NotFound) => Self::Missing,
            Some(Code::FailedPrecondition) => Self::Precondition,
            Some(Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument | Code::Unimplemented) => Self::Denied,
            None if error.is_binding() => Self::Denied,
            _ => Self::Passing,
        }
    }
}

/// An error with its causes: the client's own text says little without them.
fn describe(error: &google_cloud_storage::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("csv") => "text/csv",
        _ => "application/octet-stream",
    }
}
