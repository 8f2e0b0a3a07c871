//! What is applied to a cluster fits the program that it starts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use reprise_operator::configuration::Configuration;
use reprise_operator::names;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests")
}

pub(crate) fn documents(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.split("\n---\n").map(|document| serde_yaml::from_str(document).unwrap()).collect()
}

/// Every document of one kind below a folder.
fn of_kind(folder: &str, kind: &str) -> Vec<Value> {
    let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|path| documents(&path)).filter(|document| document["kind"] == kind).collect()
}

#[test]
fn every_kustomization_names_what_is_there_and_all_of_it() {
    for folder in ["base", "team", "components/monitoring", "components/two-replicas"] {
        let folder = root().join(folder);
        let kustomization = documents(&folder.join("kustomization.yaml")).remove(0);
        let named: BTreeSet<PathBuf> =
            kustomization["resources"].as_array().into_iter().flatten().map(|path| folder.join(path.as_str().unwrap())).collect();
        for path in &named {
            assert!(path.is_file() || path.join("kustomization.yaml").is_file(), "{} is not there", path.display());
        }
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        for file in files.filter(|file| !file.ends_with("kustomization.yaml")) {
            assert!(named.contains(&file), "{} is in no kustomization", file.display());
        }
    }
    let crds = root().join("../crds");
    let kustomization = documents(&crds.join("kustomization.yaml")).remove(0);
    let named = kustomization["resources"].as_array().unwrap().len();
    assert_eq!(named, std::fs::read_dir(crds.join("generated")).unwrap().count(), "a definition is not installed");
}

#[test]
fn the_operators_pod_is_restricted_and_tells_it_what_it_asks_for() {
    let deployment = of_kind("base", "Deployment").remove(0);
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(
        (&pod["securityContext"]["runAsNonRoot"], &pod["securityContext"]["seccompProfile"]["type"]),
        (&true.into(), &"RuntimeDefault".into())
    );
    let container = &pod["containers"][0];
    let context = &container["securityContext"];
    assert_eq!((&context["readOnlyRootFilesystem"], &context["allowPrivilegeEscalation"]), (&true.into(), &false.into()));
    assert_eq!(context["capabilities"]["drop"][0], "ALL");
    assert!(pod["hostNetwork"].is_null() && pod["volumes"].is_null());
    let command = Configuration::command();
    let known: BTreeSet<&str> = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    let given: Vec<&str> = container["env"].as_array().unwrap().iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert!(given.iter().all(|name| known.contains(name)), "{given:?} are not all of {known:?}");
    let required =
        command.get_arguments().filter(|argument| argument.is_required_set()).filter_map(|argument| argument.get_env()?.to_str());
    for name in required {
        assert!(given.contains(&name), "{name} has no default and is not given");
    }
    let port = container["ports"][0]["containerPort"].as_u64().unwrap();
    let listen = command.get_arguments().find(|argument| argument.get_id() == "listen").unwrap().get_default_values()[0]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(listen.ends_with(&format!(":{port}")), "it listens on {listen}, the pod says {port}");
}

#[test]
fn only_what_is_used_goes_through_the_network() {
    let ports = |policy: &Value, way: &str| -> BTreeSet<u64> {
        let rules = policy["spec"][way].as_array().into_iter().flatten();
        rules.flat_map(|rule| rule["ports"].as_array().unwrap().clone()).map(|port| port["port"].as_u64().unwrap()).collect()
    };
    let progress = u64::from(names::PROGRESS_PORT);
    let operator = of_kind("base", "NetworkPolicy").remove(0);
    assert_eq!(ports(&operator, "ingress"), [8080].into());
    assert_eq!(ports(&operator, "egress"), [53, 80, 443, 988, 6443, progress].into());
    let worker = of_kind("team", "NetworkPolicy").remove(0);
    assert_eq!(ports(&worker, "ingress"), [progress].into());
    assert_eq!(ports(&worker, "egress"), [53, 80, 443, 988].into());
    for policy in [operator, worker] {
        assert_eq!(policy["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]), "what is not named is denied");
    }
}

#[test]
fn a_teams_namespace_has_what_the_operator_looks_for() {
    let space = of_kind("team", "Namespace").remove(0);
    let roots = space["metadata"]["annotations"][names::ARTIFACT_ROOTS].as_str().unwrap();
    assert!(names::is_allowed("gs://acme-models/crm/", roots));
    assert_eq!(space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");
    let account = of_kind("team", "ServiceAccount").remove(0);
    assert_eq!(account["metadata"]["labels"][names::WORKER], "true");
    let command = Configuration::command();
    let default = command.get_arguments().find(|argument| argument.get_id() == "worker_account").unwrap().get_default_values()[0]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(account["metadata"]["name"], default.as_str());
}

#[test]
fn nobody_but_the_operator_may_write_status() {
    for role in of_kind("base", "ClusterRole").iter().filter(|role| role["metadata"]["name"] != names::OPERATOR) {
        for rule in role["rules"].as_array().unwrap() {
            let resources = rule["resources"].as_array().unwrap();
            assert!(resources.iter().all(|resource| !resource.as_str().unwrap().contains('/')), "{role}");
        }
    }
}
