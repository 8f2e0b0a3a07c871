//! What is refused before anything starts, and in which order the rest would start.

use super::*;

const SOURCE: &str = "
apiVersion: reprise.dev/v1alpha1
kind: DataSource
metadata: {name: crm}
spec:
  location: gs://demo/crm/
  markets: [{name: SE, timeZone: Europe/Stockholm, currency: SEK}]
  files: [{name: sales, path: sales.csv, csv: {}}]
  views: [{name: transactions, sql: SELECT * FROM sales}]
";

fn training(name: &str, more: &str) -> String {
    format!(
        "
apiVersion: reprise.dev/v1alpha1
kind: TrainingRun
metadata: {{name: {name}}}
spec:
  geography: SE
  model: {{intent: {{}}}}
  data: {{sourceRef: {{name: crm}}}}
  artifacts: gs://demo/artifacts/
{more}"
    )
}

fn parsed(documents: &[&str]) -> Result<Documents, Error> {
    let texts: Vec<_> = documents.iter().enumerate().map(|(at, text)| (format!("{at}.yaml"), (*text).to_owned())).collect();
    parse(&texts)
}

/// The names of the runs in order, or the refusals.
fn check(documents: &[&str], expected: Result<&str, &str>) {
    let found = parsed(documents).map(|documents| documents.runs.iter().map(|run| run.name.clone()).collect::<Vec<_>>().join(" "));
    let found = found.map_err(|error| error.to_string());
    assert_eq!(found.as_deref().map_err(String::as_str), expected);
}

#[test]
fn runs_are_ordered_whatever_file_they_stand_in() {
    let second = training("second", "  startFrom: {runRef: {name: first}}");
    check(&[&second, &training("first", ""), SOURCE], Ok("first second"));
    check(&[&format!("{SOURCE}\n---{second}\n---{}", training("first", ""))], Ok("first second"));
    check(&[SOURCE], Ok(""));
}

#[test]
fn every_fault_is_named_with_file_field_and_hint() {
    check(
        &[SOURCE, &training("a", "  startFrom: {runRef: {name: b}}")],
        Err("1.yaml: TrainingRun a: spec.startFrom.runRef.name: there is no TrainingRun b (give its file too, with a further -f)"),
    );
    check(
        &[&training("a", "")],
        Err("0.yaml: TrainingRun a: spec.data.sourceRef.name: there is no DataSource crm (give its file too, with a further -f)"),
    );
    check(
        &[SOURCE, &training("a", "  startFrom: {runRef: {name: b}}"), &training("b", "  startFrom: {runRef: {name: a}}")],
        Err("1.yaml: TrainingRun a: spec.startFrom.runRef.name: runs wait for each other: a -> b -> a"),
    );
    check(
        &[SOURCE, &training("a", ""), &training("a", "")],
        Err("2.yaml: TrainingRun a: metadata.name: 1.yaml has one of this name too (give each its own name)"),
    );
    let elsewhere = training("a", "").replace("name: crm}", "name: crm}, markets: [FI]");
    check(&[SOURCE, &elsewhere], Err("1.yaml: TrainingRun a: spec.data.markets: the DataSource has no market FI (it has SE)"));
}

#[test]
fn faults_of_all_files_are_told_at_once() {
    let unknown = training("a", "  colour: blue");
    let released = training("b", "  startFrom: {releaseRef: {name: live}}");
    let Err(Error::Refused(refused)) = parsed(&[SOURCE, &unknown, &released]) else { panic!("accepted") };
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].starts_with("1.yaml:10:3: ") && refused[0].contains("spec.colour"), "{refused:?}");
    assert!(refused[1].starts_with("2.yaml: TrainingRun b: spec.startFrom.releaseRef: "), "{refused:?}");
}

#[test]
fn what_a_cluster_alone_can_do_is_noted() {
    let run = training("a", "  budget: {max: \"12\"}\n  queueName: team");
    let documents = parsed(&[SOURCE, &run, "apiVersion: v1\nkind: Namespace\nmetadata: {name: crm}"]).unwrap();
    assert_eq!(
        documents.notes,
        [
            "2.yaml: Namespace crm is none of Reprise's kinds and is passed over",
            "1.yaml: TrainingRun a: ignored without a cluster: budget, queueName"
        ]
    );
}

#[test]
fn folders_are_read_whole_and_files_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("source.yaml"), SOURCE).unwrap();
    std::fs::write(folder.path().join("below/run.yml"), training("a", "")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no: [yaml").unwrap();
    let whole = folder.path().to_path_buf();
    let documents = read(&[whole.clone(), whole.join("source.yaml")]).unwrap();
    assert_eq!(documents.runs.len(), 1);
    assert!(documents.runs[0].file.ends_with("below/run.yml"));
    let missing = read(&[whole.join("none.yaml")]).unwrap_err();
    assert!(missing.to_string().starts_with("failed to read ") && missing.to_string().contains("none.yaml"), "{missing}");
}

#[test]
fn the_examples_are_accepted_and_start_in_order() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/demo");
    let documents = read(&[examples]).unwrap();
    let names: Vec<&str> = documents.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "intent-be",
            "recommender-be",
            "second-purchase-be",
            "intent-fr",
            "recommender-fr",
            "second-purchase-fr",
            "intent-no",
            "recommender-no",
            "second-purchase-no"
        ]
    );
    assert_eq!(documents.notes, Vec::<String>::new());
}
