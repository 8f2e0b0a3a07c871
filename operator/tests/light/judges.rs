//! What those who wait for objects make of ours: kstatus by its own library, Flux by its evaluator of our expressions,
//! Argo CD by its sandbox with our script. The objects are those that the API server gave.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::light::{Light, program, root, whole};
use crate::phases::objects;

/// What shows: kstatus, Flux, Argo CD.
const VERDICTS: [(&str, &str, &str, &str); 12] = [
    ("fresh", "InProgress", "InProgress", "Progressing"),
    ("pending", "InProgress", "InProgress", "Progressing"),
    ("rejected", "Failed", "Failed", "Degraded"),
    ("queued", "Current", "Current", "Progressing"),
    ("provisioning", "Current", "Current", "Progressing"),
    ("running", "Current", "Current", "Progressing"),
    ("suspending", "Current", "Current", "Progressing"),
    ("suspended", "Current", "Current", "Suspended"),
    ("succeeded", "Current", "Current", "Healthy"),
    ("failed", "Failed", "Failed", "Degraded"),
    ("stale", "InProgress", "InProgress", "Progressing"),
    ("deleting", "Terminating", "InProgress", "Progressing"),
];

/// The control plane and a judge; `None` after a skip.
fn judge(test: &str, name: &str) -> Option<(&'static Light, PathBuf)> {
    match program("tests/ecosystem/build.sh", &[name]) {
        Ok(program) => Some((whole(test)?, program)),
        Err(reason) => {
            reprise_doubles::skip(test, &reason);
            None
        }
    }
}

fn run(program: &Path, arguments: &[&str], input: &str) -> (bool, String) {
    let mut command = Command::new(program);
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// What a judge says of objects, by what they show.
fn verdicts(program: &Path, arguments: &[&str], objects: &[(&str, Value)]) -> BTreeMap<String, Value> {
    let input: Vec<String> = objects.iter().map(|(_, object)| object.to_string()).collect();
    let (well, said) = run(program, arguments, &input.join("\n---\n"));
    assert!(well, "{said}");
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects.iter().map(|(what, _)| (*what).to_owned()).zip(lines).collect()
}

async fn compare(light: &'static Light, program: &Path, arguments: &[&str], expected: fn(&(&str, &str, &str, &str)) -> String) {
    let taken: Vec<(&str, Value)> = objects(light).await.iter().map(|(what, object)| (*what, object.clone())).collect();
    let found: BTreeMap<String, String> = verdicts(program, arguments, &taken)
        .into_iter()
        .map(|(what, verdict)| (what, verdict["status"].as_str().unwrap().to_owned()))
        .collect();
    let expected: BTreeMap<String, String> = VERDICTS.iter().map(|row| (row.0.to_owned(), expected(row))).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn kstatus_reads_every_phase_rightly() {
    let Some((light, judge)) = judge("kstatus_reads_every_phase_rightly", "judge") else { return };
    compare(light, &judge, &["kstatus"], |row| row.1.to_owned()).await;
}

#[tokio::test]
async fn flux_reads_every_phase_rightly() {
    let Some((light, judge)) = judge("flux_reads_every_phase_rightly", "judge") else { return };
    let expressions = root().join("manifests/flux/health.yaml");
    compare(light, &judge, &["flux", &expressions.to_string_lossy()], |row| row.2.to_owned()).await;
}

fn scripts() -> [PathBuf; 2] {
    ["TrainingRun", "ScoringRun"].map(|kind| root().join("manifests/argo/reprise.dev").join(kind))
}

#[tokio::test]
async fn argo_reads_every_phase_rightly() {
    let Some((light, argo)) = judge("argo_reads_every_phase_rightly", "argo") else { return };
    let script = scripts()[0].join("health.lua");
    compare(light, &argo, &[&script.to_string_lossy()], |row| row.3.to_owned()).await;
    let Some(folder) = std::env::var_os("REPRISE_WRITE_TESTDATA") else { return };
    for (what, object) in objects(light).await {
        let mut object = object.clone();
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        object["metadata"].as_object_mut().unwrap().remove("annotations");
        std::fs::write(Path::new(&folder).join(format!("{what}.yaml")), serde_yaml::to_string(&object).unwrap()).unwrap();
    }
}

#[test]
fn argos_own_test_format_holds() {
    let Ok(argo) =
        program("tests/ecosystem/build.sh", &["argo"]).map_err(|reason| reprise_doubles::skip("argos_own_test_format_holds", &reason))
    else {
        return;
    };
    let [training, scoring] = scripts();
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    assert_eq!(read(training.join("health.lua")), read(scoring.join("health.lua")), "one script for all kinds of run");
    let tests: Value = serde_yaml::from_str(&read(training.join("health_test.yaml"))).unwrap();
    let tests = tests["tests"].as_array().unwrap();
    assert_eq!(tests.len(), VERDICTS.len());
    for test in tests {
        let object: Value = serde_yaml::from_str(&read(training.join(test["inputPath"].as_str().unwrap()))).unwrap();
        let script = training.join("health.lua");
        let found = verdicts(&argo, &[&script.to_string_lossy()], &[("object", object)]).remove("object").unwrap();
        let expected = &test["healthStatus"];
        assert_eq!((&found["status"], &found["message"]), (&expected["status"], &expected["message"]), "{}", test["inputPath"]);
    }
}

/// The rules as Prometheus reads them: what stands in the object's spec.
fn rules(light: &Path) -> PathBuf {
    let text = std::fs::read_to_string(root().join("manifests/components/monitoring/alerts.yaml")).unwrap();
    let object: Value = serde_yaml::from_str(&text).unwrap();
    std::fs::create_dir_all(light).unwrap();
    std::fs::write(light.join("rules.yaml"), object["spec"].to_string()).unwrap();
    std::fs::copy(root().join("tests/ecosystem/prom/alerts_test.yaml"), light.join("alerts_test.yaml")).unwrap();
    light.to_owned()
}

#[test]
fn prometheus_reads_the_alert_rules_and_they_fire_when_they_should() {
    let test = "prometheus_reads_the_alert_rules_and_they_fire_when_they_should";
    let Ok(promtool) = program("tests/ecosystem/build.sh", &["promtool"]).map_err(|reason| reprise_doubles::skip(test, &reason)) else {
        return;
    };
    let folder = rules(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("rules"));
    for (arguments, file) in
        [(&["check", "rules", "--lint=all", "--lint-fatal"][..], "rules.yaml"), (&["test", "rules"], "alerts_test.yaml")]
    {
        let path = folder.join(file);
        let (well, said) = run(&promtool, &[arguments, &[&path.to_string_lossy()]].concat(), "");
        assert!(well, "{said}");
        println!("{said}");
    }
}
