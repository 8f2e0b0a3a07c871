//! Events: what happened, once each. An Event's name is a function of what it says, so that an operator that starts
//! again, or a second one, repeats nothing.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Api;
use kube::api::PostParams;
use reprise_crds::definitions::API_VERSION;
use sha2::{Digest as _, Sha256};

use crate::context::Context;
use crate::kind::Run;
use crate::names;
use crate::plan::Notice;

/// The most characters of a note.
const LONGEST_NOTE: usize = 1024;

/// The Event that tells a notice of a run.
pub fn build(run: &Run, notice: &Notice, now: Timestamp) -> Event {
    let mut hasher = Sha256::new();
    for part in [&run.uid, notice.reason.as_str(), &notice.note, &run.generation.to_string(), &run.attempt().to_string()] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{digest:016x}", run.name)),
            namespace: Some(run.namespace.clone()),
            ..ObjectMeta::default()
        },
        action: Some(notice.reason.as_str().to_owned()),
        reason: Some(notice.reason.as_str().to_owned()),
        note: Some(notice.note.chars().take(LONGEST_NOTE).collect()),
        type_: Some(if notice.warning { "Warning" } else { "Normal" }.to_owned()),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(names::OPERATOR.to_owned()),
        reporting_instance: Some(names::OPERATOR.to_owned()),
        regarding: Some(ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(run.kind.to_owned()),
            name: Some(run.name.clone()),
            namespace: Some(run.namespace.clone()),
            uid: Some(run.uid.clone()),
            ..ObjectReference::default()
        }),
        ..Event::default()
    }
}

/// Tells a notice. A failure is logged and fails nothing.
pub async fn publish(context: &Context, run: &Run, notice: &Notice, now: Timestamp) {
    let api: Api<Event> = Api::namespaced(context.client.clone(), &run.namespace);
    let event = build(run, notice, now);
    match tokio::time::timeout(context.patience, api.create(&PostParams::default(), &event)).await {
        Ok(Ok(_)) => {}
        Ok(Err(kube::Error::Api(status))) if status.is_already_exists() || status.is_conflict() => {}
        Ok(Err(error)) => tracing::warn!(run = run.name, %error, "an Event was not stored"),
        Err(_) => tracing::warn!(run = run.name, "an Event was not stored in time"),
    }
}
