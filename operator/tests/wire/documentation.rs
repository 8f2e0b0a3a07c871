//! docs/operations.md tells every phase, reason, metric and alert, and no other.

use std::collections::BTreeSet;
use std::path::Path;

use reprise_crds::reason::Reason;
use reprise_operator::metrics::NAMES;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The first cells of the table below a heading, without its head.
fn rows(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()).collect()
}

fn firsts(rows: &[Vec<String>]) -> BTreeSet<String> {
    rows.iter().map(|row| row[0].clone()).collect()
}

#[test]
fn every_reason_is_told_in_its_own_words() {
    let told = rows(&read("docs/operations.md"), "Reasons");
    let expected: Vec<(String, String)> =
        Reason::ALL.iter().map(|reason| (reason.as_str().to_owned(), reason.meaning().to_owned())).collect();
    let found: Vec<(String, String)> = told.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_phase_is_told() {
    let phases = ["Pending", "Rejected", "Queued", "Provisioning", "Running", "Suspending", "Suspended", "Succeeded", "Failed"];
    let schema = reprise_crds::definitions::schema("TrainingRun").unwrap();
    let known: BTreeSet<String> = schema["properties"]["status"]["properties"]["phase"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|phase| phase.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(known, phases.map(str::to_owned).into());
    assert_eq!(firsts(&rows(&read("docs/operations.md"), "Phases")), known);
}

#[test]
fn every_metric_and_every_alert_is_told() {
    let text = read("docs/operations.md");
    assert_eq!(firsts(&rows(&text, "Metrics")), NAMES.map(str::to_owned).into());
    let rules: serde_json::Value = serde_yaml::from_str(&read("manifests/components/monitoring/alerts.yaml")).unwrap();
    let rules = rules["spec"]["groups"][0]["rules"].as_array().unwrap();
    let alerts: BTreeSet<String> = rules.iter().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect();
    assert_eq!(firsts(&rows(&text, "Alerts")), alerts);
    for rule in rules {
        let expression = rule["expr"].as_str().unwrap();
        assert!(NAMES.iter().any(|name| expression.contains(name)), "{expression} asks for no metric of ours");
    }
}
