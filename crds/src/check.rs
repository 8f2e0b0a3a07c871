//! Checks beyond structure: CEL rules, what no rule can say, and what this build cannot do.

use std::collections::BTreeSet;

use kube::core::cel::{ValidationErrors, Validator};
use serde::Serialize;
use serde_json::Value;

use crate::refusal::Refusal;
use crate::run::{ModelSource, RunSpec};
use crate::source::{DataSource, DataSourceSpec};

/// Where a run is to be executed: it decides what has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// On a cluster, by the operator.
    Cluster,
    /// On this machine, by `reprise run`.
    Machine,
}

/// The CEL rules of a schema on an object, and on its change from `old`.
pub(crate) fn rules(schema: &Value, object: &Value, old: Option<&Value>) -> Vec<Refusal> {
    let broken = Validator::new().validate(schema, object, old).err().map(ValidationErrors::into_vec);
    broken.into_iter().flatten().map(|error| Refusal::new(error.field_path, error.message)).collect()
}

/// The CEL rules of a kind on a change from `old` to `new`, as an API server applies them.
///
/// Refuses a change of a frozen field.
pub fn update<K: Serialize + kube::Resource<DynamicType = ()>>(new: &K, old: &K) -> Vec<Refusal> {
    let kind = K::kind(&());
    let (Some(schema), Ok(new), Ok(old)) = (crate::definitions::schema(&kind), serde_json::to_value(new), serde_json::to_value(old)) else {
        return vec![Refusal::new("kind", format!("{kind} is no kind of Reprise"))];
    };
    rules(schema, &new, Some(&old))
}

/// Nothing beyond the schema.
pub(crate) fn no_more<T>(_: &T) -> Vec<Refusal> {
    Vec::new()
}

pub(crate) fn source(object: &DataSource) -> Vec<Refusal> {
    let mut refusals = data_source(&object.spec);
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let is_label = name.len() <= 63
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !is_label {
        let message = "must be at most 63 small letters, digits and '-', with a letter or digit at both ends";
        refusals.push(Refusal::new("metadata.name", message));
    }
    refusals
}

/// What no schema can say about a DataSource: time zones exist, tables have one name each, paths stay below location.
pub fn data_source(spec: &DataSourceSpec) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let zone = |field: String, name: &str| {
        let known = jiff::tz::TimeZone::get(name).is_ok();
        (!known).then(|| Refusal::new(field, format!("{name} is no IANA time zone")).with_hint("as Europe/Oslo"))
    };
    for (index, market) in spec.markets.iter().enumerate() {
        refusals.extend(zone(format!("spec.markets[{index}].timeZone"), &market.time_zone));
        refusals.extend(market.path.as_deref().and_then(|path| leaves(format!("spec.markets[{index}].path"), path)));
    }
    for (index, file) in spec.files.iter().enumerate() {
        refusals.extend(leaves(format!("spec.files[{index}].path"), &file.path));
        for (column, spec) in file.columns.iter().enumerate() {
            let field = format!("spec.files[{index}].columns[{column}].timeZone");
            refusals.extend(spec.time_zone.as_deref().and_then(|name| zone(field, name)));
        }
    }
    let pathless = spec.markets.iter().filter(|market| market.path.is_none()).count();
    if pathless != 0 && pathless != spec.markets.len() {
        refusals.push(Refusal::new("spec.markets", "either every market has a path or none"));
    }
    let files: BTreeSet<_> = spec.files.iter().map(|file| file.name.as_str()).collect();
    for (index, view) in spec.views.iter().enumerate().filter(|(_, view)| files.contains(view.name.as_str())) {
        let message = format!("a file is named {} too", view.name);
        refusals.push(Refusal::new(format!("spec.views[{index}].name"), message).with_hint("give each table its own name"));
    }
    refusals
}

fn leaves(field: String, path: &str) -> Option<Refusal> {
    let leaves = path.split('/').any(|segment| matches!(segment, "." | ".."));
    leaves.then(|| Refusal::new(field, "must stay below location: no . or .. as a folder"))
}

/// Fields of a run that this build does not execute there, by name: a run is never half obeyed.
pub fn unsupported(spec: &impl RunSpec, place: Where) -> Vec<Refusal> {
    let common = spec.common();
    let mut refusals = Vec::new();
    let mut refuse = |field: String, hint: &str| {
        refusals.push(Refusal::new(field, "is not executed by this version").with_hint(hint));
    };
    for (field, source) in spec.model_sources() {
        if matches!(source, ModelSource::ReleaseRef(_)) {
            refuse(format!("spec.{field}.releaseRef"), "name the model by runRef or artifact");
        }
    }
    if common.resources.gpu.is_some() {
        refuse("spec.resources.gpu".to_owned(), "leave it out: workers compute on CPUs");
    }
    if place == Where::Cluster {
        let given = [("spec.nodes", common.nodes.is_some()), ("spec.budget", common.budget.is_some())];
        for (field, _) in given.into_iter().filter(|(_, given)| *given) {
            refuse(field.to_owned(), "leave it out");
        }
        if common.artifacts.is_local() {
            let refusal = Refusal::new("spec.artifacts", "is a folder of one machine");
            refusals.push(refusal.with_hint("a cluster's workers share a bucket: gs://bucket/folder/"));
        }
    }
    refusals
}

/// Fields of a run that have a meaning on a cluster only, in the order of the docs: `reprise run` says
/// "ignored without a cluster: nodes, budget, queueName".
pub fn ignored_without_a_cluster(spec: &impl RunSpec) -> Vec<&'static str> {
    let common = spec.common();
    let is_given = [
        ("nodes", common.nodes.is_some()),
        ("budget", common.budget.is_some()),
        ("queueName", common.queue_name.is_some()),
        ("priorityClassName", common.priority_class_name.is_some()),
        ("serviceAccountName", common.service_account_name.is_some()),
        ("pendingDeadlineSeconds", !crate::defaults::pending_deadline_seconds::is(&common.pending_deadline_seconds)),
        ("ttlSecondsAfterFinished", !crate::defaults::ttl_seconds_after_finished::is(&common.ttl_seconds_after_finished)),
        ("suspend", common.suspend),
    ];
    is_given.into_iter().filter(|(_, given)| *given).map(|(field, _)| field).collect()
}
