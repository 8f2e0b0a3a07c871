//! The rules of the definitions: what an API server accepts, freezes and refuses, and what this build does not execute.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use kube::ResourceExt as _;
use reprise_crds::check::{Where, ignored_without_a_cluster, unsupported, update};
use reprise_crds::document::{Object, parse};
use reprise_crds::refusal::Refusal;
use reprise_crds::run::{ModelSource, ObjectRef};
use reprise_crds::scoring::ScoringRun;
use reprise_crds::source::DataSource;
use reprise_crds::status::RunStatus;
use reprise_crds::training::{IntentSpec, ModelSpec, TrainingRun};

const LARGEST: &str = include_str!("../samples/accepted/largest-training.yaml");
const SMALLEST: &str = include_str!("../samples/accepted/smallest-training.yaml");
const SCORING: &str = include_str!("../examples/scoringrun.yaml");
const SOURCE: &str = include_str!("../examples/datasource.yaml");

fn object(text: &str) -> Object {
    parse(text, "file.yaml").unwrap().pop().unwrap()
}

fn training(text: &str) -> TrainingRun {
    match object(text) {
        Object::TrainingRun(run) => *run,
        other => panic!("{other:?}"),
    }
}

fn scoring() -> ScoringRun {
    match object(SCORING) {
        Object::ScoringRun(run) => *run,
        other => panic!("{other:?}"),
    }
}

fn source() -> DataSource {
    match object(SOURCE) {
        Object::DataSource(source) => *source,
        other => panic!("{other:?}"),
    }
}

fn digested(mut run: TrainingRun) -> TrainingRun {
    run.status = Some(RunStatus { request_digest: Some(reprise_crds::value::Digest::of(b"a request")), ..RunStatus::default() });
    run
}

#[test]
fn typed_objects_pass_the_rules() {
    training(LARGEST).validate_cel().unwrap();
    training(SMALLEST).validate_cel().unwrap();
    scoring().validate_cel().unwrap();
    source().validate_cel().unwrap();
}

#[test]
fn typed_objects_break_the_rules() {
    let mut run = training(SMALLEST);
    run.metadata.name = Some("a".repeat(41));
    assert!(run.validate_cel().is_err());
    let mut run = training(SMALLEST);
    run.spec.model = ModelSpec::Intent(IntentSpec { horizon_weeks: 4, key_period_weeks: 5 });
    assert!(run.validate_cel().is_err());
    // The other side of the rule is a default.
    run.spec.model = ModelSpec::Intent(IntentSpec { horizon_weeks: 4, ..IntentSpec::default() });
    run.validate_cel().unwrap();
    let mut run = scoring();
    run.spec.models.intent = None;
    assert!(run.validate_cel().is_err());
    let mut object = source();
    object.spec.files[0].csv = None;
    assert!(object.validate_cel().is_err());
}

#[test]
fn executed_fields_are_frozen_once_the_request_has_a_digest() {
    type Change = fn(&mut TrainingRun);
    let changes: [(&str, Change); 6] = [
        ("geography", |run| run.spec.common.geography = "SE".parse().unwrap()),
        ("workers", |run| run.spec.workers = 3),
        ("a default spelled away", |run| run.spec.workers = 1),
        ("startFrom", |run| run.spec.start_from = None),
        ("queueName", |run| run.spec.common.queue_name = Some("other".to_owned())),
        ("asOf", |run| run.spec.common.data.as_of = None),
    ];
    for (name, change) in changes {
        let before = digested(training(LARGEST));
        let mut after = before.clone();
        change(&mut after);
        assert!(after.validate_cel_update(&before).is_err(), "{name} must be frozen");
        assert_eq!(update(&after, &before).len(), 1, "{name}");
        // A rejected spec can be corrected: it has no digest yet.
        let before = training(LARGEST);
        let mut after = before.clone();
        change(&mut after);
        after.validate_cel_update(&before).unwrap();
    }
}

#[test]
fn operational_fields_stay_mutable() {
    let before = digested(training(LARGEST));
    let mut after = before.clone();
    after.spec.common.suspend = true;
    after.spec.common.budget = None;
    after.spec.common.deadline_seconds = 60;
    after.spec.common.ttl_seconds_after_finished = 0;
    after.validate_cel_update(&before).unwrap();
    assert_eq!(update(&after, &before), []);
}

#[test]
fn a_scoring_run_is_frozen_too() {
    let mut before = scoring();
    before.status = digested(training(SMALLEST)).status;
    let mut after = before.clone();
    after.spec.audience.exclude.push("friend".to_owned());
    assert!(after.validate_cel_update(&before).is_err());
    assert_eq!(after.name_any(), "second-purchase-no");
}

fn fields(refusals: &[Refusal]) -> Vec<&str> {
    refusals.iter().map(|refusal| refusal.field.as_str()).collect()
}

#[test]
fn what_is_not_executed_is_refused_by_name() {
    let run = training(LARGEST);
    assert_eq!(
        fields(&unsupported(&run.spec, Where::Cluster)),
        ["spec.startFrom.releaseRef", "spec.resources.gpu", "spec.nodes", "spec.budget"]
    );
    assert_eq!(fields(&unsupported(&run.spec, Where::Machine)), ["spec.startFrom.releaseRef", "spec.resources.gpu"]);
    assert_eq!(
        unsupported(&run.spec, Where::Machine)[0].to_string(),
        "spec.startFrom.releaseRef: is not executed by this version (name the model by runRef or artifact)"
    );
    let mut run = scoring();
    assert_eq!(unsupported(&run.spec, Where::Cluster), []);
    run.spec.models.recommender = Some(ModelSource::ReleaseRef(reprise_crds::run::ReleaseRef { geography: None, name: "live".to_owned() }));
    assert_eq!(fields(&unsupported(&run.spec, Where::Machine)), ["spec.models.recommender.releaseRef"]);
}

#[test]
fn a_folder_of_one_machine_is_refused_on_a_cluster() {
    let mut run = training(SMALLEST);
    run.spec.common.artifacts = "file:///srv/models/".parse().unwrap();
    assert_eq!(unsupported(&run.spec, Where::Machine), []);
    assert_eq!(fields(&unsupported(&run.spec, Where::Cluster)), ["spec.artifacts"]);
}

#[test]
fn what_a_machine_ignores_is_named_in_order() {
    assert_eq!(
        ignored_without_a_cluster(&training(LARGEST).spec).join(", "),
        "nodes, budget, queueName, priorityClassName, serviceAccountName"
    );
    assert_eq!(ignored_without_a_cluster(&training(SMALLEST).spec), [""; 0]);
}

#[test]
fn runs_that_must_finish_first_are_named() {
    use reprise_crds::run::RunSpec as _;
    assert_eq!(scoring().spec.awaited_runs(), ["intent-no", "recommender-no"]);
    let mut run = training(SMALLEST);
    run.spec.start_from = Some(ModelSource::RunRef(ObjectRef { name: "earlier".to_owned() }));
    assert_eq!(run.spec.awaited_runs(), ["earlier"]);
    assert_eq!(training(LARGEST).spec.awaited_runs(), [""; 0]);
}
