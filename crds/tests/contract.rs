//! The contract with workers, frozen: a change of one of these files is a change of what older workers and records say.
//!
//! `REPRISE_FREEZE=1 cargo test -p reprise-crds --test contract` writes them anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use reprise_crds::contract::{
    Claim, ContractLine, ExitCode, InputObject, Outcome, PinnedModels, Progress, Record, ReferencedRun, ReportedError, ReportedManifest,
    RunPlan, RunReport, Stage, StartLine, Starter, TERMINATION_MESSAGE_BYTES, environment, paths, resolve,
};
use reprise_crds::document::{Object, parse};
use reprise_crds::run::ArtifactRef;
use reprise_crds::source::DataSourceSpec;
use reprise_crds::value::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Compares with the committed file, and checks that it reads back as the same value.
fn frozen<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frozen").join(name).with_extension("json");
    let found = serde_json::to_string_pretty(value).unwrap() + "\n";
    if std::env::var_os("REPRISE_FREEZE").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, committed, "{name}");
    assert_eq!(&serde_json::from_str::<T>(&committed).unwrap(), value);
}

fn digest(digit: char) -> Digest {
    String::from(digit).repeat(64).parse().unwrap()
}

fn artifact(name: &str, digit: char) -> ArtifactRef {
    ArtifactRef { uri: format!("gs://acme-models/crm/NO/{name}/").parse().unwrap(), digest: digest(digit) }
}

fn object(text: &str) -> Object {
    parse(text, "file.yaml").unwrap().pop().unwrap()
}

fn source() -> DataSourceSpec {
    match object(include_str!("../examples/datasource.yaml")) {
        Object::DataSource(source) => source.spec,
        other => panic!("{other:?}"),
    }
}

fn runs() -> BTreeMap<String, ReferencedRun> {
    let run = |name: &str, digit| {
        let artifact = Some(artifact(name, digit));
        (name.to_owned(), ReferencedRun { request_digest: digest('a'), artifact })
    };
    BTreeMap::from([run("intent-no", '1'), run("recommender-no", '2'), run("recommender-emea", '3')])
}

fn starter() -> Starter {
    Starter { cluster_uid: "host-1".to_owned(), run_uid: "process-42".to_owned() }
}

fn plan(text: &str) -> RunPlan {
    match object(text) {
        Object::TrainingRun(run) => resolve(&run.spec, &source(), &runs(), starter()).unwrap(),
        Object::ScoringRun(run) => resolve(&run.spec, &source(), &runs(), starter()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn plans_are_frozen() {
    frozen("plan-intent", &plan(include_str!("../examples/trainingrun-intent.yaml")));
    frozen("plan-recommender", &plan(include_str!("../examples/trainingrun-recommender.yaml")));
    frozen("plan-scoring", &plan(include_str!("../examples/scoringrun.yaml")));
    frozen("plan-release", &plan(include_str!("../samples/accepted/largest-training.yaml")));
}

#[test]
fn an_unfinished_run_cannot_be_planned_with() {
    let Object::TrainingRun(run) = object(include_str!("../examples/trainingrun-recommender.yaml")) else { panic!("a TrainingRun") };
    let unfinished = BTreeMap::from([("recommender-emea".to_owned(), ReferencedRun { request_digest: digest('a'), artifact: None })]);
    let refusal = resolve(&run.spec, &source(), &unfinished, starter()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "spec.startFrom.runRef.name: TrainingRun recommender-emea has published nothing yet (wait until it has succeeded)"
    );
    let refusal = resolve(&run.spec, &source(), &BTreeMap::new(), starter()).unwrap_err();
    assert_eq!(refusal.message, "there is no TrainingRun recommender-emea");
}

#[test]
fn a_plan_of_another_shape_is_refused() {
    let mut plan = serde_json::to_value(plan(include_str!("../examples/scoringrun.yaml"))).unwrap();
    plan["surprise"] = serde_json::json!(1);
    assert!(serde_json::from_value::<RunPlan>(plan).unwrap_err().to_string().contains("unknown field `surprise`"));
}

#[test]
fn a_plan_that_fits_no_environment_variable_is_refused() {
    let Object::TrainingRun(run) = object(include_str!("../examples/trainingrun-intent.yaml")) else { panic!("a TrainingRun") };
    let mut long = source();
    let view = |index| reprise_crds::source::ViewSpec { name: format!("view_{index}"), sql: "x".repeat(4096) };
    long.views = (0..16).map(view).collect();
    let refusal = resolve(&run.spec, &long, &runs(), starter()).unwrap_err();
    assert_eq!(refusal.hint.as_deref(), Some("shorten the DataSource's SQL"));
    long.views.pop();
    let plan = resolve(&run.spec, &long, &runs(), starter()).unwrap();
    assert!(serde_json::to_string(&plan).unwrap().len() <= reprise_crds::contract::PLAN_BYTES);
}

#[test]
fn records_and_claims_are_frozen() {
    let input = |name: &str, generation| InputObject { name: name.to_owned(), generation, length: 120, crc32c: 4_294_967_295 };
    let record = Record {
        request_digest: digest('a'),
        inputs: vec![input("no/customers.csv", 1), input("no/sales-2010.csv.zst", 1_700_000_000_000_001)],
        models: PinnedModels { start_from: None, intent: Some(artifact("intent", '1')), recommender: Some(artifact("recommender", '2')) },
        recipe: 1,
        data_recipe: 1,
        kernel_class: "scalar".to_owned(),
        image: "0.1.0".to_owned(),
        data_digest: digest('b'),
        identity: digest('c'),
    };
    frozen("record", &record);
    frozen("record-without-models", &Record { models: PinnedModels::default(), ..record });
    frozen("claim", &Claim { cluster_uid: "host-1".to_owned(), run_uid: "process-42".to_owned() });
    assert_eq!(paths::record(&digest('a')), format!("requests/{}/record.json", "a".repeat(64)));
    assert_eq!(paths::claim(&digest('a')), format!("requests/{}/claim.json", "a".repeat(64)));
    assert_eq!(paths::data(&digest('b')), format!("data/{}/", "b".repeat(64)));
    assert_eq!(paths::result("intent", &digest('c')), format!("intent/{}/", "c".repeat(64)));
}

fn failed(error: ReportedError) -> RunReport {
    RunReport {
        request_digest: Some(digest('a')),
        identity: None,
        outcome: Outcome::Failed,
        manifest: None,
        step: Some(128),
        error: Some(error),
    }
}

#[test]
fn reports_are_frozen() {
    frozen(
        "report-published",
        &RunReport {
            request_digest: Some(digest('a')),
            identity: Some(digest('c')),
            outcome: Outcome::Published,
            manifest: Some(ReportedManifest { uri: artifact("intent", '1').uri, digest: digest('1') }),
            step: Some(640),
            error: None,
        },
    );
    frozen(
        "report-failed",
        &failed(ReportedError {
            code: "TooManyQuarantined".to_owned(),
            message: "12 of 400 rows cannot be read".to_owned(),
            field: Some("source.quarantine.maxShare".to_owned()),
            file: Some("no/sales-2010.csv.zst".to_owned()),
            row: Some(17),
            column: Some("amount".to_owned()),
            hint: Some("correct the file, or raise maxShare".to_owned()),
        }),
    );
}

#[test]
fn lines_and_progress_are_frozen() {
    frozen("line-contract", &ContractLine::of("0.1.0"));
    frozen("line-start", &StartLine { progress_address: "127.0.0.1:43121".to_owned() });
    frozen("progress-listing", &Progress::at(Stage::Listing));
    frozen(
        "progress-training",
        &Progress {
            waiting_for: vec!["rank-1".to_owned()],
            percent: Some(42.5),
            eta_seconds: Some(90),
            round: Some(3),
            rounds: Some(10),
            epoch: Some(1),
            epochs: Some(30),
            loss: Some(2.25),
            validation: Some(2.5),
            checkpoint_step: Some(192),
            ..Progress::at(Stage::Training)
        },
    );
}

#[test]
fn exit_codes_are_the_documented_ones() {
    let codes: Vec<_> = ExitCode::ALL.iter().map(|exit| exit.code()).collect();
    assert_eq!(codes, [0, 64, 65, 70, 75, 78, 143]);
    for exit in ExitCode::ALL {
        assert_eq!(ExitCode::from_code(i32::from(exit.code())), Some(exit));
    }
    assert_eq!(ExitCode::from_code(1), None);
    assert_eq!(ExitCode::from_code(-9), None);
}

#[test]
fn each_environment_variable_is_declared_once() {
    let names: std::collections::BTreeSet<_> = environment::ALL.iter().map(|variable| variable.name).collect();
    assert_eq!(names.len(), environment::ALL.len());
    assert!(environment::ALL.iter().all(|variable| !variable.meaning.is_empty() && !variable.default.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_report_fits_whatever_it_says(
        message in ".{0,9000}", hint in proptest::option::of(".{0,5000}"), file in proptest::option::of("[\\x00-\\x1f\"\\\\]{0,5000}"),
    ) {
        let report = failed(ReportedError { code: "Bug".to_owned(), message: message.clone(), hint, file, ..ReportedError::default() });
        let text = report.to_termination_message();
        prop_assert!(text.len() <= TERMINATION_MESSAGE_BYTES);
        let read: RunReport = serde_json::from_str(&text).unwrap();
        let read_message = read.error.unwrap().message;
        match read_message.strip_suffix('…') {
            Some(start) if read_message != message => prop_assert!(message.starts_with(start)),
            _ => prop_assert_eq!(read_message, message),
        }
    }
}
